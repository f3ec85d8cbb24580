//! PostgreSQL's protocol, version 3: who logs in to which database and how, and whether TLS was asked for.

use overheard_ledger::{Exposure, Rule, SERVER, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Next, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::lines::is_tls;
use crate::shared::login_rules::login_rules;
use crate::shared::sasl::Login;
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "postgresql",
    title: "PostgreSQL frontend/backend protocol",
    over: &[Over::Stream],
    ports: &[5432],
    standard: "PostgreSQL documentation, Frontend/Backend Protocol",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Postgresql::default()),
    rules: RULES,
};

const LOGINS: [Rule; 5] = login_rules!(
    "postgresql",
    "a database",
    "Set up TLS on the server (ssl = on, hostssl in pg_hba.conf), and sslmode=verify-full in the clients.",
    "RFC 9325 section 3.2"
);

static RULES: &[Rule] = &[
    LOGINS[0],
    LOGINS[1],
    LOGINS[3],
    Rule {
        id: "postgresql-readable",
        title: "Database readable on the line",
        severity: Severity::High,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Set up TLS on the server (ssl = on, hostssl in pg_hba.conf), and sslmode=verify-full in the clients.",
        standard: "RFC 9325 section 3.2",
        explain: "Every question to the database and every row of its answers pass in clear.",
    },
];

const STARTTLS: starttls::Rules = starttls::Rules {
    what: "A database on",
    refused: "postgresql-starttls-refused",
    // The server does not say what it can do before it is asked.
    ignored: "postgresql-starttls-refused",
    not_offered: None,
};

/// What stands in place of the version in the first packet of a client.
mod code {
    pub const CANCEL: u32 = 80_877_102;
    pub const TLS: u32 = 80_877_103;
    pub const GSS: u32 = 80_877_104;
}

/// Bytes of the first packet of a client; the server itself believes 10,000.
const MAX_STARTUP: usize = 10_000;

/// Bytes of a message about a login that is read.
const MAX_LOGIN: usize = 16 * 1024;

/// Bytes of a user's name, and of a secret, that are kept.
const MAX_TEXT: usize = 1024;

fn is_version(code: u32) -> bool {
    code >> 16 == 3 && code & 0xffff <= 9999
}

fn is_first(code: u32, length: usize) -> bool {
    match code {
        code::TLS | code::GSS => length == 8,
        code::CANCEL => (16..=1024).contains(&length),
        _ => is_version(code) && (9..=MAX_STARTUP).contains(&length),
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    // The client speaks first.
    match *sample.client {
        [] | [0] | [0, 0] | [0, 0, _] | [0, 0, _, _] | [0, 0, _, _, 0 | 4, ..]
            if sample.server.len() <= 1 || sample.client.len() >= 8 => {}
        _ => return Probe::No,
    }
    let Some(&[a, b, c, d, e, f, g, h]) = sample.client.first_chunk::<8>() else {
        let may_come = !sample.client.is_empty() && !sample.whole;
        return if may_come { Probe::More } else { Probe::No };
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let code = u32::from_be_bytes([e, f, g, h]);
    if !is_first(code, length) {
        return Probe::No;
    }
    if !is_version(code) {
        return Probe::Sure;
    }
    // Names and values, each with its zero; `user` is among them.
    let rest = sample.client.get(8..length).or(sample.client.get(8..));
    let rest = rest.unwrap_or_default();
    let named = rest.windows(5).any(|window| window == b"user\0");
    match (named, sample.client.len() >= length || sample.whole) {
        (true, _) => Probe::Sure,
        (false, true) => Probe::No,
        (false, false) => Probe::More,
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client's first packet, or the next one after a refusal.
    #[default]
    First,
    /// Encryption was asked for.
    Asked,
    /// Messages with a type.
    Messages,
}

/// What the server asked for to log in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Asked {
    #[default]
    Nothing,
    Password,
    Md5,
    Sasl,
    Other,
}

#[derive(Debug, Default)]
struct Postgresql {
    phase: Phase,
    asked: Asked,
    /// Bytes of a message that are passed over, by side.
    left: [u64; 2],
    /// Where the next message begins is not known, by side.
    lost: [bool; 2],
    login: Option<Login>,
    starttls: Starttls,
    said: bool,
    one_ended: bool,
}

impl Analyzer for Postgresql {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(missing) => {
                let left = self.left.get_mut(side.index());
                let inside = left.is_some_and(|left| {
                    let inside = *left >= missing;
                    *left = left.saturating_sub(missing);
                    inside
                });
                if let (Some(lost), false) = (self.lost.get_mut(side.index()), inside) {
                    *lost = true;
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

impl Postgresql {
    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        if self.lost.get(side.index()) == Some(&true) {
            return Step::Took(bytes.len());
        }
        let left = self.left.get(side.index()).copied().unwrap_or_default();
        if left > 0 {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            if let Some(slot) = self.left.get_mut(side.index()) {
                *slot = left.saturating_sub(size as u64);
            }
            return Step::Took(size);
        }
        match (self.phase, side) {
            (Phase::First, Side::Client) => self.first(bytes, notes),
            (Phase::Asked, Side::Client) if is_tls(bytes) => become_tls(0),
            // Nothing is understood before the server has answered.
            (Phase::Asked, Side::Client) => Step::Took(0),
            (Phase::Asked, Side::Server) => match bytes.first() {
                Some(b'S') => become_tls(1),
                // All that follows is sealed by Kerberos.
                Some(b'G') => {
                    self.lost = [true; 2];
                    notes.expose(Exposure::Unknown);
                    Step::Sealed(1)
                }
                Some(b'N') => {
                    self.starttls.refused = true;
                    self.phase = Phase::First;
                    Step::Took(1)
                }
                // An error, of a server that knows nothing of it.
                _ => {
                    self.starttls.refused = true;
                    self.phase = Phase::First;
                    self.message(side, bytes, notes)
                }
            },
            _ => self.message(side, bytes, notes),
        }
    }

    /// The first packet of a client, which has no type.
    fn first(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut cursor = Cursor::new("postgresql startup", bytes);
        let (Ok(length), Ok(code)) = (cursor.u32(), cursor.u32()) else {
            return Step::Need(8);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !is_first(code, length) {
            return Step::NotMine(Cut::wrong("postgresql startup", 0));
        }
        let Ok(body) = cursor.take(length - 8) else {
            return Step::Need(length);
        };
        match code {
            code::TLS | code::GSS => self.phase = Phase::Asked,
            code::CANCEL => {}
            _ => {
                self.phase = Phase::Messages;
                let mut words = body.split(|&byte| byte == 0);
                let mut user = None;
                while let (Some(name), Some(value)) = (words.next(), words.next()) {
                    if name == b"user" {
                        user = Some(value);
                    }
                }
                if let Some(user) = user {
                    let user = user.get(..MAX_TEXT).unwrap_or(user);
                    self.login = Some(Login::of_user("none", user, notes));
                }
            }
        }
        Step::Took(length)
    }

    /// A message with a type and a length.
    fn message(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut cursor = Cursor::new("postgresql message", bytes);
        let (Ok(kind), Ok(length)) = (cursor.u8(), cursor.u32()) else {
            return Step::Need(5);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(body) = length
            .checked_sub(4)
            .filter(|_| kind.is_ascii_alphanumeric() && length <= 1 << 30)
        else {
            return Step::NotMine(Cut::wrong("postgresql message", 0));
        };
        let of_login = self.login.is_some()
            && body <= MAX_LOGIN
            && matches!(
                (side, kind),
                (Side::Client, b'p') | (Side::Server, b'R' | b'E')
            );
        if of_login {
            let Ok(body) = cursor.take(body) else {
                return Step::Need(1 + length);
            };
            match side {
                Side::Client => self.answer(body, notes),
                Side::Server => self.ask(kind, body, notes),
            }
            return Step::Took(1 + length);
        }
        // A simple query, and one that is prepared.
        if matches!((side, kind), (Side::Client, b'Q' | b'P'))
            && !std::mem::replace(&mut self.said, true)
        {
            notes.observe(
                "postgresql-readable",
                format!("What is asked of the database on {SERVER}, and its answers"),
            );
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
        if let Some(left) = self.left.get_mut(side.index()) {
            *left = body as u64;
        }
        Step::Took(5)
    }

    /// The server asks for a proof, or says what it thinks of it.
    fn ask(&mut self, kind: u8, body: &[u8], notes: &mut Notes<'_>) {
        if kind == b'E' {
            self.login_ends(Some(false), notes);
            return;
        }
        let Some(&code) = body.first_chunk::<4>() else {
            return;
        };
        self.asked = match u32::from_be_bytes(code) {
            0 => {
                self.login_ends(Some(true), notes);
                Asked::Nothing
            }
            3 => Asked::Password,
            5 => Asked::Md5,
            10..=12 => Asked::Sasl,
            _ => Asked::Other,
        };
    }

    /// The client's proof.
    fn answer(&mut self, body: &[u8], notes: &mut Notes<'_>) {
        let Some(login) = &mut self.login else { return };
        let text = body.split(|&byte| byte == 0).next().unwrap_or_default();
        let text = text.get(..MAX_TEXT).unwrap_or(text);
        match self.asked {
            Asked::Password => {
                login.mechanism = "password".to_owned();
                login.secret(text, notes);
            }
            Asked::Md5 => {
                login.mechanism = "md5".to_owned();
                login.secret(text, notes);
                login.crackable = true;
            }
            Asked::Sasl if text.starts_with(b"SCRAM-") => {
                login.mechanism = String::from_utf8_lossy(text).to_ascii_lowercase();
            }
            // The proof stands last (RFC 5802 section 7).
            Asked::Sasl => {
                let proof = text
                    .split(|&byte| byte == b',')
                    .find_map(|field| field.strip_prefix(b"p="));
                if let Some(proof) = proof {
                    login.secret(proof, notes);
                    login.crackable = true;
                }
            }
            Asked::Nothing | Asked::Other => {}
        }
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        if let Some(login) = self.login.take() {
            login.write(PROTOCOL.name, accepted, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }
}

fn become_tls(took: usize) -> Step {
    Step::Become {
        took,
        next: Next::Protocol("tls"),
    }
}
