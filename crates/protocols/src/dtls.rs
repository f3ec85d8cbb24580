//! DTLS 1.3 (RFC 9147), DTLS 1.2 (RFC 6347) and DTLS 1.0 (RFC 4347), with the numbers of OpenSSL before
//! 0.9.8f. It shares its port with STUN and RTP where it makes keys for calls (RFC 5764).

use overheard_ledger::{Account, Exposure, Rule};
use overheard_tap::limits::MAX_HANDSHAKE_MESSAGE;
use overheard_tap::{
    Analyzer, Chunk, Cursor, Cut, Evidence, Notes, Over, Probe, Protocol, Sample, Side, Step,
};

use crate::shared::handshake_messages::{is_message, is_wanted};
use crate::shared::handshake_rules::handshake_rules;
use crate::shared::hello::message;
use crate::shared::negotiation::Negotiation;
use crate::shared::sealing_rules::sealing_rules;

/// The protocol's entry in the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "dtls",
    title: "Datagram Transport Layer Security",
    over: &[Over::Datagram],
    ports: &[443, 2221, 3391, 4433, 5061, 5349, 5684],
    standard: "RFC 9147",
    exposure: Exposure::Unknown,
    probe,
    begin: |_| Box::new(Dtls::new()),
    rules: &RULES,
};

const SEALING: [Rule; 5] = sealing_rules!("dtls", "DTLS");
const HANDSHAKE: [Rule; 8] = handshake_rules!("dtls", "DTLS");

static RULES: [Rule; 13] = [
    SEALING[0],
    SEALING[1],
    SEALING[2],
    SEALING[3],
    SEALING[4],
    HANDSHAKE[0],
    HANDSHAKE[1],
    HANDSHAKE[2],
    HANDSHAKE[3],
    HANDSHAKE[4],
    HANDSHAKE[5],
    HANDSHAKE[6],
    HANDSHAKE[7],
];

/// Messages of one side that may wait for their fragments at the same time.
const MAX_UNFINISHED: usize = 3;

/// Pieces of one message that may lie apart from each other.
const MAX_PIECES: usize = 64;

mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
    /// A record of DTLS 1.2 with a connection id, whose length only its receiver knows (RFC 9146).
    pub const WITH_CONNECTION_ID: u8 = 25;
    /// Acknowledgement (DTLS 1.3).
    pub const ACK: u8 = 26;
}

/// A record with the header of DTLS 1.2 and before (RFC 6347 section 4.1).
struct Record<'a> {
    kind: u8,
    epoch: u16,
    body: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Record<'a>, Cut> {
        let kind = cursor.u8()?;
        let version = cursor.u16()?;
        if !(content::CHANGE_CIPHER_SPEC..=content::ACK).contains(&kind) || !is_version(version) {
            return Err(cursor.wrong());
        }
        let epoch = cursor.u16()?;
        cursor.skip(6)?;
        if kind == content::WITH_CONNECTION_ID {
            return Ok(Record {
                kind,
                epoch,
                body: cursor.rest(),
            });
        }
        let length = cursor.u16()?;
        Ok(Record {
            kind,
            epoch,
            body: cursor.take(usize::from(length))?,
        })
    }
}

/// What stands before each datagram of CAPWAP that carries DTLS (RFC 5415 section 4.2).
const CAPWAP: [u8; 4] = [1, 0, 0, 0];

/// The records of a datagram.
fn records(bytes: &[u8]) -> Cursor<'_> {
    let mut cursor = Cursor::new("dtls record", bytes);
    if bytes.starts_with(&CAPWAP) {
        // Its length is known: there are as many bytes.
        let _ = cursor.skip(CAPWAP.len());
    }
    cursor
}

fn is_version(version: u16) -> bool {
    matches!(version, 0xfefc | 0xfefd | 0xfeff | 0x0100)
}

fn probe(sample: &Sample<'_>) -> Probe {
    let bytes = sample.first();
    let mut cursor = records(bytes);
    let old = cursor.peek().get(1) == Some(&1);
    let Ok(record) = Record::read(&mut cursor) else {
        return Probe::No;
    };
    match (record.kind, record.epoch, record.body) {
        (content::HANDSHAKE, 0, [message::CLIENT_HELLO..=message::HELLO_VERIFY_REQUEST, ..]) => {
            Probe::Sure
        }
        (content::HANDSHAKE, 0, [kind, ..]) if is_message(*kind) => Probe::Likely(80),
        // 0x0100 is little of a mark where nothing else is known.
        _ if old => Probe::No,
        (content::APPLICATION_DATA | content::HANDSHAKE, 1.., body) if body.len() >= 16 => {
            Probe::Likely(70)
        }
        (content::WITH_CONNECTION_ID, 1.., body) if body.len() >= 18 => Probe::Likely(40),
        (content::CHANGE_CIPHER_SPEC, 0, [1]) => Probe::Likely(70),
        _ => Probe::Likely(30),
    }
}

/// One conversation.
struct Dtls {
    talk: Negotiation,
    unfinished: [Vec<Unfinished>; 2],
}

/// A handshake message of which fragments are missing.
struct Unfinished {
    sequence: u16,
    kind: u8,
    body: Vec<u8>,
    /// What is there, as start and end, ascending and apart from each other.
    pieces: Vec<(usize, usize)>,
    evidence: Evidence,
}

/// A fragment of a handshake message (RFC 9147 section 5.2).
struct Fragment<'a> {
    kind: u8,
    length: usize,
    sequence: u16,
    offset: usize,
    body: &'a [u8],
}

impl<'a> Fragment<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Fragment<'a>, Cut> {
        let kind = cursor.u8()?;
        let length = size(cursor)?;
        let sequence = cursor.u16()?;
        let offset = size(cursor)?;
        let count = size(cursor)?;
        if !is_message(kind) || offset + count > length {
            return Err(cursor.wrong());
        }
        Ok(Fragment {
            kind,
            length,
            sequence,
            offset,
            body: cursor.take(count)?,
        })
    }
}

fn size(cursor: &mut Cursor<'_>) -> Result<usize, Cut> {
    let number = cursor.u24()?;
    usize::try_from(number).map_err(|_| cursor.wrong())
}

impl Dtls {
    fn new() -> Dtls {
        Dtls {
            talk: Negotiation::new("dtls"),
            unfinished: Default::default(),
        }
    }

    fn hear_datagram(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut cursor = records(bytes);
        let first = cursor.position();
        loop {
            let start = cursor.position();
            if cursor.is_empty() {
                break;
            }
            // The unified header of DTLS 1.3 (RFC 9147 section 4): its length may be left out, and all
            // behind it is sealed as well.
            let unified = cursor
                .peek()
                .first()
                .is_some_and(|first| first & 0xe0 == 0x20);
            if unified && self.talk.is_tls13() == Some(true) {
                notes.account(Account::Sealed, cursor.rest().len());
                break;
            }
            match Record::read(&mut cursor) {
                Ok(record) => self.hear_record(side, &record, notes),
                // The capture cut the datagram: what is left of the record says nothing.
                Err(_) if notes.missing() > 0 && start > first => break,
                Err(cut) if start == first => return Step::NotMine(cut),
                Err(_) => return self.done(start, notes),
            }
        }
        self.done(bytes.len(), notes)
    }

    fn done(&mut self, taken: usize, notes: &mut Notes<'_>) -> Step {
        self.talk.write_when_known(notes);
        Step::Took(taken)
    }

    fn hear_record(&mut self, side: Side, record: &Record<'_>, notes: &mut Notes<'_>) {
        let sealed = record.epoch > 0 || record.kind == content::APPLICATION_DATA;
        match record.kind {
            _ if sealed => {
                if !self.talk.is_null() {
                    notes.account(Account::Sealed, record.body.len());
                }
                self.talk.close(side);
            }
            content::HANDSHAKE => {
                let mut fragments = Cursor::new("dtls handshake", record.body);
                while let Ok(fragment) = Fragment::read(&mut fragments) {
                    self.hear_fragment(side, &fragment, notes);
                }
            }
            content::CHANGE_CIPHER_SPEC => self.talk.change_cipher(side),
            content::ALERT => {
                if let &[level, description] = record.body {
                    self.talk.hear_alert(level, description, &notes.evidence());
                }
            }
            _ => {}
        }
    }

    fn hear_fragment(&mut self, side: Side, fragment: &Fragment<'_>, notes: &mut Notes<'_>) {
        let evidence = notes.evidence();
        if fragment.body.len() == fragment.length || !is_wanted(fragment.kind) {
            let body = if is_wanted(fragment.kind) {
                fragment.body
            } else {
                &[]
            };
            // A hello that cannot be read was still said: what follows it may be understood.
            let _ = self.talk.hear(side, fragment.kind, body, &evidence, notes);
            return;
        }
        if fragment.length > MAX_HANDSHAKE_MESSAGE {
            notes.account(Account::Limited, fragment.body.len());
            return;
        }
        let [client, server] = &mut self.unfinished;
        let unfinished = if side == Side::Client { client } else { server };
        let same =
            |other: &Unfinished| other.sequence == fragment.sequence && other.kind == fragment.kind;
        let at = match unfinished.iter().position(same) {
            Some(at) => at,
            None => {
                if unfinished.len() == MAX_UNFINISHED {
                    unfinished.remove(0);
                }
                unfinished.push(Unfinished::new(fragment));
                unfinished.len() - 1
            }
        };
        let Some(message) = unfinished.get_mut(at) else {
            return;
        };
        message.evidence.join(&evidence);
        message.insert(fragment);
        if message.pieces == [(0, fragment.length)] {
            let whole = unfinished.swap_remove(at);
            let _ = self
                .talk
                .hear(side, whole.kind, &whole.body, &whole.evidence, notes);
        }
    }
}

impl Unfinished {
    fn new(fragment: &Fragment<'_>) -> Unfinished {
        Unfinished {
            sequence: fragment.sequence,
            kind: fragment.kind,
            body: Vec::new(),
            pieces: Vec::new(),
            evidence: Evidence::default(),
        }
    }

    /// Puts a fragment in its place. The first copy of a byte stays.
    fn insert(&mut self, fragment: &Fragment<'_>) {
        let (start, end) = (fragment.offset, fragment.offset + fragment.body.len());
        if self.pieces.len() == MAX_PIECES || self.body.len() > fragment.length {
            return;
        }
        if self.body.len() < end {
            self.body.resize(end, 0);
        }
        for (at, (&byte, place)) in
            (start..).zip(fragment.body.iter().zip(self.body.iter_mut().skip(start)))
        {
            if !self
                .pieces
                .iter()
                .any(|&(from, to)| (from..to).contains(&at))
            {
                *place = byte;
            }
        }
        self.pieces.push((start, end));
        self.pieces.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::with_capacity(self.pieces.len());
        for &(start, end) in &self.pieces {
            match joined.last_mut() {
                Some((_, before)) if start <= *before => *before = end.max(*before),
                _ => joined.push((start, end)),
            }
        }
        self.pieces = joined;
    }
}

impl Analyzer for Dtls {
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
        self.unfinished
            .iter()
            .flatten()
            .map(|message| message.body.capacity())
            .sum()
    }
}

#[cfg(test)]
mod tests;
