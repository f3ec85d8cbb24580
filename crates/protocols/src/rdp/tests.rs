use overheard_ledger::Conversation;
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

fn packet_of(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[3, 0], &length[..], body].concat()
}

fn opening(kind: u8, rest: &[u8]) -> Vec<u8> {
    let length = u8::try_from(rest.len() + 6).unwrap();
    packet_of(&[&[length, kind, 0, 0, 0, 0, 0][..], rest].concat())
}

const COOKIE: &[u8] = b"Cookie: mstshash=ada\r\n";

fn ask(protocols: u8) -> (bool, Vec<u8>) {
    let wish = [1, 0, 8, 0, protocols, 0, 0, 0];
    (true, opening(CONNECTION_REQUEST, &[COOKIE, &wish].concat()))
}

fn settings(method: u8) -> (bool, Vec<u8>) {
    let security = [2, 0x0c, 12, 0, method, 0, 0, 0, 2, 0, 0, 0];
    (
        false,
        packet_of(
            &[
                &[2, 0xf0, 0x80, 0x7f, 0x66][..],
                &[1; 40],
                &security,
                &[7; 30],
            ]
            .concat(),
        ),
    )
}

fn data(client: bool) -> (bool, Vec<u8>) {
    let kind = if client { 0x64 } else { 0x68 };
    (
        client,
        packet_of(&[&[2, 0xf0, 0x80, kind][..], &[0xee; 60]].concat()),
    )
}

fn heard(said: &[(bool, Vec<u8>)], size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:3389");
    for (client, bytes) in said {
        if *client {
            scene.client(talk, bytes)
        } else {
            scene.server(talk, bytes)
        }
    }
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

fn all_sizes(said: &[(bool, Vec<u8>)]) -> HeardScene {
    let whole = heard(said, 1460);
    for size in [1, 2, 3, 5, 7, 16] {
        assert_eq!(heard(said, size).content(), whole.content(), "{size}");
    }
    whole
}

fn conversation(heard: &HeardScene) -> &Conversation {
    match &heard.records[0].body {
        Body::Conversation(conversation) => conversation,
        _ => panic!("{}", heard.ledger()),
    }
}

#[test]
fn tls_takes_over() {
    for choice in [1, 2, 8] {
        for size in [1, 1460] {
            let heard = heard(
                &[
                    ask(3),
                    (
                        false,
                        opening(CONNECTION_CONFIRM, &[2, 0, 8, 0, choice, 0, 0, 0]),
                    ),
                    (true, b"\x16\x03\x01\x00\x05hello".to_vec()),
                ],
                size,
            );
            assert!(
                conversation(&heard)
                    .protocol
                    .as_ref()
                    .unwrap()
                    .starts_with("rdp")
            );
            assert_eq!(heard.content().len(), 1, "{}", heard.ledger());
            assert!(heard.content()[0].contains(r#""user":"ada""#));
        }
    }
}

#[test]
fn the_protection_of_its_own_is_weak() {
    let heard = all_sizes(&[
        ask(0),
        (false, opening(CONNECTION_CONFIRM, &[])),
        (
            true,
            packet_of(&[&[2, 0xf0, 0x80, 0x7f, 0x65][..], &[1; 300]].concat()),
        ),
        settings(2),
        (true, packet_of(&[2, 0xf0, 0x80, 4, 1, 0, 1, 0])),
        data(true),
        data(true),
        data(false),
    ]);
    assert_eq!(conversation(&heard).accounts.sealed, 2 * 68);
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn without_encryption_it_is_open() {
    let heard = all_sizes(&[
        ask(0),
        (
            false,
            opening(CONNECTION_CONFIRM, &[2, 0, 8, 0, 0, 0, 0, 0]),
        ),
        settings(0),
        data(true),
    ]);
    assert_eq!(conversation(&heard).exposure, Exposure::Open);
    assert_eq!(conversation(&heard).accounts.sealed, 0);
}

#[test]
fn others_that_open_connections_so_are_left_alone() {
    let probe_of = |bytes: &[u8]| {
        probe(&Sample {
            over: Over::Stream,
            client: bytes,
            server: &[],
            client_port: 40000,
            server_port: 102,
            whole: false,
        })
    };
    assert_eq!(probe_of(&ask(1).1), Probe::Sure);
    assert_eq!(probe_of(&ask(1).1[..8]), Probe::More);
    // S7: parameters of X.224.
    let s7 = opening(
        CONNECTION_REQUEST,
        &[0xc1, 2, 1, 0, 0xc2, 2, 1, 2, 0xc0, 1, 9],
    );
    assert_eq!(probe_of(&s7), Probe::No);
    assert_eq!(probe_of(&opening(CONNECTION_REQUEST, &[])), Probe::No);
    // H.225: no X.224 at all.
    assert_eq!(probe_of(&packet_of(&[8, 2, 1, 1, 5, 4, 3])), Probe::No);
}
