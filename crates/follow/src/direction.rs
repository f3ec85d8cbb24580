//! One direction of a TCP stream, put in order (RFC 9293).

use std::collections::BTreeMap;
use std::hash::Hasher;

use overheard_ledger::Account;
use overheard_tap::limits::MAX_REORDERED_PACKETS;

use crate::books::{Books, PLAUSIBLE_HOLE};
use crate::counting::Counting;
use crate::hearing::Moment;

/// Segments that arrived in order and are remembered, to compare second copies with.
const REMEMBERED: usize = 8;

/// A segment as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    /// Sequence number of its first payload byte.
    pub(crate) sequence: u32,
    /// Payload in the capture.
    pub(crate) bytes: &'a [u8],
    /// Payload on the wire.
    pub(crate) length: u64,
    pub(crate) moment: Moment,
}

/// The part of a segment that is new and next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// Bytes after them that the snap length cut off.
    pub(crate) missing: u64,
}

/// A segment that waits for an earlier one.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Box<[u8]>,
    pub(crate) missing: u64,
    pub(crate) moment: Moment,
}

impl Held {
    fn length(&self) -> u64 {
        self.bytes.len() as u64 + self.missing
    }
}

/// A segment that was delivered: enough to tell whether a second copy says the same.
#[derive(Clone, Copy, Debug, Default)]
struct Copy {
    offset: u64,
    length: u64,
    /// Bytes of it that were captured: copies cut differently cannot be compared.
    captured: usize,
    digest: u64,
}

/// One direction: what was delivered so far, and what waits.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    /// Sequence number of stream offset `next`; meaningless before `based`.
    sequence: u32,
    based: bool,
    /// Offset of the next byte to deliver.
    next: u64,
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    /// Offset of the end of the stream, where a FIN said it.
    end: Option<u64>,
    /// Offset up to which the receiver acknowledged.
    acknowledged: u64,
    /// First and last acknowledgement while nothing of this direction was seen.
    unseen: Option<(u32, u32)>,
    /// Packets since the receiver acknowledged a byte that is not there.
    patience: u32,
    counting: Option<Counting>,
    copies: [Copy; REMEMBERED],
    copy: usize,
}

impl Direction {
    /// The sequence number of the SYN.
    pub(crate) fn begin(&mut self, initial: u32) {
        if !self.based {
            self.based = true;
            self.sequence = initial.wrapping_add(1);
        }
    }

    /// The stream offset of a sequence number, taken to lie within 2 GiB of the next byte; `None` before
    /// the beginning.
    fn offset(&self, sequence: u32) -> Option<u64> {
        let distance = sequence.wrapping_sub(self.sequence).cast_signed();
        self.next.checked_add_signed(i64::from(distance))
    }

    /// Takes a segment; gives the part of it that is next. What is not next waits or is a second copy.
    pub(crate) fn segment<'a>(
        &mut self,
        segment: &Segment<'a>,
        books: &mut Books,
    ) -> Option<Piece<'a>> {
        let Segment {
            sequence,
            bytes,
            length,
            moment,
        } = *segment;
        books.arrived += length;
        if length == 0 {
            return None;
        }
        if !self.based {
            self.based = true;
            self.sequence = sequence;
        }
        let Some(offset) = self.offset(sequence) else {
            // Before the first byte that was seen: said before the tap listened, or a keep-alive.
            return self.before_beginning(segment, books);
        };
        if let Some(counting) = &mut self.counting {
            counting.segment(offset, length, bytes.len() as u64, books);
            let next = counting.next();
            self.advance(next - self.next);
            return None;
        }
        if offset > self.next {
            self.hold(
                offset,
                Held {
                    bytes: bytes.into(),
                    missing: length - bytes.len() as u64,
                    moment,
                },
                books,
            );
            return None;
        }
        let old = (self.next - offset).min(length);
        if old > 0 {
            self.compare(offset, length, bytes, books);
            books.accounts.add(Account::Duplicate, old);
            if old == length {
                return None;
            }
        } else {
            self.remember(offset, length, bytes);
        }
        let fresh = usize::try_from(old)
            .ok()
            .and_then(|old| bytes.get(old..))
            .unwrap_or_default();
        let piece = Piece {
            bytes: fresh,
            missing: length - old - fresh.len() as u64,
        };
        self.advance(length - old);
        Some(piece)
    }

    fn before_beginning<'a>(
        &mut self,
        segment: &Segment<'a>,
        books: &mut Books,
    ) -> Option<Piece<'a>> {
        let end = segment
            .sequence
            .wrapping_add(u32::try_from(segment.length).unwrap_or(u32::MAX));
        let Some(fresh) = self
            .offset(end)
            .map(|end| end.saturating_sub(self.next).min(segment.length))
        else {
            books.accounts.add(Account::Duplicate, segment.length);
            return None;
        };
        let old = segment.length - fresh;
        books.accounts.add(Account::Duplicate, old);
        if fresh == 0 {
            return None;
        }
        let bytes = usize::try_from(old)
            .ok()
            .and_then(|old| segment.bytes.get(old..))
            .unwrap_or_default();
        let missing = fresh - bytes.len() as u64;
        if self.counting.is_some() {
            let next = self.next;
            if let Some(counting) = &mut self.counting {
                counting.segment(next, fresh, bytes.len() as u64, books);
            }
            self.advance(fresh);
            return None;
        }
        self.advance(fresh);
        Some(Piece { bytes, missing })
    }

    fn advance(&mut self, bytes: u64) {
        self.next += bytes;
        // Sequence numbers count modulo 2^32 (RFC 9293 section 3.4).
        self.sequence = self.sequence.wrapping_add((bytes & 0xffff_ffff) as u32);
        self.patience = 0;
    }

    /// Keeps a segment until those before it are there. Of bytes held twice the first copy stays.
    fn hold(&mut self, offset: u64, held: Held, books: &mut Books) {
        let end = offset + held.length();
        let before = self
            .held
            .range(..=offset)
            .next_back()
            .map(|(at, other)| (*at, at + other.length()));
        if let Some((at, other_end)) = before
            && other_end > offset
        {
            if let Some(other) = self.held.get(&at) {
                books.conflicting += differing(at, &other.bytes, offset, &held.bytes);
            }
            if other_end >= end {
                books.accounts.add(Account::Duplicate, held.length());
                return;
            }
            let (front, back) = cut(held, other_end - offset);
            books.accounts.add(Account::Duplicate, front);
            return self.hold(other_end, back, books);
        }
        let after = self
            .held
            .range(offset..)
            .next()
            .map(|(at, other)| (*at, at + other.length()));
        if let Some((at, other_end)) = after
            && at < end
        {
            if let Some(other) = self.held.get(&at) {
                books.conflicting += differing(at, &other.bytes, offset, &held.bytes);
            }
            let (front, rest) = split(held, at - offset);
            let overlap = (other_end.min(end)) - at;
            books.accounts.add(Account::Duplicate, overlap);
            self.insert(offset, front);
            if end > other_end {
                let (_, back) = cut(rest, overlap);
                // One more held segment is passed at every turn: this ends.
                self.hold(other_end, back, books);
            }
            return;
        }
        self.insert(offset, held);
    }

    fn insert(&mut self, offset: u64, held: Held) {
        if held.length() > 0 {
            self.held_bytes += held.bytes.len() + size_of::<Held>();
            self.held.insert(offset, held);
        }
    }

    /// The held segment that has become the next one, as far as it is new.
    pub(crate) fn next_held(&mut self, books: &mut Books) -> Option<Held> {
        loop {
            let entry = self.held.first_entry()?;
            let offset = *entry.key();
            if offset > self.next {
                return None;
            }
            let held = entry.remove();
            self.held_bytes = self
                .held_bytes
                .saturating_sub(held.bytes.len() + size_of::<Held>());
            let length = held.length();
            let old = (self.next - offset).min(length);
            books.accounts.add(Account::Duplicate, old);
            if old == length {
                continue;
            }
            let (_, fresh) = cut(held, old);
            self.remember(self.next, fresh.length(), &fresh.bytes);
            self.advance(length - old);
            return Some(fresh);
        }
    }

    /// Bytes between what was delivered and what is held; 0 where nothing is held.
    pub(crate) fn hole(&self) -> u64 {
        self.held
            .keys()
            .next()
            .map_or(0, |first| first.saturating_sub(self.next))
    }

    /// Gives up waiting for `bytes`.
    pub(crate) fn skip(&mut self, bytes: u64) {
        self.advance(bytes);
    }

    /// Whether segments wait.
    pub(crate) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether more than `most` bytes wait.
    pub(crate) fn is_overfull(&self, most: usize) -> bool {
        self.held_bytes > most
    }

    /// Memory of what waits, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Whether everything up to the FIN was delivered.
    pub(crate) fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    /// The receiver acknowledged everything before this sequence number.
    pub(crate) fn acknowledge(&mut self, number: u32) {
        if !self.based {
            let first = self.unseen.map_or(number, |(first, _)| first);
            self.unseen = Some((first, number));
            return;
        }
        if let Some(offset) = self.offset(number)
            && offset <= self.next + PLAUSIBLE_HOLE
        {
            self.acknowledged = self.acknowledged.max(offset);
        }
        if !self.held.is_empty() {
            self.patience = self.patience.saturating_add(1);
        }
    }

    /// Whether the receiver has what the tap still waits for, and has had it for long: the capture
    /// missed it.
    pub(crate) fn has_lost(&self) -> bool {
        self.patience > MAX_REORDERED_PACKETS
            && self
                .held
                .keys()
                .next()
                .is_some_and(|first| self.acknowledged >= *first)
    }

    /// Bytes that the receiver acknowledged and the capture does not have, at the end of the
    /// conversation. A FIN takes a number too, and is no byte.
    pub(crate) fn lost_at_end(&self) -> u64 {
        if !self.based {
            let lost = self
                .unseen
                .map_or(0, |(first, last)| u64::from(last.wrapping_sub(first)));
            return if lost <= PLAUSIBLE_HOLE {
                lost.saturating_sub(1)
            } else {
                0
            };
        }
        let known = self.counting.as_ref().map_or(self.next, Counting::next);
        let end = self.end.unwrap_or(self.acknowledged.saturating_sub(1));
        end.min(self.acknowledged).saturating_sub(known)
    }

    /// The stream ends at this sequence number.
    pub(crate) fn close(&mut self, sequence: u32) {
        if !self.based {
            self.based = true;
            self.sequence = sequence;
        }
        if let Some(offset) = self.offset(sequence) {
            self.end = Some(self.end.map_or(offset, |end| end.max(offset)));
        }
    }

    /// The account that this direction is counted to, where nobody hears it.
    pub(crate) fn counting(&self) -> Option<Account> {
        self.counting.as_ref().map(Counting::account)
    }

    /// From the next byte on, only counts: what waits is counted too.
    pub(crate) fn count(&mut self, account: Account, books: &mut Books) {
        let mut counting = Counting::new(account, self.next);
        for (offset, held) in std::mem::take(&mut self.held) {
            counting.segment(offset, held.length(), held.bytes.len() as u64, books);
        }
        self.held_bytes = 0;
        self.advance(counting.next() - self.next);
        self.counting = Some(counting);
    }

    /// Books the holes of a counted direction.
    pub(crate) fn finish(&mut self, books: &mut Books) {
        if let Some(counting) = &mut self.counting {
            counting.finish(books);
        }
    }

    fn remember(&mut self, offset: u64, length: u64, bytes: &[u8]) {
        if let Some(copy) = self.copies.get_mut(self.copy) {
            *copy = Copy {
                offset,
                length,
                captured: bytes.len(),
                digest: digest(bytes),
            };
            self.copy = (self.copy + 1) % REMEMBERED;
        }
    }

    /// Compares a second copy with the first, where that is remembered.
    fn compare(&self, offset: u64, length: u64, bytes: &[u8], books: &mut Books) {
        let same = |copy: &&Copy| {
            copy.offset == offset && copy.length == length && copy.captured == bytes.len()
        };
        if let Some(copy) = self.copies.iter().find(same)
            && copy.digest != digest(bytes)
        {
            books.conflicting += length;
        }
    }
}

fn digest(bytes: &[u8]) -> u64 {
    use std::hash::BuildHasher;
    let mut hasher = foldhash::fast::FixedState::with_seed(1).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// The number of bytes in which two captured runs differ where they overlap.
fn differing(at: u64, bytes: &[u8], other_at: u64, other: &[u8]) -> u64 {
    let start = at.max(other_at);
    let part = |from: u64, bytes: &'_ [u8]| -> Vec<u8> {
        usize::try_from(start - from)
            .ok()
            .and_then(|skip| bytes.get(skip..))
            .unwrap_or_default()
            .to_vec()
    };
    let (left, right) = (part(at, bytes), part(other_at, other));
    left.iter().zip(&right).filter(|(a, b)| a != b).count() as u64
}

/// A held segment in two: its first `front` bytes, and the rest.
fn split(held: Held, front: u64) -> (Held, Held) {
    let at = usize::try_from(front)
        .unwrap_or(usize::MAX)
        .min(held.bytes.len());
    let (first, second) = held.bytes.split_at(at);
    let missing_first = front - first.len() as u64;
    (
        Held {
            bytes: first.into(),
            missing: missing_first,
            moment: held.moment,
        },
        Held {
            bytes: second.into(),
            missing: held.missing - missing_first,
            moment: held.moment,
        },
    )
}

/// Drops the first `front` bytes of a held segment: their number, and the rest.
fn cut(held: Held, front: u64) -> (u64, Held) {
    if front == 0 {
        (0, held)
    } else {
        (front, split(held, front).1)
    }
}
