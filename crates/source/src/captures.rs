//! The captures of one run, as one.

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use thiserror::Error;

use crate::capture::{BLOCK, Capture};
use crate::description::Secrets;
use crate::input::{self, Input, Position};
use crate::merge::Merge;
use crate::{Batch, Description};

/// What went wrong before anything could be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A file or folder that cannot be read.
    #[error("{name}: {problem}")]
    Unreadable {
        /// Name as given.
        name: String,
        /// What the system says.
        problem: io::Error,
    },
    /// A file that is no capture.
    #[error("{name}: not a capture: {problem}")]
    NotACapture {
        /// Name as given.
        name: String,
        /// What was found instead.
        problem: String,
    },
    /// Nothing to read.
    #[error("no captures in {name}")]
    Empty {
        /// Name as given.
        name: String,
    },
}

/// The captures of one run, as one capture in time order.
pub struct Captures {
    description: Description,
    sources: Sources,
    position: Position,
    interrupted: bool,
    /// What is read, to be looked through for secrets.
    inputs: Vec<Input>,
    /// Frames that were read before they were asked for.
    early: Option<(Batch, Result<bool, SourceError>)>,
}

enum Sources {
    /// One: its frames are lent.
    One(Box<Capture>),
    /// Several: their frames are put in order.
    Several(Merge),
}

impl fmt::Debug for Captures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captures")
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl Captures {
    /// Opens files, folders (every capture in them, by name) and standard input (`-`).
    ///
    /// A file that is given has to be a capture; what is none in a folder is skipped, with a notice.
    ///
    /// # Errors
    /// [`SourceError`] where one of them cannot be read or is no capture, or a folder holds none.
    pub fn open(inputs: &[PathBuf]) -> Result<Captures, SourceError> {
        Captures::open_until(inputs, Arc::default())
    }

    /// As [`Captures::open`]; once `stop` is set there are no more frames, and a notice says so. A pipe
    /// in which nothing comes is waited for no longer than a tenth of a second then.
    ///
    /// # Errors
    /// As [`Captures::open`].
    pub fn open_until(inputs: &[PathBuf], stop: Arc<AtomicBool>) -> Result<Captures, SourceError> {
        let position = Position::until(stop);
        if let [path] = inputs
            && !path.is_dir()
        {
            let input = Input::given(path)?;
            return Captures::one(&input, position, Description::default());
        }
        let mut description = Description::default();
        let mut merge = Merge::new(position.clone());
        let mut accepted = Vec::new();
        for path in inputs {
            if !path.is_dir() {
                let input = Input::given(path)?;
                merge.add(input.clone(), &mut description)?;
                accepted.push(input);
                continue;
            }
            let name = path.display().to_string();
            let found = input::in_folder(path);
            let (files, notices) = found.map_err(|problem| SourceError::Unreadable {
                name: name.clone(),
                problem,
            })?;
            notices
                .into_iter()
                .for_each(|notice| description.add_notice(notice));
            let before = accepted.len();
            for input in files {
                match merge.add(input.clone(), &mut description) {
                    Ok(()) => accepted.push(input),
                    Err(error) => description.add_notice(skipped(&input, &error)),
                }
            }
            if accepted.len() == before {
                return Err(SourceError::Empty { name });
            }
        }
        match accepted.as_slice() {
            [] => Err(SourceError::Empty {
                name: "nothing".into(),
            }),
            // What was learned of it so far is learned again.
            [input] => Captures::one(
                input,
                position,
                Description {
                    notices: description.notices,
                    ..Description::default()
                },
            ),
            inputs => {
                description.sources = inputs.iter().map(|input| input.name.clone()).collect();
                description.input_bytes = inputs
                    .iter()
                    .map(|input| input.size)
                    .sum::<Option<u64>>()
                    .unwrap_or(0);
                Ok(Captures {
                    description,
                    sources: Sources::Several(merge),
                    position,
                    interrupted: false,
                    inputs: accepted,
                    early: None,
                })
            }
        }
    }

    /// Reads one capture from anything that gives bytes; `name` is what it is called in the description.
    ///
    /// # Errors
    /// [`SourceError`] where it cannot be read or is no capture.
    pub fn from_reader(name: &str, reader: Box<dyn Read + Send>) -> Result<Captures, SourceError> {
        let position = Position::default();
        let capture = Capture::begin(name, position.count(reader), BLOCK)
            .map_err(|rejected| rejected.of(name))?;
        let description = Description {
            sources: vec![name.to_owned()],
            ..Description::default()
        };
        Ok(Captures {
            description,
            sources: Sources::One(Box::new(capture)),
            position,
            interrupted: false,
            inputs: Vec::new(),
            early: None,
        })
    }

    fn one(
        input: &Input,
        position: Position,
        mut description: Description,
    ) -> Result<Captures, SourceError> {
        let capture = input.begin(BLOCK, &position)?;
        description.sources.push(input.name.clone());
        description.input_bytes = input.size.unwrap_or(0);
        Ok(Captures {
            description,
            sources: Sources::One(Box::new(capture)),
            position,
            interrupted: false,
            inputs: vec![input.clone()],
            early: None,
        })
    }

    /// The key logs of TLS (RFC 9850) that stand in the captures, one behind the other: of files all, wherever
    /// they stand, and of a pipe those before its first frame. To be asked before the first frame is.
    ///
    /// A notice says it where some could not be used.
    pub fn secrets(&mut self) -> Vec<u8> {
        let mut found = Description::wanting_secrets();
        for input in self.inputs.iter().filter(|input| input.size.is_some()) {
            // What is wrong with a file is said when it is heard.
            if let Ok(mut capture) = input.begin(BLOCK, &Position::default())
                && capture.may_hold_secrets()
            {
                let mut batch = Batch::default();
                while !self.position.is_stopped()
                    && matches!(capture.fill(&mut batch, &mut found), Ok(true))
                {}
            }
        }
        let is_pipe = self.inputs.iter().all(|input| input.size.is_none());
        if is_pipe && matches!(self.sources, Sources::One(_)) {
            self.description.secrets = Secrets::before_frames();
            let mut batch = Batch::default();
            let filled = self.fill(&mut batch);
            self.early = Some((batch, filled));
            found.add_secrets(&std::mem::take(&mut self.description.secrets.logs), false);
        }
        if found.secrets.left_out {
            self.description.add_notice(
                "more keys stand in the captures than are kept: some were not used".into(),
            );
        }
        found.secrets.logs
    }

    /// What is known so far.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Bytes of input read so far (of compressed files, compressed bytes): for a progress bar.
    pub fn position(&self) -> u64 {
        self.position.get()
    }

    /// Fills the batch with the next frames; `false` once there are none left.
    ///
    /// # Errors
    /// [`SourceError`] where an input fails in the middle; what was read before stays good.
    pub fn fill(&mut self, batch: &mut Batch) -> Result<bool, SourceError> {
        if let Some((early, filled)) = self.early.take() {
            *batch = early;
            return filled;
        }
        let more = match &mut self.sources {
            _ if self.position.is_stopped() => {
                batch.frames.clear();
                false
            }
            Sources::One(capture) => capture.fill(batch, &mut self.description)?,
            Sources::Several(merge) => merge.fill(batch, &mut self.description)?,
        };
        if !more && self.position.is_stopped() {
            self.interrupted = true;
            self.description.add_notice(
                "interrupted before the end of the input: what follows was not heard".into(),
            );
        }
        Ok(more)
    }

    /// Whether reading was stopped before the last frame.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted
    }
}

fn skipped(input: &Input, error: &SourceError) -> String {
    let name = &input.name;
    match error {
        SourceError::Unreadable { problem, .. } => format!("{name}: skipped: {problem}"),
        SourceError::NotACapture { problem, .. } => {
            format!("{name}: skipped: not a capture: {problem}")
        }
        SourceError::Empty { .. } => format!("{name}: skipped"),
    }
}

#[cfg(test)]
mod tests;
