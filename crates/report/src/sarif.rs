//! The findings as SARIF 2.1.0 (OASIS), for systems that gather the results of checks.

use overheard_ledger::{Finding, Severity};
use serde_json::{Map, Value, json};

use crate::{Report, escape, words};

/// The most frames that a message names; all of a finding stand in its properties.
const MAX_FRAMES: usize = 4;

impl Report<'_> {
    /// The findings as a SARIF log with one run. A rule is a `reportingDescriptor`, with the remedy as its help;
    /// a finding is a `result`, worst first, whose `properties` hold what SARIF has no field for: `severity`, `exposure`,
    /// `frames`, `conversations`, `count`, `remedy`, `standard`.
    pub fn sarif(&self) -> String {
        let rules: Vec<Value> = self.rules.iter().map(|judged| rule(judged.first)).collect();
        let artifacts: Vec<Value> = self
            .capture()
            .source
            .iter()
            .map(|name| json!({"location": {"uri": uri(name)}}))
            .collect();
        // Which of several captures a frame is of, its number does not say.
        let only = match self.capture().source.as_slice() {
            [name] => Some(name.as_str()),
            _ => None,
        };
        let mut results = Vec::new();
        for (index, judged) in self.rules.iter().enumerate() {
            for (finding, frames) in &judged.findings {
                results.push(result(finding, frames, index, only));
            }
        }
        let notifications: Vec<Value> = self
            .capture()
            .notices
            .iter()
            .map(|notice| json!({"level": "warning", "message": {"text": escape::inert(notice)}}))
            .collect();
        let log = json!({
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": "overheard",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                }},
                "invocations": [{
                    "executionSuccessful": !self.capture().interrupted,
                    "toolExecutionNotifications": notifications,
                }],
                "artifacts": artifacts,
                "results": results,
            }],
        });
        let mut text = escape::json(&format!("{log:#}"));
        text.push('\n');
        text
    }
}

fn rule(finding: &Finding) -> Value {
    json!({
        "id": escape::inert(&finding.rule),
        "shortDescription": {"text": escape::inert(&finding.title)},
        "help": {"text": format!("{} ({})", escape::inert(&finding.remedy), escape::inert(&finding.standard))},
        "defaultConfiguration": {"level": level(finding.severity)},
        "properties": {"security-severity": score(finding.severity), "tags": ["security"]},
    })
}

fn result(finding: &Finding, frames: &[u64], rule: usize, capture: Option<&str>) -> Value {
    let learned = escape::inert(&finding.learns);
    let mut result = Map::new();
    let mut set = |name: &str, value: Value| result.insert(name.to_owned(), value);
    set("ruleId", json!(escape::inert(&finding.rule)));
    set("ruleIndex", json!(rule));
    set("level", json!(level(finding.severity)));
    set(
        "message",
        json!({"text": format!("A tap learns: {learned} ({})", words::frames(frames, MAX_FRAMES))}),
    );
    if let Some(name) = capture {
        let artifact = json!({"uri": uri(name), "index": 0});
        set(
            "locations",
            json!([{"physicalLocation": {"artifactLocation": artifact}}]),
        );
    }
    set("occurrenceCount", json!(finding.count.max(1)));
    set("partialFingerprints", json!({"learns/v1": learned}));
    set(
        "properties",
        json!({
            "severity": finding.severity,
            "exposure": finding.exposure,
            "frames": frames,
            "conversations": finding.conversations,
            "count": finding.count,
            "remedy": escape::inert(&finding.remedy),
            "standard": escape::inert(&finding.standard),
        }),
    );
    Value::Object(result)
}

/// SARIF knows three levels of what is found (section 3.27.10).
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// A number from 0 to 10 that code scanners sort by: the middle of the ranges of CVSS 3.1 (section 5).
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.1",
    }
}

/// A file's name as a relative reference (RFC 3986 section 4.2): all but unreserved characters and `/` as `%XX`.
fn uri(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests;
