"""One piece of the input set as a prover sees it: a box, perhaps a ball within it, and the hull for x'.

Float64 and outward only as far as the caller made it so: certificates do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.networks.maps import Floats


@dataclass(frozen=True, eq=False)
class Region:
    """lo <= x <= hi; for an l2 or l1 ball also its kind, centre and radius; hull_lo, hull_hi bound x'."""

    lo: Floats
    hi: Floats
    kind: str = "box"
    centre: Floats | None = None
    radius: float = 0.0
    hull_lo: Floats | None = None
    hull_hi: Floats | None = None

    def support(self, c: Floats) -> Floats:
        """A lower bound of c . x for each row of c (rows, n)."""
        box: Floats = np.maximum(c, 0) @ self.lo + np.minimum(c, 0) @ self.hi
        if self.centre is None or self.kind not in ("l2", "l1"):
            return box
        size = np.abs(c).max(axis=1) if self.kind == "l1" else np.linalg.norm(c, axis=1)
        best: Floats = np.maximum(box, c @ self.centre - self.radius * size)
        return best

    def minimiser(self, c: Floats) -> Floats:
        """The point of the better support of one row c (n,)."""
        corner = np.where(c >= 0, self.lo, self.hi)
        if self.centre is None or self.kind not in ("l2", "l1") or not np.any(c):
            return corner
        step = np.zeros_like(c)
        if self.kind == "l1":
            k = int(np.abs(c).argmax())
            step[k] = np.sign(c[k])
        else:
            step = c / np.linalg.norm(c)
        ball = self.centre - self.radius * step
        return ball if c @ ball > c @ corner else corner

    def cut(self, i: int, at: float) -> tuple[Region, Region]:
        """The halves x_i <= at and x_i >= at."""
        hi, lo = self.hi.copy(), self.lo.copy()
        hi[i], lo[i] = at, at
        return replace(self, hi=hi), replace(self, lo=lo)
