//! `overheard calls`: the calls alone, as a list, and their sound where that is asked for.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use overheard_report::Report;

use crate::cli::CallsArgs;
use crate::{STANDARD_OUTPUT, hear, style, verdict};

/// Lists the calls of captures.
///
/// # Errors
/// Where an input cannot be read, or standard output cannot be written.
pub fn calls(args: &CallsArgs) -> Result<ExitCode> {
    let heard = hear(&args.input)?;
    let report = Report::new(&heard.ledger.records);
    print(&report, args.json).context(STANDARD_OUTPUT)?;
    Ok(verdict(&heard, None))
}

fn print(report: &Report<'_>, json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    if json {
        out.write_all(report.calls_json().as_bytes())?;
    } else {
        let style = style(&out);
        report.calls(&mut out, style)?;
    }
    out.flush()?;
    Ok(())
}
