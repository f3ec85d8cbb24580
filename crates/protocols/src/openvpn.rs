//! OpenVPN over UDP and TCP: the TLS handshake in its control channel, and its sealed data.
//!
//! The control channel carries TLS in numbered packets, which is read as TLS is read elsewhere, also where
//! a key of `--tls-auth` signs the packets. With `--tls-crypt` it is encrypted itself, and nothing of
//! the handshake shows.

use std::collections::BTreeMap;

use overheard_ledger::{Account, Exposure, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::sealing_rules::sealing_rules;
use crate::shared::tls_records::TlsRecords;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "openvpn",
    title: "OpenVPN",
    over: &[Over::Stream, Over::Datagram],
    ports: &[1194],
    standard: "draft-openvpn-protocol",
    exposure: Exposure::Unknown,
    probe,
    begin: |over| Box::new(OpenVpn::new(over)),
    rules: RULES,
};

const SEALING: [Rule; 5] = sealing_rules!("openvpn", "OpenVPN");

static RULES: &[Rule] = &[
    SEALING[0],
    SEALING[1],
    SEALING[2],
    SEALING[3],
    SEALING[4],
    Rule {
        id: "openvpn-hidden-handshake",
        title: "OpenVPN with a hidden handshake",
        severity: Severity::Info,
        exposure: Exposure::Unknown,
        when: When::Observed,
        remedy: "Keep the key of tls-crypt secret, give every client its own (tls-crypt-v2), and see on the server which \
                 key exchange is used.",
        standard: "RFC 7624 section 3.3.4",
        explain: "The handshake is encrypted with a key that the server and its clients share. Who does not have that key \
                  cannot see what was agreed on, and not open it with a quantum computer; who has it can do both.",
    },
    Rule {
        id: "openvpn-visible",
        title: "Use of OpenVPN",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set tls-crypt-v2 on the server and in the clients' profiles where the names in the handshake matter.",
        standard: "RFC 7624 section 3.1",
        explain: "The handshake passes in clear inside the control channel: a tap reads the server's certificate and, up \
                  to TLS 1.2, that of the client, with the person's name that is mostly in it.",
    },
];

mod opcode {
    pub const HARD_RESET_CLIENT_1: u8 = 1;
    pub const HARD_RESET_SERVER_1: u8 = 2;
    pub const SOFT_RESET: u8 = 3;
    pub const CONTROL: u8 = 4;
    pub const ACK: u8 = 5;
    pub const DATA_1: u8 = 6;
    pub const HARD_RESET_CLIENT_2: u8 = 7;
    pub const HARD_RESET_SERVER_2: u8 = 8;
    pub const DATA_2: u8 = 9;
    /// With a wrapped key of tls-crypt-v2 behind it.
    pub const HARD_RESET_CLIENT_3: u8 = 10;
    pub const CONTROL_WITH_KEY: u8 = 11;
}

/// Bytes that a signature of `--tls-auth` may have, and none: MD5, SHA-1, SHA-224, SHA-256, SHA-384,
/// SHA-512. A number and a time stand behind it.
const SIGNATURES: [usize; 7] = [0, 16, 20, 28, 32, 48, 64];

/// Bytes of the number and the time behind a signature.
const REPLAY: usize = 8;

/// Acknowledgements that a packet may carry.
const MAX_ACKNOWLEDGED: u8 = 8;

/// Control packets of one side that wait for an earlier one.
const MAX_WAITING: usize = 32;

/// Bytes of a control packet's payload that are believed.
const MAX_PAYLOAD: usize = 4096;

/// Bytes of a packet over TCP that are believed.
const MAX_PACKET: usize = 16 * 1024;

/// How the control channel is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrapping {
    /// Readable, with a signature of so many bytes.
    Signed(usize),
    /// Encrypted (`--tls-crypt`).
    Encrypted,
}

/// A control packet, its signature left out.
#[derive(Debug)]
struct Control<'a> {
    /// Which of the keys, one after the other, it is about.
    key: u8,
    opcode: u8,
    session: u64,
    /// None in an acknowledgement.
    number: Option<u32>,
    payload: &'a [u8],
}

fn opcode_of(byte: u8) -> u8 {
    byte >> 3
}

fn is_reset(opcode: u8) -> bool {
    matches!(
        opcode,
        opcode::HARD_RESET_CLIENT_1
            | opcode::HARD_RESET_SERVER_1
            | opcode::HARD_RESET_CLIENT_2
            | opcode::HARD_RESET_SERVER_2
            | opcode::HARD_RESET_CLIENT_3
    )
}

fn is_server(opcode: u8) -> bool {
    matches!(
        opcode,
        opcode::HARD_RESET_SERVER_1 | opcode::HARD_RESET_SERVER_2
    )
}

fn is_control(opcode: u8) -> bool {
    is_reset(opcode)
        || matches!(
            opcode,
            opcode::SOFT_RESET | opcode::CONTROL | opcode::ACK | opcode::CONTROL_WITH_KEY
        )
}

impl<'a> Control<'a> {
    fn read(packet: &'a [u8], signature: usize) -> Result<Control<'a>, Cut> {
        let mut cursor = Cursor::new("openvpn control packet", packet);
        let first = cursor.u8()?;
        let session = cursor.u64()?;
        if signature > 0 {
            cursor.skip(signature)?;
            // The packets of a key are counted from one on; there are few of them.
            if !(1..=0xffff).contains(&cursor.u32()?) {
                return Err(cursor.wrong());
            }
            cursor.skip(REPLAY - 4)?;
        }
        let acknowledged = cursor.u8()?;
        if acknowledged > MAX_ACKNOWLEDGED {
            return Err(cursor.wrong());
        }
        for _ in 0..acknowledged {
            if cursor.u32()? > 0xffff {
                return Err(cursor.wrong());
            }
        }
        if acknowledged > 0 {
            cursor.skip(8)?;
        }
        let opcode = opcode_of(first);
        let number = match opcode {
            opcode::ACK => None,
            _ => Some(cursor.u32()?).filter(|&number| number <= 0xffff),
        };
        if number.is_none() != (opcode == opcode::ACK) {
            return Err(cursor.wrong());
        }
        let payload = cursor.rest();
        let fits = match opcode {
            opcode::ACK => payload.is_empty(),
            _ if is_reset(opcode) || opcode == opcode::SOFT_RESET => {
                number == Some(0) && payload.is_empty()
            }
            _ => number != Some(0) && !payload.is_empty() && payload.len() <= MAX_PAYLOAD,
        };
        fits.then_some(Control {
            key: first & 7,
            opcode,
            session,
            number,
            payload,
        })
        .ok_or(cursor.wrong())
    }
}

impl Wrapping {
    /// What protects a packet by which a session begins, where it is one.
    fn of(packet: &[u8]) -> Option<Wrapping> {
        let opcode = opcode_of(*packet.first()?);
        // The first key of a session is 0.
        if !is_reset(opcode) || packet.first()? & 7 != 0 || !is_session(packet) {
            return None;
        }
        if opcode != opcode::HARD_RESET_CLIENT_3 {
            for signature in SIGNATURES {
                if Control::read(packet, signature).is_ok() {
                    return Some(Wrapping::Signed(signature));
                }
            }
        }
        Wrapping::encrypted(packet)
    }

    /// Number, time, and the tag of SHA-256 stand before what is encrypted.
    fn encrypted(packet: &[u8]) -> Option<Wrapping> {
        let mut cursor = Cursor::new("openvpn tls-crypt", packet);
        cursor.skip(9).ok()?;
        let number = cursor.u32().ok()?;
        let time = cursor.u32().ok()?;
        cursor.skip(32).ok()?;
        // Clients that mean early negotiation count from 0x0f000001, some from 0x0a010001, the rest from 1.
        let counted = matches!(number & !0xff, 0 | 0x0a01_0000 | 0x0f00_0000) && number & 0xff != 0;
        // The clocks are after 2010.
        let plausible = counted && (0x4b3d_3b00..0xf000_0000).contains(&time);
        // What is encrypted: no acknowledgement, or one with the other's session, and a number; the server may say
        // something about early negotiation behind it. Behind a client's of the third kind stands its key.
        let opcode = opcode_of(*packet.first()?);
        let fits = match cursor.remaining() {
            5 | 17 | 23 => true,
            more => opcode == opcode::HARD_RESET_CLIENT_3 && more >= 5 + 64,
        };
        (plausible && fits).then_some(Wrapping::Encrypted)
    }
}

/// Whether the session's number, drawn at random, is not just a few values.
fn is_session(packet: &[u8]) -> bool {
    let Some(session) = packet.get(1..9) else {
        return false;
    };
    let zeroes = session.iter().filter(|&&byte| byte == 0).count();
    let Some(first) = session.first() else {
        return false;
    };
    zeroes <= 3 && !session.iter().all(|byte| byte == first)
}

/// The packet at the beginning of a stream, and the bytes that it has with its length.
fn framed(bytes: &[u8]) -> Result<(&[u8], usize), Cut> {
    let mut cursor = Cursor::new("openvpn packet", bytes);
    let length = usize::from(cursor.u16()?);
    if !(9..=MAX_PACKET).contains(&length) {
        return Err(Cut::wrong("openvpn packet", 0));
    }
    Ok((cursor.take(length)?, cursor.position()))
}

fn probe(sample: &Sample<'_>) -> Probe {
    let first = sample.first();
    let packet = if sample.over == Over::Stream {
        // A session begins with a packet of 14 bytes (plain) to some hundred.
        let [high, low, rest @ ..] = first else {
            return match (first, sample.whole) {
                ([] | [0..=4], false) => Probe::More,
                _ => Probe::No,
            };
        };
        let length = u16::from_be_bytes([*high, *low]);
        if !(14..=1200).contains(&length) {
            return Probe::No;
        }
        match rest.first() {
            None if sample.whole => return Probe::No,
            None => return Probe::More,
            Some(&byte) if !is_reset(opcode_of(byte)) || byte & 7 != 0 => return Probe::No,
            Some(_) => {}
        }
        match framed(first) {
            Ok((packet, _)) => packet,
            Err(_) if sample.whole => return Probe::No,
            Err(_) => return Probe::More,
        }
    } else {
        first
    };
    let Some(wrapping) = Wrapping::of(packet) else {
        return Probe::No;
    };
    let Some(opcode) = packet.first().map(|&first| opcode_of(first)) else {
        return Probe::No;
    };
    let from_server = sample.client.is_empty();
    if is_server(opcode) != from_server && wrapping != Wrapping::Encrypted {
        return Probe::Reversed;
    }
    match wrapping {
        Wrapping::Signed(_) => Probe::Sure,
        Wrapping::Encrypted => Probe::Likely(75),
    }
}

struct OpenVpn {
    over: Over,
    wrapping: Option<Wrapping>,
    /// The key whose handshake is heard.
    key: u8,
    tls: TlsRecords,
    sides: [Half; 2],
    said: bool,
}

/// The control channel of one side.
#[derive(Default)]
struct Half {
    session: u64,
    /// Number of the packet that is to be heard next.
    next: u32,
    /// Payloads that wait for it.
    waiting: BTreeMap<u32, Vec<u8>>,
}

impl OpenVpn {
    fn new(over: Over) -> OpenVpn {
        OpenVpn {
            over,
            wrapping: None,
            key: 0,
            tls: TlsRecords::new(PROTOCOL.name),
            sides: Default::default(),
            said: false,
        }
    }

    /// One packet; `false` where it is none of OpenVPN.
    fn packet(&mut self, side: Side, packet: &[u8], notes: &mut Notes<'_>) -> bool {
        let Some(&first) = packet.first() else {
            return false;
        };
        let opcode = opcode_of(first);
        // Number of the peer, number of the packet, and what seals it are at least so long.
        const MIN_DATA: usize = 20;
        match opcode {
            opcode::DATA_1 | opcode::DATA_2 if packet.len() >= MIN_DATA => {
                if self.wrapping.is_none() {
                    return false;
                }
                notes.account(Account::Sealed, packet.len() - 1);
                return true;
            }
            _ if !is_control(opcode) || packet.len() < 9 => return false,
            _ => {}
        }
        let wrapping = match self.wrapping {
            Some(known) => known,
            None => match Wrapping::of(packet) {
                Some(found) => *self.wrapping.insert(found),
                None => return false,
            },
        };
        let signature = match wrapping {
            Wrapping::Signed(signature) => signature,
            Wrapping::Encrypted => {
                if packet.len() < 9 + REPLAY + 32 {
                    return false;
                }
                notes.account(Account::Sealed, packet.len() - 9 - REPLAY - 32);
                if !std::mem::replace(&mut self.said, true) {
                    notes.observe(
                        "openvpn-hidden-handshake",
                        format!("That {} is a server of OpenVPN", overheard_ledger::SERVER),
                    );
                }
                return true;
            }
        };
        let Ok(control) = Control::read(packet, signature) else {
            return false;
        };
        self.control(side, &control, notes);
        true
    }

    fn control(&mut self, side: Side, control: &Control<'_>, notes: &mut Notes<'_>) {
        let Some(half) = self.sides.get_mut(side.index()) else {
            return;
        };
        let again = control.opcode == opcode::SOFT_RESET && control.key != self.key
            || is_reset(control.opcode) && half.session != 0 && half.session != control.session;
        if again {
            // New keys, or a new session: a handshake of its own.
            self.end(notes);
            self.tls = TlsRecords::new(PROTOCOL.name);
            self.sides = Default::default();
        }
        self.key = if again { control.key } else { self.key };
        let Some(half) = self.sides.get_mut(side.index()) else {
            return;
        };
        half.session = control.session;
        let (Some(number), true) = (control.number, control.key == self.key) else {
            return;
        };
        if half.next == 0 && number > 0 && half.waiting.is_empty() && !is_hello(control.payload) {
            // The beginning was not captured, or comes late.
            half.waiting.insert(number, control.payload.to_vec());
            return;
        }
        if half.next == 0 && is_hello(control.payload) {
            half.next = number;
        }
        if number < half.next {
            return;
        }
        if half.waiting.len() < MAX_WAITING {
            half.waiting
                .entry(number)
                .or_insert_with(|| control.payload.to_vec());
        } else {
            notes.account(Account::Limited, control.payload.len());
        }
        while let Some(payload) = half.waiting.remove(&half.next) {
            half.next += 1;
            self.tls.hear(side, &payload, notes);
        }
        if self.tls.has_hello() && !std::mem::replace(&mut self.said, true) {
            notes.observe(
                "openvpn-visible",
                format!(
                    "That {} is a server of OpenVPN, and the certificates in its handshake",
                    overheard_ledger::SERVER
                ),
            );
        }
    }

    fn end(&mut self, notes: &mut Notes<'_>) {
        for side in [Side::Client, Side::Server] {
            self.tls.close(side, notes);
        }
    }

    fn hear_stream(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let (packet, taken) = match framed(rest) {
                Ok(framed) => framed,
                Err(cut) if cut.needed > 0 => return Step::Took(at),
                Err(cut) => return stop(at, cut),
            };
            if !self.packet(side, packet, notes) {
                return stop(at, Cut::wrong("openvpn packet", at));
            }
            at += taken;
        }
    }
}

/// What was heard before, in these bytes, is taken first.
fn stop(at: usize, cut: Cut) -> Step {
    if at > 0 {
        Step::Took(at)
    } else {
        Step::NotMine(cut)
    }
}

fn is_hello(payload: &[u8]) -> bool {
    matches!(payload, [22, 3, ..])
}

impl Analyzer for OpenVpn {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (chunk, self.over) {
            (Chunk::Bytes(bytes), Over::Stream) => self.hear_stream(side, bytes, notes),
            (Chunk::Bytes(bytes), Over::Datagram) => match self.packet(side, bytes, notes) {
                true => Step::Took(bytes.len()),
                false => Step::NotMine(Cut::wrong("openvpn packet", 0)),
            },
            (Chunk::Gap(_), _) => {
                self.tls.close(side, notes);
                // Where the next packet begins is not known, and nearly all that follows is sealed.
                match self.wrapping {
                    Some(_) => Step::Sealed(0),
                    None => Step::NotMine(Cut::wrong("openvpn packet", 0)),
                }
            }
            (Chunk::End, _) => {
                self.tls.close(side, notes);
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        let waiting = self.sides.iter().flat_map(|half| half.waiting.values());
        self.tls.held() + waiting.map(Vec::capacity).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
