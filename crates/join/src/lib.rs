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
use overheard_ledger::{Body, Conversation, Hint, Record, each_share, share};

use announced::Announcements;
use names::Addresses;

/// Joins what conversations say of each other. Records that were only a guess and that nothing
/// confirms are taken out; the order of the others stays. What comes of it does not depend on the number of `threads`.
pub fn join(records: &mut Vec<Record>, hints: &[Hint], threads: usize) {
    calls::merge(records, hints);
    let announced = announced::gather(records, hints);
    let heard = announced::media(records, hints, &announced);
    let places = conversations(records);
    announced::settle(records, heard, &places);
    names::said(records, &places);
    let addresses = names::by_address(hints);
    let Found { objects, tunnels } = each_conversation(records, &addresses, &announced, threads);
    announced::name_files(records, &announced, &places);
    records.extend(objects);
    legs::tie(records, hints);
    parts::apply(records, hints, &places, &tunnels);
}

/// What is found where all conversations are looked at.
#[derive(Default)]
struct Found {
    /// Records to be added.
    objects: Vec<Record>,
    /// The places of conversations that may be tunnels of IPsec.
    tunnels: Vec<usize>,
}

/// Does what takes a look at every conversation, and no other one. They lie apart from each other in memory, so that it is the look
/// that takes time: there is one for all, and every thread takes a share.
fn each_conversation(
    records: &mut [Record],
    addresses: &Addresses<'_>,
    announced: &Announcements<'_>,
    threads: usize,
) -> Found {
    let share = share(records.len(), threads);
    let shares = (0..).step_by(share).zip(records.chunks_mut(share));
    let found = each_share(shares, |(first, records): (usize, &mut [Record])| {
        let mut found = Found::default();
        for (place, record) in (first..).zip(records) {
            let Body::Conversation(conversation) = &mut record.body else {
                continue;
            };
            names::resolve(conversation, addresses);
            if !announced.is_empty() {
                announced::fax(conversation, announced);
                let object = announced::data_connection(conversation, record.time, announced);
                found.objects.extend(object);
            }
            if parts::is_tunnel(conversation) {
                found.tunnels.push(place);
            }
        }
        found
    });
    found.into_iter().fold(Found::default(), |mut all, found| {
        all.objects.extend(found.objects);
        all.tunnels.extend(found.tunnels);
        all
    })
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
