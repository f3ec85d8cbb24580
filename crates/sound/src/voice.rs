//! How long somebody spoke.
//!
//! The detector knows a voice by its sound; noise that is cut off at 4 kHz, as all that a telephone carries, it also takes for one. A voice rises
//! above what is heard between its words, and steady noise does not: so both are asked.

use earshot::Detector;

/// Samples a second of what is listened to, and at a time: 16 ms.
pub(crate) const RATE: u32 = 16_000;
const FRAME: usize = 256;
const FRAME_MS: u64 = 16;
/// From which score on it is a voice.
const VOICE: f32 = 0.5;
/// A frame without a sample that is louder is silence: 58 dB below full scale.
const SILENT: u16 = 40;
/// How much more power than what is heard between words: 5 dB.
const ABOVE: f32 = 3.2;
/// By how much the power that counts as background rises from frame to frame: 2.7 dB a second. It falls at once.
const RISE: f32 = 1.01;
/// Where there is much to listen to, the detector hears the first frames of so many, and speaks for all of them. Those that it hears before
/// it is believed are those that it remembers.
const PERIOD: u64 = 32;
const HEARD: u64 = 8;
const REMEMBERED: u64 = 4;

/// Listens for a voice in samples of 16 kHz.
pub(crate) struct Voices {
    detector: Box<Detector>,
    /// Whether every frame is listened to.
    thorough: bool,
    frame: Vec<i16>,
    number: u64,
    background: f32,
    /// Of this period: frames above the background, those of them that were listened to, and that were a voice.
    above: u64,
    asked: u64,
    answered: u64,
    voiced: u64,
}

impl Voices {
    pub(crate) fn new(thorough: bool) -> Voices {
        Voices {
            detector: Detector::default_boxed(),
            thorough,
            frame: Vec::new(),
            number: 0,
            background: f32::MAX,
            above: 0,
            asked: 0,
            answered: 0,
            voiced: 0,
        }
    }

    /// Where the next samples are put.
    pub(crate) fn inlet(&mut self) -> &mut Vec<i16> {
        &mut self.frame
    }

    /// Listens to what was put in.
    pub(crate) fn listen(&mut self) {
        let samples = std::mem::take(&mut self.frame);
        let mut frames = samples.chunks_exact(FRAME);
        for frame in frames.by_ref() {
            self.hear(frame);
        }
        self.frame.extend_from_slice(frames.remainder());
    }

    fn hear(&mut self, frame: &[i16]) {
        let place = self.number % PERIOD;
        if place == 0 {
            self.settle();
        }
        self.number += 1;
        let above = self.rises_above(frame);
        self.above += u64::from(above);
        if self.thorough || place < HEARD {
            let is_voice = self.detector.predict_i16(frame) >= VOICE;
            if above && (self.thorough || place >= REMEMBERED) {
                self.asked += 1;
                self.answered += u64::from(is_voice);
            }
        }
    }

    /// Whether a frame is louder than what is heard between words.
    fn rises_above(&mut self, frame: &[i16]) -> bool {
        let loudest = frame.iter().map(|sample| sample.unsigned_abs()).max();
        // Of the differences: the low end of noise comes and goes as voices do.
        let energy: f32 = frame
            .iter()
            .zip(frame.iter().skip(1))
            .map(|(before, sample)| (f32::from(*sample) - f32::from(*before)).powi(2))
            .sum();
        let power = energy / FRAME as f32 + 1.0;
        self.background = (self.background * RISE).min(power);
        loudest > Some(SILENT) && power > self.background * ABOVE
    }

    /// Ends a period: those that were not listened to are as those that were.
    fn settle(&mut self) {
        self.voiced += (self.above * self.answered)
            .checked_div(self.asked)
            .unwrap_or(0);
        (self.above, self.asked, self.answered) = (0, 0, 0);
    }

    /// Seconds of speech.
    pub(crate) fn seconds(&mut self) -> f64 {
        self.settle();
        (self.voiced * FRAME_MS) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests;
