use overheard_ledger::HintBody;
use overheard_testkit::{Scene, hear};

use super::*;

/// Ada's laptop announces its address.
const ANNOUNCEMENT: &[u8] =
    b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x0aAda-laptop\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\xc0\0\x02\x07";
/// Somebody asks for printers, twice in one message; the second name is compressed.
const QUESTIONS: &[u8] = b"\0\0\0\0\0\x02\0\0\0\0\0\0\x04_ipp\x04_tcp\x05local\0\0\x0c\x80\x01\x05_ipps\xc0\x11\0\x0c\0\x01";

#[test]
fn questions_and_announcements() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.7:5353", "224.0.0.251:5353");
    scene.client(talk, QUESTIONS);
    scene.client(talk, ANNOUNCEMENT);
    scene.client(talk, ANNOUNCEMENT);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    assert_eq!(
        heard
            .hints
            .iter()
            .map(|hint| hint.body.clone())
            .collect::<Vec<_>>(),
        [HintBody::Resolved {
            name: "ada-laptop.local".into(),
            address: [192, 0, 2, 7].into()
        }]
    );
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
    assert_eq!(at(ANNOUNCEMENT, 5353), Probe::Sure);
    assert_eq!(at(ANNOUNCEMENT, 5354), Probe::No);
    assert_eq!(at(b"\0\0\0\0nothing of the kind", 5353), Probe::No);
}
