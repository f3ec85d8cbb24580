//! What SIP messages say (RFC 3261), whatever carries them: calls, logins, letters, presence, and where telephones are.

mod bodies;
mod dialog;
mod login;
pub(crate) mod message;
mod presence;
mod reasons;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use overheard_ledger::{Call, CallStep, HintBody, Message, Tie};
use overheard_tap::{Notes, Side};
use sha2::{Digest, Sha256};

use super::header_block::{HeaderBlock, end_of_block};
use super::hex::hex;
use super::sdp::Description;
use super::seen::Seen;

use bodies::{descriptions, digit};
use dialog::{Followed, Heard, MAX_DIGITS};
use login::Logins;
use message::{
    Start, bare_uri, command_sequence, content_length, elements, hash, parameter, shortened,
    start_line,
};

/// The most calls that a conversation keeps in mind; the oldest that is over is written down to make
/// room, else the oldest.
pub(crate) const MAX_CALLS: usize = 512;
/// The most text messages that a conversation remembers, to know a repeated one.
const MAX_MESSAGES: usize = 1024;
/// The most private addresses of one description that are told.
const MAX_PRIVATE: usize = 4;

/// The methods that are of use in calls only, once one is set up.
const IN_CALLS: [&str; 5] = ["ACK", "BYE", "PRACK", "UPDATE", "REFER"];

/// Hears the messages of one conversation.
#[derive(Default)]
pub(crate) struct Listener {
    calls: BTreeMap<String, Followed>,
    begun: u64,
    /// Steps that the calls hold.
    steps: usize,
    logins: Logins,
    /// Hashes of Call-ID, number and body of text messages.
    messages: BTreeSet<u64>,
    /// Sentences that were said.
    said: Seen,
}

impl Listener {
    /// Memory that it holds, in bytes, about.
    pub(crate) fn held(&self) -> usize {
        // The ids, the addresses and the evidence of a call take about as much again.
        let calls = self.calls.len() * 2 * size_of::<Followed>();
        calls + self.steps * size_of::<CallStep>() + self.logins.held() + self.said.held()
    }

    /// Hears the messages that `bytes` hold: one, sometimes several; or only line ends or zeros, to keep a
    /// router's mapping. Gives how many of the bytes that were; 0 where they hold nothing of SIP.
    pub(crate) fn datagram(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..) {
            at += rest
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0))
                .count();
            let rest = bytes.get(at..).unwrap_or_default();
            let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let Some(start) = start_line(line) else { break };
            let end = end_of_block(rest, 0).unwrap_or(rest.len());
            let (block, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let block = HeaderBlock::parse(block);
            let length = content_length(&block)
                .unwrap_or(after.len())
                .min(after.len());
            self.message(
                side,
                start,
                &block,
                after.get(..length).unwrap_or_default(),
                notes,
            );
            at += end + length;
        }
        at
    }

    /// Hears one message.
    pub(crate) fn message(
        &mut self,
        side: Side,
        start: Start<'_>,
        block: &HeaderBlock<'_>,
        body: &[u8],
        notes: &mut Notes<'_>,
    ) {
        let Some(call_id) = block
            .get("Call-ID", "i")
            .map(|id| shortened(id.trim()))
            .filter(|id| !id.is_empty())
        else {
            return;
        };
        let sequence = block.get("CSeq", "").unwrap_or(Cow::Borrowed(""));
        let (number, about) = command_sequence(&sequence);
        let method = match start {
            Start::Request(method) => method,
            Start::Response(_) => about,
        };
        let heard = Heard {
            side,
            start,
            number,
            method,
            block,
        };
        if method == "INVITE" && !self.calls.contains_key(&call_id) {
            self.begin(&call_id, &heard, notes);
        }
        if let Some(followed) = self.calls.get_mut(&call_id) {
            let before = followed.call.steps.len();
            followed.hear(&heard, notes);
            self.steps += followed.call.steps.len() - before;
            if start == Start::Request("INFO")
                && followed.digit != Some((side.index(), number))
                && let Some(digit) = digit(block, body)
            {
                followed.digit = Some((side.index(), number));
                if followed.digits.len() < MAX_DIGITS {
                    followed.digits.push(digit);
                }
            }
        } else if IN_CALLS.contains(&method) && heard.in_dialog() {
            self.elsewhere(&call_id, &heard, notes);
        }
        let request = (hash(&call_id), number);
        match start {
            Start::Request(_) => {
                for field in ["Authorization", "Proxy-Authorization"] {
                    for value in block.all(field, "") {
                        self.logins.hear(&value, request, notes);
                    }
                }
            }
            Start::Response(code) => self.logins.answer(code, request, notes),
        }
        match start {
            Start::Request("MESSAGE") => self.text_message(&call_id, number, block, body, notes),
            Start::Request("REGISTER") => self.registration(side, block, notes),
            Start::Request("PUBLISH" | "NOTIFY") => {
                if let Some(learns) = presence::learned(block, body) {
                    self.observe("sip-presence", learns, notes);
                }
            }
            _ => {}
        }
        if !body.is_empty() && method != "OPTIONS" {
            for description in descriptions(block, body) {
                self.announce(&call_id, &heard, description, notes);
            }
        }
    }

    fn begin(&mut self, call_id: &str, heard: &Heard<'_, '_>, notes: &mut Notes<'_>) {
        if self.calls.len() >= MAX_CALLS {
            let oldest = self
                .calls
                .iter()
                .min_by_key(|(_, followed)| (!followed.is_over(), followed.order));
            if let Some(id) = oldest.map(|(id, _)| id.clone())
                && let Some(followed) = self.calls.remove(&id)
            {
                self.write(followed, notes);
            }
        }
        let followed = Followed::new(call_id, self.begun, heard.number, heard.block);
        self.begun += 1;
        self.calls.insert(call_id.to_owned(), followed);
        for by in ties(heard) {
            notes.hint(HintBody::Tied {
                call: call_id.to_owned(),
                by,
            });
        }
    }

    /// A step of a call whose beginning was not heard here. Which call that is only joining can know.
    fn elsewhere(&mut self, call_id: &str, heard: &Heard<'_, '_>, notes: &mut Notes<'_>) {
        if self.said.is_new(&(call_id, heard.transaction())) {
            notes.hint(HintBody::Step {
                call: call_id.to_owned(),
                step: Box::new(heard.step(notes)),
                ends: heard.start == Start::Request("BYE"),
            });
        }
    }

    fn text_message(
        &mut self,
        call_id: &str,
        number: u32,
        block: &HeaderBlock<'_>,
        body: &[u8],
        notes: &mut Notes<'_>,
    ) {
        // A form of its own says that somebody is typing (RFC 3994): nothing was written.
        let typing = block
            .get("Content-Type", "c")
            .is_some_and(|kind| kind.contains("im-iscomposing"));
        if body.is_empty() || typing || self.messages.len() >= MAX_MESSAGES {
            return;
        }
        if !self.messages.insert(hash(&(call_id, number, body))) {
            return;
        }
        notes.add(Message {
            protocol: "sip".to_owned(),
            from: address(block, "From", "f"),
            to: address(block, "To", "t").into_iter().collect(),
            bytes: body.len() as u64,
            sha256: Some(hex(&Sha256::digest(body))),
            ..Message::default()
        });
    }

    /// A telephone says where it is to be called (RFC 3261 section 10).
    fn registration(&mut self, side: Side, block: &HeaderBlock<'_>, notes: &mut Notes<'_>) {
        let Some(user) = address(block, "To", "t") else {
            return;
        };
        let leaves = |expires: &str| expires.trim() == "0";
        let all_leave = block.get("Expires", "").is_some_and(|value| leaves(&value));
        for field in block.all("Contact", "m").take(MAX_PRIVATE) {
            for contact in elements(&field) {
                let gone = parameter(contact, "expires").map_or(all_leave, leaves);
                let Some(uri) = bare_uri(contact).filter(|_| !gone) else {
                    continue;
                };
                let place = uri
                    .split_once('@')
                    .or_else(|| uri.split_once(':'))
                    .map_or("", |(_, place)| place);
                // A telephone behind a WebSocket has no address that it could name (RFC 7118).
                let place = if place
                    .split(':')
                    .next()
                    .is_some_and(|host| host.ends_with(".invalid"))
                {
                    notes.endpoint(side).ip.to_string()
                } else {
                    place.to_owned()
                };
                self.observe(
                    "sip-registration",
                    format!("That the telephone of {user} is at {place}"),
                    notes,
                );
            }
        }
    }

    fn announce(
        &mut self,
        call_id: &str,
        heard: &Heard<'_, '_>,
        body: &[u8],
        notes: &mut Notes<'_>,
    ) {
        let (block, party) = (heard.block, heard.party());
        let description = Description::parse(body);
        if let Some(followed) = self.calls.get_mut(call_id) {
            if matches!(heard.start, Start::Request("INVITE" | "UPDATE")) {
                followed.offered(heard, description.holds());
            }
            if !followed.is_new(hash(&(party, body))) {
                return;
            }
        }
        let somebody = || "somebody".to_owned();
        if let Some(suite) = description.suites_in_clear().first() {
            let (from, to) = (
                address(block, "From", "f").unwrap_or_else(somebody),
                address(block, "To", "t").unwrap_or_else(somebody),
            );
            notes.observe(
                "sip-media-key",
                format!("The key ({suite}) that is to seal the call of {from} to {to}"),
            );
        }
        let ends = [notes.client().ip, notes.server().ip];
        let private = description.private_addresses();
        for inside in private
            .iter()
            .filter(|inside| !ends.contains(inside))
            .take(MAX_PRIVATE)
        {
            let who = match heard.start {
                Start::Request(_) => address(block, "From", "f"),
                Start::Response(_) => address(block, "To", "t"),
            };
            let who = who.unwrap_or_else(somebody);
            self.observe(
                "sip-private-address",
                format!("The address {inside} inside the network of {who}"),
                notes,
            );
        }
        for announcement in description.announcements() {
            notes.hint(announcement.of_call(call_id));
        }
        if let Some(described) = description.of_party(call_id, party) {
            notes.hint(described);
        }
    }

    /// Says a sentence once.
    fn observe(&mut self, rule: &'static str, learns: String, notes: &mut Notes<'_>) {
        if self.said.is_new(&(rule, &learns)) {
            notes.observe(rule, learns);
        }
    }

    /// Writes down what is not over yet.
    pub(crate) fn finish(&mut self, notes: &mut Notes<'_>) {
        let mut calls: Vec<Followed> = std::mem::take(&mut self.calls).into_values().collect();
        calls.sort_by_key(|followed| followed.order);
        for followed in calls {
            self.write(followed, notes);
        }
        self.logins.finish(notes);
    }

    fn write(&mut self, followed: Followed, notes: &mut Notes<'_>) {
        self.steps -= followed.call.steps.len().min(self.steps);
        let digits = (!followed.digits.is_empty()).then(|| notes.mask(&followed.digits));
        notes.add_with(
            Call {
                digits,
                ..followed.call
            },
            followed.evidence,
        );
    }
}

/// The address of a field, without display name and parameters.
fn address(block: &HeaderBlock<'_>, name: &str, compact: &str) -> Option<String> {
    block.get(name, compact).and_then(|value| bare_uri(&value))
}

/// What an INVITE says of other calls that it goes on with.
fn ties(heard: &Heard<'_, '_>) -> Vec<Tie> {
    let mut ties = Vec::new();
    if heard.start != Start::Request("INVITE") {
        return ties;
    }
    let block = heard.block;
    if let Some(session) = block.get("Session-ID", "") {
        let id = session.split(';').next().unwrap_or_default().trim();
        // An id of 128 bits, all of them zero where it is not known (RFC 7989).
        let known = id.bytes().any(|byte| byte != b'0');
        if id.len() == 32 && known && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            ties.push(Tie::Session(id.to_ascii_lowercase()));
        }
    }
    // Exchanges name the other leg's call in fields of their own.
    for field in ["Replaces", "X-Call-ID", "X-CID"] {
        if let Some(value) = block.get(field, "") {
            let id = value.split(';').next().unwrap_or_default().trim();
            if !id.is_empty() {
                ties.push(Tie::Call(shortened(id)));
            }
        }
    }
    ties.extend(address(block, "Referred-By", "b").map(Tie::ReferredBy));
    ties
}
