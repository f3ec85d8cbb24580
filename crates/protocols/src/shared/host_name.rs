//! Names that a device gives itself, as text for a `name` record.

use std::fmt::Write as _;

/// The bytes as a name: lower case, without filling NULs and the trailing dot; what is not printable
/// ASCII as `\123`, decimal. `None` where nothing is left.
pub(crate) fn host_name(bytes: &[u8]) -> Option<String> {
    let mut bytes = bytes;
    while let Some((0 | b'.' | b' ', rest)) = bytes.split_last() {
        bytes = rest;
    }
    let text = printable(bytes);
    (!text.is_empty()).then(|| text.to_ascii_lowercase())
}

/// The bytes as text: what is not printable ASCII as `\123`, decimal.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\092"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                // Writing into a string cannot fail.
                let _ = write!(text, "\\{byte:03}");
            }
        }
    }
    text
}

/// The bytes as UTF-8; control characters, and what is not UTF-8, are replaced.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|char| {
            if char.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                char
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_without_filling() {
        assert_eq!(host_name(b"Ada Laptop.\0\0").unwrap(), "ada laptop");
        assert_eq!(host_name(b"caf\xc3\xa9\\").unwrap(), "caf\\195\\169\\092");
        assert_eq!(host_name(b"\0"), None);
    }
}
