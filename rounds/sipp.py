"""Calls whose signalling is sipp's: scenarios are written for each row, and `media` speaks where they say so."""

import subprocess
import time
from xml.sax.saxutils import escape

import media
from network import Broken

PORTS = {"caller": 21000, "callee": 22000}
# Behind stunnel: sipp talks to it on the loopback, and TLS passes on the line.
TLS_PORT = 5061


class Scenario:
    """What one side of the call does."""

    def __init__(self, name):
        self.name = name
        self.steps = []

    def send(self, *lines, body=(), retransmit=False):
        if body:
            lines += ("Content-Type: application/sdp",)
        text = "\n".join([*lines, "Max-Forwards: 70", "Content-Length: [len]", "", *body])
        again = ' retrans="500"' if retransmit else ""
        self.steps.append(f"<send{again}><![CDATA[\n{text}\n\n]]></send>")
        return self

    def request(self, method, number, body=()):
        """A request of the caller within the dialog, or the one that begins it."""
        first = method == "INVITE" and number == 1
        peer = "" if first else "[peer_tag_param]"
        return self.send(
            f"{method} sip:callee@[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
            'From: "A Caller" <sip:caller@home.example>;tag=[pid]c[call_number]',
            f"To: <sip:callee@office.example>{peer}",
            "Call-ID: [call_id]",
            f"CSeq: {number} {method}",
            "Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>",
            body=body,
            retransmit=method != "ACK",
        )

    def answer(self, status, body=(), retransmit=False):
        """An answer of the callee."""
        tag = ";tag=[pid]d[call_number]"
        return self.send(
            f"SIP/2.0 {status}",
            "[last_Via:]",
            "[last_From:]",
            f"[last_To:]{tag}" if status != "200 Bye" else "[last_To:]",
            "[last_Call-ID:]",
            "[last_CSeq:]",
            "Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>",
            body=body,
            retransmit=retransmit,
        )

    def hear(self, response=None, request=None, optional=False):
        what = f'response="{response}"' if response else f'request="{request}"'
        more = ' optional="true"' if optional else ""
        self.steps.append(f"<recv {what}{more}/>")
        return self

    def pause(self, seconds):
        self.steps.append(f'<pause milliseconds="{round(seconds * 1000)}"/>')
        return self

    def mark(self, name):
        """Leaves a file, so that others see that this point was reached."""
        self.steps.append(f'<nop><action><exec command={quote(f"touch {name}")}/></action></nop>')
        return self

    def play(self, name):
        """Sends a recording's packets as its own."""
        self.steps.append(f'<nop><action><exec play_pcap_audio={quote(name)}/></action></nop>')
        return self

    def write(self, folder):
        path = folder / f"{self.name}.xml"
        path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{self.name}">\n' + "\n".join(self.steps) + "\n</scenario>\n")
        return path


def quote(text):
    return '"' + escape(text, {'"': "&quot;"}) + '"'


def call(network, row):
    """Makes a call: the caller's sipp asks, the callee's answers, both speak, the caller hangs up."""
    over_tls = row.get("signalling") == "tls"
    early = row.get("early", 0)
    plays = row.get("encoder") == "sipp"
    # It sends what it plays from its own port, and takes that from the keyword alone.
    sdp = {
        name: media.description(row, name, network.address(name), "[media_port]" if plays else port)
        for name, port in PORTS.items()
    }
    caller = Scenario("caller").request("INVITE", 1, sdp["caller"])
    for provisional in (100, 180, 183):
        caller.hear(response=provisional, optional=True)
    caller.hear(response=200).request("ACK", 1)
    talk(network, row, caller, plays)
    caller.pause(network.seconds + 2).request("BYE", 2).hear(response=200)
    callee = Scenario("callee").hear(request="INVITE").answer("180 Ringing").pause(0.3)
    if early:
        callee.answer("183 Session Progress", sdp["callee"]).mark("callee-talks").pause(early)
    callee.answer("200 OK", sdp["callee"], retransmit=True).hear(request="ACK")
    if not early:
        talk(network, row, callee, plays)
    callee.hear(request="BYE").answer("200 Bye")

    transport = "t1" if over_tls or row.get("signalling") == "tcp" else "u1"
    if over_tls:
        tunnel(network)
    waits = run(network, "callee", callee, transport, over_tls, plays)
    goes = run(network, "caller", caller, transport, over_tls, plays)
    start = time.monotonic()
    voices = {}
    while goes.poll() is None and time.monotonic() < start + network.seconds + 20:
        for name, other in (("caller", "callee"), ("callee", "caller")):
            if name not in voices and not plays and (network.folder / f"{name}-talks").exists():
                voices[name] = media.speak(network, row, name, (network.seen_as(other), PORTS[other]), PORTS[name])
        time.sleep(0.02)
    if goes.poll() != 0 or (len(voices) < 2 and not plays):
        raise Broken(f"sipp made no call: status {goes.poll()}, {sorted(voices)} spoke: {end_of(goes)} | {end_of(waits)}")
    for name, voice in voices.items():
        try:
            voice.wait(timeout=5)
        except subprocess.TimeoutExpired:
            raise Broken(f"the voice of the {name} did not end") from None
        if voice.returncode != 0:
            raise Broken(f"the voice of the {name}: {end_of(voice)}")


def talk(network, row, scenario, plays):
    """Speaks by itself, or lets the others know that it is time to."""
    name = scenario.name
    if plays:
        path = network.folder / f"{name}-voice.pcap"
        media.recording(path, network.voice(name, media.CODECS[row["codec"]][2]), row["codec"])
        scenario.play(path.name)
    else:
        scenario.mark(f"{name}-talks")


def end_of(process):
    return " ".join(process.log.read_text(errors="replace").split()[-40:])


def run(network, name, scenario, transport, over_tls, plays):
    """Starts a side's sipp."""
    path = scenario.write(network.folder)
    own = "127.0.0.1" if over_tls else network.address(name)
    port = 5060
    if over_tls and name == "caller":
        port = 5070
    command = ["sipp", "-sf", str(path), "-m", "1", "-i", own, "-p", str(port), "-t", transport, "-nostdin"]
    command += ["-timeout", "60"]
    if plays:
        command += ["-mi", own, "-mp", str(PORTS[name])]
    if name == "caller":
        command.append("127.0.0.1:5060" if over_tls else f"{network.seen_as('callee')}:5060")
    process = network.at(name, command)
    if name == "callee":
        network.until_open(name, "tcp" if transport == "t1" else "udp", port)
    return process


def tunnel(network):
    """TLS between the two by stunnel."""
    configurations = {
        "callee": ["[sips]", f"accept = {network.address('callee')}:{TLS_PORT}", "connect = 127.0.0.1:5060",
                   f"cert = {network.files}/files/phone.pem"],
        "caller": ["[sips]", "client = yes", "accept = 127.0.0.1:5060",
                   f"connect = {network.address('callee')}:{TLS_PORT}"],
    }
    for name, lines in configurations.items():
        path = network.folder / f"stunnel-{name}.conf"
        path.write_text("\n".join(["foreground = yes", "pid =", *lines]) + "\n")
        network.at(name, ["stunnel", str(path)], says="Configuration successful")
