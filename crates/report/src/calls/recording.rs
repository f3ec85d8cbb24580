//! The sound of calls, handed over to be played in the page: only where whoever asks wants it revealed.

use std::collections::BTreeMap;

use overheard_ledger::{Endpoint, Time};

use super::{Side, Stream, Talk};
use crate::Report;

/// The most sound that one page holds, in bytes of WAV: 13 minutes of telephone sound, in both directions.
pub const MAX_PAGE_SOUND: u64 = 24 << 20;

/// The most calls that a page draws.
pub(crate) const MAX_DRAWN: usize = 25;

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

/// A stream of media: its conversation, who sends, and its synchronisation source.
pub type StreamId = (u64, Endpoint, u32);

impl<'a> Report<'a> {
    /// The number of the call that streams belong to, and when its sound begins.
    pub fn call_of(&self, streams: impl Iterator<Item = StreamId>) -> Option<(u64, Time)> {
        let places = streams.filter_map(|id| self.places.get(&id).copied());
        let place = places.min()?;
        let (start, _) = Talk::span_of(&self.talks.get(place)?.told())?;
        Some((u64::try_from(place).ok()? + 1, start))
    }

    /// The same report with what is known better of who speaks in streams: signalling says more of it than records do.
    #[must_use]
    pub fn with_sides(mut self, sides: impl Iterator<Item = (StreamId, Side)>) -> Report<'a> {
        for (id, side) in sides {
            let talk = self
                .places
                .get(&id)
                .and_then(|place| self.talks.get_mut(*place));
            let streams = talk.into_iter().flat_map(|talk| &mut talk.streams);
            for stream in streams.filter(|stream| stream.id() == Some(id)) {
                stream.side = side;
            }
        }
        self
    }

    /// Whether the page draws the call with this number, so that there is a place for its player.
    pub fn is_drawn(&self, call: u64) -> bool {
        self.drawn().any(|(number, _)| number == call)
    }

    /// The calls that the page draws, with their numbers.
    pub(crate) fn drawn(&self) -> impl Iterator<Item = (u64, &Talk<'a>)> {
        (1_u64..)
            .zip(&self.talks)
            .filter(|(_, talk)| talk.is_drawable())
            .take(MAX_DRAWN)
    }

    /// The same report with the names of files that hold the sound of calls, by their numbers.
    #[must_use]
    pub fn with_saved(mut self, saved: BTreeMap<u64, String>) -> Report<'a> {
        self.saved = saved;
        self
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

/// The places of calls by their streams.
pub(crate) fn places(talks: &[Talk<'_>]) -> BTreeMap<StreamId, usize> {
    let mut places = BTreeMap::new();
    for (place, talk) in talks.iter().enumerate() {
        for id in talk.streams.iter().filter_map(Stream::id) {
            places.entry(id).or_insert(place);
        }
    }
    places
}
