"""Worst cases for quadratic conditions: vectors of low rank, or a Gram matrix, checked in exact arithmetic.

Where the conditions are those of interpolation, points with these inner products extend to maps and functions that
satisfy the assumptions everywhere, so a value that is found is attained. Other conditions are necessary only: then
nothing is claimed beyond affine maps on the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.numbers import root_below
from certify.symbolic.affine import Instance, number
from certify.symbolic.derivation import Derivation
from certify.symbolic.expressions import Norm
from certify.symbolic.multipliers import Solution, matrix
from certify.symbolic.quadratics import Problem, Quadratic

Floats = NDArray[np.float64]
RANK = 3


@dataclass(frozen=True)
class Points:
    """Exact vectors by name (rank columns each), function values, and the goal's value there."""

    vectors: tuple[tuple[str, tuple[Fraction, ...]], ...]
    values: tuple[tuple[str, Fraction], ...]
    value: Fraction

    def __str__(self) -> str:
        said = [f"{n} = ({', '.join(map(str, v))})" for n, v in self.vectors]
        return ", ".join([*said, *(f"{n} = {v}" for n, v in self.values)])


@dataclass(frozen=True)
class GramCase:
    """An exact positive semidefinite Gram matrix of the basis, as a list of rows; value as in Points."""

    names: tuple[str, ...]
    rows: tuple[tuple[Fraction, ...], ...]
    value: Fraction

    def __str__(self) -> str:
        return f"a Gram matrix of {', '.join(self.names)} of rational numbers"


def attain(d: Derivation, p: Problem, s: Solution | None, line: Instance | None) -> Derivation:
    """The derivation with the best instance."""
    against = number(d.bound, {})
    best, value = line, None if line is None else line.value
    if s is not None and s.gram is not None and p.exact:
        for found in (_low_rank(p, s), _interior(p, s)):
            if found is None:
                continue
            size = root_below(found.value) if isinstance(d.goal.of, Norm) else found.value
            if value is None or size > value:
                best, value = found, size  # type: ignore[assignment]
    if value is not None and against is not None and value > against:
        raise AssertionError(f"{d.goal}: {value} is attained above the bound {against}; please report")
    return replace(d, attained=value, against=against, instance=best)


Rational = list[list[Fraction]]


def _evaluate(q: Quadratic, gram: Rational, values: Sequence[Fraction]) -> Fraction:
    total = q.constant + sum((c * values[k] for k, c in q.values.items()), Fraction(0))
    return total + sum((c * gram[i][j] for (i, j), c in q.products.items()), Fraction(0))


def _feasible(p: Problem, gram: Rational, values: Sequence[Fraction]) -> bool:
    return all(_evaluate(q, gram, values) >= 0 for q in p.premises)


def _low_rank(p: Problem, s: Solution) -> Points | None:
    """Vectors with simple coordinates near the solver's, if they satisfy everything exactly."""
    assert s.gram is not None
    gram = (s.gram + s.gram.T) / 2
    top, turn = np.linalg.eigh(gram)
    kept = [k for k in range(len(top)) if top[k] > 1e-5 * max(top[-1], 1e-12)][::-1][:RANK]
    if not kept:
        return None
    rows = turn[:, kept] * np.sqrt(np.maximum(top[kept], 0))
    # Turn the axes so that the first vectors have few coordinates: those are likelier to be simple numbers.
    lower = np.linalg.qr(rows.T)[1].T
    signs = np.sign([lower[np.argmax(np.abs(lower[:, k]) > 1e-6), k] for k in range(lower.shape[1])])
    lower = lower * np.where(signs == 0, 1, signs)
    shift = _values(p, s)
    best = None
    for most in (4, 12, 60, 1000, 100_000):
        coordinates = [[Fraction(float(v)).limit_denominator(most) for v in row] for row in lower]
        values = [Fraction(float(v)).limit_denominator(most) for v in shift]
        exact = [
            [sum((a * b for a, b in zip(u, v, strict=True)), Fraction(0)) for v in coordinates] for u in coordinates
        ]
        if _feasible(p, exact, values):
            value = _evaluate(p.goal, exact, values)
            if best is None or value > best.value:
                names = tuple((str(a), tuple(u)) for a, u in zip(p.basis, coordinates, strict=True))
                marks = tuple((f"{f}({z})", v) for (f, z), v in zip(p.values, values, strict=True))
                best = Points(names, marks, value)
    return best


def _values(p: Problem, s: Solution) -> Floats:
    """Function values of the worst case, shifted so that the last is zero: only differences are bounded."""
    if s.values is None or not p.values:
        return np.zeros(len(p.values))
    shifted: Floats = s.values - s.values[-1]
    return shifted


def _interior(p: Problem, s: Solution) -> GramCase | None:
    """A rational Gram matrix between the solver's and one that satisfies everything with room to spare."""
    cp: Any = import_module("cvxpy")

    from certify.symbolic.multipliers import _solved

    assert s.gram is not None
    if any(q.equality for q in p.premises):
        return None
    n = len(p.basis)
    gram, margin = cp.Variable((n, n), symmetric=True), cp.Variable()
    values: Any = cp.Variable(len(p.values)) if p.values else None
    limits = [gram - margin * np.eye(n) >> 0, margin <= 1, cp.trace(gram) <= 10 * max(1.0, float(np.trace(s.gram)))]
    for q in p.premises:
        e = cp.sum(cp.multiply(matrix(q, n), gram)) + float(q.constant)
        if q.values:
            e = e + sum(float(c) * values[k] for k, c in q.values.items())
        limits.append(e >= margin)
    if not _solved(cp.Problem(cp.Maximize(margin), limits)) or margin.value is None or margin.value <= 1e-9:
        return None
    inner = np.asarray(gram.value, dtype=float)
    inside = np.asarray(values.value, dtype=float) if p.values else np.zeros(0)
    edge = (s.gram + s.gram.T) / 2
    marks = _values(p, s)
    inside = inside - inside[-1] if p.values else inside
    for part in (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2):
        mixed = (1 - part) * edge + part * inner
        rows = [
            [Fraction(round(float(mixed[max(i, j), min(i, j)]) * 2**44), 2**44) for j in range(n)] for i in range(n)
        ]
        at = [Fraction(round(float(v) * 2**44), 2**44) for v in (1 - part) * marks + part * inside]
        if _feasible(p, rows, at) and semidefinite(rows):
            return GramCase(tuple(map(str, p.basis)), tuple(map(tuple, rows)), _evaluate(p.goal, rows, at))
    return None


def semidefinite(rows: Rational) -> bool:
    """Whether an exact symmetric matrix is positive semidefinite, by elimination in rationals."""
    a = [list(r) for r in rows]
    n = len(a)
    for k in range(n):
        if a[k][k] < 0 or (a[k][k] == 0 and any(a[k][j] for j in range(k, n))):
            return False
        if a[k][k] == 0:
            continue
        for i in range(k + 1, n):
            if a[i][k]:
                c = a[i][k] / a[k][k]
                for j in range(k, n):
                    a[i][j] -= c * a[k][j]
    return True
