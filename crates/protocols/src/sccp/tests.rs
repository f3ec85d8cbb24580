use overheard_testkit::{HeardScene, Scene, hear};

use crate::shared::scenes::{Said, call, calls, heard_in, voice};

use super::*;

const PHONE: &str = "192.0.2.50:51532";
const MANAGER: &str = "192.0.2.1:2000";

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn packed(version: u32, identifier: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&numbers(&[length, version, identifier]), body].concat()
}

fn field(text: &str, size: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(size, 0);
    bytes
}

fn register() -> Vec<u8> {
    let mut body = field("SEP001122334455", 16);
    body.extend(numbers(&[0, 1, 0x3202_00c0, 7, 5, 0, 20]));
    packed(0, identifier::REGISTER, &body)
}

fn state(state: u32) -> Vec<u8> {
    packed(
        20,
        identifier::CALL_STATE,
        &numbers(&[state, 1, 4711, 0, 4, 0]),
    )
}

fn key(button: u32) -> Vec<u8> {
    packed(20, identifier::KEYPAD_BUTTON, &numbers(&[button, 1, 4711]))
}

fn address(last: u8) -> Vec<u8> {
    let mut bytes = numbers(&[0]);
    bytes.extend(field("", 16));
    bytes[4..8].copy_from_slice(&[192, 0, 2, last]);
    bytes
}

/// What is said in a call; true: the telephone says it.
fn whole_call() -> Vec<(bool, Vec<u8>)> {
    let mut info = numbers(&[1, 4711, 2, 0, 0, 1, 0, 0]);
    for text in [
        "321", "", "307", "307", "", "", "", "", "", "Ada", "Bob", "Bob", "",
    ] {
        info.extend(text.bytes());
        info.push(0);
    }
    let mut dialled = field("307", 25);
    dialled.extend(numbers(&[1, 4711]));
    dialled.extend([0; 3]);
    let receive = numbers(&[4711, 99, 20, 4, 0, 0, 4711, 0, 0, 0]);
    let mut opened = numbers(&[0]);
    opened.extend(address(50));
    opened.extend(numbers(&[17_718, 99, 4711]));
    let mut transmit = numbers(&[4711, 99]);
    transmit.extend(address(58));
    transmit.extend(numbers(&[32_144, 20, 4, 184, 0, 0, 0, 4712, 0, 0]));
    vec![
        (true, register()),
        (true, packed(20, identifier::OFF_HOOK, &numbers(&[1, 0]))),
        (false, state(1)),
        (true, key(3)),
        (true, key(0)),
        (true, key(7)),
        (false, packed(20, identifier::DIALED_NUMBER, &dialled)),
        (false, state(12)),
        (false, packed(20, identifier::CALL_INFO_V2, &info)),
        (false, state(3)),
        (false, state(5)),
        (
            false,
            packed(20, identifier::OPEN_RECEIVE_CHANNEL, &receive),
        ),
        (
            true,
            packed(20, identifier::OPEN_RECEIVE_CHANNEL_ACK, &opened),
        ),
        (
            false,
            packed(20, identifier::START_MEDIA_TRANSMISSION, &transmit),
        ),
        (true, key(1)),
        (true, key(15)),
        (false, state(8)),
        (false, state(5)),
        (true, packed(20, identifier::ON_HOOK, &numbers(&[1, 4711]))),
        (false, state(2)),
    ]
}

fn heard_at(said: &[Said], segment: usize) -> HeardScene {
    heard_in(&PROTOCOL, Over::Stream, [PHONE, MANAGER], said, segment)
}

fn heard(said: &[Said]) -> HeardScene {
    heard_at(said, 1460)
}

#[test]
fn a_call_is_told_as_the_telephone_shows_it() {
    let heard = heard(&whole_call());
    let call = call(&heard);
    assert_eq!(call.call_id, "4711@192.0.2.1");
    assert_eq!(call.protocol, "sccp");
    assert_eq!(call.from.as_deref(), Some("tel:321"));
    assert_eq!(call.to.as_deref(), Some("tel:307"));
    assert_eq!(call.state, CallState::Ended);
    assert_eq!(call.holds, 1);
    assert_eq!(call.digits.as_ref().unwrap().as_str(), "1#");
    assert!(call.start < call.ringing && call.ringing < call.answer && call.answer < call.end);
}

#[test]
fn the_voice_is_announced_on_both_sides() {
    let heard = heard(&whole_call());
    let voice = voice(&heard);
    let places: Vec<&str> = voice.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(places, ["192.0.2.50:17718", "192.0.2.58:32144"]);
    for (_, label, details) in &voice {
        assert_eq!(label.as_deref(), Some("4711@192.0.2.1"));
        assert!(details.contains(&("0".into(), "PCMU".into())));
        assert!(details.contains(&("protection".into(), "none".into())));
    }
}

#[test]
fn voice_that_is_sealed_is_not_called_open() {
    let mut transmit = numbers(&[4711, 99]);
    transmit.extend(address(58));
    transmit.extend(numbers(&[32_144, 20, 4, 184, 0, 0, 0, 4711, 1, 16]));
    let said = [
        (true, register()),
        (false, state(5)),
        (
            false,
            packed(20, identifier::START_MEDIA_TRANSMISSION, &transmit),
        ),
    ];
    let heard = heard(&said);
    let voice = voice(&heard);
    assert_eq!(voice.len(), 1);
    assert!(voice[0].2.iter().all(|(name, _)| name != "protection"));
}

#[test]
fn older_telephones_are_understood() {
    let mut info = Vec::new();
    for (text, size) in [("Ada", 40), ("", 24), ("", 40), ("307", 24)] {
        info.extend(field(text, size));
    }
    info.extend(numbers(&[1, 4711, 1]));
    info.extend(field("Eve", 40));
    info.extend(field("300", 24));
    let mut opened = numbers(&[0]);
    opened.extend([192, 0, 2, 50]);
    opened.extend(numbers(&[17_718, 99]));
    let said = [
        (true, register()),
        (
            false,
            packed(0, identifier::CALL_STATE, &numbers(&[4, 1, 4711])),
        ),
        (false, packed(0, identifier::CALL_INFO, &info)),
        (
            false,
            packed(0, identifier::CALL_STATE, &numbers(&[5, 1, 4711])),
        ),
        (
            true,
            packed(0, identifier::OPEN_RECEIVE_CHANNEL_ACK, &opened),
        ),
    ];
    let heard = heard(&said);
    let call = calls(&heard)[0];
    assert_eq!(call.from.as_deref(), Some("Ada"));
    assert_eq!(call.to.as_deref(), Some("tel:307"));
    assert_eq!(call.diverted_from.as_deref(), Some("tel:300"));
    assert_eq!(call.state, CallState::Answered);
    assert_eq!(voice(&heard)[0].0, "192.0.2.50:17718");
}

#[test]
fn the_cut_into_segments_changes_nothing() {
    let whole = heard(&whole_call());
    for segment in [1, 7, 100] {
        let cut = heard_at(&whole_call(), segment);
        assert_eq!(whole.content().len(), cut.content().len(), "{segment}");
        assert_eq!(calls(&cut)[0].digits.as_ref().unwrap().as_str(), "1#");
    }
}

#[test]
fn what_was_lost_is_passed_over() {
    let mut scene = Scene::new();
    let talk = scene.tcp(PHONE, MANAGER);
    scene.client(talk, &register());
    scene.server(talk, &state(4));
    scene.lose(talk, false, 40);
    scene.server(talk, &[&[0xff; 9][..], &state(5), &state(2)].concat());
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(calls(&heard)[0].state, CallState::Ended);
}

#[test]
fn a_conversation_that_was_going_on_is_known_by_several_messages() {
    let mut scene = Scene::new();
    // The call manager is heard first, and taken for the client.
    let talk = scene.tcp_midstream(MANAGER, PHONE);
    scene.client(talk, &[state(4), state(1), state(5)].concat());
    scene.server(talk, &key(7));
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(call(&heard).call_id, "4711@192.0.2.1");
    assert_eq!(call(&heard).digits.as_ref().unwrap().as_str(), "7");
    assert!(call(&heard).ringing < call(&heard).end || call(&heard).end.is_none());
}

#[test]
fn little_numbers_alone_are_not_enough() {
    for (port, expected) in [(2000, true), (2001, false)] {
        let mut scene = Scene::new();
        let talk = scene.tcp(PHONE, &format!("192.0.2.1:{port}"));
        scene.client(talk, &packed(0, 0, &[]));
        scene.close(talk);
        let heard = hear(&[&PROTOCOL], &scene.pcap());
        assert_eq!(heard.ledger().contains("\"sccp\""), expected, "{port}");
    }
    for text in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        &[0; 64],
        &[4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
    ] {
        let heard = heard(&[(true, text.to_vec())]);
        assert!(!heard.ledger().contains("\"sccp\""), "{text:?}");
    }
}

#[test]
fn every_cut_survives() {
    let bytes: Vec<u8> = whole_call()
        .into_iter()
        .filter(|(phone, _)| !phone)
        .flat_map(|(_, message)| message)
        .collect();
    for end in 0..bytes.len() {
        heard(&[(true, register()), (false, bytes[..end].to_vec())]);
    }
    for (phone, message) in whole_call() {
        // A message whose length is right and whose fields are missing.
        for end in 12..message.len() {
            let cut = packed(
                20,
                u32::from_le_bytes(message[8..12].try_into().unwrap()),
                &message[12..end],
            );
            heard(&[(true, register()), (false, state(5)), (phone, cut)]);
        }
    }
}
