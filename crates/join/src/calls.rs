//! A call that was seen at several points, told once.

use foldhash::{HashMap, HashMapExt};
use overheard_ledger::{
    Body, Call, CallState, CallStep, Hint, HintBody, MAX_CALL_STEPS, MAX_EVIDENCE, Record,
};

/// Merges the records of one call (by Call-ID) into the first of them.
pub(crate) fn merge(records: &mut Vec<Record>, hints: &[Hint]) {
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut gone = vec![false; records.len()];
    for place in 0..records.len() {
        let Some(Body::Call(call)) = records.get(place).map(|record| &record.body) else {
            continue;
        };
        let Some(&kept) = first.get(&call.call_id) else {
            first.insert(call.call_id.clone(), place);
            continue;
        };
        let (before, after) = records.split_at_mut(place);
        let (Some(into), Some(from)) = (before.get_mut(kept), after.first()) else {
            continue;
        };
        merge_into(into, from);
        if let Body::Call(call) = &mut into.body {
            order_steps(call);
        }
        if let Some(gone) = gone.get_mut(place) {
            *gone = true;
        }
    }
    let mut added: Vec<usize> = Vec::new();
    for hint in hints {
        if let HintBody::Step { call, step, ends } = &hint.body
            && let Some(&place) = first.get(call)
            && let Some(Body::Call(call)) = records.get_mut(place).map(|record| &mut record.body)
        {
            go_on(call, step, *ends);
            added.push(place);
        }
    }
    added.sort_unstable();
    added.dedup();
    for place in added {
        if let Some(Body::Call(call)) = records.get_mut(place).map(|record| &mut record.body) {
            order_steps(call);
        }
    }
    let mut gone = gone.into_iter();
    records.retain(|_| !gone.next().unwrap_or(false));
}

fn merge_into(into: &mut Record, from: &Record) {
    into.frames.extend(&from.frames);
    into.frames.sort_unstable();
    into.frames.dedup();
    into.frames.truncate(MAX_EVIDENCE);
    into.time = earliest(into.time, from.time);
    let (Body::Call(call), Body::Call(other)) = (&mut into.body, &from.body) else {
        return;
    };
    let call = &mut **call;
    let over = |call: &Call| match call.state {
        CallState::Answered | CallState::Attempted | CallState::Ringing => None,
        _ => call.end,
    };
    if call.state == other.state {
        call.end = call.end.max(other.end);
        call.reason = call.reason.take().or_else(|| other.reason.clone());
    } else if knows_better(other, call) {
        call.state = other.state;
        call.end = over(other);
        call.reason.clone_from(&other.reason);
    }
    call.start = earliest(call.start, other.start);
    call.ringing = earliest(call.ringing, other.ringing);
    call.answer = earliest(call.answer, other.answer);
    call.holds = call.holds.max(other.holds);
    let complete = |mine: &mut Option<String>, theirs: &Option<String>| {
        if mine.is_none() {
            mine.clone_from(theirs);
        }
    };
    complete(&mut call.from, &other.from);
    complete(&mut call.to, &other.to);
    complete(&mut call.asserted, &other.asserted);
    complete(&mut call.diverted_from, &other.diverted_from);
    complete(&mut call.transferred_to, &other.transferred_to);
    if call.digits.is_none() {
        call.digits.clone_from(&other.digits);
    }
    call.steps.extend(other.steps.iter().cloned());
}

/// Adds a step that was heard apart from the call's beginning.
fn go_on(call: &mut Call, step: &CallStep, ends: bool) {
    if call.start.is_none_or(|start| step.time < start) {
        return;
    }
    if ends
        && matches!(
            call.state,
            CallState::Attempted | CallState::Ringing | CallState::Answered
        )
    {
        call.state = CallState::Ended;
        call.end = Some(step.time);
    }
    if call.steps.len() < 2 * MAX_CALL_STEPS {
        call.steps.push(step.clone());
    }
}

/// Whether another point knows better what became of a call. A branch of a forked call may fail where another one is
/// answered; where none is, the point that is nearest to the caller knows.
fn knows_better(other: &Call, call: &Call) -> bool {
    if call.state.max(other.state) >= CallState::Answered {
        return other.state > call.state;
    }
    let nearer = match (other.start, call.start) {
        (Some(other), Some(start)) => other < start,
        (other, _) => other.is_some(),
    };
    let (near, far) = if nearer { (other, call) } else { (call, other) };
    nearer == (near.state > CallState::Attempted || far.state == CallState::Attempted)
}

/// Puts the steps of all points in the order of time, each once.
fn order_steps(call: &mut Call) {
    call.steps.sort_by_key(|step| (step.time, step.frame));
    call.steps.dedup();
    call.steps.truncate(MAX_CALL_STEPS);
}

fn earliest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
