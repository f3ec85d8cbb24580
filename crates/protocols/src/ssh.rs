//! SSH 2 (RFC 4253), and SSH 1 as far as its key exchange.
//!
//! Both sides say their software, and offer their algorithms, in clear; what follows from the offers
//! is what they agreed on. From the message NEWKEYS on the conversation is sealed, and only counted.

use overheard_ledger::{Account, Body, Exposure, Handshake, Rule, SERVER, Seen, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::host_name::readable;

mod offer;

use offer::{Agreed, Offer};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssh",
    title: "Secure Shell",
    over: &[Over::Stream],
    ports: &[22],
    standard: "RFC 4253",
    exposure: Exposure::Unknown,
    probe,
    begin: |_| Box::new(Ssh::default()),
    rules: RULES,
};

static RULES: &[Rule] = &[
    Rule {
        id: "ssh-classical-key-exchange",
        title: "SSH with a classical key exchange",
        severity: Severity::Low,
        exposure: Exposure::Harvest,
        when: When::Record(|seen| {
            (exposure(handshake(seen)?) == Exposure::Harvest).then(|| {
                format!(
                    "What is said with {}, once it has a quantum computer",
                    seen.server()
                )
            })
        }),
        remedy: "Bring client and server up to a version that offers mlkem768x25519-sha256, and leave it first in \
                 KexAlgorithms.",
        standard: "RFC 10042",
        explain: "The key exchange is sound today. A quantum computer would open it, and a tap can store the \
                  conversation until there is one. Hybrid methods with ML-KEM hold against both.",
    },
    Rule {
        id: "ssh-weak",
        title: "SSH with algorithms that a tap can break",
        severity: Severity::Medium,
        exposure: Exposure::Weak,
        when: When::Record(|seen| {
            let record = handshake(seen)?;
            let how = match exposure(record) {
                Exposure::Open => "as it passes",
                Exposure::Weak if !is_version_1(record) => "after some computing",
                _ => return None,
            };
            Some(format!("All that is said with {}, {how}", seen.server()))
        }),
        remedy: "Take diffie-hellman-group1-sha1, arcfour, DES and the cipher none out of the configuration of client \
                 and server.",
        standard: "RFC 9142",
        explain: "The Diffie-Hellman group of 1024 bits is within reach of who can spend much on it, RC4 and DES were \
                  broken long ago, and the cipher none does not encrypt at all.",
    },
    Rule {
        id: "ssh-version-1",
        title: "SSH version 1",
        severity: Severity::Medium,
        exposure: Exposure::Weak,
        when: When::Record(|seen| {
            is_version_1(handshake(seen)?).then(|| {
                format!(
                    "All that is said with {}, after some computing",
                    seen.server()
                )
            })
        }),
        remedy: "Turn version 1 off on the server, and replace clients that know nothing newer.",
        standard: "RFC 4253 section 5",
        explain: "Version 1 has known attacks on its protection against changes and on its keys. It was replaced in \
                  2006.",
    },
    Rule {
        id: "ssh-not-strict",
        title: "SSH without strict key exchange",
        severity: Severity::Info,
        exposure: Exposure::Unknown,
        // Only the analyzer sees both offers.
        when: When::Observed,
        remedy: "Bring client and server up to a version with strict key exchange (OpenSSH 9.6 and later), or leave out \
                 chacha20-poly1305 and the MACs whose names end in -etm@openssh.com.",
        standard: "CVE-2023-48795",
        explain: "Both sides have to count packets strictly from the first one on. Where one does not, somebody in between \
                  can take away the first sealed packets of a side without being noticed, and with them what they turn on. \
                  A tap that only listens gets nothing by it.",
    },
    Rule {
        id: "ssh-software",
        title: "SSH software and its version",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| {
            let software = handshake(seen)?.server_software.as_deref()?;
            Some(format!("That {} runs {}", seen.server(), name_of(software)))
        }),
        remedy: "Keep the software up to date; the protocol needs its name, but not more than that.",
        standard: "RFC 4253 section 4.2",
        explain: "Before there is a key, each side says the name and version of its software. A tap reads there which \
                  known faults it has.",
    },
];

fn handshake<'a>(seen: &Seen<'a>) -> Option<&'a Handshake> {
    match &seen.record.body {
        Body::Handshake(record) if record.protocol == "ssh" => Some(record),
        _ => None,
    }
}

/// The software's own name: what follows `SSH-2.0-`.
fn name_of(software: &str) -> &str {
    software.splitn(3, '-').nth(2).unwrap_or(software)
}

fn is_version_1(record: &Handshake) -> bool {
    record.version.as_deref().is_some_and(is_number_1)
}

fn is_number_1(version: &str) -> bool {
    version.starts_with("SSH-1.") && version != "SSH-1.99"
}

/// What a tap gets from a conversation with this handshake.
fn exposure(record: &Handshake) -> Exposure {
    let ciphers = record.cipher_suite.as_deref().unwrap_or_default();
    let of_ciphers = offer::exposure_of_ciphers(ciphers);
    if is_version_1(record) {
        return of_ciphers.unwrap_or(Exposure::Weak);
    }
    let Some(method) = record.key_exchange.as_deref() else {
        return Exposure::Unknown;
    };
    match of_ciphers {
        Some(worse) => worse,
        None if offer::is_weak_method(method) => Exposure::Weak,
        None if offer::is_quantum_safe(method) => Exposure::Sealed,
        None => Exposure::Harvest,
    }
}

/// Bytes of one line before the first packet. RFC 4253 section 4.2 allows 255 for the version.
const MAX_LINE: usize = 1024;

/// Lines that a server may say before its version.
const MAX_LINES: u16 = 1024;

/// The longest packet that is believed, in bytes, without its length field. RFC 4253 section 6.1 asks
/// for 35000 at least; before the key exchange none come near it.
const MAX_PACKET: usize = 64 * 1024;

/// Bytes of a packet before its payload: length, and length of the padding (RFC 4253 section 6).
const HEADER: usize = 5;

mod message {
    pub const KEXINIT: u8 = 20;
    pub const NEWKEYS: u8 = 21;
    /// SSH 1: the server's keys.
    pub const PUBLIC_KEY: u8 = 2;
    /// SSH 1: the session key, sealed with them.
    pub const SESSION_KEY: u8 = 3;
}

fn is_version(bytes: &[u8]) -> bool {
    matches!(bytes, [b'S', b'S', b'H', b'-', b'0'..=b'9', ..])
}

/// Whether these bytes may still become a version.
fn may_be_version(bytes: &[u8]) -> bool {
    bytes.len() < 5 && b"SSH-".starts_with(bytes.get(..4).unwrap_or(bytes))
}

/// Whether a version follows lines of text, as a server may send them.
fn is_greeting(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for _ in 0..16 {
        let line = rest.get(..MAX_LINE).unwrap_or(rest);
        let Some(end) = memchr::memchr(b'\n', line) else {
            return false;
        };
        rest = rest.get(end + 1..).unwrap_or_default();
        if is_version(rest) {
            return true;
        }
    }
    false
}

fn probe(sample: &Sample<'_>) -> Probe {
    let [client, server] = [sample.client, sample.server];
    if is_version(client) || is_version(server) {
        let exchanged = sample.client_port == 22 && sample.server_port != 22;
        return if exchanged {
            Probe::Reversed
        } else {
            Probe::Sure
        };
    }
    if is_greeting(server) {
        return Probe::Likely(80);
    }
    if offer::is_offer(client) || offer::is_offer(server) {
        return Probe::Likely(90);
    }
    let may_be = |bytes| may_be_version(bytes) || offer::may_be_offer(bytes);
    match (may_be(client), may_be(server)) {
        _ if sample.whole => Probe::No,
        // The lines of a greeting may come before the version does.
        (true, _) if sample.server_port == 22 && server.is_ascii() => Probe::More,
        (true, true) => Probe::More,
        _ => Probe::No,
    }
}

/// One conversation.
#[derive(Default)]
struct Ssh {
    sides: [Half; 2],
    /// The cipher of SSH 1, once the client has chosen it.
    cipher_1: Option<&'static str>,
    evidence: Evidence,
    written: bool,
    /// Whether what was agreed on leaves the client's and the server's words unsealed.
    clear: [bool; 2],
}

/// What one side has said.
#[derive(Default)]
struct Half {
    stage: Stage,
    lines: u16,
    /// As sent, without the line's end.
    software: Option<String>,
    offer: Option<Offer>,
    /// Nothing more is to be learned from it.
    done: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Lines of text, up to the version.
    #[default]
    Lines,
    /// Packets in clear.
    Packets,
    /// All that follows passes in clear, under the cipher none.
    Clear,
    /// What follows makes no sense.
    Garbled,
}

impl Ssh {
    fn half(&mut self, side: Side) -> &mut Half {
        let [client, server] = &mut self.sides;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn hear_bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let stage = self.half(side).stage;
        match stage {
            Stage::Lines => self.hear_line(side, bytes, notes),
            Stage::Packets if self.version_1() => self.hear_packet_1(side, bytes, notes),
            Stage::Packets => self.hear_packet(side, bytes, notes),
            Stage::Clear => Step::Took(bytes.len()),
            Stage::Garbled => {
                notes.account(Account::Malformed, bytes.len());
                Step::Took(bytes.len())
            }
        }
    }

    fn hear_line(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        if offer::is_offer(bytes) {
            // The version was said before the capture began.
            self.half(side).stage = Stage::Packets;
            return self.hear_packet(side, bytes, notes);
        }
        let wrong = Step::NotMine(Cut::wrong("ssh version", 0));
        let Some(end) = bytes.iter().take(MAX_LINE).position(|&byte| byte == b'\n') else {
            if bytes.len() < MAX_LINE {
                return Step::Need(bytes.len() + 1);
            }
            return self.garbled(side, bytes, wrong, notes);
        };
        let line = bytes.get(..end).unwrap_or_default();
        let half = self.half(side);
        if is_version(line) {
            // Only printable text is allowed; some software sends the rest of its buffer too.
            let printable = line.iter().take_while(|byte| !byte.is_ascii_control());
            let line = line.get(..printable.count()).unwrap_or(line);
            half.software = Some(readable(line.trim_ascii_end()));
            half.stage = Stage::Packets;
            self.evidence.join(&notes.evidence());
        } else {
            half.lines += 1;
            if half.lines > MAX_LINES || side == Side::Client {
                return self.garbled(side, bytes, wrong, notes);
            }
        }
        Step::Took(end + 1)
    }

    /// This side cannot be understood any more. Where it never was, other protocols may try.
    fn garbled(&mut self, side: Side, bytes: &[u8], not_mine: Step, notes: &mut Notes<'_>) -> Step {
        if self.evidence == Evidence::default() {
            return not_mine;
        }
        self.half(side).stage = Stage::Garbled;
        self.finish(side, notes);
        notes.account(Account::Malformed, bytes.len());
        Step::Took(bytes.len())
    }

    /// A packet of SSH 2 (RFC 4253 section 6): one that is not encrypted yet.
    fn hear_packet(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let Some(&[l0, l1, l2, l3, padding]) = bytes.first_chunk::<HEADER>() else {
            return Step::Need(HEADER);
        };
        let wrong = Step::NotMine(Cut::wrong("ssh packet", 0));
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let Some(length) = usize::try_from(length).ok().filter(|&it| it <= MAX_PACKET) else {
            return self.garbled(side, bytes, wrong, notes);
        };
        // The length counts that of the padding, and there is at least a message's number.
        let Some(payload_length @ 1..) = length.checked_sub(usize::from(padding) + 1) else {
            return self.garbled(side, bytes, wrong, notes);
        };
        let whole = length + 4;
        if bytes.len() < whole {
            return Step::Need(whole);
        }
        let payload = bytes
            .get(HEADER..HEADER + payload_length)
            .unwrap_or_default();
        match payload.first() {
            Some(&message::KEXINIT) => {
                let Ok(offer) = Offer::read(payload) else {
                    return self.garbled(side, bytes, wrong, notes);
                };
                let half = self.half(side);
                if half.offer.is_none() {
                    half.offer = Some(offer);
                    self.evidence.join(&notes.evidence());
                }
                if self.sides.iter().all(|half| half.offer.is_some()) {
                    self.write(notes);
                }
                Step::Took(whole)
            }
            Some(&message::NEWKEYS) => self.seal(side, bytes, whole, notes),
            _ => Step::Took(whole),
        }
    }

    /// A packet of SSH 1: length without the padding, padding to a multiple of 8, type, data, checksum.
    fn hear_packet_1(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        if self.half(side).done {
            // After its keys, all that the server says is under the cipher that the client chose.
            return self.seal(side, bytes, 0, notes);
        }
        let Some(&[l0, l1, l2, l3]) = bytes.first_chunk::<4>() else {
            return Step::Need(4);
        };
        let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        if !(5..=MAX_PACKET).contains(&length) {
            let wrong = Step::NotMine(Cut::wrong("ssh 1 packet", 0));
            return self.garbled(side, bytes, wrong, notes);
        }
        let padding = 8 - length % 8;
        let whole = 4 + padding + length;
        if bytes.len() < whole {
            return Step::Need(whole);
        }
        let packet = bytes.get(4 + padding..).unwrap_or_default();
        match *packet {
            [message::SESSION_KEY, cipher, ..] if side == Side::Client => {
                self.cipher_1 = Some(offer::cipher_1(cipher));
                self.clear = [cipher == 0; 2];
                self.evidence.join(&notes.evidence());
                self.write(notes);
                self.seal(side, bytes, whole, notes)
            }
            [message::PUBLIC_KEY, ..] if side == Side::Server => {
                self.evidence.join(&notes.evidence());
                self.finish(side, notes);
                Step::Took(whole)
            }
            _ => Step::Took(whole),
        }
    }

    /// The rest of a side is under the cipher that was agreed on.
    fn seal(&mut self, side: Side, bytes: &[u8], took: usize, notes: &mut Notes<'_>) -> Step {
        self.finish(side, notes);
        let [client, server] = self.clear;
        let clear = match side {
            Side::Client => client,
            Side::Server => server,
        };
        if clear {
            self.half(side).stage = Stage::Clear;
            return match took {
                0 => Step::Took(bytes.len()),
                _ => Step::Took(took),
            };
        }
        Step::Sealed(took)
    }

    /// Whether the sides agreed on SSH 1, as far as they are known: its packets are other ones.
    fn version_1(&self) -> bool {
        let [client, server] = &self.sides;
        version_of(client.software.as_deref(), server.software.as_deref()).is_some_and(is_number_1)
    }

    /// This side has said all that can be understood. Where the other has too, what is known is written.
    fn finish(&mut self, side: Side, notes: &mut Notes<'_>) {
        self.half(side).done = true;
        if self.sides.iter().all(|half| half.done) {
            self.write(notes);
        }
    }

    fn write(&mut self, notes: &mut Notes<'_>) {
        if self.written || self.evidence == Evidence::default() {
            return;
        }
        self.written = true;
        let [client, server] = &mut self.sides;
        let version = version_of(client.software.as_deref(), server.software.as_deref());
        let mut record = Handshake {
            protocol: "ssh".to_owned(),
            version: version.map(str::to_owned),
            cipher_suite: self.cipher_1.map(str::to_owned),
            client_software: client.software.clone(),
            server_software: server.software.clone(),
            ..Handshake::default()
        };
        if let Some(offer) = &client.offer {
            record.offered_key_exchange = offer.key_exchange();
        }
        if let (Some(asked), Some(had)) = (client.offer.take(), server.offer.take()) {
            let agreed = Agreed::of(&asked, &had);
            self.clear = agreed.clear;
            record.cipher_suite = agreed.ciphers;
            record.host_key = agreed.host_key;
            if agreed.truncatable {
                notes.observe(
                    "ssh-not-strict",
                    format!("That who can change packets may take the first sealed words of {SERVER} away unseen"),
                );
            }
            if let Some(method) = agreed.key_exchange {
                record.forward_secret = offer::is_forward_secret(&method).then_some(true);
                record.quantum_safe = Some(offer::is_quantum_safe(&method));
                record.key_exchange = Some(method);
            }
        }
        notes.expose(exposure(&record));
        notes.add_with(record, std::mem::take(&mut self.evidence));
    }
}

/// The version that two sides agree on, as far as they are known: `SSH-2.0`, `SSH-1.5`. `SSH-1.99`
/// knows both (RFC 4253 section 5.1).
fn version_of<'a>(one: Option<&'a str>, other: Option<&'a str>) -> Option<&'a str> {
    let version = |software: &'a str| {
        let end = software.match_indices('-').nth(1).map(|(at, _)| at)?;
        software.get(..end)
    };
    match (one.and_then(version), other.and_then(version)) {
        (Some("SSH-1.99"), Some("SSH-1.99")) => Some("SSH-2.0"),
        (Some("SSH-1.99"), Some(other)) => Some(other),
        (Some("SSH-2.0"), Some(other)) if is_number_1(other) => Some(other),
        (Some(one), Some("SSH-1.99")) => Some(one),
        (one, other) => one.or(other),
    }
}

impl Analyzer for Ssh {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.hear_bytes(side, bytes, notes),
            Chunk::Gap(_) => {
                let written = self.written;
                let half = self.half(side);
                match half.stage {
                    Stage::Clear => Step::Took(0),
                    // The version may be what was lost.
                    Stage::Lines => Step::Took(0),
                    // After the offer there are few packets that are not sealed, and where the next
                    // begins is not known.
                    Stage::Packets if half.offer.is_some() || written => {
                        self.finish(side, notes);
                        Step::Sealed(0)
                    }
                    Stage::Packets | Stage::Garbled => {
                        self.finish(side, notes);
                        Step::NotMine(Cut::wrong("ssh packet", 0))
                    }
                }
            }
            Chunk::End => {
                self.finish(side, notes);
                Step::Took(0)
            }
        }
    }
}

#[cfg(test)]
mod tests;
