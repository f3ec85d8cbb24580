//! Plays one stream: packets in order, opened, decoded, each at its time.

use std::io;

use overheard_ledger::{MediaKey, Time};
use overheard_tap::SoundStream;

use crate::codec::{Decoder, decoder};
use crate::encoding::{Codec, Encoding, Encodings};
use crate::events::Events;
use crate::order::{ANEW, Order};
use crate::packet::{Header, Packet};
use crate::place::{LONGEST_SILENCE, Moment, Place};
use crate::spool::{Playback, Spool};
use crate::srtp::Unsealing;

/// Encodings of one stream that are decoded, at most.
const MAX_DECODERS: usize = 8;

/// Silences of more than this, in nanoseconds, are counted; no more than so much of them together is kept.
const LONG_SILENCE: u64 = 10_000_000_000;
const MAX_SILENCE: u64 = 4 * LONGEST_SILENCE;
/// Packets in a row that must agree on another clock than the announced one.
const AGREED: u32 = 8;

/// What it takes to play a stream.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    pub(crate) stream: SoundStream,
    pub(crate) encodings: Encodings,
    /// Keys that passed in clear.
    pub(crate) keys: Vec<MediaKey>,
    /// Whether packets that none of the keys opens are sealed all the same.
    pub(crate) sealed: bool,
    /// Whether nobody said that it is in clear.
    pub(crate) doubtful: bool,
}

/// Samples that were said without a break.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// When the first was said.
    pub(crate) start: Time,
    /// Whether it follows the piece before without a break, at the same rate.
    pub(crate) follows: bool,
    /// Samples a second.
    pub(crate) rate: u32,
    pub(crate) samples: &'a [i16],
}

/// Plays a stream from its beginning.
pub(crate) struct Player<'a> {
    playback: Playback<'a>,
    order: Order,
    encodings: &'a Encodings,
    unsealing: Option<Unsealing>,
    sealed: bool,
    place: Place,
    decoders: Vec<(u8, Option<Decoder>)>,
    samples: Vec<i16>,
    /// The number of the packet that was played last.
    number: Option<u64>,
    /// When the last sound ended, and its rate.
    end: Option<(Time, u32)>,
    /// What was kept of long silences, in nanoseconds.
    silence: u64,
    pace: Pace,
    /// What was pressed.
    pub(crate) events: Events,
}

impl<'a> Player<'a> {
    pub(crate) fn new(spool: &'a Spool, score: &'a Score) -> Player<'a> {
        Player {
            playback: spool.play(score.stream),
            order: Order::default(),
            encodings: &score.encodings,
            unsealing: Unsealing::new(&score.keys),
            sealed: score.sealed,
            place: Place::default(),
            decoders: Vec::new(),
            samples: Vec::new(),
            number: None,
            end: None,
            silence: 0,
            pace: Pace::default(),
            events: Events::default(),
        }
    }

    /// Packets that a key opened, and that none did.
    pub(crate) fn opened(&self) -> (u64, u64) {
        self.unsealing
            .as_ref()
            .map_or((0, 0), |unsealing| (unsealing.opened, unsealing.unopened))
    }

    /// When the last sound ended.
    pub(crate) fn end(&self) -> Option<Time> {
        self.end.map(|(end, _)| end)
    }

    /// The next piece of sound; `None` behind the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        loop {
            let Some((number, packet)) = self.next_packet()? else {
                return Ok(None);
            };
            if let Some((start, follows, rate, skipped)) = self.play(number, &packet) {
                return Ok(Some(Piece {
                    start,
                    follows,
                    rate,
                    samples: self.samples.get(skipped..).unwrap_or_default(),
                }));
            }
        }
    }

    fn next_packet(&mut self) -> io::Result<Option<(u64, Packet)>> {
        loop {
            if let Some(next) = self.order.take() {
                return Ok(Some(next));
            }
            let Some((time, bytes)) = self.playback.next_packet()? else {
                self.order.end();
                return Ok(self.order.take());
            };
            if let Some(packet) = open(&mut self.unsealing, self.sealed, time, bytes) {
                self.order.put(packet);
            }
        }
    }

    /// Decodes a packet; gives when its sound begins, whether it follows the one before, its rate, and how many samples of it
    /// are not to be heard, because something else is at their time already.
    fn play(&mut self, number: u64, packet: &Packet) -> Option<(Time, bool, u32, usize)> {
        let encoding = self
            .encodings
            .meaning(packet.header.payload_type, &packet.payload);
        let anew = self.number.is_some_and(|before| number - before >= ANEW);
        let in_turn = self.number.is_some_and(|before| number - before == 1);
        self.number = Some(number);
        if encoding.codec == Codec::Events {
            // Their time stamps stand still while a key is pressed, and say nothing of what else is heard.
            let clock = encoding.clock;
            self.events
                .hear(packet.time, &packet.header, clock, &packet.payload);
            return None;
        }
        let encoding = Encoding {
            clock: self.pace.clock(encoding.clock),
            ..encoding
        };
        let start = self.start(packet, encoding, anew);
        let decoder = decoder_of(&mut self.decoders, packet.header.payload_type, encoding)?;
        decoder.decode(&packet.payload, &mut self.samples);
        let rate = decoder.rate;
        if self.samples.is_empty() {
            return None;
        }
        self.pace
            .follow(packet, in_turn, self.samples.len(), rate, encoding.clock);
        let length = |samples: usize| {
            u64::try_from(samples)
                .unwrap_or(0)
                .saturating_mul(1_000_000_000)
                / u64::from(rate.max(1))
        };
        let (mut start, mut follows, mut skipped) = (start, false, 0);
        if let Some((end, rate_before)) = self.end {
            // Where it almost fits, it fits: a millisecond is less than anybody hears.
            let gap = start.since(end);
            let overlap = end.since(start);
            let most =
                LONGEST_SILENCE.min(MAX_SILENCE.saturating_sub(self.silence).max(LONG_SILENCE));
            if gap > LONG_SILENCE {
                self.silence += gap.min(most);
            }
            if gap > most {
                self.place.leave_out(gap - most);
                start = Time(end.0.saturating_add(most));
            } else if gap.max(overlap) <= 1_000_000 {
                follows = rate_before == rate && (in_turn || gap.max(overlap) < 200_000);
                start = end;
            } else if overlap > 0 {
                skipped = usize::try_from(u128::from(overlap) * u128::from(rate) / 1_000_000_000)
                    .unwrap_or(usize::MAX);
                if skipped >= self.samples.len() {
                    return None;
                }
                follows = rate_before == rate;
                start = end;
            }
        }
        let end = start.0.saturating_add(length(self.samples.len() - skipped));
        self.end = Some((Time(end), rate));
        Some((start, follows, rate, skipped))
    }

    fn start(&mut self, packet: &Packet, encoding: Encoding, anew: bool) -> Time {
        let (order, encodings, pace) = (&self.order, self.encodings, &self.pace);
        let following = order.waiting().map(|(_, waiting)| {
            let mut kind = encodings.meaning(waiting.header.payload_type, &waiting.payload);
            kind.clock = pace.clock(kind.clock);
            moment(waiting, kind)
        });
        self.place.of(moment(packet, encoding), anew, following)
    }
}

/// Whether the time stamps run as announced. Some senders of G.722 count the samples that it has and not those that RFC 3551 section 4.5.2
/// wants, and others count those of the codec's own rate.
#[derive(Debug, Default)]
struct Pace {
    /// The packet before: when it came, its type, its time stamp, and the samples in it.
    before: Option<(Time, u8, u32, usize)>,
    /// What the time stamps count instead of one tick, as a fraction, where that is known.
    factor: Option<(u32, u32)>,
    /// What the last packets agreed on, and how many they were.
    candidate: (u32, u32),
    agreed: u32,
    /// Nanoseconds that passed meanwhile, and that the packets hold.
    passed: u64,
    held: u64,
}

/// By what a clock may be off.
const FACTORS: [(u32, u32); 6] = [(2, 1), (1, 2), (3, 1), (1, 3), (6, 1), (1, 6)];

impl Pace {
    /// The clock that counts.
    fn clock(&self, announced: u32) -> u32 {
        self.factor.map_or(announced, |(times, part)| {
            announced.saturating_mul(times) / part
        })
    }

    fn follow(&mut self, packet: &Packet, in_turn: bool, samples: usize, rate: u32, clock: u32) {
        let header = packet.header;
        let now = (packet.time, header.payload_type, header.timestamp, samples);
        let before = self.before.replace(now);
        let Some((time, payload_type, timestamp, samples)) = before else {
            return;
        };
        if !in_turn || payload_type != header.payload_type || self.factor.is_some() {
            self.agreed = 0;
            return;
        }
        let ticks = u64::from(header.timestamp.wrapping_sub(timestamp)) * u64::from(rate);
        let nominal = (samples as u64).saturating_mul(u64::from(clock));
        let factor = FACTORS.into_iter().find(|(times, part)| {
            nominal > 0
                && ticks.checked_mul(u64::from(*part)) == nominal.checked_mul(u64::from(*times))
        });
        let Some(factor) = factor.filter(|factor| self.agreed == 0 || *factor == self.candidate)
        else {
            self.agreed = 0;
            return;
        };
        if self.agreed == 0 {
            (self.candidate, self.passed, self.held) = (factor, 0, 0);
        }
        self.agreed += 1;
        self.passed += packet.time.since(time);
        self.held += (samples as u64).saturating_mul(1_000_000_000) / u64::from(rate.max(1));
        // The network must tell the same: what the packets hold took as long as it lasts.
        let near = self.passed > self.held / 10 * 7 && self.passed < self.held / 10 * 14;
        if self.agreed >= AGREED && near {
            self.factor = Some(factor);
        }
    }
}

fn moment(packet: &Packet, encoding: Encoding) -> Moment {
    Moment {
        arrival: packet.time,
        timestamp: packet.header.timestamp,
        clock: encoding.clock,
    }
}

fn decoder_of(
    decoders: &mut Vec<(u8, Option<Decoder>)>,
    payload_type: u8,
    encoding: Encoding,
) -> Option<&mut Decoder> {
    let at = match decoders
        .iter()
        .position(|(number, _)| *number == payload_type)
    {
        Some(at) => at,
        None if decoders.len() < MAX_DECODERS => {
            decoders.push((payload_type, decoder(&encoding)));
            decoders.len() - 1
        }
        None => return None,
    };
    decoders.get_mut(at)?.1.as_mut()
}

/// A packet as its receiver has it; `None` where it cannot be read, or nobody vouches for it.
fn open(
    unsealing: &mut Option<Unsealing>,
    sealed: bool,
    time: Time,
    bytes: &[u8],
) -> Option<Packet> {
    let header = Header::read(bytes).ok()?;
    let clear = || bytes.get(header.bytes..).map(<[u8]>::to_vec);
    let mut payload = match unsealing {
        Some(unsealing) => match unsealing.open(bytes, &header) {
            Some(payload) => payload,
            None if sealed || unsealing.opened > 0 => return None,
            None => clear()?,
        },
        None if sealed => return None,
        None => clear()?,
    };
    payload.truncate(header.without_padding(&payload).len());
    Some(Packet {
        time,
        header,
        payload,
    })
}
