//! Elements of the Basic Encoding Rules (ITU-T X.690) with definite lengths, as SNMP and LDAP use them.

use overheard_tap::{Cursor, Cut};

/// Tag of an INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// Tag of an OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// Tag of an OBJECT IDENTIFIER.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
/// Tag of a SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;

/// The next element: its tag (of one byte) and a cursor confined to its contents.
///
/// # Errors
/// Where the element does not fit, its tag has several bytes, or its length is indefinite or has
/// more than four bytes.
pub(crate) fn element<'a>(
    cursor: &mut Cursor<'a>,
    layer: &'static str,
) -> Result<(u8, Cursor<'a>), Cut> {
    let wrong = cursor.wrong();
    let tag = cursor.u8()?;
    if tag & 0x1f == 0x1f {
        return Err(wrong);
    }
    let length = match cursor.u8()? {
        short @ 0..=0x7f => usize::from(short),
        long @ 0x81..=0x84 => {
            let mut length = 0;
            for &byte in cursor.take(usize::from(long & 0x7f))? {
                length = length << 8 | usize::from(byte);
            }
            length
        }
        _ => return Err(wrong),
    };
    Ok((tag, cursor.sub(layer, length)?))
}

/// The contents of the next element, which must have this tag.
///
/// # Errors
/// As [`element`], and where the tag is another one.
pub(crate) fn tagged<'a>(
    cursor: &mut Cursor<'a>,
    tag: u8,
    layer: &'static str,
) -> Result<Cursor<'a>, Cut> {
    let wrong = cursor.wrong();
    match element(cursor, layer)? {
        (found, inner) if found == tag => Ok(inner),
        _ => Err(wrong),
    }
}

/// The next element, which must be an INTEGER of zero to 2^31 - 1.
///
/// # Errors
/// As [`tagged`], and where the number is negative or larger.
pub(crate) fn unsigned(cursor: &mut Cursor<'_>, layer: &'static str) -> Result<u32, Cut> {
    let wrong = cursor.wrong();
    let mut inner = tagged(cursor, INTEGER, layer)?;
    let bytes = inner.rest();
    match bytes {
        [first, ..] if bytes.len() <= 4 && *first < 0x80 => Ok(bytes
            .iter()
            .fold(0, |number, &byte| number << 8 | u32::from(byte))),
        _ => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_long_lengths() {
        let bytes = [0x04, 1, 7, 0x04, 0x82, 0, 2, 8, 9];
        let mut cursor = Cursor::new("test", &bytes);
        assert_eq!(
            tagged(&mut cursor, OCTET_STRING, "test").unwrap().rest(),
            &[7]
        );
        assert_eq!(
            tagged(&mut cursor, OCTET_STRING, "test").unwrap().rest(),
            &[8, 9]
        );
        assert!(cursor.is_empty());
    }

    #[test]
    fn refuses_what_does_not_fit_and_what_has_no_length() {
        assert!(element(&mut Cursor::new("test", &[0x04, 2, 1]), "test").is_err());
        assert!(element(&mut Cursor::new("test", &[0x30, 0x80, 0, 0]), "test").is_err());
        assert!(
            element(
                &mut Cursor::new("test", &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 1]),
                "test"
            )
            .is_err()
        );
        assert!(element(&mut Cursor::new("test", &[0x1f, 1, 0]), "test").is_err());
    }

    #[test]
    fn a_number_is_not_negative_and_has_four_bytes_at_most() {
        assert_eq!(
            unsigned(&mut Cursor::new("test", &[2, 2, 1, 0]), "test"),
            Ok(256)
        );
        assert!(unsigned(&mut Cursor::new("test", &[2, 1, 0xff]), "test").is_err());
        assert!(unsigned(&mut Cursor::new("test", &[2, 5, 0, 0, 0, 0, 1]), "test").is_err());
        assert!(unsigned(&mut Cursor::new("test", &[2, 0]), "test").is_err());
    }
}
