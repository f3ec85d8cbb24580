//! The captures of one run, as one.

use std::io::Read;
use std::path::PathBuf;

use overheard_wire::LinkType;
use thiserror::Error;

use crate::{Batch, Frame};

/// What went wrong before anything could be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A file or folder that cannot be read.
    #[error("{name}: {problem}")]
    Unreadable {
        /// Name as given.
        name: String,
        /// What the system says.
        problem: std::io::Error,
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

/// What is known of the captures, complete once the last frame was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// File names without their folders, or `-`.
    pub sources: Vec<String>,
    /// Link types, each once, in order of appearance.
    pub link_types: Vec<LinkType>,
    /// Names of the interfaces, each once, where the capture says them.
    pub interfaces: Vec<String>,
    /// What could not be read, in plain sentences: a file cut short, a damaged block.
    pub notices: Vec<String>,
    /// Bytes of input in all (compressed size of compressed files); 0 where it is not known.
    pub input_bytes: u64,
}

/// The captures of one run, as one capture in time order.
#[derive(Debug)]
pub struct Captures {
    description: Description,
    bytes: Vec<u8>,
    at: usize,
    number: u64,
    nanoseconds: bool,
    link: LinkType,
}

impl Captures {
    /// Opens files, folders (every capture in them, by name) and standard input (`-`).
    ///
    /// # Errors
    /// [`SourceError`] where one of them cannot be read or is no capture.
    pub fn open(inputs: &[PathBuf]) -> Result<Captures, SourceError> {
        let mut bytes = Vec::new();
        let input = inputs.first().cloned().unwrap_or_default();
        let name = input.display().to_string();
        std::fs::File::open(&input)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|problem| SourceError::Unreadable {
                name: name.clone(),
                problem,
            })?;
        let magic = bytes.first_chunk::<4>().copied().map(u32::from_le_bytes);
        let nanoseconds = match magic {
            Some(0xa1b2_c3d4) => false,
            Some(0xa1b2_3c4d) => true,
            _ => {
                return Err(SourceError::NotACapture {
                    name,
                    problem: "no known magic number".into(),
                });
            }
        };
        let link = LinkType(bytes.get(20).copied().map_or(0, u16::from));
        let description = Description {
            sources: vec![name],
            link_types: vec![link],
            ..Description::default()
        };
        Ok(Captures {
            description,
            bytes,
            at: 24,
            number: 0,
            nanoseconds,
            link,
        })
    }

    /// What is known so far.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Bytes of input read so far (of compressed files, compressed bytes): for a progress bar.
    pub fn position(&self) -> u64 {
        self.at as u64
    }

    /// Fills the batch with the next frames; `false` once there are none left.
    ///
    /// # Errors
    /// [`SourceError`] where an input fails in the middle; what was read before stays good.
    pub fn fill(&mut self, batch: &mut Batch) -> Result<bool, SourceError> {
        batch.bytes.clear();
        batch.frames.clear();
        let word = |at: usize| {
            self.bytes
                .get(at..)
                .and_then(|rest| rest.first_chunk::<4>())
                .map(|bytes| u32::from_le_bytes(*bytes))
        };
        while batch.frames.len() < 10_000 {
            let (Some(seconds), Some(fraction), Some(captured), Some(on_wire)) = (
                word(self.at),
                word(self.at + 4),
                word(self.at + 8),
                word(self.at + 12),
            ) else {
                break;
            };
            let Some(bytes) = self
                .bytes
                .get(self.at + 16..)
                .and_then(|rest| rest.get(..captured as usize))
            else {
                break;
            };
            self.at += 16 + bytes.len();
            self.number += 1;
            batch.frames.push(Frame {
                number: self.number,
                time: u64::from(seconds) * 1_000_000_000
                    + u64::from(fraction) * if self.nanoseconds { 1 } else { 1000 },
                link: self.link,
                start: batch.bytes.len(),
                captured,
                on_wire,
            });
            batch.bytes.extend_from_slice(bytes);
        }
        Ok(!batch.frames.is_empty())
    }
}
