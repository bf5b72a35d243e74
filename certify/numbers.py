"""Exact numbers: how a typed scalar is read, and how stored floats become integers.

A scalar that a person types (a radius, a limit, a threshold) means the decimal or fraction that was typed:
``"0.03"``, ``0.03`` and ``Fraction(3, 100)`` are all 3/100. An array is data: each entry means exactly the
binary number that is stored. Nothing here rounds unless its name says so.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput

Scalar = int | float | str | Fraction | Decimal

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_RATIO = re.compile(r"[+-]?\d+/\d+", re.ASCII)
# Far beyond any use, far below float64's overflow and the certificate's limit of 1,200 digits.
_MOST = Fraction(10) ** 300
_LEAST = Fraction(1, 10**300)
_DIGITS = 600


def rational(value: Any, place: str) -> Fraction:
    """The exact number a scalar means.

    Integers, Fractions and Decimals are themselves; text is a decimal ("0.03", "1e-3") or a ratio ("1/255"); a
    float means the shortest decimal that prints it, so the literal 0.03 is 3/100 and not the float's 53 bits
    (write Fraction(x) for those). Raises BadInput, naming ``place``, for anything else, for NaN and infinity,
    and for numbers beyond 10^300 or other than 0 below 10^-300.
    """
    found = f"{place}: expected a number such as 2, 0.03, '1/255' or a Fraction, found {str(value)[:40]!r}"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_):
        raise BadInput(found)
    if isinstance(value, int | np.integer):
        q = Fraction(int(value))
    elif isinstance(value, Fraction):
        q = value
    elif isinstance(value, float | np.floating | Decimal):
        if not math.isfinite(value):
            raise BadInput(f"{place}: expected a finite number, found {value}")
        # float.__repr__ also for numpy's float64, whose own repr has a type name around the digits.
        q = Fraction(float.__repr__(value) if isinstance(value, float) else str(value))
    elif isinstance(value, str):
        text = value.strip()
        decimal = _DECIMAL.fullmatch(text)
        if len(text) > _DIGITS or not (decimal or _RATIO.fullmatch(text)):
            raise BadInput(found)
        if not decimal and int(text.split("/")[1]) == 0:
            raise BadInput(f"{place}: expected a denominator that is not zero, found {text!r}")
        q = Fraction(text)
    else:
        raise BadInput(found)
    if q and not _LEAST <= abs(q) <= _MOST:
        raise BadInput(f"{place}: expected zero or a size between 1e-300 and 1e300, found {str(value)[:40]}")
    if len(str(q.numerator)) > _DIGITS or len(str(q.denominator)) > _DIGITS:
        raise BadInput(f"{place}: expected a number of at most {_DIGITS} digits, found a longer one")
    return q


def float_below(q: Fraction) -> float:
    """The greatest float64 at most q."""
    x = float(q)
    return x if Fraction(x) <= q else math.nextafter(x, -math.inf)


def float_above(q: Fraction) -> float:
    """The least float64 at least q."""
    return -float_below(-q)


def as_floats(array: Any, place: str) -> NDArray[np.floating]:
    """A private read-only copy of stored numbers, float16/32/64 kept as they are, integers as exact float64.

    Raises BadInput for other types, NaN, infinities, and integers that float64 does not hold.
    """
    try:
        a = np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as e:
        raise BadInput(f"{place}: expected an array of numbers, found {type(array).__name__} ({e})") from None
    if a.dtype.kind in "iub":
        wide = a.astype(np.float64)
        if a.size and a.dtype.itemsize == 8 and float(np.abs(wide).max()) > 2.0**53:
            raise BadInput(f"{place}: expected integers up to 2^53, found a larger one")
        a = wide
    if a.dtype.kind != "f" or a.dtype.itemsize > 8:
        raise BadInput(f"{place}: expected an array of floats, found {a.dtype}")
    if not np.isfinite(a).all():
        where = np.unravel_index(int(np.argmin(np.isfinite(a))), a.shape)
        at = ", ".join(str(int(i)) for i in where)
        raise BadInput(f"{place}: expected finite entries, found {a[where]} at [{at}]")
    # Native byte order: the tensor table writes little-endian bytes itself.
    a = np.array(a, dtype=a.dtype.newbyteorder("="), order="C")
    a.setflags(write=False)
    return a


def integers(a: NDArray[np.floating]) -> tuple[NDArray[np.object_], int]:
    """Python integers m and a shift s >= 0 with a = m * 2^-s, exactly; the shift is as small as possible."""
    mantissa, exponent = np.frexp(np.asarray(a, dtype=np.float64))
    m = (mantissa * 2.0**53).astype(np.int64)
    # The lowest set bit is a power of two, which float64 holds exactly, so frexp counts the trailing zeros.
    zeros = np.where(m == 0, 0, np.frexp((m & -m).astype(np.float64))[1] - 1)
    m >>= zeros
    e = np.where(m == 0, 0, exponent.astype(np.int64) - 53 + zeros)
    s = max(0, -int(e.min(initial=0)))
    shift = np.where(m == 0, 0, e + s)
    if int((np.frexp(np.abs(m).astype(np.float64))[1] + shift).max(initial=0)) < 63:
        return (m << shift).astype(object), s
    return m.astype(object) << shift.astype(object), s


def fractions(values: Any, place: str, n: int) -> list[Fraction]:
    """n exact numbers from an array of floats or a sequence of ints and Fractions.

    Raises BadInput for another count or for entries that are not finite numbers.
    """
    if isinstance(values, list | tuple) and any(isinstance(v, Fraction) for v in values):
        if not all(isinstance(v, Fraction | int) and not isinstance(v, bool) for v in values):
            raise BadInput(f"{place}: expected Fractions and integers only beside a Fraction, found a mixture")
        out = [Fraction(v) for v in values]
    else:
        out = [Fraction(v) for v in as_floats(values, place).astype(np.float64).ravel().tolist()]
    if len(out) != n:
        raise BadInput(f"{place}: expected {n} entries, found {len(out)}")
    return out


def root_below(square: Fraction) -> Fraction:
    """A rational at most the square root of ``square`` and at least (1 - 2^-63) times it."""
    if square <= 0:
        return Fraction(0)
    k = 80 + max(0, square.denominator.bit_length() - square.numerator.bit_length())
    return Fraction(math.isqrt((square.numerator << (2 * k)) // square.denominator), 1 << k)


def root_above(square: Fraction) -> Fraction:
    """A rational at least the square root of ``square`` and at most (1 + 2^-62) times it."""
    below = root_below(square)
    return below if below * below == square else below + below / 2**62
