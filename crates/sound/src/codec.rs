//! From payloads to samples: one file a codec.

mod g711;
mod g722;
mod g726;
mod gsm;
mod ima;
mod linear;
mod opus;

use crate::encoding::{Codec, Encoding};

/// The longest sound that is taken from one packet, in milliseconds: what is longer is no speech that somebody waits for. The longest
/// packet of Opus has 120 (RFC 6716 section 3.2).
const MAX_PACKET_MS: usize = 1000;

/// Decodes the payloads of one encoding, in the order in which they were sent.
pub(crate) trait Decode: Send {
    /// Adds the samples of a payload to `sound`: one channel, several are mixed. What is no whole frame is left out.
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>);
}

/// A decoder for an encoding, and how many samples a second it gives; `None` where the codec is not decoded.
pub(crate) fn decoder(encoding: &Encoding) -> Option<Decoder> {
    let clock = encoding.clock;
    let (decode, rate): (Box<dyn Decode>, u32) = match encoding.codec {
        Codec::Pcmu => (Box::new(g711::G711::mu_law(encoding.channels)), clock),
        Codec::Pcma => (Box::new(g711::G711::a_law(encoding.channels)), clock),
        // Its clock is wrong for historical reasons: it has 16,000 samples a second (RFC 3551 section 4.5.2).
        Codec::G722 => (Box::new(g722::G722::default()), 16_000),
        Codec::G726 { bits, packing } => (Box::new(g726::G726::new(bits, packing)), clock),
        Codec::Gsm => (Box::new(gsm::Gsm::default()), clock),
        Codec::Dvi4 => (Box::new(ima::Dvi4), clock),
        Codec::L8 => (Box::new(linear::L8::new(encoding.channels)), clock),
        Codec::L16 => (Box::new(linear::L16::new(encoding.channels)), clock),
        Codec::Opus => (Box::new(opus::Opus::new()), 48_000),
        Codec::ComfortNoise | Codec::Events | Codec::Other => return None,
    };
    let most = usize::try_from(rate).unwrap_or(0) / 1000 * MAX_PACKET_MS;
    Some(Decoder { decode, rate, most })
}

/// A decoder that gives a bounded number of samples a packet.
pub(crate) struct Decoder {
    decode: Box<dyn Decode>,
    /// Samples a second.
    pub(crate) rate: u32,
    most: usize,
}

impl Decoder {
    /// Puts the samples of a payload into `sound`, and nothing else.
    pub(crate) fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        sound.clear();
        // The densest coding has four samples a byte.
        let payload = payload.get(..self.most * 4).unwrap_or(payload);
        self.decode.decode(payload, sound);
        sound.truncate(self.most);
    }
}

/// Mixes several channels into one.
fn mix(channels: u8, samples: impl Iterator<Item = i16>, sound: &mut Vec<i16>) {
    if channels <= 1 {
        sound.extend(samples);
        return;
    }
    let (mut sum, mut count) = (0_i32, 0);
    for sample in samples {
        sum += i32::from(sample);
        count += 1;
        if count == i32::from(channels) {
            sound.push(clamp(sum / count));
            (sum, count) = (0, 0);
        }
    }
}

/// The nearest sample.
pub(crate) fn clamp(value: i32) -> i16 {
    i16::try_from(value).unwrap_or(if value < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests;
