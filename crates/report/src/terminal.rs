//! The report on a terminal: the headline, findings worst first, and what the tap could not see.

use std::io::{self, Write};

use overheard_ledger::Severity;

use crate::escape::{columns, visible};
use crate::{Report, deadlines, words};

/// The most findings of one rule that are shown; the others are counted.
const MAX_FINDINGS_OF_A_RULE: usize = 5;
/// The most evidence frames that a line names.
const MAX_FRAMES: usize = 4;
/// The most columns that text is set in, however wide the terminal is.
const MAX_WIDTH: usize = 100;
/// The fewest columns that text is set in.
const MIN_WIDTH: usize = 40;
/// Columns before a finding's sentence: the severity stands there.
const INDENT: usize = 10;

/// A space at which no line ends; a plain one when it is printed.
const BOUND: &str = "\u{a0}";

/// How a terminal is to be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether it shows ANSI colours.
    pub color: bool,
    /// Its width in columns; text is set in 40 to 100 of them.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            color: false,
            width: 80,
        }
    }
}

impl Style {
    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        match self.color {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    pub(crate) fn columns(self) -> usize {
        self.width.clamp(MIN_WIDTH, MAX_WIDTH)
    }
}

fn color_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;31",
        Severity::High => "31",
        Severity::Medium => "33",
        Severity::Low => "36",
        Severity::Info => "2",
    }
}

impl Report<'_> {
    /// Writes the report for a person at a terminal.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn terminal(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for line in wrap(&self.headline(), 0, style.columns()) {
            writeln!(out, "{}", style.paint("1", &line))?;
        }
        self.write_findings(out, style)?;
        self.write_sealed(out, style)?;
        self.write_unseen(out, style)?;
        if let Some(opened) = &self.opened {
            opened.write_terminal(out, style)?;
        }
        writeln!(out)?;
        let hint = "overheard explain RULE says why a finding matters (its rule stands in parentheses); \
                    --html FILE writes a page with remedies, evidence, conversations and a timeline.";
        paragraph(out, hint, 0, style)?;
        match self.talks.is_empty() {
            true => Ok(()),
            false => paragraph(out, "overheard calls lists the calls.", 0, style),
        }
    }

    fn write_findings(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.rules.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        writeln!(out, "{}", style.paint("1", "What a tap learns"))?;
        for judged in &self.rules {
            let severity = judged.first.severity;
            for (finding, frames) in judged.findings.iter().take(MAX_FINDINGS_OF_A_RULE) {
                let mut text = visible(&finding.learns);
                if !frames.is_empty() {
                    text.push_str(&format!(" [{}]", evidence(frames)));
                }
                text.push_str(&format!(" ({})", visible(&finding.rule)));
                let tag = format!("{:<INDENT$}", severity.as_str().to_uppercase());
                let lines = wrap(&text, INDENT, style.columns());
                for (at, line) in lines.iter().enumerate() {
                    let line = line.get(INDENT..).unwrap_or_default();
                    match at {
                        0 => write!(out, "{}", style.paint(color_of(severity), &tag))?,
                        _ => write!(out, "{:INDENT$}", "")?,
                    }
                    writeln!(out, "{line}")?;
                }
            }
            let more = judged.findings.len().saturating_sub(MAX_FINDINGS_OF_A_RULE);
            if more > 0 {
                let text = format!(
                    "and {more} more like this ({})",
                    visible(&judged.first.rule)
                );
                paragraph(out, &text, INDENT, style)?;
            }
        }
        Ok(())
    }

    fn write_sealed(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let sealed = &self.sealed;
        if sealed.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let title = "What a stored recording opens, and when";
        writeln!(out, "{}", style.paint("1", title))?;
        for group in sealed
            .groups
            .iter()
            .filter(|group| group.conversations > 0 || group.sealed > 0)
        {
            let share = group.share(sealed.bytes);
            let amount = words::bytes(group.sealed);
            let conversations = words::count(group.conversations, "conversation", "conversations");
            let text = format!(
                "{}: {share}, {amount} in {conversations}",
                group.opener.title()
            );
            paragraph(out, &text, 2, style)?;
        }
        if !self.servers.is_empty() {
            paragraph(out, &self.sides_in_words(), 0, style)?;
        }
        paragraph(out, deadlines::SHORT, 0, style)
    }

    fn write_unseen(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(out)?;
        writeln!(out, "{}", style.paint("1", "What the tap could not see"))?;
        let accounts = self.accounts();
        let total = accounts.total();
        let text = format!(
            "Of {} of payload, every byte is in one of these accounts:",
            words::bytes(total)
        );
        paragraph(out, &text, 0, style)?;
        for (name, balance) in accounts.entries() {
            if balance > 0 {
                let amount = words::bytes(balance);
                let share = words::share(balance, total);
                let text = format!(
                    "{name:<13}{amount:>10}{share:>11}  {}",
                    words::account(name)
                );
                let meaning = 38;
                // The columns must not be broken as words are.
                match text.chars().map(columns).sum::<usize>() + 2 <= style.columns() {
                    true => writeln!(out, "  {text}")?,
                    false => {
                        let head: String = text.chars().take(meaning - 4).collect();
                        writeln!(out, "  {head}")?;
                        paragraph(out, words::account(name), 4, style)?;
                    }
                }
            }
        }
        for line in self.unseen() {
            paragraph(out, &visible(&line), 0, style)?;
        }
        Ok(())
    }

    /// Sentences on what is not in the accounts: frames that were cut or not understood, conversations
    /// that were not recognised, limits that were reached. Not escaped.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let capture = self.capture();
        let mut said = Vec::new();
        let frames = words::grouped(capture.packets);
        if capture.truncated_packets > 0 {
            let cut = words::grouped(capture.truncated_packets);
            said.push(format!(
                "Of {cut} of {frames} frames the capture holds only a part."
            ));
        }
        if capture.undecoded_packets > 0 {
            let undecoded = words::grouped(capture.undecoded_packets);
            said.push(format!(
                "In {undecoded} of {frames} frames no network layer was found (ARP is one such)."
            ));
        }
        let unknown = self.unknown_conversations();
        if unknown > 0 {
            said.push(format!(
                "Of {} of {} conversations it cannot be said what a tap gets.",
                words::grouped(unknown),
                self.conversations.len()
            ));
        }
        said.extend(capture.notices.iter().cloned());
        said
    }
}

/// Frame numbers, held together where they are few.
fn evidence(frames: &[u64]) -> String {
    let text = words::frames(frames, MAX_FRAMES);
    match text.chars().count() < 20 {
        true => text.replace(' ', BOUND),
        false => text.replacen(' ', BOUND, 1),
    }
}

pub(crate) fn paragraph(
    out: &mut dyn Write,
    text: &str,
    indent: usize,
    style: Style,
) -> io::Result<()> {
    for line in wrap(text, indent, style.columns()) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Lines of at most `width` columns, each indented. Words that are longer than a line are broken.
pub(crate) fn wrap(text: &str, indent: usize, width: usize) -> Vec<String> {
    let room = width.saturating_sub(indent).max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length: usize = word.chars().map(columns).sum();
        if used > 0 && used + 1 + length > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for character in word.chars() {
            let takes = columns(character);
            if used + takes > room {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(character);
            used += takes;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
        .into_iter()
        .map(|line| format!("{:indent$}{}", "", line.replace(BOUND, " ")))
        .collect()
}
