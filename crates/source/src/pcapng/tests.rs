use proptest::prelude::*;

use super::Unit;
use crate::order::Order;
use crate::tests::{Seen, Writer, any_reads_are_equal, cut_everywhere, read, read_by};

/// Puts captures together, block by block.
struct File {
    order: Order,
    bytes: Vec<u8>,
}

impl File {
    fn new(order: Order) -> File {
        File {
            order,
            bytes: Vec::new(),
        }
        .section(order)
    }

    fn block(mut self, kind: u32, body: impl FnOnce(&mut Writer)) -> File {
        let mut inner = Writer::new(self.order);
        body(&mut inner);
        inner.bytes.resize(inner.bytes.len().next_multiple_of(4), 0);
        let length = u32::try_from(inner.bytes.len() + 12).unwrap();
        let mut block = Writer::new(self.order);
        block.u32(kind).u32(length).raw(&inner.bytes).u32(length);
        self.bytes.extend(block.bytes);
        self
    }

    fn section(mut self, order: Order) -> File {
        self.order = order;
        self.block(0x0a0d_0d0a, |body| {
            body.u32(0x1a2b_3c4d).u16(1).u16(0).u64(u64::MAX);
        })
    }

    /// An interface with options (code, value).
    fn interface(self, link: u16, snap_length: u32, options: &[(u16, &[u8])]) -> File {
        self.block(1, |body| {
            body.u16(link).u16(0).u32(snap_length);
            write_options(body, options);
        })
    }

    fn enhanced(self, interface: u32, time: u64, bytes: &[u8], options: &[(u16, &[u8])]) -> File {
        self.block(6, |body| {
            let length = u32::try_from(bytes.len()).unwrap();
            body.u32(interface).u32(u32::try_from(time >> 32).unwrap());
            body.u32(u32::try_from(time & 0xffff_ffff).unwrap())
                .u32(length)
                .u32(length + 4);
            write_padded(body, bytes);
            write_options(body, options);
        })
    }

    fn simple(self, on_wire: u32, bytes: &[u8]) -> File {
        self.block(3, |body| write_padded(body.u32(on_wire), bytes))
    }

    /// Blocks of every kind that is passed over.
    fn ballast(self) -> File {
        [4, 5, 0x0a, 0x77, 0x8000_0001]
            .into_iter()
            .fold(self, |file, kind| {
                file.block(kind, |body| {
                    body.raw(b"nothing that a tap could know");
                })
            })
    }
}

fn write_padded(writer: &mut Writer, bytes: &[u8]) {
    writer.raw(bytes);
    writer
        .bytes
        .resize(writer.bytes.len().next_multiple_of(4), 0);
}

fn write_options(writer: &mut Writer, options: &[(u16, &[u8])]) {
    for (code, value) in options {
        write_padded(
            writer.u16(*code).u16(u16::try_from(value.len()).unwrap()),
            value,
        );
    }
    if !options.is_empty() {
        writer.u32(0);
    }
}

fn in_brief(seen: &[Seen]) -> Vec<(u64, u64, u16, u32, &[u8])> {
    seen.iter()
        .map(|seen| {
            (
                seen.number,
                seen.time,
                seen.link,
                seen.on_wire,
                seen.bytes.as_slice(),
            )
        })
        .collect()
}

const MICROSECOND: u64 = 1000;

/// Two sections of different byte order, several interfaces, every kind of packet.
fn everything() -> Vec<u8> {
    let mut file = File::new(Order::Little)
        .interface(1, 0, &[(2, b"eth0"), (9, &[6])])
        .ballast()
        .interface(101, 0, &[(2, b"tun0"), (9, &[9])])
        .enhanced(
            0,
            5_000_000,
            b"one",
            &[(1, b"a comment"), (2, &[1, 0, 0, 0])],
        )
        .enhanced(1, 5_000_000_001, b"two", &[])
        .simple(5, b"three")
        .section(Order::Big)
        .interface(113, 3, &[(2, b"eth0")])
        .ballast()
        .simple(9, b"fou");
    file = file.block(2, |body| {
        body.u16(0)
            .u16(7)
            .u32(0)
            .u32(6_000_000)
            .u32(4)
            .u32(4)
            .raw(b"five");
    });
    file.ballast().bytes
}

#[test]
fn reads_sections_interfaces_and_every_kind_of_packet() {
    let (seen, description) = read(&everything());
    let expected: [(u64, u64, u16, u32, &[u8]); 5] = [
        (1, 5_000_000 * MICROSECOND, 1, 7, b"one"),
        (2, 5_000_000_001, 101, 7, b"two"),
        // Simple packets have the time of the packet before them, also across sections.
        (3, 5_000_000_001, 1, 5, b"three"),
        (4, 5_000_000_001, 113, 9, b"fou"),
        (5, 6_000_000 * MICROSECOND, 113, 4, b"five"),
    ];
    assert_eq!(in_brief(&seen), expected);
    assert_eq!(
        description
            .link_types
            .iter()
            .map(|link| link.0)
            .collect::<Vec<_>>(),
        [1, 101, 113]
    );
    assert_eq!(description.interfaces, ["eth0", "tun0"]);
    assert_eq!(description.comments, [(1, "a comment".to_owned())]);
    assert_eq!(description.notices, Vec::<String>::new());
}

#[test]
fn a_cut_anywhere_leaves_the_frames_before_it() {
    let left = cut_everywhere(&everything());
    assert!(left.is_sorted());
    assert_eq!(left.last(), Some(&5));
}

#[test]
fn however_the_bytes_come_the_frames_are_the_same() {
    let whole = everything();
    any_reads_are_equal(&whole);
    any_reads_are_equal(&whole[..whole.len() - 200]);
}

#[test]
fn a_section_alone_is_a_capture_without_frames() {
    let (seen, description) = read(&File::new(Order::Big).bytes);
    assert_eq!((seen.len(), description.notices.len()), (0, 0));
}

#[test]
fn resolutions_and_offsets_become_nanoseconds() {
    type Case<'a> = (&'a [(u16, &'a [u8])], u64, u64);
    let cases: &[Case<'_>] = &[
        (&[], 7, 7_000),
        (&[(9, &[0])], 7, 7_000_000_000),
        (&[(9, &[3])], 7, 7_000_000),
        (&[(9, &[9])], 7, 7),
        (&[(9, &[12])], 7_999, 7),
        (&[(9, &[127])], u64::MAX, 0),
        (&[(9, &[0x80])], 7, 7_000_000_000),
        (&[(9, &[0x81])], 7, 3_500_000_000),
        (&[(9, &[0xa0])], 7 << 32 | 1 << 31, 7_500_000_000),
        (&[(9, &[0xff])], u64::MAX, 0),
        (&[(9, &[0])], u64::MAX, u64::MAX),
        (&[(9, &[0x80])], u64::MAX, u64::MAX),
        (&[(14, &2u64.to_le_bytes())], 7, 2_000_007_000),
        (&[(14, &(-2i64).to_le_bytes())], 3_000_000, 1_000_000_000),
        (&[(14, &(-2i64).to_le_bytes())], 7, 0),
        (
            &[(14, &i64::MAX.to_le_bytes())],
            7,
            i64::MAX.unsigned_abs() + 7_000,
        ),
    ];
    for (options, time, expected) in cases {
        let file = File::new(Order::Little)
            .interface(1, 0, options)
            .enhanced(0, *time, b"", &[]);
        assert_eq!(read(&file.bytes).0[0].time, *expected, "{options:?} {time}");
    }
}

#[test]
fn a_unit_never_overflows() {
    for resolution in 0..=255 {
        let unit = Unit::of(resolution);
        assert_eq!(unit.nanoseconds(0), 0);
        assert!(
            unit.nanoseconds(u64::MAX) >= unit.nanoseconds(u64::MAX - 1),
            "{resolution}"
        );
    }
}

#[test]
fn blocks_that_wireshark_numbers_take_a_number() {
    let mut file = File::new(Order::Little)
        .interface(1, 0, &[])
        .enhanced(0, 1, b"one", &[]);
    for kind in [0x0bad, 0x4000_0bad, 9, 0x204] {
        file = file.block(kind, |body| {
            body.raw(b"no packet");
        });
    }
    let (seen, _) = read(&file.enhanced(0, 2, b"six", &[]).bytes);
    assert_eq!(
        seen.iter().map(|seen| seen.number).collect::<Vec<_>>(),
        [1, 6]
    );
}

#[test]
fn damage_ends_the_reading_with_a_notice() {
    let good = || {
        File::new(Order::Little)
            .interface(1, 0, &[])
            .enhanced(0, 1, b"one", &[])
    };
    let raw = |bytes: &[u8]| {
        let mut file = good();
        file.bytes.extend_from_slice(bytes);
        file
    };
    let unknown_version = |body: &mut Writer| {
        body.u32(0x1a2b_3c4d).u16(2).u16(0).u64(u64::MAX);
    };
    let too_long = |body: &mut Writer| {
        body.u32(0).u32(0).u32(0).u32(9).u32(9).raw(b"four");
    };
    let cases: [(File, &str); 8] = [
        (
            good().enhanced(1, 2, b"two", &[]),
            "is of interface 1, which was not described",
        ),
        (
            good().section(Order::Big).simple(3, b"two"),
            "is of interface 0, which was not described",
        ),
        (good().block(6, too_long), "is too short for what it holds"),
        (
            good().block(0x0a0d_0d0a, unknown_version),
            "begins a section of the unknown version 2.0",
        ),
        (
            raw(&[6, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0]),
            "says that it has 11 bytes",
        ),
        (
            raw(&[6, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]),
            "says that it has 4294967295 bytes",
        ),
        (
            raw(&[9, 9, 9, 9, 12, 0, 0, 0, 16, 0, 0, 0]),
            "has two lengths that differ",
        ),
        (
            raw(b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x1a\x2b\x3c\x4e"),
            "begins a section of no known byte order",
        ),
    ];
    for (file, what) in cases {
        // What follows is good, and none the less not read: where it begins cannot be known.
        let (seen, description) = read(&file.enhanced(0, 3, b"three", &[]).bytes);
        assert_eq!(seen.len(), 1, "{what}");
        assert_eq!(description.notices.len(), 1, "{what}");
        let said = &description.notices[0];
        assert!(
            said.starts_with("test: damaged: the block at byte ") && said.contains(what),
            "{said}"
        );
    }
}

#[test]
fn a_huge_block_that_is_no_packet_is_passed_over() {
    let mut file = File::new(Order::Little).interface(1, 0, &[]);
    let length = 17 * 1024 * 1024u32;
    file = file.block(0x77, |body| body.bytes.resize(length as usize - 12, 9));
    file = file.enhanced(0, 1, b"one", &[]);
    for at_once in [usize::MAX, 100_000] {
        let (seen, description) = read_by(&file.bytes, at_once).unwrap();
        assert_eq!((seen.len(), description.notices.len()), (1, 0));
    }
    let (seen, description) = read(&file.bytes[..1_000_000]);
    assert_eq!(seen.len(), 0);
    assert_eq!(description.notices.len(), 1);
}

#[test]
fn a_length_without_its_padding_is_understood() {
    let mut file = File::new(Order::Little).interface(1, 0, &[]);
    let mut block = Writer::new(Order::Little);
    block
        .u32(6)
        .u32(35)
        .u32(0)
        .u32(0)
        .u32(1)
        .u32(3)
        .u32(3)
        .raw(b"one\0")
        .u32(35);
    file.bytes.extend(block.bytes);
    let (seen, description) = read(&file.enhanced(0, 2, b"two", &[]).bytes);
    assert_eq!((seen.len(), description.notices.len()), (2, 0));
}

#[test]
fn what_is_kept_of_names_and_comments_is_bounded() {
    let long = vec![b'x'; 60_000];
    let mut file = File::new(Order::Little);
    for name in 0..1000u32 {
        file = file.interface(1, 0, &[(2, name.to_string().as_bytes())]);
    }
    for time in 0..1500 {
        file = file.enhanced(0, time, b"one", &[(1, b"text")]);
    }
    let (seen, description) = read(&file.interface(1, 0, &[(2, &long)]).bytes);
    assert_eq!(seen.len(), 1500);
    assert_eq!(description.interfaces.len(), 256);
    assert_eq!(description.comments.len(), 1000);
    let (_, description) = read(
        &File::new(Order::Little)
            .interface(1, 0, &[(2, &long)])
            .bytes,
    );
    assert_eq!(description.interfaces[0].len(), 1000);
}

proptest! {
    #[test]
    fn random_blocks_do_no_harm(
        big in any::<bool>(),
        blocks in prop::collection::vec(
            (prop::sample::select(vec![0x0a0d_0d0au32, 1, 2, 3, 4, 5, 6, 10, 0x0bad, 0x77]),
             prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..60)),
            0..8,
        ),
        end in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let mut file = File::new(if big { Order::Big } else { Order::Little }).interface(1, 0, &[]);
        for (kind, bytes) in blocks {
            file = file.block(kind, |body| { body.raw(&bytes); });
        }
        file.bytes.extend(end);
        any_reads_are_equal(&file.bytes);
    }

    #[test]
    fn changed_bytes_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut whole = everything();
        for (index, value) in changes {
            let at = index.index(whole.len());
            whole[at] = value;
        }
        any_reads_are_equal(&whole);
    }
}

/// A block of secrets of a kind.
fn secrets(file: File, kind: u32, log: &[u8]) -> File {
    file.block(10, |body| {
        let length = u32::try_from(log.len()).unwrap();
        body.u32(kind).u32(length).raw(log);
    })
}

/// A key log before the only frame, one behind it, and one of another kind.
fn with_secrets() -> Vec<u8> {
    let file = File::new(Order::Big).interface(1, 0, &[]);
    let file = secrets(file, 0x544c_534b, b"first").enhanced(0, 1, b"frame", &[]);
    secrets(
        secrets(file, 0x5747_4b4c, b"of WireGuard"),
        0x544c_534b,
        b"second",
    )
    .bytes
}

#[test]
fn of_a_pipe_the_secrets_before_its_frames_are_handed_over() {
    let open = || {
        let reader = Box::new(std::io::Cursor::new(with_secrets()));
        crate::Captures::from_reader("pipe", reader).unwrap()
    };
    let mut captures = open();
    assert_eq!(captures.secrets(), b"first\n\n");
    let mut batch = crate::Batch::default();
    assert!(captures.fill(&mut batch).unwrap());
    assert_eq!(batch.frames.len(), 1);
    assert!(!captures.fill(&mut batch).unwrap());
    let notices = &captures.description().notices;
    assert!(
        notices.len() == 1 && notices[0].contains("behind the first frame"),
        "{notices:?}"
    );

    let mut unasked = open();
    while unasked.fill(&mut batch).unwrap() {}
    assert!(unasked.description().notices.is_empty());
}

#[test]
fn of_a_file_all_secrets_are_handed_over_wherever_they_stand() {
    let path =
        std::env::temp_dir().join(format!("overheard-secrets-{}.pcapng", std::process::id()));
    std::fs::write(&path, with_secrets()).unwrap();
    let mut captures = crate::Captures::open(std::slice::from_ref(&path)).unwrap();
    assert_eq!(captures.secrets(), b"first\nsecond\n");
    let mut batch = crate::Batch::default();
    assert!(captures.fill(&mut batch).unwrap());
    assert!(!captures.fill(&mut batch).unwrap());
    assert!(captures.description().notices.is_empty());
    std::fs::remove_file(path).unwrap();
}
