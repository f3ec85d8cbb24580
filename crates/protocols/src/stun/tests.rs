use overheard_ledger::HintBody;
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

const TRANSACTION: [u8; 12] = [9; 12];

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn stun(kind: u16, attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.concat();
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend((attributes.len() as u16).to_be_bytes());
    bytes.extend(MAGIC_COOKIE.to_be_bytes());
    bytes.extend(TRANSACTION);
    bytes.extend(attributes);
    bytes
}

fn login() -> Vec<Vec<u8>> {
    vec![
        stun(
            0x0003,
            &[
                attribute(0x0006, b"ada"),
                attribute(0x0014, b"office.example"),
                attribute(0x0008, &[0xab; 20]),
            ],
        ),
        stun(
            0x0103,
            &[attribute(
                0x0020,
                &[
                    0,
                    1,
                    0x21 ^ 0x12,
                    0x12 ^ 0x34,
                    0x21 ^ 198,
                    0x12 ^ 51,
                    0xa4 ^ 100,
                    0x42 ^ 7,
                ],
            )],
        ),
    ]
}

fn over_datagrams(client: &[Vec<u8>], server: &[Vec<u8>]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:50000", "192.0.2.78:3478");
    client
        .iter()
        .for_each(|datagram| scene.client(talk, datagram));
    server
        .iter()
        .for_each(|datagram| scene.server(talk, datagram));
    hear(&[&PROTOCOL], &scene.pcap())
}

fn observed(heard: &HeardScene) -> Vec<String> {
    let learns = |hint: &overheard_ledger::Hint| match &hint.body {
        HintBody::Observed { learns, .. } => Some(learns.clone()),
        _ => None,
    };
    heard.hints.iter().filter_map(learns).collect()
}

#[test]
fn a_relay_login_and_the_public_address_are_read() {
    let said = login();
    let heard = over_datagrams(&said[..1], &said[1..]);
    assert_eq!(
        observed(&heard),
        ["That 192.0.2.10 appears to the world as 198.51.100.7"]
    );
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn any_segmentation_says_the_same() {
    let hear_cut = |size| {
        let mut scene = Scene::new();
        scene.segment_size(size);
        let talk = scene.tcp("192.0.2.10:50000", "192.0.2.78:3478");
        let said = login();
        scene.client(talk, &said[0]);
        scene.server(talk, &said[1]);
        // Channel data: 5 bytes and their padding.
        scene.client(talk, &[0x40, 0x01, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0]);
        scene.close(talk);
        hear(&[&PROTOCOL], &scene.pcap())
    };
    let whole = hear_cut(1460).content();
    assert_eq!(whole.len(), 1);
    for size in [1, 2, 3, 5, 7, 16] {
        let heard = hear_cut(size);
        assert_eq!(heard.content(), whole, "segments of {size} bytes");
        assert!(
            heard
                .ledger()
                .contains("\"unrecognised\":5,\"malformed\":0"),
            "segments of {size} bytes: {}",
            heard.ledger()
        );
    }
}

#[test]
fn names_made_up_for_a_call_are_no_logins() {
    let heard = over_datagrams(
        &[stun(
            0x0001,
            &[attribute(0x0006, b"abcd:efgh"), attribute(0x0008, &[1; 20])],
        )],
        &[],
    );
    assert!(!heard.ledger().contains("credential"));
}

#[test]
fn classic_messages_are_believed_only_where_all_is_right() {
    let classic = |kind: u16, attributes: &[Vec<u8>]| {
        let mut bytes = stun(kind, attributes);
        bytes[4..8].copy_from_slice(&[1, 2, 3, 4]);
        bytes
    };
    let mapped = attribute(0x0001, &[0, 1, 0x12, 0x34, 198, 51, 100, 7]);
    assert!(
        message(
            &classic(0x0101, std::slice::from_ref(&mapped)),
            Over::Datagram
        )
        .is_ok()
    );
    assert!(
        message(
            &classic(0x0103, std::slice::from_ref(&mapped)),
            Over::Datagram
        )
        .is_err(),
        "no method of RFC 3489"
    );
    assert!(
        message(
            &classic(0x0101, &[mapped.clone(), attribute(0x7777, &[])]),
            Over::Datagram
        )
        .is_err()
    );
    assert!(message(&classic(0x0101, &[]), Over::Datagram).is_err());
    let mut longer = classic(0x0101, &[mapped]);
    longer.push(0);
    assert!(message(&longer, Over::Datagram).is_err());
}

#[test]
fn every_shorter_message_is_refused() {
    let whole = login().remove(0);
    for length in 0..whole.len() {
        assert!(
            message(&whole[..length], Over::Datagram).is_err(),
            "{length} bytes"
        );
    }
}

#[test]
fn a_broken_attribute_does_not_hang_a_stream() {
    let mut broken = stun(0x0001, &[attribute(0x0006, b"ada")]);
    broken[23] = 200;
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:50000", "192.0.2.78:3478");
    scene.client(talk, &stun(0x0001, &[]));
    scene.client(talk, &broken);
    scene.close(talk);
    let ledger = hear(&[&PROTOCOL], &scene.pcap()).ledger();
    assert!(ledger.contains("\"malformed\":28"), "{ledger}");
}

/// An XOR-PEER-ADDRESS attribute (RFC 8656 section 18.3).
fn peer(ip: [u8; 4], port: u16) -> Vec<u8> {
    let cookie = MAGIC_COOKIE.to_be_bytes();
    let mut value = vec![0, 1];
    value.extend((port ^ 0x2112).to_be_bytes());
    value.extend(ip.iter().zip(cookie).map(|(byte, key)| byte ^ key));
    attribute(0x0012, &value)
}

fn voice(turn: u16, source: u8) -> Vec<u8> {
    let mut bytes = vec![0x80, 8];
    bytes.extend(turn.to_be_bytes());
    bytes.extend((u32::from(turn) * 160).to_be_bytes());
    bytes.extend([0, 0, 0, source]);
    bytes.extend([0xd5; 160]);
    bytes
}

fn in_channel(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn streams(heard: &HeardScene) -> Vec<(String, String, u64, String)> {
    let mut all: Vec<_> = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            overheard_ledger::Body::Media(media) => Some((
                media.source.to_string(),
                media.destination.to_string(),
                media.packets,
                media.protection.clone(),
            )),
            _ => None,
        })
        .collect();
    all.sort();
    all
}

#[test]
fn media_in_channels_and_indications_are_heard_between_client_and_peer() {
    let bind = stun(
        CHANNEL_BIND,
        &[
            attribute(0x000c, &[0x40, 0x01, 0, 0]),
            peer([198, 51, 100, 7], 7000),
        ],
    );
    for over in [Over::Datagram, Over::Stream] {
        let mut scene = Scene::new();
        scene.step(10_000_000);
        let talk = match over {
            Over::Datagram => scene.udp("192.0.2.10:4000", "203.0.113.1:3478"),
            Over::Stream => scene.tcp("192.0.2.10:4000", "203.0.113.1:3478"),
        };
        scene.client(talk, &bind);
        for turn in 0..20u16 {
            scene.client(talk, &in_channel(0x4001, &voice(turn, 1)));
            let data = [
                peer([198, 51, 100, 9], 9000),
                attribute(0x0013, &voice(turn, 2)),
            ];
            scene.server(talk, &stun(DATA_INDICATION, &data));
        }
        let (heard, kept) = overheard_testkit::hear_kept(&[&PROTOCOL], &scene.pcap());
        assert_eq!(
            streams(&heard),
            [
                (
                    "192.0.2.10:4000".to_owned(),
                    "198.51.100.7:7000".to_owned(),
                    20,
                    "none".to_owned()
                ),
                (
                    "198.51.100.9:9000".to_owned(),
                    "192.0.2.10:4000".to_owned(),
                    20,
                    "none".to_owned()
                ),
            ],
            "{over:?}"
        );
        assert_eq!(kept.len(), 40);
    }
}

#[test]
fn media_beside_a_handshake_of_dtls_are_sealed() {
    let mut scene = Scene::new();
    scene.step(20_000_000);
    let talk = scene.udp("192.0.2.10:4000", "203.0.113.1:3478");
    let bind = [
        attribute(0x000c, &[0x40, 0x01, 0, 0]),
        peer([198, 51, 100, 7], 7000),
    ];
    scene.client(talk, &stun(CHANNEL_BIND, &bind));
    let hello = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];
    scene.client(talk, &in_channel(0x4001, &hello));
    for turn in 0..20u16 {
        scene.client(talk, &in_channel(0x4001, &voice(turn, 1)));
    }
    let (heard, kept) = overheard_testkit::hear_kept(&[&PROTOCOL], &scene.pcap());
    assert_eq!(streams(&heard)[0].3, "dtls-srtp");
    assert!(kept.is_empty());
}
