//! Samples as they are: L8 and L16 (RFC 3551 sections 4.5.10 and 4.5.11).

use super::{Decode, mix};

/// 8 bits, 128 is silence.
pub(crate) struct L8 {
    channels: u8,
}

impl L8 {
    pub(crate) fn new(channels: u8) -> L8 {
        L8 { channels }
    }
}

impl Decode for L8 {
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        let samples = payload.iter().map(|&byte| (i16::from(byte) - 128) * 256);
        mix(self.channels, samples, sound);
    }
}

/// 16 bits, the high byte first.
pub(crate) struct L16 {
    channels: u8,
}

impl L16 {
    pub(crate) fn new(channels: u8) -> L16 {
        L16 { channels }
    }
}

impl Decode for L16 {
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        let (samples, _) = payload.as_chunks();
        mix(
            self.channels,
            samples.iter().map(|sample| i16::from_be_bytes(*sample)),
            sound,
        );
    }
}
