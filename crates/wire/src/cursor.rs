//! A reader that cannot run past the end of what it was given.

use thiserror::Error;

/// Fewer bytes than a field needs: what was wanted, what was there, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{layer}: {needed} bytes needed at offset {offset}, {had} left")]
pub struct Cut {
    /// The layer or structure that was being read: `ipv4`, `tls client hello`.
    pub layer: &'static str,
    /// Bytes that the field needs.
    pub needed: usize,
    /// Bytes that were left.
    pub had: usize,
    /// Offset of the field, in bytes from where the cursor began.
    pub offset: usize,
}

impl Cut {
    /// For content that contradicts its own rules at `offset`: nothing is missing, it just is not so.
    pub fn wrong(layer: &'static str, offset: usize) -> Cut {
        Cut {
            layer,
            needed: 0,
            had: 0,
            offset,
        }
    }
}

/// Reads fields one after the other; every read checks its length. Numbers are big-endian unless
/// their name says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    layer: &'static str,
    bytes: &'a [u8],
    at: usize,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $type:ty, $from:ident) => {
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self) -> Result<$type, Cut> {
            self.array().map(<$type>::$from)
        }
    };
}

impl<'a> Cursor<'a> {
    /// A cursor at the first of `bytes`; `layer` is what errors will name.
    #[inline]
    pub fn new(layer: &'static str, bytes: &'a [u8]) -> Cursor<'a> {
        Cursor {
            layer,
            bytes,
            at: 0,
        }
    }

    fn cut(&self, needed: usize) -> Cut {
        Cut {
            layer: self.layer,
            needed,
            had: self.remaining(),
            offset: self.at,
        }
    }

    /// An error at this place for content that contradicts its own rules.
    pub fn wrong(&self) -> Cut {
        Cut::wrong(self.layer, self.at)
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Cut> {
        let end = self.at.checked_add(count).ok_or_else(|| self.cut(count))?;
        let taken = self
            .bytes
            .get(self.at..end)
            .ok_or_else(|| self.cut(count))?;
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes, copied.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Cut> {
        let taken = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk::<N>());
        let array = *taken.ok_or_else(|| self.cut(N))?;
        self.at += N;
        Ok(array)
    }

    number!(/// One byte.
        u8, u8, from_be_bytes);
    number!(/// Two bytes.
        u16, u16, from_be_bytes);
    number!(/// Four bytes.
        u32, u32, from_be_bytes);
    number!(/// Eight bytes.
        u64, u64, from_be_bytes);
    number!(/// Two bytes, little-endian.
        u16_le, u16, from_le_bytes);
    number!(/// Four bytes, little-endian.
        u32_le, u32, from_le_bytes);
    number!(/// Eight bytes, little-endian.
        u64_le, u64, from_le_bytes);

    /// Three bytes.
    #[inline]
    pub fn u24(&mut self) -> Result<u32, Cut> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Passes over `count` bytes.
    #[inline]
    pub fn skip(&mut self, count: usize) -> Result<(), Cut> {
        self.take(count).map(|_| ())
    }

    /// A cursor confined to the next `count` bytes, which this one passes over.
    #[inline]
    pub fn sub(&mut self, layer: &'static str, count: usize) -> Result<Cursor<'a>, Cut> {
        Ok(Cursor::new(layer, self.take(count)?))
    }

    /// A cursor confined to a vector whose length stands before it in one byte.
    pub fn vector8(&mut self, layer: &'static str) -> Result<Cursor<'a>, Cut> {
        let length = self.u8()?;
        self.sub(layer, usize::from(length))
    }

    /// A cursor confined to a vector whose length stands before it in two bytes.
    pub fn vector16(&mut self, layer: &'static str) -> Result<Cursor<'a>, Cut> {
        let length = self.u16()?;
        self.sub(layer, usize::from(length))
    }

    /// All that is left, which this cursor passes over.
    #[inline]
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    /// All that is left, which stays.
    #[inline]
    pub fn peek(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Bytes left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Whether nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// Bytes passed so far.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_in_order() {
        let mut cursor = Cursor::new("test", &[1, 0, 2, 0, 0, 3, 4, 0]);
        assert_eq!(cursor.u8(), Ok(1));
        assert_eq!(cursor.u16(), Ok(2));
        assert_eq!(cursor.u24(), Ok(3));
        assert_eq!(cursor.u16_le(), Ok(4));
        assert!(cursor.is_empty());
    }

    #[test]
    fn a_short_read_says_what_was_missing_and_moves_nothing() {
        let mut cursor = Cursor::new("test", &[1, 2, 3]);
        assert_eq!(cursor.u16(), Ok(0x0102));
        let cut = cursor.u32().unwrap_err();
        assert_eq!(
            cut,
            Cut {
                layer: "test",
                needed: 4,
                had: 1,
                offset: 2
            }
        );
        assert_eq!(cut.to_string(), "test: 4 bytes needed at offset 2, 1 left");
        assert_eq!(cursor.u8(), Ok(3));
    }

    #[test]
    fn a_sub_cursor_stays_inside_its_length() {
        let mut cursor = Cursor::new("outer", &[2, 7, 8, 9]);
        let mut inner = cursor.vector8("inner").unwrap();
        assert_eq!(inner.rest(), &[7, 8]);
        assert!(inner.u8().is_err());
        assert_eq!(cursor.rest(), &[9]);
    }

    #[test]
    fn an_absurd_length_does_not_overflow() {
        let mut cursor = Cursor::new("test", &[1]);
        cursor.skip(1).unwrap();
        assert!(cursor.take(usize::MAX).is_err());
    }
}
