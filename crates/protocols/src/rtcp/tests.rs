use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

const SENDER: [u8; 28] = [
    0x80, 200, 0, 6, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 160, 0, 0, 0, 1, 0, 0, 0, 160,
];

fn description(name: &str) -> Vec<u8> {
    let mut items = vec![0, 0, 0, 7, 1, name.len() as u8];
    items.extend(name.as_bytes());
    items.push(0);
    items.resize(items.len().next_multiple_of(4), 0);
    let mut packet = vec![0x81, 202, 0, (items.len() / 4) as u8];
    packet.extend(items);
    packet
}

fn heard(datagrams: &[Vec<u8>]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:4001", "192.0.2.20:6001");
    for datagram in datagrams {
        scene.client(talk, datagram);
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

#[test]
fn a_compound_packet_names_its_sender_once() {
    let compound = [&SENDER[..], &description("Ada@desk.office.example")].concat();
    insta::assert_snapshot!(heard(&[compound.clone(), compound]).ledger());
}

#[test]
fn every_shorter_packet_is_refused() {
    let compound = [&SENDER[..], &description("ada@desk")].concat();
    assert!(matches!(kind(&compound), Ok(Kind::Clear(2))));
    for length in 0..compound.len() {
        let whole_first = length == SENDER.len();
        assert_eq!(
            kind(&compound[..length]).is_ok(),
            whole_first,
            "{length} bytes"
        );
    }
}

#[test]
fn the_first_packet_must_be_a_report() {
    assert!(kind(&description("ada")).is_err());
    let mut other_version = SENDER;
    other_version[0] = 0x40;
    assert!(kind(&other_version).is_err());
    let mut more_reports = SENDER;
    more_reports[0] = 0x82;
    assert!(
        kind(&more_reports).is_err(),
        "two reports need 48 more bytes"
    );
}

#[test]
fn what_is_sealed_is_booked_as_sealed() {
    let mut srtcp = SENDER.to_vec();
    srtcp.extend([0x77; 16]);
    srtcp.extend([0x80, 0, 0, 1]);
    srtcp.extend([0x55; 10]);
    let ledger = heard(&[srtcp]).ledger();
    assert!(ledger.contains("\"sealed\":50"), "{ledger}");
}

#[test]
fn what_senders_say_of_themselves_is_told() {
    let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 9];
    let mut items = vec![0, 0, 0, 9];
    for (kind, text) in [
        (1, "A@b.example"),
        (2, "Alice"),
        (4, "+1 555\x1b0100"),
        (6, "Phone 1"),
    ] {
        items.extend([kind, u8::try_from(text.len()).unwrap()]);
        items.extend(text.as_bytes());
    }
    items.push(0);
    items.resize(items.len().next_multiple_of(4), 0);
    report.extend([0x81, 202, 0, u8::try_from(items.len() / 4).unwrap()]);
    report.extend(items);
    // Goodbye, with a reason.
    report.extend([0x81, 203, 0, 3, 0, 0, 0, 9, 4]);
    report.extend(*b"done\0\0\0");
    let heard = heard(&[report.clone(), report]);
    let told: Vec<String> = heard
        .hints
        .iter()
        .filter_map(|hint| match &hint.body {
            overheard_ledger::HintBody::Observed { learns, .. } => Some(learns.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            "That who sends the stream 0x00000009 is called Alice",
            "That who sends the stream 0x00000009 has the number +1 5550100"
        ]
    );
}
