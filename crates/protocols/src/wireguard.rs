//! WireGuard: the messages of its handshake and its sealed data, by their numbers and exact lengths.
//!
//! There is one way to seal, `Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s`: classical, unless a pre-shared
//! key is mixed in, of which nothing shows.

use overheard_ledger::{Account, Body, Exposure, Handshake, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "wireguard",
    title: "WireGuard",
    over: &[Over::Datagram],
    ports: &[51820],
    standard: "WireGuard: Next Generation Kernel Network Tunnel (NDSS 2017), section 5.4",
    exposure: Exposure::Harvest,
    probe,
    begin: |_| Box::new(WireGuard::default()),
    rules: RULES,
};

static RULES: &[Rule] = &[Rule {
    id: "wireguard-classical-key-exchange",
    title: "WireGuard with a classical key exchange",
    severity: Severity::Low,
    exposure: Exposure::Harvest,
    when: When::Record(|seen| match &seen.record.body {
        Body::Handshake(record) if record.protocol == PROTOCOL.name => Some(format!(
            "What goes through the tunnel to {}, once it has a quantum computer, unless a pre-shared key is set, which \
             does not show",
            seen.server()
        )),
        _ => None,
    }),
    remedy: "Set a pre-shared key for every peer, made at random and brought there by a safe way, or let Rosenpass make \
             them.",
    standard: "RFC 8784 for the idea; WireGuard paper, section 5.2",
    explain: "The key exchange is sound today. A quantum computer would open it, and a tap can store the conversation \
              until there is one. A pre-shared key keeps it closed; a tap cannot see whether there is one: ask the owner.",
}];

/// Number of a message, and the three bytes behind it that are zero.
const HEADER: usize = 4;

/// Bytes of a data message with nothing in it: header, receiver, counter, tag.
const EMPTY_DATA: usize = 32;

/// Bytes of a data message from which on it may be as long as the tunnel lets it be: IPv6 asks for 1280 inside.
const FULL_DATA: usize = 1280 + EMPTY_DATA;

/// Bytes of the cookie's proof at the end of the first messages: zero unless the server is under load.
const MAC2: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    /// Initiation, by the number of its sender.
    Initiation(u32),
    /// Response, by the number of its receiver.
    Response(u32),
    Cookie,
    Data,
}

impl Message {
    fn of(bytes: &[u8]) -> Option<Message> {
        let &[kind, 0, 0, 0] = bytes.first_chunk::<HEADER>()? else {
            return None;
        };
        let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        match (kind, bytes.len()) {
            (1, 148) => Some(Message::Initiation(number(4)?)),
            (2, 92) => Some(Message::Response(number(8)?)),
            (3, 64) => Some(Message::Cookie),
            // What is sealed is filled up to 16 bytes, as far as the tunnel's packets go. The counter begins at zero and
            // never comes far.
            (4, EMPTY_DATA..) if bytes.len().is_multiple_of(16) || bytes.len() >= FULL_DATA => {
                (bytes.get(13..16)? == [0; 3]).then_some(Message::Data)
            }
            _ => None,
        }
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    let calm = bytes
        .last_chunk::<MAC2>()
        .is_some_and(|mac| *mac == [0; MAC2]);
    match Message::of(bytes) {
        // Who begins is the client, unless it only makes new keys with a server at its port.
        Some(Message::Initiation(_))
            if calm
                && sample.client.is_empty()
                && !PROTOCOL.ports.contains(&sample.server_port) =>
        {
            Probe::Reversed
        }
        Some(Message::Initiation(_) | Message::Response(_)) if calm => Probe::Sure,
        Some(Message::Initiation(_) | Message::Response(_)) => Probe::Likely(70),
        Some(Message::Cookie) => Probe::Likely(40),
        Some(Message::Data) if bytes.len().is_multiple_of(16) => Probe::Likely(40),
        Some(Message::Data) => Probe::Likely(20),
        None => Probe::No,
    }
}

#[derive(Default)]
struct WireGuard {
    /// The last initiation, until it is answered: the number of its sender.
    asked: Option<(u32, Evidence)>,
    written: bool,
}

impl Analyzer for WireGuard {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        match Message::of(bytes) {
            Some(Message::Initiation(sender)) => self.asked = Some((sender, notes.evidence())),
            Some(Message::Response(receiver)) => {
                if let Some((sender, evidence)) = self.asked.take()
                    && sender == receiver
                {
                    self.agreed(evidence, notes);
                }
            }
            Some(Message::Cookie) => {}
            Some(Message::Data) => notes.account(Account::Sealed, bytes.len() - 16),
            None => return Step::NotMine(Cut::wrong("wireguard", 0)),
        }
        Step::Took(bytes.len())
    }
}

impl WireGuard {
    /// Both sides have keys. New ones are made every two minutes: the first time says it all.
    fn agreed(&mut self, mut evidence: Evidence, notes: &mut Notes<'_>) {
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        evidence.join(&notes.evidence());
        let record = Handshake {
            protocol: PROTOCOL.name.to_owned(),
            version: Some("WireGuard 1".to_owned()),
            cipher_suite: Some("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s".to_owned()),
            key_exchange: Some("X25519".to_owned()),
            forward_secret: Some(true),
            quantum_safe: Some(false),
            ..Handshake::default()
        };
        notes.add_with(record, evidence);
    }
}

#[cfg(test)]
mod tests;
