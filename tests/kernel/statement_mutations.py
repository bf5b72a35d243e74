"""Damage to certificates of statements: a word of a file, an entry of a tensor, a line more or less; sealed again.

What is damaged may still be a proof: then both kernels accept it, and what it says is true (the tests of each kind hold
that against exact oracles).
"""

from __future__ import annotations

import random
import struct

from bundles import manifest, renamed, sealed

Files = dict[str, bytes]
SMALL = (-3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 1 << 20, -(1 << 40), 1 << 70)


def _lines(files: Files, name: str) -> list[str]:
    return files[name].decode().split("\n")


def word(files: Files, r: random.Random) -> Files:
    """One integer of the claim or the proof, moved a little or replaced."""
    name = r.choice(["claim", "proof"])
    spots = [
        (i, j)
        for i, line in enumerate(_lines(files, name))
        for j, w in enumerate(line.split(" "))
        if w.lstrip("-").isdigit() and not line.startswith("certify-")
    ]
    i, j = r.choice(spots)
    lines = _lines(files, name)
    words = lines[i].split(" ")
    old = int(words[j])
    words[j] = str(r.choice([old + 1, old - 1, -old, 2 * old, *SMALL]))
    lines[i] = " ".join(words)
    return sealed(files | {name: "\n".join(lines).encode()})


def entry(files: Files, r: random.Random) -> Files:
    """One entry of a tensor: a bit flipped, or the entry moved by one."""
    tensors = sorted(
        {tuple(x.split(" ")[1:]) for n in ("claim", "proof") for x in _lines(files, n) if x[:7] == "tensor "}
    )
    kind, count, hex_ = r.choice(tensors)
    data, width, at = bytearray(files[f"blobs/{hex_}"]), int(kind[1:]), r.randrange(int(count))
    place = slice(at * width, (at + 1) * width)
    if kind[0] == "i" and r.random() < 0.7:
        old = int.from_bytes(data[place], "little", signed=True)
        new = old + r.choice([-1, 1, 2, -5, 1000, -old, old])
        try:
            data[place] = new.to_bytes(width, "little", signed=True)
        except OverflowError:
            return files
    elif kind == "f8" and r.random() < 0.7:
        old = struct.unpack("<d", data[place])[0]
        data[place] = struct.pack("<d", r.choice([0.0, -old, old * 2, old + 2.0**-40, old + 1, float("nan")]))
    else:
        data[at * width + r.randrange(width)] ^= 1 << r.randrange(8)
    return sealed(renamed(files, f"blobs/{hex_}", bytes(data)))


def line(files: Files, r: random.Random) -> Files:
    """A line of a file dropped, doubled or moved."""
    name = r.choice(["claim", "proof"])
    lines = _lines(files, name)
    i = r.randrange(max(1, len(lines) - 1))
    what = r.choice(["drop", "double", "swap"])
    if what == "drop":
        del lines[i]
    elif what == "double":
        lines.insert(i, lines[i])
    else:
        j = r.randrange(max(1, len(lines) - 1))
        lines[i], lines[j] = lines[j], lines[i]
    return sealed(files | {name: "\n".join(lines).encode()})


def rendering(files: Files, r: random.Random) -> Files:
    """A byte of claim.json."""
    data = bytearray(files["claim.json"])
    data[r.randrange(len(data))] ^= 1 << r.randrange(7)
    out = files | {"claim.json": bytes(data)}
    return {n: d for n, d in out.items() if n != "manifest"} | {"manifest": manifest(out)}


DAMAGES = (word, word, word, entry, entry, entry, line, rendering)
