"""A line that loses, delays, repeats and exchanges packets: copies frames from one interface to another.

    line.py SEED FROM=TO ... [loss=P] [jitter=MS] [reorder=P] [duplicate=P] [late=MS]

Only datagrams of media are harmed, `late` holds back what SIP answers. Not every kernel has netem, so this does it for all;
what it does to the nth packet depends on the seed alone.
"""

import array
import fcntl
import heapq
import random
import select
import socket
import struct
import sys
import time

SIP_PORT = 5060
ETH_P_ALL = 3

# SIOCETHTOOL, and what switches the offloads off: a frame that is copied by hand has no card to fill its checksum in.
SIOCETHTOOL = 0x8946
SWITCHES = (0x17, 0x19, 0x1F, 0x24)  # ETHTOOL_STXCSUM, SSG, STSO, SGSO


def plain(interface):
    """Switches off what a network card would do to frames later."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for switch in SWITCHES:
            value = array.array("B", struct.pack("II", switch, 0))
            request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(control, SIOCETHTOOL, request)
            except OSError:
                pass


def port_of(interface):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.bind((interface, 0))
    return port


def kind(frame):
    """`media`, `answer` of SIP, or nothing in particular."""
    if frame[12:14] != b"\x08\x00" or len(frame) < 42 or frame[23] != 17:
        return ""
    udp = 14 + (frame[14] & 15) * 4
    source, destination = struct.unpack_from("!HH", frame, udp)
    if SIP_PORT in (source, destination):
        return "answer" if frame[udp + 8 : udp + 11] == b"SIP" else ""
    # RTP of version 2; RTCP has packet types of 64 to 95 where RTP has its payload type.
    payload = frame[udp + 8 :]
    if len(payload) >= 12 and payload[0] >> 6 == 2 and not 64 <= payload[1] & 0x7F <= 95:
        return "media"
    return ""


class Line:
    """One direction of the line."""

    def __init__(self, seed, out, harm):
        self.random = random.Random(seed)
        self.out = out
        self.harm = harm
        self.waiting = []
        self.number = 0
        self.media = 0

    def take(self, frame, now):
        what = kind(frame)
        if what == "media":
            self.media += 1
            # The dice are thrown for every packet alike, so that one kind of harm does not move another.
            lost, swapped, again = (self.random.random() for _ in range(3))
            delay = self.random.random() * self.harm.get("jitter", 0) / 1000
            if self.media <= 3:
                # A stream that loses its very beginning has lost a piece of its source, not of its time.
                lost = 1
            if lost < self.harm.get("loss", 0):
                return
            if swapped < self.harm.get("reorder", 0):
                delay += 0.045
            self.put(frame, now + delay)
            if again < self.harm.get("duplicate", 0):
                self.put(frame, now + delay + 0.003)
        elif what == "answer":
            self.put(frame, now + self.harm.get("late", 0) / 1000)
        else:
            self.put(frame, now)

    def put(self, frame, when):
        self.number += 1
        heapq.heappush(self.waiting, (when, self.number, frame))

    def let_go(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            self.out.send(heapq.heappop(self.waiting)[2])


def main():
    seed, *words = sys.argv[1:]
    pairs = [word.split("=") for word in words if not word.split("=")[1].replace(".", "").isdigit()]
    harm = {name: float(value) for name, value in (word.split("=") for word in words) if value.replace(".", "").isdigit()}
    ports = {name: port_of(name) for pair in pairs for name in pair}
    lines = {}
    for number, (outside, inside) in enumerate(pairs):
        lines[ports[outside]] = Line(f"{seed}-{number}", ports[inside], harm)
        lines[ports[inside]] = Line("", ports[outside], {})
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        due = [line.waiting[0][0] for line in lines.values() if line.waiting]
        ready, _, _ = select.select(list(lines), [], [], max(0, min(due) - now) if due else None)
        now = time.monotonic()
        for port in ready:
            frame, (_, _, way, _, _) = port.recvfrom(65536)
            if way != socket.PACKET_OUTGOING:
                lines[port].take(frame, now)
        for line in lines.values():
            line.let_go(now)


if __name__ == "__main__":
    main()
