use overheard_ledger::{Body, Capture, Exposure, Finding, Record, Severity};
use serde_json::Value;

use crate::Report;

fn record(body: Body, frames: &[u64]) -> Record {
    Record {
        body,
        conversation: None,
        frames: frames.to_vec().into(),
        time: None,
    }
}

fn finding(rule: &str, severity: Severity, learns: &str) -> Body {
    Finding {
        rule: rule.to_owned(),
        title: "A title".to_owned(),
        severity,
        exposure: Exposure::Open,
        learns: learns.to_owned(),
        remedy: "Use TLS.".to_owned(),
        standard: "RFC 8314".to_owned(),
        count: 2,
        conversations: vec![7],
    }
    .into()
}

fn log(sources: &[&str]) -> Value {
    let capture = Capture {
        source: sources.iter().map(|name| (*name).to_owned()).collect(),
        notices: vec!["something was set aside".to_owned()],
        ..Capture::default()
    };
    let records = [
        record(capture.into(), &[]),
        record(finding("a-name", Severity::Info, "A name"), &[9]),
        record(finding("a-password", Severity::Critical, "One"), &[3, 4]),
        record(finding("a-password", Severity::Critical, "Another"), &[5]),
    ];
    serde_json::from_str(&Report::new(&records).sarif()).unwrap()
}

#[test]
fn a_finding_is_a_result_of_its_rule_and_names_the_frames() {
    let log = log(&["line 1.pcap"]);
    let run = &log["runs"][0];
    assert_eq!(log["version"], "2.1.0");
    let results = run["results"].as_array().unwrap();
    let said: Vec<_> = results
        .iter()
        .map(|result| {
            let rule =
                &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            (
                result["level"].as_str().unwrap(),
                result["message"]["text"].as_str().unwrap(),
                result["properties"]["frames"].to_string(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (
                "error",
                "A tap learns: One (frames 3, 4)",
                "[3,4]".to_owned()
            ),
            ("error", "A tap learns: Another (frame 5)", "[5]".to_owned()),
            ("note", "A tap learns: A name (frame 9)", "[9]".to_owned()),
        ]
    );
    let place = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(place["uri"], "line%201.pcap");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let notices = &run["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notices[0]["message"]["text"], "something was set aside");
}

#[test]
fn of_several_captures_no_result_claims_one() {
    let log = log(&["one.pcap", "two.pcap"]);
    assert_eq!(
        log["runs"][0]["artifacts"][1]["location"]["uri"],
        "two.pcap"
    );
    assert!(log["runs"][0]["results"][0].get("locations").is_none());
}
