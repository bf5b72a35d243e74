"""Sums of squares: quartics in six variables, on all of space and on a box, beside three peers."""

from __future__ import annotations

import json
import tempfile
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np

import certify as ct
from tests.benchmarks.matrices import peers
from tests.benchmarks.matrices.figures import Figure, medians, short

VARIABLES, DEGREE, SEEDS = 6, 4, 3
# How far below our certified value a peer that proves p >= c is asked to go, relatively; the first that it can counts.
SLACKS = ("1/100000", "1/1000", "1/100", "1/10")

Terms = list[tuple[tuple[int, ...], int, int]]


def quartic(seed: int, box: bool) -> Terms:
    """Coefficients from -1 to 1 in hundredths; on all of space 3 x_k^4 and small ones for the rest of degree 4."""
    r = np.random.default_rng(seed)
    powers = [e for e in product(range(DEGREE + 1), repeat=VARIABLES) if sum(e) <= DEGREE]
    out = []
    for e in sorted(powers):
        c = int(r.integers(-100, 101))
        if not box and sum(e) == DEGREE:
            c = 300 if max(e) == DEGREE else c // 10
        out.append((e, c, 100))
    return out


def text(terms: Terms) -> str:
    def monomial(e: tuple[int, ...]) -> str:
        return "*".join(f"x{k}**{v}" for k, v in enumerate(e) if v) or "1"

    return " + ".join(f"({a}/{b})*{monomial(e)}" for e, a, b in terms)


def figures(repeats: int) -> list[Figure]:
    out = []
    for box in (False, True):
        given = [f"x{k}**2 <= 1" for k in range(VARIABLES)] if box else []
        for seed in range(SEEDS):
            terms = quartic(seed, box)
            name = f"n = 6, degree 4, {'box' if box else 'all of space'}, {seed}"
            spent, r = medians(lambda t=terms, g=given: ct.lower_bound(text(t), g), repeats)
            whole = sum(spent.values())
            value = f"{r.bound:.9g} <= inf <= {r.witnessed:.9g}"
            said = f"{value}; search {short(spent['search'])}, check {short(spent['check'])}; loss {r.lost:.1e}"
            out.append(Figure(f"{name}: ours", "2 s, loss 1e-5", said, whole < 2 and r.lost < 1e-5))
            if not seed:
                out += _beside(name, terms, box, r.certified)
    return out


def _beside(name: str, terms: Terms, box: bool, value: Fraction) -> list[Figure]:
    lower = [(value - Fraction(s) * abs(value)).limit_denominator(10**9) for s in SLACKS]
    asked = {"n": VARIABLES, "terms": terms, "box": box, "constants": [(c.numerator, c.denominator) for c in lower]}
    out = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "asked.json"
        path.write_text(json.dumps(asked))
        found = peers.ask("peer_squares.py", "SumOfSquares", str(path), limit=120)
        said = found.get("failed") or f"{found['value']:.9g} in {short(found['seconds'])}, a float without a proof"
        out.append(Figure(f"{name}: SumOfSquares.py", "", said))
        for tool in ("certo", "omnibias") if not box else ():
            found = peers.ask("peer_squares.py", tool, str(path), limit=120)
            said = found.get("failed")
            if said is None and found["value"] is None:
                said = f"inconclusive for all four constants, down to 10 % below ours ({short(found['seconds'])})"
            elif said is None:
                below = (float(value) - found["value"]) / abs(float(value))
                said = f"proves p >= c for c {below:.0e} below ours, given to it, in {short(found['seconds'])}"
            out.append(Figure(f"{name}: {tool}", "", said))
    return out
