"""Exchanges frames of a recording, as a line would that delivers them in another order."""

import struct


def reorder(path, port, order, to_port=True):
    """The first frames with payload to `port` (or from it) come in another order, at the times of the old one.

    `order`: which of them comes first, second ..., counted from 0. The recording is a classic pcap of Ethernet and IPv4.
    """
    data = path.read_bytes()
    frames, at = [], 24
    while at < len(data):
        _, _, captured, _ = struct.unpack_from("<IIII", data, at)
        frames.append((data[at : at + 8], data[at + 8 : at + 16 + captured]))
        at += 16 + captured
    chosen = [place for place, (_, rest) in enumerate(frames) if has_payload(rest[8:], port, to_port)][: len(order)]
    if len(chosen) < len(order):
        raise ValueError(f"there are only {len(chosen)} frames to exchange")
    # All of them move to where the first was: what the other side says in between comes after.
    moved = [frames[chosen[which]][1] for which in order]
    bodies = [rest for place, (_, rest) in enumerate(frames) if place not in chosen]
    bodies[chosen[0] : chosen[0]] = moved
    times = [time for time, _ in frames]
    path.write_bytes(data[:24] + b"".join(time + body for time, body in zip(times, bodies)))


def has_payload(frame, port, to_port):
    """Whether a frame carries bytes of a stream, or a datagram, to (or from) a port."""
    ip = frame[14:]
    head = (ip[0] & 15) * 4
    length = int.from_bytes(ip[2:4], "big") - head
    transport = ip[head:]
    place = 2 if to_port else 0
    if int.from_bytes(transport[place : place + 2], "big") != port:
        return False
    own = 8 if ip[9] == 17 else (transport[12] >> 4) * 4
    return length > own
