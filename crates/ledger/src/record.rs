//! The records of the ledger: what the tap observed, nothing judged away.
//!
//! The format is a public interface: fields are added, never renamed. Every record is one JSON object
//! on a line of its own, and says its `kind`. Unknown values are left out.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{Call, Exposure, Frames, Masked, Media, Severity, Time};

/// The most frame numbers that a record names as its evidence.
pub const MAX_EVIDENCE: usize = 16;

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Record {
    /// What was observed; gives `kind` and the fields of that kind.
    #[serde(flatten)]
    pub body: Body,
    /// The conversation that it belongs to, by [`Conversation::id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<u64>,
    /// Evidence: frame numbers as Wireshark shows them (the first is 1), ascending, at most
    /// [`MAX_EVIDENCE`]; empty for the capture record alone.
    #[serde(default, skip_serializing_if = "Frames::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<u64>"))]
    pub frames: Frames,
    /// Time of the first evidence frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

impl Record {
    /// The id of the conversation that this is the record of. It is read off the evidence: what stands in the
    /// body lies elsewhere in memory, and there may be millions.
    pub fn begins(&self) -> Option<u64> {
        match &self.body {
            Body::Conversation(conversation) => {
                Some(self.frames.first().copied().unwrap_or(conversation.id))
            }
            _ => None,
        }
    }
}

/// A line of the ledger as it is printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Line {
    /// The record.
    #[serde(flatten)]
    pub record: Record,
    /// Whether it is of the owner's own view: what is inside sealed conversations, opened with keys that the
    /// owner gave (`--with-keys`). A tap does not learn it. Such lines come after all others, and of their
    /// conversation the accounts are those of the bytes inside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opened: bool,
}

/// The kinds of record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Body {
    /// The capture as a whole.
    Capture(Box<Capture>),
    /// Two endpoints that talked.
    Conversation(Box<Conversation>),
    /// How a conversation was sealed.
    Handshake(Box<Handshake>),
    /// A name that was readable.
    Name(Name),
    /// A request for a resource.
    Request(Box<Request>),
    /// A login that was readable.
    Credential(Box<Credential>),
    /// A telephone call.
    Call(Box<Call>),
    /// A stream of voice or video.
    Media(Box<Media>),
    /// A letter.
    Message(Box<Message>),
    /// A file.
    Object(Box<Object>),
    /// A judgement, with what proves it.
    Finding(Box<Finding>),
    /// What keys of the conversations' owner opened, as a whole. No tap learns it.
    Opened(Box<Opened>),
}

macro_rules! into_body {
    ($($kind:ident boxed),* ; $($plain:ident),*) => {
        $(impl From<$kind> for Body { fn from(record: $kind) -> Body { Body::$kind(Box::new(record)) } })*
        $(impl From<$plain> for Body { fn from(record: $plain) -> Body { Body::$plain(record) } })*
    };
}
into_body!(Capture boxed, Conversation boxed, Handshake boxed, Request boxed, Credential boxed, Call boxed,
    Media boxed, Message boxed, Object boxed, Finding boxed, Opened boxed; Name);

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Endpoint {
    /// Address of the innermost IP layer.
    pub ip: IpAddr,
    /// Port; 0 for transports that have none.
    pub port: u16,
}

impl Endpoint {
    /// An endpoint of its parts.
    pub fn new(ip: IpAddr, port: u16) -> Endpoint {
        Endpoint { ip, port }
    }
}

impl fmt::Display for Endpoint {
    /// `192.0.2.1:80`, `[2001:db8::1]:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// Where a payload byte ends (law 1): every byte in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// Understood and readable to a tap.
    Read,
    /// Encrypted.
    Sealed,
    /// Of no protocol that the tap knows.
    Unrecognised,
    /// Of a known protocol, but contradicting its rules.
    Malformed,
    /// Lost, or never captured.
    Missing,
    /// Seen before: a retransmission or a second copy.
    Duplicate,
    /// Set aside by a limit.
    Limited,
}

/// Payload bytes by [`Account`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Accounts {
    /// Bytes understood and readable to a tap.
    pub read: u64,
    /// Bytes encrypted.
    pub sealed: u64,
    /// Bytes of no protocol that the tap knows.
    pub unrecognised: u64,
    /// Bytes of a known protocol that contradict its rules.
    pub malformed: u64,
    /// Bytes lost or never captured.
    pub missing: u64,
    /// Bytes seen before.
    pub duplicate: u64,
    /// Bytes set aside by a limit.
    pub limited: u64,
}

impl Accounts {
    /// Books `bytes` to an account.
    pub fn add(&mut self, account: Account, bytes: u64) {
        *self.get_mut(account) += bytes;
    }

    /// The balance of an account, in bytes.
    pub fn get_mut(&mut self, account: Account) -> &mut u64 {
        match account {
            Account::Read => &mut self.read,
            Account::Sealed => &mut self.sealed,
            Account::Unrecognised => &mut self.unrecognised,
            Account::Malformed => &mut self.malformed,
            Account::Missing => &mut self.missing,
            Account::Duplicate => &mut self.duplicate,
            Account::Limited => &mut self.limited,
        }
    }

    /// All accounts together, in bytes.
    pub fn total(&self) -> u64 {
        self.read
            + self.sealed
            + self.unrecognised
            + self.malformed
            + self.missing
            + self.duplicate
            + self.limited
    }

    /// Name and balance of every account, in the ledger's order.
    pub fn entries(&self) -> [(&'static str, u64); 7] {
        [
            ("read", self.read),
            ("sealed", self.sealed),
            ("unrecognised", self.unrecognised),
            ("malformed", self.malformed),
            ("missing", self.missing),
            ("duplicate", self.duplicate),
            ("limited", self.limited),
        ]
    }
}

impl AddAssign for Accounts {
    fn add_assign(&mut self, other: Accounts) {
        self.read += other.read;
        self.sealed += other.sealed;
        self.unrecognised += other.unrecognised;
        self.malformed += other.malformed;
        self.missing += other.missing;
        self.duplicate += other.duplicate;
        self.limited += other.limited;
    }
}

/// The capture as a whole: the first record of every ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capture {
    /// What was read: file names without their folders, or `-`.
    pub source: Vec<String>,
    /// Names of the link types, each once, as libpcap calls them (`EN10MB`).
    pub link_types: Vec<String>,
    /// Names of the interfaces, where the capture says them.
    pub interfaces: Vec<String>,
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire: whole frames as they were before the capture cut them.
    pub bytes: u64,
    /// Bytes in the capture.
    pub captured_bytes: u64,
    /// Time of the first frame (the earliest).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// Time of the last frame (the latest).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// Frames of which the capture holds only a part.
    pub truncated_packets: u64,
    /// Frames in which no network layer was found.
    pub undecoded_packets: u64,
    /// Payload bytes: those that arrived, and those of streams that are known to be missing. The
    /// accounts add up to it.
    pub payload_bytes: u64,
    /// Where every payload byte ended.
    pub accounts: Accounts,
    /// Whether hearing was stopped before the end of the input: what is here is only its beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// What the tap could not do, in plain sentences: a file cut short, a limit reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

/// What the keys of the conversations' owner opened: the first record of the owner's own view. Which
/// conversations were opened depends on the keys alone; on the line all of them were sealed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Opened {
    /// Secrets that were given: in key logs, or in the captures.
    pub secrets: u64,
    /// Conversations of which something was opened.
    pub conversations: u64,
    /// Sealed conversations (TLS and QUIC) for which there were no keys.
    pub without_keys: u64,
    /// Conversations for which there were keys that did not fit.
    pub wrong_keys: u64,
    /// Conversations for which there were keys, whose cipher is not one that is opened: CBC and stream
    /// ciphers of TLS 1.2 and before.
    pub unsupported: u64,
    /// Where the bytes inside ended.
    pub accounts: Accounts,
    /// What could not be done, in plain sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

/// Two endpoints that talked, over one transport, until they closed it or fell silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Conversation {
    /// The number of its first frame: unique, and the same however the capture is read.
    pub id: u64,
    /// Community ID version 1 with seed 0; for TCP, UDP, SCTP and ICMP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub community_id: Option<String>,
    /// `tcp`, `udp`, `udp-lite`, `sctp`, `icmp`, `icmpv6`, or `ip-N` for IP protocol N.
    pub transport: Cow<'static, str>,
    /// The endpoint that opened it.
    pub client: Endpoint,
    /// The endpoint that was called.
    pub server: Endpoint,
    /// Frames from client to server, and from server to client.
    pub packets: [u64; 2],
    /// Bytes of whole frames on the wire, likewise.
    pub bytes: [u64; 2],
    /// Time of the first frame.
    pub start: Time,
    /// Time of the last frame.
    pub end: Time,
    /// The protocol as recognised from content; a chain as `smtp+tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// What a tap gets from it.
    pub exposure: Exposure,
    /// Tunnels and tags around it, outermost first: `vlan`, `gre`, `vxlan` ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encapsulation: Vec<String>,
    /// Names that stand for the server's address: asked for in DNS, or said by the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_names: Vec<String>,
    /// Where its payload bytes ended.
    pub accounts: Accounts,
    /// Bytes of which two different copies were seen: the tap cannot know which one was believed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub conflicting_bytes: u64,
}

pub(crate) fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Conversation {
    /// The server as a person would name it: `mail.example (192.0.2.1:25)`, or the bare endpoint.
    pub fn server_label(&self) -> String {
        match self.server_names.first() {
            Some(name) => format!("{name} ({})", self.server),
            None => self.server.to_string(),
        }
    }
}

/// How a conversation was sealed: what client and server agreed on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Handshake {
    /// `tls`, `dtls`, `quic`, `ssh`, `ikev2`, `wireguard` ...
    pub protocol: String,
    /// The version that was agreed: `TLS 1.3`, `DTLS 1.2`, `SSH-2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// IANA name of the chosen cipher suite, or `0x1234` where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<String>,
    /// IANA name of the selected group or method, or `0x1234` where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_exchange: Option<String>,
    /// Groups or methods that the client offered, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offered_key_exchange: Vec<String>,
    /// Whether both sides announced a post-quantum pre-shared key (RFC 8784). Whether they used it does not
    /// show: `quantum_safe` says nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppk_announced: Option<bool>,
    /// The server's name as the client gave it, lower case, no trailing dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The application protocol: chosen by the server where that is visible, else the client's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// JA4 fingerprint of the client: of its first ClientHello.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ja4: Option<String>,
    /// JA4 fingerprint of the second ClientHello, where the server asked for one (HelloRetryRequest) and it
    /// differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ja4_second: Option<String>,
    /// The client's software as it names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_software: Option<String>,
    /// The server's software as it names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_software: Option<String>,
    /// Whether an earlier session was resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
    /// Whether the server asked the client to begin again with another group (HelloRetryRequest).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried: Option<bool>,
    /// Whether the client sent data before the server's answer (0-RTT), which is never forward secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_data: Option<bool>,
    /// Name of the alert that ended it before anything was sealed: there is no conversation behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Compression below the seal, which lets lengths tell contents (CRIME): `DEFLATE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// What is known of an encrypted client hello (RFC 9849): `offered` (it may be GREASE, which looks the same),
    /// `grease`, `used` (the server's name above is only the outer one), `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_client_hello: Option<String>,
    /// The kind of host key that was agreed on (SSH): `ssh-ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// Whether the server's long-term key alone does not open it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_secret: Option<bool>,
    /// Whether the key exchange holds against a quantum computer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantum_safe: Option<bool>,
    /// The server's certificate, where it passes in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// The client's certificate, likewise: who logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<Certificate>,
}

/// An X.509 certificate, as far as it matters here (RFC 5280).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificate {
    /// Subject, as `CN=..., O=...`.
    pub subject: String,
    /// Issuer, likewise.
    pub issuer: String,
    /// Subject alternative names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Not valid before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// Not valid after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,
    /// Public key: `RSA 2048`, `ECDSA P-256`, `Ed25519`.
    pub key: String,
    /// Signature algorithm: `sha256WithRSAEncryption`.
    pub signature: String,
}

/// A name that was readable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Name {
    /// Where it was read: `dns-query`, `tls-sni`, `quic-sni`, `http-host`, `mdns`, `llmnr`, `nbns`,
    /// `dhcp` ...
    pub source: String,
    /// The name, lower case, no trailing dot; bytes that are not printable ASCII as `\123`, decimal (RFC 4343).
    pub name: String,
}

/// A request for a resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Request {
    /// Method, as sent.
    pub method: String,
    /// Host, as sent: with its port where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Target, as sent, its query masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Status code of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// A login that was readable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Credential {
    /// The protocol it is for: `ftp`, `http`, `imap`, `pop3`, `smtp`, `sip`, `snmp`, `telnet` ...
    pub protocol: String,
    /// `plain`, `login`, `basic`, `digest`, `bearer`, `cookie`, `form`, `user-pass`, `apop`, `cram-md5`,
    /// `community` ...
    pub mechanism: String,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password, token or community; for a challenge-response, the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Masked>,
    /// A challenge-response that a tap can attack offline.
    #[serde(default)]
    pub crackable: bool,
    /// Whether the server took it, where its answer was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
}

/// A letter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    /// The protocol that carried it.
    pub protocol: String,
    /// From, as its header says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Recipients, of the envelope where there is one, else of its header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Masked>,
    /// Size in bytes, as transferred and without the protocol's own framing.
    pub bytes: u64,
    /// SHA-256 of those bytes, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Number of attached files.
    #[serde(default)]
    pub attachments: u32,
    /// `pgp` or `smime` where the body is sealed by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<String>,
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Object {
    /// The protocol that carried it.
    pub protocol: String,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Media type, as declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Size in bytes, content codings undone.
    pub bytes: u64,
    /// SHA-256 of those bytes, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether all of it was seen.
    pub complete: bool,
}

/// A judgement, with what proves it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The rule's id: `overheard explain RULE` says more.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// What a tap gets here.
    pub exposure: Exposure,
    /// What the tap learns, in one plain sentence.
    pub learns: String,
    /// What to do about it.
    pub remedy: String,
    /// The standard that says so.
    pub standard: String,
    /// How often it was seen.
    pub count: u64,
    /// The conversations that it was seen in, by id, ascending, at most [`MAX_EVIDENCE`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversations: Vec<u64>,
}
