//! The calls of which something can be heard.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet};
use overheard_ledger::{Body, Call, Endpoint, Hint, HintBody, Media, Record, Reveal, Time};
use overheard_tap::SoundStream;

use crate::hearing::{Heard, hear_all, write_down};
use crate::place::LONGEST_SILENCE;
use crate::player::Score;
use crate::spool::Spool;
use crate::wav;

/// Streams of one call, at most.
pub const MAX_STREAMS_IN_CALL: usize = 256;
/// Two streams of one side that go on at the same time for so long, in nanoseconds, are one that was seen twice, unless they are of the
/// same conversation.
const TOGETHER: u64 = 1_000_000_000;
/// Legs that are followed to the call that they are of, at most.
const MAX_LEGS: usize = 16;

/// The ear that hears a stream: the channel of a stereo file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ear {
    /// Left: the caller, or who was heard first where nothing says who called.
    Left,
    /// Right: the callee.
    Right,
}

/// One stream of a call that can be heard.
#[derive(Clone, Debug, PartialEq)]
pub struct AudibleStream {
    /// The stream; its `Media` record has the same conversation, source and SSRC.
    pub stream: SoundStream,
    /// On which channel it is heard.
    pub ear: Ear,
    /// When its first sound was said, by the arrival of its packets.
    pub start: Time,
    /// When its last sound ended.
    pub end: Time,
}

/// A call, or two directions between two endpoints that no signalling explains, of which something can be heard.
#[derive(Clone, Debug, PartialEq)]
pub struct AudibleCall {
    /// The call's id (`Call::call_id`, `Media::call_id`), where signalling was seen.
    pub call_id: Option<String>,
    /// When the first sound begins: the beginning of the file.
    pub start: Time,
    /// When the last sound ends.
    pub end: Time,
    /// Samples a second of the file: 8000, 16000 or 48000, as the best of its streams has.
    pub rate: u32,
    /// Its streams, by ear, then by time. There is at least one.
    pub streams: Vec<AudibleStream>,
}

impl AudibleCall {
    /// Seconds from the first sound to the last.
    pub fn seconds(&self) -> f64 {
        self.end.seconds_since(self.start)
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WavFacts {
    /// Samples a second.
    pub rate: u32,
    /// Samples of each of the two channels.
    pub frames: u64,
    /// Bytes of the file, its header included.
    pub bytes: u64,
    /// Whether the call was longer than a file of this format can be (4 GiB), and its end is missing.
    pub truncated: bool,
}

/// Why the sound of a call could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The temporary file could not be read.
    #[error("the recorded packets cannot be read")]
    Spool(#[source] io::Error),
    /// The output could not be written.
    #[error("the sound cannot be written")]
    Write(#[source] io::Error),
}

/// What can be heard. It keeps the recorded packets until it is dropped.
#[derive(Debug, Default)]
pub struct Sounds {
    spool: Option<Arc<Spool>>,
    calls: Vec<AudibleCall>,
    scores: HashMap<SoundStream, Score>,
    notices: Vec<String>,
}

impl Sounds {
    /// Plays what was recorded, after `join`: opens it where a key passed in clear, decodes it, and fills
    /// `speech_seconds`, `loudness` and `digits` of the `Media` records, their `protection` where an
    /// authentication tag decides it, and `digits` of the `Call` records. At most `threads` streams at once; the
    /// result does not depend on how many.
    pub fn hear(
        spool: Arc<Spool>,
        records: &mut [Record],
        hints: &[Hint],
        reveal: Reveal,
        threads: usize,
    ) -> Sounds {
        let heard = hear_all(&spool, records, threads);
        write_down(&heard, records, reveal);
        let mut notices = Vec::new();
        if spool.set_aside() > 0 {
            let why = match spool.problem() {
                Some(problem) => format!("the temporary file could not be written ({problem})"),
                None => "of a limit".to_owned(),
            };
            notices.push(format!(
                "{} packets of media were not kept, because {why}: what was said in them was not heard",
                spool.set_aside()
            ));
        }
        let failed = heard.iter().filter(|one| one.failed).count();
        if failed > 0 {
            notices.push(format!(
                "{failed} streams of media were not heard to their end, because the temporary file could not be read"
            ));
        }
        let calls = audible(&heard, records, hints);
        let played: HashSet<SoundStream> = calls
            .iter()
            .flat_map(|call| call.streams.iter().map(|stream| stream.stream))
            .collect();
        let scores: HashMap<SoundStream, Score> = heard
            .into_iter()
            .filter(|one| played.contains(&one.score.stream))
            .map(|one| (one.score.stream, one.score))
            .collect();
        Sounds {
            spool: (!scores.is_empty()).then_some(spool),
            calls,
            scores,
            notices,
        }
    }

    /// The calls of which something can be heard, by their beginning.
    pub fn calls(&self) -> &[AudibleCall] {
        &self.calls
    }

    /// Writes the sound of a call as WAV: 16 bits, two channels, the caller left and the callee right, in real
    /// timing, silence where nobody was heard. Memory does not grow with the length of the call.
    ///
    /// # Errors
    /// Where the recorded packets cannot be read or `out` cannot be written.
    pub fn write_wav(
        &self,
        call: &AudibleCall,
        out: &mut dyn Write,
    ) -> Result<WavFacts, SoundError> {
        match &self.spool {
            Some(spool) => wav::write(spool, &self.scores, call, out),
            None => Err(SoundError::Spool(io::ErrorKind::NotFound.into())),
        }
    }

    /// What was not kept or not heard because of a limit, for people.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }
}

/// One that may be a stream of a call.
struct Candidate<'a> {
    stream: SoundStream,
    media: &'a Media,
    start: Time,
    end: Time,
    rate: u32,
}

/// What belongs together: a call, or a conversation that no signalling explains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group<'a> {
    Call(&'a str),
    Conversation(u64),
}

fn audible(heard: &[Heard], records: &[Record], hints: &[Hint]) -> Vec<AudibleCall> {
    let signalled = Signalled::of(records, hints);
    let mut groups: BTreeMap<Group<'_>, Vec<Candidate<'_>>> = BTreeMap::new();
    for one in heard {
        let (Some((start, end, rate)), Some(Body::Media(media))) = (
            one.sound,
            records.get(one.record).map(|record| &record.body),
        ) else {
            continue;
        };
        let stream = one.score.stream;
        let group = match &media.call_id {
            Some(call) => Group::Call(signalled.root(call)),
            None => Group::Conversation(stream.conversation),
        };
        groups.entry(group).or_default().push(Candidate {
            stream,
            media,
            start,
            end,
            rate,
        });
    }
    let mut calls: Vec<AudibleCall> = groups
        .into_iter()
        .flat_map(|(group, candidates)| {
            let parties = match group {
                Group::Call(call) => signalled.parties(call),
                Group::Conversation(_) => Parties::default(),
            };
            let call_id = match group {
                Group::Call(call) => Some(call.to_owned()),
                Group::Conversation(_) => None,
            };
            put_together(call_id.as_deref(), candidates, &parties)
        })
        .collect();
    calls.sort_by(|one, other| {
        (one.start, one.streams.first().map(|first| first.stream))
            .cmp(&(other.start, other.streams.first().map(|first| first.stream)))
    });
    calls
}

/// What signalling says of who is who.
struct Signalled<'a> {
    calls: HashMap<&'a str, &'a Call>,
    /// Where the first to say so wants to hear: who offers is who calls.
    offered: HashMap<&'a str, (u64, Vec<Endpoint>)>,
}

/// Who called, and who was called, as far as it is known.
#[derive(Default)]
struct Parties {
    hears_at: Vec<Endpoint>,
    caller: Option<Endpoint>,
    callee: Option<Endpoint>,
}

impl<'a> Signalled<'a> {
    fn of(records: &'a [Record], hints: &'a [Hint]) -> Signalled<'a> {
        let mut calls: HashMap<&str, &Call> = HashMap::new();
        for record in records {
            if let Body::Call(call) = &record.body {
                calls.entry(&call.call_id).or_insert(call);
            }
        }
        let mut offered: HashMap<&str, (u64, Vec<Endpoint>)> = HashMap::new();
        for hint in hints {
            if let HintBody::Expect {
                endpoint,
                protocol: "rtp",
                label: Some(call),
                ..
            } = &hint.body
            {
                let frame = hint.frames.first().copied().unwrap_or(u64::MAX);
                let (first, endpoints) = offered.entry(call).or_insert((frame, Vec::new()));
                if *first == frame && endpoints.len() < MAX_STREAMS_IN_CALL {
                    endpoints.push(*endpoint);
                }
            }
        }
        Signalled { calls, offered }
    }

    /// The call that a leg is of.
    fn root(&self, call: &'a str) -> &'a str {
        let mut id = call;
        for _ in 0..MAX_LEGS {
            match self.calls.get(id).and_then(|call| call.leg_of.as_deref()) {
                Some(root) => id = root,
                None => return id,
            }
        }
        id
    }

    fn parties(&self, call: &str) -> Parties {
        let first = self.calls.get(call).and_then(|call| call.steps.first());
        Parties {
            hears_at: self
                .offered
                .get(call)
                .map_or(Vec::new(), |(_, endpoints)| endpoints.clone()),
            caller: first.map(|step| step.source),
            callee: first.map(|step| step.destination),
        }
    }
}

impl Parties {
    /// Who is heard in a stream.
    fn ear(&self, media: &Media) -> Option<Ear> {
        let (source, destination) = (media.source, media.destination);
        if self.hears_at.contains(&destination) {
            return Some(Ear::Right);
        }
        if self.hears_at.contains(&source) {
            return Some(Ear::Left);
        }
        let (caller, callee) = (self.caller?.ip, self.callee?.ip);
        match (source.ip, destination.ip) {
            _ if caller == callee => None,
            (from, _) if from == caller => Some(Ear::Left),
            (_, to) if to == caller => Some(Ear::Right),
            (from, _) if from == callee => Some(Ear::Right),
            (_, to) if to == callee => Some(Ear::Left),
            _ => None,
        }
    }

    /// Whether the caller itself is at one end of a stream, not an agent between.
    fn is_near_caller(&self, media: &Media) -> bool {
        [media.source, media.destination].iter().any(|end| {
            self.hears_at.contains(end) || self.caller.is_some_and(|caller| caller.ip == end.ip)
        })
    }
}

/// The calls of what belongs together: one, unless nothing was heard for very long in between.
fn put_together(
    call_id: Option<&str>,
    mut candidates: Vec<Candidate<'_>>,
    parties: &Parties,
) -> Vec<AudibleCall> {
    let first = candidates.iter().min_by_key(|one| (one.start, one.stream));
    let first_heard = first.map(|first| first.stream.source);
    let ear = |one: &Candidate<'_>| {
        parties
            .ear(one.media)
            .unwrap_or(match Some(one.stream.source) == first_heard {
                true => Ear::Left,
                false => Ear::Right,
            })
    };
    // Of what was seen at several points, the point next to the caller, and there the longest, is heard.
    candidates.sort_by_key(|one| {
        let near = parties.is_near_caller(one.media);
        (
            !near,
            std::cmp::Reverse(one.end.since(one.start)),
            one.start,
            one.stream,
        )
    });
    let mut streams: Vec<(AudibleStream, u32)> = Vec::new();
    for one in candidates {
        let ear = ear(&one);
        let again = streams.iter().any(|(kept, _)| {
            let together = kept.end.min(one.end).since(kept.start.max(one.start));
            let same = kept.stream.ssrc == one.stream.ssrc;
            let elsewhere = kept.stream.conversation != one.stream.conversation;
            together >= TOGETHER && elsewhere && (same || kept.ear == ear)
        });
        if again || streams.len() >= MAX_STREAMS_IN_CALL {
            continue;
        }
        let stream = AudibleStream {
            stream: one.stream,
            ear,
            start: one.start,
            end: one.end,
        };
        streams.push((stream, one.rate));
    }
    streams.sort_by_key(|(stream, _)| (stream.start, stream.stream));
    let mut calls: Vec<AudibleCall> = Vec::new();
    for (stream, rate) in streams {
        let rate = match rate {
            ..=8000 => 8000,
            8001..=16_000 => 16_000,
            _ => 48_000,
        };
        match calls.last_mut() {
            Some(call) if stream.start.since(call.end) <= LONGEST_SILENCE => {
                call.end = call.end.max(stream.end);
                call.rate = call.rate.max(rate);
                call.streams.push(stream);
            }
            _ => calls.push(AudibleCall {
                call_id: call_id.map(str::to_owned),
                start: stream.start,
                end: stream.end,
                rate,
                streams: vec![stream],
            }),
        }
    }
    for call in &mut calls {
        call.streams
            .sort_by_key(|stream| (stream.ear, stream.start, stream.stream));
    }
    calls
}

#[cfg(test)]
mod tests;
