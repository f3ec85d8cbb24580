//! Rules that are about no protocol in particular.

use overheard_ledger::{Exposure, Rule, Severity, When};

/// The rules of this crate.
pub static RULES: &[Rule] = &[
    Rule {
        id: "conflicting-copies",
        title: "Two different copies of the same bytes",
        severity: Severity::Medium,
        exposure: Exposure::Unknown,
        // Said by whoever puts streams and datagrams together: only there both readings are known.
        when: When::Observed,
        remedy: "Look at the frames: a broken network card, a middlebox that rewrites traffic, or somebody who injects packets.",
        standard: "RFC 9293 section 3.10; RFC 5722",
        explain: "TCP and IP let a sender repeat bytes, but the copies must be equal. Where they are not, two \
                  receivers can understand two different things. It happens by accident, and it is how \
                  packets are injected into somebody else's conversation.",
    },
    Rule {
        id: "unrecognised-traffic",
        title: "Traffic that the tap could not place",
        severity: Severity::Info,
        exposure: Exposure::Unknown,
        when: When::Conversation(|conversation| {
            let known =
                conversation.protocol.is_some() || conversation.accounts.unrecognised <= 10_000;
            (!known).then(|| {
                format!(
                    "Who talks to {}, when, and how much; what is said was not recognised, which does not mean that it is sealed",
                    conversation.server.ip
                )
            })
        }),
        remedy: "Find out which program this is, and whether it uses TLS 1.3 or something as good.",
        standard: "RFC 7624 section 3; RFC 6973 section 5",
        explain: "A conversation of a protocol that overheard does not know may be readable to somebody who does. \
                  Endpoints, times and sizes are visible in any case.",
    },
    Rule {
        id: crate::entropy::RULE,
        title: "High-entropy traffic that the tap could not place",
        severity: Severity::Info,
        exposure: Exposure::Unknown,
        // The bytes are not part of the ledger.
        when: When::Observed,
        remedy: "Find out which program this is, and by what key exchange it seals.",
        standard: "RFC 7624 section 3; RFC 6973 section 5",
        explain: "The bytes are spread evenly from the first one on, as those of a cipher are, and no protocol that overheard \
                  knows begins so: a protocol built on Noise, an obfuscated tunnel, or a compressed file. Whether it holds \
                  against a stolen key or a quantum computer does not show. Endpoints, times and sizes are visible in any \
                  case.",
    },
    Rule {
        id: crate::stripped::RULE,
        title: "Offer of encryption that disappears",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Compare what the server sends with what this client receives: a firewall or a provider that takes the offer \
                 out, or an attacker. Set the client to require TLS.",
        standard: "RFC 3207 section 6; RFC 8314 section 3; RFC 7624 section 3",
        explain: "The same server offered encryption in another conversation and not in this one. Servers seldom do that by \
                  themselves; somebody on the way who wants to read along does it by taking a line out of the server's \
                  answer.",
    },
];
