//! The command line of overheard: a tap that you run on yourself.

mod calls;
mod cli;
mod interrupt;
mod output;
mod progress;
mod save;
mod tables;

use std::io::{IsTerminal, StdoutLock, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use overheard::keylog;
use overheard::listen::{Ledger, listen};
use overheard_follow::Options;
use overheard_ledger::{Reveal, Severity};
use overheard_report::{Report, Style, inert};
use overheard_tap::Keys;

use crate::cli::{Cli, Command, Format, Input, Level, ReportArgs};
use crate::interrupt::Interrupt;
use crate::output::{Page, complain, is_closed_pipe};
use crate::progress::Progress;

/// Exit status where `--fail-on` found something.
const FOUND: u8 = 1;
/// Exit status on bad use, unreadable input or output that cannot be written; also clap's own.
const FAILED: u8 = 2;

/// Columns of a report that does not go to a terminal, or to one that does not say how wide it is.
const WIDTH: usize = 80;

fn main() -> ExitCode {
    let long_help = format!("{}\n\nLimits:\n{}", cli::AFTER_HELP, tables::limits_text());
    let command = Cli::command().after_long_help(long_help);
    let cli = match command
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches))
    {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match run(cli.command) {
        Ok(code) => code,
        // Whoever reads has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Shows the help, or what is wrong with the command line; that quotes it, and a file's name may hold anything.
fn refuse(error: &clap::Error) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_help {
        error.exit();
    }
    let text = error.render().to_string();
    for line in text.lines() {
        // Who cannot read this learns it from the exit status.
        let _ = writeln!(std::io::stderr(), "{}", inert(line));
    }
    ExitCode::from(FAILED)
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Report(args) => report(&args),
        Command::Ledger(args) => {
            let heard = hear(&args.input)?;
            output::ledger(&heard.ledger).context(STANDARD_OUTPUT)?;
            let verdict = verdict(&heard, args.fail_on);
            // The program ends here: giving back millions of records one by one would only take time.
            std::mem::forget(heard);
            Ok(verdict)
        }
        Command::Calls(args) => calls::calls(&args),
        Command::Explain { rule } => tables::explain(rule.as_deref()),
        Command::Protocols => tables::protocols(),
        Command::Limits => tables::limits(),
    }
}

fn report(args: &ReportArgs) -> Result<ExitCode> {
    let page = args.html.as_deref();
    let page = page
        .map(|path| Page::new(path, &args.input.captures))
        .transpose()?;
    let heard = hear(&args.input)?;
    let sounds = &heard.ledger.sounds;
    let mut report = calls::with_sides(heard.report(), sounds).with_opened(&heard.ledger.opened);
    let mut recorded = Ok(());
    if page.is_some() && args.input.reveal {
        match calls::recordings(&report, sounds) {
            Ok(recordings) => report = report.with_recordings(recordings),
            Err(error) => recorded = Err(error),
        }
    }
    let page = page
        .map_or(Ok(()), |page| page.write(report.html().as_bytes()))
        .and(recorded);
    // What was learned is not lost with the page.
    let printed = print(&report, args.format).context(STANDARD_OUTPUT);
    match (page, printed) {
        (Err(error), Err(other)) => {
            complain(&format!("{error:#}"));
            Err(other)
        }
        (page, printed) => {
            page?;
            printed?;
            let verdict = verdict(&heard, args.fail_on);
            // As above: what is over need not be tidied.
            std::mem::forget(report);
            std::mem::forget(heard);
            Ok(verdict)
        }
    }
}

/// What could not be written where nothing else is known.
const STANDARD_OUTPUT: &str = "standard output cannot be written";

/// Prints a report on standard output.
fn print(report: &Report<'_>, format: Format) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Terminal => {
            let style = style(&out);
            report.terminal(&mut out, style)?;
        }
        Format::Json => writeln!(out, "{}", report.json())?,
        Format::Markdown => write!(out, "{}", report.markdown())?,
        Format::Sarif => write!(out, "{}", report.sarif())?,
        Format::Csv => write!(out, "{}", report.csv())?,
        Format::Cbom => write!(out, "{}", report.cbom())?,
    }
    out.flush()?;
    Ok(())
}

/// How standard output is written to.
fn style(out: &StdoutLock<'_>) -> Style {
    Style {
        color: out.is_terminal() && is_colourful(),
        width: WIDTH,
    }
}

/// Whether the user and the terminal want colours (<https://no-color.org>).
fn is_colourful() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// What was heard, and how hearing ended.
struct Heard {
    ledger: Ledger,
    /// How many threads heard it.
    threads: usize,
    /// The exit status of an interruption, where there was one.
    interrupted: Option<u8>,
}

impl Heard {
    /// What a tap learns of it, without what only keys open.
    fn report(&self) -> Report<'_> {
        Report::digest(&self.ledger.records, self.threads)
    }
}

/// The keys that the command line gives; `None` where nothing is to be opened.
fn keys(input: &Input) -> Result<Option<Keys>> {
    if !input.with_keys {
        return Ok(None);
    }
    let mut keys = Keys::default();
    for path in &input.keylog {
        keylog::read(path, &mut keys)?;
    }
    Ok(Some(keys))
}

/// Listens to what the command line names.
fn hear(input: &Input) -> Result<Heard> {
    let threads = input.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, |threads| threads.get().min(8)),
        usize::from,
    );
    let reveal = if input.reveal {
        Reveal::Yes
    } else {
        Reveal::No
    };
    let keys = keys(input)?;
    let progress = std::cell::RefCell::new(Progress::default());
    let interrupt = Interrupt::default();
    let mut handled = Ok(());
    let ledger = listen(
        &input.captures,
        Options {
            threads,
            reveal,
            memory: input.memory,
        },
        keys,
        interrupt.stop(),
        &mut |size| {
            // Until here nothing was heard that could be reported.
            handled = interrupt.listen();
            progress.borrow_mut().begin(size);
        },
        &mut |position| progress.borrow_mut().at(position),
    );
    interrupt.over();
    progress.borrow_mut().end();
    handled.context("signals cannot be handled")?;
    let ledger = ledger?;
    let interrupted = ledger
        .capture()
        .is_some_and(|capture| capture.interrupted)
        .then(|| interrupt.status());
    if let (Some(_), Some(capture)) = (interrupted, ledger.capture()) {
        complain(&format!(
            "interrupted after {} frames: the report is of these only",
            capture.packets
        ));
    }
    Ok(Heard {
        ledger,
        threads,
        interrupted,
    })
}

/// The exit status: that of an interruption, or what `--fail-on` asks for.
fn verdict(heard: &Heard, fail_on: Option<Level>) -> ExitCode {
    if let Some(status) = heard.interrupted {
        return ExitCode::from(status);
    }
    let worst = heard
        .ledger
        .findings()
        .map(|finding| finding.severity)
        .max();
    match (fail_on.map(Severity::from), worst) {
        (Some(bar), Some(worst)) if worst >= bar => ExitCode::from(FOUND),
        _ => ExitCode::SUCCESS,
    }
}
