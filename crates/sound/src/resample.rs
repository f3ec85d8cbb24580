//! From one rate of samples to another: a filter in as many phases as the rates need.

use std::f32::consts::PI;

/// Samples of the slower rate that the filter spans on each side of a sample.
const REACH: usize = 12;
/// The most phases; rates that need more get the nearest.
const MAX_PHASES: u32 = 640;
/// Products that are added up side by side, so that the processor can: the order is always the same.
const LANES: usize = 8;
/// The highest rate.
const MAX_RATE: u32 = 192_000;

/// Changes the rate of samples that come one behind the other.
pub(crate) struct Resampler {
    from: u32,
    to: u32,
    /// Coefficients by phase: a multiple of [`LANES`] of them, or none where the sample in the middle is meant as it is.
    phases: Vec<Vec<f32>>,
    /// The last samples, as many as a phase has coefficients, twice: behind whichever is the oldest, all lie in order.
    recent: Vec<f32>,
    /// Samples in, and out, since the beginning.
    heard: u64,
    given: u64,
}

fn divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

impl Resampler {
    /// From so many samples a second to so many.
    pub(crate) fn new(from: u32, to: u32) -> Resampler {
        let (from, to) = (from.clamp(1, MAX_RATE), to.clamp(1, MAX_RATE));
        let common = divisor(from, to).max(1);
        let (from, to) = (from / common, to / common);
        let mut phases = Vec::new();
        let mut half = 0;
        if from != to {
            // Slower than both: nothing above half of the slower rate may pass.
            let cutoff = (to as f32 / from as f32).min(1.0);
            half = ((REACH as f32 / cutoff).ceil() as usize)
                .min(REACH * 64)
                .next_multiple_of(LANES / 2);
            let count = to.min(MAX_PHASES);
            phases = (0..count)
                .map(|phase| match phase {
                    0 if to > from => Vec::new(),
                    _ => coefficients(phase as f32 / count as f32, half, cutoff),
                })
                .collect();
        }
        Resampler {
            from,
            to,
            phases,
            recent: vec![0.0; 4 * half],
            heard: 0,
            given: 0,
        }
    }

    /// Hears samples, and adds what they give to `out`.
    pub(crate) fn hear(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        if self.phases.is_empty() {
            out.extend_from_slice(samples);
            return;
        }
        for &sample in samples {
            self.push(f32::from(sample));
            self.give(self.due(self.heard), out);
        }
    }

    /// Gives what is still to come of what was heard, and begins anew.
    pub(crate) fn finish(&mut self, out: &mut Vec<i16>) {
        let total = self.heard * u64::from(self.to) / u64::from(self.from);
        while !self.phases.is_empty() && self.given < total {
            self.push(0.0);
            self.give(self.due(self.heard).min(total), out);
        }
        self.recent.fill(0.0);
        (self.heard, self.given) = (0, 0);
    }

    fn push(&mut self, sample: f32) {
        let length = self.recent.len() / 2;
        let (one, other) = self.recent.split_at_mut(length);
        let length = length.max(1) as u64;
        let place = usize::try_from(self.heard % length).unwrap_or(0);
        for half in [one, other] {
            if let Some(place) = half.get_mut(place) {
                *place = sample;
            }
        }
        self.heard += 1;
    }

    /// How many samples can be given when so many were heard: those whose time has half a filter of them behind it.
    fn due(&self, heard: u64) -> u64 {
        let half = (self.recent.len() / 4) as u64;
        (heard.saturating_sub(half) * u64::from(self.to)).div_ceil(u64::from(self.from))
    }

    fn give(&mut self, until: u64, out: &mut Vec<i16>) {
        let length = self.recent.len() / 2;
        let oldest = usize::try_from(self.heard % length.max(1) as u64).unwrap_or(0);
        let samples = self.recent.get(oldest..oldest + length).unwrap_or_default();
        let middle = samples
            .get((length / 2).saturating_sub(1))
            .copied()
            .unwrap_or(0.0);
        while self.given < until {
            let (from, to) = (u64::from(self.from), u64::from(self.to));
            let time = self.given * from;
            // How far behind the newest sample the filter ends; 0 except where several samples are due at once.
            let phase = (time % to) * self.phases.len() as u64 / to;
            let phase = usize::try_from(phase)
                .ok()
                .and_then(|at| self.phases.get(at));
            let sum = match phase {
                Some(phase) if !phase.is_empty() => product(samples, phase),
                _ => middle,
            };
            // To the nearest: `as` is quicker than rounding, and goes down where nothing is below zero.
            let above = (sum + 32_768.5).clamp(0.0, 65_535.0) as i32;
            out.push(i16::try_from(above - 32_768).unwrap_or(0));
            self.given += 1;
        }
    }
}

/// The sum of the products, as many at a time as the processor multiplies.
fn product(samples: &[f32], coefficients: &[f32]) -> f32 {
    let (samples, _) = samples.as_chunks::<LANES>();
    let (coefficients, _) = coefficients.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (samples, coefficients) in samples.iter().zip(coefficients) {
        for ((sum, sample), coefficient) in sums.iter_mut().zip(samples).zip(coefficients) {
            *sum += sample * coefficient;
        }
    }
    sums.iter().sum()
}

/// The filter for a sample that lies a fraction behind the one in the middle: `2 * half` coefficients, for the oldest sample first.
fn coefficients(fraction: f32, half: usize, cutoff: f32) -> Vec<f32> {
    let mut all: Vec<f32> = (0..2 * half)
        .map(|at| {
            // In samples from the one that is made.
            let distance = at as f32 - (half as f32 - 1.0) - fraction;
            let angle = PI * distance * cutoff;
            let sinc = if angle.abs() < 1e-6 {
                1.0
            } else {
                angle.sin() / angle
            };
            // The window of Hann.
            let window = 0.5 + 0.5 * (PI * distance / half as f32).cos();
            let inside = distance.abs() < half as f32;
            if inside { sinc * window } else { 0.0 }
        })
        .collect();
    // No phase is louder than another.
    let sum: f32 = all.iter().sum();
    for coefficient in &mut all {
        *coefficient /= sum;
    }
    all
}

#[cfg(test)]
mod tests;
