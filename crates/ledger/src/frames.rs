//! Frame numbers that prove something.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::MAX_EVIDENCE;

/// Frame numbers as Wireshark shows them (the first is 1). Nearly always it is one: that one takes no memory of
/// its own.
#[derive(Clone)]
pub struct Frames(Kept);

#[derive(Clone)]
enum Kept {
    One(u64),
    /// None, or any number of them.
    More(Vec<u64>),
}

impl Frames {
    /// One frame.
    pub fn one(frame: u64) -> Frames {
        Frames(Kept::One(frame))
    }

    /// The numbers.
    pub fn as_slice(&self) -> &[u64] {
        match &self.0 {
            Kept::One(frame) => std::slice::from_ref(frame),
            Kept::More(frames) => frames,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Adds frames; what is kept is ascending, each once, the first [`MAX_EVIDENCE`].
    pub fn join(&mut self, other: &[u64]) {
        if self.as_slice() == other && other.len() <= 1 {
            return;
        }
        self.extend(other);
        self.sort_unstable();
        self.dedup();
        self.truncate(MAX_EVIDENCE);
    }

    /// Puts frames behind those that are there.
    pub fn extend(&mut self, other: &[u64]) {
        if let ([], [frame]) = (self.as_slice(), other) {
            *self = Frames::one(*frame);
            return;
        }
        self.change(|frames| frames.extend_from_slice(other));
    }

    /// Leaves one of equal neighbours.
    pub fn dedup(&mut self) {
        self.change(Vec::dedup);
    }

    /// Leaves the first `most`.
    pub fn truncate(&mut self, most: usize) {
        self.change(|frames| frames.truncate(most));
    }

    /// Leaves none.
    pub fn clear(&mut self) {
        self.0 = Kept::More(Vec::new());
    }

    /// Memory that they take beyond their own size, in bytes.
    pub(crate) fn outside(&self) -> usize {
        match &self.0 {
            Kept::One(_) => 0,
            Kept::More(frames) => size_of_val(frames.as_slice()),
        }
    }

    /// Changes them as a row of any length.
    fn change(&mut self, change: impl FnOnce(&mut Vec<u64>)) {
        match &mut self.0 {
            Kept::More(frames) => change(frames),
            Kept::One(frame) => {
                let mut frames = vec![*frame];
                change(&mut frames);
                *self = Frames::from(frames);
            }
        }
    }
}

impl Default for Frames {
    fn default() -> Frames {
        Frames(Kept::More(Vec::new()))
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl Deref for Frames {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        self.as_slice()
    }
}

impl DerefMut for Frames {
    fn deref_mut(&mut self) -> &mut [u64] {
        match &mut self.0 {
            Kept::One(frame) => std::slice::from_mut(frame),
            Kept::More(frames) => frames,
        }
    }
}

impl From<Vec<u64>> for Frames {
    fn from(frames: Vec<u64>) -> Frames {
        match frames.as_slice() {
            [frame] => Frames::one(*frame),
            _ => Frames(Kept::More(frames)),
        }
    }
}

impl<'a> IntoIterator for &'a Frames {
    type Item = &'a u64;
    type IntoIter = std::slice::Iter<'a, u64>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

impl PartialEq for Frames {
    fn eq(&self, other: &Frames) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Frames {}

impl PartialOrd for Frames {
    fn partial_cmp(&self, other: &Frames) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Frames {
    fn cmp(&self, other: &Frames) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl PartialEq<Vec<u64>> for Frames {
    fn eq(&self, other: &Vec<u64>) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<const COUNT: usize> PartialEq<[u64; COUNT]> for Frames {
    fn eq(&self, other: &[u64; COUNT]) -> bool {
        self.as_slice() == other
    }
}

impl Serialize for Frames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_slice().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Frames, D::Error> {
        Vec::deserialize(deserializer).map(Frames::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_takes_no_memory_of_its_own() {
        assert_eq!(size_of::<Frames>(), size_of::<Vec<u64>>());
        assert_eq!(Frames::one(7).outside(), 0);
        assert_eq!(Frames::from(vec![7]).outside(), 0);
        assert_eq!(Frames::from(vec![7, 8]).outside(), 16);
    }

    #[test]
    fn joined_frames_are_ascending_and_each_once() {
        let mut frames = Frames::one(9);
        frames.join(&[9]);
        assert_eq!(frames, [9]);
        frames.join(&[3, 9]);
        assert_eq!(frames, [3, 9]);
        frames.join(&(10..40).collect::<Vec<_>>());
        assert_eq!(frames.len(), MAX_EVIDENCE);
        assert_eq!(frames.first(), Some(&3));
        frames.clear();
        assert!(frames.is_empty() && frames == Frames::default());
    }

    #[test]
    fn they_are_written_as_numbers() {
        for numbers in [vec![], vec![5], vec![5, 6]] {
            let text = serde_json::to_string(&Frames::from(numbers.clone())).unwrap();
            assert_eq!(text, serde_json::to_string(&numbers).unwrap());
            assert_eq!(serde_json::from_str::<Frames>(&text).unwrap(), numbers);
        }
    }
}
