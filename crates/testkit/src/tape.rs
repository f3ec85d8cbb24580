//! A protocol that writes down exactly what it is lent.

use overheard_ledger::{Exposure, Object};
use overheard_tap::{Analyzer, Chunk, Notes, Over, Probe, Protocol, Sample, Side, Step};

fn something(sample: &Sample<'_>) -> Probe {
    if sample.first().is_empty() {
        Probe::More
    } else {
        Probe::Sure
    }
}

/// Takes everything, and writes one object a side when that side ends: its name is what was heard, bytes
/// as hexadecimal, holes as `[3]`.
pub static TAPE: Protocol = Protocol {
    name: "tape",
    title: "Tape recorder",
    over: &[Over::Stream, Over::Datagram],
    ports: &[],
    standard: "none",
    exposure: Exposure::Open,
    probe: something,
    begin: |_| Box::<Tape>::default(),
    rules: &[],
};

#[derive(Default)]
struct Tape {
    said: [String; 2],
    bytes: [u64; 2],
    ends: [u32; 2],
}

/// Bytes as [`TAPE`] writes them.
pub fn as_taped(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('?');
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

impl Analyzer for Tape {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let index = side.index();
        match chunk {
            Chunk::Bytes(bytes) => {
                self.said[index] += &as_taped(bytes);
                self.bytes[index] += bytes.len() as u64;
                Step::Took(bytes.len())
            }
            Chunk::Gap(bytes) => {
                self.said[index] += &format!("[{bytes}]");
                Step::Took(0)
            }
            Chunk::End => {
                self.ends[index] += 1;
                assert_eq!(self.ends[index], 1, "a side ends once");
                notes.add(Object {
                    protocol: format!("tape {side:?}"),
                    name: Some(std::mem::take(&mut self.said[index])),
                    media_type: None,
                    bytes: self.bytes[index],
                    sha256: None,
                    complete: true,
                });
                Step::Took(0)
            }
        }
    }
}
