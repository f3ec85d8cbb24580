//! The report as Markdown (CommonMark with the tables of GFM), to paste into an issue or a page.

use std::fmt::Write;

use crate::escape::markdown;
use crate::{Report, deadlines, words};

/// The most findings of one rule that are listed; the others are counted.
const MAX_FINDINGS_OF_A_RULE: usize = 20;

impl Report<'_> {
    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        let mut out = String::from("# What a tap would have overheard\n\n");
        // Writing to a String cannot fail.
        let _ = self.write_markdown(&mut out);
        out
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "**{}**\n", markdown(&self.headline()))?;
        let capture = self.capture();
        let sources: Vec<String> = capture.source.iter().map(|name| markdown(name)).collect();
        write!(out, "{}", sources.join(", "))?;
        if let (Some(start), Some(end)) = (capture.start, capture.end) {
            write!(out, ", {} to {}", words::moment(start), words::moment(end))?;
        }
        let frames = words::count(capture.packets, "frame", "frames");
        writeln!(out, ", {frames}, {}.\n", words::bytes(capture.bytes))?;

        writeln!(out, "## What a tap gets\n")?;
        writeln!(
            out,
            "| exposure | conversations | bytes on the wire | meaning |"
        )?;
        writeln!(out, "|---|---:|---:|---|")?;
        for held in self.exposures.iter().filter(|held| held.conversations > 0) {
            let meaning = held.exposure.meaning();
            let bytes = words::bytes(held.bytes);
            let conversations = words::grouped(held.conversations);
            writeln!(
                out,
                "| {} | {conversations} | {bytes} | {meaning} |",
                held.exposure
            )?;
        }

        if !self.rules.is_empty() {
            writeln!(out, "\n## Findings")?;
        }
        for judged in &self.rules {
            let rule = judged.first;
            let (severity, title) = (rule.severity, markdown(&rule.title));
            writeln!(
                out,
                "\n### {severity}: {title} ({})\n",
                markdown(&rule.rule)
            )?;
            for (finding, frames) in judged.findings.iter().take(MAX_FINDINGS_OF_A_RULE) {
                let frames = words::frames(frames, frames.len());
                writeln!(
                    out,
                    "- Learned: {} \\[{frames}\\]",
                    markdown(&finding.learns)
                )?;
            }
            let more = judged.findings.len().saturating_sub(MAX_FINDINGS_OF_A_RULE);
            if more > 0 {
                writeln!(out, "- and {more} more like this")?;
            }
            writeln!(out, "\nWhat to do: {}", markdown(&rule.remedy))?;
            writeln!(out, "\nStandard: {}", markdown(&rule.standard))?;
        }

        self.write_sealed_markdown(out)?;

        writeln!(out, "\n## What the tap could not see\n")?;
        writeln!(out, "| account | bytes | share | meaning |")?;
        writeln!(out, "|---|---:|---:|---|")?;
        let accounts = self.accounts();
        let total = accounts.total();
        for (name, balance) in accounts.entries() {
            let (share, meaning) = (words::share(balance, total), words::account(name));
            writeln!(out, "| {name} | {balance} | {share} | {meaning} |")?;
        }
        writeln!(out, "| **all payload** | **{total}** | | |\n")?;
        for line in self.unseen() {
            writeln!(out, "- {}", markdown(&line))?;
        }
        self.opened
            .as_ref()
            .map_or(Ok(()), |opened| opened.write_markdown(out))
    }

    fn write_sealed_markdown(&self, out: &mut String) -> std::fmt::Result {
        let sealed = &self.sealed;
        if sealed.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n## What a stored recording opens, and when\n")?;
        writeln!(
            out,
            "| what opens it | conversations | sealed bytes | share | meaning |"
        )?;
        writeln!(out, "|---|---:|---:|---:|---|")?;
        for group in &sealed.groups {
            let opener = group.opener;
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                opener.title(),
                words::grouped(group.conversations),
                words::grouped(group.sealed),
                group.share(sealed.bytes),
                opener.reason(),
            )?;
        }
        let all = words::grouped(sealed.bytes);
        writeln!(out, "| **all that was sealed** | | **{all}** | | |\n")?;
        for deadline in deadlines::ALL {
            let (when, says) = (deadline.when, deadline.says);
            write!(out, "- {when}: {says} ({})", deadline.standard)?;
            match deadline.concerns(sealed) {
                Some(concerned) => writeln!(out, "; here: {concerned}")?,
                None => writeln!(out)?,
            }
        }
        if !self.servers.is_empty() {
            writeln!(out, "\n{}", self.sides_in_words())?;
        }
        Ok(())
    }
}
