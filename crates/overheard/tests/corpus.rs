//! The same capture gives the same ledger, byte for byte: with any number of threads, through a pipe and
//! compressed; and every payload byte is in one account (laws 1 and 2).
//!
//! Runs where the capture corpus is beside the repository: a sample of it, or all with
//! `OVERHEARD_CORPUS=all`. `OVERHEARD_BIN` names another binary to try, such as a release build.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

/// One in so many captures is tried where not all are.
const SAMPLE: usize = 10;

fn captures(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            captures(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn binary() -> PathBuf {
    std::env::var_os("OVERHEARD_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_overheard").into(), PathBuf::from)
}

/// The record of the capture without the name of its source, which notices begin with too.
fn nameless(line: &str) -> String {
    let mut capture: Value = serde_json::from_str(line).unwrap();
    let record = capture.as_object_mut().unwrap();
    let source = record.remove("source").expect("the capture comes first");
    let prefix = format!("{}: ", source[0].as_str().unwrap());
    let notices = record.get_mut("notices").and_then(Value::as_array_mut);
    for notice in notices.into_iter().flatten() {
        if let Some(rest) = notice.as_str().and_then(|text| text.strip_prefix(&prefix)) {
            *notice = rest.into();
        }
    }
    capture.to_string()
}

/// The ledger's lines, without the name of the source; the exit code where there is no ledger.
fn ledger(threads: &str, input: &str, stdin: Stdio) -> Result<Vec<String>, Option<i32>> {
    let output = Command::new(binary())
        .args(["ledger", "--threads", threads, input])
        .stdin(stdin)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{input}: {stderr}");
    if !output.status.success() {
        assert!(output.status.code().is_some(), "{input}: killed: {stderr}");
        return Err(output.status.code());
    }
    let text = String::from_utf8(output.stdout).expect("a ledger is UTF-8");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some(first) = lines.first_mut() {
        *first = nameless(first);
    }
    Ok(lines)
}

fn total(record: &Value) -> u64 {
    let accounts = record.get("accounts").and_then(Value::as_object);
    accounts.map_or(0, |accounts| {
        accounts.values().filter_map(Value::as_u64).sum()
    })
}

/// Every payload byte is in one account: the capture's accounts add up to its payload bytes, and hold those of
/// the conversations.
fn conserves(lines: &[String]) -> bool {
    let records: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (capture, others) = records
        .split_first()
        .expect("a ledger begins with the capture");
    let of_conversations: u64 = others.iter().map(total).sum();
    total(capture) >= of_conversations && capture["payload_bytes"] == total(capture)
}

fn try_one(path: &Path, scratch: &Path) -> Result<(), String> {
    let name = path.to_str().unwrap();
    let alone = ledger("1", name, Stdio::null());
    if ledger("2", name, Stdio::null()) != alone {
        return Err(format!("{name}: 2 threads hear something else"));
    }
    if ledger("1", "-", File::open(path).unwrap().into()) != alone {
        return Err(format!("{name}: through a pipe it is something else"));
    }
    let packed = File::create(scratch).unwrap();
    let status = Command::new("gzip")
        .args(["-1", "-c", name])
        .stdout(packed)
        .status();
    if status.is_ok_and(|status| status.success())
        && ledger("1", scratch.to_str().unwrap(), Stdio::null()) != alone
    {
        return Err(format!("{name}: compressed it is something else"));
    }
    match alone {
        Ok(lines) if !conserves(&lines) => Err(format!("{name}: payload bytes are lost")),
        _ => Ok(()),
    }
}

#[test]
fn the_same_capture_gives_the_same_ledger() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/pcaps");
    if !corpus.is_dir() {
        println!("skipped: there is no corpus at {}", corpus.display());
        return;
    }
    let mut found = Vec::new();
    captures(&corpus, &mut found);
    found.sort();
    let all = std::env::var("OVERHEARD_CORPUS").is_ok_and(|which| which == "all");
    let step = if all { 1 } else { SAMPLE };
    let waiting = Mutex::new(found.into_iter().step_by(step));
    let wrong = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for worker in 0..workers {
            let (waiting, wrong) = (&waiting, &wrong);
            scope.spawn(move || {
                let scratch = std::env::temp_dir().join(format!(
                    "overheard-corpus-{}-{worker}.gz",
                    std::process::id()
                ));
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some(path) = next else { break };
                    if let Err(what) = try_one(&path, &scratch) {
                        wrong.lock().unwrap().push(what);
                    }
                }
                let _ = fs::remove_file(scratch);
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
