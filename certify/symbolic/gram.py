"""Derivations by multipliers: quadratic inequalities between the points at which maps are used.

What is assumed of a map is written as interpolation conditions at its points (Taylor, Hendrickx and Glineur 2017,
Theorem 4, for smooth strongly convex functions; Kirszbraun's theorem for Lipschitz and slope-restricted maps), and the
goal is bounded by `limit - goal = sum of multipliers times conditions + squares`, in any dimension: kind *s-procedure*.

A function value F(z) enters as the inner product of a vector of its own with one common vector, and the constant 1 as
|u_0|^2; vectors with such products exist for all values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from time import perf_counter
from typing import Any

from certify.symbolic.affine import number, worst
from certify.symbolic.assumptions import (
    Assumption,
    Close,
    Convex,
    Equal,
    Independent,
    Inside,
    Lipschitz,
    Monotone,
    NormBound,
    Relation,
    Slope,
    points_of,
)
from certify.symbolic.calculus import NoBound
from certify.symbolic.derivation import Derivation
from certify.symbolic.expressions import Atom, Form, Map, Norm, Vector, inner, scalar
from certify.symbolic.goals import Goal
from certify.symbolic.quadratics import Problem, Quadratic, Row, Sum, aligned, plus, reduced

# Gram matrices beyond this side take minutes.
MOST_VECTORS = 60
UNIT = "1"


class _Builder:
    def __init__(self, assumptions: Sequence[Assumption], goal: Goal) -> None:
        self.assumptions = assumptions
        self.free = {a.map: a for a in assumptions if isinstance(a, Independent)}
        self.goal = goal.of if isinstance(goal.of, Form) else inner(goal.of.vector, goal.of.vector)
        vectors = [Vector.of({x: scalar(1)}) for pair, _ in self.goal.products for x in pair]
        self.marks: dict[tuple[str, Vector], int] = {}
        convex = {a.function.name: a for a in assumptions if isinstance(a, Convex)}
        for f in (self.goal, *(a.form for a in assumptions if isinstance(a, Relation))):
            for key, _ in f.values:
                self.marks.setdefault(key, len(self.marks))
        for a in assumptions:
            vectors += _vectors(a)
        vectors += [z for _, z in self.marks]
        self.atoms: dict[Atom, None] = {}
        for v in vectors:
            self._note(v)
        for a in assumptions:
            if isinstance(a, Close):
                for z in [x.argument for x in list(self.atoms) if x.map in (a.first, a.second)]:
                    if z is not None:
                        self._note(a.first(z))
                        self._note(a.second(z))
        for name, a in convex.items():
            gradient = a.function.gradient
            for n, z in list(self.marks):
                if n == name:
                    self._note(gradient(z))
            for x in list(self.atoms):
                if x.map == gradient and x.argument is not None:
                    self.marks.setdefault((name, x.argument), len(self.marks))
        self.rows = self._coordinates()

    def _note(self, v: Vector) -> None:
        self.atoms |= dict.fromkeys(points_of(v))

    def _coordinates(self) -> dict[Atom, Row]:
        """Every atom as a combination of the atoms that equations leave free."""
        order = list(self.atoms)
        index = {a: k for k, a in enumerate(order)}
        equations: list[Row] = []

        def add(v: Vector) -> None:
            row = {index[a]: _number(c) for a, c in v.terms}
            for e in equations:
                lead = next(iter(e))
                if lead in row:
                    row = plus(row, e, -row[lead])
            if row:
                # The last atom is solved for: applied ones come after their arguments.
                lead = max(row)
                row = {k: v / row[lead] for k, v in sorted(row.items(), key=lambda t: t[0] != lead)}
                for i, e in enumerate(equations):
                    if lead in e:
                        first = next(iter(e))
                        new = plus(e, row, -e[lead])
                        equations[i] = {first: new[first], **{k: v for k, v in new.items() if k != first}}
                equations.append(row)

        for a in self.assumptions:
            if isinstance(a, Equal):
                add(a.left - a.right)
        for x in order:
            if x.map in self.free and x.argument is not None:
                kept = self.free[x.map]
                twin = kept.map(kept.kept(x.argument)).terms[0][0]
                if twin in index and twin != x:
                    add(Vector.of({x: scalar(1), twin: scalar(-1)}))
        rows: dict[Atom, Row] = {a: {k: Fraction(1)} for k, a in enumerate(order)}
        for e in equations:
            lead = next(iter(e))
            rows[order[lead]] = {k: -v for k, v in e.items() if k != lead}
        kept_atoms = [k for k in range(len(order)) if any(k in r for r in rows.values())]
        place = {k: i for i, k in enumerate(kept_atoms)}
        self.basis = [order[k] for k in kept_atoms]
        return {a: {place[k]: v for k, v in r.items()} for a, r in rows.items()}

    def row(self, v: Vector) -> Row:
        out: Row = {}
        for a, c in v.terms:
            out = plus(out, self.rows[a], _number(c))
        return out

    def points(self, f: Map) -> list[tuple[Vector, Row, Row]]:
        """Argument, its coordinates, and those of the image, for every use of a map."""
        found = [(x.argument, self.row(x.argument), self.rows[x]) for x in self.atoms if x.map == f and x.argument]
        if any(x.map == f and x.argument is not None and not x.argument for x in self.atoms):
            zero = Vector(())
            found.append((zero, {}, self.rows[f(zero).terms[0][0]]))
        return found

    def form(self, f: Form) -> Quadratic:
        total = Sum()
        for (a, b), c in f.products:
            total.product(self.rows[a], self.rows[b], _number(c))
        for key, c in f.values:
            total.value(self.marks[key], _number(c))
        total.constant = _number(f.constant)
        return total.made()


def _number(c: Any) -> Fraction:
    found = number(c, {})
    if found is None:
        raise NoBound(f"multipliers are found for rational numbers only, found {c}")
    return found


def _vectors(a: Assumption) -> list[Vector]:
    if isinstance(a, NormBound | Inside):
        return [a.vector]
    if isinstance(a, Relation):
        return [Vector.of({x: scalar(1)}) for pair, _ in a.form.products for x in pair]
    return [a.left, a.right] if isinstance(a, Equal) else []


def problem(assumptions: Sequence[Assumption], goal: Goal) -> Problem:
    """The quadratic inequalities that the assumptions say about the points in play. Raises NoBound without numbers."""
    b = _Builder(assumptions, goal)
    premises: list[Quadratic] = []
    inside = {(a.vector, a.region) for a in assumptions if isinstance(a, Inside)}
    said: dict[Map, int] = {}
    exact = True
    for a in assumptions:
        if isinstance(a, Lipschitz | Slope | Monotone):
            said[a.map] = said.get(a.map, 0) + 1
            exact &= not a.map.linear and not isinstance(a, Monotone)
        if isinstance(a, Convex):
            said[a.function.gradient] = said.get(a.function.gradient, 0) + 1
        exact &= not isinstance(a, Close | Independent) and not (isinstance(a, Convex) and a.smooth is None)
        for q in _premises(b, a, inside):
            if q.products or q.values or q.constant:
                premises.append(q)
    # Where a map is not bound by conditions on pairs, equal points may get different images.
    for f in {x.map: None for x in b.atoms if x.map is not None and not x.map.linear}:
        paired = any(
            (isinstance(a, Lipschitz) and not a.on) or (isinstance(a, Slope) and not a.at_zero) or isinstance(a, Convex)
            for a in assumptions
            if f in (getattr(a, "map", None), a.function.gradient if isinstance(a, Convex) else None)
        )
        exact &= paired or len(b.points(f)) < 2
    premises += _projections(b)
    exact &= all(k == 1 for k in said.values()) and not any(
        x.map is not None and x.map.kind == "linear" for x in b.atoms
    )
    if len(b.basis) + len(b.marks) > MOST_VECTORS:
        raise NoBound(f"{len(b.basis)} vectors are too many for a search of multipliers, the limit is {MOST_VECTORS}")
    basis = [Vector.of({x: scalar(1)}) for x in b.basis]
    return aligned(reduced(Problem(basis, list(b.marks), premises, b.form(b.goal), exact)))


def _premises(b: _Builder, a: Assumption, inside: set[tuple[Vector, str]]) -> list[Quadratic]:
    if isinstance(a, NormBound):
        v = b.row(a.vector)
        total = Sum().product(v, v, -1)
        total.constant = _number(a.radius) ** 2
        return [total.made(str(a), a)]
    if isinstance(a, Relation):
        q = b.form(a.form)
        return [Quadratic(q.products, q.values, q.constant, str(a), a)]
    if isinstance(a, Close):
        return _close(b, a, inside)
    if isinstance(a, Convex):
        return _convex(b, a)
    if not isinstance(a, Lipschitz | Slope | Monotone):
        return []
    found = b.points(a.map)
    if isinstance(a, Lipschitz) and a.on:
        found = [p for p in found if (p[0], a.on) in inside]
    if isinstance(a, Slope) and a.at_zero:
        return [_pair(a, z, u, f, {}, {}, "0") for z, u, f in found]
    out = []
    for i, (z, u, f) in enumerate(found):
        for w, v, g in found[:i]:
            out.append(_pair(a, z, u, f, v, g, str(w)))
    return out


def _pair(a: Lipschitz | Slope | Monotone, z: Vector, u: Row, f: Row, v: Row, g: Row, other: str) -> Quadratic:
    d, e = plus(u, v, Fraction(-1)), plus(f, g, Fraction(-1))
    total = Sum()
    if isinstance(a, Lipschitz):
        total.product(d, d, _number(a.constant) ** 2).product(e, e, -1)
    elif isinstance(a, Monotone):
        total.product(e, d).product(d, d, -_number(a.modulus))
    else:
        low, high = _number(a.low), _number(a.high)
        total.product(plus(e, d, -low), plus({k: high * c for k, c in d.items()}, e, Fraction(-1)))
    return total.made(f"{a}, at {z} and {other}", a)


def _close(b: _Builder, a: Close, inside: set[tuple[Vector, str]]) -> list[Quadratic]:
    second = {z: g for z, _, g in b.points(a.second)}
    out = []
    for z, _, f in b.points(a.first):
        if z in second and (not a.on or (z, a.on) in inside):
            d = plus(f, second[z], Fraction(-1))
            total = Sum().product(d, d, -1)
            total.constant = _number(a.error) ** 2
            out.append(total.made(f"{a}, at {z}", a))
    return out


def _convex(b: _Builder, a: Convex) -> list[Quadratic]:
    """F_i - F_j - <g_j, z_i - z_j> >= (|g_i - g_j|^2 / L + m |z_i - z_j|^2 - 2 (m / L) <g_j - g_i, z_j - z_i>)
    / (2 (1 - m / L))."""
    found = b.points(a.function.gradient)
    m, out = _number(a.strong), []
    for i, (z, u, f) in enumerate(found):
        for j, (w, v, g) in enumerate(found):
            if i == j:
                continue
            d, e = plus(u, v, Fraction(-1)), plus(f, g, Fraction(-1))
            total = Sum().value(b.marks[a.function.name, z], 1).value(b.marks[a.function.name, w], -1).product(g, d, -1)
            if a.smooth is None:
                total.product(d, d, -m / 2)
            else:
                top = _number(a.smooth)
                c = 1 / (2 * (1 - m / top))
                total.product(e, e, -c / top).product(d, d, -c * m).product(e, d, 2 * c * m / top)
            out.append(total.made(f"{a}, from {w} to {z}", a))
    return out


def _projections(b: _Builder) -> list[Quadratic]:
    """<P u, v - P v> = 0 for all uses of a projection, as two inequalities."""
    out = []
    for p in {x.map: None for x in b.atoms if x.map is not None and x.map.kind == "projection"}:
        found = b.points(p)
        for z, _, f in found:
            for w, v, g in found:
                total = Sum().product(f, plus(v, g, Fraction(-1))).made()
                if total.products:
                    for sign in (1, -1):
                        signed = {k: sign * c for k, c in total.products.items()}
                        out.append(
                            Quadratic(signed, said=f"{p} is an orthogonal projection, at {z} and {w}", equality=True)
                        )
    return out


def by_gram(assumptions: Sequence[Assumption], goal: Goal) -> Derivation:
    """A Derivation with numbers; raises NoBound where the problem cannot be stated."""
    from certify.symbolic.gram_instance import attain
    from certify.symbolic.multipliers import certified

    start = perf_counter()
    p = problem(assumptions, goal)
    found, solution = certified(p, goal)
    searched = perf_counter() - start
    if found.found and isinstance(goal.of, Norm):
        # Affine maps on the line first: an instance that people can read.
        limit = number(found.bound, {})
        line = worst(goal.of.vector, assumptions, {}, None if limit is None else limit * Fraction(999_999, 1_000_000))
        found = attain(found, p, solution, line)
    elif found.found:
        found = attain(found, p, solution, None)
    times = {**found.seconds, "search": searched, "all": perf_counter() - start}
    return replace(found, seconds=times)
