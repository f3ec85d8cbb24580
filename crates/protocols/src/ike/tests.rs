use overheard_ledger::{Body, Conversation, Handshake};
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

fn payload(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap();
    [&[next, 0][..], &length.to_be_bytes(), body].concat()
}

/// A chain of payloads by their numbers, and the number of the first.
fn chain(payloads: &[(u8, Vec<u8>)]) -> (u8, Vec<u8>) {
    let mut bytes = Vec::new();
    for (at, (_, body)) in payloads.iter().enumerate() {
        let next = payloads.get(at + 1).map_or(0, |(number, _)| *number);
        bytes.extend(payload(next, body));
    }
    (payloads.first().map_or(0, |(number, _)| *number), bytes)
}

fn message(
    version: u8,
    exchange: u8,
    flags: u8,
    spis: [u64; 2],
    payloads: &[(u8, Vec<u8>)],
) -> Vec<u8> {
    let (first, body) = chain(payloads);
    let length = u32::try_from(28 + body.len()).unwrap();
    [
        &spis[0].to_be_bytes()[..],
        &spis[1].to_be_bytes(),
        &[first, version << 4, exchange, flags, 0, 0, 0, 0],
        &length.to_be_bytes(),
        &body,
    ]
    .concat()
}

/// An SA payload of IKEv2 with one proposal: (type, number, bits of the key).
fn sa_2(transforms: &[(u8, u16, Option<u16>)]) -> (u8, Vec<u8>) {
    let mut list = Vec::new();
    for (at, (kind, number, bits)) in transforms.iter().enumerate() {
        let more = if at + 1 == transforms.len() { 0 } else { 3 };
        let mut body = vec![*kind, 0];
        body.extend(number.to_be_bytes());
        if let Some(bits) = bits {
            body.extend([0x80, 14]);
            body.extend(bits.to_be_bytes());
        }
        list.extend(payload(more, &body));
    }
    let count = u8::try_from(transforms.len()).unwrap();
    let proposal = payload(0, &[&[1, 1, 0, count][..], &list].concat());
    (33, proposal)
}

fn notify(number: u16) -> (u8, Vec<u8>) {
    (41, [&[0, 0][..], &number.to_be_bytes()].concat())
}

/// An SA payload of IKEv1 with one proposal of one transform, by its attributes.
fn sa_1(attributes: &[(u16, u16)]) -> (u8, Vec<u8>) {
    let mut transform = vec![1, 1, 0, 0];
    for (kind, value) in attributes {
        transform.extend((kind | 0x8000).to_be_bytes());
        transform.extend(value.to_be_bytes());
    }
    let proposal = [&[1, 1, 0, 1][..], &payload(0, &transform)].concat();
    (
        1,
        [&[0, 0, 0, 1, 0, 0, 0, 1][..], &payload(0, &proposal)].concat(),
    )
}

const OFFER: &[(u8, u16, Option<u16>)] = &[
    (1, 20, Some(256)),
    (1, 12, Some(128)),
    (2, 5, None),
    (3, 12, None),
    (4, 31, None),
    (4, 14, None),
    (6, 36, None),
    (6, 0, None),
];

fn ike_2(chosen: &[(u8, u16, Option<u16>)], notifies: [&[(u8, Vec<u8>)]; 2]) -> [Vec<u8>; 2] {
    let with = |sa, notifies: &[(u8, Vec<u8>)]| {
        let mut payloads = vec![sa, (34, vec![0, 31, 0, 0, 9, 9]), (40, vec![7; 32])];
        payloads.extend(notifies.iter().cloned());
        payloads
    };
    [
        message(2, 34, 8, [7, 0], &with(sa_2(OFFER), notifies[0])),
        message(2, 34, 0x20, [7, 8], &with(sa_2(chosen), notifies[1])),
    ]
}

fn heard(port: u16, said: &[(bool, Vec<u8>)]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.udp(&format!("192.0.2.10:{port}"), &format!("192.0.2.25:{port}"));
    for (client, bytes) in said {
        if *client {
            scene.client(talk, bytes)
        } else {
            scene.server(talk, bytes)
        }
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

fn dialogue(messages: [Vec<u8>; 2]) -> HeardScene {
    let [ask, answer] = messages;
    heard(500, &[(true, ask), (false, answer)])
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

const CLASSICAL: &[(u8, u16, Option<u16>)] = &[(1, 20, Some(256)), (2, 5, None), (4, 31, None)];
const HYBRID: &[(u8, u16, Option<u16>)] = &[
    (1, 20, Some(256)),
    (2, 5, None),
    (4, 31, None),
    (6, 36, None),
];

#[test]
fn a_classical_exchange() {
    let heard = dialogue(ike_2(CLASSICAL, [&[(43, b"strongVPN 5".to_vec())], &[]]));
    assert_eq!(conversation(&heard).exposure, Exposure::Harvest);
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn an_additional_exchange_with_ml_kem_seals() {
    let heard = dialogue(ike_2(HYBRID, [&[], &[]]));
    let record = handshake(&heard);
    assert_eq!(record.key_exchange.unwrap(), "Curve25519 + ml-kem-768");
    assert_eq!(record.quantum_safe, Some(true));
    assert_eq!(conversation(&heard).exposure, Exposure::Sealed);
}

#[test]
fn an_offer_that_was_not_taken_up_does_not_seal() {
    let none = &[CLASSICAL, &[(6, 0, None)]].concat();
    let heard = dialogue(ike_2(none, [&[], &[]]));
    let record = handshake(&heard);
    assert_eq!(record.key_exchange.unwrap(), "Curve25519");
    assert!(
        record
            .offered_key_exchange
            .contains(&"ml-kem-768".to_owned())
    );
    assert_eq!(conversation(&heard).exposure, Exposure::Harvest);
}

/// The rules that hold for a handshake, with what the tap learns.
fn told(record: Handshake) -> Vec<(&'static str, String)> {
    let record = overheard_ledger::Record {
        body: record.into(),
        conversation: None,
        frames: vec![1].into(),
        time: None,
    };
    let seen = Seen {
        record: &record,
        conversation: None,
    };
    let holds = |rule: &'static Rule| match rule.when {
        When::Record(look) => look(&seen).map(|learns| (rule.id, learns)),
        When::Conversation(_) | When::Observed => None,
    };
    RULES.iter().filter_map(holds).collect()
}

#[test]
fn a_post_quantum_pre_shared_key_is_announced_but_its_use_does_not_show() {
    let ppk = [notify(16435)];
    let one = dialogue(ike_2(CLASSICAL, [&ppk, &[]]));
    assert_eq!(handshake(&one).ppk_announced, None);
    assert_eq!(told(handshake(&one))[0].0, "ike-classical-key-exchange");
    let both = dialogue(ike_2(CLASSICAL, [&ppk, &ppk]));
    let record = handshake(&both);
    assert_eq!(record.key_exchange.as_deref(), Some("Curve25519"));
    assert_eq!(
        (record.ppk_announced, record.quantum_safe),
        (Some(true), Some(false))
    );
    assert_eq!(conversation(&both).exposure, Exposure::Harvest);
    let told_of = told(record);
    assert_eq!(told_of.len(), 1);
    assert_eq!(told_of[0].0, "ike-pre-shared-post-quantum");
    assert!(
        told_of[0]
            .1
            .ends_with("classical unless the PPK was used; ask the owner")
    );
    let hybrid = dialogue(ike_2(HYBRID, [&ppk, &ppk]));
    assert_eq!(conversation(&hybrid).exposure, Exposure::Sealed);
    assert_eq!(told(handshake(&hybrid)), []);
}

#[test]
fn small_groups_and_des_are_weak() {
    for (chosen, exposure, what) in [
        (
            &[(1, 12, Some(128)), (2, 2, None), (4, 2, None)][..],
            Exposure::Weak,
            Some("1024-bit MODP"),
        ),
        (
            &[(1, 2, None), (4, 14, None)],
            Exposure::Weak,
            Some("ENCR_DES"),
        ),
        (
            &[(1, 3, None), (4, 14, None)],
            Exposure::Harvest,
            Some("ENCR_3DES"),
        ),
        (
            &[(1, 12, Some(128)), (4, 5, None)],
            Exposure::Harvest,
            Some("1536-bit MODP"),
        ),
        (
            &[(1, 12, Some(128)), (4, 14, None)],
            Exposure::Harvest,
            None,
        ),
    ] {
        let record = handshake(&dialogue(ike_2(chosen, [&[], &[]])));
        assert_eq!(super::exposure(&record), exposure);
        assert_eq!(
            deprecated(&record).map(|it| it.to_owned()),
            what.map(str::to_owned)
        );
    }
}

const MAIN: &[(u16, u16)] = &[(1, 7), (14, 256), (2, 4), (3, 1), (4, 14)];

#[test]
fn main_mode_shows_what_was_agreed_on_and_nobody() {
    let heard = heard(
        500,
        &[
            (true, message(1, 2, 0, [7, 0], &[sa_1(MAIN)])),
            (false, message(1, 2, 0, [7, 8], &[sa_1(MAIN)])),
            (true, message(1, 2, 0, [7, 8], &[(4, vec![1; 256])])),
            (true, message(1, 2, 1, [7, 8], &[(5, vec![1; 60])])),
        ],
    );
    assert_eq!(conversation(&heard).accounts.sealed, 64);
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn aggressive_mode_gives_what_guesses_can_be_tried_on() {
    let id = |name: &[u8]| (5, [&[3, 17, 1, 0xf4][..], name].concat());
    let heard = heard(
        500,
        &[
            (
                true,
                message(1, 4, 0, [7, 0], &[sa_1(MAIN), id(b"ada@vpn.example")]),
            ),
            (
                false,
                message(
                    1,
                    4,
                    0,
                    [7, 8],
                    &[sa_1(MAIN), id(b"gate.example"), (8, vec![0xab; 20])],
                ),
            ),
        ],
    );
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn esp_on_the_shared_port_is_sealed() {
    let marked = |bytes: Vec<u8>| [vec![0; 4], bytes].concat();
    let [ask, answer] = ike_2(CLASSICAL, [&[], &[]]);
    let esp = [&[0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1][..], &[0xee; 92]].concat();
    let heard = heard(
        4500,
        &[
            (true, marked(ask)),
            (false, marked(answer)),
            (true, esp.clone()),
            (false, esp),
            (true, vec![0xff]),
        ],
    );
    let conversation = conversation(&heard);
    assert_eq!(conversation.accounts.sealed, 200);
    assert_eq!(conversation.accounts.unrecognised, 0);
    assert_eq!(conversation.exposure, Exposure::Harvest);
}

#[test]
fn what_only_looks_like_it_is_left_alone() {
    let [mut ask, _] = ike_2(CLASSICAL, [&[], &[]]);
    ask.extend([0; 40]);
    let sample = |bytes, port| Sample {
        over: Over::Datagram,
        client: bytes,
        server: &[],
        client_port: 40000,
        server_port: port,
        whole: true,
    };
    assert_eq!(probe(&sample(&ask, 9999)), Probe::No);
    assert_eq!(probe(&sample(&[0xff], 9999)), Probe::No);
    let esp = [&[0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1][..], &[0xee; 92]].concat();
    assert_eq!(probe(&sample(&esp, 9999)), Probe::No);
    assert!(matches!(probe(&sample(&esp, 4500)), Probe::Likely(_)));
}

fn over_tcp(segment_size: usize) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:4500");
    scene.segment_size(segment_size);
    let framed = |message: &[u8]| {
        let length = u16::try_from(message.len() + 2).unwrap();
        [&length.to_be_bytes()[..], message].concat()
    };
    let [ask, answer] = ike_2(CLASSICAL, [&[], &[]]).map(|it| framed(&[&[0; 4], &it[..]].concat()));
    let esp = framed(&[&[0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1][..], &[0xee; 93]].concat());
    let alive = framed(&[0xff]);
    scene.client(talk, &[b"IKETCP", &ask[..]].concat());
    scene.server(talk, &answer);
    scene.client(talk, &[esp.clone(), alive].concat());
    scene.server(talk, &esp);
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

#[test]
fn over_tcp_it_is_the_same_whatever_the_segments() {
    let whole = over_tcp(1460);
    let talk = conversation(&whole);
    assert_eq!(talk.protocol.as_deref(), Some("ike"));
    assert_eq!(talk.exposure, Exposure::Harvest);
    assert_eq!(talk.accounts.sealed, 2 * 101);
    assert_eq!(talk.accounts.total() - talk.accounts.read, 2 * 101);
    assert_eq!(handshake(&whole).key_exchange.unwrap(), "Curve25519");
    for size in [1, 2, 3, 5, 7, 16] {
        let cut = over_tcp(size);
        assert_eq!(cut.content(), whole.content(), "{size}");
        assert_eq!(conversation(&cut).accounts, talk.accounts, "{size}");
    }
}

#[test]
fn over_tcp_a_wrong_length_ends_it() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:4500");
    scene.client(talk, b"IKETCP\0\x01rest");
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    let accounts = conversation(&heard).accounts;
    assert_eq!((accounts.read, accounts.malformed), (6, 6));
}
