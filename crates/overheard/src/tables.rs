//! What the program knows: rules, protocols, limits.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use overheard_protocols::PROTOCOLS;
use overheard_tap::{Over, limits};

use overheard::listen::rules;

/// Prints a rule in full, or the list of all rules.
///
/// # Errors
/// Where there is no such rule, or standard output cannot be written.
pub fn explain(id: Option<&str>) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    let rules = rules();
    let Some(id) = id else {
        for rule in rules {
            writeln!(out, "{:<32} {:<9} {}", rule.id, rule.severity, rule.title)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(rule) = rules.iter().find(|rule| rule.id == id) else {
        bail!("there is no rule {id:?}; `overheard explain` lists them all");
    };
    writeln!(out, "{} ({})\n", rule.title, rule.id)?;
    writeln!(out, "Severity   {}", rule.severity)?;
    writeln!(
        out,
        "Exposure   {}: {}",
        rule.exposure,
        rule.exposure.meaning()
    )?;
    writeln!(out, "Standard   {}\n", rule.standard)?;
    writeln!(out, "{}\n", wrap(rule.explain))?;
    writeln!(out, "What to do\n{}", wrap(rule.remedy))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the protocols as a table.
///
/// # Errors
/// Where standard output cannot be written.
pub fn protocols() -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    for protocol in PROTOCOLS {
        let over: Vec<&str> = protocol
            .over
            .iter()
            .map(|over| match over {
                Over::Stream => "stream",
                Over::Datagram => "datagram",
            })
            .collect();
        let over = over.join(", ");
        writeln!(
            out,
            "{:<9} {:<17} {:<46} {}",
            protocol.name, over, protocol.title, protocol.standard
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the limits.
///
/// # Errors
/// Where standard output cannot be written.
pub fn limits() -> Result<ExitCode> {
    io::stdout().lock().write_all(limits_text().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The limits, one a line.
pub fn limits_text() -> String {
    let line = |limit: &limits::Limit| {
        format!("{:<24} {:>10} {}\n", limit.name, limit.value, limit.meaning)
    };
    limits::ALL.iter().map(line).collect()
}

/// Wraps text at 80 columns.
fn wrap(text: &str) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > 80 {
            lines.push('\n');
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines
}
