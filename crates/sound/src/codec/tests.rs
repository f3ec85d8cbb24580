//! The encoded sounds are 100 ms of [`source`], by encoders that others wrote: ffmpeg 5.1 with its own G.726 and G.722, libgsm and
//! libopus; G.726 at 40 kbit/s by the recommendation's text, because ffmpeg leaves out what it says of that rate alone.

use std::f64::consts::TAU;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::encoding::Packing;

fn source(rate: u32, samples: usize) -> Vec<i16> {
    let tone = |frequency: f64, at: usize| (TAU * frequency * at as f64 / f64::from(rate)).sin();
    (0..samples)
        .map(|at| (8000.0 * tone(500.0, at) + 4000.0 * tone(1200.0, at)).round() as i16)
        .collect()
}

fn encoding(codec: Codec) -> Encoding {
    Encoding {
        codec,
        clock: 8000,
        channels: 1,
    }
}

fn decoded<'a>(codec: Codec, payloads: impl Iterator<Item = &'a [u8]>) -> Vec<i16> {
    let mut decoder = decoder(&encoding(codec)).unwrap();
    let (mut all, mut sound) = (Vec::new(), Vec::new());
    for payload in payloads {
        decoder.decode(payload, &mut sound);
        all.extend_from_slice(&sound);
    }
    all
}

fn correlation(one: &[i16], other: &[i16]) -> f64 {
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        both += a * b;
        first += a * a;
        second += b * b;
    }
    both / (first * second).sqrt()
}

/// How well a sound agrees with the source, but for a delay of at most so many samples and its beginning.
fn likeness(sound: &[i16], rate: u32, delay: usize) -> f64 {
    let source = source(rate, sound.len());
    (0..=delay)
        .map(|delay| {
            correlation(
                &sound[delay + sound.len() / 4..],
                &source[sound.len() / 4..],
            )
        })
        .fold(0.0, f64::max)
}

fn digest(sound: &[i16]) -> String {
    let bytes: Vec<u8> = sound
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn g726_gives_what_was_encoded_at_all_rates_and_in_both_packings() {
    let encoded: [(u8, &[u8], f64); 4] = [
        (2, include_bytes!("fixtures/g726-16.bin"), 0.95),
        (3, include_bytes!("fixtures/g726-24.bin"), 0.99),
        (4, include_bytes!("fixtures/g726-32.bin"), 0.995),
        (5, include_bytes!("fixtures/g726-40.bin"), 0.999),
    ];
    for (bits, low, least) in encoded {
        let payload = usize::from(bits) * 20;
        let codec = |packing| Codec::G726 { bits, packing };
        let sound = decoded(codec(Packing::Low), low.chunks(payload));
        let likeness = likeness(&sound, 8000, 0);
        assert!(likeness > least, "{bits} bits: {likeness}");
        // The same codes, the first in the high bits.
        let codes: Vec<u8> = (0..low.len() * 8 / usize::from(bits))
            .map(|at| {
                let bit = |at: usize| low[at / 8] >> (at % 8) & 1;
                let first = at * usize::from(bits);
                (0..usize::from(bits))
                    .map(|part| bit(first + part) << part)
                    .sum()
            })
            .collect();
        let mut high = vec![0_u8; low.len()];
        for (at, code) in codes.iter().enumerate() {
            for part in 0..usize::from(bits) {
                let place = at * usize::from(bits) + part;
                let bit = code >> (usize::from(bits) - 1 - part) & 1;
                high[place / 8] |= bit << (7 - place % 8);
            }
        }
        assert_eq!(decoded(codec(Packing::High), high.chunks(payload)), sound);
    }
}

#[test]
fn g722_gives_sample_by_sample_what_another_decoder_gives() {
    let sound = decoded(Codec::G722, include_bytes!("fixtures/g722.bin").chunks(160));
    assert_eq!(
        digest(&sound),
        "1126cb80756000bd9de04a52a3c5c6dbf9205c18198bb2e2a33709357fa36e02"
    );
    assert!(likeness(&sound, 16_000, 50) > 0.98);
}

#[test]
fn gsm_gives_sample_by_sample_what_another_decoder_gives() {
    let sound = decoded(Codec::Gsm, include_bytes!("fixtures/gsm.bin").chunks(33));
    assert_eq!(
        digest(&sound),
        "8c8adac4c24644b409e032d9c4c5bd6d17849561574ab8cb27b6a37c04884527"
    );
    assert!(likeness(&sound, 8000, 0) > 0.9);
}

#[test]
fn opus_gives_what_was_encoded() {
    let mut rest: &[u8] = include_bytes!("fixtures/opus.bin");
    let mut payloads = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (payload, after) = after.split_at(usize::from(u16::from_le_bytes(*length)));
        payloads.push(payload);
        rest = after;
    }
    let sound = decoded(Codec::Opus, payloads.into_iter());
    assert!(sound.len() >= 4800);
    let likeness = likeness(&sound[..4800], 48_000, 1000);
    assert!(likeness > 0.9, "{likeness}");
}

#[test]
fn g711_gives_what_was_encoded() {
    let source = source(8000, 800);
    let a_law: Vec<u8> = source
        .iter()
        .map(|&s| audio_codec_algorithms::encode_alaw(s))
        .collect();
    let mu_law: Vec<u8> = source
        .iter()
        .map(|&s| audio_codec_algorithms::encode_ulaw(s))
        .collect();
    for (codec, encoded) in [(Codec::Pcma, a_law), (Codec::Pcmu, mu_law)] {
        let sound = decoded(codec, encoded.chunks(160));
        assert!(correlation(&sound, &source) > 0.999, "{codec:?}");
    }
    // The ends of the scales (G.711 tables 1a and 2a).
    assert_eq!(
        decoded(Codec::Pcma, [&[0xd5, 0x55, 0xaa, 0x2a][..]].into_iter()),
        [8, -8, 32_256, -32_256]
    );
    assert_eq!(
        decoded(Codec::Pcmu, [&[0xff, 0x7f, 0x80, 0x00][..]].into_iter()),
        [0, 0, 32_124, -32_124]
    );
}

#[test]
fn dvi4_begins_where_its_header_says_and_the_high_bits_come_first() {
    let source = source(8000, 800);
    let mut state = audio_codec_algorithms::AdpcmImaState::new();
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    for part in source.chunks(160) {
        let mut payload = state.predictor.to_be_bytes().to_vec();
        payload.extend([state.step_index, 0]);
        for pair in part.chunks(2) {
            let high = audio_codec_algorithms::encode_adpcm_ima(pair[0], &mut state);
            let low = audio_codec_algorithms::encode_adpcm_ima(pair[1], &mut state);
            payload.push(high << 4 | low);
        }
        payloads.push(payload);
    }
    // Every packet stands for itself: where one is lost, the next is heard all the same.
    payloads.remove(1);
    let sound = decoded(Codec::Dvi4, payloads.iter().map(Vec::as_slice));
    assert!(correlation(&sound[160..], &source[320..]) > 0.99);
}

#[test]
fn linear_samples_are_as_they_are_and_two_channels_become_one() {
    let payload = [0x12, 0x34, 0xff, 0xfe, 0x80];
    assert_eq!(
        decoded(Codec::L16, [&payload[..]].into_iter()),
        [0x1234, -2]
    );
    assert_eq!(
        decoded(Codec::L8, [&[128, 0, 255][..]].into_iter()),
        [0, -32_768, 32_512]
    );
    let mut stereo = decoder(&Encoding {
        channels: 2,
        ..encoding(Codec::L16)
    })
    .unwrap();
    let mut sound = Vec::new();
    stereo.decode(&[0, 100, 0, 200, 0, 1], &mut sound);
    assert_eq!(sound, [150]);
}

const ALL: [Codec; 13] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Gsm,
    Codec::Dvi4,
    Codec::L8,
    Codec::L16,
    Codec::Opus,
    Codec::G726 {
        bits: 2,
        packing: Packing::Low,
    },
    Codec::G726 {
        bits: 3,
        packing: Packing::High,
    },
    Codec::G726 {
        bits: 4,
        packing: Packing::Low,
    },
    Codec::G726 {
        bits: 5,
        packing: Packing::High,
    },
    Codec::G726 {
        bits: 5,
        packing: Packing::Low,
    },
];

#[test]
fn the_longest_packet_gives_a_bounded_sound() {
    for codec in ALL {
        let mut decoder = decoder(&encoding(codec)).unwrap();
        let mut sound = Vec::new();
        for byte in [0, 0x55, 0xd3, 0xff] {
            decoder.decode(&[byte; 65_535], &mut sound);
            assert!(sound.len() <= 48_000, "{codec:?}: {} samples", sound.len());
            decoder.decode(&[], &mut sound);
            assert!(sound.is_empty(), "{codec:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn nothing_panics_whatever_comes(
        codec in 0..ALL.len(),
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..20),
    ) {
        let mut decoder = decoder(&encoding(ALL[codec])).unwrap();
        let mut sound = Vec::new();
        for mut payload in payloads {
            if ALL[codec] == Codec::Gsm && let Some(first) = payload.first_mut() {
                *first |= 0xd0;
            }
            decoder.decode(&payload, &mut sound);
            prop_assert!(sound.len() <= 48_000);
        }
    }
}
