use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::{Crew, IN_HAND, Lane};

/// Writes down what it hears; some lanes take far longer over some batches than others.
struct Slow {
    index: u64,
    heard: Vec<u64>,
    /// Number of the batch that it dies of.
    deadly: Option<u64>,
}

impl Lane for Slow {
    type Batch = u64;
    type Finished = (u64, Vec<u64>);

    fn hear(&mut self, number: &u64) {
        assert_ne!(self.deadly, Some(*number), "a lane that dies");
        for _ in 0..(self.index * 7919 + number * 104_729) % 400 {
            std::hint::spin_loop();
        }
        self.heard.push(*number);
    }

    fn finish(self) -> (u64, Vec<u64>) {
        (self.index, self.heard)
    }
}

const LANES: u64 = 16;
const BATCHES: u64 = 500;

/// Lets so many workers and the reader hear all batches. What the lanes heard, and how many batches had to be
/// made because none could be used again.
fn hear(
    workers: usize,
    deadly: Option<u64>,
    wake: impl Fn(u64) -> bool,
) -> (Vec<(u64, Vec<u64>)>, usize) {
    let lane = |index| Slow {
        index,
        heard: Vec::new(),
        deadly: deadly.filter(|_| index == 11),
    };
    let crew = Crew::new((0..LANES).map(lane));
    let mut made = 0;
    thread::scope(|scope| {
        for worker in 1..=workers {
            let crew = &crew;
            scope.spawn(move || crew.work(worker));
        }
        for number in 0..BATCHES {
            crew.make_room();
            made += usize::from(crew.used().is_none());
            crew.post(number, wake(number));
            if !wake(number) {
                crew.hear_all();
            }
        }
        crew.close();
    });
    (crew.finished().collect(), made)
}

#[test]
fn every_lane_hears_every_batch_in_order_whoever_hears() {
    let all: Vec<_> = (0..LANES)
        .map(|index| (index, (0..BATCHES).collect::<Vec<_>>()))
        .collect();
    for workers in [0, 1, 2, 7, 20] {
        for often in [1, 2, 50] {
            let (heard, _) = hear(workers, None, |number| number % often != 1);
            assert_eq!(heard, all, "{workers} workers, alone every {often}");
        }
    }
}

#[test]
fn a_reader_that_is_alone_needs_one_batch() {
    let (_, made) = hear(0, None, |_| false);
    assert_eq!(made, 1);
}

#[test]
fn a_reader_never_runs_far_ahead() {
    let crew = Crew::new((0..LANES).map(|index| Slow {
        index,
        heard: Vec::new(),
        deadly: None,
    }));
    for number in 0..BATCHES {
        crew.make_room();
        crew.post(number, true);
        assert!(crew.board().batches.len() <= IN_HAND);
    }
}

#[test]
fn a_lane_that_dies_ends_the_program_and_nobody_waits_for_it() {
    for workers in [0, 1, 3] {
        let ended = catch_unwind(AssertUnwindSafe(|| hear(workers, Some(100), |_| true)));
        assert!(ended.is_err(), "{workers} workers");
    }
}
