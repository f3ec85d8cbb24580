//! Two copies of the same bytes that differ: both readings, and the frames that contradict each other.

use overheard_ledger::{Hint, HintBody, MAX_EVIDENCE, Masked, Reveal, SERVER, Time};

use crate::hearing::Moment;

/// The rule that holds where copies differ.
const RULE: &str = "conflicting-copies";

/// Bytes of a reading that are kept, from the first that differs.
const EXCERPT: usize = 48;

/// One copy of some bytes of a stream or a datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    /// Offset of the first byte.
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
    /// The first and the last of the frames that brought them.
    pub(crate) first: Moment,
    pub(crate) last: u64,
}

impl<'a> Reading<'a> {
    /// The reading of one frame.
    pub(crate) fn new(offset: u64, bytes: &'a [u8], moment: Moment) -> Reading<'a> {
        Reading {
            offset,
            bytes,
            first: moment,
            last: moment.frame,
        }
    }

    /// The bytes from an offset on, that is not before the first.
    fn from(&self, offset: u64) -> &'a [u8] {
        usize::try_from(offset - self.offset)
            .ok()
            .and_then(|skip| self.bytes.get(skip..))
            .unwrap_or_default()
    }
}

/// A copy as it is told: its frames, and the beginning of what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    frames: (u64, u64),
    excerpt: Vec<u8>,
}

impl Told {
    fn sentence(&self, reveal: Reveal) -> String {
        let (first, last) = self.frames;
        let frames = if first == last {
            format!("frame {first} says")
        } else {
            format!("frames {first} to {last} say")
        };
        let readable = self.excerpt.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let text = if readable {
            String::from_utf8_lossy(&self.excerpt).into_owned()
        } else {
            let digits = self.excerpt.iter().map(|byte| format!("{byte:02x}"));
            format!("0x{}", digits.collect::<String>())
        };
        format!("{frames} \"{}\"", Masked::new(&text, reveal))
    }
}

/// A contradiction: both readings.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Conflict {
    one: Told,
    other: Told,
    time: Time,
    /// Evidence: frames of this contradiction and of others, ascending.
    frames: Vec<u64>,
}

/// The contradictions of one conversation or datagram: the first with both readings, of the others the
/// frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conflicts {
    /// Bytes in which copies differed.
    pub(crate) bytes: u64,
    first: Option<Box<Conflict>>,
}

/// Bytes in which two readings differ where they overlap, and the offset of the first of them.
fn differing(one: &Reading<'_>, other: &Reading<'_>) -> Option<(u64, u64)> {
    let start = one.offset.max(other.offset);
    let (left, right) = (one.from(start), other.from(start));
    let both = left.len().min(right.len());
    // Nearly always they are equal, and that is told fastest.
    if left.get(..both) == right.get(..both) {
        return None;
    }
    let mut differs = left
        .iter()
        .zip(right)
        .enumerate()
        .filter(|(_, (a, b))| a != b);
    let (first, _) = differs.next()?;
    Some((1 + differs.count() as u64, start + first as u64))
}

impl Conflict {
    /// Of two readings that differ from an offset on.
    fn new(one: &Reading<'_>, other: &Reading<'_>, from: u64) -> Conflict {
        // No further than both say something.
        let both = one.from(from).len().min(other.from(from).len());
        let told = |reading: &Reading<'_>| Told {
            frames: (reading.first.frame, reading.last),
            excerpt: reading
                .from(from)
                .get(..both.min(EXCERPT))
                .unwrap_or_default()
                .to_vec(),
        };
        Conflict {
            one: told(one),
            other: told(other),
            time: one.first.time.min(other.first.time),
            frames: Vec::new(),
        }
    }

    fn prove(&mut self, frames: &[u64]) {
        if self.frames.len() < MAX_EVIDENCE {
            self.frames.extend(frames);
            self.frames.sort_unstable();
            self.frames.dedup();
            self.frames.truncate(MAX_EVIDENCE);
        }
    }
}

impl Conflicts {
    /// Books what differs in two copies of the same bytes.
    pub(crate) fn compare(&mut self, one: &Reading<'_>, other: &Reading<'_>) {
        if let Some((bytes, from)) = differing(one, other) {
            self.bytes += bytes;
            self.first
                .get_or_insert_with(|| Box::new(Conflict::new(one, other, from)))
                .prove(&[one.first.frame, one.last, other.first.frame, other.last]);
        }
    }

    /// Adds what a datagram of the conversation contradicted itself in.
    pub(crate) fn join(&mut self, other: &Conflicts) {
        self.bytes += other.bytes;
        match (&mut self.first, &other.first) {
            (Some(first), Some(other)) => first.prove(&other.frames),
            (first @ None, other) => first.clone_from(other),
            (Some(_), None) => {}
        }
    }

    /// What `judge` is told of them.
    pub(crate) fn hint(&self, conversation: u64, reveal: Reveal) -> Option<Hint> {
        let first = self.first.as_ref()?;
        let bytes = self.bytes;
        let plural = if bytes == 1 { "byte" } else { "bytes" };
        Some(Hint {
            conversation,
            frames: first.frames.clone().into(),
            time: first.time,
            body: HintBody::Observed {
                rule: RULE,
                learns: format!(
                    "In a conversation with {SERVER} {bytes} {plural} came twice with different contents: {}, but {}; \
                     a tap cannot know which copy was believed, and read the first",
                    first.one.sentence(reveal),
                    first.other.sentence(reveal),
                ),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(offset: u64, bytes: &[u8], frame: u64) -> Reading<'_> {
        let time = Time(frame);
        Reading::new(offset, bytes, Moment { frame, time })
    }

    #[test]
    fn only_what_both_say_is_compared() {
        let one = reading(10, b"abcdef", 1);
        assert_eq!(differing(&one, &reading(12, b"cdefgh", 2)), None);
        assert_eq!(differing(&one, &reading(8, b"xxaBcD", 2)), Some((2, 11)));
        assert_eq!(differing(&one, &reading(16, b"x", 2)), None);
        assert_eq!(differing(&one, &reading(0, b"x", 2)), None);
    }

    #[test]
    fn both_readings_are_told_and_masked() {
        let one = reading(0, b"PASS correct", 4);
        let mut other = reading(0, b"PASS wrong\0\0", 9);
        other.last = 11;
        let mut conflicts = Conflicts::default();
        conflicts.compare(&one, &other);
        let told = |reveal| match conflicts.hint(3, reveal).unwrap().body {
            HintBody::Observed { learns, .. } => learns,
            body => panic!("{body:?}"),
        };
        let masked = told(Reveal::No);
        assert!(masked.contains("7 bytes"), "{masked}");
        assert!(
            masked.contains("frame 4 says \"co… (7 characters)\""),
            "{masked}"
        );
        assert!(
            masked.contains("frames 9 to 11 say \"0x… (16 characters)\""),
            "{masked}"
        );
        let open = told(Reveal::Yes);
        assert!(
            open.contains("\"correct\"") && open.contains("\"0x77726f6e670000\""),
            "{open}"
        );
        assert_eq!(conflicts.hint(3, Reveal::No).unwrap().frames, [4, 9, 11]);
    }
}
