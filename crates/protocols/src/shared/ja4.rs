//! JA4, the fingerprint of a TLS client (FoxIO, BSD licence): three parts that say what it offers.

use sha2::{Digest, Sha256};

use super::hello::ClientHello;
use super::hex::hex;

/// Server name and application protocols: told by the first part, so left out of the last.
const TOLD_APART: [u16; 2] = [0, 16];

/// The fingerprint of a ClientHello that came by `tls`, `dtls` or `quic`; `None` for other protocols.
pub fn fingerprint(protocol: &str, hello: &ClientHello) -> Option<String> {
    let carrier = match protocol {
        "tls" => 't',
        "dtls" => 'd',
        "quic" => 'q',
        _ => return None,
    };
    let newest = hello
        .supported_versions
        .iter()
        .copied()
        .max_by_key(|&version| age(version));
    let mut suites = hello.cipher_suites.clone();
    suites.sort_unstable();
    let mut extensions: Vec<u16> = hello
        .extensions
        .iter()
        .copied()
        .filter(|number| !TOLD_APART.contains(number))
        .collect();
    extensions.sort_unstable();
    let mut last = list(&extensions);
    if !hello.signature_algorithms.is_empty() {
        last.push('_');
        last.push_str(&list(&hello.signature_algorithms));
    }
    Some(format!(
        "{carrier}{}{}{:02}{:02}{}_{}_{}",
        version(newest.unwrap_or(hello.version)),
        if hello.extensions.contains(&0) {
            'd'
        } else {
            'i'
        },
        hello.cipher_suites.len().min(99),
        hello.extensions.len().min(99),
        application(hello.alpn.first().map_or(&[], Vec::as_slice)),
        hash(&list(&suites)),
        if extensions.is_empty() {
            NOTHING.to_owned()
        } else {
            hash(&last)
        },
    ))
}

const NOTHING: &str = "000000000000";

/// Orders versions from old to new; those of DTLS count down.
fn age(version: u16) -> u16 {
    if version >> 8 == 0xfe {
        0xffff - version
    } else {
        version
    }
}

fn version(version: u16) -> &'static str {
    match version {
        0x0002 => "s2",
        0x0300 => "s3",
        0x0301 => "10",
        0x0302 => "11",
        0x0303 => "12",
        0x0304 => "13",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of an application protocol; of its hexadecimal digits where one of the
/// two is neither letter nor digit.
fn application(name: &[u8]) -> String {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(first), char::from(last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

/// Numbers in four hexadecimal digits each, with commas between them.
fn list(numbers: &[u16]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = String::with_capacity(numbers.len() * 5);
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        for shift in [12, 8, 4, 0] {
            let digit = DIGITS.get(usize::from(number >> shift & 0xf));
            text.push(digit.copied().unwrap_or('0'));
        }
    }
    text
}

/// The first twelve hexadecimal digits of the SHA-256 of a list; zeros for the empty list.
fn hash(list: &str) -> String {
    if list.is_empty() {
        return NOTHING.to_owned();
    }
    let digest = Sha256::digest(list.as_bytes());
    hex(digest.get(..6).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    fn browser() -> ClientHello {
        ClientHello {
            version: 0x0303,
            supported_versions: vec![0x0304, 0x0303],
            cipher_suites: vec![
                0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
                0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
                0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
            ],
            signature_algorithms: vec![
                0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
            ],
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            ..ClientHello::default()
        }
    }

    #[test]
    fn the_example_of_the_specification() {
        assert_eq!(
            fingerprint("tls", &browser()).unwrap(),
            "t13d1516h2_8daaf6152771_e5627efa2ab1"
        );
        assert_eq!(
            fingerprint("quic", &browser()).unwrap(),
            "q13d1516h2_8daaf6152771_e5627efa2ab1"
        );
    }

    #[test]
    fn an_empty_hello_has_zeros() {
        assert_eq!(
            fingerprint("tls", &ClientHello::default()).unwrap(),
            "t00i000000_000000000000_000000000000"
        );
    }

    #[test]
    fn the_order_of_suites_and_extensions_does_not_matter() {
        let mut hello = browser();
        hello.cipher_suites.reverse();
        hello.extensions.reverse();
        assert_eq!(fingerprint("tls", &hello), fingerprint("tls", &browser()));
        hello.signature_algorithms.reverse();
        assert_ne!(fingerprint("tls", &hello), fingerprint("tls", &browser()));
    }

    #[test]
    fn application_protocols_by_their_ends() {
        assert_eq!(application(b"h2"), "h2");
        assert_eq!(application(b"http/1.1"), "h1");
        assert_eq!(application(b"c"), "cc");
        assert_eq!(application(&[0xab]), "ab");
        assert_eq!(application(&[0xab, 0xcd]), "ad");
        assert_eq!(application(&[0x30, 0xab]), "3b");
        assert_eq!(application(&[0x30, 0x31, 0xab, 0xcd]), "3d");
        assert_eq!(application(&[0x30, 0xab, 0xcd, 0x31]), "01");
    }

    #[test]
    fn what_has_no_letters_of_its_own() {
        let mut hello = browser();
        // A draft of TLS 1.3 is no version that the specification knows.
        hello.supported_versions = vec![0x0303, 0x7f17];
        hello.alpn = vec![Vec::new(), b"h2".to_vec()];
        assert_eq!(
            fingerprint("tls", &hello).unwrap(),
            "t00d151600_8daaf6152771_e5627efa2ab1"
        );
        hello.signature_algorithms.clear();
        assert!(
            fingerprint("tls", &hello)
                .unwrap()
                .ends_with("_6d807ffa2a79")
        );
    }

    #[test]
    fn the_newest_version_counts() {
        let of = |versions: &[u16]| {
            let hello = ClientHello {
                supported_versions: versions.to_vec(),
                version: 0xfefd,
                ..ClientHello::default()
            };
            fingerprint("dtls", &hello).unwrap()[1..3].to_owned()
        };
        assert_eq!(of(&[0xfefd, 0xfefc]), "d3");
        assert_eq!(of(&[]), "d2");
    }
}
