//! How the memory that may be used is divided (law 3).
//!
//! The parts do not depend on the number of threads: what is set aside must not either.

use overheard_tap::limits::{MAX_FRAGMENT_BYTES, MAX_OUT_OF_ORDER, MAX_UNTAKEN};

use crate::shard::SHARDS;

/// The least memory that following is given, in bytes: less would set aside what any capture holds.
pub const MIN_MEMORY: usize = 16 << 20;

/// What each part may hold, in bytes. The rest, at least three parts of 16,
/// is left to joining, judging and reporting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Conversations of one shard that are being followed: their state, and all bytes that wait.
    pub(crate) following: usize,
    /// What one shard has written down.
    pub(crate) written: usize,
    /// What one shard has written down of what was opened with keys.
    pub(crate) opened: usize,
    /// Fragments.
    pub(crate) fragments: usize,
    /// Bytes of one side of a stream that wait for an earlier segment.
    pub(crate) out_of_order: usize,
    /// Bytes of one side of a stream that an analyzer may leave untaken.
    pub(crate) untaken: usize,
}

impl Budget {
    /// Divides `memory` bytes.
    pub(crate) fn of(memory: usize) -> Budget {
        let memory = memory.max(MIN_MEMORY);
        let following = memory / 16 * 6 / SHARDS;
        Budget {
            following,
            written: memory / 16 * 5 / SHARDS,
            opened: memory / 16 / SHARDS,
            fragments: (memory / 16).min(MAX_FRAGMENT_BYTES),
            // One stream alone must not push out all others.
            out_of_order: (following / 8).min(MAX_OUT_OF_ORDER),
            untaken: (following / 8).min(MAX_UNTAKEN),
        }
    }
}
