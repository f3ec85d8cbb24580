//! Hearing a conversation.

use crate::{Cut, Notes};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The endpoint that opened the conversation.
    Client,
    /// The endpoint that was called.
    Server,
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }

    /// 0 for the client, 1 for the server: for arrays of two.
    pub fn index(self) -> usize {
        match self {
            Side::Client => 0,
            Side::Server => 1,
        }
    }
}

/// What an analyzer is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// On a stream: all bytes that this side has sent and that were not taken yet, in order.
    /// On datagrams: one whole datagram (as far as it was captured: [`Notes::missing`]).
    Bytes(&'a [u8]),
    /// On a stream: this many bytes were never captured. What was not taken before is gone too. An
    /// analyzer that cannot go on answers [`Step::NotMine`].
    Gap(u64),
    /// This side says nothing more. Heard once for each side, at the latest when the capture ends;
    /// the time to write down what was not complete. The answer is not looked at. A sender that breaks
    /// the rules may speak after it all the same, and is then heard.
    End,
}

/// What an analyzer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first so many bytes are understood: on a stream they are not lent again. They are booked
    /// as read unless [`Notes::account`] said otherwise. What follows them is lent at once (when this
    /// took more than nothing) or with the next bytes to arrive. Of a datagram, what is not taken is booked as malformed.
    Took(usize),
    /// Nothing can be understood until so many bytes are there (counted from the first byte lent).
    /// On datagrams the same as [`Step::NotMine`].
    Need(usize),
    /// The first `took` bytes are understood; from there on, on both sides, the conversation belongs
    /// to another protocol (STARTTLS, CONNECT, an upgrade). Only on streams.
    Become {
        /// Bytes taken.
        took: usize,
        /// Who goes on.
        next: Next,
    },
    /// The first so many bytes are understood; all that this side says after them is sealed, and the
    /// analyzer does not hear it. When both sides are sealed, only packets and bytes are counted.
    Sealed(usize),
    /// On a stream: this analyzer cannot go on; what follows on both sides is booked as malformed.
    /// Where the analyzer has not taken anything yet, other protocols are tried.
    /// On datagrams: this datagram is not of the protocol; others are tried, and the analyzer hears the
    /// next datagrams all the same. Nothing may have been written down for it.
    NotMine(Cut),
}

/// Who goes on after [`Step::Become`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The protocol of this name; where the registry has none, the rest is unrecognised.
    Protocol(&'static str),
    /// Whoever recognises it.
    Probe,
}

/// Hears one conversation of one protocol.
pub trait Analyzer: Send {
    /// Hears what `side` said, and answers how far it understood.
    fn hear(&mut self, side: Side, chunk: Chunk<'_>, notes: &mut Notes<'_>) -> Step;

    /// Bytes of memory that it holds beyond a few hundred: windows of codings, messages that are put
    /// together. Cheap: asked after every chunk.
    fn held(&self) -> usize {
        0
    }
}
