//! RADIUS (RFC 2865, accounting RFC 2866): who logs into a network, from where, and with what.

use overheard_ledger::{Body, Credential, Exposure, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::host_name::readable;
use crate::shared::seen::Seen;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: NAME,
    title: "Remote Authentication Dial-In User Service",
    over: &[Over::Datagram],
    ports: &PORTS,
    standard: "RFC 2865",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Radius::default()),
    rules: &[
        Rule {
            id: "radius-login",
            title: "A login to the network passed on in clear",
            severity: Severity::Medium,
            exposure: Exposure::Weak,
            when: When::Record(|seen| match &seen.record.body {
                Body::Credential(login) if login.protocol == NAME => {
                    let user = login.user.as_deref().unwrap_or_default();
                    Some(if login.crackable {
                        format!(
                            "That {user} logs in through {}, and enough to try secrets offline",
                            seen.server()
                        )
                    } else {
                        format!("That {user} logs in through {}", seen.server())
                    })
                }
                _ => None,
            }),
            remedy: "Carry RADIUS over TLS or inside a VPN, and let only EAP methods with TLS be used.",
            standard: "RFC 6614; RFC 2865 section 8",
            explain: "The user's name is readable. A password is hidden with MD5 and a secret that the network's \
                      devices share: secrets can be tried offline, and who finds the one opens all passwords that \
                      were stored. A challenge and its response can be attacked in the same way.",
        },
        Rule {
            id: ACCOUNTING,
            title: "Who is on the network, told in clear",
            severity: Severity::Info,
            exposure: Exposure::Open,
            when: When::Observed,
            remedy: "Carry RADIUS over TLS or inside a VPN.",
            standard: "RFC 6614; RFC 6973",
            explain: "Accounting tells when somebody came and went, from which device, where, and how much they sent.",
        },
    ],
};

const NAME: &str = "radius";
const PORTS: [u16; 4] = [1812, 1813, 1645, 1646];
const ACCOUNTING: &str = "radius-accounting";
/// Bytes before the attributes (RFC 2865 section 3), and of the longest message.
const HEADER: usize = 20;
const LONGEST: usize = 4096;

const ACCESS_REQUEST: u8 = 1;
const ACCOUNTING_REQUEST: u8 = 4;

const USER_NAME: u8 = 1;
const USER_PASSWORD: u8 = 2;
const CHAP_PASSWORD: u8 = 3;
const VENDOR_SPECIFIC: u8 = 26;
const EAP_MESSAGE: u8 = 79;
/// Microsoft's enterprise number, and its responses of MS-CHAP (RFC 2548).
const MICROSOFT: u32 = 311;
const MS_CHAP_RESPONSE: u8 = 1;
const MS_CHAP2_RESPONSE: u8 = 25;

/// Reads the header: the code, a cursor over the attributes, and where the message ends.
fn read(bytes: &[u8], missing: bool) -> Result<(u8, Cursor<'_>, usize), Cut> {
    let mut cursor = Cursor::new(NAME, bytes);
    let wrong = cursor.wrong();
    let code = cursor.u8()?;
    cursor.skip(1)?;
    let length = usize::from(cursor.u16()?);
    if !matches!(code, 1..=5 | 11..=13 | 40..=45) || !(HEADER..=LONGEST).contains(&length) {
        return Err(wrong);
    }
    cursor.skip(HEADER - 4)?;
    let attributes = length - HEADER;
    let attributes = if missing {
        attributes.min(cursor.remaining())
    } else {
        attributes
    };
    let attributes = cursor.sub("radius attributes", attributes)?;
    Ok((code, attributes, cursor.position()))
}

/// The next attribute: type and value.
fn attribute<'a>(attributes: &mut Cursor<'a>) -> Result<(u8, &'a [u8]), Cut> {
    let wrong = attributes.wrong();
    let kind = attributes.u8()?;
    let length = usize::from(attributes.u8()?).checked_sub(2).ok_or(wrong)?;
    Ok((kind, attributes.take(length)?))
}

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    let usual_port = PORTS.iter().any(|&port| sample.has_port(port));
    let Ok((code, mut attributes, end)) = read(bytes, usual_port) else {
        return Probe::No;
    };
    if end != bytes.len() {
        return Probe::No;
    }
    let mut count = 0;
    while !attributes.is_empty() {
        match attribute(&mut attributes) {
            Ok((1.., _)) => count += 1,
            _ if usual_port => return Probe::Likely(40),
            _ => return Probe::No,
        }
    }
    let request = matches!(code, ACCESS_REQUEST | ACCOUNTING_REQUEST | 12 | 40 | 43);
    match (usual_port, count) {
        (true, _) if request == sample.client.is_empty() => Probe::Reversed,
        (true, _) => Probe::Sure,
        // All lengths fit: that is no accident where there are several.
        (false, 3..) => Probe::Likely(80),
        (false, _) => Probe::No,
    }
}

#[derive(Default)]
struct Radius {
    seen: Seen,
}

impl Radius {
    /// Hears the attributes and says how many of their bytes could be read.
    fn attributes(&mut self, code: u8, mut attributes: Cursor<'_>, notes: &mut Notes<'_>) -> usize {
        let mut read = 0;
        let mut user = None;
        let mut mechanism = None;
        while let Ok(next) = attribute(&mut attributes) {
            read = attributes.position();
            match next {
                (USER_NAME, name) => user = Some(name),
                (USER_PASSWORD, _) => mechanism = Some("pap"),
                (CHAP_PASSWORD, _) => mechanism = Some("chap"),
                (EAP_MESSAGE, _) => mechanism = Some("eap"),
                (VENDOR_SPECIFIC, value) => mechanism = mechanism.or(microsoft(value)),
                _ => {}
            }
        }
        let Some(user) = user.filter(|user| !user.is_empty()) else {
            return read;
        };
        let name = || readable(user);
        match code {
            ACCESS_REQUEST if self.seen.is_new(&(code, user, mechanism)) => notes.add(Credential {
                protocol: NAME.to_owned(),
                mechanism: mechanism.unwrap_or("radius").to_owned(),
                user: Some(name()),
                // What is inside EAP is its method's matter.
                crackable: mechanism.is_some_and(|mechanism| mechanism != "eap"),
                ..Credential::default()
            }),
            ACCOUNTING_REQUEST if self.seen.is_new(&(code, user)) => {
                notes.observe(
                    ACCOUNTING,
                    format!("When {} is on the network, and from where", name()),
                );
            }
            _ => {}
        }
        read
    }
}

/// The mechanism that a vendor-specific attribute of Microsoft's is about.
fn microsoft(value: &[u8]) -> Option<&'static str> {
    let mut cursor = Cursor::new("radius vendor", value);
    match (cursor.u32(), cursor.u8()) {
        (Ok(MICROSOFT), Ok(MS_CHAP_RESPONSE)) => Some("ms-chap"),
        (Ok(MICROSOFT), Ok(MS_CHAP2_RESPONSE)) => Some("ms-chapv2"),
        _ => None,
    }
}

impl Analyzer for Radius {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        match read(bytes, notes.missing() > 0) {
            Ok((code, attributes, end)) => {
                let read = HEADER + self.attributes(code, attributes, notes);
                Step::Took(if notes.missing() > 0 { end } else { read })
            }
            Err(cut) => Step::NotMine(cut),
        }
    }

    fn held(&self) -> usize {
        self.seen.held()
    }
}

#[cfg(test)]
mod tests;
