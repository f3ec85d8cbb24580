//! SMTP (RFC 5321) and LMTP (RFC 2033): letters on their way, and logins (RFC 4954).
//!
//! Hears envelopes and letters (DATA, and BDAT of RFC 3030), AUTH, and whether STARTTLS (RFC 3207) was
//! offered, asked for, refused or left alone. Commands may be pipelined (RFC 2920).

use overheard_ledger::{Exposure, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Next, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::lines::{
    Asked, DotText, Lines, Reply, begins, contains, first_line, is_text, is_tls, not_text, word,
};
use crate::shared::mail_header::{
    Letter, MAX_RECIPIENTS, envelope_address, letter_heard, sealed_letter_heard,
};
use crate::shared::sasl::{Sasl, crackable_heard, password_heard};
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "smtp",
    title: "Simple Mail Transfer Protocol",
    over: &[Over::Stream],
    ports: &[25, 587, 465, 24],
    standard: "RFC 5321",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Smtp::default()),
    rules: RULES,
};

const RULES: &[Rule] = &[
    Rule {
        id: "smtp-password",
        title: "Password for sending mail in clear",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| password_heard(seen, "smtp")),
        remedy: "Send mail over TLS from the first byte (port 465), and let the server refuse logins without TLS. Change the password.",
        standard: "RFC 8314 section 3",
        explain: "Whoever hears this password can send mail in its owner's name, and mostly read the owner's mailbox with it as well.",
    },
    Rule {
        id: "smtp-crackable-login",
        title: "Login for sending mail that can be attacked offline",
        severity: Severity::High,
        exposure: Exposure::Weak,
        when: When::Record(|seen| crackable_heard(seen, "smtp")),
        remedy: "Send mail over TLS from the first byte (port 465), and let the server refuse logins without TLS.",
        standard: "RFC 8314 section 3",
        explain: "The password itself did not pass, but question and answer did: guesses can be tried on them at leisure, and most passwords are guessed.",
    },
    Rule {
        id: "smtp-letter",
        title: "Letters readable on their way",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| letter_heard(seen, "smtp")),
        remedy: "Between servers, offer and require STARTTLS, and publish MTA-STS or DANE; from clients, use TLS from the first byte.",
        standard: "RFC 3207; RFC 8461; RFC 7672; RFC 8314 section 3",
        explain: "A letter that passes without TLS is read whole: who wrote to whom, when, about what, the text and every attachment.",
    },
    Rule {
        id: "smtp-sealed-letter",
        title: "Sealed letters with a readable envelope",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| sealed_letter_heard(seen, "smtp")),
        remedy: "Between servers, offer and require STARTTLS, and publish MTA-STS or DANE: OpenPGP and S/MIME leave the envelope and most of the header readable.",
        standard: "RFC 3207; RFC 8461; RFC 7672",
        explain: "The text of these letters is encrypted, but who writes to whom, when, and mostly about what is not.",
    },
    Rule {
        id: "smtp-starttls-ignored",
        title: "Encryption offered for mail and not used",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set the client or sending server to require TLS: the server would have sealed this conversation.",
        standard: "RFC 3207; RFC 8314 section 3",
        explain: "The server offered to encrypt, and the client went on in clear. A setting on the client's side is enough to change that.",
    },
    Rule {
        id: "smtp-starttls-refused",
        title: "Encryption asked for and refused for mail",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Mend the server's TLS set-up, and set the client to give up rather than go on in clear.",
        standard: "RFC 3207 section 4",
        explain: "The client asked for encryption, was refused, and went on in clear: what a man in the middle would bring about looks the same.",
    },
    Rule {
        id: "smtp-starttls-not-offered",
        title: "Encryption not offered for mail",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set up TLS on the server; see whether something between client and server strips the offer.",
        standard: "RFC 3207; RFC 8461; RFC 7672",
        explain: "The server did not offer to encrypt, or something on the way took the offer out of its answer.",
    },
];

const COMMANDS: &[&[u8]] = &[
    b"EHLO",
    b"HELO",
    b"LHLO",
    b"MAIL",
    b"RCPT",
    b"DATA",
    b"BDAT",
    b"RSET",
    b"NOOP",
    b"QUIT",
    b"VRFY",
    b"EXPN",
    b"HELP",
    b"AUTH",
    b"STARTTLS",
    b"XCLIENT",
    b"XFORWARD",
    b"ETRN",
];

/// Bytes that a client may have said while it is not known whether they are a letter.
const MAX_HELD: usize = 64 * 1024;

fn is_command(line: &[u8]) -> bool {
    let (verb, _) = word(line);
    COMMANDS
        .iter()
        .any(|command| command.eq_ignore_ascii_case(verb))
}

/// What only a client of SMTP says first.
fn opens(client: &[u8]) -> bool {
    [
        &b"EHLO "[..],
        b"HELO ",
        b"LHLO ",
        b"MAIL FROM:",
        b"RCPT TO:",
    ]
    .iter()
    .any(|start| begins(client, start))
}

const STARTTLS: starttls::Rules = starttls::Rules {
    what: "Mail to",
    refused: "smtp-starttls-refused",
    ignored: "smtp-starttls-ignored",
    not_offered: Some("smtp-starttls-not-offered"),
};

fn probe(sample: &Sample<'_>) -> Probe {
    // A server that says who it is.
    let greets = |bytes: &[u8]| {
        let (line, _) = first_line(bytes);
        let named = || {
            [&b"SMTP"[..], b"LMTP", b"Postfix", b"Exim"]
                .iter()
                .any(|name| contains(line, name))
        };
        Reply::parse(line).is_some_and(|reply| matches!(reply.code, 220 | 421 | 554))
            && named()
            && is_text(line)
    };
    let (line, whole) = first_line(sample.client);
    let from_client = opens(line) && whole && is_text(line);
    if greets(sample.server)
        || from_client
            && (sample.server.is_empty() || sample.server.first().is_some_and(u8::is_ascii_digit))
    {
        return if contains(first_line(sample.server).0, b"FTP") {
            Probe::No
        } else {
            Probe::Sure
        };
    }
    let (server_line, server_whole) = first_line(sample.server);
    if greets(sample.client)
        || sample.client.is_empty() && opens(server_line) && server_whole && is_text(server_line)
    {
        return Probe::Reversed;
    }
    // Otherwise both sides have to look right: three digits, and commands or nothing.
    let digits = server_line.get(..3).unwrap_or(server_line);
    if !digits.iter().all(u8::is_ascii_digit)
        || server_whole && Reply::parse(server_line).is_none()
        || !is_text(server_line)
    {
        return Probe::No;
    }
    let port = PROTOCOL.ports.contains(&sample.server_port);
    let starts = |prefix: &[u8]| begins(line, prefix.get(..line.len()).unwrap_or(prefix));
    let possible = line.is_empty()
        || if whole {
            is_command(line)
        } else {
            COMMANDS.iter().any(|command| starts(command)) || is_command(line)
        };
    if !possible
        || contains(server_line, b"FTP")
        || (sample.client.is_empty() && sample.server.is_empty())
    {
        return Probe::No;
    }
    if whole && !sample.server.is_empty() && server_whole {
        // NOOP, HELP and QUIT are words of other protocols too.
        let clear = [
            &b"AUTH LOGIN"[..],
            b"AUTH PLAIN",
            b"AUTH CRAM",
            b"STARTTLS",
            b"DATA",
            b"BDAT",
            b"MAIL",
            b"RCPT",
        ];
        // NNTP, which shares STARTTLS too, greets with 200 or 201.
        if Reply::parse(server_line).is_some_and(|reply| matches!(reply.code, 200 | 201)) {
            return Probe::No;
        }
        return match (clear.iter().any(|start| begins(line, start)), port) {
            (true, _) => Probe::Likely(80),
            (false, true) => Probe::Likely(60),
            (false, false) => Probe::No,
        };
    }
    if !sample.whole {
        return Probe::More;
    }
    if port && server_whole {
        Probe::Likely(50)
    } else {
        Probe::No
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Auth,
    Starttls,
    Data,
    /// The end of a letter.
    Letter,
    Other,
}

/// What the client's next bytes are.
#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    #[default]
    Commands,
    /// DATA was said; a letter follows if the server agrees.
    Wanted,
    /// A letter, up to the dot.
    Letter(DotText),
    /// So many bytes of a letter, and whether they are its last (BDAT).
    Part(u64, bool),
    /// STARTTLS was said: nothing is understood before the server has answered.
    Sealing,
}

#[derive(Debug, Default)]
struct Smtp {
    lines: [Lines; 2],
    asked: Asked<Verb>,
    phase: Phase,
    /// Whether the server agreed to a DATA that was not heard yet.
    granted: bool,
    /// Whether the server is being heard at all: what it says can be waited for.
    server_heard: bool,
    starttls: Starttls,
    /// Whether one side has said its last: the other may still explain what that was.
    one_ended: bool,
    lmtp: bool,
    sasl: Option<Sasl>,
    recipients: Vec<String>,
    letter: Option<Box<Letter>>,
}

impl Analyzer for Smtp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (side, chunk) {
            (Side::Client, Chunk::Bytes(bytes)) => self.client(bytes, notes),
            (Side::Server, Chunk::Bytes(bytes)) => self.server(bytes, notes),
            (_, Chunk::Gap(missing)) => {
                self.gap(side, missing);
                Step::Took(0)
            }
            (_, Chunk::End) => {
                if side == Side::Client {
                    self.letter_ends(false, notes);
                }
                if std::mem::replace(&mut self.one_ended, true) {
                    self.login_ends(None, notes);
                }
                Step::Took(0)
            }
        }
    }
}

impl Smtp {
    fn gap(&mut self, side: Side, missing: u64) {
        self.asked.clear();
        self.granted = false;
        self.server_heard &= side == Side::Client;
        if let Some(lines) = self.lines.get_mut(side.index()) {
            lines.lost();
        }
        match (side, &mut self.phase) {
            (Side::Client, Phase::Letter(text)) => text.lost(),
            (Side::Client, Phase::Wanted) => self.phase = Phase::Letter(DotText::default()),
            (Side::Client, Phase::Part(left, _)) if *left > missing => *left -= missing,
            (Side::Client, _) => self.phase = Phase::Commands,
            (Side::Server, Phase::Sealing) => self.phase = Phase::Commands,
            (Side::Server, _) => {}
        }
        if side == Side::Client {
            if matches!(self.phase, Phase::Letter(_)) && self.letter.is_none() {
                self.letter = Some(Box::new(Letter::new()));
            }
            if let Some(letter) = &mut self.letter {
                letter.lost();
            }
        }
    }

    fn client(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Step::Took(at);
            }
            match &mut self.phase {
                Phase::Sealing if self.server_heard || !is_tls(rest) => {
                    if self.server_heard && rest.len() <= MAX_HELD {
                        return Step::Took(at);
                    }
                    self.phase = Phase::Commands;
                }
                Phase::Wanted => {
                    // The server has not agreed yet, or was not heard: what follows says what it is. A
                    // client that was refused goes on with a command.
                    let (line, whole) = first_line(rest);
                    let command = is_command(line);
                    if rest.len() <= MAX_HELD && (!whole || command && self.server_heard) {
                        return Step::Took(at);
                    }
                    self.phase = if command {
                        Phase::Commands
                    } else {
                        Phase::Letter(DotText::default())
                    };
                }
                Phase::Letter(text) => {
                    let letter = self.letter.get_or_insert_with(|| Box::new(Letter::new()));
                    letter.heard(notes);
                    let (taken, ended) = text.take(rest, |piece| letter.push(piece));
                    at += taken;
                    if ended {
                        self.phase = Phase::Commands;
                        let answers = if self.lmtp { self.recipients.len() } else { 1 };
                        (0..answers).for_each(|_| self.asked.push(Verb::Letter));
                        self.letter_ends(true, notes);
                    } else if taken == 0 || at == bytes.len() {
                        return Step::Took(at);
                    }
                }
                Phase::Part(left, last) => {
                    let letter = self.letter.get_or_insert_with(|| Box::new(Letter::new()));
                    let piece = rest
                        .get(..usize::try_from(*left).unwrap_or(usize::MAX))
                        .unwrap_or(rest);
                    letter.heard(notes);
                    letter.push(piece);
                    at += piece.len();
                    *left -= piece.len() as u64;
                    if *left == 0 {
                        let last = *last;
                        self.phase = Phase::Commands;
                        if last {
                            self.letter_ends(true, notes);
                        }
                    }
                }
                Phase::Commands | Phase::Sealing => {
                    if is_tls(rest) && self.lines[0].at_start() {
                        self.login_ends(None, notes);
                        return Step::Become {
                            took: at,
                            next: Next::Protocol("tls"),
                        };
                    }
                    let Some(line) = self.lines[0].next(rest) else {
                        return Step::Took(at);
                    };
                    at += line.taken;
                    if self.lines[0].is_strange() {
                        return not_text(at - line.taken, "smtp command");
                    }
                    if line.begins {
                        self.command(line.text, notes);
                    }
                }
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
        let mut asked = Verb::Other;
        match verb.to_ascii_uppercase().as_slice() {
            hello @ (b"EHLO" | b"HELO" | b"LHLO") => {
                self.lmtp = hello == b"LHLO";
                self.forget_envelope(notes);
            }
            b"RSET" => self.forget_envelope(notes),
            b"RCPT" if self.recipients.len() < MAX_RECIPIENTS => {
                self.recipients.push(envelope_address(argument))
            }
            b"DATA" => {
                asked = Verb::Data;
                self.phase = if self.granted {
                    Phase::Letter(DotText::default())
                } else {
                    Phase::Wanted
                };
                self.granted = false;
            }
            b"BDAT" => {
                let (size, last) = word(argument);
                let size: Option<u64> = std::str::from_utf8(size)
                    .ok()
                    .and_then(|size| size.parse().ok());
                let last = last.trim_ascii_end();
                let is_last = last.eq_ignore_ascii_case(b"LAST");
                match size {
                    Some(0) if is_last => self.letter_ends(true, notes),
                    Some(size) if size > 0 && (is_last || last.is_empty()) => {
                        self.phase = Phase::Part(size, is_last)
                    }
                    _ => {}
                }
            }
            b"STARTTLS" => {
                asked = Verb::Starttls;
                self.phase = Phase::Sealing;
            }
            b"AUTH" => {
                asked = Verb::Auth;
                self.login_ends(None, notes);
                let (mechanism, initial) = word(argument);
                let mut sasl = Sasl::begin(mechanism, notes);
                if !initial.is_empty() {
                    sasl.client(initial, notes);
                }
                self.sasl = Some(sasl);
            }
            _ => {}
        }
        self.asked.push(asked);
    }

    fn forget_envelope(&mut self, notes: &mut Notes<'_>) {
        self.letter_ends(false, notes);
        self.recipients.clear();
    }

    fn letter_ends(&mut self, whole: bool, notes: &mut Notes<'_>) {
        if let Some(letter) = self.letter.take() {
            letter.write(
                PROTOCOL.name,
                std::mem::take(&mut self.recipients),
                whole,
                notes,
            );
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        if let Some(sasl) = self.sasl.take() {
            sasl.into_login().write(PROTOCOL.name, accepted, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    fn server(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        self.server_heard = true;
        let mut at = 0;
        while let Some(line) = self.lines[1].next(bytes.get(at..).unwrap_or_default()) {
            at += line.taken;
            if self.lines[1].is_strange() {
                return not_text(at - line.taken, "smtp reply");
            }
            let Some(reply) = Reply::parse(line.text).filter(|_| line.begins) else {
                continue;
            };
            if reply.code == 250 {
                self.starttls.listed |= reply.more;
                self.starttls.offered |= begins(reply.text, b"STARTTLS");
            }
            if !reply.more && self.reply(reply, notes) {
                return Step::Become {
                    took: at,
                    next: Next::Protocol("tls"),
                };
            }
        }
        Step::Took(at)
    }

    /// The last line of a reply. Whether the conversation is sealed from here on.
    fn reply(&mut self, reply: Reply<'_>, notes: &mut Notes<'_>) -> bool {
        match reply.code {
            220 if self.asked.pop_to(&Verb::Starttls) => {
                self.login_ends(None, notes);
                return true;
            }
            // A greeting, or a farewell that nobody asked for.
            220 | 421 => {}
            235 => {
                self.asked.pop_to(&Verb::Auth);
                self.login_ends(Some(true), notes);
            }
            334 => {
                if self.sasl.is_none() && reply.text == b"VXNlcm5hbWU6" {
                    self.sasl = Some(Sasl::begin(b"LOGIN", notes));
                }
                if let Some(sasl) = &mut self.sasl {
                    sasl.server(reply.text);
                }
            }
            354 => {
                self.asked.pop_to(&Verb::Data);
                if matches!(self.phase, Phase::Wanted) {
                    self.phase = Phase::Letter(DotText::default());
                } else {
                    self.granted = matches!(self.phase, Phase::Commands);
                }
            }
            _ => self.answer(reply, notes),
        }
        false
    }

    /// A reply that says yes or no to whatever was asked first.
    fn answer(&mut self, reply: Reply<'_>, notes: &mut Notes<'_>) {
        let lost = self
            .letter
            .as_ref()
            .is_some_and(|letter| letter.is_broken());
        if lost && matches!(self.phase, Phase::Letter(_)) {
            // The dot was among what is missing.
            self.phase = Phase::Commands;
            self.letter_ends(false, notes);
            return;
        }
        match self.asked.pop() {
            Some(Verb::Auth) if reply.no() => self.login_ends(Some(false), notes),
            Some(Verb::Starttls) if reply.no() => {
                self.starttls.refused = true;
                if matches!(self.phase, Phase::Sealing) {
                    self.phase = Phase::Commands;
                }
            }
            Some(Verb::Data) if reply.no() => {
                self.phase = Phase::Commands;
                self.letter_ends(false, notes);
            }
            None if reply.no() && self.sasl.as_ref().is_some_and(Sasl::complete) => {
                self.login_ends(Some(false), notes)
            }
            // A yes to these has a code of its own: this answers something that was missed.
            Some(verb @ (Verb::Auth | Verb::Starttls | Verb::Data)) => self.asked.put_back(verb),
            _ => {}
        }
    }
}
