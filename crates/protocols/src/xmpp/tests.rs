use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

const OPENING: &[(bool, &[u8])] = &[
    (
        true,
        b"<?xml version='1.0'?><stream:stream to='Chat.example' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
    ),
    (
        false,
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='chat.example' id='x'>",
    ),
];

const FEATURES: &[(bool, &[u8])] = &[(
    false,
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
)];

const LOGIN: &[(bool, &[u8])] = &[
    (
        true,
        b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFkYQBzZWNyZXQ=</auth>",
    ),
    (
        false,
        b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    ),
    (
        true,
        b"<message to='eve@chat.example'><body>hello</body></message>",
    ),
];

fn heard(said: &[(bool, &[u8])], size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:5222");
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
fn a_login_and_a_chat_in_clear() {
    let heard = all_sizes(&[OPENING, FEATURES, LOGIN].concat());
    let rules = format!("{:?}", heard.hints);
    assert!(rules.contains("xmpp-starttls-ignored"));
    assert!(rules.contains("xmpp-messages"));
    insta::assert_snapshot!(heard.ledger());
}

#[test]
fn the_login_before_sasl() {
    let heard = all_sizes(
        &[
            OPENING,
            &[
                (true, b"<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>ada</username><password>secret</password></query></iq>"),
                (false, b"<iq type='error' id='1'/>"),
            ],
        ]
        .concat(),
    );
    assert!(heard.content()[1].contains(
        r#""mechanism":"iq-auth","user":"ada","secret":"secret","crackable":false,"accepted":false"#
    ));
}

#[test]
fn starttls_hands_over_or_is_refused() {
    let ask: &[(bool, &[u8])] = &[(true, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")];
    let yes: &[(bool, &[u8])] = &[
        (false, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        (true, b"\x16\x03\x01\x00\x05hello"),
    ];
    let no: &[(bool, &[u8])] = &[(false, b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")];
    for size in [1, 1460] {
        let heard = heard(&[OPENING, FEATURES, ask, yes].concat(), size);
        assert_eq!(heard.hints, []);
        assert_eq!(heard.content().len(), 1);
    }
    let heard = all_sizes(&[OPENING, FEATURES, ask, no, LOGIN].concat());
    assert!(format!("{:?}", heard.hints).contains("xmpp-starttls-refused"));
}

#[test]
fn other_documents_are_left_alone() {
    assert_eq!(look(OPENING[0].1), Probe::Sure);
    assert_eq!(look(b"<?xml version='1.0'?>"), Probe::More);
    assert_eq!(look(b"<html>"), Probe::No);
    let long = [&b"<?xml version='1.0'?><soap>"[..], &[b'x'; 1024]].concat();
    assert_eq!(look(&long), Probe::No);
}

#[test]
fn attributes() {
    let tag = Tag::of(b"stream:stream xmlns = 'a' to=\"b'c\" x='' /");
    assert_eq!(tag.name, b"stream");
    assert_eq!(tag.attribute(b"to"), Some(&b"b'c"[..]));
    assert_eq!(tag.attribute(b"xmlns"), Some(&b"a"[..]));
    assert_eq!(tag.attribute(b"from"), None);
}
