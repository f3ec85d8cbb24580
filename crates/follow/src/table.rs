//! The flow table: conversations by key.
//!
//! Conversations lie in one row, and the hash table only says where: it grows without moving them one by
//! one, and a place that becomes free is used again.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::conversation::Conversation;
use crate::key::Key;

/// A place in the row.
struct Slot {
    key: Key,
    /// `None` where the place is free.
    conversation: Option<Conversation>,
}

/// Conversations by key.
pub(crate) struct Table {
    /// Seeded anew in every run: nobody can choose keys that meet.
    hasher: RandomState,
    places: HashTable<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// Memory that a conversation's entry takes, in bytes.
pub(crate) const ENTRY: usize = size_of::<Slot>() + 2 * size_of::<u32>();

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl Table {
    pub(crate) fn new() -> Table {
        Table {
            hasher: RandomState::default(),
            places: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The conversation of a key, begun with `begin` where there is none.
    pub(crate) fn entry(
        &mut self,
        key: &Key,
        begin: impl FnOnce() -> Conversation,
    ) -> Option<&mut Conversation> {
        let hash = self.hasher.hash_one(key);
        let slots = &self.slots;
        let same = |place: &u32| {
            slots
                .get(index(*place))
                .is_some_and(|slot| slot.key == *key)
        };
        let place = match self.places.find(hash, same) {
            Some(place) => *place,
            None => self.begin(hash, key, begin()),
        };
        self.slots.get_mut(index(place))?.conversation.as_mut()
    }

    fn begin(&mut self, hash: u64, key: &Key, conversation: Conversation) -> u32 {
        let slot = Slot {
            key: *key,
            conversation: Some(conversation),
        };
        // Four thousand million conversations do not fit in memory: a place always has a number.
        let next = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let place = self.free.pop().unwrap_or(next);
        match self.slots.get_mut(index(place)) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.places.insert_unique(hash, place, |place| {
            slots
                .get(index(*place))
                .map_or(0, |slot| hasher.hash_one(slot.key))
        });
        place
    }

    /// The conversations.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Conversation> {
        self.slots
            .iter()
            .filter_map(|slot| slot.conversation.as_ref())
    }

    /// Takes out the conversations that a condition holds for, in the order in which they began.
    pub(crate) fn take_where(
        &mut self,
        is_over: impl Fn(&Conversation) -> bool,
    ) -> Vec<Conversation> {
        let mut taken = Vec::new();
        for (place, slot) in self.slots.iter_mut().enumerate() {
            if !slot.conversation.as_ref().is_some_and(&is_over) {
                continue;
            }
            let Ok(place) = u32::try_from(place) else {
                continue;
            };
            taken.extend(slot.conversation.take());
            self.free.push(place);
            let hash = self.hasher.hash_one(slot.key);
            if let Ok(entry) = self.places.find_entry(hash, |other| *other == place) {
                entry.remove();
            }
        }
        taken.sort_unstable_by_key(Conversation::id);
        taken
    }
}
