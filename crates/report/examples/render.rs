//! A ledger (NDJSON) on standard input, as the page of the format that the first argument names:
//! `terminal`, `html`, `markdown`, `json`, `cbom`, `calls` or `calls-json`.

use std::io::{self, BufRead, Write};

use overheard_ledger::Record;
use overheard_report::{Report, Style};

fn main() -> io::Result<()> {
    let mut records: Vec<Record> = Vec::new();
    for line in io::stdin().lock().lines() {
        records.push(serde_json::from_str(&line?)?);
    }
    let report = Report::new(&records);
    let mut out = io::stdout().lock();
    match std::env::args().nth(1).as_deref() {
        Some("html") => write!(out, "{}", report.html()),
        Some("markdown") => write!(out, "{}", report.markdown()),
        Some("json") => write!(out, "{}", report.json()),
        Some("cbom") => write!(out, "{}", report.cbom()),
        Some("calls") => report.calls(&mut out, Style::default()),
        Some("calls-json") => write!(out, "{}", report.calls_json()),
        _ => report.terminal(&mut out, Style::default()),
    }
}
