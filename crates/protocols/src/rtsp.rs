//! The Real Time Streaming Protocol (RFC 2326, RFC 7826): who watches which camera or broadcast, and where its pictures and sound
//! go; these may pass in the same stream (interleaved).

mod session;

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use overheard_ledger::{Credential, Exposure, Request, Rule, Severity, When, mask_query};
use overheard_tap::{
    Account, Analyzer, Chunk, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::header_block::{HeaderBlock, MAX_BLOCK, end_of_block};
use crate::shared::http_logins::{self, Login};
use crate::shared::rtp_streams::{Path, RtpStreams};
use crate::shared::sasl::{crackable_heard, password_heard};

use session::{Session, Transport};

#[cfg(test)]
mod tests;

/// The most requests that wait for their answers.
const MAX_PENDING: usize = 64;
/// The most different requests and logins that are remembered, to write each once.
const MAX_SEEN: usize = 1024;
/// The longest first line that is waited for, in bytes.
const MAX_FIRST_LINE: usize = 2048;
/// The longest body that is read whole; longer ones are passed over.
const MAX_BODY: usize = 64 * 1024;
/// The longest target or user that is kept, in bytes.
const MAX_TEXT: usize = 1024;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "rtsp",
    title: "Real Time Streaming Protocol",
    over: &[Over::Stream],
    ports: &[554, 8554],
    standard: "RFC 7826",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Rtsp::default()),
    rules: RULES,
};

static RULES: &[Rule] = &[
    Rule {
        id: "rtsp-stream",
        title: "Pictures and sound of a camera or broadcast",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Let cameras and viewers talk RTSP over TLS (rtsps) with SRTP, or reach cameras through a VPN only.",
        standard: "RFC 7826 section 19; RFC 3711",
        explain: "What the camera sees passes unsealed: whoever copies the packets watches with it.",
    },
    Rule {
        id: "rtsp-password",
        title: "Password for a camera in clear",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| password_heard(seen, "rtsp")),
        remedy: "Let cameras and viewers talk RTSP over TLS (rtsps), switch Basic off, and change the password.",
        standard: "RFC 7617 section 4",
        explain: "Whoever hears the password watches when he likes, and mostly changes the camera's settings with it too.",
    },
    Rule {
        id: "rtsp-crackable-login",
        title: "Login to a camera, to be guessed offline",
        severity: Severity::High,
        exposure: Exposure::Weak,
        when: When::Record(|seen| crackable_heard(seen, "rtsp")),
        remedy: "Let cameras and viewers talk RTSP over TLS (rtsps); until then use long random passwords.",
        standard: "RFC 7616",
        explain: "The viewer proves that it knows its password with a hash of it. Who saw one login can try millions of \
                  passwords a second against it without the camera noticing.",
    },
];

/// The methods (RFC 2326 section 10, RFC 7826 section 13).
const METHODS: [&str; 12] = [
    "OPTIONS",
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PLAY_NOTIFY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "REDIRECT",
    "RECORD",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start<'a> {
    Request { method: &'a str, uri: &'a str },
    Response(u16),
}

/// `SETUP rtsp://camera.example/1 RTSP/1.0`, `RTSP/1.0 200 OK`.
fn start_line(line: &[u8]) -> Option<Start<'_>> {
    let line = std::str::from_utf8(line.trim_ascii_end()).ok()?;
    let mut words = line.split(' ');
    let (first, second) = (words.next()?, words.next()?);
    if version(first) {
        let code = second.parse().ok()?;
        return (100..600).contains(&code).then_some(Start::Response(code));
    }
    let third = words.next()?;
    let known = METHODS.contains(&first) && version(third) && words.next().is_none();
    known.then_some(Start::Request {
        method: first,
        uri: second,
    })
}

fn version(word: &str) -> bool {
    matches!(word, "RTSP/1.0" | "RTSP/2.0")
}

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    let end = memchr::memchr(b'\n', bytes);
    let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    if end.is_some() || sample.whole {
        return match start_line(line) {
            Some(_) => Probe::Sure,
            None => Probe::No,
        };
    }
    let begins =
        |word: &str| bytes.starts_with(word.as_bytes()) || word.as_bytes().starts_with(bytes);
    let text = bytes.len() <= MAX_FIRST_LINE
        && bytes
            .iter()
            .all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\r');
    match text && (begins("RTSP/") || METHODS.iter().any(|method| begins(method))) {
        true => Probe::More,
        false => Probe::No,
    }
}

/// A request that waits for its answer.
struct Pending {
    side: Side,
    sequence: u64,
    request: Request,
    uri: String,
    transport: Option<Transport>,
    logins: Vec<Login>,
    evidence: Evidence,
}

/// What a side is about to say.
#[derive(Default)]
struct Sender {
    /// Bytes of the next header block in which its end was looked for in vain.
    searched: usize,
    /// Bytes of a long body that are passed over.
    skip: u64,
    /// Whether something was lost, so that the next message has to be looked for.
    lost: bool,
}

#[derive(Default)]
struct Rtsp {
    sides: [Sender; 2],
    pending: VecDeque<Pending>,
    /// Hashes of requests and logins that were written.
    seen: BTreeSet<u64>,
    session: Session,
    /// Streams between the messages.
    streams: RtpStreams,
    watched: bool,
    ended: bool,
}

impl Analyzer for Rtsp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(gap) => {
                let sender = self.sender(side);
                sender.searched = 0;
                sender.lost |= sender.skip < gap;
                sender.skip = sender.skip.saturating_sub(gap);
                Step::Took(0)
            }
            Chunk::End => {
                if std::mem::replace(&mut self.ended, true) {
                    for pending in std::mem::take(&mut self.pending) {
                        self.write(pending, None, notes);
                    }
                    self.streams.finish(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        self.pending.len() * 2 * size_of::<Pending>() + self.session.held() + self.streams.held()
    }
}

impl Rtsp {
    fn sender(&mut self, side: Side) -> &mut Sender {
        let [client, server] = &mut self.sides;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let sender = self.sender(side);
        if sender.skip > 0 {
            let there = usize::try_from(sender.skip)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            sender.skip -= there as u64;
            return Step::Took(there);
        }
        if std::mem::take(&mut sender.lost) {
            let found = next_place(bytes);
            let passed = found.unwrap_or(bytes.len());
            self.sender(side).lost = found.is_none();
            if passed > 0 {
                notes.account(Account::Unrecognised, passed);
                return Step::Took(passed);
            }
        }
        // A packet of media between messages (RFC 2326 section 10.12): its channel and its length.
        match *bytes {
            [b'$', channel, high, low, ref rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let Some(packet) = rest.get(..length) else {
                    return Step::Need(4 + length);
                };
                // The odd channels are those of RTCP. Without a transport that says so nothing is known of them.
                if channel % 2 == 0 && self.session.is_interleaved() {
                    // What is no RTP is passed over.
                    let _ = self.streams.hear(Path::of(side, notes), packet, notes);
                }
                return Step::Took(4 + length);
            }
            [b'$', ..] => return Step::Need(4),
            _ => {}
        }
        let alive = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        if alive > 0 {
            return Step::Took(alive);
        }
        self.text(side, bytes, notes)
    }

    fn text(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let wrong = Step::NotMine(Cut::wrong("rtsp", 0));
        let sender = self.sender(side);
        let Some(end) = end_of_block(bytes, sender.searched) else {
            let begun = bytes.get(..MAX_FIRST_LINE).unwrap_or(bytes);
            let feed = memchr::memchr(b'\n', begun);
            let line = begun.get(..feed.unwrap_or(begun.len())).unwrap_or_default();
            let wrong_line = match feed {
                Some(_) => start_line(line).is_none(),
                None => begun.len() < bytes.len(),
            };
            if bytes.len() > MAX_BLOCK || wrong_line {
                return wrong;
            }
            sender.searched = bytes.len();
            return Step::Need(bytes.len() + 1);
        };
        let (block, after) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        let block = HeaderBlock::parse(block);
        let Some(start) = start_line(block.start) else {
            return wrong;
        };
        let length = block
            .get("Content-Length", "l")
            .and_then(|length| length.trim().parse::<u64>().ok())
            .unwrap_or(0);
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let body = match after.get(..wanted) {
            Some(body) => body,
            None if wanted <= MAX_BODY => {
                // The end of the block is known: it is found again at once.
                sender.searched = end.saturating_sub(2);
                return Step::Need(end + wanted);
            }
            None => {
                sender.searched = 0;
                sender.skip = length;
                self.message(side, start, &block, &[], notes);
                return Step::Took(end);
            }
        };
        sender.searched = 0;
        self.message(side, start, &block, body, notes);
        Step::Took(end + wanted)
    }

    fn message(
        &mut self,
        side: Side,
        start: Start<'_>,
        block: &HeaderBlock<'_>,
        body: &[u8],
        notes: &mut Notes<'_>,
    ) {
        let sequence = block
            .get("CSeq", "")
            .and_then(|number| number.trim().parse().ok())
            .unwrap_or(0);
        let transport = block
            .get("Transport", "")
            .map(|value| Transport::parse(&value));
        match start {
            Start::Request { method, uri } => {
                if method == "ANNOUNCE" {
                    self.session.describe(body);
                }
                let (host, target) = parts(uri);
                let request = Request {
                    method: method.to_owned(),
                    host: host.map(shortened),
                    target: Some(mask_query(&shortened(target), notes.reveal())),
                    status: None,
                };
                let mut logins: Vec<Login> = Vec::new();
                for value in block.all("Authorization", "").take(2) {
                    logins.extend(http_logins::authorization(&value, 401, notes));
                }
                if let Some(credential) = in_uri(uri, notes) {
                    let key = hash(&("uri", &credential.user));
                    self.write_login(credential, key, notes.evidence(), notes);
                }
                if self.pending.len() >= MAX_PENDING
                    && let Some(oldest) = self.pending.pop_front()
                {
                    self.write(oldest, None, notes);
                }
                self.pending.push_back(Pending {
                    side,
                    sequence,
                    request,
                    uri: shortened(uri),
                    transport,
                    logins,
                    evidence: notes.evidence(),
                });
            }
            Start::Response(status) => {
                let asked = |pending: &Pending| {
                    pending.sequence == sequence && pending.side == side.other()
                };
                let Some(pending) = self
                    .pending
                    .iter()
                    .position(asked)
                    .and_then(|at| self.pending.remove(at))
                else {
                    return;
                };
                if (200..300).contains(&status) {
                    match pending.request.method.as_str() {
                        "DESCRIBE" => self.session.describe(body),
                        "SETUP" => {
                            let answer = transport.unwrap_or_default();
                            let asked = pending.transport.clone().unwrap_or_default();
                            let agreed = answer.or(asked);
                            let sides = (
                                notes.endpoint(pending.side),
                                notes.endpoint(pending.side.other()),
                            );
                            self.session.announce(&pending.uri, &agreed, sides, notes);
                        }
                        "PLAY" | "RECORD"
                            if !std::mem::replace(&mut self.watched, true)
                                && !self.session.is_sealed() =>
                        {
                            let (host, target) = parts(&pending.uri);
                            let path = target.split('?').next().unwrap_or_default();
                            let host = host.unwrap_or("the camera");
                            notes.observe(
                                "rtsp-stream",
                                format!("The {} of {host}{path}", self.session.kinds()),
                            );
                        }
                        _ => {}
                    }
                }
                self.write(pending, Some(status), notes);
            }
        }
    }

    /// Writes a request and its logins down. What keeps a session alive is said again and again, and written once.
    fn write(&mut self, pending: Pending, status: Option<u16>, notes: &mut Notes<'_>) {
        let Pending {
            mut request,
            logins,
            mut evidence,
            ..
        } = pending;
        request.status = status;
        if status.is_some() {
            evidence.join(&notes.evidence());
        }
        for login in logins {
            let mut credential = login.judged(status);
            credential.protocol = PROTOCOL.name.to_owned();
            // The first of a login is the question that the camera asks back to.
            let key = hash(&(login.key, credential.accepted));
            self.write_login(credential, key, evidence.clone(), notes);
        }
        let again = matches!(
            request.method.as_str(),
            "GET_PARAMETER" | "SET_PARAMETER" | "OPTIONS"
        );
        let key = hash(&(&request.method, &request.target, request.status));
        if again && !self.is_new(key) {
            return;
        }
        notes.add_with(request, evidence);
    }

    fn write_login(
        &mut self,
        credential: Credential,
        key: u64,
        evidence: Evidence,
        notes: &mut Notes<'_>,
    ) {
        if self.is_new(key) {
            notes.add_with(credential, evidence);
        }
    }

    fn is_new(&mut self, key: u64) -> bool {
        self.seen.len() < MAX_SEEN && self.seen.insert(key)
    }
}

/// A hash to know something again by; the same in every run.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// The host of a URI, without a login in it, and the rest: `rtsp://camera.example:554/1` or `*`.
fn parts(uri: &str) -> (Option<&str>, &str) {
    let Some((_, rest)) = uri.split_once("://") else {
        return (None, uri);
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    (Some(host), if target.is_empty() { "/" } else { target })
}

/// A user and a password before the host of a URI.
fn in_uri(uri: &str, notes: &Notes<'_>) -> Option<Credential> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let (login, _) = authority.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    Some(Credential {
        protocol: PROTOCOL.name.to_owned(),
        mechanism: "uri".to_owned(),
        user: Some(shortened(user)),
        secret: Some(notes.mask(&shortened(password))),
        crackable: false,
        accepted: None,
    })
}

/// Where the next message begins behind a gap.
fn next_place(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let feed = memchr::memchr(b'\n', rest)?;
        let line = rest.get(..feed).unwrap_or_default();
        // A message may follow the end of a packet of media, in the midst of what looks like a line.
        let starts = memchr::memmem::find(line, b"RTSP/").filter(|_| line.len() < MAX_FIRST_LINE);
        if let Some(begins) = starts {
            if start_line(line.get(begins..).unwrap_or_default()).is_some() {
                return Some(at + begins);
            }
            if start_line(line).is_some() {
                return Some(at);
            }
        }
        at += feed + 1;
    }
    None
}
