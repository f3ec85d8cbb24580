//! A call that was seen at several points, told once.

use foldhash::{HashMap, HashMapExt};
use overheard_ledger::{Body, Call, MAX_EVIDENCE, Record};

/// Merges the records of one call (by Call-ID) into the first of them.
pub(crate) fn merge(records: &mut Vec<Record>) {
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
        if let Some(gone) = gone.get_mut(place) {
            *gone = true;
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
    let Call {
        from: caller,
        to,
        state,
        start,
        answer,
        end,
        digits,
        ..
    } = &mut **call;
    *state = (*state).max(other.state);
    *start = earliest(*start, other.start);
    *answer = earliest(*answer, other.answer);
    *end = (*end).max(other.end);
    if caller.is_none() {
        caller.clone_from(&other.from);
    }
    if to.is_none() {
        to.clone_from(&other.to);
    }
    if digits.is_none() {
        digits.clone_from(&other.digits);
    }
}

fn earliest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
