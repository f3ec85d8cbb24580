use overheard_ledger::{Exposure, Frames, HintBody, Name, Severity};

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
        frames: Frames::one(frame),
        time: Some(Time(frame)),
    }
}

fn findings(records: &[Record], hints: &[Hint]) -> Vec<(Finding, Frames)> {
    let judged = judge(records, hints, &[&NAMES, &OBSERVED], 2);
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
        frames: vec![8].into(),
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

#[test]
fn an_offer_that_disappears_for_one_client_is_told() {
    let conversation = |id: u64, client: &str, server: &str, protocol: &str| {
        let line = format!(
            r#"{{"kind":"conversation","id":{id},"transport":"tcp","client":{{"ip":"{client}","port":40000}},"server":{{"ip":"{server}","port":25}},"packets":[1,1],"bytes":[1,1],"start":"2026-01-01T09:00:00Z","end":"2026-01-01T09:00:00Z","protocol":"{protocol}","exposure":"open","accounts":{{"read":0,"sealed":0,"unrecognised":0,"malformed":0,"missing":0,"duplicate":0,"limited":0}},"frames":[{id}]}}"#
        );
        serde_json::from_str::<Record>(&line).unwrap()
    };
    let not_offered = |id: u64| Hint {
        conversation: id,
        frames: vec![id].into(),
        time: Time(id),
        body: HintBody::Observed {
            rule: "smtp-starttls-not-offered",
            learns: String::new(),
        },
    };
    let records = [
        conversation(1, "192.0.2.10", "192.0.2.25", "smtp+tls"),
        conversation(2, "192.0.2.11", "192.0.2.25", "smtp"),
        conversation(3, "192.0.2.11", "192.0.2.26", "smtp"),
        conversation(4, "192.0.2.12", "192.0.2.26", "imap+tls"),
    ];
    let rules: Vec<&Rule> = RULES.iter().collect();
    let judged = judge(&records, &[not_offered(2), not_offered(3)], &rules, 2);
    let found: Vec<_> = judged
        .iter()
        .filter_map(|record| match &record.body {
            Body::Finding(finding) => Some((finding.rule.as_str(), &finding.conversations[..])),
            _ => None,
        })
        .collect();
    assert_eq!(found, [("encryption-offer-disappears", &[2][..])]);
}

#[test]
fn what_stays_unrecognised_and_looks_like_a_cipher_is_told_with_its_server_and_bytes() {
    let conversation = |id: u64, protocol: &str| {
        let line = format!(
            r#"{{"kind":"conversation","id":{id},"transport":"tcp","client":{{"ip":"192.0.2.10","port":40000}},"server":{{"ip":"192.0.2.25","port":9735}},"packets":[1,1],"bytes":[1,1],"start":"2026-01-01T09:00:00Z","end":"2026-01-01T09:00:00Z",{protocol}"exposure":"unknown","accounts":{{"read":0,"sealed":0,"unrecognised":700,"malformed":0,"missing":0,"duplicate":0,"limited":0}},"frames":[{id}]}}"#
        );
        serde_json::from_str::<Record>(&line).unwrap()
    };
    let records = [
        conversation(1, ""),
        conversation(2, ""),
        conversation(3, r#""protocol":"ftp-data","#),
    ];
    let looked_at = |id: u64, client: &[u8]| Hint {
        conversation: id,
        frames: vec![id].into(),
        time: Time(id),
        body: HintBody::HighEntropy {
            client: client.to_vec(),
            server: Vec::new(),
        },
    };
    let hints = [
        looked_at(1, b"\xa7\x10\x9b"),
        looked_at(2, b"\x1f\x8b\x08"),
        looked_at(3, b"\xa7\x10\x9b"),
    ];
    let rules: Vec<&Rule> = RULES.iter().collect();
    let judged = judge(&records, &hints, &rules, 1);
    let found: Vec<_> = judged
        .iter()
        .filter_map(|record| match &record.body {
            Body::Finding(finding) => Some((finding.learns.as_str(), &finding.conversations[..])),
            _ => None,
        })
        .collect();
    let learns =
        "Who talks to 192.0.2.25:9735, when, and how much: 700 bytes, high-entropy, unrecognised";
    assert_eq!(found, [(learns, &[1][..])]);
}
