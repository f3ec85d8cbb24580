//! The report for programs: one object, whose fields are added to and never renamed.

use serde_json::{Map, Value, json};

use crate::{Report, escape};

impl Report<'_> {
    /// The report as one JSON object: `headline`, `capture`, `counts`, `exposures` (worst first),
    /// `findings` (worst first, with their `frames`). Sizes in bytes, times as RFC 3339 in UTC.
    pub fn json(&self) -> String {
        let facts = &self.facts;
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
        let findings: Vec<Value> = self
            .rules
            .iter()
            .flat_map(|judged| &judged.findings)
            .map(|(finding, frames)| {
                let mut object = match serde_json::to_value(finding) {
                    Ok(Value::Object(object)) => object,
                    _ => Map::new(),
                };
                object.insert("frames".to_owned(), json!(frames));
                Value::Object(object)
            })
            .collect();
        let report = json!({
            "format": "overheard-report",
            "version": 1,
            "headline": self.headline(),
            "capture": self.capture(),
            "counts": {
                "conversations": self.conversations.len(),
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
            },
            "exposures": exposures,
            "findings": findings,
        });
        let mut text = escape::json(&format!("{report:#}"));
        text.push('\n');
        text
    }
}
