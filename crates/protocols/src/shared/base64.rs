//! Base64 (RFC 4648), as leniently as servers read it: padding may be missing or wrong, and white
//! space does not count.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes that `text` stands for, or nothing where it is not Base64. Takes three bytes for four.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    LENIENT.decode(digits).ok()
//! Base64 (RFC 4648 section 4), as credentials are written in text protocols.

/// The bytes that `text` stands for. Blanks around it and padding may be missing or there; `None` for
/// anything that is not base64.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let end = text
        .iter()
        .rposition(|&byte| byte != b'=')
        .map_or(0, |last| last + 1);
    let digits = text.get(..end)?;
    if digits.len() % 4 == 1 || text.len() - end > 3 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    let (mut held, mut bits) = (0u32, 0u32);
    for &digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).unwrap_or_default());
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn reads_what_servers_read() {
        assert_eq!(decode(b"dXNlcjpwYXNz").as_deref(), Some(&b"user:pass"[..]));
        assert_eq!(decode(b"YTpi").as_deref(), Some(&b"a:b"[..]));
        assert_eq!(decode(b"YQ==").as_deref(), Some(&b"a"[..]));
        assert_eq!(decode(b"YQ").as_deref(), Some(&b"a"[..]));
        assert_eq!(decode(b"Y Q\r\n=").as_deref(), Some(&b"a"[..]));
        assert_eq!(decode(b""), Some(Vec::new()));
    }

    #[test]
    fn refuses_what_is_not_base64() {
        assert_eq!(decode(b"a!b?"), None);
        assert_eq!(decode(b"YWJjZ"), None);
    fn decodes_the_test_vectors_of_rfc_4648() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text.as_bytes()).unwrap(), bytes.as_bytes());
        }
    }

    #[test]
    fn padding_may_be_missing_and_rubbish_is_refused() {
        assert_eq!(decode(b" Zm8 ").unwrap(), b"fo");
        assert_eq!(decode(b"Zm9vY"), None);
        assert_eq!(decode(b"QUIT now"), None);
        assert_eq!(decode(b"Z==="), None);
    }

    #[test]
    fn high_bytes() {
        assert_eq!(decode(b"//79").unwrap(), [0xff, 0xfe, 0xfd]);
    }
}
