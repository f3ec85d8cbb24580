//! Which side a remedy is for: a rule sees one handshake, but whether the server or its clients keep both from
//! something better shows only in all handshakes of the server.

use crate::servers::{KeyExchanges, OldVersions, Server, Side};

/// How the ids of rules end that this is asked of: on classical key exchanges, and on deprecated versions.
const CLASSICAL: &str = "-classical-key-exchange";
const OLD_VERSION: [&str; 2] = ["-old-version", "-version-1"];

/// What a finding of a rule says more, once it is known which side it is about.
pub(crate) struct Aimed {
    /// Stands behind the title of the rule.
    pub(crate) title: &'static str,
    /// Stands in place of the remedy of the rule.
    pub(crate) remedy: &'static str,
    /// What clients of this server offered, and what became of it; stands behind the sentence.
    pub(crate) because: String,
}

/// Whether a rule is about something that one of the sides keeps both from.
pub(crate) fn is_about_sides(rule: &str) -> bool {
    rule.ends_with(CLASSICAL) || OLD_VERSION.iter().any(|end| rule.ends_with(end))
}

/// What a finding of this rule on this server says more; `None` where the rule is about no side, or it does
/// not show which.
pub(crate) fn aimed(rule: &str, server: &Server<'_>) -> Option<Aimed> {
    if rule.ends_with(CLASSICAL) {
        let side = server.key_exchanges.side()?;
        return Some(Aimed {
            title: title(side),
            remedy: key_exchange_remedy(server, side)?,
            because: offers(server.key_exchanges),
        });
    }
    if OLD_VERSION.iter().any(|end| rule.ends_with(end)) {
        let side = server.old_versions.side()?;
        return Some(Aimed {
            title: title(side),
            remedy: version_remedy(server, side)?,
            because: old_offers(server.old_versions),
        });
    }
    None
}

fn title(side: Side) -> &'static str {
    match side {
        Side::Server => "upgrade the server",
        Side::Clients => "upgrade the clients",
        Side::Both => "upgrade the server and the clients",
    }
}

fn key_exchange_remedy(server: &Server<'_>, side: Side) -> Option<&'static str> {
    let remedy = match (server.protocol, side) {
        ("tls" | "dtls" | "quic", Side::Server) => {
            "On the server: its clients offer a post-quantum key exchange, and it takes a classical one. Bring its TLS \
             library up to date, let it speak TLS 1.3, and put X25519MLKEM768 first."
        }
        ("tls" | "dtls" | "quic", Side::Clients) if server.key_exchanges.agreed > 0 => {
            "On the clients that do not offer it: the server takes X25519MLKEM768 or its like from others. Bring their \
             browsers and programs up to date."
        }
        ("tls" | "dtls" | "quic", Side::Clients) => {
            "On the clients: they offer no post-quantum key exchange, so the server has no choice. Bring their browsers \
             and programs up to date, then look again whether the server takes it."
        }
        ("tls" | "dtls" | "quic", Side::Both) => {
            "On both sides: some clients offer a post-quantum key exchange and the server takes a classical one, others \
             do not offer it. Turn on X25519MLKEM768 and TLS 1.3 on the server first, then bring the others up to date."
        }
        ("ssh", Side::Server) => {
            "On the server: its clients ask for a post-quantum key exchange first, and it has none. Bring it up to a \
             version with mlkem768x25519-sha256 or sntrup761x25519-sha512, and leave it first in KexAlgorithms."
        }
        ("ssh", Side::Clients) => {
            "On the clients: they do not offer a post-quantum key exchange, or want a classical one more. Bring them up \
             to a version with mlkem768x25519-sha256, and leave it first in KexAlgorithms."
        }
        ("ssh", Side::Both) => {
            "On both sides: some clients ask for a post-quantum key exchange first and the server has none, others do not \
             ask. Bring all of them up to a version with mlkem768x25519-sha256, the server first."
        }
        ("ike", Side::Server) => {
            "On the answering side: the other side proposes ML-KEM as an additional key exchange, and it takes a proposal \
             without. Turn it on there; where the software cannot, set a post-quantum pre-shared key on both sides."
        }
        ("ike", Side::Clients) => {
            "On the side that begins: it does not propose ML-KEM. Add it there as an additional key exchange, and on the \
             answering side; where the software cannot, set a post-quantum pre-shared key on both sides."
        }
        ("ike", Side::Both) => {
            "On both sides: some propose ML-KEM in vain, others do not propose it. Add it as an additional key exchange \
             everywhere, the answering side first."
        }
        _ => return None,
    };
    Some(remedy)
}

fn version_remedy(server: &Server<'_>, side: Side) -> Option<&'static str> {
    let remedy = match (server.protocol, side) {
        ("tls" | "dtls" | "quic", Side::Server) => {
            "On the server: its clients offer a newer version, and it takes the old one. Turn on TLS 1.3 (at least 1.2), and \
             turn off everything older."
        }
        ("tls" | "dtls" | "quic", Side::Clients) => {
            "On the clients: they offer nothing newer. Bring them up to date or replace them, then turn off everything older \
             than TLS 1.2 on the server."
        }
        ("tls" | "dtls" | "quic", Side::Both) => {
            "On both sides: the server takes the old version from clients that offer a newer one, and other clients offer \
             nothing newer. Turn on TLS 1.3 on the server, replace those clients, then turn off everything older than 1.2."
        }
        ("ike", _) => {
            "On the side that begins: it asks for IKEv1. Set it to IKEv2, then turn IKEv1 off on the side that answers."
        }
        _ => return None,
    };
    Some(remedy)
}

/// What was offered, in the handshakes of a server, and what became of it.
fn offers(counts: KeyExchanges) -> String {
    let (offered, total) = (counts.offered(), counts.total());
    match (offered, total) {
        (0, _) => "no client offered it a post-quantum key exchange".to_owned(),
        (1, 1) => "a post-quantum key exchange was offered, and not chosen".to_owned(),
        _ => {
            let chosen = match counts.agreed {
                0 => "none".to_owned(),
                some => some.to_string(),
            };
            format!(
                "a post-quantum key exchange was offered in {offered} of {total} handshakes, and chosen in {chosen}"
            )
        }
    }
}

fn old_offers(counts: OldVersions) -> String {
    match (counts.refused, counts.total()) {
        (0, _) => "its clients offered nothing newer".to_owned(),
        (1, 1) => "the client offered a newer version".to_owned(),
        (refused, total) if refused == total => {
            format!("the clients offered a newer version in all {total} handshakes")
        }
        (refused, total) => {
            format!("the clients offered a newer version in {refused} of {total} handshakes")
        }
    }
}
