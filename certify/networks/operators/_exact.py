"""Exact arithmetic on constants: fold only what does not round, enclose what no float can hold.

Enclosures are found by comparing integers, so the same tensor gives the same bits in every network and on every
machine, and different constants give different bits.
"""

from __future__ import annotations

from fractions import Fraction
from hashlib import shake_128
from math import inf, isqrt, nextafter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats

Array = NDArray[Any]


def ratio(number: float) -> tuple[int, int]:
    """num, den of the rational that a float is."""
    num, den = float(number).as_integer_ratio()
    return num, den


def below(q: Fraction) -> float:
    """The largest float64 at most q; raises OverflowError beyond the range."""
    near = float(q)
    return near if Fraction(near) <= q else nextafter(near, -inf)


def enclose(exact: Fraction) -> tuple[float, float]:
    """Adjacent floats around q, equal when q is a float."""
    lo = below(exact)
    return lo, lo if Fraction(lo) == exact else nextafter(lo, inf)


def reciprocals(array: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Enclosures of 1 / array, entry by entry; entries must not be 0. Raises OverflowError beyond the range."""
    exact = [Fraction(float(c)) for c in array.ravel()]
    return _symbols("reciprocal", exact, [enclose(1 / c) for c in exact], array.shape)


def inverse_roots(array: NDArray[np.floating], offset: float) -> tuple[Floats, Floats]:
    """Enclosures of 1 / sqrt(array + offset), entry by entry; array + offset must be positive."""
    exact = [Fraction(float(v)) + Fraction(offset) for v in array.ravel()]
    return _symbols("inverse-root", exact, [inverse_root(q) for q in exact], array.shape)


def inverse_root(q: Fraction) -> tuple[float, float]:
    """Adjacent floats around 1 / sqrt(q), q > 0, equal when that is a float."""
    # 1/sqrt(n/d) = sqrt(d/n); 140 more bits than the integer part place the root well within one float64.
    shift = max(0, 140 + (q.numerator.bit_length() - q.denominator.bit_length()) // 2)
    root = isqrt((q.denominator << (2 * shift)) // q.numerator)
    lo = below(Fraction(root, 1 << shift))
    while Fraction(nextafter(lo, inf)) ** 2 * q <= 1:
        lo = nextafter(lo, inf)
    return lo, lo if Fraction(lo) ** 2 * q == 1 else nextafter(lo, inf)


def _symbols(
    kind: str, exact: list[Fraction], pairs: list[tuple[float, float]], shape: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """The tensors (lo, hi) of a Scale; the same object twice when every entry is a float.

    The pair of tensors is the name of its symbol, and float64 is too short to be a name: the variances 0 and
    1e-38 of two networks give the same adjacent floats, but not the same constants. So the outer ends carry
    a fingerprint of the exact constants, 128 bits over all entries that are not floats (at most 16 in one, so
    2^-36 of its value; with 128 channels or more, one unit in the last place).
    """
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    lo, hi = np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])
    loose = np.flatnonzero(lo != hi)
    if not loose.size:
        one = lo.reshape(shape)
        return one, one
    bits = min(16, -(-128 // loose.size))
    stream = shake_128(f"{kind} {' '.join(map(str, exact))}".encode()).digest(4 * loose.size)
    units = np.frombuffer(stream, "<u4").astype(np.int64) & ((1 << bits) - 1)
    # away from zero, the bits of a float64 read as an integer count its neighbours
    up, down = loose[hi[loose] > 0], loose[hi[loose] <= 0]
    hi.view(np.int64)[up] += units[hi[loose] > 0]
    lo.view(np.int64)[down] += units[hi[loose] <= 0]
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        raise OverflowError("an enclosure leaves the range of float64")
    return lo.reshape(shape), hi.reshape(shape)


def fold(op: str, a: Array, b: Array) -> Array | None:
    """a op b for constants (Add, Sub, Mul, Div), or None when the result is no float64.

    Integers are computed exactly (division truncates, as ONNX has it) and must fit 64 bits. Floats are
    computed in float64 and accepted only when the rounding error, an error-free transformation (Dekker 1971,
    Knuth TAOCP 4.2.2), is zero; the result goes back to the operands' type when it fits.
    """
    if a.dtype.kind in "iub" and b.dtype.kind in "iub":
        return _fold_integers(op, a, b)
    x, y = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):
        if op in ("Add", "Sub"):
            y = y if op == "Add" else -y
            r = x + y
            t = r - x
            exact = (x - (r - t)) + (y - t) == 0
        elif op == "Mul":
            r = x * y
            exact = _product_error(x, y, r) == 0
        else:
            r = x / y
            exact = (_product_error(r, y, x) == 0) & (y != 0)
        if not (exact & np.isfinite(r)).all():
            return None
        small = r.astype(np.result_type(a, b))
        return small if np.array_equal(small, r) else r


def _product_error(x: Floats, y: Floats, p: Floats) -> Floats:
    """x y - p, zero exactly when p is the product; NaN (never zero) where the splitting could misjudge."""

    def split(v: Floats) -> tuple[Floats, Floats]:
        c = 134217729.0 * v  # 2^27 + 1
        high = c - (c - v)
        return high, v - high

    (xh, xl), (yh, yl) = split(x), split(y)
    error = ((xh * yh - p) + xh * yl + xl * yh) + xl * yl
    zero = (x == 0) | (y == 0)
    safe = (np.abs(p) > 2.0**-900) & (np.abs(x) < 2.0**900) & (np.abs(y) < 2.0**900)
    return np.where(zero, np.where(p == 0, 0.0, np.nan), np.where(safe, error, np.nan))


def _fold_integers(op: str, a: Array, b: Array) -> Array | None:
    # at least one axis, so that numpy keeps arrays of Python integers
    x, y = np.broadcast_arrays(np.atleast_1d(a.astype(object)), np.atleast_1d(b.astype(object)))
    if op == "Div":
        if any(v == 0 for v in y.ravel()):
            return None
        out = [abs(p) // abs(q) * (1 if (p < 0) == (q < 0) else -1) for p, q in zip(x.flat, y.flat, strict=True)]
    else:
        out = list((x + y if op == "Add" else x - y if op == "Sub" else x * y).ravel())
    if any(not -(2**63) <= int(v) < 2**63 for v in out):
        return None
    return np.array(out, dtype=np.int64).reshape(np.broadcast_shapes(a.shape, b.shape))
