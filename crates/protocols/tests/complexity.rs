//! Complexity: input made to cost much. Every kind is heard in a time that grows with its bytes, and what
//! it makes is bounded by a named limit.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::io::Write;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use overheard_follow::Options;
use overheard_ledger::{Accounts, Body, HintBody};
use overheard_protocols::PROTOCOLS;
use overheard_tap::limits::{MAX_CONTENT, MAX_RECORDS};
use overheard_testkit::{HeardScene, Scene, follow_bytes, hear};

/// The most that four times the input may take of the time.
const FLAT: f64 = 6.0;

/// Bytes a second that the slowest of all must reach, without optimisation on a busy machine: what costs
/// too much for every byte falls below it by far.
const SLOWEST: f64 = 100_000.0;

/// The capture that one attack of so many bytes makes.
type Attack = fn(size: usize) -> Scene;

fn stream(port: u16, said: &[(bool, Vec<u8>)], segment: usize) -> Scene {
    let mut scene = Scene::new();
    scene.step(1000);
    scene.segment_size(segment);
    let talk = scene.tcp("192.0.2.10:40000", &format!("192.0.2.25:{port}"));
    for (from_client, bytes) in said {
        if *from_client {
            scene.client(talk, bytes);
        } else {
            scene.server(talk, bytes);
        }
    }
    scene.close(talk);
    scene
}

fn datagrams(port: u16, said: impl IntoIterator<Item = Vec<u8>>) -> Scene {
    let mut scene = Scene::new();
    scene.step(1000);
    let talk = scene.udp("192.0.2.10:40000", &format!("192.0.2.25:{port}"));
    for bytes in said {
        scene.client(talk, &bytes);
    }
    scene
}

fn client(text: impl Into<Vec<u8>>) -> (bool, Vec<u8>) {
    (true, text.into())
}

fn server(text: impl Into<Vec<u8>>) -> (bool, Vec<u8>) {
    (false, text.into())
}

/// At least so many bytes of numbered pieces.
fn fill(size: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(size + 100);
    let mut number = 0;
    while text.len() < size {
        text += &piece(number);
        number += 1;
    }
    text
}

/// So many pieces, numbered.
fn times(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

fn repeat(size: usize, piece: &[u8]) -> Vec<u8> {
    piece.repeat(size.div_ceil(piece.len()))
}

fn http_head(lines: &str) -> Scene {
    stream(
        80,
        &[client(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))],
        1460,
    )
}

fn http_headers(size: usize) -> Scene {
    http_head(&fill(size, |number| format!("X-{number}: {number}\r\n")))
}

fn http_cookies(size: usize) -> Scene {
    let cookies = |line: usize| times(40, |at| format!("session{line}x{at}=v; "));
    http_head(&fill(size, |line| format!("Cookie: {}\r\n", cookies(line))))
}

fn http_folded_line_in_bytes(size: usize) -> Scene {
    let lines = fill(size, |_| " x\r\n".into());
    stream(
        80,
        &[client(format!("GET / HTTP/1.1\r\nX: y\r\n{lines}\r\n"))],
        1,
    )
}

fn http_requests(count: usize) -> Scene {
    let requests = times(count, |number| {
        format!("GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n")
    });
    stream(80, &[client(requests)], 1460)
}

fn http_requests_without_answers(size: usize) -> Scene {
    http_requests(size / 32)
}

fn http_chunks_of_a_byte(size: usize) -> Scene {
    let chunks = fill(size, |_| "1\r\nx\r\n".into());
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream(80, &[client(format!("{head}{chunks}0\r\n\r\n"))], 3)
}

fn http_start_lines_that_are_none(size: usize) -> Scene {
    let noise = fill(size, |_| "HHTTP/1.H\nGET GET ".into());
    stream(80, &[client(format!("GET / HTTP/1.1\r\n\r\n{noise}"))], 1)
}

fn http_answer(body: &[u8]) -> Scene {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = [head.as_bytes(), body].concat();
    stream(
        80,
        &[
            client("GET /bomb HTTP/1.1\r\nHost: a\r\n\r\n"),
            server(answer),
        ],
        1460,
    )
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

fn sip_headers(size: usize) -> Scene {
    let head = fill(size, |number| format!("Via: SIP/2.0/TCP h{number}\r\n"));
    stream(
        5060,
        &[client(format!(
            "INVITE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n{head}\r\n"
        ))],
        1460,
    )
}

fn sip_headers_in_bytes(size: usize) -> Scene {
    let head = fill(size, |number| format!("Via: {number}\r\n"));
    stream(
        5060,
        &[client(format!(
            "INVITE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n{head}\r\n"
        ))],
        1,
    )
}

fn sip_message(number: usize, kind: &str, body: &str) -> String {
    format!(
        "INVITE sip:a@b SIP/2.0\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: {number}\r\nCSeq: 1 INVITE\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn sip_calls_that_never_end(size: usize) -> Scene {
    let messages = fill(size, |number| sip_message(number, "application/sdp", ""));
    stream(5060, &[client(messages)], 1460)
}

fn description(media: usize) -> String {
    let media = times(media, |number| {
        format!(
            "m=audio {} RTP/AVP 0\r\na=rtpmap:96 x/8000\r\n",
            1024 + 2 * (number % 30_000)
        )
    });
    format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{media}")
}

fn sdp_media(size: usize) -> Scene {
    // As large as a body may be that is looked at, again and again.
    let body = description(2000);
    let messages = fill(size, |number| sip_message(number, "application/sdp", &body));
    stream(5060, &[client(messages)], 1460)
}

fn sip_parts(size: usize) -> Scene {
    let body = times(2000, |_| {
        "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n".into()
    });
    let messages = fill(size, |number| {
        sip_message(number, "multipart/mixed;boundary=b", &body)
    });
    stream(5060, &[client(messages)], 1460)
}

fn letter(text: &str) -> Scene {
    let dialogue = [
        server("220 mail.example ESMTP\r\n"),
        client("EHLO a\r\n"),
        server("250 mail.example\r\n"),
        client("MAIL FROM:<a@b.example>\r\n"),
        server("250 ok\r\n"),
        client("RCPT TO:<c@d.example>\r\n"),
        server("250 ok\r\n"),
        client("DATA\r\n"),
        server("354 go\r\n"),
        client(format!("{text}\r\n.\r\n")),
        server("250 ok\r\n"),
    ];
    stream(25, &dialogue, 1460)
}

fn mail_headers(size: usize) -> Scene {
    letter(&(fill(size, |number| format!("X-{number}: =?utf-8?q?a?=\r\n")) + "\r\ntext"))
}

fn mail_folded_header(size: usize) -> Scene {
    letter(&format!(
        "Subject: a\r\n{}\r\ntext",
        fill(size, |_| " =?utf-8?q?=?\r\n".into())
    ))
}

fn nested_part(number: usize) -> String {
    format!("Content-Type: multipart/mixed; boundary=b{number}\r\n\r\n--b{number}\r\n")
}

fn mime_nesting(size: usize) -> Scene {
    letter(&fill(size, nested_part))
}

fn mime_boundaries(size: usize) -> Scene {
    let text = fill(size, |_| {
        "--b\r\nContent-Type: message/rfc822\r\n\r\n".into()
    });
    letter(&format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{text}"
    ))
}

fn smtp(text: String, segment: usize) -> Scene {
    let begin = [
        server("220 a ESMTP\r\n"),
        client("EHLO a\r\n"),
        server("250 a\r\n"),
        client(text),
    ];
    stream(25, &begin, segment)
}

fn smtp_commands_without_answers(size: usize) -> Scene {
    smtp(
        fill(size, |number| format!("RCPT TO:<a{number}@b.example>\r\n")),
        1460,
    )
}

fn smtp_line_without_end_in_bytes(size: usize) -> Scene {
    smtp("x".repeat(size), 1)
}

fn imap(text: String) -> Scene {
    let begin = [
        server("* OK IMAP4rev1\r\n"),
        client("a1 NOOP\r\n"),
        server("a1 OK\r\n"),
        client(text),
    ];
    stream(143, &begin, 1460)
}

fn imap_literals(size: usize) -> Scene {
    imap(" ".repeat(8000) + &fill(size, |_| "{0}\r\n".into()))
}

fn imap_parentheses(size: usize) -> Scene {
    imap(format!("a2 FETCH 1 {}\r\n", "(".repeat(size)))
}

fn imap_fetched_headers(size: usize) -> Scene {
    let text = fill(size, |number| {
        format!("* {number} FETCH (BODY[HEADER] {{9}}\r\nFrom: a\r\n)\r\n")
    });
    stream(
        143,
        &[
            server("* OK IMAP4rev1\r\n"),
            client("a1 NOOP\r\n"),
            server(text),
        ],
        1460,
    )
}

fn telnet_options(size: usize) -> Scene {
    let options = repeat(size, &[255, 251, 1, 255, 250, 24, 0, 255, 240]);
    stream(23, &[server([255, 253, 24]), client(options)], 1460)
}

fn telnet_screen_after_a_password(size: usize) -> Scene {
    let screen = repeat(size, b"last login password last logi ");
    let login = [
        server("\r\nlogin: "),
        client("ada\r\n"),
        server("\r\nPassword: "),
        client("secret\r\n"),
        server(screen),
    ];
    stream(23, &login, 1460)
}

fn ftp_replies_in_bytes(size: usize) -> Scene {
    stream(
        21,
        &[server(format!(
            "220-ftp\r\n{}",
            fill(size, |_| "220-\r\n".into())
        ))],
        1,
    )
}

fn pop3_list(size: usize) -> Scene {
    let list = fill(size, |number| format!("{number} 1\r\n"));
    let dialogue = [
        server("+OK POP3\r\n"),
        client("LIST\r\n"),
        server("+OK\r\n"),
        server(list),
    ];
    stream(110, &dialogue, 1460)
}

fn ssh_lines_before_the_banner(size: usize) -> Scene {
    stream(
        22,
        &[server(fill(size, |_| "a\r\n".into()) + "SSH-2.0-x\r\n")],
        1,
    )
}

/// A response of DNS with so many questions and answers, and bytes after them.
fn dns(questions: u16, answers: u16, rest: &[u8]) -> Vec<u8> {
    let mut message = vec![0, 7, 0x80, 0];
    for count in [questions, answers, 0, 0] {
        message.extend(count.to_be_bytes());
    }
    message.extend(rest);
    message
}

/// A record of type A whose name is a pointer.
fn dns_record(pointer: u16) -> [u8; 12] {
    let [high, low] = (0xc000 | pointer).to_be_bytes();
    [high, low, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]
}

fn dns_loops(size: usize) -> Scene {
    // Pointers at themselves and at each other.
    let answers: Vec<u8> = (0..5000u16)
        .flat_map(|at| dns_record(12 + 12 * (at ^ 1) % 8000))
        .collect();
    datagrams(
        53,
        (0..size.div_ceil(60_000)).map(move |_| dns(0, 5000, &answers)),
    )
}

fn dns_chains(size: usize) -> Scene {
    // A name of 125 labels at the end of as many pointers as may be, for every answer.
    let mut rest = [1, b'a'].repeat(125);
    rest.extend([0, 0, 1, 0, 1]);
    let mut at = 12;
    let mut answers = 0;
    while rest.len() < 60_000 {
        let here = 12 + rest.len() as u16;
        rest.extend(dns_record(at));
        if answers < 31 {
            at = here;
        }
        answers += 1;
    }
    datagrams(
        53,
        (0..size.div_ceil(60_000)).map(move |_| dns(1, answers, &rest)),
    )
}

fn dns_name(number: usize) -> Vec<u8> {
    let mut question = vec![8];
    question.extend(format!("n{number:07}").as_bytes());
    question.extend([0, 0, 1, 0, 1]);
    let mut message = dns(1, 0, &question);
    message[2] = 1;
    message
}

fn dns_names(size: usize) -> Scene {
    datagrams(53, (0..size / 26).map(dns_name))
}

/// ASN.1 elements in each other, as deep as the bytes go.
fn nested(size: usize) -> Vec<u8> {
    (1..size / 4)
        .flat_map(|depth| {
            let [high, low] = ((size - 4 * depth) as u16).to_be_bytes();
            [0x30, 0x82, high, low]
        })
        .collect()
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    [&[tag, 0x82, high, low][..], content].concat()
}

fn snmp_nesting(size: usize) -> Scene {
    let request = element(0xa0, &nested(30_000));
    let message = element(0x30, &[&[2, 1, 1, 4, 6][..], b"public", &request].concat());
    datagrams(
        161,
        (0..size.div_ceil(30_000)).map(move |_| message.clone()),
    )
}

/// Handshake messages of TLS in records.
fn tls(messages: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    for piece in messages.chunks(16_000) {
        records.extend([22, 3, 3]);
        records.extend((piece.len() as u16).to_be_bytes());
        records.extend(piece);
    }
    records
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(&(body.len() as u32).to_be_bytes()[1..]);
    message.extend(body);
    message
}

fn client_hello(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    handshake(1, &body)
}

/// Conversations of which client and server say this.
fn conversations(port: u16, count: usize, said: &[(bool, Vec<u8>)]) -> Scene {
    let mut scene = Scene::new();
    scene.step(1000);
    for number in 0..count {
        let from = format!("192.0.2.10:{}", 20_000 + number);
        let talk = scene.tcp(&from, &format!("192.0.2.25:{port}"));
        for (from_client, bytes) in said {
            if *from_client {
                scene.client(talk, bytes);
            } else {
                scene.server(talk, bytes);
            }
        }
        scene.close(talk);
    }
    scene
}

fn tls_extensions(size: usize) -> Scene {
    let extensions: Vec<u8> = (0..15_000u16)
        .flat_map(|number| {
            let [high, low] = number.to_be_bytes();
            [high, low, 0, 0]
        })
        .collect();
    let hello = tls(&client_hello(&extensions));
    conversations(443, size.div_ceil(hello.len()), &[client(hello)])
}

fn tls_empty_messages(size: usize) -> Scene {
    let text = [tls(&client_hello(&[])), tls(&repeat(size, &[0, 0, 0, 0]))].concat();
    stream(443, &[client(text)], 1460)
}

fn tls_records_of_a_byte(size: usize) -> Scene {
    let long = handshake(1, &[client_hello(&[]), vec![0; 60_000]].concat());
    let said: Vec<u8> = long
        .iter()
        .flat_map(|&byte| [22, 3, 3, 0, 1, byte])
        .collect();
    let count = size.div_ceil(20_000);
    conversations(443, count, &[client(&said[..20_000])])
}

fn certificate_nesting(size: usize) -> Scene {
    let certificate = nested(50_000);
    let length = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes()[1..].to_vec();
    let list = [length(&certificate), certificate].concat();
    let mut hello = vec![3, 3];
    hello.extend([8; 32]);
    hello.extend([0, 0xc0, 0x2f, 0]);
    let answer = [
        handshake(2, &hello),
        handshake(11, &[length(&list), list].concat()),
    ]
    .concat();
    let said = [client(tls(&client_hello(&[]))), server(tls(&answer))];
    conversations(443, size.div_ceil(50_000), &said)
}

fn rtp(ssrc: u32, sequence: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend((sequence as u16).to_be_bytes());
    packet.extend((sequence as u32 * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x55; 160]);
    packet
}

fn rtp_sources(size: usize) -> Scene {
    // One source that goes on, so that the conversation is believed, and another with every packet.
    let packets = (0..size / 344).flat_map(|at| [rtp(7, at), rtp(1000 + at as u32, at)]);
    datagrams(4000, packets)
}

fn datagrams_that_nobody_knows(size: usize) -> Scene {
    datagrams(7777, (0..size / 64).map(|at| vec![(at % 251) as u8; 64]))
}

fn noise_in_bytes(size: usize) -> Scene {
    let noise: Vec<u8> = (0..size).map(|at| (at * 31 % 253) as u8 | 0x80).collect();
    stream(7777, &[client(noise)], 1)
}

const ATTACKS: &[(&str, Attack)] = &[
    ("http: header lines", http_headers),
    ("http: cookies", http_cookies),
    ("http: one folded line in bytes", http_folded_line_in_bytes),
    (
        "http: requests without answers",
        http_requests_without_answers,
    ),
    ("http: chunks of a byte", http_chunks_of_a_byte),
    (
        "http: start lines that are none",
        http_start_lines_that_are_none,
    ),
    ("sip: header lines", sip_headers),
    ("sip: header lines in bytes", sip_headers_in_bytes),
    ("sip: calls that never end", sip_calls_that_never_end),
    ("sip: media of a description", sdp_media),
    ("sip: parts of a body", sip_parts),
    ("smtp: header lines", mail_headers),
    ("smtp: one folded header", mail_folded_header),
    ("smtp: nested parts", mime_nesting),
    ("smtp: boundaries", mime_boundaries),
    (
        "smtp: commands without answers",
        smtp_commands_without_answers,
    ),
    (
        "smtp: a line without end, in bytes",
        smtp_line_without_end_in_bytes,
    ),
    ("imap: literals", imap_literals),
    ("imap: parentheses", imap_parentheses),
    ("imap: fetched headers", imap_fetched_headers),
    ("telnet: options", telnet_options),
    (
        "telnet: a screen after a password",
        telnet_screen_after_a_password,
    ),
    ("ftp: replies, in bytes", ftp_replies_in_bytes),
    ("pop3: a list", pop3_list),
    (
        "ssh: lines before the banner, in bytes",
        ssh_lines_before_the_banner,
    ),
    ("dns: loops", dns_loops),
    ("dns: chains", dns_chains),
    ("dns: names", dns_names),
    ("snmp: nesting", snmp_nesting),
    ("tls: extensions", tls_extensions),
    ("tls: empty messages", tls_empty_messages),
    ("tls: records of a byte", tls_records_of_a_byte),
    ("tls: a nested certificate", certificate_nesting),
    ("rtp: sources", rtp_sources),
    ("udp: what nobody knows", datagrams_that_nobody_knows),
    ("tcp: what nobody knows, in bytes", noise_in_bytes),
];

fn seconds(pcap: &[u8]) -> f64 {
    let begin = Instant::now();
    hear(PROTOCOLS, pcap);
    begin.elapsed().as_secs_f64()
}

/// Whether four times an attack takes about four times as long; what was measured.
fn is_flat(attack: Attack, size: usize) -> (bool, String) {
    let (small, large) = (attack(size).pcap(), attack(4 * size).pcap());
    let (mut one, mut four) = (f64::INFINITY, f64::INFINITY);
    // A busy machine is slow now and then, but not every time.
    for _ in 0..4 {
        one = one.min(seconds(&small));
        four = four.min(seconds(&large));
        let rate = (4 * size) as f64 / four;
        let said = format!(
            "{:.1} times the time of a quarter, {rate:.0} bytes a second",
            four / one
        );
        if four / one <= FLAT && rate >= SLOWEST || rate < SLOWEST / 10.0 {
            return (rate >= SLOWEST, said);
        }
    }
    let rate = (4 * size) as f64 / four;
    (
        false,
        format!(
            "{:.1} times the time of a quarter, {rate:.0} bytes a second",
            four / one
        ),
    )
}

fn stays_flat(kind: &str) {
    let mut slow = Vec::new();
    for (name, attack) in ATTACKS.iter().filter(|(name, _)| name.starts_with(kind)) {
        // What a limit sets aside from some size on makes a step, once: larger, it is flat again.
        let mut said = String::new();
        let flat = [50_000, 200_000, 800_000].into_iter().any(|size| {
            let (flat, measured) = is_flat(*attack, size);
            said = format!("{name}: {measured}");
            flat
        });
        println!("{said}");
        if !flat {
            slow.push(said);
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[test]
fn the_time_a_byte_of_http_stays_flat() {
    stays_flat("http");
}

#[test]
fn the_time_a_byte_of_sip_stays_flat() {
    stays_flat("sip");
}

#[test]
fn the_time_a_byte_of_mail_stays_flat() {
    ["smtp", "imap", "pop3"].into_iter().for_each(stays_flat);
}

#[test]
fn the_time_a_byte_of_text_stays_flat() {
    ["telnet", "ftp", "ssh"].into_iter().for_each(stays_flat);
}

#[test]
fn the_time_a_byte_of_names_and_asn1_stays_flat() {
    ["dns", "snmp"].into_iter().for_each(stays_flat);
}

#[test]
fn the_time_a_byte_of_tls_stays_flat() {
    stays_flat("tls");
}

#[test]
fn the_time_a_byte_of_what_nobody_knows_stays_flat() {
    ["rtp", "udp", "tcp"].into_iter().for_each(stays_flat);
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

fn count(heard: &HeardScene, is: impl Fn(&Body) -> bool) -> usize {
    heard
        .records
        .iter()
        .filter(|record| is(&record.body))
        .count()
}

#[test]
fn a_head_of_100_000_lines_is_one_request_and_what_is_beyond_the_limit_is_said() {
    let heard = hear(
        PROTOCOLS,
        &http_head(&times(100_000, |number| format!("X-{number}: y\r\n"))).pcap(),
    );
    assert_eq!(count(&heard, |body| matches!(body, Body::Request(_))), 1);
    let Accounts { read, limited, .. } = accounts(&heard);
    assert!(limited > 1_000_000 && read < 10_000, "{read} {limited}");
}

/// Records of a kind that a capture writes, and what is said of those that were set aside.
fn written(pcap: &[u8], is: impl Fn(&Body) -> bool) -> (usize, Vec<String>) {
    let heard = follow_bytes(PROTOCOLS, pcap, Options::default());
    let count = heard
        .records
        .iter()
        .filter(|record| is(&record.body))
        .count();
    (count, heard.notices)
}

#[test]
fn of_100_000_requests_without_answers_those_beyond_the_limit_are_said() {
    let scene = http_requests(MAX_RECORDS as usize + 1);
    let (requests, notices) = written(&scene.pcap(), |body| matches!(body, Body::Request(_)));
    assert!(
        (1000..=MAX_RECORDS as usize).contains(&requests),
        "{requests}"
    );
    assert!(!notices.is_empty());
}

#[test]
fn a_bomb_of_gzip_is_undone_up_to_a_limit_and_what_is_in_it_is_not() {
    let zeros = gzip(&vec![0; MAX_CONTENT as usize + 1_000_000]);
    for (body, largest) in [
        (zeros.clone(), MAX_CONTENT),
        (gzip(&zeros), zeros.len() as u64),
    ] {
        let heard = hear(PROTOCOLS, &http_answer(&body).pcap());
        let object = heard.records.iter().find_map(|record| match &record.body {
            Body::Object(object) => Some(object),
            _ => None,
        });
        let object = object.unwrap();
        assert!(object.bytes <= largest, "{}", object.bytes);
        // A bomb in a bomb is content like any other.
        assert_eq!(object.complete, largest != MAX_CONTENT);
    }
}

#[test]
fn parts_nested_10_000_deep_are_one_letter() {
    let heard = hear(PROTOCOLS, &letter(&times(10_000, nested_part)).pcap());
    assert_eq!(count(&heard, |body| matches!(body, Body::Message(_))), 1);
}

#[test]
fn of_10_000_media_a_few_are_expected() {
    let body = description(10_000);
    assert!(body.len() > 128 * 1024);
    for media in [2000, 10_000] {
        let message = sip_message(1, "application/sdp", &description(media));
        let heard = hear(PROTOCOLS, &stream(5060, &[client(message)], 1460).pcap());
        let expected =
            |hint: &&overheard_ledger::Hint| matches!(hint.body, HintBody::Expect { .. });
        let expected = heard.hints.iter().filter(expected).count();
        // RTP and RTCP of as many media as are looked at; of a body that is too long none.
        assert_eq!(expected, if media == 2000 { 64 } else { 0 });
        assert_eq!(count(&heard, |body| matches!(body, Body::Call(_))), 1);
    }
}

#[test]
fn of_10_000_sources_of_rtp_those_that_go_on_are_written() {
    let heard = hear(PROTOCOLS, &rtp_sources(10_000 * 344).pcap());
    let media = count(&heard, |body| matches!(body, Body::Media(_)));
    assert!((1..=65).contains(&media), "{media}");
}

#[test]
fn of_a_conversation_of_150_000_names_those_beyond_the_limit_are_said() {
    let scene = dns_names(150_000 * 26);
    let (names, notices) = written(&scene.pcap(), |body| matches!(body, Body::Name(_)));
    assert!((1000..=MAX_RECORDS as usize).contains(&names), "{names}");
    assert!(!notices.is_empty());
}

#[test]
fn names_that_lead_in_circles_lead_nowhere() {
    let heard = hear(PROTOCOLS, &dns_loops(60_000).pcap());
    assert_eq!(count(&heard, |body| matches!(body, Body::Name(_))), 0);
    assert!(heard.hints.is_empty());
}
