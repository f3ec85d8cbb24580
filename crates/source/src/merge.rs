//! Several captures as one: their frames in time order, those of equal time in the order in which the
//! captures were given. Within a capture the order stays, even where its times go backwards.
//!
//! A file is opened when the time of its first frame has come and closed after its last, so a folder full
//! of captures that follow each other costs no more than one of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::capture::{BLOCK, Capture};
use crate::input::{Input, Position};
use crate::{Batch, Description, Frame, SourceError};

/// Bytes read at once of each of several captures: many may be open together.
const SMALL_BLOCK: usize = 64 * 1024;

/// The most frames of a batch.
const MAX_FRAMES: usize = BLOCK / 32;

/// Several captures, in time order.
pub(crate) struct Merge {
    /// In the order given.
    sources: Vec<Source>,
    /// Time of the next frame of each source that has one, and its place in `sources`.
    queue: BinaryHeap<Reverse<(u64, usize)>>,
    number: u64,
    position: Position,
    /// What went wrong after frames that had to be handed out first.
    failed: Option<SourceError>,
}

enum Source {
    /// Its turn has not come.
    Waiting(Input),
    /// It is being read.
    Open(Box<Open>),
    /// All was read.
    Over,
}

struct Open {
    capture: Capture,
    batch: Batch,
    next: usize,
    /// Comments on frames of the batch that were not handed out yet, with the numbers of this capture.
    comments: VecDeque<(u64, String)>,
}

impl Merge {
    /// No captures yet.
    pub(crate) fn new(position: Position) -> Merge {
        Merge {
            sources: Vec::new(),
            queue: BinaryHeap::new(),
            number: 0,
            position,
            failed: None,
        }
    }

    /// Adds a capture after looking at its first frame.
    pub(crate) fn add(
        &mut self,
        input: Input,
        description: &mut Description,
    ) -> Result<(), SourceError> {
        // What is read now of a file will be read again.
        let position = if input.size.is_some() {
            &Position::default()
        } else {
            &self.position
        };
        let mut learned = Description::default();
        let mut open = Open::begin(&input, position)?;
        let time = open.refill(&mut learned)?;
        let source = match time {
            Some(_) if input.size.is_some() => Source::Waiting(input),
            Some(_) => {
                description.absorb(learned);
                Source::Open(Box::new(open))
            }
            None => {
                description.absorb(learned);
                Source::Over
            }
        };
        self.queue
            .extend(time.map(|time| Reverse((time, self.sources.len()))));
        self.sources.push(source);
        Ok(())
    }

    /// Fills the batch with the next frames, copied; `false` once there are none left.
    pub(crate) fn fill(
        &mut self,
        batch: &mut Batch,
        description: &mut Description,
    ) -> Result<bool, SourceError> {
        batch.bytes.clear();
        batch.frames.clear();
        while self.failed.is_none() && !is_full(batch) {
            let Some(Reverse((_, index))) = self.queue.pop() else {
                break;
            };
            match self.run(index, batch, description) {
                Ok(Some(time)) => self.queue.push(Reverse((time, index))),
                Ok(None) => {
                    if let Some(source) = self.sources.get_mut(index) {
                        *source = Source::Over;
                    }
                }
                Err(error) => self.failed = Some(error),
            }
        }
        if batch.frames.is_empty()
            && let Some(error) = self.failed.take()
        {
            self.queue.clear();
            return Err(error);
        }
        Ok(!batch.frames.is_empty())
    }

    /// Hands out frames of one source until another one's turn comes; the time of its next one then.
    fn run(
        &mut self,
        index: usize,
        batch: &mut Batch,
        description: &mut Description,
    ) -> Result<Option<u64>, SourceError> {
        let until = self.queue.peek().map(|Reverse(next)| *next);
        let Some(source) = self.sources.get_mut(index) else {
            return Ok(None);
        };
        if let Source::Waiting(input) = source {
            let mut open = Open::begin(input, &self.position)?;
            open.refill(description)?;
            *source = Source::Open(Box::new(open));
        }
        let Source::Open(open) = source else {
            return Ok(None);
        };
        loop {
            let Some(frame) = open.batch.frames.get(open.next) else {
                return Ok(None);
            };
            self.number += 1;
            while open
                .comments
                .front()
                .is_some_and(|(number, _)| *number <= frame.number)
            {
                let comment = open.comments.pop_front().unwrap_or_default().1;
                description.add_comment(self.number, comment.as_bytes());
            }
            batch.frames.push(Frame {
                number: self.number,
                start: batch.bytes.len(),
                ..*frame
            });
            batch.bytes.extend_from_slice(open.batch.bytes_of(frame));
            open.next += 1;
            let time = match open.batch.frames.get(open.next) {
                Some(frame) => frame.time,
                None => match open.refill(description)? {
                    Some(time) => time,
                    None => return Ok(None),
                },
            };
            if until.is_some_and(|until| until < (time, index)) || is_full(batch) {
                return Ok(Some(time));
            }
        }
    }
}

impl Open {
    fn begin(input: &Input, position: &Position) -> Result<Open, SourceError> {
        let capture = input.begin(SMALL_BLOCK, position)?;
        Ok(Open {
            capture,
            batch: Batch::default(),
            next: 0,
            comments: VecDeque::new(),
        })
    }

    /// Reads the next frames; the time of the first of them.
    fn refill(&mut self, description: &mut Description) -> Result<Option<u64>, SourceError> {
        let mut learned = Description::default();
        let filled = self.capture.fill(&mut self.batch, &mut learned);
        self.comments.extend(std::mem::take(&mut learned.comments));
        description.absorb(learned);
        filled?;
        self.next = 0;
        Ok(self.batch.frames.first().map(|frame| frame.time))
    }
}

fn is_full(batch: &Batch) -> bool {
    batch.bytes.len() >= BLOCK || batch.frames.len() >= MAX_FRAMES
}

#[cfg(test)]
mod tests;
