"""``ct.truncation``: how far a matrix is from a coarser one, on a ball or an ellipsoid, without a trusted SVD.

The search takes the largest singular value from float64, raises it a little, and factors limit^2 Q - E' E; the kernel
forms E = A - B from the stored matrices themselves. The lower end is attained by a dyadic vector, in exact integers.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg

from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.numbers import rational, root_below
from certify.results import Bracket, Status
from certify.statements.bound import Bound, judged
from certify.statements.exact import Floats, exact, floats, of_integers
from certify.statements.factor import Factor, factor

# What is added to the float value, relative to it, until the exact matrix has a factor. Rule psd keeps no tolerance.
SLACKS = (2.0**-40, 2.0**-34, 2.0**-28, 2.0**-22, 2.0**-16, 2.0**-10)
WITNESS_BITS = 40


def truncation(A: Any, B: Any, over: Any = None, limit: Any = None) -> Bound:
    """Bound sup |(A - B) x| over x' Q x <= 1.

    A, B: (r, c) matrices, floats taken exactly or Fractions. over: Q, (c, c) symmetric positive semidefinite; by
    default the identity, and the supremum is the largest singular value of A - B. limit: a number to compare with; the
    status is then about it. Raises BadInput for matrices that do not fit together.
    """
    start = time.perf_counter()
    full, coarse = exact(A, "A"), exact(B, "B")
    if full.shape != coarse.shape:
        raise BadInput(f"B: expected the shape of A, {full.shape}, found {coarse.shape}")
    c = full.shape[1]
    shape = of_integers(np.eye(c, dtype=int), c, c) if over is None else exact(over, "over")
    if shape.shape != (c, c) or np.any(shape.n.a != shape.n.a.T):
        raise BadInput(f"over: expected a symmetric {c} x {c} matrix, found {shape.shape[0]} x {shape.shape[1]}")
    rest = full - coarse
    most = None if limit is None else rational(limit, "limit")
    square = rest.T @ rest
    value, x = _largest(floats(square), floats(shape))
    lower = _attained(rest, shape, x)
    found = _certified(shape, square, value, most)
    searched = time.perf_counter() - start
    if found is None:
        return Bound("sup |(A - B) x|", "unknown", Bracket(lower, None, "unknown"), searched=value,
                     seconds={"search": searched}, notes=("no exact certificate was found",))  # fmt: skip
    upper, hints = found
    of = {"full": A, "coarse": B, "shape": np.eye(c, dtype=int) if over is None else over, "limit": upper}
    certificate, verdict = judged("truncation", of, [hints])
    status: Status = "proved" if verdict.accepted else "unknown"
    if most is not None:
        status = "refuted" if lower > most else "proved" if verdict.accepted and upper <= most else "unknown"
    return Bound(
        "sup |(A - B) x|",
        status,
        Bracket(lower, upper if verdict.accepted else None, status),
        certificate,
        verdict,
        searched=value,
        seconds={"search": searched, "check": time.perf_counter() - start - searched},
    )


def _largest(square: Floats, shape: Floats) -> tuple[float, Floats]:
    """The float64 supremum and a vector that attains it; inf where the ellipsoid is unbounded in float64."""
    try:
        values, vectors = scipy.linalg.eigh(square, shape, subset_by_index=[len(square) - 1] * 2)
    except np.linalg.LinAlgError:
        return float("inf"), np.ones(len(square))
    return float(np.sqrt(max(values[0], 0.0))), vectors[:, 0]


def _attained(rest: Matrix, shape: Matrix, x: Floats) -> Fraction:
    """|E x| / sqrt(x' Q x), rounded down, at x as dyadics."""
    unit = np.rint(x / np.abs(x).max() * 2.0**WITNESS_BITS).astype(np.int64)
    v = of_integers(unit, len(unit), 1)
    y, q = rest @ v, v.T @ shape @ v
    top = y.T @ y
    size = Fraction(q.n.tolist()[0], q.den)
    return root_below(Fraction(top.n.tolist()[0], top.den) / size) if size > 0 else Fraction(0)


def _certified(shape: Matrix, square: Matrix, value: float, most: Fraction | None) -> tuple[Fraction, Factor] | None:
    """A limit near the float value with hints the kernel accepts; the claimed limit itself where that works."""
    tried: list[Fraction] = []
    if np.isfinite(value):
        tried += [Fraction(value) * (1 + Fraction(s)) for s in SLACKS] if value else [Fraction(0)]
    if most is not None and most >= 0:
        tried.append(most)
    for g in tried:
        hints = factor(shape.times((g * g).numerator, (g * g).denominator) - square)
        if hints is not None:
            return g, hints
    return None
