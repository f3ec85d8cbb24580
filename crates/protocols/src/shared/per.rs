//! Packed encoding rules of ASN.1, aligned variant (ITU-T X.691), as far as H.225.0 and H.245 take it.

/// Reads fields that do not end at bytes. Whatever is not there gives `None`.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit, counted from the first.
    at: usize,
}

/// The most elements of a list, and additions of a sequence, that are looked at.
const MAX_ELEMENTS: usize = 64;

impl<'a> Bits<'a> {
    /// From the first bit on.
    pub(crate) fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, at: 0 }
    }

    /// A bit: a boolean, or whether something optional is there.
    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// An unsigned number of so many bits, at most 32.
    pub(crate) fn bits(&mut self, count: u8) -> Option<u32> {
        let mut number = 0;
        for _ in 0..count.min(32) {
            number = number << 1 | u32::from(self.bit()?);
        }
        Some(number)
    }

    /// So many bytes, from the next byte that begins.
    pub(crate) fn octets(&mut self, count: usize) -> Option<&'a [u8]> {
        let begins = self.at.div_ceil(8);
        let end = begins.checked_add(count)?;
        let found = self.bytes.get(begins..end)?;
        self.at = end.checked_mul(8)?;
        Some(found)
    }

    /// A number that fills one byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.octets(1)?.first().copied()
    }

    /// A number that fills two bytes.
    pub(crate) fn pair(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.octets(2)?.try_into().ok()?))
    }

    /// A length without bounds (X.691 section 11.9). Fragments are not read.
    pub(crate) fn length(&mut self) -> Option<usize> {
        match self.byte()? {
            short @ ..0x80 => Some(usize::from(short)),
            long @ 0x80..0xc0 => Some(usize::from(long & 0x3f) << 8 | usize::from(self.byte()?)),
            _ => None,
        }
    }

    /// Bytes with their length before them.
    pub(crate) fn open(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.octets(length)
    }

    /// Bytes whose number is 1 to 256.
    pub(crate) fn up_to_256(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?) + 1;
        self.octets(length)
    }

    /// The place of a choice that came with a later version, and its bytes.
    pub(crate) fn later_choice(&mut self) -> Option<(u32, &'a [u8])> {
        if self.bit()? {
            return None;
        }
        let place = self.bits(6)?;
        Some((place, self.open()?))
    }

    /// A choice among those of the first version, as its place of so many bits; what came later is passed over.
    pub(crate) fn choice(&mut self, count: u8) -> Option<Option<u32>> {
        if self.bit()? {
            self.later_choice()?;
            return Some(None);
        }
        self.bits(count).map(Some)
    }

    /// The additions of later versions to a sequence, in their places.
    pub(crate) fn additions(&mut self) -> Option<Vec<Option<&'a [u8]>>> {
        if self.bit()? {
            return None;
        }
        let count = self.bits(6)? + 1;
        let there: Option<Vec<bool>> = (0..count).map(|_| self.bit()).collect();
        let additions = there?.into_iter().take(MAX_ELEMENTS);
        additions
            .map(|there| match there {
                true => self.open().map(Some),
                false => Some(None),
            })
            .collect()
    }

    /// A list whose elements are read so.
    pub(crate) fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Bits<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.length()?;
        if count > MAX_ELEMENTS {
            return None;
        }
        (0..count).map(|_| element(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_bit_by_bit_and_bytes_from_where_a_byte_begins() {
        let mut bits = Bits::new(&[0b1010_0000, 0x12, 0x34, 0x02, 9, 8]);
        assert_eq!(bits.bit(), Some(true));
        assert_eq!(bits.bits(2), Some(0b01));
        assert_eq!(bits.pair(), Some(0x1234));
        assert_eq!(bits.open(), Some(&[9, 8][..]));
        assert_eq!(bits.bit(), None);
    }

    #[test]
    fn lengths_of_two_bytes_and_additions_are_read() {
        assert_eq!(Bits::new(&[0x81, 0x02]).length(), Some(0x102));
        assert_eq!(Bits::new(&[0xc1, 0x02]).length(), None);
        // Three additions, of which the first and the third are there.
        let mut bits = Bits::new(&[0b0000_0101, 0b0100_0000, 1, 7, 2, 5, 6]);
        assert_eq!(
            bits.additions(),
            Some(vec![Some(&[7][..]), None, Some(&[5, 6][..])])
        );
    }
}
