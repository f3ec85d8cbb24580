//! SNMP: version 1 (RFC 1157) and 2c (RFC 1901, RFC 3416) with a community string in clear, version 3
//! (RFC 3412) with its user-based security model (RFC 3414).

use overheard_ledger::{Account, Body, Credential, Exposure, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::ber::{INTEGER, OCTET_STRING, SEQUENCE, element, tagged, unsigned};
use crate::shared::host_name::readable;
use crate::shared::seen::Seen;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "snmp",
    title: "Simple Network Management Protocol",
    over: &[Over::Datagram],
    ports: &[161, 162],
    standard: "RFC 3411 to 3418; RFC 1157",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Snmp::default()),
    rules: &[
        Rule {
            id: "snmp-community",
            title: "A community string in clear",
            severity: Severity::Critical,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Credential(login) if login.protocol == NAME && login.mechanism == COMMUNITY => {
                    Some(format!("The community string that opens the management of {}", seen.server()))
                }
                _ => None,
            }),
            remedy: "Use SNMP version 3 with authentication and privacy on devices and on the management station, and \
                     take the community strings out.",
            standard: "RFC 3414",
            explain: "A community string is a password that every request carries in clear. Who has it reads how the \
                      device is set up, and often may change it.",
        },
        Rule {
            id: "snmp-v3-user",
            title: "The user name of SNMP version 3",
            severity: Severity::Info,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Credential(login) if login.protocol == NAME && login.mechanism == USM => {
                    let user = login.user.as_deref().unwrap_or_default();
                    Some(if login.crackable {
                        format!("That {user} manages {}, and enough to try passwords offline", seen.server())
                    } else {
                        format!("That {user} manages {}", seen.server())
                    })
                }
                _ => None,
            }),
            remedy: "Choose long random passwords for authentication and privacy, one for each device, or run SNMP
                     over DTLS.",
            standard: "RFC 3414 section 11; RFC 6353",
            explain: "The user name is readable in every message of version 3. Where messages are authenticated, the \
                      code that proves it is made from the password: passwords can be tried against it without \
                      asking the device.",
        },
        Rule {
            id: IN_CLEAR,
            title: "Management in clear with SNMP version 3",
            severity: Severity::High,
            exposure: Exposure::Open,
            when: When::Observed,
            remedy: "Set the security level to authPriv for every user, on devices and on the management station.",
            standard: "RFC 3414",
            explain: "Version 3 can seal its messages, but these were not: what is asked of the device and what it \
                      answers is readable.",
        },
    ],
};

const NAME: &str = "snmp";
const COMMUNITY: &str = "community";
const USM: &str = "usm";
const IN_CLEAR: &str = "snmp-v3-clear";

/// Flag of msgFlags: the message is authenticated, it is encrypted (RFC 3412 section 6.4).
const AUTHENTICATED: u8 = 1;
const ENCRYPTED: u8 = 2;
/// msgSecurityModel of the user-based security model.
const USM_MODEL: u32 = 3;
/// A response, and a report of version 3: what a manager hears.
const RESPONSE: u8 = 0xa2;
const REPORT: u8 = 0xa8;

/// A message, as far as it is to be understood.
#[derive(Debug)]
enum Message<'a> {
    /// Version 1 or 2c.
    Community { community: &'a [u8], pdu: u8 },
    /// Version 3.
    User {
        user: &'a [u8],
        flags: u8,
        sealed: usize,
        pdu: Option<u8>,
        empty: bool,
    },
    /// Version 3 with another security model.
    Other,
}

/// Reads one message and says where it ends.
fn read(bytes: &[u8]) -> Result<(Message<'_>, usize), Cut> {
    let mut outer = Cursor::new("snmp", bytes);
    let mut message = tagged(&mut outer, SEQUENCE, "snmp message")?;
    let end = outer.position();
    let wrong = message.wrong();
    let read = match unsigned(&mut message, "snmp version")? {
        0 | 1 => {
            let community = tagged(&mut message, OCTET_STRING, "snmp community")?.rest();
            let (pdu, body) = element(&mut message, "snmp pdu")?;
            if !(0xa0..=0xa8).contains(&pdu) || !plausible(pdu, body) {
                return Err(wrong);
            }
            Message::Community { community, pdu }
        }
        3 => version_3(&mut message)?,
        _ => return Err(wrong),
    };
    if message.is_empty() {
        Ok((read, end))
    } else {
        Err(message.wrong())
    }
}

/// Whether the body of a PDU begins as it must: the trap of version 1 with an OBJECT IDENTIFIER, the others
/// with three numbers (RFC 3416 section 3).
fn plausible(pdu: u8, mut body: Cursor<'_>) -> bool {
    if pdu == 0xa4 {
        return body.u8() == Ok(crate::shared::ber::OBJECT_IDENTIFIER);
    }
    (0..3).all(|_| tagged(&mut body, INTEGER, "snmp pdu").is_ok())
        && tagged(&mut body, SEQUENCE, "snmp bindings").is_ok()
}

fn version_3<'a>(message: &mut Cursor<'a>) -> Result<Message<'a>, Cut> {
    let wrong = message.wrong();
    let mut global = tagged(message, SEQUENCE, "snmp global data")?;
    unsigned(&mut global, "snmp message id")?;
    unsigned(&mut global, "snmp maximum size")?;
    let flags = tagged(&mut global, OCTET_STRING, "snmp flags")?.u8()?;
    let model = unsigned(&mut global, "snmp security model")?;
    let mut security = tagged(message, OCTET_STRING, "snmp security parameters")?;
    let (tag, mut data) = element(message, "snmp scoped pdu")?;
    if model != USM_MODEL {
        return Ok(Message::Other);
    }
    let mut usm = tagged(&mut security, SEQUENCE, "snmp usm")?;
    tagged(&mut usm, OCTET_STRING, "snmp engine")?;
    unsigned(&mut usm, "snmp boots")?;
    unsigned(&mut usm, "snmp time")?;
    let user = tagged(&mut usm, OCTET_STRING, "snmp user")?.rest();
    let (mut sealed, mut pdu, mut empty) = (0, None, true);
    match (tag, flags & ENCRYPTED != 0) {
        (OCTET_STRING, true) => sealed = data.remaining(),
        (SEQUENCE, false) => {
            tagged(&mut data, OCTET_STRING, "snmp context engine")?;
            tagged(&mut data, OCTET_STRING, "snmp context name")?;
            let (kind, mut body) = element(&mut data, "snmp pdu")?;
            for _ in 0..3 {
                tagged(&mut body, INTEGER, "snmp pdu")?;
            }
            empty = tagged(&mut body, SEQUENCE, "snmp bindings")?.is_empty();
            pdu = Some(kind);
        }
        _ => return Err(wrong),
    }
    Ok(Message::User {
        user,
        flags,
        sealed,
        pdu,
        empty,
    })
}

fn probe(sample: &Sample<'_>) -> Probe {
    let from_client = !sample.client.is_empty();
    match read(sample.first()) {
        Ok((
            Message::Community { pdu: RESPONSE, .. }
            | Message::User {
                pdu: Some(RESPONSE | REPORT),
                ..
            },
            _,
        )) if from_client => Probe::Reversed,
        Ok(_) => Probe::Sure,
        Err(_) if sample.has_port(161) || sample.has_port(162) => cut(sample.first()),
        Err(_) => Probe::No,
    }
}

/// What is to be thought of a message on a usual port that is cut, or contradicts itself further on.
fn cut(bytes: &[u8]) -> Probe {
    match beginning(bytes) {
        Some(_) => Probe::Likely(60),
        None => Probe::No,
    }
}

/// The community of a message of version 1 or 2c that may be cut behind it.
fn beginning(bytes: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new("snmp", bytes);
    if cursor.u8() != Ok(SEQUENCE) {
        return None;
    }
    let length = cursor.u8().ok()?;
    if length >= 0x80 {
        cursor.skip(usize::from(length & 0x7f)).ok()?;
    }
    if unsigned(&mut cursor, "snmp version").ok()? > 1 {
        return None;
    }
    let community = tagged(&mut cursor, OCTET_STRING, "snmp community")
        .ok()?
        .rest();
    (0xa0..=0xa8)
        .contains(&cursor.u8().ok()?)
        .then_some(community)
}

#[derive(Default)]
struct Snmp {
    seen: Seen,
}

impl Snmp {
    fn community(&mut self, community: &[u8], notes: &mut Notes<'_>) {
        if self.seen.is_new(&(COMMUNITY, community)) {
            let secret = Some(notes.mask(&readable(community)));
            notes.add(Credential {
                protocol: NAME.to_owned(),
                mechanism: COMMUNITY.to_owned(),
                secret,
                ..Credential::default()
            });
        }
    }

    fn user(&mut self, user: &[u8], crackable: bool, notes: &mut Notes<'_>) {
        // Discovery asks without a user (RFC 3414 section 4).
        if !user.is_empty() && self.seen.is_new(&(USM, user, crackable)) {
            notes.add(Credential {
                protocol: NAME.to_owned(),
                mechanism: USM.to_owned(),
                user: Some(readable(user)),
                crackable,
                ..Credential::default()
            });
        }
    }
}

impl Analyzer for Snmp {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        match read(bytes) {
            Ok((Message::Community { community, .. }, end)) => {
                self.community(community, notes);
                Step::Took(end)
            }
            Ok((
                Message::User {
                    user,
                    flags,
                    sealed,
                    pdu,
                    empty,
                },
                end,
            )) => {
                self.user(user, flags & AUTHENTICATED != 0, notes);
                notes.account(Account::Sealed, sealed);
                if sealed > 0 {
                    // Its keys are made from passwords and stay: who has one opens what was stored.
                    notes.expose(Exposure::StolenKey);
                } else if pdu.is_some_and(|pdu| pdu != REPORT)
                    && !empty
                    && self.seen.is_new(IN_CLEAR)
                {
                    let server = notes.server();
                    notes.observe(
                        IN_CLEAR,
                        format!("What is asked of {server} and what it answers"),
                    );
                }
                Step::Took(end)
            }
            Ok((Message::Other, end)) => Step::Took(end),
            Err(cut) => match beginning(bytes) {
                Some(community) => {
                    self.community(community, notes);
                    Step::Took(if notes.missing() > 0 { bytes.len() } else { 0 })
                }
                None => Step::NotMine(cut),
            },
        }
    }

    fn held(&self) -> usize {
        self.seen.held()
    }
}

#[cfg(test)]
mod tests;
