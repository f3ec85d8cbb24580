use super::*;

/// So many milliseconds of two tones, one louder than the other by so many decibels.
fn tones(low: f32, high: f32, milliseconds: usize, level: f32, twist: f32) -> Vec<i16> {
    let high_level = level * 10_f32.powf(twist / 20.0);
    (0..milliseconds * 8)
        .map(|at| {
            let time = at as f32 / RATE as f32;
            (level * (TAU * low * time).sin() + high_level * (TAU * high * time).sin()) as i16
        })
        .collect()
}

fn silence(milliseconds: usize) -> Vec<i16> {
    vec![0; milliseconds * 8]
}

/// Noise that is the same every time.
fn noise(samples: usize, level: i32) -> Vec<i16> {
    let mut state = 12_345_u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) as i32 % (2 * level + 1) - level) as i16
        })
        .collect()
}

fn keys(sound: &[i16]) -> String {
    let mut tones = Tones::default();
    for (number, part) in sound.chunks(160).enumerate() {
        tones.hear(Time(number as u64 * 20_000_000), number > 0, part);
    }
    tones.digits.iter().map(|digit| digit.key).collect()
}

#[test]
fn every_key_is_heard_once() {
    let mut sound = silence(100);
    for low in ROWS {
        for high in COLUMNS {
            sound.extend(tones(low, high, 70, 4000.0, 0.0));
            sound.extend(silence(60));
        }
    }
    assert_eq!(keys(&sound), "123A456B789C*0#D");
}

#[test]
fn the_same_key_twice_is_heard_twice_and_one_that_is_held_once() {
    let pressed = tones(ROWS[0], COLUMNS[0], 60, 3000.0, 0.0);
    let sound = [
        pressed.clone(),
        silence(45),
        pressed,
        silence(45),
        tones(ROWS[2], COLUMNS[1], 3000, 3000.0, 0.0),
    ]
    .concat();
    assert_eq!(keys(&sound), "118");
}

#[test]
fn tones_may_be_quiet_twisted_off_by_a_percent_and_in_noise() {
    for (offset, level, twist) in [
        (1.012, 500.0, -6.0),
        (0.988, 10_000.0, 3.0),
        (1.0, 400.0, 0.0),
    ] {
        let pressed = tones(ROWS[1] * offset, COLUMNS[2] * offset, 80, level, twist);
        let mut sound = [silence(50), pressed, silence(50)].concat();
        for (sample, noise) in sound.iter_mut().zip(noise(100_000, level as i32 / 10)) {
            *sample += noise;
        }
        assert_eq!(keys(&sound), "6", "{offset} {level} {twist}");
    }
}

#[test]
fn what_is_no_key_is_none() {
    let short = [tones(ROWS[0], COLUMNS[0], 20, 4000.0, 0.0), silence(100)].concat();
    assert_eq!(keys(&short), "");
    // One tone alone, tones that are too far off, a dial tone, noise.
    assert_eq!(keys(&tones(ROWS[0], 0.0, 500, 4000.0, 0.0)), "");
    assert_eq!(
        keys(&tones(ROWS[0] * 1.06, COLUMNS[0] * 1.06, 500, 4000.0, 0.0)),
        ""
    );
    assert_eq!(keys(&tones(350.0, 440.0, 500, 4000.0, 0.0)), "");
    assert_eq!(keys(&noise(80_000, 8000)), "");
    // A third tone as loud.
    let mut three = tones(ROWS[0], COLUMNS[0], 500, 4000.0, 0.0);
    for (sample, other) in three.iter_mut().zip(tones(1050.0, 0.0, 500, 4000.0, 0.0)) {
        *sample += other;
    }
    assert_eq!(keys(&three), "");
}

#[test]
fn a_packet_lost_in_the_middle_of_a_tone_makes_no_second_key() {
    let sound = tones(ROWS[0], COLUMNS[0], 200, 4000.0, 0.0);
    let mut tones = Tones::default();
    for (number, part) in sound.chunks(160).enumerate() {
        if number != 5 {
            let follows = number > 0 && number != 6;
            tones.hear(Time(number as u64 * 20_000_000), follows, part);
        }
    }
    assert_eq!(tones.digits.len(), 1);
}

#[test]
fn what_an_event_tells_of_as_well_is_counted_once() {
    let digit = |start: u64, key| Digit {
        start: Time(start * 1_000_000),
        end: Time((start + 100) * 1_000_000),
        key,
    };
    let events = [digit(1000, '1'), digit(2000, '2')];
    let tones = [
        digit(980, '1'),
        digit(1500, '1'),
        digit(2150, '2'),
        digit(2000, '3'),
    ];
    assert_eq!(pressed(&events, &tones), "1123");
    assert_eq!(pressed(&[], &tones), "1132");
}
