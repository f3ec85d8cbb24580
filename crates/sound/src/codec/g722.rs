//! G.722 (ITU-T G.722; RFC 3551 section 4.5.2): two bands of 8 kHz, each with an adaptive predictor.

use super::{Decode, clamp};

/// Inverse quantisers, by code: of 6 and 4 bits for the lower band, of 2 bits for the higher (tables 14 to 19).
const LOW_6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const LOW_4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
const HIGH_2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Multipliers of the scale factors, by code.
const LOW_MULTIPLIER: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
const HIGH_MULTIPLIER: [i32; 4] = [798, -214, 798, -214];
/// Powers of two in 32 steps.
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Half of the symmetric filter that joins the bands (table 11).
const FILTER: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// One band: its scale factor and its predictor (blocks 3 and 4).
struct Band {
    /// The logarithm of the scale factor, and the factor.
    logarithm: i32,
    scale: i32,
    /// The most that the logarithm may be, and what it is shifted by.
    most: i32,
    shift: i32,
    estimate: i32,
    by_zeros: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The last two signals, and the last two sums of difference and zeros.
    signals: [i32; 2],
    partials: [i32; 2],
    differences: [i32; 6],
}

impl Band {
    fn new(scale: i32, most: i32, shift: i32) -> Band {
        Band {
            logarithm: 0,
            scale,
            most,
            shift,
            estimate: 0,
            by_zeros: 0,
            poles: [0; 2],
            zeros: [0; 6],
            signals: [0; 2],
            partials: [0; 2],
            differences: [0; 6],
        }
    }

    fn quantised(&self, table: &[i32], code: usize) -> i32 {
        (self.scale * table.get(code).copied().unwrap_or(0)) >> 15
    }

    fn scale_by(&mut self, multiplier: i32) {
        self.logarithm = (((self.logarithm * 127) >> 7) + multiplier).clamp(0, self.most);
        let step = usize::try_from(self.logarithm >> 6 & 31).unwrap_or(0);
        let power = POWERS.get(step).copied().unwrap_or(0);
        let shift = self.shift - (self.logarithm >> 11);
        self.scale = if shift < 0 {
            power << -shift
        } else {
            power >> shift
        } << 2;
    }

    /// Adapts the predictor to a difference, and predicts the next sample.
    fn predict(&mut self, difference: i32) {
        let saturate = |value: i32| i32::from(clamp(value));
        let signal = saturate(self.estimate + difference);
        let partial = saturate(self.by_zeros + difference);
        let [first, second] = self.poles;
        let [last, before] = self.partials;
        let differs = |other: i32| (partial < 0) != (other < 0);
        // The second coefficient of the poles (block UPPOL2), then the first (UPPOL1).
        let scaled = saturate(first << 2);
        let weighed = if differs(last) { scaled } else { -scaled }.min(32_767);
        let next =
            if differs(before) { -128 } else { 128 } + (weighed >> 7) + ((second * 32_512) >> 15);
        let second = next.clamp(-12_288, 12_288);
        let step = if differs(last) { -192 } else { 192 };
        let most = saturate(15_360 - second);
        let first = saturate(step + ((first * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
        // The zeros (block UPZERO).
        let step = if difference == 0 { 0 } else { 128 };
        for (coefficient, before) in self.zeros.iter_mut().zip(&self.differences) {
            let step = if (difference < 0) == (*before < 0) {
                step
            } else {
                -step
            };
            *coefficient = saturate(step + ((*coefficient * 32_640) >> 15));
        }
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.signals = [signal, self.signals[0]];
        self.partials = [partial, last];
        let by_poles = saturate(
            self.poles
                .iter()
                .zip(&self.signals)
                .map(|(coefficient, signal)| (coefficient * saturate(signal + signal)) >> 15)
                .fold(0, |sum, part| saturate(sum + part)),
        );
        self.by_zeros = saturate(
            self.zeros
                .iter()
                .zip(&self.differences)
                .map(|(coefficient, difference)| {
                    (coefficient * saturate(difference + difference)) >> 15
                })
                .sum(),
        );
        self.estimate = saturate(by_poles + self.by_zeros);
    }
}

/// At 64 kbit/s, the only rate that RTP carries.
pub(crate) struct G722 {
    low: Band,
    high: Band,
    /// Sums and differences of the bands, the latest last.
    sums: [i32; 12],
    differences: [i32; 12],
}

impl Default for G722 {
    fn default() -> G722 {
        G722 {
            low: Band::new(32, 18_432, 8),
            high: Band::new(8, 22_528, 10),
            sums: [0; 12],
            differences: [0; 12],
        }
    }
}

impl Decode for G722 {
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        for &byte in payload {
            let code = usize::from(byte & 0x3f);
            let limit = |value: i32| value.clamp(-16_384, 16_383);
            let low = limit(self.low.estimate + self.low.quantised(&LOW_6, code));
            let difference = self.low.quantised(&LOW_4, code >> 2);
            let multiplier = LOW_MULTIPLIER.get(code >> 2).copied().unwrap_or(0);
            self.low.scale_by(multiplier);
            self.low.predict(difference);
            let code = usize::from(byte >> 6);
            let difference = self.high.quantised(&HIGH_2, code);
            let high = limit(self.high.estimate + difference);
            let multiplier = HIGH_MULTIPLIER.get(code).copied().unwrap_or(0);
            self.high.scale_by(multiplier);
            self.high.predict(difference);
            self.sums.rotate_left(1);
            self.differences.rotate_left(1);
            self.sums[11] = low + high;
            self.differences[11] = low - high;
            let filtered = |signal: &[i32; 12], filter: &mut dyn Iterator<Item = &i32>| {
                let sum: i32 = signal.iter().zip(filter).map(|(a, b)| a * b).sum();
                clamp(sum >> 11)
            };
            // The first sample of the differences with the filter backwards, the second one of the sums.
            sound.push(filtered(&self.differences, &mut FILTER.iter().rev()));
            sound.push(filtered(&self.sums, &mut FILTER.iter()));
        }
    }
}
