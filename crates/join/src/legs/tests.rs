use overheard_ledger::CallState;

use super::*;
use crate::tests::{endpoint, hint};

const SECOND: u64 = 1_000_000_000;

struct Leg {
    id: &'static str,
    users: (&'static str, &'static str),
    way: (&'static str, &'static str),
    start: u64,
    end: Option<u64>,
}

fn record(leg: &Leg) -> Record {
    let step = CallStep {
        frame: leg.start,
        time: Time(leg.start),
        source: endpoint(leg.way.0),
        destination: endpoint(leg.way.1),
        what: "INVITE".into(),
    };
    let call = Call {
        call_id: leg.id.into(),
        from: Some(format!("sip:{}@{}", leg.users.0, leg.way.0)),
        to: Some(format!("sip:{}@{}", leg.users.1, leg.way.1)),
        state: CallState::Answered,
        start: Some(Time(leg.start)),
        end: leg.end.map(Time),
        steps: vec![step],
        ..Call::default()
    };
    Record {
        body: call.into(),
        conversation: Some(leg.start),
        frames: vec![leg.start].into(),
        time: Some(Time(leg.start)),
    }
}

fn legs(records: &[Record]) -> Vec<Option<&str>> {
    let legs = records.iter().map(|record| match &record.body {
        Body::Call(call) => call.leg_of.as_deref(),
        _ => None,
    });
    legs.collect()
}

const TO_AGENT: Leg = Leg {
    id: "one",
    users: ("ada", "bob"),
    way: ("192.0.2.10:5060", "192.0.2.60:5060"),
    start: SECOND,
    end: None,
};
const FROM_AGENT: Leg = Leg {
    id: "two",
    users: ("ada", "bob"),
    way: ("192.0.2.60:5080", "192.0.2.20:5060"),
    start: 2 * SECOND,
    end: None,
};

fn tied(legs_: &[Leg], hints: &[Hint]) -> Vec<Option<String>> {
    let mut records: Vec<Record> = legs_.iter().map(record).collect();
    tie(&mut records, hints);
    legs(&records)
        .into_iter()
        .map(|leg| leg.map(str::to_owned))
        .collect()
}

#[test]
fn a_call_that_an_agent_passes_on_is_a_leg() {
    assert_eq!(
        tied(&[TO_AGENT, FROM_AGENT], &[]),
        [None, Some("one".into())]
    );
    // In whatever order they are written.
    assert_eq!(
        tied(&[FROM_AGENT, TO_AGENT], &[]),
        [Some("one".into()), None]
    );
    // And further on, to the same first leg.
    let third = Leg {
        id: "three",
        way: ("192.0.2.20:5060", "192.0.2.30:5060"),
        start: 3 * SECOND,
        ..FROM_AGENT
    };
    assert_eq!(
        tied(&[TO_AGENT, FROM_AGENT, third], &[]),
        [None, Some("one".into()), Some("one".into())]
    );
}

#[test]
fn other_calls_are_no_legs() {
    let others = [
        Leg {
            users: ("ada", "carol"),
            ..FROM_AGENT
        },
        Leg {
            users: ("carol", "bob"),
            ..FROM_AGENT
        },
        Leg {
            start: 9 * SECOND,
            ..FROM_AGENT
        },
        // From elsewhere than the agent.
        Leg {
            way: ("192.0.2.61:5060", "192.0.2.20:5060"),
            ..FROM_AGENT
        },
        // The same telephone tries again.
        Leg {
            way: ("192.0.2.10:5060", "192.0.2.60:5060"),
            ..FROM_AGENT
        },
        Leg {
            users: ("anonymous", "bob"),
            ..FROM_AGENT
        },
    ];
    for other in others {
        let what = (other.users, other.way, other.start);
        assert_eq!(tied(&[TO_AGENT, other], &[]), [None, None], "{what:?}");
    }
    let over = Leg {
        end: Some(SECOND + 1),
        ..TO_AGENT
    };
    assert_eq!(tied(&[over, FROM_AGENT], &[]), [None, None]);
}

#[test]
fn what_signalling_says_ties_calls() {
    let elsewhere = || Leg {
        users: ("x", "y"),
        way: ("198.51.100.1:5060", "198.51.100.2:5060"),
        ..FROM_AGENT
    };
    let say = |call: &str, by| {
        hint(
            1,
            HintBody::Tied {
                call: call.into(),
                by,
            },
        )
    };
    let session = [
        say("one", Tie::Session("5".into())),
        say("two", Tie::Session("5".into())),
    ];
    assert_eq!(
        tied(&[TO_AGENT, elsewhere()], &session),
        [None, Some("one".into())]
    );
    let replaces = [say("two", Tie::Call("one".into()))];
    assert_eq!(
        tied(&[TO_AGENT, elsewhere()], &replaces),
        [None, Some("one".into())]
    );
    let later = [
        say("one", Tie::Call("two".into())),
        say("two", Tie::Call("nowhere".into())),
    ];
    assert_eq!(tied(&[TO_AGENT, elsewhere()], &later), [None, None]);
}

#[test]
fn a_transferred_call_is_a_leg_of_the_one_that_it_came_from() {
    let to_carol = Leg {
        users: ("ada", "carol"),
        way: ("192.0.2.10:5060", "192.0.2.30:5060"),
        start: 20 * SECOND,
        ..FROM_AGENT
    };
    let by = |who: &str| {
        let by = Tie::ReferredBy(who.into());
        [hint(
            1,
            HintBody::Tied {
                call: "two".into(),
                by,
            },
        )]
    };
    let transferred = |hints: &[Hint]| {
        let mut records = vec![record(&TO_AGENT), record(&to_carol)];
        if let Body::Call(call) = &mut records[0].body {
            call.transferred_to = Some("sip:carol@192.0.2.30:5060".into());
        }
        tie(&mut records, hints);
        legs(&records)[1].map(str::to_owned)
    };
    assert_eq!(transferred(&by("sip:bob@elsewhere")), Some("one".into()));
    assert_eq!(transferred(&by("sip:eve@elsewhere")), None);
    assert_eq!(transferred(&[]), None);
}
