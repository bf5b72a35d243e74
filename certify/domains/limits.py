"""``within``: the limits that cut every part of a domain, and how two of them meet.

Limits are one pair of exact rationals for all coordinates, or a pair of float arrays. Meeting is exact: rationals
keep to rationals, arrays to entrywise maxima and minima of stored floats.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput, EmptyDomain
from certify.numbers import as_floats, float_above, float_below

Array = NDArray[np.floating]
Floats = NDArray[np.float64]
Uniform = tuple[Fraction, Fraction]
Arrays = tuple[Array, Array]
Within = Uniform | Arrays | None


def is_uniform(within: Within) -> TypeGuard[Uniform]:
    """One pair of rationals for every coordinate."""
    return within is not None and isinstance(within[0], Fraction)


def is_arrays(within: Within) -> TypeGuard[Arrays]:
    """A pair of arrays with one limit for each coordinate."""
    return within is not None and not isinstance(within[0], Fraction)


def check_size(within: Within, n: int) -> None:
    """Raises BadInput when arrays of limits do not have n entries."""
    if is_arrays(within) and not within[0].size == within[1].size == n:
        raise BadInput(f"&: expected a box of {n} coordinates, found {within[0].size}")


def meet(a: Within, b: Within) -> Within:
    """The exact intersection.

    Raises EmptyDomain for rationals that do not meet, and BadInput for arrays of different sizes or a rational
    that float64 does not hold beside an array (which could not be written down exactly).
    """
    if a is None or b is None:
        return b if a is None else a
    if is_uniform(a) and is_uniform(b):
        lo, hi = max(a[0], b[0]), min(a[1], b[1])
        if lo > hi:
            raise EmptyDomain(f"&: expected boxes that meet, found at least {lo} and at most {hi}")
        return lo, hi
    shape = next(w[0].shape for w in (a, b) if is_arrays(w))
    return meet_arrays(_as_arrays(a, shape), _as_arrays(b, shape))


def meet_arrays(a: Arrays, b: Arrays) -> Arrays:
    """Entrywise maxima and minima of stored floats, which are exact; raises BadInput for different sizes."""
    if a[0].size != b[0].size:
        raise BadInput(f"&: expected boxes of one size, found {a[0].size} and {b[0].size} coordinates")
    lo = np.maximum(a[0], b[0].reshape(a[0].shape))
    hi = np.minimum(a[1], b[1].reshape(a[1].shape))
    return as_floats(lo, "&"), as_floats(hi, "&")


def _as_arrays(w: Within, shape: tuple[int, ...]) -> Arrays:
    if is_arrays(w):
        return w
    assert is_uniform(w)
    if any(float_below(q) != float_above(q) for q in w):
        raise BadInput(f"&: expected limits that float64 holds beside an array box, found {w[0]} and {w[1]}")
    return np.full(shape, float(w[0])), np.full(shape, float(w[1]))


def exact(within: Within, n: int) -> tuple[list[Fraction], list[Fraction]] | None:
    """The limits of each coordinate as rationals, or None."""
    if is_uniform(within):
        return [within[0]] * n, [within[1]] * n
    if is_arrays(within):
        low, high = (v.astype(np.float64).ravel().tolist() for v in within)
        return [Fraction(v) for v in low], [Fraction(v) for v in high]
    return None


def rounded(within: Within, n: int, outward: bool) -> tuple[Floats, Floats]:
    """The limits as float64, rounded outward or inward; infinite where there are none."""
    if is_uniform(within):
        low = float_below(within[0]) if outward else float_above(within[0])
        high = float_above(within[1]) if outward else float_below(within[1])
        return np.full(n, low), np.full(n, high)
    if is_arrays(within):
        return within[0].astype(np.float64).ravel(), within[1].astype(np.float64).ravel()
    return np.full(n, -np.inf), np.full(n, np.inf)


def words(within: Within) -> str:
    """For people."""
    if within is None:
        return ""
    return f" within [{within[0]}, {within[1]}]" if is_uniform(within) else " within a box"
