use overheard_testkit::{Scene, hear};

use super::*;

fn message(kind: u8, length: usize, numbers: &[u32]) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0];
    for number in numbers {
        bytes.extend(number.to_le_bytes());
    }
    bytes.resize(length - 16, 0xee);
    bytes.resize(length, 0);
    bytes
}

#[test]
fn a_handshake_and_data() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.25:51820");
    scene.client(talk, &message(1, 148, &[7]));
    scene.client(talk, &message(1, 148, &[8]));
    scene.server(talk, &message(2, 92, &[9, 8]));
    scene.client(talk, &message(4, 32, &[9, 0, 0]));
    scene.server(talk, &message(4, 112, &[8, 1, 0]));
    // New keys: nothing new is learned.
    scene.server(talk, &message(1, 148, &[11]));
    scene.client(talk, &message(2, 92, &[12, 11]));
    insta::assert_snapshot!(hear(&[&PROTOCOL], &scene.pcap()).ledger());
}

#[test]
fn an_answer_to_another_is_no_agreement() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.25:51820");
    scene.client(talk, &message(1, 148, &[7]));
    scene.server(talk, &message(2, 92, &[9, 70]));
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(heard.content(), [""; 0]);
}

#[test]
fn lengths_and_zeroes_are_exact() {
    let probe_of = |bytes: &[u8]| {
        probe(&Sample {
            over: Over::Datagram,
            client: bytes,
            server: &[],
            client_port: 40000,
            server_port: 51820,
            whole: true,
        })
    };
    assert_eq!(probe_of(&message(1, 148, &[7])), Probe::Sure);
    assert_eq!(probe_of(&message(1, 147, &[7])), Probe::No);
    assert_eq!(probe_of(&message(4, 100, &[7])), Probe::No);
    assert_eq!(probe_of(&message(5, 148, &[7])), Probe::No);
    let mut reserved = message(1, 148, &[7]);
    reserved[2] = 1;
    assert_eq!(probe_of(&reserved), Probe::No);
    // A counter that high was never reached.
    assert_eq!(probe_of(&message(4, 64, &[7, 0, u32::MAX])), Probe::No);
}
