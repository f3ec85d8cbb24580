//! FTP, the control connection (RFC 959, RFC 2428): logins, and which file goes over which data connection.
//!
//! Data connections are announced to `join` as `ftp-data`; AUTH (RFC 4217) hands over to TLS.

use std::net::{IpAddr, Ipv4Addr};

use overheard_ledger::{Body, Endpoint, Exposure, HintBody, Rule, SERVER, Severity, When};
use overheard_tap::{Analyzer, Chunk, Next, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::lines::{
    Asked, Lines, Reply, begins, contains, first_line, is_text, is_tls, not_text, text, word,
};
use crate::shared::sasl::{Login, password_heard};
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "ftp",
    title: "File Transfer Protocol",
    over: &[Over::Stream],
    ports: &[21, 990],
    standard: "RFC 959",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Ftp::default()),
    rules: RULES,
};

const RULES: &[Rule] = &[
    Rule {
        id: "ftp-password",
        title: "Password for files in clear",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Credential(login) if is_anonymous(login.user.as_deref()) => None,
            _ => password_heard(seen, "ftp"),
        }),
        remedy: "Move to SFTP or HTTPS, or let the server require AUTH TLS before the login. Change the password.",
        standard: "RFC 4217",
        explain: "Whoever hears this password can fetch, change and delete files as its owner can, and often log in elsewhere with it.",
    },
    Rule {
        id: "ftp-file",
        title: "Files readable on their way",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Object(object) if object.protocol == "ftp-data" || object.protocol == "ftp" => {
                Some(format!("Files transferred with {}", seen.server()))
            }
            _ => None,
        }),
        remedy: "Move to SFTP or HTTPS, or let the server require AUTH TLS and PROT P.",
        standard: "RFC 4217",
        explain: "FTP sends files as they are: whoever hears the connection has a copy, and knows its name and who fetched or stored it.",
    },
    Rule {
        id: "ftp-control",
        title: "File names and folders readable",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Move to SFTP or HTTPS, or let the server require AUTH TLS.",
        standard: "RFC 4217",
        explain: "The commands of FTP name every folder and file that is looked at, fetched, stored or deleted.",
    },
    Rule {
        id: "ftp-tls-ignored",
        title: "Encryption offered for files and not used",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set the client to use explicit TLS: the server would have sealed this conversation.",
        standard: "RFC 4217",
        explain: "The server offered to encrypt, and the client logged in in clear. A setting on the client's side is enough to change that.",
    },
    Rule {
        id: "ftp-tls-refused",
        title: "Encryption asked for and refused for files",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set up TLS on the server, and set the client to give up rather than go on in clear.",
        standard: "RFC 4217",
        explain: "The client asked for encryption, was refused, and went on in clear: what a man in the middle would bring about looks the same.",
    },
    Rule {
        id: "ftp-tls-not-offered",
        title: "Encryption not offered for files",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set up TLS on the server, or use SFTP, and set the client to give up rather than go on in clear.",
        standard: "RFC 4217",
        explain: "The server said what it can do, and encryption was not among it, or something on the way took it out.",
    },
];

const COMMANDS: &[&[u8]] = &[
    b"USER", b"PASS", b"ACCT", b"CWD", b"CDUP", b"SMNT", b"QUIT", b"REIN", b"PORT", b"PASV",
    b"TYPE", b"STRU", b"MODE", b"RETR", b"STOR", b"STOU", b"APPE", b"ALLO", b"REST", b"RNFR",
    b"RNTO", b"ABOR", b"DELE", b"RMD", b"MKD", b"PWD", b"LIST", b"NLST", b"SITE", b"SYST", b"STAT",
    b"HELP", b"NOOP", b"FEAT", b"OPTS", b"AUTH", b"ADAT", b"PROT", b"PBSZ", b"CCC", b"EPRT",
    b"EPSV", b"LPRT", b"LPSV", b"MDTM", b"SIZE", b"MLST", b"MLSD", b"HOST", b"CLNT", b"XPWD",
    b"XCWD", b"XMKD", b"XRMD", b"XCUP",
];

/// Commands that other protocols with replies of three digits (SMTP, NNTP) know as well.
const SHARED_COMMANDS: &[&[u8]] = &[
    b"AUTH", b"HELP", b"LIST", b"MODE", b"NOOP", b"QUIT", b"SITE", b"STAT",
];

/// Bytes of a file name that are kept.
const MAX_NAME: usize = 4096;

/// The verb of a command, without the telnet signals that may stand before it (RFC 959 section 4.1.3).
fn verb(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let start = line
        .iter()
        .position(|byte| byte.is_ascii_alphabetic())
        .unwrap_or(0);
    let signals = line.get(..start).unwrap_or_default();
    let line = if signals.iter().all(|&byte| byte >= 0xf0) {
        line.get(start..).unwrap_or_default()
    } else {
        line
    };
    let (verb, argument) = word(line);
    (verb.to_ascii_uppercase(), argument)
}

fn is_command(line: &[u8]) -> bool {
    let (verb, _) = verb(line);
    COMMANDS.contains(&verb.as_slice())
}

fn is_anonymous(user: Option<&str>) -> bool {
    user.is_some_and(|user| {
        user.eq_ignore_ascii_case("anonymous") || user.eq_ignore_ascii_case("ftp")
    })
}

const STARTTLS: starttls::Rules = starttls::Rules {
    what: "A login on",
    refused: "ftp-tls-refused",
    ignored: "ftp-tls-ignored",
    not_offered: Some("ftp-tls-not-offered"),
};

fn probe(sample: &Sample<'_>) -> Probe {
    let greets = |line: &[u8]| {
        Reply::parse(line).is_some_and(|reply| matches!(reply.code, 120 | 220 | 421 | 530))
            && is_text(line)
    };
    let (server, server_whole) = first_line(sample.server);
    let (client, client_whole) = first_line(sample.client);
    let port = sample.server_port == 21;
    if sample.server.is_empty() {
        if greets(client) && client_whole && contains(client, b"FTP") && !contains(client, b"SMTP")
        {
            return Probe::Reversed;
        }
        // Many commands are words of other protocols too: those that are not, or more than one.
        let second = first_line(sample.client.get(client.len() + 2..).unwrap_or_default()).0;
        let command = client_whole && is_text(client) && is_command(client);
        let own = command && !SHARED_COMMANDS.contains(&verb(client).0.as_slice());
        return match (own, port) {
            (true, true) => Probe::Likely(60),
            (false, true) if command => Probe::Likely(50),
            (true, false) if begins(client, b"USER ") && second.is_empty() && !sample.whole => {
                Probe::More
            }
            (true, false) if begins(client, b"USER ") && is_command(second) => Probe::Likely(20),
            (true, false)
                if begins(client, b"PASV")
                    || begins(client, b"EPSV")
                    || begins(client, b"PORT ") =>
            {
                Probe::Likely(40)
            }
            _ => Probe::No,
        };
    }
    let digits = server.get(..3).unwrap_or(server);
    if !digits.iter().all(u8::is_ascii_digit)
        || !is_text(server)
        || server_whole && Reply::parse(server).is_none()
    {
        return Probe::No;
    }
    if contains(server, b"SMTP") {
        return Probe::No;
    }
    if greets(server)
        && contains(server, b"FTP")
        && (client.is_empty() || !client_whole || is_command(client))
    {
        return Probe::Sure;
    }
    if client_whole && server_whole {
        let own = is_command(client) && !SHARED_COMMANDS.contains(&verb(client).0.as_slice());
        let tls = begins(client, b"AUTH TLS") || begins(client, b"AUTH SSL");
        return match (own || tls, port) {
            (true, _) if greets(server) => Probe::Sure,
            (true, _) => Probe::Likely(80),
            (false, true) if is_command(client) => Probe::Likely(60),
            _ => Probe::No,
        };
    }
    let starts = |command: &&[u8]| begins(command, client) || begins(client, command);
    if !client.is_empty() && !COMMANDS.iter().any(starts) {
        return Probe::No;
    }
    match (sample.whole, port && server_whole) {
        (false, _) => Probe::More,
        (true, true) => Probe::Likely(50),
        (true, false) => Probe::No,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    User,
    Pass,
    Tls,
    Passive,
    Active,
    Transfer,
    Features,
    Other,
}

#[derive(Debug, Default)]
struct Ftp {
    lines: [Lines; 2],
    asked: Asked<Verb>,
    login: Option<Login>,
    /// AUTH was said, and not answered.
    sealing: bool,
    server_heard: bool,
    starttls: Starttls,
    told: bool,
    /// Whether one side has said its last: the other may still explain what that was.
    one_ended: bool,
    /// The endpoint of the next data connection, and whether it was announced already.
    data: Option<(Endpoint, bool)>,
    /// A transfer whose data connection is not known yet: verb and file name.
    transfer: Option<(String, Option<String>)>,
}

impl Analyzer for Ftp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (side, chunk) {
            (Side::Client, Chunk::Bytes(bytes)) => return self.client(bytes, notes),
            (Side::Server, Chunk::Bytes(bytes)) => return self.server(bytes, notes),
            (_, Chunk::Gap(_)) => {
                self.asked.clear();
                self.sealing = false;
                self.server_heard &= side == Side::Client;
                if let Some(lines) = self.lines.get_mut(side.index()) {
                    lines.lost();
                }
            }
            (_, Chunk::End) => {
                if std::mem::replace(&mut self.one_ended, true) {
                    self.login_ends(None, notes);
                    self.announce_unused(notes);
                }
            }
        }
        Step::Took(0)
    }
}

impl Ftp {
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
                return not_text(at - line.taken, "ftp command");
            }
            if line.begins {
                self.command(line.text, notes);
            }
        }
    }

    fn command(&mut self, line: &[u8], notes: &mut Notes<'_>) {
        let (verb, argument) = verb(line);
        let asked = match verb.as_slice() {
            b"USER" => {
                self.login_ends(None, notes);
                self.login = Some(Login::of_user("user-pass", argument, notes));
                Verb::User
            }
            b"PASS" => {
                let login = self.login.get_or_insert_with(|| Login {
                    mechanism: "user-pass".into(),
                    ..Login::default()
                });
                login.secret(argument, notes);
                Verb::Pass
            }
            b"AUTH" => {
                self.sealing = begins(argument, b"TLS") || begins(argument, b"SSL");
                if self.sealing { Verb::Tls } else { Verb::Other }
            }
            b"FEAT" => Verb::Features,
            b"PASV" | b"EPSV" => {
                self.announce_unused(notes);
                Verb::Passive
            }
            b"PORT" | b"EPRT" => {
                self.announce_unused(notes);
                let endpoint = if verb == b"PORT" {
                    host_port(argument)
                } else {
                    extended(argument, notes.client().ip)
                };
                self.data = endpoint.map(|endpoint| (endpoint, false));
                Verb::Active
            }
            b"RETR" | b"STOR" | b"STOU" | b"APPE" | b"LIST" | b"NLST" | b"MLSD" => {
                let is_list = matches!(verb.as_slice(), b"LIST" | b"NLST" | b"MLSD");
                let name = (!is_list && !argument.is_empty()).then(|| text(argument, MAX_NAME));
                self.transfer = Some((text(&verb, MAX_NAME), name));
                self.announce(notes);
                if !std::mem::replace(&mut self.told, true) {
                    let learns = format!("Which folders and files are used on {SERVER}");
                    notes.observe("ftp-control", learns);
                }
                Verb::Transfer
            }
            _ => Verb::Other,
        };
        self.asked.push(asked);
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        let Some(login) = self.login.take() else {
            return;
        };
        let known = !is_anonymous(login.user.as_deref()) && login.secret.is_some();
        login.write(PROTOCOL.name, accepted, notes);
        if known {
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    /// Announces the data connection of a transfer, where both are known.
    fn announce(&mut self, notes: &mut Notes<'_>) {
        let Some((endpoint, announced)) = &mut self.data else {
            return;
        };
        let Some((verb, label)) = self.transfer.take() else {
            return;
        };
        *announced = true;
        let (endpoint, details) = (*endpoint, vec![(verb, String::new())]);
        notes.hint(HintBody::Expect {
            endpoint,
            protocol: "ftp-data",
            label,
            details,
        });
    }

    /// Announces a data connection that no transfer was heard for: it may have been used all the same.
    fn announce_unused(&mut self, notes: &mut Notes<'_>) {
        if let Some((endpoint, false)) = self.data.take() {
            notes.hint(HintBody::Expect {
                endpoint,
                protocol: "ftp-data",
                label: None,
                details: Vec::new(),
            });
        }
    }

    fn server(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        self.server_heard = true;
        let mut at = 0;
        while let Some(line) = self.lines[1].next(bytes.get(at..).unwrap_or_default()) {
            at += line.taken;
            if self.lines[1].is_strange() {
                return not_text(at - line.taken, "ftp reply");
            }
            if !line.begins {
                continue;
            }
            // Features stand on lines of their own, which begin with a blank (RFC 2389 section 3.2).
            let feature = line.text.trim_ascii();
            self.starttls.offered |= begins(feature, b"AUTH TLS") || begins(feature, b"AUTH SSL");
            if let Some(reply) = Reply::parse(line.text).filter(|reply| !reply.more)
                && self.reply(reply, notes)
            {
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
            // Greetings, farewells, and answers that another will follow.
            100..200 | 220 | 421 => {}
            227 | 229 => {
                self.asked.pop_to(&Verb::Passive);
                let server = notes.server().ip;
                let endpoint = if reply.code == 227 {
                    host_port(reply.text)
                } else {
                    extended(reply.text, server)
                };
                self.data = endpoint.map(|endpoint| (endpoint, false));
                self.announce(notes);
            }
            234 if self.sealing => {
                self.login_ends(None, notes);
                return true;
            }
            230 => {
                if !self.asked.pop_to(&Verb::Pass) {
                    self.asked.pop_to(&Verb::User);
                }
                self.login_ends(Some(true), notes);
            }
            // The password, or an account, is still to come.
            331 => {
                self.asked.pop_to(&Verb::User);
            }
            332 => {}
            _ => self.answer(reply, notes),
        }
        false
    }

    /// A reply that says yes or no to whatever was asked first.
    fn answer(&mut self, reply: Reply<'_>, notes: &mut Notes<'_>) {
        match self.asked.pop() {
            Some(Verb::User | Verb::Pass) if reply.yes() || reply.no() => {
                self.login_ends(Some(reply.yes()), notes)
            }
            Some(Verb::Tls) => {
                self.sealing = false;
                self.starttls.refused |= reply.no();
            }
            Some(Verb::Features) => self.starttls.listed |= reply.yes(),
            Some(Verb::Active) if reply.no() => self.data = None,
            Some(Verb::Transfer) => self.transfer = None,
            None if reply.code == 530 => self.login_ends(Some(false), notes),
            _ => {}
        }
    }
}

/// `h1,h2,h3,h4,p1,p2` (RFC 959 section 5.3.2), wherever in the text it begins.
fn host_port(text: &[u8]) -> Option<Endpoint> {
    let text = text.get(..MAX_NAME).unwrap_or(text);
    let starts = text.iter().enumerate().filter(|&(at, byte)| {
        byte.is_ascii_digit()
            && !at
                .checked_sub(1)
                .and_then(|before| text.get(before))
                .is_some_and(u8::is_ascii_digit)
    });
    for (start, _) in starts {
        let mut numbers = [0u8; 6];
        let mut parts = text.get(start..)?.splitn(6, |&byte| byte == b',');
        let read = numbers.iter_mut().enumerate().all(|(index, number)| {
            let part = parts.next().unwrap_or_default().trim_ascii();
            let end = part
                .iter()
                .position(|byte| !byte.is_ascii_digit())
                .unwrap_or(part.len());
            // Text may follow the last number alone.
            let end = if index < 5 { part.len() } else { end };
            let value = part
                .get(..end)
                .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            value.map(|value| *number = value).is_some()
        });
        let [a, b, c, d, high, low] = numbers;
        let port = u16::from_be_bytes([high, low]);
        if read && port != 0 {
            return Some(Endpoint::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port));
        }
    }
    None
}

/// `|1|132.235.1.2|6275|`, or without an address `|||6446|`: then it is that of who says it (RFC 2428).
fn extended(text: &[u8], speaker: IpAddr) -> Option<Endpoint> {
    let text = match text.iter().position(|&byte| byte == b'(') {
        Some(open) => text.get(open + 1..)?,
        None => text,
    };
    let (&mark, rest) = text.split_first()?;
    let mut fields = rest
        .split(|&byte| byte == mark)
        .map(|field| std::str::from_utf8(field).ok());
    fields.next()??;
    let (address, port) = (fields.next()??, fields.next()??);
    let port: u16 = port.parse().ok().filter(|&port| port != 0)?;
    let address = if address.is_empty() {
        speaker
    } else {
        address.parse().ok()?
    };
    Some(Endpoint::new(address, port))
}
