//! A shard: the conversations of one part of the endpoints, followed on packet time.

use std::sync::Arc;

use overheard_tap::{Keys, Notebook, Recorder};

use crate::budget::Budget;
use crate::conversation::{Arrived, Conversation, Surroundings, idle_limit};
use crate::hearing::Protocols;
use crate::inside::Opening;
use crate::key::Key;
use crate::outcome::{Aids, OpenedCounts, Options};
use crate::table::{Entry, Sought, Table};
use crate::written::{Dropped, Written};

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
    /// What was set aside because the memory for what is written down was spent.
    pub(crate) dropped: Dropped,
    /// What became of the conversations that were to be opened.
    pub(crate) opened: OpenedCounts,
}

/// The conversations of one shard.
pub(crate) struct Shard {
    protocols: Protocols,
    options: Options,
    budget: Budget,
    table: Table,
    /// Where the conversations of the packets that are to be heard were found, in their order.
    sought: Vec<Sought>,
    /// Memory of the conversations in the table, in bytes.
    weight: usize,
    written: Written,
    totals: Totals,
    packets: u64,
    /// Its number.
    index: usize,
    keys: Option<Arc<Keys>>,
    recorder: Option<Arc<dyn Recorder>>,
    opening: Opening,
    /// What is inside of what was opened.
    opened: Written,
}

impl Shard {
    pub(crate) fn new(index: usize, protocols: Protocols, options: Options, aids: &Aids) -> Shard {
        let budget = Budget::of(options.memory);
        Shard {
            protocols,
            options,
            budget,
            table: Table::new(),
            sought: Vec::new(),
            weight: 0,
            written: Written::new(budget.written),
            totals: Totals::default(),
            packets: 0,
            index,
            keys: aids.keys.clone(),
            recorder: aids.recorder.clone(),
            opening: Opening::default(),
            opened: Written::new(budget.opened),
        }
    }

    /// Looks for the conversations of the packets that will be heard next: one search does not wait for
    /// another, and what they find is at hand when it is heard.
    pub(crate) fn seek<'k>(&mut self, keys: impl Iterator<Item = &'k Key>) {
        self.sought.clear();
        self.sought.extend(keys.map(|key| self.table.seek(key)));
    }

    /// Hears a packet of one of its conversations: the packet that stood at `turn` among those that
    /// [`Shard::seek`] was told of.
    pub(crate) fn hear(&mut self, turn: usize, key: &Key, packet: &Arrived<'_>) {
        self.packets += 1;
        if self.packets.is_multiple_of(SWEEP) {
            self.sweep(packet);
        }
        let mut surroundings = Surroundings {
            protocols: self.protocols,
            options: self.options,
            budget: &self.budget,
            book: &mut self.written.book,
            keys: self.keys.as_deref(),
            opening: &mut self.opening,
            opened: &mut self.opened.book,
            recorder: self.recorder.as_deref().map(|it| (it, self.index)),
        };
        let sought = self.sought.get(turn).copied();
        let sought = sought.unwrap_or_else(|| self.table.seek(key));
        let entry = self
            .table
            .entry(key, sought, || Conversation::new(key, packet));
        let Some(Entry {
            conversation,
            weight: before,
        }) = entry
        else {
            return;
        };
        if conversation.has_heard() {
            if conversation.doubts(packet) {
                return;
            }
            if let Some(asked) = conversation.granted(packet) {
                let mut new = Conversation::new(key, packet);
                new.begin_with(&asked);
                let old = std::mem::replace(conversation, new);
                old.finish(&mut surroundings, &mut self.totals, false);
            } else if conversation.is_over_for(packet) {
                let old = std::mem::replace(conversation, Conversation::new(key, packet));
                old.finish(&mut surroundings, &mut self.totals, false);
            }
        }
        conversation.hear(packet, &mut surroundings);
        let weight = conversation.weight();
        let before = std::mem::replace(before, weight);
        self.weight = (self.weight + weight).saturating_sub(before);
        self.written.weigh();
        self.opened.weigh();
        if self.weight > self.budget.following {
            self.evict();
        }
    }

    /// Finishes the conversations that have been silent for long.
    fn sweep(&mut self, packet: &Arrived<'_>) {
        let now = packet.moment.time;
        self.finish_where(false, |conversation| {
            now.since(conversation.last.time) > idle_limit(conversation.ip_protocol())
        });
    }

    /// Makes room: finishes the conversations that are least useful to follow, a quarter of the memory.
    /// First those in which nothing was said, then those that have been silent longest.
    fn evict(&mut self) {
        let mut all: Vec<_> = self
            .table
            .iter()
            .map(|(conversation, weight)| (conversation.usefulness(), weight))
            .collect();
        all.sort_unstable();
        let goal = self.budget.following / 4 * 3;
        let (mut weight, mut bound, mut evicted) = (self.weight, None, 0);
        for (usefulness, of) in all {
            if weight <= goal {
                break;
            }
            weight = weight.saturating_sub(of);
            bound = Some(usefulness);
            evicted += 1;
        }
        self.totals.evicted += evicted;
        self.finish_where(true, |conversation| {
            Some(conversation.usefulness()) <= bound
        });
    }

    /// Finishes the conversations that a condition holds for, in the order in which they began; `early`
    /// says that they would go on.
    fn finish_where(&mut self, early: bool, is_over: impl Fn(&Conversation) -> bool) {
        for place in self.table.places_where(is_over) {
            if let Some((conversation, weight)) = self.table.take(place) {
                self.weight = self.weight.saturating_sub(weight);
                self.finish_one(conversation, early);
            }
        }
    }

    fn finish_one(&mut self, conversation: Conversation, early: bool) {
        let mut surroundings = Surroundings {
            protocols: self.protocols,
            options: self.options,
            budget: &self.budget,
            book: &mut self.written.book,
            keys: self.keys.as_deref(),
            opening: &mut self.opening,
            opened: &mut self.opened.book,
            recorder: self.recorder.as_deref().map(|it| (it, self.index)),
        };
        conversation.finish(&mut surroundings, &mut self.totals, early);
        self.written.weigh();
        self.opened.weigh();
    }

    /// The end of the capture: what was written down, also of what was opened, and what it adds up to.
    pub(crate) fn finish(mut self) -> (Notebook, Notebook, Totals) {
        for place in self.table.places_where(|_| true) {
            if let Some((conversation, _)) = self.table.take_last(place) {
                self.finish_one(conversation, false);
            }
        }
        self.totals.dropped = self.written.dropped;
        let set_aside = self.opened.dropped;
        self.totals.opened.set_aside += set_aside.notes + set_aside.conversations;
        (self.written.book, self.opened.book, self.totals)
    }
}
