//! XMPP (RFC 6120): logins, what is said in clear, and STARTTLS.
//!
//! Read are the tags of the stream, not a document: what stands between `<` and `>`, and the text of those few
//! elements that logins are made of.

use overheard_ledger::{Exposure, Name, Rule, SERVER, Severity, When};
use overheard_tap::{Analyzer, Chunk, Cut, Next, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::host_name::host_name;
use crate::shared::lines::{is_tls, text};
use crate::shared::login_rules::{login_rules, starttls_rules};
use crate::shared::sasl::{Login, Sasl};
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "xmpp",
    title: "Extensible Messaging and Presence Protocol",
    over: &[Over::Stream],
    ports: &[5222, 5223, 5269],
    standard: "RFC 6120",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Xmpp::default()),
    rules: RULES,
};

const LOGINS: [Rule; 5] = login_rules!(
    "xmpp",
    "a chat server",
    "Let the server require TLS, and set the clients to require it.",
    "RFC 7590; RFC 6120 section 5"
);

static RULES: &[Rule] = &[
    LOGINS[0],
    LOGINS[1],
    LOGINS[2],
    LOGINS[3],
    LOGINS[4],
    Rule {
        id: "xmpp-messages",
        title: "Chats readable on the line",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Observed,
        remedy: "Let the server require TLS, and set the clients to require it.",
        standard: "RFC 7590; RFC 6120 section 5",
        explain: "Chats that pass without TLS are read whole: who wrote to whom, when, and what.",
    },
];

const STARTTLS: starttls::Rules = starttls_rules!("xmpp", "Chats on");

/// Bytes of a tag, and of the text between two tags, that are waited for. Longer ones are taken in pieces
/// and not understood.
const MAX_PIECE: usize = 16 * 1024;

/// Bytes of a name that are kept.
const MAX_NAME: usize = 512;

/// What a stream begins with.
fn look(bytes: &[u8]) -> Probe {
    const STARTS: [&[u8]; 2] = [b"<?xml ", b"<stream:stream"];
    let bytes = bytes.trim_ascii_start();
    let possible = STARTS
        .iter()
        .any(|start| start.iter().zip(bytes).all(|(one, other)| one == other));
    if !possible {
        return Probe::No;
    }
    let head = bytes.get(..1024).unwrap_or(bytes);
    let has = |needle: &[u8]| head.windows(needle.len()).any(|window| window == needle);
    let stream = has(b"<stream:stream") || has(b"http://etherx.jabber.org/streams");
    match (stream, has(b"jabber:") || has(b"etherx.jabber.org")) {
        (true, true) => Probe::Sure,
        _ if bytes.len() >= 1024 => Probe::No,
        _ if bytes.starts_with(b"<?xml") && !bytes.is_ascii() => Probe::No,
        _ => Probe::More,
    }
}

fn probe(sample: &Sample<'_>) -> Probe {
    let found = match (sample.client, sample.server) {
        ([], []) => Probe::No,
        (client @ [_, ..], _) => look(client),
        ([], server) => look(server),
    };
    match found {
        Probe::More if sample.whole => Probe::No,
        found => found,
    }
}

/// A tag: its name without prefix, and whether it ends an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag<'a> {
    name: &'a [u8],
    ends: bool,
    /// What stands behind the name.
    attributes: &'a [u8],
}

impl<'a> Tag<'a> {
    /// The tag between `<` and `>`.
    fn of(inside: &'a [u8]) -> Tag<'a> {
        let (inside, ends) = match inside.strip_prefix(b"/") {
            Some(rest) => (rest, true),
            None => (inside, false),
        };
        let end = inside
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || *byte == b'/')
            .unwrap_or(inside.len());
        let (name, attributes) = inside.split_at_checked(end).unwrap_or((inside, &[]));
        let name = match name.iter().position(|&byte| byte == b':') {
            Some(colon) => name.get(colon + 1..).unwrap_or_default(),
            None => name,
        };
        Tag {
            name,
            ends,
            attributes,
        }
    }

    /// The value of an attribute.
    fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_ascii_start();
            let equals = rest.iter().position(|&byte| byte == b'=')?;
            let (found, value) = rest.split_at_checked(equals)?;
            let (quote, value) = value.get(1..)?.trim_ascii_start().split_first()?;
            let end = value.iter().position(|byte| byte == quote)?;
            let (value, after) = value.split_at_checked(end)?;
            if found.trim_ascii() == name && matches!(quote, b'"' | b'\'') {
                return Some(value);
            }
            rest = after.get(1..)?;
        }
    }
}

/// What the text before the next tag is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Other,
    /// A message of a login.
    Login,
    /// Of the login before SASL (XEP-0078).
    User,
    Password,
    Digest,
    /// What somebody writes.
    Body,
}

#[derive(Debug, Default)]
struct Xmpp {
    texts: [Text; 2],
    /// Inside something that is too long to be waited for.
    inside: [bool; 2],
    /// `<starttls/>` was said, and not answered.
    sealing: bool,
    server_heard: bool,
    starttls: Starttls,
    sasl: Option<Sasl>,
    /// The login before SASL.
    login: Option<Login>,
    named: bool,
    said: bool,
    one_ended: bool,
}

impl Analyzer for Xmpp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(_) => {
                self.sealing = false;
                if let Some(inside) = self.inside.get_mut(side.index()) {
                    *inside = true;
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

impl Xmpp {
    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        self.server_heard |= side == Side::Server;
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if is_tls(rest) {
                return become_tls(at);
            }
            // Nothing is understood before the server has answered.
            if rest.is_empty() || self.sealing && side == Side::Client && self.server_heard {
                return Step::Took(at);
            }
            if rest
                .iter()
                .take(16)
                .any(|byte| matches!(byte, 0..=8 | 14..=31))
            {
                return match at {
                    0 => Step::NotMine(Cut::wrong("xmpp", 0)),
                    _ => Step::Took(at),
                };
            }
            let is_tag =
                rest.first() == Some(&b'<') && self.inside.get(side.index()) != Some(&true);
            let wanted = if is_tag { b'>' } else { b'<' };
            let end = rest.iter().position(|&byte| byte == wanted);
            let Some(end) = end else {
                if rest.len() < MAX_PIECE {
                    return Step::Took(at);
                }
                if let Some(inside) = self.inside.get_mut(side.index()) {
                    *inside = true;
                }
                return Step::Took(bytes.len());
            };
            let piece = rest.get(usize::from(is_tag)..end).unwrap_or_default();
            at += end + usize::from(is_tag);
            let whole = self
                .inside
                .get_mut(side.index())
                .is_some_and(|inside| !std::mem::take(inside));
            if !is_tag {
                if whole {
                    self.text(side, piece, notes);
                }
            } else if self.tag(side, Tag::of(piece), notes) {
                return become_tls(at);
            }
        }
    }

    /// Hears a tag; whether TLS follows it.
    fn tag(&mut self, side: Side, tag: Tag<'_>, notes: &mut Notes<'_>) -> bool {
        let mut follows = Text::Other;
        match (side, tag.name) {
            _ if tag.ends => {}
            (Side::Client, b"stream") => {
                let to = tag.attribute(b"to").and_then(host_name);
                if let (Some(name), false) = (to, self.named) {
                    self.named = true;
                    notes.add(Name {
                        source: "xmpp".to_owned(),
                        name: name.chars().take(MAX_NAME).collect(),
                    });
                }
            }
            (Side::Server, b"features") => self.starttls.listed = true,
            (Side::Server, b"starttls") => self.starttls.offered = true,
            (Side::Client, b"starttls") => self.sealing = true,
            (Side::Server, b"proceed") => {
                self.login_ends(None, notes);
                return true;
            }
            (Side::Server, b"failure") if self.sealing => {
                (self.sealing, self.starttls.refused) = (false, true);
            }
            (Side::Server, b"failure") => self.login_ends(Some(false), notes),
            (Side::Server, b"success") => self.login_ends(Some(true), notes),
            (Side::Client, b"auth") => {
                self.login_ends(None, notes);
                let mechanism = tag.attribute(b"mechanism").unwrap_or_default();
                self.sasl = Some(Sasl::begin(mechanism, notes));
                follows = Text::Login;
            }
            (Side::Client, b"response") | (Side::Server, b"challenge") => follows = Text::Login,
            (Side::Client, b"username") => follows = Text::User,
            (Side::Client, b"password") => follows = Text::Password,
            (Side::Client, b"digest") => follows = Text::Digest,
            (Side::Server, b"iq") if self.login.is_some() => match tag.attribute(b"type") {
                Some(b"result") => self.login_ends(Some(true), notes),
                Some(b"error") => self.login_ends(Some(false), notes),
                _ => {}
            },
            (_, b"body") => follows = Text::Body,
            _ => {}
        }
        if let Some(text) = self.texts.get_mut(side.index()) {
            *text = follows;
        }
        false
    }

    /// Hears what stands between two tags.
    fn text(&mut self, side: Side, said: &[u8], notes: &mut Notes<'_>) {
        let what = self
            .texts
            .get_mut(side.index())
            .map(std::mem::take)
            .unwrap_or_default();
        let said = said.trim_ascii();
        if said.is_empty() {
            return;
        }
        match (what, side) {
            (Text::Login, Side::Client) => {
                if let Some(sasl) = &mut self.sasl {
                    sasl.client(said, notes);
                }
            }
            (Text::Login, Side::Server) => {
                if let Some(sasl) = &mut self.sasl {
                    sasl.server(said);
                }
            }
            (Text::User, _) => self.login = Some(Login::of_user("iq-auth", said, notes)),
            (Text::Password | Text::Digest, _) => {
                if let Some(login) = &mut self.login {
                    let secret = text(said, MAX_NAME);
                    login.secret(secret.as_bytes(), notes);
                    login.crackable = what == Text::Digest;
                }
            }
            (Text::Body, _) => {
                if !std::mem::replace(&mut self.said, true) {
                    notes.observe(
                        "xmpp-messages",
                        format!("The chats of a person with an account on {SERVER}"),
                    );
                }
                self.starttls.passed_in_clear(&STARTTLS, notes);
            }
            (Text::Other, _) => {}
        }
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        let sasl = self.sasl.take().map(Sasl::into_login);
        // A form that only asked which fields there are has no secret.
        let form = self.login.take().filter(|login| login.secret.is_some());
        for login in [form, sasl].into_iter().flatten() {
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
