//! Opens the packets of QUIC behind the Initial ones with the secrets that their owner gave, and hands over what is
//! in their streams.

use overheard_tap::{Cursor, Cut, Inside, Keys as Given, Label, Notes, Outcome, Secrets, Side};

use super::header::{LongPacket, length, number};
use super::keys::{Keys, Opened, Unmasked};
use super::version;
use crate::shared::negotiation::Agreed;
use crate::shared::unseal::{Sealing, Suite, next_secret};

/// Packets one after the other that may fail to open before a side is given up.
const MAX_FAILURES: u32 = 256;

/// The keys of one side for data, which it may renew (RFC 9001 section 6).
struct Phases {
    suite: Suite,
    prefix: &'static str,
    secret: Vec<u8>,
    /// The keys of now, and those before them: packets may come late.
    now: Keys,
    before: Option<Sealing>,
    /// Whether the bit of the key phase is set in packets of now.
    is_odd: bool,
}

impl Phases {
    fn new(suite: Suite, secret: &[u8], prefix: &'static str) -> Option<Phases> {
        Some(Phases {
            suite,
            prefix,
            secret: secret.to_vec(),
            now: Keys::of_secret(suite, secret, prefix)?,
            before: None,
            is_odd: false,
        })
    }

    fn open(&mut self, packet: &[u8], number_at: usize, largest: Option<u64>) -> Option<Opened> {
        let unmasked = self.now.unmask_short(packet, number_at, largest)?;
        if unmasked.is_odd_phase() == self.is_odd {
            return self.now.open_unmasked(&unmasked);
        }
        let before = self.before.as_ref();
        before
            .and_then(|before| unmasked.open(before))
            .or_else(|| self.renew(&unmasked))
    }

    /// Goes to the next keys, if they open the packet. The key of the header stays.
    fn renew(&mut self, packet: &Unmasked<'_>) -> Option<Opened> {
        let label = [self.prefix, " ku"];
        let secret = next_secret(self.suite.hash, &self.secret, &label)?;
        let next = Keys::of_secret(self.suite, &secret, self.prefix)?;
        let opened = next.open_unmasked(packet)?;
        self.before = Some(self.now.renewed(next));
        self.secret = secret;
        self.is_odd = !self.is_odd;
        Some(opened)
    }
}

/// Opens one conversation.
pub(super) struct Unsealing {
    client: Side,
    /// Keys for data, of client and server.
    data: [Option<Phases>; 2],
    /// The largest packet numbers of client and server, of packets that hold data.
    largest: [Option<u64>; 2],
    /// Packets that did not open since the last that did.
    failures: u32,
}

/// Opens what a client says before the server's answer.
pub(super) struct Early {
    keys: Vec<Keys>,
    largest: Option<u64>,
}

fn prefix(version: u32) -> Option<&'static str> {
    let derivation = version::derivations(version).first()?;
    Some(derivation.prefix)
}

/// What opens a conversation in which both hellos were heard.
///
/// # Errors
/// What became of it where it cannot be opened.
pub(super) fn begin(given: &Given, agreed: &Agreed, version: u32) -> Result<Unsealing, Outcome> {
    let secrets = given.of(&agreed.client_random).ok_or(Outcome::NoKeys)?;
    let suite = Suite::of(agreed.cipher_suite).ok_or(Outcome::Unsupported)?;
    let prefix = prefix(version).ok_or(Outcome::Unsupported)?;
    let data = [Label::ClientTraffic, Label::ServerTraffic]
        .map(|label| Phases::new(suite, secrets.get(label)?, prefix));
    if data.iter().all(Option::is_none) {
        return Err(Outcome::NoKeys);
    }
    Ok(Unsealing {
        client: agreed.client,
        data,
        largest: [None; 2],
        failures: 0,
    })
}

impl Early {
    /// Of the secrets of a conversation; which cipher they are for has not been said yet.
    pub(super) fn new(secrets: &Secrets, version: u32) -> Option<Early> {
        let secret = secrets.get(Label::ClientEarly)?;
        let prefix = prefix(version)?;
        let suites = Suite::of_secret(secret.len()).iter();
        Some(Early {
            keys: suites
                .filter_map(|suite| Keys::of_secret(*suite, secret, prefix))
                .collect(),
            largest: None,
        })
    }

    /// Memory that it takes, in bytes.
    pub(super) fn held(&self) -> usize {
        size_of::<Early>() + self.keys.len() * 2 * 1024
    }

    /// Opens a packet of early data (0-RTT) of a side.
    pub(super) fn hear(&mut self, side: Side, packet: &LongPacket<'_>, notes: &mut Notes<'_>) {
        let largest = self.largest;
        let mut opened = self.keys.iter().map(|keys| keys.open(packet, largest));
        if let Some(opened) = opened.find_map(|opened| opened) {
            self.largest =
                Some(largest.map_or(opened.number, |largest| largest.max(opened.number)));
            hear_frames(side, &opened.frames, notes);
        }
    }
}

impl Unsealing {
    /// Opens a packet with a short header, whose connection id has `id_length` bytes.
    pub(super) fn hear(
        &mut self,
        side: Side,
        packet: &[u8],
        id_length: usize,
        notes: &mut Notes<'_>,
    ) {
        if self.failures > MAX_FAILURES {
            return;
        }
        let role = usize::from(side != self.client);
        let (Some(Some(phases)), Some(largest)) =
            (self.data.get_mut(role), self.largest.get_mut(role))
        else {
            return;
        };
        let Some(opened) = phases.open(packet, 1 + id_length, *largest) else {
            self.failures += 1;
            notes.outcome(Outcome::WrongKeys);
            return;
        };
        self.failures = 0;
        *largest = Some(largest.map_or(opened.number, |largest| largest.max(opened.number)));
        notes.outcome(Outcome::Opened);
        hear_frames(side, &opened.frames, notes);
    }

    /// Memory that it takes, in bytes.
    pub(super) fn held(&self) -> usize {
        size_of::<Unsealing>() + 4 * 1024
    }
}

/// Hands over what is in the frames of a packet (RFC 9000 section 12.4), up to one that is not known.
fn hear_frames(side: Side, frames: &[u8], notes: &mut Notes<'_>) {
    let mut cursor = Cursor::new("quic frame", frames);
    while !cursor.is_empty() && hear_frame(side, &mut cursor, notes).is_ok() {}
}

fn hear_frame(side: Side, cursor: &mut Cursor<'_>, notes: &mut Notes<'_>) -> Result<(), Cut> {
    const PADDING: u64 = 0;
    const PING: u64 = 1;
    const HANDSHAKE_DONE: u64 = 0x1e;
    // Kinds that are nothing but so many numbers.
    let numbers = |kind| match kind {
        0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => Some(1),
        0x05 | 0x11 | 0x15 => Some(2),
        PING | HANDSHAKE_DONE => Some(0),
        _ => None,
    };
    let kind = number(cursor)?;
    match kind {
        PADDING => {
            let zeros = cursor.peek().iter().take_while(|&&byte| byte == 0).count();
            cursor.skip(zeros)?;
        }
        // ACK, and with counts of congestion.
        2 | 3 => {
            number(cursor)?;
            number(cursor)?;
            let ranges = number(cursor)?;
            number(cursor)?;
            for _ in 0..ranges {
                number(cursor)?;
                number(cursor)?;
            }
            if kind == 3 {
                for _ in 0..3 {
                    number(cursor)?;
                }
            }
        }
        // RESET_STREAM: what was said so far is all.
        4 => {
            let stream = number(cursor)?;
            number(cursor)?;
            let end = number(cursor)?;
            end_stream(side, stream, end, notes);
        }
        // CRYPTO: tickets.
        6 => {
            number(cursor)?;
            let count = length(cursor)?;
            cursor.skip(count)?;
        }
        // NEW_TOKEN.
        7 => {
            let count = length(cursor)?;
            cursor.skip(count)?;
        }
        // STREAM: the low bits say whether there is an offset, a length, and whether it is the end.
        8..=0x0f => {
            let stream = number(cursor)?;
            let offset = if kind & 4 != 0 { number(cursor)? } else { 0 };
            let bytes = match kind & 2 != 0 {
                true => {
                    let count = length(cursor)?;
                    cursor.take(count)?
                }
                false => cursor.rest(),
            };
            if !bytes.is_empty() {
                notes.inside(side, stream, offset, Inside::Bytes(bytes.to_vec()));
            }
            if kind & 1 != 0 {
                end_stream(
                    side,
                    stream,
                    offset.saturating_add(bytes.len() as u64),
                    notes,
                );
            }
        }
        // NEW_CONNECTION_ID.
        0x18 => {
            number(cursor)?;
            number(cursor)?;
            cursor.vector8("quic connection id")?;
            cursor.skip(16)?;
        }
        // PATH_CHALLENGE, PATH_RESPONSE.
        0x1a | 0x1b => cursor.skip(8)?,
        // CONNECTION_CLOSE, of the transport and of what it carries.
        0x1c | 0x1d => {
            number(cursor)?;
            if kind == 0x1c {
                number(cursor)?;
            }
            let reason = length(cursor)?;
            cursor.skip(reason)?;
        }
        // DATAGRAM (RFC 9221).
        0x30 => {
            cursor.rest();
        }
        0x31 => {
            let count = length(cursor)?;
            cursor.skip(count)?;
        }
        _ => {
            for _ in 0..numbers(kind).ok_or_else(|| cursor.wrong())? {
                number(cursor)?;
            }
        }
    }
    Ok(())
}

/// A side says nothing more in a stream; where the stream has one direction, neither does the other.
fn end_stream(side: Side, stream: u64, end: u64, notes: &mut Notes<'_>) {
    const ONE_WAY: u64 = 2;
    notes.inside(side, stream, end, Inside::End);
    if stream & ONE_WAY != 0 {
        notes.inside(side.other(), stream, 0, Inside::End);
    }
}

#[cfg(test)]
mod tests;
