//! Two things at once.

use std::{panic, thread};

/// The fewest records that are worth a thread of their own.
pub const SHARE: usize = 4096;

/// Does both, at once where there is more than one thread. Neither knows of the other: what they give does not depend on
/// the number of threads.
pub fn side_by_side<A: Send, B>(
    threads: usize,
    aside: impl FnOnce() -> A + Send,
    here: impl FnOnce() -> B,
) -> (A, B) {
    if threads < 2 {
        return (aside(), here());
    }
    thread::scope(|scope| {
        let aside = scope.spawn(aside);
        let here = here();
        match aside.join() {
            Ok(aside) => (aside, here),
            Err(panic) => panic::resume_unwind(panic),
        }
    })
}
