//! A small capture in the making.

use std::net::SocketAddr;

use crate::packets;

/// 2026-01-01T09:00:00Z.
const BEGINNING: u64 = 1_767_258_000_000_000_000;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// A conversation of a [`Scene`].
#[derive(Clone, Copy, Debug)]
pub struct Talk(usize);

struct State {
    client: SocketAddr,
    server: SocketAddr,
    /// Next sequence numbers of client and server; `None` for datagrams.
    sequence: Option<[u32; 2]>,
}

/// A small capture in the making: Ethernet, beginning 2026-01-01T09:00:00Z, a millisecond a frame.
#[derive(Default)]
pub struct Scene {
    frames: Vec<(u64, Vec<u8>)>,
    talks: Vec<State>,
    segment_size: Option<usize>,
    step: Option<u64>,
    now: u64,
}

impl Scene {
    /// An empty scene.
    pub fn new() -> Scene {
        Scene {
            now: BEGINNING,
            ..Scene::default()
        }
    }

    /// Payloads of streams from here on are cut into segments of so many bytes.
    pub fn segment_size(&mut self, bytes: usize) {
        self.segment_size = Some(bytes);
    }

    /// Nanoseconds from one frame to the next from here on.
    pub fn step(&mut self, nanoseconds: u64) {
        self.step = Some(nanoseconds);
    }

    /// Lets time pass, in nanoseconds.
    pub fn wait(&mut self, nanoseconds: u64) {
        self.now += nanoseconds;
    }

    /// Opens a TCP connection: `scene.tcp("192.0.2.1:40000", "192.0.2.2:25")`.
    pub fn tcp(&mut self, client: &str, server: &str) -> Talk {
        let talk = self.tcp_midstream(client, server);
        self.segment(talk, 0, SYN, &[]);
        self.segment(talk, 1, SYN | ACK, &[]);
        self.segment(talk, 0, ACK, &[]);
        talk
    }

    /// A TCP connection of which the opening is not in the capture.
    pub fn tcp_midstream(&mut self, client: &str, server: &str) -> Talk {
        self.talk(client, server, Some([1000, 9000]))
    }

    /// A conversation in datagrams.
    pub fn udp(&mut self, client: &str, server: &str) -> Talk {
        self.talk(client, server, None)
    }

    fn talk(&mut self, client: &str, server: &str, sequence: Option<[u32; 2]>) -> Talk {
        let [client, server] =
            [client, server].map(|text| text.parse().expect("an address and a port"));
        self.talks.push(State {
            client,
            server,
            sequence,
        });
        Talk(self.talks.len() - 1)
    }

    /// The client says something.
    pub fn client(&mut self, talk: Talk, payload: &[u8]) {
        self.say(talk, 0, payload);
    }

    /// The server says something.
    pub fn server(&mut self, talk: Talk, payload: &[u8]) {
        self.say(talk, 1, payload);
    }

    fn say(&mut self, talk: Talk, side: usize, payload: &[u8]) {
        if self.talks[talk.0].sequence.is_some() {
            let size = self.segment_size.unwrap_or(1460).max(1);
            for part in payload.chunks(size) {
                self.segment(talk, side, PSH | ACK, part);
            }
        } else {
            let (from, to) = self.ends(talk, side);
            self.frame(packets::ethernet(&packets::udp(from, to, payload)));
        }
    }

    /// Bytes of a side that are not in the capture.
    pub fn lose(&mut self, talk: Talk, from_client: bool, bytes: u32) {
        let sequence = self.talks[talk.0].sequence.as_mut().expect("a stream");
        let side = &mut sequence[usize::from(!from_client)];
        *side = side.wrapping_add(bytes);
    }

    /// Both sides close.
    pub fn close(&mut self, talk: Talk) {
        self.segment(talk, 0, FIN | ACK, &[]);
        self.segment(talk, 1, FIN | ACK, &[]);
        self.segment(talk, 0, ACK, &[]);
    }

    fn ends(&self, talk: Talk, side: usize) -> (SocketAddr, SocketAddr) {
        let State { client, server, .. } = self.talks[talk.0];
        if side == 0 {
            (client, server)
        } else {
            (server, client)
        }
    }

    /// One segment of a side, with these flags.
    pub fn segment(&mut self, talk: Talk, side: usize, flags: u8, payload: &[u8]) {
        let (from, to) = self.ends(talk, side);
        let sequence = self.talks[talk.0].sequence.as_mut().expect("a stream");
        let number = sequence[side];
        sequence[side] =
            number.wrapping_add(payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0));
        let acknowledgement = if flags & ACK == 0 {
            0
        } else {
            sequence[1 - side]
        };
        let packet = packets::tcp(from, to, number, acknowledgement, flags, payload);
        self.frame(packets::ethernet(&packet));
    }

    /// Any frame.
    pub fn frame(&mut self, frame: Vec<u8>) {
        self.frames.push((self.now, frame));
        self.now += self.step.unwrap_or(1_000_000);
    }

    /// The frames so far, with their times.
    pub fn frames(&self) -> &[(u64, Vec<u8>)] {
        &self.frames
    }

    /// The capture file.
    pub fn pcap(&self) -> Vec<u8> {
        packets::pcap(&self.frames)
    }
}
