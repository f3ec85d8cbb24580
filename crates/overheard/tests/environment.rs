//! What the world does to a program: full disks, closed pipes, files that change, signals. Every test runs
//! the built program and looks at its status, its one line of complaint, and what it left behind.

#![cfg(unix)]
// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_overheard");

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/office.pcapng")
}

/// A folder of the test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("overheard-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Names in it, sorted.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn overheard() -> Command {
    let mut command = Command::new(PROGRAM);
    command.stdin(Stdio::null());
    command
}

/// The one line that it complains in.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one line: {text:?}");
    assert!(text.starts_with("overheard: "), "{text}");
    text
}

fn capture_record(ledger: &[u8]) -> Value {
    let first = ledger.split(|byte| *byte == b'\n').next().unwrap();
    serde_json::from_slice(first).unwrap()
}

fn wait_for(mut happened: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for the end of a program, but not for ever.
fn end_of(child: &mut Child) -> ExitStatus {
    let mut status = None;
    wait_for(
        || {
            status = child.try_wait().unwrap();
            status.is_some()
        },
        "the end of the program",
    );
    status.unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Whether whoever runs the tests may read everything: then what is forbidden has to be tried as somebody else.
fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status
            .lines()
            .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
    })
}

/// The program as run by somebody without privileges; none where that cannot be done here.
fn unprivileged() -> Option<Command> {
    let nobody = |program: &str| {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        if is_root() {
            command.uid(65534).gid(65534);
        }
        command
    };
    let runs = nobody(PROGRAM)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !runs {
        eprintln!("skipped: somebody without privileges cannot run {PROGRAM}");
        return None;
    }
    Some(nobody(PROGRAM))
}

// Output

#[test]
fn a_full_disk_behind_standard_output_is_said() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: no /dev/full");
        return;
    };
    for args in [
        &["ledger"][..],
        &["report"],
        &["report", "--format", "json"],
        &["report", "--format", "markdown"],
    ] {
        let output = overheard()
            .args(args)
            .arg(demo())
            .stdout(full.try_clone().unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = complaint(&output);
        assert!(
            said.contains("standard output cannot be written") && said.contains("No space left"),
            "{said}"
        );
    }
    for args in [&["protocols"][..], &["limits"], &["explain"]] {
        let output = overheard()
            .args(args)
            .stdout(full.try_clone().unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        complaint(&output);
    }
}

#[test]
fn a_full_disk_behind_standard_output_does_not_cost_the_page() {
    let folder = Folder::new("full-stdout");
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: no /dev/full");
        return;
    };
    let page = folder.file("report.html");
    let output = overheard()
        .args(["report", "--html"])
        .arg(&page)
        .arg(demo())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(fs::read_to_string(&page).unwrap().ends_with("</html>"));
}

/// Where the disk fills up while the page is written: what a limit on the size of files does, which needs no
/// privileges. `.ci/environment` does the same with a small file system.
#[test]
fn a_page_that_cannot_be_written_whole_is_not_written_and_the_old_one_stays() {
    let folder = Folder::new("full-page");
    let page = folder.file("report.html");
    for before in [None, Some("the report of yesterday")] {
        if let Some(before) = before {
            fs::write(&page, before).unwrap();
        }
        let output = Command::new("sh")
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f 8; exec \"$0\" report --html \"$1\" \"$2\"",
            ])
            .arg(PROGRAM)
            .arg(&page)
            .arg(demo())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = complaint(&output);
        assert!(said.contains("the page cannot be written"), "{said}");
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(
            report.contains("What a tap learns"),
            "what was learned is not lost with the page"
        );
        match before {
            None => assert!(folder.names().is_empty(), "{:?}", folder.names()),
            Some(before) => {
                assert_eq!(folder.names(), ["report.html"]);
                assert_eq!(fs::read_to_string(&page).unwrap(), before);
            }
        }
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for args in [
        &["ledger"][..],
        &["report"],
        &["report", "--format", "json"],
        &["report", "--format", "markdown"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = overheard()
            .args(args)
            .arg(demo())
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_reader_who_leaves_early_is_no_failure() {
    let mut child = overheard()
        .args(["ledger"])
        .arg(demo())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 100]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn without_standard_output_the_page_is_still_whole() {
    let folder = Folder::new("no-stdout");
    let page = folder.file("report.html");
    let status = Command::new("sh")
        .args(["-c", "exec \"$0\" report --html \"$1\" \"$2\" <&- >&- 2>&-"])
        .arg(PROGRAM)
        .arg(&page)
        .arg(demo())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
}

#[test]
fn a_name_that_cannot_be_written_is_said_before_anything_is_heard() {
    let folder = Folder::new("bad-names");
    let capture = folder.file("mine.pcapng");
    fs::copy(demo(), &capture).unwrap();
    let link = folder.file("link.html");
    std::os::unix::fs::symlink(&capture, &link).unwrap();
    let cases = [
        (folder.file("no/such/folder/report.html"), "No such file"),
        (folder.0.clone(), "it is a folder"),
        (capture.clone(), "it is the capture itself"),
        (link, "it is the capture itself"),
        (folder.file(&"n".repeat(300)), "name too long"),
    ];
    for (page, why) in cases {
        let output = overheard()
            .args(["report", "--html"])
            .arg(&page)
            .arg(&capture)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = complaint(&output);
        assert!(
            said.contains("the page cannot be written")
                && said.to_lowercase().contains(&why.to_lowercase()),
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
    assert_eq!(fs::read(&capture).unwrap(), fs::read(demo()).unwrap());
    assert_eq!(folder.names(), ["link.html", "mine.pcapng"]);
}

#[test]
fn a_device_or_a_link_is_written_to_and_not_replaced() {
    let folder = Folder::new("devices");
    let target = folder.file("target.html");
    let link = folder.file("link.html");
    fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    for page in [Path::new("/dev/null"), &link] {
        let output = overheard()
            .args(["report", "--html"])
            .arg(page)
            .arg(demo())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&target).unwrap().ends_with("</html>"));
    let through_pipe = overheard()
        .args(["report", "--format", "json", "--html", "/dev/stderr"])
        .arg(demo())
        .output()
        .unwrap();
    assert!(through_pipe.stderr.ends_with(b"</html>"));
}

#[test]
fn a_folder_without_permission_to_write_costs_no_report() {
    let Some(mut command) = unprivileged() else {
        return;
    };
    let folder = Folder::new("no-writing");
    let page = folder.file("report.html");
    fs::write(&page, "the report of yesterday").unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o555)).unwrap();
    let output = command
        .args(["report", "--html"])
        .arg(&page)
        .stdin(File::open(demo()).unwrap())
        .arg("-")
        .output()
        .unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("Permission denied"));
    assert_eq!(folder.names(), ["report.html"]);
    assert_eq!(
        fs::read_to_string(&page).unwrap(),
        "the report of yesterday"
    );
}

// Input

#[test]
fn what_may_not_be_read_is_said_in_one_line() {
    let folder = Folder::new("no-reading");
    let file = folder.file("secret.pcapng");
    fs::copy(demo(), &file).unwrap();
    let closed = folder.file("closed");
    fs::create_dir(&closed).unwrap();
    for path in [&file, &closed] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    for path in [&file, &closed] {
        let Some(mut command) = unprivileged() else {
            break;
        };
        let output = command.arg("report").arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(complaint(&output).contains("Permission denied"));
        assert!(output.stdout.is_empty());
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_file_in_a_folder_that_may_not_be_read_is_skipped_and_said() {
    let Some(mut command) = unprivileged() else {
        return;
    };
    let folder = Folder::new("one-closed");
    fs::copy(demo(), folder.file("a.pcapng")).unwrap();
    fs::set_permissions(folder.file("a.pcapng"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::copy(demo(), folder.file("b.pcapng")).unwrap();
    fs::set_permissions(folder.file("b.pcapng"), fs::Permissions::from_mode(0o000)).unwrap();
    let output = command.arg("ledger").arg(&folder.0).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let capture = capture_record(&output.stdout);
    assert_eq!(capture["packets"], 6006);
    let notice = capture["notices"][0].as_str().unwrap();
    assert!(
        notice.contains("b.pcapng: skipped: Permission denied"),
        "{notice}"
    );
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let folder = Folder::new("empty");
    let file = folder.file("empty.pcap");
    fs::write(&file, "").unwrap();
    let output = overheard().arg("report").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("not a capture: an empty file"));
    let nothing = overheard().args(["report", "-"]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    assert!(complaint(&nothing).contains("an empty file"));
}

/// 100 GB of zeros, of which none takes room on the disk: alone, behind the header of a capture, and behind
/// the frames of one, as a recorder leaves it that reserved room and was killed.
#[test]
fn a_hundred_gigabytes_of_nothing_end_at_once() {
    let folder = Folder::new("sparse");
    let pcap_header: &[u8] = &[
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
    ];
    let demo = fs::read(demo()).unwrap();
    let cases: [(&[u8], i32, u64); 3] = [(&[], 2, 0), (pcap_header, 0, 0), (&demo, 0, 6006)];
    for (beginning, status, packets) in cases {
        let path = folder.file("sparse.pcap");
        let mut file = File::create(&path).unwrap();
        file.write_all(beginning).unwrap();
        if file.set_len(100 << 30).is_err() {
            eprintln!("skipped: the file system has no sparse files of 100 GB");
            return;
        }
        let start = Instant::now();
        let mut child = overheard()
            .args(["ledger", "--threads", "1"])
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let ended = start.elapsed();
        let mut stdout = Vec::new();
        let mut out = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            out.read_to_end(&mut stdout).unwrap();
            stdout
        });
        let ended_with = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > Duration::from_secs(30) => {
                    child.kill().unwrap();
                    panic!(
                        "it goes on after {ended:?}: {} bytes in front",
                        beginning.len()
                    );
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        assert_eq!(ended_with.code(), Some(status));
        let stdout = reader.join().unwrap();
        if status == 0 {
            let capture = capture_record(&stdout);
            assert_eq!(capture["packets"], packets, "no frame is made of nothing");
            let notices = capture["notices"].to_string();
            assert!(notices.contains("damaged"), "{notices}");
        }
        let mut said = String::new();
        child.stderr.unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said.lines().count(), usize::from(status != 0), "{said}");
    }
}

/// A capture of `frames` frames, a second apart; the first is the frame number `first`.
fn pcap(first: u32, frames: u32, header: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if header {
        for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1] {
            bytes.extend(word.to_le_bytes());
        }
    }
    for frame in first..first + frames {
        for word in [1_767_258_000 + frame, 0, 60, 60] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([0xff; 60]);
    }
    bytes
}

/// Two captures are heard at once, a file and a pipe: with what comes through the pipe, the test decides
/// how far the file is read. Then the file is changed under the reader's hands.
#[cfg(target_os = "linux")]
fn change_while_read(name: &str, change: impl FnOnce(&Path)) -> (ExitStatus, Value) {
    let folder = Folder::new(name);
    let (file, pipe) = (folder.file("file.pcap"), folder.file("pipe.pcap"));
    fs::write(&file, pcap(0, 50_000, true)).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mut child = overheard()
        .args(["ledger", "--threads", "1"])
        .args([&file, &pipe])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut feeder = File::options().write(true).open(&pipe).unwrap();
    // The file is read up to the time of the pipe's frame, and then no further than what is at hand.
    feeder.write_all(&pcap(20_000, 1, true)).unwrap();
    let position = |pid: u32| -> Option<u64> {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
            if fs::read_link(entry.path()).is_ok_and(|target| target == file) {
                let number = entry.file_name().into_string().ok()?;
                let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
                return info.lines().next()?.split_whitespace().nth(1)?.parse().ok();
            }
        }
        None
    };
    let reached = 20_000 * 76;
    wait_for(
        || position(child.id()).is_some_and(|at| at > reached),
        "reading the first part of the file",
    );
    assert!(position(child.id()).unwrap() < 30_000 * 76);
    change(&file);
    drop(feeder);
    let mut out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let status = end_of(&mut child);
    (status, capture_record(&reader.join().unwrap()))
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_shrinks_while_it_is_read_gives_what_was_read() {
    let (status, capture) = change_while_read("shrinks", |file| {
        let file = File::options().write(true).open(file).unwrap();
        file.set_len(1000).unwrap();
    });
    assert_eq!(status.signal(), None, "no SIGBUS: nothing is mapped");
    assert_eq!(status.code(), Some(0));
    let packets = capture["packets"].as_u64().unwrap();
    assert!((20_002..30_000).contains(&packets), "{packets}");
    let notices = capture["notices"].to_string();
    assert!(notices.contains("file.pcap: cut off"), "{notices}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_grows_while_it_is_read_is_read_to_its_new_end() {
    let (status, capture) = change_while_read("grows", |file| {
        let mut file = File::options().append(true).open(file).unwrap();
        file.write_all(&pcap(50_000, 10, false)).unwrap();
    });
    assert_eq!(status.code(), Some(0));
    assert_eq!(capture["packets"], 50_011);
    assert_eq!(capture["notices"], Value::Null);
}

// Signals

/// Half of the demo is heard through a pipe that then stays silent.
fn half_heard(args: &[&str]) -> (Child, std::process::ChildStdin) {
    let mut child = Command::new(PROGRAM)
        .args(args)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes = fs::read(demo()).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A pipe holds 64 KiB: once the last of more is in it, much of it was taken out and heard, and the
    // signals are in the right hands.
    stdin.write_all(&bytes[..bytes.len() / 2]).unwrap();
    stdin.flush().unwrap();
    (child, stdin)
}

#[test]
fn an_interruption_gives_a_partial_report_that_says_so() {
    for threads in ["1", "2"] {
        for (name, status) in [("INT", 130), ("TERM", 143)] {
            let (mut child, stdin) = half_heard(&["report", "--threads", threads]);
            signal(&child, name);
            assert_eq!(end_of(&mut child).code(), Some(status));
            let output = child.wait_with_output().unwrap();
            drop(stdin);
            assert!(complaint(&output).contains("interrupted after"));
            let report = String::from_utf8(output.stdout).unwrap();
            assert!(report.starts_with("Interrupted: this is only the beginning."));
            assert!(report.contains("what follows was not heard"));
            assert!(report.contains("What a tap learns"), "{report}");
        }
    }
}

#[test]
fn an_interruption_is_said_in_every_format_and_the_bytes_add_up() {
    let folder = Folder::new("interrupted");
    let page = folder.file("report.html");
    let page_name = page.to_str().unwrap();
    for args in [
        &["ledger"][..],
        &["report", "--format", "json"],
        &["report", "--format", "markdown", "--html", page_name],
    ] {
        let (mut child, stdin) = half_heard(args);
        signal(&child, "INT");
        let mut out = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!(end_of(&mut child).code(), Some(130), "{args:?}");
        drop(stdin);
        let text = reader.join().unwrap();
        assert!(text.to_lowercase().contains("interrupted"), "{args:?}");
        if args == ["ledger"] {
            let capture = capture_record(text.as_bytes());
            assert_eq!(capture["interrupted"], true);
            let accounts = capture["accounts"].as_object().unwrap();
            let total: u64 = accounts.values().map(|value| value.as_u64().unwrap()).sum();
            assert_eq!(capture["payload_bytes"], total);
            assert!(total > 100_000);
        }
    }
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("Interrupted") && page.ends_with("</html>"));
    assert_eq!(folder.names(), ["report.html"]);
}

#[test]
fn before_anything_was_heard_ctrl_c_simply_ends() {
    let folder = Folder::new("silent");
    let pipe = folder.file("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mut child = overheard()
        .arg("report")
        .arg(&pipe)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    signal(&child, "INT");
    let status = end_of(&mut child);
    assert_eq!(status.signal(), Some(2));
}

// Surroundings

#[test]
fn it_needs_no_home_no_locale_and_no_terminal() {
    let expected = overheard().arg("report").arg(demo()).output().unwrap();
    for surroundings in [
        &[][..],
        &[("LC_ALL", "C")],
        &[("LC_ALL", "no_SUCH.locale"), ("LANG", "")],
        &[("TERM", "dumb")],
        &[("TERM", "")],
        &[("HOME", "/no/such/folder"), ("TMPDIR", "/no/such/folder")],
        &[("COLUMNS", "0")],
    ] {
        let output = overheard()
            .env_clear()
            .envs(surroundings.iter().copied())
            .arg("report")
            .arg(demo())
            .current_dir("/")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{surroundings:?}");
        assert_eq!(output.stdout, expected.stdout, "{surroundings:?}");
        assert!(output.stderr.is_empty());
    }
}

/// With `script` of util-linux, which gives the program a terminal.
#[test]
fn colour_is_for_terminals_that_want_it() {
    let on_terminal = |surroundings: &[(&str, &str)]| {
        let command = format!("'{PROGRAM}' report '{}'", demo().display());
        let output = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .stdin(Stdio::null())
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .envs(surroundings.iter().copied())
            .output();
        output.map(|output| {
            assert!(output.status.success());
            String::from_utf8(output.stdout).unwrap()
        })
    };
    let Ok(coloured) = on_terminal(&[]) else {
        eprintln!("skipped: no `script`");
        return;
    };
    assert!(coloured.contains("\x1b["));
    for surroundings in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = on_terminal(&[surroundings]).unwrap();
        assert!(plain.contains("What a tap learns"));
        assert!(!plain.contains('\x1b'), "{surroundings:?}");
    }
    assert!(on_terminal(&[("NO_COLOR", "")]).unwrap().contains("\x1b["));
}
