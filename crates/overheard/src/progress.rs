//! A progress bar for long captures.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Inputs of fewer bytes are heard before anybody asks how far it is.
const WORTH_A_BAR: u64 = 50_000_000;

/// The bar, where there is one: on standard error, when that is a terminal and the input is large.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins, knowing the size of the input in bytes (0 where it is not known).
    pub fn begin(&mut self, size: u64) {
        if size <= WORTH_A_BAR || !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::new(size);
        let style = ProgressStyle::with_template(
            "listening {bar:30} {percent:>3} %  {bytes} of {total_bytes}, {eta} left",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        self.bar = Some(bar);
    }

    /// So many bytes of the input have been read.
    pub fn at(&mut self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// Takes the bar away.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
