//! A protocol's entry in the registry.

use overheard_ledger::{Exposure, Rule};

use crate::Analyzer;

/// What a protocol runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A reliable stream of bytes: TCP.
    Stream,
    /// Datagrams: UDP, UDP-Lite.
    Datagram,
}

/// The beginning of a conversation that nobody has recognised yet.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Stream or datagrams.
    pub over: Over,
    /// On a stream: the first bytes that the client said, maybe none. On datagrams: the datagram where
    /// the client sent it, else empty.
    pub client: &'a [u8],
    /// Likewise of the server.
    pub server: &'a [u8],
    /// Port of the client: a hint.
    pub client_port: u16,
    /// Port of the server: a hint.
    pub server_port: u16,
    /// Whether nothing more will come: now or never. Always so on datagrams.
    pub whole: bool,
}

impl Sample<'_> {
    /// Whether one of the ports is this one.
    pub fn has_port(&self, port: u16) -> bool {
        self.client_port == port || self.server_port == port
    }

    /// What was said by whoever said something: the client's bytes, else the server's.
    pub fn first(&self) -> &[u8] {
        if self.client.is_empty() {
            self.server
        } else {
            self.client
        }
    }
}

/// What a protocol says to a [`Sample`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Not this protocol, whatever follows.
    No,
    /// It may be; more bytes are needed to say.
    More,
    /// It looks like it, with so much weight (1 to 99): taken when no other protocol is sure, still
    /// needs more, or weighs more. Content weighs; a port may add a little.
    Likely(u8),
    /// It is, without doubt: a magic number, a banner, a method and a version.
    Sure,
    /// It is, without doubt, and the sides are the other way round: the one taken for the client is
    /// the server. Believed only where nobody was seen to open the conversation.
    Reversed,
}

/// A protocol: all that the rest of the program knows of it.
#[derive(Debug)]
pub struct Protocol {
    /// Short name in the ledger: `smtp`.
    pub name: &'static str,
    /// Full name for people: `Simple Mail Transfer Protocol`.
    pub title: &'static str,
    /// What it runs over.
    pub over: &'static [Over],
    /// Its usual ports: for documentation; detection goes by content.
    pub ports: &'static [u16],
    /// Where it is specified: `RFC 5321`.
    pub standard: &'static str,
    /// What a tap gets from a conversation of it, unless the analyzer says otherwise with
    /// [`crate::Notes::expose`].
    pub exposure: Exposure,
    /// Recognises it. Must be cheap: it is asked for every new conversation.
    pub probe: fn(&Sample<'_>) -> Probe,
    /// A new analyzer for a conversation.
    pub begin: fn(Over) -> Box<dyn Analyzer>,
    /// Its rules.
    pub rules: &'static [Rule],
}
