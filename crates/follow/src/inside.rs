//! What is inside a sealed conversation, opened with the keys of its owner: streams that are heard by the same
//! protocols as all others, and written down apart. No tap learns it.

use std::collections::{BTreeMap, BTreeSet};

use overheard_ledger::{Account, Accounts, Endpoint, Exposure, Reveal};
use overheard_tap::limits::MAX_INNER_STREAMS;
use overheard_tap::{Analyzer, Keys, Notebook, Outcome, Over, Protocol, Side, Unsealed};

use crate::books::{Books, PLAUSIBLE_HOLE};
use crate::budget::Budget;
use crate::direction::{Held, Segment};
use crate::hearing::{Mind, Moment, Protocols, Room};
use crate::stream::Stream;

/// Sealed conversations that may lie inside each other and are opened: a proxy that is spoken to over TLS
/// carries TLS.
const MAX_DEPTH: usize = 2;

/// Streams that are over and remembered, so that a second copy of their bytes begins nothing new.
const MAX_OVER: usize = 1024;

/// Different protocols inside one conversation that are named.
const MAX_CHAINS: usize = 4;

/// What analyzers opened while something was heard.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    pub(crate) unsealed: Vec<Unsealed>,
    /// What became of the conversation.
    pub(crate) outcome: Option<Outcome>,
}

impl Opening {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.unsealed.is_empty() && self.outcome.is_none()
    }

    /// Notes what became of a conversation; the best word holds.
    pub(crate) fn join(&mut self, outcome: Option<Outcome>) {
        self.outcome = better(self.outcome, outcome);
    }
}

fn better(one: Option<Outcome>, other: Option<Outcome>) -> Option<Outcome> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The sealed bytes of a stream, put in order a second time for whoever opens them. The tap counts them and
/// does not hear them; neither does this change what it counts.
pub(crate) struct Unsealing {
    stream: Stream,
    books: Books,
    /// Sides whose sealed bytes have begun.
    begun: [bool; 2],
}

/// Where the sealed bytes of a side begin.
pub(crate) struct SealedFrom<'a> {
    /// The first of them.
    pub(crate) bytes: &'a [u8],
    /// Bytes after them that the snap length cut off.
    pub(crate) cut: u64,
    /// The sequence number after both.
    pub(crate) sequence: u32,
    pub(crate) moment: Moment,
}

impl Unsealing {
    pub(crate) fn new(protocol: &'static Protocol, opener: Box<dyn Analyzer>) -> Unsealing {
        Unsealing {
            stream: Stream::heard_by(Mind::with(protocol, opener)),
            books: Books::default(),
            begun: [false; 2],
        }
    }

    fn has_begun(&self, side: Side) -> bool {
        self.begun.get(side.index()).copied().unwrap_or_default()
    }

    /// The sealed bytes of a side begin; `held` are segments that came too early, with their sequence numbers.
    pub(crate) fn begin<'h>(
        &mut self,
        room: &mut Room<'_>,
        side: Side,
        from: &SealedFrom<'_>,
        held: impl Iterator<Item = (u32, &'h Held)>,
    ) {
        if self.has_begun(side) {
            return;
        }
        if let Some(begun) = self.begun.get_mut(side.index()) {
            *begun = true;
        }
        let &SealedFrom {
            bytes, cut, moment, ..
        } = from;
        let length = bytes.len() as u64 + cut;
        let first = from.sequence.wrapping_sub((length & 0xffff_ffff) as u32);
        self.stream.begin(side, first.wrapping_sub(1));
        let segment = |sequence, bytes, length, moment| Segment {
            sequence,
            bytes,
            length,
            moment,
        };
        self.segment(room, side, &segment(first, bytes, length, moment));
        for (sequence, held) in held {
            let segment = segment(sequence, &held.bytes, held.length(), held.moment);
            self.segment(room, side, &segment);
        }
    }

    /// As [`Stream::segment`].
    pub(crate) fn segment(&mut self, room: &mut Room<'_>, side: Side, segment: &Segment<'_>) {
        if self.has_begun(side) {
            self.with(room, |stream, room| stream.segment(room, side, *segment));
        }
    }

    /// As [`Stream::acknowledge`].
    pub(crate) fn acknowledge(&mut self, room: &mut Room<'_>, side: Side, number: u32) {
        if self.has_begun(side.other()) {
            self.with(room, |stream, room| stream.acknowledge(room, side, number));
        }
    }

    /// As [`Stream::close`].
    pub(crate) fn close(&mut self, room: &mut Room<'_>, side: Side, sequence: u32, moment: Moment) {
        if self.has_begun(side) {
            self.with(room, |stream, room| {
                stream.close(room, side, sequence, moment)
            });
        }
    }

    /// As [`Stream::finish`].
    pub(crate) fn finish(&mut self, room: &mut Room<'_>) {
        self.with(room, |stream, room| stream.finish(room, Account::Sealed));
    }

    pub(crate) fn weight(&self) -> usize {
        size_of::<Books>() + self.stream.weigh()
    }

    /// Lets the sealed stream hear in a room whose books nobody looks at.
    fn with(&mut self, room: &mut Room<'_>, hear: impl FnOnce(&mut Stream, &mut Room<'_>) -> bool) {
        let (mut book, mut written) = (Notebook::default(), 0);
        let mut room = Room {
            books: &mut self.books,
            book: &mut book,
            written: &mut written,
            opener_seen: true,
            opening: &mut *room.opening,
            ..*room
        };
        // Who the client is was settled before anything was sealed.
        let _ = hear(&mut self.stream, &mut room);
    }
}

/// What the streams inside a conversation need to be heard.
pub(crate) struct Within<'a> {
    pub(crate) protocols: Protocols,
    pub(crate) reveal: Reveal,
    pub(crate) budget: &'a Budget,
    pub(crate) conversation: u64,
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
    /// Where what is inside is written down.
    pub(crate) book: &'a mut Notebook,
    pub(crate) keys: Option<&'a Keys>,
    /// Sealed conversations that this one lies in.
    pub(crate) depth: usize,
}

/// What is inside one sealed conversation.
#[derive(Default)]
pub(crate) struct Inside {
    outcome: Option<Outcome>,
    streams: BTreeMap<u64, Inner>,
    over: BTreeSet<u64>,
    /// Streams up to this one are over, where they are not followed.
    over_up_to: Option<u64>,
    sum: Sum,
    written: u32,
    /// Memory of the streams, in bytes.
    weight: usize,
}

/// What the streams inside a conversation add up to.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    /// What became of the conversation.
    pub(crate) outcome: Option<Outcome>,
    /// Protocols, as chains, each once.
    pub(crate) chains: Vec<String>,
    /// The worst of the streams.
    pub(crate) exposure: Option<Exposure>,
    /// Where the bytes inside ended.
    pub(crate) accounts: Accounts,
    /// Records and hints that a limit set aside.
    pub(crate) set_aside: u64,
}

/// One stream inside a conversation.
struct Inner {
    stream: Stream,
    books: Books,
    /// What is inside of it again.
    inside: Option<Box<Inside>>,
}

impl Default for Inner {
    fn default() -> Inner {
        let mut stream = Stream::default();
        // Offset 0 is sequence number 0.
        for side in [Side::Client, Side::Server] {
            stream.begin(side, u32::MAX);
        }
        Inner {
            stream,
            books: Books::default(),
            inside: None,
        }
    }
}

impl Inner {
    fn weight(&self) -> usize {
        let inside = self.inside.as_ref().map_or(0, |inside| inside.weight());
        size_of::<Inner>() + self.stream.weigh() + inside
    }

    /// Lets the stream hear, and then what lies inside of it.
    fn with(
        &mut self,
        within: &mut Within<'_>,
        written: &mut u32,
        hear: impl FnOnce(&mut Stream, &mut Room<'_>),
    ) {
        let mut opening = Opening::default();
        let mut room = Room {
            protocols: within.protocols,
            reveal: within.reveal,
            budget: within.budget,
            conversation: within.conversation,
            over: Over::Stream,
            client: within.client,
            server: within.server,
            opener_seen: true,
            books: &mut self.books,
            book: &mut *within.book,
            written,
            keys: within.keys.filter(|_| within.depth < MAX_DEPTH),
            opening: &mut opening,
            // What a tap hears is kept, not what keys open.
            recorder: None,
        };
        hear(&mut self.stream, &mut room);
        if !opening.is_empty() {
            let mut deeper = Within {
                book: &mut *within.book,
                depth: within.depth + 1,
                ..*within
            };
            self.inside
                .get_or_insert_default()
                .hear(&mut deeper, opening);
        }
    }
}

impl Inside {
    /// Hears what was opened.
    pub(crate) fn hear(&mut self, within: &mut Within<'_>, opening: Opening) {
        self.outcome = better(self.outcome, opening.outcome);
        for unsealed in opening.unsealed {
            self.hear_piece(within, &unsealed);
        }
    }

    fn hear_piece(&mut self, within: &mut Within<'_>, unsealed: &Unsealed) {
        let &Unsealed {
            side,
            stream: id,
            offset,
            frame,
            time,
            ..
        } = unsealed;
        let moment = Moment { frame, time };
        // What is missing is like a segment that the snap length cut off.
        let (bytes, length): (Option<&[u8]>, u64) = match &unsealed.inside {
            overheard_tap::Inside::Bytes(bytes) => (Some(bytes), bytes.len() as u64),
            overheard_tap::Inside::Gap(missing) => (Some(&[]), (*missing).min(PLAUSIBLE_HOLE)),
            overheard_tap::Inside::End => (None, 0),
        };
        if !self.streams.contains_key(&id) {
            if self.over.contains(&id) || self.over_up_to.is_some_and(|over| id <= over) {
                self.sum.accounts.add(Account::Duplicate, length);
                return;
            }
            if self.streams.len() >= MAX_INNER_STREAMS {
                self.sum.accounts.add(Account::Limited, length);
                return;
            }
        }
        let new = !self.streams.contains_key(&id);
        let inner = self.streams.entry(id).or_default();
        let before = if new { 0 } else { inner.weight() };
        // Sequence numbers count modulo 2^32, and a stream knows where it is.
        let sequence = (offset & 0xffff_ffff) as u32;
        inner.with(within, &mut self.written, |stream, room| {
            let _ = match bytes {
                Some(bytes) => stream.segment(
                    room,
                    side,
                    Segment {
                        sequence,
                        bytes,
                        length,
                        moment,
                    },
                ),
                None => {
                    stream.close(room, side, sequence, moment)
                        | stream.acknowledge(room, side.other(), sequence.wrapping_add(1))
                }
            };
        });
        let is_over = inner.stream.is_over();
        self.weight = (self.weight + inner.weight()).saturating_sub(before);
        if is_over {
            self.finish_stream(within, id);
        }
    }

    /// A stream has ended on both sides.
    fn finish_stream(&mut self, within: &mut Within<'_>, id: u64) {
        let Some(mut inner) = self.streams.remove(&id) else {
            return;
        };
        self.weight = self.weight.saturating_sub(inner.weight());
        inner.with(within, &mut self.written, |stream, room| {
            let _ = stream.finish(room, Account::Unrecognised);
        });
        debug_assert_eq!(
            inner.books.accounts.total(),
            inner.books.arrived + inner.books.holes,
            "stream {id} inside conversation {} loses bytes",
            within.conversation
        );
        let mut chain = inner.stream.chain();
        let mut exposure = inner.stream.exposure();
        self.sum.accounts += inner.books.accounts;
        self.sum.set_aside += inner.books.set_aside;
        if let Some(inside) = inner.inside {
            let mut deeper = Within {
                book: &mut *within.book,
                depth: within.depth + 1,
                ..*within
            };
            let deep = inside.finish(&mut deeper);
            self.sum.set_aside += deep.set_aside;
            // What lies deeper was counted as sealed: it is not counted twice.
            exposure = exposure.max(deep.exposure.unwrap_or(exposure));
            for deep in deep.chains {
                chain = Some(chain.map_or(deep.clone(), |chain| format!("{chain}+{deep}")));
            }
        }
        self.sum.exposure = Some(self.sum.exposure.unwrap_or(exposure).max(exposure));
        if let Some(chain) = chain
            && self.sum.chains.len() < MAX_CHAINS
            && !self.sum.chains.contains(&chain)
        {
            self.sum.chains.push(chain);
        }
        self.over.insert(id);
        if self.over.len() > MAX_OVER {
            self.over_up_to = self.over.pop_first().max(self.over_up_to);
        }
    }

    /// The conversation is over: what the streams in it add up to.
    pub(crate) fn finish(mut self, within: &mut Within<'_>) -> Sum {
        while let Some((&id, _)) = self.streams.first_key_value() {
            self.finish_stream(within, id);
        }
        self.sum.outcome = self.outcome;
        self.sum
    }

    /// Memory that it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Inside>() + self.weight + self.over.len() * 4 * size_of::<u64>()
    }
}
