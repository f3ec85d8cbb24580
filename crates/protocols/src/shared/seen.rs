//! What a conversation has said before.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;

/// Things that one conversation remembers having written down. Where they are more, all are forgotten
/// and the remembering begins again: a repetition costs a record, a full memory would cost more.
pub(crate) const MAX_REMEMBERED: usize = 16 * 1024;

/// Remembers what was seen, by a hash with a random seed (so that nobody can hide a name behind
/// another one). The first thing costs no allocation: most conversations say one thing.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    first: Option<u64>,
    more: HashSet<u64, RandomState>,
}

impl Seen {
    /// Memory that it takes, in bytes: hashes, and a byte for each in the table.
    pub(crate) fn held(&self) -> usize {
        self.more.capacity() * 9
    }

    /// Whether `what` was not seen before; from now on it was.
    pub(crate) fn is_new(&mut self, what: &(impl Hash + ?Sized)) -> bool {
        let hash = self.more.hasher().hash_one(what);
        match self.first {
            None => {
                self.first = Some(hash);
                true
            }
            Some(first) if first == hash => false,
            Some(_) => {
                if self.more.len() >= MAX_REMEMBERED {
                    self.more.clear();
                }
                self.more.insert(hash)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_new_once() {
        let mut seen = Seen::default();
        assert!(seen.is_new("ada"));
        assert!(seen.is_new("eve"));
        assert!(!seen.is_new("ada"));
        assert!(!seen.is_new("eve"));
    }

    #[test]
    fn the_memory_stays_bounded() {
        let mut seen = Seen::default();
        for number in 0..3 * MAX_REMEMBERED {
            seen.is_new(&number);
            assert!(seen.more.len() <= MAX_REMEMBERED);
        }
    }
}
