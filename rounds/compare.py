"""Compares what overheard recovered with what was said: where in time, and how alike."""

import wave

import numpy

# What is compared at a time, in seconds, and how far around its place it is looked for.
WINDOW, AROUND = 1.5, 1.0
# Rate at which places are looked for: an eighth of a millisecond is enough.
COARSE = 8000


def read(path):
    """Rate and channels of a WAV of 16 bits, as floats of -1 to 1."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path.name}: {8 * file.getsampwidth()} bits")
        channels = file.getnchannels()
        data = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float) / 32768
        return file.getframerate(), data.reshape(-1, channels).T


def coarse(sound, rate):
    """Sound at the coarse rate."""
    step = rate // COARSE
    if step * COARSE != rate:
        places = numpy.arange(round(len(sound) * COARSE / rate)) * rate / COARSE
        return numpy.interp(places, numpy.arange(len(sound)), sound)
    if step == 1:
        return sound
    # A short low pass is enough for speech.
    kernel = numpy.hamming(4 * step + 1)
    return numpy.convolve(sound, kernel / kernel.sum(), "same")[::step]


def matches(piece, sound):
    """The correlation of a piece with every place of a sound, -1 to 1."""
    size = 1 << (len(piece) + len(sound)).bit_length()
    product = numpy.fft.irfft(numpy.fft.rfft(sound, size) * numpy.conj(numpy.fft.rfft(piece, size)), size)
    places = max(0, len(sound) - len(piece) + 1)
    squares = numpy.concatenate([[0], numpy.cumsum(sound**2)])
    energy = squares[len(piece) : len(piece) + places] - squares[:places]
    return product[:places] / numpy.sqrt(numpy.maximum(energy, 1e-9) * max(numpy.sum(piece**2), 1e-9))


def find(piece, sound, near):
    """Where a piece lies in a sound, near a place, and how alike they are there. Places in samples."""
    low = max(0, round(near - AROUND * COARSE))
    alike = matches(piece, sound[low : round(near + AROUND * COARSE) + len(piece)])
    if len(alike) == 0:
        return 0, 0.0
    best = int(numpy.argmax(alike))
    return low + best, float(alike[best])


def alignment(source, expected, heard, shift):
    """How far pieces of the source lie from where they were said, in ms: (place in the source in s, ms) of each.

    `source` is what the encoder was given, `expected` the sound of what was sent as the reference decoder has it, `heard` what
    overheard recovered, all at the coarse rate. `shift`: where `expected` begins in `heard`, in samples.
    """
    out = []
    size = round(WINDOW * COARSE)
    loudest = max(numpy.sum(source[n : n + size] ** 2) for n in range(0, len(source) - size, size // 2))
    for place in range(0, len(source) - size + 1, size // 2):
        piece = source[place : place + size]
        if numpy.sum(piece**2) < loudest / 8:
            continue
        alike = matches(piece, expected)
        said = int(numpy.argmax(alike))
        if alike[said] < 0.7:
            continue
        where, likeness = find(piece, heard, shift + said)
        off = 1000 * (where - shift - said) / COARSE if likeness > 0.4 else 1000 * AROUND
        out.append((place / COARSE, off))
    return out


def correlation(expected, heard, shift, rate):
    """The correlation of the whole, at the place near `shift` (in samples) where it is best, within 20 ms."""
    reach = round(0.02 * rate)
    low = round(shift) - reach
    padded = numpy.concatenate([numpy.zeros(max(0, -low)), heard[max(0, low) :], numpy.zeros(len(expected))])
    alike = matches(expected, padded[: len(expected) + 2 * reach])
    return float(alike.max())
