"""Statements and proofs of the kinds *polynomial* and *invariant*, from polynomials to what a bundle stores.

A proof is a tree: ``Split`` on the sign of a polynomial, ``Leaf`` with an identity. Premises are numbered: the
statement's inequalities, then those of the splits above the leaf; equalities are numbered on their own.
Builds what it is told; ``gap`` says what a leaf leaves open, in exact arithmetic.

    goal, given = x + y, [x, y]                     # Poly
    of = polynomial_statement(goal, given)
    proof = Leaf((Squares.times(1, (0,), n=2), Squares.times(1, (1,), n=2)))
    certificate("polynomial", of, *evidence([proof]))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.kernel.exact import Matrix
from certify.statements.exact import exact, fractions
from certify.statements.factor import Factor
from certify.symbolic.polynomials.poly import Exponents, Poly, product, total


@dataclass(frozen=True)
class Squares:
    """sum_k weights[k] polynomials[k]^2, weights >= 0, times the premises ``times`` (repeats allowed)."""

    weights: tuple[Fraction, ...]
    polynomials: tuple[Poly, ...]
    premises: tuple[int, ...] = ()

    @staticmethod
    def times(weight: Fraction | int, premises: Sequence[int], n: int) -> Squares:
        """weight times a product of premises."""
        return Squares((Fraction(weight),), (Poly.constant(n, 1),), tuple(premises))

    def value(self) -> Poly:
        """Without the premises."""
        parts = (q * q * w for w, q in zip(self.weights, self.polynomials, strict=True))
        return total(self.polynomials[0].n, parts)


@dataclass(frozen=True)
class Gram:
    """z' G z times premises, z the monomials, or ``basis`` (rows: polynomials) times the monomials; G by rule psd."""

    monomials: tuple[Exponents, ...]
    matrix: Matrix
    factor: Factor
    basis: Matrix | None = None
    premises: tuple[int, ...] = ()

    def value(self) -> Poly:
        """Without the premises."""
        m = self.matrix if self.basis is None else self.basis.T @ self.matrix @ self.basis
        return quadratic(self.monomials, m)


@dataclass(frozen=True)
class Multiple:
    """A polynomial times an equality."""

    polynomial: Poly
    equality: int


@dataclass(frozen=True)
class Leaf:
    """The sum of its terms is the goal; or -goal^(2 power): then no point satisfies the premises, or the goal is 0."""

    terms: tuple[Squares | Gram | Multiple, ...]
    power: int | None = None

    def aim(self, goal: Poly) -> Poly:
        """What the terms have to add up to."""
        return goal if self.power is None else -(goal ** (2 * self.power))


@dataclass(frozen=True)
class Split:
    """above: with premise r >= 0; below: with premise -r >= 0."""

    r: Poly
    above: Proof
    below: Proof


Proof = Leaf | Split


def quadratic(monomials: Sequence[Exponents], m: Matrix) -> Poly:
    """z' M z for the monomials z."""
    out: dict[Exponents, Fraction] = {}
    rows = fractions(m)
    for e, row in zip(monomials, rows, strict=True):
        for f, c in zip(monomials, row, strict=True):
            both = tuple(a + b for a, b in zip(e, f, strict=True))
            out[both] = out.get(both, Fraction(0)) + c
    return Poly(len(monomials[0]), out)


def gap(leaf: Leaf, goal: Poly, inequalities: Sequence[Poly], equalities: Sequence[Poly] = ()) -> Poly:
    """What is missing: the leaf's aim minus its terms. Zero for a proof; ``inequalities`` with the splits'."""
    parts = []
    for t in leaf.terms:
        if isinstance(t, Multiple):
            parts.append(t.polynomial * equalities[t.equality])
        else:
            parts.append(t.value() * product(goal.n, (inequalities[k] for k in t.premises)))
    return leaf.aim(goal) - total(goal.n, parts)


def pair(p: Poly) -> list[Any]:
    """Exponents (terms, n) and coefficients (1, terms); the zero polynomial has one term."""
    items = sorted(p.terms.items()) or [((0,) * p.n, Fraction(0))]
    return [np.array([e for e, _ in items], dtype=object), np.array([[c for _, c in items]], dtype=object)]


def polynomial_statement(
    goal: Poly, inequalities: Sequence[Poly] = (), equalities: Sequence[Poly] = ()
) -> dict[str, Any]:
    """goal >= 0 wherever the inequalities are >= 0 and the equalities 0.

    What ``certificate("polynomial", ...)`` takes.
    """
    matrices = [m for p in (goal, *inequalities, *equalities) for m in pair(p)]
    return {"variables": goal.n, "polynomials": matrices, "equalities": len(equalities)}


def invariant_statement(
    parameters: int,
    state: int,
    goal: Poly,
    *,
    shared: Sequence[Poly] = (),
    shared_equalities: Sequence[Poly] = (),
    initial: Sequence[Poly] = (),
    initial_equalities: Sequence[Poly] = (),
    relation: Sequence[Poly] = (),
    relation_equalities: Sequence[Poly] = (),
) -> dict[str, Any]:
    """goal (y, s) >= 0 along every run. goal, shared, initial: in parameters + state variables; relation: the next
    state's variables come last."""
    points = [goal, *shared, *shared_equalities, *initial, *initial_equalities]
    steps = [*relation, *relation_equalities] or [Poly(parameters + 2 * state)]
    return {
        "parameters": parameters,
        "state": state,
        "shared": len(shared) + len(shared_equalities),
        "shared-equalities": len(shared_equalities),
        "initial": len(initial) + len(initial_equalities),
        "initial-equalities": len(initial_equalities),
        "relation-equalities": len(relation_equalities),
        "points": [m for p in points for m in pair(p)],
        "relation": [m for p in steps for m in pair(p)],
    }


def evidence(proofs: Sequence[Proof], invariants: Sequence[Poly] | None = None) -> tuple[list[Any], list[list[int]]]:
    """Matrices and items of proofs, one after the other; behind the list of invariants for kind *invariant*."""
    out = _Writer()
    if invariants is not None:
        out.items.append([len(invariants), *(k for h in invariants for k in out.pair(h))])
    for p in proofs:
        out.proof(p)
    return out.matrices, out.items


class _Writer:
    """Numbers matrices as they come; equal ones share a number."""

    def __init__(self) -> None:
        self.matrices: list[Any] = []
        self.items: list[list[int]] = []
        self._known: dict[Any, int] = {}
        self._count = 0

    def matrix(self, values: Any) -> int:
        m = exact(values)
        key = (m.shape, m.den, tuple(m.n.a.ravel().tolist()))
        if key not in self._known:
            self._known[key] = self._count
            self.matrices.append(m)
            self._count += 1
        return self._known[key]

    def factor(self, f: Factor) -> int:
        self.matrices.append(f)
        self._count += 2
        return self._count - 2

    def pair(self, p: Poly) -> list[int]:
        powers, coefficients = pair(p)
        return [self.matrix(powers), self.matrix(coefficients)]

    def proof(self, top: Proof) -> None:
        todo = [top]
        while todo:
            p = todo.pop()
            if isinstance(p, Split):
                self.items.append([1, *self.pair(p.r)])
                todo += [p.below, p.above]
                continue
            for t in p.terms:
                self.items.append(self.term(t))
            self.items.append([0, 0 if p.power is None else p.power + 1])

    def term(self, t: Squares | Gram | Multiple) -> list[int]:
        if isinstance(t, Multiple):
            return [3, t.equality, *self.pair(t.polynomial)]
        if isinstance(t, Gram):
            basis = -1 if t.basis is None else self.matrix(t.basis)
            return [2, self.powers(t.monomials), basis, self.matrix(t.matrix), self.factor(t.factor), *t.premises]
        keys = sorted({e for q in t.polynomials for e in q.terms})
        powers, weights = self.powers(keys), self.matrix(np.array([t.weights], dtype=object))
        if [dict(q.terms) for q in t.polynomials] == [{e: 1} for e in keys]:
            return [2, powers, -1, weights, -1, *t.premises]
        rows = [[q.terms.get(e, Fraction(0)) for e in keys] for q in t.polynomials]
        return [2, powers, self.matrix(np.array(rows, dtype=object)), weights, -1, *t.premises]

    def powers(self, keys: Sequence[Exponents]) -> int:
        return self.matrix(np.array(keys, dtype=object))
