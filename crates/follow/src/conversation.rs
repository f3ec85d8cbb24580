//! One conversation: who, when, how much, and what hears it.

use overheard_ledger::{
    Account, Conversation as ConversationRecord, Endpoint, Exposure, Frames, Hint, Record, Time,
};
use overheard_tap::{Keys, Notebook, Over, Recorder, Side};
use overheard_wire::{Tcp, Transport, Tunnels};

use crate::books::Books;
use crate::budget::Budget;
use crate::community_id::community_id;
use crate::conflict::Conflicts;
use crate::datagrams::{Arrival, Datagrams};
use crate::direction::Segment;
use crate::hearing::{Moment, Protocols, Room};
use crate::inside::{Inside, Opening, Sum, Within};
use crate::key::{Key, protocol, transport_name};
use crate::outcome::Options;
use crate::shard::Totals;
use crate::stream::Stream;
use crate::table::ENTRY;

/// A packet of a conversation, as the reader found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) moment: Moment,
    /// Whether the lower endpoint of the key sent it.
    pub(crate) from_low: bool,
    pub(crate) tunnels: Tunnels,
    pub(crate) transport: Transport,
    /// Payload in the capture.
    pub(crate) payload: &'a [u8],
    /// Payload on the wire.
    pub(crate) length: u64,
    /// Bytes of the whole frame on the wire; of all frames of a fragmented datagram.
    pub(crate) on_wire: u64,
    /// Frames: more than one where the datagram came in fragments.
    pub(crate) frames: u64,
    /// The fragments' frames but the last.
    pub(crate) earlier: &'a [(u64, Time)],
    /// What fragments of it contradicted each other in.
    pub(crate) conflicts: Option<&'a Conflicts>,
}

/// What hears a conversation.
enum Talk {
    /// Nothing was said yet.
    Quiet,
    Stream(Box<Stream>),
    Datagrams(Box<Datagrams>),
}

/// A conversation that is being followed.
pub(crate) struct Conversation {
    id: u64,
    ip_protocol: u8,
    client: Endpoint,
    server: Endpoint,
    /// Whether the client is the lower endpoint of the key.
    client_is_low: bool,
    opener_seen: bool,
    tunnels: Tunnels,
    packets: [u64; 2],
    bytes: [u64; 2],
    start: Time,
    pub(crate) last: Moment,
    /// Initial sequence numbers, where a SYN said them.
    initial: [Option<u32>; 2],
    /// A SYN of the client for another connection, that nobody has answered yet.
    asked: Option<Box<Asked>>,
    /// FIN seen from the client (1), from the server (2), RST (4).
    closed: u8,
    written: u32,
    books: Books,
    talk: Talk,
    /// What is inside, where it was opened.
    inside: Option<Box<Inside>>,
}

/// A SYN that may begin another conversation of the same endpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    side: Side,
    moment: Moment,
    packets: u64,
    on_wire: u64,
    sequence: u32,
}

/// What a conversation needs from its shard to hear.
pub(crate) struct Surroundings<'a> {
    pub(crate) protocols: Protocols,
    pub(crate) options: Options,
    pub(crate) budget: &'a Budget,
    pub(crate) book: &'a mut Notebook,
    /// Keys of the conversations' owner, where what is sealed is to be opened.
    pub(crate) keys: Option<&'a Keys>,
    /// What they opened in the conversation that is being heard.
    pub(crate) opening: &'a mut Opening,
    /// Where what is inside is written down.
    pub(crate) opened: &'a mut Notebook,
    /// Where media are kept, and which shard hears them.
    pub(crate) recorder: Option<(&'a dyn Recorder, usize)>,
}

/// Whether the sender of a conversation's first packet is its client. Where a SYN does not tell, the
/// side with a well-known port (below 1024) is the server, else the one with the lower port if the
/// other is in the dynamic range (49152 and up, RFC 6335); else who spoke first is the client.
fn sender_is_client(packet: &Arrived<'_>, source: Endpoint, destination: Endpoint) -> (bool, bool) {
    if let Transport::Tcp(tcp) = packet.transport
        && tcp.has(Tcp::SYN)
    {
        return (!tcp.has(Tcp::ACK), true);
    }
    let (from, to) = (source.port, destination.port);
    let known = |port: u16| port < 1024;
    let dynamic = |port: u16| port >= 49152;
    let by_ports = match (known(from), known(to)) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ if dynamic(from) && !dynamic(to) => Some(true),
        _ if dynamic(to) && !dynamic(from) => Some(false),
        _ => None,
    };
    (by_ports.unwrap_or(true), false)
}

impl Conversation {
    /// A conversation that begins with this packet.
    pub(crate) fn new(key: &Key, packet: &Arrived<'_>) -> Conversation {
        let (low, high) = key.endpoints();
        let (source, destination) = if packet.from_low {
            (low, high)
        } else {
            (high, low)
        };
        let (from_client, opener_seen) = sender_is_client(packet, source, destination);
        let (client, server) = if from_client {
            (source, destination)
        } else {
            (destination, source)
        };
        Conversation {
            id: packet.moment.frame,
            ip_protocol: key.ip_protocol(),
            client,
            server,
            client_is_low: packet.from_low == from_client,
            opener_seen,
            tunnels: packet.tunnels,
            packets: [0; 2],
            bytes: [0; 2],
            start: packet.moment.time,
            last: packet.moment,
            initial: [None; 2],
            asked: None,
            closed: 0,
            written: 0,
            books: Books::default(),
            talk: Talk::Quiet,
            inside: None,
        }
    }

    /// Whether a packet begins another conversation of the same endpoints: a SYN after the end, or one
    /// with another initial sequence number; or any packet after a long silence.
    pub(crate) fn is_over_for(&self, packet: &Arrived<'_>) -> bool {
        if self.is_silent_for(packet) {
            return true;
        }
        let Transport::Tcp(tcp) = packet.transport else {
            return false;
        };
        if !tcp.has(Tcp::SYN) {
            return false;
        }
        let known = self
            .initial
            .get(self.side_of(packet).index())
            .copied()
            .flatten();
        if tcp.has(Tcp::ACK) {
            return known.is_some_and(|initial| initial != tcp.sequence) && self.closed != 0;
        }
        known.is_none_or(|initial| initial != tcp.sequence) && (known.is_some() || self.closed != 0)
    }

    /// Whether it has been silent for so long that a packet cannot belong to it.
    fn is_silent_for(&self, packet: &Arrived<'_>) -> bool {
        packet.moment.time.since(self.last.time) > idle_limit(self.ip_protocol)
    }

    fn is_near(&mut self, side: Side, sequence: u32) -> bool {
        match &mut self.talk {
            Talk::Stream(stream) => stream.is_near(side, sequence),
            Talk::Quiet | Talk::Datagrams(_) => true,
        }
    }

    /// Keeps a SYN apart that asks for another connection while this one goes on: anybody can send it,
    /// and a server that is connected already does not believe it (RFC 9293 section 3.10.7.4). Only the
    /// other side's word makes a conversation of it. `true` where the packet was kept.
    pub(crate) fn doubts(&mut self, packet: &Arrived<'_>) -> bool {
        let Transport::Tcp(tcp) = packet.transport else {
            return false;
        };
        let side = self.side_of(packet);
        let heard_from = |side: Side| {
            self.packets
                .get(side.index())
                .is_some_and(|count| *count > 0)
        };
        let goes_on = self.closed == 0 && matches!(self.talk, Talk::Stream(_));
        let asks = tcp.has(Tcp::SYN) && !tcp.has(Tcp::ACK);
        if !goes_on
            || !asks
            || !heard_from(side.other())
            || !self.is_another(side, &tcp)
            || self.is_silent_for(packet)
        {
            return false;
        }
        // What it says already is no part of what goes on, and nobody may ever hear it.
        self.count(Account::Unrecognised, packet, packet.payload.len() as u64);
        match &mut self.asked {
            Some(asked) if asked.sequence == tcp.sequence && asked.side == side => {
                asked.packets += packet.frames;
                asked.on_wire += packet.on_wire;
            }
            _ => {
                self.take_back();
                self.asked = Some(Box::new(Asked {
                    side,
                    moment: packet.moment,
                    packets: packet.frames,
                    on_wire: packet.on_wire,
                    sequence: tcp.sequence,
                }));
            }
        }
        true
    }

    /// Nobody answered the SYN that was kept apart: it was a packet like others.
    fn take_back(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.count_packets(asked.side, asked.packets, asked.on_wire);
        }
    }

    /// The SYN that was kept apart, where this packet says that it was believed.
    pub(crate) fn granted(&mut self, packet: &Arrived<'_>) -> Option<Box<Asked>> {
        let asked = self.asked.as_ref()?;
        let Transport::Tcp(tcp) = packet.transport else {
            return None;
        };
        let granted = tcp.has(Tcp::SYN)
            && tcp.has(Tcp::ACK)
            && self.side_of(packet) != asked.side
            && tcp.acknowledgement == asked.sequence.wrapping_add(1);
        if granted { self.asked.take() } else { None }
    }

    /// Takes the SYN that began it, and was kept apart, for its first packet.
    pub(crate) fn begin_with(&mut self, asked: &Asked) {
        self.id = asked.moment.frame;
        self.start = asked.moment.time;
        self.count_packets(Side::Client, asked.packets, asked.on_wire);
        self.initial = [Some(asked.sequence), None];
    }

    /// Whether a SYN has another initial sequence number than the connection's.
    fn is_another(&self, side: Side, tcp: &Tcp) -> bool {
        let known = self.initial.get(side.index()).copied().flatten();
        known.is_none_or(|initial| initial != tcp.sequence)
    }

    fn count_packets(&mut self, side: Side, frames: u64, on_wire: u64) {
        if let (Some(packets), Some(bytes)) = (
            self.packets.get_mut(side.index()),
            self.bytes.get_mut(side.index()),
        ) {
            *packets += frames;
            *bytes += on_wire;
        }
    }

    /// The number of its first frame.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn ip_protocol(&self) -> u8 {
        self.ip_protocol
    }

    /// Whether it has heard a packet.
    pub(crate) fn has_heard(&self) -> bool {
        self.packets != [0, 0]
    }

    /// Memory that it takes, in bytes.
    pub(crate) fn weight(&mut self) -> usize {
        ENTRY
            + match &mut self.talk {
                Talk::Quiet => 0,
                Talk::Stream(stream) => stream.weight(),
                Talk::Datagrams(datagrams) => datagrams.weight(),
            }
            + self.inside.as_ref().map_or(0, |inside| inside.weight())
    }

    /// How useful it is to go on following it, the least useful first: those in which nothing was said,
    /// then those that have been silent longest. No two are alike.
    pub(crate) fn usefulness(&self) -> (bool, Time, u64) {
        let talks = !matches!(self.talk, Talk::Quiet);
        (talks, self.last.time, self.last.frame)
    }

    fn side_of(&self, packet: &Arrived<'_>) -> Side {
        if packet.from_low == self.client_is_low {
            Side::Client
        } else {
            Side::Server
        }
    }

    /// Hears a packet.
    pub(crate) fn hear(&mut self, packet: &Arrived<'_>, surroundings: &mut Surroundings<'_>) {
        self.last = Moment {
            frame: packet.moment.frame,
            time: self.last.time.max(packet.moment.time),
        };
        self.start = self.start.min(packet.moment.time);
        let side = self.side_of(packet);
        self.count_packets(side, packet.frames, packet.on_wire);
        if let Some(conflicts) = packet.conflicts {
            self.books.conflicts.join(conflicts);
        }
        let captured = packet.payload.len() as u64;
        match packet.transport {
            Transport::Tcp(tcp) => self.hear_tcp(side, &tcp, packet, surroundings),
            Transport::Udp(_) | Transport::UdpLite(_) => {
                self.books.arrived += packet.length;
                if packet.length > 0 {
                    self.hear_datagram(side, packet, surroundings);
                }
            }
            Transport::Icmp { .. } => self.count(Account::Read, packet, captured),
            Transport::Other(protocol::ESP) => self.count(Account::Sealed, packet, captured),
            _ => self.count(Account::Unrecognised, packet, captured),
        }
        if !surroundings.opening.is_empty() {
            self.hear_inside(surroundings);
        }
    }

    /// Hears what was opened.
    fn hear_inside(&mut self, surroundings: &mut Surroundings<'_>) {
        let opening = std::mem::take(surroundings.opening);
        let mut inside = self.inside.take().unwrap_or_default();
        inside.hear(&mut self.within(surroundings), opening);
        self.inside = Some(inside);
    }

    fn within<'a>(&self, surroundings: &'a mut Surroundings<'_>) -> Within<'a> {
        Within {
            protocols: surroundings.protocols,
            reveal: surroundings.options.reveal,
            budget: surroundings.budget,
            conversation: self.id,
            client: self.client,
            server: self.server,
            book: surroundings.opened,
            keys: surroundings.keys,
            depth: 1,
        }
    }

    fn count(&mut self, account: Account, packet: &Arrived<'_>, captured: u64) {
        self.books.arrived += packet.length;
        self.books.accounts.add(account, captured);
        self.books
            .accounts
            .add(Account::Missing, packet.length - captured);
    }

    fn hear_tcp(
        &mut self,
        side: Side,
        tcp: &Tcp,
        packet: &Arrived<'_>,
        surroundings: &mut Surroundings<'_>,
    ) {
        let syn = tcp.has(Tcp::SYN);
        if syn && let Some(initial) = self.initial.get_mut(side.index()) {
            *initial = Some(tcp.sequence);
        }
        // A reset from outside the window ends nothing (RFC 5961 section 3.2).
        if tcp.has(Tcp::RST) && self.is_near(side, tcp.sequence) {
            self.closed |= 4;
        }
        if tcp.has(Tcp::FIN) {
            self.closed |= 1 << side.index();
        }
        // A connection that never says anything (a scan, a flood of SYNs) needs no stream.
        if matches!(self.talk, Talk::Quiet) {
            if packet.length == 0 {
                return;
            }
            let mut stream = Stream::default();
            let [client, server] = self.initial;
            for (speaker, initial) in [(Side::Client, client), (Side::Server, server)] {
                if let Some(initial) = initial {
                    stream.begin(speaker, initial);
                }
            }
            self.talk = Talk::Stream(Box::new(stream));
        }
        let sequence = tcp.sequence.wrapping_add(u32::from(syn));
        let segment = Segment {
            sequence,
            bytes: packet.payload,
            length: packet.length,
            moment: packet.moment,
        };
        let Talk::Stream(mut stream) = std::mem::replace(&mut self.talk, Talk::Quiet) else {
            return;
        };
        if syn {
            stream.begin(side, tcp.sequence);
        }
        let mut swap = stream.segment(&mut self.room(Over::Stream, surroundings), side, segment);
        if !swap && tcp.has(Tcp::ACK) {
            swap = stream.acknowledge(
                &mut self.room(Over::Stream, surroundings),
                side,
                tcp.acknowledgement,
            );
        }
        if !swap && tcp.has(Tcp::FIN) {
            let end = sequence.wrapping_add((packet.length & 0xffff_ffff) as u32);
            swap = stream.close(
                &mut self.room(Over::Stream, surroundings),
                side,
                end,
                packet.moment,
            );
        }
        if swap {
            self.swap();
            stream.swap();
            stream.resume(&mut self.room(Over::Stream, surroundings));
        }
        self.talk = Talk::Stream(stream);
    }

    fn hear_datagram(
        &mut self,
        side: Side,
        packet: &Arrived<'_>,
        surroundings: &mut Surroundings<'_>,
    ) {
        let mut datagrams = match std::mem::replace(&mut self.talk, Talk::Quiet) {
            Talk::Datagrams(datagrams) => datagrams,
            Talk::Quiet | Talk::Stream(_) => Box::default(),
        };
        let mut arrival = Arrival {
            side,
            bytes: packet.payload,
            missing: packet.length - packet.payload.len() as u64,
            moment: packet.moment,
            earlier: packet.earlier,
        };
        if datagrams.hear(&mut self.room(Over::Datagram, surroundings), &arrival) {
            self.swap();
            arrival.side = side.other();
            datagrams.swap();
            datagrams.hear(&mut self.room(Over::Datagram, surroundings), &arrival);
        }
        self.talk = Talk::Datagrams(datagrams);
    }

    /// Client and server change places, for good.
    fn swap(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
        self.client_is_low = !self.client_is_low;
        self.packets.reverse();
        self.bytes.reverse();
        self.initial.reverse();
        self.closed = (self.closed & 4) | (self.closed & 1) << 1 | (self.closed & 2) >> 1;
        self.opener_seen = true;
    }

    fn room<'a>(&'a mut self, over: Over, surroundings: &'a mut Surroundings<'_>) -> Room<'a> {
        Room {
            protocols: surroundings.protocols,
            reveal: surroundings.options.reveal,
            budget: surroundings.budget,
            conversation: self.id,
            over,
            client: self.client,
            server: self.server,
            opener_seen: self.opener_seen,
            books: &mut self.books,
            book: surroundings.book,
            written: &mut self.written,
            keys: surroundings.keys,
            opening: surroundings.opening,
            recorder: surroundings.recorder,
        }
    }

    fn record(&self, record: ConversationRecord) -> Record {
        Record {
            conversation: None,
            frames: Frames::one(self.id),
            time: Some(self.start),
            body: record.into(),
        }
    }

    /// The conversation is over: its analyzers write down what they still have, and it becomes a record.
    /// What it adds up to goes to `totals`. Of one that ends `early`, to make room, what waits is set aside.
    pub(crate) fn finish(
        mut self,
        surroundings: &mut Surroundings<'_>,
        totals: &mut Totals,
        early: bool,
    ) {
        let left = if early {
            Account::Limited
        } else {
            Account::Unrecognised
        };
        self.take_back();
        let (mut chain, mut exposure, mut unrecognised) = (None, Exposure::Unknown, None);
        match std::mem::replace(&mut self.talk, Talk::Quiet) {
            Talk::Quiet => {}
            Talk::Stream(mut stream) => {
                if stream.finish(&mut self.room(Over::Stream, surroundings), left) {
                    self.swap();
                    stream.swap();
                    let _ = stream.finish(&mut self.room(Over::Stream, surroundings), left);
                }
                (chain, exposure) = (stream.chain(), stream.exposure());
                unrecognised = stream.hint();
            }
            Talk::Datagrams(mut datagrams) => {
                let moment = self.last;
                datagrams.finish(&mut self.room(Over::Datagram, surroundings), moment);
                (chain, exposure) = (datagrams.chain(), datagrams.exposure());
                unrecognised = datagrams.hint();
            }
        }
        if !surroundings.opening.is_empty() {
            self.hear_inside(surroundings);
        }
        let inside = self
            .inside
            .take()
            .map(|inside| inside.finish(&mut self.within(surroundings)));
        surroundings
            .book
            .hints
            .extend(unrecognised.map(|body| Hint {
                conversation: self.id,
                frames: Frames::one(self.id),
                time: self.start,
                body,
            }));
        let conflict = self
            .books
            .conflicts
            .hint(self.id, surroundings.options.reveal);
        surroundings.book.hints.extend(conflict);
        let offered = self.books.arrived + self.books.holes;
        debug_assert_eq!(
            self.books.accounts.total(),
            offered,
            "conversation {} loses bytes: {:?}",
            self.id,
            self.books
        );
        let record = ConversationRecord {
            id: self.id,
            community_id: community_id(self.ip_protocol, self.client, self.server),
            transport: transport_name(self.ip_protocol),
            client: self.client,
            server: self.server,
            packets: self.packets,
            bytes: self.bytes,
            start: self.start,
            end: self.last.time,
            protocol: chain,
            exposure,
            encapsulation: self
                .tunnels
                .as_slice()
                .iter()
                .map(|layer| layer.name().to_owned())
                .collect(),
            server_names: Vec::new(),
            accounts: self.books.accounts,
            conflicting_bytes: self.books.conflicts.bytes,
        };
        if let Some(sum) = inside {
            totals.opened.count(&sum);
            if sum.accounts.total() > 0 {
                let of_inside = of_inside(&record, sum);
                surroundings.opened.records.push(self.record(of_inside));
            }
        }
        surroundings.book.records.push(self.record(record));
        totals.offered += offered;
        totals.set_aside += self.books.set_aside;
    }
}

/// The record of what is inside a conversation: its protocols follow on those that the tap sees, and where the
/// bytes ended is said of the bytes inside.
fn of_inside(outer: &ConversationRecord, sum: Sum) -> ConversationRecord {
    let inner = sum.chains.join(", ");
    let chain = match (&outer.protocol, inner.is_empty()) {
        (Some(outer), true) => outer.clone(),
        (Some(outer), false) => format!("{outer}+{inner}"),
        (None, _) => inner,
    };
    ConversationRecord {
        protocol: Some(chain),
        exposure: sum.exposure.unwrap_or(Exposure::Unknown),
        accounts: sum.accounts,
        conflicting_bytes: 0,
        ..outer.clone()
    }
}

/// Nanoseconds of silence after which a conversation is over. For TCP 2 h 4 min (RFC 5382 REQ-5); for
/// others 10 min, twice what RFC 4787 REQ-5 recommends: a tap must not forget before a NAT does.
pub(crate) fn idle_limit(ip_protocol: u8) -> u64 {
    let seconds = if ip_protocol == protocol::TCP {
        7440
    } else {
        600
    };
    seconds * 1_000_000_000
}
