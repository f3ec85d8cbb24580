//! DNS (RFC 1035), over datagrams and over streams (RFC 7766), with EDNS (RFC 6891), NOTIFY (RFC 1996)
//! and dynamic update (RFC 2136).
//!
//! Names asked for are readable; answers explain addresses to `join`.

use overheard_ledger::{Body, Exposure, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::dns_listener::{Framed, Habits, Listener, framed};
use crate::shared::dns_message::{HEADER, Header, Message, whole};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dns",
    title: "Domain Name System",
    over: &[Over::Datagram, Over::Stream],
    ports: &[PORT],
    standard: "RFC 1035",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Dns(Listener::new(&HABITS))),
    rules: &[
        Rule {
            id: "dns-names",
            title: "Names looked up in clear",
            severity: Severity::Info,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Name(name) if name.source == HABITS.source => Some(format!(
                    "The names that are looked up through {}",
                    seen.server()
                )),
                _ => None,
            }),
            remedy: "Let clients and the resolver talk DNS over TLS or HTTPS, on the clients' side and the resolver's.",
            standard: "RFC 7858; RFC 8484; RFC 9076",
            explain: "Every name that is looked up tells whom its owner is about to talk to, before a word is said.",
        },
        Rule {
            id: ZONE_TRANSFER,
            title: "A whole zone copied in clear",
            severity: Severity::High,
            exposure: Exposure::Open,
            when: When::Observed,
            remedy: "Let the name servers transfer zones over TLS, and let the primary refuse transfers to anybody else.",
            standard: "RFC 9103",
            explain: "A zone transfer lists every name of a domain with its addresses: a map of the network, internal names included.",
        },
    ],
};

const PORT: u16 = 53;
/// mDNS, LLMNR and the NetBIOS name service speak nearly the same format; on their ports it is theirs.
const SISTERS: [u16; 3] = [5353, 5355, 137];
/// Of those, the one that also uses streams.
const STREAM_SISTERS: [u16; 1] = [5355];
const ZONE_TRANSFER: &str = "dns-zone-transfer";
/// Questions in a message that is not whole, at most, for its port to be believed.
const MAX_PLAUSIBLE_QUESTIONS: u16 = 8;

static HABITS: Habits = Habits {
    source: "dns-query",
    owners: false,
    zone_transfer: Some(ZONE_TRANSFER),
};

fn probe(sample: &Sample<'_>) -> Probe {
    let usual_port = sample.has_port(PORT);
    let sisters = match sample.over {
        Over::Datagram => &SISTERS[..],
        Over::Stream => &STREAM_SISTERS[..],
    };
    if !usual_port && sisters.iter().any(|&port| sample.has_port(port)) {
        return Probe::No;
    }
    let first = sample.first();
    let message = match sample.over {
        Over::Datagram => first,
        Over::Stream => match framed(first) {
            Framed::Whole(message) => message,
            Framed::Part(part) => return partial(part, usual_port),
            Framed::No => return Probe::No,
        },
    };
    match whole(message) {
        Some((header, Some(question)))
            if header.is_usual()
                && (usual_port || (question.name.is_printable() && !question.name.is_root())) =>
        {
            certain(sample, header)
        }
        Some(_) if usual_port => Probe::Likely(70),
        _ if usual_port => plausible(message),
        _ => Probe::No,
    }
}

/// What is to be thought of the beginning of a message.
fn partial(part: &[u8], usual_port: bool) -> Probe {
    match Message::new(part) {
        Ok(message) if !usual_port && !message.header.is_usual() => Probe::No,
        Ok(_) if usual_port && plausible(part) != Probe::No => Probe::Likely(60),
        _ => Probe::More,
    }
}

fn certain(sample: &Sample<'_>, header: Header) -> Probe {
    let from_client = !sample.client.is_empty();
    if header.is_response() == from_client {
        Probe::Reversed
    } else {
        Probe::Sure
    }
}

/// What is to be thought of a message on the usual port that is cut, or contradicts itself further on.
fn plausible(bytes: &[u8]) -> Probe {
    let Ok(mut message) = Message::new(bytes) else {
        return Probe::No;
    };
    let header = message.header;
    if header.opcode() > 6 || header.questions > MAX_PLAUSIBLE_QUESTIONS {
        return Probe::No;
    }
    if header.questions == 0 && header.records() == 0 {
        // A server that could not read the question answers with the header alone.
        return if header.is_response() && bytes.len() == HEADER {
            Probe::Likely(40)
        } else {
            Probe::No
        };
    }
    let usual = match header.questions {
        0 => message
            .record()
            .is_ok_and(|record| matches!(record.class, 1 | 3 | 4 | 254 | 255)),
        _ => message.question().is_ok_and(|question| {
            question.is_usual()
                || (header.is_usual() && question.name.is_printable() && !question.name.is_root())
        }),
    };
    if usual { Probe::Likely(60) } else { Probe::No }
}

struct Dns(Listener);

impl Analyzer for Dns {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        self.0.hear(side, chunk, notes)
    }

    fn held(&self) -> usize {
        self.0.held()
    }
}

#[cfg(test)]
mod tests;
