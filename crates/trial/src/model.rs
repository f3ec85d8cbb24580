//! Reassembly as a child would do it: byte by byte, with everything remembered.

use std::collections::BTreeSet;

/// One direction of a stream: of every byte, which copies arrived.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Copies of each byte, by its offset: the first, and one that differs from it.
    copies: Vec<[Option<u8>; 2]>,
    /// Where segments begin.
    beginnings: BTreeSet<usize>,
    /// Bytes that arrived, copies too.
    pub(crate) arrived: u64,
}

impl Model {
    /// A segment arrives; what lies before the first byte of the stream is no part of it.
    pub(crate) fn segment(&mut self, offset: i64, bytes: &[u8]) {
        self.arrived += bytes.len() as u64;
        self.beginnings.extend(usize::try_from(offset));
        for (index, byte) in bytes.iter().enumerate() {
            let Ok(at) = usize::try_from(offset + index as i64) else {
                continue;
            };
            if at >= self.copies.len() {
                self.copies.resize(at + 1, [None; 2]);
            }
            let [first, other] = &mut self.copies[at];
            if *first.get_or_insert(*byte) != *byte {
                *other = Some(*byte);
            }
        }
    }

    /// Different bytes that arrived.
    pub(crate) fn fresh(&self) -> u64 {
        self.copies
            .iter()
            .filter(|[first, _]| first.is_some())
            .count() as u64
    }

    /// Bytes that lie before the last one and never arrived.
    pub(crate) fn holes(&self) -> u64 {
        self.copies.len() as u64 - self.fresh()
    }

    /// Whether copies of a byte differ.
    pub(crate) fn conflicts(&self) -> bool {
        self.copies.iter().any(|[_, other]| other.is_some())
    }

    /// Holds what was heard (as the tape writes it) against the model. `patient`: whether every hole
    /// was waited for to the end; else bytes that came late may be missing.
    pub(crate) fn agrees(&self, taped: &str, patient: bool) {
        // Nobody is told of a hole before anybody spoke: where the tape begins has to be found.
        let first = self.copies.iter().position(|[first, _]| first.is_some());
        let first = first.unwrap_or(0);
        let mut beginnings = if taped.starts_with('[') {
            vec![0]
        } else if patient {
            vec![first]
        } else {
            self.beginnings.iter().copied().collect()
        };
        beginnings.push(first);
        let verdicts: Vec<Result<(), String>> = beginnings
            .iter()
            .map(|at| self.agrees_from(*at, taped, patient))
            .collect();
        assert!(verdicts.iter().any(Result::is_ok), "{verdicts:?}");
    }

    fn agrees_from(&self, mut at: usize, taped: &str, patient: bool) -> Result<(), String> {
        let mut rest = taped;
        while !rest.is_empty() {
            if let Some(hole) = rest.strip_prefix('[') {
                let (length, after) = hole.split_once(']').expect("a hole ends");
                let length: usize = length.parse().expect("a hole has a length");
                let hole = self.copies.get(at..at + length).unwrap_or_default();
                if patient && hole.iter().any(|[first, _]| first.is_some()) {
                    return Err(format!("bytes after {at} arrived and were not heard"));
                }
                at += length;
                rest = after;
                continue;
            }
            let (byte, after) = rest.split_at(2);
            let byte = u8::from_str_radix(byte, 16).expect("the tape is hexadecimal");
            let copies = self.copies.get(at).copied().unwrap_or_default();
            if !copies.contains(&Some(byte)) {
                return Err(format!("{byte:02x} at {at} was never sent"));
            }
            at += 1;
            rest = after;
        }
        let end = self.copies.len();
        if patient && at != end {
            return Err(format!("it was heard to {at}, and said to {end}"));
        }
        Ok(())
    }
}
