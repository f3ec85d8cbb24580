//! SSDP (UPnP Device Architecture 2.0 section 1): devices that announce themselves and programs that
//! look for them, in HTTP messages over datagrams.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use overheard_ledger::{Exposure, Request, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::http_message::{Look, fields, look, request, status};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssdp",
    title: "Simple Service Discovery Protocol",
    over: &[Over::Datagram],
    ports: &[1900],
    standard: "UPnP Device Architecture 2.0 section 1",
    exposure: Exposure::Open,
    probe,
    begin: |_| {
        Box::new(Ssdp {
            said: BTreeSet::new(),
        })
    },
    rules: &[Rule {
        id: DEVICES,
        title: "Devices that announce themselves",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Switch UPnP off on devices that do not need it, and do not let it pass between networks.",
        standard: "RFC 6973 section 5.1.1; RFC 7258",
        explain: "Devices tell their whole network what they are, often with make, model and version: an inventory of \
                  the house, and a list of what to attack.",
    }],
};

const DEVICES: &str = "ssdp-devices";
/// The most different devices of one conversation that are written down.
const MAX_DEVICES: usize = 32;
/// The longest description of a device that is kept, in characters.
const MAX_DESCRIPTION: usize = 128;

fn probe(sample: &Sample<'_>) -> Probe {
    match read(sample.first()) {
        Some(_) => Probe::Sure,
        None => Probe::No,
    }
}

struct Ssdp {
    /// Hashes of the devices that were written down.
    said: BTreeSet<u64>,
}

impl Analyzer for Ssdp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        let Some(message) = read(bytes) else {
            return Step::NotMine(Cut::wrong("ssdp message", 0));
        };
        if let Some(method) = message.method {
            notes.add(Request {
                method: method.to_owned(),
                host: message.host,
                target: Some("*".to_owned()),
                status: None,
            });
        }
        if let Some(device) = message.device {
            let from = notes.endpoint(side).ip;
            let mut hasher = DefaultHasher::new();
            (from, &device).hash(&mut hasher);
            if self.said.len() < MAX_DEVICES && self.said.insert(hasher.finish()) {
                notes.observe(DEVICES, format!("{from} announces itself as “{device}”"));
            }
        }
        Step::Took(bytes.len())
    }
}

/// What one datagram says.
struct Message {
    /// `M-SEARCH` or `NOTIFY`; nothing in an answer.
    method: Option<&'static str>,
    host: Option<String>,
    /// Operating system, UPnP version and product of who announces itself.
    device: Option<String>,
}

fn read(datagram: &[u8]) -> Option<Message> {
    let line = datagram.split(|&byte| byte == b'\n').next()?;
    let method = match look(datagram) {
        Look::Request => match request(line)? {
            (b"M-SEARCH", b"*") => Some("M-SEARCH"),
            (b"NOTIFY", b"*") => Some("NOTIFY"),
            _ => return None,
        },
        Look::Status if status(line).is_some() => None,
        _ => return None,
    };
    let mut message = Message {
        method,
        host: None,
        device: None,
    };
    let mut has_subject = false;
    for (name, value) in fields(datagram) {
        let text = String::from_utf8_lossy(value);
        match name.to_ascii_lowercase().as_slice() {
            b"host" => message.host = Some(text.into_owned()).filter(|host| !host.is_empty()),
            b"server" if method != Some("M-SEARCH") => {
                message.device = Some(
                    text.chars()
                        .filter(|c| !c.is_control())
                        .take(MAX_DESCRIPTION)
                        .collect::<String>(),
                )
                .filter(|device| !device.is_empty());
            }
            b"st" | b"nt" | b"usn" => has_subject = true,
            _ => {}
        }
    }
    // Every message names what it looks for or announces; other protocols send HTTP in datagrams, too.
    has_subject.then_some(message)
}

#[cfg(test)]
mod tests;
