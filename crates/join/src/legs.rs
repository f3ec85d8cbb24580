//! Calls that are one call to a person: the legs on both sides of an agent that speaks for both (RFC 7092), and what a
//! transfer makes of a call.

use foldhash::{HashMap, HashMapExt};
use overheard_ledger::{Body, Call, CallStep, Hint, HintBody, Record, Tie, Time};

use std::net::IpAddr;

/// How long after a call the leg behind the agent may be asked for, in nanoseconds: what an exchange takes to look up
/// where a telephone is.
const PASSED_ON_WITHIN: u64 = 5_000_000_000;
/// How long after it was asked for a transfer may be made, in nanoseconds: what a proxy waits for an answer to an
/// INVITE (timer C of RFC 3261 section 16.6).
const TRANSFERRED_WITHIN: u64 = 180_000_000_000;

/// A call and its place among the records.
struct Known<'a> {
    place: usize,
    call: &'a Call,
    start: Time,
}

/// Marks the calls that are legs of an earlier one.
pub(crate) fn tie(records: &mut [Record], hints: &[Hint]) {
    let mut ties: HashMap<&str, Vec<&Tie>> = HashMap::new();
    for hint in hints {
        if let HintBody::Tied { call, by } = &hint.body {
            ties.entry(call).or_default().push(by);
        }
    }
    let mut calls: Vec<Known<'_>> = records
        .iter()
        .enumerate()
        .filter_map(|(place, record)| match &record.body {
            Body::Call(call) => Some(Known {
                place,
                call,
                start: call.start?,
            }),
            _ => None,
        })
        .collect();
    if calls.len() < 2 {
        return;
    }
    calls.sort_by_key(|known| (known.start, known.place));
    let ids: HashMap<&str, usize> = calls
        .iter()
        .enumerate()
        .map(|(at, known)| (known.call.call_id.as_str(), at))
        .collect();
    // The first leg of each call.
    let mut first: Vec<usize> = (0..calls.len()).collect();
    let mut sessions: HashMap<&str, usize> = HashMap::new();
    let mut passed: HashMap<(&str, &str, IpAddr), usize> = HashMap::new();
    let mut transfers: HashMap<&str, usize> = HashMap::new();
    for (at, known) in calls.iter().enumerate() {
        let call = known.call;
        let mut of: Option<usize> = None;
        for by in ties.get(call.call_id.as_str()).into_iter().flatten() {
            let other = match by {
                Tie::Session(id) => Some(*sessions.entry(id.as_str()).or_insert(at)),
                Tie::Call(id) => ids.get(id.as_str()).copied(),
                Tie::ReferredBy(who) => call
                    .to
                    .as_deref()
                    .and_then(|to| transfers.get(to).copied())
                    .filter(|&earlier| {
                        calls
                            .get(earlier)
                            .is_some_and(|earlier| is_transferred(earlier, known, who))
                    }),
            };
            of = of.or(other.filter(|&other| other < at));
        }
        if of.is_none()
            && let Some(source) = asked(call).next().map(|step| step.source.ip)
            && let (Some(from), Some(to)) = (user(call.from.as_ref()), user(call.to.as_ref()))
        {
            of = passed.get(&(from, to, source)).copied().filter(|&earlier| {
                calls
                    .get(earlier)
                    .is_some_and(|earlier| is_passed_on(earlier, known))
            });
        }
        if let Some(root) = of.and_then(|of| first.get(of).copied())
            && let Some(mine) = first.get_mut(at)
        {
            *mine = root;
        }
        if let (Some(from), Some(to)) = (user(call.from.as_ref()), user(call.to.as_ref())) {
            for step in asked(call) {
                passed.insert((from, to, step.destination.ip), at);
            }
        }
        if let Some(target) = &call.transferred_to {
            transfers.insert(target, at);
        }
    }
    let legs: Vec<(usize, String)> = calls
        .iter()
        .zip(&first)
        .enumerate()
        .filter(|(at, (_, root))| at != *root)
        .filter_map(|(_, (known, root))| {
            let whole = calls.get(*root)?;
            Some((known.place, whole.call.call_id.clone()))
        })
        .collect();
    for (place, of) in legs {
        if let Some(Body::Call(call)) = records.get_mut(place).map(|record| &mut record.body) {
            call.leg_of = Some(of);
        }
    }
}

/// The steps in which the call was asked for.
fn asked(call: &Call) -> impl Iterator<Item = &CallStep> {
    call.steps.iter().filter(|step| step.what == "INVITE")
}

/// The user of a URI, and only where it names one: `ada` of `sip:ada@office.example`, the number of `tel:`.
fn user(uri: Option<&String>) -> Option<&str> {
    let (scheme, rest) = uri?.split_once(':')?;
    let user = if scheme.eq_ignore_ascii_case("tel") {
        rest
    } else {
        rest.split_once('@')?.0
    };
    let user = user.split([';', ':']).next()?;
    (!user.is_empty() && !user.eq_ignore_ascii_case("anonymous")).then_some(user)
}

/// Whether the agent that was asked for the earlier call asks for the later one while that goes on. That it asks
/// for the same person in the name of the same caller is known.
fn is_passed_on(earlier: &Known<'_>, later: &Known<'_>) -> bool {
    let goes_on = earlier.call.end.is_none_or(|end| end >= later.start);
    // A second call of the same telephone is no leg: it comes from where the first one came from.
    let (Some(one), Some(other)) = (asked(earlier.call).next(), asked(later.call).next()) else {
        return false;
    };
    goes_on
        && later.start.since(earlier.start) <= PASSED_ON_WITHIN
        && one.source.ip != other.source.ip
}

/// Whether the later call is what a transfer made of the earlier one: whoever is said to have transferred it was
/// in it.
fn is_transferred(earlier: &Known<'_>, later: &Known<'_>, by: &str) -> bool {
    let by = by.to_owned();
    let transferor = user(Some(&by));
    let took_part = [&earlier.call.from, &earlier.call.to]
        .into_iter()
        .any(|party| user(party.as_ref()).is_some_and(|party| Some(party) == transferor));
    let asked_for = earlier
        .call
        .steps
        .iter()
        .find(|step| step.what == "REFER")
        .map_or(earlier.start, |step| step.time);
    took_part && later.start >= asked_for && later.start.since(asked_for) <= TRANSFERRED_WITHIN
}

#[cfg(test)]
mod tests;
