//! Multicast DNS (RFC 6762): the names of computers, printers and telephones, and the services they
//! offer, said to everybody on the local network.

use overheard_ledger::{Body, Exposure, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::dns_listener::{Habits, Listener};
use crate::shared::dns_message::{Message, whole};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "mdns",
    title: "Multicast DNS",
    over: &[Over::Datagram],
    ports: &[PORT],
    standard: "RFC 6762",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Mdns(Listener::new(&HABITS))),
    rules: &[Rule {
        id: "mdns-names",
        title: "Names and services announced to the local network",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match (&seen.record.body, seen.conversation) {
            (Body::Name(name), Some(conversation)) if name.source == HABITS.source => {
                Some(format!(
                    "The names and services that {} asks for or announces",
                    conversation.client.ip
                ))
            }
            _ => None,
        }),
        remedy: "Give devices names that say nothing of their owners, turn off services that nobody uses, and keep \
                 multicast DNS inside the networks that need it.",
        standard: "RFC 8882; RFC 6973",
        explain: "Devices announce their names, often with the name of their owner, and what they offer, to everybody \
                  on the same network; who listens there learns who is near and with which devices.",
    }],
};

const PORT: u16 = 5353;

static HABITS: Habits = Habits {
    source: "mdns",
    owners: true,
    zone_transfer: None,
};

fn probe(sample: &Sample<'_>) -> Probe {
    if !sample.has_port(PORT) {
        return Probe::No;
    }
    let bytes = sample.first();
    match whole(bytes) {
        Some((header, _)) if header.opcode() == 0 => Probe::Sure,
        Some(_) => Probe::Likely(60),
        None => {
            // Cut by the capture, or contradicting itself further on.
            let readable = Message::new(bytes).is_ok_and(|mut message| {
                message.header.opcode() == 0
                    && match message.header.questions {
                        0 => message
                            .record()
                            .is_ok_and(|record| record.class & 0x7fff == 1),
                        _ => message.question().is_ok_and(|question| question.is_usual()),
                    }
            });
            if readable {
                Probe::Likely(60)
            } else {
                Probe::No
            }
        }
    }
}

struct Mdns(Listener);

impl Analyzer for Mdns {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        self.0.hear(side, chunk, notes)
    }

    fn held(&self) -> usize {
        self.0.held()
    }
}

#[cfg(test)]
mod tests;
