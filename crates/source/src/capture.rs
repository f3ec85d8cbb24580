//! One capture, from whatever it is read: blocks in, frames out.
//!
//! Bytes are read into the batch itself, and the format finds the frames in them where they lie. What is
//! left of a frame at the end of a block is kept here and moved to the front of the next one.

use std::io::{self, Cursor, Read};

use crate::captures::SourceError;
use crate::classic::{Classic, FILE_HEADER};
use crate::inflate::Packing;
use crate::pcapng::{FIRST_BLOCK, Pcapng};
use crate::recognise::{ENOUGH, Recognised, recognise};
use crate::scan::{Format, Found, Next};
use crate::{Batch, Description};

/// Bytes that are read at once: few enough to stay in the cache until the frames have been heard.
pub(crate) const BLOCK: usize = 512 * 1024;

/// The most bytes read to recognise what a file is.
const FIRST: usize = 4096;

/// Why a capture ends early where nothing else is known.
const CUT_OFF: &str = "cut off";

/// Where the bytes of a capture come from.
pub(crate) type Bytes = Box<dyn Read + Send>;

/// What can go wrong at the beginning of a capture.
pub(crate) enum Rejected {
    /// The system does not let us read.
    Unreadable(io::Error),
    /// It is something else.
    NotACapture(String),
}

impl Rejected {
    pub(crate) fn of(self, name: &str) -> SourceError {
        let name = name.to_owned();
        match self {
            Rejected::Unreadable(problem) => SourceError::Unreadable { name, problem },
            Rejected::NotACapture(problem) => SourceError::NotACapture { name, problem },
        }
    }
}

/// One capture that is being read.
pub(crate) struct Capture {
    name: String,
    bytes: Bytes,
    /// Whether the bytes are unpacked on the way here.
    packed: bool,
    format: Box<dyn Format>,
    /// Bytes read at once.
    block: usize,
    /// Bytes that were read and not understood yet.
    left: Vec<u8>,
    /// Where they stand in the capture (unpacked, where it is compressed).
    offset: u64,
    /// Bytes to pass over before the next ones mean anything.
    skip: u64,
    frames: u64,
    done: bool,
}

impl Capture {
    /// Looks at the first bytes and begins to read what they announce.
    pub(crate) fn begin(name: &str, mut bytes: Bytes, block: usize) -> Result<Capture, Rejected> {
        let mut first = Vec::new();
        read_up_to(&mut bytes, &mut first, ENOUGH).map_err(Rejected::Unreadable)?;
        let packing = match recognise(&first) {
            Recognised::Packed(packing) => Some(packing),
            _ => None,
        };
        if let Some(packing) = packing {
            bytes = packing.unpack(Box::new(Cursor::new(first).chain(bytes)));
            first = Vec::new();
        }
        let format = Capture::format(&mut bytes, &mut first, packing)?;
        Ok(Capture {
            name: name.to_owned(),
            bytes,
            packed: packing.is_some(),
            format,
            block,
            left: first,
            offset: 0,
            skip: 0,
            frames: 0,
            done: false,
        })
    }

    /// The format that the first bytes announce, which are read into `first`.
    fn format(
        bytes: &mut Bytes,
        first: &mut Vec<u8>,
        packing: Option<Packing>,
    ) -> Result<Box<dyn Format>, Rejected> {
        let rejected = |what: &str| match packing {
            Some(packing) => {
                Rejected::NotACapture(format!("{} data that holds {what}", packing.name()))
            }
            None => Rejected::NotACapture(what.to_owned()),
        };
        let mut more = |enough, first: &mut Vec<u8>| {
            read_up_to(bytes, first, enough).map_err(|error| match packing {
                Some(_) => Rejected::NotACapture(error.to_string()),
                None => Rejected::Unreadable(error),
            })
        };
        more(ENOUGH, first)?;
        match recognise(first) {
            Recognised::Classic(layout) => {
                more(FILE_HEADER, first)?;
                Ok(Box::new(
                    Classic::begin(layout, first).map_err(|what| rejected(&what))?,
                ))
            }
            Recognised::Pcapng => {
                more(FIRST_BLOCK, first)?;
                match recognise(first) {
                    Recognised::Pcapng if first.len() >= FIRST_BLOCK => Ok(Box::new(Pcapng::new())),
                    Recognised::Other(what) => Err(rejected(what)),
                    _ => Err(rejected("a pcapng file cut off in its first block")),
                }
            }
            Recognised::Packed(_) => Err(rejected("packed data again")),
            Recognised::Other(what) => Err(rejected(what)),
        }
    }

    /// Whether secrets may stand among its frames.
    pub(crate) fn may_hold_secrets(&self) -> bool {
        self.format.may_hold_secrets()
    }

    /// Fills the batch with the next frames, numbered as in this capture; `false` once there are none left.
    ///
    /// Hands out what one read gives where it gives a frame: a pipe with little in it is not waited for.
    pub(crate) fn fill(
        &mut self,
        batch: &mut Batch,
        description: &mut Description,
    ) -> Result<bool, SourceError> {
        let Batch {
            bytes: block,
            frames,
        } = batch;
        frames.clear();
        let mut filled = self.left.len();
        grow(block, self.block.max(filled));
        if let Some(front) = block.get_mut(..filled) {
            front.copy_from_slice(&self.left);
        }
        let mut at = 0;
        while frames.is_empty() && !self.done {
            let at_hand = block.get(..filled).unwrap_or_default();
            let mut found = Found {
                frames: &mut *frames,
                count: &mut self.frames,
                description: &mut *description,
            };
            let scan = self.format.scan(at_hand, at, &mut found);
            self.offset += (scan.at - at) as u64;
            at = scan.at;
            match scan.next {
                Next::Damaged(what) => {
                    self.done = true;
                    at = filled;
                    let (name, frame, offset) = (&self.name, self.frames + 1, self.offset);
                    let unit = self.format.unit();
                    description.add_notice(format!(
                        "{name}: damaged: the {unit} at byte {offset}, where frame {frame} was to come, {what}; it and what follows were not read"
                    ));
                }
                Next::Skip(count) => {
                    let here = count.min((filled - at) as u64);
                    at += usize::try_from(here).unwrap_or_default();
                    self.offset += here;
                    self.skip = count - here;
                }
                Next::Need(_) if !frames.is_empty() => {}
                Next::Need(count) => {
                    if at > 0 {
                        block.copy_within(at..filled, 0);
                        filled -= at;
                        at = 0;
                    }
                    grow(block, count.max(filled + 1));
                    match self.read(block, filled) {
                        Ok(0) => self.end(filled, CUT_OFF, description),
                        Ok(count) => filled += count,
                        // A damaged file ends where it cannot be unpacked any more; a disk that fails is another matter.
                        Err(problem) if self.packed => {
                            self.end(filled, &problem.to_string(), description)
                        }
                        Err(problem) => {
                            self.done = true;
                            return Err(SourceError::Unreadable {
                                name: self.name.clone(),
                                problem,
                            });
                        }
                    }
                }
            }
        }
        self.left.clear();
        self.left
            .extend_from_slice(block.get(at..filled).unwrap_or_default());
        Ok(!frames.is_empty())
    }

    /// Reads more bytes behind the first `filled` ones of the block; 0 where there are no more.
    fn read(&mut self, block: &mut [u8], filled: usize) -> io::Result<usize> {
        while self.skip > 0 {
            let scratch = block.get_mut(filled..).unwrap_or_default();
            let most = usize::try_from(self.skip)
                .unwrap_or(usize::MAX)
                .min(scratch.len());
            let count = read_some(&mut self.bytes, scratch.get_mut(..most).unwrap_or_default())?;
            if count == 0 {
                return Ok(0);
            }
            self.skip -= count as u64;
            self.offset += count as u64;
        }
        let end = block.len().min(filled.saturating_add(self.block));
        read_some(
            &mut self.bytes,
            block.get_mut(filled..end).unwrap_or_default(),
        )
    }

    /// Nothing more comes, `why` in case something should have, with `left` bytes of it read.
    fn end(&mut self, left: usize, why: &str, description: &mut Description) {
        self.done = true;
        let in_the_middle = left > 0 || self.skip > 0;
        if !in_the_middle && why == CUT_OFF {
            return;
        }
        let (name, frames, offset, unit) =
            (&self.name, self.frames, self.offset, self.format.unit());
        description.add_notice(if in_the_middle {
            format!("{name}: {why} in the middle of the {unit} at byte {offset}, where frame {} was to come; what is before it was read", frames + 1)
        } else {
            format!("{name}: {why} after frame {frames}, at byte {offset}; what is before it was read")
        });
    }
}

/// Makes sure that the block has so many bytes. It never shrinks, so that its memory is cleared only once.
fn grow(block: &mut Vec<u8>, bytes: usize) {
    if block.len() < bytes {
        block.resize(bytes, 0);
    }
}

/// Reads once, again only where a signal came between.
fn read_some(bytes: &mut Bytes, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match bytes.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads until at least `enough` bytes are there, or all that come.
fn read_up_to(bytes: &mut Bytes, into: &mut Vec<u8>, enough: usize) -> io::Result<()> {
    let mut block = [0; FIRST];
    while into.len() < enough {
        let count = read_some(bytes, &mut block)?;
        if count == 0 {
            break;
        }
        into.extend_from_slice(block.get(..count).unwrap_or_default());
    }
    Ok(())
}
