//! What an input may cost at most.

use std::time::Duration;

/// The most that an input may cost: a base, and so much for each of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of memory in use at the same time.
    pub(crate) memory: (u64, u64),
    /// Bytes allocated in all: a measure of work that does not depend on the machine.
    pub(crate) allocated: (u64, u64),
    /// Nanoseconds.
    pub(crate) time: (u64, u64),
}

/// Time that this thread has worked: what other programs do meanwhile does not count.
#[cfg(unix)]
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().unwrap_or_default()
}

/// Time as such, where that of a thread is not known.
#[cfg(not(unix))]
fn worked() -> Duration {
    static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(std::time::Instant::now).elapsed()
}

/// Times that something may be tried again before it counts as slow: other programs fill the cache as well.
const TRIES: usize = 4;

impl Bounds {
    /// Does `work` for an input of `size` bytes, and panics where it costs more than it may.
    pub(crate) fn hold<R>(&self, size: usize, work: impl Fn() -> R) -> R {
        let most = |(base, each): (u64, u64)| base + each * size as u64;
        let began = worked();
        let mut result = None;
        let cost = allocation_counter::measure(|| result = Some(work()));
        let mut taken = worked().saturating_sub(began);
        assert!(
            cost.bytes_max <= most(self.memory),
            "{size} bytes took {} bytes of memory, at most {} are allowed",
            cost.bytes_max,
            most(self.memory)
        );
        assert!(
            cost.bytes_total <= most(self.allocated),
            "{size} bytes made {} bytes of allocations, at most {} are allowed",
            cost.bytes_total,
            most(self.allocated)
        );
        let allowed = Duration::from_nanos(most(self.time));
        for _ in 0..TRIES {
            if taken <= allowed {
                break;
            }
            let began = worked();
            work();
            taken = taken.min(worked().saturating_sub(began));
        }
        assert!(
            taken <= allowed,
            "{size} bytes took {taken:?}, at most {allowed:?} are allowed"
        );
        result.expect("it was done")
    }
}
