use overheard_ledger::Body;
use overheard_testkit::{Scene, hear};

use super::*;

fn block(number: u16, bytes: &[u8]) -> Vec<u8> {
    [&[0, 3], &number.to_be_bytes()[..], bytes].concat()
}

fn acknowledgement(number: u16) -> Vec<u8> {
    [[0, 4], number.to_be_bytes()].concat()
}

fn files(scene: &Scene) -> Vec<(u64, bool, Option<String>)> {
    let file = |record: &overheard_ledger::Record| match &record.body {
        Body::Object(file) => Some((file.bytes, file.complete, file.sha256.clone())),
        _ => None,
    };
    hear(&[&PROTOCOL], &scene.pcap())
        .records
        .iter()
        .filter_map(file)
        .collect()
}

#[test]
fn a_telephone_fetches_its_settings() {
    let mut scene = Scene::new();
    let request = scene.udp("192.0.2.10:2000", "192.0.2.69:69");
    scene.client(request, b"\0\x01phone.cfg\0octet\0blksize\x00512\0");
    let answer = scene.udp("192.0.2.69:3000", "192.0.2.10:2000");
    scene.client(answer, &block(1, &[b'x'; 512]));
    scene.server(answer, &acknowledgement(1));
    scene.client(answer, &block(1, &[b'x'; 512]));
    scene.client(answer, &block(2, b"password=secret"));
    scene.server(answer, &acknowledgement(2));
    let heard = hear(&[&PROTOCOL], &scene.pcap());
    insta::assert_snapshot!(heard.ledger());
    let expected = HintBody::Expect {
        endpoint: heard.hints[0].body.clone().endpoint(),
        protocol: "tftp",
        label: Some("phone.cfg".into()),
        details: vec![("RRQ".into(), String::new())],
    };
    assert_eq!(heard.hints[0].body, expected);
}

trait Endpoint {
    fn endpoint(self) -> overheard_ledger::Endpoint;
}

impl Endpoint for HintBody {
    fn endpoint(self) -> overheard_ledger::Endpoint {
        match self {
            HintBody::Expect { endpoint, .. } => {
                assert_eq!(endpoint.to_string(), "192.0.2.10:2000");
                endpoint
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_missing_block_makes_a_file_incomplete() {
    let mut scene = Scene::new();
    let answer = scene.udp("192.0.2.69:3000", "192.0.2.10:2000");
    scene.client(answer, &block(1, &[b'x'; 512]));
    scene.server(answer, &acknowledgement(1));
    scene.client(answer, &block(3, b"end"));
    scene.server(answer, &acknowledgement(3));
    assert_eq!(files(&scene), [(515, false, None)]);
}

#[test]
fn the_block_size_is_what_was_agreed() {
    let mut scene = Scene::new();
    let answer = scene.udp("192.0.2.69:3000", "192.0.2.10:2000");
    scene.client(answer, b"\0\x06blksize\x001024\0");
    scene.server(answer, &acknowledgement(0));
    scene.client(answer, &block(1, &[b'x'; 1024]));
    scene.server(answer, &acknowledgement(1));
    scene.client(answer, &block(2, &[]));
    scene.server(answer, &acknowledgement(2));
    assert_eq!(
        files(&scene)
            .iter()
            .map(|file| (file.0, file.1))
            .collect::<Vec<_>>(),
        [(1024, true)]
    );
}

#[test]
fn what_nobody_acknowledged_is_no_file() {
    let mut scene = Scene::new();
    let answer = scene.udp("192.0.2.69:3000", "192.0.2.10:2000");
    scene.client(answer, &block(1, b"something else"));
    assert_eq!(files(&scene), []);
}

#[test]
fn a_request_is_known_by_its_mode() {
    let at = |bytes, server_port| {
        probe(&Sample {
            over: Over::Datagram,
            client: bytes,
            server: &[],
            client_port: 5000,
            server_port,
            whole: true,
        })
    };
    assert_eq!(at(b"\0\x01boot.img\0OCTET\0", 5001), Probe::Sure);
    assert_eq!(at(b"\0\x01boot.img\0other\0", 69), Probe::No);
    assert_eq!(at(b"\0\x01boot.img\0octet", 69), Probe::No);
    assert_eq!(at(b"\0\x01\0octet\0", 69), Probe::No);
}
