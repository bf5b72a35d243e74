"""The operator norm of a matrix, certified: what Weyl's and telescoping inequalities are fed with."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from certify.errors import BadInput
from certify.kernel.exact import Matrix, identity
from certify.numbers import root_above, root_below
from certify.results import Bracket
from certify.statements.bound import Bound, judged
from certify.statements.exact import exact, floats, fractions, of_integers
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
    _, sizes, right = np.linalg.svd(floats(m))
    found = float(sizes[0])
    if found == 0.0 or not np.isfinite(found):
        notes = () if found == 0.0 else ("the entries are beyond float64",)
        return _judged(subject, Fraction(0), Fraction(0), gram, 0.0) if not notes else _unknown(subject, None, notes)
    lower = _attained(m, right[0])
    for slack in SLACKS:
        # A short number makes a short certificate.
        square = _up(Fraction(found) ** 2 * (1 + 2 * Fraction(slack)))
        hints = factor(_rest(gram, square))
        if hints is not None:
            return _judged(subject, square, lower, gram, found, hints)
    return _unknown(subject, lower, ("no factor was found: too large or too badly scaled for float64",), found)


def _unknown(subject: str, lower: Fraction | None, notes: tuple[str, ...], found: float | None = None) -> Bound:
    return Bound(subject, "unknown", Bracket(lower, None, "unknown"), searched=found, notes=notes)


def _rest(gram: Matrix, square: Fraction) -> Matrix:
    """square I - gram."""
    rest: Matrix = identity(gram.a, gram.shape[0]).times(square.numerator, square.denominator) - gram
    return rest


def _up(q: Fraction, bits: int = 40) -> Fraction:
    """The next number with so many leading bits."""
    shift = bits - (q.numerator.bit_length() - q.denominator.bit_length())
    scale = Fraction(2) ** shift
    return -((-q * scale) // 1) / scale


def _attained(m: Matrix, direction: Any) -> Fraction:
    """|M x| / |x| from below, for x near a direction."""
    x = of_integers([round(float(v) * 2**30) for v in direction], len(direction), 1)
    image = m @ x
    (length,), (moved,) = fractions(x.T @ x)[0], fractions(image.T @ image)[0]
    return root_below(moved / length) if length else Fraction(0)


def _judged(subject: str, square: Fraction, lower: Fraction, gram: Matrix, found: float, hints: Any = None) -> Bound:
    conclusion = _rest(gram, square)
    hints = factor(conclusion) if hints is None else hints
    of = {"conclusion": conclusion, "count": 0, "premises": np.zeros((1, 1))}
    made, said = judged("s-procedure", of, [hints])
    if not said.accepted:
        return _unknown(subject, lower, (f"the kernel did not accept the certificate: {said}",), found)
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
