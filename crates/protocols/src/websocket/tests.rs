use overheard_ledger::{Body, CallState, HintBody};
use overheard_testkit::{HeardScene, Scene, hear};

use super::*;

/// A frame; a client masks it.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask = if masked { 0x80 } else { 0 };
    match u16::try_from(payload.len()).unwrap() {
        short @ 0..=125 => bytes.push(mask | u8::try_from(short).unwrap()),
        long => {
            bytes.push(mask | 126);
            bytes.extend(long.to_be_bytes());
        }
    }
    if masked {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        bytes.extend(key);
        bytes.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// What follows the upgrade: who says it (true for the client), and the bytes.
fn after_upgrade(said: &[(bool, Vec<u8>)], segment_size: usize) -> HeardScene {
    let mut scene = Scene::new();
    scene.segment_size(segment_size);
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.60:80");
    scene.client(talk, b"GET / HTTP/1.1\r\nHost: sip.office.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n");
    scene.server(talk, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n");
    for (client, bytes) in said {
        if *client {
            scene.client(talk, bytes);
        } else {
            scene.server(talk, bytes);
        }
    }
    scene.close(talk);
    hear(&[&crate::http::PROTOCOL, &PROTOCOL], &scene.pcap())
}

fn message(start: &str, sequence: &str) -> String {
    format!(
        "{start}\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK56\r\nFrom: <sip:ada@office.example>;tag=1\r\nTo: <sip:bob@office.example>\r\nCall-ID: ws-1\r\nCSeq: {sequence}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn a_call() -> Vec<(bool, Vec<u8>)> {
    let invite = message("INVITE sip:bob@office.example SIP/2.0", "1 INVITE");
    let (one, other) = invite.as_bytes().split_at(40);
    vec![
        (true, frame(0x01, one, true)),
        // A ping between the fragments of a message (RFC 6455 section 5.4).
        (true, frame(0x89, b"still there", true)),
        (true, frame(0x80, other, true)),
        (false, frame(0x8a, b"still there", false)),
        (
            false,
            frame(
                0x82,
                message("SIP/2.0 200 Fine", "1 INVITE").as_bytes(),
                false,
            ),
        ),
        (
            true,
            frame(
                0x81,
                message("BYE sip:bob@office.example SIP/2.0", "2 BYE").as_bytes(),
                true,
            ),
        ),
        (false, frame(0x88, &[3, 232], false)),
    ]
}

#[test]
fn a_telephone_behind_a_websocket_is_heard() {
    for size in [1460, 1, 3, 7] {
        let heard = after_upgrade(&a_call(), size);
        let calls: Vec<_> = heard
            .records
            .iter()
            .filter_map(|record| match &record.body {
                Body::Call(call) => Some(call),
                _ => None,
            })
            .collect();
        assert_eq!(calls.len(), 1, "segments of {size}: {}", heard.ledger());
        assert_eq!(calls[0].state, CallState::Ended);
        let steps: Vec<_> = calls[0]
            .steps
            .iter()
            .map(|step| step.what.as_str())
            .collect();
        assert_eq!(steps, ["INVITE", "200 OK (INVITE)", "BYE"]);
        assert!(heard.ledger().contains("\"protocol\":\"http+websocket\""));
    }
}

fn observed(heard: &HeardScene) -> usize {
    let is_ours = |hint: &&overheard_ledger::Hint| {
        matches!(
            hint.body,
            HintBody::Observed {
                rule: "websocket-messages",
                ..
            }
        )
    };
    heard.hints.iter().filter(is_ours).count()
}

#[test]
fn other_messages_are_read_and_told_once() {
    let long = vec![b'x'; 70];
    let mut huge = vec![0x82, 127];
    huge.extend(200_000_u64.to_be_bytes());
    huge.extend(vec![b'A'; 200_000]);
    let said = [
        (true, frame(0x81, b"{\"chat\":\"hello\"}", true)),
        (false, frame(0x81, &long, false)),
        (false, huge),
        (false, frame(0x81, b"end", false)),
        (false, frame(0xc1, &[0xaa, 0xbb], false)),
        (true, frame(0x88, b"", true)),
    ];
    let heard = after_upgrade(&said, 1460);
    assert_eq!(observed(&heard), 1);
    assert!(heard.ledger().contains("\"malformed\":0") || !heard.ledger().contains("malformed"));
    assert!(!heard.ledger().contains("\"kind\":\"call\""));
}

#[test]
fn what_is_no_frame_is_malformed() {
    for wrong in [
        vec![0x83, 0x00],
        vec![0x09, 0x00],
        vec![0x89, 0x7e, 0, 1],
        vec![0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let heard = after_upgrade(&[(true, wrong.clone())], 1460);
        assert!(
            heard.ledger().contains("\"malformed\":"),
            "{wrong:?}: {}",
            heard.ledger()
        );
    }
}

#[test]
fn a_loss_within_a_long_frame_is_passed_over() {
    let mut scene = Scene::new();
    let talk = scene.tcp("192.0.2.10:40000", "192.0.2.60:80");
    scene.client(
        talk,
        b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n",
    );
    scene.server(
        talk,
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
    );
    let mut begun = vec![0x82, 126];
    begun.extend(3000_u16.to_be_bytes());
    begun.extend(vec![0; 1000]);
    scene.server(talk, &begun);
    scene.lose(talk, false, 1000);
    scene.server(talk, &vec![0; 1000]);
    scene.server(
        talk,
        &frame(
            0x81,
            message("OPTIONS sip:a@b SIP/2.0", "1 OPTIONS").as_bytes(),
            false,
        ),
    );
    scene.server(
        talk,
        &frame(
            0x81,
            message("INVITE sip:a@b SIP/2.0", "2 INVITE").as_bytes(),
            false,
        ),
    );
    scene.close(talk);
    let heard = hear(&[&crate::http::PROTOCOL, &PROTOCOL], &scene.pcap());
    assert!(
        heard.ledger().contains("\"kind\":\"call\""),
        "{}",
        heard.ledger()
    );
}
