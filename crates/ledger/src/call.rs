//! Records of calls: who called whom, and what of it could be heard.

use serde::{Deserialize, Serialize};

use crate::record::is_zero;
use crate::{Endpoint, Masked, Time};

fn is_zero_count(value: &u32) -> bool {
    *value == 0
}

/// How far a call came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CallState {
    /// Asked for; no answer was seen.
    #[default]
    Attempted,
    /// It rang.
    Ringing,
    /// Given up by the caller.
    Cancelled,
    /// Refused, busy, not found, or failed otherwise.
    Failed,
    /// Answered; no end was seen.
    Answered,
    /// Answered, and hung up.
    Ended,
}

/// What was said to set a call up or to end it, once: a rung of its ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallStep {
    /// The frame that brought it, as Wireshark numbers it.
    pub frame: u64,
    /// When.
    pub time: Time,
    /// Who said it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// What: a method (`INVITE`), or a code and its usual reason (`180 Ringing`). No words of the parties.
    pub what: String,
}

/// The most steps that are kept of a call.
pub const MAX_CALL_STEPS: usize = 64;

/// A telephone call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Call {
    /// The signalling: `sip`, `sccp`, `mgcp`, `h323`, `iax2`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// The signalling's own id.
    pub call_id: String,
    /// Who called: a URI, without display name and parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who was called, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How far it came.
    pub state: CallState,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// When it first rang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing: Option<Time>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// Digits dialled during the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<Masked>,
    /// Why it failed, as a code and its usual reason: `486 Busy Here`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who the caller is as the network vouches for it (P-Asserted-Identity, RFC 3325), where that is not `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asserted: Option<String>,
    /// Who was called first, where the call was diverted (RFC 5806, RFC 7044).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverted_from: Option<String>,
    /// Who the call was transferred to (REFER, RFC 3515).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transferred_to: Option<String>,
    /// How often it was put on hold.
    #[serde(default, skip_serializing_if = "is_zero_count")]
    pub holds: u32,
    /// The id of the call that this one is another leg of, seen elsewhere or beyond an agent that speaks for both sides
    /// (RFC 7092): one call, to be told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg_of: Option<String>,
    /// What was said to set it up and end it, in the order of time; at most [`MAX_CALL_STEPS`], without repetitions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<CallStep>,
}

/// What signalling said of one payload type (RFC 8866 section 6.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// Its name: `PCMU`, `opus`, `telephone-event`.
    pub name: String,
    /// The clock of the time stamps, in Hz.
    pub clock: u32,
    /// Channels; 1 unless said.
    pub channels: u8,
    /// Format parameters (`a=fmtp`), as given, or empty.
    pub parameters: String,
}

/// A master key and salt that passed in clear (RFC 4568). It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaKey {
    /// The crypto suite: `AES_CM_128_HMAC_SHA1_80`.
    pub suite: String,
    /// Master key and salt, one behind the other.
    pub key: Vec<u8>,
    /// Bytes of the master key identifier at the end of each packet; 0 where there is none (RFC 4568 section 6.1).
    pub identifier: Option<(u64, u8)>,
}

impl std::fmt::Debug for MediaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaKey")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// What signalling said of a stream of media: what it takes to decode it. Not part of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Encodings by payload type; those that are not here have the static ones of RFC 3551.
    pub encodings: Vec<Encoding>,
    /// Keys that may open it, each once: those of its sender, then those of both sides.
    pub keys: Vec<MediaKey>,
}

/// One direction of one RTP stream (RFC 3550).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Media {
    /// Synchronisation source: `0x` and 8 hexadecimal digits, as Wireshark shows it. Without the prefix one in
    /// forty would read as a decimal number.
    pub ssrc: String,
    /// Who sends.
    pub source: Endpoint,
    /// Who receives.
    pub destination: Endpoint,
    /// The payload type that most packets have, 0 to 127.
    pub payload_type: u8,
    /// The codec, as SDP calls it (`PCMU`, `opus`); the static assignment of RFC 3551 where no SDP says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Packets seen.
    pub packets: u64,
    /// Packets missing by their sequence numbers, where they have some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Seconds from the first packet to the last.
    pub seconds: f64,
    /// Seconds of speech in it, where it was decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speech_seconds: Option<f64>,
    /// How loud it was, where it was decoded: the loudest sample of each of equal parts of its time, 0 to 100 (full scale).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loudness: Vec<u8>,
    /// Digits that were pressed: telephone events (RFC 4733) or tones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<Masked>,
    /// Interarrival jitter, in milliseconds (RFC 3550 section 6.4.1): the highest that it reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<f64>,
    /// Packets that came behind later ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reordered: u64,
    /// Packets that came again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duplicates: u64,
    /// `none`, `sdes-in-clear`, `sdes`, `dtls-srtp`, `zrtp`; empty where nothing says whether the payload
    /// is sealed: a codec that no signalling explained.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub protection: String,
    /// The call that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Whether only the look of the packets says that it is RTP, weakly: kept by `join` only where
    /// something announced it.
    #[serde(skip)]
    pub tentative: bool,
    /// What signalling said of it, for those who decode it.
    #[serde(skip)]
    pub announced: Option<Box<Announced>>,
}

impl Media {
    /// A stream of which nothing else is known yet.
    pub fn new(ssrc: u32, source: Endpoint, destination: Endpoint) -> Media {
        Media {
            ssrc: format!("0x{ssrc:08x}"),
            source,
            destination,
            payload_type: 0,
            codec: None,
            packets: 0,
            lost: None,
            seconds: 0.0,
            speech_seconds: None,
            loudness: Vec::new(),
            digits: None,
            jitter_ms: None,
            reordered: 0,
            duplicates: 0,
            protection: String::new(),
            call_id: None,
            tentative: false,
            announced: None,
        }
    }
}
