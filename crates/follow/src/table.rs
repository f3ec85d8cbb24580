//! The flow table: conversations by key.
//!
//! Conversations lie in rows, and the hash table only says where: it grows without moving them, and a place
//! that becomes free is used again.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::conversation::Conversation;
use crate::key::Key;

/// A place in a row.
struct Slot {
    key: Key,
    /// What the conversation weighed when it was last heard, in bytes.
    weight: usize,
    /// `None` where the place is free.
    conversation: Option<Conversation>,
}

/// Places in a row: so many are made at once.
const ROW: usize = 64;

/// Conversations by key.
pub(crate) struct Table {
    /// Seeded anew in every run: nobody can choose keys that meet.
    hasher: RandomState,
    places: HashTable<u32>,
    /// Rows of [`ROW`] places, of which only the last may be shorter.
    rows: Vec<Vec<Slot>>,
    free: Vec<u32>,
}

/// Memory that a conversation's entry takes, in bytes.
pub(crate) const ENTRY: usize = size_of::<Slot>() + 2 * size_of::<u32>();

/// Where a key was looked for, and found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought {
    hash: u64,
    /// Meanwhile another conversation may lie there.
    place: Option<u32>,
}

/// A conversation in the table.
pub(crate) struct Entry<'a> {
    pub(crate) conversation: &'a mut Conversation,
    /// What it weighed when it was last heard, in bytes; 0 where it has just begun.
    pub(crate) weight: &'a mut usize,
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn slot(rows: &[Vec<Slot>], place: u32) -> Option<&Slot> {
    let place = index(place);
    rows.get(place / ROW)?.get(place % ROW)
}

fn slot_mut(rows: &mut [Vec<Slot>], place: u32) -> Option<&mut Slot> {
    let place = index(place);
    rows.get_mut(place / ROW)?.get_mut(place % ROW)
}

impl Table {
    pub(crate) fn new() -> Table {
        Table {
            hasher: RandomState::default(),
            places: HashTable::new(),
            rows: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Looks for the conversation of a key.
    #[inline]
    pub(crate) fn seek(&self, key: &Key) -> Sought {
        let hash = self.hasher.hash_one(key);
        Sought {
            hash,
            place: self.find(hash, key),
        }
    }

    #[inline]
    fn find(&self, hash: u64, key: &Key) -> Option<u32> {
        let same = |place: &u32| slot(&self.rows, *place).is_some_and(|slot| slot.key == *key);
        self.places.find(hash, same).copied()
    }

    /// The conversation of a key that was looked for, begun with `begin` where there is none.
    #[inline]
    pub(crate) fn entry(
        &mut self,
        key: &Key,
        sought: Sought,
        begin: impl FnOnce() -> Conversation,
    ) -> Option<Entry<'_>> {
        let is_there = |place: &u32| {
            slot(&self.rows, *place)
                .is_some_and(|slot| slot.key == *key && slot.conversation.is_some())
        };
        let place = sought.place.filter(is_there);
        let place = match place.or_else(|| self.find(sought.hash, key)) {
            Some(place) => place,
            None => self.begin(sought.hash, key, begin()),
        };
        let slot = slot_mut(&mut self.rows, place)?;
        Some(Entry {
            conversation: slot.conversation.as_mut()?,
            weight: &mut slot.weight,
        })
    }

    fn begin(&mut self, hash: u64, key: &Key, conversation: Conversation) -> u32 {
        let slot = Slot {
            key: *key,
            weight: 0,
            conversation: Some(conversation),
        };
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(free) = slot_mut(&mut self.rows, place) {
                    *free = slot;
                }
                place
            }
            None => self.lay_out(slot),
        };
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.places.insert_unique(hash, place, |place| {
            self::slot(rows, *place).map_or(0, |slot| hasher.hash_one(slot.key))
        });
        place
    }

    /// Puts a conversation behind all others.
    fn lay_out(&mut self, slot: Slot) -> u32 {
        if self.rows.last().is_none_or(|row| row.len() == ROW) {
            self.rows.push(Vec::with_capacity(ROW));
        }
        let rows = self.rows.len().saturating_sub(1);
        let in_row = self.rows.last_mut().map_or(0, |row| {
            row.push(slot);
            row.len() - 1
        });
        // Four thousand million conversations do not fit in memory: a place always has a number.
        u32::try_from(rows * ROW + in_row).unwrap_or(u32::MAX)
    }

    /// The conversations, with what they weigh.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Conversation, usize)> {
        self.slots()
            .filter_map(|(_, slot)| Some((slot.conversation.as_ref()?, slot.weight)))
    }

    fn slots(&self) -> impl Iterator<Item = (u32, &Slot)> {
        (0..u32::MAX).zip(self.rows.iter().flatten())
    }

    /// The places of the conversations that a condition holds for, in the order in which they began.
    pub(crate) fn places_where(&self, is_over: impl Fn(&Conversation) -> bool) -> Vec<u32> {
        let mut places: Vec<(u64, u32)> = self
            .slots()
            .filter_map(|(place, slot)| Some((place, slot.conversation.as_ref()?)))
            .filter(|(_, conversation)| is_over(conversation))
            .map(|(place, conversation)| (conversation.id(), place))
            .collect();
        places.sort_unstable();
        places.into_iter().map(|(_, place)| place).collect()
    }

    /// Takes out the conversation at a place, with what it weighed.
    pub(crate) fn take(&mut self, place: u32) -> Option<(Conversation, usize)> {
        let slot = slot_mut(&mut self.rows, place)?;
        let conversation = slot.conversation.take()?;
        self.free.push(place);
        let hash = self.hasher.hash_one(slot.key);
        if let Ok(entry) = self.places.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        Some((conversation, slot.weight))
    }

    /// As [`Table::take`], where all are taken out, and none will come.
    pub(crate) fn take_last(&mut self, place: u32) -> Option<(Conversation, usize)> {
        let slot = slot_mut(&mut self.rows, place)?;
        Some((slot.conversation.take()?, slot.weight))
    }
}
