//! Byte order, which a capture chooses for itself.

use overheard_wire::{Cursor, Cut};

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Most significant byte first.
    Big,
    /// Least significant byte first.
    Little,
}

impl Order {
    #[inline]
    pub(crate) fn u16(self, cursor: &mut Cursor<'_>) -> Result<u16, Cut> {
        match self {
            Order::Big => cursor.u16(),
            Order::Little => cursor.u16_le(),
        }
    }

    #[inline]
    pub(crate) fn u32(self, cursor: &mut Cursor<'_>) -> Result<u32, Cut> {
        match self {
            Order::Big => cursor.u32(),
            Order::Little => cursor.u32_le(),
        }
    }

    #[inline]
    pub(crate) fn u64(self, cursor: &mut Cursor<'_>) -> Result<u64, Cut> {
        match self {
            Order::Big => cursor.u64(),
            Order::Little => cursor.u64_le(),
        }
    }
}
