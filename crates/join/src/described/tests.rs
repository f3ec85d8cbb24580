use overheard_ledger::{Body, Call, CallState, Exposure};

use super::*;
use crate::tests::{conversation, endpoint, hint, media, the_conversation};

const SECOND: u64 = 1_000_000_000;
const CALLER: &str = "192.0.2.10:4000";
const CALLEE: &str = "192.0.2.20:6000";

fn key(byte: u8) -> MediaKey {
    MediaKey {
        suite: "AES_CM_128_HMAC_SHA1_80".into(),
        key: vec![byte; 30],
        identifier: None,
    }
}

fn encoding(payload_type: u8, name: &str) -> Encoding {
    Encoding {
        payload_type,
        name: name.into(),
        clock: 8000,
        channels: 1,
        parameters: String::new(),
    }
}

fn medium(at: &str, name: &str) -> DescribedMedia {
    DescribedMedia {
        endpoints: vec![endpoint(at)],
        encodings: vec![encoding(96, name)],
        ..DescribedMedia::default()
    }
}

fn sealed(at: &str, keys: &[(u32, u8)]) -> DescribedMedia {
    DescribedMedia {
        secure: true,
        keys: keys.iter().map(|&(tag, byte)| (tag, key(byte))).collect(),
        ..medium(at, "PCMU")
    }
}

fn says(time: u64, call: &str, party: u64, media: Vec<DescribedMedia>) -> Hint {
    let described = Description {
        call: call.into(),
        party,
        media,
    };
    Hint {
        time: Time(time),
        ..hint(1, HintBody::Described(Box::new(described)))
    }
}

/// A stream from `source` to `destination` that begins at a time and lasts a second.
fn stream(from: u64, source: &str, destination: &str) -> Record {
    let mut record = media(from, destination, true);
    record.time = Some(Time(from));
    if let Body::Media(media) = &mut record.body {
        media.source = endpoint(source);
        media.seconds = 1.0;
        media.protection = String::new();
    }
    record
}

fn call(id: &str, start: u64, end: u64) -> Record {
    let call = Call {
        call_id: id.into(),
        state: CallState::Ended,
        start: Some(Time(start)),
        end: Some(Time(end)),
        ..Call::default()
    };
    Record {
        body: call.into(),
        conversation: Some(1),
        frames: vec![1].into(),
        time: Some(Time(start)),
    }
}

/// The streams as they are after joining.
fn joined(mut records: Vec<Record>, hints: &[Hint]) -> Vec<Media> {
    crate::join(&mut records, hints, 2);
    records
        .into_iter()
        .filter_map(|record| match record.body {
            Body::Media(media) => Some(*media),
            _ => None,
        })
        .collect()
}

#[test]
fn encodings_are_those_of_the_receiver_then_those_of_the_sender() {
    let mut answer = medium(CALLEE, "iLBC");
    answer.encodings.push(encoding(97, "opus"));
    let hints = [
        says(1, "a", 1, vec![medium(CALLER, "speex")]),
        says(2, "a", 2, vec![answer]),
    ];
    let streams = joined(
        vec![stream(9, CALLER, CALLEE), stream(9, CALLEE, CALLER)],
        &hints,
    );
    assert_eq!(streams[0].codec.as_deref(), Some("iLBC"));
    assert_eq!(streams[1].codec.as_deref(), Some("speex"));
    let names = |media: &Media| -> Vec<String> {
        let announced = media.announced.as_ref().unwrap();
        announced
            .encodings
            .iter()
            .map(|it| it.name.clone())
            .collect()
    };
    assert_eq!(names(&streams[0]), ["iLBC", "opus"]);
    assert_eq!(names(&streams[1]), ["speex", "opus"]);
    assert!(streams.iter().all(|it| it.call_id.as_deref() == Some("a")));
    assert!(streams.iter().all(|it| it.protection == "none"));
}

#[test]
fn the_senders_key_comes_first_by_the_tag_that_was_taken() {
    let hints = [
        says(1, "a", 1, vec![sealed(CALLER, &[(1, 11), (2, 12)])]),
        says(2, "a", 2, vec![sealed(CALLEE, &[(2, 22)])]),
    ];
    let streams = joined(
        vec![stream(9, CALLER, CALLEE), stream(9, CALLEE, CALLER)],
        &hints,
    );
    let keys = |media: &Media| -> Vec<u8> {
        let announced = media.announced.as_ref().unwrap();
        announced.keys.iter().map(|key| key.key[0]).collect()
    };
    assert_eq!(keys(&streams[0]), [12, 11, 22]);
    assert_eq!(keys(&streams[1]), [22, 11, 12]);
    assert!(streams.iter().all(|it| it.protection == "sdes-in-clear"));
}

#[test]
fn behind_a_translator_of_addresses_a_stream_keeps_its_call() {
    let nat = "203.0.113.7:31000";
    let hints = [
        says(1, "a", 1, vec![sealed("192.168.1.5:4000", &[(1, 11)])]),
        says(2, "a", 2, vec![sealed(CALLEE, &[(1, 22)])]),
    ];
    let streams = joined(vec![stream(9, nat, CALLEE), stream(9, CALLEE, nat)], &hints);
    let first = |media: &Media| media.announced.as_ref().unwrap().keys[0].key[0];
    assert_eq!((first(&streams[0]), first(&streams[1])), (11, 22));
    assert!(streams.iter().all(|it| it.call_id.as_deref() == Some("a")));
}

#[test]
fn a_port_that_is_used_again_belongs_to_the_call_of_the_time() {
    let hints = [
        says(SECOND, "old", 1, vec![medium(CALLER, "PCMU")]),
        says(100 * SECOND, "new", 1, vec![medium(CALLER, "PCMA")]),
    ];
    let at = |seconds: u64| {
        let records = vec![
            call("old", SECOND, 50 * SECOND),
            call("new", 99 * SECOND, 150 * SECOND),
            stream(seconds * SECOND, CALLEE, CALLER),
        ];
        joined(records, &hints)
            .first()
            .and_then(|it| it.call_id.clone())
    };
    assert_eq!(at(10).as_deref(), Some("old"));
    // A little after the BYE, and a little before the answer.
    assert_eq!(at(55).as_deref(), Some("old"));
    assert_eq!(at(97).as_deref(), Some("new"));
    assert_eq!(at(120).as_deref(), Some("new"));
    // Nothing announced what was received between the calls and after them.
    assert_eq!(at(75), None);
    assert_eq!(at(300), None);
}

#[test]
fn a_key_that_did_not_pass_in_clear_opens_nothing() {
    let hints = [
        says(1, "a", 1, vec![sealed(CALLER, &[])]),
        says(2, "a", 2, vec![sealed(CALLEE, &[(1, 22)])]),
    ];
    let mut records = vec![
        conversation(9, CALLEE, Some("rtp")),
        stream(9, CALLER, CALLEE),
    ];
    records[1].conversation = Some(9);
    let streams = joined(records.clone(), &hints);
    assert_eq!(streams[0].protection, "sdes");
    crate::join(&mut records, &hints, 2);
    let conversation = the_conversation(&records, 9);
    assert_eq!(conversation.exposure, Exposure::Unknown);
    assert_eq!(
        (conversation.accounts.read, conversation.accounts.sealed),
        (0, 100)
    );
    // Neither key was seen: nothing is said of the protection.
    let hints = [
        says(1, "a", 1, vec![sealed(CALLER, &[])]),
        says(2, "a", 2, vec![sealed(CALLEE, &[])]),
    ];
    assert_eq!(
        joined(vec![stream(9, CALLER, CALLEE)], &hints)[0].protection,
        ""
    );
    // Keys offered beside an unsealed profile that nobody took up.
    let best_effort = DescribedMedia {
        secure: false,
        ..sealed(CALLER, &[(1, 11)])
    };
    let hints = [
        says(1, "a", 1, vec![best_effort]),
        says(2, "a", 2, vec![medium(CALLEE, "PCMU")]),
    ];
    assert_eq!(
        joined(vec![stream(9, CALLER, CALLEE)], &hints)[0].protection,
        "none"
    );
}

#[test]
fn of_several_media_at_one_endpoint_the_one_that_was_taken_counts() {
    let offer = vec![sealed(CALLER, &[(1, 11)]), medium(CALLER, "PCMA")];
    let refused = DescribedMedia {
        refused: true,
        ..DescribedMedia::default()
    };
    let hints = [
        says(1, "a", 1, offer),
        says(2, "a", 2, vec![refused, medium(CALLEE, "PCMA")]),
    ];
    let streams = joined(vec![stream(9, CALLEE, CALLER)], &hints);
    assert_eq!(streams[0].protection, "none");
    assert_eq!(streams[0].codec.as_deref(), Some("PCMA"));
    // By the source that the sender names.
    let video = DescribedMedia {
        ssrcs: vec![1],
        ..medium(CALLEE, "VP8")
    };
    let hints = [
        says(
            1,
            "a",
            1,
            vec![medium(CALLER, "opus"), medium(CALLER, "VP8")],
        ),
        says(2, "a", 2, vec![medium(CALLEE, "opus"), video]),
    ];
    let streams = joined(vec![stream(9, CALLEE, CALLER)], &hints);
    assert_eq!(streams[0].codec.as_deref(), Some("VP8"));
}

#[test]
fn a_fax_is_named_by_what_announced_it() {
    let expect = HintBody::Expect {
        endpoint: endpoint(CALLEE),
        protocol: "t38",
        label: Some("a".into()),
        details: Vec::new(),
    };
    let mut fax = conversation(9, CALLEE, None);
    if let Body::Conversation(conversation) = &mut fax.body {
        conversation.accounts.read = 0;
        conversation.accounts.unrecognised = 100;
        conversation.exposure = Exposure::Unknown;
    }
    let mut records = vec![fax];
    crate::join(&mut records, &[hint(1, expect)], 2);
    let conversation = the_conversation(&records, 9);
    assert_eq!(conversation.protocol.as_deref(), Some("t38"));
    assert_eq!(conversation.exposure, Exposure::Open);
    assert_eq!(
        (
            conversation.accounts.read,
            conversation.accounts.unrecognised
        ),
        (100, 0)
    );
}
