"""Float64 moves inside parts of a domain, for batches: pull in, sample, step, best vertex.

For search only, yet conservative: boxes are rounded inward and radii shrunk, so that a point which these
operations return fails exact membership only where a part's float interior is empty. Nothing here decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_BISECTIONS = 30


def _norms(norm: str, d: Floats) -> Floats:
    """The l2 or l1 norm of each row; scaled, so that tiny entries do not underflow when squared."""
    if norm == "l1":
        return np.asarray(np.abs(d).sum(axis=1))
    most = np.abs(d).max(axis=1, keepdims=True, initial=0.0)
    unit = np.divide(d, most, out=np.zeros_like(d), where=most > 0)
    return np.asarray(most[:, 0] * np.sqrt((unit * unit).sum(axis=1)))


@dataclass(frozen=True, eq=False)
class Geometry:
    """Row i of a batch lives in { lo_i <= x <= hi_i } and, for l2 and l1, within ``reach`` of centre_i."""

    norm: str
    lo: Floats
    hi: Floats
    centre: Floats | None = None
    reach: float = 0.0

    def rows(self, index: NDArray[np.integer]) -> Geometry:
        """The geometry of some rows."""
        centre = None if self.centre is None else self.centre[index]
        return Geometry(self.norm, self.lo[index], self.hi[index], centre, self.reach)

    def anchor(self) -> Floats:
        """The point of each box nearest to the part's centre: inside whenever the part has an interior."""
        if self.centre is None:
            return self.lo / 2 + self.hi / 2
        return np.clip(self.centre, self.lo, self.hi)

    def _size(self, x: Floats) -> Floats:
        assert self.centre is not None
        return _norms(self.norm, x - self.centre)

    def pull_in(self, x: Floats) -> Floats:
        """Clip to the box, then go towards the anchor until the ball holds the point (batch, n)."""
        y = np.clip(x, self.lo, self.hi)
        if self.centre is None:
            return y
        far = np.flatnonzero(self._size(y) > self.reach)
        if not len(far):
            return y
        g = self.rows(far)
        anchor, z = g.anchor(), y[far]
        inside, outside = np.zeros(len(far)), np.ones(len(far))
        # Where anchor and centre agree the answer is one division; bisection from just around it does the rest.
        ratio = np.minimum(1.0, self.reach / g._size(z)) * (1 - 1e-12)
        ok = g._size(np.clip(anchor + ratio[:, None] * (z - anchor), g.lo, g.hi)) <= self.reach
        inside, outside = np.where(ok, ratio, 0.0), np.where(ok, np.minimum(1.0, ratio * (1 + 1e-9)), ratio)
        for _ in range(_BISECTIONS if not ok.all() else 0):
            t = (inside + outside) / 2
            fits = g._size(np.clip(anchor + t[:, None] * (z - anchor), g.lo, g.hi)) <= self.reach
            inside, outside = np.where(fits, t, inside), np.where(fits, outside, t)
        y[far] = np.clip(anchor + inside[:, None] * (z - anchor), g.lo, g.hi)
        return y

    def sample(self, rng: np.random.Generator) -> Floats:
        """One random point for each row: uniform in the box, or in the ball and then pulled in."""
        shape = self.lo.shape
        if self.centre is None:
            u = rng.random(shape)
            y: Floats = np.clip(self.lo * (1 - u) + self.hi * u, self.lo, self.hi)
            return y
        direction = rng.normal(size=shape) if self.norm == "l2" else rng.laplace(size=shape)
        unit = direction / np.maximum(_norms(self.norm, direction), 1e-300)[:, None]
        distance = self.reach * rng.random((shape[0], 1)) ** (1.0 / max(shape[1], 1))
        return self.pull_in(self.centre + distance * unit)

    def corner(self, rng: np.random.Generator) -> Floats:
        """The best vertex for a random direction."""
        return self.vertex(rng.normal(size=self.lo.shape), self.anchor())

    def vertex(self, direction: Floats, x: Floats) -> Floats:
        """A maximiser of direction . y over each part; entries of no influence stay those of x (box only)."""
        if self.centre is None:
            y: Floats = np.where(direction > 0, self.hi, np.where(direction < 0, self.lo, x))
            return y
        return self.pull_in(self._l2_vertex(direction) if self.norm == "l2" else self._l1_vertex(direction))

    def _l2_vertex(self, c: Floats) -> Floats:
        """clip(centre + t c) with t as large as the ball allows: the optimality condition of ball and box."""
        assert self.centre is not None
        scale = np.maximum(np.abs(c).max(axis=1, keepdims=True, initial=0.0), 1e-300)
        c = c / scale
        size = np.sqrt((c * c).sum(axis=1, keepdims=True))
        t = np.divide(self.reach, size, out=np.zeros_like(size), where=size > 0)
        free = self.centre + t * c
        y: Floats = np.clip(free, self.lo, self.hi)
        cut = np.flatnonzero((y != free).any(axis=1))
        if not len(cut):
            return y
        g, d, centre = self.rows(cut), c[cut], self.centre[cut]
        # Clipped coordinates leave room for the others: find a t too large, then bisect.
        # (With the centre outside the box even t may be too large.)
        fits = g._size(y[cut])[:, None] <= self.reach
        low, high = np.where(fits, t[cut], 0.0), np.where(fits, t[cut] * 2, t[cut])
        for _ in range(_BISECTIONS):
            at = np.clip(centre + high * d, g.lo, g.hi)
            room = (g._size(at) < self.reach) & (((d > 0) & (at < g.hi)) | ((d < 0) & (at > g.lo))).any(axis=1)
            if not room.any():
                break
            high = np.where(room[:, None], high * 4, high)
        for _ in range(_BISECTIONS):
            mid = (low + high) / 2
            fits = (g._size(np.clip(centre + mid * d, g.lo, g.hi)) <= self.reach)[:, None]
            low, high = np.where(fits, mid, low), np.where(fits, high, mid)
        y[cut] = np.clip(centre + low * d, g.lo, g.hi)
        return y

    def _l1_vertex(self, c: Floats) -> Floats:
        """Spend the radius on the most influential coordinates first, each up to its limit in the box."""
        anchor = self.anchor()
        budget = np.maximum(self.reach - self._size(anchor), 0.0)[:, None]
        room = np.where(c > 0, self.hi - anchor, np.where(c < 0, anchor - self.lo, 0.0))
        order = np.argsort(-np.abs(c), axis=1, kind="stable")
        sorted_room = np.take_along_axis(room, order, axis=1)
        before = np.cumsum(sorted_room, axis=1) - sorted_room
        spent = np.clip(budget - before, 0.0, sorted_room)
        move = np.zeros_like(c)
        np.put_along_axis(move, order, spent, axis=1)
        y: Floats = anchor + np.sign(c) * move
        return y

    def step(self, x: Floats, direction: Floats, size: float) -> Floats:
        """An ascent step: by sign in a box (size in half-widths), along the gradient in an l2 ball (size in radii),
        towards the best vertex in an l1 ball (a share of the way)."""
        if self.centre is None:
            half = self.hi / 2 - self.lo / 2
            return np.clip(x + size * half * np.sign(direction), self.lo, self.hi)
        if self.norm == "l2":
            length = np.maximum(_norms("l2", direction), 1e-300)[:, None]
            return self.pull_in(x + size * self.reach * (direction / length))
        target = self.vertex(direction, x)
        return self.pull_in(x + min(size, 1.0) * (target - x))
