//! POP3 (RFC 1939): letters being fetched, and logins: USER and PASS, APOP, AUTH (RFC 5034). STLS (RFC 2595).

use overheard_ledger::{Exposure, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Next, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::lines::{
    Asked, DotText, Lines, begins, contains, first_line, is_text, is_tls, not_text, word,
};
use crate::shared::mail_header::{Letter, letter_heard, sealed_letter_heard};
use crate::shared::sasl::{Login, Sasl, crackable_heard, password_heard};
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "pop3",
    title: "Post Office Protocol version 3",
    over: &[Over::Stream],
    ports: &[110, 995],
    standard: "RFC 1939",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Pop3::default()),
    rules: RULES,
};

const RULES: &[Rule] = &[
    Rule {
        id: "pop3-password",
        title: "Password of a mailbox in clear",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| password_heard(seen, "pop3")),
        remedy: "Fetch mail over TLS from the first byte (port 995), and close the port without TLS on the server. Change the password.",
        standard: "RFC 8314 section 3",
        explain: "Whoever hears this password can read the mailbox from then on, and have other services send their new passwords there.",
    },
    Rule {
        id: "pop3-crackable-login",
        title: "Login of a mailbox that can be attacked offline",
        severity: Severity::High,
        exposure: Exposure::Weak,
        when: When::Record(|seen| crackable_heard(seen, "pop3")),
        remedy: "Fetch mail over TLS from the first byte (port 995), and close the port without TLS on the server.",
        standard: "RFC 8314 section 3",
        explain: "The password itself did not pass, but question and answer did: guesses can be tried on them at leisure, and most passwords are guessed.",
    },
    Rule {
        id: "pop3-letter",
        title: "Letters readable while being fetched",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| letter_heard(seen, "pop3")),
        remedy: "Fetch mail over TLS from the first byte (port 995).",
        standard: "RFC 8314 section 3",
        explain: "A letter that is fetched without TLS is read whole: who wrote to whom, when, about what, the text and every attachment.",
    },
    Rule {
        id: "pop3-sealed-letter",
        title: "Sealed letters with a readable header",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| sealed_letter_heard(seen, "pop3")),
        remedy: "Fetch mail over TLS from the first byte (port 995): OpenPGP and S/MIME leave most of the header readable.",
        standard: "RFC 8314 section 3",
        explain: "The text of these letters is encrypted, but who writes to whom, when, and mostly about what is not.",
    },
    Rule {
        id: "pop3-starttls-ignored",
        title: "Encryption offered for a mailbox and not used",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set the client to require TLS, best from the first byte (port 995).",
        standard: "RFC 2595 section 4; RFC 8314 section 3",
        explain: "The server offered to encrypt, and the client went on in clear. A setting on the client's side is enough to change that.",
    },
    Rule {
        id: "pop3-starttls-refused",
        title: "Encryption asked for and refused for a mailbox",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Mend the server's TLS set-up, and set the client to give up rather than go on in clear.",
        standard: "RFC 8314 section 3",
        explain: "The client asked for encryption, was refused, and went on in clear: what a man in the middle would bring about looks the same.",
    },
    Rule {
        id: "pop3-starttls-not-offered",
        title: "Encryption not offered for a mailbox",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set up TLS on the server, best from the first byte (port 995).",
        standard: "RFC 8314 section 3",
        explain: "The server said what it can do, and encryption was not among it, or something on the way took it out.",
    },
];

const COMMANDS: &[&[u8]] = &[
    b"USER", b"PASS", b"APOP", b"AUTH", b"CAPA", b"STLS", b"STAT", b"LIST", b"UIDL", b"RETR",
    b"TOP", b"DELE", b"NOOP", b"RSET", b"QUIT", b"LAST", b"UTF8", b"LANG", b"XTND",
];

fn is_command(line: &[u8]) -> bool {
    let (verb, _) = word(line);
    COMMANDS
        .iter()
        .any(|command| command.eq_ignore_ascii_case(verb))
}

/// Whether a server's line says yes or no, rather than being part of something longer.
fn status(line: &[u8]) -> Option<bool> {
    match line {
        [b'+', b'O' | b'o', b'K' | b'k', rest @ ..]
            if rest.first().is_none_or(|&byte| byte == b' ') =>
        {
            Some(true)
        }
        [b'-', b'E' | b'e', b'R' | b'r', b'R' | b'r', rest @ ..]
            if rest.first().is_none_or(|&byte| byte == b' ') =>
        {
            Some(false)
        }
        _ => None,
    }
}

const STARTTLS: starttls::Rules = starttls::Rules {
    what: "A mailbox on",
    refused: "pop3-starttls-refused",
    ignored: "pop3-starttls-ignored",
    not_offered: Some("pop3-starttls-not-offered"),
};

fn probe(sample: &Sample<'_>) -> Probe {
    let (server, server_whole) = first_line(sample.server);
    let (client, client_whole) = first_line(sample.client);
    if sample.server.is_empty() {
        // `USER` is said in FTP as well.
        let port = sample.server_port == 110;
        if status(client).is_some() && client_whole && is_text(client) {
            return if contains(client, b"POP3") {
                Probe::Reversed
            } else {
                Probe::No
            };
        }
        return match (client_whole && is_command(client) && is_text(client), port) {
            (true, true) => Probe::Likely(60),
            (true, false) if begins(client, b"APOP ") || begins(client, b"CAPA") => {
                Probe::Likely(50)
            }
            (true, false)
                if begins(client, b"RETR ") && client.iter().skip(5).all(u8::is_ascii_digit) =>
            {
                Probe::Likely(30)
            }
            _ => Probe::No,
        };
    }
    let start = |word: &[u8]| begins(server, word.get(..server.len()).unwrap_or(word));
    if !server_whole {
        return if is_text(server) && (start(b"+OK") || start(b"-ERR")) && !sample.whole {
            Probe::More
        } else {
            Probe::No
        };
    }
    if status(server).is_none() || !is_text(server) {
        return Probe::No;
    }
    if client_whole {
        return if is_command(client) && is_text(client) {
            Probe::Sure
        } else {
            Probe::No
        };
    }
    if contains(server, b"POP") {
        return Probe::Sure;
    }
    match (sample.whole, sample.server_port) {
        (false, _) => Probe::More,
        (true, 110) => Probe::Likely(60),
        (true, _) => Probe::Likely(30),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    User,
    Pass,
    Auth,
    /// AUTH alone, and CAPA: what the server can do.
    Capabilities,
    Stls,
    /// RETR: a letter; TOP: its beginning.
    Retr,
    Top,
    /// Something else whose answer has several lines.
    Listing,
    Other,
}

/// What the server's next bytes are.
#[derive(Debug, Default)]
enum Phase {
    #[default]
    Answers,
    Letter(DotText, Box<Letter>, bool),
    Listing(Verb),
}

#[derive(Debug, Default)]
struct Pop3 {
    lines: [Lines; 2],
    asked: Asked<Verb>,
    phase: Phase,
    /// STLS was said, and not answered.
    sealing: bool,
    server_heard: bool,
    starttls: Starttls,
    /// Whether one side has said its last: the other may still explain what that was.
    one_ended: bool,
    /// The login that USER began, or that APOP is.
    user: Option<Login>,
    sasl: Option<Sasl>,
}

impl Analyzer for Pop3 {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (side, chunk) {
            (Side::Client, Chunk::Bytes(bytes)) => return self.client(bytes, notes),
            (Side::Server, Chunk::Bytes(bytes)) => return self.server(bytes, notes),
            (_, Chunk::Gap(_)) => {
                self.asked.clear();
                self.sealing = false;
                if let Some(lines) = self.lines.get_mut(side.index()) {
                    lines.lost();
                }
                if side == Side::Server {
                    self.server_heard = false;
                    match &mut self.phase {
                        Phase::Letter(text, letter, _) => {
                            text.lost();
                            letter.lost();
                        }
                        // Its end may be among what is missing; lines of it are no answers.
                        _ => self.phase = Phase::Answers,
                    }
                }
            }
            (_, Chunk::End) => {
                if side == Side::Server {
                    self.letter_ends(false, notes);
                }
                if std::mem::replace(&mut self.one_ended, true) {
                    self.login_ends(None, notes);
                }
            }
        }
        Step::Took(0)
    }
}

impl Pop3 {
    fn client(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
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
                return not_text(at - line.taken, "pop3 command");
            }
            if line.begins {
                self.command(line.text, notes);
            }
        }
    }

    fn command(&mut self, line: &[u8], notes: &mut Notes<'_>) {
        if let Some(sasl) = &mut self.sasl
            && !sasl.complete()
            && (sasl.client(line, notes) || line == b"*")
        {
            return;
        }
        let (verb, argument) = word(line);
        let asked = match verb.to_ascii_uppercase().as_slice() {
            b"USER" => {
                self.login_ends(None, notes);
                self.user = Some(Login::of_user(
                    "user-pass",
                    argument.trim_ascii_end(),
                    notes,
                ));
                Verb::User
            }
            b"PASS" => {
                // A password may hold blanks, also at its ends (RFC 1939 section 7).
                let secret = line.trim_ascii_start().get(5..).unwrap_or_default();
                let login = self.user.get_or_insert_with(|| Login {
                    mechanism: "user-pass".into(),
                    ..Login::default()
                });
                login.secret(secret, notes);
                Verb::Pass
            }
            b"APOP" => {
                self.login_ends(None, notes);
                let (user, digest) = word(argument);
                let mut login = Login::of_user("apop", user, notes);
                login.secret(digest.trim_ascii_end(), notes);
                login.crackable = true;
                self.user = Some(login);
                Verb::Pass
            }
            b"AUTH" if argument.is_empty() => Verb::Capabilities,
            b"AUTH" => {
                self.login_ends(None, notes);
                let (mechanism, initial) = word(argument);
                let mut sasl = Sasl::begin(mechanism, notes);
                if !initial.is_empty() {
                    sasl.client(initial, notes);
                }
                self.sasl = Some(sasl);
                Verb::Auth
            }
            b"CAPA" => Verb::Capabilities,
            b"STLS" => {
                self.sealing = true;
                Verb::Stls
            }
            b"RETR" => Verb::Retr,
            b"TOP" => Verb::Top,
            b"LIST" | b"UIDL" if argument.is_empty() => Verb::Listing,
            _ => Verb::Other,
        };
        self.asked.push(asked);
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        let sasl = self.sasl.take().map(Sasl::into_login);
        for login in [self.user.take(), sasl].into_iter().flatten() {
            login.write(PROTOCOL.name, accepted, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    fn letter_ends(&mut self, whole: bool, notes: &mut Notes<'_>) {
        if let Phase::Letter(_, letter, all) = std::mem::take(&mut self.phase) {
            letter.write(PROTOCOL.name, Vec::new(), whole && all, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    fn server(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        self.server_heard = true;
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if let Phase::Letter(text, letter, _) = &mut self.phase {
                if letter.is_broken() && status(first_line(rest).0).is_some() {
                    // The answer to a later command: the dot was among what is missing.
                    self.letter_ends(false, notes);
                    self.lines[1] = Lines::default();
                    continue;
                }
                letter.heard(notes);
                let (taken, ended) = text.take(rest, |piece| letter.push(piece));
                at += taken;
                if !ended {
                    return Step::Took(at);
                }
                self.letter_ends(true, notes);
                continue;
            }
            let mut ahead = self.lines[1];
            let Some(line) = ahead.next(rest) else {
                return Step::Took(at);
            };
            if line.begins
                && matches!(self.phase, Phase::Answers)
                && status(line.text).is_none()
                && is_field(line.text)
            {
                // A letter, of which neither the request nor the answer's first line was heard.
                self.phase = Phase::Letter(DotText::default(), Box::new(Letter::new()), true);
                continue;
            }
            self.lines[1] = ahead;
            at += line.taken;
            if self.lines[1].is_strange() {
                return not_text(at - line.taken, "pop3 answer");
            }
            if line.begins && self.answer(line.text, notes) {
                return Step::Become {
                    took: at,
                    next: Next::Protocol("tls"),
                };
            }
        }
    }

    /// One line of the server outside letters. Whether the conversation is sealed from here on.
    fn answer(&mut self, line: &[u8], notes: &mut Notes<'_>) -> bool {
        if let Phase::Listing(what) = self.phase {
            if line == b"." {
                self.phase = Phase::Answers;
            } else if what == Verb::Capabilities {
                self.starttls.listed = true;
                self.starttls.offered |= line.eq_ignore_ascii_case(b"STLS");
            }
            return false;
        }
        let Some(yes) = status(line) else {
            if let ([b'+', b' ', challenge @ ..], Some(sasl)) = (line, &mut self.sasl) {
                sasl.server(challenge);
            }
            return false;
        };
        match (self.asked.pop(), yes) {
            (Some(Verb::Stls), true) => {
                self.login_ends(None, notes);
                return true;
            }
            (Some(Verb::Stls), false) => (self.sealing, self.starttls.refused) = (false, true),
            // The password is still to come.
            (Some(Verb::User), true) => {}
            (Some(Verb::User | Verb::Pass | Verb::Auth), _) => self.login_ends(Some(yes), notes),
            (Some(verb @ (Verb::Retr | Verb::Top)), true) => {
                self.phase = Phase::Letter(
                    DotText::default(),
                    Box::new(Letter::new()),
                    verb == Verb::Retr,
                );
            }
            (Some(verb @ (Verb::Capabilities | Verb::Listing)), true) => {
                self.phase = Phase::Listing(verb)
            }
            _ => {}
        }
        false
    }
}

/// Whether a line looks like the beginning of a letter's header (RFC 5322 section 2.2).
fn is_field(line: &[u8]) -> bool {
    let colon = line.iter().position(|&byte| byte == b':').unwrap_or(0);
    let name = line.get(..colon).unwrap_or_default();
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}
