//! How unevenly the packets of a stream arrive (RFC 3550 section 6.4.1, appendix A.8).

use overheard_ledger::Time;

use crate::shared::payload_types::static_clock;
use crate::shared::rtp_header::Header;

/// The clocks of the usual codecs, in Hz (RFC 3551; RFC 7587).
pub(crate) const CLOCKS: [f64; 10] = [
    8000.0, 11025.0, 12000.0, 16000.0, 22050.0, 24000.0, 32000.0, 44100.0, 48000.0, 90000.0,
];
/// Milliseconds of one tick of each of them.
#[expect(
    clippy::indexing_slicing,
    reason = "a wrong index does not compile here"
)]
const TICKS: [f64; CLOCKS.len()] = {
    let mut ticks = [0.0; CLOCKS.len()];
    let mut at = 0;
    while at < CLOCKS.len() {
        ticks[at] = 1000.0 / CLOCKS[at];
        at += 1;
    }
    ticks
};
/// Milliseconds by which a packet may come early or late. More is a leap of the sender's clock, and not the
/// network's doing; after silence, in which many senders stop their clock, much less.
const LEAP: f64 = 3000.0;
const LEAP_AFTER_SILENCE: f64 = 200.0;
/// The longest payload of digits and of comfort noise, with an authentication tag of SRTP (RFC 4733 section 2.3,
/// RFC 3389 section 3).
const MAX_SIGNAL: usize = 16;

/// The jitter of one stream. Which clock a dynamic payload type runs on is known when it is over: until then it is
/// reckoned for all usual clocks.
#[derive(Debug)]
pub(crate) struct Jitter {
    /// The packet before, of the codec's type: digits and noise have time stamps of their own kind.
    payload_type: u8,
    timestamp: u32,
    arrival: Time,
    /// Packets that it was reckoned from.
    packets: u64,
    now: [f64; CLOCKS.len()],
    most: [f64; CLOCKS.len()],
}

/// Whether a packet can hold nothing but digits or comfort noise.
pub(crate) fn is_signal(payload_type: u8, payload: usize) -> bool {
    // 19 was that of comfort noise in drafts of RFC 3551, and is sent still.
    matches!(payload_type, 13 | 19) || (payload_type >= 96 && payload <= MAX_SIGNAL)
}

impl Jitter {
    pub(crate) fn new(header: &Header, arrival: Time) -> Jitter {
        Jitter {
            payload_type: header.payload_type,
            timestamp: header.timestamp,
            arrival,
            packets: 0,
            now: [0.0; CLOCKS.len()],
            most: [0.0; CLOCKS.len()],
        }
    }

    /// Hears a packet that did not come before.
    pub(crate) fn hear(&mut self, header: &Header, arrival: Time) {
        if header.payload_type != self.payload_type {
            if is_signal(header.payload_type, header.payload) {
                return;
            }
        } else {
            let ticks = header.timestamp.wrapping_sub(self.timestamp);
            let ticks = f64::from(ticks.cast_signed());
            let apart = arrival.0.wrapping_sub(self.arrival.0).cast_signed() as f64 / 1e6;
            let leap = match header.marker {
                true => LEAP_AFTER_SILENCE,
                false => LEAP,
            };
            self.packets += 1;
            for ((now, most), tick) in self.now.iter_mut().zip(&mut self.most).zip(TICKS) {
                let late = (apart - ticks * tick).abs();
                if late <= leap {
                    *now += (late - *now) / 16.0;
                    *most = most.max(*now);
                }
            }
        }
        self.payload_type = header.payload_type;
        self.timestamp = header.timestamp;
        self.arrival = arrival;
    }

    /// The highest jitter so far in milliseconds, to the microsecond: by the clock of a static payload type, else by
    /// the usual clock that is nearest to `rate` (Hz). `None` where none is near.
    pub(crate) fn most(&self, payload_type: u8, rate: f64) -> Option<f64> {
        let clock = match static_clock(payload_type) {
            Some(clock) => CLOCKS.iter().position(|&usual| usual == clock),
            None => CLOCKS
                .iter()
                .map(|clock| (rate / clock - 1.0).abs())
                .enumerate()
                .filter(|(_, off)| *off <= 0.15)
                .min_by(|one, other| one.1.total_cmp(&other.1))
                .map(|(at, _)| at),
        };
        let most = *self.most.get(clock?)?;
        (self.packets > 0).then_some((most * 1000.0).round() / 1000.0)
    }
}
