//! The threads that hear: a shard is taken by whoever is free.
//!
//! The reader puts decoded batches up; every shard hears all of them in their order, so what is heard does
//! not depend on who hears it. A thread takes a shard that nobody else has, lets it hear what it has not
//! heard yet, and lets go of it. The reader does the same where there is enough to hear already.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// Batches that may be in hand at once: few, so that their memory is still in the cache when it is used again.
const IN_HAND: usize = 16;

/// How long somebody waits for the others before looking again. They are told of every change; this is
/// for the case that a thread has died and tells nothing any more.
const PATIENCE: Duration = Duration::from_millis(100);

/// What hears a part of every batch, in the order of the batches.
pub(crate) trait Lane: Send {
    /// What is put up to be heard.
    type Batch: Send + Sync;
    /// What is left of it in the end.
    type Finished: Send;

    /// Hears its part of a batch.
    fn hear(&mut self, batch: &Self::Batch);

    /// There are no more batches.
    fn finish(self) -> Self::Finished;
}

/// Lanes, and the batches that they have not all heard yet.
pub(crate) struct Crew<L: Lane> {
    lanes: Vec<Mutex<Place<L>>>,
    board: Mutex<Board<L::Batch>>,
    /// A batch was put up, or there will be no more.
    posted: Condvar,
    /// A batch came down.
    room: Condvar,
}

/// A lane and how far it has come.
struct Place<L: Lane> {
    /// `None` once it is finished.
    lane: Option<L>,
    /// Number of the batch that it hears next.
    next: u64,
    finished: Option<L::Finished>,
}

struct Board<B> {
    batches: VecDeque<Arc<Posted<B>>>,
    /// Number of the first of them.
    first: u64,
    /// There will be no more.
    over: bool,
    /// Batches that have been heard, to be filled again.
    used: Vec<B>,
    /// Threads that wait for a batch.
    asleep: usize,
    /// The reader waits for room.
    is_full: bool,
}

struct Posted<B> {
    batch: B,
    /// Lanes that have not heard it yet.
    lanes_left: AtomicUsize,
}

/// What is there for a lane to do.
enum Task<B> {
    Hear(Arc<Posted<B>>),
    /// All batches so far are heard.
    Wait,
    /// All batches are heard.
    Finish,
}

impl<L: Lane> Crew<L> {
    pub(crate) fn new(lanes: impl Iterator<Item = L>) -> Crew<L> {
        Crew {
            lanes: lanes
                .map(|lane| {
                    Mutex::new(Place {
                        lane: Some(lane),
                        next: 0,
                        finished: None,
                    })
                })
                .collect(),
            board: Mutex::new(Board {
                batches: VecDeque::with_capacity(IN_HAND),
                first: 0,
                over: false,
                used: Vec::new(),
                asleep: 0,
                is_full: false,
            }),
            posted: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Puts a batch up. `wake` says whether threads that wait are told.
    pub(crate) fn post(&self, batch: L::Batch, wake: bool) {
        let mut board = self.board();
        board.batches.push_back(Arc::new(Posted {
            batch,
            lanes_left: AtomicUsize::new(self.lanes.len()),
        }));
        if wake && board.asleep > 0 {
            self.posted.notify_all();
        }
    }

    /// A batch that has been heard, to be filled again.
    pub(crate) fn used(&self) -> Option<L::Batch> {
        self.board().used.pop()
    }

    /// Whether everybody else waits for something to hear.
    pub(crate) fn is_idle(&self, workers: usize) -> bool {
        let board = self.board();
        board.batches.is_empty() && board.asleep == workers
    }

    /// For the reader: helps to hear until there is room for another batch.
    pub(crate) fn make_room(&self) {
        while self.board().batches.len() >= IN_HAND {
            if !self.hear_what_is_free(0) {
                let mut board = self.board();
                if board.batches.len() >= IN_HAND {
                    board.is_full = true;
                    self.wait(&self.room, board).is_full = false;
                }
            }
        }
    }

    /// For the reader where it is alone: hears all that was put up.
    pub(crate) fn hear_all(&self) {
        self.hear_what_is_free(0);
    }

    /// For the reader: there are no more batches.
    pub(crate) fn close(&self) {
        self.board().over = true;
        self.posted.notify_all();
        self.hear_what_is_free(0);
    }

    /// For all others: hears until there are no more batches. `from` is the lane to look at first, for
    /// each thread another.
    pub(crate) fn work(&self, from: usize) {
        loop {
            let seen = self.board().put_up();
            if self.hear_what_is_free(from) {
                continue;
            }
            let mut board = self.board();
            if board.over {
                // Who holds a lane finishes it.
                return;
            }
            if board.put_up() == seen {
                board.asleep += 1;
                board = self.wait(&self.posted, board);
                board.asleep -= 1;
            }
        }
    }

    /// What is left of the lanes, in their order, after all threads have come back.
    pub(crate) fn finished(self) -> impl Iterator<Item = L::Finished> {
        self.lanes.into_iter().filter_map(|place| {
            place
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .finished
        })
    }

    /// Goes once over the lanes, and lets those that nobody else has hear all they can. Whether there
    /// was anything to do.
    fn hear_what_is_free(&self, from: usize) -> bool {
        let (before, after) = self.lanes.split_at(from.min(self.lanes.len()));
        let mut heard = false;
        for place in after.iter().chain(before) {
            let mut place = match place.try_lock() {
                Ok(place) => place,
                // Somebody died over it; whoever tries next will as well, and then so does the program.
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            heard |= self.hear_with(&mut place);
        }
        heard
    }

    fn hear_with(&self, place: &mut Place<L>) -> bool {
        let mut heard = false;
        loop {
            match (self.task(place.next), &mut place.lane) {
                (_, None) | (Task::Wait, _) => return heard,
                (Task::Hear(posted), Some(lane)) => {
                    lane.hear(&posted.batch);
                    place.next += 1;
                    self.take_down(posted);
                }
                (Task::Finish, lane) => place.finished = lane.take().map(L::finish),
            }
            heard = true;
        }
    }

    fn task(&self, number: u64) -> Task<L::Batch> {
        let board = self.board();
        let index = usize::try_from(number.saturating_sub(board.first)).unwrap_or(usize::MAX);
        match board.batches.get(index) {
            Some(posted) => Task::Hear(Arc::clone(posted)),
            None if board.over => Task::Finish,
            None => Task::Wait,
        }
    }

    /// A lane has heard it. The last one clears it away.
    fn take_down(&self, posted: Arc<Posted<L::Batch>>) {
        if posted.lanes_left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        drop(posted);
        let mut board = self.board();
        let is_heard = |posted: &Arc<Posted<_>>| posted.lanes_left.load(Ordering::Acquire) == 0;
        while board.batches.front().is_some_and(is_heard) {
            board.first += 1;
            let posted = board.batches.pop_front();
            // Where another thread is just letting go of it, its memory is not used again.
            if let Some(posted) = posted.and_then(Arc::into_inner) {
                board.used.push(posted.batch);
            }
        }
        if board.is_full {
            self.room.notify_one();
        }
    }

    fn board(&self) -> MutexGuard<'_, Board<L::Batch>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'b>(
        &self,
        changed: &Condvar,
        board: MutexGuard<'b, Board<L::Batch>>,
    ) -> MutexGuard<'b, Board<L::Batch>> {
        let woken = changed.wait_timeout(board, PATIENCE);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl<B> Board<B> {
    /// Batches that were ever put up.
    fn put_up(&self) -> u64 {
        self.first + self.batches.len() as u64
    }
}

#[cfg(test)]
mod tests;
