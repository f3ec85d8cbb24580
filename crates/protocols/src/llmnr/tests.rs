use overheard_testkit::{Scene, hear};

use super::*;

const QUESTION: &[u8] = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x06FileSv\0\0\x01\0\x01";

#[test]
fn a_name_is_asked_of_everybody() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.7:50000", "224.0.0.252:5355");
    scene.client(talk, QUESTION);
    scene.client(talk, QUESTION);
    insta::assert_snapshot!(hear(&[&PROTOCOL], &scene.pcap()).ledger());
}

#[test]
fn it_is_known_by_its_port_and_its_content() {
    let at = |bytes, server_port| {
        probe(&Sample {
            over: Over::Datagram,
            client: bytes,
            server: &[],
            client_port: 5000,
            server_port,
            whole: true,
        })
    };
    assert_eq!(at(QUESTION, 5355), Probe::Sure);
    assert_eq!(at(QUESTION, 5356), Probe::No);
    assert_eq!(at(b"M-SEARCH * HTTP/1.1\r\n", 5355), Probe::No);
}
