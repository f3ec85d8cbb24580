//! Reassembly as a child would do it: byte by byte, with everything remembered.

use std::collections::BTreeMap;

/// One direction of a stream: of every byte, which copies arrived.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Copies of each byte, by its offset, in the order in which they arrived.
    copies: BTreeMap<u64, Vec<u8>>,
    /// Bytes that arrived, copies too.
    pub(crate) arrived: u64,
}

impl Model {
    /// A segment arrives; what lies before the first byte of the stream is no part of it.
    pub(crate) fn segment(&mut self, offset: i64, bytes: &[u8]) {
        self.arrived += bytes.len() as u64;
        for (index, byte) in bytes.iter().enumerate() {
            if let Ok(at) = u64::try_from(offset + index as i64) {
                self.copies.entry(at).or_default().push(*byte);
            }
        }
    }

    /// Different bytes that arrived.
    pub(crate) fn fresh(&self) -> u64 {
        self.copies.len() as u64
    }

    /// Bytes that lie before the last one and never arrived.
    pub(crate) fn holes(&self) -> u64 {
        self.copies.last_key_value().map_or(0, |(last, _)| last + 1) - self.fresh()
    }

    /// Whether copies of a byte differ.
    pub(crate) fn conflicts(&self) -> bool {
        self.copies
            .values()
            .any(|copies| copies.iter().any(|copy| Some(copy) != copies.first()))
    }

    /// Holds what was heard (as the tape writes it) against the model. `patient`: whether every hole
    /// was waited for to the end; else bytes that came late may be missing.
    pub(crate) fn agrees(&self, taped: &str, patient: bool) {
        let first = self.copies.keys().next().copied().unwrap_or(0);
        // Of a hole before anybody spoke nobody is told.
        let mut at = if taped.starts_with('[') { 0 } else { first };
        let mut rest = taped;
        while !rest.is_empty() {
            if let Some(hole) = rest.strip_prefix('[') {
                let (length, after) = hole.split_once(']').expect("a hole ends");
                let length: u64 = length.parse().expect("a hole has a length");
                if patient {
                    let arrived = self.copies.range(at..at + length).next();
                    assert_eq!(arrived, None, "bytes that arrived were not heard");
                }
                at += length;
                rest = after;
                continue;
            }
            let (byte, after) = rest.split_at(2);
            let byte = u8::from_str_radix(byte, 16).expect("the tape is hexadecimal");
            let copies = self.copies.get(&at).map_or(&[][..], Vec::as_slice);
            assert!(copies.contains(&byte), "{byte:02x} at {at} was never sent");
            at += 1;
            rest = after;
        }
        let end = self.copies.last_key_value().map_or(0, |(last, _)| last + 1);
        if patient {
            assert_eq!(at, end, "the stream was not heard to its end");
        }
    }
}
