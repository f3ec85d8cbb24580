//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use overheard_follow::MIN_MEMORY;
use overheard_ledger::Severity;

/// A tap that you run on yourself: point it at a capture of your own line, and it says what a wiretap
/// on that line would have learned.
#[derive(Debug, Parser)]
#[command(name = "overheard", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the help ends with.
pub const AFTER_HELP: &str = "It listens only to traffic that you are responsible for. It does not inject, intercept, \
crack or hide, and sends nothing anywhere.\n\nExit status: 0 when all went well, 1 when --fail-on found something, \
2 on bad use, unreadable input or output that cannot be written, 130 or 143 when Ctrl-C or SIGTERM interrupted the \
hearing: what was heard until then is reported, and said to be partial. A second one ends at once.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what a tap would have learned: in the terminal, and as a page with --html
    Report(ReportArgs),
    /// Print everything that was observed as NDJSON, one record a line
    Ledger(LedgerArgs),
    /// List calls: who called whom, how long they spoke, and whether a tap hears the words
    Calls(CallsArgs),
    /// Explain a rule: why it matters, what to do, and the standard that says so
    Explain {
        /// The rule's id, as a report names it; all rules are listed without one
        rule: Option<String>,
    },
    /// List the protocols that are understood
    Protocols,
    /// List the limits that bound memory and work
    Limits,
}

/// What to listen to, and how.
#[derive(Debug, Args)]
pub struct Input {
    /// Captures: pcap or pcapng files, also packed with gzip or zstd; folders of them; - for standard input.
    /// Several are heard as one, in time order
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
    /// Show passwords, subjects and other secrets whole. Whoever sees the output has them
    #[arg(long)]
    pub reveal: bool,
    /// Show apart what is inside sealed conversations (TLS, QUIC) of which there are keys: in the captures, or in key
    /// logs given with --keylog. It is your own view of what your programs send; a tap does not learn it
    #[arg(long)]
    pub with_keys: bool,
    /// A key log, as programs write it where SSLKEYLOGFILE is set; may be given more than once
    #[arg(long, value_name = "FILE", requires = "with_keys")]
    pub keylog: Vec<PathBuf>,
    /// Threads that hear [default: as many as the machine has, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
    /// Memory that may be used, in bytes, or with K, M or G for 2^10, 2^20 or 2^30 of them; at least 16M. What does not fit
    /// is set aside, the least useful first, and the report says how much
    #[arg(long, value_name = "BYTES", default_value = "512M", value_parser = memory)]
    pub memory: usize,
}

/// `overheard report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// What to listen to.
    #[command(flatten)]
    pub input: Input,
    /// Write the report as one self-contained web page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
    /// Exit with status 1 where there is a finding at least this bad
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<Level>,
}

/// `overheard ledger`.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// What to listen to.
    #[command(flatten)]
    pub input: Input,
    /// Exit with status 1 where there is a finding at least this bad
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<Level>,
}

/// `overheard calls`.
#[derive(Debug, Args)]
pub struct CallsArgs {
    /// What to listen to.
    #[command(flatten)]
    pub input: Input,
    /// Print one JSON object a line, for programs
    #[arg(long)]
    pub json: bool,
    /// Write the sound of each call that a tap hears into this folder, as WAV: the caller left, the callee right. Only
    /// with --reveal, or encrypted with --seal-to
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
    /// Encrypt what --save writes with age (https://age-encryption.org), so that only this recipient can open it: age1...
    #[arg(long, value_name = "RECIPIENT", requires = "save")]
    pub seal_to: Option<String>,
}

/// Formats of a report on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading in a terminal
    Terminal,
    /// Headline, totals and findings as one JSON object
    Json,
    /// For a ticket or a wiki
    Markdown,
    /// The findings, for systems that gather the results of checks: SARIF 2.1.0 as JSON
    Sarif,
    /// The findings, for spreadsheets
    Csv,
    /// Cryptography bill of materials: CycloneDX 1.6 as JSON
    Cbom,
}

/// A severity, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// A secret readable now: a password, a call, a letter
    Critical,
    /// Contents readable now
    High,
    /// Opens with a stolen key, or with what breaks today
    Medium,
    /// Stored today, opened by a quantum computer
    Low,
    /// Metadata: names, times, habits
    Info,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Severity {
        match level {
            Level::Critical => Severity::Critical,
            Level::High => Severity::High,
            Level::Medium => Severity::Medium,
            Level::Low => Severity::Low,
            Level::Info => Severity::Info,
        }
    }
}

/// A number of bytes: `64M`.
fn memory(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (text.get(..at), 10),
        Some((at, 'm' | 'M')) => (text.get(..at), 20),
        Some((at, 'g' | 'G')) => (text.get(..at), 30),
        _ => (Some(text), 0),
    };
    let bytes = digits
        .and_then(|digits| digits.parse::<usize>().ok())
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or("not a number of bytes, such as 64M")?;
    if bytes < MIN_MEMORY {
        return Err(format!("less than {}M", MIN_MEMORY >> 20));
    }
    Ok(bytes)
}
