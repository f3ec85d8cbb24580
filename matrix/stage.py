"""What a row is made on: a network of its own, a recorder on it, and the programs that talk there.

Runs inside a network namespace that `run` opened for one row, so that ports, addresses and routes of
rows cannot meet, and nothing that is sent here leaves the machine.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

# Seconds that a program may take to be ready, and a client to be done.
READY = 15
DONE = 20
# Bytes of a capture file without packets.
PCAP_HEADER = 24


class Skip(Exception):
    """The row cannot be made on this machine; the message says why."""


class Stage:
    """One row's folder, network and programs."""

    def __init__(self, folder, files, root):
        self.folder = Path(folder)
        self.files = Path(files)
        self.root = Path(root) if root else None
        self.started = []
        self.number = 0

    # -- programs

    def newer(self, command):
        """`command`, to be run in the tree of the newer Debian."""
        if self.root is None:
            raise Skip("there is no tree of a newer Debian here")
        return ["chroot", str(self.root), "/usr/bin/env", "-C", "/matrix", *command]

    def python(self, *words):
        """What runs a program of Python with the packages of PyPI, and its environment."""
        folder = self.files / "python"
        if not (folder / "ready").exists():
            raise Skip("packages of PyPI cannot be installed")
        return {"command": [sys.executable, *words], "env": {"PYTHONPATH": str(folder)}}

    def share(self):
        """Shows the folders of the row to the programs of the newer Debian, in this mount namespace alone."""
        if self.root is None:
            return
        for name in ("dev", "proc"):
            (self.root / name).mkdir(exist_ok=True)
            sh(["mount", "--rbind", f"/{name}", str(self.root / name)])
        target = self.root / "matrix"
        target.mkdir(exist_ok=True)
        sh(["mount", "--bind", str(self.folder), str(target)])
        run = self.root / "run"
        run.mkdir(exist_ok=True)
        sh(["mount", "-t", "tmpfs", "tmpfs", str(run)])

    def start(self, command, tcp=None, udp=None, says=None, keep_input=False, env=None):
        """Starts a program, and waits until it listens on a port or says something."""
        self.number += 1
        log = self.folder / f"{self.number}-{Path(command[0]).name}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.PIPE if keep_input else subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        process.log = log
        self.started.append(process)
        end = time.monotonic() + READY
        while time.monotonic() < end:
            if (
                (tcp and listens("tcp", tcp))
                or (udp and listens("udp", udp))
                or (says and re.search(says, log.read_text(errors="replace")))
                or not (tcp or udp or says)
            ):
                return process
            if process.poll() is not None:
                break
            time.sleep(0.02)
        text = log.read_text(errors="replace").strip().splitlines()
        raise Skip(f"{' '.join(command[:6])} did not start: {' | '.join(text[-3:])}")

    def run(self, command, say=b"hello\n", linger=0.2, until=None, env=None):
        """Runs a client: says something to it, and lets it go after a moment. Gives what it printed.

        `until` is what it is to print before its input is closed.
        """
        process = self.start(command, keep_input=True, env=env)
        try:
            try:
                process.stdin.write(say)
                process.stdin.flush()
            except BrokenPipeError:
                pass
            if until:
                end = time.monotonic() + READY
                while time.monotonic() < end and process.poll() is None:
                    if re.search(until, process.log.read_text(errors="replace")):
                        break
                    time.sleep(0.02)
            end = time.monotonic() + linger
            while time.monotonic() < end and process.poll() is None:
                time.sleep(0.02)
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass
            process.wait(timeout=DONE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.started.remove(process)
        return process.log.read_text(errors="replace")

    def stop(self):
        """Ends every program that was started here."""
        for process in reversed(self.started):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in reversed(self.started):
            try:
                process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.started = []

    # -- the recording

    def record(self, interface="lo", only=""):
        """Records what passes on an interface."""
        path = self.folder / "row.pcap"
        command = [
            *("tcpdump", "-i", interface, "-U", "--immediate-mode", "-s", "0"),
            *("-Z", "root", "-w", str(path)),
            *only.split(),
        ]
        self.recorder = self.start(command, says="listening on")
        return path

    def stop_recording(self):
        """Ends the recording, once what is on its way was written.

        On a busy machine tcpdump may not have had its turn yet: it is done when it sleeps, waiting for packets, and has
        written something.
        """
        path = self.folder / "row.pcap"
        size = -1
        end = time.monotonic() + READY
        while time.monotonic() < end:
            before, size = size, path.stat().st_size
            if size == before and size > PCAP_HEADER and sleeps(self.recorder.pid):
                break
            time.sleep(0.1)
        os.killpg(self.recorder.pid, signal.SIGINT)
        self.recorder.wait(timeout=5)
        self.started.remove(self.recorder)

    # -- a second network

    def other_end(self):
        """A second network namespace behind a pair of interfaces: 192.0.2.1 here, 192.0.2.2 there.

        Gives the words that run a command there.
        """
        holder = self.start(["unshare", "-n", "sleep", "600"])
        there = ["nsenter", "-t", str(holder.pid), "-n"]
        mine = os.readlink("/proc/self/ns/net")
        end = time.monotonic() + READY
        while os.readlink(f"/proc/{holder.pid}/ns/net") == mine:
            if time.monotonic() > end:
                raise Skip("no second network namespace")
            time.sleep(0.01)
        sh(["ip", "link", "add", "here", "type", "veth", "peer", "name", "there"])
        sh(["ip", "link", "set", "there", "netns", str(holder.pid)])
        sh(["ip", "addr", "add", "192.0.2.1/24", "dev", "here"])
        sh(["ip", "link", "set", "here", "up"])
        sh([*there, "ip", "addr", "add", "192.0.2.2/24", "dev", "there"])
        sh([*there, "ip", "link", "set", "lo", "up"])
        sh([*there, "ip", "link", "set", "there", "up"])
        return there


def listens(kind, port):
    """Whether something listens on a port of this namespace."""
    state = "0A" if kind == "tcp" else "07"
    for path in (f"/proc/self/net/{kind}", f"/proc/self/net/{kind}6"):
        for line in open(path).read().splitlines()[1:]:
            words = line.split()
            if words[1].endswith(f":{port:04X}") and words[3] == state:
                return True
    return False


def sleeps(pid):
    """Whether a process waits for something to happen (state S of proc(5))."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "S"


def sh(command, **more):
    """Runs a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise Skip(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
