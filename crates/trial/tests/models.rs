//! What must not change what is heard: how streams were cut into packets and in which order those came;
//! whether captures are given as one or as several.
//!
//! The conversations are the committed seeds of the fuzz target `protocols`: every protocol of the
//! registry that real captures have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use overheard::listen::{Ledger, listen};
use overheard_follow::Options;
use overheard_ledger::{Body, Record, Reveal};
use overheard_tap::Over;
use overheard_testkit::{Scene, pcap};
use overheard_trial::{Scenario, seeds};
use proptest::prelude::*;
use serde_json::Value;

/// Frames with their times.
type Frames = Vec<(u64, Vec<u8>)>;

fn scenarios() -> &'static [Scenario] {
    static ALL: OnceLock<Vec<Scenario>> = OnceLock::new();
    ALL.get_or_init(|| {
        let seeds = seeds::committed("protocols");
        seeds.iter().map(|seed| Scenario::read(seed)).collect()
    })
}

fn streams() -> &'static [Scenario] {
    static ALL: OnceLock<Vec<Scenario>> = OnceLock::new();
    ALL.get_or_init(|| {
        let streams = scenarios().iter();
        streams
            .filter(|scenario| scenario.over == Over::Stream)
            .cloned()
            .collect()
    })
}

/// Files that are taken away in the end.
struct Files(Vec<PathBuf>);

impl Files {
    fn new(captures: &[&Frames]) -> Files {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("alone").replace(':', "-");
        let process = std::process::id();
        let files = captures.iter().enumerate().map(|(index, frames)| {
            let path =
                std::env::temp_dir().join(format!("overheard-{process}-{name}-{index}.pcap"));
            std::fs::write(&path, pcap(frames)).expect("a file can be written");
            path
        });
        Files(files.collect())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for file in &self.0 {
            let _ = std::fs::remove_file(file);
        }
    }
}

fn heard(captures: &[&Frames]) -> Ledger {
    let files = Files::new(captures);
    let options = Options {
        threads: 1,
        reveal: Reveal::Yes,
        ..Options::default()
    };
    let ledger = listen(
        &files.0,
        options,
        None,
        &Default::default(),
        &mut |_| {},
        &mut |_| {},
    )
    .expect("captures can be read");
    assert!(ledger.conserves());
    ledger
}

/// A record without what depends on how the bytes came in packets, and how many times it stands for.
fn content(record: &Record) -> (String, u64) {
    let mut value = serde_json::to_value(record).expect("a record is JSON");
    let fields = value.as_object_mut().expect("a record is an object");
    for field in ["frames", "time", "conversation", "conversations"] {
        fields.remove(field);
    }
    if let Body::Conversation(_) = record.body {
        for field in ["id", "packets", "bytes", "start", "end"] {
            fields.remove(field);
        }
        // Copies are counted, and say nothing new.
        if let Some(accounts) = fields.get_mut("accounts").and_then(Value::as_object_mut) {
            accounts.remove("duplicate");
        }
    }
    if let Body::Call(_) = record.body {
        for field in ["start", "ringing", "answer", "end"] {
            fields.remove(field);
        }
        let steps = fields.get_mut("steps").and_then(Value::as_array_mut);
        for step in steps.into_iter().flatten() {
            if let Some(step) = step.as_object_mut() {
                step.remove("frame");
                step.remove("time");
            }
        }
    }
    let count = match &record.body {
        // Findings that say the same are one, with their count.
        Body::Finding(_) => fields
            .remove("count")
            .and_then(|count| count.as_u64())
            .unwrap_or(0),
        _ => 1,
    };
    (value.to_string(), count)
}

fn calls(ledger: &Ledger) -> BTreeSet<&str> {
    let records = ledger.records.iter();
    records
        .filter_map(|record| match &record.body {
            Body::Call(call) => Some(call.call_id.as_str()),
            _ => None,
        })
        .collect()
}

/// The content of ledgers together: each record, and how often.
fn contents(ledgers: &[&Ledger]) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for record in ledgers.iter().flat_map(|ledger| &ledger.records) {
        if !matches!(record.body, Body::Capture(_)) {
            let (line, count) = content(record);
            *all.entry(line).or_insert(0) += count;
        }
    }
    all
}

/// The ledger as it is printed, but for the names of the files.
fn printed(ledger: &Ledger) -> Vec<String> {
    let mut lines = Vec::new();
    for record in &ledger.records {
        let mut value = serde_json::to_value(record).expect("a record is JSON");
        if let (Body::Capture(_), Some(fields)) = (&record.body, value.as_object_mut()) {
            fields.remove("source");
            fields.remove("interfaces");
        }
        lines.push(value.to_string());
    }
    lines
}

/// A scenario played between endpoints of its own.
fn played(scenario: &Scenario, number: usize, segment: u8) -> Frames {
    let scenario = Scenario {
        segment,
        ..scenario.clone()
    };
    let mut scene = Scene::new();
    let (client, server) = (
        format!("198.51.100.{}", number + 1),
        format!("203.0.113.{}", number + 1),
    );
    let server = format!("{server}:{}", scenario.server_port());
    scenario.play(&mut scene, &format!("{client}:50001"), &server);
    let frames = scene.frames().iter().cloned();
    // No two captures have frames of the same time.
    let shift = 300_000 * number as u64;
    frames.map(|(time, frame)| (time + shift, frame)).collect()
}

/// What happens to packets on the way: each may come twice, and pass those before it that the same side
/// sent since the other side spoke. (What crosses the other side's answer may mean something else.)
fn on_the_way(frames: &Frames, late: &[(usize, bool)]) -> Frames {
    let mut order: Vec<(usize, usize, usize)> = Vec::new();
    let mut turn = 0;
    for (index, (_, frame)) in frames.iter().enumerate() {
        if index > 0 && source(frame) != source(&frames[index - 1].1) {
            turn += 1;
        }
        let (late, twice) = late[index % late.len()];
        order.push((turn, index + late, index));
        if twice {
            order.push((turn, index + late + 2, index));
        }
    }
    order.sort();
    let begin = frames[0].0;
    let frames = order.iter().map(|(_, _, index)| frames[*index].1.clone());
    frames
        .enumerate()
        .map(|(place, frame)| (begin + 1_000_000 * place as u64, frame))
        .collect()
}

/// The source address of an IPv4 packet in Ethernet.
fn source(frame: &[u8]) -> &[u8] {
    &frame[26..30]
}

/// Captures merged by time: no two frames have the same.
fn merged(one: &Frames, other: &Frames) -> Frames {
    let mut all: Frames = one.iter().chain(other).cloned().collect();
    all.sort_by_key(|(time, _)| *time);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn any_cutting_of_real_streams_is_heard_the_same(
        which in any::<prop::sample::Index>(),
        segment in prop_oneof![1u8..8, 1u8..=255],
    ) {
        let scenario = which.get(streams());
        let whole = contents(&[&heard(&[&played(scenario, 0, 0)])]);
        let cut = contents(&[&heard(&[&played(scenario, 0, segment)])]);
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn real_streams_that_come_out_of_order_and_twice_are_heard_the_same(
        which in any::<prop::sample::Index>(),
        segment in 20u8..=255,
        late in prop::collection::vec((0usize..6, any::<bool>()), 1..20),
    ) {
        let scenario = which.get(streams());
        let frames = played(scenario, 0, segment);
        let whole = contents(&[&heard(&[&frames])]);
        let shuffled = contents(&[&heard(&[&on_the_way(&frames, &late)])]);
        prop_assert_eq!(shuffled, whole);
    }

    #[test]
    fn captures_merged_give_the_union_of_their_ledgers(
        which in prop::array::uniform2(any::<prop::sample::Index>()),
    ) {
        let [one, other] = [0, 1].map(|number| played(which[number].get(scenarios()), number, 0));
        let ledgers = [heard(&[&one]), heard(&[&other])];
        // What both say of one call is one call.
        let calls = [0, 1].map(|number| calls(&ledgers[number]));
        prop_assume!(calls[0].is_disjoint(&calls[1]));
        let both = heard(&[&merged(&one, &other)]);
        let union = contents(&[&ledgers[0], &ledgers[1]]);
        prop_assert_eq!(&contents(&[&both]), &union);
        let sum = |of: fn(&Ledger) -> u64| ledgers.iter().map(of).sum::<u64>();
        let payload = |ledger: &Ledger| ledger.capture().map_or(0, |capture| capture.payload_bytes);
        let read = |ledger: &Ledger| ledger.capture().map_or(0, |capture| capture.accounts.read);
        prop_assert_eq!(payload(&both), sum(payload));
        prop_assert_eq!(read(&both), sum(read));
        // Given as two files they are one capture too.
        prop_assert_eq!(contents(&[&heard(&[&one, &other])]), union);
    }

    #[test]
    fn a_capture_split_in_two_files_gives_the_ledger_of_the_whole(
        which in prop::array::uniform2(any::<prop::sample::Index>()),
        at in any::<prop::sample::Index>(),
        dealt in prop::collection::vec(any::<bool>(), 1..12),
    ) {
        let [one, other] = [0, 1].map(|number| played(which[number].get(scenarios()), number, 0));
        let whole = merged(&one, &other);
        let ledger = printed(&heard(&[&whole]));
        // One file after the other, as a ring of capture files is.
        let (front, back) = whole.split_at(at.index(whole.len()));
        prop_assert_eq!(&printed(&heard(&[&front.to_vec(), &back.to_vec()])), &ledger);
        // At the same time, as two taps are.
        let part = |wanted: bool| -> Frames {
            let frames = whole.iter().enumerate();
            frames
                .filter(|(index, _)| dealt[index % dealt.len()] == wanted)
                .map(|(_, frame)| frame.clone())
                .collect()
        };
        prop_assert_eq!(&printed(&heard(&[&part(true), &part(false)])), &ledger);
    }
}

#[test]
fn the_conversations_are_of_many_protocols() {
    let mut names = BTreeSet::new();
    for scenario in scenarios() {
        for record in heard(&[&played(scenario, 0, 0)]).records {
            if let Body::Conversation(conversation) = record.body {
                names.extend(conversation.protocol);
            }
        }
    }
    assert!(names.len() > 30, "{names:?}");
}
