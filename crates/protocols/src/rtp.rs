//! The Real-time Transport Protocol (RFC 3550): voice and video.
//!
//! RTP has no magic number, and the signalling that announces it is another conversation. So the
//! analyzer begins on weak evidence and counts: [`RtpStreams`] tells a real stream (sequence numbers that
//! rise by one, time stamps that rise with the clock of a codec, one payload type) from other datagrams
//! that happen to begin alike. What only looks like RTP is written down as tentative.

use overheard_ledger::{Body, Exposure, Media, Rule, Severity, When};
use overheard_tap::{
    Account, Analyzer, Chunk, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::rtp_header::header;
use crate::shared::rtp_streams::{Heard, Path, RtpStreams};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtp",
    title: "Real-time Transport Protocol",
    over: &[Over::Datagram],
    ports: &[],
    standard: "RFC 3550",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Rtp::default()),
    rules: &[
        Rule {
            id: "rtp-voice",
            title: "A call whose words can be heard",
            severity: Severity::Critical,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Media(media) if media.protection == "none" => {
                    Some(format!("What is {}", between(media)))
                }
                _ => None,
            }),
            remedy: "Switch on SRTP in the telephones and in the exchange, with keys from DTLS-SRTP, and refuse calls without it.",
            standard: "RFC 3711; RFC 5763",
            explain: "The sound of the call passes unsealed: whoever copies the packets can play it back with a program \
                      that costs nothing, years later if need be.",
        },
        Rule {
            id: "rtp-sdes-in-clear",
            title: "A sealed call whose key went by in clear",
            severity: Severity::Critical,
            exposure: Exposure::Open,
            when: When::Record(|seen| match &seen.record.body {
                Body::Media(media) if media.protection == "sdes-in-clear" => Some(format!(
                    "What is {}, with the key that was sent in clear to set the call up",
                    between(media)
                )),
                _ => None,
            }),
            remedy: "Carry SIP over TLS between the telephones and the exchange, or use DTLS-SRTP, whose key is never sent.",
            standard: "RFC 4568",
            explain: "The sound is sealed with SRTP, but the key stood in the session description that set the call up, \
                      and that passed in clear. Who has both can listen as if nothing were sealed.",
        },
    ],
};

/// `said between 192.0.2.1 and 192.0.2.2`: the same for both directions of a call.
fn between(media: &Media) -> String {
    let (one, other) = (media.source.ip, media.destination.ip);
    let video = [
        "AV1",
        "CelB",
        "H261",
        "H263",
        "H263-1998",
        "H264",
        "H265",
        "JPEG",
        "MP2T",
        "MPV",
        "VP8",
        "VP9",
        "nv",
    ];
    let shown = media
        .codec
        .as_deref()
        .is_some_and(|codec| video.contains(&codec));
    format!(
        "{} between {} and {}",
        if shown { "shown" } else { "said" },
        one.min(other),
        one.max(other)
    )
}

fn probe(sample: &Sample<'_>) -> Probe {
    // Media never go to the ports of the system's services, except to pass a firewall.
    let served = |port: u16| port < 1024 && port != 443;
    if served(sample.client_port) || served(sample.server_port) {
        return Probe::No;
    }
    match header(sample.first()).map(|header| header.weight()) {
        Ok(weight @ 1..) => Probe::Likely(weight),
        _ => Probe::No,
    }
}

#[derive(Default)]
struct Rtp {
    streams: RtpStreams,
    ended: bool,
}

impl Analyzer for Rtp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.datagram(side, bytes, notes),
            Chunk::Gap(_) => Step::NotMine(Cut::wrong("rtp", 0)),
            Chunk::End => {
                if std::mem::replace(&mut self.ended, true) {
                    self.streams.finish(notes);
                    self.expose(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        self.streams.held()
    }
}

impl Rtp {
    fn datagram(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        match self.streams.hear(Path::of(side, notes), bytes, notes) {
            Ok(Heard::Goes) => {}
            Ok(Heard::Begins { proves }) => {
                if !proves {
                    notes.account(Account::Unrecognised, bytes.len());
                }
                self.expose(notes);
            }
            Err(cut) => return Step::NotMine(cut),
        }
        Step::Took(bytes.len())
    }

    /// Says what a tap gets of the streams that were written down.
    fn expose(&self, notes: &mut Notes<'_>) {
        if let Some(exposure) = self.streams.exposure() {
            notes.expose(exposure);
        }
    }
}

#[cfg(test)]
mod tests;
