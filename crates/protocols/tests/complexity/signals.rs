//! Calls without SIP, cameras and faxes.

use overheard_ledger::{Body, HintBody};
use overheard_testkit::{Scene, hear};

use overheard_protocols::PROTOCOLS;

use crate::{Attack, client, count, datagrams, fill, server, stays_flat, stream};

fn mgcp_calls(size: usize) -> Scene {
    datagrams(
        2427,
        (0..size / 80).map(|at| {
            format!(
                "CRCX {} aaln/{at}@gw.example MGCP 1.0\r\nC: {at}\r\nM: recvonly\r\n",
                1 + at
            )
            .into_bytes()
        }),
    )
}

fn mgcp_events(size: usize) -> Scene {
    let events = "D/1,".repeat(300);
    datagrams(
        2427,
        (0..size / 1240).map(|at| {
            format!(
                "NTFY {} aaln/1@gw.example MGCP 1.0\r\nO: {events}\r\n",
                1 + at
            )
            .into_bytes()
        }),
    )
}

fn skinny(identifier: u32, numbers: &[u32]) -> Vec<u8> {
    let length = 4 + 4 * numbers.len() as u32;
    let all = [&[length, 0, identifier][..], numbers].concat();
    all.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn sccp_calls(size: usize) -> Scene {
    let states: Vec<u8> = (0..size / 24)
        .flat_map(|at| skinny(0x111, &[1, 1, 1 + at as u32]))
        .collect();
    stream(2000, &[(true, skinny(0, &[])), (false, states)], 1460)
}

fn sccp_channels(size: usize) -> Scene {
    let channels: Vec<u8> = (0..size / 40)
        .flat_map(|at| skinny(0x105, &[7, at as u32, 20, 4, 0, 0, 7]))
        .collect();
    stream(2000, &[(true, skinny(0, &[])), (false, channels)], 1460)
}

fn iax2_frame(source: u16, kind: u8, subclass: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = (0x8000 | source).to_be_bytes().to_vec();
    frame.extend([0, 0, 0, 0, 0, 1, 0, 0, kind, subclass]);
    frame.extend(payload);
    frame
}

fn iax2_calls(size: usize) -> Scene {
    datagrams(
        4569,
        (0..size / 16).map(|at| iax2_frame(1 + (at % 0x7fff) as u16, 6, 1, &[11, 2, 0, 2])),
    )
}

fn iax2_trunk(size: usize) -> Scene {
    let mut said = vec![iax2_frame(1, 6, 1, &[11, 2, 0, 2])];
    let mut trunk = vec![0, 0, 1, 0, 0, 0, 0, 9];
    trunk.extend([0, 1, 0, 1, 5].repeat(280));
    said.extend((0..size / trunk.len()).map(|_| trunk.clone()));
    datagrams(4569, said)
}

fn q931(reference: u16) -> Vec<u8> {
    let mut packet = vec![3, 0, 0, 13, 8, 2];
    packet.extend((reference & 0x7fff).to_be_bytes());
    packet.extend([5, 0x28, 2, b'a', b'b']);
    packet
}

fn h323_calls(size: usize) -> Scene {
    let setups: Vec<u8> = (0..size / 13).flat_map(|at| q931(at as u16)).collect();
    stream(1720, &[(true, setups)], 1460)
}

fn h323_elements(size: usize) -> Scene {
    // As many elements as a packet holds, single octets each.
    let mut packet = vec![3, 0, 0x3f, 0xff, 8, 2, 0, 1, 5];
    packet.resize(0x3fff, 0xa1);
    let mut said = q931(1);
    said.extend(packet.repeat(size.div_ceil(packet.len())));
    stream(1720, &[(true, said)], 1460)
}

fn rtsp_requests(size: usize) -> Scene {
    let requests = fill(size, |number| {
        format!("OPTIONS rtsp://a/{number} RTSP/1.0\r\nCSeq: {number}\r\n\r\n")
    });
    stream(554, &[client(requests)], 1460)
}

fn rtsp_media(size: usize) -> Scene {
    let media = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:x\r\n".repeat(1000);
    let mut said = Vec::new();
    for number in 0..size.div_ceil(media.len()) {
        said.push(client(format!(
            "DESCRIBE rtsp://a/1 RTSP/1.0\r\nCSeq: {number}\r\n\r\n"
        )));
        said.push(server(format!(
            "RTSP/1.0 200 OK\r\nCSeq: {number}\r\nContent-Length: {}\r\n\r\n{media}",
            media.len()
        )));
    }
    stream(554, &said, 1460)
}

fn rtsp_head_in_bytes(size: usize) -> Scene {
    let head = fill(size, |number| format!("A: {number}\r\n"));
    stream(
        554,
        &[client(format!("OPTIONS rtsp://a/ RTSP/1.0\r\n{head}\r\n"))],
        1,
    )
}

fn t38_packets(size: usize) -> Scene {
    let packet = |at: usize| {
        let mut packet = (at as u16).to_be_bytes().to_vec();
        packet.extend([1, 6, 0, 30]);
        packet.extend([1, 6].repeat(30));
        packet
    };
    datagrams(16_000, (0..size / 66).map(packet))
}

const ATTACKS: &[(&str, Attack)] = &[
    ("mgcp: calls that never end", mgcp_calls),
    ("mgcp: events", mgcp_events),
    ("sccp: calls that never end", sccp_calls),
    ("sccp: channels", sccp_channels),
    ("iax2: calls that never end", iax2_calls),
    ("iax2: entries of trunk frames", iax2_trunk),
    ("h323: calls that never end", h323_calls),
    ("h323: elements", h323_elements),
    ("rtsp: requests without answers", rtsp_requests),
    ("rtsp: media of a description", rtsp_media),
    ("rtsp: header lines in bytes", rtsp_head_in_bytes),
    ("t38: packets that are repeated", t38_packets),
];

#[test]
fn the_time_a_byte_of_signals_stays_flat() {
    stays_flat(ATTACKS);
}

#[test]
fn every_call_is_told_once_and_media_are_bounded() {
    let heard = hear(PROTOCOLS, &mgcp_calls(2000 * 80).pcap());
    assert_eq!(count(&heard, |body| matches!(body, Body::Call(_))), 2000);
    // One call whose voice is announced at more places than anybody needs.
    let sdp = |port: usize| format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio {port} RTP/AVP 0\r\n");
    let said = (0..2000).map(|at| {
        format!(
            "CRCX {} aaln/1@gw.example MGCP 1.0\r\nC: 1\r\n\r\n{}",
            1 + at,
            sdp(2000 + 2 * at)
        )
        .into_bytes()
    });
    let heard = hear(PROTOCOLS, &datagrams(2427, said).pcap());
    let expected = |hint: &&overheard_ledger::Hint| matches!(hint.body, HintBody::Expect { .. });
    assert_eq!(heard.hints.iter().filter(expected).count(), 32);
}
