use overheard_ledger::Time;

use super::*;
use crate::tests::endpoint;

fn step(frame: u64, what: &str) -> CallStep {
    CallStep {
        frame,
        time: Time(frame),
        source: endpoint("192.0.2.1:5060"),
        destination: endpoint("192.0.2.2:5060"),
        what: what.into(),
    }
}

fn record(state: CallState, start: u64, end: Option<u64>, steps: Vec<CallStep>) -> Record {
    let call = Call {
        call_id: "a".into(),
        state,
        start: Some(Time(start)),
        end: end.map(Time),
        steps,
        ..Call::default()
    };
    Record {
        body: call.into(),
        conversation: Some(start),
        frames: vec![start].into(),
        time: Some(Time(start)),
    }
}

fn merged(mut records: Vec<Record>) -> Call {
    merge(&mut records, &[]);
    assert_eq!(records.len(), 1);
    match records.remove(0).body {
        Body::Call(call) => *call,
        _ => panic!("no call"),
    }
}

#[test]
fn steps_of_all_points_stand_in_the_order_of_time_once() {
    let call = merged(vec![
        record(
            CallState::Answered,
            1,
            None,
            vec![step(1, "INVITE"), step(4, "200 OK (INVITE)")],
        ),
        record(
            CallState::Answered,
            2,
            None,
            vec![
                step(2, "INVITE"),
                step(3, "200 OK (INVITE)"),
                step(4, "200 OK (INVITE)"),
            ],
        ),
    ]);
    let frames: Vec<u64> = call.steps.iter().map(|step| step.frame).collect();
    assert_eq!(frames, [1, 2, 3, 4]);
}

#[test]
fn a_branch_that_fails_does_not_end_a_call_that_is_answered() {
    let mut failed = record(CallState::Failed, 2, Some(5), Vec::new());
    if let Body::Call(call) = &mut failed.body {
        call.reason = Some("486 Busy Here".into());
    }
    for records in [
        vec![
            failed.clone(),
            record(CallState::Answered, 1, None, Vec::new()),
        ],
        vec![
            record(CallState::Answered, 1, None, Vec::new()),
            failed.clone(),
        ],
    ] {
        let call = merged(records);
        assert_eq!(
            (call.state, call.end, call.reason),
            (CallState::Answered, None, None)
        );
    }
    // Where nobody answers, the point nearest to the caller knows what became of it.
    let call = merged(vec![
        failed.clone(),
        record(CallState::Cancelled, 1, Some(9), Vec::new()),
    ]);
    assert_eq!(
        (call.state, call.end),
        (CallState::Cancelled, Some(Time(9)))
    );
    assert_eq!(call.reason, None);
    let call = merged(vec![
        record(CallState::Attempted, 1, None, Vec::new()),
        failed,
    ]);
    assert_eq!(call.reason.as_deref(), Some("486 Busy Here"));
}

#[test]
fn a_call_ends_where_its_bye_is_heard_apart_from_its_beginning() {
    let said = |call: &str, time| {
        crate::tests::hint(
            time,
            HintBody::Step {
                call: call.into(),
                step: Box::new(step(time, "BYE")),
                ends: true,
            },
        )
    };
    let mut records = vec![record(
        CallState::Answered,
        5,
        None,
        vec![step(5, "INVITE")],
    )];
    merge(
        &mut records,
        &[said("b", 8), said("a", 3), said("a", 9), said("a", 10)],
    );
    let Body::Call(call) = &records[0].body else {
        panic!("no call")
    };
    assert_eq!((call.state, call.end), (CallState::Ended, Some(Time(9))));
    let frames: Vec<u64> = call.steps.iter().map(|step| step.frame).collect();
    assert_eq!(
        frames,
        [5, 9, 10],
        "what is older than the call is none of its steps"
    );
}
