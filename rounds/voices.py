"""What is said: two sentences of espeak-ng and a third, at every rate that a codec wants."""

import math
import struct
import wave

from stage import sh

# Seconds of a source: silence, a sentence, silence.
BEFORE, LENGTH = 0.3, 6.5

SENTENCES = {
    "caller": ("en-gb", "Good morning, this is the office of the ambassador. The courier leaves at nine, with eleven sealed letters."),
    "callee": ("en-us+f3", "Thank you, we have been waiting. Tell him the garden door is open until midnight, and nobody will ask."),
    "third": ("en-gb-scotland+m5", "Archive, good afternoon. Your papers are in the second drawer on the left, below the old maps."),
}
RATES = (8000, 16000, 44100, 48000)

# Tones of the keys (ITU-T Q.23): low and high group, in Hz.
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
# Digits of the rows with tones; of a line, as one would dial an account and a PIN.
TONES = "4071#9852"


def make(folder):
    """Writes NAME-RATE.wav of each, and tones-RATE.wav."""
    folder.mkdir(parents=True)
    for name, (voice, text) in SENTENCES.items():
        spoken = folder / f"{name}.wav"
        sh(["espeak-ng", "-v", voice, "-s", "185", "-w", str(spoken), text])
        for rate in RATES:
            sh([
                *("ffmpeg", "-v", "error", "-y", "-i", str(spoken)),
                *("-af", f"adelay={round(BEFORE * 1000)},apad,atrim=0:{LENGTH}", "-ar", str(rate), "-ac", "1"),
                *("-c:a", "pcm_s16le", "-bitexact", str(folder / f"{name}-{rate}.wav")),
            ])
    for rate in (8000, 16000):
        tones(folder / f"tones-{rate}.wav", rate)


def tones(path, rate):
    """Keys pressed one after the other: 90 ms each, 90 ms apart."""
    samples = [0] * round(BEFORE * rate)
    for key in TONES:
        row = next(number for number, keys in enumerate(KEYS) if key in keys)
        low, high = LOW[row], HIGH[KEYS[row].index(key)]
        for n in range(round(0.09 * rate)):
            angle = 2 * math.pi * n / rate
            samples.append(round(6000 * math.sin(low * angle) + 7000 * math.sin(high * angle)))
        samples += [0] * round(0.09 * rate)
    samples += [0] * (round(LENGTH * rate) - len(samples))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
