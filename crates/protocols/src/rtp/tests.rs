use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

const ALICE: &str = "192.0.2.10:4000";
const BOB: &str = "192.0.2.20:6000";

fn packet(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, payload_type];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn media(heard: &HeardScene) -> Vec<&Media> {
    let streams = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Media(media) => Some(&**media),
            _ => None,
        });
    streams.collect()
}

/// Datagrams from Alice, 20 ms apart.
fn hear_datagrams(datagrams: impl IntoIterator<Item = Vec<u8>>) -> HeardScene {
    let mut scene = Scene::new();
    scene.step(20_000_000);
    let talk = scene.udp(ALICE, BOB);
    for datagram in datagrams {
        scene.client(talk, &datagram);
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

/// A small generator of bytes that look random and are the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::new();
    for _ in 0..length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.push((state >> 32) as u8);
    }
    bytes
}

#[test]
fn a_call_in_both_directions_is_two_streams() {
    let mut scene = Scene::new();
    scene.step(10_000_000);
    let talk = scene.udp(ALICE, BOB);
    for turn in 0..30u16 {
        let time = u32::from(turn) * 160;
        scene.client(
            talk,
            &packet(
                0,
                65_530u16.wrapping_add(turn),
                time,
                0xdeca_fbad,
                &[0xd5; 160],
            ),
        );
        // Two packets never come.
        if turn != 7 && turn != 8 {
            scene.server(talk, &packet(8, turn, time, 7, &[0xd5; 160]));
        }
    }
    insta::assert_snapshot!(hear(&[&PROTOCOL], &scene.pcap()).ledger());
}

#[test]
fn a_dynamic_codec_is_believed_by_its_clock_and_may_be_sealed() {
    let heard = hear_datagrams((0..20).map(|turn| {
        packet(
            111,
            turn,
            u32::from(turn) * 960,
            9,
            &noise(u64::from(turn), 70),
        )
    }));
    let [stream] = media(&heard)[..] else {
        panic!("{}", heard.ledger())
    };
    assert!(!stream.tentative);
    assert_eq!(stream.protection, "");
    assert_eq!(stream.codec, None);
}

#[test]
fn three_packets_are_told_as_tentative() {
    let heard =
        hear_datagrams((0..3).map(|turn| packet(111, turn, u32::from(turn) * 960, 9, &[1; 70])));
    assert!(media(&heard).iter().all(|stream| stream.tentative));
    assert_eq!(media(&heard).len(), 1);
}

#[test]
fn disorder_and_repetition_are_not_loss() {
    let order = [0u16, 1, 2, 4, 3, 5, 6, 6, 7, 8, 9, 10, 11];
    let heard =
        hear_datagrams(order.map(|turn| packet(0, turn, u32::from(turn) * 160, 9, &[1; 160])));
    assert_eq!((media(&heard)[0].packets, media(&heard)[0].lost), (13, 0));
}

#[test]
fn a_sender_that_begins_anew_loses_nothing() {
    let first = (0..12u16).map(|turn| packet(0, turn, u32::from(turn) * 160, 9, &[1; 160]));
    let second = (0..12u16).map(|turn| {
        packet(
            0,
            30_000 + turn,
            9_000_000 + u32::from(turn) * 160,
            9,
            &[1; 160],
        )
    });
    let heard = hear_datagrams(first.chain(second));
    assert_eq!((media(&heard)[0].packets, media(&heard)[0].lost), (24, 0));
    assert!(!media(&heard)[0].tentative);
}

#[test]
fn random_datagrams_are_never_believed() {
    for seed in 0..40 {
        let heard = hear_datagrams(
            (0..400).map(|turn| noise(seed * 1000 + turn, 60 + (turn as usize % 900))),
        );
        assert!(
            media(&heard).iter().all(|stream| stream.tentative),
            "seed {seed}"
        );
        assert!(
            media(&heard).len() <= MAX_FALSE_STARTS as usize,
            "seed {seed}"
        );
    }
}

#[test]
fn a_counter_and_a_constant_are_not_enough() {
    // Another protocol: a number that rises, a clock in milliseconds, an identifier.
    let heard = hear_datagrams((0..50).map(|turn| {
        packet(
            96,
            turn,
            7_000 + u32::from(turn) * 20,
            1,
            &noise(u64::from(turn), 90),
        )
    }));
    assert!(
        media(&heard).iter().all(|stream| stream.tentative),
        "{}",
        heard.ledger()
    );
    // The same with a number that rises by a thousand.
    let heard = hear_datagrams((0..50u16).map(|turn| {
        packet(
            96,
            turn.wrapping_mul(1000),
            u32::from(turn) * 960,
            1,
            &[1; 90],
        )
    }));
    assert!(
        media(&heard).iter().all(|stream| stream.tentative),
        "{}",
        heard.ledger()
    );
}

#[test]
fn srtp_under_a_static_type_is_not_called_readable() {
    let heard = hear_datagrams((0..20).map(|turn| {
        packet(
            0,
            turn,
            u32::from(turn) * 160,
            9,
            &noise(u64::from(turn), 170),
        )
    }));
    let [stream] = media(&heard)[..] else {
        panic!("{}", heard.ledger())
    };
    assert_eq!((stream.protection.as_str(), stream.tentative), ("", false));
}

#[test]
fn a_flood_of_sources_stays_bounded() {
    let real = (0..20u16).map(|turn| packet(0, turn, u32::from(turn) * 160, 9, &[1; 160]));
    let flood = (0..1000u32).map(|source| packet(0, 1, 1, 1000 + source, &[1; 160]));
    let heard = hear_datagrams(real.chain(flood));
    assert_eq!(media(&heard).len(), MAX_STREAMS + 1);
    assert_eq!(
        media(&heard)
            .iter()
            .filter(|stream| !stream.tentative)
            .count(),
        1
    );
}

#[test]
fn broken_headers_are_not_taken() {
    let good = packet(0, 1, 160, 9, &[1; 160]);
    for length in 0..12 {
        assert!(header(&good[..length]).is_err(), "{length} bytes");
    }
    let mut contributors = good.clone();
    contributors[0] = 0x8f;
    assert!(header(&contributors[..60]).is_err());
    let mut extension = good.clone();
    extension[0] = 0x90;
    extension[14..16].copy_from_slice(&[0xff, 0xff]);
    assert!(header(&extension).is_err());
    let mut control = good;
    control[1] = 200;
    assert!(header(&control).is_err());
}
