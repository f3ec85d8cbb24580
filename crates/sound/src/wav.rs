//! The sound of a call as a WAV file (RFC 2361; Microsoft's `WAVE_FORMAT_PCM`), written as it is played.

use std::collections::VecDeque;
use std::io::Write;

use foldhash::HashMap;
use overheard_ledger::Time;
use overheard_tap::SoundStream;

use crate::call::{AudibleCall, AudibleStream, Ear, SoundError, WavFacts};
use crate::player::{Player, Score};
use crate::resample::Resampler;
use crate::spool::Spool;

/// Bytes of the header, and of a sample of both channels.
const HEADER: u64 = 44;
const FRAME: u64 = 4;
/// The most samples of each channel: a file says its size in 32 bits.
const MAX_FRAMES: u64 = (u32::MAX as u64 - HEADER) / FRAME;

/// A stream that is being played.
struct Track<'a> {
    player: Player<'a>,
    ear: Ear,
    begin: Time,
    resampler: Option<(u32, Resampler)>,
    /// Samples at the rate of the file, and where in the file they begin.
    runs: VecDeque<(u64, Vec<i16>)>,
    ended: bool,
}

/// Where in a file of so many samples a second a moment is that is so many nanoseconds behind its beginning.
fn frame_at(since: u64, rate: u32) -> u64 {
    let exact = u128::from(since) * u128::from(rate) + 500_000_000;
    u64::try_from(exact / 1_000_000_000).unwrap_or(u64::MAX)
}

impl<'a> Track<'a> {
    fn new(spool: &'a Spool, score: &'a Score, stream: &AudibleStream, begin: Time) -> Track<'a> {
        Track {
            player: Player::new(spool, score),
            ear: stream.ear,
            begin,
            resampler: None,
            runs: VecDeque::new(),
            ended: false,
        }
    }

    /// Plays on until the samples before a place are there.
    fn play_until(&mut self, place: u64, rate: u32) -> Result<(), SoundError> {
        while !self.ended
            && self
                .runs
                .back()
                .is_none_or(|(start, samples)| start + (samples.len() as u64) < place)
        {
            let piece = self.player.next().map_err(SoundError::Spool)?;
            let known = self.resampler.as_ref().map(|(from, _)| *from);
            let breaks = piece.is_none_or(|piece| !piece.follows || known != Some(piece.rate));
            if breaks
                && let (Some((_, resampler)), Some((_, run))) =
                    (&mut self.resampler, self.runs.back_mut())
            {
                resampler.finish(run);
            }
            let Some(piece) = piece else {
                self.ended = true;
                break;
            };
            if breaks {
                let place = frame_at(piece.start.since(self.begin), rate);
                self.runs.push_back((place, Vec::new()));
            }
            if known != Some(piece.rate) {
                self.resampler = Some((piece.rate, Resampler::new(piece.rate, rate)));
            }
            if let (Some((_, resampler)), Some((_, run))) =
                (&mut self.resampler, self.runs.back_mut())
            {
                resampler.hear(piece.samples, run);
            }
        }
        Ok(())
    }

    /// Adds the samples from a place on to those of a channel, and forgets them.
    fn mix(&mut self, place: u64, channel: &mut [i32]) {
        let end = place + channel.len() as u64;
        while let Some((start, samples)) = self.runs.front_mut() {
            if *start >= end {
                return;
            }
            // What comes before the place, because its run overlaps another one, was heard already.
            let early = usize::try_from(place.saturating_sub(*start)).unwrap_or(usize::MAX);
            samples.drain(..early.min(samples.len()));
            *start = (*start).max(place);
            let offset = usize::try_from(*start - place).unwrap_or(usize::MAX);
            let room = channel.len().saturating_sub(offset).min(samples.len());
            for (sum, sample) in channel.iter_mut().skip(offset).zip(samples.drain(..room)) {
                *sum += i32::from(sample);
            }
            *start += room as u64;
            let more_comes = self.runs.len() == 1 && !self.ended;
            match self.runs.front() {
                Some((_, samples)) if samples.is_empty() && !more_comes => {
                    self.runs.pop_front();
                }
                _ => return,
            }
        }
    }
}

fn header(rate: u32, frames: u64) -> Vec<u8> {
    let data = u32::try_from(frames * FRAME).unwrap_or(u32::MAX);
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF");
    header.extend((data + 36).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    // PCM, two channels.
    header.extend(1_u16.to_le_bytes());
    header.extend(2_u16.to_le_bytes());
    header.extend(rate.to_le_bytes());
    header.extend((rate * 4).to_le_bytes());
    header.extend(4_u16.to_le_bytes());
    header.extend(16_u16.to_le_bytes());
    header.extend(b"data");
    header.extend(data.to_le_bytes());
    header
}

/// Writes the sound of a call.
pub(crate) fn write(
    spool: &Spool,
    scores: &HashMap<SoundStream, Score>,
    call: &AudibleCall,
    out: &mut dyn Write,
) -> Result<WavFacts, SoundError> {
    let rate = call.rate;
    let exact = u128::from(call.end.since(call.start)) * u128::from(rate);
    let all = u64::try_from(exact.div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
    let frames = all.min(MAX_FRAMES);
    out.write_all(&header(rate, frames))
        .map_err(SoundError::Write)?;
    let mut waiting: Vec<&AudibleStream> = call.streams.iter().collect();
    waiting.sort_by_key(|stream| std::cmp::Reverse((stream.start, stream.stream)));
    let mut tracks: Vec<Track<'_>> = Vec::new();
    // A tenth of a second at a time.
    let step = u64::from(rate / 10);
    let (mut left, mut right, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    let mut place = 0;
    while place < frames {
        let end = frames.min(place + step);
        let count = usize::try_from(end - place).unwrap_or(0);
        for channel in [&mut left, &mut right] {
            channel.clear();
            channel.resize(count, 0_i32);
        }
        while let Some(next) =
            waiting.pop_if(|next| frame_at(next.start.since(call.start), rate) < end)
        {
            if let Some(score) = scores.get(&next.stream) {
                tracks.push(Track::new(spool, score, next, call.start));
            }
        }
        for track in &mut tracks {
            track.play_until(end, rate)?;
            track.mix(
                place,
                match track.ear {
                    Ear::Left => &mut left,
                    Ear::Right => &mut right,
                },
            );
        }
        tracks.retain(|track| !track.ended || !track.runs.is_empty());
        bytes.clear();
        for (left, right) in left.iter().zip(&right) {
            bytes.extend(crate::codec::clamp(*left).to_le_bytes());
            bytes.extend(crate::codec::clamp(*right).to_le_bytes());
        }
        out.write_all(&bytes).map_err(SoundError::Write)?;
        place = end;
    }
    Ok(WavFacts {
        rate,
        frames,
        bytes: HEADER + frames * FRAME,
        truncated: all > frames,
    })
}
