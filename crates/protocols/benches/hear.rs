//! Hearing protocols, through the real following of conversations, and recognising them.

// A bench may stop at the first surprise; what its macros define is for nobody else.
#![allow(clippy::expect_used, missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use overheard_follow::{Options, follow};
use overheard_protocols::PROTOCOLS;
use overheard_source::Captures;
use overheard_tap::{Over, Sample};
use overheard_testkit::Scene;

/// A GET with the headers that browsers send.
const REQUEST: &[u8] = b"GET /pages/index.html?q=tea HTTP/1.1\r\nHost: www.example.org\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\n\
    Connection: keep-alive\r\nCookie: session=0123456789abcdef\r\n\r\n";

/// A ClientHello of TLS 1.3 that offers X25519 and asks for `www.example.org`.
fn client_hello() -> Vec<u8> {
    let name = b"www.example.org";
    let mut extensions = vec![0, 0, 0, 20, 0, 18, 0, 0, 15];
    extensions.extend(name);
    extensions.extend([0, 43, 0, 3, 2, 3, 4, 0, 10, 0, 4, 0, 2, 0, 29]);
    extensions.extend([0, 51, 0, 38, 0, 36, 0, 29, 0, 32]);
    extensions.extend([9; 32]);
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([
        0,
        0,
        6,
        0x13,
        1,
        0x13,
        2,
        0x13,
        3,
        1,
        0,
        0,
        extensions.len() as u8,
    ]);
    hello.extend(extensions);
    let mut record = vec![
        22,
        3,
        1,
        0,
        hello.len() as u8 + 4,
        1,
        0,
        0,
        hello.len() as u8,
    ];
    record.extend(hello);
    record
}

/// A query for the address of a name.
fn dns_query(number: u16) -> Vec<u8> {
    let mut query = number.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3]);
    query.extend(b"www\x07example\x03org\0\0\x01\0\x01");
    query
}

fn http() -> Scene {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:80");
    for _ in 0..200 {
        scene.client(talk, REQUEST);
        scene.server(talk, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\nhello world\n");
    }
    scene
}

fn tls() -> Scene {
    let mut scene = Scene::new();
    let hello = client_hello();
    for port in 40_000..40_200 {
        let talk = scene.tcp(&format!("192.0.2.10:{port}"), "192.0.2.25:443");
        scene.client(talk, &hello);
    }
    scene
}

fn dns() -> Scene {
    let mut scene = Scene::new();
    let talk = scene.udp("192.0.2.10:50000", "192.0.2.53:53");
    for number in 0..400 {
        scene.client(talk, &dns_query(number));
    }
    scene
}

/// A stream that nobody recognises, in order: what following alone costs.
fn noise() -> Scene {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.25:9999");
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(500_000)
    .collect();
    scene.client(talk, &noise);
    scene
}

fn hear(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hear");
    for (name, scene) in [
        ("http", http()),
        ("tls-hello", tls()),
        ("dns", dns()),
        ("unrecognised-stream", noise()),
    ] {
        let pcap = scene.pcap();
        group.throughput(Throughput::Elements(scene.frames().len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    let reader = Box::new(std::io::Cursor::new(pcap.clone()));
                    Captures::from_reader("scene.pcap", reader).expect("a scene is a capture")
                },
                |mut captures| {
                    let options = Options::default();
                    follow(&mut captures, PROTOCOLS, options, &mut |_| {}).expect("it can be read")
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn recognise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recognise");
    let hello = client_hello();
    let query = dns_query(1);
    let noise = [0xa5; 1000];
    for (name, over, client) in [
        ("http", Over::Stream, REQUEST),
        ("tls", Over::Stream, &hello),
        ("dns", Over::Datagram, &query),
        ("nobody", Over::Stream, &noise),
    ] {
        let sample = Sample {
            over,
            client,
            server: &[],
            client_port: 40_000,
            server_port: 9999,
            whole: false,
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let sample = black_box(&sample);
                let asked = PROTOCOLS
                    .iter()
                    .filter(|one| one.over.contains(&sample.over));
                asked.for_each(|one| {
                    black_box((one.probe)(sample));
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hear, recognise);
criterion_main!(benches);
