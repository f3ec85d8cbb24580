//! One direction of a TCP stream, put in order (RFC 9293).

use std::collections::BTreeMap;

use overheard_ledger::Account;
use overheard_tap::limits::MAX_REORDERED_PACKETS;

use crate::books::{Books, PLAUSIBLE_HOLE};
use crate::conflict::Reading;
use crate::counting::Counting;
use crate::hearing::Moment;
use crate::recent::Recent;

/// Held segments that a segment may pass which is not all in the capture: of one that is, every byte
/// pays for one.
const MAX_PASSED: usize = 64;

/// Bytes around the next one within which a sequence number is believed that ends a stream.
const NEAR: u64 = 1 << 20;

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
    pub(crate) fn length(&self) -> u64 {
        self.bytes.len() as u64 + self.missing
    }
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
    recent: Recent,
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
        if offset < self.next && !self.is_keep_alive(offset, bytes, length) {
            self.recent.compare(offset, bytes, moment, books);
        }
        if let Some(counting) = &mut self.counting {
            counting.segment(offset, length, bytes.len() as u64, books);
            let next = counting.next();
            self.advance(next - self.next);
            return None;
        }
        let old = self.next.saturating_sub(offset).min(length);
        books.accounts.add(Account::Duplicate, old);
        if old == length {
            return None;
        }
        let fresh = Segment {
            bytes: beyond(bytes, old),
            length: length - old,
            ..*segment
        };
        self.fresh(offset + old, &fresh, books)
    }

    /// Takes what no byte of was delivered. What was held first stays, as everywhere.
    fn fresh<'a>(
        &mut self,
        offset: u64,
        segment: &Segment<'a>,
        books: &mut Books,
    ) -> Option<Piece<'a>> {
        let end = offset + segment.length;
        let meets_held = self
            .held
            .first_key_value()
            .is_some_and(|(first, _)| *first < end);
        if offset > self.next || meets_held {
            self.hold(offset, segment, books);
            return None;
        }
        self.recent.remember(offset, segment.bytes, segment.moment);
        self.advance(segment.length);
        Some(Piece {
            bytes: segment.bytes,
            missing: segment.length - segment.bytes.len() as u64,
        })
    }

    /// Whether a segment only asks whether the other side is still there (RFC 9293 section 3.8.4): it
    /// repeats the last byte, which may be garbage then, and is zero.
    fn is_keep_alive(&self, offset: u64, bytes: &[u8], length: u64) -> bool {
        length == 1 && offset + 1 == self.next && bytes == [0]
    }

    fn before_beginning<'a>(
        &mut self,
        segment: &Segment<'a>,
        books: &mut Books,
    ) -> Option<Piece<'a>> {
        let before = u64::from(self.sequence.wrapping_sub(segment.sequence)) - self.next;
        if before > PLAUSIBLE_HOLE {
            // It repeats nothing: it belongs to another connection, or to none.
            books.accounts.add(Account::Unrecognised, segment.length);
            return None;
        }
        let old = before.min(segment.length);
        books.accounts.add(Account::Duplicate, old);
        if old == segment.length {
            return None;
        }
        books.arrived -= segment.length - old;
        let rest = Segment {
            sequence: segment.sequence.wrapping_add((old & 0xffff_ffff) as u32),
            bytes: beyond(segment.bytes, old),
            length: segment.length - old,
            moment: segment.moment,
        };
        self.segment(&rest, books)
    }

    fn advance(&mut self, bytes: u64) {
        self.next += bytes;
        // Sequence numbers count modulo 2^32 (RFC 9293 section 3.4).
        self.sequence = self.sequence.wrapping_add((bytes & 0xffff_ffff) as u32);
        self.patience = 0;
    }

    /// Keeps a segment until those before it are there. Of bytes held twice the first copy stays.
    fn hold(&mut self, offset: u64, segment: &Segment<'_>, books: &mut Books) {
        let end = offset + segment.length;
        let copy = Reading::new(offset, segment.bytes, segment.moment);
        let begin = self
            .held
            .range(..=offset)
            .next_back()
            .map_or(offset, |(at, _)| *at);
        // The parts that nothing is held of.
        let mut free: Vec<(u64, u64)> = Vec::new();
        let mut at = offset;
        let mut passed = 0;
        for (&start, other) in self.held.range(begin..end) {
            passed += 1;
            if passed > segment.bytes.len() + MAX_PASSED {
                at = end;
                break;
            }
            books
                .conflicts
                .compare(&Reading::new(start, &other.bytes, other.moment), &copy);
            if start > at {
                free.push((at, start));
            }
            at = at.max(start + other.length());
        }
        if at < end {
            free.push((at, end));
        }
        let mut fresh = 0;
        for (from, to) in free {
            fresh += to - from;
            let bytes = beyond(segment.bytes, from - offset);
            let bytes = usize::try_from(to - from)
                .ok()
                .and_then(|length| bytes.get(..length))
                .unwrap_or(bytes);
            self.held_bytes += bytes.len() + size_of::<Held>();
            self.held.insert(
                from,
                Held {
                    bytes: bytes.into(),
                    missing: to - from - bytes.len() as u64,
                    moment: segment.moment,
                },
            );
        }
        books
            .accounts
            .add(Account::Duplicate, segment.length - fresh);
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
            let fresh = cut(held, old);
            self.recent.remember(self.next, &fresh.bytes, fresh.moment);
            self.advance(length - old);
            return Some(fresh);
        }
    }

    /// Sequence number of the next byte to deliver.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The held segments, with their sequence numbers.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u32, &Held)> {
        self.held.iter().map(|(offset, held)| {
            let ahead = offset.saturating_sub(self.next) & 0xffff_ffff;
            (self.sequence.wrapping_add(ahead as u32), held)
        })
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

    /// Memory of what waits and of what is kept to compare with, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.held_bytes + self.recent.weight()
    }

    /// Both sides have ended: no copy of what was said is believed any more.
    pub(crate) fn forget(&mut self) {
        self.recent = Recent::default();
    }

    /// Whether everything up to the FIN was delivered, and the receiver has the FIN: anybody can send
    /// one that does not arrive.
    pub(crate) fn is_complete(&self) -> bool {
        self.end
            .is_some_and(|end| self.next >= end && self.acknowledged > end)
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

    /// Whether a sequence number lies about where the stream is: what ends a stream has to.
    pub(crate) fn is_near(&self, sequence: u32) -> bool {
        let distance = sequence.wrapping_sub(self.sequence).cast_signed();
        !self.based || u64::from(distance.unsigned_abs()) <= NEAR
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
        self.recent.shrink();
        self.advance(counting.next() - self.next);
        self.counting = Some(counting);
    }

    /// Books the holes of a counted direction.
    pub(crate) fn finish(&mut self, books: &mut Books) {
        if let Some(counting) = &mut self.counting {
            counting.finish(books);
        }
    }
}

/// The bytes of a segment from the `old`th on, as far as they were captured.
fn beyond(bytes: &[u8], old: u64) -> &[u8] {
    usize::try_from(old)
        .ok()
        .and_then(|old| bytes.get(old..))
        .unwrap_or_default()
}

/// A held segment without its first `front` bytes.
fn cut(held: Held, front: u64) -> Held {
    if front == 0 {
        return held;
    }
    let bytes = beyond(&held.bytes, front);
    Held {
        missing: held.length() - front - bytes.len() as u64,
        bytes: bytes.into(),
        moment: held.moment,
    }
}
