"""Handshakes of IKE, WireGuard and OpenVPN."""

import time

from stage import Skip, sh

DAEMON = """
charon-systemd {{
  load_modular = no
  load = random nonce openssl sha1 sha2 hmac kdf aes curve25519 gmp pem pkcs1 x509 pubkey kernel-netlink socket-default vici
  make_before_break = yes
  install_routes = no
  plugins {{ vici {{ socket = unix://{socket} }} }}
  filelog {{ stderr {{ default = 1 }} }}
}}
"""

CONNECTION = """
connections {{
  line {{
    version = {version}
    local_addrs = {mine}
    remote_addrs = {theirs}
    proposals = {proposals}
    {more}
    local {{
      auth = psk
      id = {me}
    }}
    remote {{
      auth = psk
      id = {other}
    }}
    children {{
      all {{
        start_action = none
      }}
    }}
  }}
}}
secrets {{
  ike {{
    secret = correct-horse-battery-staple
  }}
  {secrets}
}}
"""


def strongswan(stage, row):
    """strongSwan in two network namespaces. `version`, `proposals`, `more`, `secrets`: of both sides."""
    program = "/usr/sbin/charon-systemd"
    if stage.root is None or not (stage.root / program[1:]).exists():
        raise Skip("there is no strongSwan of the newer Debian here")
    there = stage.other_end()
    stage.record("here")
    addresses = {"one": "192.0.2.1", "two": "192.0.2.2"}
    for me, other, at in (("one", "two", []), ("two", "one", there)):
        (stage.folder / f"{me}.conf").write_text(DAEMON.format(socket=f"/run/{me}.vici"))
        (stage.folder / f"{me}.swanctl").write_text(
            CONNECTION.format(version=row["version"], mine=addresses[me], theirs=addresses[other],
                              proposals=row["proposals"], more=row.get("more", ""), secrets=row.get("secrets", ""),
                              me=me, other=other))
        command = [*at, "env", f"STRONGSWAN_CONF=/matrix/{me}.conf", *stage.newer([program])]
        stage.start(command, says="charon-systemd|loaded plugins")
        socket = stage.root / f"run/{me}.vici"
        end = time.monotonic() + 10
        while not socket.exists():
            if time.monotonic() > end:
                log = stage.started[-1].log.read_text(errors="replace")
                raise Skip(f"strongSwan did not start: {log.strip().splitlines()[-2:]}")
            time.sleep(0.05)
        swanctl(stage, me, "--load-all", "--file", f"/matrix/{me}.swanctl")
    # Without IPsec in the kernel the tunnel itself may fail; the handshake is done before.
    try:
        swanctl(stage, "one", "--initiate", "--ike", "line", "--timeout", "8")
    except Skip as why:
        print(why)


def swanctl(stage, me, *arguments):
    sh(stage.newer(["swanctl", *arguments, "--uri", f"unix:///run/{me}.vici"]))


def wireguard(stage, row):
    """wireguard-go in two network namespaces. `psk`: a key shared beforehand, which nobody sees."""
    if stage.root is None:
        raise Skip("there is no wireguard-go of the newer Debian here")
    there = stage.other_end()
    stage.record("here")
    keys = {}
    for me in ("one", "two"):
        keys[me] = sh(stage.newer(["wg", "genkey"])).strip()
        (stage.folder / f"{me}.wg").write_text(keys[me])
    shared = ""
    if "psk" in row:
        (stage.folder / "psk.wg").write_text(sh(stage.newer(["wg", "genpsk"])))
        shared = "preshared-key /matrix/psk.wg"
    public = {me: sh(stage.newer(["wg", "pubkey"]), input=key).strip() for me, key in keys.items()}
    inner = {"one": "198.51.100.1", "two": "198.51.100.2"}
    for me, other, at, peer in (("one", "two", [], "192.0.2.2"), ("two", "one", there, "192.0.2.1")):
        tun = f"wg{me}"
        environment = ["env", "LOG_LEVEL=error", "WG_PROCESS_FOREGROUND=1"]
        stage.start([*at, *environment, *stage.newer(["wireguard-go", "-f", tun])])
        socket = stage.root / f"run/wireguard/{tun}.sock"
        end = time.monotonic() + 10
        while not socket.exists():
            if time.monotonic() > end:
                raise Skip(f"wireguard-go did not start: {stage.started[-1].log.read_text()[-200:]}")
            time.sleep(0.02)
        sh([*at, *stage.newer(["wg", "set", tun, "listen-port", "51820", "private-key", f"/matrix/{me}.wg", "peer",
                               public[other], *shared.split(), "allowed-ips", "198.51.100.0/24", "endpoint",
                               f"{peer}:51820"])])
        sh([*at, "ip", "addr", "add", f"{inner[me]}/24", "dev", tun])
        sh([*at, "ip", "link", "set", tun, "up"])
    import socket as network

    with network.socket(network.AF_INET, network.SOCK_DGRAM) as out:
        for _ in range(3):
            out.sendto(b"hello", ("198.51.100.2", 9))
            time.sleep(0.2)


def openvpn(stage, row):
    """OpenVPN on loopback, without a tunnel device. `both`: what both sides add."""
    program = stage.newer(["/usr/sbin/openvpn"])
    sh(stage.newer(["/usr/sbin/openvpn", "--genkey", "secret", "/matrix/static.key"]))
    both = ["--dev", "null", "--ca", "ca.pem", "--verb", "3", "--proto", row.get("proto", "udp"), "--tls-version-max",
            row.get("tls", "1.3"), *row.get("both", "").split()]
    kind = "tcp" if row.get("proto", "udp").startswith("tcp") else "udp"
    server = [*program, "--tls-server", "--dh", "none", "--cert", "rsa.pem", "--key", "rsa.key", "--local", "127.0.0.1", "--port",
              "1194", *both]
    client = [*program, "--tls-client", "--cert", "client.pem", "--key", "client.key", "--remote", "127.0.0.1", "1194",
              "--nobind", *both]
    if kind == "tcp":
        server = [word.replace("tcp", "tcp-server") if word == "tcp" else word for word in server]
        client = [word.replace("tcp", "tcp-client") if word == "tcp" else word for word in client]
    stage.start(server, **{kind: 1194})
    stage.start(client, says="Initialization Sequence Completed|Data Channel|AUTH_FAILED|TLS Error")
    time.sleep(0.3)


strongswan.records_itself = True
wireguard.records_itself = True
