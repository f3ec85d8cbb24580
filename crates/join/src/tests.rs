use overheard_ledger::{
    Accounts, Call, CallState, Endpoint, Exposure, Handshake, HintBody, Media, Name, Time,
};

use super::*;

pub(crate) fn endpoint(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().unwrap();
    Endpoint::new(address.ip(), address.port())
}

pub(crate) fn conversation(id: u64, server: &str, protocol: Option<&str>) -> Record {
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
        frames: vec![id].into(),
        time: Some(Time(id)),
    }
}

pub(crate) fn media(id: u64, destination: &str, tentative: bool) -> Record {
    let media = Media {
        payload_type: 96,
        packets: 3,
        seconds: 0.1,
        protection: "none".into(),
        tentative,
        ..Media::new(1, endpoint("192.0.2.10:40000"), endpoint(destination))
    };
    Record {
        body: media.into(),
        conversation: Some(id),
        frames: vec![id].into(),
        time: Some(Time(id)),
    }
}

pub(crate) fn hint(conversation: u64, body: HintBody) -> Hint {
    Hint {
        conversation,
        frames: vec![conversation].into(),
        time: Time(conversation),
        body,
    }
}

pub(crate) fn the_conversation(records: &[Record], id: u64) -> &Conversation {
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
    join(&mut records, &[hint(1, expect)], 2);
    let Body::Media(media) = &records[1].body else {
        panic!("the stream is gone")
    };
    assert_eq!(media.call_id.as_deref(), Some("call-1"));
    assert_eq!(media.codec.as_deref(), Some("opus"));
}

#[test]
fn media_agreed_in_a_conversation_of_its_own_belongs_to_the_call_that_announced_it() {
    let expect = |protocol, at: &str, label: Option<&str>| HintBody::Expect {
        endpoint: endpoint(at),
        protocol,
        label: label.map(str::to_owned),
        details: vec![("8".into(), "PCMA".into())],
    };
    let mut records = vec![
        conversation(1, "192.0.2.20:1720", Some("h323")),
        conversation(2, "192.0.2.20:1503", Some("h323")),
        conversation(3, "192.0.2.20:1504", Some("h323")),
        conversation(5, "192.0.2.20:7000", Some("rtp")),
        media(5, "192.0.2.20:7000", true),
        conversation(6, "192.0.2.20:7002", Some("rtp")),
        media(6, "192.0.2.20:7002", true),
    ];
    let hints = [
        hint(1, expect("h245", "192.0.2.20:1503", Some("call-1"))),
        hint(2, expect("rtp", "192.0.2.20:7000", None)),
        // Of a conversation that no call announced.
        hint(3, expect("rtp", "192.0.2.20:7002", None)),
    ];
    join(&mut records, &hints, 2);
    let calls: Vec<Option<&str>> = records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Media(media) => Some(media.call_id.as_deref()),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [Some("call-1"), None]);
}

#[test]
fn what_only_looked_like_media_is_taken_back() {
    let mut records = vec![
        conversation(5, "192.0.2.20:7000", Some("rtp")),
        media(5, "192.0.2.20:7000", true),
    ];
    join(&mut records, &[], 2);
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
        frames: vec![6].into(),
        time: Some(Time(6)),
    });
    let resolved = HintBody::Resolved {
        name: "asked.example".into(),
        address: "192.0.2.20".parse().unwrap(),
    };
    join(&mut records, &[hint(1, resolved)], 2);
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
    join(&mut records, &[hint(1, expect)], 2);
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
            ..Call::default()
        }
        .into(),
        conversation: Some(frame),
        frames: vec![frame].into(),
        time: Some(Time(frame)),
    };
    let mut records = vec![
        call(3, CallState::Attempted, None),
        call(4, CallState::Answered, Some(9)),
    ];
    join(&mut records, &[], 2);
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

fn part(conversation: u64, of: &'static str, id: &[u8], guess: bool) -> Hint {
    let id = id.to_vec();
    hint(conversation, HintBody::Part { of, id, guess })
}

fn unsealed(id: u64, server: &str, protocol: &str, exposure: Exposure) -> Record {
    let mut record = conversation(id, server, Some(protocol));
    if let Body::Conversation(conversation) = &mut record.body {
        conversation.exposure = exposure;
        conversation.accounts = Accounts {
            unrecognised: 100,
            ..Accounts::default()
        };
    }
    record
}

fn ike(id: u64, offered: &[&str], chosen: Option<&str>) -> Record {
    let handshake = Handshake {
        protocol: "ikev2".into(),
        offered_key_exchange: offered.iter().map(|&name| name.to_owned()).collect(),
        client_software: (!offered.is_empty()).then(|| "strongSwan".to_owned()),
        key_exchange: chosen.map(str::to_owned),
        ..Handshake::default()
    };
    Record {
        body: handshake.into(),
        conversation: Some(id),
        frames: vec![id].into(),
        time: Some(Time(id)),
    }
}

#[test]
fn an_exchange_that_changes_ports_is_one() {
    let mut records = vec![
        unsealed(1, "192.0.2.25:500", "ike", Exposure::Unknown),
        ike(1, &["Curve25519"], None),
        unsealed(2, "192.0.2.25:4500", "ike", Exposure::Harvest),
        ike(2, &[], Some("Curve25519")),
        // Another association that was never answered.
        unsealed(3, "192.0.2.26:500", "ike", Exposure::Unknown),
        ike(3, &["Curve25519"], None),
    ];
    let hints = [
        part(1, "ike", &[7; 8], false),
        part(2, "ike", &[7; 8], false),
        part(3, "ike", &[8; 8], false),
    ];
    join(&mut records, &hints, 2);
    let exposures: Vec<Exposure> = (1..=3)
        .map(|id| the_conversation(&records, id).exposure)
        .collect();
    assert_eq!(
        exposures,
        [Exposure::Harvest, Exposure::Harvest, Exposure::Unknown]
    );
    let handshakes: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Handshake(handshake) => Some((&record.frames[..], &**handshake)),
            _ => None,
        })
        .collect();
    assert_eq!(handshakes.len(), 2);
    let (frames, whole) = handshakes[0];
    assert_eq!(frames, &[1, 2]);
    assert_eq!(whole.offered_key_exchange, ["Curve25519"]);
    assert_eq!(whole.key_exchange.as_deref(), Some("Curve25519"));
    assert_eq!(whole.client_software.as_deref(), Some("strongSwan"));
    assert_eq!(handshakes[1].0, &[3]);
}

#[test]
fn esp_is_sealed_as_ike_between_the_same_hosts_agreed() {
    let esp = |id: u64, server: &str| {
        let mut record = conversation(id, server, None);
        if let Body::Conversation(conversation) = &mut record.body {
            conversation.transport = "ip-50".into();
            conversation.exposure = Exposure::Unknown;
        }
        record
    };
    let mut records = vec![
        unsealed(1, "192.0.2.25:500", "ike", Exposure::Sealed),
        esp(2, "192.0.2.25:0"),
        esp(3, "192.0.2.26:0"),
        conversation(4, "192.0.2.25:80", Some("http")),
    ];
    join(&mut records, &[], 2);
    assert_eq!(the_conversation(&records, 2).exposure, Exposure::Sealed);
    assert_eq!(the_conversation(&records, 3).exposure, Exposure::Unknown);
    assert_eq!(the_conversation(&records, 4).exposure, Exposure::Open);
}

#[test]
fn a_connection_that_moved_is_known_by_its_id_at_its_server() {
    let begun = || unsealed(1, "192.0.2.25:443", "quic", Exposure::Harvest);
    let id = *b"an id of";
    let cases = [
        (&b"an id of and more"[..], "192.0.2.25:443", true),
        (b"an id oF and more", "192.0.2.25:443", false),
        (b"an id of and more", "192.0.2.26:443", false),
        (b"an id", "192.0.2.25:443", false),
    ];
    for (bytes, server, belongs) in cases {
        let mut records = vec![begun(), unsealed(2, server, "quic", Exposure::Unknown)];
        join(
            &mut records,
            &[part(1, "quic", &id, false), part(2, "quic", bytes, true)],
            2,
        );
        let found = the_conversation(&records, 2);
        assert_eq!(found.protocol.is_some(), belongs, "{bytes:?} {server}");
        assert_eq!(found.exposure == Exposure::Harvest, belongs);
        let accounts = found.accounts;
        assert_eq!(accounts.sealed == 100, belongs);
        assert_eq!(accounts.total(), 100);
    }
}
