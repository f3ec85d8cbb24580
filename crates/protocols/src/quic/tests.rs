use overheard_ledger::{Body, Handshake};
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;
use crate::shared::hello::RETRY_RANDOM;
use crate::shared::hello_samples::{
    client_hello, extension, groups, host, list, message as handshake_message, server_hello, share,
    vector8, vector16,
};

/// The client's first connection id of RFC 9001 appendix A.
pub(super) const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

pub(super) const V1: u32 = 1;
pub(super) const V2: u32 = 0x6b33_43cf;

pub(super) const CLIENT: &str = "192.0.2.10:50000";
pub(super) const SERVER: &str = "192.0.2.25:443";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn keys_of(version: u32, id: &[u8]) -> [Keys; 2] {
    keys::both(&version::derivations(version)[0], id).unwrap()
}

/// The frames of the client's packet in RFC 9001 appendix A.2, without padding.
fn sample_frames() -> Vec<u8> {
    bytes(
        "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c
         00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006
         001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa4
         7fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e040305
         0306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ff
         ff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff",
    )
}

/// The client's packet of RFC 9001 appendix A.2.
fn sample_client() -> Vec<u8> {
    let mut frames = sample_frames();
    frames.resize(1162, 0);
    let header = bytes("c300000001088394c8f03e5157080000449e00000002");
    keys_of(V1, &ID)[0].seal(&header, 2, &frames)
}

/// The server's packet of RFC 9001 appendix A.3.
fn sample_server() -> Vec<u8> {
    bytes(
        "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69
         797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73
         cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456
         cbc42158407dd074ee",
    )
}

/// An Initial packet.
struct Packet<'a> {
    version: u32,
    destination: &'a [u8],
    source: &'a [u8],
    number: u8,
    frames: Vec<u8>,
}

impl Packet<'_> {
    fn sealed(&self, keys: &Keys) -> Vec<u8> {
        let kind = if self.version == V2 { 0x10 } else { 0 };
        let length = u16::try_from(1 + self.frames.len() + 16).unwrap() | 0x4000;
        let header = [
            &[0xc0 | kind],
            &self.version.to_be_bytes()[..],
            &vector8(self.destination),
            &vector8(self.source),
            &[0],
            &length.to_be_bytes(),
            &[self.number],
        ]
        .concat();
        keys.seal(&header, u64::from(self.number), &self.frames)
    }
}

/// A CRYPTO frame.
pub(super) fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    let size = |size: usize| (u16::try_from(size).unwrap() | 0x4000).to_be_bytes();
    [&[6][..], &size(offset), &size(data.len()), data].concat()
}

fn padded(mut frames: Vec<u8>) -> Vec<u8> {
    frames.resize(1180, 0);
    frames
}

/// A packet with a short header.
fn short() -> Vec<u8> {
    [&[0x5a; 9][..], &[0xee; 40]].concat()
}

pub(super) fn offer() -> Vec<u8> {
    handshake_message(
        1,
        &client_hello(&[
            host(b"news.example"),
            groups(&[0x11ec, 29]),
            extension(16, &vector16(&vector8(b"h3"))),
            extension(43, &vector8(&list(&[0x0304]))),
        ]),
    )
}

pub(super) fn answer(random: [u8; 32]) -> Vec<u8> {
    handshake_message(
        2,
        &server_hello(
            0x0303,
            random,
            &[
                extension(43, &list(&[0x0304])),
                extension(51, &share(0x11ec)),
            ],
        ),
    )
}

pub(super) fn from_client(version: u32, id: &[u8], frames: Vec<u8>, number: u8) -> Vec<u8> {
    let packet = Packet {
        version,
        destination: id,
        source: b"cccc",
        number,
        frames: padded(frames),
    };
    packet.sealed(&keys_of(version, id)[0])
}

pub(super) fn from_server(version: u32, id: &[u8], frames: Vec<u8>, number: u8) -> Vec<u8> {
    let packet = Packet {
        version,
        destination: b"cccc",
        source: b"ssssss",
        number,
        frames,
    };
    packet.sealed(&keys_of(version, id)[1])
}

/// What is heard of datagrams; `true` is the client.
fn heard(datagrams: &[(bool, Vec<u8>)]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.udp(CLIENT, SERVER);
    for (client, datagram) in datagrams {
        if *client {
            scene.client(talk, datagram);
        } else {
            scene.server(talk, datagram);
        }
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

fn handshakes(heard: &HeardScene) -> Vec<Handshake> {
    let records = heard.records.iter();
    records
        .filter_map(|record| match &record.body {
            Body::Handshake(handshake) => Some((**handshake).clone()),
            _ => None,
        })
        .collect()
}

/// The one handshake.
fn one(datagrams: &[(bool, Vec<u8>)]) -> Handshake {
    let mut all = handshakes(&heard(datagrams));
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn the_packets_of_the_standard() {
    let client = sample_client();
    assert_eq!(
        client[..32],
        bytes("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11")
    );
    assert_eq!(
        client[1184..],
        bytes("e221af44860018ab0856972e194cd934"),
        "the tag"
    );
    let packet = LongPacket::read(&mut Cursor::new("test", &client)).unwrap();
    assert_eq!(packet.destination, ID);
    let [client_keys, server_keys] = keys_of(V1, &ID);
    let opened = client_keys.open(&packet, None).unwrap();
    assert_eq!(opened.number, 2);
    assert!(opened.frames.starts_with(&sample_frames()));
    assert!(server_keys.open(&packet, None).is_none());

    let server = sample_server();
    let packet = LongPacket::read(&mut Cursor::new("test", &server)).unwrap();
    let opened = server_keys.open(&packet, None).unwrap();
    assert_eq!(opened.number, 1);
    assert!(
        opened
            .frames
            .starts_with(&bytes("02000000000600405a02000056"))
    );

    let handshake = one(&[(true, client), (false, server)]);
    assert_eq!(handshake.server_name.as_deref(), Some("example.com"));
    assert_eq!(handshake.version.as_deref(), Some("QUIC v1"));
    assert_eq!(handshake.key_exchange.as_deref(), Some("x25519"));
}

#[test]
fn a_conversation() {
    let heard = heard(&[
        (true, from_client(V1, &ID, crypto(0, &offer()), 0)),
        (
            false,
            [
                from_server(
                    V1,
                    &ID,
                    [vec![2, 0, 0, 0, 0], crypto(0, &answer([1; 32]))].concat(),
                    0,
                ),
                // Handshake, in the same datagram.
                [
                    &[0xe5, 0, 0, 0, 1, 4][..],
                    b"cccc",
                    &[6],
                    b"ssssss",
                    &[0x40, 30],
                    &[7; 30],
                ]
                .concat(),
            ]
            .concat(),
        ),
        (true, short()),
        (false, short()),
        // RTP beside it is not ours.
        (false, [&[0x80, 0][..], &[9; 30]].concat()),
    ]);
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn a_hello_in_two_datagrams_in_any_order_is_one() {
    let offer = offer();
    let (one_half, other) = offer.split_at(40);
    let first = from_client(V1, &ID, crypto(0, one_half), 0);
    let second = Packet {
        version: V1,
        destination: &ID,
        source: b"cccc",
        number: 1,
        frames: padded([crypto(40, other), vec![1]].concat()),
    };
    let second = second.sealed(&keys_of(V1, &ID)[0]);
    let reply = from_server(V1, &ID, crypto(0, &answer([1; 32])), 0);
    let expected = one(&[
        (true, from_client(V1, &ID, crypto(0, &offer), 0)),
        (false, reply.clone()),
    ]);
    assert_eq!(expected.server_name.as_deref(), Some("news.example"));
    for order in [[&first, &second], [&second, &first]] {
        let datagrams = [
            (true, order[0].clone()),
            (true, order[1].clone()),
            (true, order[0].clone()),
            (false, reply.clone()),
            (true, order[1].clone()),
        ];
        assert_eq!(one(&datagrams), expected);
    }
}

#[test]
fn the_keys_stay_when_the_connection_id_changes() {
    let offer = offer();
    let (half, other) = offer.split_at(40);
    let second = Packet {
        version: V1,
        destination: b"ssssss",
        source: b"cccc",
        number: 1,
        frames: padded(crypto(40, other)),
    };
    let handshake = one(&[
        (true, from_client(V1, &ID, crypto(0, half), 0)),
        (true, second.sealed(&keys_of(V1, &ID)[0])),
    ]);
    assert_eq!(handshake.server_name.as_deref(), Some("news.example"));
    assert_eq!(handshake.cipher_suite, None);
}

#[test]
fn a_retry_changes_the_keys() {
    let retry = [
        &[0xf0, 0, 0, 0, 1, 4][..],
        b"cccc",
        &[8],
        b"retryret",
        b"token",
        &[5; 16],
    ]
    .concat();
    let handshake = one(&[
        (true, from_client(V1, &ID, crypto(0, &offer()), 0)),
        (false, retry),
        (true, from_client(V1, b"retryret", crypto(0, &offer()), 1)),
        (
            false,
            from_server(V1, b"retryret", crypto(0, &answer([1; 32])), 0),
        ),
    ]);
    assert_eq!(handshake.key_exchange.as_deref(), Some("X25519MLKEM768"));
    assert_eq!(handshake.quantum_safe, Some(true));
}

#[test]
fn versions_may_change_on_the_way() {
    // Compatible: the server answers in version 2, with keys of the client's first id.
    let handshake = one(&[
        (true, from_client(V1, &ID, crypto(0, &offer()), 0)),
        (false, from_server(V2, &ID, crypto(0, &answer([1; 32])), 0)),
    ]);
    assert_eq!(handshake.version.as_deref(), Some("QUIC v2"));
    assert_eq!(handshake.server_name.as_deref(), Some("news.example"));
    // Not compatible: the client begins again.
    let negotiation = [
        &[0x80, 0, 0, 0, 0, 4][..],
        b"cccc",
        &[8],
        &ID,
        &V2.to_be_bytes(),
    ]
    .concat();
    let other = b"another id";
    let handshake = one(&[
        (true, from_client(0xbaba_baba, &ID, crypto(0, &offer()), 0)),
        (false, negotiation),
        (true, from_client(V2, other, crypto(0, &offer()), 0)),
        (
            false,
            from_server(V2, other, crypto(0, &answer([1; 32])), 0),
        ),
    ]);
    assert_eq!(handshake.version.as_deref(), Some("QUIC v2"));
}

#[test]
fn a_second_hello_that_the_server_asked_for() {
    let offer = offer();
    let retry = answer(RETRY_RANDOM);
    let handshake = one(&[
        (true, from_client(V1, &ID, crypto(0, &offer), 0)),
        (false, from_server(V1, &ID, crypto(0, &retry), 0)),
        (true, from_client(V1, &ID, crypto(offer.len(), &offer), 1)),
        (
            false,
            from_server(V1, &ID, crypto(retry.len(), &answer([1; 32])), 1),
        ),
    ]);
    assert_eq!(
        handshake.cipher_suite.as_deref(),
        Some("TLS_AES_128_GCM_SHA256")
    );
}

#[test]
fn what_cannot_be_opened_is_quic_and_no_handshake() {
    let mut packet = from_client(V1, &ID, crypto(0, &offer()), 0);
    packet[100] ^= 1;
    let heard = heard(&[(true, packet), (true, short())]);
    assert!(handshakes(&heard).is_empty());
    assert!(
        heard.ledger().contains(r#""protocol":"quic""#),
        "{}",
        heard.ledger()
    );
}

#[test]
fn what_is_not_quic_is_left_alone() {
    for datagram in [
        short()[..20].to_vec(),
        [&[0x80, 0, 0, 1][..], &[0; 40]].concat(),
        vec![0xff; 1300],
        vec![0xc0; 1300],
        [&[0xc0, 0, 0, 0, 1][..], &[0; 40]].concat(),
        vec![],
    ] {
        let heard = heard(&[(true, datagram.clone()), (false, datagram)]);
        assert!(!heard.ledger().contains("quic"), "{}", heard.ledger());
    }
}

#[test]
fn every_cut_and_every_changed_byte_is_survived() {
    let packet = from_client(V1, &ID, crypto(0, &offer()), 0);
    for cut in 0..packet.len() {
        let sample = Sample {
            over: Over::Datagram,
            client: &packet[..cut],
            server: &[],
            client_port: 50000,
            server_port: 443,
            whole: true,
        };
        assert_ne!(probe(&sample), Probe::Sure, "{cut}");
    }
    let changed: Vec<_> = (0..64)
        .map(|at| {
            let mut packet = packet.clone();
            packet[at] ^= 0xff;
            (at % 2 == 0, packet)
        })
        .collect();
    assert!(handshakes(&heard(&changed)).len() <= 1);
}

#[test]
fn a_connection_at_another_address_is_told_by_its_id() {
    let mut scene = Scene::new();
    let talk = scene.udp(CLIENT, SERVER);
    scene.client(talk, &sample_client());
    scene.server(talk, &sample_server());
    let moved = scene.udp("198.51.100.7:61000", SERVER);
    let packet = [&[0x5a][..], &bytes("f067a5502a4262b5"), &[0xee; 40]].concat();
    scene.client(moved, &packet);
    scene.server(moved, &[&[0x4a][..], &[0xcc; 40]].concat());
    let other = scene.udp("198.51.100.7:61001", "192.0.2.25:9999");
    scene.client(other, &packet);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    let parts: Vec<_> = heard
        .hints
        .iter()
        .filter_map(|hint| match &hint.body {
            HintBody::Part { id, guess, .. } => Some((id.get(..8).unwrap_or_default(), *guess)),
            _ => None,
        })
        .collect();
    let id = bytes("f067a5502a4262b5");
    assert_eq!(parts, [(&id[..], false), (&id[..], true), (&[], true)]);
    let unrecognised: Vec<u64> = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Conversation(conversation) => Some(conversation.accounts.unrecognised),
            _ => None,
        })
        .collect();
    assert_eq!(unrecognised, [0, 49 + 41, 49]);
}

#[test]
fn a_hello_of_googles_own_is_read() {
    const Q050: u32 = u32::from_be_bytes(*b"Q050");
    let hello = crate::shared::google_hello::sample(&[
        (b"SNI\0", b"news.example"),
        (b"UAID", b"Chrome/83"),
        (b"KEXS", b"C255"),
    ]);
    let frame = [
        &[8, 0, 0x40, u8::try_from(hello.len()).unwrap()][..],
        &hello,
    ]
    .concat();
    let packet = Packet {
        version: Q050,
        destination: &ID,
        source: &[],
        number: 1,
        frames: padded(frame),
    };
    let record = one(&[(true, packet.sealed(&keys_of(Q050, &ID)[0]))]);
    assert_eq!(record.version.as_deref(), Some("QUIC Q050"));
    assert_eq!(record.server_name.as_deref(), Some("news.example"));
    assert_eq!(record.key_exchange.as_deref(), Some("x25519"));
}
