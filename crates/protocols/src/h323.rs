//! H.323: telephones and rooms for meetings set calls up with the messages of the old digital network (ITU-T Q.931), with names and
//! addresses packed into them (H.225.0), each in a packet of RFC 1006.
//!
//! Where voice goes is told in the set-up itself (fast start), in messages of H.245 that it carries, or in a
//! conversation of H.245 of its own, which is recognised here too.

mod user;

use overheard_ledger::{CallState, Exposure, Rule};
use overheard_tap::{
    Account, Analyzer, Chunk, Cursor, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::call_book::{CallBook, call_rules, expect, party, shortened};

use user::{Codec, Told};

#[cfg(test)]
mod tests;

/// Bytes before each message (RFC 1006 section 6).
const TPKT: usize = 4;
/// The longest message that is believed, in bytes.
const MAX_MESSAGE: usize = 16 * 1024;
/// The most information elements of a message that are looked at.
const MAX_ELEMENTS: usize = 64;

/// The protocol discriminator of Q.931.
const Q931: u8 = 0x08;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "h323",
    title: "H.323 call signalling",
    over: &[Over::Stream],
    ports: &[1720],
    standard: "ITU-T H.225.0",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(H323::default()),
    rules: &RULES,
};

static RULES: [Rule; 2] = call_rules!(
    "h323",
    "H.323",
    "Switch on H.235 with TLS for the signalling and encryption for the media, or replace H.323 by SIP over TLS with SRTP.",
    "ITU-T H.235.0"
);

/// Types of messages (Q.931 table 4-2).
mod kind {
    pub(super) const ALERTING: u8 = 0x01;
    pub(super) const CALL_PROCEEDING: u8 = 0x02;
    pub(super) const PROGRESS: u8 = 0x03;
    pub(super) const SETUP: u8 = 0x05;
    pub(super) const CONNECT: u8 = 0x07;
    pub(super) const SETUP_ACKNOWLEDGE: u8 = 0x0d;
    pub(super) const CONNECT_ACKNOWLEDGE: u8 = 0x0f;
    pub(super) const DISCONNECT: u8 = 0x45;
    pub(super) const RELEASE: u8 = 0x4d;
    pub(super) const RELEASE_COMPLETE: u8 = 0x5a;
    pub(super) const FACILITY: u8 = 0x62;
    pub(super) const NOTIFY: u8 = 0x6e;
    pub(super) const STATUS_ENQUIRY: u8 = 0x75;
    pub(super) const INFORMATION: u8 = 0x7b;
    pub(super) const STATUS: u8 = 0x7d;
}

/// The name of a message's type; `None` where it has none.
fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        kind::ALERTING => "ALERTING",
        kind::CALL_PROCEEDING => "CALL PROCEEDING",
        kind::PROGRESS => "PROGRESS",
        kind::SETUP => "SETUP",
        kind::CONNECT => "CONNECT",
        kind::SETUP_ACKNOWLEDGE => "SETUP ACKNOWLEDGE",
        kind::CONNECT_ACKNOWLEDGE => "CONNECT ACKNOWLEDGE",
        kind::DISCONNECT => "DISCONNECT",
        kind::RELEASE => "RELEASE",
        kind::RELEASE_COMPLETE => "RELEASE COMPLETE",
        kind::FACILITY => "FACILITY",
        kind::NOTIFY => "NOTIFY",
        kind::STATUS_ENQUIRY => "STATUS ENQUIRY",
        kind::INFORMATION => "INFORMATION",
        kind::STATUS => "STATUS",
        _ => return None,
    })
}

/// The usual name of a cause (ITU-T Q.850 table 1).
fn cause(code: u8) -> String {
    let name = match code {
        1 => "Unallocated number",
        3 => "No route to destination",
        16 => "Normal call clearing",
        17 => "User busy",
        18 => "No user responding",
        19 => "No answer from user",
        21 => "Call rejected",
        27 => "Destination out of order",
        28 => "Invalid number format",
        34 => "No circuit available",
        41 => "Temporary failure",
        _ => "",
    };
    format!("{code} {name}").trim_end().to_owned()
}

/// A packet at the beginning of the bytes: what is in it.
fn packet(bytes: &[u8]) -> Result<&[u8], Cut> {
    let mut cursor = Cursor::new("h323", bytes);
    let wrong = cursor.wrong();
    let version = cursor.u8()?;
    let reserved = cursor.u8()?;
    let length = usize::from(cursor.u16()?);
    if (version, reserved) != (3, 0) || !(TPKT..=MAX_MESSAGE).contains(&length) {
        return Err(wrong);
    }
    cursor.take(length - TPKT)
}

/// A message of Q.931: call reference without its flag, type and elements.
struct Message<'a> {
    reference: u32,
    kind: u8,
    /// Whether the elements fill the message.
    whole: bool,
    elements: Vec<(u8, &'a [u8])>,
}

/// Elements of Q.931 (section 4.5) and of H.225.0 (section 7.2).
mod element {
    pub(super) const CAUSE: u8 = 0x08;
    pub(super) const DISPLAY: u8 = 0x28;
    pub(super) const KEYPAD: u8 = 0x2c;
    pub(super) const CALLING: u8 = 0x6c;
    pub(super) const CALLED: u8 = 0x70;
    pub(super) const REDIRECTING: u8 = 0x74;
    pub(super) const USER_USER: u8 = 0x7e;
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8]) -> Option<Message<'a>> {
        let mut cursor = Cursor::new("q931", bytes);
        (cursor.u8().ok()? == Q931).then_some(())?;
        let length = usize::from(cursor.u8().ok()?);
        let reference = cursor
            .take(Some(length).filter(|length| *length <= 2)?)
            .ok()?;
        let reference = reference
            .iter()
            .enumerate()
            // The first bit says which side had made the number.
            .map(|(at, &byte)| if at == 0 { byte & 0x7f } else { byte })
            .fold(0, |sum, byte| sum << 8 | u32::from(byte));
        let kind = cursor.u8().ok()?;
        name(kind)?;
        let mut elements = Vec::new();
        let whole = loop {
            if cursor.is_empty() || elements.len() >= MAX_ELEMENTS {
                break cursor.is_empty();
            }
            let Some(element) = next_element(&mut cursor) else {
                break false;
            };
            elements.extend(element);
        };
        Some(Message {
            reference,
            kind,
            whole,
            elements,
        })
    }

    fn get(&self, name: u8) -> Option<&'a [u8]> {
        self.elements
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// The digits of a number, behind the octets that say of what kind it is: the last of these has its highest bit set.
    fn number(&self, name: u8) -> Option<String> {
        let value = self.get(name)?;
        let last = value.iter().take(3).position(|byte| byte & 0x80 != 0)?;
        party(&String::from_utf8_lossy(value.get(last + 1..)?))
    }

    fn cause(&self) -> Option<u8> {
        let value = self.get(element::CAUSE)?;
        let last = value.iter().take(2).position(|byte| byte & 0x80 != 0)?;
        value.get(last + 1).map(|byte| byte & 0x7f)
    }
}

/// An element; `Some(None)` for those of a single octet.
fn next_element<'a>(cursor: &mut Cursor<'a>) -> Option<Option<(u8, &'a [u8])>> {
    let name = cursor.u8().ok()?;
    if name & 0x80 != 0 {
        return Some(None);
    }
    let length = match name {
        element::USER_USER => usize::from(cursor.u16().ok()?),
        _ => usize::from(cursor.u8().ok()?),
    };
    Some(Some((name, cursor.take(length).ok()?)))
}

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    match *bytes {
        [] | [3] | [3, 0] | [3, 0, _] | [3, 0, _, _] => {}
        [3, 0, _, _, Q931] | [3, 0, _, _, Q931, 2, ..] => {}
        // The first message of H.245.
        [3, 0, _, _, 2, ..] => {}
        _ => return Probe::No,
    }
    if packet(bytes).is_ok_and(user::is_control) {
        return Probe::Sure;
    }
    match packet(bytes).map(Message::read) {
        // A call reference of zero is about no call.
        Ok(Some(message)) if message.whole && message.kind == kind::SETUP => Probe::Sure,
        Ok(Some(message)) if message.whole => Probe::Likely(70),
        Err(cut) if cut.needed > cut.had && !sample.whole => Probe::More,
        _ => Probe::No,
    }
}

struct H323 {
    book: CallBook,
    /// The call of each reference, while it goes on.
    calls: Vec<(u32, String)>,
    begun: u32,
    /// Whether this is a conversation of H.245.
    control: bool,
    /// Channels that a side opened, by number, until the other side has agreed.
    channels: Vec<(Side, u16, Codec)>,
    announced: usize,
    ended: bool,
}

/// The most calls of one conversation that go on at once.
const MAX_CALLS_AT_ONCE: usize = 128;
/// The most channels for media that one conversation opens at once, and the most addresses that one of H.245 announces.
const MAX_CHANNELS: usize = 64;
const MAX_ANNOUNCED: usize = 256;

impl Default for H323 {
    fn default() -> H323 {
        H323 {
            book: CallBook::new(PROTOCOL.name),
            calls: Vec::new(),
            begun: 0,
            control: false,
            channels: Vec::new(),
            announced: 0,
            ended: false,
        }
    }
}

impl Analyzer for H323 {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => match packet(bytes) {
                Ok(inside) => {
                    self.control |= user::is_control(inside);
                    match Message::read(inside) {
                        Some(message) => self.message(side, &message, notes),
                        None if self.control => self.control(side, inside, notes),
                        None => notes.account(Account::Malformed, inside.len()),
                    }
                    Step::Took(TPKT + inside.len())
                }
                Err(cut) if cut.needed > cut.had => Step::Need(bytes.len() + cut.needed - cut.had),
                Err(cut) => Step::NotMine(cut),
            },
            // Packets have no mark by which to find the next one.
            Chunk::Gap(_) => Step::NotMine(Cut::wrong("h323", 0)),
            Chunk::End => {
                if std::mem::replace(&mut self.ended, true) {
                    self.book.finish(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        self.book.held() + self.calls.len() * 64
    }
}

impl H323 {
    /// A message of a conversation of H.245: it does not name its call, which `join` knows by where it listens.
    fn control(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) {
        let mut told = Told::default();
        let _ = user::control(bytes, &mut told);
        self.complete(side, &mut told);
        for (endpoint, codec) in told.media {
            if endpoint.port != 0 && self.announced < MAX_ANNOUNCED {
                self.announced += 1;
                expect(endpoint, codec, Some("none"), None, notes);
            }
        }
    }

    /// Who agrees to a channel does not say again what will pass in it.
    fn complete(&mut self, side: Side, told: &mut Told) {
        for &(number, codec) in &told.opened {
            if self.channels.len() >= MAX_CHANNELS {
                self.channels.remove(0);
            }
            self.channels.push((side, number, codec));
        }
        let agreed =
            self.channels.iter().rev().find(|(opened, number, _)| {
                *opened == side.other() && Some(*number) == told.agreed
            });
        if let Some(&(_, _, agreed)) = agreed {
            for (_, codec) in &mut told.media {
                *codec = codec.or(agreed);
            }
        }
    }

    fn message(&mut self, side: Side, message: &Message<'_>, notes: &mut Notes<'_>) {
        let mut told = message
            .get(element::USER_USER)
            // 5: what follows is ASN.1 (Q.931 table 4-26).
            .and_then(|value| value.strip_prefix(&[5]))
            .map(user::read)
            .unwrap_or_default();
        self.complete(side, &mut told);
        let known = self
            .calls
            .iter()
            .position(|(reference, _)| *reference == message.reference);
        if message.kind == kind::SETUP && known.is_none() {
            self.begun = self.begun.wrapping_add(1);
            let own = format!(
                "{}@{}/{}",
                message.reference,
                notes.endpoint(side),
                self.begun
            );
            let id = told.call.clone().unwrap_or(own);
            if self.calls.len() >= MAX_CALLS_AT_ONCE {
                self.calls.remove(0);
            }
            self.calls.push((message.reference, id));
        }
        let Some((at, id)) = self
            .calls
            .iter()
            .enumerate()
            .find(|(_, (reference, _))| *reference == message.reference)
            .map(|(at, (_, id))| (at, id.clone()))
        else {
            return;
        };
        let followed = match message.kind {
            kind::SETUP => self.book.begin(&id, notes),
            _ => match self.book.get(&id) {
                Some(followed) => followed,
                None => return,
            },
        };
        followed.step(side, name(message.kind).unwrap_or_default(), notes);
        match message.kind {
            kind::SETUP => {
                let display = message
                    .get(element::DISPLAY)
                    .and_then(|text| party(&String::from_utf8_lossy(text)));
                let named = |names: &[String]| names.first().and_then(|name| party(name));
                followed.from(
                    message
                        .number(element::CALLING)
                        .or_else(|| named(&told.from))
                        .or(display),
                );
                let address = told.to_address.map(|address| address.ip.to_string());
                followed.to(message
                    .number(element::CALLED)
                    .or_else(|| named(&told.to))
                    .or(address));
                followed.call.diverted_from = message.number(element::REDIRECTING);
            }
            kind::ALERTING => followed.ringing(notes),
            kind::CONNECT => followed.answered(notes),
            kind::INFORMATION => {
                let keys = message.get(element::KEYPAD).unwrap_or_default();
                for key in keys.iter().map(|&key| char::from(key)) {
                    if !key.is_ascii_digit() && !matches!(key, '*' | '#') {
                        continue;
                    }
                    match followed.call.state {
                        CallState::Answered => followed.digit(key),
                        // Digits of the number, one after the other.
                        CallState::Attempted => {
                            let dialled = followed.call.to.take().unwrap_or_default();
                            let dialled = dialled.trim_start_matches("tel:");
                            followed.call.to = party(&shortened(&format!("{dialled}{key}")));
                        }
                        _ => {}
                    }
                }
            }
            kind::DISCONNECT | kind::RELEASE | kind::RELEASE_COMPLETE => {
                // 16 is that somebody laid down.
                let reason = message.cause().filter(|&code| code != 16).map(cause);
                followed.ended(reason, notes);
                if message.kind == kind::RELEASE_COMPLETE {
                    self.calls.remove(at);
                }
            }
            _ => {}
        }
        if let Some(followed) = self.book.get(&id) {
            for (endpoint, codec) in told.media {
                followed.expect(endpoint, codec, Some("none"), notes);
            }
            if let Some(endpoint) = told.control {
                followed.expect_control(endpoint, notes);
            }
        }
    }
}
