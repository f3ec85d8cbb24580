//! A direction of a stream that nobody listens to any more: bytes are only counted.

use overheard_ledger::Account;

use crate::books::Books;

/// Holes remembered in a counted direction; the oldest beyond them counts as missing for good.
const MAX_HOLES: usize = 8;

/// Counts the bytes of a direction by stream offset, so that what arrives late fills its hole and what
/// arrives twice is a duplicate.
#[derive(Debug)]
pub(crate) struct Counting {
    account: Account,
    /// Offset after the last byte seen.
    next: u64,
    holes: Vec<(u64, u64)>,
}

impl Counting {
    /// Counts to `account` from the stream offset `next` on.
    pub(crate) fn new(account: Account, next: u64) -> Counting {
        Counting {
            account,
            next,
            holes: Vec::new(),
        }
    }

    /// The account that bytes are counted to.
    pub(crate) fn account(&self) -> Account {
        self.account
    }

    /// Offset after the last byte seen.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Counts a segment of `length` bytes at `offset`, of which `captured` were captured.
    pub(crate) fn segment(&mut self, offset: u64, length: u64, captured: u64, books: &mut Books) {
        let end = offset.saturating_add(length);
        let mut fresh = end.saturating_sub(offset.max(self.next));
        if offset < self.next && !self.holes.is_empty() {
            fresh += self.fill(offset, end);
        }
        if offset > self.next {
            if self.holes.len() == MAX_HOLES {
                let (from, to) = self.holes.remove(0);
                books.hole(to - from);
            }
            self.holes.push((self.next, offset));
        }
        self.next = self.next.max(end);
        let counted = fresh.min(captured);
        books.accounts.add(self.account, counted);
        // What was cut off by the snap length is missing even where the segment is a second copy in part.
        let cut = fresh - counted;
        books.accounts.add(Account::Missing, cut);
        books.accounts.add(Account::Duplicate, length - fresh);
    }

    /// Fills holes with the bytes from `offset` to `end`; how many bytes they needed.
    fn fill(&mut self, offset: u64, end: u64) -> u64 {
        let mut filled = 0;
        let mut left = Vec::with_capacity(self.holes.len() + 1);
        for &(from, to) in &self.holes {
            let (low, high) = (from.max(offset), to.min(end));
            if low >= high {
                left.push((from, to));
                continue;
            }
            filled += high - low;
            if from < low {
                left.push((from, low));
            }
            if high < to {
                left.push((high, to));
            }
        }
        self.holes = left;
        filled
    }

    /// Books the holes that were never filled.
    pub(crate) fn finish(&mut self, books: &mut Books) {
        for (from, to) in self.holes.drain(..) {
            books.hole(to - from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(segments: &[(u64, u64)]) -> overheard_ledger::Accounts {
        let mut books = Books::default();
        let mut counting = Counting::new(Account::Sealed, 0);
        for &(offset, length) in segments {
            counting.segment(offset, length, length, &mut books);
        }
        counting.finish(&mut books);
        books.accounts
    }

    #[test]
    fn late_bytes_fill_their_hole() {
        let accounts = counted(&[(0, 10), (20, 10), (10, 10)]);
        assert_eq!(
            (accounts.sealed, accounts.missing, accounts.duplicate),
            (30, 0, 0)
        );
    }

    #[test]
    fn second_copies_are_duplicates() {
        let accounts = counted(&[(0, 10), (5, 10), (0, 15)]);
        assert_eq!(
            (accounts.sealed, accounts.missing, accounts.duplicate),
            (15, 0, 20)
        );
    }

    #[test]
    fn what_never_came_is_missing() {
        let accounts = counted(&[(0, 10), (20, 10), (22, 2), (12, 2)]);
        assert_eq!(
            (accounts.sealed, accounts.missing, accounts.duplicate),
            (22, 8, 2)
        );
    }
}
