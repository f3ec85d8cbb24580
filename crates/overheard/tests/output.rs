//! What strangers say on the wire, and in the names of files, commands neither terminal nor browser: captures
//! with hostile names in them, through the built program.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use overheard_testkit::Scene;
use serde_json::Value;

/// What a stranger says in a line of a protocol: an escape sequence, a C1 control, a directional override, an
/// element, an attribute, cells of a table, a formula. It is marked, so that its place in the output is known.
const HOSTILE: &str = "mark\u{1b}[2J\u{1b}]52;c;eA==\u{7}\u{9b}31m\u{202e}<script>alert(1)</script>\"onload='x'|`=1+1`";
/// The same for places where only a word can stand.
const WORD: &str = "mark\u{1b}[2J\u{9b}31m\u{202e}<svg/onload=x>\"'|`";

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

/// What must stand in no output, in whatever format.
fn assert_inert(what: &str, output: &str) {
    let bad = output
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
    assert_eq!(bad, None, "in {what}");
}

/// A TLS record with a ClientHello that asks for a server of this name.
fn client_hello(name: &[u8]) -> Vec<u8> {
    let two = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let mut entry = vec![0];
    entry.extend(two(name.len()));
    entry.extend(name);
    let mut server_name = vec![0, 0];
    server_name.extend(two(entry.len() + 2));
    server_name.extend(two(entry.len()));
    server_name.extend(entry);
    // supported_versions (TLS 1.3), supported_groups (x25519).
    let others = [0, 43, 0, 3, 2, 3, 4, 0, 10, 0, 4, 0, 2, 0, 29];
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    hello.extend(two(server_name.len() + others.len()));
    hello.extend(server_name);
    hello.extend(others);
    let mut record = vec![22, 3, 1];
    record.extend(two(hello.len() + 4));
    record.extend([1, 0]);
    record.extend(two(hello.len()));
    record.extend(hello);
    record
}

/// A DNS query for a name with one hostile label.
fn dns_query(label: &[u8]) -> Vec<u8> {
    let mut query = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let label = &label[..label.len().min(63)];
    query.push(u8::try_from(label.len()).unwrap());
    query.extend(label);
    query.extend(b"\x07example\0\0\x01\0\x01");
    query
}

/// Every protocol in which a stranger names something says it in hostile words.
fn hostile_scene() -> Vec<u8> {
    let mut scene = Scene::new();
    let server = |port: u16| format!("192.0.2.25:{port}");
    let mut client = (40_000..).map(|port| format!("192.0.2.10:{port}"));
    let mut tcp = |scene: &mut Scene, port| scene.tcp(&client.next().unwrap(), &server(port));

    let http = tcp(&mut scene, 80);
    let request = format!(
        "GET /{WORD}?q={WORD} HTTP/1.1\r\nHost: {WORD}\r\nUser-Agent: {HOSTILE}\r\n\
         Authorization: Basic bWFyazxzY3JpcHQ+GzpzZWNyZXQbWzJK\r\nCookie: {WORD}={WORD}\r\n\r\n"
    );
    scene.client(http, request.as_bytes());
    let response = format!(
        "HTTP/1.1 200 OK\r\nServer: {HOSTILE}\r\nContent-Type: {WORD}\r\n\
         Content-Disposition: attachment; filename=\"{WORD}\"\r\nContent-Length: 4\r\n\r\nbody"
    );
    scene.server(http, response.as_bytes());
    scene.close(http);

    let smtp = tcp(&mut scene, 25);
    scene.server(smtp, b"220 mail.example ESMTP\r\n");
    scene.client(smtp, format!("EHLO {WORD}\r\n").as_bytes());
    scene.server(smtp, b"250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n");
    scene.client(smtp, b"AUTH PLAIN AG1hcmsbWzJKPHNjcmlwdD4Ab3BlbhtbMko=\r\n");
    scene.server(smtp, b"235 yes\r\n");
    scene.client(
        smtp,
        format!("MAIL FROM:<{WORD}@example.org>\r\n").as_bytes(),
    );
    scene.server(smtp, b"250 OK\r\n");
    scene.client(smtp, format!("RCPT TO:<{WORD}@example.net>\r\n").as_bytes());
    scene.server(smtp, b"250 OK\r\n");
    scene.client(smtp, b"DATA\r\n");
    scene.server(smtp, b"354 go\r\n");
    let letter = format!(
        "From: {HOSTILE} <{WORD}@example.org>\r\nTo: {WORD}@example.net\r\nSubject: {HOSTILE}\r\n\r\nhello\r\n.\r\n"
    );
    scene.client(smtp, letter.as_bytes());
    scene.server(smtp, b"250 OK\r\n");
    scene.close(smtp);

    let ftp = tcp(&mut scene, 21);
    scene.server(ftp, b"220 ftp.example ready\r\n");
    scene.client(ftp, format!("USER {WORD}\r\n").as_bytes());
    scene.server(ftp, format!("331 {HOSTILE}\r\n").as_bytes());
    scene.client(ftp, format!("PASS {WORD}\r\n").as_bytes());
    scene.server(ftp, b"230 in\r\n");
    scene.client(ftp, b"PASV\r\n");
    scene.server(ftp, b"227 Entering Passive Mode (192,0,2,25,200,1)\r\n");
    scene.client(ftp, format!("RETR {WORD}.txt\r\n").as_bytes());
    scene.server(ftp, b"150 here it comes\r\n");
    let data = tcp(&mut scene, 200 * 256 + 1);
    scene.server(data, b"the file\n");
    scene.close(data);
    scene.server(ftp, b"226 done\r\n");
    scene.close(ftp);

    let ssh = tcp(&mut scene, 22);
    scene.server(ssh, format!("SSH-2.0-{WORD} {WORD}\r\n").as_bytes());
    scene.client(ssh, format!("SSH-2.0-{WORD}\r\n").as_bytes());
    scene.close(ssh);

    let tls = tcp(&mut scene, 443);
    scene.client(tls, &client_hello(WORD.as_bytes()));
    scene.close(tls);

    let dns = scene.udp("192.0.2.10:50000", "192.0.2.53:53");
    scene.client(dns, &dns_query(WORD.as_bytes()));
    // Bytes that are no UTF-8: a lone surrogate, an overlong slash, a truncated character.
    scene.client(dns, &dns_query(b"mark\xed\xa0\x80\xc0\xaf\xf0\x9f"));

    let sip = scene.udp("192.0.2.10:5060", "192.0.2.25:5060");
    let invite = format!(
        "INVITE sip:{WORD}@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1\r\n\
         From: \"{HOSTILE}\" <sip:{WORD}@example.org>;tag=1\r\nTo: <sip:{WORD}@example.net>\r\n\
         Call-ID: {WORD}\r\nCSeq: 1 INVITE\r\nUser-Agent: {HOSTILE}\r\nContent-Length: 0\r\n\r\n"
    );
    scene.client(sip, invite.as_bytes());
    scene.server(sip, b"SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
    scene.pcap()
}

#[test]
fn what_is_said_on_the_wire_commands_nobody() {
    let folder = std::env::temp_dir().join(format!("overheard-wire-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let capture = folder.join("hostile.pcap");
    std::fs::write(&capture, hostile_scene()).unwrap();
    let capture = capture.to_str().unwrap();
    let page = folder.join("page.html");
    for reveal in [&[][..], &["--reveal"]] {
        let with = |args: &[&str]| {
            let mut all = args.to_vec();
            all.extend(reveal);
            all.push(capture);
            let output = run(&all);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert!(output.stderr.is_empty());
            String::from_utf8(output.stdout).unwrap()
        };
        let ledger = with(&["ledger"]);
        let mut protocols = Vec::new();
        for line in ledger.split_terminator('\n') {
            assert!(!line.chars().any(|c| (c as u32) < 0x20), "{line:?}");
            let record: Value = serde_json::from_str(line).unwrap();
            if record["kind"] == "conversation" {
                protocols.push(record["protocol"].as_str().unwrap_or("none").to_owned());
            }
        }
        for protocol in [
            "http", "smtp", "ftp", "ftp-data", "ssh", "tls", "dns", "sip",
        ] {
            assert!(
                protocols.iter().any(|one| one == protocol),
                "{protocol} is not heard, so that nothing is proved: {protocols:?}"
            );
        }
        assert!(ledger.matches("mark").count() > 10, "{ledger}");

        let text = with(&["report", "--html", page.to_str().unwrap()]);
        assert_inert("the terminal", &text);
        assert!(text.contains("mark"), "{text}");
        let json = with(&["report", "--format", "json"]);
        assert_inert("JSON", &json);
        serde_json::from_str::<Value>(&json).unwrap();
        assert_inert("Markdown", &with(&["report", "--format", "markdown"]));
        let page = std::fs::read_to_string(&page).unwrap();
        assert_inert("the page", &page);
        assert!(page.contains("mark"));
        for (at, _) in page.match_indices('<') {
            let tag = &page[at..page.len().min(at + 8)];
            assert!(
                !tag.starts_with("<script") && !tag.starts_with("<svg/"),
                "{tag}"
            );
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[cfg(unix)]
#[test]
fn names_of_files_command_nobody() {
    use std::os::unix::ffi::OsStrExt;
    let folder = std::env::temp_dir().join(format!("overheard-names-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let names: [&[u8]; 6] = [
        b"clear\x1b[2J\x1b]52;c;eA==\x07.pcapng",
        b"two\nlines: all is well.pcapng",
        "turned\u{202e}gnpacp\u{9b}31m.pcapng".as_bytes(),
        b"<img src=x onerror=alert(1)>\"'.pcapng",
        b"| cell | `code` | [x](y).pcapng",
        b"no\xff\xfeutf8\xed\xa0\x80.pcapng",
    ];
    for name in names {
        let path = folder.join(std::ffi::OsStr::from_bytes(name));
        let program = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_overheard"));
            command.stdin(Stdio::null());
            command
        };
        // There is no such file yet; then it is none that is understood; then its page cannot be written.
        let missing = program().arg("report").arg(&path).output().unwrap();
        std::fs::write(&path, "no capture").unwrap();
        let wrong = program().arg("report").arg(&path).output().unwrap();
        let page = program()
            .args(["report", "--html"])
            .arg(path.join("page.html"))
            .arg(demo())
            .output()
            .unwrap();
        let rule = program()
            .arg("explain")
            .arg(path.file_name().unwrap())
            .output()
            .unwrap();
        for output in [missing, wrong, page, rule] {
            assert_eq!(output.status.code(), Some(2));
            let said = String::from_utf8(output.stderr).unwrap();
            assert_inert("a complaint", &said);
            assert!(
                said.starts_with("overheard: ") || said.starts_with("error: "),
                "{said}"
            );
            assert!(!said.contains("\nlines: all is well"), "{said}");
        }
        // As an option that does not exist, it is quoted by the parser of the command line.
        let mut option = std::ffi::OsString::from("--");
        option.push(path.file_name().unwrap());
        let refused = program().arg("report").arg(&option).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert_inert("a refusal", &String::from_utf8(refused.stderr).unwrap());

        std::fs::copy(demo(), &path).unwrap();
        for format in ["terminal", "json", "markdown"] {
            let html = folder.join("page.html");
            let output = program()
                .args(["report", "--format", format, "--html"])
                .args([&html, &path])
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(0));
            assert_inert(format, &String::from_utf8(output.stdout).unwrap());
            let page = std::fs::read_to_string(&html).unwrap();
            assert_inert("the page", &page);
            assert!(!page.contains("<img"));
        }
        let ledger = program().arg("ledger").arg(&path).output().unwrap();
        let first = ledger.stdout.split(|byte| *byte == b'\n').next().unwrap();
        let record: Value = serde_json::from_slice(first).unwrap();
        let expected = String::from_utf8_lossy(name);
        assert_eq!(record["source"][0], *expected);
        std::fs::remove_file(&path).unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
