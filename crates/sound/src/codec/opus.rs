//! Opus (RFC 6716; RFC 7587).

use opus_pure::OpusDecoder;

use super::Decode;

/// The most samples of a packet: 120 ms at 48 kHz (RFC 6716 section 3.2).
const MOST: usize = 5760;

/// One channel: the decoder mixes two of them itself.
pub(crate) struct Opus {
    /// Without one, what comes is not heard.
    decoder: Option<OpusDecoder>,
}

impl Opus {
    pub(crate) fn new() -> Opus {
        Opus {
            decoder: OpusDecoder::new(48_000, 1).ok(),
        }
    }
}

impl Decode for Opus {
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        // A byte alone says that nothing is said for a while (RFC 7587 section 3.1.3).
        if payload.len() <= 1 {
            return;
        }
        if let Some(decoder) = &mut self.decoder {
            sound.resize(MOST, 0);
            let count = decoder.decode_s16(payload, MOST, sound).unwrap_or(0);
            sound.truncate(count);
        }
    }
}
