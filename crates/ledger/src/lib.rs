//! The vocabulary that all parts of overheard share.
//!
//! What the tap hears becomes a [`Record`]; what only makes sense beside another conversation becomes
//! a [`Hint`]; what a record means for its owner is a [`Rule`]. The crate knows no protocol and does
//! no input or output beyond turning records into NDJSON lines and back.

mod call;
mod exposure;
mod footprint;
mod frames;
mod hint;
mod masked;
mod post_quantum;
mod record;
mod rule;
mod side_by_side;
mod time;

pub use call::{Announced, Call, CallState, CallStep, Encoding, MAX_CALL_STEPS, Media, MediaKey};
pub use exposure::{Exposure, Severity};
pub use frames::Frames;
pub use hint::{DescribedMedia, Description, Hint, HintBody, MAX_BEGINNING, SERVER, Tie};
pub use masked::{Masked, Reveal, mask_query};
pub use post_quantum::PostQuantum;
pub use record::{
    Account, Accounts, Body, Capture, Certificate, Conversation, Credential, Endpoint, Finding,
    Handshake, Line, MAX_EVIDENCE, Message, Name, Object, Opened, Record, Request,
};
pub use rule::{Rule, Seen, When};
pub use side_by_side::{each_share, share, side_by_side};
pub use time::Time;
