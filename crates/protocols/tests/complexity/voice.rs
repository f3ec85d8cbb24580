//! Calls: SIP, descriptions of media, RTP.

use overheard_ledger::{Body, HintBody};
use overheard_protocols::PROTOCOLS;
use overheard_testkit::{Scene, hear};

use crate::{Attack, client, count, datagrams, fill, server, stays_flat, stream, times};

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

fn sip_goodbyes(size: usize) -> Scene {
    let messages = fill(size, |number| {
        format!(
            "BYE sip:a@b SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: {number}\r\nCSeq: 1 BYE\r\n\
             Content-Length: 0\r\n\r\n"
        )
    });
    stream(5060, &[client(messages)], 1460)
}

fn sip_forks(size: usize) -> Scene {
    // One call, and answers of ever more telephones.
    let messages = fill(size, |number| {
        format!(
            "SIP/2.0 200 OK\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag={number}\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
             Content-Length: 0\r\n\r\n"
        )
    });
    stream(5060, &[client(messages)], 1460)
}

fn sip_lists(size: usize) -> Scene {
    let list = "<sip:a@b>;reason=x,".repeat(2000);
    let messages = fill(size, |number| {
        format!(
            "INVITE sip:a@b SIP/2.0\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: {number}\r\nCSeq: 1 INVITE\r\n\
             Diversion: {list}\r\nHistory-Info: {list}\r\nContent-Length: 0\r\n\r\n"
        )
    });
    stream(5060, &[client(messages)], 1460)
}

/// A WebSocket in which the server says this.
fn websocket(said: Vec<u8>, segment: usize) -> Scene {
    let asked = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    let agreed = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n";
    stream(80, &[client(asked), server(agreed), server(said)], segment)
}

fn websocket_small_frames(size: usize) -> Scene {
    websocket([0x81, 1, b'I'].repeat(size / 3), 1460)
}

fn websocket_fragments(size: usize) -> Scene {
    // A message that may be one of SIP and never ends.
    let mut said = vec![0x01, 7];
    said.extend(b"INVITE ");
    said.extend([0x00, 1, b'x'].repeat(size / 3));
    websocket(said, 1460)
}

fn websocket_long_frames_in_bytes(size: usize) -> Scene {
    let frame = [&[0x81, 126, 0xff, 0xff][..], &[b'A'; 0xffff]].concat();
    websocket(frame.repeat(size / frame.len() + 1), 16)
}

const ATTACKS: &[(&str, Attack)] = &[
    ("sip: goodbyes of unknown calls", sip_goodbyes),
    ("sip: forks", sip_forks),
    ("sip: lists in a field", sip_lists),
    ("websocket: small frames", websocket_small_frames),
    ("websocket: fragments", websocket_fragments),
    (
        "websocket: long frames in bytes",
        websocket_long_frames_in_bytes,
    ),
    ("sip: header lines", sip_headers),
    ("sip: header lines in bytes", sip_headers_in_bytes),
    ("sip: calls that never end", sip_calls_that_never_end),
    ("sip: media of a description", sdp_media),
    ("sip: parts of a body", sip_parts),
    ("rtp: sources", rtp_sources),
];

#[test]
fn the_time_a_byte_of_sip_stays_flat() {
    stays_flat(ATTACKS);
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
