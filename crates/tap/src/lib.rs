//! What hearing means: the contract between `follow`, which owns conversations and their buffers, and
//! `protocols`, which understand what is said.
//!
//! An [`Analyzer`] hears the bytes of one conversation, a [`Chunk`] at a time, answers with a [`Step`],
//! and writes down what it learns in [`Notes`]. It owns no buffers of its own beyond what it must
//! remember, does no input or output, and cannot panic. A [`Protocol`] is its entry in the registry.

mod analyzer;
mod keys;
pub mod limits;
mod notes;
mod protocol;
mod recorder;

pub use analyzer::{Analyzer, Chunk, Next, Side, Step};
pub use keys::{Inside, Keys, Label, Outcome, Secrets};
pub use notes::{Context, Evidence, Notebook, Notes, Opened, Unsealed};
pub use overheard_ledger::Account;
pub use overheard_wire::{Cursor, Cut};
pub use protocol::{Over, Probe, Protocol, Sample};
pub use recorder::{Recorder, SoundStream};
