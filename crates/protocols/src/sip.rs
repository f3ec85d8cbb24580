//! The Session Initiation Protocol (RFC 3261): who calls whom, when, and how it ended.
//!
//! Session descriptions in its bodies announce where the voice will go; digest logins, text messages
//! (RFC 3428) and digits pressed during the call (RFC 6086, `application/dtmf-relay`) pass in clear with it.

mod advice;
mod bodies;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use overheard_ledger::{Call, CallState, Credential, Exposure, HintBody, Message};
use overheard_tap::{
    Account, Analyzer, Chunk, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};
use sha2::{Digest, Sha256};

use crate::shared::auth_params::AuthParams;
use crate::shared::header_block::{HeaderBlock, MAX_BLOCK, end_of_block};
use crate::shared::hex::hex;
use crate::shared::sdp::Description;

use bodies::{descriptions, digit};

/// The most calls that a conversation keeps in mind; the oldest that is over is written down to make
/// room, else the oldest.
const MAX_CALLS: usize = 512;
/// The most logins (users and realms) that a conversation keeps in mind.
const MAX_LOGINS: usize = 256;
/// The most text messages that a conversation remembers, to know a repeated one.
const MAX_MESSAGES: usize = 1024;
/// The longest Call-ID, URI, user name or realm that is kept, in bytes.
const MAX_TEXT: usize = 1024;
/// The longest body on a stream that is read whole; longer ones are passed over.
const MAX_BODY: usize = 128 * 1024;
/// The most digits that are kept of a call.
const MAX_DIGITS: usize = 128;
/// The most bodies of one call that are remembered, to announce each only once.
const MAX_BODIES: usize = 64;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "sip",
    title: "Session Initiation Protocol",
    over: &[Over::Datagram, Over::Stream],
    ports: &[5060],
    standard: "RFC 3261",
    exposure: Exposure::Open,
    probe,
    begin: |over| {
        Box::new(Sip {
            over,
            ..Sip::default()
        })
    },
    rules: advice::RULES,
};

/// The methods that SIP is known to have (RFC 3261 and its extensions), to recognise the beginning of a
/// stream before its first line is whole.
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
];
/// The longest first line of a stream that is waited for.
const MAX_FIRST_LINE: usize = 2048;

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = match sample.over {
        Over::Datagram => sample.first(),
        Over::Stream => sample.first().trim_ascii_start(),
    };
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let line = bytes.get(..end).unwrap_or_default();
    // A method or `SIP/2.0` begins with a letter.
    if line.first().is_some_and(u8::is_ascii_control) {
        return Probe::No;
    }
    if line.len() < bytes.len() || sample.whole {
        return if start_line(line).is_some() {
            Probe::Sure
        } else {
            Probe::No
        };
    }
    let status = b"SIP/2.0 ";
    let begins = |word: &[u8]| bytes.starts_with(word) || word.starts_with(bytes);
    let method = METHODS.iter().any(|method| begins(method.as_bytes()));
    let text = bytes.len() <= MAX_FIRST_LINE
        && bytes
            .iter()
            .all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\r');
    if text && (begins(status) || method) {
        Probe::More
    } else {
        Probe::No
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Start<'a> {
    /// The method of a request.
    Request(&'a str),
    /// The code of a response.
    Response(u16),
}

/// `INVITE sip:bob@office.example SIP/2.0`, `SIP/2.0 200 OK`.
fn start_line(line: &[u8]) -> Option<Start<'_>> {
    let line = line.trim_ascii_end();
    // Neither a URI nor a reason holds control characters (RFC 3261 section 25.1).
    if line
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return None;
    }
    if let Some(rest) = line.strip_prefix(b"SIP/2.0 ") {
        let code = std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()?;
        return (100..700).contains(&code).then_some(Start::Response(code));
    }
    let rest = line.strip_suffix(b" SIP/2.0")?;
    let space = rest.iter().position(|&byte| byte == b' ')?;
    let (method, uri) = rest.split_at_checked(space)?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    let method = std::str::from_utf8(method)
        .ok()
        .filter(|method| !method.is_empty() && method.bytes().all(|b| is_token(&b)))?;
    (!uri.trim_ascii().is_empty()).then_some(Start::Request(method))
}

/// The URI of a `From` or `To` field: without display name and parameters (RFC 3261 section 20.20).
fn bare_uri(value: &str) -> Option<String> {
    let mut rest = value.trim();
    if let Some(quoted) = rest.strip_prefix('"') {
        // The display name may hold anything, `<` too.
        let mut escaped = false;
        let end = quoted.char_indices().find(|&(_, character)| {
            let closes = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            closes
        });
        rest = end.and_then(|(at, _)| quoted.get(at + 1..)).unwrap_or(rest);
    }
    let uri = match rest.split_once('<') {
        Some((_, inside)) => inside.split('>').next().unwrap_or_default(),
        None => rest,
    };
    // A user part may hold `;` and `?` itself.
    let host = uri.find('@').unwrap_or(0);
    let end = uri
        .get(host..)
        .and_then(|tail| tail.find([';', '?']))
        .map_or(uri.len(), |at| host + at);
    let uri = uri.get(..end).unwrap_or(uri).trim();
    let (scheme, _) = uri.split_once(':')?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (!scheme.is_empty() && scheme.bytes().all(is_scheme)).then(|| shortened(uri))
}

fn shortened(text: &str) -> String {
    let end = (0..=MAX_TEXT.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// `314159 INVITE`: the number and the method.
fn command_sequence(value: &str) -> (u32, &str) {
    let mut words = value.split_ascii_whitespace();
    let number = words
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0);
    (number, words.next().unwrap_or_default())
}

/// A call that is being followed.
struct Followed {
    call: Call,
    /// Position among the calls of the conversation: the order of writing.
    order: u64,
    /// Number of the latest INVITE.
    invite: u32,
    digits: String,
    /// Side and number of the latest request that carried a digit.
    digit: Option<(usize, u32)>,
    /// Hashes of the session descriptions that were announced.
    bodies: Vec<u64>,
    evidence: Evidence,
    /// Messages that the evidence is of.
    messages: usize,
}

impl Followed {
    fn is_over(&self) -> bool {
        matches!(
            self.call.state,
            CallState::Ended | CallState::Failed | CallState::Cancelled
        )
    }

    fn hear(&mut self, start: Start<'_>, number: u32, method: &str, notes: &Notes<'_>) {
        let now = notes.now();
        let call = &mut self.call;
        match start {
            Start::Request("INVITE") => {
                let retried = matches!(call.state, CallState::Failed) && number != self.invite;
                if retried {
                    // Asked for again, with the password or at another address.
                    call.state = CallState::Attempted;
                    call.end = None;
                }
                if call.state <= CallState::Ringing {
                    self.invite = number;
                }
                call.start.get_or_insert(now);
            }
            Start::Request("CANCEL") if call.state <= CallState::Ringing => {
                call.state = CallState::Cancelled;
                call.end = Some(now);
            }
            Start::Request("BYE") if call.state != CallState::Ended => {
                call.state = CallState::Ended;
                call.end = Some(now);
            }
            Start::Response(code) if method == "INVITE" => match code {
                180..=199 if call.state == CallState::Attempted => call.state = CallState::Ringing,
                // An answer may cross the caller's change of mind.
                200..=299 if !matches!(call.state, CallState::Answered | CallState::Ended) => {
                    call.state = CallState::Answered;
                    call.answer = Some(now);
                    call.end = None;
                }
                487 if call.state <= CallState::Ringing => {
                    call.state = CallState::Cancelled;
                    call.end = Some(now);
                }
                300.. if call.state <= CallState::Ringing => {
                    call.state = CallState::Failed;
                    call.end = Some(now);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// A login that waits for its answer, or for the end.
struct Login {
    user: String,
    realm: String,
    response: String,
    /// Hash of the Call-ID, and number, of the latest request that carried it.
    request: (u64, u32),
    accepted: Option<bool>,
    evidence: Evidence,
}

struct Sip {
    over: Over,
    calls: BTreeMap<String, Followed>,
    begun: u64,
    logins: Vec<Login>,
    /// Hashes of Call-ID, number and body of text messages.
    messages: BTreeSet<u64>,
    sides: [Sender; 2],
    ended: bool,
}

/// What a stream's side is about to say.
#[derive(Default)]
struct Sender {
    /// Bytes of the next header block in which its end was looked for in vain.
    searched: usize,
    /// Bytes of a long body that are passed over.
    body: u64,
    /// Whether something was lost, so that the next start line has to be looked for.
    lost: bool,
}

impl Default for Sip {
    fn default() -> Sip {
        Sip {
            over: Over::Datagram,
            calls: BTreeMap::new(),
            begun: 0,
            logins: Vec::new(),
            messages: BTreeSet::new(),
            sides: [Sender::default(), Sender::default()],
            ended: false,
        }
    }
}

impl Analyzer for Sip {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (chunk, self.over) {
            (Chunk::Bytes(bytes), Over::Datagram) => self.datagram(side, bytes, notes),
            (Chunk::Bytes(bytes), Over::Stream) => self.stream(side, bytes, notes),
            (Chunk::Gap(gap), _) => {
                let [client, server] = &mut self.sides;
                let sender = if side == Side::Client { client } else { server };
                sender.searched = 0;
                sender.lost |= sender.body < gap;
                sender.body = sender.body.saturating_sub(gap);
                Step::Took(0)
            }
            (Chunk::End, _) => {
                if std::mem::replace(&mut self.ended, true) {
                    self.finish(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        // The ids, the addresses and the evidence of a call take about as much again.
        self.calls.len() * 2 * size_of::<Followed>()
    }
}

impl Sip {
    /// A datagram: a message, sometimes several; or only line ends or zeros, to keep a router's mapping.
    fn datagram(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
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
        if at == 0 {
            Step::NotMine(Cut::wrong("sip", 0))
        } else {
            Step::Took(at)
        }
    }

    /// A stream: messages one after the other (RFC 3261 section 18.3), with line ends between them to
    /// keep it alive (RFC 5626 section 3.5.1).
    fn stream(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let [client, server] = &mut self.sides;
        let sender = if side == Side::Client { client } else { server };
        if sender.body > 0 {
            let there = usize::try_from(sender.body)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            sender.body -= there as u64;
            return Step::Took(there);
        }
        if sender.lost {
            let Some(skipped) = next_start_line(bytes) else {
                // The last line may be a start line that is not whole yet.
                let last = bytes
                    .iter()
                    .rposition(|&byte| byte == b'\n')
                    .map_or(0, |at| at + 1);
                let passed = if bytes.len() - last > MAX_FIRST_LINE {
                    bytes.len()
                } else {
                    last
                };
                notes.account(Account::Unrecognised, passed);
                return if passed == 0 {
                    Step::Need(bytes.len() + 1)
                } else {
                    Step::Took(passed)
                };
            };
            sender.lost = false;
            if skipped > 0 {
                notes.account(Account::Unrecognised, skipped);
                return Step::Took(skipped);
            }
        }
        let alive = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0))
            .count();
        if alive > 0 {
            return Step::Took(alive);
        }
        let Some(end) = end_of_block(bytes, sender.searched) else {
            let begun = bytes.get(..MAX_FIRST_LINE).unwrap_or(bytes);
            let line = begun
                .split(|&byte| byte == b'\n')
                .next()
                .unwrap_or_default();
            if bytes.len() > MAX_BLOCK || (line.len() < bytes.len() && start_line(line).is_none()) {
                return Step::NotMine(Cut::wrong("sip", 0));
            }
            sender.searched = bytes.len();
            return Step::Need(bytes.len() + 1);
        };
        let (block, after) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        let block = HeaderBlock::parse(block);
        let Some(start) = start_line(block.start) else {
            return Step::NotMine(Cut::wrong("sip", 0));
        };
        // Without a length a message on a stream has no body.
        let length = content_length(&block).unwrap_or(0);
        let body = match after.get(..length) {
            Some(body) => body,
            None if length <= MAX_BODY => {
                // The end of the block is known: it is found again at once.
                sender.searched = end.saturating_sub(2);
                return Step::Need(end + length);
            }
            None => {
                sender.body = length as u64;
                sender.searched = 0;
                self.message(side, start, &block, &[], notes);
                return Step::Took(end);
            }
        };
        sender.searched = 0;
        self.message(side, start, &block, body, notes);
        Step::Took(end + length)
    }

    fn message(
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
        if method == "INVITE" && !self.calls.contains_key(&call_id) {
            self.begin(call_id.clone(), block, number, notes);
        }
        if let Some(followed) = self.calls.get_mut(&call_id) {
            followed.hear(start, number, method, notes);
            if followed.messages < overheard_ledger::MAX_EVIDENCE {
                followed.messages += 1;
                followed.evidence.join(&notes.evidence());
            }
            if start == Start::Request("INFO")
                && followed.digit != Some((side.index(), number))
                && let Some(digit) = digit(block, body)
            {
                followed.digit = Some((side.index(), number));
                if followed.digits.len() < MAX_DIGITS {
                    followed.digits.push(digit);
                }
            }
        }
        match start {
            Start::Request(_) => {
                for field in ["Authorization", "Proxy-Authorization"] {
                    for value in block.all(field, "") {
                        self.login(&value, hash(&call_id), number, notes);
                    }
                }
            }
            Start::Response(code) => self.answer(code, hash(&call_id), number, notes),
        }
        if start == Start::Request("MESSAGE") {
            self.text_message(&call_id, number, block, body, notes);
        }
        if !body.is_empty() && method != "OPTIONS" {
            for description in descriptions(block, body) {
                self.announce(&call_id, block, description, notes);
            }
        }
    }

    fn begin(
        &mut self,
        call_id: String,
        block: &HeaderBlock<'_>,
        invite: u32,
        notes: &mut Notes<'_>,
    ) {
        if self.calls.len() >= MAX_CALLS {
            let oldest = self
                .calls
                .iter()
                .min_by_key(|(_, followed)| (!followed.is_over(), followed.order));
            if let Some(id) = oldest.map(|(id, _)| id.clone())
                && let Some(followed) = self.calls.remove(&id)
            {
                write_call(followed, notes);
            }
        }
        let call = Call {
            protocol: "sip".to_owned(),
            call_id: call_id.clone(),
            from: block.get("From", "f").and_then(|value| bare_uri(&value)),
            to: block.get("To", "t").and_then(|value| bare_uri(&value)),
            ..Call::default()
        };
        let followed = Followed {
            call,
            order: self.begun,
            invite,
            digits: String::new(),
            digit: None,
            bodies: Vec::new(),
            evidence: Evidence::default(),
            messages: 0,
        };
        self.begun += 1;
        self.calls.insert(call_id, followed);
    }

    fn login(&mut self, value: &str, call: u64, number: u32, notes: &mut Notes<'_>) {
        let auth = AuthParams::parse(value);
        let (Some(user), Some(response)) = (auth.get("username"), auth.get("response")) else {
            return;
        };
        // A telephone that was not asked yet sends an empty response: no login.
        if !auth.scheme.eq_ignore_ascii_case("digest") || user.is_empty() || response.is_empty() {
            return;
        }
        let (user, realm) = (
            shortened(user),
            shortened(auth.get("realm").unwrap_or_default()),
        );
        if let Some(login) = self
            .logins
            .iter_mut()
            .find(|login| login.user == user && login.realm == realm)
        {
            login.request = (call, number);
            return;
        }
        if self.logins.len() >= MAX_LOGINS {
            write_login(self.logins.remove(0), notes);
        }
        let (response, evidence) = (shortened(response), notes.evidence());
        self.logins.push(Login {
            user,
            realm,
            response,
            request: (call, number),
            accepted: None,
            evidence,
        });
    }

    fn answer(&mut self, code: u16, call: u64, number: u32, notes: &Notes<'_>) {
        let accepted = match code {
            180..=299 => true,
            401 | 403 | 407 => false,
            _ => return,
        };
        for login in self
            .logins
            .iter_mut()
            .filter(|login| login.request == (call, number))
        {
            if login.accepted.is_none_or(|before| !before && accepted) {
                login.accepted = Some(accepted);
                login.evidence.join(&notes.evidence());
            }
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
            from: block.get("From", "f").and_then(|value| bare_uri(&value)),
            to: block
                .get("To", "t")
                .and_then(|value| bare_uri(&value))
                .into_iter()
                .collect(),
            bytes: body.len() as u64,
            sha256: Some(hex(&Sha256::digest(body))),
            ..Message::default()
        });
    }

    fn announce(
        &mut self,
        call_id: &str,
        block: &HeaderBlock<'_>,
        body: &[u8],
        notes: &mut Notes<'_>,
    ) {
        if let Some(followed) = self.calls.get_mut(call_id) {
            let hash = hash(&body);
            if followed.bodies.contains(&hash) {
                return;
            }
            if followed.bodies.len() < MAX_BODIES {
                followed.bodies.push(hash);
            }
        }
        let description = Description::parse(body);
        if let Some(suite) = description.suites_in_clear().first() {
            let party = |name, compact| block.get(name, compact).and_then(|value| bare_uri(&value));
            let somebody = || "somebody".to_owned();
            let (from, to) = (
                party("From", "f").unwrap_or_else(somebody),
                party("To", "t").unwrap_or_else(somebody),
            );
            notes.observe(
                "sip-media-key",
                format!("The key ({suite}) that is to seal the call of {from} to {to}"),
            );
        }
        for announcement in description.announcements() {
            notes.hint(HintBody::Expect {
                endpoint: announcement.endpoint,
                protocol: announcement.protocol,
                label: Some(call_id.to_owned()),
                details: announcement.details,
            });
        }
    }

    fn finish(&mut self, notes: &mut Notes<'_>) {
        let mut calls: Vec<Followed> = std::mem::take(&mut self.calls).into_values().collect();
        calls.sort_by_key(|followed| followed.order);
        for followed in calls {
            write_call(followed, notes);
        }
        for login in std::mem::take(&mut self.logins) {
            write_login(login, notes);
        }
    }
}

fn write_call(followed: Followed, notes: &mut Notes<'_>) {
    let digits = (!followed.digits.is_empty()).then(|| notes.mask(&followed.digits));
    notes.add_with(
        Call {
            digits,
            ..followed.call
        },
        followed.evidence,
    );
}

fn write_login(login: Login, notes: &mut Notes<'_>) {
    let credential = Credential {
        protocol: "sip".to_owned(),
        mechanism: "digest".to_owned(),
        user: Some(login.user),
        secret: Some(notes.mask(&login.response)),
        crackable: true,
        accepted: login.accepted,
    };
    notes.add_with(credential, login.evidence);
}

/// A hash to know something again by; the same in every run.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn content_length(block: &HeaderBlock<'_>) -> Option<usize> {
    block
        .get("Content-Length", "l")
        .and_then(|length| length.trim().parse().ok())
}

/// Where the next line that can start a message begins.
fn next_start_line(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let feed = rest.iter().position(|&byte| byte == b'\n')?;
        if rest.get(..feed).and_then(start_line).is_some() {
            return Some(at);
        }
        at += feed + 1;
    }
    None
}

#[cfg(test)]
mod tests;
