//! Hears the names in DNS messages: the part that DNS, mDNS and LLMNR have in common.

use overheard_ledger::{Account, HintBody, Name as NameRecord};
use overheard_tap::{Chunk, Cursor, Cut, Notes, Over, Side, Step};

use super::dns_message::{A, AAAA, AXFR, HEADER, IXFR, Message, Question};
use super::seen::Seen;

/// The beginning of a stream of messages.
pub(crate) enum Framed<'a> {
    /// The first message.
    Whole(&'a [u8]),
    /// What there is of it, maybe nothing.
    Part(&'a [u8]),
    /// Too short for a message.
    No,
}

/// Looks for the first message of a stream.
pub(crate) fn framed(bytes: &[u8]) -> Framed<'_> {
    let mut cursor = Cursor::new("dns", bytes);
    match cursor.u16().map(usize::from) {
        Ok(length) if length < HEADER => Framed::No,
        Ok(length) => cursor
            .take(length)
            .map_or_else(|_| Framed::Part(cursor.peek()), Framed::Whole),
        Err(_) => Framed::Part(&[]),
    }
}

/// What a protocol does with the messages.
#[derive(Debug)]
pub(crate) struct Habits {
    /// What `name` records give as their source.
    pub(crate) source: &'static str,
    /// Whether the names that records are about are worth a record of their own: where answers are
    /// sent unasked.
    pub(crate) owners: bool,
    /// The rule about zone transfers, where there is one.
    pub(crate) zone_transfer: Option<&'static str>,
}

/// Hears one conversation, over datagrams or over a stream (RFC 7766 section 8: every message behind
/// its length in two bytes).
#[derive(Debug)]
pub(crate) struct Listener {
    habits: &'static Habits,
    seen: Seen,
    /// Sides of a stream of which the next message's beginning is not known any more.
    lost: [bool; 2],
}

impl Listener {
    /// Has heard nothing yet.
    pub(crate) fn new(habits: &'static Habits) -> Listener {
        Listener {
            habits,
            seen: Seen::default(),
            lost: [false; 2],
        }
    }

    /// See [`overheard_tap::Analyzer::held`].
    pub(crate) fn held(&self) -> usize {
        self.seen.held()
    }

    /// See [`overheard_tap::Analyzer::hear`].
    pub(crate) fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match (chunk, notes.over()) {
            (Chunk::Bytes(bytes), Over::Datagram) => match self.message(bytes, notes) {
                Ok(read) => Step::Took(read),
                Err(cut) => Step::NotMine(cut),
            },
            (Chunk::Bytes(bytes), Over::Stream) => self.stream(side, bytes, notes),
            (Chunk::Gap(_), _) => {
                if let Some(lost) = self.lost.get_mut(side.index()) {
                    *lost = true;
                }
                Step::Took(0)
            }
            (Chunk::End, _) => Step::Took(0),
        }
    }

    fn stream(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        if self.lost.get(side.index()).copied().unwrap_or_default() {
            notes.account(Account::Unrecognised, bytes.len());
            return Step::Took(bytes.len());
        }
        let mut cursor = Cursor::new("dns", bytes);
        let Ok(length) = cursor.u16() else {
            return Step::Need(2);
        };
        let length = usize::from(length);
        let Ok(message) = cursor.take(length) else {
            return Step::Need(2 + length);
        };
        let read = self.message(message, notes).unwrap_or_default();
        notes.account(Account::Malformed, length - read);
        Step::Took(2 + length)
    }

    /// Hears one message and says how many of its bytes could be read.
    pub(crate) fn message(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Result<usize, Cut> {
        let mut message = Message::new(bytes)?;
        let header = message.header;
        let mut asked: Option<Question> = None;
        let mut understood = notes.missing() > 0;
        for _ in 0..header.questions {
            match message.question() {
                Ok(question) => {
                    self.name(&question.name, notes);
                    asked.get_or_insert(question);
                    understood = true;
                }
                Err(cut) if !understood => return Err(cut),
                Err(_) => return Ok(message.position()),
            }
        }
        for index in 0..header.records() {
            match message.record() {
                Ok(record) => {
                    understood = true;
                    if self.habits.owners {
                        self.name(&record.owner, notes);
                    }
                    let answer = header.is_response() && index < u32::from(header.answers);
                    if let Some(address) = record.address().filter(|_| header.is_response()) {
                        // Aliases lead from the name asked for to the one with the address; the section
                        // of answers holds nothing else (RFC 1034 section 4.3.2).
                        let named = match &asked {
                            Some(question) if answer && matches!(question.kind, A | AAAA) => {
                                &question.name
                            }
                            _ => &record.owner,
                        };
                        if !named.is_root() && self.seen.is_new(&(named, address)) {
                            notes.hint(HintBody::Resolved {
                                name: named.text(),
                                address,
                            });
                        }
                    }
                }
                Err(cut) if !understood => return Err(cut),
                Err(_) => return Ok(message.position()),
            }
        }
        if let (Some(rule), Some(question)) = (self.habits.zone_transfer, asked)
            && header.is_response()
            && header.answers > 1
            && matches!(question.kind, AXFR | IXFR)
            && self.seen.is_new(&(rule, &question.name))
        {
            notes.observe(
                rule,
                format!("All names of the zone {}", question.name.text()),
            );
        }
        Ok(message.position())
    }

    fn name(&mut self, name: &super::dns_message::Name, notes: &mut Notes<'_>) {
        if !name.is_root() && self.seen.is_new(name) {
            notes.add(NameRecord {
                source: self.habits.source.to_owned(),
                name: name.text(),
            });
        }
    }
}
