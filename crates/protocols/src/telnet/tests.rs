use overheard_testkit::{HeardScene, Scene, hear};

use super::PROTOCOL;

const CUTS: [usize; 7] = [1, 2, 3, 5, 7, 16, 1460];

fn play(dialogue: &[(char, &[u8])], cut: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(cut);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.23:2300");
    for (side, bytes) in dialogue {
        match side {
            'C' => scene.client(talk, bytes),
            _ => scene.server(talk, bytes),
        }
    }
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

fn content(dialogue: &[(char, &[u8])]) -> Vec<String> {
    let whole = play(dialogue, 1460).content();
    for cut in CUTS {
        assert_eq!(play(dialogue, cut).content(), whole, "cut every {cut}");
    }
    whole
}

#[test]
fn logins_with_echo_corrections_and_negotiation() {
    let dialogue: Vec<(char, &[u8])> = vec![
        ('S', b"\xff\xfd\x18\xff\xfd\x20"),
        ('C', b"\xff\xfb\x18\xff\xfc\x20"),
        ('S', b"\xff\xfa\x18\x01\xff\xf0"),
        ('C', b"\xff\xfa\x18\0login: xterm\xff\xf0"),
        ('S', b"Debian\r\nhost \x1b[1mlogin: \x1b[0m"),
        ('C', b"a"),
        ('S', b"a"),
        ('C', b"x"),
        ('S', b"x"),
        ('C', b"\x7f"),
        ('S', b"\x08 \x08"),
        ('C', b"da\r\0"),
        ('S', b"da\r\nPassword: "),
        ('C', b"wrong\r\0"),
        ('S', b"\r\nLogin incorrect\r\nhost login: "),
        ('C', b"ada\r\n"),
        ('S', b"ada\r\nPassword: "),
        ('C', b"secret\r\n"),
        ('S', b"\r\nLast login: Thu Jan  1 09:00:00\r\n$ "),
        ('C', b"ls\r\n"),
        ('S', b"ls\r\nPassword: no prompt\r\n$ "),
        ('C', b"exit\r\n"),
    ];
    insta::assert_snapshot!(content(&dialogue).join("\n"));
}

#[test]
fn a_prompt_alone_is_enough() {
    let heard = content(&[
        ('S', b"Router\r\n\r\nUsername: "),
        ('C', b"admin\r\n"),
        ('S', b"Password: "),
        ('C', b"cisco\r\n"),
        ('S', b"\r\nRouter>"),
    ]);
    assert_eq!(heard.len(), 1);
    assert!(
        heard[0].contains("\"user\":\"admin\",\"secret\":\"cisco\""),
        "{heard:?}"
    );
}

#[test]
fn a_web_server_is_not_telnet() {
    let heard = play(
        &[
            ('C', b"GET / HTTP/1.1\r\n\r\n"),
            ('S', b"HTTP/1.1 200 OK\r\n\r\nlogin:"),
        ],
        1460,
    );
    assert!(
        !heard.ledger().contains("\"protocol\":\"telnet\""),
        "{}",
        heard.ledger()
    );
}
