//! The report for programs: one object, whose fields are added to and never renamed.

use overheard_judge::{Server, Side};
use serde_json::{Map, Value, json};

use crate::{Report, deadlines, escape};

impl Report<'_> {
    /// The report as one JSON object: `headline`, `capture`, `counts`, `exposures` (worst first),
    /// `sealed` (what opens a recording, whose bytes add up to all sealed bytes; the deadlines of standards),
    /// `servers` (what their clients offered and agreed on, and which side to upgrade), `findings` (worst first,
    /// with their `frames`), and `opened`, the owner's own view, where keys were given. Sizes in bytes, times as RFC 3339 in UTC.
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
            "sealed": self.sealed_object(),
            "servers": self.servers.iter().map(server).collect::<Vec<Value>>(),
            "findings": findings(self),
        });
        if let (Some(opened), Value::Object(report)) = (&self.opened, &mut report) {
            report.insert("opened".to_owned(), opened.json());
        }
        let mut text = escape::json(&format!("{report:#}"));
        text.push('\n');
        text
    }

    fn sealed_object(&self) -> Value {
        let total = self.sealed.bytes;
        let groups: Vec<Value> = self
            .sealed
            .groups
            .iter()
            .map(|group| {
                let servers: Vec<Value> = group
                    .servers
                    .iter()
                    .map(|held| {
                        json!({
                            "server": held.server,
                            "conversations": held.conversations,
                            "bytes": held.sealed,
                        })
                    })
                    .collect();
                json!({
                    "opens": group.opener.id(),
                    "conversations": group.conversations,
                    "bytes": group.sealed,
                    "share": match total {
                        0 => 0.0,
                        _ => group.sealed as f64 / total as f64,
                    },
                    "servers": servers,
                })
            })
            .collect();
        let deadlines: Vec<Value> = deadlines::ALL
            .iter()
            .map(|deadline| {
                json!({
                    "standard": deadline.standard,
                    "when": deadline.when,
                    "says": deadline.says,
                    "concerns": deadline.concerns(&self.sealed),
                })
            })
            .collect();
        json!({"bytes": total, "groups": groups, "deadlines": deadlines})
    }
}

fn server(server: &Server<'_>) -> Value {
    let counts = server.key_exchanges;
    let old = server.old_versions;
    let clients: Vec<Value> = server
        .clients
        .iter()
        .map(|(address, client)| {
            json!({
                "ip": address,
                "handshakes": client.handshakes,
                "versions": client.versions,
                "key_exchanges": client.key_exchanges,
                "offered_post_quantum": client.offered,
                "newest_offered": client.newest.map(|newest| newest.name(server.protocol)),
            })
        })
        .collect();
    json!({
        "protocol": server.protocol,
        "name": server.name,
        "port": server.port,
        "addresses": server.addresses,
        "newest": server.newest.map(|(_, version)| version),
        "post_quantum": {
            "agreed": counts.agreed,
            "refused": counts.refused,
            "postponed": counts.postponed,
            "not_offered": counts.not_offered,
            "unseen": counts.unseen,
            "upgrade": counts.side().map(Side::id),
        },
        "deprecated_version": {
            "refused": old.refused,
            "not_offered": old.not_offered,
            "unseen": old.unseen,
            "upgrade": old.side().map(Side::id),
        },
        "clients": clients,
    })
}

/// What was got, counted.
pub(crate) fn counts(report: &Report<'_>) -> Value {
    let facts = &report.facts;
    json!({
        "conversations": report.conversations.len(),
        "calls_heard": facts.calls_heard,
        "calls_seen": facts.calls_seen,
        "streams_heard": facts.streams_heard,
        "speech_seconds": facts.speech_seconds(),
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
