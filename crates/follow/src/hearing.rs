//! Who hears a conversation: finding the protocol, and lending bytes to its analyzer.

use overheard_ledger::{Endpoint, Exposure, Reveal, Time};
use overheard_tap::{
    Analyzer, Chunk, Context, Keys, Notebook, Notes, Over, Probe, Protocol, Recorder, Sample, Side,
    Step,
};

use crate::books::Books;
use crate::budget::Budget;
use crate::inside::Opening;

/// The protocols of the registry.
pub(crate) type Protocols = &'static [&'static Protocol];

/// The moment at which something is heard: the frame that brought it, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) frame: u64,
    pub(crate) time: Time,
}

/// All of a conversation that hearing needs, but for the buffers.
pub(crate) struct Room<'a> {
    pub(crate) protocols: Protocols,
    pub(crate) reveal: Reveal,
    pub(crate) budget: &'a Budget,
    pub(crate) conversation: u64,
    pub(crate) over: Over,
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
    /// Whether it was seen who opened the conversation: then the sides are never changed.
    pub(crate) opener_seen: bool,
    pub(crate) books: &'a mut Books,
    pub(crate) book: &'a mut Notebook,
    pub(crate) written: &'a mut u32,
    /// Keys of the conversations' owner, where what is sealed is to be opened.
    pub(crate) keys: Option<&'a Keys>,
    /// What they opened: to be heard apart.
    pub(crate) opening: &'a mut Opening,
    /// Where media are kept, and which shard hears them.
    pub(crate) recorder: Option<(&'a dyn Recorder, usize)>,
}

/// Memory that an analyzer takes as a rule, in bytes, without what it says that it holds.
const ANALYZER: usize = 512;

/// A protocol that hears a conversation.
pub(crate) struct Mind {
    pub(crate) protocol: &'static Protocol,
    pub(crate) analyzer: Box<dyn Analyzer>,
    /// What the analyzer said that a tap gets.
    pub(crate) exposure: Option<Exposure>,
    /// Bytes taken so far.
    pub(crate) taken: u64,
    /// Who opens what the analyzer calls sealed, where there are keys.
    pub(crate) opener: Option<Box<dyn Analyzer>>,
}

impl Mind {
    pub(crate) fn new(protocol: &'static Protocol, over: Over) -> Mind {
        Mind::with(protocol, (protocol.begin)(over))
    }

    /// A mind with an analyzer that was made already.
    pub(crate) fn with(protocol: &'static Protocol, analyzer: Box<dyn Analyzer>) -> Mind {
        Mind {
            protocol,
            analyzer,
            exposure: None,
            taken: 0,
            opener: None,
        }
    }

    /// Memory that it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        ANALYZER + self.analyzer.held()
    }

    /// What a tap gets from what this mind hears.
    pub(crate) fn exposure(&self) -> Exposure {
        self.exposure.unwrap_or(self.protocol.exposure)
    }
}

/// What a mind said to a chunk, after booking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) step: Step,
    /// Bytes that the step took, at most as many as were lent.
    pub(crate) took: usize,
}

impl Room<'_> {
    /// Lends a chunk to a mind and books what it takes. Of a step that is [`Step::NotMine`] or
    /// [`Step::Need`] nothing that was written down remains.
    pub(crate) fn hear(
        &mut self,
        mind: &mut Mind,
        side: Side,
        chunk: Chunk<'_>,
        missing: u64,
        moment: Moment,
        earlier: &[(u64, Time)],
    ) -> Answer {
        let context = Context {
            conversation: self.conversation,
            over: self.over,
            client: self.client,
            server: self.server,
            frame: moment.frame,
            time: moment.time,
            missing,
            reveal: self.reveal,
        };
        let before = (
            self.book.records.len(),
            self.book.hints.len(),
            *self.written,
            mind.exposure,
        );
        let mut notes = Notes::new(
            context,
            earlier,
            self.book,
            self.written,
            &mut mind.exposure,
        )
        .with_keys(self.keys)
        .with_recorder(self.recorder);
        let step = mind.analyzer.hear(side, chunk, &mut notes);
        let apart = notes.apart();
        let opened = self.keys.map(|_| notes.opened());
        self.books.set_aside += notes.dropped();
        let lent = match chunk {
            Chunk::Bytes(bytes) => bytes.len(),
            Chunk::Gap(_) | Chunk::End => 0,
        };
        let took = match step {
            Step::Took(count) | Step::Sealed(count) | Step::Become { took: count, .. } => {
                count.min(lent)
            }
            Step::Need(_) | Step::NotMine(_) => {
                if lent > 0 {
                    self.book.records.truncate(before.0);
                    self.book.hints.truncate(before.1);
                    *self.written = before.2;
                    mind.exposure = before.3;
                }
                0
            }
        };
        if let Some(opened) = opened
            && !matches!(step, Step::Need(_) | Step::NotMine(_))
        {
            self.opening.unsealed.extend(opened.unsealed);
            self.opening.join(opened.outcome);
            mind.opener = opened.opener.or(mind.opener.take());
        }
        if lent > 0 {
            mind.taken += took as u64;
            self.books
                .take(took, if took == 0 { Default::default() } else { apart });
        }
        Answer { step, took }
    }

    /// Asks the protocols who recognises the sample; `tried` are those (by their bit) that have given
    /// up on the conversation already.
    pub(crate) fn recognise(&self, sample: &Sample<'_>, tried: u64) -> Recognised {
        let mut best: Option<(u8, usize)> = None;
        let mut more = false;
        for (index, protocol) in self.protocols.iter().enumerate() {
            if tried & bit(index) != 0 || !protocol.over.contains(&sample.over) {
                continue;
            }
            match (protocol.probe)(sample) {
                Probe::No => {}
                Probe::More => more = true,
                Probe::Likely(weight) => {
                    if best.is_none_or(|(heaviest, _)| weight > heaviest) {
                        best = Some((weight, index));
                    }
                }
                Probe::Sure => {
                    return Recognised::As {
                        index,
                        reversed: false,
                    };
                }
                Probe::Reversed if !self.opener_seen => {
                    return Recognised::As {
                        index,
                        reversed: true,
                    };
                }
                Probe::Reversed => {}
            }
        }
        match best {
            _ if more && !sample.whole => Recognised::NotYet,
            Some((_, index)) => Recognised::As {
                index,
                reversed: false,
            },
            None => Recognised::Nobody,
        }
    }
}

/// The bit of a protocol in a set of protocols; those past the 64th are never in it.
pub(crate) fn bit(index: usize) -> u64 {
    u32::try_from(index)
        .ok()
        .and_then(|shift| 1u64.checked_shl(shift))
        .unwrap_or(0)
}

/// What [`Room::recognise`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// This protocol, by its index in the registry.
    As {
        index: usize,
        /// Whether client and server have to change places first.
        reversed: bool,
    },
    /// More bytes are needed.
    NotYet,
    /// No protocol that is known.
    Nobody,
}

/// Keeps the evidence of unread bytes short: the first frames and the last one.
pub(crate) fn remember(frames: &mut Vec<(u64, Time)>, moment: Moment) {
    if frames.len() >= overheard_ledger::MAX_EVIDENCE {
        frames.pop();
    }
    frames.push((moment.frame, moment.time));
}
