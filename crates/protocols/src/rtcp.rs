//! The RTP Control Protocol (RFC 3550 section 6): who takes part in a call, and how well it is heard.
//!
//! A compound packet is recognised by the rules of RFC 3550 appendix A.2; what follows the first eight
//! bytes of SRTCP (RFC 3711 section 3.4) is sealed.

use std::collections::BTreeSet;

use overheard_ledger::{Body, Exposure, Name, Rule, Severity, When};
use overheard_tap::{
    Account, Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

/// The most canonical names of one conversation that are written down.
const MAX_NAMES: usize = 64;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtcp",
    title: "RTP Control Protocol",
    over: &[Over::Datagram],
    ports: &[],
    standard: "RFC 3550",
    exposure: Exposure::Open,
    probe,
    begin: |_| {
        Box::new(Rtcp {
            names: BTreeSet::new(),
        })
    },
    rules: &[Rule {
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
    }],
};

/// What the datagram is.
enum Kind {
    /// A compound packet of so many packets.
    Clear(usize),
    /// The first header fits, and what follows looks like SRTCP.
    Sealed,
}

fn probe(sample: &Sample<'_>) -> Probe {
    match kind(sample.first()) {
        Ok(Kind::Clear(1)) => Probe::Likely(70),
        Ok(Kind::Clear(_)) => Probe::Sure,
        Ok(Kind::Sealed) => Probe::Likely(20),
        Err(_) => Probe::No,
    }
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;

/// One packet of a compound: its count field, its type, and what follows its header.
struct Packet<'a> {
    count: u8,
    kind: u8,
    padded: bool,
    body: Cursor<'a>,
}

fn packet<'a>(cursor: &mut Cursor<'a>) -> Result<Packet<'a>, Cut> {
    let wrong = cursor.wrong();
    let first = cursor.u8()?;
    let kind = cursor.u8()?;
    let words = cursor.u16()?;
    if first >> 6 != 2 || !(192..=223).contains(&kind) {
        return Err(wrong);
    }
    let body = cursor.sub("rtcp packet", usize::from(words) * 4)?;
    Ok(Packet {
        count: first & 0x1f,
        kind,
        padded: first & 0x20 != 0,
        body,
    })
}

/// Whether the packet has the room that its count asks for.
fn has_room(packet: &Packet<'_>) -> bool {
    let count = usize::from(packet.count);
    let least = match packet.kind {
        SENDER_REPORT => 24 + 24 * count,
        RECEIVER_REPORT => 4 + 24 * count,
        // A chunk is a source and at least one word of items.
        SOURCE_DESCRIPTION => 8 * count,
        GOODBYE => 4 * count,
        TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => 8,
        _ => 4,
    };
    packet.body.remaining() >= least
}

/// Validity of a compound packet (RFC 3550 appendix A.2; RFC 5506 for those that begin with feedback).
fn kind(bytes: &[u8]) -> Result<Kind, Cut> {
    let mut cursor = Cursor::new("rtcp", bytes);
    let first = packet(&mut cursor)?;
    let begins = matches!(
        first.kind,
        SENDER_REPORT | RECEIVER_REPORT | TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK | EXTENDED_REPORT
    );
    if !begins || !has_room(&first) || (first.padded && !cursor.is_empty()) {
        return Err(Cut::wrong("rtcp", 0));
    }
    let mut packets = 1;
    let after_first = cursor.remaining();
    while !cursor.is_empty() {
        match packet(&mut cursor) {
            Ok(next) if has_room(&next) && (!next.padded || cursor.is_empty()) => packets += 1,
            _ if is_srtcp(bytes, after_first) => return Ok(Kind::Sealed),
            _ => return Err(cursor.wrong()),
        }
    }
    Ok(Kind::Clear(packets))
}

/// Whether the end of the datagram can be that of SRTCP: the flag E and a small index, before a tag of
/// 4 or 10 bytes (RFC 3711 section 3.4) or at the very end (RFC 7714 section 9.2).
fn is_srtcp(bytes: &[u8], after_first: usize) -> bool {
    [4usize, 10, 0].iter().any(|tag| {
        let trailer = bytes
            .len()
            .checked_sub(4 + tag)
            .and_then(|at| bytes.get(at..))
            .and_then(|end| end.first_chunk());
        let index = trailer.map_or(0, |index| u32::from_be_bytes(*index));
        after_first >= 4 + tag && index & 0x8000_0000 != 0 && index & 0x7fff_0000 == 0
    })
}

struct Rtcp {
    /// Canonical names that were written down.
    names: BTreeSet<String>,
}

impl Analyzer for Rtcp {
    fn hear(&mut self, _side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        match kind(bytes) {
            Ok(Kind::Clear(_)) => {
                let mut cursor = Cursor::new("rtcp", bytes);
                while let Ok(packet) = packet(&mut cursor) {
                    if packet.kind == SOURCE_DESCRIPTION {
                        // A description that breaks off has said what it said before.
                        let _ = self.descriptions(packet, notes);
                    }
                }
                Step::Took(bytes.len())
            }
            Ok(Kind::Sealed) => {
                notes.account(Account::Sealed, bytes.len().saturating_sub(8));
                Step::Took(bytes.len())
            }
            Err(cut) => Step::NotMine(cut),
        }
    }
}

impl Rtcp {
    /// The chunks of a source description (RFC 3550 section 6.5).
    fn descriptions(&mut self, packet: Packet<'_>, notes: &mut Notes<'_>) -> Result<(), Cut> {
        let mut body = packet.body;
        for _ in 0..packet.count {
            let start = body.position();
            body.skip(4)?;
            loop {
                let item = body.u8()?;
                if item == 0 {
                    break;
                }
                let mut text = body.vector8("rtcp item")?;
                if item == 1 {
                    self.canonical_name(text.rest(), notes);
                }
            }
            // The list of items is filled up to a whole word.
            let used = body.position() - start;
            body.skip(used.next_multiple_of(4) - used)?;
        }
        Ok(())
    }

    fn canonical_name(&mut self, bytes: &[u8], notes: &mut Notes<'_>) {
        let mut name = String::new();
        for &byte in bytes
            .trim_ascii()
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default()
        {
            match byte {
                b'!'..=b'~' => name.push(char::from(byte.to_ascii_lowercase())),
                other => name.push_str(&format!("\\{other:03}")),
            }
        }
        if !name.is_empty() && self.names.len() < MAX_NAMES && self.names.insert(name.clone()) {
            notes.add(Name {
                source: "rtcp-cname".to_owned(),
                name,
            });
        }
    }
}

#[cfg(test)]
mod tests;
