use overheard_testkit::{HeardScene, KeptPacket, Scene, hear, hear_kept};

use super::*;
use crate::shared::rtp_streams::{MAX_FALSE_STARTS, MAX_STREAMS};

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
    let stream = media(&heard)[0];
    assert_eq!((stream.packets, stream.lost), (13, Some(0)));
    assert_eq!((stream.reordered, stream.duplicates), (1, 1));
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
    assert_eq!(
        (media(&heard)[0].packets, media(&heard)[0].lost),
        (24, Some(0))
    );
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

/// Numbers of the packets that were kept, in the order of arrival.
fn numbers(kept: &[KeptPacket]) -> Vec<u16> {
    kept.iter()
        .map(|kept| header(&kept.packet).unwrap().sequence)
        .collect()
}

#[test]
fn what_comes_late_again_or_before_the_first_is_counted_once() {
    // 107 never comes, 99 comes behind its followers, 4 comes behind 9 and then again, and so does 9.
    let order = [
        100u16, 99, 101, 102, 103, 105, 106, 108, 109, 104, 104, 109, 110, 111, 112,
    ];
    let packets = order.map(|turn| packet(0, turn, u32::from(turn) * 160, 9, &[1; 160]));
    let mut scene = Scene::new();
    let talk = scene.udp(ALICE, BOB);
    for packet in &packets {
        scene.client(talk, packet);
    }
    let (heard, kept) = hear_kept(&[&PROTOCOL], &scene.pcap());
    let stream = media(&heard)[0];
    assert_eq!((stream.packets, stream.lost), (15, Some(1)));
    assert_eq!((stream.reordered, stream.duplicates), (2, 2));
    // A copy is not kept, all else is, from the first packet on and as it came.
    assert_eq!(
        numbers(&kept),
        [
            100, 99, 101, 102, 103, 105, 106, 108, 109, 104, 110, 111, 112
        ]
    );
    assert_eq!(kept[0].packet, packets[0]);
    assert_eq!(
        (kept[0].stream.source, kept[0].stream.ssrc),
        (stream.source, 9)
    );
}

/// Packets of Alice's that leave every 20 ms, with `ticks` between their time stamps, and arrive so many
/// milliseconds late.
fn late_packets(payload_type: u8, ticks: u32, size: usize, late: &[u32]) -> HeardScene {
    let mut scene = Scene::new();
    scene.step(1_000_000);
    let talk = scene.udp(ALICE, BOB);
    let mut now = 0;
    for (turn, late) in (0u32..).zip(late) {
        while now < turn * 20 + late {
            scene.server(talk, &[0xff; 9]);
            now += 1;
        }
        let number = u16::try_from(turn).unwrap();
        scene.client(
            talk,
            &packet(payload_type, number, turn * ticks, 9, &vec![1; size]),
        );
        now += 1;
    }
    hear(&[&PROTOCOL], &scene.pcap())
}

#[test]
fn jitter_is_that_of_rfc_3550() {
    // By appendix A.8: J += (|D| - J) / 16, with the differences of transit 0, 8, -8, 5, -5, 0 ...
    let late = [1, 1, 9, 1, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    let mut jitter = 0.0f64;
    let mut most = 0.0f64;
    for pair in late.windows(2) {
        let difference = (f64::from(pair[1]) - f64::from(pair[0])).abs();
        jitter += (difference - jitter) / 16.0;
        most = most.max(jitter);
    }
    let most = (most * 1000.0).round() / 1000.0;
    for (payload_type, ticks, size) in [(0, 160, 160), (111, 960, 70), (97, 320, 80)] {
        let heard = late_packets(payload_type, ticks, size, &late);
        assert_eq!(media(&heard)[0].jitter_ms, Some(most), "{payload_type}");
    }
}

#[test]
fn a_stream_that_arrives_evenly_has_no_jitter_whatever_its_sender_leaves_out() {
    // Silence in which the clock runs on, then one in which it stands still; both end with the marker.
    let mut scene = Scene::new();
    scene.step(20_000_000);
    let talk = scene.udp(ALICE, BOB);
    let mut timestamp = 0u32;
    for turn in 0..60u16 {
        let mut bytes = packet(8, turn, timestamp, 9, &[1; 160]);
        if turn % 20 == 19 {
            bytes[1] |= 0x80;
            for _ in 0..50 {
                scene.server(talk, &[0xff; 9]);
            }
            timestamp += if turn < 30 { 50 * 160 } else { 0 };
            bytes = packet(0x88, turn, timestamp, 9, &[1; 160]);
        }
        timestamp += 160;
        scene.client(talk, &bytes);
    }
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(media(&heard)[0].jitter_ms, Some(0.0));
}

#[test]
fn digits_are_not_the_codec_and_not_jitter() {
    // More packets of digits (RFC 4733) than of voice: all of an event have the time of its beginning.
    let voice = (0..30u16).map(|turn| packet(0, turn, u32::from(turn) * 160, 9, &[1; 160]));
    let digits = (30..80u16).map(|turn| {
        let event = u32::from(turn) / 10;
        packet(101, turn, event * 1600, 9, &[5, 10, 0, 160])
    });
    let more = (80..100u16).map(|turn| packet(0, turn, u32::from(turn) * 160, 9, &[1; 160]));
    let heard = hear_datagrams(voice.chain(digits).chain(more));
    let stream = media(&heard)[0];
    assert_eq!(
        (stream.payload_type, stream.codec.as_deref()),
        (0, Some("PCMU"))
    );
    assert_eq!(stream.jitter_ms, Some(0.0));
    assert_eq!(stream.lost, Some(0));
}

#[test]
fn a_new_source_is_a_new_stream_and_both_sides_may_choose_the_same() {
    let mut scene = Scene::new();
    scene.step(10_000_000);
    let talk = scene.udp(ALICE, BOB);
    for turn in 0..40u16 {
        let source = if turn < 20 { 9 } else { 10 };
        let time = u32::from(turn) * 160;
        scene.client(talk, &packet(0, turn, time, source, &[1; 160]));
        scene.server(talk, &packet(0, turn + 500, time, 9, &[1; 160]));
    }
    let (heard, kept) = hear_kept(&[&PROTOCOL], &scene.pcap());
    let mut counts: Vec<(u16, &str, u64)> = media(&heard)
        .iter()
        .map(|stream| (stream.source.port, stream.ssrc.as_str(), stream.packets))
        .collect();
    counts.sort_unstable();
    assert_eq!(
        counts,
        [
            (4000, "0x00000009", 20),
            (4000, "0x0000000a", 20),
            (6000, "0x00000009", 40)
        ]
    );
    assert_eq!(kept.len(), 80);
}

#[test]
fn pictures_are_not_kept_as_sound() {
    // H.261, which has a type of its own.
    let mut scene = Scene::new();
    scene.step(20_000_000);
    let talk = scene.udp(ALICE, BOB);
    for turn in 0..40u16 {
        scene.client(
            talk,
            &packet(31, turn, u32::from(turn) * 3000, 9, &[1; 900]),
        );
        // A dynamic type: three long packets a picture. And one that is longer than any voice.
        let number = turn * 3;
        for part in 0..3 {
            let time = u32::from(turn) * 3000;
            scene.server(talk, &packet(96, number + part, time, 10, &[1; 1100]));
        }
        scene.server(
            talk,
            &packet(97, turn, u32::from(turn) * 960, 11, &[1; 2000]),
        );
    }
    let (heard, kept) = hear_kept(&[&PROTOCOL], &scene.pcap());
    assert_eq!(media(&heard).len(), 3);
    assert!(kept.len() < 16, "{}", kept.len());
    assert!(kept.iter().all(|kept| kept.stream.ssrc == 10));
}

/// A packet behind its length (RFC 4571).
fn framed(packet: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(packet.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(packet);
    bytes
}

#[test]
fn rtp_over_tcp_is_heard_whatever_the_segments() {
    let talk: Vec<u8> = (0..20u16)
        .flat_map(|turn| {
            let mut bytes = framed(&packet(8, turn, u32::from(turn) * 160, 9, &[0xd5; 160]));
            if turn == 5 {
                // A receiver report of one source, and nothing: a keep-alive.
                let mut report = vec![0x81, 201, 0, 7];
                report.extend([7; 28]);
                bytes.extend(framed(&report));
                bytes.extend([0, 0]);
            }
            bytes
        })
        .collect();
    for size in [1, 3, 100, 176, 5000] {
        let mut scene = Scene::new();
        let tcp = scene.tcp(ALICE, BOB);
        for part in talk.chunks(size) {
            scene.server(tcp, part);
        }
        let (heard, kept) = hear_kept(&[&PROTOCOL], &scene.pcap());
        let [stream] = media(&heard)[..] else {
            panic!("{size}: {}", heard.ledger())
        };
        assert_eq!((stream.packets, stream.lost), (20, Some(0)), "{size}");
        assert_eq!(stream.source.port, 6000);
        assert_eq!(kept.len(), 20, "{size}");
    }
}

#[test]
fn a_stream_of_lengths_alone_is_not_rtp() {
    for seed in 0..40 {
        let mut scene = Scene::new();
        let tcp = scene.tcp(ALICE, BOB);
        for turn in 0..30 {
            let mut bytes = noise(seed * 100 + turn, 180);
            bytes[0] = 0x80;
            scene.client(tcp, &framed(&bytes));
        }
        let heard = hear(&[&PROTOCOL], &scene.pcap());
        assert_eq!(media(&heard).len(), 0, "{seed}");
    }
}

#[test]
fn programs_with_extensions_of_their_own_and_mixers_are_heard() {
    // An extension of one program's own, and a source that contributes.
    let extended = (0..20u16).map(|turn| {
        let mut bytes = packet(
            120,
            turn,
            u32::from(turn) * 960,
            9,
            &noise(u64::from(turn), 70),
        );
        bytes[0] = 0x90;
        bytes[12..16].copy_from_slice(&[0xde, 0xbe, 0, 0]);
        bytes
    });
    let heard = hear_datagrams(extended);
    assert!(!media(&heard)[0].tentative);
    let mixed = (0..20u16).map(|turn| {
        let mut bytes = packet(111, turn, u32::from(turn) * 960, 9, &[1; 30]);
        bytes[0] = 0x81;
        bytes
    });
    let heard = hear_datagrams(mixed);
    assert!(!media(&heard)[0].tentative);
    // One picture and no clock: the general extension says what it is. Its padding is sealed.
    let picture = (0..12u16).map(|turn| {
        let mut bytes = packet(96, turn, 0, 9, &noise(u64::from(turn), 900));
        bytes[0] = 0xb0;
        bytes[12..16].copy_from_slice(&[0xbe, 0xde, 0, 1]);
        bytes
    });
    let heard = hear_datagrams(picture);
    assert!(!media(&heard)[0].tentative);
}

#[test]
fn what_goes_beside_a_proven_stream_is_one() {
    let both = (0..20u16).flat_map(|turn| {
        let voice = packet(111, turn, u32::from(turn) * 960, 9, &[1; 70]);
        // A clock of milliseconds, which no codec has.
        let beside = packet(98, turn, u32::from(turn) * 20, 10, &[1; 20]);
        [voice, beside]
    });
    let heard = hear_datagrams(both);
    assert_eq!(media(&heard).len(), 2);
    assert!(media(&heard).iter().all(|stream| !stream.tentative));
}
