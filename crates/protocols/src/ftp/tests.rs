use std::net::IpAddr;

use overheard_ledger::HintBody;
use overheard_testkit::{HeardScene, Scene, hear};

use super::{PROTOCOL, extended, host_port};

const CUTS: [usize; 7] = [1, 2, 3, 5, 7, 16, 1460];

fn play(dialogue: &[(char, &str)], cut: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(cut);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.21:2100");
    for (side, text) in dialogue {
        match side {
            'C' => scene.client(talk, text.as_bytes()),
            _ => scene.server(talk, text.as_bytes()),
        }
    }
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

/// Records and announced data connections.
fn content(heard: &HeardScene) -> Vec<String> {
    let mut lines = heard.content();
    for hint in &heard.hints {
        match &hint.body {
            HintBody::Expect {
                endpoint,
                protocol,
                label,
                details,
            } => {
                lines.push(format!("{protocol} {endpoint} {label:?} {details:?}"));
            }
            HintBody::Observed { rule, .. } => lines.push((*rule).to_owned()),
            _ => {}
        }
    }
    lines
}

fn same(dialogue: &[(char, &str)]) -> Vec<String> {
    let whole = content(&play(dialogue, 1460));
    for cut in CUTS {
        assert_eq!(content(&play(dialogue, cut)), whole, "cut every {cut}");
    }
    whole
}

#[test]
fn a_login_and_transfers_both_ways() {
    let dialogue = [
        ('S', "220-Welcome\r\n220 ready\r\n"),
        ('C', "AUTH TLS\r\n"),
        ('S', "534 no\r\n"),
        ('C', "USER ada\r\n"),
        ('S', "331 password\r\n"),
        ('C', "PASS my secret\r\n"),
        ('S', "230 in\r\n"),
        ('C', "PASV\r\n"),
        ('S', "227 Entering Passive Mode (192,0,2,21,195,80).\r\n"),
        ('C', "STOR plans for may.pdf\r\n"),
        ('S', "150 go\r\n226 done\r\n"),
        ('C', "EPSV\r\n"),
        ('S', "229 Entering Extended Passive Mode (|||50001|)\r\n"),
        ('C', "LIST\r\n"),
        ('S', "150 go\r\n226 done\r\n"),
        ('C', "PORT 192,0,2,10,200,1\r\n"),
        ('S', "200 ok\r\n"),
        ('C', "RETR a.txt\r\n"),
        ('S', "150 go\r\n226 done\r\n"),
        ('C', "EPRT |1|192.0.2.10|51202|\r\n"),
        ('S', "200 ok\r\n"),
        ('C', "QUIT\r\n"),
        ('S', "221 bye\r\n"),
    ];
    insta::assert_snapshot!(same(&dialogue).join("\n"));
}

#[test]
fn logins_refused_and_names_alone() {
    let heard = same(&[
        ('S', "220 FTP ready\r\n"),
        ('C', "USER ada\r\n"),
        ('S', "331 password\r\n"),
        ('C', "PASS wrong\r\n"),
        ('S', "530 no\r\n"),
        ('C', "USER eve\r\n"),
        ('S', "530 no\r\n"),
        ('C', "USER anonymous\r\n"),
        ('S', "230 in\r\n"),
        ('C', "USER zoe\r\n"),
    ]);
    insta::assert_snapshot!(heard.join("\n"));
}

#[test]
fn auth_tls_hands_over() {
    for cut in CUTS {
        let heard = play(
            &[
                ('S', "220 FTP ready\r\n"),
                ('C', "AUTH TLS\r\n"),
                ('S', "234 go\r\n"),
                ('C', "\u{16}\u{3}\u{1}\0\u{5}USER ada\r\n"),
            ],
            cut,
        );
        assert!(
            heard.ledger().contains("\"protocol\":\"ftp+tls\""),
            "{}",
            heard.ledger()
        );
        assert!(!heard.ledger().contains("credential"));
    }
}

#[test]
fn a_lost_answer_does_not_derail() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.21:21");
    scene.server(talk, b"220 FTP ready\r\n");
    scene.client(talk, b"SYST\r\n");
    scene.lose(talk, false, 20);
    scene.client(talk, b"USER ada\r\n");
    scene.server(talk, b"331 password\r\n");
    scene.client(talk, b"PASS secret\r\n");
    scene.server(talk, b"230 in\r\n");
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap()).content();
    assert_eq!(heard.len(), 1);
    assert!(
        heard[0].contains(
            "\"user\":\"ada\",\"secret\":\"secret\",\"crackable\":false,\"accepted\":true"
        ),
        "{heard:?}"
    );
}

#[test]
fn mail_is_not_ftp() {
    let heard = play(
        &[
            ('S', "220 mail.example ESMTP\r\n"),
            ('C', "EHLO c\r\n"),
            ('S', "250 ok\r\n"),
        ],
        1460,
    );
    assert!(
        !heard.ledger().contains("\"protocol\":\"ftp\""),
        "{}",
        heard.ledger()
    );
}

#[test]
fn news_is_neither_ftp_nor_mail() {
    let dialogue = [
        ('S', "200 news.example ready\r\n"),
        ('C', "LIST\r\n"),
        ('S', "215 list\r\na 1 2 y\r\n.\r\n"),
        ('C', "QUIT\r\n"),
    ];
    let heard = play(&dialogue, 1460);
    assert!(
        !heard.ledger().contains("\"protocol\":"),
        "{}",
        heard.ledger()
    );
}

#[test]
fn endpoints() {
    let here: IpAddr = "2001:db8::1".parse().unwrap();
    let at = |endpoint: Option<overheard_ledger::Endpoint>| {
        endpoint.map(|endpoint| endpoint.to_string())
    };
    assert_eq!(
        at(host_port(b"227 mode 1 (10,0,0,1,4,1)")),
        Some("10.0.0.1:1025".into())
    );
    assert_eq!(at(host_port(b"10,0,0,1,4")), None);
    assert_eq!(at(host_port(b"10,0,0,256,4,1")), None);
    assert_eq!(
        at(extended(b"x (|||6446|)", here)),
        Some("[2001:db8::1]:6446".into())
    );
    assert_eq!(
        at(extended(b"|2|2001:db8::2|5282|", here)),
        Some("[2001:db8::2]:5282".into())
    );
    assert_eq!(at(extended(b"|||0|", here)), None);
}
