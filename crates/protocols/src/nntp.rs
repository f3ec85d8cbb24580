//! NNTP (RFC 3977): the news groups that are read, logins (RFC 4643), STARTTLS (RFC 4642).

use overheard_ledger::{Body, Exposure, Name, Rule, Severity, When};
use overheard_tap::{Analyzer, Chunk, Notes, Over, Probe, Protocol, Sample, Side, Step};

use crate::shared::host_name::host_name;
use crate::shared::lines::{
    Asked, DotText, Lines, Reply, Then, begins, contains, first_line, is_text, word,
};
use crate::shared::login_rules::{login_rules, starttls_rules};
use crate::shared::sasl::{Login, Sasl};
use crate::shared::seen::Seen;
use crate::shared::starttls::{self, Starttls};

#[cfg(test)]
mod tests;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "nntp",
    title: "Network News Transfer Protocol",
    over: &[Over::Stream],
    ports: &[119, 563, 433],
    standard: "RFC 3977",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Nntp::default()),
    rules: RULES,
};

const LOGINS: [Rule; 5] = login_rules!(
    "nntp",
    "a news server",
    "Use TLS from the first byte (port 563) on client and server.",
    "RFC 8143; RFC 4642"
);

static RULES: &[Rule] = &[
    LOGINS[0],
    LOGINS[1],
    LOGINS[2],
    LOGINS[3],
    LOGINS[4],
    Rule {
        id: "nntp-groups",
        title: "News groups that are read",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Name(name) if name.source == "nntp-group" => {
                Some(format!("Which news groups are read on {}", seen.server()))
            }
            _ => None,
        }),
        remedy: "Use TLS from the first byte (port 563) on client and server.",
        standard: "RFC 8143",
        explain: "What somebody reads says what somebody thinks about. Articles themselves are mostly public; who fetches \
                  them is not.",
    },
];

const STARTTLS: starttls::Rules = starttls_rules!("nntp", "News on");

/// Bytes of a group's name that are kept.
const MAX_NAME: usize = 512;

/// What only clients of NNTP say.
fn is_command(line: &[u8]) -> bool {
    const CLEAR: [&[u8]; 12] = [
        b"MODE READER",
        b"MODE STREAM",
        b"AUTHINFO USER ",
        b"AUTHINFO SASL ",
        b"CAPABILITIES",
        b"XOVER ",
        b"NEWGROUPS ",
        b"LISTGROUP",
        b"LIST ACTIVE",
        b"GROUP ",
        b"IHAVE <",
        b"ARTICLE ",
    ];
    CLEAR.iter().any(|start| begins(line, start))
}

fn is_greeting(line: &[u8]) -> bool {
    matches!(
        Reply::parse(line),
        Some(Reply {
            code: 200 | 201 | 400 | 502,
            more: false,
            ..
        })
    )
}

fn probe(sample: &Sample<'_>) -> Probe {
    let (server, server_whole) = first_line(sample.server);
    let (client, client_whole) = first_line(sample.client);
    let named = |line: &[u8]| contains(line, b"NNTP") || contains(line, b"InterNetNews");
    if sample
        .server
        .first()
        .is_some_and(|first| !matches!(first, b'2' | b'4' | b'5'))
    {
        return Probe::No;
    }
    if server_whole && is_greeting(server) && is_text(server) {
        return match (client_whole && is_command(client), named(server)) {
            (true, _) | (_, true) => Probe::Sure,
            (false, false) if sample.client.is_empty() && !sample.whole => Probe::More,
            (false, false) => Probe::No,
        };
    }
    if !server_whole && !sample.server.is_empty() {
        // A greeting is one line, and short.
        let may_be = [&b"200 "[..], b"201 "]
            .iter()
            .any(|code| code.iter().zip(server).all(|(one, other)| one == other));
        return match may_be && !sample.whole && server.len() < 512 {
            true => Probe::More,
            false => Probe::No,
        };
    }
    if sample.server.is_empty() && client_whole && is_text(client) {
        if is_greeting(client) && named(client) {
            return Probe::Reversed;
        }
        // Only what no other protocol says.
        let clear = is_command(client) && !begins(client, b"GROUP ") && !begins(client, b"CAPA");
        return if clear { Probe::Likely(60) } else { Probe::No };
    }
    Probe::No
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Starttls,
    User,
    Password,
    Sasl,
    Capabilities,
    /// POST and IHAVE: an article may follow.
    Article,
    ListGroup,
    Other,
}

#[derive(Debug, Default)]
struct Nntp {
    lines: [Lines; 2],
    asked: Asked<Verb>,
    /// A text that the client or the server is in the middle of.
    texts: [Option<DotText>; 2],
    /// Whether the server's text is the list of what it can do.
    capabilities: bool,
    /// STARTTLS was said, and not answered.
    sealing: bool,
    server_heard: bool,
    starttls: Starttls,
    user: Option<Login>,
    sasl: Option<Sasl>,
    groups: Seen,
    one_ended: bool,
}

impl Analyzer for Nntp {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.bytes(side, bytes, notes),
            Chunk::Gap(_) => {
                self.asked.clear();
                self.sealing = false;
                if let (Some(lines), Some(text)) = (
                    self.lines.get_mut(side.index()),
                    self.texts.get_mut(side.index()),
                ) {
                    match text {
                        Some(text) => text.lost(),
                        None => lines.lost(),
                    }
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

    fn held(&self) -> usize {
        self.groups.held()
    }
}

impl Nntp {
    fn bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let [of_client, of_server] = self.texts;
        let text = match side {
            Side::Client => of_client,
            Side::Server => of_server,
        };
        if let Some(mut text) = text {
            let listed = self.capabilities && side == Side::Server;
            let (taken, ended) = text.take(bytes, |line| {
                if listed {
                    self.starttls.offered |= begins(line.trim_ascii(), b"STARTTLS");
                }
            });
            if let Some(place) = self.texts.get_mut(side.index()) {
                *place = (!ended).then_some(text);
            }
            return Step::Took(taken);
        }
        if side == Side::Server {
            self.server_heard = true;
            let mut lines = self.lines[1];
            let step = lines.each(bytes, "nntp response", |line| self.response(line, notes));
            self.lines[1] = lines;
            return step;
        }
        if self.sealing && self.server_heard {
            return Step::Took(0);
        }
        let mut lines = self.lines[0];
        let step = lines.each(bytes, "nntp command", |line| self.command(line, notes));
        self.lines[0] = lines;
        step
    }

    fn command(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Then {
        if let Some(sasl) = &mut self.sasl
            && !sasl.complete()
            && (sasl.client(line, notes) || line == b"*")
        {
            return Then::GoOn;
        }
        let (verb, argument) = word(line);
        let (first, rest) = word(argument);
        let asked = match verb.to_ascii_uppercase().as_slice() {
            b"STARTTLS" => {
                self.sealing = true;
                Verb::Starttls
            }
            b"CAPABILITIES" => Verb::Capabilities,
            b"POST" | b"IHAVE" => Verb::Article,
            b"TAKETHIS" => {
                self.asked.push(Verb::Other);
                self.texts[0] = Some(DotText::default());
                return Then::Wait;
            }
            verb @ (b"GROUP" | b"LISTGROUP") => {
                let name = argument.get(..MAX_NAME).unwrap_or(first);
                if let Some(name) = host_name(word(name).0).filter(|name| self.groups.is_new(name))
                {
                    notes.add(Name {
                        source: "nntp-group".to_owned(),
                        name,
                    });
                }
                self.starttls.passed_in_clear(&STARTTLS, notes);
                match verb {
                    b"GROUP" => Verb::Other,
                    _ => Verb::ListGroup,
                }
            }
            b"AUTHINFO" if first.eq_ignore_ascii_case(b"USER") => {
                self.login_ends(None, notes);
                self.user = Some(Login::of_user("user-pass", rest.trim_ascii_end(), notes));
                Verb::User
            }
            b"AUTHINFO" if first.eq_ignore_ascii_case(b"PASS") => {
                let login = self.user.get_or_insert_with(|| Login {
                    mechanism: "user-pass".to_owned(),
                    ..Login::default()
                });
                login.secret(rest, notes);
                Verb::Password
            }
            b"AUTHINFO" if first.eq_ignore_ascii_case(b"SASL") => {
                self.login_ends(None, notes);
                let (mechanism, initial) = word(rest);
                let mut sasl = Sasl::begin(mechanism, notes);
                if !initial.is_empty() {
                    sasl.client(initial, notes);
                }
                self.sasl = Some(sasl);
                Verb::Sasl
            }
            _ => Verb::Other,
        };
        self.asked.push(asked);
        match asked {
            // Nothing is understood before the server has answered.
            Verb::Starttls if self.server_heard => Then::Wait,
            _ => Then::GoOn,
        }
    }

    fn login_ends(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        let sasl = self.sasl.take().map(Sasl::into_login);
        for login in [self.user.take(), sasl].into_iter().flatten() {
            login.write(PROTOCOL.name, accepted, notes);
            self.starttls.passed_in_clear(&STARTTLS, notes);
        }
    }

    fn response(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Then {
        let Some(reply) = Reply::parse(line) else {
            return Then::GoOn;
        };
        // The greeting was not asked for, and neither is a farewell.
        if matches!(reply.code, 200 | 201 | 400) {
            return Then::GoOn;
        }
        if reply.code == 383 {
            if let Some(sasl) = &mut self.sasl {
                sasl.server(reply.text);
            }
            return Then::GoOn;
        }
        let asked = self.asked.pop();
        match (reply.code, asked) {
            (382, _) => {
                self.login_ends(None, notes);
                return Then::Tls;
            }
            (400.., Some(Verb::Starttls)) => {
                self.sealing = false;
                self.starttls.refused = true;
            }
            (281 | 283, _) => self.login_ends(Some(true), notes),
            (400.., Some(Verb::User | Verb::Password | Verb::Sasl)) => {
                self.login_ends(Some(false), notes)
            }
            (335 | 340, Some(Verb::Article)) => {
                // The answer to the article itself comes after it.
                self.asked.push(Verb::Other);
                self.texts[0] = Some(DotText::default());
            }
            (101, _) => {
                self.starttls.listed = true;
                self.capabilities = true;
                self.texts[1] = Some(DotText::default());
                return Then::Wait;
            }
            (100 | 215 | 220 | 221 | 222 | 224 | 225 | 230 | 231 | 282, _)
            | (211, Some(Verb::ListGroup)) => {
                self.capabilities = false;
                self.texts[1] = Some(DotText::default());
                return Then::Wait;
            }
            _ => {}
        }
        Then::GoOn
    }
}
