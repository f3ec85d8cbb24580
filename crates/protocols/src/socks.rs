//! SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): a proxy that is told where to connect to.
//!
//! The negotiation passes in clear, with login and destination; after it the conversation is whatever
//! the client says to the destination, and belongs to whoever recognises it.

use overheard_ledger::{Account, Body, Credential, Exposure, Name, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Next, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::host_name::{host_name, readable};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "socks",
    title: "SOCKS proxy",
    over: &[Over::Stream],
    ports: &[1080],
    standard: "RFC 1928",
    exposure: Exposure::Open,
    probe,
    begin: |_| Box::new(Socks::default()),
    rules: RULES,
};

static RULES: &[Rule] = &[
    Rule {
        id: "socks-password",
        title: "Password of a proxy",
        severity: Severity::Critical,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Credential(login) if login.protocol == "socks" && login.secret.is_some() => {
                let user = login.user.as_deref().unwrap_or("a user");
                Some(format!("The password of {user} for {}", seen.server()))
            }
            _ => None,
        }),
        remedy: "Reach the proxy through a sealed tunnel (SSH, VPN, TLS), or let it accept clients by their address. \
                 Change the password.",
        standard: "RFC 1929",
        explain: "The login of SOCKS 5 sends name and password as they are. Who hears them can use the proxy in the \
                  user's name.",
    },
    Rule {
        id: "socks-destination",
        title: "Destinations told to a proxy",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| match &seen.record.body {
            Body::Name(name) if name.source == "socks" => Some(format!(
                "The names of the servers that are visited through {}",
                seen.server()
            )),
            _ => None,
        }),
        remedy: "Reach the proxy through a sealed tunnel (SSH, VPN, TLS).",
        standard: "RFC 1928",
        explain: "The client tells the proxy in clear where to connect to. A tap between the two reads it, whatever is \
                  said afterwards.",
    },
];

/// Bytes of a user id or of a name in SOCKS 4, at most; SOCKS 5 has lengths of one byte.
const MAX_TEXT: usize = 255;

const CONNECT: u8 = 1;
const BIND: u8 = 2;
const UDP_ASSOCIATE: u8 = 3;

/// The method of RFC 1929.
const USER_PASSWORD: u8 = 2;

/// The answer of SOCKS 4 that says yes.
const GRANTED: u8 = 0x5a;

/// Methods of a greeting in SOCKS 5, as far as they are there; `None` where it is not one.
fn methods(bytes: &[u8]) -> Option<&[u8]> {
    let &[5, count, ref rest @ ..] = bytes else {
        return None;
    };
    let count = usize::from(count);
    let methods = rest.get(..count).unwrap_or(rest);
    // Assigned methods and private ones, each once.
    let known = |method: &u8| *method <= 9 || (0x80..=0xfe).contains(method);
    let once = methods
        .iter()
        .enumerate()
        .all(|(at, method)| !methods.iter().take(at).any(|before| before == method));
    ((1..=32).contains(&count) && methods.iter().all(known) && once).then_some(methods)
}

/// The request of SOCKS 4 (and 4a), which ends with the text of its last field.
struct Request4<'a> {
    command: u8,
    user: &'a [u8],
    name: Option<&'a [u8]>,
    length: usize,
}

/// `Err` says whether more bytes may make it one.
fn request_4(bytes: &[u8]) -> Result<Request4<'_>, bool> {
    const FIXED: usize = 8;
    let Some((&[version, command, p0, p1, a, b, c, d], rest)) = bytes.split_first_chunk::<FIXED>()
    else {
        return Err(matches!(bytes, [] | [4] | [4, CONNECT | BIND, ..]));
    };
    if version != 4 || !matches!(command, CONNECT | BIND) || [p0, p1] == [0, 0] {
        return Err(false);
    }
    let text = |bytes: &[u8]| -> Result<usize, bool> {
        let end = bytes.iter().take(MAX_TEXT + 1).position(|&byte| byte == 0);
        let readable = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let printable = readable.iter().all(|byte| (b' '..=b'~').contains(byte));
        match end {
            Some(end) if printable => Ok(end),
            None if printable && bytes.len() <= MAX_TEXT => Err(true),
            _ => Err(false),
        }
    };
    let end = text(rest)?;
    let user = rest.get(..end).unwrap_or_default();
    let after = rest.get(end + 1..).unwrap_or_default();
    if [a, b, c] == [0; 3] && d != 0 {
        let name_end = text(after)?;
        return Ok(Request4 {
            command,
            user,
            name: after.get(..name_end),
            length: FIXED + end + 1 + name_end + 1,
        });
    }
    Ok(Request4 {
        command,
        user,
        name: None,
        length: FIXED + end + 1,
    })
}

fn probe(sample: &Sample<'_>) -> Probe {
    let weight = if sample.has_port(1080) { 70 } else { 40 };
    let unanswered = if sample.whole {
        Probe::Likely(weight)
    } else {
        Probe::More
    };
    match *sample.client {
        [5, ..] => probe_5(sample, unanswered),
        [4, ..] => match (request_4(sample.client), sample.server) {
            (Ok(request), _) if request.length != sample.client.len() => Probe::No,
            (Ok(_), [0, 0x5a..=0x5d, ..]) if sample.server.len() >= 8 => Probe::Sure,
            (Ok(_), [] | [0] | [0, 0x5a..=0x5d, ..]) => unanswered,
            (Err(true), []) if !sample.whole => Probe::More,
            _ => Probe::No,
        },
        _ => Probe::No,
    }
}

fn probe_5(sample: &Sample<'_>, unanswered: Probe) -> Probe {
    if sample.client.len() == 1 && sample.server.is_empty() && !sample.whole {
        return Probe::More;
    }
    let (Some(methods), Some(&count)) = (methods(sample.client), sample.client.get(1)) else {
        return Probe::No;
    };
    let complete = methods.len() == usize::from(count);
    match *sample.server {
        [5, method, ..] if complete && (methods.contains(&method) || method == 0xff) => Probe::Sure,
        [] | [5] if !complete && !sample.whole => Probe::More,
        // A client that does not wait for the answer is not believed before there is one.
        [] | [5] if complete && (sample.client.len() == methods.len() + 2 || !sample.whole) => {
            unanswered
        }
        _ => Probe::No,
    }
}

/// One conversation.
#[derive(Default)]
struct Socks {
    client: ClientStage,
    server: ServerStage,
    /// What the client asked for.
    command: Option<u8>,
    login: Option<Box<Credential>>,
    version_4: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum ClientStage {
    #[default]
    Greeting,
    /// A login or the request: their first bytes differ.
    Request,
    /// What follows is for the destination: not taken before the proxy has answered.
    Waiting,
    Other,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum ServerStage {
    #[default]
    Method,
    Login,
    Reply,
    Other,
}

/// The answer to a message that is cut, or is none.
fn not_yet(cut: Cut, bytes: &[u8]) -> Step {
    if cut.needed > 0 {
        Step::Need(bytes.len() + 1)
    } else {
        Step::NotMine(cut)
    }
}

impl Socks {
    fn hear_client(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Result<Step, Cut> {
        let mut cursor = Cursor::new("socks", bytes);
        match self.client {
            ClientStage::Greeting if bytes.first() == Some(&4) => {
                return Ok(match request_4(bytes) {
                    Ok(request) => self.hear_request_4(&request, notes),
                    Err(true) => Step::Need(bytes.len() + 1),
                    Err(false) => Step::NotMine(cursor.wrong()),
                });
            }
            ClientStage::Greeting => {
                if cursor.u8()? != 5 {
                    return Err(cursor.wrong());
                }
                cursor.vector8("socks methods")?;
                self.client = ClientStage::Request;
            }
            ClientStage::Request => match cursor.u8()? {
                1 if self.server != ServerStage::Reply => self.hear_login(&mut cursor, notes)?,
                5 => self.hear_request(&mut cursor, notes)?,
                _ => return Err(cursor.wrong()),
            },
            ClientStage::Waiting => return Ok(Step::Took(0)),
            ClientStage::Other => {
                notes.account(Account::Unrecognised, bytes.len());
                return Ok(Step::Took(bytes.len()));
            }
        }
        Ok(Step::Took(cursor.position()))
    }

    fn hear_request_4(&mut self, request: &Request4<'_>, notes: &mut Notes<'_>) -> Step {
        self.version_4 = true;
        self.server = ServerStage::Reply;
        self.command = Some(request.command);
        self.client = ClientStage::Waiting;
        if !request.user.is_empty() {
            notes.add(Credential {
                protocol: "socks".to_owned(),
                mechanism: "user-id".to_owned(),
                user: Some(readable(request.user)),
                ..Credential::default()
            });
        }
        self.asked_for(request.name, notes);
        Step::Took(request.length)
    }

    fn asked_for(&self, name: Option<&[u8]>, notes: &mut Notes<'_>) {
        let is_address = |name: &String| name.parse::<std::net::IpAddr>().is_ok();
        if let Some(name) = name.and_then(host_name).filter(|name| !is_address(name)) {
            notes.add(Name {
                source: "socks".to_owned(),
                name,
            });
        }
    }

    /// RFC 1929 section 2. Written when the proxy says whether it was right, or at the end.
    fn hear_login(&mut self, cursor: &mut Cursor<'_>, notes: &Notes<'_>) -> Result<(), Cut> {
        let user = cursor.vector8("socks user")?.rest();
        let password = cursor.vector8("socks password")?.rest();
        self.login = Some(Box::new(Credential {
            protocol: "socks".to_owned(),
            mechanism: "user-pass".to_owned(),
            user: Some(readable(user)),
            secret: Some(notes.mask(&readable(password))),
            ..Credential::default()
        }));
        Ok(())
    }

    /// RFC 1928 section 4.
    fn hear_request(&mut self, cursor: &mut Cursor<'_>, notes: &mut Notes<'_>) -> Result<(), Cut> {
        let command = cursor.u8()?;
        let reserved = cursor.u8()?;
        if !matches!(command, CONNECT | BIND | UDP_ASSOCIATE) || reserved != 0 {
            return Err(cursor.wrong());
        }
        let name = address(cursor)?;
        self.command = Some(command);
        self.client = ClientStage::Waiting;
        self.asked_for(name, notes);
        Ok(())
    }

    fn hear_server(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Result<Step, Cut> {
        let mut cursor = Cursor::new("socks", bytes);
        match self.server {
            ServerStage::Method => {
                let &[version, method] = &cursor.array::<2>()?;
                if version != 5 {
                    return Err(cursor.wrong());
                }
                self.server = match method {
                    0 => ServerStage::Reply,
                    USER_PASSWORD => ServerStage::Login,
                    // Other methods have messages of their own, and may seal what follows.
                    _ => {
                        self.client = ClientStage::Other;
                        ServerStage::Other
                    }
                };
            }
            ServerStage::Login => {
                let &[version, status] = &cursor.array::<2>()?;
                if version != 1 {
                    return Err(cursor.wrong());
                }
                self.write_login(Some(status == 0), notes);
                self.server = ServerStage::Reply;
            }
            ServerStage::Reply if self.version_4 => {
                let &[_, code, ..] = &cursor.array::<8>()?;
                return Ok(self.answered(cursor.position(), code == GRANTED));
            }
            ServerStage::Reply => {
                let &[version, code, _] = &cursor.array::<3>()?;
                if version != 5 {
                    return Err(cursor.wrong());
                }
                address(&mut cursor)?;
                return Ok(self.answered(cursor.position(), code == 0));
            }
            ServerStage::Other => {
                notes.account(Account::Unrecognised, bytes.len());
                return Ok(Step::Took(bytes.len()));
            }
        }
        Ok(Step::Took(cursor.position()))
    }

    /// The proxy has answered the request.
    fn answered(&mut self, took: usize, granted: bool) -> Step {
        match self.command {
            Some(BIND) if granted => {
                // A second answer follows when somebody has connected.
                self.command = Some(CONNECT);
                Step::Took(took)
            }
            Some(CONNECT) | None if granted => Step::Become {
                took,
                next: Next::Probe,
            },
            _ => {
                self.client = ClientStage::Other;
                self.server = ServerStage::Other;
                Step::Took(took)
            }
        }
    }

    fn write_login(&mut self, accepted: Option<bool>, notes: &mut Notes<'_>) {
        if let Some(mut login) = self.login.take() {
            login.accepted = accepted;
            notes.add(*login);
        }
    }
}

/// Type, address and port (RFC 1928 section 5): the name, where it is one.
fn address<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Cut> {
    let name = match cursor.u8()? {
        1 => cursor.skip(4).map(|()| None)?,
        3 => Some(cursor.vector8("socks name")?.rest()),
        4 => cursor.skip(16).map(|()| None)?,
        _ => return Err(cursor.wrong()),
    };
    cursor.skip(2)?;
    Ok(name)
}

impl Analyzer for Socks {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let bytes = match chunk {
            Chunk::Bytes(bytes) => bytes,
            Chunk::Gap(_) => return Step::NotMine(Cut::wrong("socks", 0)),
            Chunk::End => {
                self.write_login(None, notes);
                return Step::Took(0);
            }
        };
        let step = match side {
            Side::Client => self.hear_client(bytes, notes),
            Side::Server => self.hear_server(bytes, notes),
        };
        step.unwrap_or_else(|cut| not_yet(cut, bytes))
    }
}

#[cfg(test)]
mod tests;
