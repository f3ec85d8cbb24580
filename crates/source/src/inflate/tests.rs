use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::order::Order;
use crate::tests::{any_reads_are_equal, classic, cut_everywhere, read, read_by, usual};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// Frames that hardly shrink, so that a packed capture of them has many blocks.
fn large() -> Vec<u8> {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let contents: Vec<Vec<u8>> = (0..1000)
        .map(|_| (0..1000).map(|_| noise()).collect())
        .collect();
    let frames: Vec<(u32, u32, &[u8])> = (0..)
        .zip(&contents)
        .map(|(i, c)| (i, 0, c.as_slice()))
        .collect();
    classic(Order::Little, 0xa1b2_c3d4, &frames)
}

#[test]
fn packed_captures_give_the_same_frames() {
    for whole in [usual(1, &[1, 2, 3]), large()] {
        let plain = read(&whole);
        assert_eq!(read(&gzip(&whole)), plain);
        assert_eq!(read(&zstd(&whole)), plain);
    }
}

#[test]
fn several_members_are_one_capture() {
    let whole = usual(1, &[1, 2, 3]);
    let plain = read(&whole);
    let (a, b) = whole.split_at(50);
    assert_eq!(read(&[gzip(a), gzip(b""), gzip(b)].concat()), plain);
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    assert_eq!(
        read(&[skippable.clone(), zstd(a), skippable, zstd(b)].concat()),
        plain
    );
}

#[test]
fn a_cut_anywhere_leaves_the_frames_before_it() {
    let whole = usual(1, &[1, 2, 3, 4, 5]);
    cut_everywhere(&gzip(&whole));
    cut_everywhere(&zstd(&whole));
    let (a, b) = whole.split_at(70);
    cut_everywhere(&[zstd(a), zstd(b)].concat());
}

#[test]
fn what_came_before_a_cut_is_given() {
    let whole = large();
    for (name, packed) in [("gzip", gzip(&whole)), ("zstd", zstd(&whole))] {
        let (seen, description) = read(&packed[..packed.len() / 2]);
        // Within a block of the packed data nothing is known: at most 128 KiB of frames.
        assert!(
            (350..=500).contains(&seen.len()),
            "{name}: {} frames",
            seen.len()
        );
        let said = &description.notices[0];
        assert!(
            said.starts_with(&format!("test: {name} data cut off ")),
            "{said}"
        );
    }
}

#[test]
fn a_missing_end_is_said() {
    let whole = usual(1, &[1, 2]);
    let packed = gzip(&whole);
    let (seen, description) = read(&packed[..packed.len() - 4]);
    assert_eq!(seen.len(), 2);
    assert_eq!(
        description.notices,
        ["test: gzip data cut off after frame 2, at byte 60; what is before it was read"]
    );
}

#[test]
fn a_wrong_checksum_is_said() {
    let whole = large();
    for (name, mut packed, back) in [("gzip", gzip(&whole), 6), ("zstd", zstd(&whole), 2)] {
        let at = packed.len() - back;
        packed[at] ^= 1;
        let (seen, description) = read(&packed);
        assert_eq!(seen.len(), 1000, "{name}");
        assert_eq!(description.notices.len(), 1, "{name}");
        assert!(
            description.notices[0].starts_with(&format!("test: {name} data damaged")),
            "{}",
            description.notices[0]
        );
    }
}

#[test]
fn packed_data_of_something_else_is_no_capture() {
    let error = |bytes: &[u8]| read_by(bytes, usize::MAX).unwrap_err().to_string();
    assert_eq!(
        error(&gzip(b"Dear all,\n")),
        "test: not a capture: gzip data that holds a text file"
    );
    assert_eq!(
        error(&zstd(b"")),
        "test: not a capture: zstd data that holds an empty file"
    );
    assert_eq!(
        error(&gzip(&gzip(b"x"))),
        "test: not a capture: gzip data that holds packed data again"
    );
    assert_eq!(
        error(b"\x1f\x8b\x08"),
        "test: not a capture: gzip data cut off"
    );
}

#[test]
fn however_the_bytes_come_the_frames_are_the_same() {
    let whole = usual(1, &[1, 2, 3]);
    any_reads_are_equal(&gzip(&whole));
    any_reads_are_equal(&zstd(&whole));
}

proptest! {
    #[test]
    fn damage_does_no_harm(
        kind in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let whole = usual(1, &(0..50).collect::<Vec<_>>());
        let mut packed = if kind { gzip(&whole) } else { zstd(&whole) };
        for (index, value) in changes {
            let at = index.index(packed.len());
            packed[at] = value;
        }
        let _ = read_by(&packed, usize::MAX);
    }

    #[test]
    fn random_bytes_after_a_magic_number_do_no_harm(
        magic in prop::sample::select(vec![b"\x1f\x8b\x08\0\0\0\0\0\0\0".to_vec(), b"\x28\xb5\x2f\xfd".to_vec(), b"\x50\x2a\x4d\x18".to_vec()]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = read_by(&[magic, bytes].concat(), usize::MAX);
    }
}
