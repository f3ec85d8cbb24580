//! DHCP (RFC 2131, options RFC 2132) and BOOTP (RFC 951): a device tells a network that it joins what
//! it is called and which system it runs.

use overheard_ledger::{Body, Exposure, Name as NameRecord, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::dns_message::Name;
use crate::shared::host_name::{host_name, printable};
use crate::shared::seen::Seen;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcp",
    title: "Dynamic Host Configuration Protocol",
    over: &[Over::Datagram],
    ports: &[SERVER_PORT, CLIENT_PORT],
    standard: "RFC 2131",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Dhcp::default()),
    rules: &[
        Rule {
            id: "dhcp-host-name",
            title: "A device says its name when it joins the network",
            severity: Severity::Info,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Name(name) if name.source == SOURCE => Some(format!(
                    "That a device called {} joined the network, and when",
                    name.name
                )),
                _ => None,
            }),
            remedy: "Let devices that travel leave their host name out of DHCP (an anonymity profile), or give them \
                     names that say nothing of their owners.",
            standard: "RFC 7844 sections 3.7 and 3.8",
            explain: "A host name often contains a person's name or the device's number, and follows its owner from \
                      network to network.",
        },
        Rule {
            id: SYSTEM,
            title: "A device says which system it runs when it joins the network",
            severity: Severity::Info,
            exposure: Exposure::Open,
            when: When::Observed,
            remedy: "Let devices that travel leave the vendor class out of DHCP (an anonymity profile).",
            standard: "RFC 7844 section 3.10",
            explain: "The vendor class names the operating system or the firmware: it tells which attacks are worth \
                      trying.",
        },
    ],
};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const SOURCE: &str = "dhcp";
const SYSTEM: &str = "dhcp-system";
/// Bytes of a message before the options (RFC 2131 section 2), the magic cookie included.
const FIXED: usize = 240;
const MAGIC: [u8; 4] = [99, 130, 83, 99];
/// Op of a request and of a reply.
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

const HOST_NAME: u8 = 12;
const VENDOR_CLASS: u8 = 60;
const CLIENT_FQDN: u8 = 81;

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    let Some((op @ (REQUEST | REPLY), hardware_length)) = bytes
        .first()
        .zip(bytes.get(2))
        .map(|(&op, &length)| (op, length))
    else {
        return Probe::No;
    };
    let usual_port = sample.has_port(SERVER_PORT) || sample.has_port(CLIENT_PORT);
    if hardware_length > 16 {
        return Probe::No;
    }
    let from_client = !sample.client.is_empty();
    match bytes.get(FIXED - MAGIC.len()..FIXED) {
        Some(cookie) if cookie == MAGIC && (op == REPLY) == from_client => Probe::Reversed,
        Some(cookie) if cookie == MAGIC => Probe::Sure,
        // Old BOOTP, or a message cut by the capture.
        _ if usual_port && bytes.len() >= 44 => Probe::Likely(50),
        _ => Probe::No,
    }
}

#[derive(Default)]
struct Dhcp {
    seen: Seen,
}

impl Dhcp {
    fn message(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Result<usize, Cut> {
        let mut cursor = Cursor::new("dhcp", bytes);
        if !matches!(cursor.u8()?, REQUEST | REPLY) {
            return Err(Cut::wrong("dhcp", 0));
        }
        if cursor.skip(FIXED - MAGIC.len() - 1).is_err() {
            return if notes.missing() > 0 {
                Ok(bytes.len())
            } else {
                Err(Cut::wrong("dhcp", 0))
            };
        }
        if cursor.peek().first_chunk() != Some(&MAGIC) {
            // BOOTP: the rest is the vendor's.
            return Ok(bytes.len());
        }
        cursor.skip(MAGIC.len())?;
        let hardware = bytes.get(28..34).unwrap_or_default();
        loop {
            let read = cursor.position();
            match cursor.u8() {
                // Pad; and End, behind which there is only padding.
                Ok(0) => {}
                Ok(255) | Err(_) => return Ok(bytes.len()),
                Ok(code) => match cursor.vector8("dhcp option") {
                    Ok(mut option) => self.option(code, option.rest(), hardware, notes),
                    Err(_) => return Ok(read),
                },
            }
        }
    }

    fn option(&mut self, code: u8, value: &[u8], hardware: &[u8], notes: &mut Notes<'_>) {
        match code {
            HOST_NAME => self.name(host_name(value), notes),
            CLIENT_FQDN => self.name(qualified(value), notes),
            VENDOR_CLASS if !value.is_empty() && self.seen.is_new(&(code, hardware, value)) => {
                let system = printable(value);
                notes.observe(
                    SYSTEM,
                    format!("That the device {} runs {system}", Hardware(hardware)),
                );
            }
            _ => {}
        }
    }

    fn name(&mut self, name: Option<String>, notes: &mut Notes<'_>) {
        if let Some(name) = name
            && self.seen.is_new(&name)
        {
            notes.add(NameRecord {
                source: SOURCE.to_owned(),
                name,
            });
        }
    }
}

/// The name in a client FQDN option (RFC 4702 section 2): flags and two bytes without meaning before
/// it; in the form of DNS messages where flag E is set, else as text.
fn qualified(value: &[u8]) -> Option<String> {
    let ([flags, _, _], name) = value.split_first_chunk::<3>()?;
    if flags & 4 == 0 {
        return host_name(name);
    }
    // A name without a domain has no root label (RFC 4702 section 2.1); one more byte does no harm.
    let mut ended = name.to_vec();
    ended.push(0);
    let text = Name::read(&ended, &mut Cursor::new("dhcp fqdn", &ended))
        .ok()?
        .text();
    (!text.is_empty()).then_some(text)
}

struct Hardware<'a>(&'a [u8]);

impl std::fmt::Display for Hardware<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl Analyzer for Dhcp {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => match self.message(bytes, notes) {
                Ok(read) => Step::Took(read),
                Err(cut) => Step::NotMine(cut),
            },
            Chunk::Gap(_) | Chunk::End => Step::Took(0),
        }
    }
}

#[cfg(test)]
mod tests;
