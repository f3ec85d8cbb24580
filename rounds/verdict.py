"""What overheard says of a recorded call, and whether it is what was said."""

import json
import shutil
import subprocess
from dataclasses import dataclass

import numpy

import compare
import reference

# How alike the recovered sound has to be to that of the reference decoder where nothing is missing.
ALIKE_EXACT, ALIKE_LOSSY_CODEC = 0.99, 0.9
EXACT = ("PCMU", "PCMA", "L16", "L16-8000", "L16-44100")
# And where packets are missing: silence stands in their place.
ALIKE_WITH_LOSS = 0.7
# How far, in ms, a voice may lie from where it was.
ALIGNED = 20.0
# Payload types of telephone events in these rows.
EVENTS = {101}


@dataclass
class Answer:
    """`right`, `wrong` or `skipped`, why, and what was measured."""

    kind: str
    text: str = ""
    aligned: float | None = None
    alike: float | None = None


def of(row, folder, files, binary):
    """The verdict of a row."""
    capture = folder / "row.pcap"
    revealed = run(binary, "ledger", "--reveal", capture)
    (folder / "ledger.ndjson").write_text(revealed)
    records = [json.loads(line) for line in revealed.splitlines()]
    wrong = list(of_records(row, folder, records))
    wrong += of_masks(row, binary, capture)
    sounds = folder / "sound"
    shutil.rmtree(sounds, ignore_errors=True)
    listed = run(binary, "calls", "--json", "--reveal", "--save", sounds, capture)
    (folder / "calls.ndjson").write_text(listed)
    saved = sorted(sounds.glob("*.wav")) if sounds.exists() else []
    wrong += of_list(row, [json.loads(line) for line in listed.splitlines()], records, saved)
    if not row.get("heard", True):
        if saved:
            wrong.append(f"sealed, and yet there is {[path.name for path in saved]}")
        return Answer("wrong" if wrong else "right", "\n".join(wrong))
    aligned, alike, problems = of_sound(row, folder, files, saved)
    wrong += problems
    return Answer("wrong" if wrong else "right", "\n".join(wrong), aligned, alike)


def run(binary, *words):
    done = subprocess.run([binary, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"overheard {words[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


# -- records


def of_records(row, folder, records):
    """What differs in the records of calls and of media."""
    expect = {"state": "ended", **row.get("expect", {})}
    calls = [record for record in records if record["kind"] == "call"]
    media = [record for record in records if record["kind"] == "media"]
    if expect["state"] == "any":
        pass
    elif expect["state"] == "-":
        if calls:
            yield f"{len(calls)} calls, though no signalling was seen"
    elif not calls:
        yield "no call"
    else:
        own = "home.example" if row["make"] == "sipp" else "192.0.2.10"
        office = "office.example" if row["make"] == "sipp" else "192.0.2.20"
        for name, value, wanted in (
            ("from", calls[0].get("from"), f"sip:caller@{own}"),
            ("to", calls[0].get("to"), f"sip:callee@{office}"),
            ("state", calls[0].get("state"), expect["state"]),
            ("holds", calls[0].get("holds", 0), expect.get("holds", 0)),
            ("transferred_to", calls[0].get("transferred_to"), expect.get("transferred_to")),
        ):
            if value != wanted:
                yield f"{name}: {value!r}, expected {wanted!r}"
        if len(calls) != (2 if row.get("transfer") else 1):
            yield f"{len(calls)} calls: {[call.get('to') for call in calls]}"
    if "digits" in expect:
        of_media = {one["digits"] for one in media if "digits" in one}
        if of_media != {expect["digits"]}:
            yield f"digits of the media: {of_media}, expected {expect['digits']!r}"
        if calls and calls[0].get("digits") != expect["digits"]:
            yield f"digits of the call: {calls[0].get('digits')!r}, expected {expect['digits']!r}"
    elif any("digits" in one for one in [*media, *calls]):
        yield f"digits that nobody pressed: {[one['digits'] for one in [*media, *calls] if 'digits' in one]}"
    yield from of_media_records(row, folder, media, calls)


def of_list(row, calls, records, saved):
    """What differs between the list of calls and the records, and between it and the files of sound."""
    told = {record["call_id"]: record for record in records if record["kind"] == "call"}
    for call in calls:
        record = told.get(call.get("call_id"), {})
        for field in ("from", "to", "state", "transferred_to", "digits"):
            if record and call.get(field) != record.get(field):
                yield f"the list has {field} {call.get(field)!r}, the ledger {record.get(field)!r}"
    heard = [call.get("heard") for call in calls]
    wanted = {True: {"heard"}, False: {"sealed", "unknown"}}[row.get("heard", True)]
    if not set(heard) <= wanted or not heard:
        yield f"the calls of the list are {heard}, expected {sorted(wanted)}"
    names = sorted(call["saved"] for call in calls if "saved" in call)
    if names != [path.name for path in saved]:
        yield f"the list says that {names} were saved"


def of_media_records(row, folder, media, calls):
    """What differs in the records of media: who sent how much, in what codec, and what the line did to it."""
    expect = row.get("expect", {})
    name = row["codec"].removesuffix("-8000").removesuffix("-44100").removesuffix("-16000")
    heard = row.get("heard", True)
    unsignalled = expect.get("state") in ("-", "any")
    passed = {bytes.fromhex(one["ssrc"][2:]): one for one in media}
    for ssrc, tapped in arrivals(folder / "row.pcap").items():
        if len(tapped) < 5:
            continue
        one = passed.get(ssrc)
        if one is None:
            yield f"no media of {ssrc.hex()}, of which {len(tapped)} packets passed"
            continue
        numbers = set(tapped)
        span = max(numbers) - min(numbers) + 1
        facts = {
            "packets": len(tapped),
            "lost": span - len(numbers),
            "duplicates": len(tapped) - len(numbers),
        }
        for field, value in facts.items():
            if one.get(field, 0) != value:
                yield f"{field} of {ssrc.hex()}: {one.get(field, 0)}, but {value} by its numbers"
        late = sum(1 for n, number in enumerate(tapped) if number < max(tapped[: n + 1]) and number not in tapped[:n])
        if (one.get("reordered", 0) > 0) != (late > 0):
            yield f"reordered of {ssrc.hex()}: {one.get('reordered', 0)}, but {late} by its numbers"
        if not unsignalled and one.get("codec") != name:
            yield f"codec of {ssrc.hex()}: {one.get('codec')!r}, expected {name!r}"
        protection = expect.get("protection", "none" if heard else None)
        if protection and not unsignalled and one.get("protection") != protection:
            yield f"protection of {ssrc.hex()}: {one.get('protection')!r}, expected {protection!r}"
        if calls and not unsignalled and one.get("call_id") not in {call["call_id"] for call in calls}:
            yield f"the media of {ssrc.hex()} belongs to no call"
        speech = one.get("speech_seconds")
        if not heard and speech is not None:
            yield f"{speech} s of speech in what is sealed"
        # Telephone events and tones are no speech.
        if heard and not row.get("tones") and not row.get("transfer") and (speech is None or not 1 < speech < 8):
            yield f"speech of {ssrc.hex()}: {speech} s"


def arrivals(path):
    """Sequence numbers by SSRC as they arrived, unfolded."""
    out = {}
    for _, _, packet in reference.packets(path):
        number = int.from_bytes(packet[2:4], "big")
        row = out.setdefault(packet[8:12], [])
        if row:
            number += (row[-1] - number + 0x8000) // 0x10000 * 0x10000
        row.append(number)
    return out


def of_masks(row, binary, capture):
    """Digits have to be masked unless they are asked for."""
    digits = row.get("expect", {}).get("digits")
    if digits and digits in run(binary, "ledger", capture) + run(binary, "calls", "--json", capture):
        yield "the digits show without --reveal"


# -- sound


def of_sound(row, folder, files, saved):
    """How far the voices are from where they were, how alike they are, and what is wrong with that."""
    calls = spoken(row, folder, files)
    if len(saved) != len(calls):
        return None, None, [f"{len(saved)} files of sound, expected {len(calls)}: {[path.name for path in saved]}"]
    worst, least, wrong = 0.0, 1.0, []
    for path, ears in zip(saved, calls):
        rate, channels = compare.read(path)
        if len(channels) != 2:
            return None, None, [f"{path.name} has {len(channels)} channels"]
        orders = [ears, ears[::-1]] if row.get("expect", {}).get("state") in ("-", "any") else [ears]
        found = min((heard(row, files, rate, channels, order) for order in orders), key=lambda one: len(one[2]))
        worst, least = max(worst, found[0], key=abs), min(least, found[1])
        wrong += [f"{path.name}: {text}" for text in found[2]]
    return worst, least, wrong


def heard(row, files, rate, channels, ears):
    """One file: the worst place, the least likeness, and what is wrong."""
    wrong, worst, least = [], 0.0, 1.0
    begin = min(said.start for _, streams in ears for said in streams)
    wanted = ALIKE_EXACT if row["codec"] in EXACT else ALIKE_LOSSY_CODEC
    if row.get("lossy"):
        wanted = ALIKE_WITH_LOSS
    for (name, streams), channel, ear in zip(ears, channels, ("left", "right")):
        source = compare.coarse(compare.read(voice(row, files, name, 8000))[1][0], 8000)
        for said in streams:
            sound = said.at(rate)
            shift = said.start - begin
            alike = compare.correlation(sound, channel, shift * rate, rate)
            least = min(least, alike)
            if alike < wanted:
                wrong.append(f"{ear}, the {name}: correlates at {alike:.3f}, expected {wanted}")
            if row.get("tones") and name == "caller":
                continue
            places = compare.alignment(source, compare.coarse(sound, rate), compare.coarse(channel, rate), shift * compare.COARSE)
            if len(places) < (1 if len(streams) > 1 or "then" in row else 3):
                wrong.append(f"{ear}, the {name}: only {len(places)} pieces of the source were said")
            for place, off in places:
                worst = max(worst, off, key=abs)
                if abs(off) > ALIGNED:
                    wrong.append(f"{ear}, the {name}: what was said at {place:.2f} s of the source lies {off:.1f} ms away")
    return worst, least, wrong


def voice(row, files, name, rate):
    return files / "voices" / f"{'tones' if row.get('tones') and name == 'caller' else name}-{rate}.wav"


def spoken(row, folder, files):
    """The calls of a row, each as [(left name, streams), (right name, streams)]."""
    of = {}
    for name in ("caller", "callee", "third"):
        path = folder / (f"sent-{name}.pcap" if "begin" not in row else "row.pcap")
        if path.exists():
            of[name] = reference.said(path, row, EVENTS, name, lambda rate, name=name: compare.read(voice(row, files, name, rate)))
    if not row.get("transfer"):
        return [[("caller", of["caller"]), ("callee", of["callee"])]]
    first = [said for said in of["caller"] if said.to == "192.0.2.20"]
    second = [said for said in of["caller"] if said.to == "192.0.2.30"]
    return [[("caller", first), ("callee", of["callee"])], [("caller", second), ("third", of["third"])]]
