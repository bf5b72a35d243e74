"""Input sets: what the user writes after ``over=``.

    X = ct.linf(images, "0.01") & ct.box(0, 1)      one ball for each image, within the unit cube
    X = ct.box(lo, hi)                              one box, from two arrays

Every set is a finite union of parts (a box, balls of one radius, points), each cut down by one ``within``.
Numbers follow certify.numbers: a typed scalar means its decimal, an array means exactly the floats it stores.
``&`` is an exact intersection; a part that it leaves empty raises EmptyDomain at once, because a claim over an
empty set says nothing. No unions of different kinds, no other shapes.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from certify.domains.sets import Ball, Box, Domain, Points, UniformBox
from certify.errors import BadInput
from certify.numbers import Scalar, as_floats, float_above, float_below, rational

__all__ = ["Ball", "Box", "Domain", "Points", "UniformBox", "box", "l1", "l2", "linf", "points"]


def box(lo: Any, hi: Any) -> Box | UniformBox:
    """{x : lo <= x <= hi}, entry by entry.

    Two scalars give the same limits to every entry, whatever their number: use it beside ``&``, or alone as the
    whole cube. Two arrays of one shape (or an array and a scalar that float64 holds) give one box.
    Raises BadInput for shapes that differ and entries that are not finite, EmptyDomain when lo > hi somewhere.
    """
    flat = [v for v in (lo, hi) if _is_scalar(v)]
    if len(flat) == 2:
        return UniformBox(rational(lo, "box: lo"), rational(hi, "box: hi"))
    lower, upper = _limits(lo, "box: lo"), _limits(hi, "box: hi")
    if flat:
        shape = upper.shape if _is_scalar(lo) else lower.shape
        lower, upper = np.broadcast_to(lower, shape), np.broadcast_to(upper, shape)
    return Box(as_floats(lower, "box: lo"), as_floats(upper, "box: hi"))


def linf(centres: Any, radius: Scalar) -> Ball:
    """The union of the balls {x : max |x_i - c_i| <= radius} around the given points.

    centres: an array whose first axis counts the points, or one point as a vector. See Ball for errors.
    """
    return _ball("linf", centres, radius)


def l2(centres: Any, radius: Scalar) -> Ball:
    """The union of Euclidean balls around the given points; arguments as for ``linf``."""
    return _ball("l2", centres, radius)


def l1(centres: Any, radius: Scalar) -> Ball:
    """The union of balls {x : sum |x_i - c_i| <= radius}; arguments as for ``linf``."""
    return _ball("l1", centres, radius)


def points(centres: Any) -> Points:
    """Finitely many points: an array whose first axis counts them, or one point as a vector."""
    return Points(as_floats(centres, "points"))


def _ball(norm: str, centres: Any, radius: Scalar) -> Ball:
    return Ball(norm, as_floats(centres, f"{norm}: centres"), rational(radius, f"{norm}: radius"))


def _is_scalar(v: Any) -> bool:
    return isinstance(v, int | float | str | Fraction | np.number) or (isinstance(v, np.ndarray) and v.ndim == 0)


def _limits(v: Any, place: str) -> Any:
    """An array of floats; a scalar must be one that float64 holds, since a box stores floats."""
    if not _is_scalar(v):
        return as_floats(v, place)
    q = rational(v, place)
    if float_below(q) != float_above(q):
        raise BadInput(f"{place}: expected a number that float64 holds beside an array, found {v}; use & box(...)")
    return np.array(float_below(q))
