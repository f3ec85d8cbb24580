//! A call from the capture to the sound of both sides, through the whole program.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::io::Cursor;

use overheard::listen::{Ledger, listen_to};
use overheard_follow::Options;
use overheard_ledger::{Body, Media, Reveal};
use overheard_sound::Ear;
use overheard_source::Captures;
use overheard_testkit::Scene;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 ADDRESS\r\ns=-\r\nc=IN IP4 ADDRESS\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

fn sip(first: &str, method: &str, sdp: Option<&str>) -> Vec<u8> {
    let sdp = sdp.map_or(String::new(), |address| SDP.replace("ADDRESS", address));
    let kind = if sdp.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "{first}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{method}\r\nFrom: <sip:ada@example.org>;tag=1\r\n\
         To: <sip:bob@example.org>;tag=2\r\nCall-ID: call-1@example.org\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:ada@192.0.2.1>\r\n{kind}Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
    .into_bytes()
}

fn rtp(payload_type: u8, number: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(number.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A call of 5 seconds: the caller is loud, the callee half as loud; the caller presses 4, 2 and 7.
fn call() -> Vec<u8> {
    let mut scene = Scene::new();
    let signalling = scene.udp("192.0.2.1:5060", "192.0.2.2:5060");
    scene.client(
        signalling,
        &sip(
            "INVITE sip:bob@example.org SIP/2.0",
            "INVITE",
            Some("192.0.2.1"),
        ),
    );
    scene.server(
        signalling,
        &sip("SIP/2.0 200 OK", "INVITE", Some("192.0.2.2")),
    );
    scene.client(
        signalling,
        &sip("ACK sip:bob@example.org SIP/2.0", "ACK", None),
    );
    let media = scene.udp("192.0.2.1:4000", "192.0.2.2:4000");
    scene.step(10_000_000);
    for number in 0..250_u16 {
        let timestamp = u32::from(number) * 160;
        let pressed = [(50, 4), (60, 2), (70, 7)]
            .iter()
            .find(|(at, _)| (*at..at + 5).contains(&number));
        let from_caller = match pressed {
            Some((at, key)) => {
                let since = number - at;
                let [high, low] = ((since + 1) * 160).to_be_bytes();
                let end = if since == 4 { 0x80 } else { 0 };
                rtp(
                    101,
                    number,
                    u32::from(*at) * 160,
                    7,
                    &[*key, end | 10, high, low],
                )
            }
            // A square wave of 500 Hz, and of 250 Hz.
            None => rtp(
                8,
                number,
                timestamp,
                7,
                &[[0x25; 8], [0xa5; 8]].concat().repeat(10),
            ),
        };
        scene.client(media, &from_caller);
        scene.server(
            media,
            &rtp(
                8,
                number,
                timestamp,
                8,
                &[[0x35; 16], [0xb5; 16]].concat().repeat(5),
            ),
        );
    }
    scene.step(1_000_000);
    scene.client(
        signalling,
        &sip("BYE sip:bob@example.org SIP/2.0", "BYE", None),
    );
    scene.server(signalling, &sip("SIP/2.0 200 OK", "BYE", None));
    scene.pcap()
}

fn heard(threads: usize, memory: usize, reveal: Reveal) -> Ledger {
    let mut captures = Captures::from_reader("call", Box::new(Cursor::new(call()))).unwrap();
    let options = Options {
        threads,
        memory,
        reveal,
    };
    listen_to(&mut captures, options, &mut |_| {}).unwrap()
}

fn media(ledger: &Ledger) -> Vec<&Media> {
    let media = ledger
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Media(media) => Some(&**media),
            _ => None,
        });
    media.collect()
}

fn sound(ledger: &Ledger) -> Vec<u8> {
    let [call] = ledger.sounds.calls() else {
        panic!("{:?}", ledger.sounds.calls());
    };
    let mut file = Vec::new();
    ledger.sounds.write_wav(call, &mut file).unwrap();
    file
}

#[test]
fn both_sides_of_a_call_are_heard_and_the_digits_noted() {
    let ledger = heard(1, 64 << 20, Reveal::Yes);
    let call = &ledger.sounds.calls()[0];
    assert_eq!(call.call_id.as_deref(), Some("call-1@example.org"));
    assert_eq!(call.rate, 8000);
    let ears: Vec<(Ear, u32)> = call
        .streams
        .iter()
        .map(|one| (one.ear, one.stream.ssrc))
        .collect();
    assert_eq!(ears, [(Ear::Left, 7), (Ear::Right, 8)]);
    let media = media(&ledger);
    assert_eq!(media.len(), 2);
    for media in &media {
        assert_eq!(media.protection, "none");
        assert!(media.speech_seconds.is_some());
        assert!(media.loudness.len() > 200);
    }
    assert_eq!(
        media[0].digits.as_ref().map(|digits| digits.as_str()),
        Some("427")
    );
    assert_eq!(media[1].digits, None);
    let file = sound(&ledger);
    let frames: Vec<[i16; 2]> = file[44..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|[a, b, c, d]| [i16::from_le_bytes([*a, *b]), i16::from_le_bytes([*c, *d])])
        .collect();
    // 5 seconds, and the 10 ms by which the callee began later.
    assert_eq!(frames.len(), 8 * 5010);
    // The caller from the beginning, the callee 10 ms later; nobody while a key was pressed.
    assert!(frames[..8000].iter().all(|[left, _]| left.abs() == 16896));
    assert!(frames[8000..8800].iter().all(|[left, _]| *left == 0));
    assert!(frames[..80].iter().all(|[_, right]| *right == 0));
    assert!(frames[80..].iter().all(|[_, right]| right.abs() == 8448));
}

#[test]
fn the_same_is_heard_with_any_number_of_threads_and_with_little_memory() {
    let one = heard(1, 512 << 20, Reveal::Yes);
    for (threads, memory) in [(2, 512 << 20), (16, 16 << 20)] {
        let other = heard(threads, memory, Reveal::Yes);
        assert!(other.records == one.records, "{threads} threads");
        assert_eq!(other.sounds.calls(), one.sounds.calls());
        assert!(sound(&other) == sound(&one));
    }
}

#[test]
fn digits_are_masked_unless_they_are_to_be_revealed() {
    let ledger = heard(1, 64 << 20, Reveal::No);
    let digits = media(&ledger)[0]
        .digits
        .as_ref()
        .map(|digits| digits.as_str());
    assert_eq!(digits, Some("… (3 characters)"));
    let call = ledger.records.iter().find_map(|record| match &record.body {
        Body::Call(call) => call.digits.as_ref(),
        _ => None,
    });
    assert_eq!(call.map(|digits| digits.as_str()), Some("… (3 characters)"));
}
