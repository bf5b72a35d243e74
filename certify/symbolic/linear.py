"""Solve `a_i <= sum_j G_ij a_j + b_i` for one unknown, with symbols for gains and sources.

Lines are combined, never divided: D a <= N is sum_i m_i (b_i + sum_j G_ij a_j - a_i) >= 0 written out, an identity in
all symbols. The multipliers m_i are made of gains and of the denominators D on the way, which must be positive:
circles with gain below 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from certify.symbolic.calculus import Line
from certify.symbolic.expressions import Vector, scalar


@dataclass(frozen=True)
class Solved:
    """D |goal| <= N, with one multiplier for each line, provided that every condition is positive."""

    goal: Vector
    lines: tuple[Line, ...]
    multipliers: tuple[Any, ...]
    denominator: Any
    numerator: Any
    conditions: tuple[Any, ...]

    @property
    def bound(self) -> Any:
        return self.numerator / self.denominator


@dataclass
class _Row:
    own: Any
    gains: dict[int, Any]
    constant: Any
    weights: dict[int, Any]


def solve(goal: Vector, lines: Sequence[Line]) -> Solved:
    """The bound on |goal| that the lines imply."""
    import sympy

    index = {line.left: i for i, line in enumerate(lines)}
    rows = []
    for i, line in enumerate(lines):
        gains = {index[v]: c for v, c in line.right}
        own = scalar(1) - gains.pop(i, scalar(0))
        rows.append(_Row(own, gains, line.constant, {i: scalar(1)}))
    k, conditions = index[goal], []
    # A line uses lines that were finished before it, except in circles: from the first on, each is put into the later.
    for j in range(len(rows)):
        if j == k:
            continue
        used = [i for i, r in enumerate(rows) if i != j and j in r.gains and (i > j or i == k)]
        if used and (rows[j].own != 1) and rows[j].own not in conditions:
            conditions.append(rows[j].own)
        for i in used:
            rows[i] = _put(rows[i], rows[j], i, j)
    last = rows[k]
    if last.own != 1 and last.own not in conditions:
        conditions.append(last.own)
    if last.gains:
        raise AssertionError("an unknown was not eliminated")
    multipliers = tuple(sympy.expand(last.weights.get(i, 0)) for i in range(len(rows)))
    return Solved(goal, tuple(lines), multipliers, last.own, last.constant, tuple(conditions))


def _put(row: _Row, by: _Row, i: int, j: int) -> _Row:
    """by.own times ``row`` plus its gain times ``by``: no entry j any more."""
    gain, own = row.gains[j], by.own
    gains = {m: own * c for m, c in row.gains.items() if m != j}
    for m, c in by.gains.items():
        gains[m] = gains.get(m, 0) + gain * c
    left = own * row.own - gains.pop(i, 0)
    weights = {m: own * c for m, c in row.weights.items()}
    for m, c in by.weights.items():
        weights[m] = weights.get(m, 0) + gain * c
    return _Row(left, gains, own * row.constant + gain * by.constant, weights)
