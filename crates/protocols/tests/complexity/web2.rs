//! Pages over HTTP/2: frames, streams, and header blocks that grow.

use overheard_ledger::{Accounts, Body};
use overheard_protocols::PROTOCOLS;
use overheard_testkit::{Scene, hear};

use crate::{Attack, accounts, client, count, server, stays_flat, stream};

/// `:method: GET`, `:scheme: http`, `:path: /` of the static table.
const GET: &[u8] = &[0x82, 0x86, 0x84];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What a client says behind its preface.
fn http2(frames: Vec<u8>, segment: usize) -> Scene {
    let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let settings = b"\0\0\0\x04\0\0\0\0\0";
    stream(
        8080,
        &[client(begin), server(settings), client(frames)],
        segment,
    )
}

/// A header block in a HEADERS frame and as many CONTINUATION frames as it takes.
fn block(stream: u32, block: &[u8], piece: usize) -> Vec<u8> {
    let mut frames = frame(1, 1, stream, GET);
    for piece in block.chunks(piece) {
        frames.extend(frame(9, 0, stream, piece));
    }
    frames.extend(frame(9, 4, stream, &[]));
    frames
}

/// At least so many bytes of numbered pieces.
fn frames(size: usize, piece: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 100);
    let mut number = 0;
    while bytes.len() < size {
        bytes.extend(piece(number));
        number += 1;
    }
    bytes
}

/// A literal field: kept in the table, or not.
fn literal(kept: bool, name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![if kept { 0x40 } else { 0 }];
    for text in [name, value] {
        match text.len() {
            length @ 0..127 => field.push(length as u8),
            length => {
                let rest = length - 127;
                field.extend([
                    127,
                    (rest % 128) as u8 | 128,
                    (rest / 128 % 128) as u8 | 128,
                ]);
                field.push((rest / 128 / 128) as u8);
            }
        }
        field.extend(text.as_bytes());
    }
    field
}

fn lines(count: usize, kept: bool) -> Vec<u8> {
    (0..count)
        .flat_map(|number| literal(kept, &format!("x-{number}"), "y"))
        .collect()
}

fn http2_header_lines(size: usize) -> Scene {
    http2(block(1, &lines(size / 11, false), 16_000), 1460)
}

fn http2_header_lines_in_bytes(size: usize) -> Scene {
    http2(block(1, &lines(size / 11, false), 16_000), 1)
}

fn http2_header_lines_that_fill_the_table(size: usize) -> Scene {
    http2(block(1, &lines(size / 11, true), 16_000), 1460)
}

/// A table of 64 KiB, almost filled by one field.
fn bomb(name: &str) -> Vec<u8> {
    let mut fields = vec![0x3f, 0xe1, 0xff, 0x03];
    fields.extend(literal(true, name, &"a=b; ".repeat(12_000)));
    fields
}

fn http2_bomb_of_references(size: usize) -> Scene {
    let fields = [bomb("cookie"), vec![0xbe; size]].concat();
    http2(block(1, &fields, 16_000), 1460)
}

/// A large target, asked for with a byte on every stream.
fn http2_bomb_of_targets(size: usize) -> Scene {
    let first = block(1, &bomb(":path"), 16_000);
    let asked = frames(size, |number| frame(1, 5, 2 * number + 3, &[0x82, 0xbe]));
    http2([first, asked].concat(), 1460)
}

/// A large name, said again and again with another value.
fn http2_bomb_of_names(size: usize) -> Scene {
    let first = [
        vec![0x3f, 0xe1, 0xff, 0x03],
        literal(true, &"n".repeat(30_000), ""),
    ];
    let fields = [first.concat(), [0x7e, 1, b'v'].repeat(size / 3)].concat();
    http2(block(1, &fields, 16_000), 1460)
}

fn http2_huffman(size: usize) -> Scene {
    // Line feeds, the longest code: 30 bits each, four of them in 15 bytes.
    let coded = [
        0xff, 0xff, 0xff, 0xf3, 0xff, 0xff, 0xff, 0xcf, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0xfc,
    ];
    // 16,320 bytes of them, as an integer with a prefix of seven bits.
    let mut field = vec![0, 1, b'x', 0xff, 0xc1, 0x7e];
    field.extend(coded.repeat(1088));
    http2(
        block(1, &field.repeat(size / field.len() + 1), 16_000),
        1460,
    )
}

fn http2_continuations_of_a_byte(size: usize) -> Scene {
    http2(block(1, &lines(size / 110, false), 1), 1460)
}

fn http2_empty_continuations(size: usize) -> Scene {
    let begun = frame(1, 1, 1, GET);
    http2(
        [begun, frames(size, |_| frame(9, 0, 1, &[]))].concat(),
        1460,
    )
}

fn http2_field_without_end(size: usize) -> Scene {
    let begun = frame(1, 1, 1, &[GET, &[0, 0x7f, 0x80, 0xf8, 0x03]].concat());
    http2([begun, frames(size, |_| frame(9, 0, 1, b"x"))].concat(), 1)
}

fn http2_data_of_a_byte(size: usize) -> Scene {
    let begun = frame(1, 4, 1, &[&[0x83, 0x86], &GET[2..]].concat());
    http2(
        [begun, frames(size, |_| frame(0, 0, 1, b"x"))].concat(),
        1460,
    )
}

fn http2_padding(size: usize) -> Scene {
    let begun = frame(1, 4, 1, &[&[0x83, 0x86], &GET[2..]].concat());
    let padded = |_| frame(0, 8, 1, &[1, b'x', 0]);
    http2([begun, frames(size, padded)].concat(), 3)
}

fn http2_streams(size: usize) -> Scene {
    http2(
        frames(size, |number| frame(1, 5, 2 * number + 1, GET)),
        1460,
    )
}

/// As many streams as are followed stay open while others come, in small pieces.
fn http2_streams_in_bytes(size: usize) -> Scene {
    http2(frames(size, |number| frame(1, 4, 2 * number + 1, GET)), 1)
}

fn http2_streams_reset(size: usize) -> Scene {
    let asked = |number: u32| {
        let stream = 2 * number + 1;
        [frame(1, 5, stream, GET), frame(3, 0, stream, &[0; 4])].concat()
    };
    http2(frames(size, asked), 1460)
}

fn http2_going_away(size: usize) -> Scene {
    let open = frames(2000, |number| frame(1, 4, 2 * number + 1, GET));
    let away = frames(size, |_| frame(7, 0, 0, &[0; 8]));
    http2([open, away].concat(), 1460)
}

fn http2_empty_frames(size: usize) -> Scene {
    let open = frame(1, 4, 1, GET);
    let empty = |number: u32| [frame(4, 1, 0, &[]), frame(0, 0, number % 3 + 1, &[])].concat();
    http2([open, frames(size, empty)].concat(), 1460)
}

fn http2_pings_in_bytes(size: usize) -> Scene {
    http2(frames(size, |_| frame(6, 0, 0, &[0; 8])), 1)
}

const ATTACKS: &[(&str, Attack)] = &[
    ("http2: header lines", http2_header_lines),
    ("http2: header lines, in bytes", http2_header_lines_in_bytes),
    (
        "http2: header lines that fill the table",
        http2_header_lines_that_fill_the_table,
    ),
    ("http2: a bomb of references", http2_bomb_of_references),
    ("http2: a bomb of targets", http2_bomb_of_targets),
    ("http2: a bomb of names", http2_bomb_of_names),
    ("http2: the longest codes", http2_huffman),
    (
        "http2: continuations of a byte",
        http2_continuations_of_a_byte,
    ),
    ("http2: empty continuations", http2_empty_continuations),
    (
        "http2: a field without end, in bytes",
        http2_field_without_end,
    ),
    ("http2: data of a byte", http2_data_of_a_byte),
    ("http2: padding", http2_padding),
    ("http2: streams", http2_streams),
    ("http2: streams, in bytes", http2_streams_in_bytes),
    ("http2: streams that are reset", http2_streams_reset),
    ("http2: going away again and again", http2_going_away),
    ("http2: empty frames", http2_empty_frames),
    ("http2: pings, in bytes", http2_pings_in_bytes),
];

#[test]
fn the_time_a_byte_of_http2_stays_flat() {
    stays_flat(ATTACKS);
}

#[test]
fn a_header_list_of_100_000_lines_is_one_request_and_what_is_beyond_the_limit_is_said() {
    let fields = lines(100_000, false);
    let heard = hear(PROTOCOLS, &http2(block(1, &fields, 16_000), 1460).pcap());
    assert_eq!(count(&heard, |body| matches!(body, Body::Request(_))), 1);
    let Accounts {
        limited, malformed, ..
    } = accounts(&heard);
    assert!(limited > 900_000 && malformed == 0, "{limited} {malformed}");
}

/// A byte that stands for 60 kB a hundred thousand times does not become 6 GB.
#[test]
fn a_bomb_is_looked_at_up_to_a_limit_and_what_is_beyond_is_said() {
    let heard = hear(PROTOCOLS, &http2_bomb_of_targets(1_000_000).pcap());
    let written: usize = heard
        .records
        .iter()
        .map(|record| match &record.body {
            Body::Request(request) => request.target.as_deref().map_or(0, str::len),
            _ => 0,
        })
        .sum();
    // Of a target of 60 kB, 16 bytes for every byte that came.
    assert!((60_000..18_000_000).contains(&written), "{written}");
    assert!(accounts(&heard).limited > 10_000);
}

#[test]
fn of_10_000_streams_all_are_written_though_few_are_followed() {
    let streams = frames(10_000 * 12, |number| frame(1, 4, 2 * number + 1, GET));
    let heard = hear(PROTOCOLS, &http2(streams, 1460).pcap());
    assert_eq!(
        count(&heard, |body| matches!(body, Body::Request(_))),
        10_000
    );
}
