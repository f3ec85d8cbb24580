//! A shard: the conversations of one part of the endpoints, followed on packet time.

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use overheard_tap::Notebook;
use overheard_tap::limits::MAX_CONVERSATIONS;

use crate::conversation::{Arrived, Conversation, Surroundings, idle_limit};
use crate::hearing::Protocols;
use crate::key::Key;
use crate::outcome::Options;

/// Shards, whatever the number of threads: what a shard forgets must not depend on it.
pub(crate) const SHARDS: usize = 16;

/// Packets of a shard between two looks for conversations that have fallen silent.
const SWEEP: u64 = 1 << 17;

/// What the conversations of a shard add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Payload bytes that arrived or were found missing.
    pub(crate) offered: u64,
    /// Conversations that had to make room.
    pub(crate) evicted: u64,
    /// Records and hints set aside by a limit.
    pub(crate) set_aside: u64,
}

/// The conversations of one shard.
pub(crate) struct Shard {
    protocols: Protocols,
    options: Options,
    table: HashMap<Key, Conversation, RandomState>,
    book: Notebook,
    totals: Totals,
    packets: u64,
}

impl Shard {
    pub(crate) fn new(protocols: Protocols, options: Options) -> Shard {
        Shard {
            protocols,
            options,
            table: HashMap::default(),
            book: Notebook::default(),
            totals: Totals::default(),
            packets: 0,
        }
    }

    /// Hears a packet of one of its conversations.
    pub(crate) fn hear(&mut self, key: Key, packet: &Arrived<'_>) {
        self.packets += 1;
        if self.packets.is_multiple_of(SWEEP) {
            self.sweep(packet);
        }
        let mut surroundings = Surroundings {
            protocols: self.protocols,
            options: self.options,
            book: &mut self.book,
        };
        let conversation = match self.table.entry(key) {
            hashbrown::hash_map::Entry::Occupied(entry) => {
                let conversation = entry.into_mut();
                if conversation.is_over_for(packet) {
                    let old = std::mem::replace(conversation, Conversation::new(packet));
                    old.finish(&mut surroundings, &mut self.totals);
                }
                conversation
            }
            hashbrown::hash_map::Entry::Vacant(entry) => entry.insert(Conversation::new(packet)),
        };
        conversation.hear(packet, &mut surroundings);
        if self.table.len() > MAX_CONVERSATIONS / SHARDS {
            self.evict();
        }
    }

    /// Finishes the conversations that have been silent for long.
    fn sweep(&mut self, packet: &Arrived<'_>) {
        let now = packet.moment.time;
        self.finish_where(|conversation| {
            now.since(conversation.last.time) > idle_limit(conversation.ip_protocol())
        });
    }

    /// Makes room: finishes the quarter of the conversations that have been silent longest.
    fn evict(&mut self) {
        let mut times: Vec<(u64, u64)> = self
            .table
            .values()
            .map(|conversation| (conversation.last.time.0, conversation.last.frame))
            .collect();
        let quarter = times.len() / 4;
        let (_, bound, _) = times.select_nth_unstable(quarter);
        let bound = *bound;
        self.totals.evicted += quarter as u64;
        self.finish_where(|conversation| {
            (conversation.last.time.0, conversation.last.frame) < bound
        });
    }

    /// Finishes the conversations that a condition holds for, in the order in which they began.
    fn finish_where(&mut self, is_over: impl Fn(&Conversation) -> bool) {
        let mut over: Vec<Conversation> = self
            .table
            .extract_if(|_, conversation| is_over(conversation))
            .map(|(_, conversation)| conversation)
            .collect();
        over.sort_unstable_by_key(Conversation::id);
        let mut surroundings = Surroundings {
            protocols: self.protocols,
            options: self.options,
            book: &mut self.book,
        };
        for conversation in over {
            conversation.finish(&mut surroundings, &mut self.totals);
        }
    }

    /// The end of the capture: what was written down, the payload bytes, and the conversations that had
    /// to make room.
    pub(crate) fn finish(mut self) -> (Notebook, Totals) {
        self.finish_where(|_| true);
        (self.book, self.totals)
    }
}
