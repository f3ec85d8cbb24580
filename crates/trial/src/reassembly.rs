//! Reassembly: segments of a stream and fragments of a datagram, in any order, with any overlap, against
//! a naive model.

use std::net::{Ipv4Addr, SocketAddr};

use overheard_follow::{DEFAULT_MEMORY, Heard, MIN_MEMORY, Options};
use overheard_ledger::{Body, Conversation, Reveal};
use overheard_tap::Protocol;
use overheard_testkit::{TAPE, ethernet, follow_registry, ipv4, pcap, tcp, udp};

use crate::bounds::Bounds;
use crate::given::Given;
use crate::model::Model;

/// What a capture may cost, by its bytes. The tape itself keeps all that it hears.
const BOUNDS: Bounds = Bounds {
    memory: (4 << 20, 64),
    allocated: (4 << 20, 128),
    time: (250_000_000, 10_000),
};

/// Packets of one input.
const PACKETS: usize = 200;

static ONLY_TAPE: &[&Protocol] = &[&TAPE];

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 25);

/// An input: a byte of flags, then packets of some bytes each.
pub(crate) fn run(input: &[u8]) {
    let mut given = Given::new(input);
    if given.byte() % 4 == 3 {
        fragments(&mut given);
    } else {
        segments(&mut given);
    }
}

/// What stands at an offset of the stream, if nobody lies.
fn stream(at: i64) -> u8 {
    (at.wrapping_mul(31) ^ (at >> 8)) as u8
}

fn said(offset: i64, length: usize, lie: u8) -> Vec<u8> {
    (0..length as i64)
        .map(|index| stream(offset + index) ^ lie)
        .collect()
}

/// Two directions. Each packet is a kind, an offset and a length; who lies says other bytes than the
/// stream has.
fn segments(given: &mut Given<'_>) {
    let flags = given.byte();
    let opened = flags & 1 != 0;
    let initial = [given.short(), given.short()].map(|number| u32::from(number) << 16 | 0xff00);
    let ends = [(CLIENT, 40_000), (SERVER, 2500)].map(SocketAddr::from);
    let mut film = Film::default();
    let mut packet = |side: usize, sequence: u32, ack: u32, flags: u8, bytes: &[u8]| {
        film.frame(&tcp(
            ends[side],
            ends[1 - side],
            sequence,
            ack,
            flags,
            bytes,
        ));
    };
    let mut models = [Model::default(), Model::default()];
    // The offset that the model calls 0, once it is known.
    let mut bases: [Option<i64>; 2] = [None, None];
    if opened {
        packet(0, initial[0].wrapping_sub(1), 0, SYN, b"");
        packet(1, initial[1].wrapping_sub(1), initial[0], SYN | ACK, b"");
        bases = [Some(0), Some(0)];
    }
    // With the least memory not all that waits is waited for to the end.
    let tight = flags & 4 != 0;
    let mut patient = !tight;
    let mut count = 0;
    while !given.is_empty() && count < PACKETS {
        count += 1;
        let kind = given.byte();
        let side = usize::from(kind & 1);
        let offset = i64::from(given.short() % 16_384);
        let length = usize::from(given.byte()) * if kind & 2 == 0 { 1 } else { 5 };
        let sequence = |side: usize, offset: i64| initial[side].wrapping_add(offset as u32);
        match kind >> 2 & 7 {
            // An acknowledgement: who is told that the receiver has it waits no longer.
            0 => {
                patient = false;
                packet(
                    side,
                    sequence(side, 0),
                    sequence(1 - side, offset),
                    ACK,
                    b"",
                );
            }
            1 => {
                packet(side, sequence(side, 0), 0, RST, b"");
            }
            kind => {
                let lie = u8::from(kind == 2);
                let bytes = said(offset, length, lie);
                packet(side, sequence(side, offset), 0, 0, &bytes);
                if !bytes.is_empty() {
                    let base = *bases[side].get_or_insert(offset);
                    models[side].segment(offset - base, &bytes);
                }
            }
        }
    }
    if flags & 2 != 0 {
        packet(
            0,
            sequence_after(initial[0], &models[0], bases[0]),
            0,
            FIN,
            b"",
        );
    }
    let memory = if tight { MIN_MEMORY } else { DEFAULT_MEMORY };
    let heard = BOUNDS.hold(film.bytes, || film.heard(memory));
    compare(&heard, &models, patient);
}

fn sequence_after(initial: u32, model: &Model, base: Option<i64>) -> u32 {
    let end = model.fresh() + model.holes();
    initial
        .wrapping_add(base.unwrap_or(0) as u32)
        .wrapping_add(end as u32)
}

fn compare(heard: &Heard, models: &[Model; 2], patient: bool) {
    let conversations = conversations(heard);
    let arrived: u64 = models.iter().map(|model| model.arrived).sum();
    let accounted: u64 = conversations.iter().map(|one| one.accounts.total()).sum();
    assert!(accounted >= arrived, "bytes that arrived are in no account");
    let [conversation] = conversations.as_slice() else {
        // A connection that opened anew on the same ports: the model knows one only.
        return;
    };
    // Which side was taken for the client: the tape says what it heard of whom.
    let turned = conversation.client.port != 40_000;
    for (side, name) in [(0, "Client"), (1, "Server")] {
        let model = &models[if turned { 1 - side } else { side }];
        model.agrees(&taped(heard, name), patient);
    }
    if patient {
        let sum = |of: fn(&Model) -> u64| models.iter().map(of).sum::<u64>();
        let accounts = conversation.accounts;
        assert_eq!(accounts.read, sum(Model::fresh), "read");
        assert_eq!(accounts.missing, sum(Model::holes), "missing");
        assert_eq!(accounts.duplicate, arrived - accounts.read, "duplicate");
    }
    if !models.iter().any(Model::conflicts) {
        assert_eq!(conversation.conflicting_bytes, 0, "nobody lied");
    }
}

/// Fragments of one datagram: what becomes whole is what was sent.
fn fragments(given: &mut Given<'_>) {
    let flags = given.byte();
    let length = 8 + usize::from(given.short() % 4096);
    let payload = said(0, length - 8, 0);
    let ends = [(CLIENT, 40_000), (SERVER, 2500)].map(SocketAddr::from);
    let datagram = udp(ends[0], ends[1], &payload);
    let whole = &datagram[20..];
    let mut film = Film::default();
    // Where bytes of the datagram have arrived, and whether its end has.
    let mut here = vec![false; whole.len()];
    let (mut lied, mut whole_at) = (false, None);
    let mut count = 0;
    while !given.is_empty() && count < PACKETS {
        count += 1;
        let kind = given.byte();
        let from = usize::from(given.byte()) * 8 % whole.len().next_multiple_of(8);
        let to = (from + 8 * (1 + usize::from(given.byte()))).min(whole.len());
        let mut bytes = whole[from..to].to_vec();
        // Only what nobody needs is changed, so that the datagram can be known by its ports.
        if kind & 1 != 0 && from >= 8 && flags & 1 != 0 {
            bytes[0] ^= 0x55;
            lied = true;
        }
        let more = to < whole.len();
        let mut packet = ipv4(CLIENT, SERVER, 17, &bytes);
        let field = (from / 8) as u16 | if more { 0x2000 } else { 0 };
        packet[4..6].copy_from_slice(&7u16.to_be_bytes());
        packet[6..8].copy_from_slice(&field.to_be_bytes());
        film.frame(&packet);
        if whole_at.is_none() {
            here[from..to].fill(true);
            if here.iter().all(|here| *here) {
                whole_at = Some(count);
            }
        }
    }
    let heard = BOUNDS.hold(film.bytes, || film.heard(DEFAULT_MEMORY));
    let conversations = conversations(&heard);
    let Some(_) = whole_at else {
        assert!(
            conversations.is_empty(),
            "a datagram that never became whole was heard"
        );
        return;
    };
    assert!(
        !conversations.is_empty(),
        "a datagram that became whole was not heard"
    );
    if !lied {
        let text = taped(&heard, "Client");
        assert!(
            text.starts_with(&overheard_testkit::as_taped(&payload)),
            "another datagram was heard"
        );
        assert!(
            conversations.iter().all(|one| one.conflicting_bytes == 0),
            "nobody lied"
        );
    }
}

fn conversations(heard: &Heard) -> Vec<&Conversation> {
    let mut found = Vec::new();
    for record in &heard.records {
        if let Body::Conversation(conversation) = &record.body {
            found.push(&**conversation);
        }
    }
    found
}

/// What the tape heard of a side.
fn taped(heard: &Heard, side: &str) -> String {
    let mut all = String::new();
    for record in &heard.records {
        if let Body::Object(object) = &record.body
            && object.protocol.ends_with(side)
        {
            all += object.name.as_deref().unwrap_or_default();
        }
    }
    all
}

/// A capture in the making, a millisecond a frame.
#[derive(Default)]
struct Film {
    frames: Vec<(u64, Vec<u8>)>,
    bytes: usize,
}

impl Film {
    fn frame(&mut self, packet: &[u8]) {
        let frame = ethernet(packet);
        self.bytes += frame.len();
        let time = 1_767_258_000_000_000_000 + 1_000_000 * self.frames.len() as u64;
        self.frames.push((time, frame));
    }

    fn heard(&self, memory: usize) -> Heard {
        let options = Options {
            threads: 1,
            reveal: Reveal::Yes,
            memory,
        };
        follow_registry(ONLY_TAPE, &pcap(&self.frames), options)
    }
}
