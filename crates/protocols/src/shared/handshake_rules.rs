//! The rules on what else a handshake of TLS or DTLS shows, beside how it seals: one text for both.

use overheard_ledger::{Body, Certificate, Handshake, Seen};

use super::sealing_rules::server;

/// The rules of a protocol by its name in the ledger and its name for people.
macro_rules! handshake_rules {
    ($name:literal, $title:literal) => {{
        use overheard_ledger::{Exposure, Rule, Severity, When};
        use $crate::shared::handshake_rules as judge;
        [
            judge::early_data_rule!($name, $title),
            Rule {
                id: concat!($name, "-session-ticket"),
                title: concat!("Session ticket of ", $title, " in clear"),
                severity: Severity::Low,
                exposure: Exposure::StolenKey,
                // Only the analyzer sees the message that brings the ticket.
                when: When::Observed,
                remedy: "Agree on TLS 1.3, where tickets are sealed; else change the server's ticket key every day, keep it in \
                         memory only, or turn tickets off.",
                standard: "RFC 9325 section 3.4; RFC 5077 section 5.5",
                explain: "The ticket holds the secret that all keys of the conversation are made of, sealed with a key of the \
                          server's that often stays the same for months. Up to version 1.2 it passes in clear: who stores it \
                          and comes by that key opens the conversation, however the keys were exchanged.",
            },
            Rule {
                id: concat!($name, "-compression"),
                title: concat!("Compression inside ", $title),
                severity: Severity::Medium,
                exposure: Exposure::Weak,
                when: When::Record(|seen| judge::compression(seen, $name)),
                remedy: "Turn the compression of TLS off on the server; that of the application may stay where it mixes no \
                         secrets with what strangers can choose.",
                standard: "RFC 9325 section 3.3",
                explain: "What is compressed before it is sealed shows by its length how often it repeats itself. Who can make \
                          the client send words of their choice finds out secrets that way, letter by letter (CRIME).",
            },
            Rule {
                id: concat!($name, "-anonymous"),
                title: concat!($title, " in which nobody shows who it is"),
                severity: Severity::Low,
                exposure: Exposure::Unknown,
                when: When::Record(|seen| judge::anonymous(seen, $name)),
                remedy: "Give the server a certificate, and take the anonymous cipher suites out of both configurations.",
                standard: "RFC 9325 section 4.1",
                explain: "There is neither a certificate nor a shared key. A tap that only listens gets nothing by it, but \
                          whoever can change packets may stand between client and server and read all.",
            },
            Rule {
                id: concat!($name, "-client-certificate"),
                title: "Certificate of a client in clear",
                severity: Severity::Info,
                exposure: Exposure::Open,
                when: When::Record(|seen| judge::client_certificate(seen, $name)),
                remedy: "Agree on TLS 1.3, which seals the certificates.",
                standard: "RFC 9846 section 4.4; RFC 7624 section 3",
                explain: "Up to version 1.2 the certificate by which a client logs in passes in clear, with the name of its \
                          owner: a tap reads who it is, wherever they are.",
            },
            Rule {
                id: concat!($name, "-certificate-expired"),
                title: "Certificate that is not valid at this time",
                severity: Severity::Info,
                exposure: Exposure::Unknown,
                when: When::Record(|seen| judge::certificate_out_of_date(seen, $name)),
                remedy: "Renew the certificate, and let a program do it from now on.",
                standard: "RFC 5280 section 4.1.2.5",
                explain: "A client that accepts it has learned to accept what cannot be verified, and would accept that of \
                          somebody in between as well.",
            },
            Rule {
                id: concat!($name, "-certificate-self-signed"),
                title: "Certificate that vouches for itself",
                severity: Severity::Info,
                exposure: Exposure::Unknown,
                when: When::Record(|seen| judge::certificate_self_signed(seen, $name)),
                remedy: "Have the certificate signed by an authority that the clients know, or make sure that each client \
                         was given this one beforehand.",
                standard: "RFC 9325 section 6.1; RFC 5280 section 6.1",
                explain: "Nobody but its owner signed it. Unless the client knows this very certificate, it cannot tell the \
                          server from somebody in between. A tap that only listens gets nothing by it.",
            },
            Rule {
                id: concat!($name, "-handshake-failed"),
                title: concat!("Handshake of ", $title, " that fails"),
                severity: Severity::Info,
                exposure: Exposure::Unknown,
                when: When::Record(|seen| judge::failed(seen, $name)),
                remedy: "Find out which side cannot do what the other asks for: the alert says why. Look whether the client \
                         goes on without encryption.",
                standard: "RFC 9846 section 6.2",
                explain: "One side ended the handshake with an alert before there was a key. Nothing was said, and nothing \
                          was sealed; what the client did next is another conversation.",
            },
        ]
    }};
}
pub(crate) use handshake_rules;

/// The rule on data before the server's answer, which QUIC shares.
macro_rules! early_data_rule {
    ($name:literal, $title:literal) => {{
        use overheard_ledger::{Exposure, Rule, Severity, When};
        use $crate::shared::handshake_rules as judge;
        Rule {
            id: concat!($name, "-early-data"),
            title: concat!("Data before the answer in ", $title),
            severity: Severity::Medium,
            exposure: Exposure::StolenKey,
            when: When::Record(|seen| judge::early_data(seen, $name)),
            remedy: "Turn early data (0-RTT) off on the server, or let clients send only what may be read later.",
            standard: "RFC 9846 section 2.3",
            explain: "Data that the client sends before the server has answered is sealed with the key of an earlier session \
                      alone. It is not forward secret: the key of the server's tickets opens it, and it can be sent again \
                      by others.",
        }
    }};
}
pub(crate) use early_data_rule;

/// The handshake that a rule looks at, where it is of this protocol.
fn handshake<'a>(seen: &Seen<'a>, protocol: &str) -> Option<&'a Handshake> {
    match &seen.record.body {
        Body::Handshake(record) if record.protocol == protocol => Some(record),
        _ => None,
    }
}

/// Likewise, where it was not given up.
fn completed<'a>(seen: &Seen<'a>, protocol: &str) -> Option<&'a Handshake> {
    handshake(seen, protocol).filter(|record| record.alert.is_none())
}

/// The certificate of the server, likewise.
fn certificate<'a>(seen: &Seen<'a>, protocol: &str) -> Option<(&'a Handshake, &'a Certificate)> {
    let record = completed(seen, protocol)?;
    Some((record, record.certificate.as_ref()?))
}

/// What a tap learns where data came before the server's answer.
pub fn early_data(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = handshake(seen, protocol)?;
    (record.early_data == Some(true)).then(|| {
        format!(
            "What is sent to {} before its answer, once it has the key of the server's tickets",
            server(seen, record)
        )
    })
}

/// What a tap learns where TLS compresses.
pub fn compression(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = completed(seen, protocol)?;
    record.compression.as_ref()?;
    Some(format!(
        "Secrets that are sent to {}, from the lengths of what the client can be made to send",
        server(seen, record)
    ))
}

/// What a tap learns where neither side shows who it is.
pub fn anonymous(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = completed(seen, protocol)?;
    let suite = record.cipher_suite.as_deref()?;
    suite.contains("_anon_").then(|| {
        format!(
            "That who can change packets may take the place of {}",
            server(seen, record)
        )
    })
}

/// What a tap learns from the certificate of a client.
pub fn client_certificate(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = handshake(seen, protocol)?;
    let certificate = record.client_certificate.as_ref()?;
    Some(format!(
        "That {} logs in at {}",
        certificate.subject,
        server(seen, record)
    ))
}

/// What a tap learns from the dates of a certificate.
pub fn certificate_out_of_date(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let (record, certificate) = certificate(seen, protocol)?;
    let now = seen.record.time?;
    let server = server(seen, record);
    if certificate.not_after.is_some_and(|end| end < now) {
        return Some(format!("That the certificate of {server} has expired"));
    }
    certificate
        .not_before
        .is_some_and(|start| now < start)
        .then(|| format!("That the certificate of {server} is not valid yet"))
}

/// What a tap learns where the owner of a certificate signed it.
pub fn certificate_self_signed(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let (record, certificate) = certificate(seen, protocol)?;
    (certificate.subject == certificate.issuer).then(|| {
        format!(
            "That the certificate of {} is signed by nobody else",
            server(seen, record)
        )
    })
}

/// What a tap learns where an alert ended the handshake.
pub fn failed(seen: &Seen<'_>, protocol: &str) -> Option<String> {
    let record = handshake(seen, protocol)?;
    let alert = record.alert.as_deref()?;
    Some(format!(
        "That the handshake with {} fails: {alert}",
        server(seen, record)
    ))
}

#[cfg(test)]
mod tests {
    use overheard_ledger::{Record, Rule, Time, When};

    use super::*;

    fn rules_of(handshake: Handshake) -> Vec<&'static str> {
        const RULES: &[Rule] = &handshake_rules!("tls", "TLS");
        let record = Record {
            body: Handshake {
                protocol: "tls".to_owned(),
                ..handshake
            }
            .into(),
            conversation: None,
            frames: vec![1].into(),
            time: Some(Time(1_000)),
        };
        let seen = Seen {
            record: &record,
            conversation: None,
        };
        let holds = |rule: &&Rule| matches!(rule.when, When::Record(look) if look(&seen).is_some());
        RULES.iter().filter(holds).map(|rule| rule.id).collect()
    }

    fn with(certificate: Certificate) -> Handshake {
        Handshake {
            certificate: Some(certificate),
            ..Handshake::default()
        }
    }

    #[test]
    fn a_certificate_is_judged_by_the_time_of_the_packets() {
        let dated = |from, to| {
            rules_of(with(Certificate {
                subject: "CN=a".to_owned(),
                not_before: Some(Time(from)),
                not_after: Some(Time(to)),
                ..Certificate::default()
            }))
        };
        assert_eq!(dated(10, 2_000), [""; 0]);
        assert_eq!(dated(10, 999), ["tls-certificate-expired"]);
        assert_eq!(dated(1_001, 2_000), ["tls-certificate-expired"]);
        let own = Certificate {
            subject: "CN=a".to_owned(),
            issuer: "CN=a".to_owned(),
            ..Certificate::default()
        };
        assert_eq!(rules_of(with(own.clone())), ["tls-certificate-self-signed"]);
        let refused = Handshake {
            alert: Some("unknown_ca".to_owned()),
            ..with(own)
        };
        assert_eq!(rules_of(refused), ["tls-handshake-failed"]);
    }

    #[test]
    fn each_circumstance_has_its_rule() {
        assert_eq!(rules_of(Handshake::default()), [""; 0]);
        let early = Handshake {
            early_data: Some(true),
            ..Handshake::default()
        };
        assert_eq!(rules_of(early), ["tls-early-data"]);
        let compressed = Handshake {
            compression: Some("DEFLATE".to_owned()),
            ..Handshake::default()
        };
        assert_eq!(rules_of(compressed), ["tls-compression"]);
        let anonymous = Handshake {
            cipher_suite: Some("TLS_DH_anon_WITH_AES_128_GCM_SHA256".to_owned()),
            ..Handshake::default()
        };
        assert_eq!(rules_of(anonymous), ["tls-anonymous"]);
        let named = Handshake {
            client_certificate: Some(Certificate::default()),
            ..Handshake::default()
        };
        assert_eq!(rules_of(named), ["tls-client-certificate"]);
    }
}
