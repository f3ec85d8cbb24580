//! Frames in: captures from files or standard input, compressed or not, as one capture in time order.
//!
//! [`Captures::open`] looks at what it is given; [`Captures::fill`] fills a [`Batch`] with frames. Bytes
//! are read in large blocks into the batch and lent from there: no frame is copied on its own (but for
//! frames of several files that have to be put in order).

use overheard_wire::LinkType;

/// A frame of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Number in the whole capture; the first is 1.
    pub number: u64,
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub time: u64,
    /// What the frame begins with.
    pub link: LinkType,
    /// Offset of its first byte in [`Batch::bytes`].
    pub start: usize,
    /// Bytes in the capture.
    pub captured: u32,
    /// Bytes on the wire.
    pub on_wire: u32,
}

/// Frames and the bytes that they lie in. Reused: filling it again keeps its memory.
#[derive(Debug, Default)]
pub struct Batch {
    /// The bytes; there may be more of them than the frames lie in.
    pub bytes: Vec<u8>,
    /// The frames, in order.
    pub frames: Vec<Frame>,
}

impl Batch {
    /// The bytes of a frame of this batch.
    #[inline]
    pub fn bytes_of(&self, frame: &Frame) -> &[u8] {
        self.bytes
            .get(frame.start..)
            .and_then(|rest| rest.get(..frame.captured as usize))
            .unwrap_or_default()
    }
}

mod capture;
mod captures;
mod classic;
mod description;
mod inflate;
mod input;
mod merge;
mod order;
mod pcapng;
mod recognise;
mod scan;
#[cfg(test)]
mod tests;

pub use captures::{Captures, SourceError};
pub use description::Description;
