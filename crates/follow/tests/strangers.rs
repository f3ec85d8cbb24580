//! Packets from strangers: whatever arrives, nothing panics and every payload byte is booked once; and
//! the answer does not depend on the number of threads.

// Helpers of tests may stop at the first surprise, as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod common;

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};

use common::{ACK, FIN, Film, RST, SYN, TAPE, WHIM, conversations};
use overheard_follow::Options;
use overheard_ledger::Reveal;
use overheard_testkit::{ethernet, follow_bytes, ipv4, tcp, udp};
use proptest::prelude::*;

/// A packet that a stranger may send; few endpoints and near sequence numbers, so that packets meet.
#[derive(Clone, Debug)]
enum Packet {
    Tcp {
        sequence: u32,
        ack: u32,
        flags: u8,
    },
    Udp,
    /// A fragment of a datagram of UDP or TCP: its offset in units of eight bytes.
    Fragment {
        id: u16,
        offset: u16,
        more: bool,
        tcp: bool,
    },
    Noise,
}

#[derive(Clone, Debug)]
struct Sent {
    packet: Packet,
    from: u8,
    to: u8,
    payload: Vec<u8>,
    /// Bytes that the snap length leaves.
    snap: Option<usize>,
    /// Seconds before it.
    silence: u64,
}

fn near() -> impl Strategy<Value = u32> {
    prop_oneof![
        8 => (0u32..400).prop_map(|at| at.wrapping_sub(100)),
        1 => any::<u32>(),
        1 => Just(1 << 31),
    ]
}

fn packet() -> impl Strategy<Value = Packet> {
    let flags = prop_oneof![
        6 => Just(ACK),
        1 => Just(SYN),
        1 => Just(SYN | ACK),
        1 => Just(FIN | ACK),
        1 => Just(RST),
        1 => any::<u8>(),
    ];
    prop_oneof![
        8 => (near(), near(), flags)
            .prop_map(|(sequence, ack, flags)| Packet::Tcp { sequence, ack, flags }),
        3 => Just(Packet::Udp),
        3 => (0u16..3, prop_oneof![0u16..6, Just(8191u16)], any::<bool>(), any::<bool>())
            .prop_map(|(id, offset, more, tcp)| Packet::Fragment { id, offset, more, tcp }),
        1 => Just(Packet::Noise),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    (
        packet(),
        0u8..3,
        0u8..3,
        prop::collection::vec(any::<u8>(), 0..90),
        prop::option::weighted(0.1, 0usize..120),
        prop_oneof![20 => Just(0u64), 1 => 0u64..10_000],
    )
        .prop_map(|(packet, from, to, payload, snap, silence)| Sent {
            packet,
            from,
            to,
            payload,
            snap,
            silence,
        })
}

fn endpoint(number: u8) -> SocketAddr {
    let port = [443, 50_000, 7_000][usize::from(number % 3)];
    SocketAddr::new(Ipv4Addr::new(192, 0, 2, number + 1).into(), port)
}

fn film(packets: &[Sent]) -> Film {
    let mut film = Film::default();
    for sent in packets {
        film.wait(sent.silence * 1_000_000_000);
        let (from, to) = (endpoint(sent.from), endpoint(sent.to));
        let packet = match sent.packet {
            Packet::Tcp {
                sequence,
                ack,
                flags,
            } => tcp(from, to, sequence, ack, flags, &sent.payload),
            Packet::Udp => udp(from, to, &sent.payload),
            Packet::Fragment {
                id,
                offset,
                more,
                tcp,
            } => {
                let address = |number: u8| Ipv4Addr::new(192, 0, 2, number + 1);
                let protocol = if tcp { 6 } else { 17 };
                let (from, to) = (address(sent.from), address(sent.to));
                let mut packet = ipv4(from, to, protocol, &sent.payload);
                packet[4..6].copy_from_slice(&id.to_be_bytes());
                let field = offset | if more { 0x2000 } else { 0 };
                packet[6..8].copy_from_slice(&field.to_be_bytes());
                packet
            }
            Packet::Noise => {
                film.frame(sent.payload.clone());
                continue;
            }
        };
        film.frame(ethernet(&packet));
        if let Some(snap) = sent.snap {
            film.cut(snap);
        }
    }
    film
}

fn threads(film: &Film, threads: usize) -> String {
    let heard = follow_bytes(
        &[&WHIM, &TAPE],
        &film.pcap(),
        Options {
            threads,
            reveal: Reveal::Yes,
            ..Options::default()
        },
    );
    let mut text = String::new();
    for record in &heard.records {
        writeln!(text, "{}", serde_json::to_string(record).unwrap()).unwrap();
    }
    writeln!(
        text,
        "{:?} {:?} {:?}",
        heard.loose, heard.offered, heard.notices
    )
    .unwrap();
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    // That bytes are conserved is asserted wherever a test follows a capture.
    #[test]
    fn whatever_arrives_every_byte_is_booked_once(
        packets in prop::collection::vec(sent(), 1..120),
    ) {
        let film = film(&packets);
        film.heard(&[&TAPE]);
        film.heard(&[&WHIM, &TAPE]);
        film.heard(&[]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_number_of_threads_gives_one_answer(
        packets in prop::collection::vec(sent(), 1..200),
    ) {
        let film = film(&packets);
        let alone = threads(&film, 1);
        for many in [2, 3, 16] {
            prop_assert_eq!(&threads(&film, many), &alone);
        }
    }
}

#[test]
fn hundreds_of_conversations_are_heard_the_same_by_any_number_of_threads() {
    let mut film = Film::default();
    for round in 0..12u32 {
        for talk in 0..400u32 {
            let [.., high, low] = talk.to_be_bytes();
            let client = SocketAddr::new(Ipv4Addr::new(198, 51, high, low).into(), 40_000);
            let server = endpoint(0);
            let payload = vec![(talk % 251) as u8; 20 + (talk as usize * 7 + round as usize) % 900];
            let packet = if talk % 3 == 0 {
                udp(client, server, &payload)
            } else {
                // Every fifth segment is one that came before.
                let sequence = 1000 * (round - u32::from(round % 5 == 4));
                tcp(client, server, sequence, 1, ACK, &payload)
            };
            film.frame(ethernet(&packet));
        }
    }
    let alone = threads(&film, 1);
    assert_eq!(conversations(&film.heard(&[&TAPE]).records).len(), 400);
    for many in [2, 3, 16] {
        assert!(
            threads(&film, many) == alone,
            "{many} threads hear something else"
        );
    }
}
