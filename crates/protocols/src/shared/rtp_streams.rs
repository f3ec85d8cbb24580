//! The streams of RTP in a conversation (RFC 3550), whatever carries them: what proves that they are RTP, how well
//! they arrive, and their packets for whoever keeps sound.

use overheard_ledger::{Endpoint, Exposure, MAX_EVIDENCE, Media, Time};
use overheard_tap::{Cut, Evidence, Notes, Side};

use crate::shared::payload_types::{is_static_video, static_encoding};
use crate::shared::rtp_header::{Header, has_tagged_frames, header, whole_frames};
use crate::shared::rtp_jitter::{CLOCKS, Jitter, is_signal};

/// The most streams (source and direction) of one conversation that are counted at once; the one heard
/// of longest ago makes room.
pub(crate) const MAX_STREAMS: usize = 64;
/// Sources that may begin in a conversation without any of them going on, before it is not RTP.
pub(crate) const MAX_FALSE_STARTS: u32 = 16;
/// Packets in sequence after which a stream is one for the purpose of [`MAX_FALSE_STARTS`].
const GOES_ON: u64 = 3;
/// Packets of one source that prove a stream without signalling.
const MIN_PROOF: u64 = 10;
/// The largest step between sequence numbers that counts as loss, and the largest one back that counts
/// as disorder (RFC 3550 appendix A.1).
const MAX_DROPOUT: u16 = 3000;
const MAX_MISORDER: u16 = 100;
/// The longest payload that can be voice, in bytes: more does not fit the packets of the usual network.
const MAX_VOICE: usize = 1500;
/// Packets of pictures after which a stream is one of pictures: several long ones of the same moment, which no voice has.
const MIN_PICTURES: u64 = 8;
const PICTURE: usize = 400;

/// Where packets come from and go to: the endpoints that speak, which are those of the conversation unless a relay
/// stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
}

impl Path {
    /// What `side` of the conversation says to the other.
    pub(crate) fn of(side: Side, notes: &Notes<'_>) -> Path {
        Path {
            source: notes.endpoint(side),
            destination: notes.endpoint(side.other()),
        }
    }
}

/// What a packet is that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The first of its stream; whether it proves by itself that it is RTP.
    Begins { proves: bool },
    /// Of a stream that was heard before.
    Goes,
}

/// All streams of a conversation.
#[derive(Default)]
pub(crate) struct RtpStreams {
    streams: Vec<Stream>,
    exposure: Option<Exposure>,
    /// What seals all of them, where that was heard.
    sealed: Option<&'static str>,
    /// Whether one of them was proven.
    is_proven: bool,
    false_starts: u32,
    goes_on: bool,
    /// Packets that were RTP, and those that were neither RTP nor of the protocols that share its port.
    mine: u64,
    others: u64,
}

impl RtpStreams {
    /// Hears a packet, header and all, that went this way.
    ///
    /// # Errors
    /// Where it is not RTP, or nothing makes it likely enough.
    pub(crate) fn hear(
        &mut self,
        path: Path,
        packet: &[u8],
        notes: &mut Notes<'_>,
    ) -> Result<Heard, Cut> {
        let header = header(packet).inspect_err(|_| {
            self.others += u64::from(!shares_port(packet));
        })?;
        let known = self
            .streams
            .iter()
            .position(|stream| stream.ssrc == header.ssrc && stream.path.source == path.source);
        let heard = match known {
            Some(_) => Heard::Goes,
            // A first packet proves nothing yet, unless it is whole frames of its type.
            None => Heard::Begins {
                proves: header.weight() >= 30,
            },
        };
        let at = known.or_else(|| self.begin(path, &header, notes));
        let Some(stream) = at.and_then(|at| self.streams.get_mut(at)) else {
            return Err(Cut::wrong("rtp", 8));
        };
        let is_new = stream.hear(&header, notes);
        if is_new && self.sealed.is_none() && notes.missing() == 0 && stream.can_be_voice(&header) {
            notes.keep_sound(stream.path.source, stream.ssrc, packet);
        }
        self.goes_on |= stream.in_sequence >= GOES_ON;
        self.mine += 1;
        Ok(heard)
    }

    /// What a tap gets of the streams that were written down: `None` where none is proven, and `Unknown` where none
    /// of them is in a codec that everybody can play, for it may be sealed as well.
    pub(crate) fn exposure(&self) -> Option<Exposure> {
        self.exposure
    }

    /// Hears that a handshake beside the streams seals them: `dtls-srtp`, `zrtp`.
    pub(crate) fn seal(&mut self, protection: &'static str) {
        self.sealed = Some(protection);
    }

    /// Bytes of memory that the streams take.
    pub(crate) fn held(&self) -> usize {
        self.streams.capacity() * size_of::<Stream>()
    }

    /// Begins a stream, where the packet may be the first of one; gives its place.
    fn begin(&mut self, path: Path, header: &Header, notes: &mut Notes<'_>) -> Option<usize> {
        let believed = header.weight() > 0 || (self.goes_on && header.padding_fits);
        if !believed || (!self.goes_on && self.false_starts >= MAX_FALSE_STARTS) {
            self.others += 1;
            return None;
        }
        self.false_starts += 1;
        if self.streams.len() >= MAX_STREAMS {
            let oldest = (0..self.streams.len())
                .min_by_key(|&at| self.streams.get(at).map(|stream| stream.last_time))?;
            let oldest = self.streams.remove(oldest);
            // What did not go on until now is not worth a line.
            if oldest.is_proven() {
                self.is_proven = true;
                self.write(&oldest, notes);
            }
        }
        self.streams.push(Stream::new(path, header, notes.now()));
        Some(self.streams.len() - 1)
    }

    /// Writes down all that was heard.
    pub(crate) fn finish(&mut self, notes: &mut Notes<'_>) {
        self.is_proven |= self.streams.iter().any(Stream::is_proven);
        for stream in std::mem::take(&mut self.streams) {
            self.write(&stream, notes);
        }
    }

    fn write(&mut self, stream: &Stream, notes: &mut Notes<'_>) {
        let tentative = !(stream.is_proven() || (self.is_proven && stream.goes_evenly()))
            || self.mine < self.others;
        let readable = self.sealed.is_none() && stream.is_readable();
        let (payload_type, _) = stream.main_type();
        if !tentative && self.exposure != Some(Exposure::Open) {
            // Without signalling, a codec of one's own may as well be sealed.
            self.exposure = Some(match readable {
                true => Exposure::Open,
                false => Exposure::Unknown,
            });
        }
        let protection = match readable {
            true => "none",
            false => self.sealed.unwrap_or_default(),
        };
        let media = Media {
            payload_type,
            codec: static_encoding(payload_type).map(str::to_owned),
            packets: stream.packets,
            lost: Some(stream.lost()),
            seconds: stream.seconds(),
            jitter_ms: stream.jitter.most(payload_type, stream.rate()),
            reordered: stream.reordered,
            duplicates: stream.duplicates,
            protection: protection.to_owned(),
            tentative,
            ..Media::new(stream.ssrc, stream.path.source, stream.path.destination)
        };
        notes.add_with(media, stream.evidence.clone());
    }
}

/// One source in one direction.
struct Stream {
    path: Path,
    ssrc: u32,
    packets: u64,
    evidence: Evidence,
    frames: usize,
    first_time: Time,
    last_time: Time,
    /// Packets by payload type; types beyond the fourth are not told apart.
    types: [OfType; 4],
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
    /// Which of the last 128 sequence numbers came, the highest in the lowest bit.
    came: u128,
    in_sequence: u64,
    duplicates: u64,
    reordered: u64,
    jitter: Jitter,
    /// Of the packets in sequence: long ones of the same moment as the one before.
    pictures: u64,
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
    /// Packets with a general header extension.
    extended: u64,
}

/// Packets of one payload type.
#[derive(Clone, Copy, Default)]
struct OfType {
    payload_type: u8,
    packets: u64,
    /// Whether some of them hold more than digits or comfort noise do.
    codec: bool,
}

impl Stream {
    fn new(path: Path, header: &Header, time: Time) -> Stream {
        Stream {
            path,
            ssrc: header.ssrc,
            packets: 0,
            evidence: Evidence::default(),
            frames: 0,
            first_time: time,
            last_time: time,
            types: [OfType::default(); 4],
            sequence: header.sequence,
            timestamp: header.timestamp,
            expected: 1,
            received: 1,
            lost: 0,
            after_leap: None,
            came: 1,
            in_sequence: 0,
            duplicates: 0,
            reordered: 0,
            jitter: Jitter::new(header, time),
            pictures: 0,
            steady: 0,
            ticks: 0,
            step: 0,
            step_count: 0,
            exact: 0,
            whole_frames: 0,
            tagged_frames: 0,
            extended: 0,
        }
    }

    /// Hears a packet; whether it did not come before.
    fn hear(&mut self, header: &Header, notes: &Notes<'_>) -> bool {
        let is_new = self.packets == 0 || self.advance(header);
        if is_new && self.packets > 0 {
            self.jitter.hear(header, notes.now());
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
            .find(|place| place.packets == 0 || place.payload_type == header.payload_type)
        {
            place.payload_type = header.payload_type;
            place.packets += 1;
            place.codec |= !is_signal(header.payload_type, header.payload);
        }
        self.whole_frames +=
            u64::from(whole_frames(header.payload_type, header.payload) == Some(true));
        self.tagged_frames += u64::from(has_tagged_frames(header.payload_type, header.payload));
        self.extended += u64::from(header.has_general_extension());
        is_new
    }

    /// Whether a packet of the stream is worth keeping for those who listen. A dynamic payload type can be
    /// voice until it behaves like pictures; what it is, only signalling says.
    fn can_be_voice(&self, header: &Header) -> bool {
        !is_static_video(header.payload_type)
            && header.payload <= MAX_VOICE
            && self.pictures < MIN_PICTURES
    }

    /// Follows the sequence numbers (RFC 3550 appendix A.1) and the time stamps; whether the number is new.
    fn advance(&mut self, header: &Header) -> bool {
        let step = header.sequence.wrapping_sub(self.sequence);
        let back = self.sequence.wrapping_sub(header.sequence);
        if back <= MAX_MISORDER {
            let bit = 1u128 << back;
            if self.came & bit != 0 {
                self.duplicates += 1;
                return false;
            }
            self.came |= bit;
            self.received += 1;
            self.reordered += 1;
            // It may be one that comes before the first.
            self.expected = self.expected.max(u64::from(back) + 1);
            return true;
        }
        if step < MAX_DROPOUT {
            self.received += 1;
            self.expected += u64::from(step);
            self.came = self.came.checked_shl(u32::from(step)).unwrap_or(0) | 1;
            self.in_sequence += u64::from(step <= 16);
            self.clock(header, step);
        } else if self.after_leap == Some(header.sequence) {
            // Two in a row after a leap: the sender began anew.
            self.lost += self.expected.saturating_sub(self.received);
            self.expected = 2;
            self.received = 2;
            self.came = 0b11;
        } else {
            self.after_leap = Some(header.sequence.wrapping_add(1));
            return true;
        }
        self.after_leap = None;
        self.sequence = header.sequence;
        self.timestamp = header.timestamp;
        true
    }

    fn clock(&mut self, header: &Header, step: u16) {
        let ticks = header.timestamp.wrapping_sub(self.timestamp).cast_signed();
        // Ten seconds of the fastest usual clock.
        if ticks.unsigned_abs() > 900_000 {
            return;
        }
        self.steady += 1;
        let pictured = ticks == 0 && header.payload >= PICTURE;
        self.pictures += u64::from(pictured && header.payload_type >= 96);
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

    /// The payload type that most packets have, and how many have it: the codec's. Digits and comfort noise count
    /// only where there is nothing else.
    fn main_type(&self) -> (u8, u64) {
        // The earliest of equals: max_by_key would give the last.
        self.types
            .iter()
            .reduce(|best, next| {
                let better = (next.codec, next.packets) > (best.codec, best.packets);
                if better { next } else { best }
            })
            .map(|best| (best.payload_type, best.packets))
            .unwrap_or_default()
    }

    fn lost(&self) -> u64 {
        self.lost + self.expected.saturating_sub(self.received)
    }

    fn seconds(&self) -> f64 {
        self.last_time.seconds_since(self.first_time)
    }

    /// Ticks of the time stamps in a second of packet time.
    fn rate(&self) -> f64 {
        self.ticks as f64 / self.seconds()
    }

    /// Whether the packets by themselves prove that this is RTP: they go on evenly, and either their time
    /// stamps are those of a codec, or all of them have the general header extension.
    fn is_proven(&self) -> bool {
        let new = self.packets - self.duplicates;
        self.goes_evenly()
            && (self.has_codec_clock()
                || self.has_codec_step(new.saturating_sub(1))
                || self.extended * 10 >= self.packets * 9)
    }

    /// Whether numbers and time stamps rise from packet to packet, in one payload type: enough where another
    /// stream of the conversation is proven.
    fn goes_evenly(&self) -> bool {
        let new = self.packets - self.duplicates;
        let pairs = new.saturating_sub(1);
        let (payload_type, of_type) = self.main_type();
        (new >= MIN_PROOF || self.exact >= GOES_ON)
            && self.in_sequence * 10 >= pairs * 9
            && self.steady * 10 >= self.in_sequence * 9
            && of_type * 10 >= self.packets * 7
            && (static_encoding(payload_type).is_some()
                || payload_type >= 96
                || (35..=63).contains(&payload_type))
    }

    /// Whether time stamps rise with packet time as the clock of a usual codec does.
    fn has_codec_clock(&self) -> bool {
        let seconds = self.seconds();
        let rate = self.rate();
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
            && (seconds < 0.5 || self.rate() >= 2000.0)
    }

    /// Whether the payloads are whole frames of an encoding that everybody can play.
    fn is_readable(&self) -> bool {
        static_encoding(self.main_type().0).is_some() && self.tagged_frames <= self.whole_frames
    }
}

/// Whether it can be of a protocol that shares a port with RTP: STUN, ZRTP, DTLS, TURN (RFC 7983), RTCP.
pub(crate) fn shares_port(bytes: &[u8]) -> bool {
    matches!(bytes, [0..=3 | 16..=79, ..] | [128..=191, 192..=223, ..])
}
