"""Sends a voice as DVI4 (RFC 3551 section 4.5.1), which neither baresip, GStreamer nor ffmpeg do: the encoder is Python's.

    dvi4.py FILE.wav PAYLOAD_TYPE PORT TO_ADDRESS TO_PORT
"""

import random
import socket
import struct
import sys
import time
import warnings
import wave

# Python 3.13 has it no more; audioop-lts of PyPI brings it back.
warnings.simplefilter("ignore", DeprecationWarning)
import audioop  # noqa: E402


def packets(path, payload_type):
    """RTP packets of 20 ms. The header of each holds the encoder's state, as the RFC has it."""
    dice = random.Random(path)
    number, stamp, source = dice.getrandbits(15), dice.getrandbits(31), dice.getrandbits(32)
    with wave.open(path, "rb") as voice:
        size = voice.getframerate() // 50
        samples = voice.readframes(voice.getnframes())
    state = (0, 0)
    for n in range(len(samples) // (2 * size)):
        head = struct.pack("!hBB", *state, 0)
        nibbles, state = audioop.lin2adpcm(samples[2 * size * n : 2 * size * (n + 1)], 2, state)
        marker = 0x80 if n == 0 else 0
        yield struct.pack("!BBHII", 0x80, marker | payload_type, number + n & 0xFFFF, stamp + size * n, source) + head + nibbles


def main():
    path, payload_type, port, address, to_port = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("", int(port)))
        out.connect((address, int(to_port)))
        start = time.monotonic()
        for n, packet in enumerate(packets(path, int(payload_type))):
            time.sleep(max(0, start + n * 0.02 - time.monotonic()))
            try:
                out.send(packet)
            except ConnectionRefusedError:
                pass


if __name__ == "__main__":
    main()
