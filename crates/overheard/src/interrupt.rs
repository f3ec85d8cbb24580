//! Ctrl-C and the wish of the system to end: hearing stops, and what was heard is reported as partial.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What a program that was ended by a signal adds to its number.
const ENDED_BY_SIGNAL: usize = 128;

/// What the first signal stops, and the second ends at once.
#[derive(Debug, Default)]
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    /// Whether the next signal ends the program where it stands.
    impatient: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// What is set once hearing is to stop.
    pub fn stop(&self) -> &Arc<AtomicBool> {
        &self.stop
    }

    /// From here on a signal stops the hearing. Before, and after [`Interrupt::over`], it ends the program.
    ///
    /// # Errors
    /// Where the system does not let signals be handled.
    pub fn listen(&self) -> io::Result<()> {
        for signal in [SIGINT, SIGTERM] {
            let number = usize::try_from(signal).unwrap_or_default();
            let status = i32::try_from(ENDED_BY_SIGNAL).unwrap_or_default() + signal;
            // Actions run in this order: the first signal finds the flag down, the second finds it up.
            flag::register_conditional_shutdown(signal, status, Arc::clone(&self.impatient))?;
            flag::register(signal, Arc::clone(&self.impatient))?;
            flag::register_usize(signal, Arc::clone(&self.signal), number)?;
            flag::register(signal, Arc::clone(&self.stop))?;
        }
        Ok(())
    }

    /// Hearing is over; there is nothing left to stop.
    pub fn over(&self) {
        self.impatient.store(true, Ordering::SeqCst);
    }

    /// The exit status of a program that ended because of the signal: 130 for Ctrl-C, 143 for SIGTERM.
    pub fn status(&self) -> u8 {
        let signal = self.signal.load(Ordering::SeqCst);
        u8::try_from(ENDED_BY_SIGNAL + signal).unwrap_or(u8::MAX)
    }
}
