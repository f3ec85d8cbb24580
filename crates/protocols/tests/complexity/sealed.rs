//! Handshakes: records and messages of TLS, certificates.

use overheard_testkit::Scene;

use crate::{Attack, client, conversations, nested, repeat, server, stays_flat, stream};

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

const ATTACKS: &[(&str, Attack)] = &[
    ("tls: extensions", tls_extensions),
    ("tls: empty messages", tls_empty_messages),
    ("tls: records of a byte", tls_records_of_a_byte),
    ("tls: a nested certificate", certificate_nesting),
];

#[test]
fn the_time_a_byte_of_tls_stays_flat() {
    stays_flat(ATTACKS);
}
