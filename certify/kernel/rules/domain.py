"""Rule *domain*: bounds and support of the declared input set.

    x in part k of X,  s a scale
    ------------------------------------------------------------  domain
    floor(2^s inf x_i) <= 2^s x_i <= ceil(2^s sup x_i)   and, for a ball around c of radius r,
    C . x >= C . c - r ||C||_dual

Everything is computed from the exact rationals of the claim and rounded outward once. An intersection uses the
better of its two supports. A part that is empty is rejected: a vacuous theorem is no certificate.
Rejects with: empty-domain, negative-radius, shape, no-such-part. Spec: rules.md#domain. Proof: domain_correct.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from certify.kernel.tensors import ceil_dyadic, floor_dyadic
from certify.kernel.verdict import require


def _exact(pair) -> Fraction:
    m, e = pair
    return Fraction(m << e) if e >= 0 else Fraction(m, 1 << -e)


class Domain:
    """The input set of a claim: a union of parts, each intersected with ``within``."""

    def __init__(self, kind, norm, tensors, parts, radius, within, n):
        self.kind, self.norm, self.parts, self.n = kind, norm, parts, n
        self.tensors, self.radius, self.within = tensors, radius, within
        self._cache: dict[object, object] = {}

    def _entries(self, tensor, start, stop):
        """Exact entries; a tensor of one part is decoded once."""
        key = (tensor.key, start)
        if key not in self._cache:
            if len(self._cache) > 8:
                self._cache.clear()
            self._cache[key] = tensor.dyadics(start, stop)
        return self._cache[key]

    def _limits(self):
        """``within`` as two lists of rationals, or None."""
        if self.within is None:
            return None
        form, values = self.within
        if form == "uniform":
            return [values[0]] * self.n, [values[1]] * self.n
        return tuple([_exact(p) for p in self._entries(t, 0, self.n)] for t in values)

    def _box(self, k):
        """(dyadic lower, dyadic upper, radius) of part k before ``within``."""
        if self.kind == "box":
            lo, hi = self.tensors
            return self._entries(lo, 0, self.n), self._entries(hi, 0, self.n), Fraction(0)
        c = self._entries(self.tensors[0], k * self.n, (k + 1) * self.n)
        return c, c, self.radius

    def check_part(self, k: int, place: str) -> None:
        """Reject unless part k has a point."""
        lo, hi, r = self._box(k)
        limits = self._limits()
        if self.kind == "box" or limits is not None:
            lower, upper = [_exact(p) - r for p in lo], [_exact(p) + r for p in hi]
            least, most = limits if limits is not None else (lower, upper)
            for i in range(self.n):
                top, bottom = min(upper[i], most[i]), max(lower[i], least[i])
                require(bottom <= top, "empty-domain", place, f"part {k} is empty in coordinate {i}")
        if self.kind == "ball" and self.norm != "linf" and limits is not None:
            gaps = [_gap(_exact(p), a, b) for p, a, b in zip(lo, *limits, strict=True)]
            near = sum(gaps) <= r if self.norm == "l1" else sum(g * g for g in gaps) <= r * r
            require(near, "empty-domain", place, f"part {k}: the ball does not meet the box")

    def coordinate(self, k: int, i: int):
        """The exact interval of coordinate i of part k's bounding box."""
        lo, hi, r = self._box(k)
        low, high = _exact(lo[i]) - r, _exact(hi[i]) + r
        limits = self._limits()
        return (low, high) if limits is None else (max(low, limits[0][i]), min(high, limits[1][i]))

    def bounds(self, k: int, scale: int):
        """Outward integer bounds (lo, hi) of part k in units of 2^-scale."""
        lo, hi, r = self._box(k)
        below = [floor_dyadic(p, scale, -r.numerator, r.denominator) for p in lo]
        above = [ceil_dyadic(p, scale, r.numerator, r.denominator) for p in hi]
        limits = self._limits()
        if limits is not None:
            least = [_floor(v, scale) for v in limits[0]]
            most = [-_floor(-v, scale) for v in limits[1]]
            below = [max(a, b) for a, b in zip(below, least, strict=True)]
            above = [min(a, b) for a, b in zip(above, most, strict=True)]
        return below, above

    def hull(self, scale: int):
        """Outward integer bounds of the whole domain."""
        below, above = self.bounds(0, scale)
        for k in range(1, self.parts):
            lo, hi = self.bounds(k, scale)
            below = [min(a, b) for a, b in zip(below, lo, strict=True)]
            above = [max(a, b) for a, b in zip(above, hi, strict=True)]
        return below, above

    def ball(self, k: int, scale: int):
        """(norm, centre below, centre above, radius above) for an l2 or l1 ball, else None."""
        if self.kind != "ball" or self.norm == "linf":
            return None
        c = self._box(k)[0]
        r = -_floor(-self.radius, scale)
        return self.norm, [floor_dyadic(p, scale) for p in c], [ceil_dyadic(p, scale) for p in c], r


def _gap(c, a, b):
    """Distance from c to the interval [a, b]."""
    return max(a - c, c - b, Fraction(0))


def _floor(v, scale):
    return (v.numerator << scale) // v.denominator if scale >= 0 else v.numerator // (v.denominator << -scale)


class Region:
    """Leaves: integer bounds of x in their plan's input unit, a row each, and their parts' balls if they have any."""

    def __init__(self, arithmetic, lo, hi, balls):
        self._a, self.lo, self.hi = arithmetic, arithmetic.matrix(lo), arithmetic.matrix(hi)
        self._ball = None
        if balls[0] is not None:
            below, above = (arithmetic.matrix([b[k] for b in balls]) for k in (1, 2))
            self._ball = balls[0][0], below, above, arithmetic.vector([b[3] for b in balls])

    def support(self, c, owner, lo, hi):
        """A lower bound of C . (n - lo), for each row of C, over the leaf that ``owner`` names.

        lo <= n <= hi are proved bounds of the leaf, or one row of them for all.
        """
        a = self._a
        box = a.rowdot(c.negative_part(), hi - lo)
        if self._ball is None:
            return box
        norm, below, above, radius = self._ball
        if owner is not None:
            below, above, radius = below.take_rows(owner), above.take_rows(owner), radius.gather(owner)
        centre = a.rowdot(c, below - lo) + a.rowdot(c.negative_part(), above - below)
        if norm == "l1":
            sizes = [max(r.largest(), -r.smallest()) for r in _each(c)]
        else:
            sizes = [_ceil_sqrt(v) for v in (c * c).row_sums().tolist()]
        return a.maximum(box, centre - radius * a.vector(sizes))


def _each(c):
    return [c.rows(i, i + 1) for i in range(c.shape[0])]


def _ceil_sqrt(v: int) -> int:
    return isqrt(v - 1) + 1 if v > 0 else 0
