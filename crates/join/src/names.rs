//! Names attached to the addresses that they explain.

use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt};
use overheard_ledger::{Body, Conversation, Hint, HintBody, Record};

use crate::{Places, conversation_at};

/// Names shown of one server: more than these say no more.
const MAX_NAMES: usize = 4;

/// The names that stood for addresses in answers of DNS.
pub(crate) type Addresses<'a> = HashMap<IpAddr, Vec<&'a str>>;

/// Gathers the names of addresses.
pub(crate) fn by_address(hints: &[Hint]) -> Addresses<'_> {
    let mut by_address: Addresses<'_> = HashMap::new();
    for hint in hints {
        if let HintBody::Resolved { name, address } = &hint.body {
            let names = by_address.entry(*address).or_default();
            if names.len() < MAX_NAMES && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    by_address
}

/// Attaches the names to conversations that the client itself said in them, in a hello or in a request: they come
/// before those of [`resolve`].
pub(crate) fn said(records: &mut [Record], places: &Places) {
    // The conversation, and the name that was said in it, by their places.
    let mut said: Vec<(usize, usize)> = Vec::new();
    for (of, record) in records.iter().enumerate() {
        // A name in a query is what somebody asks about, not the name of who is asked.
        if let (Body::Name(name), Some(id)) = (&record.body, record.conversation)
            && (name.source.ends_with("-sni") || name.source == "http-host")
            && let Some(place) = places.get(&id)
        {
            said.push((*place, of));
        }
    }
    for (place, of) in said {
        let (Some(Body::Conversation(conversation)), Some(Body::Name(name))) = (
            records.get(place).map(|record| &record.body),
            records.get(of).map(|record| &record.body),
        ) else {
            continue;
        };
        if is_new(&conversation.server_names, &name.name) {
            let name = name.name.clone();
            if let Some(conversation) = conversation_at(records, place) {
                conversation.server_names.push(name);
            }
        }
    }
}

/// Attaches the names to a conversation that stood for its server's address in answers of DNS. An answer explains a
/// conversation even when it was seen later: somebody had it cached.
pub(crate) fn resolve(conversation: &mut Conversation, addresses: &Addresses<'_>) {
    for name in addresses.get(&conversation.server.ip).into_iter().flatten() {
        if is_new(&conversation.server_names, name) {
            conversation.server_names.push((*name).to_owned());
        }
    }
}

fn is_new(names: &[String], name: &str) -> bool {
    names.len() < MAX_NAMES && !names.iter().any(|known| known == name)
}
