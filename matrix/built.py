"""Handshakes that no program here can make any more, or not yet: their messages are built, and sent over real sockets.

What is sealed in them is noise.
"""

import os
import socket
import time

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
X25519, P256 = 29, 23
TLS12, TLS13 = 0x0303, 0x0304


def v8(body):
    return bytes([len(body)]) + body


def v16(body):
    return len(body).to_bytes(2, "big") + body


def v24(body):
    return len(body).to_bytes(3, "big") + body


def numbers(*values):
    return b"".join(value.to_bytes(2, "big") for value in values)


def extension(kind, body):
    return numbers(kind) + v16(body)


def host(name=b"mail.example"):
    return extension(0, v16(b"\0" + v16(name)))


def groups(*values):
    return extension(10, v16(numbers(*values)))


def share(group, length):
    return numbers(group) + v16(noise(length))


def noise(length):
    return os.urandom(length)


def message(kind, body):
    return bytes([kind]) + v24(body)


def record(kind, body, version=TLS12):
    return bytes([kind]) + numbers(version) + v16(body)


def client_hello(suites, extensions, version=TLS12, compression=b"\0", cookie=None):
    hello = numbers(version) + noise(32) + v8(noise(32)) + (b"" if cookie is None else v8(cookie))
    return message(1, hello + v16(numbers(*suites)) + v8(compression) + v16(b"".join(extensions)))


def server_hello(suite, extensions=(), version=TLS12, compression=0, random=None):
    body = numbers(version) + (random or noise(32)) + v8(noise(32)) + numbers(suite) + bytes([compression])
    return message(2, body + (v16(b"".join(extensions)) if extensions else b""))


def certificate(stage):
    """The Certificate message with the server's own."""
    import base64

    text = (stage.folder / "rsa.pem").read_text()
    der = base64.b64decode("".join(text.split("-----")[2].split()))
    return message(11, v24(v24(der)))


def old(stage, suite, version=TLS12, compression=0, key=b"", bound=True):
    """TLS 1.2 and before, to the end of the handshake and a little further. `key`: a ServerKeyExchange."""
    methods = b"\0" if compression == 0 else bytes([compression, 0])
    hello = client_hello([suite, 0x00FF], [host(), groups(X25519, P256)], version, methods)
    flight = server_hello(suite, [extension(0xFF01, b"\0")] if bound else [extension(11, b"\1\0")], version, compression) + certificate(stage)
    flight += message(12, key) if key else b""
    flight += message(14, b"")
    finished = record(20, b"\1", version) + record(22, noise(48), version)
    return [
        ("client", record(22, hello, version)),
        ("server", record(22, flight, version)),
        ("client", record(22, message(16, v16(noise(128))), version) + finished),
        ("server", finished),
        ("client", record(23, noise(200), version)),
        ("server", record(23, noise(900), version)),
    ]


def new(group, lengths=(32, 32), offered=None, more=(), more_again=None, retry_more=(), first=None):
    """TLS 1.3; with a HelloRetryRequest first where `more_again`, what the second hello adds, is given."""
    def hello(group, more):
        return record(22, client_hello([0x1301, 0xC02F], [
            host(), groups(*(offered or [group])), extension(13, v16(numbers(0x0804, 0x0403))),
            extension(43, v8(numbers(TLS13, TLS12))), extension(45, v8(b"\1")), extension(51, v16(share(group, lengths[0]))), *more,
        ]))

    talk = [("client", hello(first or group, more))]
    version = extension(43, numbers(TLS13))
    if more_again is not None:
        retry = server_hello(0x1301, [version, extension(51, numbers(group)), *retry_more], random=RETRY)
        talk += [("server", record(22, retry) + record(20, b"\1")), ("client", record(20, b"\1") + hello(group, more_again))]
    answer = server_hello(0x1301, [version, extension(51, share(group, lengths[1]))])
    return talk + [
        ("server", record(22, answer) + record(20, b"\1") + record(23, noise(1200))),
        ("client", record(20, b"\1") + record(23, noise(69))),
        ("server", record(23, noise(500))),
    ]


def ech(key, payload=239):
    """The outer form of an encrypted client hello (RFC 9849 section 5): HKDF-SHA256, AES-128-GCM, key number 7."""
    return extension(0xFE0D, b"\0" + numbers(1, 1) + b"\7" + v16(noise(32) if key else b"") + v16(noise(payload)))


def ssl2(_):
    ciphers = bytes.fromhex("010080" "0700c0" "020080")
    hello = b"\1" + numbers(2, len(ciphers), 0, 16) + ciphers + noise(16)
    answer = b"\4\0\1" + numbers(2, 0, 3, 16) + bytes.fromhex("010080") + noise(16)
    key = b"\2" + bytes.fromhex("010080") + numbers(0, 64, 0) + noise(64)
    two = lambda body: (0x8000 | len(body)).to_bytes(2, "big") + body  # noqa: E731
    return [("client", two(hello)), ("server", two(answer)), ("client", two(key)), ("server", two(noise(33))),
            ("client", two(noise(33)))]


def field(bits):
    return v16(b"\xc7" + noise(bits // 8 - 1)) + v16(b"\2") + v16(noise(bits // 8)) + numbers(0x0401) + v16(noise(256))


def ssh_packet(payload):
    padding = 8 - (len(payload) + 5) % 8 + 8
    return (len(payload) + 1 + padding).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def kexinit(kex, host_key, cipher, mac):
    lists = [kex, host_key, cipher, cipher, mac, mac, "none", "none", "", ""]
    return b"\x14" + noise(16) + b"".join(len(text).to_bytes(4, "big") + text.encode() for text in lists) + bytes(5)


def ssh2(kex, cipher="aes128-ctr", mac="hmac-sha2-256", host_key="ssh-ed25519"):
    offer = ssh_packet(kexinit(kex, host_key, cipher, mac))
    return [("server", b"SSH-2.0-example_1.0\r\n"), ("client", b"SSH-2.0-example_1.0\r\n"), ("client", offer), ("server", offer),
            ("client", ssh_packet(b"\x1e" + noise(300))), ("server", ssh_packet(b"\x1f" + noise(400)) + ssh_packet(b"\x15")),
            ("client", ssh_packet(b"\x15") + noise(64)), ("server", noise(64))]


def ssh1(_):
    def packet(body):
        length = len(body) + 4
        return length.to_bytes(4, "big") + bytes(8 - length % 8) + body + noise(4)

    return [("server", b"SSH-1.5-example_1.0\n"), ("client", b"SSH-1.5-example_1.0\n"), ("server", packet(b"\2" + noise(270))),
            ("client", packet(b"\3\3" + noise(140))), ("server", noise(12)), ("client", noise(40))]


def dtls13(group, lengths, retried=False):
    """DTLS 1.3 (RFC 9147): records of DTLS 1.2 up to the ServerHello, then the unified header."""
    counts = {"client": 0, "server": 0}
    messages = {"client": 0, "server": 0}

    def plain(side, whole, size=1000):
        """A message in fragments of `size`, a datagram each."""
        kind, body = whole[0], whole[4:]
        out = []
        for at in range(0, len(body), size):
            part = body[at : at + size]
            fragment = bytes([kind]) + v24(body)[:3] + messages[side].to_bytes(2, "big") + at.to_bytes(3, "big") + v24(part)
            out.append((side, b"\x16" + numbers(0xFEFD, 0) + counts[side].to_bytes(6, "big") + v16(fragment)))
            counts[side] += 1
        messages[side] += 1
        return out

    def hello(cookie=b""):
        return client_hello([0x1301], [
            host(), groups(group), extension(13, v16(numbers(0x0804))), extension(43, v8(numbers(0xFEFC))),
            extension(51, v16(share(group, lengths[0]))), *([extension(44, v16(cookie))] if cookie else []),
        ], version=0xFEFD, cookie=b"")

    sealed = lambda length: b"\x2f\0\0" + v16(noise(length))  # noqa: E731
    version = extension(43, numbers(0xFEFC))
    talk = plain("client", hello())
    if retried:
        talk += plain("server", server_hello(0x1301, [version, extension(44, v16(noise(32)))], 0xFEFD, random=RETRY))
        talk += plain("client", hello(noise(32)))
    talk += plain("server", server_hello(0x1301, [version, extension(51, share(group, lengths[1]))], 0xFEFD))
    return talk + [("server", sealed(900)), ("client", sealed(60)), ("server", sealed(40)), ("client", sealed(300))]


def alert_before_cipher(stage):
    """The server refuses the client's part of the handshake."""
    talk = old(stage, 0xC02F, key=b"\3" + numbers(X25519) + v8(noise(32)) + numbers(0x0804) + v16(noise(256)))
    return [*talk[:3], ("server", record(21, b"\2\x33"))]


def rdp(stage):
    """RDP that goes to TLS after its negotiation (MS-RDPBCGR section 2.2.1.1)."""
    ask = bytes.fromhex("030000130ee000000000000100080001000000")
    answer = bytes.fromhex("030000130ed000001234000200080001000000")
    return [("client", ask), ("server", answer), *new(X25519)]



# What can be built: name, kind of socket, port, and the talk.
TALKS = {
    "ssl2": ("tcp", 443, ssl2),
    "export": ("tcp", 443, lambda stage: old(stage, 0x0003, 0x0301)),
    "des": ("tcp", 443, lambda stage: old(stage, 0x0009, 0x0301)),
    "static-dh": ("tcp", 443, lambda stage: old(stage, 0x0031)),
    "static-ecdh": ("tcp", 443, lambda stage: old(stage, 0xC02D)),
    "dhe-768": ("tcp", 443, lambda stage: old(stage, 0x009E, key=field(768))),
    "dhe-1024": ("tcp", 443, lambda stage: old(stage, 0x009E, key=field(1024))),
    "compression": ("tcp", 443, lambda stage: old(stage, 0x009C, compression=1)),
    "unbound": ("tcp", 443, lambda stage: old(stage, 0x009C, bound=False)),
    "integrity-only": ("tcp", 443, lambda _: [(s, b.replace(b"\x13\x01", b"\xc0\xb4")) for s, b in new(X25519)]),
    "decrypt-error": ("tcp", 443, alert_before_cipher),
    "kyber-draft": ("tcp", 443, lambda _: new(0x6399, (1216, 1120))),
    "sm2-hybrid": ("tcp", 443, lambda _: new(0x11EE, (1249, 1153))),
    "unknown-group": ("tcp", 443, lambda _: new(0x7777, (32, 32))),
    "ech": ("tcp", 443, lambda _: new(X25519, more=[ech(True)])),
    "ech-used": ("tcp", 443, lambda _: new(P256, (65, 65), [X25519, P256], [ech(True)], [ech(False)], first=X25519)),
    "ech-grease": ("tcp", 443, lambda _: new(P256, (65, 65), [X25519, P256], [ech(True)], [ech(True)], first=X25519)),
    "rdp": ("tcp", 3389, rdp),
    "sips": ("tcp", 5061, lambda _: new(X25519)),
    "dtls13": ("udp", 4433, lambda _: dtls13(0x11EC, (1216, 1120))),
    "dtls13-x25519": ("udp", 4433, lambda _: dtls13(X25519, (32, 32))),
    "dtls13-retried": ("udp", 4433, lambda _: dtls13(X25519, (32, 32), True)),
    "ssh1": ("tcp", 22, ssh1),
    "ssh-none": ("tcp", 22, lambda _: ssh2("curve25519-sha256", "none")),
    "ssh-arcfour": ("tcp", 22, lambda _: ssh2("diffie-hellman-group14-sha256", "arcfour256")),
    "ssh-rsa1024": ("tcp", 22, lambda _: ssh2("rsa1024-sha1")),
}


def built(stage, row):
    """Plays the talk that `talk` names."""
    kind, port, talk = TALKS[row["talk"]]
    said = talk(stage)
    if kind == "udp":
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", port))
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("127.0.0.1", 40000))
        for side, data in said:
            if side == "client":
                client.sendto(data, ("127.0.0.1", port))
            else:
                server.sendto(data, ("127.0.0.1", 40000))
        return
    listener = socket.create_server(("127.0.0.1", port))
    client = socket.create_connection(("127.0.0.1", port))
    server, _ = listener.accept()
    ends = {"client": (client, server), "server": (server, client)}
    for side, data in said:
        one, other = ends[side]
        one.sendall(data)
        other.recv(len(data), socket.MSG_WAITALL)
    client.close()
    time.sleep(0.05)
    server.close()
