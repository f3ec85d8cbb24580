//! What a tap would have heard: media that was recorded while listening, put together with what the whole
//! capture says of it.
//!
//! [`Spool`] keeps packets without growing with the length of a call: in memory up to a budget, the rest in a
//! temporary file without a name, encrypted with a key that only this process knows.

mod spool;

pub use spool::{MAX_SPOOL, Spool};
