"""The table of docs/handshakes.md: written from rows/*.toml, and compared with it."""

BEGIN = "<!-- rows: written by matrix/run --write -->"
END = "<!-- end of rows -->"


def write_or_check(path, rows, fields, write):
    """Writes the page's table, or compares; whether it differs."""
    del fields
    lines = ["| handshake | made by | version | key exchange | cipher suite | exposure | findings |", "|---|---|---|---|---|---|---|"]
    for row in rows.values():
        expect = row["expect"]
        cells = [
            f"`{row['name']}`: {row['says']}",
            row.get("made", row["make"]),
            expect.get("version", "-"),
            expect.get("key_exchange", "-"),
            expect.get("cipher_suite", "-"),
            f"`{expect['exposure']}`",
            ", ".join(f"`{finding}`" for finding in expect["findings"]) or "none",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    table = "\n".join(lines)
    text = path.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    new = f"{before}{BEGIN}\n{table}\n{END}{after}"
    if new == text:
        return False
    if write:
        path.write_text(new)
        return False
    print(f"{path.name} does not hold the rows of rows/*.toml: matrix/run --write makes it anew")
    return True
