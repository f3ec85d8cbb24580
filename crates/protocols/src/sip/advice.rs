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
            Body::Call(call) => {
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
            Body::Credential(login) if login.protocol == "sip" => Some(format!(
                "The digest of the password of {} at {}, against which passwords can be tried",
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
];
