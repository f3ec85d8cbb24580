#!/usr/bin/env python3
"""The packed seeds: every one after its length, two bytes, the higher first.

    seeds.py unpack FROM TO    the seeds of the packed files in FROM, one file each in TO
    seeds.py pack FROM TO      the files in FROM as packed files in TO, in place of what is there
"""
import hashlib
import pathlib
import sys

PACK = 64 << 10


def unpack(source, target):
    for file in sorted(source.iterdir()):
        packed = file.read_bytes()
        at = 0
        while at < len(packed):
            end = at + 2 + int.from_bytes(packed[at:at + 2], "big")
            seed = packed[at + 2:end]
            (target / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
            at = end


def pack(source, target):
    seeds = {file.read_bytes() for file in source.iterdir() if file.is_file()}
    packs = [b""]
    for seed in sorted(seeds, key=lambda seed: (len(seed), seed)):
        if len(seed) > 0xFFFF:
            continue
        if len(packs[-1]) + len(seed) + 2 > PACK:
            packs.append(b"")
        packs[-1] += len(seed).to_bytes(2, "big") + seed
    for old in target.iterdir():
        old.unlink()
    for index, packed in enumerate(packs):
        (target / f"{index:02}").write_bytes(packed)


def main():
    what, source, target = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    target.mkdir(parents=True, exist_ok=True)
    {"pack": pack, "unpack": unpack}[what](source, target)


main()
