"""Linear equations over the rationals: sparse elimination with Fractions, for a few hundred equations."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

BITS = 1_000
Sparse = Mapping[Any, Fraction]


def solution(columns: Sequence[Sparse], right: Sparse) -> list[Fraction] | None:
    """Coefficients with sum_k c_k columns[k] = right exactly, or None. Free ones are zero.

    None too where fractions grow longer than a certificate could hold.
    """
    rows: dict[Hashable, dict[int, Fraction]] = {}
    for k, column in enumerate(columns):
        for e, v in column.items():
            if v:
                rows.setdefault(e, {})[k] = Fraction(v)
    if any(v and e not in rows for e, v in right.items()):
        return None
    waiting = [(row, Fraction(right.get(e, 0))) for e, row in rows.items()]
    solved: list[tuple[int, dict[int, Fraction], Fraction]] = []
    while waiting:
        at = min(range(len(waiting)), key=lambda i: len(waiting[i][0]))
        row, value = waiting.pop(at)
        if not row:
            if value:
                return None
            continue
        # The entry of least height: fractions stay short.
        k = min(row, key=lambda j: (abs(row[j].numerator) + row[j].denominator, j))
        pivot = row.pop(k)
        if max(pivot.numerator.bit_length(), pivot.denominator.bit_length()) > BITS:
            return None
        row, value = {j: v / pivot for j, v in row.items()}, value / pivot
        solved.append((k, row, value))
        for i, (other, its) in enumerate(waiting):
            if (c := other.pop(k, None)) is None:
                continue
            for j, v in row.items():
                new = other.get(j, Fraction(0)) - c * v
                if new:
                    other[j] = new
                else:
                    other.pop(j, None)
            waiting[i] = (other, its - c * value)
    out = [Fraction(0)] * len(columns)
    for k, row, value in reversed(solved):
        out[k] = value - sum((v * out[j] for j, v in row.items()), Fraction(0))
    return out


def spanning(matrix: NDArray[np.float64]) -> list[int]:
    """Columns that span the others, well conditioned ones first: pivoted QR in floats."""
    _, r, order = scipy.linalg.qr(matrix, mode="economic", pivoting=True)
    sizes = np.abs(np.diagonal(r))
    rank = int(np.sum(sizes > 1e-10 * (sizes[0] if len(sizes) else 1.0)))
    return [int(k) for k in order[:rank]]


def rational_rows(vectors: NDArray[np.float64], largest: int, near: float) -> list[list[Fraction]] | None:
    """The row space of float vectors (k, n) in reduced form with rational entries; None where they are not near any.

    Returns k rows of which the pivots' columns are those of the identity.
    """
    a, pivots = np.array(vectors, dtype=np.float64), []
    for i in range(a.shape[0]):
        free = [j for j in range(a.shape[1]) if j not in pivots]
        # Among entries of nearly the largest size the first, so that equal problems give equal rows.
        best = max(float(np.max(np.abs(a[i:, j]))) for j in free)
        j = next(j for j in free if np.max(np.abs(a[i:, j])) >= 0.5 * best)
        r = i + int(np.argmax(np.abs(a[i:, j])))
        if abs(a[r, j]) < 1e-6:
            return None
        a[[i, r]] = a[[r, i]]
        a[i] /= a[i, j]
        for other in range(a.shape[0]):
            if other != i:
                a[other] -= a[other, j] * a[i]
        pivots.append(j)
    out = []
    for row in a:
        found = [Fraction(float(v)).limit_denominator(largest) for v in row]
        if any(abs(float(f) - v) > near * (1 + abs(v)) for f, v in zip(found, row, strict=True)):
            return None
        out.append(found)
    return out
