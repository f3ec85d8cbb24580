"""Who speaks where baresip does not: pipelines of GStreamer, ffmpeg, and for DVI4 a sender of its own.

The signalling is sipp's; these send a source as RTP, or SRTP, at the pace of its clock.
"""

import base64
import hashlib
import struct
import subprocess
import sys
from pathlib import Path

from network import Broken

# Of each codec: payload type, how SDP names it, the rate of its source, and its encoder and payloader.
CODECS = {
    "PCMU": (0, "PCMU/8000", 8000, "mulawenc ! rtppcmupay"),
    "PCMA": (8, "PCMA/8000", 8000, "alawenc ! rtppcmapay"),
    "G722": (9, "G722/8000", 16000, "avenc_g722 ! rtpg722pay"),
    "opus": (111, "opus/48000/2", 48000, "opusenc bitrate=40000 frame-size=20 ! rtpopuspay"),
    "GSM": (3, "GSM/8000", 8000, "gsmenc ! rtpgsmpay"),
    "L16-44100": (11, "L16/44100", 44100, "rtpL16pay"),
    "L16-8000": (97, "L16/8000", 8000, "rtpL16pay"),
    "G726-16": (97, "G726-16/8000", 8000, "avenc_g726 bitrate=16000 ! rtpg726pay force-aal2=false"),
    "G726-24": (97, "G726-24/8000", 8000, "avenc_g726 bitrate=24000 ! rtpg726pay force-aal2=false"),
    "G726-32": (97, "G726-32/8000", 8000, "avenc_g726 bitrate=32000 ! rtpg726pay force-aal2=false"),
    "G726-40": (97, "G726-40/8000", 8000, "avenc_g726 bitrate=40000 ! rtpg726pay force-aal2=false"),
    "AAL2-G726-32": (97, "AAL2-G726-32/8000", 8000, "avenc_g726 bitrate=32000 ! rtpg726pay force-aal2=true"),
    "DVI4": (5, "DVI4/8000", 8000, None),
    "DVI4-16000": (6, "DVI4/16000", 16000, None),
}

# Of each codec: the encoder of ffmpeg, and the most bytes of a payload.
FFMPEG = {
    "PCMU": ("pcm_mulaw", 160),
    "PCMA": ("pcm_alaw", 160),
    "G722": ("g722", 160),
    "opus": ("libopus", 400),
    "G726-16": ("g726le -code_size 2", 40),
    "G726-24": ("g726le -code_size 3", 60),
    "G726-32": ("g726le -code_size 4", 80),
    "G726-40": ("g726le -code_size 5", 100),
}

# Of each suite: cipher and authentication as GStreamer names them, and the bytes of key and salt.
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": ("aes-128-icm", "hmac-sha1-80", 30),
    "AES_CM_128_HMAC_SHA1_32": ("aes-128-icm", "hmac-sha1-32", 30),
    "AES_256_CM_HMAC_SHA1_80": ("aes-256-icm", "hmac-sha1-80", 46),
    "AES_256_CM_HMAC_SHA1_32": ("aes-256-icm", "hmac-sha1-32", 46),
    "AEAD_AES_128_GCM": ("aes-128-gcm", "null", 28),
    "AEAD_AES_256_GCM": ("aes-256-gcm", "null", 44),
}


def key(row, name):
    """Master key and salt of a party."""
    return hashlib.sha512(f"{row['name']} {name}".encode()).digest()[: SUITES[row["srtp"]][2]]


def description(row, name, address, port):
    """The SDP of a party."""
    number, encoding, _, _ = CODECS[row["codec"]]
    secure = "srtp" in row
    lines = [
        "v=0",
        f"o={name} 53655765 2353687637 IN IP4 {address}",
        "s=-",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"m=audio {port} RTP/{'SAVP' if secure else 'AVP'} {number}",
        f"a=rtpmap:{number} {encoding}",
        "a=ptime:20",
        "a=sendrecv",
    ]
    if secure:
        lines.insert(-1, f"a=crypto:1 {row['srtp']} inline:{base64.b64encode(key(row, name)).decode()}")
    return lines


def speak(network, row, name, target, port):
    """Begins to send a party's voice from a port to an address and port."""
    number, _, rate, chain = CODECS[row["codec"]]
    voice = network.voice("tones" if row.get("tones") and name == "caller" else name, rate)
    maker = row.get("encoder", "gstreamer")
    if chain is None:
        program = str(Path(__file__).with_name("dvi4.py"))
        return network.at(name, [sys.executable, program, str(voice), str(number), str(port), *map(str, target)])
    if maker == "ffmpeg":
        return network.at(name, ffmpeg(row, name, voice, rate, number, target, port))
    if maker != "gstreamer":
        raise Broken(f"nobody here is called {maker}")
    seal = ""
    if "srtp" in row:
        cipher, tag, _ = SUITES[row["srtp"]]
        secret = key(row, name).hex()
        seal = f"! srtpenc key={secret} rtp-cipher={cipher} rtp-auth={tag} rtcp-cipher={cipher} rtcp-auth={tag} "
    ptime = "" if row["codec"] in ("opus", "GSM") else "min-ptime=20000000 max-ptime=20000000"
    line = (
        f"filesrc location={voice} ! wavparse ! audioconvert ! {chain} pt={number} {ptime} {seal}"
        f"! udpsink host={target[0]} port={target[1]} bind-port={port} sync=true"
    )
    return network.at(name, ["gst-launch-1.0", "-q", *line.split()], says=None)


def ffmpeg(row, name, voice, rate, number, target, port):
    """The command by which ffmpeg sends."""
    encoder, size = FFMPEG[row["codec"]]
    # So much it keeps free for what SRTP adds.
    size += 14 if "srtp" in row else 0
    frame = row.get("frame", rate // 50)
    size = max(size, row.get("frame", 0))
    secure = "srtp" in row
    more = ["-srtp_out_suite", row["srtp"], "-srtp_out_params", base64.b64encode(key(row, name)).decode()] if secure else []
    return [
        # Read as a file it would send an eighth of a second at once.
        *("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", f"amovie={voice},asetnsamples=n={frame}"),
        *("-c:a", *encoder.split()),
        *("-payload_type", str(number), "-f", "rtp", *more),
        f"{'srtp' if secure else 'rtp'}://{target[0]}:{target[1]}?localrtpport={port}&localrtcpport={port + 1}&pkt_size={size + 12}",
    ]


def recording(path, voice, codec):
    """A recording for sipp to play: a voice as RTP of 20 ms at 8 kHz, encoded by ffmpeg."""
    encoder, size = FFMPEG[codec]
    number = CODECS[codec][0]
    form = {"PCMU": "mulaw", "PCMA": "alaw"}.get(codec, "g726le")
    command = ["ffmpeg", "-v", "error", "-i", str(voice), "-c:a", *encoder.split(), "-f", form, "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    ssrc = int.from_bytes(hashlib.sha256(f"{voice} {codec}".encode()).digest()[:4], "big")
    for n in range(len(data) // size):
        packet = struct.pack("!BBHII", 0x80, number | (0x80 if n == 0 else 0), n, n * 160, ssrc) + data[n * size : (n + 1) * size]
        udp = struct.pack("!HHHH", 6000, 6000, 8 + len(packet), 0) + packet
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0) + bytes([192, 0, 2, 10, 192, 0, 2, 20]) + udp
        frame = bytes(12) + b"\x08\x00" + ip
        out.append(struct.pack("<IIII", n // 50, n % 50 * 20000, len(frame), len(frame)) + frame)
    path.write_bytes(b"".join(out))
