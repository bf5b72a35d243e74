"""One quantity as provers see it: block graph, regions of parts, bounds of the quantity on many regions at once.

Float64 and untrusted; a Problem pickles, so that other processes can evaluate regions. It searches nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.claims import Quantity
from certify.domains import Ball, Domain
from certify.networks.graph import Network
from certify.networks.maps import Floats
from certify.provers.blocks import BlockGraph
from certify.provers.forward import Bounds
from certify.provers.hints import Hints
from certify.provers.linear import Tighten, Trace, bound_blocks, lower, output_rows, tighten_set
from certify.provers.region import Region

# The share of an input's width in its score, beside its slope: for the least of rows of one network, and otherwise.
WIDTH_SHARE_LEAST, WIDTH_SHARE = 0.1, 0.02


@dataclass(frozen=True, eq=False)
class Seen:
    """What a bound pass says of L regions.

    upper (L,): bounds of the quantity, -inf where the region is empty. score (L, n): where a cut of the input promises
    most. magnitude, span (L, blocks): the largest absolute bound and width in each block, for scales.
    uppers (L, R): bounds of the quantity's rows. x (L, n): where the relaxation of the worst row peaks.
    """

    upper: Floats
    score: Floats
    magnitude: Floats
    span: Floats
    uppers: Floats
    x: Floats


def build_graph(f: Network, g: Network | None) -> BlockGraph:
    """The block graph of a pair, with the correspondence that a coarsening remembers or structure suggests."""
    from certify.coarsenings import align

    return BlockGraph.build(f, g, () if g is None else align(f, g))


def region_of(domain: Domain, k: int, hull: tuple[Floats, Floats] | None = None) -> Region:
    """Part k as provers see it."""
    lo, hi = domain.bounds(k)
    if isinstance(domain, Ball) and domain.kind != "linf":
        centre, radius = domain.centres[k].astype(np.float64).ravel(), float(domain.radius)
        return Region.of(lo, hi, domain.kind, centre, radius, hull)
    return Region.of(lo, hi, hull=hull)


class Problem:
    """A quantity, its graph and what is worth a backward pass."""

    def __init__(self, q: Quantity) -> None:
        self.q = q
        self.graph = build_graph(q.f, q.g)
        self.box = q.domain.norm == "linf"
        self.steps: Tighten = dict.fromkeys(sorted(tighten_set(self.graph, self.box)))
        two = any(b.kind == "input" and b.role == 1 for b in self.graph.blocks)
        self._hull = q.domain.hull() if two else None

    def region(self, part: int) -> Region:
        """One part of the domain."""
        return region_of(self.q.domain, part, self._hull)

    def rows(self, part: int) -> list[dict[int, Floats]]:
        """The quantity's rows, negated, as coefficients on blocks: a lower bound of each is minus an upper bound."""
        out = []
        for r in self.q.rows(part):
            f, g = (None if v is None else -v for v in (r.on_f, r.on_g))
            out.append(output_rows(self.graph, f, g))
        return out

    def bounds(self, region: Region, signs: ArrayLike = (), steps: Tighten | None = None) -> Bounds:
        """Bounds of all blocks on some regions."""
        return bound_blocks(self.graph, region, self.steps if steps is None else steps, signs=signs)

    def uppers(self, bounds: Bounds, part: int, hints: list[Hints | None] | None = None) -> Floats:
        """Upper bounds (L, R) of the rows; hints by group of rows."""
        groups = self.rows(part)
        given = hints if hints is not None else [None] * len(groups)
        return np.concatenate(
            [-lower(self.graph, bounds, rows, h) for rows, h in zip(groups, given, strict=True)], axis=1
        )

    def combined(self, uppers: Floats) -> Floats:
        """The quantity's bound (L,) from those of its rows (L, R)."""
        return np.array([self.q.combine(u) for u in uppers])

    def binding(self, uppers: Floats) -> NDArray[np.intp]:
        """The row (L,) of each region that the quantity's bound hangs on."""
        if self.q.kind != "least":
            found: NDArray[np.intp] = uppers.argmax(axis=1)
        else:
            found = self.q.above(uppers).argmin(axis=1)
        return found

    def seen(self, part: int, region: Region, signs: ArrayLike = ()) -> Seen:
        """Evaluate some regions of one part; ``signs`` as in ``bound_blocks``."""
        return self.look(part, self.bounds(region, signs))

    def look(self, part: int, bounds: Bounds) -> Seen:
        """What the bounds of some regions say of the quantity there."""
        uppers = self.uppers(bounds, part)
        upper = np.where(bounds.empty, -np.inf, self.combined(uppers))
        pick = self.binding(uppers)
        slope, x = self._at_input(bounds, part, pick)
        width = bounds.region.hi - bounds.region.lo
        # What the row's line does not read may still hold neurons open: a share of the width alone cuts that too.
        # Safety of ACAS Xu: trees are up to 100 times smaller than without it, and up to 5 times smaller than with 1;
        # differences there: a seventh smaller than without, and a third smaller than with 0.1.
        share = WIDTH_SHARE_LEAST if self.q.kind == "least" else WIDTH_SHARE
        score = (slope + share * slope.max(axis=1, keepdims=True) + 1e-300) * width
        wide = np.stack([(b - a).max(axis=1) for a, b in zip(bounds.lo, bounds.hi, strict=True)], axis=1)
        size = [
            np.maximum(np.abs(a).max(axis=1), np.abs(b).max(axis=1)) for a, b in zip(bounds.lo, bounds.hi, strict=True)
        ]
        return Seen(upper, score, np.stack(size, axis=1), wide, uppers, x)

    def _at_input(self, bounds: Bounds, part: int, pick: ArrayLike) -> tuple[Floats, Floats]:
        """|coefficient| of each input (L, n) in one row for each region, and where that row's relaxation peaks."""
        chosen, offset = np.asarray(pick), 0
        slope = np.zeros(bounds.region.lo.shape)
        x = (bounds.region.lo + bounds.region.hi) / 2
        for rows in self.rows(part):
            n = len(next(iter(rows.values())))
            mine = np.flatnonzero((chosen >= offset) & (chosen < offset + n))
            if len(mine):
                at = chosen[mine] - offset
                near = bounds if len(mine) == len(bounds) else bounds.take(mine)
                for k in range(0, len(mine), 256):
                    some, trace = slice(k, k + 256), Trace()
                    few = near.take(some) if len(mine) > 256 else near
                    lower(self.graph, few, {b: c[at[some], None, :] for b, c in rows.items()}, trace=trace)
                    for b, c in trace.at_input.items():
                        if self.graph.blocks[b].kind == "input" and self.graph.blocks[b].role == 0:
                            slope[mine[some]] = np.abs(c)
                            x[mine[some]] = few.region.minimiser(
                                c, np.arange(len(c)) if len(few) > 1 else np.zeros(1, int)
                            )
            offset += n
        return slope, x
