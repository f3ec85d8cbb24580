//! Keys heard as tones (ITU-T Q.23, Q.24): two frequencies at once, and nothing else.

use std::f32::consts::TAU;

use overheard_ledger::Time;

use crate::events::{Digit, MAX_DIGITS};

/// Samples a second that it listens to.
pub(crate) const RATE: u32 = 8000;
/// Samples that are looked at together, and by how many the look moves on.
const BLOCK: usize = 102;
const HOP: usize = 51;
const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];
/// Looks in a row that must find the same key: 32 ms of its tones.
const HITS: u32 = 4;
/// Looks in a row that find none before the same key may be pressed again.
const MISSES: u32 = 3;
/// The least power of a sample: 44 dB below full scale.
const LEAST: f32 = 40_000.0;
/// The part of all power that both tones must have: in a voice, the rest is more.
const PART: f32 = 0.75;
/// How much stronger a tone must be than others of its group: 8 dB.
const ABOVE: f32 = 6.3;
/// How much stronger the low tone may be than the high one, and the other way (Q.24: 8 and 4 dB).
const TWIST: f32 = 6.3;
const REVERSE_TWIST: f32 = 2.5;
/// A gap of less is what the network lost, and a tone goes on behind it.
const LOST: u64 = 80_000_000;

/// Listens for keys.
pub(crate) struct Tones {
    pub(crate) digits: Vec<Digit>,
    rows: [f32; 4],
    columns: [f32; 4],
    /// Samples that are not looked at yet.
    block: Vec<i16>,
    /// When the first of them was said.
    time: Time,
    /// The key that the last looks found, and how many of them.
    candidate: Option<char>,
    hits: u32,
    /// The key that is pressed, and the looks since that did not find it.
    pressed: Option<char>,
    misses: u32,
}

impl Default for Tones {
    fn default() -> Tones {
        let coefficient = |frequency: f32| 2.0 * (TAU * frequency / RATE as f32).cos();
        Tones {
            digits: Vec::new(),
            rows: ROWS.map(coefficient),
            columns: COLUMNS.map(coefficient),
            block: Vec::new(),
            time: Time::default(),
            candidate: None,
            hits: 0,
            pressed: None,
            misses: 0,
        }
    }
}

/// The strongest tone of a group and its power, where it stands out.
fn strongest(coefficients: &[f32; 4], block: &[i16]) -> Option<(usize, f32)> {
    let powers = powers(coefficients, block);
    let (at, best) = powers
        .iter()
        .copied()
        .enumerate()
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    let stands_out = powers
        .iter()
        .enumerate()
        .all(|(other, power)| other == at || power * ABOVE < best);
    stands_out.then_some((at, best))
}

/// The power of each frequency of a group, a sample (Goertzel); side by side, so that the processor can.
fn powers(coefficients: &[f32; 4], block: &[i16]) -> [f32; 4] {
    let (mut last, mut before) = ([0.0_f32; 4], [0.0_f32; 4]);
    for &sample in block {
        let sample = f32::from(sample);
        for ((last, before), coefficient) in last.iter_mut().zip(&mut before).zip(coefficients) {
            let next = sample + coefficient * *last - *before;
            *before = *last;
            *last = next;
        }
    }
    let count = block.len() as f32;
    let mut powers = [0.0; 4];
    let states = last.iter().zip(&before).zip(coefficients);
    for (power, ((last, before), coefficient)) in powers.iter_mut().zip(states) {
        let all = last * last + before * before - coefficient * last * before;
        *power = 2.0 * all / (count * count);
    }
    powers
}

impl Tones {
    /// Hears samples that begin at a time; `follows` says that they follow those before without a break.
    pub(crate) fn hear(&mut self, start: Time, follows: bool, samples: &[i16]) {
        if !follows {
            if start.since(self.now()) > LOST {
                self.block.clear();
                for _ in 0..MISSES {
                    self.found(None);
                }
            }
            self.time = Time(start.0.saturating_sub(duration(self.block.len())));
        }
        let mut samples = samples;
        while !samples.is_empty() {
            let missing = BLOCK.saturating_sub(self.block.len());
            let (these, rest) = samples.split_at(missing.min(samples.len()));
            self.block.extend_from_slice(these);
            samples = rest;
            if self.block.len() >= BLOCK {
                let key = self.look();
                self.found(key);
                self.block.drain(..HOP);
                self.time = Time(self.time.0 + duration(HOP));
            }
        }
    }

    /// When the next sample is said.
    fn now(&self) -> Time {
        Time(self.time.0.saturating_add(duration(self.block.len())))
    }

    /// The key whose tones are in the block.
    fn look(&self) -> Option<char> {
        let energy: f32 = self
            .block
            .iter()
            .map(|&sample| f32::from(sample).powi(2))
            .sum();
        let all = energy / self.block.len() as f32;
        if all < LEAST {
            return None;
        }
        let (row, low) = strongest(&self.rows, &self.block)?;
        let (column, high) = strongest(&self.columns, &self.block)?;
        let twisted = high * TWIST < low || low * REVERSE_TWIST < high;
        if twisted || low + high < PART * all {
            return None;
        }
        KEYS.get(row)?.get(column).copied()
    }

    /// Follows what the looks find.
    fn found(&mut self, key: Option<char>) {
        if key != self.candidate {
            self.candidate = key;
            self.hits = 0;
        }
        self.hits += 1;
        let end = self.now();
        if self.pressed.is_some() && key == self.pressed {
            self.misses = 0;
            if let Some(digit) = self.digits.last_mut() {
                digit.end = end;
            }
            return;
        }
        self.misses += 1;
        if self.misses >= MISSES {
            self.pressed = None;
        }
        if let Some(key) = key
            && self.hits >= HITS
            && self.digits.len() < MAX_DIGITS
        {
            let length = duration(BLOCK + HOP * (HITS - 1) as usize);
            let start = Time(end.0.saturating_sub(length));
            self.digits.push(Digit { start, end, key });
            self.pressed = Some(key);
            self.misses = 0;
        }
    }
}

/// Nanoseconds of so many samples.
fn duration(samples: usize) -> u64 {
    samples as u64 * (1_000_000_000 / u64::from(RATE))
}

/// What was pressed, by events and by tones: tones that an event tells of as well are counted once.
pub(crate) fn pressed(events: &[Digit], tones: &[Digit]) -> String {
    const NEAR: u64 = 300_000_000;
    let told = |tone: &&Digit| {
        events.iter().any(|event| {
            event.key == tone.key
                && event.start.since(tone.end) <= NEAR
                && tone.start.since(event.end) <= NEAR
        })
    };
    let mut all: Vec<&Digit> = events.iter().collect();
    all.extend(tones.iter().filter(|tone| !told(tone)));
    all.sort_by_key(|digit| digit.start);
    all.iter().take(MAX_DIGITS).map(|digit| digit.key).collect()
}

#[cfg(test)]
mod tests;
