use proptest::prelude::*;

use super::{Recognised, recognise};
use crate::tests::{read_by, usual};

#[test]
fn says_what_a_file_is_instead_of_a_capture() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "an empty file"),
        (b"\x7fELF\x02\x01\x01\0", "an ELF program or library"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"Dear all,\n", "a text file"),
        ("Grüße".as_bytes(), "a text file"),
        // Cut in the middle of a character.
        (&"Grüße".as_bytes()[..3], "a text file"),
        (b"#!/bin/sh\n", "a script"),
        (b"\0\0\0\0\0\0\0\0", "an unknown kind of file"),
        (b"\xd4\xc3\xb2", "an unknown kind of file"),
        (
            b"\x0a\x0d\x0d\x0a\0\0\0\x1c1234\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "a damaged pcapng file",
        ),
    ];
    for (bytes, what) in cases {
        let error = read_by(bytes, usize::MAX).unwrap_err();
        assert_eq!(error.to_string(), format!("test: not a capture: {what}"));
    }
}

#[test]
fn other_captures_come_with_the_way_to_read_them() {
    let Recognised::Other(what) = recognise(b"snoop\0\0\0\0\0\0\x02") else {
        panic!("not a capture of ours")
    };
    assert_eq!(
        what,
        "a snoop capture: turn it into pcapng first, with `editcap IN OUT`"
    );
}

#[test]
fn a_capture_is_recognised_from_single_bytes() {
    assert_eq!(read_by(&usual(1, &[1, 2]), 1).unwrap().0.len(), 2);
}

proptest! {
    #[test]
    fn any_bytes_are_recognised_or_not(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = read_by(&bytes, usize::MAX);
        let _ = recognise(&bytes);
    }
}
