//! What one conversation says about another.

use std::net::IpAddr;

use crate::{CallStep, Encoding, Endpoint, Frames, MediaKey, Time};

/// Stands in a sentence for the server of its conversation: judging puts in the best known name and
/// the address.
pub const SERVER: &str = "{server}";

/// The most bytes of each side that [`HintBody::HighEntropy`] keeps.
pub const MAX_BEGINNING: usize = 32;

/// Something a conversation says that explains another one, or that a rule wants to know. Hints are
/// the input of `join` and `judge`; they are not part of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// The conversation that said it: the number of its first frame.
    pub conversation: u64,
    /// Evidence: frame numbers, ascending, at most [`crate::MAX_EVIDENCE`].
    pub frames: Frames,
    /// Time of the first of the frames.
    pub time: Time,
    /// What it says.
    pub body: HintBody,
}

/// What one party of a call says of the media that it will receive: an offer or an answer (RFC 3264).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The call's id.
    pub call: String,
    /// Who says it: the same number in all descriptions of one party of the call.
    pub party: u64,
    /// Its media. A medium has the same place in the offer and in its answer.
    pub media: Vec<DescribedMedia>,
}

/// One medium of a [`Description`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedMedia {
    /// Where its party will receive it; several with candidates (RFC 8839), none where nothing says.
    pub endpoints: Vec<Endpoint>,
    /// Whether it was refused.
    pub refused: bool,
    /// The sources that its party will send it from, where it names them (RFC 5576).
    pub ssrcs: Vec<u32>,
    /// Whether its profile is one of SRTP.
    pub secure: bool,
    /// Whether a fingerprint stands in it: DTLS-SRTP is offered (RFC 5763).
    pub fingerprint: bool,
    /// Whether it offers ZRTP (RFC 6189 section 8).
    pub zrtp: bool,
    /// Encodings by payload type, as far as they are named.
    pub encodings: Vec<Encoding>,
    /// Keys that its party would send with (RFC 4568), with the tags of their lines.
    pub keys: Vec<(u32, MediaKey)>,
}

/// What ties a call to another one that is the same to a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tie {
    /// The id of the session that both are legs of (RFC 7989): that of the caller.
    Session(String),
    /// The id of the other call, as its signalling names it (`Replaces`, RFC 3891).
    Call(String),
    /// Who transferred the other call, which made this one (`Referred-By`, RFC 3892).
    ReferredBy(String),
}

/// What a [`Hint`] says.
#[derive(Clone, Debug, PartialEq)]
pub enum HintBody {
    /// A name stands for an address (a DNS answer).
    Resolved {
        /// The name asked for, lower case, without trailing dot.
        name: String,
        /// The address that was given.
        address: IpAddr,
    },
    /// Another conversation with this endpoint will follow, and what it will carry (SDP announces a
    /// media stream, FTP a data connection).
    Expect {
        /// The endpoint that will receive or accept; its port is 1 to 65535.
        endpoint: Endpoint,
        /// Protocol name, as registered or (`ftp-data`) as the announced conversation is to be called; `h245` where
        /// what that conversation announces belongs to the one that `label` names.
        protocol: &'static str,
        /// What binds the two: the Call-ID of a call, the file's name of a transfer.
        label: Option<String>,
        /// Further facts for the record that the other conversation becomes: the codecs of SDP as
        /// (payload type, name), or one ("STOR", "") that says which way a file goes.
        details: Vec<(String, String)>,
    },
    /// A party of a call describes its media: what it takes to decode them, beside [`HintBody::Expect`].
    Described(Box<Description>),
    /// A step of a call whose beginning this conversation did not hear: it was long ago, or went another way.
    Step {
        /// The call's id.
        call: String,
        /// The step.
        step: Box<CallStep>,
        /// Whether it ends the call.
        ends: bool,
    },
    /// A call may be a leg of another one.
    Tied {
        /// The call's id.
        call: String,
        /// What ties it.
        by: Tie,
    },
    /// The conversation is a part of something that other conversations may be parts of too: an association
    /// of IKE, which changes ports, or a connection of QUIC, which may change addresses.
    Part {
        /// The protocol whose id it is, as registered.
        of: &'static str,
        /// The id: the SPI of the initiator, the connection id of the server.
        id: Vec<u8>,
        /// Whether the conversation is only taken for this protocol: `id` holds the bytes that the id of a
        /// connection would begin, and where no other conversation has one that they begin with, nobody
        /// recognised this one.
        guess: bool,
    },
    /// Nobody recognised the conversation, and its bytes are spread evenly from the first one on, as those of a
    /// cipher or of a compressed file are.
    HighEntropy {
        /// The first bytes that the client said, at most [`MAX_BEGINNING`].
        client: Vec<u8>,
        /// The first bytes that the server said, likewise.
        server: Vec<u8>,
    },
    /// A rule with [`crate::When::Observed`] holds for this conversation.
    Observed {
        /// The rule's id.
        rule: &'static str,
        /// What the tap learns, one plain sentence; a secret in it is masked already. [`SERVER`] in it
        /// stands for the server of the conversation, whose name may only be known later.
        learns: String,
    },
}
