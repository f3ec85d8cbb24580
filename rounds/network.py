"""The network that a call is made on: each party in a namespace of its own, all of them on one line that is tapped.

    caller 192.0.2.10 --.
    callee 192.0.2.20 --+-- the line (`line.py`) -- a bridge, recorded by tcpdump
    third  192.0.2.30 --'

Runs in the network namespace of one row; nothing leaves the machine.
"""

import os
import sys
import time
from pathlib import Path

import line
import voices
from stage import READY, Skip, Stage, sh

ADDRESSES = {"caller": "192.0.2.10", "callee": "192.0.2.20", "third": "192.0.2.30"}
# Behind the translation of addresses: the caller's own, the router's on his side, and the one that others see.
BEHIND_NAT, ROUTER_INSIDE, ROUTER_OUTSIDE = "10.11.12.10", "10.11.12.1", "192.0.2.1"


class Broken(Exception):
    """The call did not come about, though the programs are here."""


class Network(Stage):
    """One row's folder, parties and line."""

    def __init__(self, folder, files):
        super().__init__(folder, files, None)
        self.nat = False
        self.parties = {}
        self.seconds = voices.LENGTH

    def build(self, row):
        """Makes namespaces, interfaces and the line. `harm` of the row is what the line does."""
        self.nat = row.get("nat", False)
        sh(["ip", "link", "set", "lo", "up"])
        sh(["ip", "link", "add", "tapped", "type", "bridge"])
        sh(["ip", "link", "set", "tapped", "up"])
        pairs = []
        for name, address in ADDRESSES.items():
            self.party(name, BEHIND_NAT if self.nat and name == "caller" else address)
            if self.nat and name == "caller":
                continue
            self.link(f"l-{name}", f"b-{name}")
            sh(["ip", "link", "set", f"b-{name}", "master", "tapped"])
            pairs.append(f"p-{name}=l-{name}")
        if self.nat:
            self.translate()
        harm = [f"{name}={value}" for name, value in row.get("harm", {}).items()]
        program = str(Path(__file__).with_name("line.py"))
        self.start([sys.executable, program, row["name"], *pairs, *harm], says="ready")

    def party(self, name, address):
        """A namespace with one interface; its other end stays here as `p-NAME`."""
        holder = self.start(["unshare", "-n", "sleep", "600"])
        there = ["nsenter", "-t", str(holder.pid), "-n"]
        mine = os.readlink("/proc/self/ns/net")
        end = time.monotonic() + READY
        while os.readlink(f"/proc/{holder.pid}/ns/net") == mine:
            if time.monotonic() > end:
                raise Skip("no second network namespace")
            time.sleep(0.01)
        self.link(f"p-{name}", f"e-{name}")
        sh(["ip", "link", "set", f"e-{name}", "netns", str(holder.pid)])
        sh([*there, "ip", "link", "set", "lo", "up"])
        sh([*there, "ip", "addr", "add", f"{address}/24", "dev", f"e-{name}"])
        sh([*there, "ip", "link", "set", f"e-{name}", "up"])
        self.parties[name] = there

    def link(self, one, other):
        """A pair of interfaces without offloads."""
        sh(["ip", "link", "add", one, "type", "veth", "peer", "name", other])
        for name in (one, other):
            line.plain(name)
            sh(["ip", "link", "set", name, "up"])

    def translate(self):
        """This namespace becomes the caller's router, which lends him its address."""
        sh(["ip", "addr", "add", f"{ROUTER_INSIDE}/24", "dev", "p-caller"])
        sh(["ip", "addr", "add", f"{ROUTER_OUTSIDE}/24", "dev", "tapped"])
        sh([*self.parties["caller"], "ip", "route", "add", "default", "via", ROUTER_INSIDE])
        sh(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        sh(["nft", "add table ip nat"])
        sh(["nft", "add chain ip nat out { type nat hook postrouting priority 100; }"])
        sh(["nft", "add rule ip nat out oif tapped masquerade"])

    def address(self, name):
        """Where a party thinks it is."""
        return BEHIND_NAT if self.nat and name == "caller" else ADDRESSES[name]

    def seen_as(self, name):
        """Where the others see it."""
        return ROUTER_OUTSIDE if self.nat and name == "caller" else ADDRESSES[name]

    def at(self, name, command, **more):
        """Starts a program at a party."""
        return self.start([*self.parties[name], *command], **more)

    def until_open(self, name, kind, port):
        """Waits until a party's program is open on a port."""
        state = "0A" if kind == "tcp" else "07"
        end = time.monotonic() + READY
        while time.monotonic() < end:
            rows = sh([*self.parties[name], "cat", f"/proc/net/{kind}"]).splitlines()[1:]
            if any(words[1].endswith(f":{port:04X}") and words[3] == state for words in map(str.split, rows)):
                return
            time.sleep(0.02)
        raise Broken(f"nothing of the {name} opens port {port}")

    def voice(self, name, rate):
        """The file with what a party says."""
        return self.files / f"voices/{name}-{rate}.wav"

    def tap(self, row):
        """Records what passes, and what each party sent before the line had it."""
        for name in self.parties:
            command = ["tcpdump", "-i", f"p-{name}", "-Q", "in", "-U", "--immediate-mode", "-Z", "root", "-w"]
            self.start([*command, str(self.folder / f"sent-{name}.pcap"), "udp"], says="listening on")
        if "begin" not in row:
            self.record("tapped", row.get("only", "ip"))
