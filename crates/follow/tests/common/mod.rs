//! What the tests of following share: protocols that write down exactly what they are lent, and
//! captures made packet by packet.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::SocketAddr;

use overheard_follow::{Heard, Options};
use overheard_ledger::{Body, Conversation, Exposure, Object, Record, Reveal};
use overheard_tap::{Analyzer, Chunk, Cut, Next, Notes, Over, Probe, Protocol, Sample, Side, Step};
// Not every test that shares this file uses both.
#[allow(unused_imports)]
pub use overheard_testkit::{TAPE, as_taped};
use overheard_testkit::{ethernet, follow_bytes, tcp};

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

fn something(sample: &Sample<'_>) -> Probe {
    if sample.first().is_empty() {
        Probe::More
    } else {
        Probe::Sure
    }
}

/// Like SMTP: after the client's line `DATA`, what its next bytes are is settled by the server's answer.
/// Each line (or run of content, after `354`) becomes an object when it is understood.
pub static DIALOGUE: Protocol = Protocol {
    name: "dialogue",
    title: "A dialogue with answers that matter",
    over: &[Over::Stream],
    ports: &[],
    standard: "none",
    exposure: Exposure::Open,
    probe: something,
    begin: |_| Box::<Dialogue>::default(),
    rules: &[],
};

#[derive(Default)]
struct Dialogue {
    /// The client asked to send, and the server did not answer yet.
    asked: bool,
    /// The server said yes.
    granted: bool,
}

impl Analyzer for Dialogue {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let Chunk::Bytes(bytes) = chunk else {
            return Step::Took(0);
        };
        if side == Side::Client && self.asked {
            return Step::Took(0);
        }
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return Step::Need(bytes.len() + 1);
        };
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let what = match side {
            Side::Server => {
                self.granted = line == "354";
                self.asked = false;
                "answer"
            }
            Side::Client if self.granted => "content",
            Side::Client => {
                self.asked = line == "DATA";
                "command"
            }
        };
        notes.add(Object {
            protocol: what.into(),
            name: Some(line),
            media_type: None,
            bytes: end as u64,
            sha256: None,
            complete: true,
        });
        Step::Took(end + 1)
    }
}

/// Answers anything an analyzer may answer, as its bytes will have it.
pub static WHIM: Protocol = Protocol {
    name: "whim",
    title: "An analyzer without manners",
    over: &[Over::Stream, Over::Datagram],
    ports: &[],
    standard: "none",
    exposure: Exposure::Unknown,
    probe: |sample| match sample.first().first().map(|byte| byte % 8) {
        None | Some(0) => Probe::No,
        Some(1) => Probe::More,
        Some(2) => Probe::Reversed,
        Some(3) => Probe::Sure,
        Some(weight) => Probe::Likely(weight),
    },
    begin: |_| Box::new(Whim),
    rules: &[],
};

struct Whim;

impl Analyzer for Whim {
    fn hear(&mut self, _: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        let (first, length) = match chunk {
            Chunk::Bytes(bytes) => (bytes.first().copied().unwrap_or(0), bytes.len()),
            Chunk::Gap(bytes) => ((bytes % 251) as u8, 0),
            Chunk::End => return Step::Took(0),
        };
        match first / 8 % 16 {
            0 => Step::Took(0),
            1 => Step::Took(1),
            2 => Step::Took(usize::MAX),
            3 => Step::Need(length + 3),
            4 => Step::Need(0),
            5 => Step::Need(usize::MAX),
            6 => Step::Sealed(length / 2),
            7 => Step::Sealed(usize::MAX),
            8 => Step::NotMine(Cut {
                layer: "whim",
                needed: 1,
                had: 0,
                offset: 0,
            }),
            9 => Step::Become {
                took: 1,
                next: Next::Probe,
            },
            10 => Step::Become {
                took: 0,
                next: Next::Protocol("tape"),
            },
            11 => Step::Become {
                took: length / 3,
                next: Next::Protocol("whim"),
            },
            12 => Step::Become {
                took: length,
                next: Next::Protocol("nobody"),
            },
            13 => {
                notes.account(overheard_ledger::Account::Sealed, length.min(1));
                Step::Took(length)
            }
            _ => Step::Took(length.div_ceil(2)),
        }
    }
}

/// The client of every conversation that the tests make.
pub fn client() -> SocketAddr {
    "192.0.2.10:40000".parse().unwrap()
}

/// The server.
pub fn server() -> SocketAddr {
    "192.0.2.25:2500".parse().unwrap()
}

/// A capture in the making: each frame with its time in nanoseconds and how many bytes of it were on the
/// wire.
#[derive(Clone, Default)]
pub struct Film {
    pub frames: Vec<(u64, Vec<u8>, usize)>,
    now: u64,
}

impl Film {
    pub fn wait(&mut self, nanoseconds: u64) {
        self.now += nanoseconds;
    }

    pub fn frame(&mut self, frame: Vec<u8>) {
        let length = frame.len();
        self.now += 1_000_000;
        self.frames.push((self.now, frame, length));
    }

    /// A segment of the client (`side` 0) or the server (1).
    pub fn segment(
        &mut self,
        side: usize,
        sequence: u32,
        ack: Option<u32>,
        flags: u8,
        bytes: &[u8],
    ) {
        let (from, to) = if side == 0 {
            (client(), server())
        } else {
            (server(), client())
        };
        let flags = flags | if ack.is_some() { ACK } else { 0 };
        let packet = tcp(from, to, sequence, ack.unwrap_or(0), flags, bytes);
        self.frame(ethernet(&packet));
    }

    /// The three segments that open a connection.
    pub fn open(&mut self, client: u32, server: u32) {
        let next = client.wrapping_add(1);
        self.segment(0, client, None, SYN, b"");
        self.segment(1, server, Some(next), SYN, b"");
        self.segment(0, next, Some(server.wrapping_add(1)), 0, b"");
    }

    /// Cuts the last frame to so many bytes, as a snap length does.
    pub fn cut(&mut self, bytes: usize) {
        self.frames.last_mut().unwrap().1.truncate(bytes);
    }

    /// The capture file.
    pub fn pcap(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1] {
            file.extend(word.to_le_bytes());
        }
        for (time, frame, on_wire) in &self.frames {
            for word in [
                time / 1_000_000_000,
                time % 1_000_000_000 / 1000,
                frame.len() as u64,
                *on_wire as u64,
            ] {
                file.extend(u32::try_from(word).unwrap().to_le_bytes());
            }
            file.extend(frame);
        }
        file
    }

    /// What these protocols hear in it.
    pub fn heard(&self, protocols: &[&'static Protocol]) -> Heard {
        follow_bytes(
            protocols,
            &self.pcap(),
            Options {
                threads: 1,
                reveal: Reveal::Yes,
                ..Options::default()
            },
        )
    }

    /// The only conversation, and what was heard of client and server.
    pub fn tape(&self) -> (Conversation, String, String) {
        let heard = self.heard(&[&TAPE]);
        let conversations = conversations(&heard.records);
        assert_eq!(conversations.len(), 1, "one conversation");
        let said = |side: &str| {
            let found: Vec<String> = objects(&heard.records)
                .into_iter()
                .filter(|(protocol, _)| protocol.ends_with(side))
                .map(|(_, said)| said)
                .collect();
            assert!(found.len() <= 1);
            found.concat()
        };
        let (client, server) = (said("Client"), said("Server"));
        (conversations[0].clone(), client, server)
    }
}

/// The conversations among records.
pub fn conversations(records: &[Record]) -> Vec<Conversation> {
    let mut found: Vec<Conversation> = records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Conversation(conversation) => Some((**conversation).clone()),
            _ => None,
        })
        .collect();
    found.sort_by_key(|conversation| conversation.id);
    found
}

/// Protocol and name of the objects among records.
pub fn objects(records: &[Record]) -> Vec<(String, String)> {
    records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Object(object) => Some((
                object.protocol.clone(),
                object.name.clone().unwrap_or_default(),
            )),
            _ => None,
        })
        .collect()
}
