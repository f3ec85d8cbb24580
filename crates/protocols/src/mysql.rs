//! MySQL's and MariaDB's protocol: who logs in and how, and whether TLS was offered and used.

use overheard_ledger::{Exposure, Rule, SERVER, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Next, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::hex::hex;
use crate::shared::login_rules::{login_rules, starttls_rules};
use crate::shared::sasl::Login;
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "mysql",
    title: "MySQL client/server protocol",
    over: &[Over::Stream],
    ports: &[3306],
    standard: "MySQL Internals, Client/Server Protocol",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Mysql::default()),
    rules: RULES,
};

const LOGINS: [Rule; 5] = login_rules!(
    "mysql",
    "a database",
    "Set require_secure_transport on the server, and ssl-mode=VERIFY_IDENTITY in the clients.",
    "RFC 9325 section 3.2"
);

static RULES: &[Rule] = &[
    LOGINS[0],
    LOGINS[1],
    LOGINS[2],
    LOGINS[4],
    Rule {
        id: "mysql-readable",
        title: "Database readable on the line",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set require_secure_transport on the server, and ssl-mode=VERIFY_IDENTITY in the clients.",
        standard: "RFC 9325 section 3.2",
        explain: "Every question to the database and every row of its answers pass in clear.",
    },
];

const STARTTLS: starttls::Rules = starttls_rules!("mysql", "A database on");

/// Length and sequence number before every packet.
const HEADER: usize = 4;

/// Bytes of a packet that is about a login: beyond it, nothing is read of it.
const MAX_LOGIN: usize = 16 * 1024;

/// Bytes of a greeting that are believed.
const MAX_GREETING: usize = 512;

/// What both sides can do.
mod capability {
    pub const WITH_DATABASE: u32 = 1 << 3;
    pub const PROTOCOL_41: u32 = 1 << 9;
    pub const TLS: u32 = 1 << 11;
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    pub const PLUGIN: u32 = 1 << 19;
    pub const LONG_ANSWER: u32 = 1 << 21;
}

/// What a server says first.
#[derive(Debug, PartialEq, Eq)]
struct Greeting {
    tls: bool,
    plugin: Option<String>,
}

/// Text up to its zero.
fn text<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Cut> {
    let rest = cursor.peek();
    let end = rest.iter().position(|&byte| byte == 0);
    let text = cursor.take(end.ok_or(cursor.wrong())?)?;
    cursor.skip(1)?;
    Ok(text)
}

impl Greeting {
    /// Reads the body of a packet of protocol version 10.
    fn read(body: &[u8]) -> Result<Greeting, Cut> {
        let mut cursor = Cursor::new("mysql greeting", body);
        let protocol = cursor.u8()?;
        let version = text(&mut cursor)?;
        let number = version.first().is_some_and(u8::is_ascii_digit)
            && version.contains(&b'.')
            && version.iter().all(u8::is_ascii_graphic);
        if protocol != 10 || !number {
            return Err(cursor.wrong());
        }
        // Thread, and the first eight bytes of the challenge with their zero.
        cursor.skip(4 + 8 + 1)?;
        let tls = u32::from(cursor.u16_le()?) & capability::TLS != 0;
        let mut plugin = None;
        // Language and state; the rest came with version 4.1.
        if cursor.skip(1 + 2).is_ok()
            && let Ok(_high) = cursor.u16_le()
        {
            let challenge = usize::from(cursor.u8().unwrap_or_default()).saturating_sub(8);
            let read = cursor
                .skip(10 + challenge.max(13))
                .and_then(|()| text(&mut cursor));
            plugin = read.ok().map(word);
        }
        Ok(Greeting { tls, plugin })
    }
}

fn word(bytes: &[u8]) -> String {
    const MAX_NAME: usize = 64;
    String::from_utf8_lossy(bytes.get(..MAX_NAME).unwrap_or(bytes)).into_owned()
}

/// The packet at the beginning: its number and its body.
fn packet(bytes: &[u8]) -> Result<(u8, &[u8]), Cut> {
    let mut cursor = Cursor::new("mysql packet", bytes);
    let length = length(&mut cursor)?;
    let sequence = cursor.u8()?;
    Ok((sequence, cursor.take(length)?))
}

fn length(cursor: &mut Cursor<'_>) -> Result<usize, Cut> {
    let [a, b, c] = cursor.array()?;
    Ok(usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16)
}

/// What the first bytes of a server look like.
fn look(bytes: &[u8]) -> Probe {
    let possible = match *bytes {
        [] | [_] => true,
        [_, high, ..] if high > 1 => false,
        [_, _] | [_, _, 0] | [_, _, 0, 0] | [_, _, 0, 0, 10] => true,
        [_, _, 0, 0, 10, digit, ..] => digit.is_ascii_digit(),
        _ => false,
    };
    if !possible {
        return Probe::No;
    }
    match packet(bytes) {
        Ok((0, body)) if Greeting::read(body).is_ok() => Probe::Sure,
        Ok(_) => Probe::No,
        Err(_) if bytes.len() > MAX_GREETING => Probe::No,
        Err(_) => Probe::More,
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    // The server speaks first.
    if sample.server.is_empty() {
        return match look(sample.client) {
            Probe::Sure => Probe::Reversed,
            _ => Probe::No,
        };
    }
    match look(sample.server) {
        Probe::More if sample.whole => Probe::No,
        found => found,
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Greeting,
    Login,
    Commands,
}

#[derive(Debug, Default)]
struct Mysql {
    phase: Phase,
    plugin: Option<String>,
    login: Option<Login>,
    /// The server asked for another way to log in: the client's next packet is the answer.
    switched: bool,
    starttls: Starttls,
    said: bool,
    one_ended: bool,
}

impl Analyzer for Mysql {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(_) => {
                self.login_ends(None, notes);
                self.phase = Phase::Commands;
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

impl Mysql {
    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        if self.phase == Phase::Commands {
            // Length, number and command of a query; also one in the middle of the conversation.
            const QUERIES: [u8; 2] = [0x03, 0x16];
            if side == Side::Client && !self.said && bytes.len() < HEADER + 1 {
                return Step::Need(HEADER + 1);
            }
            if let (Side::Client, [_, _, _, 0, command, ..]) = (side, bytes)
                && QUERIES.contains(command)
                && !std::mem::replace(&mut self.said, true)
            {
                notes.observe(
                    "mysql-readable",
                    format!("What is asked of the database on {SERVER}, and its answers"),
                );
            }
            return Step::Took(bytes.len());
        }
        if bytes.len() < HEADER {
            return Step::Need(HEADER);
        }
        let mut cursor = Cursor::new("mysql packet", bytes);
        let length = length(&mut cursor).unwrap_or_default();
        if length > MAX_LOGIN {
            return Step::NotMine(Cut::wrong("mysql packet", 0));
        }
        let Ok((sequence, body)) = packet(bytes) else {
            return Step::Need(HEADER + length);
        };
        let whole = HEADER + length;
        match (self.phase, side) {
            (Phase::Greeting, Side::Client) => return Step::Took(0),
            (Phase::Greeting, Side::Server) => {
                self.phase = Phase::Login;
                if let Ok(greeting) = Greeting::read(body) {
                    self.starttls.listed = true;
                    self.starttls.offered = greeting.tls;
                    self.plugin = greeting.plugin;
                }
            }
            (Phase::Login, Side::Client) => {
                if is_tls_request(body, sequence) {
                    return Step::Become {
                        took: whole,
                        next: Next::Protocol("tls"),
                    };
                }
                if self.login.is_none() {
                    // What is cut short names the user all the same.
                    let _ = self.log_in(body, notes);
                } else if std::mem::take(&mut self.switched) {
                    self.prove(body, notes);
                }
            }
            (Phase::Login, Side::Server) => self.answer(body, notes),
            (Phase::Commands, _) => {}
        }
        Step::Took(whole)
    }

    /// The client's login (HandshakeResponse).
    fn log_in(&mut self, body: &[u8], notes: &mut Notes<'_>) -> Result<(), Cut> {
        let mut cursor = Cursor::new("mysql login", body);
        let low = u32::from(cursor.u16_le()?);
        let can = if low & capability::PROTOCOL_41 != 0 {
            let can = low | u32::from(cursor.u16_le()?) << 16;
            cursor.skip(4 + 1 + 23)?;
            can
        } else {
            cursor.skip(3)?;
            low
        };
        let user = text(&mut cursor)?;
        self.login = Some(Login::of_user("mysql_native_password", user, notes));
        let proof = if low & capability::PROTOCOL_41 == 0 {
            self.plugin = Some("mysql_old_password".to_owned());
            let rest = cursor.peek();
            rest.split(|&byte| byte == 0).next().unwrap_or_default()
        } else if can & (capability::LONG_ANSWER | capability::SECURE_CONNECTION) != 0 {
            // Answers of more than 250 bytes are tokens, which are not looked at.
            cursor.vector8("mysql login answer")?.rest()
        } else {
            text(&mut cursor)?
        };
        if can & capability::WITH_DATABASE != 0 {
            let _ = text(&mut cursor);
        }
        if can & capability::PLUGIN != 0
            && let Ok(name) = text(&mut cursor)
        {
            self.plugin = Some(word(name));
        }
        self.prove(proof, notes);
        Ok(())
    }

    /// The client's proof, as its way to log in makes it.
    fn prove(&mut self, proof: &[u8], notes: &mut Notes<'_>) {
        let Some(login) = &mut self.login else { return };
        if let Some(plugin) = &self.plugin {
            login.mechanism.clone_from(plugin);
        }
        let known = matches!(
            login.mechanism.as_str(),
            "mysql_native_password"
                | "mysql_old_password"
                | "caching_sha2_password"
                | "sha256_password"
                | "client_ed25519"
        );
        match login.mechanism.as_str() {
            _ if proof.is_empty() => {}
            "mysql_clear_password" | "dialog" => {
                let password = proof.strip_suffix(&[0]).unwrap_or(proof);
                login.secret(password, notes);
                login.crackable = false;
            }
            _ if known => {
                let proof = hex(proof.get(..64).unwrap_or(proof));
                login.secret(proof.as_bytes(), notes);
                login.crackable = true;
            }
            _ => {}
        }
    }

    fn answer(&mut self, body: &[u8], notes: &mut Notes<'_>) {
        match body.split_first() {
            Some((0, _)) => {
                self.phase = Phase::Commands;
                self.login_ends(Some(true), notes);
            }
            Some((0xff, _)) => {
                self.phase = Phase::Commands;
                self.login_ends(Some(false), notes);
            }
            // Another way to log in: its name, and a challenge. Alone: that of before version 4.1.
            Some((0xfe, rest)) => {
                let mut cursor = Cursor::new("mysql other login", rest);
                self.plugin = Some(match text(&mut cursor) {
                    Ok(name) => word(name),
                    Err(_) => "mysql_old_password".to_owned(),
                });
                self.switched = true;
            }
            _ => {}
        }
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        if let Some(login) = self.login.take() {
            login.write(PROTOCOL.name, accepted, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }
}

/// Whether a packet is a login cut off before the user's name, which asks for TLS.
fn is_tls_request(body: &[u8], sequence: u8) -> bool {
    let asks = |low: u16| u32::from(low) & capability::TLS != 0;
    sequence == 1
        && matches!(body.len(), 5 | 32)
        && body
            .first_chunk::<2>()
            .is_some_and(|low| asks(u16::from_le_bytes(*low)))
}
