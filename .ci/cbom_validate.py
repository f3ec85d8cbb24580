"""Make bills of materials of captures and hold them to the schema of CycloneDX. Called by .ci/cbom, which provides
the schema."""
import json
import os
import subprocess
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

SAMPLE = 10
TIMEOUT = 120


def captures(paths, every):
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
        yield from files if every else files[::SAMPLE]


def problems(text):
    bill = json.loads(text)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error:
        yield str(error)
    # What the schema cannot say: names are given once, and all that is referred to is there.
    references = [one["bom-ref"] for one in bill["components"] + bill["services"]]
    references.append(bill["metadata"]["component"]["bom-ref"])
    if len(references) != len(set(references)):
        yield "a bom-ref is given twice"
    meant = {one["ref"] for one in bill["dependencies"]}
    for one in bill["dependencies"]:
        meant.update(one["dependsOn"])
    for component in bill["components"]:
        crypto = component["cryptoProperties"]
        protocol = crypto.get("protocolProperties", {})
        meant.update(protocol.get("cryptoRefArray", []))
        for suite in protocol.get("cipherSuites", []):
            meant.update(suite["algorithms"])
        for transforms in protocol.get("ikev2TransformTypes", {}).values():
            meant.update(transforms)
        certificate = crypto.get("certificateProperties", {})
        meant.update(certificate[name] for name in ("signatureAlgorithmRef", "subjectPublicKeyRef") if name in certificate)
        if "algorithmRef" in crypto.get("relatedCryptoMaterialProperties", {}):
            meant.add(crypto["relatedCryptoMaterialProperties"]["algorithmRef"])
    for missing in sorted(meant - set(references)):
        yield f"refers to {missing!r}, which is not there"


def main():
    program, *paths = sys.argv[1:]
    every = "--all" in paths
    paths = [path for path in paths if path != "--all"]
    count = assets = failed = 0
    for path in captures(paths, every):
        done = subprocess.run([program, "report", "--format", "cbom", path], capture_output=True, timeout=TIMEOUT)
        if done.returncode:
            print(f"cbom: {path}: exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
            failed += 1
            continue
        count += 1
        assets += len(json.loads(done.stdout)["components"])
        for problem in problems(done.stdout.decode()):
            print(f"cbom: {path}: {problem[:500]}")
            failed += 1
    print(f"cbom: {count} bills with {assets} assets against the schema of CycloneDX 1.6, {failed} problems")
    if not assets:
        print("cbom: no capture had any cryptography: nothing was proved")
        failed += 1
    return 1 if failed else 0


sys.exit(main())
