//! The Media Gateway Control Protocol (RFC 3435): an exchange tells gateways, each with plain telephones or lines of the old
//! network behind it, what to connect, and hears from them who lifted the receiver and which keys were pressed.

use std::collections::{BTreeMap, VecDeque};

use overheard_ledger::{CallState, Exposure, Rule};
use overheard_tap::{Analyzer, Chunk, Cut, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::call_book::{CallBook, MAX_DIGITS, call_rules, party, shortened};

#[cfg(test)]
mod tests;

/// The most endpoints (lines of gateways) of one conversation that are kept in mind.
const MAX_LINES: usize = 1024;
/// The most commands that are remembered, to know their answers and their repetitions.
const MAX_PENDING: usize = 256;
/// The most messages of one datagram, and parameter lines of one message, that are looked at.
const MAX_MESSAGES: usize = 32;
const MAX_PARAMETERS: usize = 128;
/// The most events or signals of one parameter that are looked at.
const MAX_EVENTS: usize = 64;

/// The ports of gateways and of call agents (RFC 3435 section 3.6).
const PORTS: [u16; 2] = [2427, 2727];

/// The commands (RFC 3435 section 3.2.1.1), and what is reserved for experiments.
const VERBS: [&str; 9] = [
    "EPCF", "CRCX", "MDCX", "DLCX", "RQNT", "NTFY", "AUEP", "AUCX", "RSIP",
];

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "mgcp",
    title: "Media Gateway Control Protocol",
    over: &[Over::Datagram],
    ports: &PORTS,
    standard: "RFC 3435",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Mgcp::default()),
    rules: &RULES,
};

static RULES: [Rule; 2] = call_rules!(
    "mgcp",
    "MGCP",
    "Carry MGCP between gateway and exchange over IPsec, as its standard demands, or replace it by SIP over TLS.",
    "RFC 3435 section 5"
);

fn probe(sample: &Sample<'_>) -> Probe {
    let Some(line) = lines(sample.first()).next() else {
        return Probe::No;
    };
    match start(line) {
        Some(Start::Command { .. }) => Probe::Sure,
        // An answer is two numbers: only the port says of what.
        Some(Start::Answer { .. }) if PORTS.iter().any(|port| sample.has_port(*port)) => {
            Probe::Likely(50)
        }
        _ => Probe::No,
    }
}

/// The lines of a message. Some senders end them with CR alone.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|&byte| byte == b'\n' || byte == b'\r')
        .filter(|line| !line.is_empty())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start<'a> {
    /// A command: its verb, its transaction and the endpoint that it is about.
    Command {
        verb: &'static str,
        transaction: u32,
        endpoint: &'a str,
    },
    /// An answer: its code and the transaction of the command.
    Answer { code: u16, transaction: u32 },
}

/// `CRCX 1204 aaln/1@rgw.example MGCP 1.0`, `200 1204 OK` (RFC 3435 section 3.2 and 3.3).
fn start(line: &[u8]) -> Option<Start<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    if line.chars().any(char::is_control) {
        return None;
    }
    let mut words = line.split_ascii_whitespace();
    let (first, transaction) = (words.next()?, words.next()?);
    // Transaction identifiers are numbers from 1 to 999999999.
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let transaction = Some(transaction)
        .filter(|text| text.len() <= 9 && digits(text))?
        .parse()
        .ok()?;
    if first.len() == 3 && digits(first) {
        let code = first.parse().ok()?;
        return Some(Start::Answer { code, transaction });
    }
    let verb = VERBS.iter().find(|verb| verb.eq_ignore_ascii_case(first))?;
    let endpoint = words.next()?;
    let version = (words.next()?, words.next()?);
    // What follows the version without an end of line is the first parameter of a careless sender.
    let is_version = version.0.eq_ignore_ascii_case("MGCP")
        && version.1.as_bytes().first().is_some_and(u8::is_ascii_digit);
    is_version.then_some(Start::Command {
        verb,
        transaction,
        endpoint,
    })
}

/// A message: its first line, its parameters and the description behind them.
struct Message<'a> {
    start: Start<'a>,
    parameters: Vec<(&'a str, &'a str)>,
    /// A description of a session.
    description: &'a [u8],
}

impl<'a> Message<'a> {
    /// The first message of the bytes, and what follows the line with a dot that ends it.
    fn read(bytes: &'a [u8]) -> Option<(Message<'a>, &'a [u8])> {
        let mut found: Option<Message<'a>> = None;
        let mut description = None;
        let mut at = 0;
        let mut end = bytes.len();
        let mut next = bytes.len();
        for line in bytes.split(|&byte| byte == b'\n' || byte == b'\r') {
            let begins = at;
            at += line.len() + 1;
            if line == b"." {
                (end, next) = (begins, at.min(bytes.len()));
                break;
            }
            let Some(message) = &mut found else {
                if !line.is_empty() {
                    found = Some(Message {
                        start: start(line)?,
                        parameters: Vec::new(),
                        description: &[],
                    });
                }
                continue;
            };
            if line.starts_with(b"v=") && description.is_none() {
                description = Some(begins);
            }
            if description.is_none() && message.parameters.len() < MAX_PARAMETERS {
                let parameter = std::str::from_utf8(line)
                    .ok()
                    .and_then(|line| line.split_once(':'));
                message
                    .parameters
                    .extend(parameter.map(|(name, value)| (name.trim(), value.trim())));
            }
        }
        let mut message = found?;
        message.description = description
            .and_then(|begins| bytes.get(begins..end))
            .unwrap_or_default();
        Some((message, bytes.get(next..).unwrap_or_default()))
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|&(_, value)| value)
            .filter(|value| !value.is_empty())
    }
}

/// An event or signal as its name and parameters: `L/hd`, `D/5`, `L/ci(10/14/17/26, "555-1212", Daddy)`, the package left out
/// (RFC 3435 section 2.1.7 and RFC 3660).
fn events(list: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut depth = 0_u32;
    let mut quoted = false;
    let separates = move |character: char| {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => return true,
            _ => {}
        }
        false
    };
    list.split(separates).take(MAX_EVENTS).map(|event| {
        let (name, parameters) = event.split_once('(').unwrap_or((event, ""));
        let parameters = parameters.trim().strip_suffix(')').unwrap_or(parameters);
        let name = name.split('@').next().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        (name.trim(), parameters.trim())
    })
}

/// The number of the signal that shows who calls: date and time, number, name (RFC 3660 section 2.3.4).
fn shown_caller(parameters: &str) -> Option<String> {
    let mut parts = parameters.splitn(3, ',').skip(1);
    let unquoted = |text: &str| party(text.trim().trim_matches('"'));
    // `P` and `O` say that the number is private or unknown.
    let number = parts
        .next()
        .and_then(unquoted)
        .filter(|number| !matches!(number.as_str(), "P" | "O"));
    number.or_else(|| parts.next().and_then(unquoted))
}

/// What is known of an endpoint: a telephone or a line.
#[derive(Default)]
struct Line {
    /// Its name as it was sent.
    name: String,
    /// The call that it takes part in.
    call: Option<String>,
    off_hook: bool,
    rings: bool,
    dialled: String,
    /// Who is shown as calling.
    caller: Option<String>,
}

/// A command that was heard lately, to know its answer and its repetitions by.
struct Pending {
    side: Side,
    transaction: u32,
    call: Option<String>,
    creates: bool,
    answered: bool,
}

struct Mgcp {
    book: CallBook,
    /// By name in lower case.
    lines: BTreeMap<String, Line>,
    pending: VecDeque<Pending>,
    ended: bool,
}

impl Default for Mgcp {
    fn default() -> Mgcp {
        Mgcp {
            book: CallBook::new(PROTOCOL.name),
            lines: BTreeMap::new(),
            pending: VecDeque::new(),
            ended: false,
        }
    }
}

impl Analyzer for Mgcp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.datagram(side, bytes, notes),
            Chunk::Gap(_) => Step::NotMine(Cut::wrong("mgcp", 0)),
            Chunk::End => {
                if std::mem::replace(&mut self.ended, true) {
                    self.book.finish(notes);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        self.book.held() + self.lines.len() * 2 * size_of::<Line>()
    }
}

impl Mgcp {
    fn datagram(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let Some((first, mut rest)) = Message::read(bytes) else {
            return Step::NotMine(Cut::wrong("mgcp", 0));
        };
        self.message(side, &first, notes);
        // Several messages may share a datagram (RFC 3435 section 3.5.5).
        for _ in 1..MAX_MESSAGES {
            let Some((next, after)) = Message::read(rest) else {
                break;
            };
            self.message(side, &next, notes);
            rest = after;
        }
        let blank = rest
            .iter()
            .all(|byte| byte.is_ascii_whitespace() || *byte == 0);
        let rest = if blank { 0 } else { rest.len() };
        Step::Took(bytes.len() - rest)
    }

    fn message(&mut self, side: Side, message: &Message<'_>, notes: &mut Notes<'_>) {
        match message.start {
            Start::Answer { code, transaction } => {
                self.answer(side, code, transaction, message.description, notes);
            }
            Start::Command {
                verb,
                transaction,
                endpoint,
            } => self.command(side, verb, transaction, endpoint, message, notes),
        }
    }

    fn answer(
        &mut self,
        side: Side,
        code: u16,
        transaction: u32,
        description: &[u8],
        notes: &mut Notes<'_>,
    ) {
        // Codes below 200 are provisional (RFC 3435 section 2.4).
        let asked = |pending: &&mut Pending| {
            pending.transaction == transaction && pending.side == side.other() && !pending.answered
        };
        let Some(pending) = self.pending.iter_mut().find(asked).filter(|_| code >= 200) else {
            return;
        };
        pending.answered = true;
        let creates = pending.creates;
        let call = pending.call.clone();
        let Some(followed) = call.and_then(|call| self.book.get(&call)) else {
            return;
        };
        followed.step(side, &format!("{code:03}"), notes);
        if code >= 400 && creates {
            followed.ended(Some(format!("{code:03}")), notes);
        }
        followed.announce(description, notes);
    }

    /// The endpoint's place, made where it is new.
    fn line(&mut self, endpoint: &str) -> Option<&mut Line> {
        let key = shortened(&endpoint.to_ascii_lowercase());
        // A wildcard is not one endpoint.
        if key.contains('*') || key.contains('$') {
            return None;
        }
        if self.lines.len() >= MAX_LINES && !self.lines.contains_key(&key) {
            self.lines.retain(|_, line| line.call.is_some());
            if self.lines.len() >= MAX_LINES {
                self.lines.pop_first();
            }
        }
        Some(self.lines.entry(key).or_insert_with(|| Line {
            name: shortened(endpoint),
            ..Line::default()
        }))
    }

    fn command(
        &mut self,
        side: Side,
        verb: &'static str,
        transaction: u32,
        endpoint: &str,
        message: &Message<'_>,
        notes: &mut Notes<'_>,
    ) {
        let repeated =
            |pending: &Pending| pending.transaction == transaction && pending.side == side;
        if self.pending.iter().any(repeated) {
            return;
        }
        let named = message.get("C").map(shortened);
        let call = match &named {
            Some(_) => named.clone(),
            None => self.line(endpoint).and_then(|line| line.call.clone()),
        };
        if let Some(call) = named.as_deref()
            && verb == "CRCX"
        {
            self.create(call, endpoint, !message.description.is_empty(), notes);
        }
        if let Some(followed) = call.as_deref().and_then(|call| self.book.get(call)) {
            followed.step(side, verb, notes);
            followed.announce(message.description, notes);
            let through = message
                .get("M")
                .is_some_and(|mode| mode.eq_ignore_ascii_case("sendrecv"));
            if through {
                followed.through.get_or_insert(notes.now());
                if verb == "MDCX" && followed.call.state == CallState::Ringing {
                    followed.answered(notes);
                }
            }
        }
        for list in [message.get("S"), message.get("O")].into_iter().flatten() {
            let signals = message.get("O") != Some(list);
            for (name, parameters) in events(list) {
                match signals {
                    true => self.signal(endpoint, name, parameters, notes),
                    false => self.event(endpoint, name, notes),
                }
            }
        }
        if verb == "DLCX" {
            if let Some(followed) = call.as_deref().and_then(|call| self.book.get(call)) {
                let reason = message.get("E").map(shortened);
                followed.ended(reason, notes);
            }
            if let Some(line) = self.line(endpoint) {
                line.call = None;
                line.rings = false;
            }
        }
        if self.pending.len() >= MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(Pending {
            side,
            transaction,
            call,
            creates: verb == "CRCX",
            answered: false,
        });
    }

    /// A connection of this endpoint for a call: who lifted the receiver and dialled calls the others; where that was not seen,
    /// the one whose connection is told at once where the other side listens is called.
    fn create(&mut self, call: &str, endpoint: &str, answers: bool, notes: &mut Notes<'_>) {
        let (mut from, mut to, mut rings) = (None, None, false);
        match self.line(endpoint) {
            Some(line) => {
                line.call = Some(call.to_owned());
                let name = party(&line.name);
                if line.off_hook || (!answers && !line.rings) {
                    from = name;
                    to = party(&line.dialled);
                } else {
                    to = name;
                    from.clone_from(&line.caller);
                    rings = line.rings;
                }
            }
            None if answers => to = party(endpoint),
            None => from = party(endpoint),
        }
        let followed = self.book.begin(call, notes);
        followed.from(from);
        followed.to(to);
        if rings {
            followed.ringing(notes);
        }
    }

    /// The exchange lets a telephone ring, or a caller hear that it rings at the other end.
    fn signal(&mut self, endpoint: &str, name: &str, parameters: &str, notes: &mut Notes<'_>) {
        // `-` switches a signal off.
        if parameters == "-" {
            return;
        }
        let name = name.to_ascii_lowercase();
        let rings = matches!(
            name.as_str(),
            "rg" | "r0" | "r1" | "r2" | "r3" | "r4" | "r5" | "r6" | "r7"
        );
        let Some(line) = self.line(endpoint) else {
            return;
        };
        line.rings |= rings;
        let caller = match name.as_str() {
            "ci" => shown_caller(parameters),
            _ => None,
        };
        line.caller = caller.clone().or(line.caller.take());
        let call = line.call.clone();
        if let Some(followed) = call.and_then(|call| self.book.get(&call)) {
            followed.from(caller);
            if rings || name == "rt" {
                followed.ringing(notes);
            }
        }
    }

    /// What a gateway saw: the receiver lifted or laid down, a key.
    fn event(&mut self, endpoint: &str, name: &str, notes: &mut Notes<'_>) {
        let Some(line) = self.line(endpoint) else {
            return;
        };
        let call = line.call.clone();
        let key = match name.as_bytes() {
            [key] if key.is_ascii_digit() || b"*#ABCDabcd".contains(key) => Some(char::from(*key)),
            _ => None,
        };
        let state = call
            .as_deref()
            .and_then(|call| self.book.get(call))
            .map(|followed| followed.call.state);
        let Some(line) = self.line(endpoint) else {
            return;
        };
        let mut answers = false;
        let lower = name.to_ascii_lowercase();
        match (lower.as_str(), key) {
            ("hd", _) => {
                line.off_hook = true;
                line.dialled.clear();
                answers = std::mem::take(&mut line.rings);
            }
            ("hu", _) => {
                line.off_hook = false;
                line.rings = false;
                line.dialled.clear();
            }
            (_, Some(key))
                if line.dialled.len() < MAX_DIGITS
                    && state.is_none_or(|state| state <= CallState::Ringing) =>
            {
                line.dialled.push(key);
            }
            _ => {}
        }
        let dialled = party(&line.dialled);
        let Some(followed) = call.and_then(|call| self.book.get(&call)) else {
            return;
        };
        match (lower.as_str(), key) {
            ("hd", _) if answers => followed.answered(notes),
            ("hu", _) => followed.ended(None, notes),
            (_, Some(_)) if followed.call.state <= CallState::Ringing => {
                followed.call.to = dialled.or(followed.call.to.take());
            }
            (_, Some(key)) => followed.digit(key),
            _ => {}
        }
    }
}
