//! The order in which packets were sent: by sequence number, within a bounded window.

use std::collections::BTreeMap;

use crate::packet::Packet;

/// Packets that wait for earlier ones, at most: more than a second of speech.
pub(crate) const WINDOW: usize = 64;
/// Bytes of packets that wait, at most.
const WINDOW_BYTES: usize = 256 << 10;
/// A number farther ahead is a leap, unless the next packet confirms it, and one farther behind as well (RFC 3550
/// appendix A.1).
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 100;
/// What lies between two packets before and after a sender began anew.
pub(crate) const ANEW: u64 = 1 << 20;

/// Puts packets in order. Duplicates, and those that come too late, are dropped.
#[derive(Debug, Default)]
pub(crate) struct Order {
    waiting: BTreeMap<u64, Packet>,
    bytes: usize,
    /// The highest number so far, and the one that was given last.
    highest: Option<u64>,
    given: Option<u64>,
    /// A packet behind a leap: the next one confirms it, or it is dropped.
    leap: Option<Packet>,
    ended: bool,
}

impl Order {
    /// Puts a packet in its place.
    pub(crate) fn put(&mut self, packet: Packet) {
        let sequence = packet.header.sequence;
        let Some(highest) = self.highest else {
            // Room for packets that came before the first.
            return self.keep(ANEW | u64::from(sequence), packet);
        };
        let [low, high, ..] = highest.to_le_bytes();
        let latest = u16::from_le_bytes([low, high]);
        let ahead = sequence.wrapping_sub(latest);
        let behind = latest.wrapping_sub(sequence);
        if ahead < MAX_DROPOUT {
            self.keep(highest + u64::from(ahead), packet);
        } else if behind <= MAX_MISORDER {
            self.keep(highest.saturating_sub(u64::from(behind)), packet);
        } else if let Some(first) = self.leap.take_if(|first| {
            let step = sequence.wrapping_sub(first.header.sequence);
            (1..=2).contains(&step)
        }) {
            let anew = (highest | 0xffff) + ANEW - 0xffff;
            let start = anew | u64::from(first.header.sequence);
            let step = sequence.wrapping_sub(first.header.sequence);
            self.keep(start, first);
            self.keep(start + u64::from(step), packet);
        } else {
            self.leap = Some(packet);
        }
    }

    fn keep(&mut self, number: u64, packet: Packet) {
        if self.given.is_some_and(|given| number <= given) {
            return;
        }
        self.highest = self.highest.max(Some(number));
        let bytes = packet.payload.len();
        if let std::collections::btree_map::Entry::Vacant(place) = self.waiting.entry(number) {
            place.insert(packet);
            self.bytes += bytes;
        }
    }

    /// No more packets come: those that wait are given.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The next packet with its number, where none that is waited for may come before it. Numbers rise by one from
    /// packet to packet, by more where some are missing, and by [`ANEW`] or more where the sender began anew.
    pub(crate) fn take(&mut self) -> Option<(u64, Packet)> {
        if !self.ended && self.waiting.len() <= WINDOW && self.bytes <= WINDOW_BYTES {
            return None;
        }
        let (number, packet) = self.waiting.pop_first()?;
        self.bytes -= packet.payload.len();
        self.given = Some(number);
        Some((number, packet))
    }

    /// The packets that wait, in their order, up to where the sender began anew.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, &Packet)> {
        let first = self.waiting.first_key_value().map(|(number, _)| *number);
        self.waiting
            .iter()
            .map(|(number, packet)| (*number, packet))
            .take_while(move |(number, _)| first.is_some_and(|first| number - first < ANEW))
    }
}

#[cfg(test)]
mod tests;
