use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&length[..3], &[sequence], body].concat()
}

fn greeting(tls: bool, plugin: &[u8]) -> (bool, Vec<u8>) {
    let low: u16 = if tls { 0xffff } else { 0xf7ff };
    let body = [
        &b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0"[..],
        &low.to_le_bytes(),
        &[45, 2, 0, 0xff, 0xdf, 21],
        &[0; 10],
        b"ijklmnopqrst\0",
        plugin,
        b"\0",
    ]
    .concat();
    (false, packet(0, &body))
}

fn login(plugin: &[u8], proof: &[u8]) -> (bool, Vec<u8>) {
    let body = [
        &[0x0d, 0xa6, 0x0f, 0, 0, 0, 0, 1, 45][..],
        &[0; 23],
        b"ada\0",
        &[u8::try_from(proof.len()).unwrap()],
        proof,
        b"engine\0",
        plugin,
        b"\0",
    ]
    .concat();
    (true, packet(1, &body))
}

fn heard(said: &[(bool, Vec<u8>)], size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:3306");
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
fn a_login_in_clear_although_tls_was_offered() {
    let heard = all_sizes(&[
        greeting(true, b"mysql_native_password"),
        login(b"mysql_native_password", &[0xab; 20]),
        (false, packet(2, &[0, 0, 0, 2, 0, 0, 0])),
        (true, packet(0, b"\x03select 1")),
        (false, packet(1, &[1])),
    ]);
    let rules = format!("{:?}", heard.hints);
    assert!(rules.contains("mysql-starttls-ignored"));
    assert!(rules.contains("mysql-readable"));
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn a_server_without_tls_is_said() {
    let heard = all_sizes(&[
        greeting(false, b"mysql_native_password"),
        login(b"mysql_native_password", &[0xab; 20]),
        (false, packet(2, &[0xff, 0x15, 4])),
    ]);
    assert!(format!("{:?}", heard.hints).contains("mysql-starttls-not-offered"));
    assert!(heard.content()[0].contains(r#""accepted":false"#));
}

#[test]
fn another_way_to_log_in_may_show_the_password() {
    let heard = all_sizes(&[
        greeting(true, b"caching_sha2_password"),
        login(b"caching_sha2_password", &[0xab; 32]),
        (false, packet(2, b"\xfemysql_clear_password\0")),
        (true, packet(3, b"secret\0")),
        (false, packet(4, &[0, 0, 0, 2, 0, 0, 0])),
    ]);
    assert_eq!(
        heard.content(),
        [
            r#"{"kind":"credential","protocol":"mysql","mechanism":"mysql_clear_password","user":"ada","secret":"secret","crackable":false,"accepted":true}"#
        ]
    );
}

#[test]
fn tls_takes_over() {
    let request = [&[0x0d, 0xae, 0x0f, 0, 0, 0, 0, 1, 45][..], &[0; 23]].concat();
    for size in [1, 1460] {
        let heard = heard(
            &[
                greeting(true, b"mysql_native_password"),
                (true, packet(1, &request)),
                (true, b"\x16\x03\x01\x00\x05hello".to_vec()),
            ],
            size,
        );
        assert_eq!((heard.content(), heard.hints.len()), (vec![], 0));
    }
}

#[test]
fn a_greeting_is_recognised_by_its_version() {
    assert_eq!(look(&greeting(true, b"x").1), Probe::Sure);
    assert_eq!(look(&greeting(true, b"x").1[..20]), Probe::More);
    assert_eq!(look(b"220 ftp"), Probe::No);
    assert_eq!(look(b"SSH-2.0-x"), Probe::No);
    assert_eq!(look(&packet(0, b"\x0ano version\0")), Probe::No);
}
