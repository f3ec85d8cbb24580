use overheard_testkit::{Scene, Talk, hear};

use super::*;
use crate::shared::hello::RETRY_RANDOM;
use crate::shared::hello_samples::{
    certificate_message, client_hello, extension, groups, host, list, message, record,
    server_hello, server_hello_with, share, vector8, vector16,
};

/// What one side says: whether it is the client, and its bytes.
type Said = (bool, Vec<u8>);

fn offer() -> Vec<u8> {
    let body = client_hello(&[
        host(b"mail.example"),
        groups(&[0x11ec, 29, 23]),
        extension(16, &vector16(&vector8(b"h2"))),
        extension(43, &vector8(&list(&[0x0304, 0x0303]))),
        extension(51, &vector16(&[share(0x11ec), share(29)].concat())),
    ]);
    record(22, &message(1, &body))
}

fn answer13(random: [u8; 32], group: u16) -> Vec<u8> {
    let share = if random == RETRY_RANDOM {
        list(&[group])
    } else {
        share(group)
    };
    let body = server_hello(
        0x0303,
        random,
        &[extension(43, &list(&[0x0304])), extension(51, &share)],
    );
    record(22, &message(2, &body))
}

fn sealed(bytes: usize) -> Vec<u8> {
    record(23, &vec![0x5a; bytes])
}

/// TLS 1.3 with a hybrid group.
fn tls13() -> Vec<Said> {
    vec![
        (true, offer()),
        (
            false,
            [answer13([1; 32], 0x11ec), record(20, &[1]), sealed(900)].concat(),
        ),
        (true, [record(20, &[1]), sealed(52), sealed(300)].concat()),
        (false, sealed(2000)),
    ]
}

/// TLS 1.3 in which the server asks for another group first.
fn retried() -> Vec<Said> {
    vec![
        (true, offer()),
        (
            false,
            [answer13(RETRY_RANDOM, 23), record(20, &[1])].concat(),
        ),
        (true, [record(20, &[1]), offer()].concat()),
        (false, [answer13([1; 32], 23), sealed(900)].concat()),
        (true, sealed(52)),
    ]
}

/// TLS 1.2 whose messages lie across records: the server's flight in records of 100 bytes.
fn tls12(suite: u16, key_exchange: &[u8]) -> Vec<Said> {
    let mut flight = message(2, &server_hello_with(0x0303, [1; 32], &[8; 32], suite, &[]));
    flight.extend(message(11, &certificate_message()));
    if !key_exchange.is_empty() {
        flight.extend(message(12, key_exchange));
    }
    flight.extend(message(14, &[]));
    let records: Vec<u8> = flight
        .chunks(100)
        .flat_map(|part| record(22, part))
        .collect();
    vec![
        (true, offer()),
        (false, records),
        (
            true,
            [
                record(22, &message(16, &[0; 33])),
                record(20, &[1]),
                record(22, &[0xee; 40]),
            ]
            .concat(),
        ),
        (
            false,
            [record(20, &[1]), record(22, &[0xee; 40]), sealed(700)].concat(),
        ),
        (true, sealed(100)),
    ]
}

fn said(scene: &mut Scene, talk: Talk, all: &[Said]) {
    for (client, bytes) in all {
        if *client {
            scene.client(talk, bytes)
        } else {
            scene.server(talk, bytes)
        }
    }
}

fn scene(all: &[Said], segment: Option<usize>) -> Vec<u8> {
    let mut scene = Scene::new();
    if let Some(segment) = segment {
        scene.segment_size(segment);
    }
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:8443");
    said(&mut scene, talk, all);
    scene.close(talk);
    scene.pcap()
}

fn ledger(all: &[Said]) -> String {
    hear(&[&PROTOCOL], &scene(all, None)).ledger()
}

/// The only handshake, as it is in the ledger.
fn handshake(all: &[Said]) -> Handshake {
    let heard = hear(&[&PROTOCOL], &scene(all, None));
    let found: Vec<_> = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Handshake(handshake) => Some(handshake),
            _ => None,
        })
        .collect();
    let [one] = found.as_slice() else {
        panic!("{}", heard.ledger())
    };
    Handshake::clone(one)
}

#[test]
fn tls13_with_a_hybrid_group() {
    insta::assert_snapshot!(ledger(&tls13()));
}

#[test]
fn tls12_with_a_certificate_and_a_named_curve() {
    insta::assert_snapshot!(ledger(&tls12(0xc02f, &[3, 0, 29, 1, 0])));
}

#[test]
fn any_segmentation_gives_the_same_records() {
    for all in [
        tls13(),
        retried(),
        tls12(0xc02f, &[3, 0, 29, 1, 0]),
        upgraded(),
    ] {
        let whole = hear(&[&PROTOCOL], &scene(&all, None)).content();
        assert!(whole.len() >= 2, "{whole:?}");
        for size in [1, 2, 3, 5, 7, 16, 1460] {
            assert_eq!(
                hear(&[&PROTOCOL], &scene(&all, Some(size))).content(),
                whole,
                "{size}"
            );
        }
    }
}

#[test]
fn sealed_bytes_are_counted_as_sealed() {
    let heard = hear(&[&PROTOCOL], &scene(&tls13(), None));
    let Some(Body::Conversation(conversation)) = heard.records.first().map(|record| &record.body)
    else {
        panic!()
    };
    let hellos = offer().len() + answer13([1; 32], 0x11ec).len();
    let all: usize = tls13().iter().map(|(_, bytes)| bytes.len()).sum();
    // The client's ChangeCipherSpec passes in clear; that of the server stands behind its hello.
    assert_eq!(
        conversation.accounts.read,
        u64::try_from(hellos + 6).unwrap()
    );
    assert_eq!(
        conversation.accounts.sealed,
        u64::try_from(all - hellos - 6).unwrap()
    );
    assert_eq!(conversation.exposure, Exposure::Sealed);
}

#[test]
fn a_retry_is_no_answer() {
    let found = handshake(&retried());
    assert_eq!(found.key_exchange.as_deref(), Some("secp256r1"));
    assert_eq!(
        found.offered_key_exchange,
        ["X25519MLKEM768", "x25519", "secp256r1"]
    );
}

#[test]
fn key_transport_opens_with_a_stolen_key() {
    let found = handshake(&tls12(0x009c, &[]));
    assert_eq!(
        (found.key_exchange.as_deref(), found.forward_secret),
        (Some("RSA"), Some(false))
    );
    assert_eq!(found.resumed, Some(false));
}

#[test]
fn a_session_taken_up_again_is_told() {
    let all = vec![
        (true, offer()),
        (
            false,
            record(
                22,
                &message(2, &server_hello_with(0x0303, [1; 32], &[9; 4], 0xc02f, &[])),
            ),
        ),
        (false, [record(20, &[1]), record(22, &[0xee; 40])].concat()),
        (true, [record(20, &[1]), record(22, &[0xee; 40])].concat()),
    ];
    assert_eq!(handshake(&all).resumed, Some(true));
}

#[test]
fn under_a_null_cipher_all_is_read() {
    let all = tls12(0x003b, &[]);
    let heard = hear(&[&PROTOCOL], &scene(&all, None));
    let Some(Body::Conversation(conversation)) = heard.records.first().map(|record| &record.body)
    else {
        panic!()
    };
    assert_eq!(
        (conversation.accounts.sealed, conversation.exposure),
        (0, Exposure::Open)
    );
}

#[test]
fn a_question_without_an_answer_is_written_at_the_end() {
    let found = handshake(&[(true, offer())]);
    assert_eq!(
        (found.server_name.as_deref(), found.version),
        (Some("mail.example"), None)
    );
}

#[test]
fn an_answer_without_a_question_is_written_too() {
    let mut scene = Scene::new();
    let talk = scene.tcp_midstream("192.0.2.10:40000", "192.0.2.25:443");
    scene.server(talk, &[answer13([1; 32], 29), sealed(300)].concat());
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    let handshake = heard
        .content()
        .into_iter()
        .find(|line| line.contains("handshake"))
        .unwrap();
    assert!(
        handshake.contains(r#""key_exchange":"x25519""#),
        "{handshake}"
    );
}

#[test]
fn the_middle_of_a_conversation_is_sealed_without_a_record() {
    let mut scene = Scene::new();
    let talk = scene.tcp_midstream("192.0.2.10:40000", "192.0.2.25:443");
    scene.client(talk, &sealed(300));
    scene.server(talk, &[sealed(1000), sealed(20)].concat());
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(heard.content(), [""; 0]);
    let Some(Body::Conversation(conversation)) = heard.records.first().map(|record| &record.body)
    else {
        panic!()
    };
    assert_eq!(conversation.protocol.as_deref(), Some("tls"));
    assert_eq!(
        (
            conversation.accounts.sealed,
            conversation.accounts.unrecognised
        ),
        (1335, 0)
    );
}

#[test]
fn what_follows_a_hole_is_sealed() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:443");
    scene.client(talk, &offer());
    scene.server(talk, &answer13([1; 32], 29));
    scene.client(talk, &sealed(100)[..50]);
    scene.lose(talk, true, 200);
    scene.client(talk, &[0x5a; 500]);
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    let Some(Body::Conversation(conversation)) = heard.records.first().map(|record| &record.body)
    else {
        panic!()
    };
    assert_eq!(
        (
            conversation.accounts.missing,
            conversation.accounts.malformed
        ),
        (200, 0)
    );
    assert_eq!(conversation.accounts.sealed, 550);
}

#[test]
fn who_opened_the_connection_need_not_say_the_first_hello() {
    let turned: Vec<Said> = tls13()
        .into_iter()
        .map(|(client, bytes)| (!client, bytes))
        .collect();
    let found = handshake(&turned);
    assert_eq!(
        (found.server_name.as_deref(), found.version.as_deref()),
        (Some("mail.example"), Some("TLS 1.3"))
    );
}

/// A protocol that nobody knows goes over to TLS.
fn upgraded() -> Vec<Said> {
    let mut all = vec![
        (false, b"\x4a\0\0\0\x0a8.0.36\0 greetings".to_vec()),
        (true, b"\x20\0\0\x01 let us talk in private".to_vec()),
    ];
    all.extend(tls13());
    all
}

#[test]
fn tls_inside_an_unknown_protocol_is_found() {
    assert_eq!(
        handshake(&upgraded()).key_exchange.as_deref(),
        Some("X25519MLKEM768")
    );
}

#[test]
fn other_protocols_are_left_alone() {
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\x16\x03",
        b"\x16\x09\x01\0\x10\x01",
        &[0x16; 100],
        &[0x17; 100],
    ] {
        let heard = hear(&[&PROTOCOL], &scene(&[(true, bytes.to_vec())], None));
        let Some(Body::Conversation(conversation)) =
            heard.records.first().map(|record| &record.body)
        else {
            panic!()
        };
        assert_eq!(
            (conversation.protocol.as_deref(), conversation.accounts.read),
            (None, 0),
            "{bytes:?}"
        );
    }
}

/// TLS 1.2 with an ephemeral curve, whose part from the message `from` on is replaced.
fn tls12_until(from: usize, rest: Vec<Said>) -> Vec<Said> {
    let mut all = tls12(0xc02f, &[3, 0, 29, 1, 0]);
    all.truncate(from);
    all.extend(rest);
    all
}

fn exposure_of(all: &[Said], segment: Option<usize>) -> (Exposure, Vec<&'static str>) {
    let heard = hear(&[&PROTOCOL], &scene(all, segment));
    let exposure = heard.records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) => Some(conversation.exposure),
        _ => None,
    });
    let observed = heard.hints.iter().filter_map(|hint| match hint.body {
        overheard_ledger::HintBody::Observed { rule, .. } => Some(rule),
        _ => None,
    });
    (exposure.unwrap(), observed.collect())
}

#[test]
fn an_alert_in_clear_leaves_nothing_sealed() {
    let refused = tls12_until(2, vec![(true, record(21, &[2, 48]))]);
    let found = handshake(&refused);
    assert_eq!(
        (found.alert.as_deref(), found.key_exchange.as_deref()),
        (Some("unknown_ca"), Some("x25519"))
    );
    for segment in [1, 6, 1460] {
        assert_eq!(exposure_of(&refused, Some(segment)).0, Exposure::Unknown);
    }
    let nothing = [(true, offer()), (false, record(21, &[2, 40]))];
    let found = handshake(&nothing);
    assert_eq!(
        (found.alert.as_deref(), found.version),
        (Some("handshake_failure"), None)
    );
    // A warning goes by, and an alert inside the cipher is none that can be read.
    let warned = tls12_until(1, vec![(false, record(21, &[1, 112]))]);
    let whole = [
        &warned[..],
        &tls12(0xc02f, &[3, 0, 29, 1, 0])[1..],
        &[(false, record(21, &[2; 26]))],
    ]
    .concat();
    assert_eq!(handshake(&whole).alert, None);
    assert_eq!(exposure_of(&whole, None).0, Exposure::Harvest);
}

#[test]
fn a_client_certificate_and_a_ticket_in_clear_are_told() {
    let client = [
        record(22, &message(11, &certificate_message())),
        record(22, &message(16, &[0; 33])),
        record(20, &[1]),
    ];
    let server = [
        record(22, &message(4, &[0; 60])),
        record(20, &[1]),
        record(22, &[0xee; 40]),
    ];
    let all = tls12_until(2, vec![(true, client.concat()), (false, server.concat())]);
    let found = handshake(&all);
    assert_eq!(
        found.client_certificate.unwrap().subject,
        "O=Example Post, CN=mail.example"
    );
    let (exposure, observed) = exposure_of(&all, None);
    assert_eq!(exposure, Exposure::Harvest);
    assert!(observed.contains(&"tls-session-ticket"), "{observed:?}");
}

#[test]
fn a_session_taken_up_by_a_ticket_is_not_forward_secret() {
    let body = client_hello(&[host(b"mail.example"), extension(35, &[1; 40])]);
    let answer = server_hello_with(0x0303, [1; 32], &[8; 32], 0xc02f, &[]);
    let all = [
        (true, record(22, &message(1, &body))),
        (
            false,
            [record(22, &message(2, &answer)), record(20, &[1])].concat(),
        ),
        (true, [record(20, &[1]), sealed(40)].concat()),
    ];
    let found = handshake(&all);
    assert_eq!(
        (
            found.resumed,
            found.forward_secret,
            found.key_exchange.as_deref()
        ),
        (Some(true), Some(false), Some("session ticket"))
    );
    assert_eq!(exposure_of(&all, None).0, Exposure::StolenKey);
}

#[test]
fn data_before_the_answer_is_told() {
    let psk = [
        vector16(&[vector16(&[1; 32]), vec![0, 0, 0, 9]].concat()),
        vector16(&vector8(&[2; 32])),
    ];
    let hello = |early: bool, age: &[u8]| {
        let mut psk = psk.concat();
        psk[36..40].copy_from_slice(age);
        let mut extensions = vec![
            extension(43, &vector8(&list(&[0x0304]))),
            extension(51, &vector16(&share(29))),
        ];
        if early {
            extensions.push(extension(42, &[]));
        }
        extensions.push(extension(41, &psk));
        record(22, &message(1, &client_hello(&extensions)))
    };
    let answer = server_hello(
        0x0303,
        [1; 32],
        &[
            extension(43, &list(&[0x0304])),
            extension(51, &share(29)),
            extension(41, &list(&[0])),
        ],
    );
    let talk = |first: Vec<u8>| {
        vec![
            (true, first),
            (
                false,
                [record(22, &message(2, &answer)), sealed(300)].concat(),
            ),
            (true, sealed(60)),
        ]
    };
    let early = handshake(&talk([hello(true, &[0, 0, 0, 9]), sealed(100)].concat()));
    assert_eq!((early.early_data, early.resumed), (Some(true), Some(true)));
    let announced_only = handshake(&talk(hello(true, &[0, 0, 0, 9])));
    assert_eq!(announced_only.early_data, None);
    // A key that no session made has no age.
    let external = handshake(&talk(hello(false, &[0, 0, 0, 0])));
    assert_eq!((external.early_data, external.resumed), (None, Some(false)));
}

#[test]
fn ssl2_is_read_up_to_the_key() {
    let hello = [0x80, 28, 1, 0, 2, 0, 3, 0, 0, 0, 16, 1, 0, 0x80];
    let certificate = include_bytes!("../shared/certificate/mail.der");
    let mut answer = vec![4, 0, 1, 0, 2];
    answer.extend(u16::try_from(certificate.len()).unwrap().to_be_bytes());
    answer.extend([0, 3, 0, 16]);
    answer.extend(certificate);
    answer.extend([1, 0, 0x80]);
    answer.extend([6; 16]);
    let mut header = u16::try_from(answer.len()).unwrap().to_be_bytes();
    header[0] |= 0x80;
    let all = [
        (true, [&hello[..], &[5; 16]].concat()),
        (false, [&header[..], &answer].concat()),
        (
            true,
            [
                &[0x80, 26, 2, 1, 0, 0x80, 0, 0, 0, 16, 0, 0][..],
                &[4; 16],
                &[0xee; 30],
            ]
            .concat(),
        ),
        (false, vec![0xee; 40]),
    ];
    let found = handshake(&all);
    assert_eq!(found.version.as_deref(), Some("SSL 2.0"));
    assert_eq!(
        found.cipher_suite.as_deref(),
        Some("SSL_CK_RC4_128_WITH_MD5")
    );
    assert_eq!(
        found.certificate.unwrap().subject,
        "O=Example Post, CN=mail.example"
    );
}

#[test]
fn an_old_hello_may_be_answered_by_tls() {
    let hello = [
        &[0x80, 28, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 0x2f][..],
        &[5; 16],
    ]
    .concat();
    let answer = record(
        22,
        &message(2, &server_hello_with(0x0301, [1; 32], &[], 0x2f, &[])),
    );
    let found = handshake(&[(true, hello), (false, answer)]);
    assert_eq!(
        (found.version.as_deref(), found.ja4),
        (Some("TLS 1.0"), None)
    );
}

#[test]
fn no_damaged_byte_causes_a_panic_or_loses_bytes() {
    let all = tls12(0xc02f, &[3, 0, 29, 1, 0]);
    for turn in 0..all.len() {
        for at in 0..all[turn].1.len() {
            let mut damaged = all.clone();
            damaged[turn].1[at] ^= if at % 2 == 0 { 0xff } else { 0x01 };
            // The kit checks that every byte ends in one account.
            hear(&[&PROTOCOL], &scene(&damaged, None));
        }
    }
}

#[test]
fn only_both_random_names_look_like_tor() {
    let record = |subject: &str, issuer: &str, name: &str, alpn: Option<&str>| Handshake {
        protocol: "tls".to_owned(),
        server_name: Some(name.to_owned()),
        alpn: alpn.map(str::to_owned),
        certificate: Some(overheard_ledger::Certificate {
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            ..Default::default()
        }),
        ..Handshake::default()
    };
    let (subject, issuer) = ("CN=www.eqx3f7ddyn2r.net", "CN=www.6suxdq3miwwewq4.com");
    let name = "www.t3i3ru.com";
    assert!(looks_like_tor(&record(subject, issuer, name, None)));
    assert!(!looks_like_tor(&record(subject, issuer, name, Some("h2"))));
    assert!(!looks_like_tor(&record(
        subject,
        issuer,
        "mail.example",
        None
    )));
    assert!(!looks_like_tor(&record(subject, subject, name, None)));
    assert!(!looks_like_tor(&record(
        "CN=www.shop.net",
        issuer,
        name,
        None
    )));
    assert!(!looks_like_tor(&record(
        "CN=www.my-company-shop.net, O=x",
        issuer,
        name,
        None
    )));
    assert!(!looks_like_tor(&Handshake::default()));
}
