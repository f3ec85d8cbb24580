//! Findings and records as pages: terminal, HTML, Markdown, JSON, CSV, SARIF, CycloneDX, all from the ledger alone.
//!
//! A [`Report`] digests the records once; every format takes its numbers from there. What was captured
//! was said by strangers: no format prints a captured string before [`escape`] has made it inert.

mod calls;
mod cbom;
mod csv;
mod deadlines;
mod escape;
mod html;
mod json;
mod markdown;
mod opened;
mod sarif;
mod sealed;
mod terminal;
mod view;
mod words;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;

pub use calls::Side;
pub use calls::recording::{MAX_PAGE_SOUND, Recording, StreamId};
pub use escape::inert;
pub use terminal::Style;
pub use view::Report;
