//! The frames of IAX2, and the information elements in them (RFC 5456 section 8).

use overheard_tap::{Cursor, Cut};

use crate::shared::call_book::shortened;

/// The most information elements of a frame that are looked at.
const MAX_ELEMENTS: usize = 64;
/// Bytes of the head of a full frame (RFC 5456 section 8.1.1).
pub(super) const HEAD: usize = 12;

/// Types of full frames (RFC 5456 section 8.2).
pub(super) mod kind {
    pub(in crate::iax2) const DTMF: u8 = 1;
    pub(in crate::iax2) const VOICE: u8 = 2;
    pub(in crate::iax2) const CONTROL: u8 = 4;
    pub(in crate::iax2) const IAX: u8 = 6;
    /// The highest that is in use: the beginning of a key press.
    pub(in crate::iax2) const LAST: u8 = 12;
}

/// IAX control frames (RFC 5456 section 8.4).
pub(super) mod iax {
    pub(in crate::iax2) const NEW: u8 = 1;
    pub(in crate::iax2) const HANGUP: u8 = 5;
    pub(in crate::iax2) const REJECT: u8 = 6;
    pub(in crate::iax2) const ACCEPT: u8 = 7;
    pub(in crate::iax2) const AUTHREQ: u8 = 8;
    pub(in crate::iax2) const AUTHREP: u8 = 9;
    pub(in crate::iax2) const REGREQ: u8 = 13;
    pub(in crate::iax2) const REGACK: u8 = 15;
    pub(in crate::iax2) const REGREJ: u8 = 16;
    /// The highest that is in use: CALLTOKEN (RFC 5457).
    pub(in crate::iax2) const LAST: u8 = 40;
}

/// Information elements (RFC 5456 section 8.6).
pub(super) mod element {
    pub(in crate::iax2) const CALLED_NUMBER: u8 = 1;
    pub(in crate::iax2) const CALLING_NUMBER: u8 = 2;
    pub(in crate::iax2) const CALLING_ANI: u8 = 3;
    pub(in crate::iax2) const CALLING_NAME: u8 = 4;
    pub(in crate::iax2) const USERNAME: u8 = 6;
    pub(in crate::iax2) const PASSWORD: u8 = 7;
    pub(in crate::iax2) const FORMAT: u8 = 9;
    pub(in crate::iax2) const VERSION: u8 = 11;
    pub(in crate::iax2) const DNID: u8 = 13;
    pub(in crate::iax2) const MD5_RESULT: u8 = 16;
    pub(in crate::iax2) const RSA_RESULT: u8 = 17;
    pub(in crate::iax2) const CAUSE: u8 = 22;
    pub(in crate::iax2) const CAUSE_CODE: u8 = 42;
    pub(in crate::iax2) const ENCRYPTION: u8 = 43;
}

/// A full frame (RFC 5456 section 8.1.1).
pub(super) struct Full<'a> {
    pub(super) source: u16,
    pub(super) destination: u16,
    pub(super) repeated: bool,
    pub(super) timestamp: u32,
    pub(super) outbound: u8,
    pub(super) kind: u8,
    /// The subclass; for voice the bit of the format.
    pub(super) subclass: u32,
    pub(super) payload: &'a [u8],
}

pub(super) fn full(bytes: &[u8]) -> Result<Full<'_>, Cut> {
    let mut cursor = Cursor::new("iax2", bytes);
    let wrong = cursor.wrong();
    let source = cursor.u16()?;
    let destination = cursor.u16()?;
    let timestamp = cursor.u32()?;
    let outbound = cursor.u8()?;
    let _inbound = cursor.u8()?;
    let kind = cursor.u8()?;
    let subclass = cursor.u8()?;
    let source = source & 0x7fff;
    if !(1..=kind::LAST).contains(&kind) || source == 0 {
        return Err(wrong);
    }
    // With the highest bit set the rest is the power of two.
    let power = u32::from(subclass & 0x7f);
    let subclass = match subclass & 0x80 {
        0 => u32::from(subclass),
        _ => 1_u32.checked_shl(power).unwrap_or_default(),
    };
    Ok(Full {
        source,
        destination: destination & 0x7fff,
        repeated: destination & 0x8000 != 0,
        timestamp,
        outbound,
        kind,
        subclass,
        payload: cursor.rest(),
    })
}

impl Full<'_> {
    pub(super) fn is(&self, subclass: u8) -> bool {
        self.kind == kind::IAX && self.subclass == u32::from(subclass)
    }
}

/// The information elements of a frame; `None` where they do not fill it.
pub(super) fn elements(bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut cursor = Cursor::new("iax2 element", bytes);
    let mut found = Vec::new();
    while !cursor.is_empty() && found.len() < MAX_ELEMENTS {
        let name = cursor.u8().ok()?;
        let value = cursor.vector8("iax2 element").ok()?.rest();
        found.push((name, value));
    }
    Some(found)
}

pub(super) fn element<'a>(elements: &[(u8, &'a [u8])], name: u8) -> Option<&'a [u8]> {
    elements
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
}

pub(super) fn text(elements: &[(u8, &[u8])], name: u8) -> Option<String> {
    let value = element(elements, name)?;
    Some(shortened(&String::from_utf8_lossy(value))).filter(|text| !text.is_empty())
}

pub(super) fn number(elements: &[(u8, &[u8])], name: u8) -> Option<u32> {
    let value = element(elements, name)?;
    let digits = value
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u32::from(byte));
    (value.len() <= 4).then_some(digits)
}

/// The payload type that RTP would have for a format, and the name of the codec (RFC 5456 section 8.7); 96 for those without
/// a fixed one.
pub(super) fn codec(format: u32) -> Option<(u8, &'static str)> {
    Some(match format {
        0x1 => (4, "G723"),
        0x2 => (3, "GSM"),
        0x4 => (0, "PCMU"),
        0x8 => (8, "PCMA"),
        0x10 | 0x800 => (96, "G726-32"),
        0x20 => (96, "IMA-ADPCM"),
        0x40 => (96, "L16"),
        0x80 => (7, "LPC"),
        0x100 => (18, "G729"),
        0x200 => (96, "speex"),
        0x400 => (96, "iLBC"),
        0x1000 => (9, "G722"),
        _ => return None,
    })
}

/// One entry of a trunk frame: call number, time where it has one, and voice.
pub(super) fn trunked<'a>(
    cursor: &mut Cursor<'a>,
    timed: bool,
) -> Option<(u16, Option<u16>, &'a [u8])> {
    let mut ahead = *cursor;
    let (one, other) = (ahead.u16().ok()?, ahead.u16().ok()?);
    let (source, length, time) = match timed {
        true => (other, one, Some(ahead.u16().ok()?)),
        false => (one, other, None),
    };
    let payload = ahead.take(usize::from(length)).ok()?;
    *cursor = ahead;
    Some((source, time, payload))
}

/// The time whose lower half this is, closest to the latest that is known.
pub(super) fn whole_time(latest: u32, lower: u16) -> u32 {
    let [high, low, ..] = [latest >> 16, latest & 0xffff];
    let time = high << 16 | u32::from(lower);
    match u32::from(lower) {
        lower if lower + 0x8000 < low => time.wrapping_add(0x1_0000),
        lower if lower > low + 0x8000 && high > 0 => time.wrapping_sub(0x1_0000),
        _ => time,
    }
}
