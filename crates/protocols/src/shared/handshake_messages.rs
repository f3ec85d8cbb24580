//! Puts the handshake messages of TLS together (RFC 9846 section 4): their bytes come in pieces, over
//! records and segments, and one record may hold several.

use std::borrow::Cow;

use overheard_tap::Evidence;
use overheard_tap::limits::MAX_HANDSHAKE_MESSAGE;

use super::hello::message;

/// The longest message that is believed, in bytes: what says it is longer is encrypted.
const MAX_BELIEVED: usize = 1 << 18;

/// Bytes of a message's header: its number and its length.
pub const HEADER: usize = 4;

/// The messages of one side.
#[derive(Debug, Default)]
pub struct Messages {
    /// What came earlier of the present message: of its header, or, once that was read, of its body.
    kept: Vec<u8>,
    /// The present message, once its header was read.
    present: Option<Present>,
    /// Frames that the present message came in.
    pub evidence: Evidence,
}

/// A message whose body has not come to its end.
#[derive(Clone, Copy, Debug)]
struct Present {
    kind: u8,
    /// Bytes of the body that are still to come.
    left: usize,
    /// Whether the body is of interest, and nothing of it was lost.
    wanted: bool,
}

/// What some bytes of handshake brought.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard<'a> {
    /// Bytes that belong to it; those behind them are to be heard next.
    pub taken: usize,
    /// Whether they are of a message of interest.
    pub wanted: bool,
    /// Bytes among them that [`MAX_HANDSHAKE_MESSAGE`] set aside.
    pub dropped: usize,
    /// What came to its end.
    pub event: Event<'a>,
}

/// What came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing yet.
    None,
    /// A message of interest: its number, and its body as far as [`MAX_HANDSHAKE_MESSAGE`] goes.
    Message(u8, Cow<'a, [u8]>),
    /// A message, by its number, whose body was not kept.
    Skipped(u8),
    /// This is no handshake message: it is encrypted.
    Nonsense,
}

impl Messages {
    /// Memory of the message that is put together, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.kept.capacity()
    }

    /// Hears bytes up to the end of one message.
    pub fn hear<'a>(&mut self, bytes: &'a [u8]) -> Heard<'a> {
        let missing = match self.present {
            Some(_) => 0,
            None => HEADER.saturating_sub(self.kept.len()),
        };
        let (head, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        let Some(mut present) = self.present.or_else(|| self.read_header(head)) else {
            let event = if self.kept.len() < HEADER {
                Event::None
            } else {
                Event::Nonsense
            };
            return Heard {
                taken: head.len(),
                wanted: true,
                dropped: 0,
                event,
            };
        };
        let body = rest.get(..present.left).unwrap_or(rest);
        present.left -= body.len();
        let mut heard = Heard {
            taken: head.len() + body.len(),
            wanted: present.wanted,
            dropped: 0,
            event: Event::None,
        };
        let whole = present.left == 0;
        self.present = (!whole).then_some(present);
        if whole && present.wanted && self.kept.is_empty() {
            heard.event = Event::Message(present.kind, Cow::Borrowed(body));
            return heard;
        }
        if present.wanted {
            let room = MAX_HANDSHAKE_MESSAGE.saturating_sub(self.kept.len());
            let keep = body.get(..room).unwrap_or(body);
            self.kept.extend_from_slice(keep);
            heard.dropped = body.len() - keep.len();
        }
        if whole {
            let kept = std::mem::take(&mut self.kept);
            heard.event = match present.wanted {
                true => Event::Message(present.kind, Cow::Owned(kept)),
                false => Event::Skipped(present.kind),
            };
        }
        heard
    }

    /// The message that begins here, once its header is whole and if it can be one.
    fn read_header(&mut self, head: &[u8]) -> Option<Present> {
        self.kept.extend_from_slice(head);
        let &[kind, a, b, c] = self.kept.first_chunk::<HEADER>()?;
        let left = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        if !is_message(kind) || left > MAX_BELIEVED {
            return None;
        }
        self.kept.clear();
        Some(Present {
            kind,
            left,
            wanted: is_wanted(kind),
        })
    }

    /// Bytes were lost: the present message is not of interest any more.
    pub fn lose(&mut self, bytes: u64) {
        self.kept = Vec::new();
        self.evidence = Evidence::default();
        self.present = self.present.and_then(|present| {
            let left = usize::try_from(bytes)
                .ok()
                .and_then(|bytes| present.left.checked_sub(bytes))?;
            (left > 0).then_some(Present {
                left,
                wanted: false,
                ..present
            })
        });
    }
}

/// Whether a handshake message of this number exists.
pub fn is_message(kind: u8) -> bool {
    matches!(kind, 0..=6 | 8..=16 | 20..=25 | 67 | 203 | 254)
}

/// Whether the body of a message is to be read.
pub fn is_wanted(kind: u8) -> bool {
    matches!(
        kind,
        message::CLIENT_HELLO
            | message::SERVER_HELLO
            | message::HELLO_RETRY_REQUEST
            | message::ENCRYPTED_EXTENSIONS
            | message::CERTIFICATE
            | message::SERVER_KEY_EXCHANGE
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::hello_samples::message as sample;

    fn all(messages: &mut Messages, pieces: &[&[u8]]) -> Vec<(u8, usize)> {
        let mut found = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let heard = messages.hear(rest);
                rest = &rest[heard.taken..];
                match heard.event {
                    Event::None => {}
                    Event::Message(kind, body) => found.push((kind, body.len())),
                    Event::Skipped(kind) => found.push((kind, 0)),
                    Event::Nonsense => return found,
                }
            }
        }
        found
    }

    #[test]
    fn messages_are_found_wherever_they_are_cut() {
        let flight = [
            sample(2, &[1; 40]),
            sample(14, &[]),
            sample(4, &[3; 9]),
            sample(11, &[2; 300]),
        ]
        .concat();
        let expected = [(2, 40), (14, 0), (4, 0), (11, 300)];
        for cut in 0..flight.len() {
            let (one, other) = flight.split_at(cut);
            assert_eq!(
                all(&mut Messages::default(), &[one, other]),
                expected,
                "{cut}"
            );
        }
    }

    #[test]
    fn a_message_that_is_too_long_keeps_its_beginning() {
        let long = sample(11, &vec![1; MAX_HANDSHAKE_MESSAGE + 100]);
        let (one, other) = long.split_at(1000);
        let mut messages = Messages::default();
        messages.hear(one);
        let heard = messages.hear(other);
        assert_eq!(heard.dropped, 100);
        assert!(
            matches!(heard.event, Event::Message(11, body) if body.len() == MAX_HANDSHAKE_MESSAGE)
        );
    }

    #[test]
    fn what_is_encrypted_is_no_message() {
        for head in [[99, 0, 0, 4], [1, 0xff, 0, 0]] {
            assert_eq!(Messages::default().hear(&head).event, Event::Nonsense);
        }
    }

    #[test]
    fn a_message_with_a_hole_is_passed_over() {
        let flight = [sample(11, &[2; 300]), sample(14, &[])].concat();
        let mut messages = Messages::default();
        messages.hear(&flight[..100]);
        messages.lose(150);
        assert_eq!(all(&mut messages, &[&flight[250..]]), [(11, 0), (14, 0)]);
    }
}
