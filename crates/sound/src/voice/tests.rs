use std::f32::consts::TAU;

use super::*;

fn heard(thorough: bool, sound: &[i16]) -> f64 {
    let mut voices = Voices::new(thorough);
    for part in sound.chunks(320) {
        voices.inlet().extend_from_slice(part);
        voices.listen();
        assert!(voices.frame.len() < FRAME);
    }
    voices.seconds()
}

/// Something like vowels: a buzz with two formants, in syllables of 200 ms with pauses of 100 ms.
fn babble(seconds: usize) -> Vec<i16> {
    let rate = RATE as f32;
    let mut state = [0.0_f32; 4];
    (0..seconds * RATE as usize)
        .map(|at| {
            let time = at as f32 / rate;
            let pitch = 120.0 + 15.0 * (TAU * 3.0 * time).sin();
            let pulse = if (time * pitch).fract() < pitch / rate {
                1.0
            } else {
                0.0
            };
            let syllable = (time * 1000.0) as usize % 300;
            let loud = if syllable < 200 { 1.0 } else { 0.0 };
            // Two resonators.
            let mut value = pulse * loud * 3000.0;
            for (part, formant) in state
                .chunks_mut(2)
                .zip([650.0, 1400.0 + 400.0 * (TAU * 2.0 * time).sin()])
            {
                let next =
                    value + 2.0 * 0.97 * (TAU * formant / rate).cos() * part[0] - 0.94 * part[1];
                part[1] = part[0];
                part[0] = next;
                value = next * 0.3;
            }
            (value * 3.0).clamp(-20_000.0, 20_000.0) as i16
        })
        .collect()
}

#[test]
fn syllables_are_heard_and_what_is_steady_is_not() {
    let thorough = heard(true, &babble(20));
    assert!((7.0..16.0).contains(&thorough), "{thorough} s of 13");
    let sparse = heard(false, &babble(20));
    assert!(
        (sparse - thorough).abs() < 3.0,
        "{sparse} s, not {thorough}"
    );
    let mut state = 1_u32;
    let noise: Vec<i16> = (0..20 * RATE)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16 / 8
        })
        .collect();
    for thorough in [true, false] {
        assert!(heard(thorough, &noise) < 0.5);
        assert_eq!(heard(thorough, &[0; 100_000]), 0.0);
        assert_eq!(heard(thorough, &[]), 0.0);
    }
}
