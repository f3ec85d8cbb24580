//! TLS that is carried by something else than a stream of its own (the control channel of OpenVPN): records
//! whose bytes come in pieces, read as far as the handshake goes in clear.

use overheard_tap::{Account, Notes, Side};

use super::handshake_messages::{Event, Messages};
use super::hello::message;
use super::negotiation::Negotiation;

/// Bytes of a record header: type, version, length (RFC 9846 section 5.1).
const HEADER: usize = 5;

/// The longest record body that is believed, in bytes (RFC 5246 section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;

mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
    pub const HEARTBEAT: u8 = 24;
}

/// One conversation in TLS.
#[derive(Debug)]
pub struct TlsRecords {
    talk: Negotiation,
    sides: [Half; 2],
}

#[derive(Debug, Default)]
struct Half {
    /// What came of the present record's header.
    header: Vec<u8>,
    /// Type of the present record, and bytes that it still has.
    record: Option<(u8, usize)>,
    messages: Messages,
    /// Whether all that follows is sealed.
    sealed: bool,
}

impl TlsRecords {
    /// Has heard nothing yet; `protocol` is the one that carries the records.
    pub fn new(protocol: &'static str) -> TlsRecords {
        TlsRecords {
            talk: Negotiation::new(protocol),
            sides: Default::default(),
        }
    }

    /// Hears what a side says next. What is sealed is booked so.
    pub fn hear(&mut self, side: Side, bytes: &[u8], notes: &mut Notes<'_>) {
        let [client, server] = &mut self.sides;
        let half = match side {
            Side::Client => client,
            Side::Server => server,
        };
        let mut rest = bytes;
        while !half.sealed && !rest.is_empty() {
            let Some((kind, left)) = half.record else {
                let missing = HEADER.saturating_sub(half.header.len());
                let (head, after) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
                half.header.extend_from_slice(head);
                rest = after;
                if let Some(&[kind, major, _, high, low]) = half.header.first_chunk::<HEADER>() {
                    let length = usize::from(u16::from_be_bytes([high, low]));
                    let known = (content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT).contains(&kind);
                    half.header.clear();
                    half.record = Some((kind, length));
                    half.sealed = !known
                        || major != 3
                        || length > MAX_RECORD
                        || kind == content::APPLICATION_DATA;
                }
                continue;
            };
            let (body, after) = rest.split_at_checked(left).unwrap_or((rest, &[]));
            rest = after;
            let left = left - body.len();
            half.record = (left > 0).then_some((kind, left));
            match kind {
                content::HANDSHAKE => {
                    half.sealed |= handshake(&mut self.talk, half, side, body, notes)
                }
                // Without meaning in TLS 1.3, where a second ClientHello may follow it.
                content::CHANGE_CIPHER_SPEC
                    if self.talk.is_tls13() != Some(true) && !self.talk.may_repeat() =>
                {
                    self.talk.change_cipher(side);
                    half.sealed |= !self.talk.is_null();
                }
                _ => {}
            }
        }
        if half.sealed {
            notes.account(Account::Sealed, rest.len());
            self.talk.close(side);
        }
        self.talk.write_when_known(notes);
    }

    /// Nothing more is heard from a side, or nothing that can be put together.
    pub fn close(&mut self, side: Side, notes: &mut Notes<'_>) {
        if let Some(half) = self.sides.get_mut(side.index()) {
            half.sealed = true;
        }
        self.talk.close(side);
        self.talk.write_when_known(notes);
    }

    /// Memory of the messages that are put together, in bytes.
    pub fn held(&self) -> usize {
        self.sides.iter().map(|half| half.messages.held()).sum()
    }

    /// Whether a hello was heard.
    pub fn has_hello(&self) -> bool {
        self.talk.has_hello()
    }
}

/// Hears bytes of handshake messages; whether all that follows on this side is sealed.
fn handshake(
    talk: &mut Negotiation,
    half: &mut Half,
    side: Side,
    body: &[u8],
    notes: &mut Notes<'_>,
) -> bool {
    let mut at = 0;
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let heard = half.messages.hear(rest);
        at += heard.taken;
        if heard.wanted {
            half.messages.evidence.join(&notes.evidence());
        }
        notes.account(Account::Limited, heard.dropped);
        match heard.event {
            Event::None => {}
            Event::Nonsense => return true,
            Event::Message(kind, body) => {
                let evidence = std::mem::take(&mut half.messages.evidence);
                // A hello that cannot be read was still said: what follows it may be understood.
                let _ = talk.hear(side, kind, &body, &evidence, notes);
                if kind == message::SERVER_HELLO
                    && side == talk.answerer()
                    && talk.is_tls13() == Some(true)
                {
                    return true;
                }
            }
            Event::Skipped(kind) => {
                let _ = talk.hear(side, kind, &[], &notes.evidence(), notes);
            }
        }
    }
    false
}
