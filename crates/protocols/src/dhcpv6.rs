//! DHCPv6 (RFC 8415): a device tells a network that it joins what it is called.

use overheard_ledger::{Body, Exposure, Name as NameRecord, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::dns_message::Name;
use crate::shared::seen::Seen;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcpv6",
    title: "Dynamic Host Configuration Protocol for IPv6",
    over: &[Over::Datagram],
    ports: &[SERVER_PORT, CLIENT_PORT],
    standard: "RFC 8415",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Dhcpv6::default()),
    rules: &[Rule {
        id: "dhcpv6-host-name",
        title: "A device says its name when it joins an IPv6 network",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Name(name) if name.source == SOURCE => Some(format!(
                "That a device called {} joined the network, and when",
                name.name
            )),
            _ => None,
        }),
        remedy: "Let devices that travel leave their name out of DHCPv6 (an anonymity profile), or give them names \
                 that say nothing of their owners.",
        standard: "RFC 7844 section 4",
        explain: "A host name often contains a person's name or the device's number, and follows its owner from \
                  network to network.",
    }],
};

const SERVER_PORT: u16 = 547;
const CLIENT_PORT: u16 = 546;
const SOURCE: &str = "dhcpv6";
/// Relay messages inside each other that are opened (RFC 8415 section 7.6: HOP_COUNT_LIMIT).
const MAX_RELAYS: u32 = 8;

const RELAY_MESSAGE: u16 = 9;
const CLIENT_FQDN: u16 = 39;

fn probe(sample: &Sample<'_>) -> Probe {
    if !(sample.has_port(SERVER_PORT) || sample.has_port(CLIENT_PORT)) {
        return Probe::No;
    }
    let mut cursor = Cursor::new("dhcpv6", sample.first());
    if fixed(&mut cursor).is_err() {
        return Probe::No;
    }
    while !cursor.is_empty() {
        if cursor.u16().is_err() || cursor.vector16("dhcpv6 option").is_err() {
            return Probe::Likely(30);
        }
    }
    Probe::Likely(80)
}

/// Passes over what stands before the options.
fn fixed(cursor: &mut Cursor<'_>) -> Result<(), Cut> {
    let wrong = cursor.wrong();
    match cursor.u8()? {
        1..=11 => cursor.skip(3),
        12 | 13 => cursor.skip(33),
        _ => Err(wrong),
    }
}

#[derive(Default)]
struct Dhcpv6 {
    seen: Seen,
}

impl Dhcpv6 {
    fn message(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Result<usize, Cut> {
        let mut cursor = Cursor::new("dhcpv6", bytes);
        fixed(&mut cursor)?;
        let mut relays = 0;
        while !cursor.is_empty() {
            let read = bytes.len() - cursor.remaining();
            let Ok(code) = cursor.u16() else {
                return Ok(read);
            };
            let Ok(mut option) = cursor.vector16("dhcpv6 option") else {
                return Ok(read);
            };
            match code {
                // What a relay passes on is its last option in practice: go on inside it.
                RELAY_MESSAGE if relays < MAX_RELAYS && cursor.is_empty() => {
                    relays += 1;
                    if fixed(&mut option).is_ok() {
                        cursor = option;
                    }
                }
                CLIENT_FQDN => self.name(option.rest(), notes),
                _ => {}
            }
        }
        Ok(bytes.len())
    }

    /// A client FQDN option (RFC 4704 section 4): flags, and a name in the form of DNS messages.
    fn name(&mut self, value: &[u8], notes: &mut Notes<'_>) {
        let Some((_, name)) = value.split_first() else {
            return;
        };
        let mut ended = name.to_vec();
        ended.push(0);
        let Ok(name) = Name::read(&ended, &mut Cursor::new("dhcpv6 fqdn", &ended)) else {
            return;
        };
        if !name.is_root() && self.seen.is_new(&name) {
            notes.add(NameRecord {
                source: SOURCE.to_owned(),
                name: name.text(),
            });
        }
    }
}

impl Analyzer for Dhcpv6 {
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
