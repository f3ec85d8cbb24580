use overheard_ledger::HintBody;
use overheard_testkit::{Scene, hear};

use super::*;

fn message(mode: u8, stratum: u8, behind: &[u8]) -> Vec<u8> {
    let mut message = vec![4 << 3 | mode, stratum];
    message.resize(HEADER, 0);
    message.extend(behind);
    message
}

fn observed(answer: &[u8]) -> Vec<HintBody> {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.123:123");
    scene.client(talk, &message(CLIENT, 0, &[]));
    scene.server(talk, answer);
    scene.server(talk, answer);
    hear(&[&PROTOCOL], &scene.pcap())
        .hints
        .iter()
        .map(|hint| hint.body.clone())
        .collect()
}

#[test]
fn an_answer_without_proof_is_observed_once() {
    let learns =
        "Which computers set their clocks by 192.0.2.123:123, and what it answers".to_owned();
    assert_eq!(
        observed(&message(SERVER, 2, &[])),
        [HintBody::Observed {
            rule: UNAUTHENTICATED,
            learns
        }]
    );
}

#[test]
fn an_answer_with_a_digest_or_with_nts_is_not() {
    assert_eq!(observed(&message(SERVER, 2, &[7; 20])), []);
    let mut unique = b"\x01\x04\0\x24".to_vec();
    unique.resize(36, 7);
    unique.extend(b"\x04\x04\0\x18");
    unique.resize(60, 7);
    assert_eq!(observed(&message(SERVER, 2, &unique)), []);
}

#[test]
fn a_conversation_is_recognised() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.123:123");
    scene.client(talk, &message(CLIENT, 0, &[]));
    scene.server(talk, &message(SERVER, 1, &[]));
    insta::assert_snapshot!(hear(&[&PROTOCOL], &scene.pcap()).ledger());
}

#[test]
fn what_contradicts_the_standard_is_refused() {
    let at = |bytes: &[u8], server_port| {
        probe(&Sample {
            over: Over::Datagram,
            client: bytes,
            server: &[],
            client_port: 5000,
            server_port,
            whole: true,
        })
    };
    assert_eq!(at(&message(CLIENT, 0, &[]), 123), Probe::Likely(90));
    assert_eq!(at(&message(SERVER, 0, &[]), 123), Probe::Reversed);
    assert_eq!(at(&message(CLIENT, 0, &[]), 124), Probe::No);
    assert_eq!(at(&message(CLIENT, 17, &[]), 123), Probe::No);
    assert_eq!(at(&message(CLIENT, 0, &[0; 3]), 123), Probe::No);
    assert_eq!(
        at(
            b"\x00text of forty-eight bytes and more, for certain....",
            123
        ),
        Probe::No
    );
    assert_eq!(
        at(b"\x16\x02\0\x01\0\0\0\0\0\0\0\0", 123),
        Probe::Likely(60)
    );
    // Cut by the capture, it may be.
    assert_eq!(
        at(b"\x16\x02\0\x01\0\0\0\0\0\0\0\x50", 123),
        Probe::Likely(20)
    );
}
