use overheard_testkit::{Scene, hear};

use super::*;

const SOLICIT: &[u8] = b"\x01\x12\x34\x56\0\x08\0\x02\0\0\0\x27\0\x0c\0\x03Ada\x06laptop";

#[test]
fn a_laptop_joins_directly_and_through_a_relay() {
    let mut scene = Scene::new();
    let talk = scene.udp("[2001:db8::7]:546", "[ff02::1:2]:547");
    scene.client(talk, SOLICIT);
    let mut relayed = vec![12, 0];
    relayed.resize(34, 0);
    relayed.extend(b"\0\x09\0\x14\x01\x12\x34\x56\0\x27\0\x0c\0\x03Eve\x06tablet");
    let relay = scene.udp("[2001:db8::1]:547", "[2001:db8::2]:547");
    scene.client(relay, &relayed);
    insta::assert_snapshot!(hear(&[&PROTOCOL], &scene.pcap()).ledger());
}

#[test]
fn it_is_known_by_its_ports_and_its_content() {
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
    assert_eq!(at(SOLICIT, 547), Probe::Likely(80));
    assert_eq!(at(SOLICIT, 548), Probe::No);
    assert_eq!(at(b"\x20\0\0\0", 547), Probe::No);
}
