//! X.509 certificates (RFC 5280), as far as a record tells of them.

use std::net::IpAddr;

use overheard_ledger::{Certificate, Time};
use overheard_tap::{Cursor, Cut};
use x509_parser::prelude::{
    ASN1Time, FromDer, GeneralName, ParsedExtension, X509Certificate, X509Name,
};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The most subject alternative names that are kept of a certificate.
const MAX_NAMES: usize = 64;

/// The most characters that are kept of a subject, an issuer or a name.
const MAX_TEXT: usize = 512;

/// The first certificate, which is the server's own, of a Certificate message of TLS 1.2 or before (RFC 5246
/// section 7.4.2); `None` where there is none or it cannot be read.
pub fn first_of(message: &[u8]) -> Option<Certificate> {
    first_der(message).ok().and_then(read)
}

fn first_der(message: &[u8]) -> Result<&[u8], Cut> {
    let mut cursor = Cursor::new("tls certificate", message);
    cursor.u24()?;
    let length = usize::try_from(cursor.u24()?).map_err(|_| cursor.wrong())?;
    cursor.take(length)
}

/// Reads a certificate in DER; `None` where it is none.
pub fn read(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some(Certificate {
        subject: subject(certificate.subject()),
        issuer: subject(certificate.issuer()),
        names: names(&certificate),
        not_before: time(&validity.not_before),
        not_after: time(&validity.not_after),
        key: key(certificate.public_key()),
        signature: signature(&certificate.signature_algorithm.algorithm.to_id_string()),
    })
}

fn subject(name: &X509Name<'_>) -> String {
    shown(&name.to_string())
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::SubjectAlternativeName(alternatives) = extension.parsed_extension()
        else {
            continue;
        };
        for name in &alternatives.general_names {
            let text = match name {
                GeneralName::DNSName(text)
                | GeneralName::RFC822Name(text)
                | GeneralName::URI(text) => shown(text),
                GeneralName::IPAddress(bytes) => match address(bytes) {
                    Some(address) => address.to_string(),
                    None => continue,
                },
                _ => continue,
            };
            if names.len() == MAX_NAMES {
                return names;
            }
            names.push(text);
        }
    }
    names
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// Text of a stranger without control characters, and not longer than [`MAX_TEXT`].
fn shown(text: &str) -> String {
    // Nearly all of it is fit to be shown, and copied at once.
    if text.len() <= MAX_TEXT && !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .take(MAX_TEXT)
        .collect()
}

fn time(time: &ASN1Time) -> Option<Time> {
    u64::try_from(time.timestamp())
        .ok()?
        .checked_mul(1_000_000_000)
        .map(Time)
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> String {
    let algorithm = info.algorithm.algorithm.to_id_string();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::DSA(key)) => format!("DSA {}", key.len().saturating_mul(8)),
        Ok(PublicKey::EC(point)) => {
            let parameters = info.algorithm.parameters.as_ref();
            let curve = parameters
                .and_then(|any| any.as_oid().ok())
                .map(|oid| oid.to_id_string());
            match curve.as_deref() {
                Some("1.2.840.10045.3.1.7") => "ECDSA P-256".to_owned(),
                Some("1.3.132.0.34") => "ECDSA P-384".to_owned(),
                Some("1.3.132.0.35") => "ECDSA P-521".to_owned(),
                Some("1.3.132.0.10") => "ECDSA secp256k1".to_owned(),
                _ => format!("ECDSA {}", point.key_size()),
            }
        }
        _ => match algorithm.as_str() {
            "1.3.101.112" => "Ed25519".to_owned(),
            "1.3.101.113" => "Ed448".to_owned(),
            "2.16.840.1.101.3.4.3.17" => "ML-DSA-44".to_owned(),
            "2.16.840.1.101.3.4.3.18" => "ML-DSA-65".to_owned(),
            "2.16.840.1.101.3.4.3.19" => "ML-DSA-87".to_owned(),
            _ => algorithm,
        },
    }
}

/// Name of a signature algorithm by its object identifier, which stands where it has none.
fn signature(identifier: &str) -> String {
    const NAMES: &[(&str, &str)] = &[
        ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
        ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
        ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
        ("1.3.14.3.2.29", "sha1WithRSAEncryption"),
        ("1.2.840.113549.1.1.10", "rsassaPss"),
        ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
        ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
        ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
        ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption"),
        ("1.2.840.10040.4.3", "dsa-with-sha1"),
        ("2.16.840.1.101.3.4.3.2", "dsa-with-sha256"),
        ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
        ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224"),
        ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
        ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
        ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
        ("1.3.101.112", "Ed25519"),
        ("1.3.101.113", "Ed448"),
        ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
        ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
        ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
    ];
    let named = NAMES.iter().find(|(number, _)| *number == identifier);
    named.map_or_else(|| shown(identifier), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Self-signed for `mail.example`, `imap.example` and 192.0.2.25, P-256, valid in 2026.
    const MAIL: &[u8] = include_bytes!("certificate/mail.der");

    #[test]
    fn says_whose_it_is_and_how_it_is_made() {
        let certificate = read(MAIL).unwrap();
        assert_eq!(certificate.subject, "O=Example Post, CN=mail.example");
        assert_eq!(certificate.issuer, certificate.subject);
        assert_eq!(
            certificate.names,
            ["mail.example", "imap.example", "192.0.2.25"]
        );
        assert_eq!(certificate.key, "ECDSA P-256");
        assert_eq!(certificate.signature, "ecdsa-with-SHA256");
        assert_eq!(
            certificate.not_before.unwrap().to_string(),
            "2026-01-01T00:00:00.000000000Z"
        );
    }

    #[test]
    fn the_first_of_a_message_counts() {
        let length = u32::try_from(MAIL.len()).unwrap();
        let message = [
            &(length + 3).to_be_bytes()[1..],
            &length.to_be_bytes()[1..],
            MAIL,
        ]
        .concat();
        assert_eq!(first_of(&message), read(MAIL));
        assert_eq!(first_of(&[0, 0, 0]), None);
        assert_eq!(first_of(&message[..message.len() - 1]), None);
    }

    #[test]
    fn no_damaged_byte_causes_a_panic() {
        for at in 0..MAIL.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = MAIL.to_vec();
                damaged[at] ^= flip;
                let _ = read(&damaged);
                let _ = read(&damaged[..at]);
            }
        }
    }
}
