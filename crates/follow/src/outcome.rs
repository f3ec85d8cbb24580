//! What following a capture needs, and what it gives.

use std::sync::Arc;

use overheard_ledger::{Accounts, Hint, Record, Reveal};
use overheard_tap::{Keys, Outcome, Recorder};

use crate::inside::Sum;

/// Memory that may be used where nobody says otherwise, in bytes.
pub const DEFAULT_MEMORY: usize = 512 << 20;

/// How to follow.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads that hear; at least 1. The reading thread is one of them where it is 1.
    pub threads: usize,
    /// Whether secrets may enter records.
    pub reveal: Reveal,
    /// Memory that may be used, in bytes, at least [`crate::MIN_MEMORY`].
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            threads: 1,
            reveal: Reveal::No,
            memory: DEFAULT_MEMORY,
        }
    }
}

/// What helps to follow, beyond the capture itself.
#[derive(Clone, Debug, Default)]
pub struct Aids {
    /// Keys of the conversations' owner: what they open is told apart in [`Heard::opened`].
    pub keys: Option<Arc<Keys>>,
    /// Keeps the packets of media.
    pub recorder: Option<Arc<dyn Recorder>>,
}

/// What was heard. The order of records and hints does not depend on the number of threads.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Everything that was written down: records of conversations, and what analyzers noted in them.
    pub records: Vec<Record>,
    /// What explains other conversations.
    pub hints: Vec<Hint>,
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Bytes in the capture.
    pub captured_bytes: u64,
    /// Times of the earliest and the latest frame, in nanoseconds since 1970.
    pub span: Option<(u64, u64)>,
    /// Frames of which the capture holds only a part.
    pub truncated_packets: u64,
    /// Frames in which no network layer was found.
    pub undecoded_packets: u64,
    /// Payload bytes of frames that belong to no conversation, by account.
    pub loose: Accounts,
    /// Payload bytes that arrived, counted before any account: with the bytes found missing from
    /// streams, all accounts add up to it (law 1).
    pub offered: u64,
    /// What could not be done, in plain sentences.
    pub notices: Vec<String>,
    /// What keys opened; empty where there were none.
    pub opened: Opened,
}

/// What is inside the sealed conversations that the owner's keys opened. No tap learns it.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// As [`Heard::records`]. Records of conversations say where the bytes inside ended.
    pub records: Vec<Record>,
    /// As [`Heard::hints`].
    pub hints: Vec<Hint>,
    /// What became of the conversations that were to be opened.
    pub counts: OpenedCounts,
}

/// What became of the conversations that were to be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenedCounts {
    /// Conversations of which something was opened.
    pub opened: u64,
    /// Conversations for which there were keys that did not fit.
    pub wrong_keys: u64,
    /// Conversations for which there were keys, whose cipher is not one that is opened.
    pub unsupported: u64,
    /// Sealed conversations for which there were no keys.
    pub without_keys: u64,
    /// Bytes inside.
    pub accounts: Accounts,
    /// Records and hints that a limit set aside.
    pub set_aside: u64,
}

impl OpenedCounts {
    pub(crate) fn count(&mut self, sum: &Sum) {
        match sum.outcome {
            Some(Outcome::Opened) => self.opened += 1,
            Some(Outcome::WrongKeys) => self.wrong_keys += 1,
            Some(Outcome::Unsupported) => self.unsupported += 1,
            Some(Outcome::NoKeys) => self.without_keys += 1,
            None => {}
        }
        self.accounts += sum.accounts;
        self.set_aside += sum.set_aside;
    }

    pub(crate) fn join(&mut self, other: &OpenedCounts) {
        self.opened += other.opened;
        self.wrong_keys += other.wrong_keys;
        self.unsupported += other.unsupported;
        self.without_keys += other.without_keys;
        self.accounts += other.accounts;
        self.set_aside += other.set_aside;
    }
}
