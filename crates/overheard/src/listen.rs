//! The whole way: from captures to the records of the ledger.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use overheard_follow::{Aids, Heard, Opened as HeardInside, Options, follow_with};
use overheard_join::join;
use overheard_judge::judge;
use overheard_ledger::{
    Accounts, Body, Capture, Finding, Frames, Hint, Opened, Record, Rule, Time,
};
use overheard_protocols::PROTOCOLS;
use overheard_sound::{Sounds, Spool};
use overheard_source::Captures;
use overheard_tap::limits::MAX_SECRETS;
use overheard_tap::{Keys, Recorder};

/// All rules: of every protocol, and the general ones.
pub fn rules() -> Vec<&'static Rule> {
    let of_protocols = PROTOCOLS.iter().flat_map(|protocol| protocol.rules.iter());
    of_protocols.chain(overheard_judge::RULES).collect()
}

/// Everything that was heard, joined and judged.
#[derive(Debug)]
pub struct Ledger {
    /// The records, `capture` first, then by first evidence frame. Findings are among them.
    pub records: Vec<Record>,
    /// The owner's own view, where keys were given: what is inside sealed conversations. The record
    /// `opened` comes first. None of it is in `records`.
    pub opened: Vec<Record>,
    /// The calls that a tap could hear, and their sound.
    pub sounds: Sounds,
}

/// The part of the memory that recorded packets of media may take: a sixteenth, apart from what `follow` takes.
const SOUND: usize = 16;

/// Listens to captures as one, with `keys` as [`listen_with`] says; `begin` is told the size of the input and
/// `progress` the position in it, in bytes. Once `stop` is set, no more is read, and the ledger is that of what was heard until then.
///
/// # Errors
/// Where an input cannot be read or is no capture.
pub fn listen(
    inputs: &[PathBuf],
    options: Options,
    keys: Option<Keys>,
    stop: &Arc<AtomicBool>,
    begin: &mut dyn FnMut(u64),
    progress: &mut dyn FnMut(u64),
) -> Result<Ledger> {
    let mut captures = Captures::open_until(inputs, Arc::clone(stop))?;
    begin(captures.description().input_bytes);
    listen_with(&mut captures, options, keys, progress)
}

/// Listens to captures that are open already, and of which no frame was asked for; `progress` is told the position in the input, in bytes.
///
/// # Errors
/// Where an input cannot be read.
pub fn listen_to(
    captures: &mut Captures,
    options: Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Ledger> {
    listen_with(captures, options, None, progress)
}

/// As [`listen_to`]; where the owner gave `keys`, those that stand in the captures are added to them, and what
/// they open is told in [`Ledger::opened`].
///
/// # Errors
/// As [`listen_to`].
pub fn listen_with(
    captures: &mut Captures,
    options: Options,
    keys: Option<Keys>,
    progress: &mut dyn FnMut(u64),
) -> Result<Ledger> {
    let keys = keys.map(|mut keys| {
        keys.read(&captures.secrets());
        Arc::new(keys)
    });
    let spool = Arc::new(Spool::new(options.memory / SOUND));
    let recorder: Arc<dyn Recorder> = spool.clone();
    let aids = Aids {
        keys: keys.clone(),
        recorder: Some(recorder),
    };
    let mut heard = follow_with(captures, PROTOCOLS, options, aids, progress)?;
    let mut records = std::mem::take(&mut heard.records);
    join_all(&mut records, &mut heard.hints, options.threads);
    let sounds = Sounds::hear(
        spool,
        &mut records,
        &heard.hints,
        options.reveal,
        options.threads,
    );
    heard.notices.extend_from_slice(sounds.notices());
    let inside = std::mem::take(&mut heard.opened);
    let opened = keys.map_or(Vec::new(), |keys| opened(inside, &keys, &records, options));
    let findings = judge(&records, &heard.hints, &rules(), options.threads);
    records.extend(findings);
    records.push(capture_record(captures, heard, &records));
    sort_in(&mut records);
    let ledger = Ledger {
        records,
        opened,
        sounds,
    };
    debug_assert!(ledger.conserves(), "payload bytes are lost");
    Ok(ledger)
}

/// Joins records and hints in the capture's order, not in the shards'.
fn join_all(records: &mut Vec<Record>, hints: &mut [Hint], threads: usize) {
    sort(records);
    hints.sort_by(|one, other| {
        (&one.frames, one.conversation).cmp(&(&other.frames, other.conversation))
    });
    join(records, hints, threads);
}

/// What is done about what only keys open.
const REMEDY: &str = "On the line this was sealed. Keep the keys as safe as what they open, and let programs log them only where \
     you look into your own traffic.";

/// The owner's own view: what was inside, joined and judged apart from what the tap heard. The names of servers
/// are those that the tap knows.
fn opened(inside: HeardInside, keys: &Keys, outside: &[Record], options: Options) -> Vec<Record> {
    let HeardInside {
        mut records,
        mut hints,
        counts,
    } = inside;
    name_servers(&mut records, outside);
    join_all(&mut records, &mut hints, options.threads);
    let mut findings = judge(&records, &hints, &rules(), options.threads);
    for finding in &mut findings {
        if let Body::Finding(finding) = &mut finding.body {
            REMEDY.clone_into(&mut finding.remedy);
            "RFC 9850 section 4".clone_into(&mut finding.standard);
        }
    }
    records.extend(findings);
    sort_in(&mut records);
    let mut notices = Vec::new();
    if keys.dropped() > 0 {
        notices.push(format!(
            "{} secrets were not kept, because {MAX_SECRETS} are the most",
            keys.dropped()
        ));
    }
    if counts.set_aside > 0 {
        notices.push(format!(
            "{} notes on what is inside were set aside by a limit",
            counts.set_aside
        ));
    }
    let summary = Opened {
        secrets: u64::try_from(keys.count()).unwrap_or(u64::MAX),
        conversations: counts.opened,
        without_keys: counts.without_keys,
        wrong_keys: counts.wrong_keys,
        unsupported: counts.unsupported,
        accounts: counts.accounts,
        notices,
    };
    records.insert(
        0,
        Record {
            body: summary.into(),
            conversation: None,
            frames: Frames::default(),
            time: None,
        },
    );
    records
}

/// Gives conversations the names of servers that are known outside.
fn name_servers(records: &mut [Record], outside: &[Record]) {
    let names: HashMap<u64, &Vec<String>> = outside
        .iter()
        .filter_map(|record| match &record.body {
            Body::Conversation(known) => Some((known.id, &known.server_names)),
            _ => None,
        })
        .collect();
    for record in records {
        if let Body::Conversation(conversation) = &mut record.body
            && let Some(names) = names.get(&conversation.id)
        {
            conversation.server_names.clone_from(names);
        }
    }
}

impl Ledger {
    /// Whether every payload byte ended in exactly one account (law 1).
    pub fn conserves(&self) -> bool {
        self.capture()
            .is_some_and(|capture| capture.accounts.total() == capture.payload_bytes)
    }

    /// The record of the capture.
    pub fn capture(&self) -> Option<&Capture> {
        match self.records.first().map(|record| &record.body) {
            Some(Body::Capture(capture)) => Some(capture),
            _ => None,
        }
    }

    /// The findings.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.records.iter().filter_map(|record| match &record.body {
            Body::Finding(finding) => Some(&**finding),
            _ => None,
        })
    }
}

/// Where a record stands in the ledger: by first evidence frame, then by conversation, then by kind.
fn place(record: &Record) -> (u64, u64, u8) {
    let first = record.frames.first().copied().unwrap_or(0);
    let (kind, conversation) = match &record.body {
        Body::Capture(_) => (0, 0),
        // Its id, which is behind a pointer, is the number of its first frame.
        Body::Conversation(_) => (1, first),
        Body::Finding(_) => (3, u64::MAX),
        _ => (2, record.conversation.unwrap_or(0)),
    };
    (first, conversation, kind)
}

/// Puts records in the ledger's order.
fn sort(records: &mut [Record]) {
    // Keys once: a record is large.
    records.sort_by_cached_key(place);
}

/// As [`sort`], where all but those at the end are in order: this takes little more than a walk.
fn sort_in(records: &mut [Record]) {
    records.sort_by_key(place);
}

fn capture_record(captures: &Captures, heard: Heard, records: &[Record]) -> Record {
    let mut accounts: Accounts = heard.loose;
    for record in records {
        if let Body::Conversation(conversation) = &record.body {
            accounts += conversation.accounts;
        }
    }
    let description = captures.description();
    let mut notices = description.notices.clone();
    notices.extend(heard.notices);
    let capture = Capture {
        source: description.sources.clone(),
        link_types: description
            .link_types
            .iter()
            .map(|link| link.name().to_string())
            .collect(),
        interfaces: description.interfaces.clone(),
        packets: heard.packets,
        bytes: heard.bytes,
        captured_bytes: heard.captured_bytes,
        start: heard.span.map(|(start, _)| Time(start)),
        end: heard.span.map(|(_, end)| Time(end)),
        truncated_packets: heard.truncated_packets,
        undecoded_packets: heard.undecoded_packets,
        payload_bytes: heard.offered,
        accounts,
        interrupted: captures.is_interrupted(),
        notices,
    };
    Record {
        body: capture.into(),
        conversation: None,
        frames: Frames::default(),
        time: None,
    }
}
