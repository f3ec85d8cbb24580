#!/usr/bin/env python3
"""The packed seeds: every one after its length, two bytes, the higher first.

    seeds.py unpack FROM TO    the seeds of the packed files in FROM, one file each in TO
    seeds.py pack FROM TO FIRST  the files in FROM as packed files in TO, in place of what is there: those
                                 that are in FIRST too, then the smallest while it is 100 KB
"""
import hashlib
import pathlib
import sys

PACK = 64 << 10
ROOM = 100_000


def unpack(source, target):
    for file in sorted(source.iterdir()):
        packed = file.read_bytes()
        at = 0
        while at < len(packed):
            end = at + 2 + int.from_bytes(packed[at:at + 2], "big")
            seed = packed[at + 2:end]
            (target / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
            at = end


def contents(folder):
    return {file.read_bytes() for file in folder.iterdir()}


def pack(source, target, first):
    first = contents(first)
    chosen, size = [], 0
    for seed in sorted(contents(source), key=lambda seed: (seed not in first, len(seed), seed)):
        size += len(seed) + 2
        if seed not in first and size > ROOM:
            break
        chosen.append(seed)
    packs = [b""]
    for seed in chosen:
        if len(packs[-1]) + len(seed) + 2 > PACK:
            packs.append(b"")
        packs[-1] += len(seed).to_bytes(2, "big") + seed
    for old in target.iterdir():
        old.unlink()
    for index, packed in enumerate(packs):
        (target / f"{index:02}").write_bytes(packed)


def main():
    what, *folders = sys.argv[1:]
    folders = [pathlib.Path(folder) for folder in folders]
    folders[1].mkdir(parents=True, exist_ok=True)
    {"pack": pack, "unpack": unpack}[what](*folders)


main()
