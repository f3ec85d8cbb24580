//! The owner's own view: what is inside sealed conversations, opened with keys that the owner gave. It stands
//! apart from all that a tap learns, and says so in every format.

use std::fmt::Write as _;
use std::io::{self, Write};

use overheard_ledger::Opened;
use serde_json::{Value, json};

use crate::escape::{markdown, visible};
use crate::terminal::{Style, paragraph};
use crate::view::{Inside, Judged};
use crate::{json, words};

/// What every format calls it.
pub(crate) const HEADING: &str = "Your own view: inside what was sealed";

/// What every format says before anything else.
pub(crate) const NOTE: &str = "This is what your own programs send, opened with the keys you gave. A wiretap does NOT learn it unless \
     the keys leak; nothing of it counts above.";

/// The most findings of one rule that are listed; the others are counted.
const MAX_FINDINGS_OF_A_RULE: usize = 20;

impl Inside<'_> {
    /// Sentences on what was opened and what was not. Not escaped.
    pub(crate) fn said(&self) -> Vec<String> {
        let &Opened {
            secrets,
            conversations: opened,
            without_keys,
            wrong_keys,
            unsupported,
            accounts,
            ref notices,
        } = self.summary;
        let conversations = |count| words::count(count, "conversation", "conversations");
        let mut said = vec![format!(
            "With {}, {} of TLS and QUIC {} opened: {} inside. For {} there were no keys.",
            words::count(secrets, "secret", "secrets"),
            conversations(opened),
            if opened == 1 { "was" } else { "were" },
            words::bytes(accounts.total()),
            conversations(without_keys),
        )];
        if wrong_keys > 0 {
            said.push(format!(
                "The keys for {} did not fit, and opened nothing.",
                conversations(wrong_keys)
            ));
        }
        if unsupported > 0 {
            said.push(format!(
                "{} stayed closed although there were keys: only AEAD ciphers (AES-GCM, AES-CCM, ChaCha20-Poly1305) are \
                 opened, not CBC or stream ciphers.",
                conversations(unsupported)
            ));
        }
        let facts = &self.report.facts;
        let found: Vec<String> = [
            (facts.requests, "request", "requests"),
            (facts.letters, "letter", "letters"),
            (facts.passwords, "password", "passwords"),
            (facts.tokens, "token or cookie", "tokens and cookies"),
            (facts.files, "file", "files"),
            (facts.names, "name", "names"),
        ]
        .into_iter()
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| words::count(count, one, many))
        .collect();
        if !found.is_empty() {
            said.push(format!("Inside were {}.", found.join(", ")));
        }
        let not_read = accounts.total() - accounts.read;
        if not_read > 0 {
            said.push(format!(
                "Of the bytes inside, {} are of no protocol that is understood, or not whole.",
                words::bytes(not_read)
            ));
        }
        said.extend(notices.iter().cloned());
        said
    }

    /// Rules with their findings, worst first.
    pub(crate) fn rules(&self) -> &[Judged<'_>] {
        &self.report.rules
    }

    pub(crate) fn write_terminal(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(out)?;
        writeln!(out, "{}", style.paint("1", HEADING))?;
        paragraph(out, NOTE, 0, style)?;
        for line in self.said() {
            paragraph(out, &visible(&line), 0, style)?;
        }
        for judged in self.rules() {
            for (finding, _) in judged.findings.iter().take(MAX_FINDINGS_OF_A_RULE) {
                let text = format!("{} ({})", visible(&finding.learns), visible(&finding.rule));
                paragraph(out, &text, 2, style)?;
            }
            if let Some(more) = more(judged) {
                paragraph(out, &more, 2, style)?;
            }
        }
        Ok(())
    }

    pub(crate) fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n## {HEADING}\n\n**{NOTE}**\n")?;
        for line in self.said() {
            writeln!(out, "- {}", markdown(&line))?;
        }
        for judged in self.rules() {
            writeln!(
                out,
                "\n### Inside: {} ({})\n",
                markdown(&judged.first.title),
                markdown(&judged.first.rule)
            )?;
            for (finding, frames) in judged.findings.iter().take(MAX_FINDINGS_OF_A_RULE) {
                let frames = words::frames(frames, frames.len());
                writeln!(out, "- {} \\[{frames}\\]", markdown(&finding.learns))?;
            }
            if let Some(more) = more(judged) {
                writeln!(out, "- {more}")?;
            }
        }
        Ok(())
    }

    /// `summary`, `counts` and `findings`, as in the report itself.
    pub(crate) fn json(&self) -> Value {
        json!({
            "note": NOTE,
            "summary": self.summary,
            "counts": json::counts(&self.report),
            "findings": json::findings(&self.report),
        })
    }
}

/// How many findings of a rule are not listed.
fn more(judged: &Judged<'_>) -> Option<String> {
    let more = judged.findings.len().saturating_sub(MAX_FINDINGS_OF_A_RULE);
    (more > 0).then(|| format!("and {more} more like this"))
}
