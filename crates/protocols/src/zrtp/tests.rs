use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

fn packet(kind: &[u8; 8], body: &[u8]) -> Vec<u8> {
    let words = u16::try_from((body.len() + 12) / 4).unwrap();
    [
        &[0x10, 0, 0, 1][..],
        b"ZRTP",
        &[1, 2, 3, 4, 0x50, 0x5a],
        &words.to_be_bytes(),
        kind,
        body,
        &[0xcc; 4],
    ]
    .concat()
}

fn hello(software: &[u8; 16]) -> Vec<u8> {
    let body = [
        &b"1.10"[..],
        software,
        &[7; 32 + 12],
        // One hash, two ciphers, one tag, three agreements, one way to compare.
        &[0, 1, 0x21, 0x31],
        b"S256AES3AES1HS80EC25DH3kMultB32 ",
        &[9; 8],
    ]
    .concat();
    packet(b"Hello   ", &body)
}

fn commit(agreement: &[u8; 4]) -> Vec<u8> {
    let body = [&[7; 44][..], b"S256AES3HS80", agreement, b"B32 ", &[5; 40]].concat();
    packet(b"Commit  ", &body)
}

fn call(agreement: &[u8; 4], confirmed: bool) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:5004", "192.0.2.25:5004");
    scene.client(talk, &hello(b"GNU ZRTP 4.2.0  "));
    scene.server(talk, &packet(b"HelloACK", &[]));
    scene.server(talk, &hello(b"Zfone 0.92      "));
    scene.client(talk, &packet(b"HelloACK", &[]));
    scene.server(talk, &commit(agreement));
    scene.client(talk, &packet(b"DHPart1 ", &[1; 100]));
    scene.server(talk, &packet(b"DHPart2 ", &[1; 100]));
    scene.client(talk, &packet(b"Confirm1", &[1; 64]));
    if confirmed {
        scene.server(talk, &packet(b"Confirm2", &[1; 64]));
        scene.client(talk, &packet(b"Conf2ACK", &[]));
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

#[test]
fn what_was_committed_to_is_written_once_it_is_confirmed() {
    insta::assert_snapshot!(call(b"EC25", true).ledger());
    assert_eq!(call(b"EC25", false).content(), [""; 0]);
}

#[test]
fn a_pre_shared_key_is_not_judged() {
    let heard = call(b"Prsh", true);
    let Some(Body::Handshake(record)) = heard.records.get(1).map(|record| &record.body) else {
        panic!("{}", heard.ledger());
    };
    assert_eq!((record.forward_secret, record.quantum_safe), (None, None));
}

#[test]
fn a_packet_without_the_mark_is_another_protocol() {
    let mut bytes = hello(b"GNU ZRTP 4.2.0  ");
    assert!(message(&bytes).is_ok());
    bytes[12] = 0;
    assert!(message(&bytes).is_err());
    assert!(message(&bytes[..20]).is_err());
}
