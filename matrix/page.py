"""Tables of the pages in docs/: written from the rows, and compared with them."""

BEGIN = "<!-- rows: written by {} --write -->"
END = "<!-- end of rows -->"


def handshakes(rows):
    """The table of docs/handshakes.md."""
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
    return "\n".join(lines)


def write_or_check(path, table, program, write):
    """Writes a page's table, which `program` does, or compares; whether it differs."""
    begin = BEGIN.format(program)
    text = path.read_text()
    before, rest = text.split(begin)
    _, after = rest.split(END)
    new = f"{before}{begin}\n{table}\n{END}{after}"
    if new == text:
        return False
    if write:
        path.write_text(new)
        return False
    print(f"{path.name} does not hold the rows: {program} --write makes it anew")
    return True
