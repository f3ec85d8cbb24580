use overheard_ledger::{Announced, Endpoint};

use super::*;

fn media(payload_type: u8, codec: Option<&str>, said: &[(u8, &str, u32, u8)]) -> Media {
    let endpoint = Endpoint::new([192, 0, 2, 1].into(), 4000);
    let encodings = said
        .iter()
        .map(|(payload_type, name, clock, channels)| Said {
            payload_type: *payload_type,
            name: (*name).to_owned(),
            clock: *clock,
            channels: *channels,
            parameters: String::new(),
        })
        .collect();
    Media {
        payload_type,
        codec: codec.map(str::to_owned),
        announced: Some(Box::new(Announced {
            encodings,
            keys: Vec::new(),
        })),
        ..Media::new(1, endpoint, endpoint)
    }
}

#[test]
fn signalling_goes_before_the_static_assignments() {
    let encodings = Encodings::of(&media(
        97,
        None,
        &[
            (97, "AAL2-G726-24", 8000, 1),
            (98, "l16", 16_000, 2),
            (9, "G722", 16_000, 1),
            (111, "opus", 48_000, 2),
            (0, "PCMA", 8000, 1),
        ],
    ));
    let meaning = |number| encodings.meaning(number, &[]);
    assert_eq!(meaning(97).codec, g726(3, Packing::High));
    assert_eq!(meaning(98), Encoding::new(Codec::L16, 16_000, 2));
    assert_eq!(meaning(9), Encoding::new(Codec::G722, 8000, 1));
    assert_eq!(meaning(111), Encoding::new(Codec::Opus, 48_000, 1));
    assert_eq!(meaning(0).codec, Codec::Pcma);
    assert_eq!(meaning(8).codec, Codec::Pcma);
    assert_eq!(meaning(18).codec, Codec::Other);
    assert!(encodings.worth_playing());
}

#[test]
fn a_codec_that_only_has_a_name_has_its_usual_clock() {
    let encodings = Encodings::of(&media(107, Some("opus"), &[]));
    assert_eq!(encodings.meaning(107, &[]).clock, 48_000);
    let other = Encodings::of(&media(107, Some("AMR-WB"), &[]));
    assert!(!other.worth_playing());
}

#[test]
fn events_that_nobody_announced_are_known_by_their_form() {
    let encodings = Encodings::of(&media(0, Some("PCMU"), &[]));
    let event = [5, 10, 0, 160];
    assert_eq!(encodings.meaning(101, &event).codec, Codec::Events);
    assert_eq!(encodings.meaning(101, &event).clock, 8000);
    assert_eq!(
        encodings.meaning(101, &[5, 0x4a, 0, 160]).codec,
        Codec::Other
    );
    assert_eq!(encodings.meaning(101, &[0; 5]).codec, Codec::Other);
    // The main type of a stream holds sound, whatever it looks like.
    let unknown = Encodings::of(&media(101, None, &[]));
    assert_eq!(unknown.meaning(101, &event).codec, Codec::Other);
}
