"""Exact matrices outside the kernel: floats and Fractions as integers over one denominator.

The arithmetic is the kernel's, so that what a prover forms is what the kernel will form.

A stored float means exactly the binary number it is. Nothing here rounds but what says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput
from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.numbers import as_floats, integers

Floats = NDArray[np.float64]


def exact(values: Any, place: str = "a matrix") -> Matrix:
    """A matrix of floats, integers or Fractions, exactly; a vector becomes one row. Raises BadInput for anything else.

    A Matrix is returned as it is.
    """
    if isinstance(values, Matrix):
        return values
    array = as_array(values, place)
    if array.dtype == object:
        return _of_fractions(array, place)
    if array.dtype.kind in "iu":
        whole = array.astype(object)
        return Matrix(fast, fast.vector(whole.ravel().tolist()).shaped(*_two(whole, place)), 1)
    a = as_floats(array, place)
    m, shift = integers(a)
    return Matrix(fast, fast.vector(m.ravel().tolist()).shaped(*_two(a, place)), 1 << shift)


def as_array(values: Any, place: str) -> NDArray[Any]:
    """What numpy makes of it; a sparse matrix becomes a dense one. Raises BadInput where rows have several lengths."""
    if hasattr(values, "toarray"):
        values = values.toarray()
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as e:
        raise BadInput(f"{place}: expected rows of numbers, found {type(values).__name__} ({str(e)[:60]})") from None


def _two(array: NDArray[Any], place: str) -> tuple[int, int]:
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or 0 in array.shape:
        raise BadInput(f"{place}: expected a matrix with rows and columns, found shape {array.shape}")
    return array.shape[0], array.shape[1]


def _of_fractions(array: NDArray[Any], place: str) -> Matrix:
    rows, columns = _two(array, place)
    flat: list[Fraction] = []
    for v in array.ravel().tolist():
        if isinstance(v, bool) or not isinstance(v, int | Fraction | float):
            raise BadInput(f"{place}: expected integers, floats or Fractions, found {type(v).__name__}")
        flat.append(Fraction(v))
    den = lcm(*(v.denominator for v in flat))
    whole = [v.numerator * (den // v.denominator) for v in flat]
    return Matrix(fast, fast.vector(whole).shaped(rows, columns), den)


def floats(m: Matrix) -> Floats:
    """The nearest float64 entries, whatever the size of the integers."""
    whole = m.n.a
    if whole.dtype != object and m.den < 1 << 1000:
        return np.asarray(whole, dtype=np.float64) / float(m.den) if m.den < 1 << 53 else _quotients(m)
    return _quotients(m)


def _quotients(m: Matrix) -> Floats:
    # Python divides integers of any size with one rounding.
    flat = [_ratio(int(v), m.den) for v in m.n.a.ravel()]
    return np.array(flat, dtype=np.float64).reshape(m.shape)


def _ratio(num: int, den: int) -> float:
    try:
        return num / den
    except OverflowError:
        return float("inf") if num > 0 else float("-inf")


def fractions(m: Matrix) -> list[list[Fraction]]:
    """The entries."""
    return [[Fraction(int(v), m.den) for v in row] for row in m.n.a]


def of_integers(values: Sequence[int] | NDArray[Any], rows: int, columns: int, den: int = 1) -> Matrix:
    """Python integers over one denominator."""
    return Matrix(fast, fast.vector(np.asarray(values, dtype=object).ravel().tolist()).shaped(rows, columns), den)
