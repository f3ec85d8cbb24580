use overheard_ledger::{
    Accounts, Call, CallState, Endpoint, Exposure, HintBody, Media, Name, Time,
};

use super::*;

fn endpoint(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().unwrap();
    Endpoint::new(address.ip(), address.port())
}

fn conversation(id: u64, server: &str, protocol: Option<&str>) -> Record {
    let conversation = Conversation {
        id,
        community_id: None,
        transport: "udp".into(),
        client: endpoint("192.0.2.10:40000"),
        server: endpoint(server),
        packets: [1, 1],
        bytes: [100, 100],
        start: Time(id),
        end: Time(id),
        protocol: protocol.map(str::to_owned),
        exposure: Exposure::Open,
        encapsulation: Vec::new(),
        server_names: Vec::new(),
        accounts: Accounts {
            read: 100,
            ..Accounts::default()
        },
        conflicting_bytes: 0,
    };
    Record {
        body: conversation.into(),
        conversation: None,
        frames: vec![id],
        time: Some(Time(id)),
    }
}

fn media(id: u64, destination: &str, tentative: bool) -> Record {
    let media = Media {
        ssrc: "0x00000001".into(),
        source: endpoint("192.0.2.10:40000"),
        destination: endpoint(destination),
        payload_type: 96,
        codec: None,
        packets: 3,
        lost: 0,
        seconds: 0.1,
        speech_seconds: None,
        protection: "none".into(),
        call_id: None,
        tentative,
    };
    Record {
        body: media.into(),
        conversation: Some(id),
        frames: vec![id],
        time: Some(Time(id)),
    }
}

fn hint(conversation: u64, body: HintBody) -> Hint {
    Hint {
        conversation,
        frames: vec![conversation],
        time: Time(conversation),
        body,
    }
}

fn the_conversation(records: &[Record], id: u64) -> &Conversation {
    let found = records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) if conversation.id == id => Some(conversation),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn an_announced_stream_gets_its_call_and_its_codec() {
    let mut records = vec![
        conversation(5, "192.0.2.20:7000", Some("rtp")),
        media(5, "192.0.2.20:7000", true),
    ];
    let expect = HintBody::Expect {
        endpoint: endpoint("192.0.2.20:7000"),
        protocol: "rtp",
        label: Some("call-1".into()),
        details: vec![("96".into(), "opus".into())],
    };
    join(&mut records, &[hint(1, expect)]);
    let Body::Media(media) = &records[1].body else {
        panic!("the stream is gone")
    };
    assert_eq!(media.call_id.as_deref(), Some("call-1"));
    assert_eq!(media.codec.as_deref(), Some("opus"));
}

#[test]
fn what_only_looked_like_media_is_taken_back() {
    let mut records = vec![
        conversation(5, "192.0.2.20:7000", Some("rtp")),
        media(5, "192.0.2.20:7000", true),
    ];
    join(&mut records, &[]);
    assert_eq!(records.len(), 1);
    let conversation = the_conversation(&records, 5);
    assert_eq!(conversation.protocol, None);
    assert_eq!(conversation.exposure, Exposure::Unknown);
    assert_eq!(
        (
            conversation.accounts.read,
            conversation.accounts.unrecognised
        ),
        (0, 100)
    );
}

#[test]
fn names_said_by_the_client_come_before_those_of_dns() {
    let mut records = vec![conversation(5, "192.0.2.20:443", Some("tls"))];
    records.push(Record {
        body: Name {
            source: "tls-sni".into(),
            name: "said.example".into(),
        }
        .into(),
        conversation: Some(5),
        frames: vec![6],
        time: Some(Time(6)),
    });
    let resolved = HintBody::Resolved {
        name: "asked.example".into(),
        address: "192.0.2.20".parse().unwrap(),
    };
    join(&mut records, &[hint(1, resolved)]);
    assert_eq!(
        the_conversation(&records, 5).server_names,
        ["said.example", "asked.example"]
    );
}

#[test]
fn a_file_gets_the_name_of_its_transfer() {
    let mut records = vec![conversation(5, "192.0.2.20:50000", None)];
    if let Body::Conversation(conversation) = &mut records[0].body {
        conversation.accounts = Accounts {
            unrecognised: 70,
            ..Accounts::default()
        };
    }
    let expect = HintBody::Expect {
        endpoint: endpoint("192.0.2.20:50000"),
        protocol: "ftp-data",
        label: Some("contract.txt".into()),
        details: Vec::new(),
    };
    join(&mut records, &[hint(1, expect)]);
    let conversation = the_conversation(&records, 5);
    assert_eq!(conversation.protocol.as_deref(), Some("ftp-data"));
    assert_eq!(conversation.accounts.read, 70);
    let Body::Object(object) = &records[1].body else {
        panic!("no object")
    };
    assert_eq!(
        (object.name.as_deref(), object.bytes),
        (Some("contract.txt"), 70)
    );
}

#[test]
fn a_call_seen_twice_is_told_once() {
    let call = |frame: u64, state, answer: Option<u64>| Record {
        body: Call {
            call_id: "one@exchange.example".into(),
            from: Some("sip:ada@office.example".into()),
            to: None,
            state,
            start: Some(Time(frame)),
            answer: answer.map(Time),
            end: None,
            digits: None,
        }
        .into(),
        conversation: Some(frame),
        frames: vec![frame],
        time: Some(Time(frame)),
    };
    let mut records = vec![
        call(3, CallState::Attempted, None),
        call(4, CallState::Answered, Some(9)),
    ];
    join(&mut records, &[]);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].frames, [3, 4]);
    let Body::Call(call) = &records[0].body else {
        panic!("no call")
    };
    assert_eq!(
        (call.state, call.start, call.answer),
        (CallState::Answered, Some(Time(3)), Some(Time(9)))
    );
}
