use overheard_ledger::{Body, Conversation, Handshake};
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;
use crate::shared::hello_samples::{
    certificate_message, client_hello, extension, groups, host, list, server_hello,
    server_hello_with, share, vector8, vector16, vector24,
};

fn record(kind: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
    [
        &[kind, 0xfe, 0xfd],
        &epoch.to_be_bytes()[..],
        &[0, 0, 0, 0, 0, 1],
        &vector16(body),
    ]
    .concat()
}

/// A part of a handshake message, in a record of its own.
fn fragment(kind: u8, sequence: u16, body: &[u8], from: usize, to: usize) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap().to_be_bytes()[1..].to_vec();
    let part = &body[from..to];
    let head = [
        vec![kind],
        number(body.len()),
        sequence.to_be_bytes().to_vec(),
        number(from),
    ]
    .concat();
    record(22, 0, &[head, vector24(part)].concat())
}

fn whole(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, sequence, body, 0, body.len())
}

/// The body of a ClientHello with a cookie.
fn offer(cookie: &[u8]) -> Vec<u8> {
    let tls = client_hello(&[
        host(b"call.example"),
        groups(&[29, 23]),
        extension(43, &vector8(&list(&[0xfefc, 0xfefd]))),
    ]);
    let session_id = 2 + 32 + 1 + 4;
    [
        &[0xfe, 0xfd],
        &tls[2..session_id],
        &vector8(cookie),
        &tls[session_id..],
    ]
    .concat()
}

fn dtls12() -> Vec<(bool, Vec<u8>)> {
    let certificate = certificate_message();
    let half = certificate.len() / 2;
    vec![
        (true, whole(1, 0, &offer(&[]))),
        (false, whole(3, 0, &[0xfe, 0xff, 2, 7, 7])),
        (true, whole(1, 1, &offer(&[7, 7]))),
        // Fragments out of order and overlapping, several records in one datagram.
        (
            false,
            fragment(11, 2, &certificate, half - 10, certificate.len()),
        ),
        (
            false,
            [
                whole(2, 1, &server_hello_with(0xfefd, [1; 32], &[], 0xc02b, &[])),
                fragment(11, 2, &certificate, 0, half),
            ]
            .concat(),
        ),
        (
            false,
            [whole(12, 3, &[3, 0, 23, 1, 0]), whole(14, 4, &[])].concat(),
        ),
        (
            true,
            [
                whole(16, 2, &[0; 33]),
                record(20, 0, &[1]),
                record(22, 1, &[0xee; 48]),
            ]
            .concat(),
        ),
        (
            false,
            [record(20, 0, &[1]), record(22, 1, &[0xee; 48])].concat(),
        ),
        (true, record(23, 1, &[0x5a; 100])),
    ]
}

fn heard(all: &[(bool, Vec<u8>)]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.25:9000");
    for (client, bytes) in all {
        if *client {
            scene.client(talk, bytes)
        } else {
            scene.server(talk, bytes)
        }
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

fn handshake(heard: &HeardScene) -> Handshake {
    let found = heard.records.iter().find_map(|record| match &record.body {
        Body::Handshake(handshake) => Some(Handshake::clone(handshake)),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{}", heard.ledger()))
}

fn conversation(heard: &HeardScene) -> &Conversation {
    match &heard.records[0].body {
        Body::Conversation(conversation) => conversation,
        _ => panic!("{}", heard.ledger()),
    }
}

#[test]
fn dtls12_with_cookie_and_fragments() {
    insta::assert_snapshot!(heard(&dtls12()).ledger());
}

#[test]
fn dtls13_is_sealed_behind_its_hello() {
    let answer = server_hello(
        0xfefd,
        [1; 32],
        &[extension(43, &list(&[0xfefc])), extension(51, &share(29))],
    );
    let heard = heard(&[
        (true, whole(1, 0, &offer(&[]))),
        (
            false,
            [&whole(2, 0, &answer)[..], &[0x2e, 0, 1, 0, 20], &[0x5a; 20]].concat(),
        ),
        (true, [&[0x2e, 0, 1, 0, 20][..], &[0x5a; 20]].concat()),
        (true, [&[0x2a, 0, 1][..], &[0x5a; 40]].concat()),
    ]);
    let found = handshake(&heard);
    assert_eq!(
        (found.version.as_deref(), found.key_exchange.as_deref()),
        (Some("DTLS 1.3"), Some("x25519"))
    );
    assert_eq!(conversation(&heard).accounts.sealed, 25 + 25 + 43);
}

#[test]
fn sealed_records_are_counted_as_sealed() {
    let heard = heard(&dtls12());
    assert_eq!(conversation(&heard).accounts.sealed, 48 + 48 + 100);
    assert_eq!(conversation(&heard).accounts.malformed, 0);
}

#[test]
fn other_datagrams_of_the_conversation_are_left_to_others() {
    let mut all = dtls12();
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let rtp = [&[0x80, 0, 0, 1][..], &[9; 168]].concat();
    all.insert(0, (true, stun.clone()));
    all.insert(3, (false, rtp.clone()));
    let heard = heard(&all);
    assert_eq!(handshake(&heard).key_exchange.as_deref(), Some("secp256r1"));
    let others = u64::try_from(stun.len() + rtp.len()).unwrap();
    assert_eq!(conversation(&heard).accounts.unrecognised, others);
}

#[test]
fn a_flood_of_fragments_stays_bounded() {
    let mut all = Vec::new();
    let body = vec![0; 60_000];
    for sequence in 0..40 {
        for part in 0..100 {
            let from = (part % 7 + 1) * 8000 + part * 4;
            all.push((true, fragment(1, sequence, &body, from, from + 2)));
        }
    }
    all.extend(dtls12());
    assert_eq!(
        handshake(&heard(&all)).server_name.as_deref(),
        Some("call.example")
    );
    let mut unfinished = Unfinished {
        sequence: 0,
        kind: 1,
        body: Vec::new(),
        pieces: Vec::new(),
        evidence: Evidence::default(),
    };
    for offset in (0..2000).step_by(4) {
        unfinished.insert(&Fragment {
            kind: 1,
            length: 4000,
            sequence: 0,
            offset,
            body: &[1, 2],
        });
    }
    assert_eq!(unfinished.pieces.len(), MAX_PIECES);
}

#[test]
fn the_first_copy_of_a_byte_stays() {
    let part = |offset, body| Fragment {
        kind: 1,
        length: 6,
        sequence: 0,
        offset,
        body,
    };
    let mut message = Unfinished::new(&part(0, &[]));
    message.insert(&part(2, &[3, 4]));
    message.insert(&part(0, &[1, 2, 9]));
    message.insert(&part(3, &[9, 5, 6]));
    assert_eq!(
        (message.body.as_slice(), message.pieces.as_slice()),
        (&[1, 2, 3, 4, 5, 6][..], &[(0, 6)][..])
    );
}

#[test]
fn dtls_inside_capwap_is_heard() {
    let all: Vec<_> = dtls12()
        .into_iter()
        .map(|(client, bytes)| (client, [&CAPWAP[..], &bytes].concat()))
        .collect();
    assert_eq!(handshake(&heard(&all)).version.as_deref(), Some("DTLS 1.2"));
}

#[test]
fn a_cut_datagram_tells_nothing_wrong() {
    for end in 0..whole(1, 0, &offer(&[])).len() {
        let heard = heard(&[(true, whole(1, 0, &offer(&[]))[..end].to_vec())]);
        assert_eq!(heard.content(), [""; 0]);
    }
}
