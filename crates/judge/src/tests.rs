use overheard_ledger::{Exposure, HintBody, Name, Severity};

use super::*;

static NAMES: Rule = Rule {
    id: "test-names",
    title: "Names",
    severity: Severity::Info,
    exposure: Exposure::Open,
    when: When::Record(|seen| match &seen.record.body {
        Body::Name(name) => Some(format!("The name {}", name.name)),
        _ => None,
    }),
    remedy: "Do something.",
    standard: "RFC 9076",
    explain: "Names tell.",
};

static OBSERVED: Rule = Rule {
    id: "test-observed",
    title: "Observed",
    severity: Severity::High,
    exposure: Exposure::Open,
    when: When::Observed,
    remedy: "Do something.",
    standard: "RFC 7258",
    explain: "Seen.",
};

fn name(name: &str, frame: u64) -> Record {
    Record {
        body: Name {
            source: "dns-query".into(),
            name: name.into(),
        }
        .into(),
        conversation: Some(frame),
        frames: vec![frame],
        time: Some(Time(frame)),
    }
}

fn findings(records: &[Record], hints: &[Hint]) -> Vec<(Finding, Vec<u64>)> {
    let judged = judge(records, hints, &[&NAMES, &OBSERVED]);
    let finding = |record: Record| match record.body {
        Body::Finding(finding) => (*finding, record.frames),
        other => panic!("{other:?}"),
    };
    judged.into_iter().map(finding).collect()
}

#[test]
fn equal_sentences_become_one_finding_with_a_count() {
    let found = findings(
        &[
            name("a.example", 3),
            name("b.example", 4),
            name("a.example", 9),
        ],
        &[],
    );
    assert_eq!(found.len(), 2);
    let (finding, frames) = &found[0];
    assert_eq!(
        (finding.learns.as_str(), finding.count),
        ("The name a.example", 2)
    );
    assert_eq!(frames, &[3, 9]);
    assert_eq!(finding.conversations, [3, 9]);
}

#[test]
fn the_worst_comes_first() {
    let body = HintBody::Observed {
        rule: "test-observed",
        learns: "Something open".into(),
    };
    let hint = Hint {
        conversation: 8,
        frames: vec![8],
        time: Time(8),
        body,
    };
    let found = findings(&[name("a.example", 3)], &[hint]);
    let rules: Vec<&str> = found
        .iter()
        .map(|(finding, _)| finding.rule.as_str())
        .collect();
    assert_eq!(rules, ["test-observed", "test-names"]);
}

#[test]
fn evidence_and_findings_are_bounded_and_nothing_is_lost_from_the_count() {
    let same: Vec<Record> = (1..=100).map(|frame| name("a.example", frame)).collect();
    let (finding, frames) = &findings(&same, &[])[0];
    assert_eq!((finding.count, frames.len()), (100, MAX_EVIDENCE));
    let many: Vec<Record> = (1..=1000)
        .map(|frame| name(&format!("n{frame}.example"), frame))
        .collect();
    let found = findings(&many, &[]);
    assert_eq!(found.len(), MAX_FINDINGS_OF_A_RULE);
    assert_eq!(
        found.iter().map(|(finding, _)| finding.count).sum::<u64>(),
        1000
    );
}
