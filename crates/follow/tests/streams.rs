//! Streams: the same two streams, however they were cut, shuffled or sent again, are heard as the same
//! bytes; what the capture does not have is said.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod common;

use common::{DIALOGUE, FIN, Film, RST, SYN, TAPE, as_taped, conversations, objects};
use proptest::prelude::*;

/// One segment of a stream: its new bytes, how far it reaches back into earlier ones, whether it is sent
/// twice, and how many segments it arrives late.
#[derive(Clone, Debug)]
struct Cutting {
    fresh: usize,
    back: usize,
    twice: bool,
    late: usize,
}

fn cutting() -> impl Strategy<Value = Cutting> {
    (1usize..120, 0usize..60, any::<bool>(), 0usize..9).prop_map(|(fresh, back, twice, late)| {
        Cutting {
            fresh,
            back,
            twice,
            late,
        }
    })
}

/// A segment on its way: when it arrives, its side, its first and last offset, and whether it is the last.
type Sent = (usize, usize, usize, usize, bool);

fn sent(side: usize, cuttings: &[Cutting], first_in_place: bool) -> (usize, Vec<Sent>) {
    let (mut at, mut sent) = (0, Vec::new());
    for (index, cutting) in cuttings.iter().enumerate() {
        let (from, to) = (at - cutting.back.min(at), at + cutting.fresh);
        let last = index + 1 == cuttings.len();
        let late = if index == 0 && first_in_place {
            0
        } else {
            cutting.late
        };
        sent.push((index + late, side, from, to, last));
        if cutting.twice {
            sent.push((index + late + 3, side, from, to, last));
        }
        at = to;
    }
    (at, sent)
}

fn stream(seed: u8, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8 ^ seed)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn cutting_shuffling_and_repeating_change_nothing(
        cuttings in prop::array::uniform2(prop::collection::vec(cutting(), 1..30)),
        initial in prop::array::uniform2(prop_oneof![any::<u32>(), u32::MAX - 900..=u32::MAX]),
        (opened, closed) in any::<(bool, bool)>(),
    ) {
        let [(client_length, mut segments), (server_length, others)] =
            [0, 1].map(|side| sent(side, &cuttings[side], !opened));
        let streams = [stream(1, client_length), stream(2, server_length)];
        segments.extend(others);
        segments.sort_by_key(|segment| segment.0);
        let mut film = Film::default();
        if opened {
            film.open(initial[0], initial[1]);
        }
        let first = initial.map(|initial| initial.wrapping_add(1));
        // Receivers acknowledge what has arrived without a hole.
        let mut arrived = [vec![false; client_length], vec![false; server_length]];
        let mut offered = 0;
        for (_, side, from, to, last) in segments {
            offered += to - from;
            arrived[side][from..to].fill(true);
            let other = 1 - side;
            let reached = arrived[other].iter().take_while(|here| **here).count() as u32;
            let flags = if last && closed { FIN } else { 0 };
            let bytes = &streams[side][from..to];
            let sequence = first[side].wrapping_add(from as u32);
            let ack = first[other].wrapping_add(reached);
            film.segment(side, sequence, Some(ack), flags, bytes);
        }
        let (conversation, client, server) = film.tape();
        prop_assert_eq!(client, as_taped(&streams[0]));
        prop_assert_eq!(server, as_taped(&streams[1]));
        let whole = client_length + server_length;
        prop_assert_eq!(conversation.accounts.read, whole as u64);
        prop_assert_eq!(conversation.accounts.duplicate, (offered - whole) as u64);
        prop_assert_eq!(conversation.accounts.missing, 0);
        prop_assert_eq!(conversation.conflicting_bytes, 0);
    }

    #[test]
    fn a_lost_segment_is_a_gap_of_its_size(
        sizes in prop::collection::vec(1usize..200, 3..20),
        lost in 1usize..18,
        initial in any::<u32>(),
    ) {
        let lost = 1 + lost % (sizes.len() - 2);
        let said = stream(3, sizes.iter().sum());
        let mut film = Film::default();
        film.open(initial, 5000);
        let (mut at, mut expected) = (0, String::new());
        for (index, size) in sizes.iter().enumerate() {
            let bytes = &said[at..at + size];
            if index == lost {
                expected += &format!("[{size}]");
            } else {
                film.segment(0, initial.wrapping_add(1 + at as u32), Some(5001), 0, bytes);
                expected += &as_taped(bytes);
            }
            at += size;
        }
        let (conversation, client, _) = film.tape();
        prop_assert_eq!(client, expected);
        prop_assert_eq!(conversation.accounts.missing, sizes[lost] as u64);
    }
}

#[test]
fn a_hole_that_the_receiver_acknowledged_is_not_waited_for() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"abc");
    film.segment(0, 107, Some(201), 0, b"ghi");
    for answer in 0..20u32 {
        film.segment(1, 201 + answer, Some(110), 0, b"!");
    }
    // Too late: the tap has gone on.
    film.segment(0, 104, Some(201), 0, b"def");
    let (conversation, client, _) = film.tape();
    assert_eq!(
        client,
        format!("{}[3]{}", as_taped(b"abc"), as_taped(b"ghi"))
    );
    assert_eq!(conversation.accounts.missing, 3);
    assert_eq!(conversation.accounts.duplicate, 3);
}

#[test]
fn a_sequence_number_from_nowhere_makes_no_gigabytes_go_missing() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"abc");
    film.segment(0, 101 + (1 << 30), Some(201), 0, b"stray");
    let (conversation, client, _) = film.tape();
    assert!(client.starts_with(&as_taped(b"abc")));
    assert_eq!(conversation.accounts.missing, 0);
}

#[test]
fn a_keep_alive_says_nothing() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"abc");
    // RFC 1122 section 4.2.3.6: one byte before the next, and with or without that byte.
    film.segment(0, 103, Some(201), 0, b"c");
    film.segment(0, 103, Some(201), 0, b"");
    film.segment(1, 201, Some(104), 0, b"");
    film.segment(0, 104, Some(201), 0, b"d");
    let (conversation, client, _) = film.tape();
    assert_eq!(client, as_taped(b"abcd"));
    assert_eq!(conversation.accounts.duplicate, 1);
    assert_eq!(conversation.conflicting_bytes, 0);
}

#[test]
fn a_new_syn_on_the_same_ports_is_another_conversation() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), FIN, b"one");
    film.segment(1, 201, Some(105), FIN, b"");
    film.open(90_000, 80_000);
    film.segment(0, 90_001, Some(80_001), 0, b"two");
    let heard = film.heard(&[&TAPE]);
    let found = conversations(&heard.records);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].id, 1);
    assert_eq!(found[1].id, 6);
    assert_eq!([found[0].accounts.read, found[1].accounts.read], [3, 3]);
    let said: Vec<String> = objects(&heard.records)
        .into_iter()
        .map(|(_, said)| said)
        .collect();
    assert!(said.contains(&as_taped(b"one")) && said.contains(&as_taped(b"two")));
}

#[test]
fn a_syn_sent_again_is_the_same_conversation() {
    let mut film = Film::default();
    film.segment(0, 100, None, SYN, b"");
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"abc");
    let (conversation, client, _) = film.tape();
    assert_eq!(client, as_taped(b"abc"));
    assert_eq!(conversation.packets, [4, 1]);
}

#[test]
fn of_half_a_conversation_the_other_half_is_missing() {
    let mut film = Film::default();
    film.segment(0, 100, None, SYN, b"");
    film.segment(0, 101, Some(201), 0, b"question");
    film.segment(0, 109, Some(701), 0, b"");
    film.segment(0, 109, Some(1202), FIN, b"");
    let (conversation, client, server) = film.tape();
    assert_eq!(client, as_taped(b"question"));
    // The last number may have been a FIN's: a byte less is certain.
    assert_eq!(server, "[1000]");
    assert_eq!(conversation.accounts.missing, 1000);
}

#[test]
fn a_stream_is_heard_from_the_middle() {
    let mut film = Film::default();
    film.segment(0, 5000, Some(900), 0, b"middle");
    film.segment(1, 900, Some(5006), 0, b"answer");
    let (conversation, client, server) = film.tape();
    assert_eq!((client, server), (as_taped(b"middle"), as_taped(b"answer")));
    assert_eq!(conversation.accounts.missing, 0);
}

#[test]
fn two_copies_that_differ_are_conflicting() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"attack at dawn");
    film.segment(0, 101, Some(201), 0, b"attack at dusk");
    let (conversation, client, _) = film.tape();
    assert_eq!(client, as_taped(b"attack at dawn"), "the first copy holds");
    // What is equal in both does not conflict.
    assert_eq!(conversation.conflicting_bytes, 3);
}

#[test]
fn copies_that_wait_and_differ_are_conflicting() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 104, Some(201), 0, b"defg");
    film.segment(0, 106, Some(201), 0, b"FGhi");
    film.segment(0, 101, Some(201), 0, b"abc");
    let (conversation, client, _) = film.tape();
    assert_eq!(client, as_taped(b"abcdefghi"));
    assert_eq!(conversation.conflicting_bytes, 2);
    assert_eq!(conversation.accounts.duplicate, 2);
}

#[test]
fn what_the_snap_length_cut_off_is_missing() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"abcdefgh");
    film.cut(14 + 20 + 20 + 3);
    film.segment(0, 109, Some(201), 0, b"ij");
    let (conversation, client, _) = film.tape();
    assert_eq!(
        client,
        format!("{}[5]{}", as_taped(b"abc"), as_taped(b"ij"))
    );
    assert_eq!(conversation.accounts.missing, 5);
    assert_eq!(conversation.accounts.read, 5);
}

#[test]
fn a_copy_that_the_snap_length_cut_elsewhere_does_not_conflict() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"abcdefgh");
    film.segment(0, 101, Some(201), 0, b"abcdefgh");
    film.cut(14 + 20 + 20 + 3);
    let (conversation, _, _) = film.tape();
    assert_eq!(conversation.conflicting_bytes, 0);
    assert_eq!(conversation.accounts.duplicate, 8);
}

#[test]
fn a_reset_does_not_end_what_is_still_said() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"abc");
    film.segment(1, 201, Some(104), RST, b"");
    film.segment(0, 104, Some(201), 0, b"def");
    let (_, client, _) = film.tape();
    assert_eq!(client, as_taped(b"abcdef"));
}

fn dialogue(parts: &[(usize, &str)], size: usize) -> Vec<(String, String)> {
    let mut film = Film::default();
    film.open(100, 200);
    let mut next = [101u32, 201];
    for (side, said) in parts {
        for bytes in said.as_bytes().chunks(size) {
            film.segment(*side, next[*side], Some(next[1 - side]), 0, bytes);
            next[*side] += bytes.len() as u32;
        }
    }
    let heard = film.heard(&[&DIALOGUE]);
    assert_eq!(conversations(&heard.records)[0].accounts.unrecognised, 0);
    objects(&heard.records)
}

#[test]
fn what_the_other_side_settles_is_lent_again() {
    for size in [1, 2, 3, 1460] {
        // The client does not wait for the answer, and says nothing after it.
        let heard = dialogue(&[(0, "HELLO\nDATA\nthe letter\n"), (1, "354\n")], size);
        let heard: Vec<(&str, &str)> = heard.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(
            heard,
            [
                ("command", "HELLO"),
                ("command", "DATA"),
                ("answer", "354"),
                ("content", "the letter"),
            ]
        );
    }
}

#[test]
fn what_is_lent_again_is_proved_by_the_frames_that_brought_it() {
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"DATA\n");
    film.segment(0, 106, Some(201), 0, b"the ");
    film.segment(0, 110, Some(201), 0, b"letter\n");
    film.segment(1, 201, Some(117), 0, b"354\n");
    let heard = film.heard(&[&DIALOGUE]);
    let content = heard.records.iter().find(|record| {
        matches!(&record.body, overheard_ledger::Body::Object(object) if object.protocol == "content")
    });
    assert_eq!(content.unwrap().frames, [5, 6]);
}

#[test]
fn being_asked_in_vain_again_and_again_stays_bounded() {
    // 200 KB wait for an answer that settles nothing, 20,000 times: each time they would be lent again.
    let mut film = Film::default();
    film.open(100, 200);
    film.segment(0, 101, Some(201), 0, b"DATA\n");
    let mut at = 106;
    for _ in 0..140 {
        film.segment(0, at, Some(201), 0, &[b'x'; 1400]);
        at += 1400;
    }
    for answer in 0..20_000u32 {
        film.segment(1, 201 + 2 * answer, Some(at), 0, b"?\n");
    }
    let began = std::time::Instant::now();
    let heard = film.heard(&[&DIALOGUE]);
    assert_eq!(conversations(&heard.records).len(), 1);
    assert!(began.elapsed().as_secs() < 20);
}
