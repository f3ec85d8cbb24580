//! What was delivered of a side and waits to be heard.

use overheard_ledger::Time;

/// What an analyzer has not taken of a side.
#[derive(Default)]
pub(crate) struct Unread {
    pub(crate) bytes: Vec<u8>,
    /// Frames that brought the bytes.
    pub(crate) frames: Vec<(u64, Time)>,
    /// Bytes that have to be there before the analyzer is asked again.
    pub(crate) need: usize,
    /// Whether the analyzer took nothing without saying how much it needs: the other side's answer
    /// may settle it.
    pub(crate) waits: bool,
    /// Whether the analyzer has heard [`Chunk::End`].
    pub(crate) ended: bool,
}

impl Unread {
    /// Nothing more will come: gives back the memory that nothing lies in.
    pub(crate) fn forget(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
            self.frames = Vec::new();
        }
    }
}
