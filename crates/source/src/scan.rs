//! What the reader of a file and the readers of the formats say to each other.

use crate::{Description, Frame};

/// Where the frames that a format finds go.
pub(crate) struct Found<'a> {
    /// The frames of the block at hand.
    pub(crate) frames: &'a mut Vec<Frame>,
    /// Frames of this file so far; becomes the number of the next one when it is counted up.
    pub(crate) count: &'a mut u64,
    /// What is learned of the capture on the way.
    pub(crate) description: &'a mut Description,
}

/// How far a format got with the bytes at hand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Offset of the first byte that was not understood yet.
    pub(crate) at: usize,
    /// What has to happen there.
    pub(crate) next: Next,
}

/// What a format needs to go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// So many bytes from the place reached; fewer are at hand.
    Need(usize),
    /// To be given what comes after so many bytes, which hold nothing to read.
    Skip(u64),
    /// Nothing: what follows contradicts the format.
    Damaged(String),
}

/// A format: finds the frames in the bytes of a capture.
pub(crate) trait Format: Send {
    /// Reads on from `at` in `block`, as far as whole records go.
    fn scan(&mut self, block: &[u8], at: usize, found: &mut Found<'_>) -> Scan;

    /// What the file is made of, for messages: `frame` or `block`.
    fn unit(&self) -> &'static str;

    /// Whether secrets may stand among the frames.
    fn may_hold_secrets(&self) -> bool {
        false
    }
}
