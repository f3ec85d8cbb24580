use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

const OPENING: &[(bool, &[u8])] = &[
    (
        false,
        b"200 news.example InterNetNews NNRP server ready (posting ok)\r\n",
    ),
    (true, b"CAPABILITIES\r\n"),
    (
        false,
        b"101 list\r\nVERSION 2\r\nREADER\r\nSTARTTLS\r\n.\r\n",
    ),
];

const READING: &[(bool, &[u8])] = &[
    (true, b"AUTHINFO USER ada\r\n"),
    (false, b"381 more\r\n"),
    (true, b"AUTHINFO PASS analytical engine\r\n"),
    (false, b"281 ok\r\n"),
    (true, b"GROUP misc.test\r\n"),
    (false, b"211 3 1 3 misc.test\r\n"),
    (true, b"ARTICLE 1\r\n"),
    (
        false,
        b"220 1 <a@b>\r\nSubject: x\r\n\r\n281 no answer\r\n..dot\r\n.\r\n",
    ),
    (true, b"QUIT\r\n"),
    (false, b"205 bye\r\n"),
];

fn heard(said: &[(bool, &[u8])], size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:119");
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

#[test]
fn a_login_and_a_group_in_clear() {
    let said = [OPENING, READING].concat();
    let whole = heard(&said, 1460);
    assert_eq!(whole.hints.len(), 1);
    insta::assert_snapshot!(whole.ledger());
    for size in [1, 2, 3, 5, 7, 16] {
        assert_eq!(heard(&said, size).content(), whole.content(), "{size}");
    }
}

#[test]
fn starttls_hands_over() {
    let said = [
        OPENING,
        &[
            (true, b"STARTTLS\r\n"),
            (false, b"382 go on\r\n"),
            (true, b"\x16\x03\x01\x00\x05hello"),
        ],
    ]
    .concat();
    for size in [1, 1460] {
        let heard = heard(&said, size);
        assert!(
            heard.ledger().contains(r#""protocol":"nntp"#),
            "{}",
            heard.ledger()
        );
        assert_eq!(heard.hints, []);
        assert_eq!(heard.content(), [""; 0]);
    }
}

#[test]
fn a_refusal_is_said() {
    let said = [
        OPENING,
        &[(true, b"STARTTLS\r\n"), (false, b"580 no\r\n")],
        READING,
    ]
    .concat();
    let heard = heard(&said, 1460);
    let [hint] = &heard.hints[..] else {
        panic!("{:?}", heard.hints)
    };
    assert!(format!("{hint:?}").contains("nntp-starttls-refused"));
}

#[test]
fn other_greetings_are_left_alone() {
    let probe_of = |server: &[u8], client: &[u8]| {
        probe(&Sample {
            over: Over::Stream,
            client,
            server,
            client_port: 40000,
            server_port: 119,
            whole: true,
        })
    };
    assert_eq!(
        probe_of(b"220 ftp.example FTP\r\n", b"USER ada\r\n"),
        Probe::No
    );
    assert_eq!(probe_of(b"200 ready\r\n", b"USER ada\r\n"), Probe::No);
    assert_eq!(probe_of(b"200 ready\r\n", b"MODE READER\r\n"), Probe::Sure);
    assert_eq!(probe_of(b"", b"GET / HTTP/1.1\r\n"), Probe::No);
}
