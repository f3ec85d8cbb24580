use overheard_ledger::{Body, Conversation, Handshake};
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;
use crate::shared::hello_samples::{
    certificate_message, client_hello, extension, groups, host, list, message, record,
    server_hello, server_hello_with, share, vector8,
};

const SESSIONS: [[u8; 8]; 2] = [[1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7, 6, 5, 4, 3, 2]];

/// A control packet: opcode, side, number, payload; the server acknowledges something each time.
fn control(
    opcode: u8,
    client: bool,
    signature: usize,
    number: Option<u32>,
    payload: &[u8],
) -> Vec<u8> {
    let [mine, other] = if client {
        SESSIONS
    } else {
        [SESSIONS[1], SESSIONS[0]]
    };
    let mut bytes = vec![opcode << 3];
    bytes.extend(mine);
    if signature > 0 {
        bytes.extend(vec![0xab; signature]);
        bytes.extend([0, 0, 0, 1, 0x65, 0, 0, 0]);
    }
    if client {
        bytes.push(0);
    } else {
        bytes.extend([1, 0, 0, 0, 0]);
        bytes.extend(other);
    }
    if let Some(number) = number {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

fn data() -> Vec<u8> {
    [&[9 << 3, 0, 0, 1][..], &[0xee; 96]].concat()
}

fn offer() -> Vec<u8> {
    let hello = client_hello(&[
        host(b"vpn.example"),
        groups(&[0x11ec, 29]),
        extension(43, &vector8(&list(&[0x0304, 0x0303]))),
    ]);
    record(22, &message(1, &hello))
}

/// What both sides say, in order.
fn dialogue(signature: usize, answer: &[u8]) -> Vec<(bool, Vec<u8>)> {
    let say = |opcode, client, number, payload: &[u8]| {
        (client, control(opcode, client, signature, number, payload))
    };
    let offer = offer();
    let (one, other) = offer.split_at(40);
    let (first, second) = answer.split_at(60);
    vec![
        say(7, true, Some(0), &[]),
        say(8, false, Some(0), &[]),
        // Out of order, and one of them twice.
        say(4, true, Some(2), other),
        say(4, true, Some(1), one),
        say(4, true, Some(1), one),
        say(5, false, None, &[]),
        say(4, false, Some(1), first),
        say(4, false, Some(2), second),
        say(4, true, Some(3), &record(20, &[1])),
        say(4, true, Some(4), &record(23, &[0xee; 80])),
        (true, data()),
        (false, data()),
    ]
}

fn hybrid() -> Vec<u8> {
    let hello = server_hello(
        0x0303,
        [1; 32],
        &[extension(43, &[3, 4]), extension(51, &share(0x11ec))],
    );
    [record(22, &message(2, &hello)), record(23, &[0xee; 200])].concat()
}

fn classical() -> Vec<u8> {
    [
        record(
            22,
            &message(2, &server_hello_with(0x0303, [1; 32], &[], 0xc02f, &[])),
        ),
        record(22, &message(11, &certificate_message())),
        record(22, &message(12, &[3, 0, 29, 1, 0])),
        record(22, &message(14, &[])),
    ]
    .concat()
}

fn heard(said: &[(bool, Vec<u8>)]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.25:1194");
    for (client, bytes) in said {
        if *client {
            scene.client(talk, bytes)
        } else {
            scene.server(talk, bytes)
        }
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

fn heard_tcp(said: &[(bool, Vec<u8>)], size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:443");
    for (client, bytes) in said {
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let bytes = [&length[..], bytes].concat();
        if *client {
            scene.client(talk, &bytes)
        } else {
            scene.server(talk, &bytes)
        }
    }
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

fn conversation(heard: &HeardScene) -> &Conversation {
    match &heard.records[0].body {
        Body::Conversation(conversation) => conversation,
        _ => panic!("{}", heard.ledger()),
    }
}

fn handshakes(heard: &HeardScene) -> Vec<Handshake> {
    let found = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Handshake(handshake) => Some(Handshake::clone(handshake)),
            _ => None,
        });
    found.collect()
}

#[test]
fn the_handshake_inside_is_read() {
    let heard = heard(&dialogue(0, &hybrid()));
    assert_eq!(conversation(&heard).exposure, Exposure::Sealed);
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn a_signature_hides_nothing() {
    for signature in [16, 20, 32, 64] {
        let heard = heard(&dialogue(signature, &classical()));
        let [record] = &handshakes(&heard)[..] else {
            panic!("{}", heard.ledger());
        };
        assert_eq!(record.key_exchange.as_deref(), Some("x25519"));
        assert!(record.certificate.is_some());
        assert_eq!(conversation(&heard).exposure, Exposure::Harvest);
    }
}

#[test]
fn every_segmentation_gives_the_same() {
    let said = dialogue(20, &classical());
    let whole = heard_tcp(&said, 1460);
    assert_eq!(conversation(&whole).protocol.as_deref(), Some("openvpn"));
    assert_eq!(handshakes(&whole).len(), 1);
    for size in [1, 2, 3, 5, 7, 16] {
        assert_eq!(heard_tcp(&said, size).content(), whole.content(), "{size}");
    }
}

#[test]
fn new_keys_are_a_handshake_of_their_own() {
    let mut said = dialogue(0, &hybrid());
    for (client, mut bytes) in dialogue(0, &classical()).into_iter().take(10) {
        // The second key; a soft reset in place of the first packets.
        bytes[0] = match bytes[0] >> 3 {
            7 | 8 => 3 << 3,
            opcode => opcode << 3,
        } | 1;
        said.push((client, bytes));
    }
    assert_eq!(handshakes(&heard(&said)).len(), 2);
}

#[test]
fn an_encrypted_control_channel_shows_nothing() {
    let wrapped = |opcode: u8, client: bool, number: u8, length: usize| {
        let session = SESSIONS[usize::from(!client)];
        [
            &[opcode << 3][..],
            &session,
            &[0, 0, 0, number, 0x65, 0, 0, 0],
            &vec![0xcd; 32 + length],
        ]
        .concat()
    };
    let heard = heard(&[
        (true, wrapped(7, true, 1, 5)),
        (false, wrapped(8, false, 1, 17)),
        (true, wrapped(4, true, 2, 300)),
        (false, data()),
    ]);
    let conversation = conversation(&heard);
    assert_eq!(conversation.exposure, Exposure::Unknown);
    assert_eq!(conversation.protocol.as_deref(), Some("openvpn"));
    assert_eq!(conversation.accounts.sealed, 5 + 17 + 300 + 99);
    assert_eq!(heard.hints.len(), 1);
}

#[test]
fn what_only_looks_like_it_is_left_alone() {
    let probe_of = |over, bytes: &[u8]| {
        probe(&Sample {
            over,
            client: bytes,
            server: &[],
            client_port: 40000,
            server_port: 1194,
            whole: false,
        })
    };
    let reset = control(7, true, 0, Some(0), &[]);
    assert_eq!(probe_of(Over::Datagram, &reset), Probe::Sure);
    assert_eq!(probe_of(Over::Datagram, &reset[..13]), Probe::No);
    assert_eq!(
        probe_of(Over::Datagram, &[&reset[..], &[0]].concat()),
        Probe::No
    );
    assert_eq!(probe_of(Over::Datagram, &data()), Probe::No);
    assert_eq!(probe_of(Over::Stream, &[0]), Probe::More);
    assert_eq!(probe_of(Over::Stream, b"GET / HTTP/1.1\r\n"), Probe::No);
    assert_eq!(probe_of(Over::Stream, &[0, 14, 7 << 3]), Probe::More);
    assert_eq!(probe_of(Over::Stream, &[0, 14, 0x81]), Probe::No);
}
