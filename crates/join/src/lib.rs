//! What takes two conversations to know.
//!
//! [`join`] looks at all records and hints of a capture together: an answer of DNS names the address
//! that another conversation goes to, SDP tells what an RTP stream is, FTP's control connection tells
//! what a data connection carries, an SPI of IKE tells which tunnel ESP at another port belongs to.

mod announced;
mod calls;
mod described;
mod legs;
mod names;
mod parts;
#[cfg(test)]
mod tests;

use foldhash::{HashMap, HashMapExt};
use overheard_ledger::{Body, Conversation, Hint, Record};

/// Joins what conversations say of each other. Records that were only a guess and that nothing
/// confirms are taken out; the order of the others stays.
pub fn join(records: &mut Vec<Record>, hints: &[Hint]) {
    calls::merge(records, hints);
    let places = conversations(records);
    names::attach(records, hints, &places);
    announced::apply(records, hints, places);
    legs::tie(records, hints);
    parts::apply(records, hints);
}

/// Where the conversations stand among the records, by id.
type Places = HashMap<u64, usize>;

fn conversations(records: &[Record]) -> Places {
    let count = |record: &&Record| matches!(record.body, Body::Conversation(_));
    let mut places = Places::with_capacity(records.iter().filter(count).count());
    for (place, record) in records.iter().enumerate() {
        if let Some(id) = record.begins() {
            places.insert(id, place);
        }
    }
    places
}

/// The conversation record at a place.
fn conversation_at(records: &mut [Record], place: usize) -> Option<&mut Conversation> {
    match records.get_mut(place).map(|record| &mut record.body) {
        Some(Body::Conversation(conversation)) => Some(conversation),
        _ => None,
    }
}
