//! The command line of overheard: a tap that you run on yourself.

mod cli;
mod output;
mod progress;
mod tables;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{CommandFactory, FromArgMatches};
use overheard::listen::{Ledger, listen};
use overheard_follow::Options;
use overheard_ledger::{Reveal, Severity};
use overheard_report::{Report, Style};

use crate::cli::{Cli, Command, Format, Input, Level, ReportArgs};
use crate::output::{is_closed_pipe, write_whole};
use crate::progress::Progress;

/// Exit status where `--fail-on` found something.
const FOUND: u8 = 1;
/// Exit status on bad use or unreadable input; also clap's own.
const BAD_INPUT: u8 = 2;

/// Columns of a report that does not go to a terminal, or to one that does not say how wide it is.
const WIDTH: usize = 80;

fn main() -> ExitCode {
    let long_help = format!("{}\n\nLimits:\n{}", cli::AFTER_HELP, tables::limits_text());
    let matches = Cli::command().after_long_help(long_help).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(cli.command) {
        Ok(code) => code,
        // Whoever reads has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overheard: {error:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Report(args) => report(&args),
        Command::Ledger(args) => {
            let ledger = hear(&args.input)?;
            output::ledger(&ledger)?;
            let verdict = verdict(&ledger, args.fail_on);
            std::mem::forget(ledger);
            Ok(verdict)
        }
        Command::Explain { rule } => tables::explain(rule.as_deref()),
        Command::Protocols => tables::protocols(),
        Command::Limits => tables::limits(),
    }
}

fn report(args: &ReportArgs) -> Result<ExitCode> {
    let ledger = hear(&args.input)?;
    let report = Report::new(&ledger.records);
    if let Some(path) = &args.html {
        write_whole(path, report.html().as_bytes())
            .with_context(|| format!("{}: the page cannot be written", path.display()))?;
    }
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Terminal => {
            let color =
                out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
            report.terminal(
                &mut out,
                Style {
                    color,
                    width: WIDTH,
                },
            )?;
        }
        Format::Json => writeln!(out, "{}", report.json())?,
        Format::Markdown => write!(out, "{}", report.markdown())?,
    }
    out.flush()?;
    let verdict = verdict(&ledger, args.fail_on);
    // The program ends here: giving back millions of records one by one would only take time.
    std::mem::forget(ledger);
    Ok(verdict)
}

/// Listens to what the command line names.
fn hear(input: &Input) -> Result<Ledger> {
    let threads = input.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, |threads| threads.get().min(8)),
        usize::from,
    );
    let reveal = if input.reveal {
        Reveal::Yes
    } else {
        Reveal::No
    };
    let progress = std::cell::RefCell::new(Progress::default());
    let ledger = listen(
        &input.captures,
        Options {
            threads,
            reveal,
            memory: input.memory,
        },
        &mut |size| progress.borrow_mut().begin(size),
        &mut |position| progress.borrow_mut().at(position),
    );
    progress.borrow_mut().end();
    ledger
}

/// The exit status that `--fail-on` asks for.
fn verdict(ledger: &Ledger, fail_on: Option<Level>) -> ExitCode {
    let worst = ledger.findings().map(|finding| finding.severity).max();
    match (fail_on.map(Severity::from), worst) {
        (Some(bar), Some(worst)) if worst >= bar => ExitCode::from(FOUND),
        _ => ExitCode::SUCCESS,
    }
}
