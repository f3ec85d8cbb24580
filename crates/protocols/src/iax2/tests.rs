use overheard_ledger::Body;
use overheard_testkit::{HeardScene, Scene, hear};

use crate::shared::scenes::{Said, call, calls, exposure, heard_in, steps};

use super::*;

const CALLER: &str = "192.0.2.10:4569";
const EXCHANGE: &str = "192.0.2.60:4569";

fn frame(
    (source, destination): (u16, u16),
    time: u32,
    outbound: u8,
    (kind, subclass): (u8, u8),
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = (source | 0x8000).to_be_bytes().to_vec();
    bytes.extend(destination.to_be_bytes());
    bytes.extend(time.to_be_bytes());
    bytes.extend([outbound, 0, kind, subclass]);
    bytes.extend(payload);
    bytes
}

fn elements_of(list: &[(u8, &[u8])]) -> Vec<u8> {
    let element = |(name, value): &(u8, &[u8])| {
        [&[*name, u8::try_from(value.len()).unwrap()], *value].concat()
    };
    list.iter().flat_map(element).collect()
}

fn new(time: u32, more: &[(u8, &[u8])]) -> Vec<u8> {
    let mut list: Vec<(u8, &[u8])> = vec![
        (element::VERSION, &[0, 2]),
        (element::CALLED_NUMBER, b"442088205155"),
        (element::CALLING_NUMBER, b"447782267949"),
        (element::USERNAME, b"ada"),
        (element::FORMAT, &[0, 0, 0, 8]),
    ];
    list.extend(more);
    frame((4, 0), time, 0, (6, iax::NEW), &elements_of(&list))
}

fn mini(source: u16, time: u16, payload: &[u8]) -> Vec<u8> {
    [&source.to_be_bytes()[..], &time.to_be_bytes(), payload].concat()
}

/// A call with a login, voice both ways and a key; true: the caller says it.
fn whole_call() -> Vec<(bool, Vec<u8>)> {
    let mut said = vec![
        (true, new(3, &[])),
        (
            false,
            frame(
                (23, 4),
                5,
                0,
                (6, iax::AUTHREQ),
                &elements_of(&[(14, &[0, 2]), (15, b"137472844"), (6, b"ada")]),
            ),
        ),
        (
            true,
            frame(
                (4, 23),
                6,
                1,
                (6, iax::AUTHREP),
                &elements_of(&[(16, b"0123456789abcdef0123456789abcdef")]),
            ),
        ),
        (
            false,
            frame(
                (23, 4),
                8,
                1,
                (6, iax::ACCEPT),
                &elements_of(&[(9, &[0, 0, 0, 8])]),
            ),
        ),
        (true, frame((4, 23), 8, 2, (6, 4), &[])),
        (false, frame((23, 4), 9, 2, (4, 3), &[])),
        (false, frame((23, 4), 2000, 3, (4, 4), &[])),
        (true, frame((4, 23), 2010, 3, (2, 8), &[0xd5; 160])),
        (false, frame((23, 4), 2010, 4, (2, 8), &[0x55; 160])),
    ];
    for at in 1..50 {
        said.push((true, mini(4, 2010 + 20 * at, &[0xd5; 160])));
        said.push((false, mini(23, 2010 + 20 * at, &[0x55; 160])));
    }
    said.push((true, frame((4, 23), 3100, 4, (1, b'7'), &[])));
    said.push((true, frame((4, 23 | 0x8000), 3100, 4, (1, b'7'), &[])));
    said.push((
        true,
        frame(
            (4, 23),
            3200,
            5,
            (6, iax::HANGUP),
            &elements_of(&[(22, b"Normal Clearing"), (42, &[16])]),
        ),
    ));
    said
}

fn heard(said: &[Said]) -> HeardScene {
    heard_in(&PROTOCOL, Over::Datagram, [CALLER, EXCHANGE], said, 1460)
}

fn media(heard: &HeardScene) -> Vec<&Media> {
    heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Media(media) => Some(&**media),
            _ => None,
        })
        .collect()
}

#[test]
fn a_call_and_its_voice_are_told() {
    let heard = heard(&whole_call());
    let call = call(&heard);
    assert_eq!(call.from.as_deref(), Some("tel:447782267949"));
    assert_eq!(call.to.as_deref(), Some("tel:442088205155"));
    assert_eq!(call.state, CallState::Ended);
    assert_eq!(call.reason, None);
    assert_eq!(call.digits.as_ref().unwrap().as_str(), "7");
    assert!(call.start < call.ringing && call.ringing < call.answer && call.answer < call.end);
    assert_eq!(
        steps(call),
        [
            "NEW", "AUTHREQ", "AUTHREP", "ACCEPT", "ringing", "answer", "DTMF", "HANGUP"
        ]
    );
    let media = media(&heard);
    assert_eq!(media.len(), 2);
    for stream in media {
        assert_eq!(stream.codec.as_deref(), Some("PCMA"));
        assert_eq!((stream.payload_type, stream.packets), (8, 50));
        assert_eq!(stream.lost, None, "no frame of voice has a number");
        assert_eq!(stream.protection, "none");
        assert_eq!(stream.call_id.as_deref(), Some(call.call_id.as_str()));
        assert!((0.9..1.1).contains(&stream.seconds), "{}", stream.seconds);
    }
    assert_eq!(exposure(&heard), Some(Exposure::Open));
}

#[test]
fn the_login_can_be_guessed_offline() {
    let heard = heard(&whole_call());
    let login = heard.records.iter().find_map(|record| match &record.body {
        Body::Credential(login) => Some(login),
        _ => None,
    });
    let login = login.unwrap();
    assert_eq!(
        (login.mechanism.as_str(), login.user.as_deref()),
        ("md5", Some("ada"))
    );
    assert!(login.crackable);
    assert_eq!(login.accepted, Some(true));
}

#[test]
fn a_registration_tells_its_user_and_password() {
    let register = |secret: (u8, &[u8])| {
        frame(
            (5, 0),
            3,
            0,
            (6, iax::REGREQ),
            &elements_of(&[(6, b"ada"), secret]),
        )
    };
    let said = [
        (true, register((7, b"secret"))),
        (false, frame((9, 5), 3, 0, (6, iax::REGREJ), &[])),
        (true, register((16, b"0123456789abcdef0123456789abcdef"))),
        (false, frame((9, 5), 3, 0, (6, iax::REGACK), &[])),
    ];
    let heard = heard(&said);
    let ledger = heard.ledger();
    assert!(ledger.contains("\"mechanism\":\"plain\",\"user\":\"ada\",\"secret\":\"secret\",\"crackable\":false,\"accepted\":false"), "{ledger}");
    assert!(ledger.contains("\"mechanism\":\"md5\",\"user\":\"ada\""));
}

#[test]
fn what_is_encrypted_is_sealed_until_somebody_has_the_password() {
    let mut said = vec![
        (true, new(3, &[(43, &[0, 1])])),
        (
            false,
            frame(
                (23, 4),
                5,
                0,
                (6, iax::AUTHREQ),
                &elements_of(&[(14, &[0, 2]), (15, b"1"), (43, &[0, 1])]),
            ),
        ),
        (
            true,
            frame(
                (4, 23),
                6,
                1,
                (6, iax::AUTHREP),
                &elements_of(&[(16, b"0123456789abcdef0123456789abcdef")]),
            ),
        ),
    ];
    for at in 0..20 {
        said.push((true, [&[0x80, 4, 0, 23][..], &[at; 44]].concat()));
        said.push((false, [&[0, 23, 0, at][..], &[at; 160]].concat()));
    }
    let heard = heard(&said);
    assert_eq!(exposure(&heard), Some(Exposure::StolenKey));
    assert!(media(&heard).is_empty());
    let accounts = heard.records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) => Some(conversation.accounts),
        _ => None,
    });
    assert_eq!(accounts.unwrap().sealed, 20 * 44 + 20 * 160);
}

#[test]
fn trunk_frames_carry_the_voice_of_many() {
    let mut said = whole_call();
    said.truncate(9);
    for at in 1..=10_u16 {
        let time = 2010 + 20 * at;
        let mut timed = vec![0, 0, 1, 1, 0, 0, 0, 9];
        timed.extend([0, 160, 0, 4]);
        timed.extend(time.to_be_bytes());
        timed.extend([0xd5; 160]);
        timed.extend([0, 2, 0x7f, 0xff, 0, 0, 1, 2]);
        said.push((true, timed));
        let mut plain = vec![0, 0, 1, 0];
        plain.extend(u32::from(time).to_be_bytes());
        plain.extend([0, 23, 0, 160]);
        plain.extend([0x55; 160]);
        said.push((false, plain));
    }
    let heard = heard(&said);
    let packets: Vec<u64> = media(&heard).iter().map(|media| media.packets).collect();
    assert_eq!(packets, [11, 11]);
}

#[test]
fn a_refused_call_says_why() {
    let said = [
        (true, new(3, &[])),
        (true, new(3, &[])),
        (
            false,
            frame(
                (23, 4),
                5,
                0,
                (6, iax::REJECT),
                &elements_of(&[(22, b"No authority found"), (42, &[21])]),
            ),
        ),
    ];
    let heard = heard(&said);
    assert_eq!(call(&heard).state, CallState::Failed);
    assert_eq!(call(&heard).reason.as_deref(), Some("No authority found"));
}

#[test]
fn a_number_that_is_used_again_is_another_call() {
    let mut said = whole_call();
    let again = whole_call().into_iter().map(|(caller, message)| {
        let mut message = message;
        if message[0] & 0x80 != 0 {
            // The clock of each call begins anew, with other times.
            message[6] = message[6].wrapping_add(0x20);
        }
        (caller, message)
    });
    said.extend(again);
    let heard = heard(&said);
    assert_eq!(calls(&heard).len(), 2);
    assert_eq!(media(&heard).len(), 4);
}

#[test]
fn other_datagrams_are_not_taken() {
    let rtp = [&[0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0xd5; 160]].concat();
    let not_at_the_port = frame((4, 23), 8, 2, (6, 4), &[]);
    for bytes in [rtp, not_at_the_port, mini(4, 9, &[0xd5; 160]), vec![0; 40]] {
        let mut scene = Scene::new();
        let talk = scene.udp("192.0.2.10:40000", "192.0.2.60:40002");
        scene.client(talk, &bytes);
        let heard = hear(&[&PROTOCOL], &scene.pcap());
        assert!(!heard.ledger().contains("\"iax2\""), "{bytes:?}");
    }
}

#[test]
fn every_cut_survives() {
    let said = whole_call();
    for (caller, message) in said.iter().take(12) {
        for end in 0..message.len() {
            let mut cut: Vec<_> = said.iter().take(9).cloned().collect();
            cut.push((*caller, message[..end].to_vec()));
            heard(&cut);
        }
    }
}
