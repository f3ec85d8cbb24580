use proptest::prelude::*;

use crate::Captures;
use crate::order::Order;
use crate::tests::{Folder, Seen, classic, drain, usual};

fn merged(files: &[Vec<u8>], test: &str) -> (Vec<Seen>, Captures) {
    let folder = Folder::new(test);
    let paths: Vec<_> = (0..)
        .zip(files)
        .map(|(i, file)| folder.put(&format!("{i}.pcap"), file))
        .collect();
    let mut captures = Captures::open(&paths).unwrap();
    (drain(&mut captures).unwrap(), captures)
}

fn in_brief(seen: &[Seen]) -> Vec<(u8, u64)> {
    seen.iter()
        .map(|seen| (seen.bytes[0], seen.time / 1_000_000_000))
        .collect()
}

#[test]
fn frames_come_in_time_order_and_are_numbered_anew() {
    let (seen, captures) = merged(
        &[usual(0, &[1, 4, 9]), usual(1, &[2, 3, 10]), usual(2, &[])],
        "order",
    );
    assert_eq!(
        in_brief(&seen),
        [(0, 1), (1, 2), (1, 3), (0, 4), (0, 9), (1, 10)]
    );
    assert_eq!(
        seen.iter().map(|seen| seen.number).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(
        captures.description().sources,
        ["0.pcap", "1.pcap", "2.pcap"]
    );
}

#[test]
fn equal_times_come_in_the_order_given() {
    let (seen, _) = merged(
        &[usual(0, &[5, 5, 6]), usual(1, &[5, 6]), usual(2, &[4, 5])],
        "ties",
    );
    assert_eq!(
        in_brief(&seen),
        [(2, 4), (0, 5), (0, 5), (1, 5), (2, 5), (0, 6), (1, 6)]
    );
}

#[test]
fn within_a_capture_the_order_stays() {
    let (seen, _) = merged(&[usual(0, &[5, 2, 7]), usual(1, &[4, 6])], "within");
    assert_eq!(in_brief(&seen), [(1, 4), (0, 5), (0, 2), (1, 6), (0, 7)]);
}

#[test]
fn what_is_missing_of_one_is_said() {
    let cut = usual(1, &[2, 3]);
    let (seen, captures) = merged(
        &[usual(0, &[1, 9]), cut[..cut.len() - 1].to_vec()],
        "missing",
    );
    assert_eq!(in_brief(&seen), [(0, 1), (1, 2), (0, 9)]);
    let notices = &captures.description().notices;
    assert_eq!(notices.len(), 1);
    assert!(
        notices[0].starts_with("1.pcap: cut off in the middle of the frame at byte 42"),
        "{notices:?}"
    );
}

#[test]
fn comments_follow_their_frames() {
    // One interface, one frame at the second 5, with a comment.
    let mut commented = Vec::new();
    commented.extend(b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0");
    commented.extend(b"\x01\0\0\0\x14\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0");
    commented.extend(b"\x06\0\0\0\x30\0\0\0\0\0\0\0\0\0\0\0\x40\x4b\x4c\0\x04\0\0\0\x04\0\0\0abcd");
    commented.extend(b"\x01\0\x02\0hi\0\0\0\0\0\0\x30\0\0\0");
    let (seen, captures) = merged(&[usual(0, &[1, 2, 9]), commented], "comments");
    assert_eq!(in_brief(&seen), [(0, 1), (0, 2), (b'a', 5), (0, 9)]);
    assert_eq!(captures.description().comments, [(3, "hi".to_owned())]);
}

#[test]
fn long_captures_are_merged_block_by_block() {
    let content = vec![0; 1000];
    let even: Vec<(u32, u32, &[u8])> = (0..1500).map(|i| (2 * i, 0, content.as_slice())).collect();
    let odd: Vec<(u32, u32, &[u8])> = (0..1500)
        .map(|i| (2 * i + 1, 0, content.as_slice()))
        .collect();
    let files = [even, odd].map(|frames| classic(Order::Little, 0xa1b2_c3d4, &frames));
    let (seen, _) = merged(&files, "long");
    let times: Vec<u64> = seen.iter().map(|seen| seen.time / 1_000_000_000).collect();
    assert_eq!(times, (0..3000).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_captures_are_merged_by_what_comes_next(
        seconds in prop::collection::vec(prop::collection::vec(0u32..20, 0..10), 2..5),
    ) {
        let files: Vec<Vec<u8>> = (0..).zip(&seconds).map(|(tag, seconds)| usual(tag, seconds)).collect();
        let (seen, _) = merged(&files, "any");
        let mut expected = Vec::new();
        let mut left: Vec<&[u32]> = seconds.iter().map(Vec::as_slice).collect();
        while let Some((tag, time)) =
            left.iter().enumerate().filter_map(|(tag, left)| Some((tag, *left.first()?))).min_by_key(|(tag, time)| (*time, *tag))
        {
            expected.push((u8::try_from(tag).unwrap(), u64::from(time)));
            left[tag] = &left[tag][1..];
        }
        prop_assert_eq!(in_brief(&seen), expected);
    }
}
