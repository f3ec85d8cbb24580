#!/usr/bin/env python3
"""Prints the words that the protocols look for, as a dictionary of libFuzzer: read from their sources, so
that those of a new protocol join by themselves."""
import pathlib
import re

LITERAL = re.compile(r'\bb?"((?:[^"\\\n]|\\.)*)"')
ESCAPES = {"n": 10, "r": 13, "t": 9, "0": 0, "\\": 92, '"': 34, "'": 39}


def value(literal):
    out, at = bytearray(), 0
    while at < len(literal):
        if literal[at] != "\\":
            out += literal[at].encode()
            at += 1
        elif literal[at + 1] == "x":
            out.append(int(literal[at + 2:at + 4], 16))
            at += 4
        elif literal[at + 1] in ESCAPES:
            out.append(ESCAPES[literal[at + 1]])
            at += 2
        else:
            return None
    return bytes(out)


def main():
    words = set()
    for file in pathlib.Path(__file__).parent.glob("../crates/protocols/src/**/*.rs"):
        if "test" in file.name or file.name == "iana.rs":
            continue
        for line in file.read_text().splitlines():
            if not line.lstrip().startswith("//"):
                words.update(value(match) for match in LITERAL.findall(line))
    for word in sorted(word for word in words if word):
        # Sentences are said by the program, not to it.
        if 2 <= len(word) <= 32 and word.count(b" ") < 3:
            print('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"')


main()
