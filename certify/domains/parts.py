"""What box, balls and points share: parts with exact membership, and float boxes around and inside them.

Part k of every set is { x : |x - [lo_k, hi_k]| <= reach } with one norm, cut by ``within``: a box has reach 0, a
ball or a point has lo_k = hi_k = its centre. Membership and emptiness are decided in exact arithmetic; ``bounds``
and ``inner`` are float64 boxes for search, rounded outward and inward. The kinds themselves are
certify.domains.sets; moving points inside a part is certify.domains.geometry.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.domains.geometry import Geometry
from certify.domains.limits import Floats, Within, check_size, exact, rounded
from certify.errors import BadInput, EmptyDomain
from certify.numbers import float_above, float_below, fractions

_VERTEX_COORDINATES = 16


class Parts:
    """What the three kinds share: each gives ``parts``, ``shape``, ``_core`` and, if not a box, norm and reach."""

    within: Within

    @property
    def norm(self) -> str:
        """The norm of the distance to the core; a box and a point may use any."""
        return "linf"

    @property
    def reach(self) -> Fraction:
        """The largest distance to the core."""
        return Fraction(0)

    @property
    def parts(self) -> int:
        """The number of parts."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one point, as it was given."""
        raise NotImplementedError

    def _core(self, k: int) -> tuple[Floats, Floats]:
        """(lo, hi) of part k before reach and ``within``."""
        raise NotImplementedError

    @property
    def n(self) -> int:
        """Entries of one point."""
        return int(np.prod(self.shape))

    def _check(self) -> None:
        """Refuse numbers without room for outward rounding, and empty parts."""
        check_size(self.within, self.n)
        for k in range(self.parts):
            if not all(np.isfinite(v).all() for v in self.bounds(k)):
                raise BadInput(f"domain: part {k}: expected bounds that float64 holds, found an overflow")
            self._check_not_empty(k)

    def _check_not_empty(self, k: int) -> None:
        lo, hi = self.inner(k)
        for i in np.flatnonzero(lo > hi).tolist():
            low, high = self.coordinate(k, i)
            if low > high:
                found = f"coordinate {i} at least {low} and at most {high}"
                raise EmptyDomain(f"domain: part {k}: expected a point, found {found}")
        limits = exact(self.within, self.n) if self.norm != "linf" else None
        if limits is None:
            return
        centre = self._core(k)[0]
        gap = np.maximum(np.maximum(lo - centre, centre - hi), 0.0)
        size = float(gap.sum() if self.norm == "l1" else np.sqrt((gap * gap).sum()))
        # Floats settle all but near ties, which exact arithmetic decides by the box's nearest point.
        if size <= float(self.reach) * (1 - 1e-9):
            return
        nearest = [min(max(Fraction(c), a), b) for c, a, b in zip(centre.tolist(), *limits, strict=True)]
        if not self._near(k, nearest):
            found = f"an {self.norm} ball of radius {self.reach} that does not meet its box"
            raise EmptyDomain(f"domain: part {k}: expected a point, found {found}")

    def _near(self, k: int, x: list[Fraction]) -> bool:
        """x is within reach of the core of part k, exactly."""
        lo, hi = self._core(k)
        r = self.reach
        gaps = (
            max(Fraction(a) - v, v - Fraction(b), Fraction(0))
            for a, b, v in zip(lo.tolist(), hi.tolist(), x, strict=True)
        )
        if self.norm == "linf":
            return all(g <= r for g in gaps)
        return sum(gaps) <= r if self.norm == "l1" else sum(g * g for g in gaps) <= r * r

    def contains(self, x: Any, part: int | None = None) -> bool:
        """Whether x (floats of any shape, or Fractions) lies in a part, or in any part; decided exactly.

        Raises BadInput for another number of entries, or one that is not finite.
        """
        return next(self.parts_of(x, part), None) is not None

    def parts_of(self, x: Any, part: int | None = None) -> Iterator[int]:
        """The parts (or the one asked for) that x lies in, in order; errors as for ``contains``."""
        point = fractions(x, "x", self.n)
        limits = exact(self.within, self.n)
        if limits is not None and not all(a <= v <= b for v, a, b in zip(point, *limits, strict=True)):
            return
        if part is not None:
            check_part(part, self.parts)
        for k in self._candidates(point) if part is None else [part]:
            if self._near(k, point):
                yield k

    def _candidates(self, point: list[Fraction]) -> Iterator[int]:
        """Parts whose bounds may hold the point: a cheap filter before exact work."""
        x = np.array([float(v) for v in point])
        slack = 1e-9 * np.abs(x) + 1e-300
        for k in range(self.parts):
            lo, hi = self.bounds(k)
            if (x >= lo - slack).all() and (x <= hi + slack).all():
                yield k

    def coordinate(self, k: int, i: int) -> tuple[Fraction, Fraction]:
        """The exact interval of coordinate i of part k's bounding box."""
        lo, hi = self._core(k)
        low, high = Fraction(float(lo[i])) - self.reach, Fraction(float(hi[i])) + self.reach
        if self.within is None:
            return low, high
        a, b = (v if isinstance(v, Fraction) else Fraction(float(v.ravel()[i])) for v in self.within)
        return max(low, a), min(high, b)

    def _float_box(self, k: int, outward: bool) -> tuple[Floats, Floats]:
        lo, hi = self._core(k)
        if self.reach:
            r = float_above(self.reach) if outward else float_below(self.reach)
            lo, hi = _add(lo, -r, up=not outward), _add(hi, r, up=outward)
        if self.within is None:
            return lo, hi
        a, b = rounded(self.within, self.n, outward)
        return np.maximum(lo, a), np.minimum(hi, b)

    def bounds(self, k: int) -> tuple[Floats, Floats]:
        """Float64 (lo, hi) with every point of part k between them."""
        return self._float_box(k, outward=True)

    def inner(self, k: int) -> tuple[Floats, Floats]:
        """Float64 (lo, hi) within the exact bounding box of part k; lo > hi where no float lies between."""
        return self._float_box(k, outward=False)

    def hull(self) -> tuple[Floats, Floats]:
        """Float64 (lo, hi) around all parts: where x' lives."""
        lo, hi = self.bounds(0)
        for k in range(1, self.parts):
            a, b = self.bounds(k)
            lo, hi = np.minimum(lo, a), np.maximum(hi, b)
        return lo, hi

    def centre(self, k: int) -> Floats:
        """A float64 point in the middle of part k: its centre moved into ``within``, or the box's mid-point."""
        lo, hi = self._core(k)
        a, b = self.inner(k)
        return np.clip(lo if hi is lo else a / 2 + b / 2, a, b)

    def geometry(self, parts: NDArray[np.integer]) -> Geometry:
        """Float operations for a batch whose i-th point lives in part ``parts[i]``."""
        chosen, row = np.unique(parts, return_inverse=True)
        boxes = [self.inner(int(k)) for k in chosen]
        lo, hi = (np.stack([b[side] for b in boxes])[row] for side in (0, 1))
        if self.norm == "linf":
            return Geometry("linf", lo, hi)
        centre = np.stack([self._core(int(k))[0] for k in chosen])[row]
        # A float norm of n terms errs by at most (n + 4) units of 2^-53: inside this radius is inside the ball.
        reach = float_below(self.reach) * (1 - (self.n + 8) * 2.0**-52)
        return Geometry(self.norm, lo, hi, centre, reach)

    def project(self, x: Any, part: int = 0) -> Floats:
        """Float64 points of part ``part`` near x, (batch, n) for a batch or one point; each passes ``contains``.

        Raises BadInput when no float64 point of the part is found (its limits lie between two floats).
        """
        check_part(part, self.parts)
        batch = np.asarray(x, dtype=np.float64).reshape(-1, self.n)
        moved = self.geometry(np.full(len(batch), part)).pull_in(batch)
        for row in moved:
            if not self.contains(row, part):
                raise BadInput(f"domain: part {part}: expected a float64 point inside, found none")
        return moved

    def sample(self, rng: np.random.Generator, count: int, part: int = 0) -> Floats:
        """``count`` random float64 points of a part, (count, n); each passes ``contains``. Errors as ``project``."""
        check_part(part, self.parts)
        return self.project(self.geometry(np.full(count, part)).sample(rng), part)

    def vertices(self, part: int = 0) -> Floats:
        """All corners of a part that is a box, (2^m, n) with m the number of entries that can move.

        Raises BadInput for l2 and l1 balls, and for m above 16.
        """
        lo, hi = self.inner(part)
        free = np.flatnonzero(lo < hi)
        if self.norm != "linf" or len(free) > _VERTEX_COORDINATES:
            found = f"{len(free)} of them" if self.norm == "linf" else f"an {self.norm} ball"
            raise BadInput(f"vertices: expected a box with at most {_VERTEX_COORDINATES} free entries, found {found}")
        bits = (np.arange(2 ** len(free))[:, None] >> np.arange(len(free))) & 1
        out = np.repeat(lo[None], len(bits), axis=0)
        out[:, free] = np.where(bits == 1, hi[free], lo[free])
        return out


def check_part(k: int, parts: int) -> None:
    """Raises BadInput unless there is a part k."""
    if not 0 <= k < parts:
        raise BadInput(f"domain: expected a part from 0 to {parts - 1}, found {k}")


def _add(a: Floats, b: float, up: bool) -> Floats:
    """a + b rounded in one direction; Knuth's two-sum gives the exact error of the rounded sum."""
    with np.errstate(over="ignore", invalid="ignore"):
        s = a + b
        t = s - a
        error = (a - (s - t)) + (b - t)
        up_or_down = error > 0 if up else error < 0
        return np.where(up_or_down, np.nextafter(s, np.inf if up else -np.inf), s)
