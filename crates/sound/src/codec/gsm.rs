//! GSM full rate (ETSI EN 300 961, GSM 06.10; RFC 3551 section 4.5.8): 33 bytes are 20 ms.

use super::Decode;

/// Bytes of a frame, and its signature in the first four bits.
const FRAME: usize = 33;
const SIGNATURE: u8 = 0xd;

/// Decoded logarithmic area ratios: what each is quantised with (table 4.1 and 4.2), and the bits of its code.
struct Ratio {
    bits: u32,
    least: i32,
    offset: i32,
    inverse: i32,
}

const fn ratio(bits: u32, least: i32, offset: i32, inverse: i32) -> Ratio {
    Ratio {
        bits,
        least,
        offset,
        inverse,
    }
}

const RATIOS: [Ratio; 8] = [
    ratio(6, -32, 0, 13_107),
    ratio(6, -32, 0, 13_107),
    ratio(5, -16, 2048, 13_107),
    ratio(5, -16, -2560, 13_107),
    ratio(4, -8, 94, 19_223),
    ratio(4, -8, -1792, 17_476),
    ratio(3, -4, -341, 31_454),
    ratio(3, -4, -1144, 29_708),
];
/// Levels of the long term gain (table 4.3b), and normalised direct mantissas (table 4.6).
const GAINS: [i32; 4] = [3277, 11_469, 21_299, 32_767];
const MANTISSAS: [i32; 8] = [
    18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767,
];

pub(crate) struct Gsm {
    /// The residual of the last 120 samples, the latest last, and the lag that was valid last.
    residual: [i32; 120],
    lag: usize,
    /// The area ratios of the frame before, and the state of the synthesis filter and the deemphasis.
    ratios: [i32; 8],
    filter: [i32; 9],
    emphasis: i32,
}

impl Default for Gsm {
    fn default() -> Gsm {
        Gsm {
            residual: [0; 120],
            lag: 40,
            ratios: [0; 8],
            filter: [0; 9],
            emphasis: 0,
        }
    }
}

/// Bits, the highest first.
struct Bits<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> i32 {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.place / 8).copied().unwrap_or(0);
            value = value << 1 | i32::from(byte >> (7 - self.place % 8) & 1);
            self.place += 1;
        }
        value
    }
}

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// The product of two fractions, rounded (GSM_MULT_R).
fn times(a: i32, b: i32) -> i32 {
    saturate((a * b + 16_384) >> 15)
}

/// The residual pulses of a part of 40 samples (section 4.2.15 to 4.2.17).
fn pulses(grid: usize, maximum: i32, codes: [i32; 13]) -> [i32; 40] {
    let (mut exponent, mut mantissa) = (0, 0);
    if maximum > 15 {
        exponent = (maximum >> 3) - 1;
    }
    mantissa += maximum - (exponent << 3);
    if mantissa == 0 {
        exponent = -4;
        mantissa = 7;
    } else {
        while mantissa <= 7 {
            mantissa = mantissa << 1 | 1;
            exponent -= 1;
        }
        mantissa -= 8;
    }
    let scale = usize::try_from(mantissa)
        .ok()
        .and_then(|at| MANTISSAS.get(at))
        .copied()
        .unwrap_or(0);
    let shift = 6 - exponent;
    let rounding = if shift > 0 { 1 << (shift - 1) } else { 0 };
    let mut part = [0; 40];
    for (place, code) in part.iter_mut().skip(grid).step_by(3).zip(codes) {
        let pulse = times(scale, ((code << 1) - 7) << 12);
        *place = saturate(pulse + rounding) >> shift;
    }
    part
}

impl Gsm {
    fn frame(&mut self, frame: &[u8], sound: &mut Vec<i16>) {
        let mut bits = Bits {
            bytes: frame,
            place: 4,
        };
        let mut ratios = [0; 8];
        for (value, ratio) in ratios.iter_mut().zip(&RATIOS) {
            let code = bits.take(ratio.bits);
            let scaled = saturate((code + ratio.least) << 10) - (ratio.offset << 1);
            let scaled = times(ratio.inverse, saturate(scaled));
            *value = saturate(scaled + scaled);
        }
        let mut residual = [0; 160];
        for part in residual.as_chunks_mut().0 {
            let lag = usize::try_from(bits.take(7)).unwrap_or(0);
            let gain = usize::try_from(bits.take(2)).unwrap_or(0);
            let grid = usize::try_from(bits.take(2)).unwrap_or(0);
            let maximum = bits.take(6);
            let codes = std::array::from_fn(|_| bits.take(3));
            let gain = GAINS.get(gain).copied().unwrap_or(0);
            *part = self.long_term(lag, gain, &pulses(grid, maximum, codes));
        }
        self.short_term(&ratios, &residual, sound);
        self.ratios = ratios;
    }

    /// Adds what the residual repeats of itself (section 4.3.2).
    fn long_term(&mut self, lag: usize, gain: i32, pulses: &[i32; 40]) -> [i32; 40] {
        if (40..=120).contains(&lag) {
            self.lag = lag;
        }
        let before = self.residual.iter().skip(120 - self.lag);
        let mut part = [0; 40];
        for ((value, before), pulse) in part.iter_mut().zip(before).zip(pulses) {
            *value = saturate(pulse + times(gain, *before));
        }
        self.residual.rotate_left(40);
        if let Some(latest) = self.residual.last_chunk_mut() {
            *latest = part;
        }
        part
    }

    /// Gives the residual the shape of a voice (sections 4.2.9, 4.3.4 and 4.3.5). The ratios of two frames are joined in steps.
    fn short_term(&mut self, ratios: &[i32; 8], residual: &[i32; 160], sound: &mut Vec<i16>) {
        let before = self.ratios;
        let joined = |join: fn(i32, i32) -> i32| -> [i32; 8] {
            let mut reflections = [0; 8];
            for ((value, old), new) in reflections.iter_mut().zip(&before).zip(ratios) {
                *value = reflection(join(*old, *new));
            }
            reflections
        };
        let steps: [(usize, [i32; 8]); 4] = [
            (13, joined(|old, new| (old >> 2) + (new >> 2) + (old >> 1))),
            (14, joined(|old, new| (old >> 1) + (new >> 1))),
            (13, joined(|old, new| (old >> 2) + (new >> 2) + (new >> 1))),
            (120, joined(|_, new| new)),
        ];
        let mut samples = residual.iter();
        for (count, reflections) in &steps {
            for sample in samples.by_ref().take(*count) {
                let mut value = *sample;
                let mut at = 8;
                for coefficient in reflections.iter().rev() {
                    at -= 1;
                    let state = self.filter.get(at).copied().unwrap_or(0);
                    value = saturate(value - times(*coefficient, state));
                    if let Some(next) = self.filter.get_mut(at + 1) {
                        *next = saturate(state + times(*coefficient, value));
                    }
                }
                self.filter[0] = value;
                // Deemphasis, twice as loud, and 13 bits.
                self.emphasis = saturate(value + times(self.emphasis, 28_180));
                let sample = saturate(self.emphasis * 2) & !7;
                sound.push(i16::try_from(sample).unwrap_or(0));
            }
        }
    }
}

/// The reflection coefficient of a logarithmic area ratio (section 4.2.9.2).
fn reflection(ratio: i32) -> i32 {
    let magnitude = ratio.abs().min(32_767);
    let value = match magnitude {
        ..11_059 => magnitude << 1,
        11_059..20_070 => magnitude + 11_059,
        _ => saturate((magnitude >> 2) + 26_112),
    };
    if ratio < 0 { -value } else { value }
}

impl Decode for Gsm {
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        for frame in payload.chunks_exact(FRAME) {
            if frame.first().is_some_and(|first| first >> 4 == SIGNATURE) {
                self.frame(frame, sound);
            } else {
                // Its place stays, with nothing to be heard.
                sound.resize(sound.len() + 160, 0);
            }
        }
    }
}
