"""Writes Unicode14.txt out of Python's unicodedata, and prints the hashes that Unicode14Tests compare with. Needs a Python of Unicode 14 (3.11)."""
import hashlib
import sys
import unicodedata

ALL = [point for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]


def ranges(points):
    found = []
    for point in points:
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return " ".join(f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in found)


def category(point):
    return unicodedata.category(chr(point))


def canonical(point):
    text = unicodedata.decomposition(chr(point))
    return [] if not text or text.startswith("<") else [int(part, 16) for part in text.split()]


def lines():
    yield "# Unicode 14.0.0, written by Unicode14.py: code points in hexadecimal, ranges with both ends."
    yield "control " + ranges(p for p in ALL if category(p)[0] == "C")
    yield "space " + ranges(p for p in ALL if category(p) == "Zs")
    yield "punctuation " + ranges(p for p in ALL if category(p)[0] == "P")
    yield "mark " + ranges(p for p in ALL if category(p) == "Mn")
    for order in sorted({unicodedata.combining(chr(p)) for p in ALL} - {0}):
        yield f"order {order} " + ranges(p for p in ALL if unicodedata.combining(chr(p)) == order)
    yield "lower " + " ".join(
        f"{p:X}={'+'.join(f'{ord(c):X}' for c in chr(p).lower())}" for p in ALL if chr(p).lower() != chr(p))
    parts = {p: canonical(p) for p in ALL if canonical(p)}
    composed = {p for p in parts if unicodedata.normalize("NFC", chr(p)) == chr(p)}
    yield "compose " + " ".join(f"{p:X}={parts[p][0]:X}+{parts[p][1]:X}" for p in sorted(composed))
    yield "decompose " + " ".join(f"{p:X}={'+'.join(f'{q:X}' for q in parts[p])}" for p in sorted(set(parts) - composed))


def sequences():
    """20 000 short texts, rich in marks, by a generator that any language writes in a line."""
    rich = [p for p in ALL if unicodedata.combining(chr(p))] + [p for p in ALL if canonical(p)] + list(range(0x1100, 0x1200)) + [0xAC00, 0xAC01, 0x61, 0x41]
    state = 14
    for _ in range(20000):
        text = ""
        for _ in range(6):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            text += chr(rich[(state >> 33) % len(rich)])
        yield text


def sha256(texts):
    return hashlib.sha256("\n".join(texts).encode("utf-8")).hexdigest()


with open(sys.argv[1], "w", encoding="ascii", newline="\n") as file:
    assert unicodedata.unidata_version == "14.0.0"
    file.write("\n".join(lines()) + "\n")
for form in ("NFC", "NFD"):
    print(form, "points", sha256(unicodedata.normalize(form, chr(p)) for p in ALL))
    print(form, "sequences", sha256(unicodedata.normalize(form, text) for text in sequences()))
print("lower", sha256(chr(p).lower() for p in ALL))
print("categories", sha256("C" if category(p)[0] == "C" else "P" if category(p)[0] == "P" else category(p) if category(p) in ("Mn", "Zs") else "-" for p in ALL))
