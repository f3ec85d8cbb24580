//! The Skinny Client Control Protocol (SCCP, Cisco): telephones that only show what their call manager tells them, and tell
//! it which keys are pressed. Nothing of it is published; the layouts are those that its free implementations agree on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use overheard_ledger::{Call, CallState, Endpoint, Exposure, Rule};
use overheard_tap::{
    Account, Analyzer, Chunk, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::call_book::{CallBook, Followed, MAX_DIGITS, call_rules, party};

#[cfg(test)]
mod tests;

/// Bytes of a head: length of what follows it, version, and the message identifier, which counts as what follows.
const HEAD: usize = 8;

/// The longest message that is believed, in bytes after the head.
const MAX_MESSAGE: usize = 4096;

/// The highest message identifier that is known, and the highest version of a head.
const MAX_IDENTIFIER: u32 = 0x015f;
const MAX_VERSION: u32 = 0x20;

/// The port of call managers.
const PORT: u16 = 2000;

/// The most channels for voice (parties to pass through) of one conversation that are kept in mind.
const MAX_CHANNELS: usize = 64;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "sccp",
    title: "Skinny Client Control Protocol",
    over: &[Over::Stream],
    ports: &[PORT],
    standard: "Cisco SCCP",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Skinny::default()),
    rules: &RULES,
};

static RULES: [Rule; 2] = call_rules!(
    "sccp",
    "Skinny (SCCP)",
    "Set the telephones and the call manager to encrypted mode (SCCP over TLS and SRTP), or replace SCCP by SIP over TLS.",
    "RFC 7258; RFC 3711"
);

/// The messages that tell of calls.
mod identifier {
    pub(super) const REGISTER: u32 = 0x0001;
    pub(super) const KEYPAD_BUTTON: u32 = 0x0003;
    pub(super) const ENBLOC_CALL: u32 = 0x0004;
    pub(super) const OFF_HOOK: u32 = 0x0006;
    pub(super) const ON_HOOK: u32 = 0x0007;
    pub(super) const OPEN_RECEIVE_CHANNEL_ACK: u32 = 0x0022;
    pub(super) const START_MEDIA_TRANSMISSION: u32 = 0x008a;
    pub(super) const CALL_INFO: u32 = 0x008f;
    pub(super) const OPEN_RECEIVE_CHANNEL: u32 = 0x0105;
    pub(super) const CALL_STATE: u32 = 0x0111;
    pub(super) const DIALED_NUMBER: u32 = 0x011d;
    pub(super) const CALL_INFO_V2: u32 = 0x014a;
}

/// Whether a call manager says a message of this identifier; telephones say those that are not listed.
fn is_of_server(identifier: u32) -> bool {
    matches!(identifier, 0x0081..=0x0151)
}

/// Reads little-endian numbers and texts from a message.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A text in a field of this size.
    fn text(&mut self, size: usize) -> Option<Option<String>> {
        self.take(size).map(text)
    }

    /// A text that a zero ends.
    fn next_text(&mut self) -> Option<Option<String>> {
        let end = self.0.iter().position(|&byte| byte == 0)?;
        let found = self.take(end).map(text);
        self.take(1)?;
        found
    }

    /// An address: four bytes, or since version 17 its kind and sixteen bytes.
    fn address(&mut self, version: u32) -> Option<IpAddr> {
        if version < 17 {
            let bytes: [u8; 4] = self.take(4)?.try_into().ok()?;
            return Some(Ipv4Addr::from(bytes).into());
        }
        let kind = self.number()?;
        let bytes: [u8; 16] = self.take(16)?.try_into().ok()?;
        match (kind, bytes) {
            (0, [a, b, c, d, ..]) => Some(Ipv4Addr::new(a, b, c, d).into()),
            _ => Some(Ipv6Addr::from(bytes).into()),
        }
    }
}

/// What stands before the first zero, as a party of a call.
fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|&byte| byte == 0);
    let bytes = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    party(&String::from_utf8_lossy(bytes))
}

/// The payload type of RTP that a kind of compression has, where it is one of the fixed ones (RFC 3551).
fn codec(compression: u32) -> Option<(u8, &'static str)> {
    Some(match compression {
        2 | 3 => (8, "PCMA"),
        4 | 5 => (0, "PCMU"),
        6..=8 => (9, "G722"),
        9 => (4, "G723"),
        10 => (15, "G728"),
        11 | 12 | 15 | 16 => (18, "G729"),
        18 => (3, "GSM"),
        _ => return None,
    })
}

/// A message at the beginning of the bytes: version, identifier and what follows it.
fn message(bytes: &[u8]) -> Result<(u32, u32, &[u8]), Cut> {
    let wrong = Cut::wrong("sccp", 0);
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    };
    let missing = |needed: usize| Cut {
        needed,
        had: bytes.len(),
        ..wrong
    };
    let length = number(0).ok_or(missing(HEAD + 4))?;
    let length = usize::try_from(length).map_err(|_| wrong)?;
    if !(4..=MAX_MESSAGE).contains(&length) {
        return Err(wrong);
    }
    let version = number(4).ok_or(missing(HEAD + length))?;
    if version > MAX_VERSION {
        return Err(wrong);
    }
    let identifier = number(8).ok_or(missing(HEAD + length))?;
    if identifier > MAX_IDENTIFIER && !(0x8000..0x8100).contains(&identifier) {
        return Err(wrong);
    }
    let body = bytes
        .get(HEAD + 4..HEAD + length)
        .ok_or(missing(HEAD + length))?;
    Ok((version, identifier, body))
}

/// Messages that make a conversation without doubt one of telephones and their call manager.
const SURE: usize = 3;

/// What the beginning of a side says: messages, whether all of them are of a call manager (or all of a telephone), and whether the
/// bytes behind them can be one.
struct Beginning {
    messages: usize,
    of_server: bool,
    names_telephone: bool,
}

impl Beginning {
    /// `Ok(None)` where nothing is said, or not enough; an error where the bytes are something else.
    fn read(mut bytes: &[u8]) -> Result<Option<Beginning>, ()> {
        let mut found: Option<Beginning> = None;
        while found.as_ref().is_none_or(|found| found.messages < SURE) && !bytes.is_empty() {
            let (identifier, body) = match message(bytes) {
                Ok((_, identifier, body)) => (identifier, body),
                Err(cut) if cut.needed > cut.had => break,
                Err(_) => return Err(()),
            };
            let of_server = is_of_server(identifier);
            let found = found.get_or_insert(Beginning {
                messages: 0,
                of_server,
                names_telephone: false,
            });
            if identifier >= 0x8000 || found.of_server != of_server {
                return Err(());
            }
            found.messages += 1;
            let name = body.split(|&byte| byte == 0).next().unwrap_or_default();
            found.names_telephone |= identifier == identifier::REGISTER
                && body.len() >= 32
                && name.len() >= 3
                && name.iter().all(u8::is_ascii_graphic);
            bytes = bytes.get(HEAD + 4 + body.len()..).unwrap_or_default();
        }
        Ok(found)
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    let (Ok(client), Ok(server)) = (
        Beginning::read(sample.client),
        Beginning::read(sample.server),
    ) else {
        return Probe::No;
    };
    let sides = [(client, false), (server, true)];
    let reversed = |(side, server): &(Option<Beginning>, bool)| {
        side.as_ref().map(|side| side.of_server != *server)
    };
    let mut turned = sides.iter().filter_map(reversed);
    let Some(first) = turned.next() else {
        return match sample.has_port(PORT) && !sample.whole {
            true => Probe::More,
            false => Probe::No,
        };
    };
    if turned.any(|other| other != first) {
        return Probe::No;
    }
    let said = || sides.iter().filter_map(|(side, _)| side.as_ref());
    // Small numbers in the right places are little; more messages, or the name of a telephone, are much.
    let sure = said().any(|side| side.names_telephone)
        || (sample.has_port(PORT) && said().map(|side| side.messages).sum::<usize>() >= SURE);
    match (sure, first, sample.has_port(PORT)) {
        (true, false, _) => Probe::Sure,
        (true, true, _) => Probe::Reversed,
        (false, false, true) => Probe::Likely(60),
        _ => Probe::No,
    }
}

/// A channel for voice that the call manager has opened or asked for, until its address is known.
struct Channel {
    party: u32,
    /// The number of the conference, mostly that of the call, and of the call.
    calls: [u32; 2],
    codec: Option<(u8, &'static str)>,
    sealed: bool,
}

struct Skinny {
    book: CallBook,
    channels: Vec<Channel>,
    /// Keys that were pressed before the call had a number.
    dialled: String,
    /// The call that the telephone is in.
    current: Option<u32>,
    /// The version that the sides have agreed on.
    version: u32,
    ended: bool,
}

impl Default for Skinny {
    fn default() -> Skinny {
        Skinny {
            book: CallBook::new(PROTOCOL.name),
            channels: Vec::new(),
            dialled: String::new(),
            current: None,
            version: 0,
            ended: false,
        }
    }
}

impl Analyzer for Skinny {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            // Messages are looked for again behind it.
            Chunk::Gap(_) => Step::Took(0),
            Chunk::End => {
                if std::mem::replace(&mut self.ended, true) {
                    self.book.finish(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        self.book.held() + self.channels.len() * size_of::<Channel>()
    }
}

impl Skinny {
    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        match message(bytes) {
            Ok((version, identifier, body)) => {
                self.version = self.version.max(version);
                let mut fields = Fields(body);
                // What a message lacks is not known: the message still is one.
                let _ = match side {
                    Side::Client => self.of_telephone(identifier, &mut fields, notes),
                    Side::Server => self.of_manager(identifier, &mut fields, notes),
                };
                Step::Took(HEAD + 4 + body.len())
            }
            Err(cut) if cut.needed > cut.had => Step::Need(cut.needed),
            Err(cut) => match next_message(bytes) {
                Some(at) => {
                    notes.account(Account::Malformed, at);
                    Step::Took(at)
                }
                None => Step::NotMine(cut),
            },
        }
    }

    fn id(call: u32, notes: &Notes<'_>) -> String {
        // The number is the call manager's own.
        format!("{call}@{}", notes.server().ip)
    }

    /// What a telephone says; `None` where the message is shorter than it should be.
    fn of_telephone(
        &mut self,
        identifier: u32,
        fields: &mut Fields<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<()> {
        match identifier {
            identifier::KEYPAD_BUTTON => {
                let key = match fields.number()? {
                    button @ 0..=9 => char::from_digit(button, 10)?,
                    14 => '*',
                    15 => '#',
                    // Some telephones send the character itself.
                    button => char::from_u32(button)
                        .filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#'))?,
                };
                let _line = fields.number();
                let call = fields.number().filter(|&call| call != 0).or(self.current);
                let followed = call.and_then(|call| self.book.get(&Self::id(call, notes)));
                match followed {
                    Some(followed) if followed.call.state > CallState::Ringing => {
                        followed.step(Side::Client, "KeypadButton", notes);
                        followed.digit(key);
                    }
                    _ if self.dialled.len() < MAX_DIGITS => self.dialled.push(key),
                    _ => {}
                }
            }
            identifier::ENBLOC_CALL => {
                let number = fields.text(24)??;
                self.dialled.clear();
                self.dialled.push_str(number.trim_start_matches("tel:"));
            }
            identifier::OFF_HOOK | identifier::ON_HOOK => {
                let _line = fields.number();
                let call = fields.number().filter(|&call| call != 0).or(self.current)?;
                let followed = self.book.get(&Self::id(call, notes))?;
                let what = match identifier {
                    identifier::OFF_HOOK => "OffHook",
                    _ => "OnHook",
                };
                followed.step(Side::Client, what, notes);
            }
            identifier::OPEN_RECEIVE_CHANNEL_ACK => {
                let status = fields.number()?;
                let address = fields.address(self.version)?;
                let port = fields.number()?;
                let party = fields.number()?;
                if status == 0 {
                    self.channel_opened(party, address, port, notes);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// What the call manager says; `None` where the message is shorter than it should be.
    fn of_manager(
        &mut self,
        identifier: u32,
        fields: &mut Fields<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<()> {
        match identifier {
            identifier::CALL_STATE => {
                let state = fields.number()?;
                let _line = fields.number()?;
                let call = fields.number()?;
                self.state(state, call, notes);
            }
            identifier::CALL_INFO => {
                let caller_name = fields.text(40)?;
                let caller = fields.text(24)?;
                let called_name = fields.text(40)?;
                let called = fields.text(24)?;
                let _line = fields.number()?;
                let call = fields.number()?;
                let _kind = fields.number();
                let _first_name = fields.text(40);
                let first_called = fields.text(24).flatten();
                let (from, to) = (caller.or(caller_name), called.or(called_name));
                self.parties(call, from, to, first_called, notes);
            }
            identifier::CALL_INFO_V2 => {
                let _line = fields.number()?;
                let call = fields.number()?;
                // Kind, two reasons, instance, security and what is to be hidden.
                fields.take(6 * 4)?;
                let caller = fields.next_text()?;
                if self.version >= 18 {
                    let _other_number = fields.next_text()?;
                }
                let called = fields.next_text()?;
                let first_called = fields.next_text()?;
                // The last who diverted it, and four mailboxes.
                for _ in 0..5 {
                    fields.next_text();
                }
                let caller_name = fields.next_text().flatten();
                let called_name = fields.next_text().flatten();
                let (from, to) = (caller.or(caller_name), called.or(called_name));
                self.parties(call, from, to, first_called, notes);
            }
            identifier::DIALED_NUMBER => {
                // One byte longer since version 18; the number of the line is not aligned then.
                let size = if fields.0.len() > 24 + 8 { 25 } else { 24 };
                let number = fields.text(size)??;
                let _line = fields.number()?;
                let call = fields.number()?;
                let followed = self.book.begin(&Self::id(call, notes), notes);
                followed.step(Side::Server, "DialedNumber", notes);
                followed.to(Some(number));
                self.dialled.clear();
            }
            identifier::OPEN_RECEIVE_CHANNEL => {
                let conference = fields.number()?;
                let party = fields.number()?;
                let _milliseconds = fields.number()?;
                let compression = fields.number()?;
                let _echo = fields.number()?;
                let _rate = fields.number()?;
                let call = fields.number().unwrap_or_default();
                let sealed = fields.number().is_some_and(|algorithm| algorithm != 0);
                if self.channels.len() >= MAX_CHANNELS {
                    self.channels.remove(0);
                }
                self.channels.retain(|channel| channel.party != party);
                self.channels.push(Channel {
                    party,
                    calls: [conference, call],
                    codec: codec(compression),
                    sealed,
                });
            }
            identifier::START_MEDIA_TRANSMISSION => {
                let conference = fields.number()?;
                let _party = fields.number()?;
                let address = fields.address(self.version)?;
                let port = fields.number()?;
                let _milliseconds = fields.number()?;
                let compression = fields.number()?;
                // Precedence, silence, frames of a packet, rate.
                fields.take(4 * 4)?;
                let call = fields.number().unwrap_or_default();
                let sealed = fields.number().is_some_and(|algorithm| algorithm != 0);
                let followed = self.known([conference, call], notes)?;
                followed.step(Side::Server, "StartMediaTransmission", notes);
                let port = u16::try_from(port).ok()?;
                let protection = protection(sealed);
                let endpoint = Endpoint::new(address, port);
                followed.expect(endpoint, codec(compression), protection, notes);
            }
            _ => {}
        }
        Some(())
    }

    /// The call with one of these numbers, else the one that the telephone is in.
    fn known(&mut self, calls: [u32; 2], notes: &Notes<'_>) -> Option<&mut Followed> {
        let known = |&call: &u32| self.book.get(&Self::id(call, notes)).is_some();
        let call = calls.into_iter().find(known).or(self.current)?;
        self.book.get(&Self::id(call, notes))
    }

    fn channel_opened(
        &mut self,
        party: u32,
        address: IpAddr,
        port: u32,
        notes: &mut Notes<'_>,
    ) -> Option<()> {
        let channel = self.channels.iter().find(|known| known.party == party);
        let (calls, codec, sealed) = match channel {
            Some(channel) => (channel.calls, channel.codec, channel.sealed),
            None => ([0, 0], None, false),
        };
        let followed = self.known(calls, notes)?;
        followed.step(Side::Client, "OpenReceiveChannelAck", notes);
        let endpoint = Endpoint::new(address, u16::try_from(port).ok()?);
        followed.expect(endpoint, codec, protection(sealed), notes);
        Some(())
    }

    fn parties(
        &mut self,
        call: u32,
        from: Option<String>,
        to: Option<String>,
        first_called: Option<String>,
        notes: &mut Notes<'_>,
    ) {
        let followed = self.book.begin(&Self::id(call, notes), notes);
        followed.step(Side::Server, "CallInfo", notes);
        let Call {
            from: caller,
            to: called,
            diverted_from,
            ..
        } = &mut followed.call;
        // What comes later knows more: the number that was dialled becomes the one that was reached.
        *caller = from.or(caller.take());
        *called = to.or(called.take());
        if first_called.is_some() && first_called != *called {
            *diverted_from = first_called;
        }
    }

    fn state(&mut self, state: u32, call: u32, notes: &mut Notes<'_>) {
        let what = match state {
            1 => "OffHook",
            2 => "OnHook",
            3 => "RingOut",
            4 => "RingIn",
            5 => "Connected",
            6 => "Busy",
            7 => "Congestion",
            8 => "Hold",
            9 => "CallWaiting",
            10 => "CallTransfer",
            12 => "Proceed",
            14 => "InvalidNumber",
            _ => return,
        };
        let id = Self::id(call, notes);
        // The state of a call that was not heard of, and that is over, tells nothing.
        if state == 2 && self.book.get(&id).is_none() {
            return;
        }
        let followed = self.book.begin(&id, notes);
        followed.step(Side::Server, what, notes);
        match state {
            3 | 4 | 9 => followed.ringing(notes),
            5 => followed.answered(notes),
            6 | 7 | 14 => followed.ended(Some(what.to_owned()), notes),
            8 => followed.call.holds = followed.call.holds.saturating_add(1),
            2 => {
                let over = followed.call.state >= CallState::Cancelled
                    && followed.call.state != CallState::Answered;
                if !over {
                    followed.ended(None, notes);
                }
                followed.to(party(&std::mem::take(&mut self.dialled)));
                self.book.close(&id, notes);
                self.current = self.current.filter(|&current| current != call);
                return;
            }
            _ => {}
        }
        if state != 8 {
            self.current = Some(call);
        }
    }
}

/// What a stream is protected by: keys for it pass in the same messages, and are not read.
fn protection(sealed: bool) -> Option<&'static str> {
    match sealed {
        true => None,
        false => Some("none"),
    }
}

/// Where the next message begins that another one follows, behind bytes that are none.
fn next_message(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len().min(MAX_MESSAGE)).find(|&at| {
        let rest = bytes.get(at..).unwrap_or_default();
        message(rest).is_ok_and(|(_, _, body)| {
            let next = rest.get(HEAD + 4 + body.len()..).unwrap_or_default();
            next.is_empty() || message(next).is_ok()
        })
    })
}
