//! G.726 (ITU-T G.726; RFC 3551 section 4.5.4): 16, 24, 32 and 40 kbit/s.

use super::{Decode, clamp};
use crate::encoding::Packing;

/// What the codes of one rate mean.
struct Table {
    /// Logarithms of the quantised differences, by code.
    difference: &'static [i32],
    /// Multipliers of the scale factor, by code.
    multiplier: &'static [i32],
    /// Speeds of adaptation, by code.
    speed: &'static [i32],
}

static RATE_16: Table = Table {
    difference: &[116, 365, 365, 116],
    multiplier: &[-704, 14_048, 14_048, -704],
    speed: &[0, 0xe00, 0xe00, 0],
};

static RATE_24: Table = Table {
    difference: &[-2048, 135, 273, 373, 373, 273, 135, -2048],
    multiplier: &[-128, 960, 4384, 18_624, 18_624, 4384, 960, -128],
    speed: &[0, 0x200, 0x400, 0xe00, 0xe00, 0x400, 0x200, 0],
};

static RATE_32: Table = Table {
    difference: &[
        -2048, 4, 135, 213, 273, 323, 373, 425, 425, 373, 323, 273, 213, 135, 4, -2048,
    ],
    multiplier: &[
        -384, 576, 1312, 2048, 3584, 6336, 11_360, 35_904, 35_904, 11_360, 6336, 3584, 2048, 1312,
        576, -384,
    ],
    speed: &[
        0, 0, 0, 0x200, 0x200, 0x200, 0x600, 0xe00, 0xe00, 0x600, 0x200, 0x200, 0x200, 0, 0, 0,
    ],
};

static RATE_40: Table = Table {
    difference: &[
        -2048, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566, 566, 539,
        514, 488, 459, 429, 395, 358, 318, 274, 224, 169, 104, 28, -66, -2048,
    ],
    multiplier: &[
        448, 448, 768, 1248, 1280, 1312, 1856, 3200, 4512, 5728, 7008, 8960, 11_456, 14_080,
        16_928, 22_272, 22_272, 16_928, 14_080, 11_456, 8960, 7008, 5728, 4512, 3200, 1856, 1312,
        1280, 1248, 768, 448, 448,
    ],
    speed: &[
        0, 0, 0, 0, 0, 0x200, 0x200, 0x200, 0x200, 0x200, 0x400, 0x600, 0x800, 0xa00, 0xc00, 0xc00,
        0xc00, 0xc00, 0xa00, 0x800, 0x600, 0x400, 0x200, 0x200, 0x200, 0x200, 0x200, 0, 0, 0, 0, 0,
    ],
};

/// A number as the predictor keeps it: a sign, four bits of exponent and six of mantissa.
#[derive(Clone, Copy)]
struct Float {
    negative: bool,
    exponent: i32,
    mantissa: i32,
}

impl Float {
    const ZERO: Float = Float {
        negative: false,
        exponent: 0,
        mantissa: 32,
    };

    fn of(magnitude: i32, negative: bool) -> Float {
        let exponent = bits(magnitude);
        let mantissa = match magnitude {
            0 => 32,
            magnitude => (magnitude << 6) >> exponent,
        };
        Float {
            negative,
            exponent,
            mantissa,
        }
    }

    /// The product with a coefficient (block FMULT).
    fn times(self, coefficient: i32) -> i32 {
        let negative = coefficient < 0;
        let magnitude = if negative {
            -coefficient & 0x1fff
        } else {
            coefficient
        };
        let exponent = bits(magnitude) - 6;
        let mantissa = match magnitude {
            0 => 32,
            magnitude if exponent >= 0 => magnitude >> exponent,
            magnitude => magnitude << -exponent,
        };
        let shift = exponent + self.exponent - 13;
        let product = (mantissa * self.mantissa + 0x30) >> 4;
        let product = if shift >= 0 {
            (product << shift) & 0x7fff
        } else {
            product >> (-shift).min(31)
        };
        if negative == self.negative {
            product
        } else {
            -product
        }
    }
}

/// How many bits a magnitude of at most 15 bits has.
fn bits(magnitude: i32) -> i32 {
    (32 - magnitude.clamp(0, 0x7fff).leading_zeros()).cast_signed()
}

pub(crate) struct G726 {
    table: &'static Table,
    bits: u8,
    packing: Packing,
    /// Scale factors: slow, and fast.
    slow: i32,
    fast: i32,
    /// Averages of the speed of adaptation, short and long, and what controls it.
    short_average: i32,
    long_average: i32,
    control: i32,
    /// Coefficients of the predictor, and what they are applied to.
    poles: [i32; 2],
    zeros: [i32; 6],
    differences: [Float; 6],
    signals: [Float; 2],
    /// Whether the last two partial signals were negative.
    signs: [bool; 2],
    tone: bool,
}

impl G726 {
    /// A decoder for codes of so many bits, 2 to 5.
    pub(crate) fn new(bits: u8, packing: Packing) -> G726 {
        let (bits, table) = match bits {
            ..=2 => (2, &RATE_16),
            3 => (3, &RATE_24),
            4 => (4, &RATE_32),
            5.. => (5, &RATE_40),
        };
        G726 {
            table,
            bits,
            packing,
            slow: 34_816,
            fast: 544,
            short_average: 0,
            long_average: 0,
            control: 0,
            poles: [0; 2],
            zeros: [0; 6],
            differences: [Float::ZERO; 6],
            signals: [Float::ZERO; 2],
            signs: [false; 2],
            tone: false,
        }
    }

    /// The scale factor of the quantiser (block MIX).
    fn scale(&self) -> i32 {
        if self.control >= 256 {
            return self.fast;
        }
        let slow = self.slow >> 6;
        let product = (self.fast - slow) * (self.control >> 2);
        // Towards zero.
        slow + product / 64
    }

    fn sample(&mut self, code: u8) -> i16 {
        let at = usize::from(code);
        let of = |table: &[i32]| table.get(at).copied().unwrap_or(0);
        let by_zeros: i32 = self
            .zeros
            .iter()
            .zip(&self.differences)
            .map(|(coefficient, difference)| difference.times(coefficient >> 2))
            .sum();
        let by_poles: i32 = self
            .poles
            .iter()
            .zip(&self.signals)
            .map(|(coefficient, signal)| signal.times(coefficient >> 2))
            .sum();
        let estimate = (by_zeros + by_poles) >> 1;
        let scale = self.scale();
        let negative = code >> (self.bits - 1) & 1 == 1;
        let magnitude = magnitude(of(self.table.difference), scale);
        let difference = if negative { -magnitude } else { magnitude };
        let signal = estimate + difference;
        let partial = signal - estimate + (by_zeros >> 1);
        let multiplier = of(self.table.multiplier);
        let speed = of(self.table.speed);
        self.adapt(
            scale, multiplier, speed, magnitude, negative, signal, partial,
        );
        clamp(signal << 2)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what the recommendation's blocks hand to each other"
    )]
    fn adapt(
        &mut self,
        scale: i32,
        multiplier: i32,
        speed: i32,
        magnitude: i32,
        negative: bool,
        signal: i32,
        partial: i32,
    ) {
        let sign = partial < 0;
        // A leap from one tone to another (block TRANS).
        let whole = self.slow >> 15;
        let threshold = match whole {
            10.. => 31 << 10,
            whole => (32 + (self.slow >> 10 & 0x1f)) << whole,
        };
        let leap = self.tone && magnitude > (threshold + (threshold >> 1)) >> 1;
        self.fast = (scale + ((multiplier - scale) >> 5)).clamp(544, 5120);
        self.slow += self.fast + (-self.slow >> 6);
        let mut second = 0;
        if leap {
            self.poles = [0; 2];
            self.zeros = [0; 6];
        } else {
            second = self.adapt_poles(sign, partial);
            let leak = if self.bits == 5 { 9 } else { 8 };
            for (coefficient, before) in self.zeros.iter_mut().zip(&self.differences) {
                *coefficient -= *coefficient >> leak;
                if magnitude != 0 {
                    *coefficient += if negative == before.negative {
                        128
                    } else {
                        -128
                    };
                }
            }
        }
        self.differences.rotate_right(1);
        self.signals.rotate_right(1);
        self.signs.rotate_right(1);
        self.differences[0] = Float::of(magnitude, negative);
        self.signals[0] = Float::of(signal.abs(), signal < 0);
        self.signs[0] = sign;
        self.tone = !leap && second < -11_776;
        self.short_average += (speed - self.short_average) >> 5;
        self.long_average += ((speed << 2) - self.long_average) >> 7;
        let unsteady =
            ((self.short_average << 2) - self.long_average).abs() >= self.long_average >> 3;
        if leap {
            self.control = 256;
        } else if scale < 1536 || self.tone || unsteady {
            self.control += (0x200 - self.control) >> 4;
        } else {
            self.control += -self.control >> 4;
        }
    }

    /// Adapts the second order predictor (blocks UPA1, UPA2, LIMC, LIMD); gives its second coefficient.
    fn adapt_poles(&mut self, sign: bool, partial: i32) -> i32 {
        let [first, second] = &mut self.poles;
        let [last, before] = self.signs;
        let mut next = *second - (*second >> 7);
        if partial != 0 {
            let weighed = if sign == last { -*first } else { *first };
            next += match weighed {
                ..-8191 => -0x100,
                8192.. => 0xff,
                weighed => weighed >> 5,
            };
            next += if sign == before { 0x80 } else { -0x80 };
            next = next.clamp(-12_288, 12_288);
        }
        *second = next;
        *first -= *first >> 8;
        if partial != 0 {
            *first += if sign == last { 192 } else { -192 };
        }
        let most = 15_360 - next;
        *first = (*first).clamp(-most, most);
        next
    }
}

/// The quantised difference that a logarithm stands for (blocks ADDA, ANTILOG).
fn magnitude(logarithm: i32, scale: i32) -> i32 {
    let logarithm = logarithm + (scale >> 2);
    if logarithm < 0 {
        return 0;
    }
    let exponent = logarithm >> 7 & 15;
    ((128 + (logarithm & 127)) << 7) >> (14 - exponent).max(0)
}

impl Decode for G726 {
    fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        let width = u32::from(self.bits);
        let mask = (1_u32 << width) - 1;
        let (mut held, mut count) = (0_u32, 0_u32);
        for &byte in payload {
            match self.packing {
                Packing::Low => held |= u32::from(byte) << count,
                Packing::High => held = (held << 8 | u32::from(byte)) & 0xffff,
            }
            count += 8;
            while count >= width {
                count -= width;
                let code = match self.packing {
                    Packing::Low => {
                        let code = held & mask;
                        held >>= width;
                        code
                    }
                    Packing::High => held >> count & mask,
                };
                let sample = self.sample(u8::try_from(code).unwrap_or(0));
                sound.push(sample);
            }
        }
    }
}
