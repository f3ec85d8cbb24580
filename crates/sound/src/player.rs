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

/// What it takes to play a stream.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    pub(crate) stream: SoundStream,
    pub(crate) encodings: Encodings,
    /// Keys that passed in clear.
    pub(crate) keys: Vec<MediaKey>,
    /// Whether packets that none of the keys opens are sealed all the same.
    pub(crate) sealed: bool,
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
        let start = self.start(packet, encoding, anew);
        let decoder = decoder_of(&mut self.decoders, packet.header.payload_type, encoding)?;
        decoder.decode(&packet.payload, &mut self.samples);
        let rate = decoder.rate;
        if self.samples.is_empty() {
            return None;
        }
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
            if gap > LONGEST_SILENCE {
                self.place.leave_out(gap - LONGEST_SILENCE);
                start = Time(end.0 + LONGEST_SILENCE);
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
        let (order, encodings) = (&self.order, self.encodings);
        let following = order.waiting().map(|(_, waiting)| {
            let kind = encodings.meaning(waiting.header.payload_type, &waiting.payload);
            moment(waiting, kind)
        });
        self.place.of(moment(packet, encoding), anew, following)
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
