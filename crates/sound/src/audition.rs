//! What a stream is that no signalling tells, or tells wrongly: found by listening to how it begins.
//!
//! What is sealed looks like noise, whatever it is decoded as; what is in clear has the order of its codec, or sounds smooth.

use std::io;

use overheard_ledger::Time;

use crate::codec::{Decoder, decoder};
use crate::encoding::{Codec, Encoding, Packing};
use crate::packet::Header;
use crate::spool::Spool;
use overheard_tap::SoundStream;

/// Packets that are listened to, and how few say nothing.
const PACKETS: usize = 100;
const ENOUGH: usize = 10;
/// Of ten packets, those that must agree.
const MOST: usize = 9;
/// The differences from sample to sample have twice the energy of noise itself, and far less than that of a voice.
const SMOOTH: f64 = 1.2;
/// How much smoother the other order of codes must sound to be believed: senders that contradict what they announce are few.
const SMOOTHER: f64 = 0.6;
/// The ticks of Opus a second (RFC 7587 section 4.1).
const OPUS_CLOCK: u32 = 48_000;

/// How a stream begins: packets in the order of their arrival.
pub(crate) struct Audition {
    packets: Vec<(Header, Vec<u8>)>,
}

impl Audition {
    /// Takes the first packets of a stream.
    ///
    /// # Errors
    /// Where the recorded packets cannot be read.
    pub(crate) fn of(spool: &Spool, stream: SoundStream) -> io::Result<Audition> {
        let mut playback = spool.play(stream);
        let mut packets = Vec::new();
        while packets.len() < PACKETS
            && let Some((_, bytes)) = playback.next_packet()? as Option<(Time, &[u8])>
        {
            if let Ok(header) = Header::read(bytes) {
                let payload = bytes.get(header.bytes..).unwrap_or_default();
                packets.push((header, header.without_padding(payload).to_vec()));
            }
        }
        Ok(Audition { packets })
    }

    /// Whether it is Opus in clear: the first byte of a packet says how long it lasts (RFC 6716 section 3.1), and the time stamps
    /// move on by that. Sealed, that byte would be any.
    pub(crate) fn is_opus(&self, payload_type: u8) -> bool {
        let (mut pairs, mut right) = (0, 0);
        for ((before, payload), (after, _)) in self.packets.iter().zip(self.packets.iter().skip(1))
        {
            let both = before.payload_type == payload_type && after.payload_type == payload_type;
            if both && after.sequence.wrapping_sub(before.sequence) == 1 {
                let ticks = after.timestamp.wrapping_sub(before.timestamp);
                pairs += 1;
                right += usize::from(opus_ticks(payload) == Some(ticks));
            }
        }
        pairs >= ENOUGH && right * 10 >= pairs * MOST
    }

    /// Whether it sounds like something when it is decoded so, and not like noise.
    pub(crate) fn is_smooth(&self, payload_type: u8, encoding: Encoding) -> bool {
        self.roughness(payload_type, encoding)
            .is_some_and(|roughness| roughness < SMOOTH)
    }

    /// The codec, with its codes in the order in which they sound like something: some senders of G.726 announce one order and
    /// send the other. At 32 kbit/s both orders sound alike, and what was announced holds.
    pub(crate) fn packed(&self, payload_type: u8, encoding: Encoding) -> Encoding {
        let Codec::G726 { bits, packing } = encoding.codec else {
            return encoding;
        };
        let packing = match packing {
            Packing::Low => Packing::High,
            Packing::High => Packing::Low,
        };
        let other = Encoding {
            codec: Codec::G726 { bits, packing },
            ..encoding
        };
        let announced = self.roughness(payload_type, encoding);
        match (announced, self.roughness(payload_type, other)) {
            (Some(announced), Some(roughness)) if roughness < announced * SMOOTHER => other,
            _ => encoding,
        }
    }

    /// The energy of the differences from sample to sample, as a part of that of the samples; `None` where too little was sent.
    fn roughness(&self, payload_type: u8, encoding: Encoding) -> Option<f64> {
        let mut decoder: Decoder = decoder(&encoding)?;
        let (mut samples, mut heard) = (Vec::new(), 0);
        let (mut energy, mut differences, mut before) = (0.0, 0.0, 0.0);
        let of_type = self
            .packets
            .iter()
            .filter(|(header, _)| header.payload_type == payload_type);
        for (_, payload) in of_type {
            decoder.decode(payload, &mut samples);
            heard += 1;
            for sample in &samples {
                let sample = f64::from(*sample);
                energy += sample * sample;
                differences += (sample - before) * (sample - before);
                before = sample;
            }
        }
        (heard >= ENOUGH && energy > 0.0).then(|| differences / energy)
    }
}

/// How many ticks of 48 kHz a packet of Opus lasts; `None` where it is none (RFC 6716 sections 3.1 and 3.2).
fn opus_ticks(payload: &[u8]) -> Option<u32> {
    let (&toc, rest) = payload.split_first()?;
    let frame = match (toc >> 3, toc >> 3 & 3) {
        (0..=11, 3) => OPUS_CLOCK / 1000 * 60,
        (0..=11, size) => (OPUS_CLOCK / 100) << size,
        (12..=15, size) => (OPUS_CLOCK / 100) << (size & 1),
        (_, size) => (OPUS_CLOCK / 400) << size,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(rest.first()? & 0x3f),
    };
    Some(frame * frames).filter(|ticks| (1..=OPUS_CLOCK / 1000 * 120).contains(ticks))
}

#[cfg(test)]
mod tests;
