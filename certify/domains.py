"""Input sets: boxes, norm balls around data, points, and their intersections with a box.

Arrays are floats and mean exactly the stored numbers. A radius or a scalar limit is an exact rational: an int, a Fraction, or a
string ("0.03" means 3/100, "1/255" means 1/255); a Python float means the decimal it prints as (0.1 means 1/10). Membership and
emptiness are decided exactly; everything else here is float64 for search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.errors import BadInput, EmptyDomain
from certify.networks.maps import Floats

Number = int | float | str | Fraction
Norm = Literal["linf", "l2", "l1"]


def rational(value: Number, what: str = "number") -> Fraction:
    """The exact rational that a number or a decimal string means; raises BadInput for anything else."""
    if isinstance(value, bool):
        raise BadInput(f"{what}: expected a number, found {value}")
    try:
        if isinstance(value, np.floating):
            value = float(value)
        if isinstance(value, np.integer):
            value = int(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise BadInput(f"{what}: expected a finite number, found {value}")
            return Fraction(repr(value))
        return Fraction(value.strip().replace(" ", "")) if isinstance(value, str) else Fraction(value)
    except (ValueError, TypeError, ZeroDivisionError):
        raise BadInput(f"{what}: expected a number such as 0.03 or 1/255, found {value!r}") from None


def _floats(value: ArrayLike, what: str) -> NDArray[np.floating]:
    """A float32 or float64 array with finite entries; other types become float64 when that is exact."""
    try:
        a = np.asarray(value)
    except ValueError:
        raise BadInput(f"{what}: expected a rectangular array") from None
    if a.dtype.kind not in "fiub" or a.size == 0:
        raise BadInput(f"{what}: expected a non-empty array of numbers, found dtype {a.dtype} and shape {a.shape}")
    if a.dtype not in (np.float16, np.float32, np.float64):
        exact = a.astype(np.float64)
        if a.dtype.kind in "iu" and np.any(exact.astype(object) != a.astype(object)):
            raise BadInput(f"{what}: an integer is too large for a float64")
        a = exact
    if not np.isfinite(a).all():
        raise BadInput(f"{what}: entry {int(np.flatnonzero(~np.isfinite(a))[0])} is not finite")
    return a


Limits = tuple[Fraction, Fraction] | tuple[NDArray[np.floating], NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class Domain:
    """A union of parts, each intersected with ``within``.

    kind:    "box" (arrays lo and hi, one part), "ball" (centres (parts, n), norm, radius) or "points" (centres (parts, n))
    within:  None, two rationals for all coordinates, or two arrays (n,)
    """

    kind: Literal["box", "ball", "points"]
    lo: NDArray[np.floating] | None = None
    hi: NDArray[np.floating] | None = None
    centres: NDArray[np.floating] | None = None
    norm: Norm = "linf"
    radius: Fraction = Fraction(0)
    within: Limits | None = None

    @property
    def n(self) -> int:
        """Number of input coordinates."""
        a = self.lo if self.kind == "box" else self.centres
        assert a is not None
        return int(a.shape[-1])

    @property
    def parts(self) -> int:
        return 1 if self.centres is None else len(self.centres)

    def __and__(self, other: Domain | UniformBox) -> Domain:
        """Intersection with a box; raises EmptyDomain when a part becomes empty."""
        if isinstance(other, UniformBox):
            if self.within is None:
                return replace(self, within=(other.lo, other.hi)).checked()
            if isinstance(self.within[0], Fraction) and isinstance(self.within[1], Fraction):
                both = (max(self.within[0], other.lo), min(self.within[1], other.hi))
                return replace(self, within=both).checked()
            raise BadInput("an intersection with array limits cannot be cut by scalars; use arrays")
        if other.kind != "box" or other.within is not None:
            raise BadInput("intersect with a box: domain & ct.box(lo, hi)")
        if other.n != self.n:
            raise BadInput(f"box: expected {self.n} coordinates, found {other.n}")
        assert other.lo is not None and other.hi is not None
        if self.kind == "box" and self.lo is not None and self.hi is not None:
            met = replace(self, lo=_meet(np.maximum, self.lo, other.lo), hi=_meet(np.minimum, self.hi, other.hi))
            return met.checked()
        if self.within is None:
            return replace(self, within=(other.lo, other.hi)).checked()
        if isinstance(self.within[0], np.ndarray) and isinstance(self.within[1], np.ndarray):
            lo, hi = _meet(np.maximum, self.within[0], other.lo), _meet(np.minimum, self.within[1], other.hi)
            return replace(self, within=(lo, hi)).checked()
        raise BadInput("an intersection with scalar limits cannot be cut by arrays; use arrays first")

    def __rand__(self, other: UniformBox) -> Domain:
        return self & other

    def part(self, k: int) -> Domain:
        """Part k as a domain of its own."""
        return self if self.centres is None else replace(self, centres=self.centres[k : k + 1])

    def limits(self) -> tuple[list[Fraction], list[Fraction]] | None:
        """``within`` as exact lists."""
        if self.within is None:
            return None
        lo, hi = self.within
        if isinstance(lo, Fraction) and isinstance(hi, Fraction):
            return [lo] * self.n, [hi] * self.n
        return _exact(np.asarray(lo)), _exact(np.asarray(hi))

    def checked(self) -> Domain:
        """This domain, or EmptyDomain: exactly."""
        limits = self.limits()
        if limits is None and self.kind != "box":
            return self
        for k in range(self.parts):
            low, high = self._outer(k)
            least, most = limits if limits is not None else (low, high)
            for i in self._doubtful(k):
                if max(low[i], least[i]) > min(high[i], most[i]):
                    raise EmptyDomain(f"domain: part {k} is empty in coordinate {i}")
            if limits is not None and self.kind == "ball" and self.norm != "linf":
                assert self.centres is not None
                gaps = [
                    max(a - c, c - b, Fraction(0)) for c, a, b in zip(_exact(self.centres[k]), *limits, strict=True)
                ]
                if _norm_exceeds(gaps, self.norm, self.radius):
                    raise EmptyDomain(f"domain: part {k}, the ball does not meet the box")
        return self

    def _doubtful(self, k: int) -> list[int]:
        """Coordinates that float64 does not show to have room: only these need exact arithmetic."""
        low, high = self.bounds(k)
        room = (high - low) > 1e-9 * (1 + np.abs(high) + np.abs(low))
        return [int(i) for i in np.flatnonzero(~room)]

    def _outer(self, k: int) -> tuple[list[Fraction], list[Fraction]]:
        if self.kind == "box":
            assert self.lo is not None and self.hi is not None
            return _exact(self.lo), _exact(self.hi)
        assert self.centres is not None
        c = _exact(self.centres[k])
        return [v - self.radius for v in c], [v + self.radius for v in c]

    def contains(self, x: ArrayLike | Sequence[Fraction], part: int | None = None) -> bool:
        """Exact membership of a point (float64 entries or Fractions) in a part, or in any."""
        v = [p if isinstance(p, Fraction) else Fraction(float(p)) for p in np.asarray(x, dtype=object).ravel()]
        if len(v) != self.n:
            raise BadInput(f"point: expected {self.n} coordinates, found {len(v)}")
        limits = self.limits()
        if limits is not None and any(not a <= p <= b for p, a, b in zip(v, *limits, strict=True)):
            return False
        return any(self._in_part(v, k) for k in (range(self.parts) if part is None else [part]))

    def _in_part(self, v: list[Fraction], k: int) -> bool:
        if self.kind == "box":
            low, high = self._outer(k)
            return all(a <= p <= b for p, a, b in zip(v, low, high, strict=True))
        assert self.centres is not None
        gaps = [abs(p - c) for p, c in zip(v, _exact(self.centres[k]), strict=True)]
        return not _norm_exceeds(gaps, "linf" if self.kind == "points" else self.norm, self.radius)

    def bounds(self, k: int) -> tuple[Floats, Floats]:
        """A float64 box around part k, rounded outward by a few units in the last place."""
        if self.kind == "box":
            assert self.lo is not None and self.hi is not None
            low, high = self.lo.astype(np.float64), self.hi.astype(np.float64)
        else:
            assert self.centres is not None
            c, r = self.centres[k].astype(np.float64), _above(self.radius)
            low, high = (c, c) if r == 0 else (np.nextafter(c - r, -np.inf), np.nextafter(c + r, np.inf))
        if self.within is not None:
            a, b = self.within
            floor = _below(a) if isinstance(a, Fraction) else np.asarray(a, dtype=np.float64)
            ceiling = _above(b) if isinstance(b, Fraction) else np.asarray(b, dtype=np.float64)
            low, high = np.maximum(low, floor), np.minimum(high, ceiling)
        return low, high

    def hull(self) -> tuple[Floats, Floats]:
        """A float64 box around all parts."""
        low, high = self.bounds(0)
        for k in range(1, self.parts):
            a, b = self.bounds(k)
            low, high = np.minimum(low, a), np.maximum(high, b)
        return low, high

    def inside(self, x: Floats, k: int) -> Floats:
        """Float64 points (batch, n) moved into part k, a little short of its surface; not guaranteed: use contains."""
        low, high = self.bounds(k)
        if self.kind == "ball":
            assert self.centres is not None
            c, r = self.centres[k].astype(np.float64), float(self.radius) * (1 - 1e-12)
            anchor = np.clip(c, low, high)
            low, high = np.maximum(low, c - r), np.minimum(high, c + r)
            x = np.clip(x, low, high)
            if self.norm == "l2":
                x = _shrink(x, c, anchor, r, lambda d: np.linalg.norm(d, axis=1))
            elif self.norm == "l1":
                x = _shrink(x, c, anchor, r, lambda d: np.abs(d).sum(axis=1))
        if self.within is not None and isinstance(self.within[0], Fraction) and isinstance(self.within[1], Fraction):
            low = np.maximum(low, -_below(-self.within[0]))
            high = np.minimum(high, _below(self.within[1]))
        return np.clip(x, low, np.maximum(low, high))

    def sample(self, rng: np.random.Generator, count: int, k: int) -> Floats:
        """Random points of part k (batch, n), corners among them."""
        low, high = self.bounds(k)
        x = rng.uniform(low, np.maximum(high, low), (count, self.n))
        corners = rng.random((count, self.n)) < 0.5
        x[: count // 2] = np.where(corners, low, high)[: count // 2]
        return self.inside(x, k)


def _shrink(x: Floats, centre: Floats, anchor: Floats, radius: float, size) -> Floats:  # type: ignore[no-untyped-def]
    """Pull points towards a point of the set until their distance from the centre is at most the radius."""
    low, high = np.zeros(len(x)), np.ones(len(x))
    ok = size(x - centre) <= radius
    for _ in range(50):
        t = (low + high) / 2
        good = size(anchor + t[:, None] * (x - anchor) - centre) <= radius
        low, high = np.where(good, t, low), np.where(good, high, t)
    return np.where(ok[:, None], x, anchor + low[:, None] * (x - anchor))


def _meet(choose, a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:  # type: ignore[no-untyped-def]
    out: NDArray[np.floating] = choose(a.astype(np.float64), b.astype(np.float64))
    return out


def _exact(a: NDArray[np.floating]) -> list[Fraction]:
    return [Fraction(float(v)) for v in a.ravel()]


def _norm_exceeds(gaps: list[Fraction], norm: str, radius: Fraction) -> bool:
    if norm == "linf":
        return max(gaps) > radius
    return sum(gaps) > radius if norm == "l1" else sum(g * g for g in gaps) > radius * radius


def _above(v: Fraction) -> float:
    x = float(v)
    return x if Fraction(x) >= v else math.nextafter(x, math.inf)


def _below(v: Fraction) -> float:
    x = float(v)
    return x if Fraction(x) <= v else math.nextafter(x, -math.inf)


@dataclass(frozen=True)
class UniformBox:
    """lo <= x_i <= hi for every coordinate: the right-hand side of ``&``."""

    lo: Fraction
    hi: Fraction

    def __and__(self, other: Domain) -> Domain:
        return other & self


def box(lo: ArrayLike | Number, hi: ArrayLike | Number) -> Domain | UniformBox:
    """A box. Two numbers (exact rationals) make a uniform box to intersect with; two arrays (n,), of any shape with n entries, a domain."""
    if isinstance(lo, int | float | str | Fraction) and isinstance(hi, int | float | str | Fraction):
        low, high = rational(lo, "box lo"), rational(hi, "box hi")
        if low > high:
            raise EmptyDomain(f"box: lo {low} is above hi {high}")
        return UniformBox(low, high)
    a, b = _floats(lo, "box lo"), _floats(hi, "box hi")  # type: ignore[arg-type]
    if a.shape != b.shape:
        raise BadInput(f"box: lo has shape {a.shape}, hi {b.shape}")
    return Domain("box", lo=a.ravel(), hi=b.ravel()).checked()


def _balls(centres: ArrayLike, radius: Number, norm: Norm) -> Domain:
    c = _floats(centres, f"{norm} centres")
    r = rational(radius, f"{norm} radius")
    if r < 0:
        raise BadInput(f"{norm} radius: expected at least 0, found {r}")
    return Domain("ball", centres=_rows(c), norm=norm, radius=r)


def _rows(a: NDArray[np.floating]) -> NDArray[np.floating]:
    return a.reshape(1, -1) if a.ndim == 1 else a.reshape(len(a), -1)


def linf(centres: ArrayLike, radius: Number) -> Domain:
    """The union of l_inf balls around the rows of ``centres``: (n,) for one point, (points, ...) for several."""
    return _balls(centres, radius, "linf")


def l2(centres: ArrayLike, radius: Number) -> Domain:
    """The union of Euclidean balls around the rows of ``centres``."""
    return _balls(centres, radius, "l2")


def l1(centres: ArrayLike, radius: Number) -> Domain:
    """The union of l_1 balls around the rows of ``centres``."""
    return _balls(centres, radius, "l1")


def points(values: ArrayLike) -> Domain:
    """Finitely many points: the rows of ``values``."""
    return Domain("points", centres=_rows(_floats(values, "points")))
