//! The packets of RTCP (RFC 3550 section 6): their rules, and what they give away of who takes part.

use std::collections::BTreeSet;

use overheard_ledger::Name;
use overheard_tap::{Account, Cursor, Cut, Notes};

/// The most names of one conversation that are written down.
const MAX_NAMES: usize = 64;

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A compound packet of so many packets.
    Clear(usize),
    /// The first header fits, and what follows looks like SRTCP.
    Sealed,
}

/// The item of a source description that names its sender.
const CANONICAL_NAME: u8 = 1;

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
pub(crate) fn kind(bytes: &[u8]) -> Result<Kind, Cut> {
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

/// Hears the reports of a conversation.
#[derive(Default)]
pub(crate) struct Reports {
    /// What was written down: the item's type and its text.
    told: BTreeSet<(u8, String)>,
}

impl Reports {
    /// Hears a compound packet; what is sealed of it is booked so.
    ///
    /// # Errors
    /// Where it is not RTCP.
    pub(crate) fn hear(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Result<(), Cut> {
        match kind(bytes)? {
            Kind::Clear(_) => {
                let mut cursor = Cursor::new("rtcp", bytes);
                while let Ok(packet) = packet(&mut cursor) {
                    if packet.kind == SOURCE_DESCRIPTION {
                        // A description that breaks off has said what it said before.
                        let _ = self.descriptions(packet, notes);
                    }
                }
            }
            Kind::Sealed => notes.account(Account::Sealed, bytes.len().saturating_sub(8)),
        }
        Ok(())
    }

    /// The chunks of a source description (RFC 3550 section 6.5).
    fn descriptions(&mut self, packet: Packet<'_>, notes: &mut Notes<'_>) -> Result<(), Cut> {
        let mut body = packet.body;
        for _ in 0..packet.count {
            let start = body.position();
            let source = body.u32()?;
            loop {
                let item = body.u8()?;
                if item == 0 {
                    break;
                }
                let mut text = body.vector8("rtcp item")?;
                self.item(item, source, text.rest(), notes);
            }
            // The list of items is filled up to a whole word.
            let used = body.position() - start;
            body.skip(used.next_multiple_of(4) - used)?;
        }
        Ok(())
    }

    /// An item of a source (RFC 3550 sections 6.5.1 to 6.5.7).
    fn item(&mut self, item: u8, source: u32, bytes: &[u8], notes: &mut Notes<'_>) {
        let what = match item {
            CANONICAL_NAME => "",
            2 => "is called",
            3 => "has the address",
            4 => "has the number",
            5 => "is at",
            7 => "says",
            _ => return,
        };
        let text = match item {
            CANONICAL_NAME => canonical_name(bytes),
            _ => shown(bytes),
        };
        let told = (item, text);
        if told.1.is_empty() || self.told.len() >= MAX_NAMES || self.told.contains(&told) {
            return;
        }
        if item == CANONICAL_NAME {
            notes.add(Name {
                source: "rtcp-cname".to_owned(),
                name: told.1.clone(),
            });
        } else {
            let learns = format!("That who sends the stream {source:#010x} {what} {}", told.1);
            notes.observe("rtcp-description", learns);
        }
        self.told.insert(told);
    }
}

/// A canonical name as it is written down: what is not printable is shown by its number.
fn canonical_name(bytes: &[u8]) -> String {
    let mut name = String::new();
    for &byte in before_zero(bytes.trim_ascii()) {
        match byte {
            b'!'..=b'~' => name.push(char::from(byte.to_ascii_lowercase())),
            other => name.push_str(&format!("\\{other:03}")),
        }
    }
    name
}

/// A text in UTF-8, without what would move a terminal's cursor.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(before_zero(bytes));
    let text: String = text.chars().filter(|char| !char.is_control()).collect();
    text.trim().to_owned()
}

fn before_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}
