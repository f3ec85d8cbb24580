//! The Real-time Transport Protocol (RFC 3550): voice and video.
//!
//! RTP has no magic number, and the signalling that announces it is another conversation. So the
//! analyzer begins on weak evidence and counts: [`RtpStreams`] tells a real stream (sequence numbers that
//! rise by one, time stamps that rise with the clock of a codec, one payload type) from other datagrams
//! that happen to begin alike. What only looks like RTP is written down as tentative.

use overheard_ledger::{Body, Exposure, Media, Rule, Severity, When};
use overheard_tap::{
    Account, Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::rtcp_reports::Reports;
use crate::shared::rtp_header::header;
use crate::shared::rtp_streams::{Heard, Path, RtpStreams, shares_port};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtp",
    title: "Real-time Transport Protocol",
    over: &[Over::Datagram, Over::Stream],
    ports: &[],
    standard: "RFC 3550",
    exposure: Exposure::Open,
    probe,
    begin: |over| {
        Box::new(Rtp {
            over,
            streams: RtpStreams::default(),
            reports: Reports::default(),
            ended: false,
        })
    },
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
    if sample.over == Over::Stream {
        return match framed(sample.client, sample.whole) {
            Probe::No => framed(sample.server, sample.whole),
            found => found,
        };
    }
    match header(sample.first()).map(|header| header.weight()) {
        Ok(weight @ 1..) => Probe::Likely(weight),
        _ => Probe::No,
    }
}

/// The longest first packet of a stream that is waited for, in bytes.
const MAX_FIRST: usize = 2048;

/// The packet that a stream begins with behind its length (RFC 4571 section 2), and what follows it.
fn frame(bytes: &[u8]) -> Result<(&[u8], &[u8]), Cut> {
    let mut cursor = Cursor::new("rtp frame", bytes);
    let packet = cursor.vector16("rtp frame")?.rest();
    Ok((packet, cursor.rest()))
}

/// Whether a side of a stream begins with two packets of one source in a row, or with a check of ICE (RFC 6544).
fn framed(bytes: &[u8], whole: bool) -> Probe {
    let more = match whole {
        true => Probe::No,
        false => Probe::More,
    };
    let begins = match bytes.get(2) {
        Some(0..=3) => bytes.get(6..10).is_none_or(|cookie| cookie == COOKIE),
        Some(128..=191) => true,
        Some(_) => false,
        None if bytes.is_empty() => false,
        None => return more,
    };
    let length = bytes
        .first_chunk()
        .map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
    if !begins || !(12..=MAX_FIRST).contains(&length) {
        return Probe::No;
    }
    let Ok((first, rest)) = frame(bytes) else {
        return more;
    };
    if first.get(4..8) == Some(COOKIE) {
        let attributes = first.get(2..4).and_then(|size| size.first_chunk());
        let size = attributes.map_or(0, |size| usize::from(u16::from_be_bytes(*size)));
        return match first.len() == 20 + size {
            true => Probe::Likely(80),
            false => Probe::No,
        };
    }
    let Ok(one) = header(first) else {
        return Probe::No;
    };
    if one.weight() == 0 {
        return Probe::No;
    }
    let Ok((second, _)) = frame(rest) else {
        return more;
    };
    match header(second) {
        Ok(two) if two.ssrc == one.ssrc && two.sequence == one.sequence.wrapping_add(1) => {
            Probe::Likely(90)
        }
        _ => Probe::No,
    }
}

/// The magic cookie of STUN (RFC 8489 section 5).
const COOKIE: &[u8] = &[0x21, 0x12, 0xa4, 0x42];

struct Rtp {
    over: Over,
    streams: RtpStreams,
    /// What shares the stream, where packets are framed; datagrams of RTCP have an analyzer of their own.
    reports: Reports,
    ended: bool,
}

impl Analyzer for Rtp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) if self.over == Over::Stream => self.framed(side, bytes, notes),
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

    fn framed(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let packet = match frame(bytes) {
            Ok((packet, _)) => packet,
            Err(cut) => return Step::Need(cut.offset + cut.needed),
        };
        match packet {
            [] => {}
            [128..=191, 192..=223, ..] => {
                if self.reports.hear(packet, notes).is_err() {
                    notes.account(Account::Unrecognised, packet.len());
                }
            }
            // STUN, ZRTP or DTLS: the sealing of the media.
            _ if shares_port(packet) => {
                if matches!(packet, [20..=63, 0xfe, ..]) {
                    self.streams.seal("dtls-srtp");
                }
                notes.account(Account::Unrecognised, packet.len());
            }
            _ => match self.streams.hear(Path::of(side, notes), packet, notes) {
                Ok(Heard::Goes | Heard::Begins { proves: true }) => {}
                Ok(Heard::Begins { proves: false }) => {
                    notes.account(Account::Unrecognised, packet.len());
                }
                // The lengths do not lead from packet to packet: nothing can be understood any more.
                Err(cut) if packet.first().is_none_or(|byte| byte >> 6 != 2) => {
                    return Step::NotMine(cut);
                }
                Err(_) => notes.account(Account::Unrecognised, packet.len()),
            },
        }
        self.expose(notes);
        Step::Took(2 + packet.len())
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
