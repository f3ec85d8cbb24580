use overheard_ledger::{
    Accounts, Body, Call, CallState, Capture, Conversation, Credential, Endpoint, Exposure,
    Finding, Handshake, Masked, Media, Message, Name, Record, Request, Reveal, Severity, Time,
};

use crate::escape::{self, is_unseen};
use crate::{Report, Style, words};

/// 2026-01-01 09:00:00 UTC.
const MORNING: u64 = 1_767_258_000_000_000_000;

/// What a stranger might say: it commands terminals, browsers, Markdown readers, and the eye.
const HOSTILE: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>'&amp;\x1b[31m\x07\u{9b}2J\u{202e}gpj\u{2066}\r\n# x\n| a | `b` | [c](http://evil.example) ![d](http://evil.example) www.evil.example \u{200b}\0</style></title>-->";

fn endpoint(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().unwrap();
    Endpoint::new(address.ip(), address.port())
}

fn record(body: impl Into<Body>) -> Record {
    Record {
        body: body.into(),
        conversation: Some(1),
        frames: vec![12, 15].into(),
        time: Some(Time(MORNING)),
    }
}

fn capture(seconds: u64, accounts: Accounts) -> Record {
    record(Capture {
        source: vec!["office.pcapng".to_owned()],
        packets: 100,
        bytes: 10_000,
        start: Some(Time(MORNING)),
        end: Some(Time(MORNING + seconds * 1_000_000_000)),
        accounts,
        ..Capture::default()
    })
}

fn conversation(id: u64, exposure: Exposure, sealed: u64) -> Conversation {
    Conversation {
        id,
        community_id: None,
        transport: "tcp".into(),
        client: endpoint("192.0.2.10:40000"),
        server: endpoint("192.0.2.25:443"),
        packets: [5, 5],
        bytes: [500, 1500],
        start: Time(MORNING),
        end: Time(MORNING + 1_000_000_000),
        protocol: Some("tls".to_owned()),
        exposure,
        encapsulation: Vec::new(),
        server_names: Vec::new(),
        accounts: Accounts {
            sealed,
            ..Accounts::default()
        },
        conflicting_bytes: 0,
    }
}

fn call(id: &str) -> Call {
    Call {
        call_id: id.to_owned(),
        from: Some("sip:ada@office.example".to_owned()),
        to: Some("sip:ben@office.example".to_owned()),
        state: CallState::Ended,
        start: Some(Time(MORNING)),
        answer: Some(Time(MORNING + 1_000_000_000)),
        end: Some(Time(MORNING + 26_000_000_000)),
        ..Call::default()
    }
}

fn media(call_id: Option<&str>, protection: &str) -> Media {
    Media {
        codec: Some("PCMU".to_owned()),
        packets: 1250,
        seconds: 25.0,
        protection: protection.to_owned(),
        call_id: call_id.map(str::to_owned),
        ..Media::new(1, endpoint("192.0.2.10:4000"), endpoint("192.0.2.50:4000"))
    }
}

fn letter(sha256: &str) -> Message {
    Message {
        protocol: "smtp".to_owned(),
        bytes: 500,
        sha256: Some(sha256.to_owned()),
        ..Message::default()
    }
}

fn login(mechanism: &str, user: &str) -> Credential {
    Credential {
        protocol: "imap".to_owned(),
        mechanism: mechanism.to_owned(),
        user: Some(user.to_owned()),
        secret: Some(Masked::new("quiet-harbour", Reveal::No)),
        ..Credential::default()
    }
}

fn finding(rule: &str, severity: Severity, learns: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        title: "Password in clear".to_owned(),
        severity,
        exposure: Exposure::Open,
        learns: learns.to_owned(),
        remedy: "Use TLS.".to_owned(),
        standard: "RFC 8314 section 3".to_owned(),
        count: 1,
        conversations: vec![1],
    }
}

fn read(bytes: u64) -> Accounts {
    Accounts {
        read: bytes,
        ..Accounts::default()
    }
}

#[test]
fn the_headline_says_what_there_is_and_no_more() {
    let whole = vec![
        capture(14 * 60, read(5000)),
        record(conversation(1, Exposure::Harvest, 61)),
        record(conversation(2, Exposure::Sealed, 39)),
        record(call("one")),
        record(call("two")),
        record(media(Some("one"), "none")),
        record(media(Some("one"), "none")),
        record(media(Some("two"), "sdes-in-clear")),
        record(letter("a")),
        record(letter("b")),
        record(letter("a")),
        record(letter("c")),
        record(login("plain", "ada")),
        record(login("plain", "ada")),
        record(login("login", "ben")),
        record(login("cookie", "cid")),
    ];
    let one_call = vec![
        capture(1, read(5000)),
        record(call("one")),
        record(media(Some("one"), "none")),
    ];
    let only_seen = vec![
        capture(25, read(5000)),
        record(call("one")),
        record(call("two")),
        record(media(Some("two"), "dtls-srtp")),
    ];
    let some_seen = vec![
        capture(25, read(5000)),
        record(call("one")),
        record(call("two")),
        record(media(Some("two"), "none")),
        record(media(None, "none")),
        record(media(None, "")),
    ];
    let sealed_letter = vec![
        capture(25, read(5000)),
        record(Message {
            protected: Some("pgp".to_owned()),
            ..letter("a")
        }),
        record(Name {
            source: "dns-query".to_owned(),
            name: "office.example".to_owned(),
        }),
        record(Request::default()),
    ];
    let all_sealed = vec![
        capture(
            7300,
            Accounts {
                sealed: 100,
                unrecognised: 12,
                ..Accounts::default()
            },
        ),
        record(conversation(1, Exposure::StolenKey, 100)),
    ];
    let mostly_unrecognised = vec![
        capture(
            25,
            Accounts {
                read: 10,
                unrecognised: 90,
                ..Accounts::default()
            },
        ),
        record(letter("a")),
    ];
    let cases: [(&[Record], &str); 9] = [
        (
            &whole,
            "In 14 minutes a tap would have heard 2 calls, read 3 letters, taken 2 passwords, and could store 61 % of the sealed bytes to open later.",
        ),
        (&one_call, "In 1 second a tap would have heard 1 call."),
        (&only_seen, "In 25 seconds a tap would have seen 2 calls."),
        (
            &some_seen,
            "In 25 seconds a tap would have heard 1 call and 1 audio stream and seen 1 more call.",
        ),
        (
            &sealed_letter,
            "In 25 seconds a tap would have read 1 name and 1 request, but no call, letter or password.",
        ),
        (
            &all_sealed,
            "In 2 hours a tap would have read nothing, and could store 100 % of the sealed bytes to open later. 11 % of the payload was not recognised, which does not mean that it is sealed.",
        ),
        (
            &mostly_unrecognised,
            "In 25 seconds a tap would have read 1 letter. 90 % of the payload was not recognised, which does not mean that it is sealed.",
        ),
        (
            &[capture(3, read(1200))],
            "In 3 seconds a tap would have read 1.2 kB, but no call, letter or password.",
        ),
        (
            &[],
            "The capture holds no packets: there was nothing to hear.",
        ),
    ];
    for (records, headline) in cases {
        assert_eq!(Report::new(records).headline(), headline);
    }
}

/// Every text field that a ledger has says something hostile.
fn hostile() -> Vec<Record> {
    let text = || HOSTILE.to_owned();
    let shout = Masked::new(HOSTILE, Reveal::Yes);
    vec![
        record(Capture {
            source: vec![text()],
            interfaces: vec![text()],
            packets: 1,
            start: Some(Time(MORNING)),
            end: Some(Time(MORNING + 1)),
            notices: vec![text()],
            accounts: read(10),
            ..Capture::default()
        }),
        record(Conversation {
            transport: text().into(),
            protocol: Some(text()),
            encapsulation: vec![text()],
            server_names: vec![text()],
            ..conversation(1, Exposure::Harvest, 10)
        }),
        record(Handshake {
            protocol: text(),
            version: Some(text()),
            key_exchange: Some(text()),
            ..Handshake::default()
        }),
        record(Call {
            from: Some(text()),
            to: Some(text()),
            digits: Some(shout.clone()),
            ..call(HOSTILE)
        }),
        record(Media {
            codec: Some(text()),
            protection: text(),
            ..media(Some(HOSTILE), "")
        }),
        record(Media {
            codec: Some(text()),
            protection: text(),
            ..media(None, "")
        }),
        record(Credential {
            secret: Some(shout),
            ..login(HOSTILE, HOSTILE)
        }),
        record(Name {
            source: text(),
            name: text(),
        }),
        record(Finding {
            title: text(),
            remedy: text(),
            standard: text(),
            ..finding(HOSTILE, Severity::High, HOSTILE)
        }),
    ]
}

fn terminal(records: &[Record], style: Style) -> String {
    let mut out = Vec::new();
    Report::new(records).terminal(&mut out, style).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn hostile_text_is_inert_in_html() {
    let records = hostile();
    let page = Report::new(&records).html();
    assert!(page.contains("&lt;script&gt;"), "the text itself is shown");
    let tags: Vec<&str> = page.match_indices('<').map(|(at, _)| &page[at..]).collect();
    assert!(tags.iter().all(|tag| !tag.starts_with("<script")
        && !tag.starts_with("<img")
        && !tag.starts_with("<!--")));
    assert_eq!(page.matches("</style>").count(), 1);
    assert_eq!(
        page.matches("</title>").count(),
        page.matches("<title").count(),
        "those of the page and of its drawings"
    );
    assert!(page.contains("⟨U+202E⟩") && page.contains('␛'));
    assert!(
        page.chars()
            .all(|character| character == '\n' || !is_unseen(character))
    );
    // No attribute was begun within a captured string: every quotation mark of it is escaped.
    assert!(!page.contains("\"><img") && !page.contains("javascript:") && !page.contains(" href="));
}

#[test]
fn the_page_allows_its_own_style_and_nothing_else() {
    let page = Report::new(&[]).html();
    let policy = page
        .split("content=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe"));
    let style = page
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    use base64::Engine;
    use sha2::Digest;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
    assert!(
        policy.contains(&hash),
        "the hash is that of the style as it stands in the page"
    );
    assert!(!page.contains(" style=") && !page.contains("<script") && !page.contains("url("));
}

#[test]
fn hostile_text_is_inert_in_markdown() {
    let records = hostile();
    let text = Report::new(&records).markdown();
    assert!(text.contains("&lt;script&gt;"));
    assert!(!text.contains('<') && !text.contains("[c]("));
    assert!(!text.contains("http://") && !text.contains("www.evil"));
    assert!(text.lines().all(|line| !line.starts_with("# x")));
    assert!(
        text.chars()
            .all(|character| character == '\n' || !is_unseen(character))
    );
    // Headings and table rows are ours alone: every other mark is escaped.
    for line in text.lines().filter(|line| !line.starts_with('|')) {
        let bars = line.matches('|').count();
        assert_eq!(bars, line.matches("\\|").count(), "{line}");
        assert_eq!(
            line.matches('`').count(),
            line.matches("\\`").count(),
            "{line}"
        );
    }
}

#[test]
fn hostile_text_is_inert_in_json_and_unchanged() {
    let records = hostile();
    let text = Report::new(&records).json();
    assert!(!text.contains('<') && !text.contains('\u{202e}') && !text.contains('\x1b'));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["findings"][0]["learns"], HOSTILE);
    assert_eq!(value["capture"]["source"][0], HOSTILE);
    assert_eq!(value["findings"][0]["frames"], serde_json::json!([12, 15]));
}

#[test]
fn the_terminal_shows_no_control_characters_and_keeps_to_its_width() {
    let long = "x".repeat(250);
    let mut records = hostile();
    records.push(record(finding(
        "wide",
        Severity::Info,
        "漢字かな交じり文の長い長い長い長い長い長い長い長い長い長い長い長い長い名前",
    )));
    records.push(record(finding("long", Severity::Info, &long)));
    for width in [10, 40, 60, 80, 100, 300] {
        let text = terminal(
            &records,
            Style {
                color: false,
                width,
            },
        );
        assert!(
            text.chars()
                .all(|character| character == '\n' || !is_unseen(character))
        );
        for line in text.lines() {
            let columns: usize = line.chars().map(escape::columns).sum();
            assert!(
                columns <= width.clamp(40, 100),
                "{columns} in {width}: {line}"
            );
        }
    }
}

#[test]
fn colour_is_used_where_asked_and_changes_nothing_else() {
    let records = vec![
        capture(3, read(5)),
        record(finding(
            "ftp-password",
            Severity::Critical,
            "The password of ada",
        )),
    ];
    let plain = terminal(&records, Style::default());
    let painted = terminal(
        &records,
        Style {
            color: true,
            width: 80,
        },
    );
    assert!(painted.contains("\x1b[1;31mCRITICAL"));
    let mut bare = String::new();
    for (at, part) in painted.split("\x1b[").enumerate() {
        bare.push_str(if at == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    assert_eq!(bare, plain);
    assert!(plain.contains("CRITICAL  The password of ada [frames 12, 15] (ftp-password)\n"));
}

#[test]
fn findings_come_worst_first_and_many_of_a_rule_are_counted() {
    let mut records = vec![
        capture(3, read(5)),
        record(finding("late", Severity::Info, "names")),
    ];
    records.extend(
        (0..12).map(|at| record(finding("ftp", Severity::Critical, &format!("secret {at}")))),
    );
    let text = terminal(&records, Style::default());
    assert!(text.find("secret 4").unwrap() < text.find("names").unwrap());
    assert!(!text.contains("secret 5"));
    assert!(text.contains("and 7 more like this (ftp)"));
    let page = Report::new(&records).html();
    assert!(page.contains("secret 11"), "the page has them all");
    assert!(page.contains("<summary>7 more like this</summary>"));
}

#[test]
fn the_account_in_the_page_adds_up_to_all_payload() {
    let accounts = Accounts {
        read: 1,
        sealed: 20,
        unrecognised: 300,
        malformed: 4000,
        missing: 50_000,
        duplicate: 600_000,
        limited: 7_000_000,
    };
    let records = [capture(3, accounts)];
    let page = Report::new(&records).html();
    assert!(page.contains(&words::grouped(7_654_321)));
    for (name, balance) in accounts.entries() {
        assert!(page.contains(&format!(
            "<th scope=\"row\">{name}</th><td class=\"number\">{}</td>",
            words::grouped(balance)
        )));
    }
    let text = terminal(&records, Style::default());
    assert!(
        accounts
            .entries()
            .iter()
            .all(|(name, _)| text.contains(name))
    );
}

#[test]
fn evidence_is_a_filter_to_paste() {
    let records = [
        capture(3, read(5)),
        record(finding("ftp", Severity::High, "x")),
    ];
    assert!(
        Report::new(&records)
            .html()
            .contains("frame.number in {12, 15}")
    );
}

#[test]
fn many_conversations_are_bounded_and_the_rest_is_counted() {
    let mut records = vec![capture(3, read(5))];
    records.extend((1..=1200).map(|id| {
        let mut one = conversation(id, Exposure::Harvest, 1);
        one.server.port = u16::try_from(id).unwrap();
        one.server_names = vec![format!("h{id}.example")];
        record(one)
    }));
    let page = Report::new(&records).html();
    assert!(page.contains("The first 500 of 1200"));
    assert!(page.len() < 600_000, "{} bytes", page.len());
}

#[test]
fn a_share_is_never_rounded_to_none_or_all() {
    let cases = [
        (0, 0, "0 %"),
        (0, 10, "0 %"),
        (1, 1000, "under 1 %"),
        (61, 100, "61 %"),
        (999, 1000, "over 99 %"),
        (10, 10, "100 %"),
    ];
    for (part, whole, said) in cases {
        assert_eq!(words::share(part, whole), said);
    }
}

#[test]
fn sizes_and_spans_are_humane() {
    let sizes = [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (999_600, "1.0 MB"),
        (61_000_000_000, "61 GB"),
    ];
    for (size, said) in sizes {
        assert_eq!(words::bytes(size), said);
    }
    let spans = [
        (0.0, "0 s"),
        (0.01, "under 0.1 s"),
        (0.25, "0.2 s"),
        (25.0, "25 s"),
        (180.0, "3 min"),
        (7500.0, "2 h 5 min"),
        (270_000.0, "3 d 3 h"),
    ];
    for (span, said) in spans {
        assert_eq!(words::span(span), said);
    }
    assert_eq!(words::moment(Time(MORNING)), "2026-01-01 09:00:00 UTC");
    assert_eq!(words::clock(Time(MORNING)), "09:00:00");
}
