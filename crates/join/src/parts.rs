//! Conversations that are parts of one whole: an association of IKE that goes on at other ports, ESP between the
//! endpoints of one, a connection of QUIC whose client has moved.

use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt, HashSet};
use overheard_ledger::{Body, Conversation, Endpoint, Exposure, Handshake, Hint, HintBody, Record};

use crate::announced::unrecognise;
use crate::{Places, conversation_at};

/// Lengths of an id by which a conversation is recognised, in bytes: shorter ones meet by chance.
const TELLING_LENGTHS: std::ops::RangeInclusive<usize> = 8..=20;

/// How ESP without UDP or TCP is called as a transport.
const ESP: &str = "ip-50";

/// A part as it was told: the protocol and the id.
type Whole<'a> = (&'static str, &'a [u8]);

/// Lets the parts of one whole know of each other. `tunnels` are the places of the conversations of which
/// [`is_tunnel`] holds.
pub(crate) fn apply(records: &mut Vec<Record>, hints: &[Hint], places: &Places, tunnels: &[usize]) {
    let mut parts: HashMap<Whole<'_>, Vec<&Hint>> = HashMap::new();
    let mut guesses: Vec<(&Hint, Whole<'_>)> = Vec::new();
    for hint in hints {
        match &hint.body {
            HintBody::Part { of, id, guess } if *guess => guesses.push((hint, (of, id))),
            HintBody::Part { of, id, .. } => parts.entry((of, id)).or_default().push(hint),
            _ => {}
        }
    }
    if !parts.is_empty() || !guesses.is_empty() {
        moved(records, &parts, &guesses, places);
        parts.retain(|_, hints| hints.len() > 1);
        share_exposure(records, &parts, places);
    }
    esp(records, tunnels);
    // Takes records out: the places hold no longer.
    join_handshakes(records, &parts);
}

/// Places the conversations that were guessed to go on with another one, or takes the guess back.
fn moved(
    records: &mut [Record],
    parts: &HashMap<Whole<'_>, Vec<&Hint>>,
    guesses: &[(&Hint, Whole<'_>)],
    places: &Places,
) {
    if guesses.is_empty() {
        return;
    }
    // By server, so that no other server's connection is taken for it.
    let mut known: HashMap<(Endpoint, Whole<'_>), usize> = HashMap::new();
    for (whole, hints) in parts {
        for hint in hints {
            if let Some(&place) = places.get(&hint.conversation)
                && let Some(conversation) = conversation_at(records, place)
            {
                let first = known.entry((conversation.server, *whole)).or_insert(place);
                *first = place.min(*first);
            }
        }
    }
    // What began here needs no guess, whatever was heard before its beginning.
    let begun: HashSet<u64> = records
        .iter()
        .filter(|record| matches!(record.body, Body::Handshake(_)))
        .filter_map(|record| record.conversation)
        .chain(parts.values().flatten().map(|hint| hint.conversation))
        .collect();
    // A conversation may have been guessed more than once: by what the one side said, and by the other.
    let mut origins: HashMap<(usize, &str), Option<usize>> = HashMap::new();
    for (hint, (of, bytes)) in guesses {
        let Some(&place) = places.get(&hint.conversation) else {
            continue;
        };
        if begun.contains(&hint.conversation) {
            continue;
        }
        let Some(server) = conversation_at(records, place).map(|it| it.server) else {
            continue;
        };
        let origin = TELLING_LENGTHS
            .rev()
            .filter_map(|length| bytes.get(..length))
            .find_map(|id| known.get(&(server, (*of, id))).copied());
        let found = origins.entry((place, of)).or_default();
        *found = found.or(origin);
    }
    for ((place, of), origin) in origins {
        let origin = origin.and_then(|origin| conversation_at(records, origin).cloned());
        let Some(conversation) = conversation_at(records, place) else {
            continue;
        };
        match origin {
            Some(origin) => {
                conversation.exposure = origin.exposure;
                let accounts = &mut conversation.accounts;
                accounts.sealed += std::mem::take(&mut accounts.unrecognised);
                for name in origin.server_names {
                    if !conversation.server_names.contains(&name) {
                        conversation.server_names.push(name);
                    }
                }
            }
            None => unrecognise(conversation, of),
        }
    }
}

/// Conversations of one whole of which nothing says how they are sealed are sealed like the others.
fn share_exposure(records: &mut [Record], parts: &HashMap<Whole<'_>, Vec<&Hint>>, places: &Places) {
    let mut shared: HashMap<usize, Exposure> = HashMap::new();
    for hints in parts.values() {
        let of_whole = hints
            .iter()
            .filter_map(|hint| places.get(&hint.conversation).copied());
        let worst = of_whole
            .clone()
            .filter_map(|place| Some(conversation_at(records, place)?.exposure))
            .max()
            .unwrap_or_default();
        for place in of_whole {
            let exposure = shared.entry(place).or_default();
            *exposure = worst.max(*exposure);
        }
    }
    for (place, worst) in shared {
        if let Some(conversation) = conversation_at(records, place)
            && conversation.exposure == Exposure::Unknown
        {
            conversation.exposure = worst;
        }
    }
}

/// Makes one record of a handshake that was asked for in one conversation and answered in another.
fn join_handshakes(records: &mut Vec<Record>, parts: &HashMap<Whole<'_>, Vec<&Hint>>) {
    let mut said: HashMap<(u64, u64), Whole<'_>> = HashMap::new();
    for (whole, hints) in parts {
        for hint in hints {
            if let Some(&frame) = hint.frames.first() {
                said.insert((hint.conversation, frame), *whole);
            }
        }
    }
    if said.is_empty() {
        return;
    }
    let mut of_whole: HashMap<Whole<'_>, Vec<usize>> = HashMap::new();
    for (place, record) in records.iter().enumerate() {
        if let (Some(id), Body::Handshake(_)) = (record.conversation, &record.body)
            && let Some(whole) = record
                .frames
                .iter()
                .find_map(|frame| said.get(&(id, *frame)))
        {
            of_whole.entry(*whole).or_default().push(place);
        }
    }
    let mut gone = vec![false; records.len()];
    for places in of_whole.values() {
        let is_answered = |place: &&usize| {
            records
                .get(**place)
                .and_then(handshake)
                .is_some_and(|it| it.key_exchange.is_some())
        };
        let Some(&answered) = places.iter().find(is_answered) else {
            continue;
        };
        for &place in places {
            let Some(asked) = records.get(place).filter(|record| {
                place != answered && handshake(record).is_some_and(|it| it.key_exchange.is_none())
            }) else {
                continue;
            };
            let asked = asked.clone();
            if let Some(into) = records.get_mut(answered) {
                merge_into(into, asked);
            }
            if let Some(gone) = gone.get_mut(place) {
                *gone = true;
            }
        }
    }
    let mut gone = gone.into_iter();
    records.retain(|_| !gone.next().unwrap_or(false));
}

fn handshake(record: &Record) -> Option<&Handshake> {
    match &record.body {
        Body::Handshake(handshake) => Some(handshake),
        _ => None,
    }
}

/// Adds what a side asked for to the record of what was agreed on.
fn merge_into(into: &mut Record, asked: Record) {
    into.frames.join(&asked.frames);
    into.time = match (into.time, asked.time) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    if let (Body::Handshake(into), Body::Handshake(asked)) = (&mut into.body, asked.body) {
        if into.offered_key_exchange.is_empty() {
            into.offered_key_exchange = asked.offered_key_exchange;
        }
        into.client_software = into.client_software.take().or(asked.client_software);
    }
}

fn is_ike(conversation: &Conversation) -> bool {
    let chain = conversation.protocol.as_deref().unwrap_or_default();
    chain.split('+').any(|name| name == "ike")
}

/// Whether a conversation is of IPsec: IKE, or ESP by itself.
pub(crate) fn is_tunnel(conversation: &Conversation) -> bool {
    conversation.transport == ESP || is_ike(conversation)
}

/// ESP is sealed with the keys that IKE made between the same two hosts: the worst that were agreed on.
fn esp(records: &mut [Record], tunnels: &[usize]) {
    let mut agreed: HashMap<(IpAddr, IpAddr), Exposure> = HashMap::new();
    for &place in tunnels {
        if let Some(conversation) = conversation_at(records, place)
            && is_ike(conversation)
        {
            let worst = agreed.entry(hosts(conversation)).or_default();
            *worst = conversation.exposure.max(*worst);
        }
    }
    for &place in tunnels {
        if let Some(conversation) = conversation_at(records, place)
            && conversation.exposure == Exposure::Unknown
            && is_tunnel(conversation)
            && let Some(&worst) = agreed.get(&hosts(conversation))
        {
            conversation.exposure = worst;
        }
    }
}

/// The two addresses of a conversation, the lower one first.
fn hosts(conversation: &Conversation) -> (IpAddr, IpAddr) {
    let (one, other) = (conversation.client.ip, conversation.server.ip);
    (one.min(other), one.max(other))
}
