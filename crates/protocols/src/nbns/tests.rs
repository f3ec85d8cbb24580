use overheard_ledger::HintBody;
use overheard_testkit::{Scene, hear};

use super::*;

/// The first-level encoding of a name of 16 bytes, as a label.
fn label(name: &[u8; 16]) -> Vec<u8> {
    let mut label = vec![32];
    for byte in name {
        label.extend([b'A' + (byte >> 4), b'A' + (byte & 15)]);
    }
    label.push(0);
    label
}

fn query(name: &[u8; 16]) -> Vec<u8> {
    [
        b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\0",
        &label(name)[..],
        b"\0\x20\0\x01",
    ]
    .concat()
}

fn answer(name: &[u8; 16], address: [u8; 4]) -> Vec<u8> {
    let head = b"\x12\x34\x85\0\0\0\0\x01\0\0\0\0";
    [
        &head[..],
        &label(name),
        b"\0\x20\0\x01\0\0\0\x3c\0\x06\0\0",
        &address,
    ]
    .concat()
}

#[test]
fn a_server_is_looked_for_and_answers() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.7:137", "192.0.2.255:137");
    scene.client(talk, &query(b"FILE SERVER     "));
    scene.client(talk, &query(b"FILE SERVER    \x20"));
    scene.client(talk, &query(b"WORKGROUP      \x1d"));
    let answers = scene.udp("192.0.2.7:137", "192.0.2.9:137");
    scene.server(answers, &answer(b"FILE SERVER    \x20", [192, 0, 2, 9]));
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    assert_eq!(
        heard
            .hints
            .iter()
            .map(|hint| hint.body.clone())
            .collect::<Vec<_>>(),
        [HintBody::Resolved {
            name: "file server".into(),
            address: [192, 0, 2, 9].into()
        }]
    );
}

#[test]
fn what_says_nothing_of_anybody_is_not_written() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.7:137", "192.0.2.255:137");
    scene.client(talk, &query(b"\x01\x02__MSBROWSE__\x02\x01"));
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert!(
        !heard
            .records
            .iter()
            .any(|record| matches!(record.body, Body::Name(_)))
    );
}

#[test]
fn bytes_that_are_not_printable_are_escaped() {
    let name = Name::read(
        &label(b"A\xffB            \0"),
        &mut overheard_tap::Cursor::new("test", &label(b"A\xffB            \0")),
    );
    assert_eq!(shown(&netbios(&name.unwrap()).unwrap()).unwrap(), "a\\255b");
}

#[test]
fn an_ordinary_name_is_not_a_netbios_name() {
    let bytes = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x20\0\x01";
    let sample = Sample {
        over: Over::Datagram,
        client: bytes,
        server: &[],
        client_port: 137,
        server_port: 137,
        whole: true,
    };
    assert_eq!(probe(&sample), Probe::No);
}
