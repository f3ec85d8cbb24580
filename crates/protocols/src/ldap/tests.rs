use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

fn element(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    if length < 0x80 {
        [&[tag, low], body].concat()
    } else {
        [&[tag, 0x82, high, low], body].concat()
    }
}

fn message(id: u8, operation: &[u8]) -> Vec<u8> {
    element(0x30, &[&[2, 1, id], operation].concat())
}

fn bind(id: u8, name: &[u8], proof: &[u8]) -> Vec<u8> {
    let body = [&[2, 1, 3][..], &element(4, name), proof].concat();
    message(id, &element(0x60, &body))
}

fn answer(id: u8, tag: u8, code: u8) -> Vec<u8> {
    message(id, &element(tag, &[0x0a, 1, code, 4, 0, 4, 0]))
}

fn search(id: u8, base: &[u8]) -> Vec<u8> {
    let body = [
        &element(4, base)[..],
        &[0x0a, 1, 2, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0],
        &element(0x87, b"objectclass"),
        &[0x30, 0],
    ]
    .concat();
    message(id, &element(0x63, &body))
}

fn starttls(id: u8) -> Vec<u8> {
    message(id, &element(0x77, &element(0x80, START_TLS)))
}

fn heard(said: &[(bool, Vec<u8>)], size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:389");
    for (client, bytes) in said {
        if *client {
            scene.client(talk, bytes)
        } else {
            scene.server(talk, bytes)
        }
    }
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

fn all_sizes(said: &[(bool, Vec<u8>)]) -> HeardScene {
    let whole = heard(said, 1460);
    for size in [1, 2, 3, 5, 7, 16] {
        assert_eq!(heard(said, size).content(), whole.content(), "{size}");
    }
    whole
}

#[test]
fn a_simple_login_and_a_search() {
    let heard = all_sizes(&[
        (
            true,
            bind(1, b"cn=ada,dc=example", &element(0x80, b"secret")),
        ),
        (false, answer(1, 0x61, 0)),
        (true, search(2, b"dc=Example")),
        (false, message(2, &element(0x64, &element(4, &[b'x'; 900])))),
        (false, answer(2, 0x65, 0)),
        (true, message(3, &[0x42, 0])),
    ]);
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn an_anonymous_login_is_none() {
    let heard = all_sizes(&[
        (true, bind(1, b"", &element(0x80, b""))),
        (false, answer(1, 0x61, 0)),
    ]);
    assert_eq!(heard.content(), [""; 0]);
}

#[test]
fn starttls_hands_over_or_is_refused() {
    let hello = (true, b"\x16\x03\x01\x00\x05hello".to_vec());
    for size in [1, 1460] {
        let heard = heard(
            &[
                (true, starttls(1)),
                (false, answer(1, 0x78, 0)),
                hello.clone(),
            ],
            size,
        );
        assert!(heard.ledger().contains(r#""protocol":"ldap"#));
        assert_eq!((heard.content(), heard.hints.len()), (vec![], 0));
    }
    let heard = all_sizes(&[
        (true, starttls(1)),
        (false, answer(1, 0x78, 2)),
        (true, bind(2, b"cn=ada", &element(0x80, b"secret"))),
        (false, answer(2, 0x61, 49)),
    ]);
    assert!(format!("{:?}", heard.hints).contains("ldap-starttls-refused"));
    assert!(heard.content()[0].contains(r#""accepted":false"#));
}

#[test]
fn what_a_login_seals_is_only_counted() {
    let sasl = element(
        0xa3,
        &[element(4, b"GSS-SPNEGO"), element(4, &[0x60; 40])].concat(),
    );
    let heard = all_sizes(&[
        (true, bind(1, b"", &sasl)),
        (false, answer(1, 0x61, 0)),
        (true, [&[0, 0, 0, 60][..], &[0xee; 60]].concat()),
        (false, [&[0, 0, 0, 60][..], &[0xee; 60]].concat()),
    ]);
    let Body::Conversation(conversation) = &heard.records[0].body else {
        panic!("{}", heard.ledger())
    };
    assert_eq!(conversation.accounts.sealed, 128);
    assert_eq!(conversation.exposure, Exposure::Unknown);
}

#[test]
fn other_sequences_are_left_alone() {
    let probe_of = |bytes: &[u8]| {
        probe(&Sample {
            over: Over::Datagram,
            client: bytes,
            server: &[],
            client_port: 40000,
            server_port: 389,
            whole: true,
        })
    };
    assert_eq!(probe_of(&search(1, b"dc=example")), Probe::Sure);
    // SNMP: version, community.
    let snmp = element(
        0x30,
        &[
            &[2, 1, 1][..],
            &element(4, b"public"),
            &element(0xa0, &[7; 20]),
        ]
        .concat(),
    );
    assert_eq!(probe_of(&snmp), Probe::No);
    assert_eq!(probe_of(b"\x30\x03abc"), Probe::No);
}
