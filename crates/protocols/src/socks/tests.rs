use overheard_ledger::{Body, Exposure};
use overheard_tap::{Sample, Side};
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

const NAME: &[u8] = b"\x05\x01\x00\x03\x0cWww.Example.\x01\xbb";
const GRANTED_5: &[u8] = &[5, 0, 0, 1, 192, 0, 2, 1, 4, 56];

/// A protocol that is recognised by its first byte, to see who goes on.
static NEXT: Protocol = Protocol {
    name: "next",
    title: "Whatever is said through the proxy",
    over: &[Over::Stream],
    ports: &[],
    standard: "none",
    exposure: Exposure::Harvest,
    probe: |sample| match sample.first().first() {
        Some(b'!') => Probe::Sure,
        _ => Probe::No,
    },
    begin: |_| Box::new(Taker),
    rules: &[],
};

struct Taker;

impl Analyzer for Taker {
    fn hear(&mut self, _: Side, chunk: Chunk<'_>, _: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => Step::Took(bytes.len()),
            Chunk::Gap(_) | Chunk::End => Step::Took(0),
        }
    }
}

fn with_login(segment: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(segment);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:9999");
    scene.client(talk, &[5, 2, 0, 2]);
    scene.server(talk, &[5, 2]);
    scene.client(talk, b"\x01\x03ada\x06secret");
    scene.server(talk, &[1, 0]);
    scene.client(talk, NAME);
    scene.server(talk, GRANTED_5);
    scene.client(talk, b"!hello");
    scene.server(talk, b"!welcome");
    scene.close(talk);
    hear(&[&PROTOCOL, &NEXT], &scene.pcap())
}

fn conversation(heard: &HeardScene) -> &overheard_ledger::Conversation {
    let found = heard.records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) => Some(&**conversation),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn login_and_destination_are_read_and_another_goes_on() {
    let heard = with_login(1460);
    insta::assert_snapshot!(heard.ledger());
    assert_eq!(conversation(&heard).protocol.as_deref(), Some("socks+next"));
}

#[test]
fn every_cut_gives_the_same_records() {
    let whole = with_login(1460).content();
    assert_eq!(whole.len(), 2);
    for segment in [1, 2, 3, 5, 7, 16] {
        assert_eq!(with_login(segment).content(), whole, "{segment}");
    }
}

#[test]
fn a_wrong_password_is_said_to_be_wrong() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:1080");
    scene.client(talk, &[5, 1, 2]);
    scene.server(talk, &[5, 2]);
    scene.client(talk, b"\x01\x03ada\x06secret");
    scene.server(talk, &[1, 1]);
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert!(heard.content()[0].contains("\"accepted\":false"));
}

#[test]
fn socks_4a_names_its_destination() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:1080");
    scene.client(talk, b"\x04\x01\x01\xbb\0\0\0\x01ada\0www.example\0");
    scene.server(talk, &[0, GRANTED, 0, 0, 0, 0, 0, 0]);
    scene.client(talk, b"!hello");
    scene.close(talk);
    let heard = hear(&[&PROTOCOL, &NEXT], &scene.pcap());
    insta::assert_snapshot!(heard.content().join("\n"));
    assert_eq!(conversation(&heard).protocol.as_deref(), Some("socks+next"));
}

#[test]
fn a_refusal_leaves_the_rest_unrecognised() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:1080");
    scene.client(talk, &[5, 1, 0]);
    scene.server(talk, &[5, 0]);
    scene.client(talk, NAME);
    scene.server(talk, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    scene.client(talk, b"!hello");
    scene.close(talk);
    let heard = hear(&[&PROTOCOL, &NEXT], &scene.pcap());
    assert_eq!(conversation(&heard).protocol.as_deref(), Some("socks"));
    assert_eq!(conversation(&heard).accounts.unrecognised, 6);
}

#[test]
fn what_only_looks_like_it_is_left_to_others() {
    let sample = |client: &'static [u8], server: &'static [u8], whole| Sample {
        over: Over::Stream,
        client,
        server,
        client_port: 40000,
        server_port: 4000,
        whole,
    };
    let cases: [(&[u8], &[u8], Probe); 9] = [
        (&[5, 1, 0], &[5, 0], Probe::Sure),
        (&[5, 1, 0], &[5, 2], Probe::No),
        (&[5, 2, 0, 0], &[5, 0], Probe::No),
        (&[5, 0], &[5, 0], Probe::No),
        (&[5, 1, 0x40], &[], Probe::No),
        (&[5, 1, 0, 9], &[4, 4], Probe::No),
        (
            b"\x04\x01\0\x50\xc0\0\x02\x01\0",
            &[0, 0x5a, 0, 0, 0, 0, 0, 0],
            Probe::Sure,
        ),
        (b"\x04\x01\0\x50\xc0\0\x02\x01\0more", &[], Probe::No),
        (b"\x04\x01\0\x50\xc0\0\x02\x01\xff\xfe\0", &[], Probe::No),
    ];
    for (client, server, expected) in cases {
        assert_eq!(probe(&sample(client, server, true)), expected, "{client:?}");
    }
    assert_eq!(probe(&sample(&[5, 1, 0], &[], false)), Probe::More);
    assert_eq!(probe(&sample(&[5, 1, 0], &[], true)), Probe::Likely(40));
}
