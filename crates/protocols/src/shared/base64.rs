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
    }
}
