//! The report for programs: one object, whose fields are added to and never renamed.

use serde_json::{Map, Value, json};

use crate::{Report, escape};

impl Report<'_> {
    /// The report as one JSON object: `headline`, `capture`, `counts`, `exposures` (worst first),
    /// `findings` (worst first, with their `frames`), and `opened`, the owner's own view, where keys were given. Sizes in bytes, times as RFC 3339 in UTC.
    pub fn json(&self) -> String {
        let exposures: Vec<Value> = self
            .exposures
            .iter()
            .map(|held| {
                json!({
                    "exposure": held.exposure,
                    "conversations": held.conversations,
                    "bytes": held.bytes,
                    "sealed": held.sealed,
                })
            })
            .collect();
        let mut report = json!({
            "format": "overheard-report",
            "version": 1,
            "headline": self.headline(),
            "capture": self.capture(),
            "counts": counts(self),
            "exposures": exposures,
            "findings": findings(self),
        });
        if let (Some(opened), Value::Object(report)) = (&self.opened, &mut report) {
            report.insert("opened".to_owned(), opened.json());
        }
        let mut text = escape::json(&format!("{report:#}"));
        text.push('\n');
        text
    }
}

/// What was got, counted.
pub(crate) fn counts(report: &Report<'_>) -> Value {
    let facts = &report.facts;
    json!({
        "conversations": report.conversations.len(),
        "calls_heard": facts.calls_heard,
        "calls_seen": facts.calls_seen,
        "streams_heard": facts.streams_heard,
        "letters": facts.letters,
        "passwords": facts.passwords,
        "tokens": facts.tokens,
        "crackable": facts.crackable,
        "files": facts.files,
        "names": facts.names,
        "requests": facts.requests,
        "sealed": facts.sealed,
        "sealed_opening_later": facts.sealed_opening_later,
    })
}

/// Findings, worst first, with their frames.
pub(crate) fn findings(report: &Report<'_>) -> Value {
    let findings = report.rules.iter().flat_map(|judged| &judged.findings);
    findings
        .map(|(finding, frames)| {
            let mut object = match serde_json::to_value(finding) {
                Ok(Value::Object(object)) => object,
                _ => Map::new(),
            };
            object.insert("frames".to_owned(), json!(frames));
            Value::Object(object)
        })
        .collect()
}
