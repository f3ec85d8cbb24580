//! Datagrams put together from their fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Where fragments overlap the first copy stays, and bytes in which copies differ are counted: a tap
//! cannot know which one the receiver believed.

use std::collections::{BTreeMap, VecDeque};

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use overheard_ledger::{Account, MAX_EVIDENCE, Time};
use overheard_tap::limits::{MAX_FRAGMENTS, MAX_FRAGMENTS_OF_ONE};
use overheard_wire::{Addresses, Fragment, Tunnels};

use crate::books::Books;
use crate::conflict::{Conflicts, Reading};
use crate::hearing::Moment;

/// Nanoseconds that fragments wait for the rest, on packet time (RFC 8200 section 4.5).
const PATIENCE: u64 = 60_000_000_000;

/// The largest payload that an IP datagram can have, in bytes.
const MAX_DATAGRAM: u64 = 65_535;

/// What the fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    addresses: Addresses,
    id: u32,
    /// Of IPv4; in IPv6 only the first fragment says what the datagram carries.
    protocol: Option<u8>,
}

/// A run of bytes of a datagram.
#[derive(Debug)]
struct Run {
    bytes: Box<[u8]>,
    moment: Moment,
}

/// A datagram of which not all is there.
#[derive(Debug, Default)]
struct Partial {
    /// Runs by offset, none touching another's bytes.
    runs: BTreeMap<u64, Run>,
    /// What the datagram carries: the first fragment's word holds (RFC 8200 section 4.5).
    protocol: u8,
    /// Length of the whole, once the last fragment said it.
    total: Option<u64>,
    held: u64,
    fragments: usize,
    frames: Vec<(u64, Time)>,
    on_wire: u64,
    conflicts: Conflicts,
    began: Time,
    tunnels: Tunnels,
    /// Which of the datagrams with this key it is.
    serial: u64,
}

/// A datagram that has become whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) addresses: Addresses,
    pub(crate) tunnels: Tunnels,
    pub(crate) protocol: u8,
    pub(crate) bytes: Vec<u8>,
    /// Frames of its fragments but the last to arrive, at most [`MAX_EVIDENCE`].
    pub(crate) earlier: Vec<(u64, Time)>,
    /// Frames in all.
    pub(crate) frames: u64,
    /// Bytes of those frames on the wire.
    pub(crate) on_wire: u64,
    pub(crate) conflicts: Conflicts,
}

/// A fragment as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) addresses: Addresses,
    pub(crate) tunnels: Tunnels,
    pub(crate) fragment: Fragment,
    pub(crate) bytes: &'a [u8],
    /// Bytes of it on the wire.
    pub(crate) length: u64,
    pub(crate) on_wire: u64,
    pub(crate) moment: Moment,
}

/// All datagrams that wait for fragments, and the books of what never became whole.
pub(crate) struct Defragmenter {
    /// Bytes that may wait.
    most_bytes: u64,
    partials: HashMap<Key, Partial, RandomState>,
    /// Keys in the order in which their first fragment came.
    order: VecDeque<(Key, u64)>,
    fragments: usize,
    bytes: u64,
    serial: u64,
    /// Where the bytes of fragments ended that are part of no whole datagram.
    pub(crate) books: Books,
}

impl Defragmenter {
    /// One that lets at most so many bytes wait.
    pub(crate) fn new(most_bytes: usize) -> Defragmenter {
        Defragmenter {
            most_bytes: most_bytes as u64,
            partials: HashMap::default(),
            order: VecDeque::new(),
            fragments: 0,
            bytes: 0,
            serial: 0,
            books: Books::default(),
        }
    }

    /// Takes a fragment; gives the datagram where it has become whole.
    pub(crate) fn take(&mut self, arrived: &Arrived<'_>) -> Option<Whole> {
        self.forget(arrived.moment.time);
        let captured = arrived.bytes.len() as u64;
        self.books.arrived += arrived.length;
        self.books
            .accounts
            .add(Account::Missing, arrived.length - captured);
        let offset = u64::from(arrived.fragment.offset);
        let end = offset + arrived.length;
        // Only the last fragment may have a length that is no multiple of eight.
        let misfit = arrived.fragment.more && !arrived.length.is_multiple_of(8);
        if end > MAX_DATAGRAM || misfit || arrived.length == 0 {
            self.books.accounts.add(Account::Malformed, captured);
            return None;
        }
        let key = Key {
            addresses: arrived.addresses,
            id: arrived.fragment.id,
            protocol: arrived
                .addresses
                .source
                .is_ipv4()
                .then_some(arrived.fragment.protocol),
        };
        self.serial += 1;
        let serial = self.serial;
        let partial = self.partials.entry(key).or_insert_with(|| {
            self.order.push_back((key, serial));
            Partial {
                began: arrived.moment.time,
                tunnels: arrived.tunnels,
                protocol: arrived.fragment.protocol,
                serial,
                ..Partial::default()
            }
        });
        if partial.fragments >= MAX_FRAGMENTS_OF_ONE {
            self.books.accounts.add(Account::Limited, captured);
            return None;
        }
        partial.fragments += 1;
        partial.on_wire += arrived.on_wire;
        if partial.frames.len() < MAX_EVIDENCE {
            partial
                .frames
                .push((arrived.moment.frame, arrived.moment.time));
        }
        if !arrived.fragment.more {
            // The first last fragment holds: a later one that says otherwise does not change it.
            partial.total.get_or_insert(end);
        }
        if offset == 0 && !partial.runs.contains_key(&0) {
            partial.protocol = arrived.fragment.protocol;
        }
        let fresh = partial.insert(offset, arrived.bytes, arrived.moment);
        partial.held += fresh;
        self.bytes += fresh;
        self.fragments += 1;
        self.books
            .accounts
            .add(Account::Duplicate, captured - fresh);
        if partial.is_whole() {
            let partial = self.partials.remove(&key)?;
            self.fragments -= partial.fragments;
            self.bytes -= partial.held;
            return Some(self.assemble(key, partial));
        }
        while self.fragments > MAX_FRAGMENTS || self.bytes > self.most_bytes {
            self.drop_oldest(Account::Limited);
        }
        None
    }

    /// The end of the capture: what is not whole never will be.
    pub(crate) fn finish(&mut self) {
        while !self.partials.is_empty() {
            self.drop_oldest(Account::Unrecognised);
        }
    }

    /// Drops what has waited for too long.
    fn forget(&mut self, now: Time) {
        while let Some((key, serial)) = self.order.front() {
            match self.partials.get(key) {
                Some(partial) if partial.serial == *serial => {
                    if now.since(partial.began) <= PATIENCE {
                        return;
                    }
                    self.drop_oldest(Account::Unrecognised);
                }
                // It became whole.
                _ => {
                    self.order.pop_front();
                }
            }
        }
    }

    fn drop_oldest(&mut self, account: Account) {
        while let Some((key, serial)) = self.order.pop_front() {
            if self
                .partials
                .get(&key)
                .is_some_and(|partial| partial.serial == serial)
                && let Some(partial) = self.partials.remove(&key)
            {
                self.fragments -= partial.fragments;
                self.bytes -= partial.held;
                self.books.accounts.add(account, partial.held);
                let holes = partial
                    .total
                    .map_or(0, |total| total.saturating_sub(partial.held));
                self.books.hole(holes);
                self.books.conflicts.join(&partial.conflicts);
                return;
            }
        }
    }

    fn assemble(&mut self, key: Key, partial: Partial) -> Whole {
        let mut bytes = Vec::with_capacity(usize::try_from(partial.held).unwrap_or(0));
        for run in partial.runs.values() {
            bytes.extend_from_slice(&run.bytes);
        }
        let total = usize::try_from(partial.total.unwrap_or(0)).unwrap_or(usize::MAX);
        let beyond = bytes.len().saturating_sub(total) as u64;
        self.books.accounts.add(Account::Malformed, beyond);
        bytes.truncate(total);
        // The whole is offered to a conversation: its bytes are counted there, not here.
        self.books.arrived -= bytes.len() as u64;
        let mut earlier = partial.frames;
        if partial.fragments <= MAX_EVIDENCE {
            earlier.pop();
        }
        Whole {
            addresses: key.addresses,
            tunnels: partial.tunnels,
            protocol: partial.protocol,
            bytes,
            earlier,
            frames: partial.fragments as u64,
            on_wire: partial.on_wire,
            conflicts: partial.conflicts,
        }
    }
}

impl Partial {
    fn is_whole(&self) -> bool {
        let Some(total) = self.total.filter(|total| self.held >= *total) else {
            return false;
        };
        // Runs do not overlap: what lies before the end is all there, or something lies behind it.
        let beyond: u64 = self
            .runs
            .iter()
            .rev()
            .map(|(at, run)| (at + run.bytes.len() as u64).saturating_sub(total.max(*at)))
            .take_while(|beyond| *beyond > 0)
            .sum();
        self.held - beyond == total
    }

    /// Adds bytes where none are yet, and compares them where some are; how many were new.
    fn insert(&mut self, offset: u64, bytes: &[u8], moment: Moment) -> u64 {
        let end = offset + bytes.len() as u64;
        let copy = Reading::new(offset, bytes, moment);
        let begin = self
            .runs
            .range(..=offset)
            .next_back()
            .map_or(offset, |(at, _)| *at);
        let mut free: Vec<(u64, u64)> = Vec::new();
        let mut at = offset;
        for (&start, run) in self.runs.range(begin..end) {
            self.conflicts
                .compare(&Reading::new(start, &run.bytes, run.moment), &copy);
            if start > at {
                free.push((at, start));
            }
            at = at.max(start + run.bytes.len() as u64);
        }
        if at < end {
            free.push((at, end));
        }
        let mut added = 0;
        for (from, to) in free {
            let low = usize::try_from(from - offset).unwrap_or(usize::MAX);
            let high = usize::try_from(to - offset).unwrap_or(usize::MAX);
            let bytes = bytes.get(low..high).unwrap_or_default().into();
            self.runs.insert(from, Run { bytes, moment });
            added += to - from;
        }
        added
    }
}

#[cfg(test)]
mod tests {
    use overheard_tap::limits::MAX_FRAGMENT_BYTES;

    use super::*;

    fn take(
        defragmenter: &mut Defragmenter,
        offset: u32,
        more: bool,
        bytes: &[u8],
        frame: u64,
    ) -> Option<Whole> {
        let addresses = Addresses {
            source: "192.0.2.1".parse().unwrap(),
            destination: "192.0.2.2".parse().unwrap(),
        };
        defragmenter.take(&Arrived {
            addresses,
            tunnels: Tunnels::default(),
            fragment: Fragment {
                id: 7,
                offset,
                more,
                protocol: 17,
            },
            bytes,
            length: bytes.len() as u64,
            on_wire: bytes.len() as u64 + 34,
            moment: Moment {
                frame,
                time: Time(frame),
            },
        })
    }

    #[test]
    fn fragments_in_any_order_become_whole() {
        let mut defragmenter = Defragmenter::new(MAX_FRAGMENT_BYTES);
        assert!(take(&mut defragmenter, 16, false, b"end", 1).is_none());
        assert!(take(&mut defragmenter, 0, true, b"abcdefgh", 2).is_none());
        let whole = take(&mut defragmenter, 8, true, b"ijklmnop", 3).unwrap();
        assert_eq!(whole.bytes, b"abcdefghijklmnopend");
        assert_eq!(whole.frames, 3);
        assert_eq!(whole.earlier.len(), 2);
        assert_eq!(defragmenter.books.arrived, 0);
        assert_eq!(defragmenter.books.accounts.total(), 0);
    }

    #[test]
    fn an_overlap_keeps_the_first_copy_and_counts_the_difference() {
        let mut defragmenter = Defragmenter::new(MAX_FRAGMENT_BYTES);
        assert!(take(&mut defragmenter, 0, true, b"abcdefgh", 1).is_none());
        assert!(take(&mut defragmenter, 0, true, b"abcdefXXijklmnop", 2).is_none());
        let whole = take(&mut defragmenter, 16, false, b"!", 3).unwrap();
        assert_eq!(whole.bytes, b"abcdefghijklmnop!");
        assert_eq!(whole.conflicts.bytes, 2);
        assert_eq!(defragmenter.books.accounts.duplicate, 8);
        assert_eq!(defragmenter.books.arrived, 8);
    }

    #[test]
    fn what_never_becomes_whole_is_said_with_its_hole() {
        let mut defragmenter = Defragmenter::new(MAX_FRAGMENT_BYTES);
        assert!(take(&mut defragmenter, 16, false, b"end", 1).is_none());
        defragmenter.finish();
        assert_eq!(defragmenter.books.accounts.unrecognised, 3);
        assert_eq!(defragmenter.books.accounts.missing, 16);
        assert_eq!(
            defragmenter.books.accounts.total(),
            defragmenter.books.arrived + defragmenter.books.holes
        );
    }

    #[test]
    fn a_flood_of_first_fragments_stays_bounded() {
        let mut defragmenter = Defragmenter::new(MAX_FRAGMENT_BYTES);
        let addresses = Addresses {
            source: "192.0.2.1".parse().unwrap(),
            destination: "192.0.2.2".parse().unwrap(),
        };
        for id in 0..200_000 {
            let fragment = Fragment {
                id,
                offset: 0,
                more: true,
                protocol: 17,
            };
            let moment = Moment {
                frame: u64::from(id) + 1,
                time: Time(0),
            };
            let tunnels = Tunnels::default();
            let arrived = Arrived {
                addresses,
                tunnels,
                fragment,
                bytes: &[0; 8],
                length: 8,
                on_wire: 42,
                moment,
            };
            assert!(defragmenter.take(&arrived).is_none());
        }
        assert!(defragmenter.fragments <= MAX_FRAGMENTS);
        assert!(defragmenter.order.len() <= MAX_FRAGMENTS + 1);
        assert_eq!(
            defragmenter.books.accounts.limited,
            (200_000 - MAX_FRAGMENTS as u64) * 8
        );
    }
}
