//! The limits of the program, by name: what keeps memory and work bounded whatever arrives (law 3).
//!
//! What a limit sets aside is counted in the account `limited` and said in the report.

/// A limit as shown to people.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Name.
    pub name: &'static str,
    /// Value, in the unit that the meaning names.
    pub value: u64,
    /// What it bounds.
    pub meaning: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[doc = $doc])+ pub const $name: $type = $value;)*
        /// All limits, for `overheard --help` and the documentation.
        pub const ALL: &[Limit] = &[$(Limit { name: stringify!($name), value: $value as u64, meaning: concat!($($doc),+) }),*];
    };
}

limits! {
    /// Fragments that wait for the rest of their datagrams.
    MAX_FRAGMENTS: usize = 1 << 16;
    /// Bytes of fragments that wait for the rest of their datagrams.
    MAX_FRAGMENT_BYTES: usize = 32 << 20;
    /// Fragments of one datagram.
    MAX_FRAGMENTS_OF_ONE: usize = 1024;
    /// Records and hints that one conversation may write.
    MAX_RECORDS: u32 = 100_000;
    /// Bytes that each side of a stream may say before somebody must have recognised it.
    MAX_UNDECIDED: usize = 16 * 1024;
    /// Datagrams of a conversation that are shown to all protocols before it counts as unrecognised.
    MAX_PROBED_DATAGRAMS: u32 = 128;
    /// Analyzers that may share the datagrams of one conversation.
    MAX_ANALYZERS: usize = 4;
    /// Bytes of one side of a stream that an analyzer may leave untaken.
    MAX_UNTAKEN: usize = 256 * 1024;
    /// Bytes of one side of a stream that wait for an earlier segment.
    MAX_OUT_OF_ORDER: usize = 1024 * 1024;
    /// Bytes of one side of a stream that are kept after they were heard, to compare second copies with.
    MAX_COMPARED: usize = 4 * 1024;
    /// Acknowledgements after which a segment that its receiver has counts as never captured.
    MAX_REORDERED_PACKETS: u32 = 16;
    /// Bytes of one handshake message of TLS that are kept while it is put together.
    MAX_HANDSHAKE_MESSAGE: usize = 64 * 1024;
    /// Secrets of TLS that are kept of key logs and of the captures, where these are to be opened.
    MAX_SECRETS: usize = 1 << 16;
    /// Streams inside one sealed conversation that are followed at once, where it is opened.
    MAX_INNER_STREAMS: usize = 256;
    /// Bytes that one message's content may grow to when its coding (gzip, deflate) is undone.
    MAX_CONTENT: u64 = 64 * 1024 * 1024;
}
