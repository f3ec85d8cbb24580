//! What a tap would have heard: media that was recorded while listening, put together with what the whole
//! capture says of it.
//!
//! [`Spool`] keeps packets without growing with the length of a call: in memory up to a budget, the rest in a
//! temporary file without a name, encrypted with a key that only this process knows. [`Sounds::hear`] plays it
//! once all is joined: it opens what was sealed with a key that passed in clear, decodes, and writes into the
//! records how much was said. [`Sounds::write_wav`] gives the sound of a call, and [`Sealing`] seals it for one
//! who may hear it.

mod audition;
mod call;
mod codec;
mod dtmf;
mod encoding;
mod events;
mod hearing;
mod listening;
mod order;
mod packet;
mod place;
mod player;
mod resample;
mod sealing;
mod spool;
mod srtp;
mod voice;
mod wav;

pub use call::{
    AudibleCall, AudibleStream, Ear, MAX_STREAMS_IN_CALL, SoundError, Sounds, WavFacts,
};
pub use sealing::{Recipient, RecipientError, Sealing};
pub use spool::{MAX_SPOOL, Playback, Spool};
