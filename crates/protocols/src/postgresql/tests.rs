use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

fn first(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

fn startup() -> (bool, Vec<u8>) {
    (true, first(196_608, b"user\0ada\0database\0engine\0\0"))
}

fn heard(said: &[(bool, Vec<u8>)], size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:5432");
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
fn a_refused_request_for_tls_and_a_password() {
    let heard = all_sizes(&[
        (true, first(code::TLS, &[])),
        (false, b"N".to_vec()),
        startup(),
        (false, message(b'R', &[0, 0, 0, 3])),
        (true, message(b'p', b"secret\0")),
        (false, message(b'R', &[0, 0, 0, 0])),
        (false, message(b'S', b"server_version\x0016\0")),
        (true, message(b'Q', b"select 1;\0")),
        (false, message(b'D', &[7; 5000])),
    ]);
    let rules = format!("{:?}", heard.hints);
    assert!(rules.contains("postgresql-starttls-refused"));
    assert!(rules.contains("postgresql-readable"));
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn challenges_can_be_attacked_offline() {
    let md5 = all_sizes(&[
        startup(),
        (false, message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4])),
        (
            true,
            message(b'p', b"md500112233445566778899aabbccddeeff\0"),
        ),
        (false, message(b'E', b"SFATAL\0\0")),
    ]);
    assert_eq!(
        md5.content(),
        [
            r#"{"kind":"credential","protocol":"postgresql","mechanism":"md5","user":"ada","secret":"md500112233445566778899aabbccddeeff","crackable":true,"accepted":false}"#
        ]
    );
    let scram = all_sizes(&[
        startup(),
        (false, message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")),
        (true, message(b'p', b"SCRAM-SHA-256\0\0\0\0\x0an,,n=,r=ab")),
        (false, message(b'R', b"\0\0\0\x0br=abcd,s=c2FsdA==,i=4096")),
        (true, message(b'p', b"c=biws,r=abcd,p=cHJvb2Y=")),
        (false, message(b'R', b"\0\0\0\x0cv=eA==")),
        (false, message(b'R', &[0, 0, 0, 0])),
    ]);
    assert_eq!(
        scram.content(),
        [
            r#"{"kind":"credential","protocol":"postgresql","mechanism":"scram-sha-256","user":"ada","secret":"cHJvb2Y=","crackable":true,"accepted":true}"#
        ]
    );
}

#[test]
fn tls_takes_over() {
    for size in [1, 1460] {
        let heard = heard(
            &[
                (true, first(code::TLS, &[])),
                (false, b"S".to_vec()),
                (true, b"\x16\x03\x01\x00\x05hello".to_vec()),
            ],
            size,
        );
        assert!(heard.ledger().contains(r#""protocol":"postgresql"#));
        assert_eq!(heard.content(), [""; 0]);
    }
}

#[test]
fn only_the_first_packet_of_a_client_is_recognised() {
    let probe_of = |client: &[u8], server: &[u8], whole| {
        probe(&Sample {
            over: Over::Stream,
            client,
            server,
            client_port: 40000,
            server_port: 5432,
            whole,
        })
    };
    assert_eq!(probe_of(&startup().1, b"", false), Probe::Sure);
    assert_eq!(probe_of(&[0, 0, 0], b"", false), Probe::More);
    assert_eq!(probe_of(&[0, 0, 0], b"", true), Probe::No);
    assert_eq!(probe_of(b"GET / HTTP", b"", false), Probe::No);
    assert_eq!(probe_of(&[0, 0, 0, 90, 0xff], b"", false), Probe::No);
    assert_eq!(
        probe_of(&first(196_608, b"other\0x\0\0"), b"", false),
        Probe::No
    );
}
