"""Handshakes of SSH by OpenSSH, dropbear and asyncssh."""

import shutil
from pathlib import Path

from stage import Skip

DEFAULT_PORT = 22


def client_words(row):
    words = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-F", "none"]
    for option in row.get("client", []):
        words += ["-o", option]
    return words


def openssh(stage, row):
    """`sshd` and `ssh`. `client`, `server`: options of each; nobody logs in, the handshake is done before."""
    port = row.get("port", DEFAULT_PORT)
    newer = "newer" in row
    if newer:
        sshd, ssh = stage.newer(["/usr/sbin/sshd"]), stage.newer(["ssh"])
        place = "/matrix"
    else:
        if shutil.which("/usr/sbin/sshd") is None or shutil.which("ssh") is None:
            raise Skip("OpenSSH is not installed")
        sshd, ssh = ["/usr/sbin/sshd"], ["ssh"]
        place = str(stage.folder)
    config = [f"Port {port}", "ListenAddress 127.0.0.1", "PidFile none", "UsePAM no", "StrictModes no"]
    config += [f"HostKey {place}/host_ed25519", f"HostKey {place}/host_rsa", *row.get("server", [])]
    (stage.folder / "sshd.conf").write_text("\n".join(config) + "\n")
    home = stage.root / "run/sshd" if newer else None
    if home:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)
    else:
        # The folder of its privilege separation; /run is the machine's, and stays after this row.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    stage.start([*sshd, "-D", "-e", "-f", f"{place}/sshd.conf"], tcp=port)
    stage.run([*ssh, *client_words(row), "-p", str(port), "ada@127.0.0.1", "true"], say=b"", linger=0)


def dropbear(stage, row):
    """dropbear and OpenSSH's `ssh`."""
    server = [*stage.newer(["/usr/sbin/dropbear"]), "-F", "-E", "-R", "-p", "127.0.0.1:2222", "-P", "/run/dropbear.pid"]
    (stage.root / "run/dropbear").mkdir(parents=True, exist_ok=True)
    stage.start([*stage.newer(["dropbearkey"]), "-t", "ed25519", "-f", "/matrix/dropbear.key"], says="Fingerprint")
    stage.start([*server, "-r", "/matrix/dropbear.key"], tcp=2222)
    ssh = stage.newer(["ssh"])
    stage.run([*ssh, *client_words(row), "-p", "2222", "ada@127.0.0.1", "true"], say=b"", linger=0)


ASYNCSSH = """
import asyncio, asyncssh, sys
kex, strict = sys.argv[1:]

async def main():
    if strict == "loose":
        asyncssh.connection.SSHConnection._get_extra_kex_algs = lambda self: []
    names = dict(kex_algs=[kex], encryption_algs=["chacha20-poly1305@openssh.com"])
    server = await asyncssh.listen("127.0.0.1", 2222, server_host_keys=["host_ed25519"], **names)
    try:
        async with asyncssh.connect("127.0.0.1", 2222, known_hosts=None, username="ada", password="x", client_keys=None, **names):
            pass
    except asyncssh.Error as error:
        print(error)
    server.close()

asyncio.run(main())
"""


def asyncssh(stage, row):
    """asyncssh with itself. `kex`: the method; `strict`: whether it counts packets strictly."""
    program = stage.python("-c", ASYNCSSH, row["kex"], row.get("strict", "strict"))
    stage.run(**program, say=b"", linger=10)
