//! The rules on how TLS and DTLS seal: one text for both, so that they cannot judge differently.

use overheard_ledger::{Body, Exposure, Handshake, Seen};

use super::key_exchange;

/// The rules of a protocol by its name in the ledger and its name for people.
macro_rules! sealing_rules {
    ($name:literal, $title:literal) => {{
        use overheard_ledger::{Exposure, Rule, Severity, When};
        use $crate::shared::sealing_rules as judge;
        [
            Rule {
                id: concat!($name, "-null-cipher"),
                title: concat!($title, " that does not encrypt"),
                severity: Severity::High,
                exposure: Exposure::Open,
                when: When::Record(|seen| judge::null_cipher(seen, $name)),
                remedy: "Take the NULL cipher suites out of the server's configuration, and out of the client's.",
                standard: "RFC 9325 section 4.1",
                explain: "The cipher suite that client and server agreed on only protects against changes: everything \
                          is sent as it is, and a tap reads it like a conversation without any protection.",
            },
            Rule {
                id: concat!($name, "-weak-cipher"),
                title: concat!($title, " with a cipher that a tap can break"),
                severity: Severity::Medium,
                exposure: Exposure::Weak,
                when: When::Record(|seen| judge::weak_cipher(seen, $name)),
                remedy: "Allow only AEAD cipher suites (AES-GCM, ChaCha20-Poly1305) on the server, and bring clients \
                         up to date that cannot use them.",
                standard: "RFC 9325 section 4.1; RFC 7465",
                explain: "Export ciphers, DES and RC4, and Diffie-Hellman over a small field, were broken long ago: who \
                          stores the conversation can open it with means of today, without any key.",
            },
            Rule {
                id: concat!($name, "-no-forward-secrecy"),
                title: concat!($title, " without forward secrecy"),
                severity: Severity::Medium,
                exposure: Exposure::StolenKey,
                when: When::Record(|seen| judge::no_forward_secrecy(seen, $name)),
                remedy: "Allow only cipher suites with an ephemeral key exchange on the server (ECDHE, or TLS 1.3 with \
                         a key share), and turn off RSA key transport.",
                standard: "RFC 9325 section 4.1; RFC 7624 section 3.3.4",
                explain: "The session key is sealed with a key that lives for years. Who stores the conversation and \
                          comes by that key later, by theft or by order, opens this conversation and all others.",
            },
            Rule {
                id: concat!($name, "-old-version"),
                title: concat!("Deprecated version of ", $title),
                severity: Severity::Medium,
                exposure: Exposure::Harvest,
                when: When::Record(|seen| judge::old_version(seen, $name)),
                remedy: "Offer only version 1.2 and 1.3 on the server, and replace clients that know neither.",
                standard: "RFC 8996",
                explain: "The old versions rest on SHA-1 and MD5 and on ways to encrypt that have known attacks. They \
                          must not be used.",
            },
            Rule {
                id: concat!($name, "-classical-key-exchange"),
                title: concat!($title, " with a classical key exchange"),
                severity: Severity::Low,
                exposure: Exposure::Harvest,
                when: When::Record(|seen| judge::classical_key_exchange(seen, $name)),
                remedy: "Turn on X25519MLKEM768 on the server and on the clients; current TLS libraries have it.",
                standard: "RFC 9954; RFC 10024",
                explain: "The key exchange is sound today. A quantum computer would open it, and a tap can store the \
                          conversation until there is one. Hybrid groups with ML-KEM hold against both.",
            },
        ]
    }};
}
pub(crate) use sealing_rules;

/// The handshake that a rule looks at, where it is of this protocol and was agreed on.
fn agreed<'a>(seen: &Seen<'a>, protocol: &str) -> Option<&'a Handshake> {
    match &seen.record.body {
        Body::Handshake(record) if record.protocol == protocol && record.version.is_some() => {
            Some(record)
        }
        _ => None,
    }
}

/// Who is talked to: the server by the name that the client gave, else by the conversation.
pub fn server(seen: &Seen<'_>, record: &Handshake) -> String {
    match (&record.server_name, seen.conversation) {
        (Some(name), Some(conversation)) => format!("{name} ({})", conversation.server),
        (Some(name), None) => name.clone(),
        (None, _) => seen.server(),
    }
}

/// What a tap learns where the cipher does not encrypt.
pub fn null_cipher(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = agreed(seen, protocol)?;
    let holds = key_exchange::exposure(record) == Exposure::Open;
    holds.then(|| {
        format!(
            "All that is said with {}, as it passes",
            server(seen, record)
        )
    })
}

/// What a tap learns where the cipher can be broken.
pub fn weak_cipher(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = agreed(seen, protocol)?;
    let holds = key_exchange::exposure(record) == Exposure::Weak;
    holds.then(|| {
        format!(
            "All that is said with {}, after some computing",
            server(seen, record)
        )
    })
}

/// What a tap learns where a long-term key opens the conversation.
pub fn no_forward_secrecy(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = agreed(seen, protocol)?;
    let holds = key_exchange::exposure(record) == Exposure::StolenKey;
    holds.then(|| {
        format!(
            "All that is said with {}, once it has the server's key",
            server(seen, record)
        )
    })
}

/// What a tap learns where a quantum computer opens the conversation.
pub fn classical_key_exchange(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = agreed(seen, protocol)?;
    let holds = key_exchange::exposure(record) == Exposure::Harvest;
    holds.then(|| {
        format!(
            "What is said with {}, once it has a quantum computer",
            server(seen, record)
        )
    })
}

/// What a tap learns where the version is deprecated.
pub fn old_version(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    const OLD: [&str; 5] = ["SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "DTLS 1.0"];
    let record = agreed(seen, protocol)?;
    let version = record.version.as_deref()?;
    let server = server(seen, record);
    OLD.contains(&version)
        .then(|| format!("That {server} still speaks {version}, and where to attack it"))
}

#[cfg(test)]
mod tests {
    use overheard_ledger::{Record, Rule, When};

    use super::*;

    fn rules_of(
        version: &str,
        suite: &str,
        forward_secret: bool,
        quantum_safe: bool,
    ) -> Vec<&'static str> {
        const RULES: &[Rule] = &sealing_rules!("tls", "TLS");
        let handshake = Handshake {
            protocol: "tls".to_owned(),
            version: Some(version.to_owned()),
            cipher_suite: Some(suite.to_owned()),
            forward_secret: Some(forward_secret),
            quantum_safe: Some(quantum_safe),
            server_name: Some("mail.example".to_owned()),
            ..Handshake::default()
        };
        let record = Record {
            body: handshake.into(),
            conversation: None,
            frames: vec![1].into(),
            time: None,
        };
        let seen = Seen {
            record: &record,
            conversation: None,
        };
        let holds = |rule: &&Rule| match rule.when {
            When::Record(look) => look(&seen).is_some(),
            When::Conversation(_) | When::Observed => false,
        };
        RULES.iter().filter(holds).map(|rule| rule.id).collect()
    }

    #[test]
    fn each_exposure_has_its_rule() {
        assert_eq!(
            rules_of("TLS 1.2", "TLS_RSA_WITH_NULL_SHA256", false, false),
            ["tls-null-cipher"]
        );
        assert_eq!(
            rules_of("TLS 1.2", "TLS_RSA_WITH_RC4_128_SHA", false, false),
            ["tls-weak-cipher"]
        );
        assert_eq!(
            rules_of("TLS 1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", false, false),
            ["tls-no-forward-secrecy"]
        );
        assert_eq!(
            rules_of("TLS 1.3", "TLS_AES_128_GCM_SHA256", true, false),
            ["tls-classical-key-exchange"]
        );
        assert_eq!(
            rules_of("TLS 1.3", "TLS_AES_128_GCM_SHA256", true, true),
            [""; 0]
        );
        let old = rules_of("TLS 1.0", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", true, false);
        assert_eq!(old, ["tls-old-version", "tls-classical-key-exchange"]);
    }
}
