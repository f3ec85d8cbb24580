//! The findings as a table for spreadsheets (RFC 4180).

use crate::{Report, escape};

const COLUMNS: [&str; 10] = [
    "severity",
    "rule",
    "title",
    "exposure",
    "learns",
    "count",
    "frames",
    "conversations",
    "remedy",
    "standard",
];

impl Report<'_> {
    /// One line of names, then one a finding, worst first. Frames and conversations are numbers with spaces between
    /// them.
    pub fn csv(&self) -> String {
        let mut text = String::new();
        line(&mut text, COLUMNS.map(str::to_owned));
        for (finding, frames) in self.rules.iter().flat_map(|judged| &judged.findings) {
            line(
                &mut text,
                [
                    finding.severity.to_string(),
                    finding.rule.clone(),
                    finding.title.clone(),
                    finding.exposure.to_string(),
                    finding.learns.clone(),
                    finding.count.to_string(),
                    numbers(frames),
                    numbers(&finding.conversations),
                    finding.remedy.clone(),
                    finding.standard.clone(),
                ],
            );
        }
        text
    }
}

fn numbers(all: &[u64]) -> String {
    let all: Vec<String> = all.iter().map(u64::to_string).collect();
    all.join(" ")
}

fn line(text: &mut String, cells: [String; 10]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push('"');
        let cell = escape::inert(cell);
        // What begins so is a formula to a spreadsheet, unless an apostrophe stands before it.
        let bare = cell.trim_start_matches([' ', '\u{a0}', '\u{3000}', '\'', '"', '␉', '␍', '␊']);
        if bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
            text.push('\'');
        }
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    }
    text.push_str("\r\n");
}
