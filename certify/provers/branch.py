"""Bisection on input coordinates: best-first, until a goal, a floor or a deadline.

Coverage is by construction, and the kernel checks it again: a cut splits x_i <= m from x_i >= m at a dyadic m.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from certify.networks.maps import Floats
from certify.provers.region import Region

MOST_LEAVES = 4000
MOST_DEPTH = 200


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What a bound pass says of a region: upper bound, a score for each coordinate (where a cut promises most), the
    largest
    magnitude and width in each block and the largest input width (for scales)."""

    upper: float
    score: Floats
    magnitude: Floats
    span: Floats
    width: float


@dataclass(eq=False)
class Piece:
    """A node of the tree: a leaf, or a cut with two pieces below it."""

    region: Region
    seen: Evaluated
    depth: int
    coordinate: int = -1
    at: Fraction = Fraction(0)
    below: Piece | None = None
    above: Piece | None = None

    @property
    def is_leaf(self) -> bool:
        return self.below is None

    def leaves(self) -> list[Piece]:
        """The leaves in prefix order."""
        out, stack = [], [self]
        while stack:
            p = stack.pop()
            if p.below is None or p.above is None:
                out.append(p)
            else:
                stack += [p.above, p.below]
        return out


@dataclass(frozen=True)
class Branching:
    """When to stop: every leaf at most ``goal``, the worst within 1 % of ``floor`` (a witness), or the deadline."""

    goal: float | None
    floor: float
    deadline: float


def split_part(
    root: Piece,
    evaluate: Callable[[Region], Evaluated],
    stop: Branching,
    progress: Callable[[int, float], None] | None = None,
) -> Piece:
    """Grow the tree below ``root``; returns it. ``progress`` gets the number of leaves and the worst upper bound."""
    count = 0
    heap: list[tuple[float, int, Piece]] = [(-root.seen.upper, count, root)]
    while heap:
        worst = -heap[0][0]
        done = worst <= stop.goal if stop.goal is not None else worst <= stop.floor + 0.01 * abs(stop.floor)
        if done or len(heap) >= MOST_LEAVES or time.perf_counter() > stop.deadline:
            break
        _, _, piece = heapq.heappop(heap)
        i = int(piece.seen.score.argmax())
        low, high = float(piece.region.lo[0, i]), float(piece.region.hi[0, i])
        at = low + (high - low) / 2
        if not low < at < high or piece.depth >= MOST_DEPTH:
            break
        regions = piece.region.cut(i, at)
        piece.coordinate, piece.at = i, Fraction(at)
        children = []
        for region in regions:
            child = Piece(region, evaluate(region), piece.depth + 1)
            count += 1
            heapq.heappush(heap, (-child.seen.upper, count, child))
            children.append(child)
        piece.below, piece.above = children
        if progress is not None:
            progress(len(heap), -heap[0][0])
    return root


def worst_of(root: Piece) -> float:
    """The largest upper bound of a tree's leaves."""
    return max((p.seen.upper for p in root.leaves()), default=-math.inf)
