use overheard_testkit::{HeardScene, Scene, hear};

use super::{PROTOCOL, Section, astring, literal, section};

const CUTS: [usize; 7] = [1, 2, 3, 5, 7, 16, 1460];

fn play(dialogue: &[(char, &str)], cut: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(cut);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:1430");
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
fn a_login_and_a_letter() {
    let dialogue = [
        ('S', "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
        ('C', "a1 LOGIN \"a\\\"da\" secret\r\n"),
        ('S', "a1 OK done\r\n"),
        ('C', "a2 FETCH 1 (FLAGS BODY[])\r\n"),
        (
            'S',
            "* 1 FETCH (FLAGS (\\Seen) BODY[] {35}\r\nFrom: b@b.example\r\nSubject: Hi\r\n\r\nt)\r\na2 OK done\r\n",
        ),
        ('C', "a3 LOGOUT\r\n"),
        ('S', "* BYE\r\na3 OK done\r\n"),
    ];
    let heard = play(&dialogue, 1460);
    insta::assert_snapshot!(heard.ledger());
    assert!(format!("{:?}", heard.hints).contains("imap-starttls-ignored"));
    assert_eq!(content(&dialogue).len(), 2);
}

#[test]
fn logins_with_literals_and_sasl() {
    let heard = content(&[
        ('S', "* OK ready\r\n"),
        ('C', "a1 LOGIN {3}\r\n"),
        ('S', "+ go\r\n"),
        ('C', "ada {6+}\r\nsecret\r\n"),
        ('S', "a1 NO wrong\r\n"),
        ('C', "a2 AUTHENTICATE PLAIN\r\n"),
        ('S', "+ \r\n"),
        ('C', "AGFkYQBzZWNyZXQ=\r\n"),
        ('S', "a2 OK done\r\n"),
        ('C', "a3 AUTHENTICATE PLAIN AGV2ZQBzZWNyZXQ=\r\n"),
        ('S', "a3 BAD no\r\n"),
        ('C', "a4 LOGOUT\r\n"),
    ]);
    insta::assert_snapshot!(heard.join("\n"));
}

#[test]
fn letters_stored_and_in_pieces_and_without_header() {
    let heard = content(&[
        ('S', "* PREAUTH IMAP4rev1 ready\r\n"),
        ('C', "a1 APPEND Sent (\\Seen) {22}\r\n"),
        ('S', "+ go\r\n"),
        ('C', "Subject: stored\r\n\r\nhi!\r\n"),
        ('S', "a1 OK done\r\n"),
        ('C', "a2 UID FETCH 7 BODY[]<0.12>\r\n"),
        (
            'S',
            "* 3 FETCH (UID 7 BODY[]<0> {12}\r\nSubject: pie)\r\na2 OK done\r\n",
        ),
        ('C', "a3 UID FETCH 7 BODY[]<12.12>\r\n"),
        (
            'S',
            "* 3 FETCH (UID 7 BODY[]<12> {8}\r\nces\r\n\r\nx)\r\na3 OK done\r\n",
        ),
        ('C', "a4 FETCH 4 BODY[HEADER]\r\n"),
        (
            'S',
            "* 4 FETCH (BODY[HEADER] {17}\r\nSubject: apart\r\n\r\n)\r\na4 OK done\r\n",
        ),
        ('C', "a5 FETCH 4 BODY[TEXT]\r\n"),
        ('S', "* 4 FETCH (BODY[TEXT] {5}\r\nwords)\r\na5 OK done\r\n"),
        ('C', "a6 LOGOUT\r\n"),
    ]);
    insta::assert_snapshot!(heard.join("\n"));
}

#[test]
fn starttls_hands_over() {
    for cut in CUTS {
        let heard = play(
            &[
                ('S', "* OK IMAP4rev1 ready\r\n"),
                ('C', "a1 STARTTLS\r\n"),
                ('S', "a1 OK begin\r\n"),
                ('C', "\u{16}\u{3}\u{1}\0\u{5}a2 LOGIN ada secret\r\n"),
            ],
            cut,
        );
        assert!(
            heard.ledger().contains("\"protocol\":\"imap+tls\""),
            "{}",
            heard.ledger()
        );
        assert!(!heard.ledger().contains("credential"));
    }
}

#[test]
fn an_append_that_is_refused_is_no_letter() {
    let heard = content(&[
        ('S', "* OK IMAP4rev1 ready\r\n"),
        ('C', "a1 APPEND Sent {5000}\r\n"),
        ('S', "a1 NO too large\r\n"),
        ('C', "a2 LOGIN ada secret\r\n"),
        ('S', "a2 OK\r\n"),
    ]);
    assert_eq!(heard.len(), 1);
    assert!(heard[0].contains("\"user\":\"ada\""));
}

#[test]
fn parts() {
    assert_eq!(literal(b"a1 LOGIN {12+}"), Some((&b"a1 LOGIN "[..], 12)));
    assert_eq!(literal(b"x {99999999999999999999}"), None);
    assert_eq!(literal(b"x {}"), None);
    assert_eq!(
        astring(b"\"a\\\\b c\" rest"),
        (b"a\\b c".to_vec(), &b"rest"[..])
    );
    assert_eq!(
        section(b"* 1 FETCH (BODY[HEADER.FIELDS (FROM TO)] "),
        Section::Header
    );
    assert_eq!(
        section(b"* 1 FETCH (BODY[HEADER] \"x\" BODY[]<10> "),
        Section::Piece(10)
    );
    assert_eq!(section(b"* 1 FETCH (RFC822.SIZE 5 RFC822 "), Section::Whole);
    assert_eq!(section(b"* 1 FETCH (BODY[2] "), Section::Other);
}
