use overheard_follow::OpenedCounts;
use overheard_ledger::{Exposure, Request};
use overheard_tap::{Analyzer, Over, Probe, Protocol, Sample};
use overheard_testkit::{Scene, hear_inside};

use super::*;
use crate::shared::hello_samples::{
    client_hello, extension, list, message, record, server_hello_with, share, vector8,
};
use crate::shared::unseal::{Aead, Hash};

/// Stands for whatever is inside: lines that begin with `SAY `.
static LINES: Protocol = Protocol {
    name: "lines",
    title: "Lines",
    over: &[Over::Stream],
    ports: &[],
    standard: "none",
    exposure: Exposure::Open,
    probe: |sample: &Sample<'_>| match sample.first() {
        first if first.starts_with(b"SAY ") => Probe::Sure,
        first if b"SAY ".starts_with(first) => Probe::More,
        _ => Probe::No,
    },
    begin: |_| Box::new(Lines),
    rules: &[],
};

struct Lines;

impl Analyzer for Lines {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
            return Step::Need(bytes.len() + 1);
        };
        notes.add(Request {
            method: format!("{side:?}"),
            target: Some(String::from_utf8(bytes[..end].to_vec()).unwrap()),
            ..Request::default()
        });
        Step::Took(end + 1)
    }
}

const SUITES: [u16; 4] = [0x1301, 0x1302, 0x1303, 0x1304];
const SUITES_12: [u16; 4] = [0xc02f, 0xc030, 0xcca8, 0xc0a0];

fn secret(suite: u16, number: u8) -> Vec<u8> {
    let length = match Suite::of(suite).unwrap().hash {
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
    };
    vec![number; length]
}

fn log_line(label: &str, secret: &[u8]) -> String {
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    // The random of the hellos that tests use.
    format!("{label} {} {secret}\n", "07".repeat(32))
}

fn key_log(suite: u16) -> String {
    let labels = [
        ("CLIENT_EARLY_TRAFFIC_SECRET", 5),
        ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 1),
        ("SERVER_HANDSHAKE_TRAFFIC_SECRET", 2),
        ("CLIENT_TRAFFIC_SECRET_0", 3),
        ("SERVER_TRAFFIC_SECRET_0", 4),
    ];
    labels
        .iter()
        .map(|(label, number)| log_line(label, &secret(suite, *number)))
        .collect()
}

/// Seals records of TLS 1.3.
struct Sealer {
    suite: Suite,
    secret: Vec<u8>,
    number: u64,
}

impl Sealer {
    fn new(suite: u16, number: u8) -> Sealer {
        Sealer {
            suite: Suite::of(suite).unwrap(),
            secret: secret(suite, number),
            number: 0,
        }
    }

    fn seal(&mut self, kind: u8, inside: &[u8]) -> Vec<u8> {
        let sealing = Sealing::of_secret(self.suite, &self.secret, "").unwrap();
        // Two zeros of padding.
        let inside = [inside, &[kind, 0, 0]].concat();
        let length = u16::try_from(inside.len() + sealing.tag_length()).unwrap();
        let head = [&[23, 3, 3][..], &length.to_be_bytes()].concat();
        let sealed = sealing.seal(sealing.nonce(self.number), &head, &inside);
        self.number += 1;
        [head, sealed].concat()
    }

    fn renew(&mut self) {
        self.secret = next_secret(self.suite.hash, &self.secret, &["traffic upd"]).unwrap();
        self.number = 0;
    }
}

type Said = (bool, Vec<u8>);

fn hellos(suite: u16, is_13: bool, more: &[Vec<u8>]) -> [Said; 2] {
    let mut offer = vec![extension(43, &vector8(&list(&[0x0304, 0x0303])))];
    offer.extend_from_slice(more);
    let mut answer = Vec::new();
    if is_13 {
        answer = vec![extension(43, &list(&[0x0304])), extension(51, &share(29))];
    }
    let answer = server_hello_with(0x0303, [1; 32], &[9; 4], suite, &answer);
    [
        (true, record(22, &message(1, &client_hello(&offer)))),
        (false, record(22, &message(2, &answer))),
    ]
}

/// A conversation in TLS 1.3: EncryptedExtensions, Finished of both, two lines each way with a renewal of keys
/// between.
fn talk_13(suite: u16) -> Vec<Said> {
    let mut said = hellos(suite, true, &[]).to_vec();
    let [mut client_shake, mut server_shake] = [1, 2].map(|number| Sealer::new(suite, number));
    let [mut client, mut server] = [3, 4].map(|number| Sealer::new(suite, number));
    let finished = message(20, &[8; 32]);
    let flight = [
        message(8, &[0, 0]),
        message(11, &[6; 3000]),
        finished.clone(),
    ]
    .concat();
    let (one, two) = flight.split_at(1000);
    said.push((
        false,
        [
            record(20, &[1]),
            server_shake.seal(22, one),
            server_shake.seal(22, two),
        ]
        .concat(),
    ));
    let ticket = server.seal(22, &message(4, &[7; 40]));
    said.push((
        true,
        [
            record(20, &[1]),
            client_shake.seal(22, &finished),
            client.seal(23, b"SAY one\nSAY t"),
        ]
        .concat(),
    ));
    said.push((true, client.seal(23, b"wo\n")));
    said.push((false, [ticket, server.seal(23, b"SAY three\n")].concat()));
    let update = client.seal(22, &message(24, &[0]));
    client.renew();
    said.push((true, [update, client.seal(23, b"SAY four\n")].concat()));
    said.push((true, client.seal(21, &[1, 0])));
    said.push((false, server.seal(21, &[1, 0])));
    said
}

fn scene(said: &[Said], segment: usize) -> Scene {
    let mut scene = Scene::new();
    scene.segment_size(segment);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:443");
    for (from_client, bytes) in said {
        match from_client {
            true => scene.client(talk, bytes),
            false => scene.server(talk, bytes),
        }
    }
    scene.close(talk);
    scene
}

/// What was inside, line by line with who said it, and what became of the conversation.
fn inside(scene: &Scene, key_log: &str) -> (Vec<String>, OpenedCounts) {
    let (heard, counts) = hear_inside(&[&super::super::PROTOCOL, &LINES], &scene.pcap(), key_log);
    let lines = heard
        .records
        .iter()
        .filter_map(|record| match &record.body {
            overheard_ledger::Body::Request(request) => Some(format!(
                "{}: {}",
                request.method,
                request.target.as_ref().unwrap()
            )),
            _ => None,
        });
    (lines.collect(), counts)
}

const ALL: [&str; 4] = [
    "Client: SAY one",
    "Client: SAY two",
    "Server: SAY three",
    "Client: SAY four",
];

#[test]
fn tls_1_3_opens_with_every_suite_however_it_is_cut() {
    for suite in SUITES {
        for segment in [1, 2, 3, 5, 7, 16, 1460] {
            let (lines, counts) = inside(&scene(&talk_13(suite), segment), &key_log(suite));
            assert_eq!(lines, ALL, "{suite:04x} in segments of {segment}");
            assert_eq!(
                (counts.opened, counts.wrong_keys, counts.without_keys),
                (1, 0, 0)
            );
            assert_eq!(counts.accounts.read, counts.accounts.total());
            assert_eq!(counts.accounts.total(), 8 + 8 + 10 + 9);
        }
    }
}

#[test]
fn segments_in_another_order_open_all_the_same() {
    let suite = SUITES[0];
    let talk = talk_13(suite);
    let scene = scene(&talk, 100);
    let mut frames: Vec<(u64, Vec<u8>)> = scene.frames().to_vec();
    // Neighbours change places, but for the opening, the end, and the last segment of the client's hello with
    // the server's answer: what the server seals before the client's random is known is not opened.
    let (first, last) = (3 + talk[0].1.len().div_ceil(100), frames.len() - 4);
    let (hello, rest) = frames[3..last].split_at_mut(first - 3);
    for pair in hello.chunks_exact_mut(2).chain(rest.chunks_exact_mut(2)) {
        pair.swap(0, 1);
    }
    let mut swapped = Scene::new();
    for (_, frame) in frames {
        swapped.frame(frame);
    }
    let (mut lines, _) = inside(&swapped, &key_log(suite));
    let mut all = ALL.map(str::to_owned);
    lines.sort();
    all.sort();
    assert_eq!(lines, all);
}

#[test]
fn without_the_secrets_of_the_handshake_the_data_opens() {
    let suite = SUITES[1];
    let log: String = key_log(suite)
        .lines()
        .filter(|line| line.contains("TRAFFIC_SECRET_0"))
        .map(|line| format!("{line}\n"))
        .collect();
    let (lines, counts) = inside(&scene(&talk_13(suite), 1460), &log);
    assert_eq!(lines, ALL);
    assert_eq!(counts.opened, 1);
}

#[test]
fn wrong_keys_open_nothing_and_are_counted() {
    let suite = SUITES[0];
    let log = key_log(suite)
        .replace("01", "0a")
        .replace("02", "0b")
        .replace("03", "0c")
        .replace("04", "0d");
    let (lines, counts) = inside(&scene(&talk_13(suite), 1460), &log);
    assert!(lines.is_empty());
    assert_eq!(
        (counts.opened, counts.wrong_keys, counts.accounts.total()),
        (0, 1, 0)
    );
}

#[test]
fn keys_of_others_are_no_keys() {
    let suite = SUITES[0];
    let log = key_log(suite).replace(&"07".repeat(32), &"08".repeat(32));
    let (lines, counts) = inside(&scene(&talk_13(suite), 1460), &log);
    assert!(lines.is_empty());
    assert_eq!((counts.without_keys, counts.wrong_keys), (1, 0));
}

#[test]
fn behind_a_hole_in_the_capture_records_open_again() {
    let suite = SUITES[2];
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:443");
    let mut client = Sealer::new(suite, 3);
    let mut server = Sealer::new(suite, 4);
    for (from_client, bytes) in hellos(suite, true, &[]) {
        match from_client {
            true => scene.client(talk, &bytes),
            false => scene.server(talk, &bytes),
        }
    }
    scene.server(
        talk,
        &Sealer::new(suite, 2).seal(22, &message(20, &[8; 32])),
    );
    scene.client(
        talk,
        &Sealer::new(suite, 1).seal(22, &message(20, &[8; 32])),
    );
    scene.client(talk, &client.seal(23, b"SAY one\n"));
    // Two records and a part of a third are lost.
    let lost = [
        client.seal(23, &[b'x'; 200]),
        client.seal(23, &[b'y'; 500]),
        client.seal(23, &[b'z'; 300]),
    ]
    .concat();
    scene.lose(talk, true, u32::try_from(lost.len()).unwrap() - 100);
    scene.client(talk, &lost[lost.len() - 100..]);
    scene.client(talk, &client.seal(23, b"SAY two\n"));
    for _ in 0..20 {
        scene.server(talk, &server.seal(23, b"SAY three\n"));
    }
    scene.close(talk);
    let (lines, counts) = inside(&scene, &key_log(suite));
    let said = |line: &str| lines.iter().filter(|said| *said == line).count();
    assert_eq!(
        (
            said("Client: SAY one"),
            said("Client: SAY two"),
            said("Server: SAY three")
        ),
        (1, 1, 20)
    );
    assert!(counts.accounts.missing >= 1000, "{counts:?}");
}

#[test]
fn early_data_is_heard_where_the_server_takes_it() {
    let suite = SUITES[0];
    for takes in [true, false] {
        let [hello, answer] = hellos(suite, true, &[extension(42, &[]), extension(41, &[])]);
        let extensions = match takes {
            true => vec![0, 4, 0, 42, 0, 0],
            false => vec![0, 0],
        };
        let finished = message(20, &[8; 32]);
        let mut early = Sealer::new(suite, 5);
        let mut server = Sealer::new(suite, 2);
        let mut client = Sealer::new(suite, 1);
        let mut data = Sealer::new(suite, 3);
        let mut said = vec![
            hello,
            (
                true,
                [
                    record(20, &[1]),
                    early.seal(23, b"SAY ea"),
                    early.seal(23, b"rly\n"),
                ]
                .concat(),
            ),
            answer,
            (
                false,
                server.seal(22, &[message(8, &extensions), finished.clone()].concat()),
            ),
        ];
        if takes {
            said.push((true, early.seal(22, &message(5, &[]))));
        }
        said.push((
            true,
            [client.seal(22, &finished), data.seal(23, b"SAY late\n")].concat(),
        ));
        for segment in [3, 1460] {
            let (lines, counts) = inside(&scene(&said, segment), &key_log(suite));
            let expected: &[&str] = match takes {
                true => &["Client: SAY early", "Client: SAY late"],
                false => &["Client: SAY late"],
            };
            assert_eq!(lines, expected);
            assert_eq!((counts.opened, counts.wrong_keys), (1, 0));
        }
    }
}

/// A conversation in TLS 1.2.
fn talk_12(suite: u16, master: &[u8]) -> Vec<Said> {
    let mut said = hellos(suite, false, &[]).to_vec();
    let known = Suite::of(suite).unwrap();
    let sealings = of_master(known, master, &[7; 32], &[1; 32]).unwrap();
    let seal = |side: usize, number: u64, kind: u8, inside: &[u8]| {
        let sealing = &sealings[side];
        let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
        let associated = [&number.to_be_bytes()[..], &[kind, 3, 3], &length].concat();
        let body = match known.aead {
            Aead::ChaCha20Poly1305 => sealing.seal(sealing.nonce(number), &associated, inside),
            _ => {
                let sent = (number + 1000).to_be_bytes();
                let sealed = sealing.seal(sealing.explicit_nonce(sent), &associated, inside);
                [&sent[..], &sealed].concat()
            }
        };
        record(kind, &body)
    };
    let finished = message(20, &[8; 12]);
    said.push((false, record(22, &message(14, &[]))));
    said.push((true, [record(20, &[1]), seal(0, 0, 22, &finished)].concat()));
    said.push((
        false,
        [record(20, &[1]), seal(1, 0, 22, &finished)].concat(),
    ));
    said.push((true, seal(0, 1, 23, b"SAY one\nSAY two\n")));
    said.push((false, seal(1, 1, 23, b"SAY three\n")));
    said.push((true, seal(0, 2, 23, b"SAY four\n")));
    said
}

#[test]
fn tls_1_2_opens_with_every_suite_however_it_is_cut() {
    let master = [0x5a; 48];
    for suite in SUITES_12 {
        for segment in [1, 3, 7, 1460] {
            let scene = scene(&talk_12(suite, &master), segment);
            let (lines, counts) = inside(&scene, &log_line("CLIENT_RANDOM", &master));
            assert_eq!(lines, ALL, "{suite:04x} in segments of {segment}");
            assert_eq!((counts.opened, counts.wrong_keys), (1, 0));
        }
    }
}

#[test]
fn a_cipher_that_is_not_opened_is_said() {
    let mut said = hellos(0xc027, false, &[]).to_vec();
    said.push((false, record(22, &message(14, &[]))));
    said.push((true, [record(20, &[1]), record(22, &[3; 64])].concat()));
    said.push((false, [record(20, &[1]), record(22, &[3; 64])].concat()));
    let (lines, counts) = inside(&scene(&said, 1460), &log_line("CLIENT_RANDOM", &[1; 48]));
    assert!(lines.is_empty());
    assert_eq!((counts.unsupported, counts.opened), (1, 0));
}

#[test]
fn whatever_is_changed_nothing_breaks() {
    let suite = SUITES[0];
    let scene = scene(&talk_13(suite), 200);
    let log = key_log(suite);
    let frames = scene.frames().to_vec();
    for at in 0..frames.len() {
        let mut changed = Scene::new();
        for (index, (_, frame)) in frames.iter().enumerate() {
            let mut frame = frame.clone();
            if index == at {
                let last = frame.len() - 1;
                frame[last] ^= 0x55;
                if at % 3 == 0 {
                    continue;
                }
            }
            changed.frame(frame);
        }
        inside(&changed, &log);
    }
}
