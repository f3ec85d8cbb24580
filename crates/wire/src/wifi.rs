//! IEEE 802.11 data frames that are not encrypted, and the radiotap header.

use crate::decode::{Next, Walk};

/// The most words of presence flags of one radiotap header that are read.
const RADIOTAP_WORDS: usize = 16;

/// How an 802.11 header departs from the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Not at all.
    Plain,
    /// Filled up to four bytes, as some network cards do.
    Padded,
    /// The two bytes of the frame control have changed places, as some access points do.
    Swapped,
}

/// The radiotap header: little-endian, of a length of its own. Its flags say whether the 802.11 header
/// is filled up.
pub(crate) fn radiotap(walk: &mut Walk<'_>) -> Option<Next> {
    let Some(&[version, _, l0, l1, ..]) = walk.rest.peek::<8>() else {
        return walk.cut("radiotap", 8);
    };
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if version != 0 || length < 8 {
        return walk.malformed("radiotap");
    }
    let header = walk.rest.bytes.get(..length);
    walk.skip("radiotap", length)?;
    let flags = header.and_then(radiotap_flags).unwrap_or(0);
    Some(Next::Wifi(if flags & 0x20 != 0 {
        Shape::Padded
    } else {
        Shape::Plain
    }))
}

/// The flags field, which follows the presence words and the time stamp, if that is there.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let words = header.get(4..)?;
    let mut present = words.chunks_exact(4).take(RADIOTAP_WORDS);
    let &[first, _, _, extended] = present.next()?.first_chunk()?;
    let mut fields = 8;
    let mut more = extended & 0x80 != 0;
    while more {
        more = present.next()?.last()? & 0x80 != 0;
        fields += 4;
    }
    if first & 2 == 0 {
        return None;
    }
    if first & 1 != 0 {
        fields = usize::next_multiple_of(fields, 8) + 8;
    }
    header.get(fields).copied()
}

/// An 802.11 frame. Only data that is not encrypted is read, and of an aggregate (A-MSDU) the first frame.
pub(crate) fn ieee80211(walk: &mut Walk<'_>, shape: Shape) -> Option<Next> {
    let Some(&[first, second]) = walk.rest.peek() else {
        return walk.cut("802.11", 2);
    };
    let (control, flags) = if shape == Shape::Swapped {
        (second, first)
    } else {
        (first, second)
    };
    let (data, quality, empty) = (
        control & 0x0c == 0x08,
        control & 0x80 != 0,
        control & 0x40 != 0,
    );
    let (four_addresses, more, protected, order) = (
        flags & 3 == 3,
        flags & 4 != 0,
        flags & 0x40 != 0,
        flags & 0x80 != 0,
    );
    if !data || empty || protected {
        return None;
    }
    let header = walk.header::<24>("802.11")?;
    let later_fragment = header.get(22).is_none_or(|sequence| sequence & 15 != 0);
    // Who exchanges the bytes of one field writes others of his own, too.
    if more || (later_fragment && shape != Shape::Swapped) {
        return None;
    }
    let mut length = 24;
    if four_addresses {
        walk.skip("802.11", 6)?;
        length += 6;
    }
    let mut aggregate = false;
    if quality {
        let &[low, _] = walk.header("802.11")?;
        aggregate = low & 0x80 != 0;
        length += 2;
        if order {
            walk.skip("802.11", 4)?;
            length += 4;
        }
    }
    if shape == Shape::Padded {
        walk.skip("802.11", usize::next_multiple_of(length, 4) - length)?;
    }
    if aggregate {
        let &[.., l0, l1] = walk.header::<14>("a-msdu")?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length < walk.rest.wire {
            walk.rest.limit(length);
        }
    }
    Some(Next::Llc)
}

#[cfg(test)]
mod tests;
