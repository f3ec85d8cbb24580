//! Media as the parties of a call describe them (RFC 3264): which description is the receiver's, which the sender's,
//! and what the two of them say together.

use std::cell::Cell;

use foldhash::{HashMap, HashMapExt};
use overheard_ledger::{
    Announced, Body, Call, CallState, DescribedMedia, Description, Encoding, Endpoint, Hint,
    HintBody, Media, MediaKey, Record, Time,
};

/// How long packets may come after the call has ended, and before it is described, in nanoseconds. An answer may
/// take the signalling's longer way, and be repeated (RFC 3261 section 17: up to 32 s).
const LINGERS: u64 = 10_000_000_000;
/// The most descriptions of one endpoint, or of one call, that are looked at for one stream.
const MAX_LOOKED_AT: usize = 64;
/// The most keys and encodings that one stream is given, each.
const MAX_GIVEN: usize = 64;
/// The most keys of other parties that are looked at for one stream.
const MAX_KEYS_LOOKED_AT: usize = 256;
/// The most bytes that are given to all streams together: what is repeated for each of very many streams would take
/// more memory than it took to say it.
const MAX_GIVEN_BYTES: usize = 32 << 20;

/// A description and when it was given.
struct Given<'a> {
    time: Time,
    said: &'a Description,
}

/// One medium of a description: the description's place, and the medium's place in it.
#[derive(Clone, Copy)]
struct Place {
    description: usize,
    medium: usize,
}

/// All descriptions of a capture.
pub(crate) struct Descriptions<'a> {
    all: Vec<Given<'a>>,
    /// By the endpoint that will receive, in the order of time.
    by_endpoint: HashMap<Endpoint, Vec<Place>>,
    by_call: HashMap<&'a str, Vec<usize>>,
    /// When the calls ended, where they did.
    ends: HashMap<String, Option<Time>>,
    /// Bytes that were given to streams.
    given: Cell<usize>,
}

/// What two parties say of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Agreed<'a> {
    call: &'a str,
    receiver: Option<&'a DescribedMedia>,
    sender: Option<&'a DescribedMedia>,
}

impl<'a> Descriptions<'a> {
    pub(crate) fn of(records: &[Record], hints: &'a [Hint]) -> Descriptions<'a> {
        let mut all: Vec<Given<'a>> = hints
            .iter()
            .filter_map(|hint| match &hint.body {
                HintBody::Described(said) => Some(Given {
                    time: hint.time,
                    said,
                }),
                _ => None,
            })
            .collect();
        all.sort_by_key(|given| given.time);
        let mut by_endpoint: HashMap<Endpoint, Vec<Place>> = HashMap::new();
        let mut by_call: HashMap<&'a str, Vec<usize>> = HashMap::new();
        for (description, given) in all.iter().enumerate() {
            by_call
                .entry(given.said.call.as_str())
                .or_default()
                .push(description);
            for (medium, media) in given.said.media.iter().enumerate() {
                for endpoint in &media.endpoints {
                    by_endpoint.entry(*endpoint).or_default().push(Place {
                        description,
                        medium,
                    });
                }
            }
        }
        let ends = if all.is_empty() {
            HashMap::new()
        } else {
            ends(records)
        };
        Descriptions {
            all,
            by_endpoint,
            by_call,
            ends,
            given: Cell::new(0),
        }
    }

    /// Whether a call's media are described.
    pub(crate) fn know(&self, call: &str) -> bool {
        self.by_call.contains_key(call)
    }

    /// Whether an endpoint was described for media of any call at any time.
    pub(crate) fn receives_media(&self, endpoint: Endpoint) -> bool {
        self.by_endpoint.contains_key(&endpoint)
    }

    fn time(&self, place: Place) -> Time {
        self.all
            .get(place.description)
            .map_or(Time(0), |given| given.time)
    }

    fn said(&self, place: Place) -> Option<&'a Description> {
        self.all.get(place.description).map(|given| given.said)
    }

    fn medium(&self, place: Place) -> Option<&'a DescribedMedia> {
        self.said(place)?.media.get(place.medium)
    }

    /// Whether the call of a description goes on, or has only just ended.
    fn goes_on(&self, place: Place, at: Time) -> bool {
        let end = self
            .said(place)
            .and_then(|said| self.ends.get(&said.call).copied().flatten());
        end.is_none_or(|end| at.since(end) <= LINGERS)
    }

    /// The medium that an endpoint was described for: the last one before the stream began whose call still
    /// goes on, else the first one that was described while it went on.
    fn fitting(&self, endpoint: Endpoint, media: &Media, from: Time, to: Time) -> Option<Place> {
        let all = self.by_endpoint.get(&endpoint)?;
        let split = all.partition_point(|&place| self.time(place) <= from);
        let (before, after) = all.split_at_checked(split)?;
        let last = before
            .iter()
            .rev()
            .take(MAX_LOOKED_AT)
            .find(|&&place| self.goes_on(place, from));
        let next = after
            .first()
            .filter(|&&place| self.time(place).since(to) <= LINGERS);
        let chosen = *last.or(next)?;
        // Several media may be received at one endpoint (RFC 9143), or be offered for a choice.
        let same = |place: &&Place| place.description == chosen.description;
        let ssrc = ssrc(media);
        let fits = |place: Place| {
            self.medium(place).map_or((false, false, false), |medium| {
                let sends = self.other(place, from).is_some_and(|other| {
                    self.medium(other)
                        .is_some_and(|it| it.ssrcs.contains(&ssrc))
                });
                let refused = medium.refused
                    || self
                        .other(place, from)
                        .and_then(|other| self.medium(other))
                        .is_some_and(|it| it.refused);
                (sends, !refused, named(medium, media.payload_type).is_some())
            })
        };
        let candidates = all
            .get(split.saturating_sub(MAX_LOOKED_AT)..)?
            .iter()
            .take(2 * MAX_LOOKED_AT)
            .filter(same);
        candidates
            .copied()
            .fold(None, |best: Option<Place>, next| match best {
                Some(best) if fits(best) >= fits(next) => Some(best),
                _ => Some(next),
            })
            .or(Some(chosen))
    }

    /// The same medium as the other party of the call describes it: what was said last before the stream began,
    /// or the first thing that is said afterwards.
    fn other(&self, place: Place, from: Time) -> Option<Place> {
        let said = self.said(place)?;
        let all = self.by_call.get(said.call.as_str())?;
        let split = all.partition_point(|&at| {
            self.all
                .get(at)
                .is_some_and(|given| given.time <= from || given.time.since(from) <= LINGERS)
        });
        let (before, after) = all.split_at_checked(split)?;
        let differs = |at: &&usize| {
            self.all
                .get(**at)
                .is_some_and(|given| given.said.party != said.party)
        };
        let description = before
            .iter()
            .rev()
            .take(MAX_LOOKED_AT)
            .find(differs)
            .or_else(|| after.iter().take(MAX_LOOKED_AT).find(differs))?;
        Some(Place {
            description: *description,
            medium: place.medium,
        })
    }

    /// What is said of a stream that began and ended then.
    pub(crate) fn agreed(&self, media: &Media, from: Time, to: Time) -> Option<Agreed<'a>> {
        let received = self.fitting(media.destination, media, from, to);
        let sent = self.fitting(media.source, media, from, to);
        let (receiver, sender) = match (received, sent) {
            (Some(received), sent) => {
                let call = |place: Place| self.said(place).map(|said| &said.call);
                let of_call = sent.filter(|&sent| {
                    call(sent) == call(received)
                        && self.said(sent).map(|it| it.party)
                            != self.said(received).map(|it| it.party)
                });
                // Behind a translator of addresses the sender is not where it said (RFC 4961).
                let sender = of_call.or_else(|| self.other(received, from));
                (Some(received), sender)
            }
            (None, Some(sent)) => (self.other(sent, from), Some(sent)),
            (None, None) => return None,
        };
        let call = &self.said(received.or(sent)?)?.call;
        Some(Agreed {
            call,
            receiver: receiver.and_then(|place| self.medium(place)),
            sender: sender.and_then(|place| self.medium(place)),
        })
    }

    /// All keys of a call, its sender's own first.
    fn keys(&self, agreed: Agreed<'a>) -> Vec<MediaKey> {
        let mut keys: Vec<MediaKey> = Vec::new();
        let mut add = |key: &MediaKey| {
            if keys.len() < MAX_GIVEN && !keys.contains(key) {
                keys.push(key.clone());
            }
        };
        let of = |medium: Option<&'a DescribedMedia>| medium.map_or(&[][..], |medium| &medium.keys);
        let (own, others) = (of(agreed.sender), of(agreed.receiver));
        // The answer names the line of the offer that it takes (RFC 4568 section 5.1.2).
        for (_, key) in own
            .iter()
            .filter(|(tag, _)| others.iter().any(|(chosen, _)| chosen == tag))
        {
            add(key);
        }
        for (_, key) in own.iter().chain(others) {
            add(key);
        }
        let of_call = self.by_call.get(agreed.call).into_iter().flatten();
        let descriptions = of_call
            .take(MAX_LOOKED_AT)
            .filter_map(|&at| self.all.get(at));
        for (_, key) in descriptions
            .flat_map(|given| &given.said.media)
            .flat_map(|medium| &medium.keys)
            .take(MAX_KEYS_LOOKED_AT)
        {
            add(key);
        }
        keys
    }

    /// Writes down what was agreed on.
    pub(crate) fn describe(&self, media: &mut Media, agreed: Agreed<'a>) {
        let both = || agreed.receiver.into_iter().chain(agreed.sender);
        if let Some(encoding) = both().find_map(|medium| named(medium, media.payload_type)) {
            media.codec = Some(encoding.name.clone());
        }
        media.call_id = Some(agreed.call.to_owned());
        // What the packets themselves say weighs more than what was said of them.
        if let Some(protection) = agreed.protection()
            && (media.protection.is_empty() || media.protection == "none")
        {
            protection.clone_into(&mut media.protection);
        }
        let mut encodings: Vec<Encoding> = Vec::new();
        for encoding in both().flat_map(|medium| &medium.encodings) {
            let known = |it: &Encoding| it.payload_type == encoding.payload_type;
            if encodings.len() < MAX_GIVEN && !encodings.iter().any(known) {
                encodings.push(encoding.clone());
            }
        }
        let keys = self.keys(agreed);
        let bytes = encodings
            .iter()
            .map(|it| size_of_val(it) + it.name.len() + it.parameters.len())
            .chain(
                keys.iter()
                    .map(|it| size_of_val(it) + it.suite.len() + it.key.len()),
            )
            .sum::<usize>();
        let given = self.given.get().saturating_add(bytes);
        if bytes > 0 && given <= MAX_GIVEN_BYTES {
            self.given.set(given);
            media.announced = Some(Box::new(Announced { encodings, keys }));
        }
    }
}

impl Agreed<'_> {
    /// How the stream is protected, as far as both descriptions together say.
    fn protection(self) -> Option<&'static str> {
        let both = || self.receiver.into_iter().chain(self.sender);
        let all = |holds: fn(&DescribedMedia) -> bool| both().all(holds);
        if all(|medium| medium.fingerprint) {
            return Some("dtls-srtp");
        }
        let (own, others) = (
            self.sender.map(|medium| !medium.keys.is_empty()),
            self.receiver.map(|medium| !medium.keys.is_empty()),
        );
        let any_secure = both().any(|medium| medium.secure);
        match (own, others) {
            // A key that one party offers beside an unsealed profile, and the other does not take up.
            (Some(true), Some(false)) | (Some(false), Some(true)) if !any_secure => Some("none"),
            (Some(true), _) => Some("sdes-in-clear"),
            // The sender's key did not pass in clear: in TLS, beyond an agent, or not at all yet.
            (_, Some(true)) if any_secure => Some("sdes"),
            (_, Some(true)) => None,
            _ if any_secure || both().any(|medium| medium.fingerprint || medium.zrtp) => None,
            _ => Some("none"),
        }
    }
}

/// The encoding of a payload type, as a description names it.
fn named(medium: &DescribedMedia, payload_type: u8) -> Option<&Encoding> {
    medium
        .encodings
        .iter()
        .find(|encoding| encoding.payload_type == payload_type)
}

fn ssrc(media: &Media) -> u32 {
    media
        .ssrc
        .strip_prefix("0x")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .unwrap_or(0)
}

/// When each call ended: the latest of its ends, none where one of its points saw it go on.
fn ends(records: &[Record]) -> HashMap<String, Option<Time>> {
    let mut ends: HashMap<String, Option<Time>> = HashMap::new();
    let over = |call: &Call| match call.state {
        CallState::Ended | CallState::Failed | CallState::Cancelled => call.end,
        _ => None,
    };
    for record in records {
        if let Body::Call(call) = &record.body {
            ends.entry(call.call_id.clone())
                .and_modify(|end| {
                    *end = match (*end, over(call)) {
                        (Some(one), Some(other)) => Some(one.max(other)),
                        _ => None,
                    }
                })
                .or_insert_with(|| over(call));
        }
    }
    ends
}

#[cfg(test)]
mod tests;
