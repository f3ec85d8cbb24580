//! What no protocol of the registry recognises and looks like a cipher is told, however it was cut.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use overheard_ledger::{Body, HintBody};
use overheard_testkit::{HeardScene, Scene, hear};

/// Bytes that look random, the same ones every time (xorshift).
fn random(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    (0..count).map(|_| next()).collect()
}

fn told(heard: &HeardScene) -> Vec<(usize, usize)> {
    let lengths = |body: &HintBody| match body {
        HintBody::HighEntropy { client, server } => Some((client.len(), server.len())),
        _ => None,
    };
    heard
        .hints
        .iter()
        .filter_map(|hint| lengths(&hint.body))
        .collect()
}

fn stream(segment_size: usize, said: &[u8]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:9735");
    scene.segment_size(segment_size);
    scene.client(talk, said);
    scene.server(talk, &random(77, 300));
    scene.client(talk, &random(78, 5000));
    scene.close(talk);
    hear(overheard_protocols::PROTOCOLS, &scene.pcap())
}

#[test]
fn a_stream_is_told_whatever_its_segments() {
    let mut seen = 0;
    for seed in 1..20 {
        let said = random(seed, 50);
        for size in [1, 7, 16, 1460] {
            let heard = stream(size, &said);
            let Body::Conversation(talk) = &heard.records[0].body else {
                panic!("{}", heard.ledger());
            };
            // Some random beginning may look like a protocol.
            if talk.protocol.is_none() {
                assert_eq!(told(&heard), [(32, 32)], "{seed} {size}");
                assert_eq!(talk.exposure, overheard_ledger::Exposure::Unknown);
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}");
    let text = "neither a protocol nor a cipher. ".repeat(20);
    assert_eq!(told(&stream(1460, text.as_bytes())), []);
}

#[test]
fn datagrams_are_told() {
    let mut scene = Scene::new();
    let sealed = scene.udp("192.0.2.10:40000", "192.0.2.25:9999");
    for seed in 100..104 {
        scene.client(sealed, &random(seed, 90));
    }
    let open = scene.udp("192.0.2.10:40001", "192.0.2.25:9999");
    for _ in 0..10 {
        scene.client(open, b"temperature=21.5;humidity=40;");
    }
    let heard = hear(overheard_protocols::PROTOCOLS, &scene.pcap());
    assert_eq!(told(&heard), [(32, 0)], "{}", heard.ledger());
}
