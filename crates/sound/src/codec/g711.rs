//! A-law and mu-law (ITU-T G.711; RFC 3551 section 4.5.14).

use audio_codec_algorithms::{decode_alaw, decode_ulaw};

use super::{Decode, mix};

pub(crate) struct G711 {
    law: fn(u8) -> i16,
    channels: u8,
}

impl G711 {
    pub(crate) fn mu_law(channels: u8) -> G711 {
        G711 {
            law: decode_ulaw,
            channels,
        }
    }

    pub(crate) fn a_law(channels: u8) -> G711 {
        G711 {
            law: decode_alaw,
            channels,
        }
    }
}

impl Decode for G711 {
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        let law = self.law;
        mix(self.channels, payload.iter().map(|&byte| law(byte)), sound);
    }
}
