"""Interval bounds of blocks on many regions at once, and what blocks say of each other's bounds, in float64.

The same as the kernel's rules *forward* and *difference* (specs/rules.md) up to rounding. Nothing here is rigorous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats, LinearMap
from certify.provers.blocks import Block, BlockGraph
from certify.provers.region import Region

# Bounds that cross by more than this, relative to their size, cross for a reason: the region is empty.
ROUNDING = 1e-9

Sign = tuple[int, int, int, int]
T = TypeVar("T")


@dataclass
class Bounds:
    """Float bounds of every block, lo[b] and hi[b] of shape (L, size), on L regions.

    empty (L,): regions in which assumed signs contradict the bounds; their values mean nothing.
    Arrays are replaced, never written to: what was derived from them is remembered until they change.
    """

    region: Region
    lo: list[Floats] = field(default_factory=list)
    hi: list[Floats] = field(default_factory=list)
    empty: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    _known: dict[tuple[str, int], tuple[list[Floats], object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.empty):
            self.empty = np.zeros(len(self.region), dtype=bool)

    def __len__(self) -> int:
        return len(self.region)

    def take(self, which: slice | NDArray[np.generic]) -> Bounds:
        """The bounds of some of the regions."""
        lo, hi = [v[which] for v in self.lo], [v[which] for v in self.hi]
        return Bounds(self.region.take(which), lo, hi, self.empty[which])

    def derived(self, what: str, b: int, sources: Iterable[int], make: Callable[[], T]) -> T:
        """make(), remembered until the bounds of the ``sources`` change."""
        arrays = [v[i] for i in sources for v in (self.lo, self.hi)]
        found = self._known.get((what, b))
        if found is not None and all(x is y for x, y in zip(found[0], arrays, strict=True)):
            return found[1]  # type: ignore[return-value]
        value = make()
        self._known[what, b] = (arrays, value)
        return value

    def meet(self, i: int, lo: Floats, hi: Floats) -> None:
        """Intersect the bounds of block i."""
        lo, hi = np.maximum(self.lo[i], lo), np.minimum(self.hi[i], hi)
        bad = lo > hi
        if bad.any():
            far = lo - hi > ROUNDING * (1 + np.abs(lo) + np.abs(hi))
            self.empty = self.empty | far.any(axis=1)
            middle = (lo + hi) / 2
            lo, hi = np.where(bad, middle, lo), np.where(bad, middle, hi)
        self.lo[i], self.hi[i] = lo, hi


def enclose(graph: BlockGraph, i: int, bounds: Bounds) -> None:
    """Append the interval bounds of block i."""
    b = graph.blocks[i]
    if b.kind == "input":
        lo, hi = _input(b, bounds.region)
    elif b.kind == "relu":
        lo, hi = np.maximum(bounds.lo[b.source], 0), np.maximum(bounds.hi[b.source], 0)
    elif b.kind == "free":
        lo, hi = bounds.lo[b.source], bounds.hi[b.source]
    elif b.kind == "affine":
        lo, hi = _image(b, bounds)
    else:
        lo, hi = _pair(graph, b, bounds)
    bounds.lo.append(lo)
    bounds.hi.append(hi)
    if b.is_pair:
        bounds.meet(i, lo, hi)
        tighten_pair(graph, i, bounds)


def _input(b: Block, region: Region) -> tuple[Floats, Floats]:
    if b.role == 0:
        return region.lo, region.hi
    if region.hull_lo is None or region.hull_hi is None:
        return region.lo, region.hi
    shape = (len(region), b.size)
    return np.broadcast_to(region.hull_lo, shape), np.broadcast_to(region.hull_hi, shape)


def _image(b: Block, bounds: Bounds) -> tuple[Floats, Floats]:
    middle = np.zeros((len(bounds), b.size))
    radius = np.zeros((len(bounds), b.size))
    if b.bias is not None:
        middle += b.bias
    for p in b.pieces:
        if not p.scalar:
            continue
        lo, hi = bounds.lo[p.source], bounds.hi[p.source]
        middle += p.map.apply((lo + hi) / 2) * p.scalar
        radius += _magnitude(p.map).apply((hi - lo) / 2) * abs(p.scalar)
    return middle - radius, middle + radius


def _magnitude(m: LinearMap) -> LinearMap:
    """|M|, made once for each map."""
    kept: dict[str, LinearMap] = vars(m)
    if "_magnitude_map" not in kept:
        kept["_magnitude_map"] = m.magnitude()
    return kept["_magnitude_map"]


def picked(b: Block, v: Floats) -> Floats:
    """S w along the last axis."""
    return v if b.sigma is None else np.where(b.sigma >= 0, v[..., b.sigma], 0.0)


def scattered(b: Block, c: Floats, size: int) -> Floats:
    """c S: coefficients on w from coefficients on S w."""
    if b.sigma is None:
        return c
    keep = np.flatnonzero(b.sigma >= 0)
    to = b.sigma[keep]
    if len(np.unique(to)) == len(to):
        out = np.zeros((len(c), size))
        out[:, to] = c[:, keep]
        return out
    turned = np.zeros((size, len(c)))
    np.add.at(turned, to, c.T[keep])
    return np.ascontiguousarray(turned.T)


def _pair(graph: BlockGraph, b: Block, bounds: Bounds) -> tuple[Floats, Floats]:
    lo = bounds.lo[b.fine] - picked(b, bounds.hi[b.coarse])
    hi = bounds.hi[b.fine] - picked(b, bounds.lo[b.coarse])
    if b.kind == "pair-affine":
        low, high = _image(b, bounds)
        return np.maximum(lo, low), np.minimum(hi, high)
    if b.kind == "pair-relu":
        inner = graph.blocks[b.inner]
        ld, ud = bounds.lo[b.inner], bounds.hi[b.inner]
        both = (bounds.lo[inner.fine] >= 0) & (picked(b, bounds.lo[inner.coarse]) >= 0)
        low, high = np.where(both, ld, np.minimum(ld, 0)), np.where(both, ud, np.maximum(ud, 0))
        if b.sigma is not None:
            low, high = np.where(b.sigma >= 0, low, lo), np.where(b.sigma >= 0, high, hi)
        return np.maximum(lo, low), np.minimum(hi, high)
    return lo, hi


def tighten_pair(graph: BlockGraph, i: int, bounds: Bounds) -> None:
    """Bounds of u, S w and d = u - S w against each other (w itself when S is the identity)."""
    b = graph.blocks[i]
    f, g = b.fine, b.coarse
    lw, uw = picked(b, bounds.lo[g]), picked(b, bounds.hi[g])
    lu, uu = bounds.lo[f], bounds.hi[f]
    bounds.meet(i, lu - uw, uu - lw)
    ld, ud = bounds.lo[i], bounds.hi[i]
    bounds.meet(f, lw + ld, uw + ud)
    if b.sigma is None:
        bounds.meet(g, lu - ud, uu - ld)


def assume(graph: BlockGraph, i: int, bounds: Bounds, signs: NDArray[np.intp]) -> None:
    """Clip the bounds of block i where rows (region, block, entry, +1 or -1) of ``signs`` assume a sign there."""
    mine = signs[signs[:, 1] == i]
    if not len(mine):
        return
    low, high = np.full(bounds.lo[i].shape, -np.inf), np.full(bounds.hi[i].shape, np.inf)
    up, down = mine[mine[:, 3] > 0], mine[mine[:, 3] < 0]
    low[up[:, 0], up[:, 2]] = 0.0
    high[down[:, 0], down[:, 2]] = 0.0
    bounds.meet(i, low, high)
    if graph.blocks[i].is_pair:
        tighten_pair(graph, i, bounds)


def open_entries(graph: BlockGraph, i: int, bounds: Bounds, margin: float = 0.0) -> NDArray[np.bool_]:
    """(L, size): the entries whose bounds matter to relus, a sign being open; for u - S w the sign of u or of S w.

    margin: a share of the width within which a sign that is known counts as open.
    """
    b = graph.blocks[i]

    def open_(lo: Floats, hi: Floats) -> NDArray[np.bool_]:
        room = margin * (hi - lo)
        return (lo < room) & (hi > -room)

    if not b.is_pair:
        return open_(bounds.lo[i], bounds.hi[i])
    found = open_(picked(b, bounds.lo[b.coarse]), picked(b, bounds.hi[b.coarse]))
    return found | open_(bounds.lo[b.fine], bounds.hi[b.fine])
