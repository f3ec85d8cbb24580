use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use overheard_ledger::{Body, Endpoint, Exposure, Record, Reveal, Time};
use overheard_tap::{Chunk, Context, Notebook, Notes, Over, Probe, Sample, Side, Step};
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn listen(scene: &Scene) -> HeardScene {
    hear(&[&PROTOCOL], &scene.pcap())
}

/// A visit to a shop: pages, a picture in pieces, a login by form.
fn shop(scene: &mut Scene) {
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.80:8081");
    scene.client(
        talk,
        b"GET /catalogue/list.html?page=2 HTTP/1.1\r\nHost: Shop.Example.:8081\r\nCookie: session=0123456789; seen=yes\r\n\r\n",
    );
    let packed = gzip(b"<h1>Everything must go</h1>");
    let (first, second) = packed.split_at(9);
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Encoding:\r\n gzip\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    answer.extend(b"9;note=x\r\n");
    answer.extend(first);
    answer.extend(format!("\r\n{:X}\r\n", second.len()).as_bytes());
    answer.extend(second);
    answer.extend(b"\r\n0\r\nChecked: yes\r\n\r\n");
    scene.server(talk, &answer);
    // Three at once; the answer to HEAD has a length and no body.
    scene.client(talk, b"\r\nHEAD /a.png HTTP/1.1\r\nHost: shop.example:8081\r\n\r\nGET http://shop.example/b.png HTTP/1.1\nhost: shop.example:8081\n\nGET /c.png HTTP/1.1\r\nHost: shop.example:8081\r\nCookie: session=other\r\n\r\n");
    scene.server(
        talk,
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 7\r\n\r\npicture",
    );
    scene.client(
        talk,
        b"POST /login HTTP/1.1\r\nHost: shop.example:8081\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 38\r\nExpect: 100-continue\r\n\r\n",
    );
    scene.server(talk, b"HTTP/1.1 100 Continue\r\n\r\n");
    scene.client(talk, b"user=ada&password=lovel%26ce&go=Log+in");
    scene.server(talk, b"HTTP/1.0 200 Fine\r\n\r\nto the end");
    scene.close(talk);
}

/// Logins in the fields of a request.
fn logins(scene: &mut Scene) {
    let talk = scene.tcp("192.0.2.10:40001", "192.0.2.80:80");
    let ask = |scene: &mut Scene, login: &str, status: u16| {
        scene.client(
            talk,
            format!("GET / HTTP/1.1\r\nHost: 192.0.2.80\r\n{login}\r\n\r\n").as_bytes(),
        );
        scene.server(
            talk,
            format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").as_bytes(),
        );
    };
    ask(scene, "Authorization: Basic YWRhOndyb25nOm9uZQ==", 401);
    ask(scene, "authorization:basic  YWRhOmxvdmVsYWNl", 200);
    ask(scene, "Authorization: Basic YWRhOmxvdmVsYWNl", 200);
    ask(
        scene,
        "Authorization: Digest username=\"ad\\\"a\", realm=\"x, y\", response=\"0a1b\"",
        200,
    );
    ask(
        scene,
        "Authorization: Digest username=\"ad\\\"a\", realm=\"x, y\", response=\"2c3d\"",
        200,
    );
    ask(scene, "Proxy-Authorization: Bearer a.b.c", 407);
    ask(scene, "Authorization: Negotiate YIIFfake", 401);
    scene.client(talk, b"GET /?login=ada&pwd=lovelace HTTP/1.1\r\n\r\n");
    scene.close(talk);
}

/// A tunnel through a proxy, in which HTTP is spoken again.
fn tunnel(scene: &mut Scene) {
    let talk = scene.tcp("192.0.2.10:40002", "192.0.2.81:3128");
    scene.client(
        talk,
        b"CONNECT shop.example:80 HTTP/1.1\r\nHost: shop.example:80\r\n\r\n",
    );
    scene.server(talk, b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno");
    scene.client(talk, b"CONNECT shop.example:80 HTTP/1.1\r\nHost: shop.example:80\r\nProxy-Authorization: Basic YWRhOmxvdmVsYWNl\r\n\r\n");
    scene.server(talk, b"HTTP/1.1 200 Come in\r\nContent-Length: 5\r\n\r\n");
    scene.client(talk, b"GET /inside HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    scene.server(
        talk,
        b"HTTP/1.1 404 Not found\r\nContent-Length: 4\r\n\r\ngone",
    );
    scene.close(talk);
}

/// A change to WebSocket.
fn upgrade(scene: &mut Scene) {
    let talk = scene.tcp("192.0.2.10:40003", "192.0.2.80:80");
    scene.client(talk, b"GET /chat HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    scene.server(
        talk,
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x02hi",
    );
    scene.client(talk, b"\x81\x82\0\0\0\0hi");
    scene.close(talk);
}

/// Bodies and heads with parts missing, and what no message has.
fn damaged(scene: &mut Scene) {
    let talk = scene.tcp("192.0.2.10:40004", "192.0.2.80:80");
    scene.client(talk, b"GET /holed.bin HTTP/1.1\r\nHost: a.example\r\n\r\nGET /one.bin HTTP/1.1\r\nHost: a.example\r\n\r\n");
    scene.server(
        talk,
        b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n0123456789",
    );
    scene.lose(talk, false, 10);
    scene.server(
        talk,
        b"0123456789HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nONEtoo much",
    );
    scene.client(talk, b"GET /lost.bin HTTP/1.1\r\nHost: lo");
    scene.lose(talk, true, 9);
    scene.client(
        talk,
        b"\r\nAccept: x\r\n\r\nGET /two.bin HTTP/1.1\r\nHost: b.example\r\n\r\n",
    );
    scene.lose(talk, false, 100);
    scene.server(talk, b"noise\nHTTP/1.1 pointless\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\nwrong\r\n");
    scene.close(talk);
}

type Play = fn(&mut Scene);

const SCENES: [(&str, Play); 5] = [
    ("shop", shop),
    ("logins", logins),
    ("tunnel", tunnel),
    ("upgrade", upgrade),
    ("damaged", damaged),
];

#[test]
fn says_what_a_tap_hears() {
    for (name, play) in SCENES {
        let mut scene = Scene::new();
        play(&mut scene);
        insta::assert_snapshot!(name, listen(&scene).ledger());
    }
}

#[test]
fn segments_make_no_difference() {
    for (name, play) in SCENES {
        let content = |size| {
            let mut scene = Scene::new();
            scene.segment_size(size);
            play(&mut scene);
            let mut content = listen(&scene).content();
            content.sort();
            content
        };
        let whole = content(1460);
        assert!(!whole.is_empty(), "{name}");
        for size in [1, 2, 3, 5, 7, 16] {
            assert_eq!(content(size), whole, "{name} in segments of {size}");
        }
    }
}

#[test]
fn an_endless_line_is_set_aside() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.80:80");
    scene.client(talk, b"GET / HTTP/1.1\r\nX: ");
    for _ in 0..MAX_LINE / 1000 + 1 {
        scene.client(talk, &[b'x'; 1000]);
    }
    scene.client(talk, b"\r\nHost: a.example\r\n\r\n");
    scene.close(talk);
    let heard = listen(&scene);
    assert!(heard.ledger().contains(r#""name":"a.example""#));
    let limited = heard.records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) => Some(conversation.accounts.limited),
        _ => None,
    });
    assert!(
        limited.is_some_and(|limited| limited > MAX_LINE as u64),
        "{limited:?}"
    );
}

#[test]
fn who_asks_is_the_client_where_nobody_was_seen_to_open() {
    let mut scene = Scene::new();
    let talk = scene.tcp_midstream("192.0.2.80:80", "192.0.2.10:40000");
    scene.client(talk, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    scene.server(talk, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let heard = listen(&scene);
    let client = heard.records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) => Some(conversation.client.to_string()),
        _ => None,
    });
    assert_eq!(client.as_deref(), Some("192.0.2.10:40000"));
}

#[test]
fn the_look_alikes_are_left_to_others() {
    let sample = |client, server, whole| {
        probe(&Sample {
            over: Over::Stream,
            client,
            server,
            client_port: 40000,
            server_port: 80,
            whole,
        })
    };
    assert_eq!(
        sample(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"", true),
        Probe::No
    );
    assert_eq!(sample(b"OPTIONS * RTSP/1.0\r\n", b"", false), Probe::No);
    assert_eq!(sample(b"SIP/2.0 200 OK\r\n", b"", false), Probe::No);
    assert_eq!(sample(b"", b"220 mail.example\r\n", false), Probe::No);
    assert_eq!(sample(b"GE", b"", false), Probe::More);
    assert_eq!(sample(b"GE", b"", true), Probe::No);
    assert_eq!(sample(b"\r\nGET / HTTP/1.0\r\n", b"", false), Probe::Sure);
    assert_eq!(sample(b"", b"HTTP/1.1 200 OK", false), Probe::Sure);
    assert_eq!(sample(b"HTTP/1.1 200 OK", b"", false), Probe::Reversed);
}

/// What an analyzer writes when it is lent these bytes, each by a side at a time in nanoseconds.
fn write(reveal: Reveal, said: &[(Side, u64, &[u8])]) -> Vec<Record> {
    let mut analyzer = (PROTOCOL.begin)(Over::Stream);
    let (mut book, mut written, mut exposure) = (Notebook::default(), 0, None::<Exposure>);
    let end = [(Side::Client, 99, &b""[..]), (Side::Server, 99, &b""[..])];
    for &(side, time, bytes) in said.iter().chain(&end) {
        let endpoint = Endpoint::new([192, 0, 2, 1].into(), 80);
        let context = Context {
            conversation: 1,
            over: Over::Stream,
            client: endpoint,
            server: endpoint,
            frame: time,
            time: Time(time),
            missing: 0,
            reveal,
        };
        let mut notes = Notes::new(context, &[], &mut book, &mut written, &mut exposure);
        let chunk = if bytes.is_empty() {
            Chunk::End
        } else {
            Chunk::Bytes(bytes)
        };
        assert_eq!(
            analyzer.hear(side, chunk, &mut notes),
            Step::Took(bytes.len())
        );
    }
    book.records
}

fn statuses(records: &[Record]) -> Vec<Option<u16>> {
    let status = |record: &Record| match &record.body {
        Body::Request(request) => Some(request.status),
        _ => None,
    };
    records.iter().filter_map(status).collect()
}

#[test]
fn an_answer_heard_too_early_finds_its_request() {
    let request = b"GET / HTTP/1.1\r\n\r\n";
    let answer = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n";
    // The request was said before, and held up by a hole.
    let held_up = write(
        Reveal::No,
        &[(Side::Server, 5, answer), (Side::Client, 3, request)],
    );
    assert_eq!(statuses(&held_up), [Some(404)]);
    // The answer belongs to a request that was not captured.
    let missed = write(
        Reveal::No,
        &[(Side::Server, 5, answer), (Side::Client, 7, request)],
    );
    assert_eq!(statuses(&missed), [None]);
}

#[test]
fn a_refused_body_stays_away() {
    let records = write(
        Reveal::No,
        &[
            (
                Side::Client,
                1,
                b"PUT / HTTP/1.1\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n",
            ),
            (
                Side::Server,
                2,
                b"HTTP/1.1 417 X\r\nContent-Length: 0\r\n\r\n",
            ),
            (Side::Client, 3, b"GET / HTTP/1.1\r\n\r\n"),
            (
                Side::Server,
                4,
                b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n",
            ),
        ],
    );
    assert_eq!(statuses(&records), [Some(417), Some(200)]);
}

#[test]
fn more_requests_than_may_wait_keep_their_order() {
    let many = b"GET / HTTP/1.1\r\n\r\n".repeat(70);
    let answers: Vec<u8> = (0..70)
        .flat_map(|at| format!("HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n", 200 + at).into_bytes())
        .collect();
    let records = write(
        Reveal::No,
        &[(Side::Client, 1, &many), (Side::Server, 2, &answers)],
    );
    let expected: Vec<Option<u16>> = (0..70).map(|at| (at >= 6).then_some(200 + at)).collect();
    assert_eq!(statuses(&records), expected);
}

#[test]
fn secrets_are_masked() {
    let request = b"POST /login?token=tops3cret HTTP/1.1\r\nHost: a.example\r\nCookie: id=tops3cret\r\n\
        Authorization: Basic YWRhOnRvcHMzY3JldA==\r\nContent-Type: application/x-www-form-urlencoded\r\n\
        Content-Length: 28\r\n\r\nlogin=ada&password=tops3cret";
    let print =
        |reveal| serde_json::to_string(&write(reveal, &[(Side::Client, 1, request)])).unwrap();
    assert_eq!(print(Reveal::Yes).matches("tops3cret").count(), 4);
    assert_eq!(print(Reveal::No).matches("ps3cret").count(), 0);
}

#[test]
fn the_size_of_a_chunk_is_its_first_digits() {
    for (line, size) in [
        (&b"1aF"[..], Some(0x1af)),
        (b"0;last=yes", Some(0)),
        (b" \x0b10 x", Some(16)),
        (b"ffffffffffffffff", Some(u64::MAX)),
        (b"10000000000000000", None),
        (b"+1", None),
        (b"", None),
        (b"x1", None),
    ] {
        assert_eq!(size_of_chunk(line), size, "{line:?}");
    }
}

/// Numbers that look random and are the same every time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

#[test]
fn segments_make_no_difference_to_nonsense_either() {
    // All requests before all answers: who was heard first must not depend on the segments.
    const SAID: [(bool, &[u8]); 4] = [
        (
            true,
            b"POST /a?b=c HTTP/1.1\r\nHost: a.example\r\nCookie: d=e\r\nContent-Length: 4\r\n\r\nbodyHEAD / HTTP/1.1\r\n\r\n",
        ),
        (
            true,
            b"GET /f HTTP/1.0\r\nHost:\r\n a.example\r\nUpgrade: h2c\r\n\r\nCONNECT g:1 HTTP/1.1\r\n\r\n",
        ),
        (
            false,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        ),
        (false, b"HTTP/1.1 302 Found\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody"),
    ];
    for seed in 1..=400 {
        let content = |size| {
            let mut dice = Dice(seed);
            let mut scene = Scene::new();
            let talk = scene.tcp("192.0.2.10:40000", "192.0.2.80:80");
            scene.segment_size(size);
            for (from_client, bytes) in SAID {
                let mut bytes = bytes.to_vec();
                for _ in 0..dice.below(4) {
                    let at = dice.below(bytes.len());
                    match dice.below(4) {
                        0 => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
                        1 => bytes.truncate(at + 1),
                        2 => bytes.insert(at, b"\r\n 0H"[dice.below(5)]),
                        _ => drop(bytes.remove(at)),
                    }
                    if bytes.is_empty() {
                        break;
                    }
                }
                if from_client {
                    scene.client(talk, &bytes);
                } else {
                    scene.server(talk, &bytes);
                }
            }
            scene.close(talk);
            let mut content = listen(&scene).content();
            content.sort();
            content
        };
        let whole = content(1460);
        for size in [1, 3] {
            assert_eq!(content(size), whole, "seed {seed} in segments of {size}");
        }
    }
}
