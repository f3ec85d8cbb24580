//! Complexity: input made to cost much. Every kind is heard in a time that grows with its bytes, and what
//! it makes is bounded by a named limit.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::time::Instant;

use overheard_follow::Options;
use overheard_ledger::{Accounts, Body};
use overheard_protocols::PROTOCOLS;
use overheard_testkit::{HeardScene, Scene, Talk, follow_bytes, hear};

mod mail;
mod names;
mod sealed;
mod signals;
mod text;
mod voice;
mod web;
mod web2;

/// The most that four times the input may take of the time.
const FLAT: f64 = 6.0;

/// Bytes a second that the slowest of all must reach, without optimisation on a busy machine: what costs
/// too much for every byte falls below it by far.
const SLOWEST: f64 = 100_000.0;

/// The capture that one attack of so many bytes makes.
type Attack = fn(size: usize) -> Scene;

/// What client and server say, in turns.
fn say(scene: &mut Scene, talk: Talk, said: &[(bool, Vec<u8>)]) {
    for (from_client, bytes) in said {
        if *from_client {
            scene.client(talk, bytes);
        } else {
            scene.server(talk, bytes);
        }
    }
}

fn stream(port: u16, said: &[(bool, Vec<u8>)], segment: usize) -> Scene {
    let mut scene = Scene::new();
    scene.step(1000);
    scene.segment_size(segment);
    let talk = scene.tcp("192.0.2.10:40000", &format!("192.0.2.25:{port}"));
    say(&mut scene, talk, said);
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

/// ASN.1 elements in each other, as deep as the bytes go.
fn nested(size: usize) -> Vec<u8> {
    (1..size / 4)
        .flat_map(|depth| {
            let [high, low] = ((size - 4 * depth) as u16).to_be_bytes();
            [0x30, 0x82, high, low]
        })
        .collect()
}

/// Conversations of which client and server say this.
fn conversations(port: u16, count: usize, said: &[(bool, Vec<u8>)]) -> Scene {
    let mut scene = Scene::new();
    scene.step(1000);
    for number in 0..count {
        let from = format!("192.0.2.10:{}", 20_000 + number);
        let talk = scene.tcp(&from, &format!("192.0.2.25:{port}"));
        say(&mut scene, talk, said);
        scene.close(talk);
    }
    scene
}

fn datagrams_that_nobody_knows(size: usize) -> Scene {
    datagrams(7777, (0..size / 64).map(|at| vec![(at % 251) as u8; 64]))
}

fn noise_in_bytes(size: usize) -> Scene {
    let noise: Vec<u8> = (0..size).map(|at| (at * 31 % 253) as u8 | 0x80).collect();
    stream(7777, &[client(noise)], 1)
}

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

fn stays_flat(attacks: &[(&str, Attack)]) {
    let mut slow = Vec::new();
    for (name, attack) in attacks {
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

const ATTACKS: &[(&str, Attack)] = &[
    ("udp: what nobody knows", datagrams_that_nobody_knows),
    ("tcp: what nobody knows, in bytes", noise_in_bytes),
];

#[test]
fn the_time_a_byte_of_what_nobody_knows_stays_flat() {
    stays_flat(ATTACKS);
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
