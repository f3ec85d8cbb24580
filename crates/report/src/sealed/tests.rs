use overheard_ledger::{Accounts, Capture, Frames, Record};
use serde_json::{Value, json};

use crate::{Report, Style};

fn conversation(id: u64, server: &str, exposure: &str, sealed: u64) -> Value {
    json!({"kind": "conversation", "id": id, "transport": "tcp",
        "client": {"ip": "192.0.2.10", "port": 40000}, "server": {"ip": server, "port": 443},
        "packets": [5, 5], "bytes": [500, 1500], "start": "2026-01-01T09:00:00Z",
        "end": "2026-01-01T09:00:01Z", "protocol": "tls", "exposure": exposure, "frames": [id],
        "accounts": {"read": 0, "sealed": sealed, "unrecognised": 0, "malformed": 0, "missing": 0,
            "duplicate": 0, "limited": 0}})
}

fn records(sealed: u64, conversations: &[Value]) -> Vec<Record> {
    let capture = Capture {
        packets: 10,
        payload_bytes: sealed,
        accounts: Accounts {
            sealed,
            ..Accounts::default()
        },
        ..Capture::default()
    };
    let capture = Record {
        body: capture.into(),
        conversation: None,
        frames: Frames::default(),
        time: None,
    };
    let others = conversations
        .iter()
        .map(|one| serde_json::from_value(one.clone()).unwrap());
    std::iter::once(capture).chain(others).collect()
}

/// Sealed bytes, per cent and conversations of every group.
fn groups(records: &[Record]) -> Vec<(&'static str, u64, u64, u64)> {
    let report = Report::new(records);
    let groups = report.sealed.groups.iter();
    groups
        .map(|group| {
            let opener = group.opener.id();
            (opener, group.sealed, group.percent, group.conversations)
        })
        .collect()
}

#[test]
fn every_sealed_byte_is_in_one_group_and_shares_add_up_to_100() {
    let cases: [[u64; 5]; 6] = [
        [1, 1, 1, 0, 0],
        [0, 198, 390, 157, 255],
        [1, 1_000_000, 0, 0, 0],
        [0, 0, 0, 0, 7],
        [33, 33, 33, 33, 33],
        [u64::MAX / 8, 1, u64::MAX / 8, 1, u64::MAX / 8],
    ];
    for amounts in cases {
        let exposures = ["weak", "stolen-key", "harvest", "sealed", "unknown"];
        let conversations: Vec<Value> = exposures
            .iter()
            .zip(amounts)
            .enumerate()
            .map(|(id, (exposure, sealed))| {
                conversation(id as u64 + 1, "192.0.2.25", exposure, sealed)
            })
            .collect();
        let total = amounts.iter().sum();
        let records = records(total, &conversations);
        let groups = groups(&records);
        let held: Vec<u64> = groups.iter().map(|group| group.1).collect();
        assert_eq!(held, amounts);
        let percent: u64 = groups.iter().map(|group| group.2).sum();
        assert_eq!(percent, 100, "{groups:?}");
    }
}

#[test]
fn what_belongs_to_no_conversation_of_the_ledger_is_unknown() {
    let records = records(100, &[conversation(1, "192.0.2.25", "harvest", 60)]);
    let groups = groups(&records);
    assert_eq!(groups[2], ("quantum-computer", 60, 60, 1));
    assert_eq!(groups[4], ("unknown", 40, 40, 0));
}

#[test]
fn the_sealed_part_of_an_open_conversation_is_as_its_handshake_says() {
    let handshake = |id: u64, suite: &str, forward_secret: bool, quantum_safe: bool| {
        json!({"kind": "handshake", "protocol": "dtls", "version": "DTLS 1.2", "cipher_suite": suite,
            "key_exchange": "x25519", "forward_secret": forward_secret, "quantum_safe": quantum_safe,
            "conversation": id, "frames": [id]})
    };
    let media = json!({"kind": "media", "ssrc": "0x00000001",
        "source": {"ip": "192.0.2.10", "port": 4000}, "destination": {"ip": "192.0.2.25", "port": 4000},
        "payload_type": 0, "packets": 10, "lost": 0, "seconds": 1.0, "protection": "sdes-in-clear",
        "conversation": 6, "frames": [6]});
    let mut all: Vec<Value> = (1..=6)
        .map(|id| conversation(id, "192.0.2.25", "open", 10))
        .collect();
    all.push(conversation(7, "192.0.2.25", "open", 0));
    all.push(handshake(1, "TLS_RSA_WITH_NULL_SHA256", false, false));
    all.push(handshake(2, "TLS_RSA_WITH_AES_128_CBC_SHA", false, false));
    all.push(handshake(3, "TLS_AES_128_GCM_SHA256", true, false));
    all.push(handshake(4, "TLS_AES_128_GCM_SHA256", true, true));
    all.push(media);
    let counts: Vec<u64> = groups(&records(60, &all))
        .iter()
        .map(|group| group.3)
        .collect();
    // Today: a NULL cipher, and media whose key went by in clear. The fifth has no handshake, the last nothing sealed.
    assert_eq!(counts, [2, 1, 1, 1, 1]);
}

#[test]
fn a_share_is_never_shown_as_none_or_all() {
    let conversations = [
        conversation(1, "192.0.2.25", "harvest", 999_999),
        conversation(2, "192.0.2.26", "sealed", 1),
    ];
    let records = records(1_000_000, &conversations);
    let report = Report::new(&records);
    let shares: Vec<String> = report
        .sealed
        .groups
        .iter()
        .map(|group| group.share(report.sealed.bytes))
        .collect();
    assert_eq!(shares, ["0 %", "0 %", "over 99 %", "under 1 %", "0 %"]);
}

#[test]
fn the_parts_on_sealed_traffic_read_plainly() {
    let handshake = |id: u64, chosen: &str, offered: &[&str], version: &str| {
        json!({"kind": "handshake", "protocol": "tls", "version": version, "cipher_suite": "TLS_AES_128_GCM_SHA256",
            "key_exchange": chosen, "offered_key_exchange": offered, "server_name": format!("s{id}.example"),
            "forward_secret": true, "ja4": "t13d1516h2_8daaf6152771_02713d6af862",
            "conversation": id, "frames": [id]})
    };
    let mut all: Vec<Value> = (1..=3)
        .map(|id| {
            conversation(
                id,
                "192.0.2.25",
                if id == 3 { "sealed" } else { "harvest" },
                id * 100,
            )
        })
        .collect();
    all.push(handshake(
        1,
        "x25519",
        &["X25519MLKEM768", "x25519"],
        "TLS 1.3",
    ));
    all.push(handshake(2, "x25519", &["x25519"], "TLS 1.2"));
    all.push(handshake(
        3,
        "X25519MLKEM768",
        &["X25519MLKEM768", "x25519"],
        "TLS 1.3",
    ));
    let records = records(600, &all);
    let report = Report::new(&records);
    let mut terminal = Vec::new();
    report.terminal(&mut terminal, Style::default()).unwrap();
    let part = |text: &str, from: &str, to: &str| {
        let (_, after) = text.split_once(from).unwrap();
        after.split(to).next().unwrap().to_owned()
    };
    let title = "What a stored recording opens, and when";
    let terminal = part(&String::from_utf8(terminal).unwrap(), title, "What the tap");
    let markdown = part(&report.markdown(), title, "## What the tap");
    let json: Value = serde_json::from_str(&report.json()).unwrap();
    let json = serde_json::to_string_pretty(&json!([json["sealed"], json["servers"]])).unwrap();
    let page = report.html();
    let page = part(&page, "<section aria-labelledby=\"stored\">", "</section>");
    insta::assert_snapshot!("terminal", terminal);
    insta::assert_snapshot!("markdown", markdown);
    insta::assert_snapshot!("json", json);
    insta::assert_snapshot!(
        "html",
        page.replace("<tr>", "\n<tr>").replace("<p>", "\n<p>")
    );
}
