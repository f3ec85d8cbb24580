//! Mutations that keep most of what an input is, from dice that fall the same every time.

/// Dice: xorshift64* (Marsaglia, Vigna). Repeatable, and good enough to choose by.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall as `seed` will have it.
    pub fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.number() >> 11) % (end.max(1) as u64)) as usize
    }

    fn byte(&mut self) -> u8 {
        (self.number() >> 24) as u8
    }
}

/// Numbers at which lengths and counts go wrong.
const INTERESTING: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    31,
    32,
    63,
    64,
    127,
    128,
    129,
    255,
    256,
    512,
    1023,
    1024,
    4096,
    16_383,
    16_384,
    16_385,
    32_767,
    32_768,
    65_535,
    65_536,
    0xff_ffff,
    0x100_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];

/// Words of protocols that bring a reader somewhere else.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b":",
    b";",
    b"=",
    b"\"",
    b"\\",
    b"%",
    b"<",
    b"\xc0\x0c",
    b"\xff\xff\xff\xff",
    b"STARTTLS\r\n",
    b"AUTH PLAIN ",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"\x16\x03\x01",
    b"\x80\0\0\0",
    b"18446744073709551616",
    b"-1",
    b"99999999999999999999",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"{4294967295}\r\n",
];

/// The longest input that a mutation makes, in bytes.
const LONGEST: usize = 32 << 10;

/// A mutation of `seed`; `other` is another seed, that parts are taken from.
pub fn mutate(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(6) {
        once(&mut bytes, other, dice);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn once(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let scale = dice.below(9);
    let run = 1 + dice.below(1 << scale);
    let end = (at + run).min(bytes.len());
    match dice.below(12) {
        // A bit.
        0 | 1 => {
            let bit = 1 << dice.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        // A byte.
        2 => {
            let value = dice.byte();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        // A length field: one, two, three or four bytes, either end first.
        3 | 4 => {
            let size = 1 + dice.below(4);
            let near = dice.below(9) as u64;
            let value = if dice.below(2) == 0 {
                INTERESTING[dice.below(INTERESTING.len())]
            } else {
                ((bytes.len() - at) as u64 + near).wrapping_sub(4)
            };
            let mut field = value.to_be_bytes()[8 - size..].to_vec();
            if dice.below(3) == 0 {
                field.reverse();
            }
            if at + size <= bytes.len() {
                bytes[at..at + size].copy_from_slice(&field);
            }
        }
        // A number in a field counts up or down.
        5 => {
            let step = dice.below(5) as u8;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = byte.wrapping_add(step).wrapping_sub(2);
            }
        }
        // Bytes are gone.
        6 => drop(bytes.drain(at..end)),
        // Bytes come twice.
        7 => {
            let copy = bytes[at..end].to_vec();
            let scale = dice.below(6);
            let times = 1 + dice.below(1 << scale);
            for _ in 0..times {
                bytes.splice(at..at, copy.iter().copied());
                if bytes.len() > LONGEST {
                    break;
                }
            }
        }
        // A word is put in.
        8 => {
            let word = WORDS[dice.below(WORDS.len())];
            bytes.splice(at..at, word.iter().copied());
        }
        // A run of anything is put in.
        9 => {
            let value = dice.byte();
            let noise: Vec<u8> = match dice.below(2) {
                0 => vec![value; run],
                _ => (0..run).map(|_| dice.byte()).collect(),
            };
            bytes.splice(at..at, noise);
        }
        // A part of another seed takes the place of the rest, or is put in.
        10 => {
            let from = dice.below(other.len() + 1);
            if dice.below(2) == 0 {
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            } else {
                let to = (from + run).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
        // It ends early.
        _ => bytes.truncate(at),
    }
}
