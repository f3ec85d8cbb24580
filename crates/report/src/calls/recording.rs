//! The sound of calls, handed over to be played in the page: only where whoever asks wants it revealed.

use std::collections::BTreeMap;

use super::Talk;
use crate::Report;

/// The most sound that one page holds, in bytes of WAV: 13 minutes of telephone sound, in both directions.
pub const MAX_PAGE_SOUND: u64 = 24 << 20;

/// The sound of a call.
#[derive(Debug)]
pub struct Recording {
    /// The number of the call, as [`Report::call_of`] gives it.
    pub call: u64,
    /// Seconds from the first sound of the call to the beginning of the recording.
    pub after: f64,
    /// How many bytes of WAV it is.
    pub bytes: u64,
    /// The WAV; `None` where it is left out because the page is full ([`MAX_PAGE_SOUND`]).
    pub wav: Option<Vec<u8>>,
}

impl<'a> Report<'a> {
    /// The number of the call that streams belong to, given by conversation and SSRC (as `Media` writes it), and the moment at which its
    /// sound begins, as nanoseconds since 1970. `None` where a call is told from other copies of its streams.
    pub fn call_of<'s>(&self, streams: impl Iterator<Item = (u64, &'s str)>) -> Option<(u64, u64)> {
        let mut found: Option<usize> = None;
        for (conversation, ssrc) in streams {
            let place = self.told.get(&(conversation, ssrc.to_owned())).copied();
            found = match (found, place) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        let place = found?;
        let talk = self.talks.get(place)?;
        let (start, _) = Talk::span_of(&talk.told())?;
        Some((u64::try_from(place).ok()? + 1, start.0))
    }

    /// The same report with sound in its page. What does not fit ([`MAX_PAGE_SOUND`]) is left out and said to be.
    #[must_use]
    pub fn with_recordings(mut self, recordings: Vec<Recording>) -> Report<'a> {
        let mut room = MAX_PAGE_SOUND;
        for mut recording in recordings {
            let size = recording.wav.as_ref().map_or(0, Vec::len);
            match room.checked_sub(u64::try_from(size).unwrap_or(u64::MAX)) {
                Some(left) => room = left,
                None => recording.wav = None,
            }
            self.recordings.entry(recording.call).or_insert(recording);
        }
        self
    }
}

/// The places of calls by the streams from which they are told.
pub(crate) fn places(talks: &[Talk<'_>]) -> BTreeMap<(u64, String), usize> {
    let mut places = BTreeMap::new();
    for (place, talk) in talks.iter().enumerate() {
        for stream in talk.told() {
            if let Some(conversation) = stream.conversation {
                places
                    .entry((conversation, stream.media.ssrc.clone()))
                    .or_insert(place);
            }
        }
    }
    places
}
