//! Pages: heads, bodies and codings of HTTP.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use overheard_ledger::{Accounts, Body};
use overheard_protocols::PROTOCOLS;
use overheard_tap::limits::{MAX_CONTENT, MAX_RECORDS};
use overheard_testkit::{Scene, hear};

use crate::{Attack, accounts, client, count, fill, server, stays_flat, stream, times, written};

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
];

#[test]
fn the_time_a_byte_of_http_stays_flat() {
    stays_flat(ATTACKS);
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
