//! Where an analyzer writes down what it learns.

use std::fmt;

use overheard_ledger::{
    Account, Accounts, Body, Endpoint, Exposure, Frames, Hint, HintBody, MAX_EVIDENCE, Masked,
    Record, Reveal, Time,
};

use crate::limits::MAX_RECORDS;
use crate::{Analyzer, Inside, Keys, Outcome, Over, Recorder, Side, SoundStream};

/// What is known of the conversation and of the chunk that is being heard.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The conversation's id: the number of its first frame.
    pub conversation: u64,
    /// Stream or datagrams.
    pub over: Over,
    /// Client.
    pub client: Endpoint,
    /// Server.
    pub server: Endpoint,
    /// The frame that is being heard.
    pub frame: u64,
    /// Its time.
    pub time: Time,
    /// Bytes of this datagram that were not captured; 0 on streams.
    pub missing: u64,
    /// Whether secrets may enter records.
    pub reveal: Reveal,
}

/// Frames that prove something, and the time of the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    frames: Frames,
    time: Time,
}

impl Evidence {
    /// Evidence of these frames; kept ascending, each once, the first [`MAX_EVIDENCE`].
    pub fn new(frames: &[u64], time: Time) -> Evidence {
        Evidence::of(frames.to_vec(), time)
    }

    fn of(mut frames: Vec<u64>, time: Time) -> Evidence {
        frames.sort_unstable();
        frames.dedup();
        frames.truncate(MAX_EVIDENCE);
        Evidence {
            frames: frames.into(),
            time,
        }
    }

    /// Adds the frames of `other`; the time becomes the earlier one.
    pub fn join(&mut self, other: &Evidence) {
        if self.frames.is_empty() || (!other.frames.is_empty() && other.time < self.time) {
            self.time = other.time;
        }
        self.frames.join(&other.frames);
    }

    /// Time of the first frame.
    pub fn time(&self) -> Time {
        self.time
    }
}

/// What one conversation (or many) wrote down: records and hints, in the order of writing.
#[derive(Debug, Default)]
pub struct Notebook {
    /// Records.
    pub records: Vec<Record>,
    /// Hints.
    pub hints: Vec<Hint>,
}

/// A piece of what was opened, and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// Who said it.
    pub side: Side,
    /// Number of the stream inside the conversation; 0 where there is only one.
    pub stream: u64,
    /// Where in that stream and side it begins, in bytes. Pieces may come in any order.
    pub offset: u64,
    /// What was said.
    pub inside: Inside,
    /// The frame that brought the end of it.
    pub frame: u64,
    /// The time of that frame.
    pub time: Time,
}

/// What the keys of the conversation's owner gave during one chunk.
#[derive(Default)]
struct Opening<'a> {
    /// The keys, where the owner gave some.
    keys: Option<&'a Keys>,
    unsealed: Vec<Unsealed>,
    outcome: Option<Outcome>,
    opener: Option<Box<dyn Analyzer>>,
}

/// What [`Notes::opened`] hands over.
#[derive(Default)]
pub struct Opened {
    /// Pieces, in the order in which they were opened.
    pub unsealed: Vec<Unsealed>,
    /// What became of the conversation, where that was said.
    pub outcome: Option<Outcome>,
    /// Who opens what is sealed from here on.
    pub opener: Option<Box<dyn Analyzer>>,
}

/// An analyzer's view of its notebook while it hears one chunk.
pub struct Notes<'a> {
    context: Context,
    /// Frames that the unread bytes came in, without the present one.
    earlier: &'a [(u64, Time)],
    book: &'a mut Notebook,
    written: &'a mut u32,
    exposure: &'a mut Option<Exposure>,
    apart: Accounts,
    dropped: u64,
    opening: Opening<'a>,
    /// Where media are kept, and which shard hears them.
    recorder: Option<(&'a dyn Recorder, usize)>,
}

impl fmt::Debug for Notes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes")
            .field("context", &self.context)
            .field("book", &self.book)
            .finish_non_exhaustive()
    }
}

impl<'a> Notes<'a> {
    /// A view for one chunk. `earlier` are the frames that its bytes began in; `written` counts what the
    /// conversation has written in all; `exposure` is what its analyzer said last.
    pub fn new(
        context: Context,
        earlier: &'a [(u64, Time)],
        book: &'a mut Notebook,
        written: &'a mut u32,
        exposure: &'a mut Option<Exposure>,
    ) -> Notes<'a> {
        Notes {
            context,
            earlier,
            book,
            written,
            exposure,
            apart: Accounts::default(),
            dropped: 0,
            opening: Opening::default(),
            recorder: None,
        }
    }

    /// The same view, for an owner who gave keys.
    #[must_use]
    pub fn with_keys(mut self, keys: Option<&'a Keys>) -> Notes<'a> {
        self.opening.keys = keys;
        self
    }

    /// The same view, where media are kept: by whom, and for which shard.
    #[must_use]
    pub fn with_recorder(mut self, recorder: Option<(&'a dyn Recorder, usize)>) -> Notes<'a> {
        self.recorder = recorder;
        self
    }

    /// Keeps a packet of media (RTP, header and all) that `source` sent, until it is known what it is.
    pub fn keep_sound(&self, source: Endpoint, ssrc: u32, packet: &[u8]) {
        if let Some((recorder, shard)) = self.recorder {
            let stream = SoundStream {
                conversation: self.context.conversation,
                source,
                ssrc,
            };
            recorder.record(shard, stream, self.context.time, packet);
        }
    }

    /// Client of the conversation.
    pub fn client(&self) -> Endpoint {
        self.context.client
    }

    /// Server of the conversation.
    pub fn server(&self) -> Endpoint {
        self.context.server
    }

    /// The endpoint of a side.
    pub fn endpoint(&self, side: Side) -> Endpoint {
        match side {
            Side::Client => self.context.client,
            Side::Server => self.context.server,
        }
    }

    /// Stream or datagrams.
    pub fn over(&self) -> Over {
        self.context.over
    }

    /// Packet time of the present chunk.
    pub fn now(&self) -> Time {
        self.context.time
    }

    /// Number of the frame being heard.
    pub fn frame(&self) -> u64 {
        self.context.frame
    }

    /// Bytes of the present datagram that were not captured.
    pub fn missing(&self) -> u64 {
        self.context.missing
    }

    /// The frames that the present bytes came in: to be kept by an analyzer that will write later.
    pub fn evidence(&self) -> Evidence {
        let time = self
            .earlier
            .first()
            .map_or(self.context.time, |&(_, time)| time.min(self.context.time));
        if self.earlier.is_empty() {
            return Evidence {
                frames: Frames::one(self.context.frame),
                time,
            };
        }
        let mut frames = Vec::with_capacity(self.earlier.len() + 1);
        frames.extend(self.earlier.iter().map(|&(frame, _)| frame));
        frames.push(self.context.frame);
        Evidence::of(frames, time)
    }

    /// Masks a secret, unless its owner asked for it to be revealed. Every password, token, subject
    /// or content that enters a record goes through here.
    pub fn mask(&self, secret: &str) -> Masked {
        Masked::new(secret, self.context.reveal)
    }

    /// Whether secrets may enter records.
    pub fn reveal(&self) -> Reveal {
        self.context.reveal
    }

    /// Writes a record, proved by the present bytes.
    pub fn add(&mut self, body: impl Into<Body>) {
        self.add_with(body, self.evidence());
    }

    /// Writes a record, proved by evidence kept from earlier.
    pub fn add_with(&mut self, body: impl Into<Body>, evidence: Evidence) {
        if self.may_write() {
            self.book.records.push(Record {
                body: body.into(),
                conversation: Some(self.context.conversation),
                frames: evidence.frames,
                time: Some(evidence.time),
            });
        }
    }

    /// Writes a hint for `join` or `judge`, proved by the present bytes.
    pub fn hint(&mut self, body: HintBody) {
        let evidence = self.evidence();
        if self.may_write() {
            self.book.hints.push(Hint {
                conversation: self.context.conversation,
                frames: evidence.frames,
                time: evidence.time,
                body,
            });
        }
    }

    /// Says that a rule with [`overheard_ledger::When::Observed`] holds, and what the tap learns.
    pub fn observe(&mut self, rule: &'static str, learns: impl Into<String>) {
        self.hint(HintBody::Observed {
            rule,
            learns: learns.into(),
        });
    }

    /// Says what a tap gets from this conversation, in place of the protocol's usual exposure. The
    /// last word holds.
    pub fn expose(&mut self, exposure: Exposure) {
        *self.exposure = Some(exposure);
    }

    /// Books `bytes` of those that this step takes to an account other than `read`.
    pub fn account(&mut self, account: Account, bytes: usize) {
        self.apart.add(account, bytes as u64);
    }

    /// What [`Notes::account`] booked during this chunk.
    pub fn apart(&self) -> Accounts {
        self.apart
    }

    /// Records and hints that were set aside by [`MAX_RECORDS`] during this chunk.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The keys that the owner of the conversations gave. What is opened with them goes to
    /// [`Notes::inside`] and to nothing else: a tap has no keys.
    pub fn keys(&self) -> Option<&'a Keys> {
        self.opening.keys
    }

    /// Hands over what is inside the sealed conversation: bytes that `side` said in a stream of it, from
    /// `offset` on.
    pub fn inside(&mut self, side: Side, stream: u64, offset: u64, inside: Inside) {
        self.outcome(Outcome::Opened);
        let (frame, time) = (self.context.frame, self.context.time);
        self.opening.unsealed.push(Unsealed {
            side,
            stream,
            offset,
            inside,
            frame,
            time,
        });
    }

    /// Says what became of the sealed conversation. The best word holds.
    pub fn outcome(&mut self, outcome: Outcome) {
        let said = self.opening.outcome.unwrap_or(outcome);
        self.opening.outcome = Some(said.min(outcome));
    }

    /// Names who opens what this analyzer calls sealed with [`crate::Step::Sealed`]: it hears the bytes of each
    /// side from there on, in order, and hands what is inside to [`Notes::inside`]. Nothing else that
    /// it says or takes counts.
    pub fn open_with(&mut self, opener: Box<dyn Analyzer>) {
        self.opening.opener = Some(opener);
    }

    /// What the owner's keys gave during this chunk.
    pub fn opened(&mut self) -> Opened {
        let opening = std::mem::take(&mut self.opening);
        Opened {
            unsealed: opening.unsealed,
            outcome: opening.outcome,
            opener: opening.opener,
        }
    }

    fn may_write(&mut self) -> bool {
        if *self.written >= MAX_RECORDS {
            self.dropped += 1;
            return false;
        }
        *self.written += 1;
        true
    }
}
