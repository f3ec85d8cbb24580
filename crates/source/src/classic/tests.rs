use proptest::prelude::*;

use crate::order::Order;
use crate::tests::{any_reads_are_equal, classic, cut_everywhere, read, read_by};

const MAGICS: [(u32, u64); 4] = [
    (0xa1b2_c3d4, 1000),
    (0xa1b2_3c4d, 1),
    (0xa1b2_cd34, 1000),
    (0xa1e2_cb12, 1),
];
const FRAMES: [(u32, u32, &[u8]); 4] = [
    (1, 2, b"one"),
    (3, 4, b""),
    (2, 999_999, b"three, back in time"),
    (u32::MAX, u32::MAX, b"four"),
];

#[test]
fn reads_every_variant_in_both_byte_orders() {
    for order in [Order::Big, Order::Little] {
        for (magic, unit) in MAGICS {
            let (seen, description) = read(&classic(order, magic, &FRAMES));
            assert_eq!(seen.len(), FRAMES.len(), "{order:?} {magic:x}");
            for (number, (frame, (seconds, fraction, bytes))) in (1..).zip(seen.iter().zip(&FRAMES))
            {
                assert_eq!(frame.number, number);
                assert_eq!(
                    frame.time,
                    u64::from(*seconds) * 1_000_000_000 + u64::from(*fraction) * unit
                );
                assert_eq!(frame.bytes, *bytes);
                assert_eq!(frame.on_wire as usize, bytes.len() + 4);
                assert_eq!(frame.link, 1);
            }
            assert_eq!(description.notices, Vec::<String>::new());
            assert_eq!(description.link_types.len(), 1);
            assert_eq!(description.sources, ["test"]);
        }
    }
}

#[test]
fn a_header_alone_is_a_capture_without_frames() {
    let (seen, description) = read(&classic(Order::Big, 0xa1b2_c3d4, &[]));
    assert_eq!(seen, []);
    assert_eq!(description.notices, Vec::<String>::new());
    assert_eq!(description.link_types.len(), 1);
}

#[test]
fn a_cut_anywhere_leaves_the_frames_before_it() {
    for (magic, _) in MAGICS {
        let whole = classic(Order::Little, magic, &FRAMES);
        let left = cut_everywhere(&whole);
        assert!(left.is_sorted());
        assert_eq!(left.last(), Some(&(FRAMES.len() - 1)));
    }
}

#[test]
fn a_cut_is_said_with_frame_and_offset() {
    let whole = classic(Order::Little, 0xa1b2_c3d4, &FRAMES[..2]);
    let (seen, description) = read(&whole[..whole.len() - 1]);
    assert_eq!(seen.len(), 1);
    let said = "test: cut off in the middle of the frame at byte 43, where frame 2 was to come; what is before it was read";
    assert_eq!(description.notices, [said]);
    let (_, description) = read(&whole[..43]);
    assert_eq!(
        description.notices,
        Vec::<String>::new(),
        "a cut between frames cannot be seen"
    );
}

#[test]
fn a_cut_header_is_no_capture() {
    let error = read_by(&classic(Order::Little, 0xa1b2_c3d4, &[])[..23], usize::MAX).unwrap_err();
    assert_eq!(
        error.to_string(),
        "test: not a capture: a pcap file cut off in its header"
    );
}

#[test]
fn bits_above_the_link_type_are_not_part_of_it() {
    let mut whole = classic(Order::Big, 0xa1b2_c3d4, &FRAMES[..1]);
    whole[20..24].copy_from_slice(&[0x24, 0, 1, 13]);
    let (seen, description) = read(&whole);
    assert_eq!(seen[0].link, 0x010d);
    assert_eq!(description.link_types[0].0, 0x010d);
}

#[test]
fn lengths_stood_the_other_way_around_before_version_2_3() {
    let mut whole = classic(Order::Little, 0xa1b2_c3d4, &[(1, 2, b"one")]);
    whole[6] = 2;
    whole[32..40].copy_from_slice(&[7, 0, 0, 0, 3, 0, 0, 0]);
    let (seen, _) = read(&whole);
    assert_eq!(
        (seen[0].bytes.as_slice(), seen[0].on_wire),
        (b"one".as_slice(), 7)
    );
}

#[test]
fn an_unknown_version_is_no_capture() {
    let mut whole = classic(Order::Little, 0xa1b2_c3d4, &FRAMES);
    whole[4] = 9;
    let error = read_by(&whole, usize::MAX).unwrap_err();
    assert_eq!(
        error.to_string(),
        "test: not a capture: a pcap file of the unknown version 9.4"
    );
}

#[test]
fn an_absurd_length_ends_the_reading_with_a_notice() {
    let mut whole = classic(Order::Little, 0xa1b2_c3d4, &FRAMES);
    whole[24 + 16 + 3 + 8..][..4].copy_from_slice(&262_145u32.to_le_bytes());
    let (seen, description) = read(&whole);
    assert_eq!(seen.len(), 1);
    assert_eq!(
        description.notices,
        [
            "test: damaged: the frame at byte 43, where frame 2 was to come, says that it has 262145 bytes; it and what follows were not read"
        ]
    );
}

#[test]
fn a_long_frame_is_read_where_the_snap_length_allows_it() {
    let long = vec![7; 2_000_000];
    let mut whole = classic(
        Order::Little,
        0xa1b2_c3d4,
        &[(1, 0, b"short"), (2, 0, &long), (3, 0, b"short")],
    );
    whole[16..20].copy_from_slice(&4_000_000u32.to_le_bytes());
    let (seen, description) = read(&whole);
    assert_eq!(
        seen.iter()
            .map(|frame| frame.bytes.len())
            .collect::<Vec<_>>(),
        [5, 2_000_000, 5]
    );
    assert_eq!(description.notices, Vec::<String>::new());
}

#[test]
fn frames_across_the_ends_of_blocks_stay_whole() {
    let long: Vec<u8> = (0..60_000u32).map(|i| i.to_le_bytes()[0]).collect();
    let frames: Vec<(u32, u32, &[u8])> = (0..60u32)
        .map(|i| (i, 0, long.get(..(i as usize * 997)).unwrap()))
        .collect();
    let whole = classic(Order::Little, 0xa1b2_c3d4, &frames);
    assert!(whole.len() > 3 * crate::capture::BLOCK);
    for at_once in [usize::MAX, 65_536, 4_099] {
        let (seen, _) = read_by(&whole, at_once).unwrap();
        assert_eq!(seen.len(), frames.len());
        for (frame, (seconds, _, bytes)) in seen.iter().zip(&frames) {
            assert_eq!(
                (frame.time, frame.bytes.as_slice()),
                (u64::from(*seconds) * 1_000_000_000, *bytes)
            );
        }
    }
}

#[test]
fn however_the_bytes_come_the_frames_are_the_same() {
    let whole = classic(Order::Big, 0xa1b2_cd34, &FRAMES);
    any_reads_are_equal(&whole);
    any_reads_are_equal(&whole[..whole.len() - 2]);
}

proptest! {
    #[test]
    fn random_bytes_after_a_header_do_no_harm(
        magic in prop::sample::select(MAGICS.to_vec()),
        big in any::<bool>(),
        bytes in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..400),
    ) {
        let mut whole = classic(if big { Order::Big } else { Order::Little }, magic.0, &[]);
        whole.extend(bytes);
        any_reads_are_equal(&whole);
    }
}
