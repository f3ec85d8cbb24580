use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use overheard_ledger::{Accounts, Body, Object, Request};
use overheard_testkit::{HeardScene, Scene, Talk, hear};

use super::*;

const CLIENT: &str = "192.0.2.10:40000";
const SERVER: &str = "192.0.2.80:8080";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An integer behind a prefix of so many bits.
fn integer(first: u8, prefix: u32, value: usize) -> Vec<u8> {
    let most = (1 << prefix) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let mut bytes = vec![first | most as u8];
    let mut rest = value - most;
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [integer(0, 7, text.len()), text.as_bytes().to_vec()].concat()
}

/// Fields as literals that are not kept.
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let literal = |&(name, value): &(&str, &str)| [vec![0], text(name), text(value)].concat();
    fields.iter().flat_map(literal).collect()
}

/// Fields as literals that enter the table.
fn kept(list: &[(&str, &str)]) -> Vec<u8> {
    let literal = |&(name, value): &(&str, &str)| [vec![0x40], text(name), text(value)].concat();
    list.iter().flat_map(literal).collect()
}

fn headers(stream: u32, ends: bool, block: &[u8]) -> Vec<u8> {
    frame(1, 4 | u8::from(ends), stream, block)
}

fn data(stream: u32, ends: bool, bytes: &[u8]) -> Vec<u8> {
    frame(0, u8::from(ends), stream, bytes)
}

fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])
}

fn preface() -> Vec<u8> {
    [PREFACE, &settings()].concat()
}

fn get(path: &str) -> Vec<u8> {
    fields(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "www.example.org:8080"),
    ])
}

fn ok(kind: &str) -> Vec<u8> {
    fields(&[(":status", "200"), ("content-type", kind)])
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

/// What client and server say, in turns.
fn scene(segment: usize, said: &[(bool, Vec<u8>)]) -> Scene {
    let mut scene = Scene::new();
    scene.segment_size(segment);
    let talk = scene.tcp(CLIENT, SERVER);
    say(&mut scene, talk, said);
    scene.close(talk);
    scene
}

fn say(scene: &mut Scene, talk: Talk, said: &[(bool, Vec<u8>)]) {
    for (from_client, bytes) in said {
        if *from_client {
            scene.client(talk, bytes);
        } else {
            scene.server(talk, bytes);
        }
    }
}

fn heard(said: &[(bool, Vec<u8>)]) -> HeardScene {
    hear(&[&PROTOCOL], &scene(1460, said).pcap())
}

fn requests(heard: &HeardScene) -> Vec<Request> {
    let of = |body: &Body| match body {
        Body::Request(request) => Some((**request).clone()),
        _ => None,
    };
    heard
        .records
        .iter()
        .filter_map(|record| of(&record.body))
        .collect()
}

/// Method, target and status of the requests.
fn asked(heard: &HeardScene) -> Vec<String> {
    let shown = |request: Request| {
        let target = request.target.unwrap_or("?".into());
        let status = request
            .status
            .map_or("-".into(), |status| status.to_string());
        format!("{} {target} {status}", request.method)
    };
    requests(heard).into_iter().map(shown).collect()
}

fn objects(heard: &HeardScene) -> Vec<Object> {
    let of = |body: &Body| match body {
        Body::Object(object) => Some((**object).clone()),
        _ => None,
    };
    heard
        .records
        .iter()
        .filter_map(|record| of(&record.body))
        .collect()
}

/// Name, size and completeness of the objects.
fn carried(heard: &HeardScene) -> Vec<(Option<String>, u64, bool)> {
    let shown = |object: Object| {
        assert_eq!(object.sha256.is_some(), object.complete);
        (object.name, object.bytes, object.complete)
    };
    objects(heard).into_iter().map(shown).collect()
}

fn accounts(heard: &HeardScene) -> Accounts {
    let mut all = Accounts::default();
    for record in &heard.records {
        if let Body::Conversation(conversation) = &record.body {
            all += conversation.accounts;
        }
    }
    all
}

/// A visit with all that there is: logins, a form, padding, codings, continuations, interim answers,
/// trailers, a push, a reset, a tunnel, gRPC.
fn visit() -> Vec<(bool, Vec<u8>)> {
    let login = [
        get("/private?session=abc"),
        kept(&[
            ("authorization", "Basic YWRhOmxvdmVsYWNl"),
            ("cookie", "sid=31d4d96e407aad42"),
            ("cookie", "lang=en"),
        ]),
    ]
    .concat();
    let form = fields(&[
        (":method", "POST"),
        (":path", "/login"),
        (":authority", "www.example.org:8080"),
        ("content-type", "application/x-www-form-urlencoded"),
    ]);
    // Padding of 4 bytes and a priority of 5.
    let padded = [&[4, 0, 0, 0, 0, 7][..], &get("/padded"), &[0; 4]].concat();
    let long = get(&format!("/long/{}", "a".repeat(60)));
    let (first, second) = long.split_at(40);
    vec![
        (true, preface()),
        (false, [settings(), frame(4, 1, 0, &[])].concat()),
        (true, headers(1, true, &login)),
        (
            false,
            headers(
                1,
                false,
                &fields(&[
                    (":status", "401"),
                    ("content-type", "text/html; charset=utf-8"),
                ]),
            ),
        ),
        (false, data(1, true, b"<p>Who are you?")),
        // The login again, from the table.
        (
            true,
            headers(3, true, &[get("/private"), vec![0xbe, 0xbf, 0xc0]].concat()),
        ),
        (
            true,
            [
                headers(5, false, &form),
                data(5, true, b"user=ada&password=hunter2"),
            ]
            .concat(),
        ),
        (false, headers(5, true, &fields(&[(":status", "303")]))),
        (
            false,
            headers(
                3,
                false,
                &[ok("text/html"), fields(&[("content-encoding", "gzip")])].concat(),
            ),
        ),
        (
            false,
            frame(
                0,
                8,
                3,
                &[&[3][..], &gzip(b"<p>Hello, Ada"), &[0; 3]].concat(),
            ),
        ),
        // The server pushes a picture.
        (
            false,
            frame(
                5,
                4,
                3,
                &[&2_u32.to_be_bytes()[..], &get("/logo.png")].concat(),
            ),
        ),
        (
            false,
            [
                data(3, true, b""),
                headers(2, false, &ok("image/png")),
                data(2, true, b"PNG"),
            ]
            .concat(),
        ),
        (true, frame(1, 4 | 1 | 8 | 32, 7, &padded)),
        (false, headers(7, false, &fields(&[(":status", "103")]))),
        (false, headers(7, true, &fields(&[(":status", "204")]))),
        (
            true,
            [
                frame(1, 1, 9, first),
                frame(9, 0, 9, &[]),
                frame(9, 4, 9, second),
            ]
            .concat(),
        ),
        (
            false,
            [
                headers(9, false, &ok("text/plain")),
                data(9, false, b"with trailers"),
            ]
            .concat(),
        ),
        (false, headers(9, true, &fields(&[("checksum", "1")]))),
        (
            true,
            headers(
                11,
                false,
                &fields(&[
                    (":method", "POST"),
                    (":path", "/greet.Greeter/Hello"),
                    (":authority", "grpc.example.org"),
                    ("content-type", "application/grpc"),
                ]),
            ),
        ),
        (true, data(11, true, b"\0\0\0\0\x02hi")),
        (
            false,
            [
                headers(11, false, &ok("application/grpc+proto")),
                data(11, false, b"\0\0\0\0\x03you"),
            ]
            .concat(),
        ),
        (false, headers(11, true, &fields(&[("grpc-status", "0")]))),
        (true, headers(13, true, &get("/aborted"))),
        (
            false,
            [
                headers(13, false, &ok("video/mp4")),
                data(13, false, b"the beg"),
            ]
            .concat(),
        ),
        (true, frame(3, 0, 13, &[0, 0, 0, 8])),
        (
            true,
            headers(
                15,
                false,
                &fields(&[
                    (":method", "CONNECT"),
                    (":authority", "db.example.org:5432"),
                ]),
            ),
        ),
        (false, headers(15, false, &fields(&[(":status", "200")]))),
        (true, data(15, true, b"tunnelled")),
        (true, headers(17, true, &get("/refused"))),
        (false, frame(7, 0, 0, &[0, 0, 0, 15, 0, 0, 0, 0])),
        (true, frame(6, 0, 0, &[7; 8])),
        (true, frame(8, 0, 0, &[0, 0, 1, 0])),
        (true, frame(0xee, 0xff, 21, b"unheard of")),
    ]
}

#[test]
fn a_visit_is_written_down() {
    let heard = heard(&visit());
    insta::assert_snapshot!(heard.ledger());
    let Accounts {
        read,
        unrecognised,
        malformed,
        limited,
        ..
    } = accounts(&heard);
    assert!(read > 1000);
    assert_eq!((unrecognised, malformed, limited), (9, 0, 0));
}

#[test]
fn the_segments_do_not_matter() {
    let content = |segment| hear(&[&PROTOCOL], &scene(segment, &visit()).pcap()).content();
    let whole = content(1460);
    assert!(whole.len() > 20);
    for segment in [1, 2, 3, 5, 7, 16, 100] {
        assert_eq!(content(segment), whole, "segments of {segment}");
    }
}

#[test]
fn http1_becomes_it_by_upgrade() {
    let ask = "GET /first HTTP/1.1\r\nHost: www.example.org\r\nConnection: Upgrade, HTTP2-Settings\r\n\
               Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    let agree =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_vec();
    let said = [
        (true, ask.as_bytes().to_vec()),
        (
            false,
            [agree, settings(), headers(1, false, &ok("text/plain"))].concat(),
        ),
        (false, data(1, true, b"hello")),
        (
            true,
            [preface(), headers(3, true, &get("/second"))].concat(),
        ),
        (false, headers(3, true, &ok("text/plain"))),
    ];
    for segment in [1, 1460] {
        let pcap = scene(segment, &said).pcap();
        let heard = hear(crate::PROTOCOLS, &pcap);
        assert_eq!(asked(&heard), ["GET /first 101", "GET /second 200"]);
        assert_eq!(carried(&heard), [(None, 5, true)]);
        let protocol = heard.records.iter().find_map(|record| match &record.body {
            Body::Conversation(conversation) => conversation.protocol.clone(),
            _ => None,
        });
        assert_eq!(protocol.as_deref(), Some("http+http2"));
    }
}

/// The opening of the connection was not captured, nor what the client began with.
#[test]
fn the_settings_of_a_server_are_enough_whoever_is_taken_for_it() {
    let mut scene = Scene::new();
    // The server is heard first, and so taken for the client.
    let talk = scene.tcp_midstream(SERVER, CLIENT);
    scene.client(talk, &settings());
    scene.server(talk, &headers(1, true, &get("/x")));
    scene.client(
        talk,
        &[headers(1, false, &ok("text/plain")), data(1, true, b"y")].concat(),
    );
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    assert_eq!(asked(&heard), ["GET /x 200"]);
    let server = heard.records.iter().find_map(|record| match &record.body {
        Body::Conversation(conversation) => Some(conversation.server.to_string()),
        _ => None,
    });
    assert_eq!(server.as_deref(), Some(SERVER));
}

#[test]
fn what_looks_like_it_is_not_taken_for_it() {
    let sample = |client: &'static [u8], server: &'static [u8]| Sample {
        over: Over::Stream,
        client,
        server,
        client_port: 1,
        server_port: 80,
        whole: false,
    };
    for length in 1..PREFACE.len() {
        let part = PREFACE.get(..length).unwrap();
        assert_eq!(probe(&sample(part, b"")), Probe::More, "{length}");
    }
    assert_eq!(probe(&sample(PREFACE, b"")), Probe::Sure);
    assert_eq!(probe(&sample(b"", PREFACE)), Probe::Reversed);
    assert_eq!(probe(&sample(b"", b"\0\0\0\x04\0\0\0\0\0")), Probe::Sure);
    assert_eq!(
        probe(&sample(b"\0\0\0\x04\0\0\0\0\0", b"")),
        Probe::Reversed
    );
    for noise in [
        &b"PRI * HTTP/1.1\r\n\r\n"[..],
        b"\0\0\0\x04\x01\0\0\0\0",
        b"\0\0\x05\x04\0\0\0\0\0abcde",
        b"\0\0\x06\x04\0\0\0\0\0\x77\0abcd",
        b"\0\0\0\0\0\0\0\0\0",
        &[0; 64],
        b"GET / HTTP/1.1\r\n",
    ] {
        assert_eq!(probe(&sample(noise, b"")), Probe::No, "{noise:?}");
        assert_eq!(probe(&sample(b"", noise)), Probe::No, "{noise:?}");
    }
}

/// A conversation of which the server's bytes from one place on are lost, for so many.
fn holed(before: &[u8], lost: u32, after: &[u8]) -> HeardScene {
    let mut scene = Scene::new();
    let talk = scene.tcp(CLIENT, SERVER);
    scene.client(
        talk,
        &[
            preface(),
            headers(1, true, &get("/a")),
            headers(3, true, &get("/b")),
        ]
        .concat(),
    );
    scene.server(talk, &settings());
    scene.server(talk, before);
    scene.lose(talk, false, lost);
    scene.server(talk, after);
    scene.close(talk);
    hear(&[&PROTOCOL], &scene.pcap())
}

#[test]
fn an_answer_on_its_way_when_its_stream_is_reset_is_heard() {
    let said = [
        (
            true,
            [
                preface(),
                headers(1, true, &get("/late")),
                headers(3, true, &get("/never")),
            ]
            .concat(),
        ),
        (false, settings()),
        (
            true,
            [frame(3, 0, 1, &[0, 0, 0, 8]), frame(3, 0, 3, &[0, 0, 0, 8])].concat(),
        ),
        (
            false,
            [
                headers(1, false, &ok("text/plain")),
                data(1, true, b"sorry"),
            ]
            .concat(),
        ),
    ];
    let heard = heard(&said);
    assert_eq!(asked(&heard), ["GET /late 200", "GET /never -"]);
    assert_eq!(carried(&heard), [(Some("late".into()), 5, true)]);
}

#[test]
fn names_that_are_looked_up_through_it_are_heard() {
    // The example of RFC 8484 section 4.1.
    let query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
    let post = fields(&[
        (":method", "POST"),
        (":path", "/dns-query"),
        (":authority", "192.0.2.80"),
        ("content-type", "application/dns-message"),
    ]);
    let get = get(
        "/dns-query?dns=AAABAAABAAAAAAAAAWE-NjJjaGFyYWN0ZXJsYWJlbC1tYWtlcy1iYXNlNjR1cmwtZGlzdGluY3QtZnJvbS1zdGFuZGFyZC1iYXNlNjQHZXhhbXBsZQNjb20AAAEAAQ",
    );
    let said = [
        (
            true,
            [preface(), headers(1, false, &post), data(1, true, query)].concat(),
        ),
        (true, headers(3, true, &get)),
    ];
    let names: Vec<String> = heard(&said)
        .records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Name(name) => Some(format!("{} {}", name.source, name.name)),
            _ => None,
        })
        .collect();
    assert_eq!(
        names,
        [
            "dns-query www.example.com",
            "http-host www.example.org",
            "dns-query a.62characterlabel-makes-base64url-distinct-from-standard-base64.example.com"
        ]
    );
}

#[test]
fn it_goes_on_behind_a_hole_in_data() {
    let answer = headers(1, false, &ok("text/plain"));
    let body = data(1, true, &[b'x'; 1000]);
    let rest = [
        headers(3, false, &ok("text/plain")),
        data(3, true, b"whole"),
    ]
    .concat();
    let before = [&answer[..], &body[..109]].concat();
    let heard = holed(&before, 400, &[&body[509..], &rest].concat());
    assert_eq!(asked(&heard), ["GET /a 200", "GET /b 200"]);
    // What follows the hole is not taken for content.
    assert_eq!(
        carried(&heard),
        [(Some("a".into()), 100, false), (Some("b".into()), 5, true)]
    );
    // The hole up to the end of the frame, and the whole frame but for its header.
    for (kept, lost) in [(509, 500), (9, 1000)] {
        let heard = holed(&[&answer[..], &body[..kept]].concat(), lost, &rest);
        assert_eq!(asked(&heard), ["GET /a 200", "GET /b 200"]);
        assert_eq!(accounts(&heard).unrecognised, 0);
    }
}

#[test]
fn behind_a_hole_over_a_frame_nothing_is_made_up() {
    let body = data(1, true, &[b'x'; 1000]);
    let before = [headers(1, false, &ok("text/plain")), body[..509].to_vec()].concat();
    let rest = [
        headers(3, false, &ok("text/plain")),
        data(3, true, b"whole"),
    ]
    .concat();
    let heard = holed(&before, 501, &rest[1..]);
    assert_eq!(asked(&heard), ["GET /a 200", "GET /b -"]);
    assert_eq!(carried(&heard), [(Some("a".into()), 500, false)]);
    assert_eq!(accounts(&heard).unrecognised, rest.len() as u64 - 1);
}

#[test]
fn behind_a_hole_in_a_header_block_its_table_is_unknown() {
    // The first answer puts its status and type into the table; the second one refers to them.
    let first = headers(
        1,
        true,
        &kept(&[(":status", "418"), ("content-type", "text/plain")]),
    );
    let second = [headers(3, false, &[0xbf, 0xbe]), data(3, true, b"whole")].concat();
    let all = holed(&first, 0, &second);
    assert_eq!(asked(&all), ["GET /a 418", "GET /b 418"]);
    let heard = holed(&first[..20], 10, &[&first[30..], &second].concat());
    assert_eq!(asked(&heard), ["GET /a -", "GET /b -"]);
    let [object] = &objects(&heard)[..] else {
        panic!("one object");
    };
    assert_eq!(
        (object.media_type.as_deref(), object.complete),
        (None, true)
    );
}

#[test]
fn a_block_that_is_broken_off_counts_as_far_as_it_was_heard() {
    let said = [
        (true, preface()),
        (false, settings()),
        // No END_HEADERS, and something else behind it.
        (true, frame(1, 1, 1, &get("/a"))),
        (true, frame(6, 0, 0, &[7; 8])),
        (
            true,
            headers(
                3,
                true,
                &[get("/b"), vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat(),
            ),
        ),
    ];
    let heard = heard(&said);
    assert_eq!(asked(&heard), ["GET /a -", "GET /b -"]);
    assert_eq!(accounts(&heard).malformed, 1);
}

#[test]
fn frames_that_are_none_end_it() {
    let said = [
        (true, preface()),
        (false, settings()),
        (true, headers(1, true, &get("/a"))),
        (true, frame(6, 0, 0, &[7; 7])),
        (true, headers(3, true, &get("/b"))),
        (false, headers(1, true, &ok("text/plain"))),
    ];
    let heard = heard(&said);
    assert_eq!(asked(&heard), ["GET /a 200"]);
    assert_eq!(
        accounts(&heard).malformed,
        16 + headers(3, true, &get("/b")).len() as u64
    );
}

#[test]
fn a_secret_is_masked_unless_it_is_revealed() {
    let options = overheard_follow::Options::default();
    let pcap = scene(1460, &visit()).pcap();
    let masked = overheard_testkit::follow_bytes(&[&PROTOCOL], &pcap, options);
    let lines: Vec<String> = masked
        .records
        .iter()
        .map(|record| serde_json::to_string(record).unwrap())
        .collect();
    let text = lines.join("\n");
    assert!(text.contains("/private"));
    for secret in ["lovelace", "31d4d96e", "session=abc", "hunter2"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// Memory that an analyzer says it holds, at most, while it hears this.
fn most_held(said: &[(bool, Vec<u8>)]) -> usize {
    let mut analyzer = Http2::default();
    let mut most = 0;
    let mut book = overheard_tap::Notebook::default();
    let (mut written, mut exposure) = (0, None);
    let end = |text: &str| {
        let address: std::net::SocketAddr = text.parse().unwrap();
        overheard_ledger::Endpoint {
            ip: address.ip(),
            port: address.port(),
        }
    };
    for (number, (from_client, bytes)) in said.iter().enumerate() {
        let context = overheard_tap::Context {
            conversation: 1,
            over: Over::Stream,
            client: end(CLIENT),
            server: end(SERVER),
            frame: number as u64 + 1,
            time: overheard_ledger::Time(number as u64),
            missing: 0,
            reveal: overheard_ledger::Reveal::No,
        };
        let mut notes = Notes::new(context, &[], &mut book, &mut written, &mut exposure);
        let side = if *from_client {
            Side::Client
        } else {
            Side::Server
        };
        let step = analyzer.hear(side, Chunk::Bytes(bytes), &mut notes);
        assert_eq!(step, Step::Took(bytes.len()));
        assert_eq!(
            notes.apart().total().max(bytes.len() as u64),
            bytes.len() as u64
        );
        most = most.max(analyzer.held());
        book.records.clear();
    }
    most
}

#[test]
fn the_memory_of_a_conversation_is_bounded() {
    let mut streams = vec![(true, preface()), (false, settings())];
    for number in 0..2000 {
        let id = 2 * number + 1;
        let form = fields(&[
            (":method", "POST"),
            (":path", "/form"),
            ("content-type", "application/x-www-form-urlencoded"),
        ]);
        streams.push((true, headers(id, false, &form)));
        streams.push((true, data(id, false, &[b'x'; 16 * 1024])));
        let answer = [ok("text/html"), fields(&[("content-encoding", "gzip")])].concat();
        streams.push((false, headers(id, false, &answer)));
    }
    let held = most_held(&streams);
    assert!(
        (128 * 90 * 1024..128 * 120 * 1024).contains(&held),
        "{held}"
    );
    // A field that never ends.
    let mut endless = vec![
        (true, preface()),
        (true, frame(1, 0, 1, b"\0\x7f\x80\xf8\x03")),
    ];
    endless.resize_with(100, || (true, frame(9, 0, 1, &[b'x'; 1000])));
    let held = most_held(&endless);
    assert!((60_000..200_000).contains(&held), "{held}");
}
