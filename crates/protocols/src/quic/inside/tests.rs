use overheard_follow::OpenedCounts;
use overheard_ledger::{Body, Exposure, Object};
use overheard_tap::{Analyzer, Chunk, Over, Probe, Protocol, Sample, Step};
use overheard_testkit::{Scene, hear_inside};

use super::super::tests::{
    CLIENT, ID, SERVER, V1, V2, answer, crypto, from_client, from_server, offer,
};
use super::*;

/// Stands for whatever is inside: counts what it hears in a stream.
static COUNT: Protocol = Protocol {
    name: "count",
    title: "Count",
    over: &[Over::Stream],
    ports: &[],
    standard: "none",
    exposure: Exposure::Open,
    probe: |_: &Sample<'_>| Probe::Sure,
    begin: |_| Box::new(Count::default()),
    rules: &[],
};

#[derive(Default)]
struct Count([String; 2]);

impl Analyzer for Count {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => {
                self.0[side.index()].push_str(std::str::from_utf8(bytes).unwrap());
                Step::Took(bytes.len())
            }
            Chunk::Gap(_) => Step::Took(0),
            Chunk::End => {
                let said = &self.0[side.index()];
                if !said.is_empty() {
                    notes.add(Object {
                        protocol: format!("{side:?}"),
                        name: Some(said.clone()),
                        ..Object::default()
                    });
                }
                Step::Took(0)
            }
        }
    }
}

const SECRETS: [[u8; 32]; 3] = [[3; 32], [4; 32], [5; 32]];

fn key_log() -> String {
    let labels = [
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "CLIENT_EARLY_TRAFFIC_SECRET",
    ];
    let line = |(label, secret): (&&str, &[u8; 32])| {
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{label} {} {secret}\n", "07".repeat(32))
    };
    labels.iter().zip(&SECRETS).map(line).collect()
}

/// A packet with a short header for a connection id.
fn short(
    version: u32,
    secret: &[u8],
    id: &[u8],
    number: u8,
    odd: bool,
    frames: &[u8],
    header_of: &[u8],
) -> Vec<u8> {
    let prefix = prefix(version).unwrap();
    let suite = Suite::INITIAL;
    // The key of the header stays the first one.
    let mut keys = Keys::of_secret(suite, header_of, prefix).unwrap();
    keys.renewed(Keys::of_secret(suite, secret, prefix).unwrap());
    let header = [&[0x40 | u8::from(odd) << 2], id, &[number]].concat();
    let mut frames = frames.to_vec();
    frames.resize(frames.len().max(8), 0);
    keys.seal(&header, number.into(), &frames)
}

/// A STREAM frame with offset and length.
fn stream(id: u8, offset: u8, end: bool, said: &str) -> Vec<u8> {
    let length = u8::try_from(said.len()).unwrap();
    [&[0x0e | u8::from(end), id, offset, length], said.as_bytes()].concat()
}

fn hellos(version: u32) -> Vec<(bool, Vec<u8>)> {
    vec![
        (true, from_client(version, &ID, crypto(0, &offer()), 0)),
        (
            false,
            from_server(version, &ID, crypto(0, &answer([1; 32])), 0),
        ),
    ]
}

/// What was inside, stream by stream with who said it, and what became of the conversation.
fn inside(datagrams: &[(bool, Vec<u8>)], key_log: &str) -> (Vec<String>, OpenedCounts) {
    let mut scene = Scene::new();
    let talk = scene.udp(CLIENT, SERVER);
    for (client, datagram) in datagrams {
        match client {
            true => scene.client(talk, datagram),
            false => scene.server(talk, datagram),
        }
    }
    let (heard, counts) = hear_inside(&[&super::super::PROTOCOL, &COUNT], &scene.pcap(), key_log);
    let said = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Object(object) => Some(format!(
                "{}: {}",
                object.protocol,
                object.name.as_ref().unwrap()
            )),
            _ => None,
        });
    let mut said: Vec<String> = said.collect();
    said.sort();
    (said, counts)
}

#[test]
fn streams_open_in_both_versions_in_any_order_and_with_renewed_keys() {
    for version in [V1, V2] {
        let [client, server, _] = SECRETS;
        let label = [prefix(version).unwrap(), " ku"];
        let next = next_secret(Suite::INITIAL.hash, &client, &label).unwrap();
        let mut datagrams = hellos(version);
        let say = |secret: &[u8], number, odd, frames: &[u8]| {
            (
                true,
                short(version, secret, b"ssssss", number, odd, frames, &client),
            )
        };
        let ack = [2, 5, 0, 0, 0];
        datagrams.push(say(&client, 1, false, &stream(0, 3, true, "lo")));
        datagrams.push(say(
            &client,
            0,
            false,
            &[&ack[..], &stream(0, 0, false, "hel")].concat(),
        ));
        datagrams.push((
            false,
            short(
                version,
                &server,
                b"cccc",
                0,
                false,
                &stream(0, 0, true, "answer"),
                &server,
            ),
        ));
        // A second copy of a stream that is over begins nothing.
        datagrams.push(say(&client, 2, false, &stream(0, 0, false, "hel")));
        datagrams.push(say(&next, 3, true, &stream(4, 0, true, "renewed")));
        datagrams.push(say(&client, 4, false, &stream(8, 0, true, "late")));
        datagrams.push(say(&client, 5, false, &stream(2, 0, true, "one way")));
        let (said, counts) = inside(&datagrams, &key_log());
        assert_eq!(
            said,
            [
                "Client: hello",
                "Client: late",
                "Client: one way",
                "Client: renewed",
                "Server: answer"
            ],
            "{version:x}"
        );
        assert_eq!((counts.opened, counts.wrong_keys), (1, 0));
        assert_eq!(counts.accounts.duplicate, 3);
    }
}

#[test]
fn wrong_keys_and_no_keys_are_told_apart() {
    let mut datagrams = hellos(V1);
    let [client, ..] = SECRETS;
    datagrams.push((
        true,
        short(
            V1,
            &client,
            b"ssssss",
            0,
            false,
            &stream(0, 0, true, "hello"),
            &client,
        ),
    ));
    let (said, counts) = inside(&datagrams, &key_log().replace("03", "0a"));
    assert!(said.is_empty());
    assert_eq!(
        (counts.opened, counts.wrong_keys, counts.without_keys),
        (0, 1, 0)
    );
    let (said, counts) = inside(&datagrams, &key_log().replace("07", "08"));
    assert!(said.is_empty());
    assert_eq!(
        (counts.opened, counts.wrong_keys, counts.without_keys),
        (0, 0, 1)
    );
}

#[test]
fn early_data_opens_before_the_server_has_said_a_cipher() {
    let [_, _, early] = SECRETS;
    let mut datagrams = hellos(V1);
    let frames = stream(0, 0, true, "first of all");
    let keys = Keys::of_secret(Suite::INITIAL, &early, "quic").unwrap();
    let length = u16::try_from(1 + frames.len() + 16).unwrap() | 0x4000;
    let header = [
        &[0xd0, 0, 0, 0, 1, 8][..],
        &ID,
        &[4],
        b"cccc",
        &length.to_be_bytes(),
        &[0],
    ]
    .concat();
    datagrams.insert(1, (true, keys.seal(&header, 0, &frames)));
    let (said, counts) = inside(&datagrams, &key_log());
    assert_eq!(said, ["Client: first of all"]);
    assert_eq!(counts.opened, 1);
}

#[test]
fn a_flood_of_streams_stays_within_its_limit() {
    let [client, ..] = SECRETS;
    let mut datagrams = hellos(V1);
    for number in 0..200_u8 {
        let frames: Vec<u8> = (0..2_u16)
            .flat_map(|half| {
                let id = 0x4000 | ((u16::from(number) * 2 + half) * 4);
                [&[0x0a][..], &id.to_be_bytes(), &[1, b'x']].concat()
            })
            .collect();
        datagrams.push((
            true,
            short(V1, &client, b"ssssss", number, false, &frames, &client),
        ));
    }
    let (_, counts) = inside(&datagrams, &key_log());
    let most = u64::try_from(overheard_tap::limits::MAX_INNER_STREAMS).unwrap();
    assert_eq!(
        (counts.accounts.read, counts.accounts.limited),
        (most, 400 - most)
    );
}
