//! Builds packets and captures for tests, and hears them.
//!
//! For tests only: it stops at the first surprise. A [`Scene`] is a small capture in the making;
//! [`hear`] lets protocols hear a capture through the real following of conversations.

pub mod age;
mod kept;
mod packets;
mod scene;
mod tape;

use overheard_follow::{Aids, Heard, OpenedCounts, Options, follow_with};
use overheard_ledger::{Hint, Record, Reveal};
use overheard_source::Captures;
use overheard_tap::{Keys, Protocol};

pub use kept::{KeptPacket, hear_kept};
pub use packets::{ethernet, ipv4, ipv6, pcap, tcp, udp};
pub use scene::{Scene, Talk};
pub use tape::{TAPE, as_taped};

/// What protocols heard in a capture, in the ledger's order.
pub struct HeardScene {
    /// Records, of conversations too.
    pub records: Vec<Record>,
    /// Hints.
    pub hints: Vec<Hint>,
}

impl HeardScene {
    /// The records as NDJSON, one a line.
    pub fn ledger(&self) -> String {
        let lines: Vec<String> = self
            .records
            .iter()
            .map(|record| serde_json::to_string(record).expect("a record is JSON"))
            .collect();
        lines.join("\n")
    }

    /// The records as NDJSON without what depends on how the bytes were cut into packets: evidence
    /// frames, times and counts of packets. Conversation records are left out.
    pub fn content(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for record in &self.records {
            if matches!(record.body, overheard_ledger::Body::Conversation(_)) {
                continue;
            }
            let mut record = record.clone();
            record.frames.clear();
            record.time = None;
            record.conversation = None;
            lines.push(serde_json::to_string(&record).expect("a record is JSON"));
        }
        lines
    }
}

/// Lets `protocols` hear a capture; secrets are revealed.
pub fn hear(protocols: &[&'static Protocol], pcap: &[u8]) -> HeardScene {
    let heard = follow_bytes(
        protocols,
        pcap,
        Options {
            threads: 1,
            reveal: Reveal::Yes,
            ..Options::default()
        },
    );
    let mut hints = heard.hints;
    hints.sort_by(|one, other| {
        (&one.frames, one.conversation).cmp(&(&other.frames, other.conversation))
    });
    HeardScene {
        records: sorted(heard.records),
        hints,
    }
}

/// Lets `protocols` hear a capture whose owner gave a key log, and checks that the tap hears what it hears
/// without: what was opened, and what became of the conversations.
pub fn hear_inside(
    protocols: &[&'static Protocol],
    pcap: &[u8],
    key_log: &str,
) -> (HeardScene, OpenedCounts) {
    let protocols: &'static [&'static Protocol] = Box::leak(protocols.to_vec().into_boxed_slice());
    let options = Options {
        reveal: Reveal::Yes,
        ..Options::default()
    };
    let mut keys = Keys::default();
    keys.read(key_log.as_bytes());
    let heard = follow_keys(protocols, pcap, options, Some(keys));
    let without = follow_registry(protocols, pcap, options);
    assert_eq!(
        (&heard.records, &heard.hints),
        (&without.records, &without.hints),
        "keys change nothing of what a tap hears"
    );
    let scene = HeardScene {
        records: sorted(heard.opened.records),
        hints: heard.opened.hints,
    };
    (scene, heard.opened.counts)
}

/// Follows a capture that is in memory, and checks that no payload byte was lost on the way.
pub fn follow_bytes(protocols: &[&'static Protocol], pcap: &[u8], options: Options) -> Heard {
    // A test process hears few scenes: what it leaks is small.
    let protocols: &'static [&'static Protocol] = Box::leak(protocols.to_vec().into_boxed_slice());
    follow_registry(protocols, pcap, options)
}

/// Like [`follow_bytes`], with a registry that stands: for tests that follow many captures.
pub fn follow_registry(
    protocols: &'static [&'static Protocol],
    pcap: &[u8],
    options: Options,
) -> Heard {
    follow_keys(protocols, pcap, options, None)
}

fn follow_keys(
    protocols: &'static [&'static Protocol],
    pcap: &[u8],
    options: Options,
    keys: Option<Keys>,
) -> Heard {
    let aids = Aids {
        keys: keys.map(std::sync::Arc::new),
        recorder: None,
    };
    follow_aided(protocols, pcap, options, aids)
}

fn follow_aided(
    protocols: &'static [&'static Protocol],
    pcap: &[u8],
    options: Options,
    aids: Aids,
) -> Heard {
    let reader = Box::new(std::io::Cursor::new(pcap.to_vec()));
    let mut captures = Captures::from_reader("scene.pcap", reader).expect("a scene is a capture");
    let heard = follow_with(&mut captures, protocols, options, aids, &mut |_| {})
        .expect("a scene can be read");
    let mut total = heard.loose.total();
    for record in &heard.records {
        if let overheard_ledger::Body::Conversation(conversation) = &record.body {
            total += conversation.accounts.total();
        }
    }
    assert_eq!(
        total, heard.offered,
        "every payload byte ends in exactly one account"
    );
    heard
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|record| {
        (
            record.frames.first().copied(),
            record.conversation.unwrap_or(0),
        )
    });
    records
}
