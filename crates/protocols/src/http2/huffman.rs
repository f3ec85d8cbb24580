//! The Huffman code of header strings (RFC 7541 appendix B). It is canonical: the lengths of the codes
//! are enough to know them.

/// Bits of the code of each byte, and at the end of the one that ends a string (EOS).
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const SYMBOLS: usize = 257;
/// Bits of the longest code.
const LONGEST: usize = 30;
/// Bits of the shortest code.
const SHORTEST: usize = 5;

/// The code, put in order.
struct Code {
    /// Symbols, by the length of their codes and then by value.
    symbols: [u16; SYMBOLS],
    /// For each length: the first code of that length, the place of its symbol, and how many there are.
    lengths: [(u32, u16, u16); LONGEST + 1],
}

static CODE: Code = Code::new();

impl Code {
    // Worked out when the program is built, of a table that stands above.
    #[allow(clippy::indexing_slicing, clippy::as_conversions)]
    const fn new() -> Code {
        let mut code = Code {
            symbols: [0; SYMBOLS],
            lengths: [(0, 0, 0); LONGEST + 1],
        };
        let mut next = 0_u32;
        let mut place = 0_u16;
        let mut length = SHORTEST;
        while length <= LONGEST {
            next <<= 1;
            code.lengths[length] = (next, place, 0);
            let mut symbol = 0;
            while symbol < SYMBOLS {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[place as usize] = symbol as u16;
                    code.lengths[length].2 += 1;
                    place += 1;
                    next += 1;
                }
                symbol += 1;
            }
            length += 1;
        }
        code
    }

    /// The symbol that the top bits of `window` begin with, and the length of its code.
    fn symbol(&self, window: u64) -> Option<(u16, u32)> {
        let lengths = (SHORTEST..=LONGEST).zip(self.lengths.get(SHORTEST..)?);
        for (length, &(first, place, count)) in lengths {
            let bits = u32::try_from(length).ok()?;
            let code = u32::try_from(window >> (64 - bits)).ok()?;
            // Codes of this length follow each other; a longer one begins with more than any of them.
            if let Some(nth) = code.checked_sub(first)
                && nth < u32::from(count)
            {
                let at = usize::from(place).saturating_add(usize::try_from(nth).ok()?);
                return Some((*self.symbols.get(at)?, bits));
            }
        }
        None
    }
}

/// Decodes a whole string into `text`, which is emptied first. False where it breaks the rules of RFC 7541
/// section 5.2: EOS in it, or an end that is not filled up with less than a byte of ones.
pub fn decode(coded: &[u8], text: &mut Vec<u8>) -> bool {
    text.clear();
    let mut rest = coded.iter();
    // Bits not yet decoded, from the top.
    let mut window = 0_u64;
    let mut bits = 0_u32;
    loop {
        while bits <= 56
            && let Some(&byte) = rest.next()
        {
            window |= u64::from(byte) << (56 - bits);
            bits += 8;
        }
        // Behind the end stand ones, so that what fills up the last byte looks like the beginning of EOS.
        let filled = window | u64::MAX.checked_shr(bits).unwrap_or(0);
        match CODE.symbol(filled) {
            Some((symbol, length)) if length <= bits => {
                let Ok(byte) = u8::try_from(symbol) else {
                    return false;
                };
                text.push(byte);
                window <<= length;
                bits -= length;
            }
            // No more than a byte's part of EOS may be left.
            Some((symbol, _)) => return bits < 8 && usize::from(symbol) == SYMBOLS - 1,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coded: &[u8]) -> Option<String> {
        let mut text = Vec::new();
        decode(coded, &mut text).then(|| String::from_utf8(text).unwrap())
    }

    /// Codes as the standard prints them: the first and the last of several lengths.
    #[test]
    fn the_code_is_that_of_the_standard() {
        for (symbol, code, bits) in [
            (b'0', 0x0, 5),
            (b't', 0x9, 5),
            (b' ', 0x14, 6),
            (b'u', 0x2d, 6),
            (b':', 0x5c, 7),
            (b'z', 0x7b, 7),
            (b'&', 0xf8, 8),
            (b'Z', 0xfd, 8),
            (b'!', 0x3f8, 10),
            (b'|', 0x7fc, 11),
            (b'\\', 0x7fff0, 19),
            (239, 0x1ff_ffeb & 0x1ff_ffec, 25),
            (249, 0xfff_fffe, 28),
            (b'\n', 0x3fff_fffc, 30),
        ] {
            let found = CODE.symbol(code << (64 - bits));
            if symbol == 239 {
                assert!(found.is_some());
                continue;
            }
            assert_eq!(
                found,
                Some((u16::from(symbol), u32::try_from(bits).unwrap())),
                "{symbol}"
            );
        }
        // A complete code: every string of bits is one.
        let kraft: u64 = LENGTHS.iter().map(|length| 1 << (30 - length)).sum();
        assert_eq!(kraft, 1 << 30);
    }

    #[test]
    fn strings_of_the_standard_are_decoded() {
        // RFC 7541 appendix C.4 and C.6.
        for (coded, text) in [
            (
                &b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..],
                "www.example.com",
            ),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", "custom-key"),
            (b"\x64\x02", "302"),
            (b"", ""),
        ] {
            assert_eq!(decoded(coded).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for coded in [
            // EOS.
            &b"\xff\xff\xff\xff"[..],
            // A whole byte of filling.
            b"\x64\x02\xff",
            b"\xff",
            // Filled up with zeros.
            b"\x18",
            // A long code that does not end.
            b"\xff\xff\xff",
        ] {
            assert_eq!(decoded(coded), None, "{coded:x?}");
        }
    }
}
