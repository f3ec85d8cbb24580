use std::f64::consts::TAU;

use overheard_ledger::{Announced, CallStep, Encoding, MediaKey};
use overheard_tap::Recorder;

use super::*;
use crate::packet::tests::rtp;
use crate::srtp;

const MS: u64 = 1_000_000;
const START: u64 = 1_000_000 * MS;
const CALLER: u8 = 1;
const CALLEE: u8 = 2;

fn endpoint(host: u8, port: u16) -> Endpoint {
    Endpoint::new([192, 0, 2, host].into(), port)
}

/// What was recorded, and the records of it, in the making.
struct Line {
    spool: Arc<Spool>,
    records: Vec<Record>,
    hints: Vec<Hint>,
}

/// One direction.
#[derive(Clone)]
struct Said {
    conversation: u64,
    from: u8,
    to: u8,
    ssrc: u32,
    payload_type: u8,
    call: Option<&'static str>,
}

const FROM_CALLER: Said = Said {
    conversation: 10,
    from: CALLER,
    to: CALLEE,
    ssrc: 0xaa,
    payload_type: 0,
    call: Some("call-1"),
};
const FROM_CALLEE: Said = Said {
    conversation: 10,
    from: CALLEE,
    to: CALLER,
    ssrc: 0xbb,
    payload_type: 0,
    call: Some("call-1"),
};

fn record(body: impl Into<Body>, conversation: u64) -> Record {
    Record {
        body: body.into(),
        conversation: Some(conversation),
        frames: vec![conversation].into(),
        time: None,
    }
}

impl Line {
    fn new() -> Line {
        let step = CallStep {
            frame: 1,
            time: Time(0),
            source: endpoint(CALLER, 5060),
            destination: endpoint(CALLEE, 5060),
            what: "INVITE".to_owned(),
        };
        let call = Call {
            call_id: "call-1".to_owned(),
            steps: vec![step],
            ..Call::default()
        };
        Line {
            spool: Arc::new(Spool::new(0)),
            records: vec![record(call, 1)],
            hints: Vec::new(),
        }
    }

    /// Records packets: when each came in milliseconds, and the packet.
    fn say(&mut self, said: &Said, packets: &[(u64, Vec<u8>)]) -> &mut Media {
        let source = endpoint(said.from, 4000);
        for (time, packet) in packets {
            let stream = SoundStream {
                conversation: said.conversation,
                source,
                ssrc: said.ssrc,
            };
            self.spool
                .record(0, stream, Time(START + time * MS), packet);
        }
        let times = packets.iter().map(|(time, _)| *time);
        let seconds = times.clone().max().unwrap_or(0) - times.min().unwrap_or(0);
        let media = Media {
            payload_type: said.payload_type,
            packets: packets.len() as u64,
            seconds: seconds as f64 / 1000.0,
            protection: "none".to_owned(),
            call_id: said.call.map(str::to_owned),
            ..Media::new(said.ssrc, source, endpoint(said.to, 4000))
        };
        self.records.push(record(media, said.conversation));
        match self.records.last_mut().map(|record| &mut record.body) {
            Some(Body::Media(media)) => media,
            _ => unreachable!(),
        }
    }

    fn hear(&mut self, threads: usize) -> Sounds {
        let spool = Arc::clone(&self.spool);
        Sounds::hear(spool, &mut self.records, &self.hints, Reveal::Yes, threads)
    }

    fn media(&self) -> Vec<&Media> {
        let media = |record: &'_ Record| matches!(record.body, Body::Media(_));
        let all = self.records.iter().filter(|record| media(record));
        all.filter_map(|record| match &record.body {
            Body::Media(media) => Some(&**media),
            _ => None,
        })
        .collect()
    }
}

/// A sample of a tone at a time in samples of 8 kHz.
fn tone(frequency: f64, at: u64) -> i16 {
    ((TAU * frequency * at as f64 / 8000.0).sin() * 8000.0) as i16
}

/// 20 ms of mu-law from a time in milliseconds on.
fn mu_law(frequency: f64, time: u64) -> Vec<u8> {
    (time * 8..time * 8 + 160)
        .map(|at| audio_codec_algorithms::encode_ulaw(tone(frequency, at)))
        .collect()
}

/// Packets of a tone, 20 ms each, from one millisecond to another.
fn packets(said: &Said, frequency: f64, from: u64, to: u64) -> Vec<(u64, Vec<u8>)> {
    (from..to)
        .step_by(20)
        .map(|time| {
            let sequence = (time / 20 + 65_000) as u16;
            let timestamp = 4_294_900_000_u32.wrapping_add(time as u32 * 8);
            let payload = mu_law(frequency, time);
            (
                time,
                rtp(said.payload_type, sequence, timestamp, said.ssrc, &payload),
            )
        })
        .collect()
}

/// The two channels of a file.
fn written(sounds: &Sounds, call: &AudibleCall) -> (WavFacts, Vec<i16>, Vec<i16>) {
    let mut file = Vec::new();
    let facts = sounds.write_wav(call, &mut file).unwrap();
    assert_eq!(facts.bytes, file.len() as u64);
    assert_eq!(&file[..4], b"RIFF");
    assert_eq!(file[4..8], (file.len() as u32 - 8).to_le_bytes());
    assert_eq!(&file[8..16], b"WAVEfmt ");
    assert_eq!(file[22..24], 2_u16.to_le_bytes());
    assert_eq!(file[24..28], facts.rate.to_le_bytes());
    assert_eq!(file[40..44], (file.len() as u32 - 44).to_le_bytes());
    let samples = |skip: usize| {
        let frames = file[44..].as_chunks::<4>().0.iter();
        frames
            .map(|frame| i16::from_le_bytes([frame[skip], frame[skip + 1]]))
            .collect::<Vec<i16>>()
    };
    (facts, samples(0), samples(2))
}

fn assert_tone(channel: &[i16], frequency: f64, from: u64, to: u64, begin: u64) {
    for at in from * 8..to * 8 {
        let expected = tone(frequency, at + begin * 8);
        let heard = channel[at as usize];
        let near = (i32::from(expected) - i32::from(heard)).abs() < 400;
        assert!(near, "{heard}, not {expected}, at sample {at}");
    }
}

fn assert_silence(channel: &[i16], from: u64, to: u64) {
    let part = &channel[(from * 8) as usize..(to * 8) as usize];
    assert!(
        part.iter().all(|sample| *sample == 0),
        "sound between {from} and {to}"
    );
}

#[test]
fn both_sides_of_a_call_are_heard_in_real_timing() {
    let mut line = Line::new();
    // Early media of the callee, then the caller; a packet is lost, one came twice, two in another order.
    let mut from_caller = packets(&FROM_CALLER, 500.0, 1000, 3000);
    from_caller.remove(50);
    from_caller.insert(20, from_caller[10].clone());
    let (time, late) = from_caller.remove(30);
    from_caller.insert(31, (time + 25, late));
    line.say(&FROM_CALLER, &from_caller);
    line.say(&FROM_CALLEE, &packets(&FROM_CALLEE, 700.0, 0, 2000));
    let sounds = line.hear(1);
    let [call] = sounds.calls() else {
        panic!("{:?}", sounds.calls());
    };
    assert_eq!(call.call_id.as_deref(), Some("call-1"));
    assert_eq!((call.rate, call.seconds()), (8000, 3.0));
    assert_eq!(call.start, Time(START));
    let ears: Vec<(Ear, u32)> = call
        .streams
        .iter()
        .map(|one| (one.ear, one.stream.ssrc))
        .collect();
    assert_eq!(ears, [(Ear::Left, 0xaa), (Ear::Right, 0xbb)]);
    let (facts, left, right) = written(&sounds, call);
    assert_eq!((facts.frames, facts.truncated), (24_000, false));
    assert_silence(&left, 0, 1000);
    assert_tone(&left, 500.0, 1000, 1980, 0);
    assert_silence(&left, 2000, 2020);
    assert_tone(&left, 500.0, 2020, 3000, 0);
    assert_tone(&right, 700.0, 0, 2000, 0);
    assert_silence(&right, 2000, 3000);
    let media = line.media();
    assert_eq!(media[0].loudness.len(), 100);
    assert!(media[0].loudness.iter().filter(|loud| **loud > 20).count() >= 98);
    assert!(media[0].speech_seconds.is_some());
}

#[test]
fn the_offer_tells_who_called_before_addresses_do() {
    let mut line = Line::new();
    line.say(&FROM_CALLER, &packets(&FROM_CALLER, 500.0, 0, 500));
    line.say(&FROM_CALLEE, &packets(&FROM_CALLEE, 700.0, 0, 500));
    for (frame, host) in [(5, CALLEE), (9, CALLER)] {
        line.hints.push(Hint {
            body: HintBody::Expect {
                endpoint: endpoint(host, 4000),
                protocol: "rtp",
                label: Some("call-1".to_owned()),
                details: Vec::new(),
            },
            frames: vec![frame].into(),
            conversation: 1,
            time: Time(0),
        });
    }
    let sounds = line.hear(1);
    let left = &sounds.calls()[0].streams[0];
    assert_eq!((left.ear, left.stream.ssrc), (Ear::Left, 0xbb));
}

#[test]
fn without_signalling_two_directions_belong_together() {
    let mut line = Line::new();
    let (mut one, mut other) = (FROM_CALLER, FROM_CALLEE);
    (one.call, other.call) = (None, None);
    line.say(&one, &packets(&one, 500.0, 100, 600));
    line.say(&other, &packets(&other, 700.0, 0, 500));
    let third = Said {
        conversation: 11,
        ssrc: 0xcc,
        ..one
    };
    line.say(&third, &packets(&third, 900.0, 2000, 2500));
    let sounds = line.hear(1);
    let streams: Vec<usize> = sounds
        .calls()
        .iter()
        .map(|call| call.streams.len())
        .collect();
    assert_eq!(streams, [2, 1]);
    assert_eq!(
        sounds.calls()[0].streams[0].stream.ssrc,
        0xbb,
        "who was heard first"
    );
}

#[test]
fn streams_of_one_side_follow_each_other_and_copies_are_heard_once() {
    let mut line = Line::new();
    line.say(&FROM_CALLER, &packets(&FROM_CALLER, 500.0, 0, 2000));
    // After a re-INVITE the caller speaks on with another SSRC to another endpoint.
    let later = Said {
        ssrc: 0xdd,
        conversation: 12,
        to: 9,
        ..FROM_CALLER
    };
    line.say(&later, &packets(&later, 600.0, 2500, 4000));
    // The same sound behind an agent, under another SSRC.
    let copy = Said {
        conversation: 13,
        from: 7,
        to: 8,
        ssrc: 0xee,
        ..FROM_CALLER
    };
    line.say(&copy, &packets(&copy, 500.0, 40, 1900));
    let sounds = line.hear(2);
    let call = &sounds.calls()[0];
    let ssrcs: Vec<u32> = call
        .streams
        .iter()
        .filter(|one| one.ear == Ear::Left)
        .map(|one| one.stream.ssrc)
        .collect();
    assert_eq!(ssrcs, [0xaa, 0xdd]);
    let (_, left, _) = written(&sounds, call);
    assert_tone(&left, 500.0, 0, 2000, 0);
    assert_silence(&left, 2000, 2500);
    assert_tone(&left, 600.0, 2500, 4000, 0);
}

fn announce(media: &mut Media, keys: Vec<MediaKey>) {
    media.announced = Some(Box::new(Announced {
        encodings: vec![Encoding {
            payload_type: 101,
            name: "telephone-event".to_owned(),
            clock: 8000,
            channels: 1,
            parameters: String::new(),
        }],
        keys,
    }));
}

#[test]
fn what_a_key_in_clear_opens_is_heard_and_what_it_does_not_open_is_sealed() {
    let key = MediaKey {
        suite: "AES_CM_128_HMAC_SHA1_80".to_owned(),
        key: (0..30).collect(),
        identifier: None,
    };
    let mut wrong = key.clone();
    wrong.key[5] = 99;
    let mut line = Line::new();
    let sealed = |said: &Said| -> Vec<(u64, Vec<u8>)> {
        packets(said, 500.0, 0, 2000)
            .into_iter()
            .map(|(time, packet)| {
                // The sequence number begins anew on the way.
                let rollovers = u32::from(time / 20 + 65_000 > 65_535);
                (time, srtp::tests::sealed(&key, rollovers, &packet))
            })
            .collect()
    };
    let media = line.say(&FROM_CALLER, &sealed(&FROM_CALLER));
    media.protection = "sdes".to_owned();
    announce(media, vec![wrong.clone(), key.clone()]);
    let media = line.say(&FROM_CALLEE, &sealed(&FROM_CALLEE));
    media.protection = "sdes-in-clear".to_owned();
    announce(media, vec![wrong]);
    let elsewhere = Said {
        conversation: 20,
        ssrc: 0xcc,
        ..FROM_CALLEE
    };
    let media = line.say(&elsewhere, &sealed(&elsewhere));
    media.protection = "dtls-srtp".to_owned();
    announce(media, vec![key.clone()]);
    let sounds = line.hear(3);
    let media = line.media();
    let protections: Vec<&str> = media
        .iter()
        .map(|media| media.protection.as_str())
        .collect();
    assert_eq!(protections, ["sdes-in-clear", "sdes", "dtls-srtp"]);
    assert!(media[0].speech_seconds.is_some());
    assert!(media[1].speech_seconds.is_none() && media[1].loudness.is_empty());
    assert_eq!(sounds.calls()[0].streams.len(), 1);
    let (_, left, _) = written(&sounds, &sounds.calls()[0]);
    assert_tone(&left, 500.0, 0, 2000, 0);
}

#[test]
fn a_codec_that_is_not_decoded_is_left_alone() {
    let mut line = Line::new();
    let said = Said {
        payload_type: 18,
        ..FROM_CALLER
    };
    line.say(&said, &packets(&said, 500.0, 0, 500));
    let sounds = line.hear(1);
    assert!(sounds.calls().is_empty());
    assert_eq!(line.media()[0].speech_seconds, None);
    assert!(matches!(
        sounds.write_wav(
            &AudibleCall {
                call_id: None,
                start: Time(0),
                end: Time(0),
                rate: 8000,
                streams: Vec::new()
            },
            &mut Vec::new()
        ),
        Err(SoundError::Spool(_))
    ));
}

#[test]
fn digits_of_events_and_comfort_noise_in_the_middle_of_speech() {
    let mut line = Line::new();
    let mut sent = packets(&FROM_CALLER, 500.0, 0, 3000);
    for (at, (time, packet)) in sent.iter_mut().enumerate() {
        let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        if (50..56).contains(&at) {
            // One event: its time stamp stands still.
            let since = at as u32 - 50;
            let duration = (since as u16 + 1) * 160;
            let [high, low] = duration.to_be_bytes();
            let end = if at == 55 { 0x8a } else { 10 };
            *packet = rtp(
                101,
                sequence,
                timestamp - since * 160,
                0xaa,
                &[7, end, high, low],
            );
        } else if (80..90).contains(&at) {
            *packet = rtp(13, sequence, timestamp, 0xaa, &[40]);
        }
        *time += 5;
    }
    announce(line.say(&FROM_CALLER, &sent), Vec::new());
    let sounds = line.hear(1);
    assert_eq!(
        line.media()[0]
            .digits
            .as_ref()
            .map(|digits| digits.as_str()),
        Some("7")
    );
    let Body::Call(call) = &line.records[0].body else {
        unreachable!();
    };
    assert_eq!(
        call.digits.as_ref().map(|digits| digits.as_str()),
        Some("7")
    );
    let (_, left, _) = written(&sounds, &sounds.calls()[0]);
    assert_tone(&left, 500.0, 0, 1000, 0);
    assert_silence(&left, 1000, 1120);
    assert_tone(&left, 500.0, 1120, 1600, 0);
    assert_silence(&left, 1600, 1800);
    assert_tone(&left, 500.0, 1800, 3000, 0);
}

#[test]
fn another_payload_type_in_the_middle_is_decoded_as_what_it_is() {
    let mut line = Line::new();
    let mut sent = packets(&FROM_CALLER, 500.0, 0, 2000);
    for (_, packet) in sent.iter_mut().skip(50) {
        packet[1] = 8;
        for byte in &mut packet[12..] {
            *byte = audio_codec_algorithms::convert_ulaw_to_alaw(*byte);
        }
    }
    line.say(&FROM_CALLER, &sent);
    let sounds = line.hear(1);
    let (_, left, _) = written(&sounds, &sounds.calls()[0]);
    assert_tone(&left, 500.0, 0, 2000, 0);
}

#[test]
fn the_same_is_heard_with_any_number_of_threads() {
    let heard = |threads| {
        let mut line = Line::new();
        for number in 0..20_u32 {
            let said = Said {
                conversation: 100 + u64::from(number) / 2,
                ssrc: number,
                call: None,
                ..if number % 2 == 0 {
                    FROM_CALLER
                } else {
                    FROM_CALLEE
                }
            };
            line.say(
                &said,
                &packets(&said, 300.0 + f64::from(number) * 30.0, 0, 1000),
            );
        }
        let sounds = line.hear(threads);
        (sounds.calls().to_vec(), line.records)
    };
    let one = heard(1);
    assert_eq!(one.0.len(), 10);
    for threads in [2, 16] {
        assert!(heard(threads) == one, "{threads} threads");
    }
}

#[test]
fn a_long_silence_is_cut_and_time_that_leaps_writes_no_endless_file() {
    let mut line = Line::new();
    let mut sent = packets(&FROM_CALLER, 500.0, 0, 200);
    // Ten years later.
    let years = 10 * 365 * 86_400 * 1000;
    sent.extend(
        packets(&FROM_CALLER, 500.0, 200, 400)
            .into_iter()
            .map(|(time, packet)| (time + years, packet)),
    );
    line.say(&FROM_CALLER, &sent);
    let sounds = line.hear(1);
    let call = &sounds.calls()[0];
    let seconds = call.seconds();
    assert!((3600.0..3601.0).contains(&seconds), "{seconds}");
    let facts = sounds.write_wav(call, &mut std::io::sink()).unwrap();
    assert_eq!(facts.frames, (seconds * 8000.0).round() as u64);
}

#[test]
fn nothing_recorded_costs_nothing() {
    let mut line = Line::new();
    let before = line.records.clone();
    let sounds = line.hear(4);
    assert!(sounds.calls().is_empty() && sounds.notices().is_empty());
    assert_eq!(line.records, before);
}

#[test]
fn an_id_that_is_used_again_much_later_is_another_call() {
    let mut line = Line::new();
    line.say(&FROM_CALLER, &packets(&FROM_CALLER, 500.0, 0, 400));
    let later = Said {
        conversation: 12,
        ..FROM_CALLER
    };
    let sent = packets(&later, 500.0, 0, 400).into_iter();
    line.say(
        &later,
        &sent
            .map(|(time, packet)| (time + 7_200_000, packet))
            .collect::<Vec<_>>(),
    );
    let sounds = line.hear(1);
    let seconds: Vec<f64> = sounds.calls().iter().map(AudibleCall::seconds).collect();
    assert_eq!(seconds, [0.4, 0.4]);
}

#[test]
fn a_clock_that_is_not_the_announced_one_is_noticed() {
    let mut line = Line::new();
    let mut sent = packets(&FROM_CALLER, 500.0, 0, 3000);
    for (number, (_, packet)) in sent.iter_mut().enumerate() {
        let timestamp = 1000 + number as u32 * 320;
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
    }
    line.say(&FROM_CALLER, &sent);
    let sounds = line.hear(1);
    let call = &sounds.calls()[0];
    assert!((2.9..3.3).contains(&call.seconds()), "{}", call.seconds());
    let (_, left, _) = written(&sounds, call);
    let silent = left[4000..20_000]
        .windows(40)
        .filter(|part| part.iter().all(|sample| *sample == 0));
    assert_eq!(silent.count(), 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]
    #[test]
    fn nothing_panics_and_the_sound_is_bounded_whatever_was_recorded(
        sent in proptest::collection::vec(
            (0..30_000_u64, 0..5_u8, proptest::prelude::any::<(u16, u32)>(), proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)),
            0..120,
        ),
        clock in 0..100_000_u32,
        jump in proptest::prelude::any::<bool>(),
    ) {
        let mut line = Line::new();
        let packets: Vec<(u64, Vec<u8>)> = sent
            .into_iter()
            .enumerate()
            .map(|(number, (time, kind, (sequence, timestamp), payload))| {
                let (sequence, timestamp) = match jump {
                    true => (sequence, timestamp),
                    false => (number as u16, number as u32 * 160),
                };
                let payload_type = [0, 9, 96, 101, 111][usize::from(kind)];
                let mut packet = rtp(payload_type, sequence, timestamp, 0xaa, &payload);
                if kind == 4 && let Some(byte) = payload.first() {
                    packet[0] = *byte;
                }
                (time, packet)
            })
            .collect();
        let media = line.say(&FROM_CALLER, &packets);
        let said = |payload_type, name: &str| Encoding {
            payload_type,
            name: name.to_owned(),
            clock,
            channels: 3,
            parameters: String::new(),
        };
        media.announced = Some(Box::new(Announced {
            encodings: vec![said(96, "G726-16"), said(111, "opus"), said(101, "L16")],
            keys: Vec::new(),
        }));
        let sounds = line.hear(1);
        for call in sounds.calls() {
            let facts = sounds.write_wav(call, &mut std::io::sink()).unwrap();
            proptest::prop_assert!(facts.frames <= 400 * u64::from(facts.rate), "{} s", facts.frames / u64::from(facts.rate));
        }
    }
}
