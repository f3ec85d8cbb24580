//! What is noted of the sound of a stream: how much was said, how loud, which keys.

use overheard_ledger::Time;

use crate::dtmf::{RATE as TONE_RATE, Tones};
use crate::player::Piece;
use crate::resample::Resampler;

/// The most parts that loudness is told in, and the shortest of them in nanoseconds.
const MAX_PARTS: usize = 240;
const SHORTEST_PART: u64 = 20_000_000;
/// What the detector of voice hears: samples a second, and at a time.
const VOICE_RATE: u32 = 16_000;
const VOICE_FRAME: usize = 256;
/// Milliseconds of a frame.
const VOICE_FRAME_MS: u64 = 16;
/// From which score on it is a voice.
const VOICE: f32 = 0.5;
/// Frames without a sample that is louder are silence, whatever the detector would say: 58 dB below full scale.
const SILENT: u16 = 40;

/// Listens to a stream.
pub(crate) struct Listening {
    /// Samples a second of the piece before, and the highest that there was.
    rate: u32,
    pub(crate) best_rate: u32,
    pub(crate) start: Option<Time>,
    /// Nanoseconds of a part, and the loudest sample of each.
    part: u64,
    loudest: Vec<u16>,
    voice: Box<earshot::Detector>,
    for_voice: Resampler,
    frame: Vec<i16>,
    voiced: u64,
    for_tones: Resampler,
    heard: Vec<i16>,
    pub(crate) tones: Tones,
}

impl Listening {
    /// To a stream of so many seconds.
    pub(crate) fn new(seconds: f64) -> Listening {
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
            voice: earshot::Detector::default_boxed(),
            for_voice: Resampler::new(1, 1),
            frame: Vec::new(),
            voiced: 0,
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
        self.for_voice.hear(piece.samples, &mut self.frame);
        self.voices();
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

    fn voices(&mut self) {
        let mut frames = self.frame.chunks_exact(VOICE_FRAME);
        for frame in frames.by_ref() {
            let score = self.voice.predict_i16(frame);
            self.voiced += u64::from(score >= VOICE && peak(frame) > SILENT);
        }
        let rest = frames.remainder().len();
        self.frame.drain(..self.frame.len() - rest);
    }

    /// Seconds of speech.
    pub(crate) fn speech_seconds(&self) -> f64 {
        (self.voiced * VOICE_FRAME_MS) as f64 / 1000.0
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
