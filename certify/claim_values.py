"""The exact value of a claim's quantity at a point: what a witness is judged by.

Outputs come as enclosures [lo, hi], equal unless a network has constants that no float holds; so does the value.
Every step is rational interval arithmetic; the only root, of the Euclidean norm, is enclosed by integers. Search
in floats is ``Quantity.evaluate``; proofs about whole regions are elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.errors import BadInput
from certify.networks.exact import exact_values
from certify.numbers import root_above, root_below

if TYPE_CHECKING:
    from certify.claims import Quantity

Interval = tuple[Fraction, Fraction]
Outputs = tuple[Sequence[Fraction], Sequence[Fraction]]


def value_at(q: Quantity, x: Any, x2: Any = None, part: int | None = None) -> Interval:
    """Exact (lower, upper) of the quantity at x and, where a network reads one, x' = x2 (x itself if not given).

    A free node takes its source's value at x', which is one of the values it may take. part: the part x lies in;
    by default every part that holds x, and the largest value among their classes.
    Raises BadInput when x or x2 is not in the domain, decided exactly.
    """
    holding = list(q.domain.parts_of(x, part))
    if not holding:
        where = "the domain" if part is None else f"part {part} of the domain"
        raise BadInput(f"x: expected a point of {where}, found one outside")
    if x2 is not None and not q.domain.contains(x2):
        raise BadInput("x': expected a point of the domain, found one outside")
    f = exact_values(q.f, x, x2)
    g = None if q.g is None else exact_values(q.g, x, x2)
    values = [enclose(q, f, g, k) for k in (holding if q.labels else holding[:1])]
    return max(v[0] for v in values), max(v[1] for v in values)


def enclose(q: Quantity, f: Outputs, g: Outputs | None, part: int) -> Interval:
    """Exact (lower, upper) of the quantity on a part, from enclosures of the outputs."""
    on_f = list(zip(*f, strict=True))
    on_g = None if g is None else list(zip(*g, strict=True))
    d = on_f if on_g is None else [(a - q, b - p) for (a, b), (p, q) in zip(on_f, on_g, strict=True)]
    match q.kind:
        case "value":
            return _norm(q.norm, _without_mean(d) if q.modulo_mean else d)
        case "output":
            return _absolute(d[q.index])
        case "functional" | "upper":
            assert q.row is not None
            v = _dot([Fraction(float(a)) for a in q.row.ravel()], d)
            return _absolute(v) if q.kind == "functional" else v
        case "least":
            return _least(q, on_f, on_g)
        case "margin":
            return _push(d, q.labels[part])
        case "decision":
            assert on_g is not None
            both = [_push(on_f, q.labels[part]), _push(on_g, q.labels[part])]
            return max(v[0] for v in both), max(v[1] for v in both)


def _absolute(v: Interval) -> Interval:
    return max(v[0], -v[1], Fraction(0)), max(-v[0], v[1])


def _dot(row: Sequence[Fraction], d: Sequence[Interval]) -> Interval:
    low = sum((a * (v[0] if a >= 0 else v[1]) for a, v in zip(row, d, strict=True)), Fraction(0))
    high = sum((a * (v[1] if a >= 0 else v[0]) for a, v in zip(row, d, strict=True)), Fraction(0))
    return low, high


def _least(q: Quantity, on_f: Sequence[Interval], on_g: Sequence[Interval] | None) -> Interval:
    """min over k of a_k . f + b_k . g - t_k."""
    assert q.on_f is not None
    both = list(on_f) if q.on_g is None or on_g is None else [*on_f, *on_g]
    rows = q.on_f if q.on_g is None else np.concatenate([q.on_f, q.on_g], axis=1)
    values = [_dot([Fraction(float(a)) for a in row], both) for row in rows]
    low, high = (min(v[s] - t for v, t in zip(values, q.limits, strict=True)) for s in (0, 1))
    return low, high


def _without_mean(d: Sequence[Interval]) -> list[Interval]:
    """d - mean(d): entry j enters with weight (m - 1)/m, the others with -1/m."""
    m = len(d)
    low, high = sum((v[0] for v in d), Fraction(0)), sum((v[1] for v in d), Fraction(0))
    return [((m * a - (high - b) - a) / m, (m * b - (low - a) - b) / m) for a, b in d]


def _norm(norm: str, d: Sequence[Interval]) -> Interval:
    sizes = [_absolute(v) for v in d]
    if norm == "linf":
        return max(v[0] for v in sizes), max(v[1] for v in sizes)
    if norm == "l1":
        return sum((v[0] for v in sizes), Fraction(0)), sum((v[1] for v in sizes), Fraction(0))
    low = sum((v[0] * v[0] for v in sizes), Fraction(0))
    return root_below(low), root_above(sum((v[1] * v[1] for v in sizes), Fraction(0)))


def _push(v: Sequence[Interval], c: int) -> Interval:
    """max over j != c of v_j - v_c."""
    others = [j for j in range(len(v)) if j != c]
    return max(v[j][0] - v[c][1] for j in others), max(v[j][1] - v[c][0] for j in others)
