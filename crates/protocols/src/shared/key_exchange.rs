//! What a pair of hellos agreed on, as a record of the ledger, and what a tap gets from it.
//!
//! Judged is what was negotiated, not what was offered (RFC 7624 for the attacker, RFC 9325 and
//! RFC 8996 for what is deprecated, RFC 9954 and RFC 10024 for what holds against a quantum computer).

use overheard_ledger::{Exposure, Handshake};

use super::hello::{ClientHello, ServerHello, label_text};
use super::{iana, ja4};

/// The most groups that a record lists as offered.
const MAX_OFFERED_GROUPS: usize = 64;

/// Bits of a finite field up to which who can spend much computes the discrete logarithm, as for the groups of SSH
/// and IKE (RFC 9142 section 3; RFC 9325 section 4.1 asks for 2048).
const MAX_SMALL_FIELD_BITS: usize = 1024;

/// Groups with a post-quantum part: ML-KEM (draft-ietf-tls-mlkem, RFC 10024), Kyber of the drafts before
/// it, and CECPQ2.
const QUANTUM_SAFE_GROUPS: &[u16] = &[
    0x0200, 0x0201, 0x0202, 0x11eb, 0x11ec, 0x11ed, 0x11ee, 0x4138, 0x6399, 0x639a, 0xfe30, 0xfe31,
];

/// What a ServerKeyExchange of TLS 1.2 or before says of the ephemeral key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ephemeral {
    /// A named curve (RFC 8422), by its number in the registry of groups.
    Curve(u16),
    /// An explicit curve, long deprecated.
    ExplicitCurve,
    /// A named finite field (RFC 7919), by its number in the registry of groups.
    Field(u16),
    /// A finite field of the server's own, by the length of its prime in bits.
    OwnField(usize),
}

/// Whether a group holds against a quantum computer.
pub fn is_quantum_safe(group: u16) -> bool {
    QUANTUM_SAFE_GROUPS.contains(&group)
}

/// The record of a handshake. `protocol` is `tls`, `dtls` or `quic`; hellos that were not seen are `None`.
/// A HelloRetryRequest is no ServerHello: give `None` for it. `resumed` is to be set afterwards for
/// TLS 1.2 and before, where the hellos alone do not say.
pub fn handshake(
    protocol: &str,
    client: Option<&ClientHello>,
    server: Option<&ServerHello>,
    ephemeral: Option<Ephemeral>,
) -> Handshake {
    let mut record = Handshake {
        protocol: protocol.to_owned(),
        ..Handshake::default()
    };
    if let Some(client) = client {
        record.server_name.clone_from(&client.server_name);
        let mut wanted = client.alpn.iter().filter(|name| !name.is_empty());
        record.alpn = wanted.next().map(|name| label_text(name));
        record.offered_key_exchange = client
            .groups
            .iter()
            .take(MAX_OFFERED_GROUPS)
            .map(|&g| iana::group(g))
            .collect();
        record.ja4 = ja4::fingerprint(protocol, client);
    }
    let Some(server) = server else { return record };
    let suite = server.cipher_suite.map(iana::cipher_suite);
    record.version = Some(version_text(protocol == "dtls", server.version));
    if let Some(alpn) = &server.alpn {
        record.alpn = Some(label_text(alpn));
    }
    if server.is_tls13() {
        record.resumed = Some(server.psk_selected && !is_external(client, server));
        record.key_exchange = match server.group {
            Some(group) => Some(iana::group(group)),
            None if server.psk_selected => Some("PSK".to_owned()),
            None => None,
        };
        record.forward_secret = match (server.group, server.psk_selected) {
            (Some(_), _) => Some(true),
            (None, true) => Some(false),
            (None, false) => None,
        };
        record.quantum_safe = server.group.map(is_quantum_safe);
    } else {
        record.compression = compression(server.compression);
        let method = suite.as_deref().and_then(Method::of);
        record.forward_secret = method.map(Method::is_forward_secret);
        record.quantum_safe = method.map(|method| method == Method::PostQuantum);
        record.key_exchange = match ephemeral {
            Some(Ephemeral::Curve(number) | Ephemeral::Field(number)) => Some(iana::group(number)),
            Some(Ephemeral::ExplicitCurve) => Some("ECDHE".to_owned()),
            Some(Ephemeral::OwnField(bits)) => Some(format!("DHE {bits}")),
            None => method.map(|method| method.name().to_owned()),
        };
    }
    record.cipher_suite = suite;
    record
}

/// Whether the pre-shared key that the server chose was agreed on outside of TLS: those of earlier sessions say
/// their age, hidden by a number that is added to it (RFC 9846 section 4.2.11).
fn is_external(client: Option<&ClientHello>, server: &ServerHello) -> bool {
    let ages = client.map(|client| client.psk_ages.as_slice());
    ages.and_then(|ages| ages.get(usize::from(server.psk_index))) == Some(&0)
}

/// Name of a compression method (RFC 3749, RFC 3943); `None` for none.
fn compression(method: u8) -> Option<String> {
    match method {
        0 => None,
        1 => Some("DEFLATE".to_owned()),
        64 => Some("LZS".to_owned()),
        other => Some(format!("0x{other:02x}")),
    }
}

/// The handshake took up an earlier session of TLS 1.2 or before by a ticket: the key is made of what the ticket
/// holds, and nothing ephemeral joins it (RFC 5077 section 3.1). The key of the tickets opens it.
pub fn resumed_by_ticket(record: &mut Handshake) {
    record.key_exchange = Some("session ticket".to_owned());
    record.forward_secret = Some(false);
    record.quantum_safe = None;
}

/// What a tap gets from a conversation with this handshake.
pub fn exposure(record: &Handshake) -> Exposure {
    let Some(version) = &record.version else {
        return Exposure::Unknown;
    };
    if record.alert.is_some() {
        // It came to nothing: nothing was said that a seal could hold or not.
        return Exposure::Unknown;
    }
    let suite = record.cipher_suite.as_deref().unwrap_or_default();
    if is_null(suite) {
        return Exposure::Open;
    }
    let small_field = record.key_exchange.as_deref().is_some_and(is_small_field);
    if is_weak(suite) || small_field || version == "SSL 2.0" {
        return Exposure::Weak;
    }
    match (record.forward_secret, record.quantum_safe) {
        (Some(false), _) => Exposure::StolenKey,
        (Some(true), Some(true)) => Exposure::Sealed,
        (Some(true), _) => Exposure::Harvest,
        (None, _) => Exposure::Unknown,
    }
}

/// Whether a cipher suite does not encrypt at all (RFC 4346 appendix A.5, RFC 4785, RFC 9150).
pub fn is_null(suite: &str) -> bool {
    suite.contains("WITH_NULL_") || matches!(suite, "TLS_SHA256_SHA256" | "TLS_SHA384_SHA384")
}

/// Whether a cipher suite encrypts with what a tap can break: export ciphers, keys of 40 or 56 bits, RC2
/// and RC4 (RFC 7465).
pub fn is_weak(suite: &str) -> bool {
    const WEAK: &[&str] = &["EXPORT", "_RC4_", "_RC2_", "_DES_", "DES40"];
    WEAK.iter().any(|part| suite.contains(part))
}

/// Whether a key exchange is a finite field too small to resist.
pub fn is_small_field(key_exchange: &str) -> bool {
    let bits = key_exchange
        .strip_prefix("DHE ")
        .and_then(|bits| bits.parse::<usize>().ok());
    bits.is_some_and(|bits| bits <= MAX_SMALL_FIELD_BITS)
}

/// A version for people: `TLS 1.2`, `SSL 3.0`, `DTLS 1.2`; `0x1234` where there is none of this number.
pub fn version_text(dtls: bool, version: u16) -> String {
    let text = match (dtls, version) {
        (_, 0x0002) => "SSL 2.0",
        (_, 0x0300) => "SSL 3.0",
        (false, 0x0301) => "TLS 1.0",
        (false, 0x0302) => "TLS 1.1",
        (false, 0x0303) => "TLS 1.2",
        (false, 0x0304) => "TLS 1.3",
        // 0x0100 is what OpenSSL said before 0.9.8f.
        (true, 0xfeff | 0x0100) => "DTLS 1.0",
        (true, 0xfefd) => "DTLS 1.2",
        (true, 0xfefc | 0x0304) => "DTLS 1.3",
        _ => return format!("0x{version:04x}"),
    };
    text.to_owned()
}

/// How the suites of TLS 1.2 and before come by a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    /// The client encrypts the secret to the server's long-term key.
    KeyTransport,
    /// Diffie-Hellman with the server's long-term key.
    Static,
    /// A key shared beforehand, with nothing ephemeral.
    PreShared,
    /// A Kerberos ticket.
    Kerberos,
    /// Ephemeral Diffie-Hellman over a finite field.
    Ephemeral,
    /// Ephemeral Diffie-Hellman over a curve.
    EphemeralCurve,
    /// A password-authenticated exchange with ephemeral values.
    Password,
    /// An experiment with a post-quantum part.
    PostQuantum,
}

impl Method {
    /// By the suite's name; `None` where the name does not say.
    fn of(suite: &str) -> Option<Method> {
        let name = suite
            .strip_prefix("TLS_")
            .or(suite.strip_prefix("SSL_"))
            .unwrap_or(suite);
        // Prefixes, the longer ones first where one begins like another.
        const METHODS: &[(&str, Method)] = &[
            ("CECPQ1_", Method::PostQuantum),
            ("ECDHE_", Method::EphemeralCurve),
            ("ECDH_anon_", Method::EphemeralCurve),
            ("IBSDH_", Method::EphemeralCurve),
            ("ECDH_", Method::Static),
            ("DHE_", Method::Ephemeral),
            ("PSK_DHE_", Method::Ephemeral),
            ("DH_anon_", Method::Ephemeral),
            ("DH_", Method::Static),
            ("SRP_", Method::Password),
            ("ECCPWD_", Method::Password),
            ("KRB5_", Method::Kerberos),
            ("PSK_", Method::PreShared),
            ("FORTEZZA_", Method::Static),
            ("GOSTR", Method::KeyTransport),
            ("RSA_", Method::KeyTransport),
            ("ECC_", Method::KeyTransport),
            ("IBC_", Method::KeyTransport),
            ("CK_", Method::KeyTransport),
        ];
        METHODS
            .iter()
            .find(|(prefix, _)| name.starts_with(prefix))
            .map(|&(_, method)| method)
    }

    fn is_forward_secret(self) -> bool {
        matches!(
            self,
            Method::Ephemeral | Method::EphemeralCurve | Method::Password | Method::PostQuantum
        )
    }

    fn name(self) -> &'static str {
        match self {
            Method::KeyTransport => "RSA",
            Method::Static => "static DH",
            Method::PreShared => "PSK",
            Method::Kerberos => "Kerberos",
            Method::Ephemeral => "DHE",
            Method::EphemeralCurve => "ECDHE",
            Method::Password => "password",
            Method::PostQuantum => "CECPQ1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(version: u16, suite: u16, group: Option<u16>) -> Handshake {
        let server = ServerHello {
            version,
            cipher_suite: Some(suite),
            group,
            ..ServerHello::default()
        };
        handshake("tls", None, Some(&server), None)
    }

    #[test]
    fn what_was_agreed_decides() {
        let cases = [
            (0x0303, 0x003b, None, Exposure::Open),     // RSA, NULL cipher
            (0x0304, 0xc0b4, Some(29), Exposure::Open), // integrity only
            (0x0301, 0x0005, None, Exposure::Weak),     // RC4
            (0x0301, 0x0008, None, Exposure::Weak),     // export
            (0x0301, 0x0009, None, Exposure::Weak),     // DES
            (0x0303, 0xc011, None, Exposure::Weak),     // RC4 with ECDHE
            (0x0303, 0x000a, None, Exposure::StolenKey), // RSA with 3DES
            (0x0303, 0x009c, None, Exposure::StolenKey), // RSA
            (0x0303, 0xc02d, None, Exposure::StolenKey), // static ECDH
            (0x0303, 0x00a8, None, Exposure::StolenKey), // plain PSK
            (0x0303, 0x009e, None, Exposure::Harvest),  // DHE
            (0x0303, 0xc02f, None, Exposure::Harvest),  // ECDHE
            (0x0303, 0x0018, None, Exposure::Weak),     // anonymous DH, RC4
            (0x0303, 0x00a6, None, Exposure::Harvest),  // anonymous DH
            (0x0304, 0x1301, Some(29), Exposure::Harvest),
            (0x0304, 0x1301, Some(0x11ec), Exposure::Sealed),
            (0x0304, 0x1301, Some(0x6399), Exposure::Sealed),
            (0x0304, 0x1301, None, Exposure::Unknown),
            (0x0303, 0x0abc, None, Exposure::Unknown),
        ];
        for (version, suite, group, expected) in cases {
            let record = agreed(version, suite, group);
            assert_eq!(exposure(&record), expected, "{record:?}");
        }
    }

    #[test]
    fn a_pre_shared_key_alone_is_not_forward_secret() {
        let server = ServerHello {
            version: 0x0304,
            cipher_suite: Some(0x1301),
            psk_selected: true,
            ..ServerHello::default()
        };
        let record = handshake("tls", None, Some(&server), None);
        assert_eq!(
            (record.key_exchange.as_deref(), record.resumed),
            (Some("PSK"), Some(true))
        );
        assert_eq!(exposure(&record), Exposure::StolenKey);
    }

    #[test]
    fn an_offer_alone_says_nothing() {
        let client = ClientHello {
            groups: vec![0x11ec, 29],
            ..ClientHello::default()
        };
        let record = handshake("tls", Some(&client), None, None);
        assert_eq!(record.offered_key_exchange, ["X25519MLKEM768", "x25519"]);
        assert_eq!(exposure(&record), Exposure::Unknown);
    }

    #[test]
    fn the_servers_key_names_the_group() {
        let server = ServerHello {
            version: 0x0303,
            cipher_suite: Some(0xc02f),
            ..ServerHello::default()
        };
        let of = |ephemeral| {
            handshake("tls", None, Some(&server), ephemeral)
                .key_exchange
                .unwrap()
        };
        assert_eq!(of(Some(Ephemeral::Curve(23))), "secp256r1");
        assert_eq!(of(Some(Ephemeral::Field(0x100))), "ffdhe2048");
        assert_eq!(of(Some(Ephemeral::OwnField(768))), "DHE 768");
        assert_eq!(of(None), "ECDHE");
        assert!(
            is_small_field("DHE 1024") && !is_small_field("DHE 2048") && !is_small_field("x25519")
        );
    }

    #[test]
    fn versions_have_their_names() {
        assert_eq!(version_text(false, 0x0300), "SSL 3.0");
        assert_eq!(version_text(true, 0x0100), "DTLS 1.0");
        assert_eq!(version_text(true, 0xfefc), "DTLS 1.3");
        assert_eq!(version_text(false, 0x1234), "0x1234");
    }
}
