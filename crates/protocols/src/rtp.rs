//! The Real-time Transport Protocol (RFC 3550): voice and video.
//!
//! RTP has no magic number, and the signalling that announces it is another conversation. So the
//! analyzer begins on weak evidence and counts: [`Stream`] tells a real stream (sequence numbers that
//! rise by one, time stamps that rise with the clock of a codec, one payload type) from other datagrams
//! that happen to begin alike. What only looks like RTP is written down as tentative.

use overheard_ledger::{Body, Exposure, MAX_EVIDENCE, Media, Rule, Severity, Time, When};
use overheard_tap::{
    Account, Analyzer, Chunk, Cursor, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side,
    Step,
};

use crate::shared::payload_types::{frame_bytes, static_encoding};

/// The most streams (source and direction) of one conversation that are counted at once; the one heard
/// of longest ago makes room.
const MAX_STREAMS: usize = 64;
/// Sources that may begin in a conversation without any of them going on, before it is not RTP.
const MAX_FALSE_STARTS: u32 = 16;
/// Packets in sequence after which a stream is one for the purpose of [`MAX_FALSE_STARTS`].
const GOES_ON: u64 = 3;
/// Packets of one source that prove a stream without signalling.
const MIN_PROOF: u64 = 10;
/// The largest step between sequence numbers that counts as loss, and the largest one back that counts
/// as disorder (RFC 3550 appendix A.1).
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 100;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtp",
    title: "Real-time Transport Protocol",
    over: &[Over::Datagram],
    ports: &[],
    standard: "RFC 3550",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Rtp::default()),
    rules: &[
        Rule {
            id: "rtp-voice",
            title: "A call whose words can be heard",
            severity: Severity::Critical,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Media(media) if media.protection == "none" => {
                    Some(format!("What is {}", between(media)))
                }
                _ => None,
            }),
            remedy: "Switch on SRTP in the telephones and in the exchange, with keys from DTLS-SRTP, and refuse calls without it.",
            standard: "RFC 3711; RFC 5763",
            explain: "The sound of the call passes unsealed: whoever copies the packets can play it back with a program \
                      that costs nothing, years later if need be.",
        },
        Rule {
            id: "rtp-sdes-in-clear",
            title: "A sealed call whose key went by in clear",
            severity: Severity::Critical,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Media(media) if media.protection == "sdes-in-clear" => Some(format!(
                    "What is {}, with the key that was sent in clear to set the call up",
                    between(media)
                )),
                _ => None,
            }),
            remedy: "Carry SIP over TLS between the telephones and the exchange, or use DTLS-SRTP, whose key is never sent.",
            standard: "RFC 4568",
            explain: "The sound is sealed with SRTP, but the key stood in the session description that set the call up, \
                      and that passed in clear. Who has both can listen as if nothing were sealed.",
        },
    ],
};

/// `said between 192.0.2.1 and 192.0.2.2`: the same for both directions of a call.
fn between(media: &Media) -> String {
    let (one, other) = (media.source.ip, media.destination.ip);
    let video = [
        "AV1",
        "CelB",
        "H261",
        "H263",
        "H263-1998",
        "H264",
        "H265",
        "JPEG",
        "MP2T",
        "MPV",
        "VP8",
        "VP9",
        "nv",
    ];
    let shown = media
        .codec
        .as_deref()
        .is_some_and(|codec| video.contains(&codec));
    format!(
        "{} between {} and {}",
        if shown { "shown" } else { "said" },
        one.min(other),
        one.max(other)
    )
}

/// The fixed header (RFC 3550 section 5.1).
#[derive(Clone, Copy)]
struct Header {
    contributors: u8,
    /// The profile of the header extension, where there is one.
    extension: Option<u16>,
    /// Whether it says that padding follows, and the end of the packet does not contradict that.
    padding_fits: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    /// Bytes after the header, padding and authentication tag included.
    payload: usize,
}

fn header(bytes: &[u8]) -> Result<Header, Cut> {
    let mut cursor = Cursor::new("rtp", bytes);
    let first = cursor.u8()?;
    if first >> 6 != 2 {
        return Err(Cut::wrong("rtp", 0));
    }
    let payload_type = cursor.u8()? & 0x7f;
    // 64 to 95 with the marker are the packet types of RTCP (RFC 5761 section 4).
    if (64..=95).contains(&payload_type) {
        return Err(Cut::wrong("rtp", 1));
    }
    let sequence = cursor.u16()?;
    let timestamp = cursor.u32()?;
    let ssrc = cursor.u32()?;
    let contributors = first & 0x0f;
    cursor.skip(4 * usize::from(contributors))?;
    let mut extension = None;
    if first & 0x10 != 0 {
        extension = Some(cursor.u16()?);
        let words = cursor.u16()?;
        cursor.skip(4 * usize::from(words))?;
    }
    let payload = cursor.rest();
    let padding = payload.last().map_or(0, |&count| usize::from(count));
    let padding_fits = first & 0x20 == 0 || (1..=payload.len()).contains(&padding);
    Ok(Header {
        contributors,
        extension,
        padding_fits,
        payload_type,
        sequence,
        timestamp,
        ssrc,
        payload: payload.len(),
    })
}

/// Whether so many bytes are whole frames of a payload type; `None` where its frames have no fixed size.
fn whole_frames(payload_type: u8, bytes: usize) -> Option<bool> {
    let frame = frame_bytes(payload_type)?;
    // The last frame of G.729 may be one of 2 bytes that describes silence (RFC 3551 section 4.5.6).
    let rest = bytes % frame;
    Some(bytes > 0 && (rest == 0 || (payload_type == 18 && rest == 2)))
}

/// Whether they are whole frames with an authentication tag of SRTP behind, of the usual 10 or 4 bytes
/// (RFC 3711 section 5.2, RFC 4568 section 6.2).
fn has_tagged_frames(payload_type: u8, bytes: usize) -> bool {
    let without = |tag| {
        bytes
            .checked_sub(tag)
            .and_then(|bytes| whole_frames(payload_type, bytes))
    };
    [10, 4].into_iter().any(|tag| without(tag) == Some(true))
}

impl Header {
    /// Whether a stream may be believed to begin with it, before a second packet was seen: how much a
    /// guess weighs, 0 for none.
    fn weight(&self) -> u8 {
        // General header extensions (RFC 8285), or one of a vendor's together with a static type.
        let known_extension = self
            .extension
            .is_none_or(|profile| profile == 0xbede || profile >> 4 == 0x100);
        let fits = whole_frames(self.payload_type, self.payload);
        if self.payload == 0 || !self.padding_fits {
            0
        } else if fits == Some(true) {
            30
        } else if self.contributors != 0 || !known_extension {
            0
        } else if fits == Some(false) {
            let sealed = has_tagged_frames(self.payload_type, self.payload);
            if sealed { 15 } else { 0 }
        } else if static_encoding(self.payload_type).is_some() {
            20
        } else if self.payload_type >= 96 {
            10
        } else {
            0
        }
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    // Media never go to the ports of the system's services, except to pass a firewall.
    let served = |port: u16| port < 1024 && port != 443;
    if served(sample.client_port) || served(sample.server_port) {
        return Probe::No;
    }
    match header(sample.first()).map(|header| header.weight()) {
        Ok(weight @ 1..) => Probe::Likely(weight),
        _ => Probe::No,
    }
}

/// One source in one direction.
struct Stream {
    side: Side,
    ssrc: u32,
    packets: u64,
    evidence: Evidence,
    frames: usize,
    first_time: Time,
    last_time: Time,
    /// Packets by payload type; types beyond the fourth are not told apart.
    types: [(u8, u64); 4],
    /// Highest sequence number, and its packet's time stamp and time.
    sequence: u16,
    timestamp: u32,
    /// Sequence numbers that should have come since the stream (or its last leap) began, and that came.
    expected: u64,
    received: u64,
    /// Of what went before the last leap: numbers that never came.
    lost: u64,
    /// The sequence number that would make a leap believed.
    after_leap: Option<u16>,
    in_sequence: u64,
    repeated: u64,
    /// Of the packets in sequence: those whose time stamp did not move wildly.
    steady: u64,
    /// Ticks of the time stamps, and the most frequent step between packets so far with its count.
    ticks: i64,
    step: u32,
    step_count: u64,
    /// Packets that hold as many samples of a byte each as the time stamps moved on.
    exact: u64,
    /// Packets whose payload is whole frames of its type, and those that are that with an authentication
    /// tag of SRTP behind.
    whole_frames: u64,
    tagged_frames: u64,
}

/// The clocks of the usual codecs, in Hz (RFC 3551; RFC 7587).
const CLOCKS: [f64; 10] = [
    8000.0, 11025.0, 12000.0, 16000.0, 22050.0, 24000.0, 32000.0, 44100.0, 48000.0, 90000.0,
];

impl Stream {
    fn new(side: Side, header: &Header, time: Time) -> Stream {
        Stream {
            side,
            ssrc: header.ssrc,
            packets: 0,
            evidence: Evidence::default(),
            frames: 0,
            first_time: time,
            last_time: time,
            types: [(header.payload_type, 0); 4],
            sequence: header.sequence,
            timestamp: header.timestamp,
            expected: 1,
            received: 1,
            lost: 0,
            after_leap: None,
            in_sequence: 0,
            repeated: 0,
            steady: 0,
            ticks: 0,
            step: 0,
            step_count: 0,
            exact: 0,
            whole_frames: 0,
            tagged_frames: 0,
        }
    }

    fn hear(&mut self, header: &Header, notes: &Notes<'_>) {
        if self.packets > 0 {
            self.advance(header);
        }
        self.packets += 1;
        self.last_time = self.last_time.max(notes.now());
        if self.frames < MAX_EVIDENCE {
            self.frames += 1;
            self.evidence.join(&notes.evidence());
        }
        if let Some(place) = self
            .types
            .iter_mut()
            .find(|place| place.1 == 0 || place.0 == header.payload_type)
        {
            place.0 = header.payload_type;
            place.1 += 1;
        }
        self.whole_frames +=
            u64::from(whole_frames(header.payload_type, header.payload) == Some(true));
        self.tagged_frames += u64::from(has_tagged_frames(header.payload_type, header.payload));
    }

    /// Follows the sequence numbers (RFC 3550 appendix A.1) and the time stamps.
    fn advance(&mut self, header: &Header) {
        let step = header.sequence.wrapping_sub(self.sequence);
        let back = self.sequence.wrapping_sub(header.sequence);
        if step == 0 {
            self.repeated += 1;
            return;
        }
        if step < MAX_DROPOUT {
            self.received += 1;
            self.expected += u64::from(step);
            self.in_sequence += u64::from(step <= 16);
            self.clock(header, step);
        } else if back <= MAX_MISORDER {
            self.received += 1;
            return;
        } else if self.after_leap == Some(header.sequence) {
            // Two in a row after a leap: the sender began anew.
            self.lost += self.expected.saturating_sub(self.received);
            self.expected = 2;
            self.received = 2;
        } else {
            self.after_leap = Some(header.sequence.wrapping_add(1));
            return;
        }
        self.after_leap = None;
        self.sequence = header.sequence;
        self.timestamp = header.timestamp;
    }

    fn clock(&mut self, header: &Header, step: u16) {
        let ticks = header.timestamp.wrapping_sub(self.timestamp).cast_signed();
        // Ten seconds of the fastest usual clock.
        if ticks.unsigned_abs() > 900_000 {
            return;
        }
        self.steady += 1;
        self.ticks += i64::from(ticks);
        let samples = usize::from(step).saturating_mul(header.payload);
        let one_byte_samples = matches!(header.payload_type, 0 | 8 | 9);
        self.exact += u64::from(one_byte_samples && usize::try_from(ticks) == Ok(samples));
        // The majority vote of Boyer and Moore finds the most frequent step without keeping all.
        let ticks = ticks.unsigned_abs();
        if self.step == ticks {
            self.step_count += 1;
        } else if self.step_count == 0 {
            self.step = ticks;
            self.step_count = 1;
        } else {
            self.step_count -= 1;
        }
    }

    /// The payload type that most packets have, and how many have it.
    fn main_type(&self) -> (u8, u64) {
        // The earliest of equals: max_by_key would give the last.
        self.types
            .iter()
            .copied()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .unwrap_or_default()
    }

    fn lost(&self) -> u64 {
        self.lost + self.expected.saturating_sub(self.received)
    }

    fn seconds(&self) -> f64 {
        self.last_time.seconds_since(self.first_time)
    }

    /// Whether the packets by themselves prove that this is RTP.
    fn is_proven(&self) -> bool {
        let new = self.packets - self.repeated;
        let pairs = new.saturating_sub(1);
        let (payload_type, of_type) = self.main_type();
        (new >= MIN_PROOF || self.exact >= GOES_ON)
            && self.in_sequence * 10 >= pairs * 9
            && self.steady * 10 >= self.in_sequence * 9
            && of_type * 10 >= self.packets * 7
            && (static_encoding(payload_type).is_some()
                || payload_type >= 96
                || (35..=63).contains(&payload_type))
            && (self.has_codec_clock() || self.has_codec_step(pairs))
    }

    /// Whether time stamps rise with packet time as the clock of a usual codec does.
    fn has_codec_clock(&self) -> bool {
        let seconds = self.seconds();
        let rate = self.ticks as f64 / seconds;
        // A short stream leaves room for the jitter of its first and last packet.
        let tolerance = if seconds >= 2.0 { 0.06 } else { 0.15 };
        seconds >= 0.1
            && CLOCKS
                .iter()
                .any(|clock| (rate / clock - 1.0).abs() <= tolerance)
    }

    /// Whether most packets hold the same span of time, of a length that codecs use (5 ms at 8 kHz to
    /// 120 ms at 48 kHz), even if the clock stands still between talk spurts. A clock that always runs
    /// slower than that of any codec counts something else, such as milliseconds.
    fn has_codec_step(&self, pairs: u64) -> bool {
        let seconds = self.seconds();
        (40..=5760).contains(&self.step)
            && self.step.is_multiple_of(10)
            && self.step_count * 10 >= pairs * 6
            && (seconds < 0.5 || self.ticks as f64 / seconds >= 2000.0)
    }

    /// Whether the payloads are whole frames of an encoding that everybody can play.
    fn is_readable(&self) -> bool {
        static_encoding(self.main_type().0).is_some() && self.tagged_frames <= self.whole_frames
    }
}

#[derive(Default)]
struct Rtp {
    streams: Vec<Stream>,
    /// Whether a readable stream has been written down: then the conversation is open, whatever follows.
    open: bool,
    false_starts: u32,
    goes_on: bool,
    /// Datagrams that were RTP, and that were neither RTP nor of the protocols that share its port.
    mine: u64,
    others: u64,
    ended: bool,
}

impl Analyzer for Rtp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.datagram(side, bytes, notes),
            Chunk::Gap(_) => Step::NotMine(Cut::wrong("rtp", 0)),
            Chunk::End => {
                if std::mem::replace(&mut self.ended, true) {
                    self.finish(notes);
                }
                Step::Took(0)
            }
        }
    }
}

impl Rtp {
    fn datagram(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let header = match header(bytes) {
            Ok(header) => header,
            Err(cut) => {
                self.others += u64::from(!shares_port(bytes));
                return Step::NotMine(cut);
            }
        };
        let known = self
            .streams
            .iter()
            .position(|stream| stream.ssrc == header.ssrc && stream.side == side);
        let begins = known.is_none();
        let Some(at) = known.or_else(|| self.begin(side, &header, notes)) else {
            self.others += 1;
            return Step::NotMine(Cut::wrong("rtp", 8));
        };
        let Some(stream) = self.streams.get_mut(at) else {
            return Step::NotMine(Cut::wrong("rtp", 8));
        };
        stream.hear(&header, notes);
        self.goes_on |= stream.in_sequence >= GOES_ON;
        self.mine += 1;
        if begins && header.weight() < 30 {
            // A first packet proves nothing yet.
            notes.account(Account::Unrecognised, bytes.len());
        }
        Step::Took(bytes.len())
    }

    /// Begins a stream, where the packet may be the first of one; gives its place.
    fn begin(&mut self, side: Side, header: &Header, notes: &mut Notes<'_>) -> Option<usize> {
        let believed = header.weight() > 0 || (self.goes_on && header.padding_fits);
        if !believed || (!self.goes_on && self.false_starts >= MAX_FALSE_STARTS) {
            return None;
        }
        self.false_starts += 1;
        if self.streams.len() >= MAX_STREAMS {
            let oldest = (0..self.streams.len())
                .min_by_key(|&at| self.streams.get(at).map(|stream| stream.last_time))?;
            let oldest = self.streams.remove(oldest);
            // What did not go on until now is not worth a line.
            if oldest.is_proven() {
                self.write(&oldest, notes);
            }
        }
        self.streams.push(Stream::new(side, header, notes.now()));
        Some(self.streams.len() - 1)
    }

    fn finish(&mut self, notes: &mut Notes<'_>) {
        for stream in std::mem::take(&mut self.streams) {
            self.write(&stream, notes);
        }
    }

    fn write(&mut self, stream: &Stream, notes: &mut Notes<'_>) {
        let tentative = !stream.is_proven() || self.mine < self.others;
        let readable = stream.is_readable();
        let (payload_type, _) = stream.main_type();
        if !tentative && !self.open {
            // Without signalling, a codec of one's own may as well be sealed.
            notes.expose(match readable {
                true => Exposure::Open,
                false => Exposure::Unknown,
            });
            self.open = readable;
        }
        let protection = match readable {
            true => "none",
            false => "",
        };
        let media = Media {
            payload_type,
            codec: static_encoding(payload_type).map(str::to_owned),
            packets: stream.packets,
            lost: stream.lost(),
            seconds: stream.seconds(),
            protection: protection.to_owned(),
            tentative,
            ..Media::new(
                stream.ssrc,
                notes.endpoint(stream.side),
                notes.endpoint(stream.side.other()),
            )
        };
        notes.add_with(media, stream.evidence.clone());
    }
}

/// Whether it can be of a protocol that shares a port with RTP: STUN, ZRTP, DTLS, TURN (RFC 7983), RTCP.
fn shares_port(bytes: &[u8]) -> bool {
    matches!(bytes, [0..=3 | 16..=79, ..] | [128..=191, 192..=223, ..])
}

#[cfg(test)]
mod tests;
