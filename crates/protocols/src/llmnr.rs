//! Link-Local Multicast Name Resolution (RFC 4795): a computer asks everybody on its link for a name
//! that DNS did not know.

use overheard_ledger::{Body, Exposure, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::dns_listener::{Framed, Habits, Listener, framed};
use crate::shared::dns_message::{Message, whole};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "llmnr",
    title: "Link-Local Multicast Name Resolution",
    over: &[Over::Datagram, Over::Stream],
    ports: &[PORT],
    standard: "RFC 4795",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Llmnr(Listener::new(&HABITS))),
    rules: &[Rule {
        id: "llmnr-names",
        title: "Names asked of everybody on the link",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match (&seen.record.body, seen.conversation) {
            (Body::Name(name), Some(conversation)) if name.source == HABITS.source => {
                Some(format!(
                    "The names that {} asks its neighbours for",
                    conversation.client.ip
                ))
            }
            _ => None,
        }),
        remedy: "Turn LLMNR off by policy on all computers; DNS does its work.",
        standard: "RFC 4795 section 5; RFC 6973",
        explain: "Whoever is on the link hears the names of the servers, printers and proxies that a computer looks \
                  for, and can answer in their place: what follows is often a login sent to the wrong computer.",
    }],
};

const PORT: u16 = 5355;

static HABITS: Habits = Habits {
    source: "llmnr",
    owners: false,
    zone_transfer: None,
};

fn probe(sample: &Sample<'_>) -> Probe {
    if !sample.has_port(PORT) {
        return Probe::No;
    }
    let bytes = match sample.over {
        Over::Datagram => sample.first(),
        Over::Stream => match framed(sample.first()) {
            Framed::Whole(message) => message,
            Framed::Part(_) => return Probe::More,
            Framed::No => return Probe::No,
        },
    };
    match whole(bytes) {
        Some((header, Some(_))) if header.opcode() == 0 && header.questions == 1 => {
            let from_client = !sample.client.is_empty();
            if header.is_response() == from_client {
                Probe::Reversed
            } else {
                Probe::Sure
            }
        }
        _ => {
            let readable = Message::new(bytes).is_ok_and(|mut message| {
                message.header.questions > 0
                    && message.question().is_ok_and(|question| question.is_usual())
            });
            if readable {
                Probe::Likely(60)
            } else {
                Probe::No
            }
        }
    }
}

struct Llmnr(Listener);

impl Analyzer for Llmnr {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        self.0.hear(side, chunk, notes)
    }

    fn held(&self) -> usize {
        self.0.held()
    }
}

#[cfg(test)]
mod tests;
