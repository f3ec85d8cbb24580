//! ManageSieve (RFC 5804): logins to where the filters of a mailbox are kept, and STARTTLS.

use overheard_ledger::{Exposure, Rule};
use overheard_tap::{Analyzer, Chunk, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::lines::{Asked, Lines, Then, begins, first_line, is_text, word};
use crate::shared::login_rules::{login_rules, starttls_rules};
use crate::shared::sasl::Sasl;
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "managesieve",
    title: "ManageSieve",
    over: &[Over::Stream],
    ports: &[4190],
    standard: "RFC 5804",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(ManageSieve::default()),
    rules: &RULES,
};

static RULES: [Rule; 5] = login_rules!(
    "managesieve",
    "the filters of a mailbox",
    "Set the client to require STARTTLS, and let the server refuse logins without it.",
    "RFC 5804 section 2.2"
);

const STARTTLS: starttls::Rules = starttls_rules!("managesieve", "Filters of a mailbox on");

/// The first words of a server: what it can do.
fn is_capability(line: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [
        b"\"IMPLEMENTATION\" \"",
        b"\"SIEVE\" \"",
        b"\"SASL\" \"",
        b"\"STARTTLS\"",
    ];
    NAMES.iter().any(|name| begins(line, name))
}

fn probe(sample: &Sample<'_>) -> Probe {
    let looks = |bytes: &[u8]| {
        let (line, whole) = first_line(bytes);
        match bytes.first() {
            None => Probe::More,
            Some(b'"') if !whole && bytes.len() < 1024 && is_text(bytes) => Probe::More,
            Some(b'"') if whole && is_capability(line) && is_text(line) => Probe::Sure,
            Some(_) => Probe::No,
        }
    };
    match looks(sample.server) {
        // The server speaks first.
        Probe::More if !sample.client.is_empty() && sample.server.is_empty() => {
            match looks(sample.client) {
                Probe::Sure => Probe::Reversed,
                _ => Probe::No,
            }
        }
        Probe::More if sample.whole => Probe::No,
        found => found,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Starttls,
    Authenticate,
    Other,
}

#[derive(Debug, Default)]
struct ManageSieve {
    lines: [Lines; 2],
    asked: Asked<Verb>,
    /// Bytes of a literal that client and server are in the middle of.
    literals: [u64; 2],
    /// A command whose last argument is the literal behind it.
    held: Option<Vec<u8>>,
    /// Whether the server's greeting is over.
    greeted: bool,
    sealing: bool,
    server_heard: bool,
    starttls: Starttls,
    sasl: Option<Sasl>,
    one_ended: bool,
}

/// Bytes of a literal that may belong to a login.
const MAX_LOGIN: usize = 8 * 1024;

/// The size of the literal that follows a line which ends with `{12}` or `{12+}` (RFC 5804 section 1.2).
fn literal(line: &[u8]) -> Option<(&[u8], u64)> {
    let open = line.iter().rposition(|&byte| byte == b'{')?;
    let (before, size) = line.split_at_checked(open)?;
    let digits = size.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((before, size))
}

/// A string without its quotation marks.
fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    let inner = text
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""));
    inner.unwrap_or(text)
}

impl Analyzer for ManageSieve {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(missing) => {
                self.asked.clear();
                self.held = None;
                self.sealing = false;
                if let (Some(lines), Some(left)) = (
                    self.lines.get_mut(side.index()),
                    self.literals.get_mut(side.index()),
                ) {
                    if *left < missing {
                        lines.lost();
                    }
                    *left = left.saturating_sub(missing);
                }
                Step::Took(0)
            }
            Chunk::End => {
                if std::mem::replace(&mut self.one_ended, true) {
                    self.login_ends(None, notes);
                }
                Step::Took(0)
            }
        }
    }
}

impl ManageSieve {
    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let left = self.literals.get(side.index()).copied().unwrap_or_default();
        if left > 0 {
            return self.literal(side, left, bytes, notes);
        }
        if side == Side::Server {
            self.server_heard = true;
            let mut lines = self.lines[1];
            let step = lines.each(bytes, "managesieve response", |line| {
                self.response(line, notes)
            });
            self.lines[1] = lines;
            return step;
        }
        if self.sealing && self.server_heard {
            return Step::Took(0);
        }
        let mut lines = self.lines[0];
        let step = lines.each(bytes, "managesieve command", |line| {
            self.command(line, notes)
        });
        self.lines[0] = lines;
        step
    }

    /// So many bytes that are no lines; of a login they are its last argument.
    fn literal(&mut self, side: Side, left: u64, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let size = usize::try_from(left).unwrap_or(usize::MAX);
        let held = self.held.take_if(|_| side == Side::Client);
        let piece = bytes.get(..size).unwrap_or(bytes);
        if let Some(held) = held {
            if piece.len() < size {
                self.held = Some(held);
                return Step::Need(size);
            }
            let line = [&held, piece].concat();
            self.complete(&line, notes);
        }
        if let Some(slot) = self.literals.get_mut(side.index()) {
            *slot = left.saturating_sub(piece.len() as u64);
        }
        Step::Took(piece.len())
    }

    fn command(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Then {
        let Some((before, size)) = literal(line) else {
            return self.complete(line, notes);
        };
        self.literals[0] = size;
        let login = begins(line, b"AUTHENTICATE") || self.sasl.is_some() && before.is_empty();
        if login && usize::try_from(size).is_ok_and(|size| size <= MAX_LOGIN) {
            self.held = Some(before.to_vec());
        } else {
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
        match size {
            0 => Then::GoOn,
            _ => Then::Wait,
        }
    }

    /// A command with its last argument.
    fn complete(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Then {
        if let Some(sasl) = &mut self.sasl
            && !sasl.complete()
            && (sasl.client(unquoted(line), notes) || unquoted(line) == b"*")
        {
            return Then::GoOn;
        }
        let (verb, argument) = word(line);
        match verb.to_ascii_uppercase().as_slice() {
            b"STARTTLS" => {
                self.sealing = true;
                self.asked.push(Verb::Starttls);
                if self.server_heard {
                    return Then::Wait;
                }
            }
            b"AUTHENTICATE" => {
                self.login_ends(None, notes);
                let (mechanism, initial) = word(argument);
                let mut sasl = Sasl::begin(unquoted(mechanism), notes);
                if !initial.is_empty() {
                    sasl.client(unquoted(initial), notes);
                }
                self.sasl = Some(sasl);
                self.asked.push(Verb::Authenticate);
            }
            // The line end behind a literal.
            b"" => {}
            _ => self.asked.push(Verb::Other),
        }
        Then::GoOn
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        if let Some(sasl) = self.sasl.take() {
            sasl.into_login().write(PROTOCOL.name, accepted, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    fn response(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Then {
        let (status, _) = word(line);
        let said = match status.to_ascii_uppercase().as_slice() {
            b"OK" => Some(true),
            b"NO" | b"BYE" => Some(false),
            _ => None,
        };
        let Some(yes) = said else {
            self.starttls.listed |= is_capability(line);
            self.starttls.offered |= begins(line, b"\"STARTTLS\"");
            if let (Some(sasl), Some(b'"')) = (&mut self.sasl, line.first()) {
                sasl.server(unquoted(line));
            }
            if let Some((_, size)) = literal(line).filter(|&(_, size)| size > 0) {
                self.literals[1] = size;
                return Then::Wait;
            }
            return Then::GoOn;
        };
        if !std::mem::replace(&mut self.greeted, true) {
            return Then::GoOn;
        }
        match (self.asked.pop(), yes) {
            (Some(Verb::Starttls), true) => {
                self.login_ends(None, notes);
                return Then::Tls;
            }
            (Some(Verb::Starttls), false) => {
                (self.sealing, self.starttls.refused) = (false, true);
            }
            (Some(Verb::Authenticate), _) => self.login_ends(Some(yes), notes),
            _ => {}
        }
        Then::GoOn
    }
}
