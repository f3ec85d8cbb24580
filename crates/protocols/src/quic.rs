//! QUIC version 1 (RFC 9000, RFC 9001), version 2 (RFC 9369), the drafts from 22 on, Facebook's mvfst and
//! Google's T050 and T051, which carry TLS 1.3, and Google's Q050, which has a hello of its own.
//!
//! The keys of Initial packets come from a connection id that passes in clear: a tap opens them, and reads
//! the hellos. All that follows is sealed. QUIC may share its ports with STUN and RTP (RFC 9443).

mod crypto_stream;
mod frames;
mod header;
mod inside;
mod keys;
mod version;

use overheard_ledger::{Account, Body, Exposure, HintBody, Rule, Severity, When};
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::google_hello::GoogleHello;
use crate::shared::handshake_rules::early_data_rule;
use crate::shared::hello::message;
use crate::shared::negotiation::Negotiation;
use crate::shared::sealing_rules::sealing_rules;
use crypto_stream::CryptoStream;
use header::{Kind, LongPacket};
use keys::{Keys, Opened};

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "quic",
    title: "QUIC",
    over: &[Over::Datagram],
    ports: &[443, 853, 4433, 8853],
    standard: "RFC 9000",
    exposure: Exposure::Unknown,
    probe,
    begin: |_| Box::new(Quic::new()),
    rules: RULES,
};

const SEALING: [Rule; 5] = sealing_rules!("quic", "QUIC");
const EARLY_DATA: Rule = early_data_rule!("quic", "QUIC");

static RULES: &[Rule] = &[
    SEALING[0],
    SEALING[1],
    SEALING[2],
    SEALING[3],
    SEALING[4],
    EARLY_DATA,
    Rule {
        id: "quic-server-name",
        title: "Names of servers in the handshake of QUIC",
        severity: Severity::Info,
        exposure: Exposure::Open,
        when: When::Record(|seen| {
            match &seen.record.body {
            Body::Name(name) if name.source == "quic-sni" => Some(
                "The names of the servers that are visited over QUIC, from the first words of each conversation"
                    .to_owned(),
            ),
            _ => None,
        }
        }),
        remedy: "Use servers and clients that support encrypted client hello, and a resolver over TLS or HTTPS to fetch \
                 its keys.",
        standard: "RFC 9849",
        explain: "The first packets of QUIC are encrypted with a key that they carry themselves, so that anybody on \
                  the line can open them. The client says the server's name there: a tap reads whom it is about to talk to.",
    },
];

/// Beginnings of a connection in one conversation that are remembered: a version negotiation or a Retry
/// makes the client begin again with other keys.
const MAX_ATTEMPTS: usize = 4;

/// The shortest datagram that a client may begin with, in bytes (RFC 9000 section 14.1).
const MIN_FIRST_DATAGRAM: usize = 1200;

/// The shortest connection id that a client may choose for the server, in bytes (RFC 9000 section 7.2).
const MIN_FIRST_CONNECTION_ID: usize = 8;

/// The shortest packet with a short header, in bytes (RFC 9001 section 5.4.2).
const MIN_SHORT: usize = 21;

/// The shortest connection id by which a packet is recognised, in bytes.
const MIN_TELLING_ID: usize = 4;

/// The shortest connection id by which a connection is recognised at another address, in bytes.
const MIN_MOVING_ID: usize = 8;

/// Connection ids of the server that others are told of: one, another after a Retry, and some more.
const MAX_TOLD_IDS: u8 = 4;

fn probe(sample: &Sample<'_>) -> Probe {
    let datagram = sample.first();
    let Ok(packet) = LongPacket::read(&mut Cursor::new("quic packet", datagram)) else {
        let port = PROTOCOL.ports.iter().any(|&port| sample.has_port(port));
        return if port && may_go_on(datagram) {
            Probe::Likely(5)
        } else {
            Probe::No
        };
    };
    let from_server = sample.client.is_empty();
    let likeness = likeness(&packet, datagram.len());
    if likeness == Probe::No {
        return Probe::No;
    }
    match packet.kind {
        Kind::VersionNegotiation | Kind::Retry if !from_server => Probe::Reversed,
        Kind::Initial if from_server && is_of_client(&packet) => Probe::Reversed,
        _ => likeness,
    }
}

/// Whether a conversation that begins so may go on with a connection that began elsewhere: with a short header,
/// and its fixed bit. Anything else may look like that too.
fn may_go_on(datagram: &[u8]) -> bool {
    datagram.len() >= MIN_SHORT && datagram.first().is_some_and(|first| first & 0xc0 == 0x40)
}

/// How much the first packet of a conversation, in a datagram of so many bytes, looks like one.
fn likeness(packet: &LongPacket<'_>, datagram: usize) -> Probe {
    // In a version negotiation the other bits may be anything (RFC 8999 section 6).
    let is_fixed = packet.bytes.first().is_some_and(|first| first & 0x40 != 0);
    let ids = packet.destination.len() + packet.source.len();
    match packet.kind {
        Kind::VersionNegotiation if packet.versions().any(version::is_known) => Probe::Sure,
        Kind::VersionNegotiation => Probe::No,
        _ if !is_fixed || ids == 0 => Probe::No,
        _ if version::is_known(packet.version) && packet.is_whole => Probe::Sure,
        _ if version::is_known(packet.version) => Probe::Likely(60),
        Kind::Initial
            if packet.is_whole
                && datagram >= MIN_FIRST_DATAGRAM
                && packet.destination.len() >= MIN_FIRST_CONNECTION_ID =>
        {
            if is_of_client(packet) {
                Probe::Sure
            } else if version::is_reserved(packet.version) {
                Probe::Likely(60)
            } else {
                Probe::No
            }
        }
        _ => Probe::No,
    }
}

/// Whether a packet opens with a client's keys made of its own connection id.
fn is_of_client(packet: &LongPacket<'_>) -> bool {
    let derivations = version::derivations(packet.version).iter();
    let mut keys =
        derivations.filter_map(|derivation| keys::client(derivation, packet.destination));
    keys.any(|keys| keys.open(packet, None).is_some())
}

/// One beginning of a connection.
struct Attempt {
    /// Who is the client: the one that chose the connection id.
    client: Side,
    /// The connection id that the keys are made of.
    id: ConnectionId,
    /// Keys of client and server.
    keys: Box<[Keys; 2]>,
    /// Version of the packet that began it.
    version: u32,
    /// Largest packet numbers of client and server.
    largest: [Option<u64>; 2],
    /// What client and server said of the handshake.
    streams: [CryptoStream; 2],
}

impl Attempt {
    /// 0 where `side` is the client, 1 where it is the server.
    fn role(&self, side: Side) -> usize {
        usize::from(side != self.client)
    }

    fn open(&mut self, side: Side, packet: &LongPacket<'_>) -> Option<Opened> {
        let role = self.role(side);
        let largest = self.largest.get_mut(role)?;
        let opened = self.keys.get(role)?.open(packet, *largest)?;
        *largest = Some(largest.map_or(opened.number, |largest| largest.max(opened.number)));
        Some(opened)
    }
}

/// A connection id, kept.
#[derive(Clone, Copy, Default)]
struct ConnectionId {
    bytes: [u8; header::MAX_CONNECTION_ID],
    length: usize,
}

impl ConnectionId {
    fn set(&mut self, id: &[u8]) {
        self.length = id.len().min(self.bytes.len());
        for (byte, &from) in self.bytes.iter_mut().zip(id) {
            *byte = from;
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether a packet with a short header is for it.
    fn is_destination(&self, packet: &[u8]) -> bool {
        let id = self.bytes();
        id.len() >= MIN_TELLING_ID && packet.get(1..).is_some_and(|rest| rest.starts_with(id))
    }
}

/// One conversation.
struct Quic {
    talk: Negotiation,
    attempts: Vec<Attempt>,
    /// Version of the last packet with a long header; `None` before the first.
    version: Option<u32>,
    /// The connection ids that each side chose for itself.
    ids: [ConnectionId; 2],
    /// What the owner's keys open, where there are any.
    unsealing: Option<Box<inside::Unsealing>>,
    /// What they open of what the client says first.
    early: Option<Box<inside::Early>>,
    /// Whether the owner's keys were asked for this conversation.
    asked: bool,
    /// Connection ids of the server that others were told of.
    told_ids: u8,
    /// Whether it was guessed, by what a side said, that a connection of another address goes on here.
    guessed: [bool; 2],
}

impl Quic {
    fn new() -> Quic {
        Quic {
            talk: Negotiation::new("quic"),
            attempts: Vec::new(),
            version: None,
            ids: Default::default(),
            unsealing: None,
            early: None,
            asked: false,
            told_ids: 0,
            guessed: [false; 2],
        }
    }

    fn hear_datagram(&mut self, side: Side, datagram: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut cursor = Cursor::new("quic packet", datagram);
        while let Some(first) = cursor.peek().first() {
            let start = cursor.position();
            if first & 0x80 == 0 {
                let rest = cursor.rest();
                if start == 0 && self.version.is_none() && may_go_on(rest) {
                    self.guess(side, rest, notes);
                    break;
                }
                if start == 0 && !self.is_short(side, rest) {
                    return Step::NotMine(Cut::wrong("quic packet", 0));
                }
                // Some fill up a datagram behind its last packet.
                if rest.iter().any(|&byte| byte != 0) {
                    notes.account(Account::Sealed, rest.len());
                    self.open_short(side, rest, notes);
                }
                break;
            }
            match LongPacket::read(&mut cursor) {
                Ok(packet) if start > 0 || self.is_mine(&packet, datagram.len()) => {
                    if !packet.is_whole && notes.missing() == 0 {
                        return self.give_back(start, &packet);
                    }
                    self.hear_packet(side, &packet, notes);
                }
                Ok(packet) => return self.give_back(start, &packet),
                Err(cut) if start == 0 => return Step::NotMine(cut),
                Err(_) => return self.done(start, notes),
            }
        }
        self.done(datagram.len(), notes)
    }

    /// Hears a packet of a connection whose beginning was not heard here: it may have begun at another address of
    /// the client's (RFC 9000 section 9), which takes all conversations to know.
    fn guess(&mut self, side: Side, packet: &[u8], notes: &mut Notes<'_>) {
        notes.account(Account::Unrecognised, packet.len());
        let known = self.guessed.get(side.index()) == Some(&true);
        // Only the server's id stands for a connection: the client may have none.
        let id = match side {
            Side::Client => packet.get(1..1 + header::MAX_CONNECTION_ID),
            Side::Server => Some(&[][..]),
        };
        if let (false, Some(id), Some(guessed)) = (known, id, self.guessed.get_mut(side.index())) {
            *guessed = true;
            notes.hint(HintBody::Part {
                of: PROTOCOL.name,
                id: id.to_vec(),
                guess: true,
            });
        }
    }

    /// Tells which connection this is, by an id that the server chose for itself.
    fn tell(&mut self, id: &[u8], notes: &mut Notes<'_>) {
        let [_, known] = &self.ids;
        if id.len() >= MIN_MOVING_ID && known.bytes() != id && self.told_ids < MAX_TOLD_IDS {
            self.told_ids += 1;
            notes.hint(HintBody::Part {
                of: PROTOCOL.name,
                id: id.to_vec(),
                guess: false,
            });
        }
    }

    /// What follows `start` is not QUIC.
    fn give_back(&self, start: usize, packet: &LongPacket<'_>) -> Step {
        match start {
            0 => Step::NotMine(Cut::wrong("quic packet", packet.number_at)),
            _ => Step::Took(start),
        }
    }

    fn done(&mut self, taken: usize, notes: &mut Notes<'_>) -> Step {
        self.talk.write_when_known(notes);
        Step::Took(taken)
    }

    /// Whether a datagram that begins so is a packet with a short header. Its fixed bit may be greased
    /// (RFC 9287).
    fn is_short(&self, side: Side, packet: &[u8]) -> bool {
        let Some(first) = packet.first() else {
            return false;
        };
        let other = self.ids.get(side.other().index());
        self.version.is_some()
            && packet.len() >= MIN_SHORT
            && (first & 0x40 != 0 || other.is_some_and(|id| id.is_destination(packet)))
    }

    /// Whether the first packet of a datagram belongs here.
    fn is_mine(&self, packet: &LongPacket<'_>, datagram: usize) -> bool {
        self.version == Some(packet.version)
            || likeness(packet, datagram) != Probe::No
            // Whose ids were both empty can only be known by the conversation.
            || (self.version.is_some() && version::is_known(packet.version))
    }

    fn hear_packet(&mut self, side: Side, packet: &LongPacket<'_>, notes: &mut Notes<'_>) {
        match packet.kind {
            // They say nothing but what both sides can do; the client's next packets show what came of it.
            Kind::VersionNegotiation | Kind::Retry => {}
            Kind::Initial => {
                if !self.talk.is_written() {
                    self.hear_initial(side, packet, notes);
                }
            }
            Kind::ZeroRtt => {
                self.talk.hear_early_data();
                notes.account(Account::Sealed, packet.bytes.len());
                self.open_early(side, packet, notes);
            }
            Kind::Handshake => notes.account(Account::Sealed, packet.bytes.len()),
        }
        if packet.kind != Kind::VersionNegotiation || self.version.is_none() {
            self.version = Some(packet.version);
        }
        if side == Side::Server && packet.kind != Kind::VersionNegotiation {
            self.tell(packet.source, notes);
        }
        if let Some(id) = self.ids.get_mut(side.index()) {
            id.set(packet.source);
        }
    }

    /// Opens a packet of early data, where the owner gave keys.
    fn open_early(&mut self, side: Side, packet: &LongPacket<'_>, notes: &mut Notes<'_>) {
        let Some(keys) = notes.keys() else { return };
        if self.early.is_none() {
            let random = self.talk.client_random();
            let secrets = random.and_then(|random| keys.of(random));
            let early = secrets.and_then(|secrets| inside::Early::new(secrets, packet.version));
            self.early = early.map(Box::new);
        }
        if let Some(early) = &mut self.early {
            early.hear(side, packet, notes);
        }
    }

    /// Opens a packet with a short header, where the owner gave keys.
    fn open_short(&mut self, side: Side, packet: &[u8], notes: &mut Notes<'_>) {
        let Some(keys) = notes.keys() else { return };
        if !self.asked
            && let (Some(agreed), Some(version)) = (self.talk.agreed(), self.version)
        {
            self.asked = true;
            match inside::begin(keys, &agreed, version) {
                Ok(unsealing) => self.unsealing = Some(Box::new(unsealing)),
                Err(outcome) => notes.outcome(outcome),
            }
        }
        let id_length = self.ids.get(side.other().index()).map_or(0, |id| id.length);
        if let Some(unsealing) = &mut self.unsealing {
            unsealing.hear(side, packet, id_length, notes);
        }
    }

    fn hear_initial(&mut self, side: Side, packet: &LongPacket<'_>, notes: &mut Notes<'_>) {
        let Some((index, opened)) = self.open(side, packet) else {
            notes.account(Account::Sealed, packet.bytes.len());
            return;
        };
        let Some(attempt) = self.attempts.get_mut(index) else {
            return;
        };
        let role = attempt.role(side);
        let Some(stream) = attempt.streams.get_mut(role) else {
            return;
        };
        let mut frames = Cursor::new("quic frame", &opened.frames);
        let mut brought = false;
        while let Ok(frame) = frames::next(packet.version, &mut frames) {
            let Some((offset, bytes)) = frame else {
                continue;
            };
            brought = true;
            if !stream.insert(offset, bytes) {
                notes.account(Account::Limited, bytes.len());
            }
        }
        if !brought {
            return;
        }
        stream.evidence.join(&notes.evidence());
        let mut evidence = stream.evidence.clone();
        if version::has_google_hello(packet.version) {
            if let (0, Ok(hello)) = (role, GoogleHello::parse(stream.beginning())) {
                hello.name(&evidence, notes);
                let record = hello.handshake(PROTOCOL.name, version::name(packet.version));
                self.talk.join_evidence(&evidence);
                self.talk.write_instead(record, notes);
            }
            return;
        }
        while let Some((kind, body)) = stream.message() {
            // Nothing but the hellos stands in Initial packets.
            if matches!(kind, message::CLIENT_HELLO | message::SERVER_HELLO)
                && self.talk.hear(side, kind, body, &evidence, notes).is_ok()
            {
                self.talk.carried_by(version::name(packet.version));
            }
            evidence = notes.evidence();
        }
        if stream.is_between_messages() {
            stream.evidence = Evidence::default();
        }
    }

    /// Opens an Initial packet, and says of which attempt it is.
    fn open(&mut self, side: Side, packet: &LongPacket<'_>) -> Option<(usize, Opened)> {
        // The latest attempt is the likeliest.
        for (index, attempt) in self.attempts.iter_mut().enumerate().rev() {
            // The client goes on with a connection id of the server's, the keys stay (RFC 9001 section 5.2).
            if let Some(opened) = attempt.open(side, packet) {
                return Some((index, opened));
            }
        }
        // A server may answer in another version, with keys of the client's first id (RFC 9369 section 4.1).
        for index in (0..self.attempts.len()).rev() {
            let attempt = self.attempts.get(index)?;
            if attempt.version == packet.version {
                continue;
            }
            let (id, client) = (attempt.id, attempt.client);
            if let Some(found) = self.begin(client, side, id.bytes(), packet) {
                return Some(found);
            }
        }
        // Only a client's connection id makes keys.
        if self.attempts.iter().any(|attempt| attempt.client != side) {
            return None;
        }
        self.begin(side, side, packet.destination, packet)
    }

    /// Begins an attempt with keys of the client's connection id, if they open the packet.
    fn begin(
        &mut self,
        client: Side,
        side: Side,
        id: &[u8],
        packet: &LongPacket<'_>,
    ) -> Option<(usize, Opened)> {
        for derivation in version::derivations(packet.version) {
            let mut attempt = Attempt {
                client,
                id: ConnectionId::default(),
                keys: Box::new(keys::both(derivation, id)?),
                version: packet.version,
                largest: [None; 2],
                streams: Default::default(),
            };
            attempt.id.set(id);
            let Some(opened) = attempt.open(side, packet) else {
                continue;
            };
            if self.attempts.len() >= MAX_ATTEMPTS {
                self.attempts.remove(0);
            }
            self.attempts.push(attempt);
            return Some((self.attempts.len() - 1, opened));
        }
        None
    }
}

impl Analyzer for Quic {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.hear_datagram(side, bytes, notes),
            Chunk::Gap(_) => Step::Took(0),
            Chunk::End => {
                self.talk.close(side);
                self.done(0, notes)
            }
        }
    }

    fn held(&self) -> usize {
        let attempts = self.attempts.iter().map(|attempt| {
            let streams = attempt.streams.iter().map(CryptoStream::held);
            size_of::<Attempt>() + size_of::<[Keys; 2]>() + streams.sum::<usize>()
        });
        let unsealing = self
            .unsealing
            .as_ref()
            .map_or(0, |unsealing| unsealing.held());
        let early = self.early.as_ref().map_or(0, |early| early.held());
        attempts.sum::<usize>() + unsealing + early
    }
}

#[cfg(test)]
mod tests;
