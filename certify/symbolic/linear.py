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
    """D |goal| <= N, with one multiplier for each line, provided that every condition is positive.

    multipliers and numerator are written in the letters of ``conditions`` (letter: what it stands for), so that they
    have no negative coefficient; ``plain`` removes these letters.
    """

    goal: Vector
    lines: tuple[Line, ...]
    multipliers: tuple[Any, ...]
    denominator: Any
    numerator: Any
    conditions: dict[Any, Any]

    def plain(self, expression: Any) -> Any:
        for letter, meant in reversed(self.conditions.items()):
            expression = expression.subs(letter, meant)
        return expression

    @property
    def bound(self) -> Any:
        return self.plain(self.numerator) / self.plain(self.denominator)


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
    k = index[goal]
    conditions: dict[Any, Any] = {}

    def named(own: Any) -> Any:
        """1 - gain of a circle gets a letter."""
        if own == 1:
            return own
        letter = sympy.Dummy(f"d{len(conditions)}", positive=True)
        conditions[letter] = own
        return letter

    # From the first line on, each is put into those that use it and are not finished; the goal's is finished last.
    for j in range(len(rows)):
        if j == k:
            continue
        used = [i for i, r in enumerate(rows) if i != j and j in r.gains and (i > j or i == k)]
        if used:
            rows[j].own = named(rows[j].own)
        for i in used:
            rows[i] = _put(rows[i], rows[j], i, j)
    last = rows[k]
    if last.gains:
        raise AssertionError(f"unknowns {sorted(last.gains)} were not eliminated")
    own = named(last.own)
    multipliers = tuple(scalar(0) + last.weights.get(i, 0) for i in range(len(rows)))
    return Solved(goal, tuple(lines), multipliers, own, last.constant, conditions)


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
