use std::f64::consts::TAU;

use super::*;

fn tone(rate: u32, frequency: f64, samples: usize) -> Vec<i16> {
    let sample = |at: usize| (TAU * frequency * at as f64 / f64::from(rate)).sin() * 10_000.0;
    (0..samples).map(|at| sample(at).round() as i16).collect()
}

fn resampled(from: u32, to: u32, samples: &[i16], at_once: usize) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to);
    let mut out = Vec::new();
    for part in samples.chunks(at_once) {
        resampler.hear(part, &mut out);
    }
    resampler.finish(&mut out);
    out
}

#[test]
fn a_tone_stays_what_and_where_it_is() {
    for (from, to) in [
        (8000, 16_000),
        (8000, 48_000),
        (16_000, 48_000),
        (11_025, 16_000),
        (44_100, 48_000),
        (48_000, 8000),
        (16_000, 8000),
    ] {
        let seconds_half = from as usize / 2;
        let out = resampled(from, to, &tone(from, 1000.0, seconds_half), 160);
        assert_eq!(
            out.len(),
            seconds_half * to as usize / from as usize,
            "{from} {to}"
        );
        let expected = tone(to, 1000.0, out.len());
        let middle = out.len() / 8..out.len() * 7 / 8;
        let worst = out[middle.clone()]
            .iter()
            .zip(&expected[middle])
            .map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs())
            .max();
        assert!(worst.unwrap() < 200, "{from} {to}: {worst:?}");
    }
}

#[test]
fn what_the_slower_rate_cannot_hold_is_gone() {
    let out = resampled(48_000, 8000, &tone(48_000, 6000.0, 24_000), 960);
    let loudest = out[100..out.len() - 100]
        .iter()
        .map(|s| s.unsigned_abs())
        .max();
    assert!(loudest.unwrap() < 200, "{loudest:?}");
}

#[test]
fn it_does_not_matter_how_samples_are_cut_nor_what_came_before() {
    let sound = tone(8000, 700.0, 1000);
    let whole = resampled(8000, 48_000, &sound, 1000);
    assert_eq!(resampled(8000, 48_000, &sound, 7), whole);
    let mut resampler = Resampler::new(8000, 48_000);
    let mut before = Vec::new();
    resampler.hear(&tone(8000, 300.0, 555), &mut before);
    resampler.finish(&mut before);
    let mut out = Vec::new();
    resampler.hear(&sound, &mut out);
    resampler.finish(&mut out);
    assert_eq!(out, whole);
}

#[test]
fn odd_rates_are_bounded() {
    for (from, to) in [
        (1, 48_000),
        (191_999, 8000),
        (7919, 48_000),
        (0, 0),
        (u32::MAX, 1),
    ] {
        let resampler = Resampler::new(from, to);
        assert!(resampler.phases.len() <= MAX_PHASES as usize);
        assert!(
            resampler.recent.len() <= 4 * REACH * 64,
            "twice what a phase spans"
        );
        let out = resampled(from, to, &[1000; 50], 50);
        assert!(out.len() <= 50 * 48_000);
    }
}
