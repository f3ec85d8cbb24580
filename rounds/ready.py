"""What the calls need before they are made: programs, voices, a certificate, and NumPy."""

import shutil
import sys
from pathlib import Path

import prepare
import voices
from stage import Skip, sh

# Programs and the Debian packages that bring them.
PROGRAMS = {
    "espeak-ng": "espeak-ng",
    "ffmpeg": "ffmpeg",
    "baresip": "baresip-core",
    "sipp": "sip-tester",
    "gst-launch-1.0": "gstreamer1.0-tools",
    "stunnel": "stunnel4",
    "nft": "nftables",
}
# The elements of GStreamer come in packages of their own.
ELEMENTS = [
    "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good", "gstreamer1.0-plugins-bad", "gstreamer1.0-plugins-ugly",
    "gstreamer1.0-libav",
]
FROM_PYPI = ["numpy==2.3.5"]


def make(target, rows):
    """Installs and makes what is missing. Why nothing can be done, where that is so."""
    target.mkdir(parents=True, exist_ok=True)
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        more = ELEMENTS if "gstreamer1.0-tools" in missing else []
        # One after the other where they do not come together.
        if not prepare.install([*missing, *more]):
            for package in [*missing, *more]:
                prepare.install([package])
    lacking = [program for program in ("espeak-ng", "ffmpeg") if shutil.which(program) is None]
    if lacking:
        return f"there is no {' and no '.join(lacking)} here"
    notes = [
        prepare.once(target / "voices", voices.make),
        prepare.once(target / "files", certificate),
        prepare.once(target / "python", modules),
    ]
    return "; ".join(note for note in notes if note)


def certificate(folder):
    """What SIP over TLS shows."""
    folder.mkdir()
    sh(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "30",
        "-subj", "/CN=phone.example"], cwd=folder)
    (folder / "phone.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())


def modules(folder):
    """Packages of PyPI in a folder of their own."""
    more = ["audioop-lts==0.2.2"] if sys.version_info >= (3, 13) else []
    sh([sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", str(folder), *FROM_PYPI, *more])


def check(row):
    """Raises `Skip` where a program of the row is not here."""
    needed = {row["make"]}
    if row["make"] == "sipp" and not row["codec"].startswith("DVI4"):
        needed.add({"gstreamer": "gst-launch-1.0"}.get(row.get("encoder", "gstreamer"), row.get("encoder")))
    if row["make"] == "sipp" and row.get("signalling") == "tls":
        needed.add("stunnel")
    if row.get("nat"):
        needed.add("nft")
    lacking = sorted(program for program in needed if shutil.which(program) is None)
    if lacking:
        raise Skip(f"there is no {', '.join(lacking)} here")
    if row["make"] == "baresip" and not Path("/usr/lib/baresip/modules").is_dir():
        raise Skip("the modules of baresip are not where Debian has them")
