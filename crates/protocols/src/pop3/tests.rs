use overheard_testkit::{HeardScene, Scene, hear};

use super::PROTOCOL;

const CUTS: [usize; 7] = [1, 2, 3, 5, 7, 16, 1460];

fn play(dialogue: &[(char, &str)], cut: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(cut);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:1100");
    for (side, text) in dialogue {
        match side {
            'C' => scene.client(talk, text.as_bytes()),
            _ => scene.server(talk, text.as_bytes()),
        }
    }
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

fn content(dialogue: &[(char, &str)]) -> Vec<String> {
    let whole = play(dialogue, 1460).content();
    for cut in CUTS {
        assert_eq!(play(dialogue, cut).content(), whole, "cut every {cut}");
    }
    whole
}

#[test]
fn a_login_and_letters() {
    let dialogue = [
        ('S', "+OK POP3 ready\r\n"),
        ('C', "CAPA\r\n"),
        ('S', "+OK\r\nUSER\r\nSTLS\r\n.\r\n"),
        ('C', "USER ada\r\n"),
        ('S', "+OK\r\n"),
        ('C', "PASS two words \r\n"),
        ('S', "+OK 2 letters\r\n"),
        ('C', "LIST\r\n"),
        ('S', "+OK\r\n1 30\r\n2 40\r\n.\r\n"),
        ('C', "RETR 1\r\n"),
        (
            'S',
            "+OK 30 octets\r\nFrom: b@b.example\r\nTo: ada@a.example\r\nSubject: Hi\r\n\r\n+OK\r\n..\r\n.\r\n",
        ),
        ('C', "TOP 2 0\r\n"),
        ('S', "+OK\r\nSubject: Top\r\n\r\n.\r\n"),
        ('C', "QUIT\r\n"),
        ('S', "+OK bye\r\n"),
    ];
    let heard = play(&dialogue, 1460);
    insta::assert_snapshot!(heard.ledger());
    assert!(format!("{:?}", heard.hints).contains("pop3-starttls-ignored"));
    assert_eq!(content(&dialogue).len(), 3);
}

#[test]
fn apop_and_sasl_and_a_refusal() {
    let heard = content(&[
        ('S', "+OK POP3 <1.2@mail.example>\r\n"),
        ('C', "APOP ada c4c9334bac560ecc979e58001b3e22fb\r\n"),
        ('S', "-ERR no\r\n"),
        ('C', "AUTH PLAIN\r\n"),
        ('S', "+ \r\n"),
        ('C', "AGFkYQBzZWNyZXQ=\r\n"),
        ('S', "+OK\r\n"),
        ('C', "QUIT\r\n"),
    ]);
    insta::assert_snapshot!(heard.join("\n"));
}

#[test]
fn stls_hands_over() {
    for cut in CUTS {
        let heard = play(
            &[
                ('S', "+OK POP3 ready\r\n"),
                ('C', "STLS\r\n"),
                ('S', "+OK begin\r\n"),
                ('C', "\u{16}\u{3}\u{1}\0\u{5}USER ada\r\n"),
            ],
            cut,
        );
        assert!(
            heard.ledger().contains("\"protocol\":\"pop3+tls\""),
            "{}",
            heard.ledger()
        );
        assert!(!heard.ledger().contains("credential"));
    }
}

#[test]
fn a_letter_with_a_hole_does_not_swallow_the_next() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:110");
    scene.server(talk, b"+OK POP3\r\n");
    scene.client(talk, b"RETR 1\r\n");
    scene.server(talk, b"+OK\r\nSubject: one\r\n\r\nbegin");
    // The end of the letter, too, is not in the capture.
    scene.lose(talk, false, 500);
    scene.client(talk, b"RETR 2\r\n");
    scene.server(talk, b"+OK\r\nSubject: two\r\n\r\ntext\r\n.\r\n");
    scene.client(talk, b"QUIT\r\n");
    scene.server(talk, b"+OK\r\n");
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap()).content();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(
        heard[0].contains("\"subject\":\"one\"") && !heard[0].contains("sha256"),
        "{}",
        heard[0]
    );
    assert!(heard[1].contains("\"subject\":\"two\""), "{}", heard[1]);
}
