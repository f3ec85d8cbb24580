//! IMAP (RFC 9051, RFC 3501): letters being fetched and stored, and logins: LOGIN, AUTHENTICATE.
//!
//! Literals stream by, whatever their size; STARTTLS hands over to TLS.

use std::collections::VecDeque;

use overheard_ledger::{Exposure, Rule, SERVER, Severity, When};
use overheard_tap::{Analyzer, Chunk, Next, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::lines::{Lines, begins, contains, first_line, is_text, is_tls, not_text, word};
use crate::shared::mail_header::{Letter, letter_heard, sealed_letter_heard};
use crate::shared::sasl::{Login, Sasl, crackable_heard, password_heard};
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "imap",
    title: "Internet Message Access Protocol",
    over: &[Over::Stream],
    ports: &[143, 993],
    standard: "RFC 9051",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Imap::default()),
    rules: RULES,
};

const RULES: &[Rule] = &[
    Rule {
        id: "imap-password",
        title: "Password of a mailbox in clear",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| password_heard(seen, "imap")),
        remedy: "Read mail over TLS from the first byte (port 993), and close the port without TLS on the server. Change the password.",
        standard: "RFC 8314 section 3",
        explain: "Whoever hears this password can read the mailbox from then on, and have other services send their new passwords there.",
    },
    Rule {
        id: "imap-crackable-login",
        title: "Login of a mailbox that can be attacked offline",
        severity: Severity::High,
        exposure: Exposure::Weak,
        when: When::Record(|seen| crackable_heard(seen, "imap")),
        remedy: "Read mail over TLS from the first byte (port 993), and close the port without TLS on the server.",
        standard: "RFC 8314 section 3",
        explain: "The password itself did not pass, but question and answer did: guesses can be tried on them at leisure, and most passwords are guessed.",
    },
    Rule {
        id: "imap-letter",
        title: "Letters readable while being fetched",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| letter_heard(seen, "imap")),
        remedy: "Read mail over TLS from the first byte (port 993).",
        standard: "RFC 8314 section 3",
        explain: "A letter that is fetched without TLS is read whole: who wrote to whom, when, about what, the text and every attachment.",
    },
    Rule {
        id: "imap-sealed-letter",
        title: "Sealed letters with a readable header",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| sealed_letter_heard(seen, "imap")),
        remedy: "Read mail over TLS from the first byte (port 993): OpenPGP and S/MIME leave most of the header readable.",
        standard: "RFC 8314 section 3",
        explain: "The text of these letters is encrypted, but who writes to whom, when, and mostly about what is not.",
    },
    Rule {
        id: "imap-headers",
        title: "Contents list of a mailbox readable",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Read mail over TLS from the first byte (port 993).",
        standard: "RFC 8314 section 3",
        explain: "A mail program fetches senders, recipients, dates and subjects of many letters to show a list of them, and a tap reads the list.",
    },
    Rule {
        id: "imap-starttls-ignored",
        title: "Encryption offered for a mailbox and not used",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set the client to require TLS, best from the first byte (port 993).",
        standard: "RFC 9051 section 11.1; RFC 8314 section 3",
        explain: "The server offered to encrypt, and the client went on in clear. A setting on the client's side is enough to change that.",
    },
    Rule {
        id: "imap-starttls-refused",
        title: "Encryption asked for and refused for a mailbox",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Mend the server's TLS set-up, and set the client to give up rather than go on in clear.",
        standard: "RFC 8314 section 3",
        explain: "The client asked for encryption, was refused, and went on in clear: what a man in the middle would bring about looks the same.",
    },
    Rule {
        id: "imap-starttls-not-offered",
        title: "Encryption not offered for a mailbox",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set up TLS on the server, best from the first byte (port 993).",
        standard: "RFC 8314 section 3",
        explain: "The server said what it can do, and encryption was not among it, or something on the way took it out.",
    },
];

/// Bytes of a command that are kept, literals in it included.
const MAX_COMMAND: usize = 16 * 1024;

/// Bytes of a literal that may be a user name or a password; longer ones are passed over.
const MAX_ARGUMENT: u64 = 4096;

/// Bytes at the beginning of a command in which its tag, its verb and an argument are looked for at every
/// literal that it has.
const MAX_BEGINNING: usize = 256;

/// Headers that are remembered for letters whose text is fetched apart.
const MAX_HEADERS: usize = 32;

const COMMANDS: &[&[u8]] = &[
    b"LOGIN",
    b"AUTHENTICATE",
    b"CAPABILITY",
    b"STARTTLS",
    b"NOOP",
    b"ID",
    b"SELECT",
    b"EXAMINE",
    b"LIST",
    b"LSUB",
    b"STATUS",
    b"FETCH",
    b"UID",
    b"LOGOUT",
    b"ENABLE",
    b"IDLE",
    b"NAMESPACE",
    b"APPEND",
    b"STORE",
    b"SEARCH",
    b"CLOSE",
    b"EXPUNGE",
    b"CHECK",
    b"COPY",
    b"MOVE",
    b"CREATE",
    b"GETQUOTAROOT",
    b"COMPRESS",
];

/// Whether a client could say this: a tag, and a command.
fn is_command(line: &[u8]) -> bool {
    let (tag, rest) = word(line);
    let (verb, _) = word(rest);
    let tagged = !tag.is_empty()
        && tag.len() <= 32
        && tag
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_/#@".contains(byte));
    tagged
        && COMMANDS
            .iter()
            .any(|command| command.eq_ignore_ascii_case(verb))
}

/// Whether a server greets so (RFC 9051 section 7.1).
fn greets(line: &[u8]) -> bool {
    [&b"* OK"[..], b"* PREAUTH", b"* BYE"]
        .iter()
        .any(|start| begins(line, start))
}

const STARTTLS: starttls::Rules = starttls::Rules {
    what: "A mailbox on",
    refused: "imap-starttls-refused",
    ignored: "imap-starttls-ignored",
    not_offered: Some("imap-starttls-not-offered"),
};

fn probe(sample: &Sample<'_>) -> Probe {
    let (server, server_whole) = first_line(sample.server);
    let (client, client_whole) = first_line(sample.client);
    let port = sample.server_port == 143;
    if greets(client) && client_whole && is_text(client) && contains(client, b"IMAP") {
        return Probe::Reversed;
    }
    let commands = client_whole && is_command(client) && is_text(client);
    if sample.server.is_empty() {
        return match (commands, port) {
            (true, true) => Probe::Likely(70),
            (true, false) => Probe::Likely(50),
            (false, _) => Probe::No,
        };
    }
    if !begins(server, b"* ".get(..server.len().min(2)).unwrap_or_default()) || !is_text(server) {
        // A tagged answer to a tagged command, when the beginning was not captured.
        let (tag, rest) = word(server);
        let fits = commands
            && word(client).0 == tag
            && [&b"OK"[..], b"NO", b"BAD"]
                .iter()
                .any(|yes| begins(rest, yes));
        return if fits { Probe::Likely(80) } else { Probe::No };
    }
    if !server_whole {
        return if sample.whole { Probe::No } else { Probe::More };
    }
    match (greets(server), commands) {
        (true, true) => Probe::Sure,
        (true, false) if contains(server, b"IMAP") => Probe::Sure,
        (true, false) if client_whole => Probe::No,
        (true, false) if !sample.whole => Probe::More,
        (true, false) => Probe::Likely(if port { 70 } else { 40 }),
        (false, true) => Probe::Likely(80),
        (false, false) if port => Probe::Likely(30),
        (false, false) => Probe::No,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Login,
    Starttls,
    Compress,
}

/// What a literal of the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Letter,
    Argument,
    Other,
}

/// What a literal of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    /// A whole letter.
    Whole,
    /// The part of a letter that begins at this offset.
    Piece(u64),
    /// A header, or fields of it.
    Header,
    /// The text without the header.
    Text,
    Other,
}

/// A letter that is fetched in pieces.
#[derive(Debug)]
struct Pieces {
    number: u32,
    next: u64,
    size: u64,
    letter: Box<Letter>,
}

#[derive(Debug, Default)]
struct Imap {
    lines: [Lines; 2],
    /// The client's command so far: literals in it as quoted strings.
    command: Vec<u8>,
    /// Bytes left of a literal of the client, and whether any has come.
    literal: Option<(u64, Use, bool)>,
    appended: Option<Box<Letter>>,
    /// The command whose answer matters.
    asked: Option<(Vec<u8>, Verb)>,
    sealing: bool,
    server_heard: bool,
    starttls: Starttls,
    /// Whether one side has said its last: the other may still explain what that was.
    one_ended: bool,
    listed: bool,
    login: Option<Login>,
    sasl: Option<Sasl>,
    /// The message that the server's FETCH answer is about.
    fetched: Option<u32>,
    /// Bytes left of a literal of the server.
    section: Option<(u64, Section)>,
    letter: Option<Box<Letter>>,
    pieces: Option<Pieces>,
    headers: VecDeque<(u32, Box<Letter>)>,
}

impl Analyzer for Imap {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (side, chunk) {
            (Side::Client, Chunk::Bytes(bytes)) => self.client(bytes, notes),
            (Side::Server, Chunk::Bytes(bytes)) => self.server(bytes, notes),
            (Side::Client, Chunk::Gap(missing)) => {
                self.client_gap(missing, notes);
                Step::Took(0)
            }
            (Side::Server, Chunk::Gap(missing)) => {
                self.server_gap(missing, notes);
                Step::Took(0)
            }
            (side, Chunk::End) => {
                match side {
                    Side::Client => self.append_ends(false, notes),
                    Side::Server => {
                        self.section_ends(false, notes);
                        self.pieces_end(notes);
                    }
                }
                if std::mem::replace(&mut self.one_ended, true) {
                    self.login_ends(None, notes);
                }
                Step::Took(0)
            }
        }
    }
}

impl Imap {
    fn client_gap(&mut self, missing: u64, notes: &mut Notes<'_>) {
        self.sealing = false;
        if let Some(letter) = &mut self.appended {
            letter.lost();
        }
        match &mut self.literal {
            Some((left, _, _)) if *left > missing => *left -= missing,
            _ => {
                self.literal = None;
                self.append_ends(false, notes);
                self.lines[0].lost();
            }
        }
        self.command.clear();
    }

    fn server_gap(&mut self, missing: u64, notes: &mut Notes<'_>) {
        self.sealing = false;
        self.server_heard = false;
        if let Some(letter) = &mut self.letter {
            letter.lost();
        }
        match &mut self.section {
            Some((left, _)) if *left > missing => *left -= missing,
            _ => {
                self.section_ends(false, notes);
                self.fetched = None;
                self.lines[1].lost();
            }
        }
    }

    fn client(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if let Some((left, what, begun)) = &mut self.literal {
                let piece = rest
                    .get(..usize::try_from(*left).unwrap_or(usize::MAX))
                    .unwrap_or(rest);
                *left -= piece.len() as u64;
                *begun |= !piece.is_empty();
                at += piece.len();
                match what {
                    Use::Letter => {
                        if let Some(letter) = &mut self.appended {
                            letter.heard(notes);
                            letter.push(piece);
                        }
                    }
                    Use::Argument if self.command.len() < MAX_COMMAND => {
                        for &byte in piece {
                            if matches!(byte, b'"' | b'\\') {
                                self.command.push(b'\\');
                            }
                            self.command.push(byte);
                        }
                    }
                    _ => {}
                }
                if *left > 0 {
                    return Step::Took(at);
                }
                match what {
                    Use::Letter => self.append_ends(true, notes),
                    _ => self.quote(),
                }
                self.literal = None;
                continue;
            }
            if is_tls(rest) && self.lines[0].at_start() && !(self.sealing && self.server_heard) {
                self.login_ends(None, notes);
                return Step::Become {
                    took: at,
                    next: Next::Protocol("tls"),
                };
            }
            if self.sealing {
                return Step::Took(at);
            }
            let Some(line) = self.lines[0].next(rest) else {
                return Step::Took(at);
            };
            at += line.taken;
            if self.lines[0].is_strange() {
                return not_text(at - line.taken, "imap command");
            }
            if line.begins {
                self.client_line(line.text, notes);
            }
        }
    }

    fn client_line(&mut self, line: &[u8], notes: &mut Notes<'_>) {
        if let Some(sasl) = &mut self.sasl
            && !sasl.complete()
            && (sasl.client(line, notes) || line == b"*")
        {
            return;
        }
        let room = MAX_COMMAND.saturating_sub(self.command.len());
        let (before, size) =
            literal(line).map_or((line, None), |(before, size)| (before, Some(size)));
        self.command
            .extend_from_slice(before.get(..room).unwrap_or(before));
        let Some(size) = size else {
            let mut command = std::mem::take(&mut self.command);
            self.command(&command, notes);
            command.clear();
            self.command = command;
            return;
        };
        let begun = self.command.get(..MAX_BEGINNING).unwrap_or(&self.command);
        let (_, rest) = word(begun);
        let (verb, arguments) = word(rest);
        // The mailbox of APPEND may be a literal as well.
        let what = if verb.eq_ignore_ascii_case(b"APPEND") && !arguments.is_empty() {
            self.appended = Some(Box::new(Letter::new()));
            Use::Letter
        } else if size <= MAX_ARGUMENT {
            Use::Argument
        } else {
            Use::Other
        };
        if what != Use::Letter {
            self.quote();
        }
        self.literal = Some((size, what, false));
    }

    /// Puts a quotation mark where a literal begins or ends.
    fn quote(&mut self) {
        if self.command.len() < MAX_COMMAND {
            self.command.push(b'"');
        }
    }

    fn command(&mut self, command: &[u8], notes: &mut Notes<'_>) {
        let (tag, rest) = word(command);
        let (verb, arguments) = word(rest);
        let asked = match verb.to_ascii_uppercase().as_slice() {
            b"LOGIN" => {
                self.login_ends(None, notes);
                let (user, rest) = astring(arguments);
                let (secret, _) = astring(rest);
                let mut login = Login::of_user("login", &user, notes);
                login.secret(&secret, notes);
                self.login = Some(login);
                Verb::Login
            }
            b"AUTHENTICATE" => {
                self.login_ends(None, notes);
                let (mechanism, initial) = word(arguments);
                let mut sasl = Sasl::begin(mechanism, notes);
                if !initial.is_empty() {
                    sasl.client(initial, notes);
                }
                self.sasl = Some(sasl);
                Verb::Login
            }
            b"STARTTLS" => {
                self.sealing = true;
                Verb::Starttls
            }
            b"COMPRESS" => Verb::Compress,
            _ => return,
        };
        self.asked = Some((tag.to_vec(), asked));
    }

    fn append_ends(&mut self, whole: bool, notes: &mut Notes<'_>) {
        if let Some(letter) = self.appended.take() {
            letter.write(PROTOCOL.name, Vec::new(), whole, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        let sasl = self.sasl.take().map(Sasl::into_login);
        for login in [self.login.take(), sasl].into_iter().flatten() {
            login.write(PROTOCOL.name, accepted, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    fn server(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        self.server_heard = true;
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if let Some((left, _)) = &mut self.section {
                let piece = rest
                    .get(..usize::try_from(*left).unwrap_or(usize::MAX))
                    .unwrap_or(rest);
                *left -= piece.len() as u64;
                at += piece.len();
                if let Some(letter) = &mut self.letter {
                    letter.heard(notes);
                    letter.push(piece);
                }
                if *left > 0 {
                    return Step::Took(at);
                }
                self.section_ends(true, notes);
                continue;
            }
            let Some(line) = self.lines[1].next(rest) else {
                return Step::Took(at);
            };
            at += line.taken;
            if self.lines[1].is_strange() {
                return not_text(at - line.taken, "imap answer");
            }
            if line.begins
                && let Some(next) = self.server_line(line.text, notes)
            {
                return Step::Become { took: at, next };
            }
        }
    }

    /// One line of the server, or the rest of one behind a literal. Who goes on, when it is not IMAP.
    fn server_line(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Option<Next> {
        let continued = self.fetched.is_some();
        let (first, rest) = word(line);
        if continued || first == b"*" {
            let (number, verb) = word(rest);
            if !continued && begins(verb, b"FETCH") {
                self.fetched = std::str::from_utf8(number)
                    .ok()
                    .and_then(|number| number.parse().ok());
                if contains(verb, b"ENVELOPE (") {
                    self.list_heard(notes);
                }
            } else if !continued {
                self.capability(rest);
            }
            match literal(line) {
                Some((before, size)) if self.fetched.is_some() => {
                    self.section_begins(before, size, notes)
                }
                Some((_, size)) if !greets(line) => self.section = Some((size, Section::Other)),
                _ => self.fetched = None,
            }
            return None;
        }
        if first == b"+" {
            if let Some(sasl) = &mut self.sasl {
                sasl.server(rest);
            }
            return None;
        }
        self.capability(rest);
        let yes = begins(rest, b"OK");
        if !yes
            && word(&self.command).0 == first
            && self.literal.is_some_and(|(_, _, begun)| !begun)
        {
            // Refused before the literal was sent: it will not come.
            self.literal = None;
            self.appended = None;
            self.command.clear();
        }
        let (_, verb) = self.asked.take_if(|(tag, _)| tag == first)?;
        match (verb, yes) {
            (Verb::Starttls, true) => {
                self.login_ends(None, notes);
                return Some(Next::Protocol("tls"));
            }
            // RFC 4978: what follows is compressed, and nobody here undoes that yet.
            (Verb::Compress, true) => return Some(Next::Protocol("deflate")),
            (Verb::Starttls, false) => (self.sealing, self.starttls.refused) = (false, true),
            (Verb::Compress, false) => {}
            (Verb::Login, _) => self.login_ends(Some(yes), notes),
        }
        None
    }

    /// `CAPABILITY ...`, or `OK [CAPABILITY ...] ...`.
    fn capability(&mut self, text: &[u8]) {
        if begins(text, b"CAPABILITY ") || contains(text.get(..32).unwrap_or(text), b"[CAPABILITY ")
        {
            self.starttls.listed = true;
            self.starttls.offered |= contains(text, b"STARTTLS");
        }
    }

    /// Senders and subjects of letters pass, without the letters.
    fn list_heard(&mut self, notes: &mut Notes<'_>) {
        if !std::mem::replace(&mut self.listed, true) {
            let learns = format!(
                "The contents list of a mailbox on {SERVER}: senders, recipients, subjects"
            );
            notes.observe("imap-headers", learns);
        }
        self.starttls.passed_in_clear(&STARTTLS, notes);
    }

    fn section_begins(&mut self, before: &[u8], size: u64, notes: &mut Notes<'_>) {
        let section = section(before);
        let number = self.fetched.unwrap_or_default();
        let known = self
            .headers
            .iter()
            .rev()
            .find(|(of, _)| *of == number)
            .map(|(_, header)| header);
        self.letter = match section {
            Section::Other => None,
            Section::Whole | Section::Header => Some(Box::new(Letter::new())),
            Section::Text => {
                Some(Box::new(known.map_or_else(Letter::new, |header| {
                    Letter::with_header(header)
                })))
            }
            Section::Piece(offset) => {
                if self
                    .pieces
                    .as_ref()
                    .is_some_and(|pieces| pieces.number != number || pieces.next != offset)
                {
                    self.pieces_end(notes);
                }
                match self.pieces.take() {
                    Some(Pieces {
                        letter,
                        size: first,
                        ..
                    }) => {
                        let next = offset.saturating_add(size);
                        let empty = Box::new(Letter::new());
                        self.pieces = Some(Pieces {
                            number,
                            next,
                            size: if size < first { 0 } else { first },
                            letter: empty,
                        });
                        Some(letter)
                    }
                    None if offset == 0 => {
                        self.pieces = Some(Pieces {
                            number,
                            next: size,
                            size,
                            letter: Box::new(Letter::new()),
                        });
                        Some(Box::new(Letter::new()))
                    }
                    None => None,
                }
            }
        };
        self.section = Some((size, section));
    }

    fn section_ends(&mut self, whole: bool, notes: &mut Notes<'_>) {
        let Some((_, section)) = self.section.take() else {
            return;
        };
        let Some(mut letter) = self.letter.take() else {
            return;
        };
        match section {
            Section::Whole => {
                letter.write(PROTOCOL.name, Vec::new(), whole, notes);
                self.starttls.passed_in_clear(&STARTTLS, notes);
            }
            Section::Text => {
                letter.write(PROTOCOL.name, Vec::new(), false, notes);
                self.starttls.passed_in_clear(&STARTTLS, notes);
            }
            Section::Piece(_) => {
                if !whole {
                    letter.lost();
                }
                if let Some(pieces) = &mut self.pieces {
                    pieces.letter = letter;
                }
            }
            Section::Header => {
                self.list_heard(notes);
                letter.header_is_whole();
                if self.headers.len() >= MAX_HEADERS {
                    self.headers.pop_front();
                }
                self.headers
                    .push_back((self.fetched.unwrap_or_default(), letter));
            }
            Section::Other => {}
        }
    }

    fn pieces_end(&mut self, notes: &mut Notes<'_>) {
        if let Some(pieces) = self.pieces.take() {
            // A piece shorter than the first was the last: all of the letter is here.
            pieces
                .letter
                .write(PROTOCOL.name, Vec::new(), pieces.size == 0, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }
}

/// The literal that a line ends with (`{5}`, `{5+}`, `~{5}`): what stands before it, and its size in bytes.
fn literal(line: &[u8]) -> Option<(&[u8], u64)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|&byte| byte == b'{')?;
    let (before, digits) = inner.split_at_checked(open)?;
    let digits = digits.get(1..)?;
    let digits = digits
        .strip_suffix(b"+")
        .or(digits.strip_suffix(b"-"))
        .unwrap_or(digits);
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((before.strip_suffix(b"~").unwrap_or(before), size))
}

/// The string that arguments begin with, quoted or an atom, and what follows it.
fn astring(arguments: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(inside) = arguments.strip_prefix(b"\"") else {
        let (atom, rest) = word(arguments);
        return (atom.to_vec(), rest);
    };
    let (mut string, mut escaped) = (Vec::new(), false);
    for (at, &byte) in inside.iter().enumerate() {
        match byte {
            b'"' if !escaped => {
                return (
                    string,
                    inside.get(at + 1..).unwrap_or_default().trim_ascii_start(),
                );
            }
            b'\\' if !escaped => escaped = true,
            _ => {
                string.push(byte);
                escaped = false;
            }
        }
    }
    (string, &[])
}

/// What the literal is that stands behind this part of a FETCH answer (RFC 9051 section 7.5.2).
fn section(before: &[u8]) -> Section {
    let before = before.trim_ascii_end().to_ascii_uppercase();
    let item = |name: &[u8]| {
        before
            .windows(name.len())
            .rposition(|window| window == name)
            .and_then(|at| before.get(at + name.len()..))
    };
    let body = item(b"BODY[").or_else(|| item(b"BINARY["));
    match (body, item(b"RFC822")) {
        (Some(b"]"), _) => Section::Whole,
        (Some([b']', b'<', offset @ .., b'>']), _) => {
            let offset = std::str::from_utf8(offset)
                .ok()
                .and_then(|offset| offset.parse().ok());
            offset.map_or(Section::Other, Section::Piece)
        }
        (Some(b"TEXT]" | b"1]"), _) => Section::Text,
        (Some(rest), _) if rest.starts_with(b"HEADER") && rest.ends_with(b"]") => Section::Header,
        (None, Some(b"")) => Section::Whole,
        (None, Some(b".HEADER")) => Section::Header,
        (None, Some(b".TEXT")) => Section::Text,
        _ => Section::Other,
    }
}
