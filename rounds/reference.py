"""What each party said, by a decoder that is not ours: the packets that it sent, in order, decoded by ffmpeg.

Nothing here is shared with overheard: the recording is read by a few lines of Python, ffmpeg makes sound of it.
"""

import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from network import ADDRESSES, BEHIND_NAT, Broken

# Where each party sends from.
OWN = {name: (address, BEHIND_NAT) if name == "caller" else (address,) for name, address in ADDRESSES.items()}

# Of each codec: the clock of its time stamps, and how ffmpeg reads its payloads one behind the other; nothing where it does not decode
# it: of G.726 it leaves out what the recommendation says of 40 kbit/s alone (section 4.3.3, a slower leak).
RAW = {
    "PCMU": (8000, ["-f", "mulaw", "-ar", "8000"]),
    "PCMA": (8000, ["-f", "alaw", "-ar", "8000"]),
    "G722": (8000, ["-f", "g722"]),
    "GSM": (8000, ["-f", "gsm"]),
    "L16": (16000, ["-f", "s16be", "-ar", "16000", "-ac", "1"]),
    "L16-8000": (8000, ["-f", "s16be", "-ar", "8000", "-ac", "1"]),
    "L16-44100": (44100, ["-f", "s16be", "-ar", "44100", "-ac", "1"]),
    "G726-16": (8000, ["-f", "g726le", "-code_size", "2"]),
    "G726-24": (8000, ["-f", "g726le", "-code_size", "3"]),
    "G726-32": (8000, ["-f", "g726le", "-code_size", "4"]),
    "G726-40": (8000, None),
    # baresip calls it G726-NN too, and packs the first code into the high bits, as AAL2 does (RFC 3551 section 4.5.4).
    "baresip G726-16": (8000, ["-f", "g726", "-code_size", "2"]),
    "baresip G726-24": (8000, ["-f", "g726", "-code_size", "3"]),
    "baresip G726-32": (8000, ["-f", "g726", "-code_size", "4"]),
    "AAL2-G726-32": (8000, ["-f", "g726", "-code_size", "4"]),
    "opus": (48000, ["-f", "ogg", "-c:a", "libopus"]),
    "DVI4": (8000, ["-f", "wav"]),
    "DVI4-16000": (16000, ["-f", "wav"]),
}


def packets(path):
    """The packets of RTP in a recording of Ethernet and IPv4: when, from and to which address, and their bytes."""
    data = path.read_bytes()
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, captured, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + captured]
        at += 16 + captured
        if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
            continue
        udp = 14 + (frame[14] & 15) * 4
        ports = struct.unpack_from("!HH", frame, udp)
        packet = frame[udp + 8 : udp + struct.unpack_from("!H", frame, udp + 4)[0]]
        # RTCP has packet types of 64 to 95 where RTP has its payload type (RFC 5761 section 4).
        if 5060 in ports or len(packet) < 13 or packet[0] >> 6 != 2 or 64 <= packet[1] & 0x7F <= 95:
            continue
        addresses = [".".join(map(str, frame[place : place + 4])) for place in (26, 30)]
        yield seconds + fraction / 1e6, addresses, packet


def streams(path, apart):
    """The streams of a recording, by SSRC in the order of their first packets: addresses, and (time, time stamp, payload)
    of each packet once, in the order of their numbers. `apart`: payload types that are no sound.
    """
    found = {}
    for time, addresses, packet in packets(path):
        first, kind, number, stamp, ssrc = struct.unpack_from("!BBHII", packet)
        if kind & 0x7F in apart:
            continue
        _, of = found.setdefault(ssrc, (addresses, {}))
        if of:
            last = next(reversed(of))
            number += (last - number + 0x8000) // 0x10000 * 0x10000
        payload = packet[12 + 4 * (first & 15) :]
        if first & 0x10:
            payload = payload[4 + 4 * struct.unpack_from("!H", payload, 2)[0] :]
        if first & 0x20:
            payload = payload[: -payload[-1]]
        of.setdefault(number, (time, stamp, payload))
    for addresses, of in found.values():
        yield addresses, [of[number] for number in sorted(of)]


def decode(codec, packets, rate):
    """The sound of payloads, at a rate, as floats of -1 to 1."""
    payloads = [payload for _, _, payload in packets]
    if codec == "opus":
        data = ogg(payloads)
    elif codec.startswith("DVI4"):
        data = ima(payloads, RAW[codec][0])
    else:
        data = b"".join(payloads)
    command = ["ffmpeg", "-v", "error", *RAW[codec][1], "-i", "-"]
    own = RAW[codec][0] if codec.startswith("DVI4") else None
    if own:
        # Each block of the file begins with a sample that its header holds; in RTP it belongs to the packet before.
        samples = run([*command, "-f", "s16le", "-"], data)
        block = 2 * (len(payloads[0]) - 4) + 1
        samples = samples[: len(samples) // block * block].reshape(-1, block)[:, 1:].reshape(-1)
        if own == rate:
            return samples / 32768
        command = ["ffmpeg", "-v", "error", "-f", "s16le", "-ar", str(own), "-ac", "1", "-i", "-"]
        data = samples.astype("<i2").tobytes()
    return run([*command, "-ac", "1", "-ar", str(rate), "-f", "s16le", "-"], data) / 32768


def run(command, data):
    done = subprocess.run(command, input=data, capture_output=True)
    if done.returncode != 0:
        raise Broken(f"the reference decoder: {done.stderr.decode()[-300:]}")
    return numpy.frombuffer(done.stdout[: len(done.stdout) // 2 * 2], "<i2").astype(float)


def ima(payloads, rate):
    """DVI4 as a file of IMA ADPCM: little endian headers, the first sample in the low nibble."""
    size = len(payloads[0])
    swap = bytes((value >> 4) | (value & 15) << 4 for value in range(256))
    blocks = [payload[1::-1] + payload[2:4] + payload[4:].translate(swap) for payload in payloads if len(payload) == size]
    data = b"".join(blocks)
    samples = 2 * (size - 4) + 1
    head = struct.pack("<HHIIHHHH", 0x11, 1, rate, rate * size // samples, size, 4, 2, samples)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def ogg(payloads):
    """Packets of Opus in an Ogg stream (RFC 7845), nothing to be skipped."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 0)
    out, position = [], 0
    packets = [(head, 0), (tags, 0)]
    for payload in payloads:
        position += opus_samples(payload)
        packets.append((payload, position))
    for number, (packet, granule) in enumerate(packets):
        flags = 2 if number == 0 else 4 if number == len(packets) - 1 else 0
        lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        page = b"OggS" + struct.pack("<BBqIII", 0, flags, granule, 1, number, 0) + bytes([len(lacing)]) + lacing + packet
        out.append(page[:22] + struct.pack("<I", crc(page)) + page[26:])
    return b"".join(out)


def opus_samples(packet):
    """Samples at 48 kHz that a packet is long (RFC 6716 section 3.1)."""
    mode = packet[0] >> 3
    if mode < 12:
        frame = (480, 960, 1920, 2880)[mode & 3]
    elif mode < 16:
        frame = (480, 960)[mode & 1]
    else:
        frame = (120, 240, 480, 960)[mode & 3]
    count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[packet[0] & 3]
    return frame * count


def crc(page):
    """The checksum of an Ogg page (RFC 3533 section 6)."""
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ CRC[value >> 24 ^ byte]
    return value


def crc_table():
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = value << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if value & 0x80000000 else 0)
        yield value


CRC = list(crc_table())


@dataclass
class Said:
    """What a party said in one stream."""

    # When it began, by the capture's clock in seconds, and to which address.
    start: float
    to: str
    # Its sound at a rate.
    at: Callable[[int], numpy.ndarray]


def said(path, row, apart, name, source):
    """What a party said, from the recording of what it sent. `source` reads the file that its encoder was given, at a rate.

    A stream begins with its packets that were least delayed in the sender: what waits in a busy machine is late, never early.
    Sound follows the time stamps; where nothing was sent there is silence.
    """
    out = []
    codec = row["codec"] if f"{row['make']} {row['codec']}" not in RAW else f"{row['make']} {row['codec']}"
    for (own, to), packets in streams(path, apart):
        if own not in OWN[name] or len(packets) < 10:
            continue
        clock = RAW[codec][0]
        first = packets[0][1]
        at = [((stamp - first + 0x80000000) % 0x100000000 - 0x80000000) / clock for _, stamp, _ in packets]
        start = min(time - place for (time, _, _), place in zip(packets[:50], at))
        if "srtp" in row or RAW[codec][1] is None:
            # The reference decoder has no keys, or cannot: the file itself.
            out.append(Said(start, to, lambda rate: source(rate)[1][0]))
        else:
            out.append(Said(start, to, lambda rate, packets=packets, at=at: placed(codec, packets, at, rate)))
    return out


def placed(codec, packets, at, rate):
    """The sound of packets that lie at these times, in seconds from the first."""
    sound = decode(codec, packets, rate)
    head = 4 if codec.startswith("DVI4") else 0
    lengths = [opus_samples(payload) if codec == "opus" else len(payload) - head for _, _, payload in packets]
    ends = numpy.cumsum(lengths) * len(sound) / sum(lengths)
    whole = numpy.zeros(round(max(at) * rate) + round(len(sound) / len(at)))
    begin = 0.0
    for place, end in zip(at, ends):
        piece = sound[round(begin) : round(end)]
        room = whole[round(place * rate) : round(place * rate) + len(piece)]
        room[:] = piece[: len(room)]
        begin = end
    return whole
