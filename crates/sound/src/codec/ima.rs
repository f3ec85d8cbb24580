//! DVI4: the ADPCM of the Interactive Multimedia Association as RTP carries it (RFC 3551 section 4.5.1).

use audio_codec_algorithms::{AdpcmImaState, decode_adpcm_ima};

use super::Decode;

/// Every packet says where it begins: the predicted sample, the step, a byte without meaning. In a byte, the first sample
/// has the high bits.
pub(crate) struct Dvi4;

impl Decode for Dvi4 {
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        let Some((&[high, low, step_index, _], codes)) = payload.split_first_chunk() else {
            return;
        };
        let mut state = AdpcmImaState::new();
        state.predictor = i16::from_be_bytes([high, low]);
        state.step_index = step_index;
        for &byte in codes {
            sound.push(decode_adpcm_ima(byte >> 4, &mut state));
            sound.push(decode_adpcm_ima(byte & 0x0f, &mut state));
        }
    }
}
