//! `overheard calls` as its user meets it: the list, the sound that it saves, and what it refuses.

#![cfg(unix)]
// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use overheard_testkit::age;
use serde_json::Value;

fn demo() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/office.pcapng");
    path.to_str().unwrap().to_owned()
}

fn calls(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_overheard"))
        .arg("calls")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A folder of the test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("overheard-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("overheard: "), "{text}");
    text
}

/// What the demo's calls are called when they are saved.
const NAMES: [&str; 2] = [
    "20261123T222031Z-call-0001.wav",
    "20261123T222116Z-call-0002.wav",
];

#[test]
fn the_calls_of_the_demo_are_listed_for_a_person() {
    let output = calls(&[&demo()]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("2 calls: 2 heard.\n"), "{text}");
    for said in [
        "iris@halden.example     nell@courier.example",
        "tom@halden.example      desk@northgate.example",
        "of speech; PCMU; loss 0 %",
        "keys pressed: 44… (7 characters)",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn the_calls_of_the_demo_are_listed_for_a_program() {
    let output = calls(&["--json", &demo()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let calls: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(calls.len(), 2);
    let explained = include_str!("../../../docs/calls.md");
    for call in &calls {
        assert_eq!(call["state"], "ended");
        assert_eq!(call["heard"], "heard");
        let (spoke, speech) = (&call["spoke_seconds"], &call["speech_seconds"]);
        assert!((5.0..60.0).contains(&speech.as_f64().unwrap()), "{speech}");
        assert!((20.0..30.0).contains(&spoke.as_f64().unwrap()), "{spoke}");
        let sides: Vec<&Value> = call["media"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["side"])
            .collect();
        assert!(sides.contains(&&"caller".into()) && sides.contains(&&"callee".into()));
        let media = call["media"][0].as_object().unwrap();
        for field in call.as_object().unwrap().keys().chain(media.keys()) {
            assert!(
                explained.contains(&format!("`{field}`")),
                "{field} is explained"
            );
        }
    }
}

#[test]
fn the_list_does_not_depend_on_threads() {
    let one = calls(&["--json", "--threads", "1", &demo()]);
    let many = calls(&["--json", "--threads", "16", &demo()]);
    assert!(one.stdout == many.stdout);
}

#[test]
fn sound_is_saved_only_where_that_is_meant() {
    let folder = Folder::new("refused");
    // It is refused before anything is heard: what cannot be heard makes no difference.
    let refused = calls(&["--save", folder.path(), "/no/such/capture"]);
    let said = complaint(&refused);
    assert!(
        said.contains("--reveal") && said.contains("--seal-to"),
        "{said}"
    );
    assert!(refused.stdout.is_empty() && !folder.0.exists());
    let wrong = calls(&["--save", folder.path(), "--seal-to", "age1nobody", &demo()]);
    assert!(complaint(&wrong).contains("age1nobody"));
    assert!(!folder.0.exists());
}

#[test]
fn what_is_saved_is_the_call_in_two_channels_for_its_owner_alone() {
    let folder = Folder::new("saved");
    let output = calls(&["--reveal", "--save", folder.path(), &demo()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains(NAMES[0]));
    assert_eq!(folder.names(), NAMES);
    for name in NAMES {
        let wav = folder.bytes(name);
        let mode = fs::metadata(folder.0.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap());
        assert_eq!((&wav[..4], &wav[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
        assert_eq!(number(4) as usize, wav.len() - 8);
        // PCM, two channels; 8000 samples a second.
        assert_eq!((number(20), number(24)), (0x0002_0001, 8000));
        assert_eq!((number(32), &wav[36..40]), (0x0010_0004, &b"data"[..]));
        assert_eq!(number(40) as usize, wav.len() - 44);
        let seconds = (wav.len() - 44) as f64 / 32_000.0;
        assert!((20.0..27.0).contains(&seconds), "{seconds}");
        for channel in [0, 1] {
            let loudest = wav[44..]
                .chunks_exact(4)
                .map(|both| {
                    i16::from_le_bytes([both[2 * channel], both[2 * channel + 1]]).unsigned_abs()
                })
                .max();
            assert!(loudest > Some(2000), "somebody speaks: {loudest:?}");
        }
    }
}

#[test]
fn what_is_sealed_opens_for_its_recipient() {
    let (open, sealed) = (Folder::new("open"), Folder::new("sealed"));
    let (secret, recipient) = age::EXAMPLE;
    calls(&["--reveal", "--save", open.path(), &demo()]);
    let output = calls(&["--seal-to", recipient, "--save", sealed.path(), &demo()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(sealed.names(), NAMES.map(|name| format!("{name}.age")));
    for name in NAMES {
        let bytes = sealed.bytes(&format!("{name}.age"));
        assert!(!bytes.windows(4).any(|window| window == b"RIFF"));
        assert!(age::open(&secret, &bytes) == Some(open.bytes(name)));
        assert!(age::open(&[7; 32], &bytes).is_none());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("44… (7 characters)"),
        "the list is masked: {text}"
    );
}

#[test]
fn a_file_that_is_there_stays_and_the_others_are_saved() {
    let folder = Folder::new("kept");
    fs::create_dir(&folder.0).unwrap();
    fs::write(folder.0.join(NAMES[0]), "mine").unwrap();
    let output = calls(&["--reveal", "--save", folder.path(), &demo()]);
    let said = complaint(&output);
    assert!(
        said.contains(NAMES[0]) && said.contains("already"),
        "{said}"
    );
    assert!(!output.stdout.is_empty(), "the list is not lost with it");
    assert_eq!(folder.bytes(NAMES[0]), b"mine");
    assert_eq!(folder.names(), NAMES, "and no part of a file is left");
    // Nor does it follow a link that somebody laid.
    let link = folder.0.join(NAMES[1]);
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(folder.0.join("elsewhere"), &link).unwrap();
    complaint(&calls(&["--reveal", "--save", folder.path(), &demo()]));
    assert_eq!(folder.names(), NAMES);
}

#[test]
fn where_nothing_can_be_saved_is_said_before_anything_is_heard() {
    let folder = Folder::new("nowhere");
    fs::write(&folder.0, "a file").unwrap();
    let said = complaint(&calls(&[
        "--reveal",
        "--save",
        folder.path(),
        "/no/such/capture",
    ]));
    assert!(said.contains("it is no folder"), "{said}");
    fs::remove_file(&folder.0).unwrap();
    let missing = folder.0.join("a/b");
    let said = complaint(&calls(&[
        "--reveal",
        "--save",
        missing.to_str().unwrap(),
        &demo(),
    ]));
    assert!(said.contains("the sound cannot be saved"), "{said}");
}

#[test]
fn a_full_disk_leaves_no_half_file() {
    let folder = Folder::new("full");
    fs::create_dir(&folder.0).unwrap();
    // What a process may write to one file is bounded by the shell: 200 KiB are less than a call.
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "bash"])
        .arg(env!("CARGO_BIN_EXE_overheard"))
        .args(["calls", "--reveal", "--save", folder.path(), &demo()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = complaint(&output);
    assert!(
        said.contains(NAMES[0]) && said.contains("cannot be saved"),
        "{said}"
    );
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_page_holds_sound_only_where_it_is_revealed() {
    let folder = Folder::new("page");
    fs::create_dir(&folder.0).unwrap();
    let page = |reveal: &[&str]| {
        let path = folder.0.join("page.html");
        let output = Command::new(env!("CARGO_BIN_EXE_overheard"))
            .args(["report", "--html"])
            .arg(&path)
            .args(reveal)
            .arg(demo())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        fs::read_to_string(path).unwrap()
    };
    let masked = page(&[]);
    assert!(masked.contains("class=\"waveform\""));
    for sign in ["<audio", "<script", "script-src", "media-src", "data:"] {
        assert!(!masked.contains(sign), "{sign}");
    }
    let revealed = page(&["--reveal"]);
    assert_eq!(revealed.matches("<audio").count(), 2);
    assert_eq!(
        revealed
            .matches("src=\"data:audio/wav;base64,UklGR")
            .count(),
        2
    );
    assert!(revealed.contains("; script-src 'sha256-") && revealed.contains("; media-src data:\""));
    assert!(!revealed.contains("src=\"http") && !revealed.contains(" href="));
}
