//! What the owner of a line should know about calls that are set up in clear.

use overheard_ledger::{Body, CallState, Exposure, Rule, Severity, When};

/// The rules of SIP.
pub static RULES: &[Rule] = &[
    Rule {
        id: "sip-call",
        title: "Who called whom, and when",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Call(call) if call.protocol == "sip" => {
                let from = call.from.as_deref().unwrap_or("somebody");
                let to = call.to.as_deref().unwrap_or("somebody");
                Some(match call.state {
                    CallState::Answered | CallState::Ended => {
                        format!("That {from} called {to}, when, and for how long")
                    }
                    _ => format!("That {from} tried to call {to}, and when"),
                })
            }
            _ => None,
        }),
        remedy: "Let the telephones and the exchange talk SIP over TLS only, and close the unencrypted port.",
        standard: "RFC 3261 section 26.2; RFC 8826",
        explain: "The messages that set a call up name the caller and the called, and show when it rang, was answered \
                      and ended. Collected over weeks they draw the picture of who works with whom.",
    },
    Rule {
        id: "sip-digest-password",
        title: "Telephone login, to be guessed offline",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Credential(login) if login.protocol == "sip" && login.crackable => Some(format!(
                "The {} digest of the password of {} at {}, against which passwords can be tried",
                match login.mechanism.as_str() {
                    "digest-sha-256" => "SHA-256",
                    "digest-sha-512-256" => "SHA-512/256",
                    _ => "MD5",
                },
                login.user.as_deref().unwrap_or("somebody"),
                seen.server()
            )),
            _ => None,
        }),
        remedy: "Carry SIP over TLS; until then use long random passwords, and digests with SHA-256 instead of MD5.",
        standard: "RFC 8760",
        explain: "A telephone proves that it knows its password with a hash of it. Who saw one login can try millions \
                      of passwords a second against it without the exchange noticing, and then make calls in its name.",
    },
    Rule {
        id: "sip-message",
        title: "Text messages in clear",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Message(message) if message.protocol == "sip" => Some(format!(
                "What {} wrote to {}",
                message.from.as_deref().unwrap_or("somebody"),
                message.to.first().map_or("somebody", String::as_str)
            )),
            _ => None,
        }),
        remedy: "Carry SIP over TLS, or send text messages with a program that seals them from end to end.",
        standard: "RFC 3261 section 26.2; RFC 3428",
        explain: "Text messages between telephones pass inside SIP. Where that is not sealed, they are read as they pass.",
    },
    Rule {
        id: "sip-media-key",
        title: "The key of a call, sent in clear",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Carry SIP over TLS wherever keys are sent in it, or use DTLS-SRTP, whose key is never sent.",
        standard: "RFC 4568; RFC 8827",
        explain: "The call is to be sealed with SRTP, but the key for it stands in a message that is not sealed. Who \
                      copies both can listen.",
    },
    Rule {
        id: "sip-fax",
        title: "A fax whose pages can be read",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Conversation(|conversation| {
            let chain = conversation.protocol.as_deref()?;
            let (one, other) = (conversation.client.ip, conversation.server.ip);
            chain.split('+').any(|name| name == "t38").then(|| {
                format!(
                    "The pages of a fax between {} and {}",
                    one.min(other),
                    one.max(other)
                )
            })
        }),
        remedy: "Send documents in ways that are sealed, or carry T.38 in DTLS where both gateways can, and SIP over TLS.",
        standard: "ITU-T T.38; RFC 7345",
        explain: "A fax over the network is the picture of its pages in packets (T.38). Where they are not sealed, who copies \
                      them has the pages.",
    },
    Rule {
        id: "sip-registration",
        title: "Which telephone is where",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Let the telephones register over TLS only.",
        standard: "RFC 3261 section 26.2; RFC 5626",
        explain: "A telephone tells its exchange every few minutes where it is to be called. Collected, that shows who works \
                      where, and when somebody takes the telephone along.",
    },
    Rule {
        id: "sip-presence",
        title: "Who is available, and when",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Carry SIP over TLS, and publish presence only to those who need it.",
        standard: "RFC 3863; RFC 3261 section 26.2",
        explain: "Telephones and programs tell each other who is there, away or on the telephone. Whoever reads along has a \
                      record of everybody's day.",
    },
    Rule {
        id: "sip-private-address",
        title: "Addresses inside a network, given away",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Let the programs offer names instead of private addresses in candidates, or only those of a relay.",
        standard: "RFC 8828",
        explain: "To find the shortest way for the voice, the ends of a call send each other all their addresses. Those inside \
                      a network help to draw its map and to know a machine again.",
    },
];
