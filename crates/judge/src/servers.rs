//! What every client of a server offered and agreed on with it: from there it can be said which side keeps both
//! from something better.
//!
//! A server is a name, or an address where it has none, with a port and a protocol: one that answers from many
//! addresses is one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt, HashSet};
use overheard_ledger::{Body, Conversation, Handshake, PostQuantum, Record};

/// Who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server: clients offered better, and it did not take it.
    Server,
    /// The clients: they did not offer better.
    Clients,
    /// Both: some clients offered better in vain, others did not offer it.
    Both,
}

impl Side {
    /// For programs: `server`, `clients` or `both`.
    pub fn id(self) -> &'static str {
        match self {
            Side::Server => "server",
            Side::Clients => "clients",
            Side::Both => "both",
        }
    }

    fn of(server: bool, clients: bool) -> Option<Side> {
        match (server, clients) {
            (true, true) => Some(Side::Both),
            (true, false) => Some(Side::Server),
            (false, true) => Some(Side::Clients),
            (false, false) => None,
        }
    }
}

/// Handshakes by what became of a post-quantum key exchange in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyExchanges {
    /// One was agreed on.
    pub agreed: u64,
    /// The client offered one, and the server chose a classical one.
    pub refused: u64,
    /// The client offered one, but wanted the classical one more, which decides in SSH (RFC 4253 section 7.1).
    pub postponed: u64,
    /// The client offered none.
    pub not_offered: u64,
    /// What the client offered was not seen.
    pub unseen: u64,
}

impl KeyExchanges {
    /// All of them.
    pub fn total(self) -> u64 {
        self.offered() + self.not_offered + self.unseen
    }

    /// Those in which the client offered one.
    pub fn offered(self) -> u64 {
        self.agreed + self.refused + self.postponed
    }

    /// Who keeps the others from one; `None` where nobody does, or it was not seen.
    pub fn side(self) -> Option<Side> {
        Side::of(self.refused > 0, self.not_offered + self.postponed > 0)
    }
}

/// Handshakes that agreed on a deprecated version, by who wanted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OldVersions {
    /// The client offered a newer one.
    pub refused: u64,
    /// The client offered none.
    pub not_offered: u64,
    /// What the client offered was not seen.
    pub unseen: u64,
}

impl OldVersions {
    /// All of them.
    pub fn total(self) -> u64 {
        self.refused + self.not_offered + self.unseen
    }

    /// Who keeps them from a newer version; `None` where nobody does, or it was not seen.
    pub fn side(self) -> Option<Side> {
        Side::of(self.refused > 0, self.not_offered > 0)
    }
}

/// What one client and a server agreed on.
#[derive(Clone, Debug, Default)]
pub struct Client<'a> {
    /// Handshakes that were answered.
    pub handshakes: u64,
    /// Versions that were agreed on, by their names.
    pub versions: BTreeSet<&'a str>,
    /// Key exchanges that were agreed on.
    pub key_exchanges: BTreeSet<&'a str>,
    /// Post-quantum key exchanges that the client offered.
    pub offered: BTreeSet<&'a str>,
    /// The newest version that the client offered.
    pub newest: Option<Generation>,
}

/// What all clients of one server agreed on with it.
#[derive(Clone, Debug)]
pub struct Server<'a> {
    /// The protocol of the handshakes; `ike` for both versions of it.
    pub protocol: &'a str,
    /// Its name, or its address where it has none.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// The addresses that it answered from.
    pub addresses: BTreeSet<IpAddr>,
    /// Its clients by address.
    pub clients: BTreeMap<IpAddr, Client<'a>>,
    /// What became of post-quantum key exchanges.
    pub key_exchanges: KeyExchanges,
    /// Deprecated versions.
    pub old_versions: OldVersions,
    /// The newest version that it agreed on, with its name.
    pub newest: Option<(Generation, &'a str)>,
}

/// The servers of a ledger, and which conversation was with which.
#[derive(Debug, Default)]
pub struct Servers<'a> {
    /// In the ledger's order.
    pub all: Vec<Server<'a>>,
    of_conversation: HashMap<u64, usize>,
}

impl<'a> Servers<'a> {
    /// The servers that answered a handshake in a ledger's records.
    pub fn new(records: &'a [Record]) -> Servers<'a> {
        // Few conversations have a handshake, and only those are asked for.
        let sealed: HashSet<u64> = handshakes(records).map(|(id, _)| id).collect();
        let conversations = records
            .iter()
            .filter_map(|record| match (record.begins(), &record.body) {
                (Some(id), Body::Conversation(conversation)) if sealed.contains(&id) => {
                    Some((id, &**conversation))
                }
                _ => None,
            })
            .collect();
        Servers::among(records, &conversations)
    }

    /// As [`Servers::new`], where conversations by their ids are known already.
    pub(crate) fn among(
        records: &'a [Record],
        conversations: &HashMap<u64, &'a Conversation>,
    ) -> Servers<'a> {
        let mut servers = Servers::default();
        let mut places: HashMap<(&str, Cow<'_, str>, u16), usize> = HashMap::new();
        for (id, handshake) in handshakes(records) {
            let (Some(conversation), Some(method)) =
                (conversations.get(&id), &handshake.key_exchange)
            else {
                continue;
            };
            let name = handshake
                .server_name
                .as_ref()
                .or(conversation.server_names.first());
            let protocol = match handshake.protocol.as_str() {
                "ikev1" | "ikev2" => "ike",
                protocol => protocol,
            };
            let ip = conversation.server.ip;
            let name: Cow<'_, str> =
                name.map_or_else(|| ip.to_string().into(), |name| name.as_str().into());
            let port = conversation.server.port;
            let next = servers.all.len();
            let place = *places.entry((protocol, name.clone(), port)).or_insert(next);
            if place == next {
                servers.all.push(Server {
                    protocol,
                    name: name.into_owned(),
                    port,
                    addresses: BTreeSet::new(),
                    clients: BTreeMap::new(),
                    key_exchanges: KeyExchanges::default(),
                    old_versions: OldVersions::default(),
                    newest: None,
                });
            }
            servers.of_conversation.insert(id, place);
            if let Some(server) = servers.all.get_mut(place) {
                server.addresses.insert(ip);
                server.count(conversation.client.ip, handshake, method);
            }
        }
        servers
    }

    /// The server of a conversation, where it answered a handshake.
    pub fn of_conversation(&self, id: u64) -> Option<&Server<'a>> {
        self.all.get(*self.of_conversation.get(&id)?)
    }
}

/// The handshakes of a ledger, and the conversations that they are of.
fn handshakes(records: &[Record]) -> impl Iterator<Item = (u64, &Handshake)> {
    records.iter().filter_map(|record| match &record.body {
        Body::Handshake(handshake) => Some((record.conversation?, &**handshake)),
        _ => None,
    })
}

impl<'a> Server<'a> {
    fn count(&mut self, client: IpAddr, handshake: &'a Handshake, method: &'a str) {
        let agreed = Generation::agreed(handshake);
        let offered = Generation::offered(handshake);
        let client = self.clients.entry(client).or_default();
        client.handshakes += 1;
        client.key_exchanges.insert(method);
        client.newest = client.newest.max(offered);
        let is_post_quantum = |name: &&'a str| PostQuantum::of(name).is_some();
        let offers = handshake.offered_key_exchange.iter().map(String::as_str);
        client.offered.extend(offers.filter(is_post_quantum));
        if let Some(version) = handshake.version.as_deref() {
            client.versions.insert(version);
            if let Some(agreed) = agreed {
                self.newest = self.newest.max(Some((agreed, version)));
            }
        }
        *self.account_of(handshake, method) += 1;
        if agreed.is_some_and(Generation::is_deprecated) {
            let old = &mut self.old_versions;
            *match offered {
                Some(offered) if offered.is_deprecated() => &mut old.not_offered,
                Some(_) => &mut old.refused,
                None => &mut old.unseen,
            } += 1;
        }
    }

    /// Where a handshake counts by its key exchange.
    fn account_of(&mut self, handshake: &Handshake, method: &str) -> &mut u64 {
        let counts = &mut self.key_exchanges;
        let offers = &handshake.offered_key_exchange;
        let place = |wanted: &dyn Fn(&str) -> bool| offers.iter().position(|name| wanted(name));
        let better = place(&|name| PostQuantum::of(name).is_some());
        let chosen = place(&|name| name == method);
        let agreed = handshake
            .quantum_safe
            .unwrap_or_else(|| PostQuantum::of(method).is_some());
        match (better, chosen) {
            _ if agreed => &mut counts.agreed,
            (Some(better), Some(chosen)) if handshake.protocol == "ssh" && chosen < better => {
                &mut counts.postponed
            }
            (Some(_), _) => &mut counts.refused,
            // Who offers no groups at all offers none that holds; its hello left a fingerprint.
            (None, _) if !offers.is_empty() || handshake.ja4.is_some() => &mut counts.not_offered,
            (None, _) => &mut counts.unseen,
        }
    }
}

/// How new a version is, within one protocol: DTLS 1.0 is as TLS 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u8);

impl Generation {
    const TLS_1_2: Generation = Generation(12);
    /// Where IKE and SSH are of version 2.
    const SECOND: Generation = Generation(20);
    const FIRST: Generation = Generation(1);

    /// Of a version by its name in the ledger; `None` where the name does not say.
    fn named(version: &str) -> Option<Generation> {
        let generation = match version {
            "SSL 2.0" => 2,
            "SSL 3.0" => 3,
            "TLS 1.0" => 10,
            "TLS 1.1" | "DTLS 1.0" => 11,
            "TLS 1.2" | "DTLS 1.2" => 12,
            "TLS 1.3" | "DTLS 1.3" => 13,
            "IKEv1" => return Some(Generation::FIRST),
            "IKEv2" => return Some(Generation::SECOND),
            _ if version.starts_with("QUIC ") => 13,
            _ if version.starts_with("SSH-2.") || version.starts_with("SSH-1.99") => {
                return Some(Generation::SECOND);
            }
            _ if version.starts_with("SSH-1.") => return Some(Generation::FIRST),
            _ => return None,
        };
        Some(Generation(generation))
    }

    /// That which was agreed on.
    fn agreed(handshake: &Handshake) -> Option<Generation> {
        Generation::named(handshake.version.as_deref()?)
    }

    /// The newest that the client offered: JA4 tells that of TLS, the name of the software that of SSH. In IKE
    /// the client has the choice.
    fn offered(handshake: &Handshake) -> Option<Generation> {
        match handshake.protocol.as_str() {
            "ssh" => Generation::named(handshake.client_software.as_deref()?),
            "ikev1" | "ikev2" => Generation::agreed(handshake),
            _ => {
                let generation = match handshake.ja4.as_deref()?.get(1..3)? {
                    "s2" => 2,
                    "s3" => 3,
                    "10" => 10,
                    "11" | "d1" => 11,
                    "12" | "d2" => 12,
                    "13" | "d3" => 13,
                    _ => return None,
                };
                Some(Generation(generation))
            }
        }
    }

    /// Whether no standard allows it any more: RFC 8996, RFC 9395, RFC 4253 section 5.
    pub fn is_deprecated(self) -> bool {
        self < Generation::TLS_1_2
    }

    /// The version as it is called in a protocol.
    pub fn name(self, protocol: &str) -> &'static str {
        match (protocol, self.0) {
            ("ike", 1) => "IKEv1",
            ("ike", _) => "IKEv2",
            ("ssh", 1) => "SSH-1",
            ("ssh", _) => "SSH-2.0",
            ("dtls", 11) => "DTLS 1.0",
            ("dtls", 12) => "DTLS 1.2",
            ("dtls", 13) => "DTLS 1.3",
            (_, 2) => "SSL 2.0",
            (_, 3) => "SSL 3.0",
            (_, 10) => "TLS 1.0",
            (_, 11) => "TLS 1.1",
            (_, 12) => "TLS 1.2",
            (_, _) => "TLS 1.3",
        }
    }
}

#[cfg(test)]
mod tests;
