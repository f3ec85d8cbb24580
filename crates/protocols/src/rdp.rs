//! RDP (MS-RDPBCGR): what protects a remote desktop, as its first packets agree on it, and who is named there.
//!
//! With TLS or CredSSP the stream becomes TLS. The protocol's own protection is RC4 with keys of a server that
//! anybody can play.

use overheard_ledger::{Body, Exposure, Handshake, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Evidence, Next, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::sasl::Login;

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "rdp",
    title: "Remote Desktop Protocol",
    over: &[Over::Stream],
    ports: &[3389],
    standard: "MS-RDPBCGR",
    exposure: Exposure::Unknown,
    probe,
    begin: |_| Box::new(Rdp::default()),
    rules: RULES,
};

static RULES: &[Rule] = &[
    Rule {
        id: "rdp-standard-security",
        title: "Remote desktop without TLS",
        severity: Severity::Medium,
        exposure: Exposure::Weak,
        when: When::Record(|seen| {
            let record = handshake(seen)?;
            let how = match exposure(record) {
                Exposure::Open => "as it passes",
                Exposure::Weak => "after some computing",
                Exposure::StolenKey => "once it has the server's key",
                _ => return None,
            };
            Some(format!(
                "All that is shown and typed on the desktop of {}, {how}",
                seen.server()
            ))
        }),
        remedy: "Require Network Level Authentication (CredSSP over TLS) on the server, and replace clients that cannot.",
        standard: "MS-RDPBCGR section 5.3; RFC 7465",
        explain: "The protocol's own protection encrypts with RC4, which is broken, or not at all, under a key that the \
                  server's long-term key opens; and nothing proves which server it is.",
    },
    Rule {
        id: "rdp-user",
        title: "User of a remote desktop",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Credential(login) if login.protocol == "rdp" => Some(format!(
                "That {} works on the desktop of {}",
                login.user.as_deref()?,
                seen.server()
            )),
            _ => None,
        }),
        remedy: "Reach desktops through a gateway over HTTPS or a VPN.",
        standard: "MS-RDPBCGR section 2.2.1.1",
        explain: "The client puts the user's name, cut to nine letters, before any encryption, so that a farm of servers \
                  can share its users out.",
    },
];

/// The record that a rule looks at, where it is of RDP's own protection.
fn handshake<'a>(seen: &'a overheard_ledger::Seen<'_>) -> Option<&'a Handshake> {
    match &seen.record.body {
        Body::Handshake(record) if record.protocol == "rdp" => Some(record),
        _ => None,
    }
}

/// What a tap gets of the protocol's own protection.
fn exposure(record: &Handshake) -> Exposure {
    match record.cipher_suite.as_deref() {
        Some("none") => Exposure::Open,
        Some("3DES") => Exposure::StolenKey,
        Some(_) => Exposure::Weak,
        None => Exposure::Unknown,
    }
}

/// Bytes before the packets of X.224 (RFC 1006 section 6).
const TPKT: usize = 4;

/// Bytes of a request for a connection that are believed.
const MAX_REQUEST: usize = 512;

/// Bytes of a user's name that are kept; nine are sent.
const MAX_NAME: usize = 64;

const CONNECTION_REQUEST: u8 = 0xe0;
const CONNECTION_CONFIRM: u8 = 0xd0;

/// The packet at the beginning, with the bytes before it.
fn packet(bytes: &[u8]) -> Result<&[u8], Cut> {
    let mut cursor = Cursor::new("rdp packet", bytes);
    let wrong = cursor.wrong();
    if cursor.array()? != [3, 0] {
        return Err(wrong);
    }
    let length = usize::from(cursor.u16()?);
    let body = length.checked_sub(TPKT).filter(|&body| body >= 3);
    cursor.skip(body.ok_or(wrong)?)?;
    Ok(bytes.get(..length).unwrap_or_default())
}

/// A request or its confirmation: what stands behind the head of X.224 (RFC 905 section 13.3).
fn connection(packet: &[u8], kind: u8) -> Option<&[u8]> {
    let mut cursor = Cursor::new("rdp connection", packet);
    cursor.skip(TPKT).ok()?;
    let length = usize::from(cursor.u8().ok()?);
    let found = cursor.u8().ok()?;
    cursor.skip(2 + 2 + 1).ok()?;
    (found & 0xf0 == kind && length + TPKT + 1 == packet.len()).then(|| cursor.rest())
}

/// What the packets that open a connection say (MS-RDPBCGR sections 2.2.1.1.1 and 2.2.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Negotiation {
    /// The client's wishes as bits, or the server's choice.
    Protocols(u32),
    Failure,
    /// Of clients and servers that know nothing of it.
    None,
}

impl Negotiation {
    fn read(bytes: &[u8]) -> Option<Negotiation> {
        match *bytes {
            [] => Some(Negotiation::None),
            [1 | 2, _, 8, 0, a, b, c, d] => {
                Some(Negotiation::Protocols(u32::from_le_bytes([a, b, c, d])))
            }
            // Something about the client's correlation may follow a request.
            [1, _, 8, 0, a, b, c, d, 6, ..] => {
                Some(Negotiation::Protocols(u32::from_le_bytes([a, b, c, d])))
            }
            [3, _, 8, 0, ..] => Some(Negotiation::Failure),
            _ => None,
        }
    }
}

/// Splits a request into its cookie (or token), if any, and the negotiation.
fn request(packet: &[u8]) -> Option<(&[u8], Negotiation)> {
    let body = connection(packet, CONNECTION_REQUEST)?;
    let (cookie, rest) = match body.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) if body.starts_with(b"Cookie: ") || body.starts_with(b"tsv:") => (
            body.get(..end).unwrap_or_default(),
            body.get(end + 2..).unwrap_or_default(),
        ),
        _ => (&[][..], body),
    };
    Some((cookie, Negotiation::read(rest)?))
}

fn probe(sample: &Sample<'_>) -> Probe {
    // The client speaks first.
    let bytes = sample.client;
    match *bytes {
        [3] | [3, 0] | [3, 0, 0..=1, ..] => {}
        _ => return Probe::No,
    }
    match packet(bytes) {
        Ok(packet) => match request(packet) {
            // Other protocols open a connection so, and say nothing more (RFC 1006).
            Some((b"", Negotiation::None)) if sample.has_port(3389) => Probe::Likely(60),
            Some((b"", Negotiation::None)) | None => Probe::No,
            Some(_) => Probe::Sure,
        },
        Err(cut) if cut.needed > 0 && bytes.len() < MAX_REQUEST && !sample.whole => {
            match bytes.get(5) {
                None | Some(&CONNECTION_REQUEST) => Probe::More,
                Some(_) => Probe::No,
            }
        }
        Err(_) => Probe::No,
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Opening,
    /// The protocol's own protection, whose kind is not known yet.
    Standard,
    /// It is known: sealed from the first data on.
    Protected,
    /// It does not encrypt.
    Clear,
}

#[derive(Debug, Default)]
struct Rdp {
    phase: Phase,
    evidence: Evidence,
}

impl Analyzer for Rdp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(_) => match self.phase {
                Phase::Protected => Step::Sealed(0),
                Phase::Clear => Step::Took(0),
                _ => Step::NotMine(Cut::wrong("rdp packet", 0)),
            },
            Chunk::End => Step::Took(0),
        }
    }
}

impl Rdp {
    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        if self.phase == Phase::Clear {
            return Step::Took(bytes.len());
        }
        let packet = match packet(bytes) {
            Ok(packet) => packet,
            Err(cut) if cut.needed > 0 => {
                return Step::Need(bytes.len() + cut.needed - cut.had);
            }
            // Fast-path packets have no head of X.224; they come after the keys.
            Err(_) if self.phase == Phase::Protected => return Step::Sealed(0),
            Err(cut) => return Step::NotMine(cut),
        };
        let took = Step::Took(packet.len());
        match (self.phase, side) {
            (Phase::Opening, Side::Client) => {
                let Some((cookie, _)) = request(packet) else {
                    // Said before the server has answered.
                    return Step::Took(0);
                };
                self.evidence.join(&notes.evidence());
                if let Some(user) = cookie.strip_prefix(b"Cookie: mstshash=") {
                    let user = user.get(..MAX_NAME).unwrap_or(user);
                    Login::of_user("mstshash", user, notes).write(PROTOCOL.name, None, notes);
                }
            }
            (Phase::Opening, Side::Server) => {
                let Some(answer) = connection(packet, CONNECTION_CONFIRM) else {
                    return Step::NotMine(Cut::wrong("rdp packet", 0));
                };
                self.evidence.join(&notes.evidence());
                match Negotiation::read(answer) {
                    Some(Negotiation::Protocols(1..)) => {
                        return Step::Become {
                            took: packet.len(),
                            next: Next::Protocol("tls"),
                        };
                    }
                    Some(Negotiation::Failure) => {}
                    _ => self.phase = Phase::Standard,
                }
            }
            (Phase::Standard, Side::Client) => {}
            (Phase::Standard, Side::Server) => {
                if let Some(method) = protection(packet) {
                    self.agreed(method, notes);
                }
            }
            (Phase::Protected | Phase::Clear, _) => {
                // Data, from the client and to it (MS-RDPBCGR section 2.2.1.10): the first of the client holds its
                // part of the keys.
                match packet.get(TPKT..TPKT + 4) {
                    Some([2, 0xf0, 0x80, 0x64]) => return Step::Sealed(packet.len()),
                    Some([2, 0xf0, 0x80, 0x68]) => return Step::Sealed(0),
                    _ => {}
                }
            }
        }
        took
    }

    fn agreed(&mut self, method: u32, notes: &mut Notes<'_>) {
        let cipher = match method {
            0 => "none",
            1 => "RC4 40",
            8 => "RC4 56",
            16 => "3DES",
            _ => "RC4 128",
        };
        self.phase = match method {
            0 => Phase::Clear,
            _ => Phase::Protected,
        };
        self.evidence.join(&notes.evidence());
        let record = Handshake {
            protocol: PROTOCOL.name.to_owned(),
            version: Some("Standard RDP Security".to_owned()),
            cipher_suite: Some(cipher.to_owned()),
            key_exchange: (method != 0).then(|| "RSA".to_owned()),
            forward_secret: Some(false),
            quantum_safe: Some(false),
            ..Handshake::default()
        };
        notes.expose(exposure(&record));
        notes.add_with(record, std::mem::take(&mut self.evidence));
    }
}

/// The method of encryption in the server's answer about its settings (MS-RDPBCGR section 2.2.1.4.3).
fn protection(packet: &[u8]) -> Option<u32> {
    packet.windows(12).find_map(|window| {
        let &[0x02, 0x0c, low, high, a, b, c, d, level, 0, 0, 0] = window else {
            return None;
        };
        let method = u32::from_le_bytes([a, b, c, d]);
        let length = u16::from_le_bytes([low, high]);
        let fits = matches!(method, 0 | 1 | 2 | 8 | 16) && level <= 4 && length >= 12;
        fits.then_some(method)
    })
}
