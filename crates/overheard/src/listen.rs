//! The whole way: from captures to the records of the ledger.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use overheard_follow::{Heard, Options, follow};
use overheard_join::join;
use overheard_judge::judge;
use overheard_ledger::{Accounts, Body, Capture, Finding, Record, Rule, Time};
use overheard_protocols::PROTOCOLS;
use overheard_source::Captures;

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
}

/// Listens to captures as one; `begin` is told the size of the input and `progress` the position in it,
/// in bytes. Once `stop` is set, no more is read, and the ledger is that of what was heard until then.
///
/// # Errors
/// Where an input cannot be read or is no capture.
pub fn listen(
    inputs: &[PathBuf],
    options: Options,
    stop: &Arc<AtomicBool>,
    begin: &mut dyn FnMut(u64),
    progress: &mut dyn FnMut(u64),
) -> Result<Ledger> {
    let mut captures = Captures::open_until(inputs, Arc::clone(stop))?;
    begin(captures.description().input_bytes);
    listen_to(&mut captures, options, progress)
}

/// Listens to captures that are open already; `progress` is told the position in the input, in bytes.
///
/// # Errors
/// Where an input cannot be read.
pub fn listen_to(
    captures: &mut Captures,
    options: Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Ledger> {
    let mut heard = follow(captures, PROTOCOLS, options, progress)?;
    let mut records = std::mem::take(&mut heard.records);
    // Joining and judging go by the capture's order, not by the shards'.
    sort(&mut records);
    heard.hints.sort_by(|one, other| {
        (&one.frames, one.conversation).cmp(&(&other.frames, other.conversation))
    });
    join(&mut records, &heard.hints);
    let findings = judge(&records, &heard.hints, &rules(), options.threads);
    records.extend(findings);
    sort(&mut records);
    records.insert(0, capture_record(captures, heard, &records));
    let ledger = Ledger { records };
    debug_assert!(ledger.conserves(), "payload bytes are lost");
    Ok(ledger)
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

/// The ledger's order: by first evidence frame, then by conversation, then by kind.
fn sort(records: &mut [Record]) {
    // Keys once: they lie behind pointers, and a record is large.
    records.sort_by_cached_key(|record| {
        let (kind, conversation) = match &record.body {
            Body::Capture(_) => (0, 0),
            Body::Conversation(conversation) => (1, conversation.id),
            Body::Finding(_) => (3, u64::MAX),
            _ => (2, record.conversation.unwrap_or(0)),
        };
        (
            record.frames.first().copied().unwrap_or(0),
            conversation,
            kind,
        )
    });
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
        frames: Vec::new(),
        time: None,
    }
}
