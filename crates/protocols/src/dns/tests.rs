use overheard_ledger::HintBody;
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

fn message(flags: u16, asked: &str, kind: u16, answers: &[Vec<u8>]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34];
    for number in [flags, 1, u16::try_from(answers.len()).unwrap(), 0, 0] {
        message.extend(number.to_be_bytes());
    }
    message.extend(name(asked));
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message.extend(answers.concat());
    message
}

fn record(owner: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let mut record = name(owner);
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 60]);
    record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    record.extend(data);
    record
}

fn query(asked: &str) -> Vec<u8> {
    message(0x0100, asked, 1, &[])
}

/// `www.example` is an alias of `host.example`, which has an address.
fn answer() -> Vec<u8> {
    let answers = [
        record("www.example", 5, &name("host.example")),
        record("host.example", 1, &[192, 0, 2, 80]),
    ];
    message(0x8180, "www.example", 1, &answers)
}

fn framed(message: &[u8]) -> Vec<u8> {
    [
        &u16::try_from(message.len()).unwrap().to_be_bytes(),
        message,
    ]
    .concat()
}

fn names(heard: &HeardScene) -> Vec<String> {
    let name = |record: &overheard_ledger::Record| match &record.body {
        Body::Name(name) => Some(name.name.clone()),
        _ => None,
    };
    heard.records.iter().filter_map(name).collect()
}

fn resolved(heard: &HeardScene) -> Vec<(String, String)> {
    let address = |hint: &overheard_ledger::Hint| match &hint.body {
        HintBody::Resolved { name, address } => Some((name.clone(), address.to_string())),
        _ => None,
    };
    heard.hints.iter().filter_map(address).collect()
}

#[test]
fn a_question_and_its_answer() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.53:53");
    scene.client(talk, &query("WWW.example"));
    scene.server(talk, &answer());
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    assert_eq!(
        resolved(&heard),
        [("www.example".to_owned(), "192.0.2.80".to_owned())]
    );
}

#[test]
fn a_name_is_written_once_a_conversation() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.53:53");
    for asked in ["a.example", "b.example", "A.example", "b.example"] {
        scene.client(talk, &query(asked));
    }
    assert_eq!(
        names(&hear(&[&PROTOCOL], &scene.pcap())),
        ["a.example", "b.example"]
    );
}

#[test]
fn content_decides_on_any_port() {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:40000", "192.0.2.53:8600");
    scene.client(talk, &query("hidden.example"));
    assert_eq!(
        names(&hear(&[&PROTOCOL], &scene.pcap())),
        ["hidden.example"]
    );
}

#[test]
fn any_segmentation_of_a_stream_gives_the_same_names() {
    for size in [1, 2, 3, 5, 7, 16, 1460] {
        let mut scene = Scene::new();
        scene.segment_size(size);
        let talk = scene.tcp("192.0.2.10:40000", "192.0.2.53:53");
        scene.client(
            talk,
            &[
                framed(&query("www.example")),
                framed(&query("mail.example")),
            ]
            .concat(),
        );
        scene.server(talk, &framed(&answer()));
        scene.close(talk);
        let heard = hear(&[&PROTOCOL], &scene.pcap());
        assert_eq!(
            names(&heard),
            ["www.example", "mail.example"],
            "segments of {size} bytes"
        );
        assert_eq!(
            resolved(&heard),
            [("www.example".to_owned(), "192.0.2.80".to_owned())]
        );
    }
}

#[test]
fn a_stream_is_recognised_on_any_port() {
    for size in [1, 16, 1460] {
        let mut scene = Scene::new();
        scene.segment_size(size);
        let talk = scene.tcp("192.0.2.10:40000", "192.0.2.53:8600");
        scene.client(talk, &framed(&query("hidden.example")));
        assert_eq!(
            names(&hear(&[&PROTOCOL], &scene.pcap())),
            ["hidden.example"],
            "segments of {size} bytes"
        );
    }
}

#[test]
fn a_zone_transfer_is_observed() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.53:53");
    scene.client(talk, &framed(&message(0, "corp.example", 252, &[])));
    let zone = [
        record("pc1.corp.example", 1, &[192, 0, 2, 1]),
        record("pc2.corp.example", 1, &[192, 0, 2, 2]),
    ];
    scene.server(talk, &framed(&message(0x8400, "corp.example", 252, &zone)));
    scene.close(talk);
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    let observed = |hint: &overheard_ledger::Hint| match &hint.body {
        HintBody::Observed { rule, learns } => Some((*rule, learns.clone())),
        _ => None,
    };
    let observed: Vec<_> = heard.hints.iter().filter_map(observed).collect();
    assert_eq!(
        observed,
        [(
            "dns-zone-transfer",
            "All names of the zone corp.example".to_owned()
        )]
    );
    assert_eq!(
        resolved(&heard)[1],
        ("pc2.corp.example".to_owned(), "192.0.2.2".to_owned())
    );
}

fn sample<'a>(client: &'a [u8], server: &'a [u8], server_port: u16) -> Sample<'a> {
    Sample {
        over: Over::Datagram,
        client,
        server,
        client_port: 40000,
        server_port,
        whole: true,
    }
}

#[test]
fn a_response_from_the_client_turns_the_sides_round() {
    assert_eq!(probe(&sample(&answer(), &[], 5000)), Probe::Reversed);
    assert_eq!(probe(&sample(&[], &answer(), 5000)), Probe::Sure);
    assert_eq!(
        probe(&sample(&[], &query("www.example"), 5000)),
        Probe::Reversed
    );
}

#[test]
fn off_its_port_nothing_less_than_a_whole_usual_message_will_do() {
    let query = query("www.example");
    assert_eq!(probe(&sample(&query, &[], 5000)), Probe::Sure);
    for length in 0..query.len() {
        assert_eq!(
            probe(&sample(&query[..length], &[], 5000)),
            Probe::No,
            "{length} bytes"
        );
    }
    for (place, value) in [(2, 0x78), (3, 0x40), (5, 2), (7, 1), (26, 0xee)] {
        let mut strange = query.clone();
        strange[place] = value;
        assert_eq!(
            probe(&sample(&strange, &[], 5000)),
            Probe::No,
            "byte {place}"
        );
    }
}

#[test]
fn on_its_port_a_cut_message_is_likely() {
    let answer = answer();
    assert_eq!(
        probe(&sample(&answer[..answer.len() - 1], &[], 53)),
        Probe::Likely(60)
    );
    assert_eq!(
        probe(&sample(b"\0\x01 not a message at all, but text", &[], 53)),
        Probe::No
    );
}

#[test]
fn the_ports_of_its_sisters_are_theirs() {
    for port in SISTERS {
        assert_eq!(probe(&sample(&query("www.example"), &[], port)), Probe::No);
    }
}
