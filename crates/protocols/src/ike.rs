//! IKEv2 (RFC 7296) and IKEv1 (RFC 2409, RFC 2408), which make the keys of IPsec, over UDP, with ESP on
//! the same port behind address translation (RFC 3948), and both over TCP where UDP does not pass (RFC 9329).
//!
//! The first exchange passes in clear: what was offered, what was chosen, with the additional key exchanges of
//! RFC 9370 and the announcement of a post-quantum pre-shared key (RFC 8784). The rest is sealed. In
//! IKEv1's aggressive mode the answer to a pre-shared key passes in clear too.

use overheard_ledger::{
    Account, Body, Credential, Exposure, Handshake, HintBody, Rule, Seen, Severity, When,
};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

mod payloads;
mod transforms;

use payloads::{HEADER, Header, Payloads, Suite, exchange};

use crate::shared::hex::hex;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ike",
    title: "Internet Key Exchange, and ESP over UDP and TCP",
    over: &[Over::Datagram, Over::Stream],
    ports: &[500, 4500],
    standard: "RFC 7296",
    exposure: Exposure::Unknown,
    probe,
    begin: |over| {
        Box::new(Ike {
            over_tcp: over == Over::Stream,
            ..Ike::default()
        })
    },
    rules: RULES,
};

static RULES: &[Rule] = &[
    Rule {
        id: "ike-aggressive-psk",
        title: "Shared key of a VPN that can be attacked offline",
        severity: Severity::High,
        exposure: Exposure::Weak,
        when: When::Record(|seen| match &seen.record.body {
            Body::Credential(login) if login.protocol == "ikev1" => Some(format!(
                "That {} is known to {}, and what guesses of their shared key can be tried on",
                login.user.as_deref().unwrap_or("a client"),
                seen.server()
            )),
            _ => None,
        }),
        remedy: "Move to IKEv2 with certificates; until then turn aggressive mode off, and make the shared key long and \
                 random.",
        standard: "RFC 9395; RFC 2409 section 5.4",
        explain: "In aggressive mode the server shows in clear that it knows the shared key, in a form that every guess \
                  can be compared with. Who finds the key can take the place of the server or of a client.",
    },
    Rule {
        id: "ike-weak",
        title: "IKE with algorithms that must not be used",
        severity: Severity::Medium,
        exposure: Exposure::Weak,
        when: When::Record(|seen| {
            let record = handshake(seen)?;
            let what = deprecated(record)?;
            Some(format!(
                "That {} seals with {what}, and where to begin to break it",
                seen.server()
            ))
        }),
        remedy: "Allow only AES-GCM or ChaCha20-Poly1305, and groups of 2048 bits or more or elliptic curves, on both \
                 sides.",
        standard: "RFC 8247 sections 2.1 and 2.4",
        explain: "DES was broken long ago and 3DES is worn out; Diffie-Hellman over 1024 bits is within reach of who can \
                  spend much on it, and over 1536 bits it is not far away.",
    },
    Rule {
        id: "ike-version-1",
        title: "IKE version 1",
        severity: Severity::Medium,
        exposure: Exposure::Harvest,
        when: When::Record(|seen| {
            let record = handshake(seen)?;
            // That somebody asks says nothing about the server.
            (record.protocol == "ikev1" && record.key_exchange.is_some())
                .then(|| format!("That {} still speaks IKEv1", seen.server()))
        }),
        remedy: "Move both sides to IKEv2.",
        standard: "RFC 9395",
        explain: "IKEv1 is deprecated: it knows no key exchange that holds against a quantum computer, and most of what \
                  speaks it is no longer maintained.",
    },
    Rule {
        id: "ike-classical-key-exchange",
        title: "IKE with a classical key exchange",
        severity: Severity::Low,
        exposure: Exposure::Harvest,
        when: When::Record(|seen| {
            let record = handshake(seen)?;
            // Where a pre-shared key was announced, another rule says more.
            let told = record.ppk_announced == Some(true);
            (exposure(record) == Exposure::Harvest && !told).then(|| {
                format!(
                    "What goes through the tunnel to {}, once it has a quantum computer",
                    seen.server()
                )
            })
        }),
        remedy: "Add ML-KEM as an additional key exchange on both sides; where the software cannot, a post-quantum \
                 pre-shared key.",
        standard: "RFC 9370; RFC 8784",
        explain: "The key exchange is sound today. A quantum computer would open it, and with it all that goes through \
                  the tunnel. An additional exchange with ML-KEM holds against both.",
    },
    Rule {
        id: "ike-pre-shared-post-quantum",
        title: "Post-quantum pre-shared key announced: ask the owner",
        severity: Severity::Low,
        exposure: Exposure::Harvest,
        when: When::Record(|seen| {
            let record = handshake(seen)?;
            (record.ppk_announced == Some(true) && record.quantum_safe == Some(false)).then(|| {
                format!(
                    "What goes through the tunnel to {}, once it has a quantum computer: classical unless the PPK was used; \
                     ask the owner",
                    seen.server()
                )
            })
        }),
        remedy: "Make sure that both sides are set to require the key (PPK), and that it is random and of 256 bits.",
        standard: "RFC 8784",
        explain: "Both sides announced that they know how to mix a pre-shared key into the keys of the tunnel, which then \
                  stays closed to a quantum computer. Whether they did is sealed: the key may be optional, or unknown to \
                  one of them. A tap sees a classical key exchange.",
    },
    Rule {
        id: "ike-software",
        title: "Software of a VPN",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| {
            let software = handshake(seen)?.server_software.as_deref()?;
            Some(format!("That {} runs {software}", seen.server()))
        }),
        remedy: "Turn off the sending of vendor ids where the software allows it.",
        standard: "RFC 7296 section 3.12",
        explain: "A vendor id is only needed for what is not standard, and tells a tap which weaknesses to look for.",
    },
];

/// The record that a rule looks at, where it is of IKE.
fn handshake<'a>(seen: &'a Seen<'_>) -> Option<&'a Handshake> {
    match &seen.record.body {
        Body::Handshake(record) if matches!(record.protocol.as_str(), "ikev1" | "ikev2") => {
            Some(record)
        }
        _ => None,
    }
}

/// What of an agreement must not be used, by its name.
fn deprecated(record: &Handshake) -> Option<&str> {
    let cipher = record.cipher_suite.as_deref().unwrap_or_default();
    let group = record.key_exchange.as_deref().unwrap_or_default();
    // With an additional key exchange the first one may be anything.
    let small = (1..=22)
        .filter(|&number| transforms::is_deprecated_group(number))
        .any(|number| group == transforms::key_exchange(number));
    let encryption = cipher.split('+').next().unwrap_or_default();
    if is_broken(encryption) || encryption.contains("3DES") {
        Some(encryption)
    } else {
        small.then_some(group)
    }
}

fn is_broken(encryption: &str) -> bool {
    encryption.starts_with("DES-CBC") || encryption.starts_with("ENCR_DES")
}

/// What a tap gets from what was agreed on.
fn exposure(record: &Handshake) -> Exposure {
    let (Some(cipher), Some(method)) = (&record.cipher_suite, &record.key_exchange) else {
        return Exposure::Unknown;
    };
    let weak_group = (1..=22)
        .filter(|&number| transforms::is_weak_group(number))
        .any(|number| *method == transforms::key_exchange(number));
    if cipher.starts_with("ENCR_NULL") {
        Exposure::Open
    } else if is_broken(cipher) || weak_group {
        Exposure::Weak
    } else if record.quantum_safe == Some(true) {
        Exposure::Sealed
    } else {
        Exposure::Harvest
    }
}

/// What stands before IKE on the port that it shares with ESP (RFC 3948 section 2.2).
const NON_ESP: [u8; 4] = [0; 4];

/// The port that IKE shares with ESP.
const SHARED_PORT: u16 = 4500;

/// What keeps an address translation open (RFC 3948 section 2.3).
const KEEPALIVE: &[u8] = &[0xff];

/// Exchanges of one conversation that wait for their answers; the oldest are written as they are.
const MAX_EXCHANGES: usize = 8;

/// Agreements of one conversation that are remembered, so that each is written once.
const MAX_WRITTEN: usize = 64;

/// The message without what stands before it on the shared port.
fn message(bytes: &[u8], shared: bool) -> &[u8] {
    match bytes.strip_prefix(&NON_ESP) {
        Some(message) if shared => message,
        _ => bytes,
    }
}

/// Whether these bytes may be ESP over UDP: an SPI that is not reserved, a sequence number, and what is sealed, to a
/// multiple of four bytes (RFC 4303 section 2). A tap cannot know it by its content.
fn may_be_esp(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, _, sequence, ..]) = bytes.first_chunk::<8>() else {
        return false;
    };
    [a, b, c] != [0; 3] && sequence == 0 && bytes.len() >= 8 + 20 && bytes.len().is_multiple_of(4)
}

/// What a client says first over TCP (RFC 9329 section 4).
const STREAM_PREFIX: &[u8] = b"IKETCP";

fn probe(sample: &Sample<'_>) -> Probe {
    if sample.over == Over::Stream {
        return match sample.client {
            bytes if bytes.starts_with(STREAM_PREFIX) => Probe::Sure,
            bytes if STREAM_PREFIX.starts_with(bytes) && !sample.whole => Probe::More,
            _ => Probe::No,
        };
    }
    let bytes = sample.first();
    let shared = sample.has_port(SHARED_PORT);
    let message = message(bytes, shared);
    let mut cursor = Cursor::new("ike header", message);
    if let Ok(header) = Header::read(&mut cursor) {
        let port = shared || sample.has_port(500);
        return match header.length == message.len() {
            true if port => Probe::Sure,
            true => Probe::Likely(80),
            // Cut by the capture, or filled up by the sender.
            false if port => Probe::Likely(50),
            false => Probe::No,
        };
    }
    match shared {
        true if bytes == KEEPALIVE => Probe::Likely(30),
        true if may_be_esp(bytes) => Probe::Likely(15),
        _ => Probe::No,
    }
}

/// One conversation.
#[derive(Default)]
struct Ike {
    over_tcp: bool,
    /// Over TCP: whether the client has said what it says first.
    begun: bool,
    /// SPIs of initiators that others have been told of.
    told: Vec<u64>,
    /// Exchanges that wait, oldest first.
    waiting: Vec<Exchange>,
    /// SPIs of initiators whose agreement was written.
    written: Vec<u64>,
    /// What a tap gets at worst.
    worst: Option<Exposure>,
    ended: [bool; 2],
}

/// The first exchange of one association.
#[derive(Default)]
struct Exchange {
    initiator: u64,
    version: u8,
    offered: Vec<u16>,
    chosen: Option<Suite>,
    /// Of initiator and responder.
    software: [Option<String>; 2],
    ppk: [bool; 2],
    /// Who the initiator is, and the responder's proof, in aggressive mode.
    identity: Option<String>,
    proof: Option<Vec<u8>>,
    evidence: Evidence,
}

impl Analyzer for Ike {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) if self.over_tcp => self.stream(side, bytes, notes),
            Chunk::Bytes(bytes) => self.datagram(bytes, notes),
            // Where the next message begins cannot be known; nearly all of them are sealed.
            Chunk::Gap(_) if self.over_tcp => Step::Sealed(0),
            Chunk::Gap(_) => Step::Took(0),
            Chunk::End => {
                if let Some(ended) = self.ended.get_mut(side.index()) {
                    *ended = true;
                }
                if self.ended == [true; 2] {
                    for exchange in std::mem::take(&mut self.waiting) {
                        self.write(exchange, notes);
                    }
                }
                Step::Took(0)
            }
        }
    }
}

impl Ike {
    fn datagram(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let shared = [notes.client().port, notes.server().port].contains(&SHARED_PORT);
        let message = message(bytes, shared);
        let mut cursor = Cursor::new("ike header", message);
        let whole = |header: &Header| {
            u64::try_from(message.len()).is_ok_and(|had| {
                let length = header.length as u64;
                length <= had + notes.missing() && (had <= length || !shared)
            })
        };
        let header = match Header::read(&mut cursor) {
            Ok(header) if whole(&header) => header,
            _ if shared && bytes == KEEPALIVE => return Step::Took(bytes.len()),
            _ if shared && may_be_esp(bytes) => {
                notes.account(Account::Sealed, bytes.len());
                return Step::Took(bytes.len());
            }
            Ok(_) => return Step::NotMine(cursor.wrong()),
            Err(cut) => return Step::NotMine(cut),
        };
        self.heard(&header, cursor, notes);
        Step::Took(bytes.len() - message.len() + header.length.min(message.len()))
    }

    /// A message over TCP: its length, which counts itself, then ESP or what stands before IKE on the shared port
    /// (RFC 9329 section 3).
    fn stream(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        if side == Side::Client && !self.begun {
            if bytes.len() < STREAM_PREFIX.len() {
                return Step::Need(STREAM_PREFIX.len());
            }
            if !bytes.starts_with(STREAM_PREFIX) {
                return Step::NotMine(Cut::wrong("ike over tcp", 0));
            }
            self.begun = true;
            return Step::Took(STREAM_PREFIX.len());
        }
        let Some(&[high, low]) = bytes.first_chunk::<2>() else {
            return Step::Need(2);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 2 {
            return Step::NotMine(Cut::wrong("ike over tcp", 0));
        }
        let Some(message) = bytes.get(2..length) else {
            return Step::Need(length);
        };
        match message.strip_prefix(&NON_ESP) {
            Some(message) => {
                let mut cursor = Cursor::new("ike header", message);
                match Header::read(&mut cursor) {
                    Ok(header) => self.heard(&header, cursor, notes),
                    Err(_) => notes.account(Account::Malformed, message.len()),
                }
            }
            None if message == KEEPALIVE => {}
            None => notes.account(Account::Sealed, message.len()),
        }
        Step::Took(length)
    }

    /// A message whose header was read; the cursor stands behind it.
    fn heard(&mut self, header: &Header, mut cursor: Cursor<'_>, notes: &mut Notes<'_>) {
        self.tell(header.initiator, notes);
        let body = cursor
            .take((header.length - HEADER).min(cursor.remaining()))
            .unwrap_or_default();
        if header.is_encrypted_1() {
            notes.account(Account::Sealed, body.len());
        } else {
            let payloads = Payloads::read(header, Cursor::new("ike payloads", body));
            notes.account(Account::Sealed, payloads.sealed);
            self.message(header, payloads, notes);
        }
    }

    /// Tells that this conversation is a part of an association, which goes on at other ports.
    fn tell(&mut self, initiator: u64, notes: &mut Notes<'_>) {
        if self.told.len() < MAX_WRITTEN && !self.told.contains(&initiator) {
            self.told.push(initiator);
            notes.hint(HintBody::Part {
                of: PROTOCOL.name,
                id: initiator.to_be_bytes().to_vec(),
                guess: false,
            });
        }
    }

    /// A message in clear.
    fn message(&mut self, header: &Header, payloads: Payloads, notes: &mut Notes<'_>) {
        let first = matches!(
            (header.version, header.exchange),
            (1, exchange::MAIN_MODE | exchange::AGGRESSIVE) | (2, exchange::IKE_SA_INIT)
        );
        if !first || self.written.contains(&header.initiator) {
            return;
        }
        let known = |other: &Exchange| other.initiator == header.initiator;
        let at = match self.waiting.iter().position(known) {
            Some(at) => at,
            None if payloads.suite.is_none() => return,
            None => {
                if self.waiting.len() >= MAX_EXCHANGES {
                    let oldest = self.waiting.remove(0);
                    self.write(oldest, notes);
                }
                self.waiting.push(Exchange {
                    initiator: header.initiator,
                    version: header.version,
                    ..Exchange::default()
                });
                self.waiting.len() - 1
            }
        };
        let Some(exchange) = self.waiting.get_mut(at) else {
            return;
        };
        // In main mode the sides say more before they go to the cipher, but nothing about what they agreed on.
        if payloads.suite.is_none() {
            return;
        }
        exchange.evidence.join(&notes.evidence());
        let answers = header.is_response();
        let [asks, had] = &mut exchange.ppk;
        let [client, server] = &mut exchange.software;
        if !answers {
            *asks = payloads.ppk;
            *client = payloads.software;
            exchange.offered = payloads.methods;
            exchange.identity = payloads.identity;
            return;
        }
        *had = payloads.ppk;
        *server = payloads.software;
        exchange.proof = payloads.hash;
        exchange.chosen = payloads.suite;
        let exchange = self.waiting.remove(at);
        self.write(exchange, notes);
    }

    fn write(&mut self, exchange: Exchange, notes: &mut Notes<'_>) {
        if self.written.len() >= MAX_WRITTEN {
            self.written.remove(0);
        }
        self.written.push(exchange.initiator);
        let [client_software, server_software] = exchange.software;
        let protocol = format!("ikev{}", exchange.version);
        let names = |methods: &[u16]| -> Vec<String> {
            methods
                .iter()
                .map(|&method| transforms::key_exchange(method))
                .collect()
        };
        let mut record = Handshake {
            version: Some(format!("IKEv{}", exchange.version)),
            protocol: protocol.clone(),
            offered_key_exchange: names(&exchange.offered),
            client_software,
            server_software,
            ..Handshake::default()
        };
        let suite = exchange.chosen.unwrap_or_default();
        if !suite.methods.is_empty() {
            record.ppk_announced = (exchange.ppk == [true; 2]).then_some(true);
            record.key_exchange = Some(names(&suite.methods).join(" + "));
            record.cipher_suite = Some(suite.names).filter(|names| !names.is_empty());
            record.forward_secret = Some(true);
            let hybrid = suite
                .methods
                .iter()
                .any(|&method| transforms::is_quantum_safe(method));
            record.quantum_safe = Some(hybrid);
        }
        let gets = exposure(&record);
        if self.worst.is_none_or(|worst| gets > worst) {
            self.worst = Some(gets);
            notes.expose(gets);
        }
        notes.add_with(record, exchange.evidence.clone());
        if let (true, Some(proof)) = (suite.pre_shared, exchange.proof) {
            let proof = hex(&proof);
            notes.add_with(
                Credential {
                    protocol,
                    mechanism: "psk-hash".to_owned(),
                    user: exchange.identity,
                    secret: Some(notes.mask(&proof)),
                    crackable: true,
                    accepted: None,
                },
                exchange.evidence,
            );
        }
    }
}

#[cfg(test)]
mod tests;
