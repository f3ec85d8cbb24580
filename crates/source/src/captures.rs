//! The captures of one run, as one.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use crate::capture::{BLOCK, Bytes, Capture};
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
    capture: Capture,
    position: Arc<AtomicU64>,
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
    /// # Errors
    /// [`SourceError`] where one of them cannot be read or is no capture.
    pub fn open(inputs: &[PathBuf]) -> Result<Captures, SourceError> {
        let input = inputs.first().cloned().unwrap_or_default();
        let name = input.display().to_string();
        let opened = open_one(&input).map_err(|problem| SourceError::Unreadable {
            name: name.clone(),
            problem,
        })?;
        let short = input
            .file_name()
            .map_or_else(|| name.clone(), |name| name.to_string_lossy().into_owned());
        Captures::single(&name, &short, opened.0, opened.1)
    }

    /// Reads one capture from anything that gives bytes; `name` is what it is called in the description.
    ///
    /// # Errors
    /// [`SourceError`] where it cannot be read or is no capture.
    pub fn from_reader(name: &str, reader: Box<dyn Read + Send>) -> Result<Captures, SourceError> {
        Captures::single(name, name, reader, 0)
    }

    fn single(
        name: &str,
        short: &str,
        bytes: Bytes,
        input_bytes: u64,
    ) -> Result<Captures, SourceError> {
        let position = Arc::default();
        let counted = Box::new(Counted {
            bytes,
            position: Arc::clone(&position),
        });
        let capture =
            Capture::begin(short, counted, BLOCK).map_err(|rejected| rejected.of(name))?;
        let description = Description {
            sources: vec![short.to_owned()],
            input_bytes,
            ..Description::default()
        };
        Ok(Captures {
            description,
            capture,
            position,
        })
    }

    /// What is known so far.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Bytes of input read so far (of compressed files, compressed bytes): for a progress bar.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Fills the batch with the next frames; `false` once there are none left.
    ///
    /// # Errors
    /// [`SourceError`] where an input fails in the middle; what was read before stays good.
    pub fn fill(&mut self, batch: &mut Batch) -> Result<bool, SourceError> {
        self.capture.fill(batch, &mut self.description)
    }
}

/// Opens a file or standard input; with its size, 0 where that is not known.
fn open_one(path: &Path) -> io::Result<(Bytes, u64)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), 0));
    }
    let file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    let size = if metadata.is_file() {
        metadata.len()
    } else {
        0
    };
    Ok((Box::new(file), size))
}

/// Counts the bytes that are read.
struct Counted {
    bytes: Bytes,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(into)?;
        self.position.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
