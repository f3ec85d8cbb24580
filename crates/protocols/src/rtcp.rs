//! The RTP Control Protocol (RFC 3550 section 6): who takes part in a call, and how well it is heard.
//!
//! A compound packet is recognised by the rules of RFC 3550 appendix A.2; what follows the first eight
//! bytes of SRTCP (RFC 3711 section 3.4) is sealed.

use overheard_ledger::{Body, Exposure, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::rtcp_reports::{Kind, Reports, kind};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtcp",
    title: "RTP Control Protocol",
    over: &[Over::Datagram],
    ports: &[],
    standard: "RFC 3550",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Rtcp::default()),
    rules: &[
        Rule {
            id: "rtcp-cname",
            title: "Call reports name their sender",
            severity: Severity::Info,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Name(name) if name.source == "rtcp-cname" => Some(format!(
                    "The name {}, under which somebody takes part in calls",
                    name.name
                )),
                _ => None,
            }),
            remedy: "Seal the reports together with the voice (SRTCP), and let the telephones choose a new random name for every call.",
            standard: "RFC 3711; RFC 7022",
            explain: "Beside the voice, telephones send reports that carry a canonical name. Where it is made of a user's \
                  or a computer's name, or stays the same from call to call, it tells who takes part even if the voice is sealed.",
        },
        Rule {
            id: "rtcp-description",
            title: "Call reports describe their sender",
            severity: Severity::Info,
            exposure: Exposure::Open,
            when: When::Observed,
            remedy: "Seal the reports together with the voice (SRTCP), and leave name, address, number and place out of what the \
                 telephones send about themselves.",
            standard: "RFC 3711; RFC 3550 section 14",
            explain: "Beside the voice, some programs send who is speaking: a name, an e-mail address, a telephone number, a place \
                  or a note. It passes in clear, and it says which of the streams of a call is whose.",
        },
    ],
};

fn probe(sample: &Sample<'_>) -> Probe {
    match kind(sample.first()) {
        Ok(Kind::Clear(1)) => Probe::Likely(70),
        Ok(Kind::Clear(_)) => Probe::Sure,
        Ok(Kind::Sealed) => Probe::Likely(20),
        Err(_) => Probe::No,
    }
}

#[derive(Default)]
struct Rtcp {
    reports: Reports,
}

impl Analyzer for Rtcp {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        match self.reports.hear(bytes, notes) {
            Ok(()) => Step::Took(bytes.len()),
            Err(cut) => Step::NotMine(cut),
        }
    }
}

#[cfg(test)]
mod tests;
