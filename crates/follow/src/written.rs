//! What the conversations of a shard have written down, within its budget (law 3).
//!
//! When it grows beyond the budget the least useful goes first, and among equals what came last: a
//! flood does not push out what was learned before it.

use std::collections::HashMap;
use std::ops::AddAssign;

use overheard_ledger::{Accounts, Body, HintBody, Record};
use overheard_tap::Notebook;

/// Sentences of one rule, of one shard, that are as useful as any other note; further ones would only
/// be counted in the report.
const TELLING_SENTENCES: u32 = 1_000;

/// How useful a note is, the least useful first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// A conversation in which nothing was said.
    Silent,
    /// One name or sentence among very many.
    Common,
    /// A conversation, a request.
    Ordinary,
    /// What a tap is after.
    Telling,
}

const USES: [Use; 4] = [Use::Silent, Use::Common, Use::Ordinary, Use::Telling];

/// The notebook of a shard.
pub(crate) struct Written {
    pub(crate) book: Notebook,
    /// Records and hints that have been weighed.
    weighed: (usize, usize),
    /// Their memory, in bytes.
    weight: usize,
    budget: usize,
    /// What was set aside.
    pub(crate) dropped: Dropped,
}

/// What was set aside because the budget was spent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dropped {
    /// Records and hints, but for those of conversations.
    pub(crate) notes: u64,
    /// Records of conversations.
    pub(crate) conversations: u64,
    /// The accounts of those conversations: what was read of them counts as set aside.
    pub(crate) accounts: Accounts,
}

impl Written {
    pub(crate) fn new(budget: usize) -> Written {
        Written {
            book: Notebook::default(),
            weighed: (0, 0),
            weight: 0,
            budget,
            dropped: Dropped::default(),
        }
    }

    /// Weighs what is new, and makes room where it has become too much. Nothing that an analyzer is
    /// still writing may be in the notebook.
    #[inline]
    pub(crate) fn weigh(&mut self) {
        let (records, hints) = self.weighed;
        if (self.book.records.len(), self.book.hints.len()) != (records, hints) {
            self.weigh_from(records, hints);
        }
    }

    fn weigh_from(&mut self, records: usize, hints: usize) {
        let new = self.book.records.get(records..).unwrap_or_default();
        self.weight += new.iter().map(Record::footprint).sum::<usize>();
        let new = self.book.hints.get(hints..).unwrap_or_default();
        self.weight += new.iter().map(|hint| hint.footprint()).sum::<usize>();
        self.weighed = (self.book.records.len(), self.book.hints.len());
        if self.weight > self.budget {
            self.make_room();
        }
    }

    /// Sets the least useful quarter aside.
    fn make_room(&mut self) {
        let goal = self.budget / 4 * 3;
        let uses: Vec<Use> = self.book.records.iter().map(use_of).collect();
        let mut sentences: HashMap<&str, u32> = HashMap::new();
        let hint_uses: Vec<Use> = self
            .book
            .hints
            .iter()
            .map(|hint| match &hint.body {
                HintBody::Resolved { .. } => Use::Common,
                HintBody::HighEntropy { .. } => Use::Common,
                HintBody::Expect { .. }
                | HintBody::Described(_)
                | HintBody::Step { .. }
                | HintBody::Tied { .. }
                | HintBody::Part { .. } => Use::Telling,
                HintBody::Observed { rule, .. } => {
                    let count = sentences.entry(rule).or_default();
                    *count += 1;
                    if *count > TELLING_SENTENCES {
                        Use::Common
                    } else {
                        Use::Telling
                    }
                }
            })
            .collect();
        let mut keep = vec![true; uses.len()];
        let mut keep_hint = vec![true; hint_uses.len()];
        for class in USES {
            let records = self.book.records.iter().zip(&uses).zip(&mut keep);
            for ((record, of), keep) in records.rev() {
                if self.weight > goal && *of == class {
                    *keep = false;
                    self.weight -= record.footprint().min(self.weight);
                    self.dropped.add(record);
                }
            }
            let hints = self.book.hints.iter().zip(&hint_uses).zip(&mut keep_hint);
            for ((hint, of), keep) in hints.rev() {
                if self.weight > goal && *of == class {
                    *keep = false;
                    self.weight -= hint.footprint().min(self.weight);
                    self.dropped.notes += 1;
                }
            }
        }
        let mut keep = keep.into_iter();
        self.book.records.retain(|_| keep.next().unwrap_or(true));
        let mut keep = keep_hint.into_iter();
        self.book.hints.retain(|_| keep.next().unwrap_or(true));
        self.weighed = (self.book.records.len(), self.book.hints.len());
    }
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Dropped) {
        self.notes += other.notes;
        self.conversations += other.conversations;
        self.accounts += other.accounts;
    }
}

impl Dropped {
    fn add(&mut self, record: &Record) {
        let Body::Conversation(conversation) = &record.body else {
            self.notes += 1;
            return;
        };
        self.conversations += 1;
        let mut accounts = conversation.accounts;
        accounts.limited += std::mem::take(&mut accounts.read);
        self.accounts += accounts;
    }
}

fn use_of(record: &Record) -> Use {
    match &record.body {
        Body::Conversation(conversation) if conversation.accounts.total() == 0 => Use::Silent,
        Body::Name(_) => Use::Common,
        Body::Conversation(_) | Body::Request(_) => Use::Ordinary,
        _ => Use::Telling,
    }
}
