//! What a stored recording opens, and when: the sealed bytes of the capture by what it takes to open them.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashSet};
use overheard_ledger::{Conversation, Exposure, Handshake, PostQuantum};

use crate::words;

/// What opens a recording of a sealed conversation, soonest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Opener {
    /// Nothing more is needed: it is broken, or its key went by in clear.
    Today,
    /// The long-term key of a side: there is no forward secrecy.
    StolenKey,
    /// A quantum computer: the key exchange is classical.
    QuantumComputer,
    /// Nothing that is known.
    Nothing,
    /// It cannot be said.
    Unknown,
}

impl Opener {
    pub(crate) const ALL: [Opener; 5] = [
        Opener::Today,
        Opener::StolenKey,
        Opener::QuantumComputer,
        Opener::Nothing,
        Opener::Unknown,
    ];

    /// For programs: in kebab case.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Opener::Today => "today",
            Opener::StolenKey => "stolen-key",
            Opener::QuantumComputer => "quantum-computer",
            Opener::Nothing => "nothing-known",
            Opener::Unknown => "unknown",
        }
    }

    /// Its title, for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Opener::Today => "Opens today",
            Opener::StolenKey => "Opens with a stolen key",
            Opener::QuantumComputer => "Opens with a quantum computer",
            Opener::Nothing => "Stays closed, as far as is known",
            Opener::Unknown => "Cannot be said",
        }
    }

    /// Why, in one plain sentence.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Opener::Today => {
                "The protection is broken or was switched off, or the key went by in clear: a listener can read it now."
            }
            Opener::StolenKey => {
                "No forward secrecy: whoever gets the key that the server keeps for years, by theft or by order, opens \
                 every recording at once."
            }
            Opener::QuantumComputer => {
                "Safe today. But the two sides agreed on their key in a way that a large quantum computer undoes, and a \
                 listener can keep the recording until there is one."
            }
            Opener::Nothing => {
                "The two sides agreed on their key in a way that holds against quantum computers too, and threw it away \
                 afterwards."
            }
            Opener::Unknown => {
                "How it was sealed did not show: the beginning was not captured, or the protocol hides it."
            }
        }
    }

    /// The exposure whose colour it has.
    pub(crate) fn exposure(self) -> Exposure {
        match self {
            Opener::Today => Exposure::Weak,
            Opener::StolenKey => Exposure::StolenKey,
            Opener::QuantumComputer => Exposure::Harvest,
            Opener::Nothing => Exposure::Sealed,
            Opener::Unknown => Exposure::Unknown,
        }
    }

    /// What opens the sealed part of a conversation; `None` where it has none.
    fn of(
        conversation: &Conversation,
        handshake: Option<&Handshake>,
        key_in_clear: bool,
    ) -> Option<Opener> {
        let opener = match conversation.exposure {
            Exposure::Weak => Opener::Today,
            Exposure::StolenKey => Opener::StolenKey,
            Exposure::Harvest => Opener::QuantumComputer,
            Exposure::Sealed => Opener::Nothing,
            _ if conversation.accounts.sealed == 0 => return None,
            _ if key_in_clear => Opener::Today,
            // Some of it passes in clear; what is sealed is as its handshake says.
            Exposure::Open => handshake.map_or(Opener::Unknown, of_handshake),
            Exposure::Unknown => Opener::Unknown,
        };
        Some(opener)
    }
}

fn of_handshake(handshake: &Handshake) -> Opener {
    let suite = handshake.cipher_suite.as_deref().unwrap_or_default();
    match (handshake.forward_secret, handshake.quantum_safe) {
        _ if suite.contains("NULL") => Opener::Today,
        (Some(false), _) => Opener::StolenKey,
        (Some(true), Some(true)) => Opener::Nothing,
        (Some(true), _) => Opener::QuantumComputer,
        (None, _) => Opener::Unknown,
    }
}

/// What conversations with one server hold of a group.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Its name and port, or its endpoint. Not escaped.
    pub(crate) server: String,
    pub(crate) conversations: u64,
    /// Sealed payload bytes.
    pub(crate) sealed: u64,
}

/// The sealed conversations that one thing opens.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) opener: Opener,
    pub(crate) conversations: u64,
    /// Sealed payload bytes.
    pub(crate) sealed: u64,
    /// Its share of all sealed bytes in whole per cent; those of all groups add up to 100.
    pub(crate) percent: u64,
    /// By server, most sealed bytes first.
    pub(crate) servers: Vec<Held>,
}

impl Group {
    /// Its share of all sealed bytes, never rounded to none or to all of them.
    pub(crate) fn share(&self, total: u64) -> String {
        match self.percent {
            0 if self.sealed > 0 => "under 1 %".to_owned(),
            100 if self.sealed < total => "over 99 %".to_owned(),
            percent => format!("{percent} %"),
        }
    }
}

/// All sealed conversations, and what the deadlines of the standards concern among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sealed {
    /// One for each [`Opener`], in its order.
    pub(crate) groups: Vec<Group>,
    /// All sealed payload bytes of the capture: the sum of the groups.
    pub(crate) bytes: u64,
    /// Conversations whose key exchange was classical alone.
    pub(crate) classical: u64,
    /// Conversations whose key exchange was seen, but not with ML-KEM-1024.
    pub(crate) without_ml_kem_1024: u64,
    /// Conversations in version 1.2 of TLS or DTLS.
    pub(crate) version_1_2: u64,
    /// Different certificates, by subject, key and time; none that is seen in clear is post-quantum.
    pub(crate) certificates: u64,
}

impl Sealed {
    /// Of the conversations of a ledger, their handshakes, the conversations whose media has its key in clear,
    /// and all sealed payload bytes of the capture.
    pub(crate) fn new(
        conversations: &[&Conversation],
        handshakes: &HashMap<u64, &Handshake>,
        keys_in_clear: &HashSet<u64>,
        sealed: u64,
    ) -> Sealed {
        let mut counts: BTreeMap<Opener, BTreeMap<String, (u64, u64)>> = BTreeMap::new();
        let mut digest = Sealed::default();
        let mut certificates = BTreeSet::new();
        for conversation in conversations {
            let handshake = handshakes.get(&conversation.id).copied();
            if let Some(handshake) = handshake {
                digest.count(handshake);
                if let Some(certificate) = &handshake.certificate {
                    let dates = (certificate.not_before, certificate.not_after);
                    certificates.insert((&certificate.subject, &certificate.key, dates));
                }
            }
            let key_in_clear = keys_in_clear.contains(&conversation.id);
            if let Some(opener) = Opener::of(conversation, handshake, key_in_clear) {
                let servers = counts.entry(opener).or_default();
                let entry = servers.entry(server(conversation)).or_default();
                entry.0 += 1;
                entry.1 += conversation.accounts.sealed;
            }
        }
        digest.groups = Opener::ALL
            .into_iter()
            .map(|opener| group(opener, counts.remove(&opener).unwrap_or_default()))
            .collect();
        let counted: u64 = digest.groups.iter().map(|group| group.sealed).sum();
        digest.bytes = sealed.max(counted);
        // What belongs to no conversation that the ledger holds.
        if let Some(unknown) = digest.groups.last_mut() {
            unknown.sealed += digest.bytes - counted;
        }
        digest.share_out();
        digest.certificates = u64::try_from(certificates.len()).unwrap_or(u64::MAX);
        digest
    }

    /// Gives every group its whole per cent. What rounding down leaves over goes to those that lost most by it, so
    /// that the sum is 100.
    fn share_out(&mut self) {
        let total = u128::from(self.bytes);
        if total == 0 {
            return;
        }
        let mut lost = Vec::new();
        for (place, group) in self.groups.iter_mut().enumerate() {
            let hundredfold = u128::from(group.sealed) * 100;
            group.percent = u64::try_from(hundredfold / total).unwrap_or(100);
            lost.push((std::cmp::Reverse(hundredfold % total), place));
        }
        lost.sort_unstable();
        let given: u64 = self.groups.iter().map(|group| group.percent).sum();
        let left = usize::try_from(100_u64.saturating_sub(given)).unwrap_or(0);
        for (_, place) in lost.into_iter().take(left) {
            if let Some(group) = self.groups.get_mut(place) {
                group.percent += 1;
            }
        }
    }

    fn count(&mut self, handshake: &Handshake) {
        if matches!(handshake.version.as_deref(), Some("TLS 1.2" | "DTLS 1.2")) {
            self.version_1_2 += 1;
        }
        let Some(method) = handshake.key_exchange.as_deref() else {
            return;
        };
        let post_quantum = PostQuantum::of(method);
        self.without_ml_kem_1024 += u64::from(post_quantum != Some(PostQuantum::MlKem(1024)));
        let holds = handshake.quantum_safe.unwrap_or(post_quantum.is_some());
        self.classical += u64::from(!holds);
    }

    /// Whether anything sealed was seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.groups.iter().all(|group| group.conversations == 0)
    }
}

fn group(opener: Opener, servers: BTreeMap<String, (u64, u64)>) -> Group {
    let mut servers: Vec<Held> = servers
        .into_iter()
        .map(|(server, (conversations, sealed))| Held {
            server,
            conversations,
            sealed,
        })
        .collect();
    servers.sort_by_key(|held| std::cmp::Reverse((held.sealed, held.conversations)));
    Group {
        opener,
        conversations: servers.iter().map(|held| held.conversations).sum(),
        sealed: servers.iter().map(|held| held.sealed).sum(),
        percent: 0,
        servers,
    }
}

/// A server by its name and port: one that answers from many addresses is one.
fn server(conversation: &Conversation) -> String {
    match conversation.server_names.first() {
        Some(name) => format!("{name}:{}", conversation.server.port),
        None => words::endpoint(conversation.server),
    }
}

#[cfg(test)]
mod tests;
