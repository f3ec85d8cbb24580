//! Work on many records, on several threads. What it gives does not depend on how many they are.

use std::{panic, thread};

/// The fewest records that are worth a thread of their own.
const SHARE: usize = 4096;

/// How many of so many records each thread gets.
pub fn share(records: usize, threads: usize) -> usize {
    records.div_ceil(threads.max(1)).max(SHARE)
}

/// Does the same with every share, each on a thread of its own but the first; gives what comes of them in their order.
pub fn each_share<S: Send, T: Send>(
    shares: impl IntoIterator<Item = S>,
    work: impl Fn(S) -> T + Sync,
) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let mut shares = shares.into_iter();
        let own = shares.next();
        let others: Vec<_> = shares
            .map(|share| scope.spawn(move || work(share)))
            .collect();
        let own = own.map(work);
        let others = others.into_iter().map(finished);
        own.into_iter().chain(others).collect()
    })
}

/// Does two things that do not know of each other, at once where there are threads and records enough.
pub fn side_by_side<A: Send, B>(
    records: usize,
    threads: usize,
    aside: impl FnOnce() -> A + Send,
    here: impl FnOnce() -> B,
) -> (A, B) {
    if threads < 2 || records < SHARE {
        return (aside(), here());
    }
    thread::scope(|scope| {
        let aside = scope.spawn(aside);
        let here = here();
        (finished(aside), here)
    })
}

/// What comes of a thread; where it died, this one does too.
fn finished<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_shares_is_in_their_order_whatever_the_threads() {
        let all: Vec<usize> = (0..3 * SHARE + 7).collect();
        for threads in [0, 1, 2, 3, 64] {
            let share = share(all.len(), threads);
            assert!(share >= SHARE);
            let given = each_share(all.chunks(share), <[usize]>::to_vec);
            assert_eq!(given.len(), threads.clamp(1, 4));
            assert_eq!(given.concat(), all);
        }
        assert!(each_share(all[..0].chunks(1), <[usize]>::len).is_empty());
    }

    #[test]
    fn both_are_done_whatever_the_threads() {
        for (records, threads) in [(0, 2), (SHARE, 1), (SHARE, 2)] {
            assert_eq!(side_by_side(records, threads, || 1, || 2), (1, 2));
        }
    }
}
