//! Telnet (RFC 854): what is typed at login prompts.
//!
//! Option negotiation is taken out on both sides. A prompt counts when the client begins to type at
//! it, so that how the server's text was cut does not matter; what is typed ends with the line.

use overheard_ledger::{Exposure, Rule, SERVER, Severity, When};
use overheard_tap::{Analyzer, Chunk, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::lines::{contains, is_text};
use crate::shared::sasl::{Login, password_heard};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "telnet",
    title: "Telnet",
    over: &[Over::Stream],
    ports: &[23],
    standard: "RFC 854",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Telnet::default()),
    rules: &[
        Rule {
            id: "telnet-password",
            title: "Password for a command line in clear",
            severity: Severity::Critical,
            exposure: Exposure::Open,
            when: When::Record(|seen| password_heard(seen, "telnet")),
            remedy: "Use SSH, and switch Telnet off on the server. Change the password.",
            standard: "RFC 4253",
            explain: "Whoever hears this password can log in to the machine and do there what its owner can.",
        },
        Rule {
            id: "telnet-session",
            title: "Command line session readable",
            severity: Severity::High,
            exposure: Exposure::Open,
            when: When::Observed,
            remedy: "Use SSH, and switch Telnet off on the server.",
            standard: "RFC 4253",
            explain: "Everything that is typed and everything that the machine answers passes as it is.",
        },
    ],
};

const IAC: u8 = 255;
const SE: u8 = 240;
const SB: u8 = 250;
const ESCAPE: u8 = 0x1b;

/// Bytes of the server's present line that are kept: enough for any prompt.
const MAX_PROMPT: usize = 256;

/// Bytes of a typed line that are kept.
const MAX_TYPED: usize = 256;

/// Bytes of a server in which a login prompt is looked for when a conversation begins.
const MAX_BANNER: usize = 4096;

/// What a line of a server asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    User,
    Password,
}

/// What the end of a line asks for, if anything.
fn prompt(line: &[u8]) -> Option<Prompt> {
    let line = line.trim_ascii_end().to_ascii_lowercase();
    let line = line
        .strip_suffix(b":")
        .or(line.strip_suffix(b">"))?
        .trim_ascii_end();
    let ends = |word: &[u8]| line.ends_with(word);
    if ends(b"password")
        || ends(b"passwd")
        || ends(b"passcode")
        || (contains(line, b"password for ") && line.len() < 80)
    {
        Some(Prompt::Password)
    } else if ends(b"last login") {
        None
    } else if ends(b"login")
        || ends(b"username")
        || ends(b"user name")
        || ends(b"login name")
        || line == b"user"
        || ends(b" user")
        || ends(b"user id")
        || ends(b"userid")
    {
        Some(Prompt::User)
    } else {
        None
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    // Two negotiations in a row, or one and the port: three bytes alone may be chance.
    let negotiates = |bytes: &[u8]| -> Option<bool> {
        match bytes {
            [IAC, 251..=254, option, rest @ ..] if *option < 64 || *option == 255 => match rest {
                [] | [IAC] => None,
                [IAC, 250..=254, ..] => Some(true),
                [next, ..] => {
                    Some(next.is_ascii_graphic() || next.is_ascii_whitespace() || *next == ESCAPE)
                }
            },
            [IAC, SB, option, ..] if *option < 64 => {
                Some(bytes.windows(2).any(|pair| pair == [IAC, SE]))
            }
            [IAC] | [IAC, 250..=254] => None,
            _ => Some(false),
        }
    };
    let port = sample.has_port(23);
    let sides = [negotiates(sample.client), negotiates(sample.server)];
    if sides.contains(&Some(true)) {
        return Probe::Sure;
    }
    if sides.contains(&None) {
        return match (sample.whole, port) {
            (false, _) => Probe::More,
            (true, true) => Probe::Likely(70),
            (true, false) => Probe::Likely(30),
        };
    }
    let banner = sample.server.get(..MAX_BANNER).unwrap_or(sample.server);
    let line = banner
        .rsplit(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let text = |bytes: &[u8]| is_text_but(bytes);
    if banner.is_empty() || !text(banner) || !text(sample.client) {
        return Probe::No;
    }
    if prompt(line) == Some(Prompt::User)
        || (contains(banner, b"login:") || contains(banner, b"username:"))
            && contains(banner, b"password:")
    {
        return Probe::Likely(if port { 70 } else { 40 });
    }
    match (sample.whole || banner.len() == MAX_BANNER, port) {
        (false, true) => Probe::More,
        (false, false) if sample.client.is_empty() => Probe::More,
        (true, true) => Probe::Likely(30),
        _ => Probe::No,
    }
}

/// Whether bytes are what a terminal shows.
fn is_text_but(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|&byte| matches!(byte, ESCAPE | 0 | 7 | 8) || is_text(&[byte]))
}

/// Takes telnet commands out of one side's bytes (RFC 854, RFC 855).
#[derive(Clone, Copy, Debug, Default)]
enum Signals {
    #[default]
    Data,
    /// Behind IAC.
    Command,
    /// Behind WILL, WONT, DO or DONT.
    Option,
    /// In a subnegotiation, and there behind IAC.
    Sub,
    SubCommand,
}

impl Signals {
    /// The byte, if it is data.
    fn data(&mut self, byte: u8) -> Option<u8> {
        *self = match (*self, byte) {
            (Signals::Data, IAC) => Signals::Command,
            (Signals::Data, _) => return Some(byte),
            (Signals::Command, IAC) => {
                *self = Signals::Data;
                return Some(byte);
            }
            (Signals::Command, SB) => Signals::Sub,
            (Signals::Command, 251..=254) => Signals::Option,
            (Signals::Sub, IAC) => Signals::SubCommand,
            (Signals::SubCommand, SE) => Signals::Data,
            (Signals::Sub | Signals::SubCommand, _) => Signals::Sub,
            (Signals::Command | Signals::Option, _) => Signals::Data,
        };
        None
    }
}

/// Takes terminal escapes out of the server's text (ECMA-48).
#[derive(Clone, Copy, Debug, Default)]
enum Escapes {
    #[default]
    Text,
    Escape,
    Sequence,
}

#[derive(Debug, Default)]
struct Telnet {
    signals: [Signals; 2],
    escapes: Escapes,
    /// The server's present line, its end.
    shown: Vec<u8>,
    /// What was asked when the client began to type the present line.
    asked: Option<Prompt>,
    typing: bool,
    typed: Vec<u8>,
    /// Whether the last byte typed was a carriage return: a line feed or NUL belongs to it.
    returned: bool,
    user: Option<Login>,
    /// A login whose outcome is not known yet.
    pending: Option<Login>,
    told: bool,
    /// Whether one side has said its last: the other may still explain what that was.
    one_ended: bool,
}

impl Analyzer for Telnet {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (side, chunk) {
            (Side::Client, Chunk::Bytes(bytes)) => {
                for &byte in bytes {
                    if let Some(byte) = self.signals[0].data(byte) {
                        self.typed(byte, notes);
                    }
                }
                Step::Took(bytes.len())
            }
            (Side::Server, Chunk::Bytes(bytes)) => {
                for &byte in bytes {
                    if let Some(byte) = self.signals[1].data(byte) {
                        self.shown(byte, notes);
                    }
                }
                Step::Took(bytes.len())
            }
            (Side::Client, Chunk::Gap(_)) => {
                self.signals[0] = Signals::Data;
                self.typing = false;
                self.typed.clear();
                Step::Took(0)
            }
            (Side::Server, Chunk::Gap(_)) => {
                self.signals[1] = Signals::Data;
                self.escapes = Escapes::Text;
                self.shown.clear();
                Step::Took(0)
            }
            (_, Chunk::End) => {
                if std::mem::replace(&mut self.one_ended, true) {
                    self.login_ends(None, notes);
                    if let Some(user) = self.user.take() {
                        user.write(PROTOCOL.name, None, notes);
                    }
                }
                Step::Took(0)
            }
        }
    }
}

impl Telnet {
    /// The client typed a byte.
    fn typed(&mut self, byte: u8, notes: &mut Notes<'_>) {
        let after_return = std::mem::replace(&mut self.returned, byte == b'\r');
        match byte {
            b'\n' | 0 if after_return => {}
            b'\r' | b'\n' => {
                self.begin_typing();
                self.line_typed(notes);
            }
            // Backspace and delete take the last character back.
            8 | 0x7f => {
                self.typed.pop();
            }
            // Ctrl-U takes the whole line back.
            0x15 => self.typed.clear(),
            0..b' ' if byte != b'\t' => {}
            _ => {
                self.begin_typing();
                if self.typed.len() < MAX_TYPED {
                    self.typed.push(byte);
                }
            }
        }
    }

    fn begin_typing(&mut self) {
        if !std::mem::replace(&mut self.typing, true) {
            self.asked = prompt(&self.shown);
        }
    }

    fn line_typed(&mut self, notes: &mut Notes<'_>) {
        self.typing = false;
        let typed = std::mem::take(&mut self.typed);
        match self.asked.take() {
            Some(Prompt::User) if !typed.is_empty() => {
                self.login_ends(Some(false), notes);
                if let Some(earlier) = self.user.replace(Login::of_user("login", &typed, notes)) {
                    earlier.write(PROTOCOL.name, None, notes);
                }
            }
            Some(Prompt::Password) => {
                self.login_ends(None, notes);
                let mut login = self.user.take().unwrap_or_else(|| Login {
                    mechanism: "login".into(),
                    ..Login::default()
                });
                login.secret(&typed, notes);
                self.pending = Some(login);
            }
            _ => {}
        }
        // The line is over, whether or not the server ends it too.
        self.shown.clear();
        if !std::mem::replace(&mut self.told, true) {
            let learns = format!("What is typed and shown in a Telnet session with {SERVER}");
            notes.observe("telnet-session", learns);
        }
    }

    /// The server showed a byte.
    fn shown(&mut self, byte: u8, notes: &mut Notes<'_>) {
        match (self.escapes, byte) {
            (Escapes::Text, ESCAPE) => self.escapes = Escapes::Escape,
            (Escapes::Text, b'\n') => {
                self.line_shown(notes);
                self.shown.clear();
            }
            (Escapes::Text, b'\r' | 0 | 7) => {}
            (Escapes::Text, _) => {
                if self.shown.len() >= MAX_PROMPT {
                    self.shown.drain(..MAX_PROMPT / 2);
                }
                self.shown.push(byte);
            }
            (Escapes::Escape, b'[') => self.escapes = Escapes::Sequence,
            (Escapes::Escape, _) | (Escapes::Sequence, 0x40..=0x7e) => self.escapes = Escapes::Text,
            (Escapes::Sequence, _) => {}
        }
        if self.pending.is_some()
            && prompt(&self.shown).is_some()
            && !contains(&self.shown, b"last ")
        {
            // Asked again: the login was refused.
            self.login_ends(Some(false), notes);
        }
    }

    /// A line of the server is whole: it may say how the login went.
    fn line_shown(&mut self, notes: &mut Notes<'_>) {
        if self.pending.is_none() {
            return;
        }
        let refusals: [&[u8]; 7] = [
            b"incorrect",
            b"invalid",
            b"denied",
            b"failed",
            b"failure",
            b"bad password",
            b"refused",
        ];
        if refusals
            .iter()
            .any(|refusal| contains(&self.shown, refusal))
        {
            self.login_ends(Some(false), notes);
        } else if contains(&self.shown, b"last login") || contains(&self.shown, b"welcome") {
            self.login_ends(Some(true), notes);
        }
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        if let Some(login) = self.pending.take() {
            login.write(PROTOCOL.name, accepted, notes);
        }
    }
}
