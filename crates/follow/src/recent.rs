//! What was heard a moment ago, kept to compare second copies with.

use std::collections::VecDeque;

use overheard_tap::limits::MAX_COMPARED;

use crate::books::Books;
use crate::conflict::Reading;
use crate::hearing::Moment;

/// Runs of bytes that are told apart by the frames that brought them.
const MAX_RUNS: usize = 32;

/// Bytes up to which segments that follow one another are one run: so that a stream in segments of one
/// byte is compared as far back as another.
const RUN_OF_SMALL: usize = 256;

/// Bytes that are kept of a direction that is only counted: those that decided what it was taken for.
const KEPT_WHEN_COUNTED: usize = 512;

/// Bytes that frames brought.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Stream offset of the first.
    offset: u64,
    length: usize,
    /// The first and the last of the frames.
    first: Moment,
    last: u64,
}

/// The latest bytes of one direction that were heard.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// The bytes of all runs, in the order of hearing.
    bytes: VecDeque<u8>,
    /// By offset: a stream is heard from front to back.
    runs: VecDeque<Run>,
}

impl Recent {
    /// Keeps bytes that were heard at a stream offset.
    pub(crate) fn remember(&mut self, offset: u64, bytes: &[u8], moment: Moment) {
        let skip = bytes.len().saturating_sub(MAX_COMPARED);
        let (offset, bytes) = (offset + skip as u64, bytes.get(skip..).unwrap_or_default());
        if bytes.is_empty() {
            return;
        }
        self.forget((self.bytes.len() + bytes.len()).saturating_sub(MAX_COMPARED));
        if let Some(run) = self.runs.back_mut()
            && run.offset + run.length as u64 == offset
            && run.length + bytes.len() <= RUN_OF_SMALL
        {
            run.length += bytes.len();
            run.last = moment.frame;
        } else {
            if self.runs.len() >= MAX_RUNS {
                let oldest = self.runs.front().map_or(0, |run| run.length);
                self.forget(oldest);
            }
            if self.runs.capacity() == 0 {
                // Most directions never have another.
                self.runs.reserve_exact(1);
            }
            self.runs.push_back(Run {
                offset,
                length: bytes.len(),
                first: moment,
                last: moment.frame,
            });
        }
        self.bytes.extend(bytes);
    }

    /// Forgets the oldest bytes.
    fn forget(&mut self, mut bytes: usize) {
        self.bytes.drain(..bytes.min(self.bytes.len()));
        while bytes > 0
            && let Some(run) = self.runs.front_mut()
        {
            if run.length > bytes {
                run.offset += bytes as u64;
                run.length -= bytes;
                return;
            }
            bytes -= run.length;
            self.runs.pop_front();
        }
    }

    /// Memory that it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.capacity() + self.runs.capacity() * size_of::<Run>()
    }

    /// The direction will only be counted: keeps little.
    pub(crate) fn shrink(&mut self) {
        self.forget(self.bytes.len().saturating_sub(KEPT_WHEN_COUNTED));
        self.bytes.shrink_to_fit();
        self.runs.shrink_to_fit();
    }

    /// Compares a copy of bytes with those that were heard, as far as they are kept.
    pub(crate) fn compare(&mut self, offset: u64, bytes: &[u8], moment: Moment, books: &mut Books) {
        let reaches = |run: &Run| run.offset + run.length as u64 > offset;
        if bytes.is_empty() || !self.runs.back().is_some_and(reaches) {
            return;
        }
        let copy = Reading::new(offset, bytes, moment);
        let mut rest: &[u8] = self.bytes.make_contiguous();
        for run in &self.runs {
            let Some((of_run, after)) = rest.split_at_checked(run.length) else {
                return;
            };
            rest = after;
            if reaches(run) {
                let heard = Reading {
                    last: run.last,
                    ..Reading::new(run.offset, of_run, run.first)
                };
                books.conflicts.compare(&heard, &copy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overheard_ledger::Time;

    fn at(frame: u64) -> Moment {
        Moment {
            frame,
            time: Time(frame),
        }
    }

    fn conflicting(recent: &mut Recent, offset: u64, bytes: &[u8]) -> u64 {
        let mut books = Books::default();
        recent.compare(offset, bytes, at(1_000_000), &mut books);
        books.conflicts.bytes
    }

    #[test]
    fn any_part_of_what_was_heard_is_compared() {
        let mut recent = Recent::default();
        recent.remember(0, b"abcdef", at(1));
        recent.remember(6, &[b'x'; 400], at(2));
        recent.remember(406, b"ghi", at(3));
        assert_eq!(conflicting(&mut recent, 2, b"cd"), 0);
        assert_eq!(conflicting(&mut recent, 2, b"cD"), 1);
        assert_eq!(conflicting(&mut recent, 5, b"fxx"), 0);
        assert_eq!(conflicting(&mut recent, 404, b"xxGHijkl"), 2);
        assert_eq!(conflicting(&mut recent, 409, b"new"), 0);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_latest_whatever_the_size_of_segments() {
        for size in [1usize, 7, 200, 1460, 20_000] {
            let mut recent = Recent::default();
            let mut offset = 0u64;
            for frame in 0..(60_000 / size as u64) {
                recent.remember(offset, &vec![b'a'; size], at(frame));
                offset += size as u64;
                assert!(recent.bytes.len() <= MAX_COMPARED && recent.runs.len() <= MAX_RUNS);
                let of_runs: usize = recent.runs.iter().map(|run| run.length).sum();
                assert_eq!(of_runs, recent.bytes.len());
            }
            assert_eq!(conflicting(&mut recent, offset - 3000, b"b"), 1, "{size}");
            assert_eq!(conflicting(&mut recent, 0, b"b"), 0, "{size}");
            recent.shrink();
            assert_eq!(conflicting(&mut recent, offset - 1, b"b"), 1, "{size}");
            assert!(recent.bytes.capacity() <= 2 * KEPT_WHEN_COUNTED);
        }
    }

    #[test]
    fn a_hole_between_what_was_heard_is_not_compared() {
        let mut recent = Recent::default();
        recent.remember(0, b"abc", at(1));
        recent.remember(10, b"klm", at(2));
        assert_eq!(conflicting(&mut recent, 0, b"abcdefghijklM"), 1);
    }
}
