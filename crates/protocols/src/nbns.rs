//! The NetBIOS name service (RFC 1002 section 4.2): names of computers, people and workgroups, asked
//! for and claimed by shouting on the local network.

use std::net::IpAddr;

use overheard_ledger::{Body, Exposure, HintBody, Name as NameRecord, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::dns_message::{IN, Message, Name};
use crate::shared::host_name::host_name;
use crate::shared::seen::Seen;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "nbns",
    title: "NetBIOS Name Service",
    over: &[Over::Datagram],
    ports: &[PORT],
    standard: "RFC 1002",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Nbns::default()),
    rules: &[Rule {
        id: "nbns-names",
        title: "NetBIOS names shouted on the local network",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match (&seen.record.body, seen.conversation) {
            (Body::Name(name), Some(conversation)) if name.source == SOURCE => Some(format!(
                "The names of computers and workgroups that {} asks for or claims",
                conversation.client.ip
            )),
            _ => None,
        }),
        remedy: "Turn NetBIOS over TCP/IP off on all computers; DNS does its work.",
        standard: "RFC 1002; RFC 6973",
        explain: "Whoever is on the network hears what computers and workgroups are called and which servers are \
                  looked for, and can answer in their place: what follows is often a login sent to the wrong computer.",
    }],
};

const PORT: u16 = 137;
const SOURCE: &str = "nbns";
/// Type of a general name record (RFC 1002 section 4.2.1.2).
const NB: u16 = 0x20;
/// Type of a node status record.
const NBSTAT: u16 = 0x21;
/// Bytes of a NetBIOS name; the last says what kind of service it stands for.
const NETBIOS_NAME: usize = 16;

fn probe(sample: &Sample<'_>) -> Probe {
    let usual_port = sample.has_port(PORT);
    let Ok(mut message) = Message::new(sample.first()) else {
        return Probe::No;
    };
    let header = message.header;
    if header.questions > 1 || header.records() > 64 {
        return Probe::No;
    }
    let found = if header.questions == 1 {
        message
            .question()
            .ok()
            .map(|question| (question.name, question.kind, question.class))
    } else {
        message
            .record()
            .ok()
            .map(|record| (record.owner, record.kind, record.class))
    };
    match found {
        Some((name, NB | NBSTAT, IN)) if netbios(&name).is_some() => {
            // Names are claimed and asked for from and to one and the same port: who is the client
            // is told by who asks.
            let from_client = !sample.client.is_empty();
            if header.is_response() == from_client {
                Probe::Reversed
            } else {
                Probe::Sure
            }
        }
        Some((name, _, _)) if usual_port && netbios(&name).is_some() => Probe::Likely(70),
        _ => Probe::No,
    }
}

/// Undoes the first-level encoding (RFC 1001 section 14.1): half a byte a letter, from A to P.
fn netbios(name: &Name) -> Option<[u8; NETBIOS_NAME]> {
    let label = name
        .labels()
        .next()
        .filter(|label| label.len() == 2 * NETBIOS_NAME)?;
    let mut decoded = [0; NETBIOS_NAME];
    for (byte, pair) in decoded.iter_mut().zip(label.chunks_exact(2)) {
        let [high, low] = <[u8; 2]>::try_from(pair).ok()?;
        *byte = half(high)? << 4 | half(low)?;
    }
    Some(decoded)
}

fn half(letter: u8) -> Option<u8> {
    // Labels are read in lower case.
    matches!(letter, b'a'..=b'p').then(|| letter - b'a')
}

/// The name as people know it: without the byte of the service and the filling, lower case. Nothing
/// where it is the same everywhere and says nothing of anybody: the browsers' meeting point.
fn shown(name: &[u8; NETBIOS_NAME]) -> Option<String> {
    let (_, name) = name.split_last()?;
    if name == b"\x01\x02__MSBROWSE__\x02" {
        return None;
    }
    host_name(name)
}

#[derive(Default)]
struct Nbns {
    seen: Seen,
}

impl Nbns {
    fn message(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Result<usize, Cut> {
        let mut message = Message::new(bytes)?;
        let header = message.header;
        let mut understood = notes.missing() > 0;
        for _ in 0..header.questions {
            match message.question() {
                Ok(question) => {
                    understood = true;
                    self.name(&question.name, notes);
                }
                Err(cut) if !understood => return Err(cut),
                Err(_) => return Ok(message.position()),
            }
        }
        for _ in 0..header.records() {
            match message.record() {
                Ok(record) => {
                    understood = true;
                    let name = self.name(&record.owner, notes);
                    // A positive answer: flags and an address for each owner of the name.
                    if let (Some(name), NB, true) = (name, record.kind, header.is_response()) {
                        for entry in record.data.chunks_exact(6) {
                            self.resolved(&name, entry, notes);
                        }
                    }
                }
                Err(cut) if !understood => return Err(cut),
                Err(_) => return Ok(message.position()),
            }
        }
        Ok(message.position())
    }

    fn name(&mut self, name: &Name, notes: &mut Notes<'_>) -> Option<[u8; NETBIOS_NAME]> {
        let decoded = netbios(name)?;
        let (_, without_service) = decoded.split_last()?;
        if self.seen.is_new(without_service)
            && let Some(name) = shown(&decoded)
        {
            notes.add(NameRecord {
                source: SOURCE.to_owned(),
                name,
            });
        }
        Some(decoded)
    }

    fn resolved(&mut self, name: &[u8; NETBIOS_NAME], entry: &[u8], notes: &mut Notes<'_>) {
        let Some((flags, address)) = entry.split_first_chunk::<2>() else {
            return;
        };
        let is_group = flags.first().is_some_and(|flags| flags & 0x80 != 0);
        let Ok(address) = <[u8; 4]>::try_from(address) else {
            return;
        };
        if !is_group
            && address != [0; 4]
            && let Some(shown) = shown(name)
            && self.seen.is_new(&(&shown, address))
        {
            notes.hint(HintBody::Resolved {
                name: shown,
                address: IpAddr::from(address),
            });
        }
    }
}

impl Analyzer for Nbns {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => match self.message(bytes, notes) {
                Ok(read) => Step::Took(read),
                Err(cut) => Step::NotMine(cut),
            },
            Chunk::Gap(_) | Chunk::End => Step::Took(0),
        }
    }

    fn held(&self) -> usize {
        self.seen.held()
    }
}

#[cfg(test)]
mod tests;
