"""The operator norm of a matrix, certified: what Weyl's and telescoping inequalities are fed with."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from certify.errors import BadInput
from certify.numbers import root_above, root_below
from certify.results import Bracket
from certify.statements.bound import Bound, judged
from certify.statements.exact import exact, fractions
from certify.statements.factor import factor

# How far above the float value a limit may be tried, relatively.
SLACKS = (1e-9, 1e-7, 1e-5, 1e-3)


def operator_norm(matrix: Any, subject: str = "the operator norm") -> Bound:
    """|M| = sup |M x| / |x| in Euclidean norms, for a matrix of floats or Fractions, between exact bounds.

    The certificate, of kind s-procedure without premises, says that t^2 I - M' M is positive semidefinite; the lower
    end is |M x| / |x| at a rational x. Raises BadInput for what is no finite matrix.
    """
    m = exact(matrix, subject)
    if m.shape[0] < m.shape[1]:
        m = m.T
    gram = m.T @ m
    entries = np.array(fractions(gram), dtype=object)
    n = entries.shape[0]
    wide = np.array([[float(v) for v in row] for row in fractions(m)])
    _, sizes, right = np.linalg.svd(wide)
    found = float(sizes[0])
    x = [Fraction(round(float(v) * 2**30)) for v in right[0]]
    lower = _attained(entries, x)
    if found == 0.0:
        return _judged(subject, Fraction(0), Fraction(0), entries, 0.0)
    for slack in SLACKS:
        square = Fraction(found) ** 2 * (1 + 2 * Fraction(slack))
        # A short number makes a short certificate.
        short = _up(square)
        hints = factor(exact(np.diag([short] * n) - entries))
        if hints is not None:
            return _judged(subject, short, lower, entries, found, hints)
    notes = ("no factor was found: the matrix is too large or too badly scaled for float64",)
    return Bound(subject, "unknown", Bracket(lower, None, "unknown"), searched=found, notes=notes)


def _up(q: Fraction, bits: int = 40) -> Fraction:
    """The next number with so many leading bits."""
    shift = bits - (q.numerator.bit_length() - q.denominator.bit_length())
    scale = Fraction(2) ** shift
    return -((-q * scale) // 1) / scale


def _attained(gram: Any, x: list[Fraction]) -> Fraction:
    """|M x| / |x| from below."""
    length = sum((v * v for v in x), Fraction(0))
    if length == 0:
        return Fraction(0)
    images = (sum((g * b for g, b in zip(row, x, strict=True)), Fraction(0)) for row in gram)
    moved = sum((a * v for a, v in zip(x, images, strict=True)), Fraction(0))
    return root_below(moved / length)


def _judged(subject: str, square: Fraction, lower: Fraction, gram: Any, found: float, hints: Any = None) -> Bound:
    n = gram.shape[0]
    conclusion = np.diag([square] * n) - gram
    hints = factor(exact(conclusion)) if hints is None else hints
    of = {"conclusion": conclusion, "count": 0, "premises": np.zeros((1, 1))}
    made, said = judged("s-procedure", of, [hints])
    if not said.accepted:
        notes = (f"the kernel did not accept the certificate: {said}",)
        return Bound(subject, "unknown", Bracket(lower, None, "unknown"), made, said, found, notes=notes)
    upper = root_above(square)
    return Bound(subject, "proved", Bracket(lower, upper, "proved"), made, said, found)


def symmetric(matrix: Any, place: str) -> Any:
    """The matrix; raises BadInput unless it is square and exactly symmetric."""
    m = exact(matrix, place)
    rows = fractions(m)
    if m.shape[0] != m.shape[1]:
        raise BadInput(f"{place}: expected a square matrix, found shape {m.shape}")
    n = m.shape[0]
    wrong = next(((i, j) for i in range(n) for j in range(i) if rows[i][j] != rows[j][i]), None)
    if wrong is not None:
        raise BadInput(f"{place}: expected exact symmetry, found two numbers at {wrong} and its mirror image")
    return matrix
