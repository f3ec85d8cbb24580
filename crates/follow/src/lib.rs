//! Conversations: from frames to what was said.
//!
//! The reader decodes headers, puts fragments together and gives every packet to one of
//! [`shard::SHARDS`] shards, by its endpoints. A shard follows its conversations on packet time and lets
//! analyzers hear them. Shards share nothing, and their number does not depend on the number of
//! threads: so the answer is the same with 1 thread or 16 (law 2).

mod beginning;
mod books;
mod budget;
mod chain;
mod community_id;
mod conflict;
mod conversation;
mod counting;
mod crew;
mod datagrams;
mod defragment;
mod direction;
mod hearing;
mod inside;
mod key;
mod outcome;
mod reader;
mod recent;
mod shard;
mod stream;
mod table;
mod unread;
mod written;

pub use budget::MIN_MEMORY;
pub use outcome::{Aids, DEFAULT_MEMORY, Heard, Opened, OpenedCounts, Options};
pub use reader::{follow, follow_with};
