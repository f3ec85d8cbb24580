//! Opens the records of one conversation with the secrets that its owner gave: TLS 1.2 and TLS 1.3 with AEAD
//! ciphers.
//!
//! It hears what the tap calls sealed, from the first sealed record of each side on, and hands what is inside
//! to [`Notes::inside`].

use overheard_tap::{Analyzer, Chunk, Inside, Keys, Label, Notes, Outcome, Secrets, Side, Step};

use super::{HEADER, content, header};
use crate::shared::handshake_messages::{Event, Messages};
use crate::shared::hello::{ClientHello, ServerHello, accepts_early_data, message};
use crate::shared::negotiation::Agreed;
use crate::shared::unseal::{Sealing, Suite, next_secret, of_master};

/// Bytes of early data (0-RTT) that wait until the server says whether it takes them.
pub(super) const MAX_EARLY: usize = 64 * 1024;

/// Records one after the other that may fail to open before a side is given up: where only the last secrets
/// are there, those of the handshake cannot be opened.
const MAX_FAILURES: u32 = 32;

/// Records that may have been lost in one hole of the capture: so many numbers are tried behind it.
const MAX_LOST_RECORDS: u64 = 256;

/// Numbers that are tried in one conversation, in all.
const MAX_TRIES: u32 = 4096;

mod handshake {
    pub const END_OF_EARLY_DATA: u8 = 5;
    pub const FINISHED: u8 = 20;
    pub const KEY_UPDATE: u8 = 24;
}

/// A key, and the number of the next record that it seals.
struct Epoch {
    sealing: Sealing,
    /// What the key was made of; empty in TLS 1.2.
    secret: Vec<u8>,
    number: u64,
    is_early: bool,
}

/// What is known of one side.
#[derive(Default)]
struct Half {
    /// The keys that it uses one after the other; the first is that of now.
    epochs: Vec<Epoch>,
    messages: Messages,
    /// Bytes that were inside so far.
    said: u64,
    /// Records that did not open since the last that did.
    failures: u32,
    /// Whether any record was opened.
    opened: bool,
    /// Bytes lost of which it is not known what they were.
    lost: Option<u64>,
    /// Whether the rest cannot be opened.
    over: bool,
}

/// The hellos of a handshake inside.
#[derive(Default)]
struct Hellos {
    /// The client's random.
    client: Option<[u8; 32]>,
    /// The cipher suite that the server chose, and its random.
    server: Option<(u16, [u8; 32])>,
}

/// Opens one conversation.
pub(super) struct Opener {
    agreed: Agreed,
    suite: Suite,
    sides: [Half; 2],
    /// What the client said before the server's answer, until it is known whether the server takes it.
    early: Vec<u8>,
    /// Whether the server takes it.
    takes_early: Option<bool>,
    tries: u32,
    /// The hellos of a handshake inside (renegotiation in TLS 1.2).
    again: Hellos,
}

/// An opener for a conversation.
///
/// # Errors
/// What became of it where it cannot be opened.
pub(super) fn begin(keys: &Keys, agreed: Agreed) -> Result<Opener, Outcome> {
    let secrets = keys.of(&agreed.client_random).ok_or(Outcome::NoKeys)?;
    let suite = Suite::of(agreed.cipher_suite).ok_or(Outcome::Unsupported)?;
    let mut opener = Opener {
        agreed,
        suite,
        sides: Default::default(),
        early: Vec::new(),
        takes_early: None,
        tries: MAX_TRIES,
        again: Hellos::default(),
    };
    let known = if agreed.is_tls13 {
        opener.begin_13(secrets)
    } else {
        opener.begin_12(secrets, suite, &agreed.client_random, &agreed.server_random)
    };
    known.map(|()| opener).ok_or(Outcome::NoKeys)
}

impl Epoch {
    fn of_secret(suite: Suite, secret: &[u8]) -> Option<Epoch> {
        Some(Epoch {
            sealing: Sealing::of_secret(suite, secret, "")?,
            secret: secret.to_vec(),
            number: 0,
            is_early: false,
        })
    }

    /// Opens a record of TLS 1.3 or 1.2 that has this number.
    fn open(&self, is_13: bool, explicit: bool, record: &[u8], number: u64) -> Option<Vec<u8>> {
        let (head, sealed) = record.split_at_checked(HEADER)?;
        if is_13 {
            return self.sealing.open(self.sealing.nonce(number), head, sealed);
        }
        let (nonce, sealed) = match explicit {
            true => {
                let (sent, sealed) = sealed.split_first_chunk::<8>()?;
                (self.sealing.explicit_nonce(*sent), sealed)
            }
            false => (self.sealing.nonce(number), sealed),
        };
        let length = sealed.len().checked_sub(self.sealing.tag_length())?;
        let length = u16::try_from(length).ok()?.to_be_bytes();
        // RFC 5246 section 6.2.3.3: number, type, version, length of what is inside.
        let associated = [&number.to_be_bytes()[..], head.get(..3)?, &length].concat();
        self.sealing.open(nonce, &associated, sealed)
    }
}

impl Opener {
    fn role(&self, side: Side) -> usize {
        usize::from(side != self.agreed.client)
    }

    fn half(&mut self, side: Side) -> &mut Half {
        let [client, server] = &mut self.sides;
        if side == self.agreed.client {
            client
        } else {
            server
        }
    }

    fn begin_13(&mut self, secrets: &Secrets) -> Option<()> {
        const LABELS: [[Label; 2]; 2] = [
            [Label::ClientHandshake, Label::ClientTraffic],
            [Label::ServerHandshake, Label::ServerTraffic],
        ];
        let suite = self.suite;
        for (half, labels) in self.sides.iter_mut().zip(LABELS) {
            let of = |label| {
                secrets
                    .get(label)
                    .and_then(|secret| Epoch::of_secret(suite, secret))
            };
            half.epochs = labels.into_iter().filter_map(of).collect();
        }
        if let Some(early) = secrets.get(Label::ClientEarly)
            && let Some(mut epoch) = Epoch::of_secret(suite, early)
            && let Some(client) = self.sides.first_mut()
        {
            epoch.is_early = true;
            client.epochs.insert(0, epoch);
        }
        self.sides
            .iter()
            .any(|half| !half.epochs.is_empty())
            .then_some(())
    }

    fn begin_12(
        &mut self,
        secrets: &Secrets,
        suite: Suite,
        client_random: &[u8; 32],
        server_random: &[u8; 32],
    ) -> Option<()> {
        let sealings = of_master(
            suite,
            secrets.get(Label::Master)?,
            client_random,
            server_random,
        )?;
        for (half, sealing) in self.sides.iter_mut().zip(sealings) {
            half.epochs.push(Epoch {
                sealing,
                secret: Vec::new(),
                number: 0,
                is_early: false,
            });
        }
        Some(())
    }

    /// Opens records that the client sent before the server's answer.
    pub(super) fn hear_early(&mut self, records: &[u8], notes: &mut Notes<'_>) {
        let mut rest = records;
        while let Some((_, length)) = header(rest) {
            let Some((record, after)) = rest.split_at_checked(HEADER + length) else {
                return;
            };
            self.hear_record(self.agreed.client, record, notes);
            rest = after;
        }
    }

    fn hear_bytes(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) -> Step {
        let mut at = 0;
        if self.half(side).lost.is_some() {
            // In the middle of something: the next record is found by what records of data begin with.
            let beginning =
                |window: &[u8]| matches!(window, [content::APPLICATION_DATA, 3, 1..=4, ..]);
            let found = bytes.windows(HEADER).position(beginning);
            let passed = found.unwrap_or(bytes.len().saturating_sub(HEADER - 1));
            if let Some(lost) = &mut self.half(side).lost {
                *lost += passed as u64;
            }
            at = passed;
            if found.is_none() {
                return match at {
                    0 => Step::Need(HEADER),
                    _ => Step::Took(at),
                };
            }
        }
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if self.half(side).over {
                return Step::Sealed(bytes.len());
            }
            let need = match rest.len() {
                0 => return Step::Took(at),
                1..HEADER => HEADER,
                _ => match header(rest) {
                    Some((_, length)) => HEADER + length,
                    // What follows is no record: nothing can be found in it.
                    None => {
                        self.half(side).over = true;
                        continue;
                    }
                },
            };
            let Some(record) = rest.get(..need) else {
                return match at {
                    0 => Step::Need(need),
                    _ => Step::Took(at),
                };
            };
            self.hear_record(side, record, notes);
            at += need;
        }
    }

    fn hear_record(&mut self, side: Side, record: &[u8], notes: &mut Notes<'_>) {
        let is_13 = self.agreed.is_tls13;
        let Some(&kind) = record.first() else { return };
        if is_13 && kind != content::APPLICATION_DATA {
            // ChangeCipherSpec without a meaning, or an alert in clear.
            return;
        }
        let Some(mut inside) = self.open(side, record) else {
            let half = self.half(side);
            half.failures += 1;
            half.over = half.failures > MAX_FAILURES;
            if !half.opened && half.lost.is_none() {
                notes.outcome(Outcome::WrongKeys);
            }
            return;
        };
        notes.outcome(Outcome::Opened);
        self.pass_hole(side, notes);
        let kind = if is_13 {
            // The type stands behind what is inside, and zeros behind it (RFC 9846 section 5.4).
            let end = inside.iter().rposition(|&byte| byte != 0).unwrap_or(0);
            let kind = inside.get(end).copied().unwrap_or_default();
            inside.truncate(end);
            kind
        } else {
            kind
        };
        match kind {
            content::APPLICATION_DATA => self.say(side, inside, notes),
            content::HANDSHAKE => self.hear_handshake(side, &inside, notes),
            content::CHANGE_CIPHER_SPEC => self.change_cipher(side, notes),
            content::ALERT if inside.get(1) == Some(&0) => {
                let said = self.half(side).said;
                notes.inside(side, 0, said, Inside::End);
            }
            _ => {}
        }
    }

    /// Opens a record with the key of now or one of those that follow.
    fn open(&mut self, side: Side, record: &[u8]) -> Option<Vec<u8>> {
        let (is_13, explicit) = (self.agreed.is_tls13, self.suite.aead.has_explicit_nonce());
        let mut tries = self.tries;
        let half = self.half(side);
        let found = half.epochs.iter().enumerate().find_map(|(index, epoch)| {
            let ahead = match half.lost {
                Some(_) => MAX_LOST_RECORDS,
                None => 0,
            };
            (epoch.number..=epoch.number.saturating_add(ahead)).find_map(|number| {
                if half.lost.is_some() {
                    tries = tries.checked_sub(1)?;
                }
                let inside = epoch.open(is_13, explicit, record, number)?;
                Some((index, number, inside))
            })
        });
        let inside = found.map(|(index, number, inside)| {
            half.epochs.drain(..index);
            if let Some(epoch) = half.epochs.first_mut() {
                epoch.number = number.saturating_add(1);
            }
            half.opened = true;
            half.failures = 0;
            inside
        });
        self.tries = tries;
        inside
    }

    /// A record opens behind a hole in the capture: what was in the hole is missing inside too.
    fn pass_hole(&mut self, side: Side, notes: &mut Notes<'_>) {
        let half = self.half(side);
        if let Some(lost) = half.lost.take().filter(|&lost| lost > 0) {
            let said = half.said;
            half.said += lost;
            notes.inside(side, 0, said, Inside::Gap(lost));
        }
    }

    fn say(&mut self, side: Side, inside: Vec<u8>, notes: &mut Notes<'_>) {
        let half = self.half(side);
        if half.epochs.first().is_some_and(|epoch| epoch.is_early) {
            let room = MAX_EARLY.saturating_sub(self.early.len());
            self.early.extend(inside.into_iter().take(room));
            if self.takes_early == Some(true) {
                self.say_early(notes);
            }
            return;
        }
        if side == self.agreed.client && self.takes_early.is_none() && !self.early.is_empty() {
            // The server's word is not there; the client would have said it again if it had been refused.
            self.say_early(notes);
        }
        let half = self.half(side);
        let said = half.said;
        half.said += inside.len() as u64;
        if !inside.is_empty() {
            notes.inside(side, 0, said, Inside::Bytes(inside));
        }
    }

    fn say_early(&mut self, notes: &mut Notes<'_>) {
        let early = std::mem::take(&mut self.early);
        let side = self.agreed.client;
        let half = self.half(side);
        let said = half.said;
        half.said += early.len() as u64;
        if !early.is_empty() {
            notes.inside(side, 0, said, Inside::Bytes(early));
        }
    }

    fn hear_handshake(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let heard = self.half(side).messages.hear(rest);
            let (taken, event) = (heard.taken, heard.event);
            rest = rest.get(taken..).unwrap_or_default();
            match event {
                Event::None => {}
                Event::Nonsense => return,
                Event::Skipped(kind) => self.hear_message(side, kind, &[], notes),
                Event::Message(kind, body) => self.hear_message(side, kind, &body, notes),
            }
        }
    }

    fn hear_message(&mut self, side: Side, kind: u8, body: &[u8], notes: &mut Notes<'_>) {
        let suite = self.suite;
        let is_server = self.role(side) == 1;
        if !self.agreed.is_tls13 {
            match kind {
                message::CLIENT_HELLO => {
                    self.again.client = ClientHello::parse(body).ok().map(|hello| hello.random)
                }
                message::SERVER_HELLO => {
                    self.again.server = ServerHello::parse(body)
                        .ok()
                        .and_then(|hello| Some((hello.cipher_suite?, hello.random)))
                }
                _ => {}
            }
            return;
        }
        match kind {
            message::ENCRYPTED_EXTENSIONS if is_server => {
                let takes = accepts_early_data(body);
                self.takes_early = Some(takes);
                match takes {
                    true => self.say_early(notes),
                    false => self.early = Vec::new(),
                }
            }
            handshake::END_OF_EARLY_DATA | handshake::FINISHED => {
                let half = self.half(side);
                // After the handshake there is one key, and Finished may answer a late request.
                if half.epochs.len() > 1 {
                    half.epochs.remove(0);
                }
            }
            handshake::KEY_UPDATE => {
                if let Some(epoch) = self.half(side).epochs.first_mut()
                    && let Some(next) = next_secret(suite.hash, &epoch.secret, &["traffic upd"])
                    && let Some(next) = Epoch::of_secret(suite, &next)
                {
                    *epoch = next;
                }
            }
            _ => {}
        }
    }

    /// A side of TLS 1.2 goes to the keys that were agreed on inside (RFC 5746).
    fn change_cipher(&mut self, side: Side, notes: &mut Notes<'_>) {
        let known = || {
            let (client_random, (suite, server_random)) = (self.again.client?, self.again.server?);
            let suite = Suite::of(suite)?;
            let secrets = notes.keys()?.of(&client_random)?;
            let master = secrets.get(Label::Master)?;
            let sealings = of_master(suite, master, &client_random, &server_random)?;
            Some((suite, sealings))
        };
        let Some((suite, sealings)) = known().filter(|(suite, _)| *suite == self.suite) else {
            // With another cipher, or without secrets, this is the end.
            self.half(side).over = true;
            return;
        };
        self.suite = suite;
        let role = self.role(side);
        self.half(side).epochs = sealings
            .into_iter()
            .nth(role)
            .map(|sealing| Epoch {
                sealing,
                secret: Vec::new(),
                number: 0,
                is_early: false,
            })
            .into_iter()
            .collect();
    }
}

impl Analyzer for Opener {
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step {
        match chunk {
            Chunk::Bytes(bytes) => self.hear_bytes(side, bytes, notes),
            Chunk::Gap(bytes) => {
                let half = self.half(side);
                half.lost = Some(half.lost.unwrap_or(0).saturating_add(bytes));
                half.messages = Messages::default();
                Step::Took(0)
            }
            Chunk::End => {
                let said = self.half(side).said;
                if self.half(side).opened {
                    notes.inside(side, 0, said, Inside::End);
                }
                Step::Took(0)
            }
        }
    }

    fn held(&self) -> usize {
        let of_half =
            |half: &Half| half.messages.held() + half.epochs.len() * (size_of::<Epoch>() + 1024);
        size_of::<Opener>() + self.early.capacity() + self.sides.iter().map(of_half).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
