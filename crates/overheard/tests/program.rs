//! What a user sees: the built program, run on the demo recording and on bad input.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Passwords of the demo, as its README lists them.
const PASSWORDS: [&str; 7] = [
    "quiet-harbour-7",
    "paper-lantern-4",
    "open-water-3",
    "tall-ship-88",
    "cabinet-three",
    "old-brass-key",
    "harbour-ro",
];

/// What is dialled during a call of the demo.
const DIGITS: &str = "447190";

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/office.pcapng")
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_overheard"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn demo_text() -> String {
    demo().to_str().unwrap().to_owned()
}

fn records(ledger: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(ledger).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of_kind<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records
        .iter()
        .filter(|record| record["kind"] == kind)
        .collect()
}

#[test]
fn the_demo_is_heard_as_it_was_played() {
    let output = run(&["ledger", "--reveal", &demo_text()]);
    assert!(output.status.success());
    let records = records(&output.stdout);
    assert_eq!(records[0]["kind"], "capture");
    assert_eq!(records[0]["packets"], 6006);

    let calls = of_kind(&records, "call");
    assert_eq!(calls.len(), 2, "two calls, each told once: {calls:#?}");
    assert!(calls.iter().all(|call| call["state"] == "ended"));
    let media = of_kind(&records, "media");
    assert!(
        media
            .iter()
            .all(|stream| stream["protection"] == "none" && stream["call_id"].is_string())
    );
    let packets: Vec<u64> = media
        .iter()
        .filter_map(|stream| stream["packets"].as_u64())
        .collect();
    assert!(
        packets.iter().filter(|packets| **packets >= 1060).count() >= 4,
        "{packets:?}"
    );

    let secrets: Vec<&str> = of_kind(&records, "credential")
        .iter()
        .filter_map(|login| login["secret"].as_str())
        .collect();
    for password in PASSWORDS {
        assert!(
            secrets.contains(&password),
            "{password} was not heard: {secrets:?}"
        );
    }

    let key_exchanges: Vec<&str> = of_kind(&records, "handshake")
        .iter()
        .filter_map(|shake| shake["key_exchange"].as_str())
        .collect();
    for expected in ["x25519", "X25519MLKEM768", "sntrup761x25519-sha512"] {
        assert!(
            key_exchanges
                .iter()
                .any(|found| found.eq_ignore_ascii_case(expected)),
            "{expected} is not among {key_exchanges:?}"
        );
    }
    let exposures: Vec<&str> = of_kind(&records, "conversation")
        .iter()
        .filter_map(|one| one["exposure"].as_str())
        .collect();
    for expected in ["open", "stolen-key", "harvest", "sealed"] {
        assert!(
            exposures.contains(&expected),
            "no conversation is {expected}"
        );
    }
    assert!(of_kind(&records, "message").len() >= 4);
    assert!(
        of_kind(&records, "object")
            .iter()
            .any(|object| object["protocol"] == "ftp-data")
    );
}

#[test]
fn no_output_holds_a_secret_unless_it_is_revealed() {
    let page = std::env::temp_dir().join(format!("overheard-page-{}.html", std::process::id()));
    let mut outputs = Vec::new();
    for args in [
        vec!["ledger"],
        vec!["report", "--html", page.to_str().unwrap()],
        vec!["report", "--format", "json"],
        vec!["report", "--format", "markdown"],
        vec!["calls"],
        vec!["calls", "--json"],
    ] {
        let mut args = args;
        let demo = demo_text();
        args.push(&demo);
        let output = run(&args);
        assert!(output.status.success(), "{args:?}");
        outputs.push(String::from_utf8(output.stdout).unwrap());
    }
    outputs.push(std::fs::read_to_string(&page).unwrap());
    std::fs::remove_file(&page).unwrap();
    for output in &outputs {
        assert!(output.len() > 200);
        for password in PASSWORDS {
            assert!(!output.contains(password), "{password} is shown");
        }
        assert!(!output.contains(DIGITS), "keys pressed in a call are shown");
        assert!(!output.contains("data:audio"), "a call can be listened to");
    }
}

#[test]
fn the_bill_of_materials_is_of_the_capture_alone() {
    let bill = |threads: &str| {
        let output = run(&[
            "report",
            "--format",
            "cbom",
            "--threads",
            threads,
            &demo_text(),
        ]);
        assert!(output.status.success());
        output.stdout
    };
    let one = bill("1");
    assert_eq!(one, bill("4"));
    let ledger = records(&run(&["ledger", &demo_text()]).stdout);
    let bill: Value = serde_json::from_slice(&one).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(
        bill["metadata"]["timestamp"], ledger[0]["end"],
        "packet time"
    );
    let names: Vec<&str> = bill["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    for handshake in of_kind(&ledger, "handshake") {
        if let Some(method) = handshake["key_exchange"].as_str() {
            assert!(names.contains(&method), "{method}");
        }
    }
    // Every sealed byte is booked to one thing that opens it.
    let properties = bill["metadata"]["properties"].as_array().unwrap();
    let sealed = properties.iter().filter(|one| {
        let name = one["name"].as_str().unwrap();
        name.starts_with("overheard:sealed-bytes:")
    });
    let bytes = sealed.map(|one| one["value"].as_str().unwrap().parse::<u64>().unwrap());
    assert_eq!(
        Some(bytes.sum::<u64>()),
        ledger[0]["accounts"]["sealed"].as_u64()
    );
}

#[test]
fn the_answer_does_not_depend_on_threads() {
    let demo = demo_text();
    let one = run(&["ledger", "--threads", "1", &demo]).stdout;
    for threads in ["2", "3", "16"] {
        assert!(
            run(&["ledger", "--threads", threads, &demo]).stdout == one,
            "{threads} threads say something else"
        );
    }
}

#[test]
fn standard_input_says_the_same_as_the_file() {
    let bytes = std::fs::read(demo()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_overheard"))
        .args(["ledger", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let piped = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let from_file = run(&["ledger", &demo_text()]);
    let after_first = |output: &[u8]| {
        output
            .splitn(2, |byte| *byte == b'\n')
            .nth(1)
            .unwrap()
            .to_vec()
    };
    assert!(after_first(&piped.stdout) == after_first(&from_file.stdout));
}

#[test]
fn every_payload_byte_ends_in_one_account() {
    let records = records(&run(&["ledger", &demo_text()]).stdout);
    let accounts = records[0]["accounts"].as_object().unwrap();
    let total: u64 = accounts.values().map(|value| value.as_u64().unwrap()).sum();
    assert!(total > 1_000_000, "{accounts:?}");
    assert_eq!(accounts["limited"], 0);
    assert_eq!(records[0]["payload_bytes"], total);
}

#[test]
fn bad_input_gets_one_line_and_status_2() {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    for input in [text.to_str().unwrap(), "/no/such/file"] {
        let output = run(&["report", input]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
    assert_eq!(run(&["report"]).status.code(), Some(2));
    assert_eq!(run(&["explain", "no-such-rule"]).status.code(), Some(2));
}

#[test]
fn fail_on_asks_for_status_1() {
    let demo = demo_text();
    assert_eq!(
        run(&["report", "--fail-on", "critical", &demo])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(run(&["report", &demo]).status.code(), Some(0));
}

#[test]
fn a_file_cut_short_gives_what_is_before_the_cut() {
    let bytes = std::fs::read(demo()).unwrap();
    let path = std::env::temp_dir().join(format!("overheard-cut-{}.pcapng", std::process::id()));
    std::fs::write(&path, &bytes[..bytes.len() / 2 + 1]).unwrap();
    let output = run(&["ledger", path.to_str().unwrap()]);
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success());
    let records = records(&output.stdout);
    assert!(records[0]["packets"].as_u64().unwrap() > 1000);
    assert!(!records[0]["notices"].as_array().unwrap().is_empty());
}

#[test]
fn every_rule_can_be_explained() {
    let list = String::from_utf8(run(&["explain"]).stdout).unwrap();
    assert!(list.lines().count() > 20);
    for line in list.lines() {
        let id = line.split_whitespace().next().unwrap();
        let output = run(&["explain", id]);
        assert!(output.status.success(), "{id}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("Standard") && text.contains("What to do"),
            "{id}"
        );
    }
}
