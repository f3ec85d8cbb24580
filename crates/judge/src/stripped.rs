//! An offer of encryption that disappears for one client of a server: what somebody on the way who takes it out
//! would leave behind. It takes all conversations of the server to see it.

use foldhash::{HashMap, HashSet};

use overheard_ledger::{Conversation, Endpoint, Hint, HintBody, SERVER};

/// The id of the rule.
pub(crate) const RULE: &str = "encryption-offer-disappears";

/// How the ids of rules end that say that a server did not offer to encrypt, or did, by the protocol that they
/// begin with.
const NOT_OFFERED: [&str; 2] = ["-starttls-not-offered", "-tls-not-offered"];
const IGNORED: [&str; 2] = ["-starttls-ignored", "-tls-ignored"];

/// The protocol that the id of a rule with one of these ends begins with.
fn protocol_of(rule: &'static str, ends: [&str; 2]) -> Option<&'static str> {
    ends.iter().find_map(|end| rule.strip_suffix(end))
}

/// What follows from these conversations and hints: one hint for each conversation without the offer, where the
/// server made it in another one.
pub(crate) fn hints(conversations: &HashMap<u64, &Conversation>, hints: &[Hint]) -> Vec<Hint> {
    let missing: Vec<(&Hint, &str)> = hints
        .iter()
        .filter_map(|hint| Some((hint, protocol_of(observed(hint)?, NOT_OFFERED)?)))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    // Offered and left alone, or offered and taken: then the conversation went on in TLS.
    let ignored = hints.iter().filter_map(|hint| {
        let protocol = protocol_of(observed(hint)?, IGNORED)?;
        Some((conversations.get(&hint.conversation)?.server, protocol))
    });
    let taken = conversations.values().filter_map(|conversation| {
        let protocol = conversation.protocol.as_deref()?.strip_suffix("+tls")?;
        Some((conversation.server, protocol))
    });
    let offered: HashSet<(Endpoint, &str)> = ignored.chain(taken).collect();
    missing
        .into_iter()
        .filter_map(|(hint, protocol)| {
            let conversation = conversations.get(&hint.conversation)?;
            offered
                .contains(&(conversation.server, protocol))
                .then(|| Hint {
                    body: HintBody::Observed {
                        rule: RULE,
                        learns: format!(
                            "What {} says to {SERVER} in clear: encryption was offered to others or at other times, but not \
                             here",
                            conversation.client.ip
                        ),
                    },
                    ..hint.clone()
                })
        })
        .collect()
}

/// The id of the rule that a hint says holds.
fn observed(hint: &Hint) -> Option<&'static str> {
    match hint.body {
        HintBody::Observed { rule, .. } => Some(rule),
        _ => None,
    }
}
