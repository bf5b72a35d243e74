"""Kind *invariant*: contraction, telescoping and residual towers at any depth, and what is one unit beyond."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from certify.statements.bundle import certificate
from certify.symbolic.polynomials.evidence import Leaf, Multiple, Proof, Squares, evidence, invariant_statement
from certify.symbolic.polynomials.poly import Poly

Files = dict[str, bytes]
UNIT = Fraction(1, 10**9)


def variables(n: int) -> list[Poly]:
    return [Poly.variable(n, j) for j in range(n)]


def made(
    of: dict[str, Any], kept: Sequence[Poly], proofs: Sequence[Proof], first: Sequence[int] | None = None
) -> Files:
    matrices, items = evidence(proofs, kept)
    if first is not None:
        items[0] = list(first)
    return certificate("invariant", of, matrices, items).files


def product(n: int, *numbers: int) -> Squares:
    return Squares.times(1, numbers, n)


def contraction(slack: Fraction | int = 0, **changed: Any) -> Files:
    """a' <= L a + e, q' = L q, L >= 1, from a = b, q = 1: (L - 1) (a - q b) <= e (q - 1) - slack."""
    rate, error, start, a, q = variables(5)
    goal = error * (q - 1) - (rate - 1) * (a - q * start)
    rate2, error2, start2, a2, q2, a3, q3 = variables(7)
    of = invariant_statement(
        3, 2, goal - slack, shared=[rate - 1], initial_equalities=[a - start, q - 1],
        relation=[rate2 * a2 + error2 - a3], relation_equalities=[q3 - rate2 * q2],
    )  # fmt: skip
    begin = Leaf((Multiple(1 - rate, 0), Multiple(error + (rate - 1) * start, 1)))
    # h' = L h + (L - 1) relation + (e + (L - 1) b) (q' - L q), and L = 1 + (L - 1).
    step = Leaf((product(7, 3), product(7, 3, 0), product(7, 2, 0), Multiple(error2 + (rate2 - 1) * start2, 0)))
    return made(of | changed, [goal], [begin, step, Leaf((product(5, 1),))])


def telescoping() -> Files:
    """a' <= a + e, t' = t + 1, from a = 0, t = 0: a <= e t."""
    e, a, t = variables(3)
    e2, a2, t2, a3, t3 = variables(5)
    of = invariant_statement(
        1, 2, e * t - a, initial_equalities=[a, t], relation=[a2 + e2 - a3], relation_equalities=[t3 - t2 - 1]
    )
    begin = Leaf((Multiple(Poly.constant(3, -1), 0), Multiple(e, 1)))
    step = Leaf((product(5, 0), product(5, 1), Multiple(e2, 0)))
    return made(of, [e * t - a], [begin, step, Leaf((product(3, 0),))])


def tower() -> Files:
    """Residual layers: a' <= a + L a + e with L, e >= 0, q' = (1 + L) q, t' = t + 1: a <= q (a_0 + e t)."""
    rate, error, start, a, q, t = variables(6)
    goal = q * (start + error * t) - a
    rate2, error2, start2, a2, q2, t2, a3, q3, t3 = variables(9)
    of = invariant_statement(
        3, 3, goal, shared=[rate, error], initial_equalities=[a - start, q - 1, t],
        relation=[a2 * (rate2 + 1) + error2 - a3], relation_equalities=[q3 - (rate2 + 1) * q2, t3 - t2 - 1],
    )  # fmt: skip
    # q >= 1 is an invariant of its own. Premises of a step: Q now (0, 1), Q then (2, 3), R (4), h now (5, 6).
    kept = [q - 1, goal]
    begin = [
        Leaf((Multiple(Poly.constant(6, 1), 1),)),
        Leaf((Multiple(Poly.constant(6, -1), 0), Multiple(start + error * t, 1), Multiple(error, 2))),
    ]
    # q' - 1 = (q' - (1 + L) q) + (1 + L) (q - 1) + L
    grown = Leaf((Multiple(Poly.constant(9, 1), 0), product(9, 5), product(9, 5, 0), product(9, 0)))
    # q' (b + e t') - a' = (1 + L) h + (1 + L) q e - e + R + ..; (1 + L) q e - e = e (q - 1) + L e (q - 1) + L e
    step = Leaf(
        (
            product(9, 6), product(9, 6, 0), product(9, 4), product(9, 5, 1), product(9, 5, 0, 1), product(9, 0, 1),
            Multiple(start2 + error2 * t3, 0), Multiple((rate2 + 1) * q2 * error2, 1),
        )
    )  # fmt: skip
    return made(of, kept, [*begin, grown, step, Leaf((product(6, 3),))])


def still(first: Sequence[int] | None = None, **changed: Any) -> Files:
    """s' = s from s = 0: no invariants but s itself; without parameters."""
    (s,) = variables(1)
    now, then = variables(2)
    of = invariant_statement(0, 1, s, initial_equalities=[s], relation_equalities=[then - now])
    begin = Leaf((Multiple(Poly.constant(1, 1), 0),))
    # The relation has no inequalities: the one premise of the step is h.
    step = Leaf((product(2, 0), Multiple(Poly.constant(2, 1), 0)))
    return made(of | changed, [s], [begin, step, Leaf((product(1, 0),))], first)


def shared_only() -> Files:
    """What is asked of every state needs no invariant."""
    (s,) = variables(1)
    of = invariant_statement(0, 1, s, shared=[s])
    return made(of, [], [Leaf((product(1, 0),))])


def accept() -> dict[str, Files]:
    return {
        "invariant--contraction": contraction(),
        "invariant--telescoping": telescoping(),
        "invariant--residual-tower": tower(),
        "invariant--still": still(),
        "invariant--shared": shared_only(),
    }


def reject() -> dict[str, Files]:
    return {
        "identity--invariant-by-one-unit": contraction(UNIT),
        "shape--invariant-conditions": still(initial=2),
        "shape--invariant-shared-equalities": still(**{"shared-equalities": 1}),
        "shape--invariant-initial-equalities": still(**{"initial-equalities": 2}),
        "shape--invariant-relation-equalities": still(**{"relation-equalities": 2}),
        "shape--invariant-state": still(state=2),
        "item--invariant-too-few": still([1, 0]),
        "item--invariant-negative": still([-1]),
        "no-such-matrix--invariant": still([1, 0, 99]),
    }
