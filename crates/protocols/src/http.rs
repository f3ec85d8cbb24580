//! HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112) on any port: requests, hosts, logins, and the size and
//! hash of what is fetched and sent.
//!
//! Each side is a small machine that takes the lines of a head and the bytes of a body as they come.
//! Who asks and who answers goes by content, not by who opened the conversation. HTTP/2 is another
//! protocol, also where it is asked for with Upgrade.

use overheard_ledger::{Exposure, Rule};
use overheard_tap::{
    Account, Analyzer, Chunk, Cut, Next, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::http_body::{About, Body};
use crate::shared::http_message::{Look, look};
use crate::shared::http_rules::http_rules;

mod exchange;
mod message_head;
#[cfg(test)]
mod tests;

use exchange::Exchange;
use message_head::{Head, Length, Start};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "http",
    title: "Hypertext Transfer Protocol",
    over: &[Over::Stream],
    ports: &[80, 8080, 8000, 3128],
    standard: "RFC 9112",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Http::default()),
    rules: &RULES,
};

static RULES: [Rule; 6] = http_rules!("http");

/// The longest line of a head, in bytes. Longer ones are set aside.
const MAX_LINE: usize = 32 * 1024;
/// The most lines of a head, or of the trailers after a body, that are looked at.
const MAX_LINES: u32 = 256;
/// The most bytes of a head that are looked at.
const MAX_HEAD: usize = 128 * 1024;
/// The longest line that gives the size of a chunk, in bytes, its extensions included.
const MAX_CHUNK_LINE: usize = 4 * 1024;
/// Bytes of empty lines that may stand before the first start line.
const MAX_EMPTY: usize = 16;

fn probe(sample: &Sample<'_>) -> Probe {
    let [client, server] = [sample.client, sample.server].map(|bytes| {
        let empty = bytes
            .iter()
            .take(MAX_EMPTY)
            .take_while(|&&byte| byte == b'\r' || byte == b'\n')
            .count();
        look(bytes.get(empty..).unwrap_or_default())
    });
    match (client, server) {
        (Look::Request, _) | (Look::No | Look::More, Look::Status) => Probe::Sure,
        (Look::Status, _) | (_, Look::Request) => Probe::Reversed,
        (Look::More, Look::More) if !sample.whole => Probe::More,
        _ => Probe::No,
    }
}

/// One conversation.
#[derive(Default)]
struct Http {
    client: Half,
    server: Half,
    exchange: Exchange,
    /// Whether a start line was ever understood.
    begun: bool,
    /// Whether a side ever said what is no part of a message.
    lost_before: bool,
    /// Sides that said their last.
    ended: u8,
}

/// What one side is saying.
#[derive(Default)]
struct Half {
    state: State,
    /// Bytes of the untaken line that were searched for its end.
    scanned: usize,
    /// The body on its way.
    body: Option<Body>,
    /// Who follows the present message if the other side agrees.
    change: Option<Next>,
    /// Whether the body may stay away: none of it came yet, after `Expect: 100-continue`.
    expecting: bool,
}

#[derive(Default)]
enum State {
    /// Before a start line.
    #[default]
    Start,
    /// In a head.
    Fields(Box<Head>),
    /// In a body with so many bytes to go.
    Length(u64),
    /// Before the size of a chunk.
    ChunkSize,
    /// In a chunk with so many bytes to go.
    Chunk(u64),
    /// After a chunk's bytes, before its line end.
    ChunkEnd,
    /// After the last chunk; so many lines were passed.
    Trailers(u32),
    /// In a body that ends with the conversation. Whether any of it was taken.
    UntilClose(bool),
    /// After a request to change the protocol, before its answer.
    Asked(Next),
    /// Looking for the next start line.
    Lost(Here),
}

/// What may stand right here while the next start line is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    /// Any start line: a line begins.
    Start,
    /// A status line, in the middle of a line: a body may end without a line end.
    Status,
    /// Not known yet.
    Unknown,
}

/// What one step of one side came to.
enum Progress {
    /// So many bytes are understood, maybe none; go on.
    Took(usize),
    /// So many bytes are needed; the state stays as it was put back.
    Wait(usize),
    /// So many bytes are understood; the conversation changes.
    Become(usize, Next),
    /// This is not HTTP.
    NotMine,
}

/// What [`Half::line`] found.
enum Line<'a> {
    /// A line without its end, and the bytes that it takes with it.
    Whole(&'a [u8], usize),
    /// So many bytes are needed.
    Wait(usize),
    /// It does not end within its limit.
    TooLong,
}

impl Analyzer for Http {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => return self.bytes(side, bytes, notes),
            Chunk::Gap(length) => self.gap(side, length, notes),
            Chunk::End => self.end(side, notes),
        }
        Step::Took(0)
    }

    fn held(&self) -> usize {
        [&self.client, &self.server]
            .into_iter()
            .filter_map(|half| half.body.as_ref())
            .map(Body::held)
            .sum::<usize>()
            .saturating_add(self.exchange.dns.held())
    }
}

impl Http {
    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut at = 0_usize;
        // Whether anything was understood: the steps that say otherwise take back what was written.
        let mut moved = false;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Step::Took(at);
            }
            match self.step(side, rest, notes) {
                Progress::Took(taken) => {
                    moved = true;
                    at = at.saturating_add(taken);
                    if taken > 0 {
                        self.half(side).scanned = 0;
                    }
                }
                Progress::Become(taken, next) => {
                    return Step::Become {
                        took: at.saturating_add(taken),
                        next,
                    };
                }
                Progress::Wait(_) | Progress::NotMine if moved => return Step::Took(at),
                Progress::Wait(needed) => return Step::Need(needed),
                Progress::NotMine => return Step::NotMine(Cut::wrong("http start line", 0)),
            }
        }
    }

    /// One step of one side. `bytes` are not empty. A step that takes nothing and does not wait changes
    /// the state to one that will.
    fn step(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Progress {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match std::mem::take(&mut self.half(side).state) {
            State::Start => self.start(side, bytes, notes),
            State::Fields(head) => self.fields(side, head, bytes, notes),
            State::Length(left) => {
                if self.half(side).expecting && self.exchange.is_answered() {
                    match look(bytes) {
                        // The answer refused the body, so it was never sent (RFC 9110 section 10.1.1).
                        Look::Request => {
                            self.half(side).body = None;
                            return self.half(side).to(State::Start, 0);
                        }
                        Look::More if length < left => {
                            return self
                                .half(side)
                                .wait(State::Length(left), bytes.len().saturating_add(1));
                        }
                        _ => {}
                    }
                }
                self.half(side).expecting = false;
                let taken = self.half(side).hear(bytes, left, notes);
                match left.saturating_sub(length) {
                    0 => self.finish(side, true, notes),
                    left => self.half(side).state = State::Length(left),
                }
                Progress::Took(taken)
            }
            State::Chunk(left) => {
                let taken = self.half(side).hear(bytes, left, notes);
                match left.saturating_sub(length) {
                    0 => self.half(side).to(State::ChunkEnd, taken),
                    left => self.half(side).to(State::Chunk(left), taken),
                }
            }
            State::ChunkSize => self.chunk_size(side, bytes, notes),
            State::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => self.half(side).to(State::ChunkSize, 2),
                [b'\n', ..] => self.half(side).to(State::ChunkSize, 1),
                [b'\r'] => self.half(side).wait(State::ChunkEnd, 2),
                _ => self.lose(side, true, notes),
            },
            State::Trailers(lines) => match self.half(side).line(bytes, MAX_LINE) {
                Line::Wait(needed) => self.half(side).wait(State::Trailers(lines), needed),
                Line::Whole([], taken) => {
                    self.finish(side, true, notes);
                    Progress::Took(taken)
                }
                Line::Whole(_, taken) if lines < MAX_LINES => self
                    .half(side)
                    .to(State::Trailers(lines.saturating_add(1)), taken),
                Line::Whole(..) | Line::TooLong => self.lose(side, true, notes),
            },
            State::UntilClose(begun) => {
                // Sloppy servers leave out the length of what is empty.
                match if begun { Look::No } else { look(bytes) } {
                    Look::Status => {
                        self.finish(side, true, notes);
                        return Progress::Took(0);
                    }
                    Look::More if may_be_status(bytes) => {
                        return self
                            .half(side)
                            .wait(State::UntilClose(false), bytes.len().saturating_add(1));
                    }
                    _ => {}
                }
                let taken = self.half(side).hear(bytes, u64::MAX, notes);
                self.half(side).to(State::UntilClose(true), taken)
            }
            State::Asked(next) => match look(bytes) {
                // Asked in vain: it goes on as before.
                Look::Request | Look::Status => Progress::Took(0),
                Look::More => self
                    .half(side)
                    .wait(State::Asked(next), bytes.len().saturating_add(1)),
                // It speaks the new protocol already: the answer was not captured.
                Look::No => {
                    self.exchange.give_up(notes);
                    Progress::Become(0, next)
                }
            },
            State::Lost(here) => self.resynchronise(side, here, bytes, notes),
        }
    }

    fn start(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Progress {
        // Empty lines before a start line are passed over (RFC 9112 section 2.2).
        if let Some(b'\r' | b'\n') = bytes.first() {
            return Progress::Took(1);
        }
        match look(bytes) {
            Look::More => return Progress::Wait(bytes.len().saturating_add(1)),
            Look::No if !self.begun && self.lost_before => return Progress::NotMine,
            Look::No => return self.lose(side, false, notes),
            Look::Request | Look::Status => {}
        }
        match self.half(side).line(bytes, MAX_LINE) {
            Line::Wait(needed) => Progress::Wait(needed),
            Line::Whole(line, taken) if let Some((start, login)) = Start::read(line, notes) => {
                self.begun = true;
                let head = Head::new(start, login, notes);
                self.half(side).to(State::Fields(Box::new(head)), taken)
            }
            Line::Whole(..) | Line::TooLong => self.lose(side, false, notes),
        }
    }

    fn fields(
        &mut self,
        side: Side,
        mut head: Box<Head>,
        bytes: &[u8],
        notes: &mut Notes<'_>,
    ) -> Progress {
        let (line, taken) = match self.half(side).folded_line(bytes) {
            Line::Whole(line, taken) => (line, taken),
            Line::Wait(needed) => return self.half(side).wait(State::Fields(head), needed),
            Line::TooLong => {
                let taken = bytes.len().min(MAX_LINE);
                notes.account(Account::Limited, taken);
                head.skip_line = true;
                return self.half(side).to(State::Fields(head), taken);
            }
        };
        head.seen_in(notes);
        if line.is_empty() && !head.skip_line {
            self.head(side, *head, taken, notes)
        } else {
            if head.skip_line || head.lines >= MAX_LINES || head.bytes >= MAX_HEAD {
                notes.account(Account::Limited, taken);
            } else {
                head.field(line, notes);
            }
            head.skip_line = false;
            head.lines = head.lines.saturating_add(1);
            head.bytes = head.bytes.saturating_add(taken);
            self.half(side).to(State::Fields(head), taken)
        }
    }

    /// A head is whole; it took so many bytes with its last line.
    fn head(
        &mut self,
        side: Side,
        mut head: Head,
        taken: usize,
        notes: &mut Notes<'_>,
    ) -> Progress {
        let (length, name) = match &head.start {
            Start::Request(asked) => {
                let name = asked.name.clone();
                self.half(side).change = head.change();
                self.half(side).expecting = head.expects;
                self.exchange.request(&mut head, notes);
                (head.request_length(), name)
            }
            // An interim answer: the last one is still to come (RFC 9110 section 15.2).
            Start::Status(100 | 102..=199) => return Progress::Took(taken),
            &Start::Status(status) => {
                let asked = self.exchange.answer(status, &head.evidence, notes);
                let method = asked
                    .as_ref()
                    .map_or("", |asked| asked.request.method.as_str());
                let change = asked.as_ref().and_then(|asked| asked.change);
                if status == 101 || (method == "CONNECT" && (200..300).contains(&status)) {
                    let next = head
                        .upgrade
                        .as_deref()
                        .map(message_head::protocol_named)
                        .filter(|_| status == 101);
                    self.exchange.give_up(notes);
                    return Progress::Become(taken, next.or(change).unwrap_or(Next::Probe));
                }
                let length = if method == "HEAD" {
                    Length::Known(0)
                } else {
                    head.answer_length(status)
                };
                (length, asked.and_then(|asked| asked.name))
            }
        };
        if length == Length::Known(0) {
            self.finish(side, true, notes);
            return Progress::Took(taken);
        }
        let half = self.half(side);
        let about = About {
            protocol: "http",
            name,
            media_type: head.media_type,
            coding: head.coding,
            is_request: matches!(head.start, Start::Request(_)),
            evidence: head.evidence,
        };
        half.body = Some(Body::new(about, notes));
        half.state = match length {
            Length::Known(length) => State::Length(length),
            Length::Chunked => State::ChunkSize,
            Length::UntilClose => State::UntilClose(false),
        };
        Progress::Took(taken)
    }

    /// RFC 9112 section 7.1: the size of a chunk, maybe extensions.
    fn chunk_size(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Progress {
        let (line, taken) = match self.half(side).line(bytes, MAX_CHUNK_LINE) {
            Line::Whole(line, taken) => (line, taken),
            Line::Wait(needed) => return self.half(side).wait(State::ChunkSize, needed),
            Line::TooLong => return self.lose(side, true, notes),
        };
        match size_of_chunk(line) {
            Some(0) => self.half(side).to(State::Trailers(0), taken),
            Some(size) => self.half(side).to(State::Chunk(size), taken),
            None => self.lose(side, true, notes),
        }
    }

    /// A message ends, complete or not.
    fn finish(&mut self, side: Side, whole: bool, notes: &mut Notes<'_>) {
        let half = self.half(side);
        half.expecting = false;
        half.state = half.change.take().map_or(State::Start, State::Asked);
        let body = half.body.take();
        let login = body.and_then(|body| body.finish(whole, &mut self.exchange.dns, notes));
        if let Some((login, evidence)) = login {
            self.exchange.login(login, &evidence, notes);
        }
    }

    /// What comes next is no part of a message: the next start line is looked for. `may_start` says
    /// whether it may stand right here.
    fn lose(&mut self, side: Side, may_start: bool, notes: &mut Notes<'_>) -> Progress {
        self.finish(side, false, notes);
        self.lost_before = true;
        if may_start {
            return self.half(side).to(State::Lost(Here::Start), 0);
        }
        notes.account(Account::Malformed, 1);
        self.half(side).to(State::Lost(Here::Unknown), 1)
    }

    /// Looks for the next start line, and books what stands before it.
    fn resynchronise(
        &mut self,
        side: Side,
        here: Here,
        bytes: &[u8],
        notes: &mut Notes<'_>,
    ) -> Progress {
        match (here, look(bytes)) {
            (Here::Start, Look::Request | Look::Status) | (Here::Status, Look::Status) => {
                return Progress::Took(0);
            }
            (Here::Start, Look::More) => {
                let needed = bytes.len().saturating_add(1);
                return self.half(side).wait(State::Lost(here), needed);
            }
            (Here::Status, Look::More) if may_be_status(bytes) => {
                let needed = bytes.len().saturating_add(1);
                return self.half(side).wait(State::Lost(here), needed);
            }
            _ => {}
        }
        let mut state = State::Lost(Here::Unknown);
        let mut taken = bytes.len();
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' {
                (state, taken) = (State::Lost(Here::Start), at.saturating_add(1));
                break;
            }
            let looked_at = at == 0 && here != Here::Unknown;
            if *byte == b'H' && !looked_at {
                (state, taken) = (State::Lost(Here::Status), at);
                break;
            }
        }
        notes.account(Account::Malformed, taken);
        self.half(side).to(state, taken)
    }

    fn gap(&mut self, side: Side, length: u64, notes: &mut Notes<'_>) {
        let half = self.half(side);
        half.scanned = 0;
        half.expecting = false;
        match std::mem::take(&mut half.state) {
            State::Length(left) if length <= left => {
                half.hole();
                match left.saturating_sub(length) {
                    0 => self.finish(side, false, notes),
                    left => half.state = State::Length(left),
                }
            }
            State::Chunk(left) if length <= left => {
                half.hole();
                half.state = match left.saturating_sub(length) {
                    0 => State::ChunkEnd,
                    left => State::Chunk(left),
                };
            }
            State::UntilClose(_) => {
                half.hole();
                half.state = State::UntilClose(true);
            }
            State::Asked(next) => half.state = State::Asked(next),
            state => {
                if let State::Fields(mut head) = state {
                    match head.start {
                        Start::Request(_) => self.exchange.request(&mut head, notes),
                        Start::Status(100 | 102..=199) => {}
                        Start::Status(status) => {
                            self.exchange.answer(status, &head.evidence, notes);
                        }
                    }
                }
                self.finish(side, false, notes);
                self.half(side).state = State::Lost(Here::Start);
                // Requests that were lost have answers that match nothing; answers that were lost
                // leave requests without.
                if side == Side::Server {
                    self.exchange.lost_answers();
                }
            }
        }
    }

    fn end(&mut self, side: Side, notes: &mut Notes<'_>) {
        let half = self.half(side);
        match std::mem::take(&mut half.state) {
            State::Fields(mut head) => match head.start {
                Start::Request(_) => self.exchange.request(&mut head, notes),
                Start::Status(status) => {
                    self.exchange.answer(status, &head.evidence, notes);
                }
            },
            // Of a chunked body only the lines after the last chunk may be lacking.
            State::UntilClose(_) | State::Trailers(_) => self.finish(side, true, notes),
            _ => self.finish(side, false, notes),
        }
        self.ended = self.ended.saturating_add(1);
        if self.ended >= 2 {
            self.exchange.give_up(notes);
        }
    }
}

impl Half {
    fn to(&mut self, state: State, taken: usize) -> Progress {
        self.state = state;
        Progress::Took(taken)
    }

    fn wait(&mut self, state: State, needed: usize) -> Progress {
        self.state = state;
        Progress::Wait(needed)
    }

    fn hole(&mut self) {
        if let Some(body) = &mut self.body {
            body.hole();
        }
    }

    /// Hears at most `left` bytes of a body. Gives how many that were.
    fn hear(&mut self, bytes: &[u8], left: u64, notes: &mut Notes<'_>) -> usize {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        if let Some(body) = &mut self.body {
            body.hear(bytes.get(..part).unwrap_or_default(), notes);
        }
        part
    }

    /// The first line, without CRLF or LF.
    fn line<'a>(&mut self, bytes: &'a [u8], most: usize) -> Line<'a> {
        // No further than the limit, so that it holds however the bytes were cut into segments.
        let unsearched = bytes
            .get(self.scanned..bytes.len().min(most))
            .unwrap_or_default();
        match memchr::memchr(b'\n', unsearched) {
            Some(at) => {
                let end = self.scanned.saturating_add(at);
                let line = bytes.get(..end).unwrap_or_default();
                Line::Whole(
                    line.strip_suffix(b"\r").unwrap_or(line),
                    end.saturating_add(1),
                )
            }
            None if bytes.len() >= most => Line::TooLong,
            None => {
                self.scanned = bytes.len();
                Line::Wait(bytes.len().saturating_add(1))
            }
        }
    }

    /// The first field line, with the lines that continue it (RFC 9112 section 5.2).
    fn folded_line<'a>(&mut self, bytes: &'a [u8]) -> Line<'a> {
        loop {
            let (line, taken) = match self.line(bytes, MAX_LINE) {
                Line::Whole(line, taken) => (line, taken),
                other => return other,
            };
            if line.is_empty() {
                return Line::Whole(line, taken);
            }
            match bytes.get(taken) {
                Some(b' ' | b'\t') if taken < MAX_LINE => self.scanned = taken,
                Some(_) => return Line::Whole(line, taken),
                None => return Line::Wait(taken.saturating_add(1)),
            }
        }
    }
}

/// The hexadecimal digits that a line begins with. What surrounds them is passed over, as browsers do.
fn size_of_chunk(line: &[u8]) -> Option<u64> {
    let is_blank = |byte: &&u8| byte.is_ascii_whitespace() || byte.is_ascii_control();
    let blank = line.iter().take_while(is_blank).count();
    let digits = line.get(blank..)?;
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    u64::from_str_radix(std::str::from_utf8(digits.get(..count)?).ok()?, 16).ok()
}

/// Whether so few bytes may become a status line.
fn may_be_status(bytes: &[u8]) -> bool {
    b"HTTP/1.".starts_with(bytes) || bytes.starts_with(b"HTTP/1.")
}
