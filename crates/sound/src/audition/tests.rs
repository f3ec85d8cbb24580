use std::f64::consts::TAU;

use super::*;

fn header(number: u16, timestamp: u32, payload_type: u8) -> Header {
    Header {
        marker: false,
        payload_type,
        sequence: number,
        timestamp,
        ssrc: 1,
        has_padding: false,
        bytes: 12,
    }
}

fn audition(payload_type: u8, step: u32, payloads: impl Iterator<Item = Vec<u8>>) -> Audition {
    let packets = payloads.enumerate().map(|(at, payload)| {
        let number = u16::try_from(at).unwrap();
        (
            header(number, u32::from(number) * step, payload_type),
            payload,
        )
    });
    Audition {
        packets: packets.collect(),
    }
}

/// Bytes as a cipher gives them.
fn sealed(length: usize, count: u32) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..count).map(move |_| {
        let bytes = (0..length).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[3]
        });
        bytes.collect()
    })
}

/// A voice's low tones, in a code that is nearly linear: PCMU of a sine.
fn spoken(count: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|packet| {
        let samples = (0..160).map(|at| {
            let moment = (packet * 160 + at) as f64 / 8000.0;
            mu_law((8000.0 * (TAU * 300.0 * moment).sin()) as i32)
        });
        samples.collect()
    })
}

/// ITU-T G.711, table 2a.
fn mu_law(sample: i32) -> u8 {
    let magnitude = (sample.abs() + 132).min(32_767);
    let exponent = (magnitude.ilog2() as i32 - 7).max(0);
    let code = (exponent << 4 | (magnitude >> (exponent + 3) & 15)) as u8;
    !(code | if sample < 0 { 0x80 } else { 0 })
}

const PCMU: Encoding = Encoding {
    codec: Codec::Pcmu,
    clock: 8000,
    channels: 1,
};

#[test]
fn a_voice_is_told_from_what_a_cipher_gives() {
    assert!(audition(0, 160, spoken(50)).is_smooth(0, PCMU));
    assert!(!audition(0, 160, sealed(170, 50)).is_smooth(0, PCMU));
    // Of too little, and of another type, nothing is said.
    assert!(!audition(0, 160, spoken(5)).is_smooth(0, PCMU));
    assert!(!audition(8, 160, spoken(50)).is_smooth(0, PCMU));
}

#[test]
fn opus_is_known_by_its_lengths_and_not_by_any_bytes() {
    let in_clear = |length| {
        sealed(length, 50).map(|mut payload: Vec<u8>| {
            payload[0] = 0x78;
            payload
        })
    };
    assert!(audition(111, 960, in_clear(80)).is_opus(111));
    assert!(!audition(111, 960, in_clear(80)).is_opus(96));
    assert!(!audition(111, 480, in_clear(80)).is_opus(111));
    assert!(!audition(111, 960, sealed(90, 50)).is_opus(111));
    assert!(!audition(111, 960, (0..50).map(|_| Vec::new())).is_opus(111));
}

#[test]
fn the_length_of_a_packet_of_opus_is_that_of_its_frames() {
    let lengths = [
        (&[0x00][..], Some(480)),
        (&[0x18], Some(2880)),
        (&[0x68], Some(960)),
        (&[0x80], Some(120)),
        (&[0x98], Some(960)),
        (&[0x99], Some(1920)),
        (&[0x9b, 3], Some(2880)),
        (&[0x9b, 0], None),
        (&[0x1b, 3], None),
        (&[0x9b], None),
        (&[], None),
    ];
    for (payload, ticks) in lengths {
        assert_eq!(opus_ticks(payload), ticks, "{payload:?}");
    }
}

#[test]
fn the_order_of_the_codes_of_g726_is_the_one_that_sounds_smooth() {
    let of = |packing| Encoding {
        codec: Codec::G726 { bits: 4, packing },
        ..PCMU
    };
    // A slow wave: large codes up, then large codes down, packed with the first code in the high bits.
    let wave: Vec<u8> = (0..80)
        .map(|at| {
            let code = |at: usize| if at % 32 < 16 { 3 } else { 12_u8 };
            code(2 * at) << 4 | code(2 * at + 1)
        })
        .collect();
    // With two codes of a byte alike there is no difference: nothing is corrected.
    let alike = audition(2, 160, (0..50).map(|_| wave.clone()));
    assert_eq!(alike.packed(2, of(Packing::Low)), of(Packing::Low));
    assert_eq!(alike.packed(2, PCMU), PCMU);
}
