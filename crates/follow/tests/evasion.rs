//! Evasion: packets made so that a tap hears something else than their receiver. Whatever they do, what
//! is heard is one of the readings, and where there are two it is said (law 4).

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod common;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use common::{FIN, Film, RST, SYN, TAPE, as_taped, client, conversations, objects, server};
use overheard_follow::Heard;
use overheard_ledger::{Accounts, Conversation, HintBody};
use overheard_testkit::{ethernet, ipv4, ipv6, tcp, udp};
use proptest::prelude::*;

const URG: u8 = 32;

/// What is said of contradictory copies: frames and sentence.
fn contradictions(heard: &Heard) -> Vec<(Vec<u64>, String)> {
    heard
        .hints
        .iter()
        .filter_map(|hint| match &hint.body {
            HintBody::Observed {
                rule: "conflicting-copies",
                learns,
            } => Some((hint.frames.to_vec(), learns.clone())),
            _ => None,
        })
        .collect()
}

/// Read, missing, duplicate and conflicting bytes.
fn books(conversation: &Conversation) -> [u64; 4] {
    let accounts = &conversation.accounts;
    [
        accounts.read,
        accounts.missing,
        accounts.duplicate,
        conversation.conflicting_bytes,
    ]
}

fn opened() -> Film {
    let mut film = Film::default();
    film.open(100, 200);
    film
}

/// A segment of the client at an offset of its stream.
fn say(film: &mut Film, offset: u32, bytes: &[u8]) {
    film.segment(0, 101 + offset, Some(201), 0, bytes);
}

/// One conversation that said this, with these books; its contradictions.
fn expect(film: &Film, said: &[u8], expected: [u64; 4]) -> Vec<(Vec<u64>, String)> {
    let (conversation, heard, _) = film.tape();
    assert_eq!(heard, as_taped(said), "{:?}", String::from_utf8_lossy(said));
    assert_eq!(
        books(&conversation),
        expected,
        "read, missing, duplicate, conflicting"
    );
    let told = contradictions(&film.heard(&[&TAPE]));
    assert_eq!(
        told.len(),
        usize::from(expected[3] > 0),
        "told once where copies differ: {told:?}"
    );
    told
}

// What a byte is that two segments claim which wait for an earlier one: whether the later to arrive wins,
// by the offsets of both (Novak and Sturges, "Target-Based TCP Stream Reassembly").
type Wins = fn(old: (usize, usize), new: (usize, usize)) -> bool;

const POLICIES: [(&str, Wins); 14] = [
    ("first", |_, _| false),
    ("last", |_, _| true),
    ("bsd", |old, new| new.0 < old.0),
    ("bsd-right", |old, new| new.0 >= old.0),
    ("old-linux", |old, new| {
        new.0 < old.0 || (new.0 == old.0 && new.1 > old.1)
    }),
    ("linux", |old, new| {
        new.0 < old.0 || (new.0 == old.0 && new.1 > old.1)
    }),
    ("old-solaris", |old, new| new.1 >= old.1 && new.0 <= old.0),
    ("solaris", |old, new| new.1 > old.1 || new.0 < old.0),
    ("hpux10", |old, new| new.0 >= old.0),
    ("hpux11", |old, new| new.0 < old.0 || new.1 < old.1),
    ("irix", |old, new| new.0 < old.0),
    ("macos", |old, new| new.0 < old.0),
    ("windows", |old, new| new.0 < old.0 && new.1 > old.1),
    ("vista", |_, _| false),
];

/// What a receiver understands: segments in the order of arrival, by offset.
fn reading(wins: Wins, segments: &[(usize, Vec<u8>)]) -> Vec<Option<u8>> {
    let length = segments
        .iter()
        .map(|(at, bytes)| at + bytes.len())
        .max()
        .unwrap_or(0);
    let mut owner: Vec<Option<usize>> = vec![None; length];
    let range = |index: usize| {
        let (at, bytes): &(usize, Vec<u8>) = &segments[index];
        (*at, at + bytes.len())
    };
    for index in 0..segments.len() {
        let (from, to) = range(index);
        for place in &mut owner[from..to] {
            *place = match *place {
                Some(old) if !wins(range(old), (from, to)) => Some(old),
                _ => Some(index),
            };
        }
    }
    let byte = |(at, owner): (usize, &Option<usize>)| {
        owner.map(|index| segments[index].1[at - segments[index].0])
    };
    owner.iter().enumerate().map(byte).collect()
}

fn segments() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    // Few different bytes and short streams, so that copies meet, and agree as often as not.
    let segment = (
        0usize..40,
        prop::collection::vec(prop_oneof![9 => Just(b'a'), 1 => Just(b'b')], 1..24),
    );
    prop::collection::vec(segment, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whether copies wait for the first byte (`late`) or were delivered before: the reading is that of
    /// the first copy, and is said to be contradicted exactly where another system would have understood
    /// something else.
    #[test]
    fn where_two_systems_understand_different_things_it_is_said(mut sent in segments(), late in any::<bool>()) {
        let all = (0, vec![b'a'; 40]);
        // Without holes, so that the whole stream can be compared.
        sent.push((1, vec![b'a'; 60]));
        if !late {
            sent.insert(0, all.clone());
        }
        let mut film = opened();
        for (at, bytes) in &sent {
            say(&mut film, *at as u32, bytes);
        }
        sent.push(all);
        say(&mut film, 0, &sent.last().unwrap().1.clone());
        let (conversation, heard, _) = film.tape();
        let readings: Vec<Vec<Option<u8>>> = POLICIES.iter().map(|(_, wins)| reading(*wins, &sent)).collect();
        let as_bytes = |reading: &[Option<u8>]| reading.iter().map(|byte| byte.unwrap()).collect::<Vec<u8>>();
        prop_assert_eq!(&heard, &as_taped(&as_bytes(&readings[0])), "the first copy stays");
        let differ = readings.iter().any(|reading| *reading != readings[0]);
        prop_assert!(!differ || conversation.conflicting_bytes > 0, "a difference that nobody was told of");
        let agreed = (0..61usize).all(|place| {
            let mut copies = sent.iter().filter_map(|(at, bytes)| bytes.get(place.checked_sub(*at)?));
            copies.next().is_none_or(|first| copies.all(|copy| copy == first))
        });
        prop_assert_eq!(agreed, conversation.conflicting_bytes == 0);
        prop_assert_eq!(contradictions(&film.heard(&[&TAPE])).len(), usize::from(!agreed));
    }
}

#[test]
fn a_partial_copy_of_what_was_delivered_is_compared() {
    let mut film = opened();
    say(&mut film, 0, b"GET /public");
    say(&mut film, 5, b"secret HTTP/1.1\r\n");
    let told = expect(
        &film,
        b"GET /public HTTP/1.1\r\n"[..11]
            .iter()
            .chain(b" HTTP/1.1\r\n"[..11].iter())
            .copied()
            .collect::<Vec<_>>()
            .as_slice(),
        [22, 0, 6, 6],
    );
    let (frames, sentence) = &told[0];
    assert_eq!(frames, &[4, 5]);
    assert!(
        sentence.contains("6 bytes came twice with different contents"),
        "{sentence}"
    );
    assert!(
        sentence.contains("frame 4 says \"public\"")
            && sentence.contains("frame 5 says \"secret\""),
        "{sentence}"
    );
}

#[test]
fn a_copy_that_bridges_what_waits_is_compared_with_it() {
    let mut film = opened();
    say(&mut film, 4, b"held");
    say(&mut film, 12, b"more");
    // Comes last, fills both holes, and contradicts what waits.
    say(&mut film, 0, b"new HELDnew MO");
    expect(&film, b"new heldnew more", [16, 0, 6, 6]);
}

#[test]
fn a_copy_within_segments_of_one_byte_is_compared_far_back() {
    let said: Vec<u8> = (0..2000u32).map(|at| b'a' + (at % 26) as u8).collect();
    let mut film = opened();
    for (at, byte) in said.iter().enumerate() {
        say(&mut film, at as u32, &[*byte]);
    }
    say(&mut film, 100, b"NO");
    let told = expect(&film, &said, [2000, 0, 2, 2]);
    // The segments of a byte are told together: the frames from the first of them to the last.
    assert!(
        told[0].1.contains("frame 2004 says \"NO\""),
        "{}",
        told[0].1
    );
}

#[test]
fn the_decoy_that_made_a_stream_sealed_or_unknown_is_compared() {
    // A protocol that gives up at once: what follows is only counted.
    let mut film = opened();
    say(&mut film, 0, &[8 * 8 + 3; 20]);
    say(&mut film, 0, b"GET / HTTP/1.1\r\nHost");
    let heard = film.heard(&[&common::WHIM]);
    let conversation = &conversations(&heard.records)[0];
    assert_eq!(conversation.accounts.unrecognised, 20);
    assert_eq!(conversation.conflicting_bytes, 20);
    assert_eq!(contradictions(&heard).len(), 1);
}

#[test]
fn a_decoy_with_a_wrong_checksum_or_a_short_life_is_reported_not_believed_in_silence() {
    // A tap cannot know which packets arrive: network cards write checksums after the capture, and a
    // packet that dies on the way looks like any other.
    for spoil in [
        |packet: &mut Vec<u8>| packet[36] ^= 0xff, // TCP checksum
        |packet: &mut Vec<u8>| packet[10] ^= 0xff, // IPv4 checksum
        |packet: &mut Vec<u8>| packet[8] = 1,      // TTL
    ] {
        for decoy_first in [true, false] {
            let mut decoy = tcp(client(), server(), 101, 201, common::ACK, b"decoy!");
            spoil(&mut decoy);
            let real = tcp(client(), server(), 101, 201, common::ACK, b"letter");
            let mut film = opened();
            let (first, second) = if decoy_first {
                (&decoy, &real)
            } else {
                (&real, &decoy)
            };
            film.frame(ethernet(first));
            film.frame(ethernet(second));
            let said: &[u8] = if decoy_first { b"decoy!" } else { b"letter" };
            let told = expect(&film, said, [6, 0, 6, 5]);
            assert!(told[0].1.contains("etter") || told[0].1.contains("ecoy!"));
        }
    }
}

#[test]
fn a_packet_with_a_wrong_checksum_is_heard() {
    let mut packet = tcp(client(), server(), 101, 201, common::ACK, b"offloaded");
    packet[36] ^= 0xff;
    let mut film = opened();
    film.frame(ethernet(&packet));
    expect(&film, b"offloaded", [9, 0, 0, 0]);
}

#[test]
fn urgent_data_is_heard_in_line() {
    // RFC 6093 section 6: receivers should take it in line; those that leave a byte out differ in it.
    let mut film = opened();
    film.segment(0, 101, Some(201), 0, b"US");
    film.segment(0, 103, Some(201), URG, b"Xer");
    film.segment(0, 106, Some(201), 0, b" root");
    expect(&film, b"USXer root", [10, 0, 0, 0]);
}

#[test]
fn a_syn_sent_again_changes_nothing() {
    let mut film = Film::default();
    film.segment(0, 100, None, SYN, b"");
    film.segment(0, 100, None, SYN, b"");
    film.segment(1, 200, Some(101), SYN, b"");
    film.segment(1, 200, Some(101), SYN, b"");
    say(&mut film, 0, b"abc");
    film.segment(0, 100, None, SYN, b"");
    say(&mut film, 3, b"def");
    expect(&film, b"abcdef", [6, 0, 0, 0]);
}

#[test]
fn a_syn_of_another_connection_that_nobody_answers_does_not_end_what_goes_on() {
    for decoy in [&b""[..], b"said with it"] {
        for sequence in [90_000, 104, 3_000_000_000] {
            let mut film = opened();
            film.segment(1, 201, Some(101), 0, b"hello");
            say(&mut film, 0, b"abc");
            film.segment(0, sequence, None, SYN, decoy);
            say(&mut film, 3, b"def");
            let (conversation, said, _) = film.tape();
            assert_eq!(said, as_taped(b"abcdef"));
            assert_eq!(conversation.accounts.read, 11);
            assert_eq!(conversation.accounts.unrecognised, decoy.len() as u64);
            assert_eq!(conversation.packets, [5, 2]);
        }
    }
}

#[test]
fn a_syn_that_is_answered_begins_another_conversation_at_its_own_frame() {
    let mut film = opened();
    film.segment(1, 201, Some(101), 0, b"hello");
    say(&mut film, 0, b"abc");
    film.open(90_000, 80_000);
    film.segment(0, 90_001, Some(80_001), 0, b"two");
    let heard = film.heard(&[&TAPE]);
    let found = conversations(&heard.records);
    let seen: Vec<(u64, [u64; 2], u64)> = found
        .iter()
        .map(|one| (one.id, one.packets, one.accounts.read))
        .collect();
    assert_eq!(seen, [(1, [3, 2], 8), (6, [3, 1], 3)]);
}

#[test]
fn what_a_syn_carries_is_the_beginning() {
    // TCP Fast Open (RFC 7413).
    let mut film = Film::default();
    film.segment(0, 100, None, SYN, b"early");
    film.segment(1, 200, Some(106), SYN, b"");
    film.segment(0, 106, Some(201), 0, b" late");
    expect(&film, b"early late", [10, 0, 0, 0]);
}

#[test]
fn a_reset_does_not_end_the_hearing_wherever_it_points() {
    for sequence in [104, 5000, 90_000_000, 3_000_000_000] {
        let mut film = opened();
        say(&mut film, 0, b"abc");
        film.segment(0, sequence, None, RST, b"");
        film.segment(1, sequence, None, RST, b"");
        say(&mut film, 3, b"def");
        expect(&film, b"abcdef", [6, 0, 0, 0]);
    }
}

#[test]
fn a_reset_from_nowhere_and_a_syn_do_not_split_a_conversation() {
    let mut film = opened();
    film.segment(1, 201, Some(101), 0, b"hello");
    say(&mut film, 0, b"abc");
    film.segment(0, 90_000_000, None, RST, b"");
    film.segment(0, 50_000, None, SYN, b"");
    say(&mut film, 3, b"def");
    let (conversation, said, _) = film.tape();
    assert_eq!(
        (said, conversation.accounts.read),
        (as_taped(b"abcdef"), 11)
    );
}

#[test]
fn a_fin_before_its_time_ends_nothing_early() {
    let mut film = opened();
    film.segment(0, 107, Some(201), FIN, b"ghi");
    say(&mut film, 3, b"def");
    say(&mut film, 0, b"abc");
    expect(&film, b"abcdefghi", [9, 0, 0, 0]);
    // A FIN in the middle: what is said after it is heard.
    let mut film = opened();
    film.segment(0, 101, Some(201), FIN, b"abc");
    say(&mut film, 3, b"def");
    expect(&film, b"abcdef", [6, 0, 0, 0]);
}

#[test]
fn keep_alives_and_window_probes_say_nothing_and_contradict_nothing() {
    let mut film = opened();
    say(&mut film, 0, b"abc");
    // Keep-alives (RFC 9293 section 3.8.4): none, or one byte of garbage, before the next.
    for garbage in [&b""[..], b"\0", b"\0"] {
        film.segment(0, 103, Some(201), 0, garbage);
        film.segment(1, 201, Some(104), 0, b"");
    }
    // A probe of a closed window carries the next byte, again and again (section 3.8.6.1).
    for _ in 0..3 {
        say(&mut film, 3, b"d");
    }
    say(&mut film, 3, b"def");
    expect(&film, b"abcdef", [6, 0, 5, 0]);
}

#[test]
fn sequence_numbers_begin_anew_after_4_gib() {
    for before in 0..8u32 {
        let first = 0u32.wrapping_sub(before);
        let mut film = Film::default();
        film.open(first.wrapping_sub(1), 200);
        for (at, bytes) in [(4u32, b"efgh"), (8, b"ijkl"), (0, b"abcd"), (2, b"cdXf")] {
            film.segment(0, first.wrapping_add(at), Some(201), 0, bytes);
        }
        expect(&film, b"abcdefghijkl", [12, 0, 4, 1]);
    }
}

#[test]
fn segments_from_beyond_the_window_change_nothing_that_is_said() {
    // Far ahead, far behind, and half a circle away.
    for sequence in [
        101 + (200 << 20),
        101u32.wrapping_sub(200 << 20),
        101 + (1 << 31),
    ] {
        let mut film = opened();
        say(&mut film, 0, b"abc");
        film.segment(0, sequence, Some(201), 0, b"stray");
        say(&mut film, 3, b"def");
        let (conversation, said, _) = film.tape();
        assert!(said.starts_with(&as_taped(b"abcdef")), "{said}");
        assert_eq!(conversation.accounts.missing, 0);
        assert_eq!(conversation.accounts.duplicate, 0);
        assert_eq!(conversation.accounts.total(), 11);
    }
}

#[test]
fn times_that_go_backwards_change_nothing_that_is_said() {
    let mut film = opened();
    for (at, byte) in b"abcdefgh".iter().enumerate() {
        say(&mut film, at as u32, &[*byte]);
    }
    let frames = film.frames.len() as u64;
    for (index, frame) in film.frames.iter_mut().enumerate() {
        frame.0 = (frames - index as u64) * 3_600_000_000_000 * 5;
    }
    expect(&film, b"abcdefgh", [8, 0, 0, 0]);
}

/// A fragment: offset, whether more follow, and bytes.
type Part<'a> = (u16, bool, &'a [u8]);

/// IPv4 fragments of a datagram.
fn fragments(parts: &[Part<'_>], protocol: u8) -> Film {
    let mut film = Film::default();
    for (offset, more, bytes) in parts {
        film.frame(ethernet(&fragment(*offset, *more, bytes, protocol)));
    }
    film
}

fn fragment(offset: u16, more: bool, bytes: &[u8], protocol: u8) -> Vec<u8> {
    let (IpAddr::V4(from), IpAddr::V4(to)) = (client().ip(), server().ip()) else {
        panic!("IPv4");
    };
    let mut packet = ipv4(from, to, protocol, bytes);
    packet[4..6].copy_from_slice(&7u16.to_be_bytes());
    packet[6..8].copy_from_slice(&((offset / 8) | if more { 0x2000 } else { 0 }).to_be_bytes());
    packet
}

/// A datagram of UDP without its IP header.
fn datagram(said: &[u8]) -> Vec<u8> {
    udp(client(), server(), said)[20..].to_vec()
}

#[test]
fn fragments_that_overlap_are_heard_as_first_said_and_reported() {
    let whole = datagram(b"the text of the real datagram, all 48 bytes of it");
    let mut other = whole.clone();
    other[16..32].copy_from_slice(b"WHAT IS NOT REAL");
    let said = &whole[8..];
    let part = |from: usize, to: usize| &whole[from..to];
    let differing = whole.iter().zip(&other).filter(|(a, b)| a != b).count() as u64;
    let cases: [(&str, Vec<Part<'_>>, u64); 4] = [
        (
            "whole, first",
            vec![
                (0, true, part(0, 16)),
                (16, true, part(16, 32)),
                (16, true, &other[16..32]),
                (32, false, part(32, 57)),
            ],
            differing,
        ),
        (
            "before, across",
            vec![
                (16, true, part(16, 32)),
                (0, true, &other[0..32]),
                (32, false, part(32, 57)),
            ],
            differing,
        ),
        (
            "part of it",
            vec![
                (0, true, part(0, 24)),
                (16, true, &other[16..24]),
                (24, false, part(24, 57)),
            ],
            whole[16..24]
                .iter()
                .zip(&other[16..24])
                .filter(|(a, b)| a != b)
                .count() as u64,
        ),
        (
            "agreeing",
            vec![
                (0, true, part(0, 24)),
                (8, true, part(8, 48)),
                (40, false, part(40, 57)),
            ],
            0,
        ),
    ];
    for (name, parts, conflicting) in cases {
        let film = fragments(&parts, 17);
        let heard = film.heard(&[&TAPE]);
        let conversation = &conversations(&heard.records)[0];
        assert_eq!(objects(&heard.records)[0].1, as_taped(said), "{name}");
        assert_eq!(conversation.conflicting_bytes, conflicting, "{name}");
        let told = contradictions(&heard);
        assert_eq!(told.len(), usize::from(conflicting > 0), "{name}");
        if let Some((frames, sentence)) = told.first() {
            assert_eq!(frames.len(), 2, "{name}: {sentence}");
        }
    }
}

#[test]
fn fragments_with_a_hole_are_missing_and_contradictions_in_them_are_told() {
    let whole = datagram(&[b'x'; 56]);
    let film = fragments(
        &[
            (0, true, &whole[..16]),
            (0, true, &[b'y'; 16]),
            (48, false, &whole[48..]),
        ],
        17,
    );
    let heard = film.heard(&[&TAPE]);
    assert!(conversations(&heard.records).is_empty());
    let Accounts {
        unrecognised,
        missing,
        duplicate,
        ..
    } = heard.loose;
    assert_eq!((unrecognised, missing, duplicate), (32, 32, 16));
    assert!(
        heard
            .notices
            .iter()
            .any(|notice| notice.starts_with("16 bytes of fragments")),
        "{:?}",
        heard.notices
    );
}

#[test]
fn tiny_fragments_that_cut_the_tcp_header_are_put_together() {
    let segment = &tcp(
        client(),
        server(),
        5000,
        1,
        common::ACK,
        b"read me all the same",
    )[20..];
    let count = segment.len().div_ceil(8);
    // In order and backwards.
    for backwards in [false, true] {
        let mut order: Vec<usize> = (0..count).collect();
        if backwards {
            order.reverse();
        }
        let parts: Vec<Part<'_>> = order
            .iter()
            .map(|index| {
                let to = segment.len().min(index * 8 + 8);
                (
                    *index as u16 * 8,
                    index + 1 < count,
                    &segment[index * 8..to],
                )
            })
            .collect();
        let (conversation, said, _) = fragments(&parts, 6).tape();
        assert_eq!(said, as_taped(b"read me all the same"));
        assert_eq!(conversation.packets, [count as u64, 0]);
    }
}

#[test]
fn a_fragment_that_ends_beyond_65535_bytes_is_malformed() {
    let film = fragments(&[(65_528, false, &[b'x'; 64]), (0, true, &[b'x'; 8])], 17);
    let heard = film.heard(&[&TAPE]);
    assert_eq!((heard.loose.malformed, heard.loose.unrecognised), (64, 8));
}

#[test]
fn only_the_first_fragment_says_what_an_ipv6_datagram_carries() {
    let ends: [SocketAddr; 2] =
        ["[2001:db8::1]:4000", "[2001:db8::2]:5000"].map(|text| text.parse().unwrap());
    let address = |end: &SocketAddr| match end.ip() {
        IpAddr::V6(ip) => ip,
        IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
    };
    let whole = udp(ends[0], ends[1], &[b'v'; 24])[40..].to_vec();
    let mut film = Film::default();
    // RFC 8200 section 4.5: the next header of other fragments is not looked at.
    for (offset, more, next) in [(16u16, false, 60u8), (0, true, 17)] {
        let bytes = if more { &whole[..16] } else { &whole[16..] };
        let mut payload = vec![next, 0];
        payload.extend((offset | u16::from(more)).to_be_bytes());
        payload.extend(9u32.to_be_bytes());
        payload.extend(bytes);
        film.frame(ethernet(&ipv6(
            address(&ends[0]),
            address(&ends[1]),
            44,
            &payload,
        )));
    }
    let heard = film.heard(&[&TAPE]);
    assert_eq!(objects(&heard.records)[0].1, as_taped(&[b'v'; 24]));
}

#[test]
fn headers_that_are_too_short_for_themselves_are_refused() {
    let packet = tcp(client(), server(), 101, 201, common::ACK, b"hidden");
    // An IPv4 header of 0 to 16 bytes, and a TCP header likewise.
    for words in 0..5u8 {
        let mut short = packet.clone();
        short[0] = 0x40 | words;
        let mut film = opened();
        film.frame(ethernet(&short));
        let heard = film.heard(&[&TAPE]);
        assert_eq!(heard.loose.malformed, packet.len() as u64, "IHL {words}");

        let mut short = packet.clone();
        short[32] = words << 4;
        let mut film = opened();
        film.frame(ethernet(&short));
        let heard = film.heard(&[&TAPE]);
        assert!(objects(&heard.records).is_empty(), "data offset {words}");
        assert_eq!(conversations(&heard.records)[0].packets, [3, 1]);
    }
    // A length of UDP that is less than its header is refused; none means a jumbogram (RFC 2675).
    for length in 0..8u8 {
        let mut short = udp(client(), server(), b"hidden");
        short[25] = length;
        let mut film = Film::default();
        film.frame(ethernet(&short));
        let heard = !objects(&film.heard(&[&TAPE]).records).is_empty();
        assert_eq!(heard, length == 0, "UDP length {length}");
    }
}

#[test]
fn chains_of_ipv6_extension_headers_are_passed_and_end() {
    let ends: [SocketAddr; 2] =
        ["[2001:db8::1]:4000", "[2001:db8::2]:5000"].map(|text| text.parse().unwrap());
    let (IpAddr::V6(from), IpAddr::V6(to)) = (ends[0].ip(), ends[1].ip()) else {
        panic!("IPv6");
    };
    let inner = &udp(ends[0], ends[1], b"behind them")[40..];
    for count in [1usize, 8, 100, 5000] {
        let mut payload = Vec::new();
        for index in 0..count {
            let next = if index + 1 == count { 17 } else { 60 };
            payload.extend([next, 0, 1, 4, 0, 0, 0, 0]);
        }
        payload.extend(inner);
        let mut film = Film::default();
        film.frame(ethernet(&ipv6(from, to, 60, &payload)));
        let heard = film.heard(&[&TAPE]);
        assert_eq!(
            objects(&heard.records)[0].1,
            as_taped(b"behind them"),
            "{count}"
        );
    }
}
