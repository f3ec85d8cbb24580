"""Calls between two baresip: one process a party, each with a voice out of a file, steered through its control port."""

import json
import time

from network import Broken
from stage import READY

CONTROL_PORT = 4444

# Of each codec: the module of baresip, the rate of its source, and how the account asks for it.
CODECS = {
    "PCMU": ("g711", 8000, "PCMU/8000/1"),
    "PCMA": ("g711", 8000, "PCMA/8000/1"),
    "G722": ("g722", 16000, "G722/16000/1"),
    "opus": ("opus", 48000, "opus/48000/2"),
    "GSM": ("gsm", 8000, "GSM/8000/1"),
    "L16": ("l16", 16000, "L16/16000/1"),
    "G726-16": ("g726", 8000, "G726-16/8000/1"),
    "G726-24": ("g726", 8000, "G726-24/8000/1"),
    "G726-32": ("g726", 8000, "G726-32/8000/1"),
    "G726-40": ("g726", 8000, "G726-40/8000/1"),
}


class Phone:
    """A baresip in the namespace of its party."""

    def __init__(self, network, name, row):
        self.network = network
        self.name = name
        self.address = network.address(name)
        folder = network.folder / name
        folder.mkdir()
        module, rate, codec = CODECS[row["codec"]]
        voice = network.voice("tones" if row.get("tones") and name == "caller" else name, rate)
        modules = [f"module {module}.so", "module aufile.so", "module stdio.so"]
        if "srtp" in row:
            modules.append(f"module {'dtls_srtp' if row['srtp'].startswith('dtls') else 'srtp'}.so")
        (folder / "config").write_text(
            "\n".join([
                "poll_method epoll",
                f"sip_listen {self.address}:5060",
                f"sip_certificate {network.files}/files/phone.pem",
                f"audio_source aufile,{voice}",
                "audio_player aufile,/dev/null",
                "audio_alert aufile,/dev/null",
                "audio_buffer 20-160",
                "rtp_tos 0",
                f"rtp_ports {10000 + 1000 * len(name)}-{10100 + 1000 * len(name)}",
                "jitter_buffer_delay 1-2",
                "opus_bitrate 48000",
                "opus_stereo no",
                "opus_sprop_stereo no",
                f"net_interface e-{name}",
                "module_path /usr/lib/baresip/modules",
                *modules,
                "module_tmp account.so",
                "module_app menu.so",
                "module_app ctrl_tcp.so",
                f"ctrl_tcp_listen 127.0.0.1:{CONTROL_PORT}",
                "ringback_disabled yes",
            ]) + "\n")
        self.transport = f";transport={row.get('signalling', 'udp')}"
        more = ";answermode=auto" if name != "caller" else ""
        more += f";mediaenc={row['srtp']}" if "srtp" in row else ""
        (folder / "accounts").write_text(
            f"<sip:{name}@{self.address}{self.transport}>;regint=0;audio_codecs={codec}{more}\n")
        (folder / "contacts").write_text("")
        self.process = network.at(name, ["baresip", "-4", "-f", str(folder)], says="baresip is ready", keep_input=True)

    def tell(self, command, parameters=""):
        """Says a command to it."""
        body = json.dumps({"command": command, "params": parameters, "token": "x"}).encode()
        program = (
            "import socket,sys; s=socket.create_connection(('127.0.0.1',int(sys.argv[1])),5); "
            "s.sendall(sys.stdin.buffer.read()); s.settimeout(1); print(s.recv(4096))"
        )
        words = [*self.network.parties[self.name], "python3", "-c", program, str(CONTROL_PORT)]
        return self.network.run(words, say=b"%d:%s," % (len(body), body), linger=0)

    def uri(self):
        """By which the others call it."""
        return f"sip:{self.name}@{self.address}"

    def wait(self, *texts, seconds=READY):
        """Waits until it has printed one of these."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            said = self.process.log.read_text(errors="replace")
            if any(text in said for text in texts):
                return
            time.sleep(0.05)
        raise Broken(f"baresip of the {self.name} did not say {texts}: {said[-400:]}")


def call(network, row):
    """Makes a call: the caller dials, both speak, and one does what the row says meanwhile."""
    others = [Phone(network, name, row) for name in ("callee", "third") if name == "callee" or "transfer" in row]
    caller = Phone(network, "caller", row)
    phones = {phone.name: phone for phone in [caller, *others]}
    caller.tell("dial", others[0].uri())
    caller.wait("Call established")
    start = time.monotonic()
    end = network.seconds + 1
    if "begin" in row:
        time.sleep(row["begin"])
        network.record("tapped", "ip")
    for after, name, command, *parameters in row.get("then", []):
        time.sleep(max(0, start + after - time.monotonic()))
        phones[name].tell(command, *(phones[word].uri() if word in phones else word for word in parameters))
        end = max(end, after + row.get("after", 0))
    time.sleep(max(0, start + end - time.monotonic()))
    for phone in phones.values():
        phone.tell("hangup")
    time.sleep(0.5)
