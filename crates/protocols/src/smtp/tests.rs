use overheard_testkit::{HeardScene, Scene, Talk, hear};

use super::PROTOCOL;

/// The sizes that streams are cut into: what is heard must not depend on them.
const CUTS: [usize; 7] = [1, 2, 3, 5, 7, 16, 1460];

/// Plays a dialogue, `C` for the client's lines and `S` for the server's, cut into segments.
fn play(dialogue: &[(char, &str)], cut: usize) -> HeardScene {
    play_from(dialogue, cut, |scene| {
        scene.tcp("192.0.2.10:40000", "192.0.2.25:2500")
    })
}

fn play_from(
    dialogue: &[(char, &str)],
    cut: usize,
    open: impl Fn(&mut Scene) -> Talk,
) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(cut);
    let talk = open(&mut scene);
    for (side, text) in dialogue {
        match side {
            'C' => scene.client(talk, text.as_bytes()),
            _ => scene.server(talk, text.as_bytes()),
        }
    }
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

/// What is heard, after checking that it does not depend on the cuts.
fn content(dialogue: &[(char, &str)]) -> Vec<String> {
    let whole = play(dialogue, 1460).content();
    for cut in CUTS {
        assert_eq!(play(dialogue, cut).content(), whole, "cut every {cut}");
    }
    whole
}

const LETTER: &str = "From: Ada <ada@a.example>\r\nTo: b@b.example\r\nSubject: Plans\r\n\
    Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n..hidden\r\n--x\r\n\
    Content-Disposition: attachment; filename=plan.pdf\r\n\r\nJVBE\r\n--x--\r\n.\r\n";

fn session() -> Vec<(char, &'static str)> {
    vec![
        ('S', "220 mail.example ESMTP\r\n"),
        ('C', "EHLO client.example\r\n"),
        (
            'S',
            "250-mail.example\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n",
        ),
        ('C', "AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n"),
        ('S', "235 2.7.0 ok\r\n"),
        (
            'C',
            "MAIL FROM:<ada@a.example>\r\nRCPT TO:<b@b.example>\r\nRCPT TO:<c@c.example>\r\nDATA\r\n",
        ),
        ('S', "250 ok\r\n550 no such user\r\n250 ok\r\n354 go on\r\n"),
        ('C', LETTER),
        ('S', "250 ok\r\n"),
        ('C', "QUIT\r\n"),
        ('S', "221 bye\r\n"),
    ]
}

#[test]
fn a_login_and_a_letter() {
    let heard = play(&session(), 1460);
    insta::assert_snapshot!(heard.ledger());
    let rules: Vec<String> = heard
        .hints
        .iter()
        .map(|hint| format!("{:?}", hint.body))
        .collect();
    assert_eq!(rules.len(), 1);
    assert!(rules[0].contains("smtp-starttls-ignored"), "{rules:?}");
    assert_eq!(content(&session()).len(), 2);
}

#[test]
fn the_digest_is_of_the_letter_with_its_dots_undone() {
    use sha2::{Digest, Sha256};
    let sent = LETTER
        .strip_suffix(".\r\n")
        .unwrap()
        .replace("..hidden", ".hidden");
    let digest: String = Sha256::digest(sent.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let heard = content(&session()).join("\n");
    assert!(
        heard.contains(&format!("\"bytes\":{},\"sha256\":\"{digest}\"", sent.len())),
        "{heard}"
    );
}

#[test]
fn logins_in_steps_refused_and_crackable() {
    let heard = content(&[
        ('S', "220 mail.example ESMTP\r\n"),
        ('C', "EHLO c\r\n"),
        ('S', "250 AUTH LOGIN CRAM-MD5\r\n"),
        ('C', "AUTH LOGIN\r\n"),
        ('S', "334 VXNlcm5hbWU6\r\n"),
        ('C', "YWRh\r\n"),
        ('S', "334 UGFzc3dvcmQ6\r\n"),
        ('C', "c2VjcmV0\r\n"),
        ('S', "535 no\r\n"),
        ('C', "AUTH CRAM-MD5\r\n"),
        ('S', "334 PDEyM0BtYWlsLmV4YW1wbGU+\r\n"),
        ('C', "YWRhIDAxMjM0NTY3ODlhYmNkZWY=\r\n"),
        ('S', "235 ok\r\n"),
        ('C', "QUIT\r\n"),
        ('S', "221 bye\r\n"),
    ]);
    insta::assert_snapshot!(heard.join("\n"));
}

#[test]
fn chunks_and_pipelining() {
    let heard = content(&[
        ('S', "220 mail.example ESMTP\r\n"),
        ('C', "EHLO c\r\n"),
        ('S', "250-PIPELINING\r\n250 CHUNKING\r\n"),
        (
            'C',
            "MAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nBDAT 12\r\nSubject: one\
             BDAT 9 LAST\r\n\r\n\r\ntext\nMAIL FROM:<a@a.example>\r\nRCPT TO:<c@c.example>\r\nBDAT 14\r\nSubject: two\r\nBDAT 0 LAST\r\nQUIT\r\n",
        ),
        (
            'S',
            "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n221 bye\r\n",
        ),
    ]);
    assert_eq!(heard.len(), 2);
    assert!(
        heard[0].contains("\"to\":[\"b@b.example\"],\"subject\":\"one\",\"bytes\":21,"),
        "{}",
        heard[0]
    );
    assert!(
        heard[1].contains("\"to\":[\"c@c.example\"],\"subject\":\"two\",\"bytes\":14,"),
        "{}",
        heard[1]
    );
}

#[test]
fn a_refused_data_is_no_letter() {
    let heard = content(&[
        ('S', "220 mail.example ESMTP\r\n"),
        ('C', "HELO c\r\n"),
        ('S', "250 ok\r\n"),
        ('C', "DATA\r\n"),
        ('S', "503 need RCPT\r\n"),
        ('C', "QUIT\r\n"),
        ('S', "221 bye\r\n"),
    ]);
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn starttls_hands_over_and_takes_nothing_of_the_handshake() {
    for cut in CUTS {
        let heard = play(
            &[
                ('S', "220 mail.example ESMTP\r\n"),
                ('C', "EHLO c\r\n"),
                ('S', "250 STARTTLS\r\n"),
                ('C', "STARTTLS\r\n"),
                ('S', "220 go\r\n"),
                (
                    'C',
                    "\u{16}\u{3}\u{1}\0\u{5}AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n",
                ),
                ('S', "235 ok\r\n"),
            ],
            cut,
        );
        let ledger = heard.ledger();
        assert!(ledger.contains("\"protocol\":\"smtp+tls\""), "{ledger}");
        assert!(
            !ledger.contains("credential") && heard.hints.is_empty(),
            "{ledger}"
        );
    }
}

#[test]
fn a_refused_starttls_is_said() {
    let mut dialogue = session();
    dialogue.splice(3..3, [('C', "STARTTLS\r\n"), ('S', "454 not now\r\n")]);
    let heard = play(&dialogue, 1460);
    assert_eq!(content(&dialogue).len(), 2);
    assert!(format!("{:?}", heard.hints).contains("smtp-starttls-refused"));
}

#[test]
fn a_letter_with_a_hole_is_told_without_digest_and_the_next_is_whole() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:25");
    scene.server(talk, b"220 mail.example ESMTP\r\n");
    scene.client(talk, b"HELO c\r\n");
    scene.server(talk, b"250 ok\r\n");
    for subject in ["one", "two"] {
        scene.client(talk, b"MAIL FROM:<a@a.example>\r\n");
        scene.server(talk, b"250 ok\r\n");
        scene.client(talk, b"RCPT TO:<b@b.example>\r\n");
        scene.server(talk, b"250 ok\r\n");
        scene.client(talk, b"DATA\r\n");
        scene.server(talk, b"354 go on\r\n");
        scene.client(talk, format!("Subject: {subject}\r\n\r\nbegin").as_bytes());
        if subject == "one" {
            scene.lose(talk, true, 1000);
        }
        scene.client(talk, b"end\r\n.\r\n");
        scene.server(talk, b"250 ok\r\n");
    }
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap()).content();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(
        heard[0].contains("\"subject\":\"one\"") && !heard[0].contains("sha256"),
        "{}",
        heard[0]
    );
    assert!(
        heard[1].contains("\"subject\":\"two\"") && heard[1].contains("sha256"),
        "{}",
        heard[1]
    );
}

#[test]
fn picked_up_in_the_middle() {
    let middle = &session()[5..];
    let heard = play_from(middle, 1460, |scene| {
        scene.tcp_midstream("192.0.2.10:40000", "192.0.2.25:25")
    });
    assert!(
        heard.content().join("").contains("\"subject\":\"Plans\""),
        "{}",
        heard.ledger()
    );
}

#[test]
fn ftp_is_not_mail() {
    let heard = play(
        &[
            ('S', "220 ready\r\n"),
            ('C', "USER ada\r\n"),
            ('S', "331 password\r\n"),
        ],
        1460,
    );
    assert!(
        !heard.ledger().contains("\"protocol\":\"smtp\""),
        "{}",
        heard.ledger()
    );
}

#[test]
fn lmtp_has_the_same_offer_and_the_same_words_about_it() {
    let dialogue = |rest: &[(char, &'static str)]| {
        let mut all = vec![
            ('S', "220 mail.example LMTP\r\n"),
            ('C', "LHLO c\r\n"),
            ('S', "250-PIPELINING\r\n250 STARTTLS\r\n"),
        ];
        all.extend(rest);
        all
    };
    let ignored = dialogue(&[
        ('C', "AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n"),
        ('S', "235 ok\r\n"),
    ]);
    let heard = play(&ignored, 1460);
    assert!(format!("{:?}", heard.hints).contains("smtp-starttls-ignored"));
    let used = dialogue(&[
        ('C', "STARTTLS\r\n"),
        ('S', "220 go\r\n"),
        ('C', "\u{16}\u{3}\u{1}\0\u{5}hello"),
    ]);
    let ledger = play(&used, 1460).ledger();
    assert!(ledger.contains("\"protocol\":\"smtp+tls\""), "{ledger}");
}
