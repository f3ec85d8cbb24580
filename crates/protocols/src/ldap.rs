//! LDAP (RFC 4511) over TCP and, without connection, over UDP: logins, what is looked up, StartTLS.

use overheard_ledger::{Body, Exposure, Name, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Next, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::ber;
use crate::shared::host_name::host_name;
use crate::shared::lines::is_tls;
use crate::shared::login_rules::login_rules;
use crate::shared::ntlm;
use crate::shared::sasl::Login;
use crate::shared::seen::Seen;
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ldap",
    title: "Lightweight Directory Access Protocol",
    over: &[Over::Stream, Over::Datagram],
    ports: &[389, 636, 3268],
    standard: "RFC 4511",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Ldap::default()),
    rules: RULES,
};

const LOGINS: [Rule; 5] = login_rules!(
    "ldap",
    "a directory",
    "Let the server require StartTLS or LDAPS, and set the clients to use it and to check the certificate.",
    "RFC 4513 sections 3 and 5.1.3"
);

static RULES: &[Rule] = &[
    LOGINS[0],
    LOGINS[1],
    LOGINS[3],
    Rule {
        id: "ldap-readable",
        title: "Directory readable on the line",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Name(name) if name.source == "ldap-search" => Some(format!(
                "What is looked up in the directory on {}, and its answers",
                seen.server()
            )),
            _ => None,
        }),
        remedy: "Let the server require StartTLS or LDAPS, and set the clients to use it and to check the certificate.",
        standard: "RFC 4513 section 3",
        explain: "Who is asked for, by whom, and what the directory knows of people and machines passes in clear.",
    },
];

const STARTTLS: starttls::Rules = starttls::Rules {
    what: "A directory on",
    refused: "ldap-starttls-refused",
    // A server is seldom asked what it can do.
    ignored: "ldap-starttls-refused",
    not_offered: None,
};

/// The name of the operation StartTLS (RFC 4511 section 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Bytes of a message that are waited for: larger ones are passed over.
const MAX_MESSAGE: usize = 64 * 1024;

/// Bytes of a message that are believed.
const MAX_BELIEVED: usize = 64 << 20;

/// Bytes of a name, and of a secret, that are kept.
const MAX_TEXT: usize = 1024;

/// Operations by their tags (RFC 4511 section 4.2 and after).
mod operation {
    pub const BIND_REQUEST: u8 = 0x60;
    pub const BIND_RESPONSE: u8 = 0x61;
    pub const UNBIND: u8 = 0x42;
    pub const SEARCH: u8 = 0x63;
    pub const ABANDON: u8 = 0x50;
    pub const EXTENDED_REQUEST: u8 = 0x77;
    pub const EXTENDED_RESPONSE: u8 = 0x78;
}

/// Whether an operation is a client's.
fn is_request(tag: u8) -> Option<bool> {
    match tag {
        operation::BIND_REQUEST
        | operation::UNBIND
        | operation::SEARCH
        | 0x66
        | 0x68
        | 0x4a
        | 0x6c
        | 0x6e
        | operation::ABANDON
        | operation::EXTENDED_REQUEST => Some(true),
        operation::BIND_RESPONSE
        | 0x64
        | 0x65
        | 0x67
        | 0x69
        | 0x6b
        | 0x6d
        | 0x6f
        | 0x73
        | operation::EXTENDED_RESPONSE
        | 0x79 => Some(false),
        _ => None,
    }
}

/// Bytes of the message that begins here, with its head: that much is waited for.
fn whole(bytes: &[u8]) -> Result<usize, Cut> {
    let mut cursor = Cursor::new("ldap message", bytes);
    let wrong = cursor.wrong();
    if cursor.u8()? != ber::SEQUENCE {
        return Err(wrong);
    }
    let length = match cursor.u8()? {
        short @ 0..=0x7f => usize::from(short),
        long @ 0x81..=0x84 => {
            let bytes = cursor.take(usize::from(long & 0x7f))?;
            bytes
                .iter()
                .fold(0, |length, &byte| length << 8 | usize::from(byte))
        }
        _ => return Err(wrong),
    };
    let whole = cursor.position() + length;
    (5..=MAX_BELIEVED)
        .contains(&whole)
        .then_some(whole)
        .ok_or(wrong)
}

/// The operation in a message: its tag, and its body as far as it is there.
fn operation(bytes: &[u8]) -> Result<(u8, Cursor<'_>), Cut> {
    let mut cursor = Cursor::new("ldap message", bytes);
    let wrong = cursor.wrong();
    cursor.skip(1)?;
    if let long @ 0x81..=0x84 = cursor.u8()? {
        cursor.skip(usize::from(long & 0x7f))?;
    }
    ber::unsigned(&mut cursor, "ldap message id")?;
    let tag = cursor.u8()?;
    is_request(tag).ok_or(wrong)?;
    let length = match cursor.u8()? {
        short @ 0..=0x7f => usize::from(short),
        long @ 0x81..=0x84 => {
            let bytes = cursor.take(usize::from(long & 0x7f))?;
            bytes
                .iter()
                .fold(0, |length, &byte| length << 8 | usize::from(byte))
        }
        _ => return Err(wrong),
    };
    let length = length.min(cursor.remaining());
    Ok((tag, cursor.sub("ldap operation", length)?))
}

/// Whether the bytes begin with a message of LDAP, and whether it is a client's; `None` where more are needed.
fn look(bytes: &[u8]) -> Result<Option<bool>, Cut> {
    let size = match whole(bytes) {
        Err(cut) if cut.needed > 0 => return Ok(None),
        other => other?,
    };
    // Enough to see into the operation.
    const ENOUGH: usize = 48;
    if bytes.len() < size.min(ENOUGH) {
        return Ok(None);
    }
    let (tag, mut body) = match operation(bytes) {
        Err(cut) if cut.needed > 0 => return Ok(None),
        other => other?,
    };
    let wrong = Cut::wrong("ldap message", 0);
    let request = is_request(tag).ok_or(wrong)?;
    // The id and a tag are little: what is inside has to fit too.
    let inside = match tag {
        operation::BIND_REQUEST => {
            ber::unsigned(&mut body, "version").is_ok_and(|version| matches!(version, 2 | 3))
        }
        operation::SEARCH | 0x64 => {
            matches!(
                ber::element(&mut body, "ldap name"),
                Ok((ber::OCTET_STRING, _))
            ) || body.remaining() > 0 && body.peek().first() == Some(&ber::OCTET_STRING)
        }
        operation::EXTENDED_REQUEST => body.peek().first() == Some(&0x80),
        operation::UNBIND => body.is_empty(),
        operation::BIND_RESPONSE | 0x65 | operation::EXTENDED_RESPONSE => {
            matches!(body.peek(), [0x0a, 1, _, ..])
        }
        _ => body.remaining() > 0 || body.is_empty(),
    };
    inside.then_some(Some(request)).ok_or(wrong)
}

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    match bytes.first() {
        Some(&ber::SEQUENCE) => {}
        _ => return Probe::No,
    }
    // SNMP begins with its version where LDAP has an operation; both are sequences with a number.
    let port = sample.has_port(389) || sample.has_port(3268);
    let from_client = !sample.client.is_empty();
    match look(bytes) {
        Err(_) => Probe::No,
        Ok(None) if sample.whole => Probe::No,
        Ok(None) => Probe::More,
        Ok(Some(request)) if request != from_client => match port {
            true => Probe::Reversed,
            false => Probe::No,
        },
        Ok(Some(_)) if port => Probe::Sure,
        Ok(Some(_)) => Probe::Likely(70),
    }
}

#[derive(Default)]
struct Ldap {
    login: Option<Login>,
    /// A SASL login that was asked for may seal what follows.
    sasl: bool,
    /// StartTLS was asked for, and not answered.
    sealing: bool,
    server_heard: bool,
    starttls: Starttls,
    names: Seen,
    /// Bytes of a message that are passed over, by side.
    left: [usize; 2],
    one_ended: bool,
}

impl Analyzer for Ldap {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) if notes.over() == Over::Datagram => {
                // An answer and its end may come in one datagram.
                let mut at = 0;
                while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                    match self.bytes(side, rest, notes) {
                        Step::Took(took) if took > 0 => at += took,
                        step if at == 0 => return step,
                        _ => break,
                    }
                }
                Step::Took(at)
            }
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(missing) => {
                let missing = usize::try_from(missing).unwrap_or(usize::MAX);
                match self.left.get_mut(side.index()) {
                    Some(left) if *left >= missing => *left -= missing,
                    // Where the next message begins is not known.
                    _ => return Step::NotMine(Cut::wrong("ldap message", 0)),
                }
                Step::Took(0)
            }
            Chunk::End => {
                if std::mem::replace(&mut self.one_ended, true) {
                    self.login_ends(None, notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        self.names.held()
    }
}

impl Ldap {
    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        self.server_heard |= side == Side::Server;
        if let Some(left) = self.left.get_mut(side.index())
            && *left > 0
        {
            let took = bytes.len().min(*left);
            *left -= took;
            return Step::Took(took);
        }
        if is_tls(bytes) && notes.over() == Over::Stream {
            return become_tls(0);
        }
        if self.sealing && side == Side::Client && self.server_heard {
            // Nothing is understood before the server has answered.
            return Step::Took(0);
        }
        if self.sasl && bytes.first() == Some(&0) {
            // A layer of the login: a length of four bytes, and what is signed or sealed (RFC 4422 section 3.7).
            notes.expose(Exposure::Unknown);
            return Step::Sealed(0);
        }
        let size = match whole(bytes) {
            Ok(size) => size,
            Err(cut) if cut.needed > 0 => return Step::Need(bytes.len() + 1),
            Err(cut) => return Step::NotMine(cut),
        };
        let cut_by_capture = notes.over() == Over::Datagram && notes.missing() > 0;
        if bytes.len() < size && size <= MAX_MESSAGE && !cut_by_capture {
            return Step::Need(size);
        }
        let message = bytes.get(..size).unwrap_or(bytes);
        let (tag, body) = match operation(message) {
            Ok(operation) => operation,
            Err(cut) => return Step::NotMine(Cut { needed: 0, ..cut }),
        };
        if let Some(left) = self.left.get_mut(side.index())
            && notes.over() == Over::Stream
        {
            *left = size - message.len();
        }
        // What is wrong inside an operation leaves the next one readable.
        match self.operation(tag, body, notes) {
            Ok(true) => become_tls(message.len()),
            Ok(false) | Err(_) => Step::Took(message.len()),
        }
    }

    /// Hears an operation; whether TLS follows it.
    fn operation(
        &mut self,
        tag: u8,
        mut body: Cursor<'_>,
        notes: &mut Notes<'_>,
    ) -> Result<bool, Cut> {
        match tag {
            operation::BIND_REQUEST => self.bind(body, notes)?,
            operation::BIND_RESPONSE => {
                let result = result(&mut body)?;
                // 14: the exchange goes on.
                if result != 14 {
                    self.login_ends(Some(result == 0), notes);
                }
            }
            operation::SEARCH => {
                let base = ber::tagged(&mut body, ber::OCTET_STRING, "ldap base")?.rest();
                let base = base.get(..MAX_TEXT).unwrap_or(base);
                if let Some(name) = host_name(base).filter(|name| self.names.is_new(name)) {
                    notes.add(Name {
                        source: "ldap-search".to_owned(),
                        name,
                    });
                    self.starttls.passed_in_clear(&STARTTLS, notes);
                }
            }
            operation::EXTENDED_REQUEST => {
                let (0x80, mut name) = ber::element(&mut body, "ldap extension")? else {
                    return Ok(false);
                };
                self.sealing |= name.rest() == START_TLS;
            }
            operation::EXTENDED_RESPONSE if self.sealing => {
                self.sealing = false;
                if result(&mut body)? == 0 {
                    self.login_ends(None, notes);
                    return Ok(true);
                }
                self.starttls.refused = true;
            }
            _ => {}
        }
        Ok(false)
    }

    /// RFC 4511 section 4.2.
    fn bind(&mut self, mut body: Cursor<'_>, notes: &mut Notes<'_>) -> Result<(), Cut> {
        ber::unsigned(&mut body, "ldap version")?;
        let name = ber::tagged(&mut body, ber::OCTET_STRING, "ldap bind name")?.rest();
        let name = name.get(..MAX_TEXT).unwrap_or(name);
        let (how, mut proof) = ber::element(&mut body, "ldap bind")?;
        self.login_ends(None, notes);
        match how {
            0x80 => {
                let secret = proof.rest();
                // Nobody with nothing is an anonymous login (RFC 4513 section 5.1.1).
                if !name.is_empty() || !secret.is_empty() {
                    let mut login = Login::of_user("simple", name, notes);
                    if !secret.is_empty() {
                        login.secret(secret.get(..MAX_TEXT).unwrap_or(secret), notes);
                    }
                    self.login = Some(login);
                }
            }
            0xa3 => {
                self.sasl = true;
                let mechanism =
                    ber::tagged(&mut proof, ber::OCTET_STRING, "ldap mechanism")?.rest();
                let mechanism = String::from_utf8_lossy(mechanism.get(..20).unwrap_or(mechanism))
                    .to_ascii_lowercase();
                let token = ber::tagged(&mut proof, ber::OCTET_STRING, "ldap token")?.rest();
                if mechanism == "plain" {
                    let mut parts = token.splitn(3, |&byte| byte == 0).skip(1);
                    let user = parts.next().unwrap_or_default();
                    let mut login = Login::of_user("plain", user, notes);
                    if let Some(secret) = parts.next() {
                        login.secret(secret.get(..MAX_TEXT).unwrap_or(secret), notes);
                    }
                    self.login = Some(login);
                } else if let Some(user) = ntlm::user(token) {
                    self.login = Some(Login {
                        crackable: true,
                        ..Login::of_user("ntlm", user.as_bytes(), notes)
                    });
                }
            }
            // Of Active Directory: NTLM in three steps (MS-ADTS section 5.1.1.1.3).
            0x8a | 0x8b => {
                self.sasl = true;
                if let Some(user) = ntlm::user(proof.rest()) {
                    self.login = Some(Login {
                        crackable: true,
                        ..Login::of_user("ntlm", user.as_bytes(), notes)
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        if let Some(login) = self.login.take() {
            login.write(PROTOCOL.name, accepted, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }
}

/// The code of a result (RFC 4511 section 4.1.9).
fn result(body: &mut Cursor<'_>) -> Result<u8, Cut> {
    const ENUMERATED: u8 = 0x0a;
    ber::tagged(body, ENUMERATED, "ldap result")?.u8()
}

fn become_tls(took: usize) -> Step {
    Step::Become {
        took,
        next: Next::Protocol("tls"),
    }
}
