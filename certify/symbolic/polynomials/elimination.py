"""Eliminate variables by equalities that are linear in them; carry proofs back, exactly.

An equality c x_j + r = 0 with a constant c and r free of x_j replaces x_j by -r / c everywhere. A proof about what is
left becomes one about the original: the difference is a combination of the equalities, found by division.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from certify.symbolic.polynomials.evidence import Gram, Leaf, Multiple, Squares, gap
from certify.symbolic.polynomials.parse import Problem
from certify.symbolic.polynomials.poly import Poly

Combination = Mapping[int, Poly]


@dataclass(frozen=True)
class Step:
    """x_j - value = the combination of the original equalities."""

    variable: int
    value: Poly
    combination: Combination


class Eliminated:
    """A problem without the variables that its equalities give."""

    def __init__(self, original: Problem) -> None:
        self.original = original
        n = original.n
        self.steps: list[Step] = []
        left: list[tuple[Poly, dict[int, Poly]]] = [
            (h, {k: Poly.constant(n, 1)}) for k, h in enumerate(original.equalities)
        ]
        while (found := _linear(left)) is not None:
            at, j, c = found
            h, own = left.pop(at)
            x = Poly.variable(n, j)
            step = Step(j, x - h * (1 / c), {k: m * (1 / c) for k, m in own.items()})
            self.steps.append(step)
            left = [_without(g, its, step) for g, its in left]
        kept = [(h, its) for h, its in left if h]
        self.equalities = [h for h, _ in kept]
        self._combinations = [its for _, its in kept]
        self.inequalities = [self.reduced(g) for g in original.inequalities]
        self.goal = self.reduced(original.goal)
        self.values = [s.value for s in self.steps]

    def reduced(self, p: Poly) -> Poly:
        """The same values on the equalities, without the eliminated variables."""
        for s in self.steps:
            p = _divided(p, s)[1]
        return p

    @property
    def problem(self) -> Problem:
        o = self.original
        return Problem(o.names, self.goal, tuple(self.inequalities), tuple(self.equalities), o.strict, o.open)

    def lifted(self, point: Sequence[Fraction]) -> list[Fraction]:
        """A point of what is left, with the eliminated variables' values."""
        x = list(point)
        for s in reversed(self.steps):
            x[s.variable] = s.value(x)
        return x

    def carried(self, leaf: Leaf, goal: Poly, inequalities: Sequence[Poly]) -> Leaf:
        """A leaf about the original goal and inequalities (with those of splits) from one about the reduced ones."""
        terms: list[Squares | Gram | Multiple] = []
        for t in leaf.terms:
            if isinstance(t, Multiple):
                own = self._combinations[t.equality]
                terms += [Multiple(t.polynomial * m, k) for k, m in own.items() if t.polynomial * m]
            else:
                terms.append(t)
        rest = gap(Leaf(tuple(terms), leaf.power), goal, inequalities, self.original.equalities)
        extra: dict[int, Poly] = {}
        for s in self.steps:
            q, rest = _divided(rest, s)
            for k, m in s.combination.items():
                extra[k] = extra.get(k, Poly(goal.n)) + q * m
        terms += [Multiple(q, k) for k, q in extra.items() if q]
        return Leaf(tuple(terms), leaf.power)


def _linear(equalities: Sequence[tuple[Poly, object]]) -> tuple[int, int, Fraction] | None:
    """An equality, a variable in which it is linear with a constant coefficient, and that; shortest first."""
    order = sorted(range(len(equalities)), key=lambda k: len(equalities[k][0].terms))
    for k in order:
        h = equalities[k][0]
        for j in range(h.n):
            own = [(e, c) for e, c in h.terms.items() if e[j]]
            if len(own) == 1 and sum(own[0][0]) == 1:
                return k, j, own[0][1]
    return None


def _divided(p: Poly, s: Step) -> tuple[Poly, Poly]:
    """(q, r) with p = q (x_j - value) + r and no x_j in r."""
    j, n = s.variable, p.n
    if not any(e[j] for e in p.terms):
        return Poly(n), p
    powers: dict[int, dict[tuple[int, ...], Fraction]] = {}
    for e, c in p.terms.items():
        powers.setdefault(e[j], {})[(*e[:j], 0, *e[j + 1 :])] = c
    # Horner's scheme: the partial results are the coefficients of the quotient.
    x, q, r = Poly.variable(n, j), Poly(n), Poly(n)
    for k in range(max(powers), -1, -1):
        q = q * x + r
        r = r * s.value + Poly(n, powers.get(k, {}))
    return q, r


def _without(g: Poly, its: dict[int, Poly], s: Step) -> tuple[Poly, dict[int, Poly]]:
    q, r = _divided(g, s)
    out = dict(its)
    for k, m in s.combination.items():
        out[k] = out.get(k, Poly(g.n)) - q * m
    return r, out
