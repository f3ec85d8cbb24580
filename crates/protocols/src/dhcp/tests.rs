use overheard_ledger::HintBody;
use overheard_testkit::{Scene, hear};

use super::*;

fn message(op: u8, options: &[u8]) -> Vec<u8> {
    let mut message = vec![op, 1, 6, 0];
    message.resize(28, 0);
    message.extend([0x02, 0, 0x5e, 0x10, 0, 1]);
    message.resize(FIXED - MAGIC.len(), 0);
    message.extend(MAGIC);
    message.extend(options);
    message
}

#[test]
fn a_laptop_joins() {
    let mut scene = Scene::new();
    let talk = scene.udp("0.0.0.0:68", "255.255.255.255:67");
    let options =
        b"\x35\x01\x01\0\0\x0c\x0aAda-Laptop\x3c\x08MSFT 5.0\x51\x12\0\0\0Ada-Laptop.corp\xff\0\0";
    scene.client(talk, &message(REQUEST, options));
    scene.client(talk, &message(REQUEST, options));
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    assert_eq!(
        heard
            .hints
            .iter()
            .map(|hint| hint.body.clone())
            .collect::<Vec<_>>(),
        [HintBody::Observed {
            rule: SYSTEM,
            learns: "That the device 02:00:5e:10:00:01 runs MSFT 5.0".into()
        }]
    );
}

#[test]
fn a_full_name_may_be_text_or_labels() {
    assert_eq!(
        qualified(b"\x01\0\0ada.corp.example").unwrap(),
        "ada.corp.example"
    );
    assert_eq!(
        qualified(b"\x05\0\0\x03Ada\x04corp\x07example\0").unwrap(),
        "ada.corp.example"
    );
    assert_eq!(qualified(b"\x05\0\0\x03Ada").unwrap(), "ada");
    assert_eq!(qualified(b"\x05\0\0\xc0\x00"), None);
    assert_eq!(qualified(b"\x05\0"), None);
}

#[test]
fn the_cookie_decides_on_any_port_and_a_reply_is_the_servers() {
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
    assert_eq!(at(&message(REQUEST, b"\xff"), 5001), Probe::Sure);
    assert_eq!(at(&message(REPLY, b"\xff"), 5001), Probe::Reversed);
    assert_eq!(at(&message(3, b"\xff"), 67), Probe::No);
    assert_eq!(at(&message(REQUEST, b"\xff")[..200], 67), Probe::Likely(50));
    assert_eq!(at(&message(REQUEST, b"\xff")[..200], 5001), Probe::No);
}
