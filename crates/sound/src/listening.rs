//! What is noted of the sound of a stream: how much was said, how loud, which keys.

use overheard_ledger::Time;

use crate::dtmf::{RATE as TONE_RATE, Tones};
use crate::player::Piece;
use crate::resample::Resampler;
use crate::voice::{RATE as VOICE_RATE, Voices};

/// The most parts that loudness is told in, and the shortest of them in nanoseconds.
const MAX_PARTS: usize = 240;
const SHORTEST_PART: u64 = 20_000_000;
/// Listens to a stream.
pub(crate) struct Listening {
    /// Samples a second of the piece before, and the highest that there was.
    rate: u32,
    pub(crate) best_rate: u32,
    pub(crate) start: Option<Time>,
    /// Nanoseconds of a part, and the loudest sample of each.
    part: u64,
    loudest: Vec<u16>,
    for_voice: Resampler,
    voices: Voices,
    for_tones: Resampler,
    heard: Vec<i16>,
    pub(crate) tones: Tones,
}

impl Listening {
    /// To a stream of so many seconds; `thorough` where there are not very many of them.
    pub(crate) fn new(seconds: f64, thorough: bool) -> Listening {
        let length = (seconds.max(0.0) * 1e9) as u64;
        let part = (length / MAX_PARTS as u64 + 1).max(SHORTEST_PART);
        let parts = usize::try_from(length / part)
            .unwrap_or(0)
            .min(MAX_PARTS - 1)
            + 1;
        Listening {
            rate: 0,
            best_rate: 0,
            start: None,
            part,
            loudest: vec![0; parts],
            for_voice: Resampler::new(1, 1),
            voices: Voices::new(thorough),
            for_tones: Resampler::new(1, 1),
            heard: Vec::new(),
            tones: Tones::default(),
        }
    }

    /// Hears a piece.
    pub(crate) fn hear(&mut self, piece: &Piece<'_>) {
        let start = *self.start.get_or_insert(piece.start);
        if self.rate != piece.rate {
            self.rate = piece.rate;
            self.best_rate = self.best_rate.max(piece.rate);
            self.for_voice = Resampler::new(piece.rate, VOICE_RATE);
            self.for_tones = Resampler::new(piece.rate, TONE_RATE);
        }
        self.measure(piece.start.since(start), piece.samples);
        self.for_voice.hear(piece.samples, self.voices.inlet());
        self.voices.listen();
        self.heard.clear();
        self.for_tones.hear(piece.samples, &mut self.heard);
        self.tones.hear(piece.start, piece.follows, &self.heard);
    }

    fn measure(&mut self, since: u64, samples: &[i16]) {
        let mut time = since;
        let step = samples_in(10_000_000, self.rate).max(1);
        let last = self.loudest.len() - 1;
        for chunk in samples.chunks(step) {
            let part = usize::try_from(time / self.part).unwrap_or(last).min(last);
            if let Some(loudest) = self.loudest.get_mut(part) {
                *loudest = (*loudest).max(peak(chunk));
            }
            time += 10_000_000;
        }
    }

    /// Seconds of speech.
    pub(crate) fn speech_seconds(&mut self) -> f64 {
        self.voices.seconds()
    }

    /// The loudest sample of each part, 0 to 100.
    pub(crate) fn loudness(&self) -> Vec<u8> {
        let percent =
            |peak: &u16| u8::try_from((u32::from(*peak) * 100).div_ceil(32_768)).unwrap_or(100);
        self.loudest.iter().map(percent).collect()
    }
}

fn peak(samples: &[i16]) -> u16 {
    samples
        .iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or(0)
}

fn samples_in(nanoseconds: u64, rate: u32) -> usize {
    usize::try_from(nanoseconds * u64::from(rate) / 1_000_000_000).unwrap_or(1)
}
