//! Calls, each told once: its legs put together, its sound by who speaks, and what a tap hears of it.

mod list;
pub(crate) mod recording;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt};
use overheard_ledger::{Call, CallStep, Exposure, Media, Record, Time};

use self::recording::StreamId;
use self::words::Speech;

/// The most steps of `leg_of` that are followed: who sends a ring of legs is not followed for ever.
const MAX_LEG_DEPTH: usize = 8;

/// Who of a call sends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Who called; without signalling, who was heard first.
    Caller,
    /// Who was called; without signalling, the other.
    Callee,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Side::Caller => "caller",
            Side::Callee => "callee",
        }
    }
}

/// One direction of a stream of media, and what is known of it besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream<'a> {
    pub(crate) media: &'a Media,
    pub(crate) conversation: Option<u64>,
    /// Of its first packet.
    pub(crate) time: Option<Time>,
    /// The first frame that proves it; 0 where there is none.
    pub(crate) frame: u64,
    /// That of its conversation.
    pub(crate) exposure: Exposure,
    pub(crate) side: Side,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(media: &'a Media, record: &Record, exposure: Exposure) -> Stream<'a> {
        Stream {
            media,
            conversation: record.conversation,
            time: record.time,
            frame: record.frames.first().copied().unwrap_or(0),
            exposure,
            side: Side::Caller,
        }
    }

    /// What names it, where it can be named.
    pub(crate) fn id(&self) -> Option<StreamId> {
        let ssrc = self.media.ssrc.strip_prefix("0x")?;
        let ssrc = u32::from_str_radix(ssrc, 16).ok()?;
        Some((self.conversation?, self.media.source, ssrc))
    }

    /// Whether anybody who hears it can listen to it.
    pub(crate) fn is_audible(&self) -> bool {
        matches!(self.media.protection.as_str(), "none" | "sdes-in-clear")
    }

    /// Its last packet, in packet time.
    fn end(&self) -> Option<Time> {
        let nanoseconds = (self.media.seconds.max(0.0) * 1e9) as u64;
        Some(Time(self.time?.0.saturating_add(nanoseconds)))
    }

    /// What a tap gets of its words.
    pub(crate) fn class(&self) -> Exposure {
        match (self.is_audible(), self.media.protection.as_str()) {
            (true, _) => Exposure::Open,
            (false, "") => Exposure::Unknown,
            // Of a conversation that holds other streams too, or more than media.
            (false, _) if self.exposure == Exposure::Open => Exposure::Unknown,
            (false, _) => self.exposure,
        }
    }
}

/// A call and what was sent in it: of all its legs, or of a sound that nothing signalled.
#[derive(Debug, Default)]
pub(crate) struct Talk<'a> {
    /// The call as it is told, then its other legs; none where nothing signalled it.
    pub(crate) legs: Vec<&'a Call>,
    pub(crate) streams: Vec<Stream<'a>>,
    /// When it began.
    pub(crate) time: Option<Time>,
    /// The frame with which it began.
    frame: u64,
}

/// Puts calls and media together, in the order in which they began.
pub(crate) fn talks<'a>(
    calls: &[(&'a Call, Option<Time>, u64)],
    mut streams: Vec<Stream<'a>>,
) -> Vec<Talk<'a>> {
    let mut firsts: HashMap<&str, usize> = HashMap::new();
    for (place, (call, ..)) in calls.iter().enumerate() {
        firsts.entry(&call.call_id).or_insert(place);
    }
    let root = |place: usize| {
        let mut at = place;
        for _ in 0..MAX_LEG_DEPTH {
            let (call, ..) = calls.get(at)?;
            // Records with the same id are one call.
            let of = call.leg_of.as_deref().unwrap_or(&call.call_id);
            match firsts.get(of) {
                Some(&next) if next != at => at = next,
                _ => break,
            }
        }
        Some(at)
    };
    let mut talks: BTreeMap<usize, Talk<'a>> = BTreeMap::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, (call, time, frame)) in calls.iter().enumerate() {
        let root = root(place).unwrap_or(place);
        let talk = talks.entry(root).or_default();
        if talk.legs.is_empty() {
            talk.frame = *frame;
        }
        talk.time = match (talk.time, call.start.or(*time)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        match place == root {
            true => talk.legs.insert(0, call),
            false => talk.legs.push(call),
        }
        places.entry(&call.call_id).or_insert(root);
    }
    streams.sort_by_key(|stream| stream.frame);
    let mut loose = Vec::new();
    for stream in streams {
        let place = stream
            .media
            .call_id
            .as_deref()
            .and_then(|id| places.get(id));
        match place.and_then(|place| talks.get_mut(place)) {
            Some(talk) => talk.streams.push(stream),
            None => loose.push(stream),
        }
    }
    let mut talks: Vec<Talk<'a>> = talks.into_values().collect();
    talks.extend(unsignalled(loose));
    for talk in &mut talks {
        talk.find_sides();
    }
    talks.sort_by_key(|talk| (talk.time.map_or(u64::MAX, |time| time.0), talk.frame));
    talks
}

/// Sound that no signalling explains, by conversation; and that of calls that are not in the ledger.
fn unsignalled(streams: Vec<Stream<'_>>) -> Vec<Talk<'_>> {
    let mut talks: Vec<Talk<'_>> = Vec::new();
    let mut places: HashMap<(Option<&str>, Option<u64>), usize> = HashMap::new();
    for stream in streams {
        let key = match stream.media.call_id.as_deref() {
            Some(id) => (Some(id), None),
            None => (None, stream.conversation),
        };
        let place = *places.entry(key).or_insert(talks.len());
        match talks.get_mut(place) {
            Some(talk) => talk.streams.push(stream),
            None => talks.push(Talk {
                legs: Vec::new(),
                time: stream.time,
                frame: stream.frame,
                streams: vec![stream],
            }),
        }
    }
    talks
}

impl<'a> Talk<'a> {
    /// The caller's streams are those from the address that first asked for the call, and those to the address that was
    /// asked. Where that says nothing, who is heard first is the caller.
    fn find_sides(&mut self) {
        let asked = self.legs.iter().flat_map(|leg| leg.steps.first());
        let parties = asked.min_by_key(|step| step.frame);
        let parties = parties.map(|step| (step.source.ip, step.destination.ip));
        let first = self.streams.first().map(|stream| stream.media.source);
        for stream in &mut self.streams {
            let (source, destination) = (stream.media.source, stream.media.destination);
            stream.side = match parties.filter(|(caller, callee)| caller != callee) {
                Some((caller, _)) if source.ip == caller => Side::Caller,
                Some((caller, _)) if destination.ip == caller => Side::Callee,
                Some((_, callee)) if source.ip == callee => Side::Callee,
                Some((_, callee)) if destination.ip == callee => Side::Caller,
                _ if Some(source) == first => Side::Caller,
                _ => Side::Callee,
            };
        }
    }

    /// The call as it is told; `None` where nothing signalled it.
    pub(crate) fn call(&self) -> Option<&'a Call> {
        self.legs.first().copied()
    }

    /// The id of the call that its sound names, seen or not.
    pub(crate) fn call_id(&self) -> Option<&'a str> {
        let named = || {
            self.streams
                .iter()
                .find_map(|stream| stream.media.call_id.as_deref())
        };
        self.call().map(|call| &*call.call_id).or_else(named)
    }

    /// What the first leg that knows it says.
    pub(crate) fn known<T>(&self, field: impl Fn(&'a Call) -> Option<T>) -> Option<T> {
        self.legs.iter().find_map(|leg| field(leg))
    }

    /// Its sound, each voice once: of the leg of which most is heard, and of copies with the same SSRC, seen at two
    /// points of their way, the fullest.
    pub(crate) fn told(&self) -> Vec<Stream<'a>> {
        // By leg, SSRC, and whether it is the second that answers with the SSRC of the first.
        type Voices<'a> = BTreeMap<(&'a str, bool), Stream<'a>>;
        let mut legs: BTreeMap<Option<&str>, Voices<'a>> = BTreeMap::new();
        for stream in &self.streams {
            let voices = legs.entry(stream.media.call_id.as_deref()).or_default();
            let answers = voices
                .get(&(&*stream.media.ssrc, false))
                .is_some_and(|first| {
                    first.conversation == stream.conversation
                        && first.media.source != stream.media.source
                });
            let kept = voices
                .entry((&stream.media.ssrc, answers))
                .or_insert(*stream);
            if worth(stream) > worth(kept) {
                *kept = *stream;
            }
        }
        let fullest = legs.into_values().max_by_key(|voices| {
            let sum = |sum: (u64, u64), one: (u64, u64)| (sum.0 + one.0, sum.1 + one.1);
            voices.values().map(worth).fold((0, 0), sum)
        });
        let mut told: Vec<Stream<'a>> = fullest
            .into_iter()
            .flat_map(BTreeMap::into_values)
            .collect();
        told.sort_by_key(|stream| stream.frame);
        told
    }

    /// Whether there is something of it to draw.
    pub(crate) fn is_drawable(&self) -> bool {
        !self.streams.is_empty() || self.legs.iter().any(|leg| !leg.steps.is_empty())
    }

    /// Whether anybody who hears it can listen to some of it.
    pub(crate) fn is_heard(&self) -> bool {
        self.streams.iter().any(Stream::is_audible)
    }

    /// How much a tap hears them say, all who speak together.
    pub(crate) fn speech(&self) -> Speech {
        let mut speech = Speech::default();
        speech.add(self);
        speech
    }

    /// When its sound begins and ends.
    pub(crate) fn span_of(streams: &[Stream<'_>]) -> Option<(Time, Time)> {
        let start = streams.iter().filter_map(|stream| stream.time).min()?;
        let end = streams.iter().filter_map(Stream::end).max()?;
        Some((start, end))
    }

    /// Seconds that they spoke, and whether it is so many at least: from the answer to the end, or to the last that was heard where no end
    /// was seen; without signalling as long as there was sound.
    pub(crate) fn spoke(&self) -> Option<(f64, bool)> {
        let sound = Talk::span_of(&self.streams);
        if self.legs.is_empty() {
            let (start, end) = sound?;
            return Some((end.seconds_since(start), false));
        }
        let answer = self.known(|leg| leg.answer)?;
        match (self.known(|leg| leg.end), sound) {
            (Some(end), _) => Some((end.seconds_since(answer), false)),
            (None, Some((_, end))) => Some((end.seconds_since(answer), true)),
            (None, None) => None,
        }
    }

    /// Packets lost of those that should have come, in per cent, where that is known.
    pub(crate) fn loss(streams: &[Stream<'_>]) -> Option<f64> {
        let numbered = streams.iter().map(|stream| stream.media);
        let (lost, packets) = numbered
            .filter_map(|media| Some((media.lost?, media.packets)))
            .fold((0, 0), |(lost, packets): (u64, u64), of| {
                (lost.saturating_add(of.0), packets.saturating_add(of.1))
            });
        let sent = lost.saturating_add(packets);
        (packets > 0).then(|| lost as f64 * 100.0 / sent as f64)
    }

    /// The highest jitter, in milliseconds.
    pub(crate) fn jitter(streams: &[Stream<'_>]) -> Option<f64> {
        let of = |stream: &Stream<'_>| stream.media.jitter_ms;
        streams.iter().filter_map(of).max_by(f64::total_cmp)
    }
}

/// How much is heard of a stream: tenths of a second of speech, packets that can be listened to.
fn worth(stream: &Stream<'_>) -> (u64, u64) {
    let speech = stream.media.speech_seconds.unwrap_or(0.0).max(0.0) * 10.0;
    let audible = u64::from(stream.is_audible());
    (
        audible * speech as u64,
        stream.media.packets.min(u64::from(u32::MAX)) * (1 + audible),
    )
}

impl<'a> Talk<'a> {
    /// What was said to set it up and to end it, on all legs, in the order of the capture.
    pub(crate) fn steps(&self) -> Vec<&'a CallStep> {
        let mut steps: Vec<&CallStep> = self.legs.iter().flat_map(|leg| &leg.steps).collect();
        steps.sort_by_key(|step| step.frame);
        steps
    }
}
