//! Telephone events (RFC 4733): keys that were pressed, each once.

use overheard_ledger::Time;

use crate::packet::Header;

/// Keys of one stream that are noted, at most.
pub(crate) const MAX_DIGITS: usize = 256;
/// The longest duration that fits in a packet: what lasts longer goes on with a time stamp of its own (section 2.5.1.3).
const MAX_DURATION: u16 = 0xffff;

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digit {
    pub(crate) start: Time,
    pub(crate) end: Time,
    pub(crate) key: char,
}

/// Gathers the events of a stream.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) digits: Vec<Digit>,
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    timestamp: u32,
    code: u8,
    duration: u16,
    ended: bool,
    /// Whether it is one of the keys that are noted.
    noted: bool,
}

/// The keys of a telephone, by the code of their event (section 3.2).
const KEYS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

impl Events {
    /// Hears a packet of events: the first in it is the one that goes on now.
    pub(crate) fn hear(&mut self, arrival: Time, header: &Header, clock: u32, payload: &[u8]) {
        let Some(&[code, flags, high, low]) = payload.first_chunk() else {
            return;
        };
        let duration = u16::from_be_bytes([high, low]);
        let ended = flags & 0x80 != 0;
        let goes_on = self.current.filter(|current| current.goes_on(header, code));
        let mut noted = goes_on.is_some_and(|current| current.noted);
        if goes_on.is_none()
            && let Some(&key) = KEYS.get(usize::from(code))
            && self.digits.len() < MAX_DIGITS
        {
            let length = u64::from(duration) * 1_000_000_000 / u64::from(clock.max(1));
            self.digits.push(Digit {
                start: Time(arrival.0.saturating_sub(length)),
                end: arrival,
                key,
            });
            noted = true;
        }
        if noted && let Some(digit) = self.digits.last_mut() {
            digit.end = digit.end.max(arrival);
        }
        // The last packet comes three times; what is heard of it once is enough.
        let before = goes_on.filter(|current| current.timestamp == header.timestamp);
        self.current = Some(Current {
            timestamp: header.timestamp,
            code,
            duration: before.map_or(duration, |before| before.duration.max(duration)),
            ended: ended || before.is_some_and(|before| before.ended),
            noted,
        });
    }
}

impl Current {
    /// Whether a packet tells of the same event.
    fn goes_on(self, header: &Header, code: u8) -> bool {
        if self.code != code {
            return false;
        }
        let passed = header.timestamp.wrapping_sub(self.timestamp);
        let longest = self.duration == MAX_DURATION && passed == u32::from(MAX_DURATION);
        // Some senders move the time stamp with every packet of an event, against section 2.5.1.2.
        let moved = !header.marker && !self.ended && passed <= u32::from(self.duration) + 400;
        passed == 0 || longest || moved
    }
}

#[cfg(test)]
mod tests;
