"""Kind *polynomial*: the combinators as identities, and each fault one unit beyond what is admissible."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from certify.statements.bundle import certificate
from certify.statements.exact import exact
from certify.statements.factor import factor
from certify.symbolic.polynomials.evidence import (
    Gram,
    Leaf,
    Multiple,
    Proof,
    Split,
    Squares,
    evidence,
    polynomial_statement,
)
from certify.symbolic.polynomials.poly import Poly

Files = dict[str, bytes]
UNIT = Fraction(1, 10**9)
HALF = Fraction(1, 2)


def variables(n: int) -> list[Poly]:
    return [Poly.variable(n, j) for j in range(n)]


def made(goal: Poly, premises=(), equalities=(), proof: Proof | None = None) -> Files:
    assert proof is not None
    return certificate("polynomial", polynomial_statement(goal, premises, equalities), *evidence([proof])).files


def product(n: int, *numbers: int, weight: Any = 1) -> Squares:
    return Squares.times(weight, numbers, n)


def square() -> Files:
    x, y = variables(2)
    return made(x * x + y * y - x * y * 2, proof=Leaf((Squares((Fraction(1),), (x - y,)),)))


def with_gram(shown: Any = None, claimed: Any = None) -> Files:
    """x^2 + x y + y^2 by a Gram matrix."""
    x, y = variables(2)
    g = [[Fraction(1), Fraction(1, 2)], [Fraction(1, 2), Fraction(1)]] if shown is None else shown
    m = exact(np.array(g, dtype=object))
    hints = factor(exact(np.array([[1, 0.5], [0.5, 1]])))
    assert hints is not None
    goal = x * x + x * y + y * y if claimed is None else claimed
    return made(goal, proof=Leaf((Gram(((1, 0), (0, 1)), m, hints),)))


def over_polynomials(columns: int = 2) -> Files:
    """(x - y, x y)' G (x - y, x y) with the form above."""
    x, y = variables(2)
    m = exact(np.array([[1, 0.5], [0.5, 1]]))
    hints = factor(m)
    assert hints is not None
    basis = exact(np.array([[1, -1, 0][:columns], [0, 0, 1][:columns]]))
    goal = (x - y) ** 2 + (x - y) * x * y + x * x * y * y
    return made(goal, proof=Leaf((Gram(((1, 0), (0, 1), (1, 1)), m, hints, basis),)))


def singular(excess: Fraction) -> Files:
    """(x + y)^2 - excess x^2 by a Gram matrix that is singular, with the exact factor."""
    x, y = variables(2)
    m = exact(np.array([[1 - excess, Fraction(1)], [Fraction(1), Fraction(1)]], dtype=object))
    hints = factor(exact(np.zeros((2, 2))))
    assert hints is not None
    hints = type(hints)([0, 0], [1, 1, 0])
    return made((x + y) ** 2 - x * x * excess, proof=Leaf((Gram(((1, 0), (0, 1)), m, hints),)))


def edited(change: Callable[[dict[str, Any], list[Any], list[list[int]]], None]) -> Files:
    """x y >= 0 from x >= 0, y >= 0, x + y = 1, with something changed: words of the statement, matrices, items."""
    x, y = variables(2)
    of = polynomial_statement(x * y, [x, y], [x + y - 1])
    matrices, items = evidence([Leaf((product(2, 0, 1), Multiple(Poly(2), 0)))])
    change(of, matrices, items)
    return certificate("polynomial", of, matrices, items).files


def accept() -> dict[str, Files]:
    x, y = variables(2)
    a, b, c, e = variables(4)
    four = Squares((Fraction(1, 3), Fraction(2, 3)), (x, x - y * 3))
    return {
        "polynomial--square": square(),
        "polynomial--zero": made(x - x, proof=Leaf(())),
        "polynomial--weights-on-polynomials": made(x * x * 1 - x * y * 4 + y * y * 6, proof=Leaf((four,))),
        "polynomial--form": with_gram(),
        "polynomial--form-that-is-singular": singular(Fraction(0)),
        "polynomial--form-over-polynomials": over_polynomials(3),
        # a <= b + e from a <= c + e/2, c <= b + e/2, unused: e >= 0.
        "polynomial--triangle": made(
            b + e - a, [c + e * HALF - a, b + e * HALF - c], proof=Leaf((product(4, 0), product(4, 1)))
        ),
        "polynomial--restriction": made(b - a + 1, [b - a, e], proof=Leaf((product(4, 0), product(4)))),
        "polynomial--weakening": made(
            b - a + HALF, [b - a], proof=Leaf((product(4, 0), product(4, weight=HALF)))
        ),
        # a <= 2 b + e, b <= 2 c + e: a <= 4 c + 3 e.
        "polynomial--telescope": made(
            c * 4 + e * 3 - a, [b * 2 + e - a, c * 2 + e - b], proof=Leaf((product(4, 0), product(4, 1, weight=2)))
        ),
        # a <= e b, b <= c, e >= 0: a <= e c.
        "polynomial--contraction": made(
            e * c - a, [e * b - a, c - b, e], proof=Leaf((product(4, 0), product(4, 1, 2)))
        ),
        # a <= e b and b <= e c with e >= 0: a <= e^2 c.
        "polynomial--composition": made(
            e * e * c - a, [e * b - a, e * c - b, e], proof=Leaf((product(4, 0), product(4, 1, 2)))
        ),
        # x^4 - x^2 + 1 = x^2 (x^2 - 1) + 1 where x^2 >= 1, and (1 - x^2) + x^4 elsewhere.
        "polynomial--union": made(
            x * x * x * x - x * x + 1, [x * x], proof=Split(
                x * x - 1,
                Leaf((product(2, 0, 1), product(2))),
                Leaf((product(2, 1), Squares((Fraction(1),), (x * x,)))),
            )
        ),
        "polynomial--equality": made(
            x * y * -2 + 1, equalities=[x * x + y * y - 1],
            proof=Leaf((Squares((Fraction(1),), (x - y,)), Multiple(Poly.constant(2, -1), 0))),
        ),
        "polynomial--no-such-point": made(
            Poly.constant(2, -1), [x - 1, -x], proof=Leaf((product(2, 0), product(2, 1)))
        ),
        "polynomial--contradiction": made(x, [y - 1, -y], proof=Leaf((product(2, 0), product(2, 1)), power=0)),
        # x^3 >= 0 gives x >= 0: where -x >= 0 too, -x^4 = x^3 (-x).
        "polynomial--power": made(
            x, [x**3], proof=Split(x, Leaf((product(2, 1),)), Leaf((product(2, 0, 1),), power=2))
        ),
        "polynomial--unused-items": edited(lambda of, m, items: items.append([7, 7])),
        "polynomial--weight-zero": made(x * x, proof=Leaf((Squares((Fraction(1), Fraction(0)), (x, x * y)),))),
    }  # fmt: skip


def reject() -> dict[str, Files]:
    x, y = variables(2)

    def item(at: int, value: list[int]) -> Files:
        def change(of: Any, matrices: Any, items: list[list[int]]) -> None:
            items[at] = value

        return edited(change)

    def matrix(at: int, value: Any) -> Files:
        def change(of: Any, matrices: list[Any], items: Any) -> None:
            matrices[at] = np.array(value, dtype=object)

        return edited(change)

    def words(**changed: Any) -> Files:
        return edited(lambda of, m, items: of.update(changed))

    own = polynomial_statement(x * y, [x, y], [x + y - 1])["polynomials"]
    half = np.array([[Fraction(1, 2), Fraction(1)]], dtype=object)
    one = Leaf((Squares((Fraction(1),), (x - y,)),))
    tilted = Leaf((Squares((-UNIT,), (x,)), Squares((1 + UNIT,), (x,))))
    crooked = [[Fraction(1), Fraction(1, 2)], [Fraction(1, 2) + UNIT, Fraction(1)]]
    return {
        "identity--polynomial-by-one-unit": made(x * x + y * y - x * y * 2 - UNIT, proof=one),
        "identity--polynomial-too-generous": made(x * x + y * y - x * y * 2 + UNIT, proof=one),
        "identity--polynomial-not-minus-one": made(
            x, [y - 1, -y + UNIT], proof=Leaf((product(2, 0), product(2, 1)), power=0)
        ),
        "identity--polynomial-other-side": made(
            x, [x**3], proof=Split(x, Leaf((product(2, 0, 1),), power=2), Leaf((product(2, 0, 1),), power=2))
        ),
        "negative-multiplier--polynomial-by-one-unit": made(x * x, proof=tilted),
        "not-positive--polynomial-form-by-one-unit": singular(UNIT),
        "not-symmetric--polynomial-form": with_gram(crooked),
        "hint--polynomial-form": with_gram([[Fraction(int(i == j)) for i in range(3)] for j in range(3)]),
        "exponent--polynomial-negative": words(polynomials=[np.array([[1, -1]]), *own[1:]]),
        "exponent--polynomial-half": words(polynomials=[half, *own[1:]]),
        "exponent--polynomial-evidence": matrix(0, [[-1, 0]]),
        "shape--polynomial-odd": words(polynomials=own[:-1]),
        "shape--polynomial-variables": words(variables=3),
        "shape--polynomial-coefficients": words(polynomials=[own[0], np.array([[1, 1]]), *own[2:]]),
        "shape--polynomial-equalities": words(equalities=4),
        "shape--polynomial-basis": over_polynomials(2),
        "shape--polynomial-form": matrix(1, [[1, 1]]),
        "item--polynomial-of-no-kind": item(0, [4, 0, -1, 1, -1]),
        "item--polynomial-too-short": item(0, [2, 0, -1, 1]),
        "item--polynomial-no-end": edited(lambda of, m, items: items.pop()),
        "item--polynomial-no-such-premise": item(0, [2, 0, -1, 1, -1, 0, 2]),
        "item--polynomial-no-such-equality": item(1, [3, 1, 0, 1]),
        "item--polynomial-end": item(2, [0, 6]),
        "no-such-matrix--polynomial": item(0, [2, 0, -1, 99, -1, 0, 1]),
        "no-such-matrix--polynomial-basis": item(0, [2, 0, -2, 1, -1, 0, 1]),
    }


def decline() -> dict[str, Files]:
    def change(of: Any, matrices: list[Any], items: list[list[int]]) -> None:
        matrices.append(np.zeros((1025, 2), dtype=object))
        items[0] = [2, len(matrices) - 1, -1, 1, -1]

    return {"limit--polynomial-form": edited(change)}
