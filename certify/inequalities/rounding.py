"""Numbers from a model, exactly, and elementary functions of them from above.

A stored float means the binary number it is; a typed scalar means what was typed (certify.numbers). What is returned is
a float at least the exact value.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput
from certify.numbers import as_floats, rational, root_above

Rows = list[list[Fraction]]


def rows(values: Any, place: str) -> tuple[Rows, bool]:
    """The entries of a vector or a matrix as Fractions, row by row, and whether it was a vector. Raises BadInput."""
    if isinstance(values, list | tuple) and values and all(isinstance(v, Fraction) for v in values):
        return [list(values)], True
    a = as_floats(values, place)
    if a.ndim not in (1, 2) or 0 in a.shape:
        raise BadInput(f"{place}: expected a vector or a matrix with entries, found shape {a.shape}")
    wide = a.astype(np.float64)
    return [[Fraction(v) for v in row] for row in np.atleast_2d(wide).tolist()], a.ndim == 1


def size(value: Any, place: str) -> Fraction:
    """A number >= 0; raises BadInput."""
    q = Fraction(float(value)) if isinstance(value, np.floating) else rational(value, place)
    if q < 0:
        raise BadInput(f"{place}: expected a number >= 0, found {value}")
    return q


def oscillation(row: list[Fraction]) -> Fraction:
    """max - min."""
    return max(row) - min(row)


def each(values: Any, place: str, f: Callable[[list[Fraction]], float]) -> float | NDArray[np.float64]:
    """f of a vector, or of each row of a matrix."""
    found, single = rows(values, place)
    # 0.0 is added so that no bound is -0.0.
    out = [f(r) + 0.0 for r in found]
    return out[0] if single else np.array(out)


def above(expression: Any) -> float:
    """A float at least a sympy expression without symbols."""
    from certify.symbolic.evaluate import number_above

    return number_above(expression)


def sympy_number(q: Fraction) -> Any:
    """The same as a sympy number."""
    import sympy

    return sympy.Rational(q.numerator, q.denominator)


def distance_above(u: list[Fraction], v: list[Fraction]) -> Fraction:
    """A rational at least the Euclidean distance."""
    return root_above(sum(((a - b) ** 2 for a, b in zip(u, v, strict=True)), Fraction(0)))
