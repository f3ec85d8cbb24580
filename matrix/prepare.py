"""What the rows need before they are made: programs, certificates, and a tree of a newer Debian."""

import concurrent.futures
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from stage import Skip, sh

# Who makes a row: the name in rows/*.toml, the module and the function.
MAKERS = {
    "openssl": ("tls", "openssl"),
    "gnutls": ("tls", "gnutls"),
    "tlslite": ("tls", "tlslite"),
    "starttls": ("tls", "starttls"),
    "openssh": ("ssh", "openssh"),
    "dropbear": ("ssh", "dropbear"),
    "asyncssh": ("ssh", "asyncssh"),
    "nginx-quic": ("quic", "nginx"),
    "aioquic": ("quic", "aioquic"),
    "strongswan": ("vpn", "strongswan"),
    "wireguard": ("vpn", "wireguard"),
    "openvpn": ("vpn", "openvpn"),
    "clear": ("clear", "clear"),
    "built": ("built", "built"),
}

# Packages of PyPI, with the versions that the rows were made with.
FROM_PYPI = ["aioquic==1.7.2", "tlslite-ng==0.8.2", "asyncssh==2.24.1"]
NEED_PYPI = {"aioquic", "tlslite", "asyncssh"}

# The newer Debian: OpenSSL 3.5 has ML-KEM and QUIC, OpenSSH 10 has mlkem768x25519-sha256.
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
IN_ROOT = [
    "base-files", "base-passwd", "coreutils", "dash", "openssl", "openssh-server", "openssh-client", "charon-systemd",
    "strongswan-swanctl", "libstrongswan-standard-plugins", "libstrongswan-extra-plugins", "libcharon-extra-plugins",
    "dropbear-bin", "openvpn", "wireguard-tools", "wireguard-go", "iproute2", "nginx-light",
]

OAKLEY_1 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A3620FFFFFFFFFFFFFFFF"
)


def maker(name):
    module, function = MAKERS[name]
    return getattr(importlib.import_module(module), function)


def what_is_missing():
    """Why nothing can be made here, or nothing."""
    tools = [tool for tool in ("unshare", "ip", "tcpdump", "openssl") if shutil.which(tool) is None]
    if tools:
        install(["util-linux", "iproute2", "tcpdump", "openssl"])
    tools = [tool for tool in ("unshare", "ip", "tcpdump", "openssl") if shutil.which(tool) is None]
    if tools:
        return f"there is no {', '.join(tools)} here"
    user = [] if os.geteuid() == 0 else ["-r"]
    if subprocess.run(["unshare", *user, "-n", "-m", "true"], capture_output=True).returncode != 0:
        return "no network namespace may be made here"
    return None


def install(packages):
    """Installs Debian packages where that is possible; whether it was."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if subprocess.run(command, capture_output=True).returncode == 0:
        return True
    subprocess.run(["apt-get", "update"], capture_output=True)
    return subprocess.run(command, capture_output=True).returncode == 0


def make(target, makers, newer):
    """Makes what the rows of these makers need. Gives the folder, and what could not be made."""
    target.mkdir(parents=True, exist_ok=True)
    install_missing(makers, newer)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        works = [pool.submit(once, target / "files", certificates)]
        if makers & NEED_PYPI:
            works.append(pool.submit(once, target / "python", modules))
        if newer:
            works.append(pool.submit(once, target / "root", tree))
    return target, [note for work in works if (note := work.result())]


def install_missing(makers, newer):
    """Installs Debian packages that are missing; rows that need one that stays missing say so themselves."""
    needed = {"gnutls-serv": "gnutls-bin"} if "gnutls" in makers else {}
    needed |= {"/usr/sbin/sshd": "openssh-server", "ssh": "openssh-client"} if "openssh" in makers else {}
    needed |= {"mmdebstrap": "mmdebstrap"} if newer else {}
    packages = [package for program, package in needed.items() if shutil.which(program) is None]
    if packages:
        install(packages)


def once(folder, work):
    """Makes a folder by `work`, unless that was done before. What went wrong, in words, where something did."""
    if (folder / "ready").exists():
        return None
    shutil.rmtree(folder, ignore_errors=True)
    try:
        work(folder)
    except Skip as why:
        shutil.rmtree(folder, ignore_errors=True)
        return f"{folder.name} cannot be made, and rows that need it are skipped: {str(why)[-300:]}"
    (folder / "ready").write_text("")
    return None


def modules(folder):
    """Packages of PyPI in a folder of their own, for PYTHONPATH."""
    sh([sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", str(folder), *FROM_PYPI])


def tree(root):
    """Debian packages laid out side by side, not installed: enough to run programs in."""
    if os.geteuid() != 0:
        raise Skip("that takes root")
    if shutil.which("mmdebstrap") is None:
        raise Skip("mmdebstrap cannot be installed")
    sh(["mmdebstrap", "--variant=extract", "--include=" + ",".join(IN_ROOT), SUITE, str(root), MIRROR])
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
        "www-data:x:33:33::/var/www:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n"
    )
    # What the packages would do when they are installed.
    shutil.rmtree(root / "var/run", ignore_errors=True)
    (root / "var/run").symlink_to("../run")
    (root / "etc/group").write_text("root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n")
    for name in ("dropbear", "openssl", "sshd", "nginx"):
        if not any((root / folder / name).exists() for folder in ("usr/bin", "usr/sbin")):
            raise Skip(f"{name} is not in it")


def certificates(folder):
    """Keys and certificates of servers and a client, and the parameters of a small field."""
    folder.mkdir(parents=True)

    def openssl(*arguments):
        return sh(["openssl", *arguments], cwd=folder)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
            "-subj", "/O=Example Post/CN=Example Post CA")
    keys = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "client": ["rsa:2048"],
            "expired": ["rsa:2048"]}
    for name, key in keys.items():
        subject = "/O=Example Post/CN=ada" if name == "client" else "/O=Example Post/CN=mail.example"
        openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject,
                "-addext", "subjectAltName=DNS:mail.example")
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca=it\n[it]\nnew_certs_dir=.\ndatabase=index.txt\nserial=serial\ndefault_md=sha256\npolicy=any\n"
        "rand_serial=yes\nunique_subject=no\ncopy_extensions=copy\n[any]\norganizationName=optional\ncommonName=supplied\n"
    )
    (folder / "index.txt").write_text("")
    for name in keys:
        dates = ["20240101000000Z", "20250101000000Z"] if name == "expired" else ["20250101000000Z", "20400101000000Z"]
        openssl("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", f"{name}.csr", "-out",
                f"{name}.pem", "-notext", "-startdate", dates[0], "-enddate", dates[1])
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "self.key", "-out", "self.pem", "-days", "30",
            "-subj", "/CN=mail.example", "-addext", "subjectAltName=DNS:mail.example")
    prime = b"\0" + bytes.fromhex(OAKLEY_1)
    body = b"\x02" + bytes([len(prime)]) + prime + b"\x02\x01\x02"
    (folder / "dh768.der").write_bytes(b"\x30" + bytes([len(body)]) + body)
    openssl("dhparam", "-inform", "DER", "-in", "dh768.der", "-out", "dh768.pem")
    openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072", "-out", "ffdhe3072.pem")
    (folder / "early.txt").write_text("GET /early HTTP/1.0\r\n\r\n")
    for kind, more in (("ed25519", []), ("rsa", ["-b", "2048"])):
        if shutil.which("ssh-keygen"):
            sh(["ssh-keygen", "-q", "-t", kind, *more, "-N", "", "-f", f"host_{kind}"], cwd=folder)
    for file in folder.glob("*.pem"):
        if file.stem.isdigit() or len(file.stem) > 20:
            file.unlink()
