"""Quadratic inequalities over a basis of unknown vectors, and the choice of that basis, in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm

from certify.symbolic.assumptions import Assumption
from certify.symbolic.expressions import Vector, scalar

Row = dict[int, Fraction]


@dataclass(frozen=True)
class Quadratic:
    """sum q_ij <b_i, b_j> + sum of value coefficients + constant, over the basis of a problem."""

    products: dict[tuple[int, int], Fraction]
    values: dict[int, Fraction] = field(default_factory=dict)
    constant: Fraction = Fraction(0)
    said: str = ""
    because: Assumption | None = None
    equality: bool = False

    @property
    def denominator(self) -> int:
        parts = [*self.products.values(), *self.values.values(), self.constant]
        # Off-diagonal entries are halved in a symmetric matrix.
        return lcm(*(2 * v.denominator for v in parts)) if parts else 1


@dataclass
class Problem:
    """basis: vectors that may be anything; values: pairs (function, point); premises >= 0; the goal is made large."""

    basis: list[Vector]
    values: list[tuple[str, Vector]]
    premises: list[Quadratic]
    goal: Quadratic
    exact: bool
    rank: int = 0


class Sum:
    """A Quadratic in the making."""

    def __init__(self) -> None:
        self.products: dict[tuple[int, int], Fraction] = {}
        self.values: dict[int, Fraction] = {}
        self.constant = Fraction(0)

    def product(self, u: Row, v: Row, c: Fraction | int = 1) -> Sum:
        """c <u, v>."""
        for i, p in u.items():
            for j, q in v.items():
                key = (min(i, j), max(i, j))
                self.products[key] = self.products.get(key, Fraction(0)) + c * p * q
        return self

    def value(self, k: int, c: Fraction | int) -> Sum:
        self.values[k] = self.values.get(k, Fraction(0)) + c
        return self

    def made(self, said: str = "", because: Assumption | None = None, equality: bool = False) -> Quadratic:
        products = {k: v for k, v in self.products.items() if v}
        values = {k: v for k, v in self.values.items() if v}
        return Quadratic(products, values, self.constant, said, because, equality)


def plus(a: Row, b: Row, c: Fraction) -> Row:
    out = dict(a)
    for k, v in b.items():
        out[k] = out.get(k, Fraction(0)) + c * v
    return {k: v for k, v in out.items() if v}


def reduced(p: Problem) -> Problem:
    """The same over combinations of vectors that matter: where only x - y occurs, x - y is one vector.

    With C the reduced echelon form of all rows of all forms, Q = C' Q' C, and Q' is Q at the pivots.
    """
    n = len(p.basis)
    echelon = _echelon([p.goal, *p.premises])
    if len(echelon) == n:
        return p
    place = {lead: k for k, (lead, _) in enumerate(echelon)}

    def at_pivots(q: Quadratic) -> Quadratic:
        kept = {(place[i], place[j]): c for (i, j), c in q.products.items() if i in place and j in place}
        return replace(q, products=kept)

    basis = [_vector(p, e) for _, e in echelon]
    return Problem(basis, p.values, [at_pivots(q) for q in p.premises], at_pivots(p.goal), p.exact, len(basis))


def aligned(p: Problem) -> Problem:
    """The same with ``rank`` leading vectors that the sum of goal and multiples of premises can only speak of, whenever
    function values cancel in it: so many rows of that sum may be positive, all others are zero.
    """
    echelon = _echelon(_cancelling(p))
    n, r = len(p.basis), len(echelon)
    if r == n:
        return replace(p, rank=n)
    leads = [lead for lead, _ in echelon]
    rest = [k for k in range(n) if k not in leads]
    place = {k: r + i for i, k in enumerate(rest)}
    # Old vector k in the new ones: v_i - sum of the others in its row, or itself.
    old: dict[int, Row] = {k: {place[k]: Fraction(1)} for k in rest}
    for i, (lead, e) in enumerate(echelon):
        old[lead] = {i: Fraction(1), **{place[k]: -c for k, c in e.items() if k != lead}}

    def turned(q: Quadratic) -> Quadratic:
        total = Sum()
        for (i, j), c in q.products.items():
            total.product(old[i], old[j], c)
        return replace(q, products=total.made().products)

    basis = [_vector(p, e) for _, e in echelon] + [p.basis[k] for k in rest]
    return Problem(basis, p.values, [turned(q) for q in p.premises], turned(p.goal), p.exact, r)


def _vector(p: Problem, row: Row) -> Vector:
    total = Vector(())
    for k, c in sorted(row.items()):
        total = total + scalar(c) * p.basis[k]
    return total


def _echelon(forms: Sequence[Quadratic]) -> list[tuple[int, Row]]:
    """The reduced echelon form of all rows of symmetric matrices: pivots and rows."""
    pivots: list[tuple[int, Row]] = []
    for q in forms:
        full: dict[int, Row] = {}
        for (i, j), c in q.products.items():
            full.setdefault(i, {})[j] = c * (2 if i == j else 1)
            full.setdefault(j, {})[i] = c * (2 if i == j else 1)
        for row in full.values():
            for lead, e in pivots:
                if lead in row:
                    row = plus(row, e, -row[lead])
            if row:
                lead = min(row)
                row = {k: v / row[lead] for k, v in row.items()}
                pivots = [(k, plus(e, row, -e[lead]) if lead in e else e) for k, e in pivots]
                pivots.append((lead, row))
    return sorted(pivots, key=lambda t: t[0])


def _cancelling(p: Problem) -> list[Quadratic]:
    """Forms that span all sums of the goal and multiples of premises in which function values cancel."""
    last = len(p.premises)
    pivots: list[tuple[int, Row]] = []
    for k in range(len(p.values)):
        row = {j: q.values[k] for j, q in enumerate(p.premises) if k in q.values}
        if k in p.goal.values:
            row[last] = p.goal.values[k]
        for lead, e in pivots:
            if lead in row:
                row = plus(row, e, -row[lead])
        if row and min(row) < last:
            lead = min(row)
            row = {j: v / row[lead] for j, v in row.items()}
            pivots = [(j, plus(e, row, -e[lead]) if lead in e else e) for j, e in pivots]
            pivots.append((lead, row))
    led = {lead for lead, _ in pivots}
    out = []
    for j in range(last + 1):
        if j in led:
            continue
        total: dict[tuple[int, int], Fraction] = dict((p.goal if j == last else p.premises[j]).products)
        for lead, e in pivots:
            if j in e:
                for key, c in p.premises[lead].products.items():
                    total[key] = total.get(key, Fraction(0)) - e[j] * c
        out.append(Quadratic({k: v for k, v in total.items() if v}))
    return out
