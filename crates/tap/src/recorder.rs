//! Where sound is kept until it is known what it is.

use std::fmt::Debug;

use overheard_ledger::{Endpoint, Time};

/// A stream of RTP: one source in one direction of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SoundStream {
    /// The conversation's id.
    pub conversation: u64,
    /// Who sends.
    pub source: Endpoint,
    /// Synchronisation source (RFC 3550 section 3).
    pub ssrc: u32,
}

/// Keeps the packets of media. Which codec they are in, and which key opens them, another conversation says,
/// maybe later: so they are kept as they came, and looked at when all has been heard.
pub trait Recorder: Debug + Send + Sync {
    /// Keeps a packet of RTP, header and all. `shard` numbers those who record at the same time; what is
    /// set aside by a limit depends on what its own shard recorded alone.
    fn record(&self, shard: usize, stream: SoundStream, time: Time, packet: &[u8]);
}
