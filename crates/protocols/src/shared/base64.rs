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
