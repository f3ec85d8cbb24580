//! The digest of a ledger: one place where every number of every format comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::OnceLock;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use overheard_judge::{Server, Servers};
use overheard_ledger::{
    Accounts, Body, Call, Capture, Conversation, Credential, Exposure, Finding, Handshake, Media,
    Message, Opened, Record, Time, side_by_side,
};

use crate::calls::recording::{self, Recording, StreamId};
use crate::calls::words::Speech;
use crate::calls::{self, Stream, Talk};
use crate::sealed::Sealed;
use crate::words;

/// A ledger, digested: what all formats share.
#[derive(Debug)]
pub struct Report<'a> {
    capture: Option<&'a Capture>,
    without_capture: Capture,
    /// Findings by rule, worst rules first.
    pub(crate) rules: Vec<Judged<'a>>,
    /// Conversations in the ledger's order.
    pub(crate) conversations: Vec<&'a Conversation>,
    /// What each exposure holds, worst first.
    pub(crate) exposures: Vec<Held>,
    /// The counts of the headline.
    pub(crate) facts: Facts,
    /// Calls in the order in which they began, each once, with their media; also those of which only media was seen.
    pub(crate) talks: Vec<Talk<'a>>,
    /// Their places by their streams.
    pub(crate) places: BTreeMap<StreamId, usize>,
    /// Sound to be played in the page, by the number of its call.
    pub(crate) recordings: BTreeMap<u64, Recording>,
    /// The names of files that hold the sound of calls, by their numbers.
    pub(crate) saved: BTreeMap<u64, String>,
    /// Handshakes in the ledger's order, with their conversations and evidence frames.
    pub(crate) handshakes: Vec<(u64, &'a Handshake, &'a [u64])>,
    /// What opens a recording of what was sealed.
    pub(crate) sealed: Sealed,
    /// The servers that answered handshakes: those first that have something to upgrade, then most handshakes first.
    pub(crate) servers: Vec<Server<'a>>,
    /// Those of the conversations that hide anything.
    hiding: Vec<&'a Conversation>,
    /// Best known names of hosts: gathered where they are asked for first.
    names: OnceLock<HashMap<IpAddr, &'a str>>,
    /// The owner's own view, where keys were given.
    pub(crate) opened: Option<Box<Inside<'a>>>,
}

/// What is inside sealed conversations, opened with the owner's keys: nothing of it is what a tap gets.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    pub(crate) summary: &'a Opened,
    /// Its records, digested apart.
    pub(crate) report: Report<'a>,
}

/// The findings of one rule that have one remedy.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    /// The first of them: its rule, title, severity, remedy and standard are those of all.
    pub(crate) first: &'a Finding,
    /// All of them, with their evidence frames.
    pub(crate) findings: Vec<(&'a Finding, &'a [u64])>,
}

/// What conversations of one exposure hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) exposure: Exposure,
    pub(crate) conversations: u64,
    /// Bytes of whole frames on the wire.
    pub(crate) bytes: u64,
    /// Encrypted payload bytes among them.
    pub(crate) sealed: u64,
}

/// What a tap got, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    /// Calls of which media can be listened to.
    pub(crate) calls_heard: u64,
    /// Calls that were signalled, but not heard.
    pub(crate) calls_seen: u64,
    /// Media streams that can be listened to and belong to no known call.
    pub(crate) streams_heard: u64,
    /// How much is said in the calls that are heard.
    pub(crate) speech_of_calls: Speech,
    /// How much is said in those streams.
    pub(crate) speech_of_streams: Speech,
    /// Different letters that are readable.
    pub(crate) letters: u64,
    /// Different passwords (user, server, and what is shown of the secret).
    pub(crate) passwords: u64,
    /// Tokens and cookies that log in for their owner.
    pub(crate) tokens: u64,
    /// Challenge-responses that can be attacked offline.
    pub(crate) crackable: u64,
    /// Files, each once.
    pub(crate) files: u64,
    /// Different names.
    pub(crate) names: u64,
    /// Requests.
    pub(crate) requests: u64,
    /// Encrypted payload bytes.
    pub(crate) sealed: u64,
    /// Those of them that are weak, or open with a stolen key or a quantum computer.
    pub(crate) sealed_opening_later: u64,
}

/// What a stored recording of the conversations with one server opens.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) exposure: Exposure,
    pub(crate) server: String,
    pub(crate) version: String,
    pub(crate) key_exchange: String,
    pub(crate) conversations: u64,
    /// Encrypted payload bytes.
    pub(crate) sealed: u64,
}

impl Facts {
    /// Seconds of speech in all that can be listened to; `None` where nothing was decoded.
    pub(crate) fn speech_seconds(&self) -> Option<f64> {
        match (self.speech_of_calls.seconds, self.speech_of_streams.seconds) {
            (None, None) => None,
            (calls, streams) => Some(calls.unwrap_or(0.0) + streams.unwrap_or(0.0)),
        }
    }
}

/// Two hosts that talked.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: IpAddr,
    pub(crate) server: IpAddr,
    pub(crate) conversations: u64,
    /// Bytes of whole frames on the wire, both ways.
    pub(crate) bytes: u64,
    pub(crate) protocols: BTreeSet<String>,
    /// Of the conversations, the worst.
    pub(crate) exposure: Exposure,
}

/// Whether a recording of it opens later, or today.
fn opens_later(exposure: Exposure) -> bool {
    matches!(
        exposure,
        Exposure::Weak | Exposure::StolenKey | Exposure::Harvest
    )
}

impl<'a> Report<'a> {
    /// Digests the records of a ledger: `capture` first, findings among them.
    pub fn new(records: &'a [Record]) -> Report<'a> {
        Report::digest(records, 1)
    }

    /// As [`Report::new`], on up to so many threads.
    pub fn digest(records: &'a [Record], threads: usize) -> Report<'a> {
        let aside = || (servers(records), Different::among(records));
        let ((servers, different), mut report) =
            side_by_side(records.len(), threads, aside, || {
                Report::of_conversations(records)
            });
        report.servers = servers;
        report.facts.letters = different.letters;
        report.facts.files = different.files;
        report.facts.names = different.names;
        report
    }

    /// All but the servers and what is counted once however often it was seen.
    fn of_conversations(records: &'a [Record]) -> Report<'a> {
        let mut capture = None;
        let mut conversations: Vec<&Conversation> = Vec::new();
        let mut handshakes: Vec<(u64, &Handshake, &[u64])> = Vec::new();
        let mut findings: Vec<(&Finding, &[u64])> = Vec::new();
        let mut calls: Vec<(&Call, Option<Time>, u64)> = Vec::new();
        let mut media: Vec<(&Media, &Record)> = Vec::new();
        let mut credentials: Vec<(&Credential, Option<u64>)> = Vec::new();
        let mut requests = 0;
        let mut keys_in_clear = HashSet::new();
        for record in records {
            match &record.body {
                Body::Capture(body) => capture = capture.or(Some(&**body)),
                Body::Conversation(body) => conversations.push(body),
                Body::Handshake(body) => {
                    if let Some(id) = record.conversation {
                        handshakes.push((id, body, &record.frames));
                    }
                }
                Body::Finding(body) => findings.push((body, &record.frames)),
                Body::Call(call) => {
                    let frame = record.frames.first().copied().unwrap_or(0);
                    calls.push((call, record.time, frame));
                }
                Body::Media(body) => {
                    media.push((body, record));
                    if let ("sdes-in-clear", Some(id)) = (&*body.protection, record.conversation) {
                        keys_in_clear.insert(id);
                    }
                }
                Body::Credential(body) => credentials.push((body, record.conversation)),
                Body::Request(_) => requests += 1,
                Body::Message(_) | Body::Object(_) | Body::Name(_) | Body::Opened(_) => {}
            }
        }
        // Few conversations carry media or logins, and only those are asked for.
        let of_media = media.iter().filter_map(|(_, record)| record.conversation);
        let of_logins = credentials.iter().filter_map(|(_, id)| *id);
        let asked: HashSet<u64> = of_media.chain(of_logins).collect();
        let known: HashMap<u64, &Conversation> = conversations
            .iter()
            .filter(|conversation| asked.contains(&conversation.id))
            .map(|conversation| (conversation.id, *conversation))
            .collect();
        let streams = media.into_iter().map(|(media, record)| {
            let conversation = record.conversation.and_then(|id| known.get(&id));
            let exposure = conversation.map(|conversation| conversation.exposure);
            Stream::new(media, record, exposure.unwrap_or_default())
        });
        let talks = calls::talks(&calls, streams.collect());
        let mut facts = Facts {
            requests,
            ..Facts::default()
        };
        count_calls(&mut facts, &talks);
        count_logins(&mut facts, &credentials, &known);
        let exposures = held(&conversations);
        for held in &exposures {
            facts.sealed += held.sealed;
            if opens_later(held.exposure) {
                facts.sealed_opening_later += held.sealed;
            }
        }
        let last = by_conversation(&handshakes);
        // Few conversations hide anything: only these are looked at again.
        let hiding: Vec<&Conversation> = conversations
            .iter()
            .copied()
            .filter(|conversation| {
                !matches!(conversation.exposure, Exposure::Open | Exposure::Unknown)
                    || conversation.accounts.sealed > 0
                    || last.contains_key(&conversation.id)
            })
            .collect();
        let sealed = capture.map_or(0, |capture| capture.accounts.sealed);
        Report {
            sealed: Sealed::new(&hiding, &last, &keys_in_clear, sealed),
            servers: Vec::new(),
            without_capture: Capture::default(),
            capture,
            rules: by_rule(findings),
            hiding,
            names: OnceLock::new(),
            handshakes,
            conversations,
            exposures,
            facts,
            places: recording::places(&talks),
            recordings: BTreeMap::new(),
            saved: BTreeMap::new(),
            talks,
            opened: None,
        }
    }

    /// The same report with the owner's own view in a section of its own: the records that keys opened,
    /// [`Opened`] first. Without that record nothing changes.
    #[must_use]
    pub fn with_opened(mut self, records: &'a [Record]) -> Report<'a> {
        if let Some(Body::Opened(summary)) = records.first().map(|record| &record.body) {
            self.opened = Some(Box::new(Inside {
                summary,
                report: Report::new(records),
            }));
        }
        self
    }

    /// The capture's record; an empty one where the ledger has none.
    pub(crate) fn capture(&self) -> &Capture {
        self.capture.unwrap_or(&self.without_capture)
    }

    /// Where every payload byte ended.
    pub(crate) fn accounts(&self) -> Accounts {
        self.capture().accounts
    }

    /// Seconds from the first frame to the last.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let capture = self.capture();
        Some(capture.end?.seconds_since(capture.start?))
    }

    /// The conversations that nothing could be said of.
    pub(crate) fn unknown_conversations(&self) -> u64 {
        self.exposures
            .iter()
            .filter(|held| held.exposure == Exposure::Unknown)
            .map(|held| held.conversations)
            .sum()
    }

    /// The best known name of a host.
    pub(crate) fn host_name(&self, address: IpAddr) -> Option<&'a str> {
        let names = self.names.get_or_init(|| host_names(&self.conversations));
        names.get(&address).copied()
    }

    /// A host by its best known name, with its address.
    pub(crate) fn host(&self, address: IpAddr) -> String {
        match self.host_name(address) {
            Some(name) => format!("{name} ({address})"),
            None => address.to_string(),
        }
    }

    /// What a stored recording opens, worst first, then most bytes first.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        stored(&self.hiding, &by_conversation(&self.handshakes))
    }

    /// Who talked to whom, most bytes first.
    pub(crate) fn pairs(&self) -> Vec<Pair> {
        pairs(&self.conversations)
    }
}

fn host_names<'a>(conversations: &[&'a Conversation]) -> HashMap<IpAddr, &'a str> {
    let mut names = HashMap::new();
    for conversation in conversations {
        if let Some(name) = conversation.server_names.first() {
            names.entry(conversation.server.ip).or_insert(name.as_str());
        }
    }
    names
}

/// The last handshake of each conversation.
fn by_conversation<'a>(
    handshakes: &[(u64, &'a Handshake, &'a [u64])],
) -> HashMap<u64, &'a Handshake> {
    handshakes
        .iter()
        .map(|(id, handshake, _)| (*id, *handshake))
        .collect()
}

fn count_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What is counted once, however often it was seen.
struct Different {
    letters: u64,
    files: u64,
    names: u64,
}

impl Different {
    fn among(records: &[Record]) -> Different {
        let mut letters: HashSet<[&str; 3]> = HashSet::new();
        let mut files: HashSet<[&str; 2]> = HashSet::new();
        let mut names: HashSet<&str> = HashSet::new();
        for record in records {
            match &record.body {
                Body::Message(body) if body.protected.is_none() => {
                    letters.insert(letter_key(body));
                }
                Body::Object(body) => {
                    let name = body.name.as_deref().unwrap_or_default();
                    files.insert(match &body.sha256 {
                        Some(sha256) => [sha256, ""],
                        None => ["", name],
                    });
                }
                Body::Name(body) => {
                    names.insert(&body.name);
                }
                _ => {}
            }
        }
        Different {
            letters: count_of(letters.len()),
            files: count_of(files.len()),
            names: count_of(names.len()),
        }
    }
}

/// What makes a letter the same as another: its bytes, else what stands on its envelope.
fn letter_key(message: &Message) -> [&str; 3] {
    match &message.sha256 {
        Some(sha256) => [sha256, "", ""],
        None => [
            "",
            message
                .subject
                .as_ref()
                .map_or("", |subject| subject.as_str()),
            message.from.as_deref().unwrap_or_default(),
        ],
    }
}

fn count_calls(facts: &mut Facts, talks: &[Talk<'_>]) {
    // Calls of which only media is in the ledger may have more than two ends.
    let mut heard: BTreeSet<&str> = BTreeSet::new();
    let mut seen = 0;
    for talk in talks {
        let speech = match (talk.call(), talk.call_id()) {
            (None, None) => {
                let audible = talk.streams.iter().filter(|stream| stream.is_audible());
                facts.streams_heard += count_of(audible.count());
                &mut facts.speech_of_streams
            }
            (_, id) => {
                match (talk.is_heard(), id) {
                    (true, Some(id)) => {
                        heard.insert(id);
                    }
                    _ if talk.call().is_some() => seen += 1,
                    _ => {}
                }
                &mut facts.speech_of_calls
            }
        };
        if talk.is_heard() {
            speech.add(talk);
        }
    }
    facts.calls_heard = count_of(heard.len());
    facts.calls_seen = seen;
}

fn count_logins(
    facts: &mut Facts,
    credentials: &[(&Credential, Option<u64>)],
    conversations: &HashMap<u64, &Conversation>,
) {
    let mut passwords = BTreeSet::new();
    let mut tokens = BTreeSet::new();
    let mut crackable = BTreeSet::new();
    for (credential, conversation) in credentials {
        let conversation = conversation.and_then(|id| conversations.get(&id));
        let server = conversation.map(|conversation| conversation.server.ip);
        let kind = match credential.mechanism.as_str() {
            _ if credential.secret.is_none() => continue,
            _ if credential.crackable => &mut crackable,
            "bearer" | "cookie" | "xoauth2" | "oauthbearer" => &mut tokens,
            _ => &mut passwords,
        };
        // The same secret for mail sent and mail read is one password.
        kind.insert((&credential.user, server, &credential.secret));
    }
    facts.passwords = count_of(passwords.len());
    facts.tokens = count_of(tokens.len());
    facts.crackable = count_of(crackable.len());
}

fn held(conversations: &[&Conversation]) -> Vec<Held> {
    let mut all = Exposure::ALL.map(|exposure| Held {
        exposure,
        conversations: 0,
        bytes: 0,
        sealed: 0,
    });
    for conversation in conversations {
        let of = |held: &&mut Held| held.exposure == conversation.exposure;
        if let Some(held) = all.iter_mut().find(of) {
            held.conversations += 1;
            held.bytes += conversation.bytes.iter().sum::<u64>();
            held.sealed += conversation.accounts.sealed;
        }
    }
    all.into()
}

/// Findings by rule and remedy: what has another remedy stands by itself. Worst first; among equals, the rule
/// whose first evidence comes first, with all its remedies.
fn by_rule<'a>(mut findings: Vec<(&'a Finding, &'a [u64])>) -> Vec<Judged<'a>> {
    findings.sort_by_key(|(finding, frames)| {
        (std::cmp::Reverse(finding.severity), frames.first().copied())
    });
    let mut rules: Vec<Judged<'a>> = Vec::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    let mut firsts: HashMap<&str, usize> = HashMap::new();
    for (finding, frames) in findings {
        firsts.entry(&finding.rule).or_insert(rules.len());
        let place = *places
            .entry((&finding.rule, &finding.remedy))
            .or_insert(rules.len());
        match rules.get_mut(place) {
            Some(judged) => judged.findings.push((finding, frames)),
            None => rules.push(Judged {
                first: finding,
                findings: vec![(finding, frames)],
            }),
        }
    }
    rules.sort_by_key(|judged| firsts.get(&*judged.first.rule).copied());
    rules
}

fn stored(conversations: &[&Conversation], handshakes: &HashMap<u64, &Handshake>) -> Vec<Stored> {
    let mut stored: BTreeMap<(Exposure, String, &str, &str), (u64, u64)> = BTreeMap::new();
    for conversation in conversations {
        if !opens_later(conversation.exposure) && conversation.exposure != Exposure::Sealed {
            continue;
        }
        let handshake = handshakes.get(&conversation.id);
        let protocol = conversation.protocol.as_deref().unwrap_or_default();
        let version = handshake.and_then(|handshake| handshake.version.as_deref());
        let key = handshake.and_then(|handshake| handshake.key_exchange.as_deref());
        let entry = stored
            .entry((
                conversation.exposure,
                words::server(conversation),
                version.unwrap_or(protocol),
                key.unwrap_or_default(),
            ))
            .or_default();
        entry.0 += 1;
        entry.1 += conversation.accounts.sealed;
    }
    let mut stored: Vec<Stored> = stored
        .into_iter()
        .map(
            |((exposure, server, version, key_exchange), (count, sealed))| Stored {
                exposure,
                server,
                version: version.to_owned(),
                key_exchange: key_exchange.to_owned(),
                conversations: count,
                sealed,
            },
        )
        .collect();
    stored.sort_by_key(|stored| std::cmp::Reverse((stored.exposure, stored.sealed)));
    stored
}

fn servers(records: &[Record]) -> Vec<Server<'_>> {
    let mut servers = Servers::new(records).all;
    servers.sort_by_key(|server| {
        let sides = [server.key_exchanges.side(), server.old_versions.side()];
        let upgradable = sides.iter().any(Option::is_some);
        std::cmp::Reverse((upgradable, server.key_exchanges.total()))
    });
    servers
}

fn pairs(conversations: &[&Conversation]) -> Vec<Pair> {
    let mut pairs: BTreeMap<(IpAddr, IpAddr), Pair> = BTreeMap::new();
    for conversation in conversations {
        let (client, server) = (conversation.client.ip, conversation.server.ip);
        let pair = pairs.entry((client, server)).or_insert(Pair {
            client,
            server,
            conversations: 0,
            bytes: 0,
            protocols: BTreeSet::new(),
            exposure: Exposure::Unknown,
        });
        pair.conversations += 1;
        pair.bytes += conversation.bytes.iter().sum::<u64>();
        pair.exposure = pair.exposure.max(conversation.exposure);
        if let Some(protocol) = &conversation.protocol
            && !pair.protocols.contains(protocol)
        {
            pair.protocols.insert(protocol.clone());
        }
    }
    let mut pairs: Vec<Pair> = pairs.into_values().collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.bytes));
    pairs
}
