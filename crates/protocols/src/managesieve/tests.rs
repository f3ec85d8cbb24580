use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

const GREETING: (bool, &[u8]) = (
    false,
    b"\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n\"SIEVE\" \"fileinto\"\r\n\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\n",
);

fn heard(said: &[(bool, &[u8])], size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:4190");
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

fn all_sizes(said: &[(bool, &[u8])]) -> HeardScene {
    let whole = heard(said, 1460);
    for size in [1, 2, 3, 5, 7, 16] {
        assert_eq!(heard(said, size).content(), whole.content(), "{size}");
    }
    whole
}

#[test]
fn a_login_in_a_string() {
    let heard = all_sizes(&[
        GREETING,
        (true, b"AUTHENTICATE \"PLAIN\" \"AGFkYQBzZWNyZXQ=\"\r\n"),
        (false, b"OK \"in\"\r\n"),
        (
            true,
            b"PUTSCRIPT \"main\" {24+}\r\nAUTHENTICATE \"PLAIN\" \"x\"\r\n",
        ),
        (false, b"OK\r\n"),
    ]);
    assert_eq!(heard.hints.len(), 1);
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn a_login_in_a_literal() {
    let heard = all_sizes(&[
        GREETING,
        (
            true,
            b"AUTHENTICATE \"PLAIN\" {16+}\r\nAGFkYQBzZWNyZXQ=\r\n",
        ),
        (false, b"NO \"wrong\"\r\n"),
    ]);
    assert_eq!(heard.content().len(), 1);
    assert!(heard.content()[0].contains(r#""user":"ada","secret":"secret""#));
    assert!(heard.content()[0].contains(r#""accepted":false"#));
}

#[test]
fn starttls_hands_over() {
    for size in [1, 1460] {
        let heard = heard(
            &[
                GREETING,
                (true, b"STARTTLS\r\n"),
                (false, b"OK \"go on\"\r\n"),
                (true, b"\x16\x03\x01\x00\x05hello"),
            ],
            size,
        );
        assert_eq!(heard.hints, []);
        assert_eq!(heard.content(), [""; 0]);
    }
}
