"""A stand-in for the kernel: FILE is JSON with an id, the number of parts and a list of leaves [part, bound or null].

It replays a leaf by comparing its bound with the threshold. Behaves as the kernel does with --share I/N, and badly
where the file tells it to ("fault", "other-id-in-share", "hang").
"""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction

flags, path = sys.argv[1:-1], sys.argv[-1]
share, shares = map(int, flags[flags.index("--share") + 1].split("/")) if "--share" in flags else (0, 1)
with open(path) as f:
    told = json.load(f)
mine = told["leaves"][share::shares]
report = {"certificate": path, "kernel": "0", "arithmetic": "fake", "f": "a", "g": "b"}
report["milliseconds"] = {"read": share, "replay": 10 - share}
report["share"] = told.get("name", f"{share}/{shares}")
if told.get("hang") == share:
    time.sleep(60)
if told.get("fault") == share:
    print("kernel fault, please report: MemoryError", file=sys.stderr)
    sys.exit(70)
if told.get("decline") == share:
    print(json.dumps(report | {"verdict": "declined", "code": "resources", "place": path, "reason": "MemoryError"}))
    sys.exit(2)
best: list[Fraction | None] = [None] * told["parts"]
for i, (part, bound) in enumerate(mine):
    if bound is None:
        continue
    if Fraction(bound) > 1:
        place = f"leaf {share + i * shares}"
        report |= {"verdict": "rejected", "code": "bound-too-high", "place": place, "reason": f"established {bound}"}
        print(json.dumps(report))
        sys.exit(1)
    known = best[part]
    best[part] = Fraction(bound) if known is None else max(known, Fraction(bound))
report["bounds"] = [None if b is None else f"{b.numerator}/{b.denominator}" for b in best]
report |= {"verdict": "accepted", "id": "x" if told.get("other-id-in-share") == share else "id", "leaves": len(mine)}
print(json.dumps(report))
