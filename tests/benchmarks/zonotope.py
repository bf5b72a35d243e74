"""A baseline: zonotopes for f, for g and for their difference, one forward pass in float64.

After Teuber, Kern, Janzen, Beckert, "Revisiting Differential Verification: Equivalence Verification with Confidence"
(2024), arXiv 2410.20207, and Paulsen, Wang, Wang (ReluDiff, 2020): all three share their generators, affine layers keep
the difference exactly, and an activation adds one generator for each open neuron.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.networks.maps import Floats
from tests.benchmarks.cases import Layers


@dataclass
class Zonotope:
    """{c + G e, |e| <= 1}: c (n,), G (n, generators)."""

    c: Floats
    G: Floats

    def bounds(self) -> tuple[Floats, Floats]:
        r = np.abs(self.G).sum(axis=1)
        return self.c - r, self.c + r

    def widened(self, count: int) -> Zonotope:
        return Zonotope(self.c, np.hstack([self.G, np.zeros((len(self.c), count))]))


def difference_bounds(f: Layers, g: Layers, lo: Floats, hi: Floats) -> tuple[Floats, Floats]:
    """Bounds of f - g over a box."""
    zf = Zonotope((lo + hi) / 2, np.diag((hi - lo) / 2))
    zg, zd = Zonotope(zf.c, zf.G), Zonotope(np.zeros_like(zf.c), np.zeros_like(zf.G))
    for k, ((A, a), (B, b)) in enumerate(zip(f, g, strict=True)):
        zd = Zonotope(A @ zd.c + (A - B) @ zg.c + (a - b), A @ zd.G + (A - B) @ zg.G)
        zf, zg = Zonotope(A @ zf.c + a, A @ zf.G), Zonotope(B @ zg.c + b, B @ zg.G)
        if k < len(f) - 1:
            zf, zg, zd = _activate(zf, zg, zd)
    return zd.bounds()


def _line(lo: Floats, hi: Floats) -> tuple[Floats, Floats, Floats]:
    """relu as slope * x + offset +- radius, of least area."""
    open_ = (lo < 0) & (hi > 0)
    slope = np.where(open_, hi / np.where(open_, hi - lo, 1), (lo >= 0).astype(float))
    half = np.where(open_, -slope * lo / 2, 0.0)
    return slope, half, half


def _difference_line(lo: Floats, hi: Floats) -> tuple[Floats, Floats, Floats]:
    """relu(x) - relu(y) lies between 0 and d: slope * d + offset +- radius, the narrowest of a few slopes."""
    best: tuple[Floats, Floats, Floats] | None = None
    width = np.where(hi > lo, hi - lo, 1)
    for slope in (
        np.zeros_like(lo),
        np.ones_like(lo),
        np.full_like(lo, 0.5),
        np.clip(hi / width, 0, 1),
        np.clip(-lo / width, 0, 1),
    ):
        corners = [np.minimum(v, 0) - slope * v for v in (lo, hi)] + [np.maximum(v, 0) - slope * v for v in (lo, hi)]
        top, bottom = np.max(corners, axis=0), np.min(corners, axis=0)
        # At d = 0 both are 0, if 0 is inside.
        inside = (lo < 0) & (hi > 0)
        top, bottom = np.where(inside, np.maximum(top, 0), top), np.where(inside, np.minimum(bottom, 0), bottom)
        found = slope, (top + bottom) / 2, (top - bottom) / 2
        if best is None:
            best = found
        else:
            better = found[2] < best[2]
            best = tuple(np.where(better, new, old) for new, old in zip(found, best, strict=True))  # type: ignore[assignment]
    assert best is not None
    return best


def _activate(zf: Zonotope, zg: Zonotope, zd: Zonotope) -> tuple[Zonotope, Zonotope, Zonotope]:
    n = len(zf.c)
    (lx, ux), (ly, uy), (ld, ud) = zf.bounds(), zg.bounds(), zd.bounds()
    ld, ud = np.maximum(ld, lx - uy), np.minimum(ud, ux - ly)
    sf, of, rf = _line(lx, ux)
    sg, og, rg = _line(ly, uy)
    sd, od, rd = _difference_line(ld, ud)
    nf, ng = _stretched(zf, sf, of), _stretched(zg, sg, og)
    nd = _stretched(zd, sd, od)
    # Where that is narrower (or exact), the difference of the two activations themselves.
    active, dead = (lx >= 0) & (ly >= 0), (ux <= 0) & (uy <= 0)
    apart = ((rf + rg) < rd) & ~active & ~dead
    nd.c, nd.G = np.where(apart, nf.c - ng.c, nd.c), np.where(apart[:, None], nf.G - ng.G, nd.G)
    nd.c, nd.G = np.where(active, zd.c, nd.c), np.where(active[:, None], zd.G, nd.G)
    nd.c, nd.G = np.where(dead, 0.0, nd.c), np.where(dead[:, None], 0.0, nd.G)
    rd = np.where(active | dead | apart, 0.0, rd)
    nf, ng, nd = (z.widened(3 * n) for z in (nf, ng, nd))
    k, m = np.arange(n), zf.G.shape[1]
    nf.G[k, m + k], ng.G[k, m + n + k], nd.G[k, m + 2 * n + k] = rf, rg, rd
    nd.G[k, m + k], nd.G[k, m + n + k] = np.where(apart, rf, 0.0), np.where(apart, -rg, 0.0)
    used = np.any([np.any(z.G != 0, axis=0) for z in (nf, ng, nd)], axis=0)
    return tuple(Zonotope(z.c, z.G[:, used]) for z in (nf, ng, nd))  # type: ignore[return-value]


def _stretched(z: Zonotope, slope: Floats, offset: Floats) -> Zonotope:
    return Zonotope(slope * z.c + offset, slope[:, None] * z.G)
