"""Branch and bound on input coordinates and signs, many regions at a time.

A batch of the worst open pieces is cut, all halves are bounded in one pass, and so on until a goal, a floor or a
deadline. Coverage is by construction, and the kernel checks it again: x_i <= m beside x_i >= m at a dyadic m, v <= 0
beside v >= 0. What is bounded and how is the caller's.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from certify.networks.maps import Floats
from certify.provers.hints import Hints
from certify.provers.linear import Tighten
from certify.provers.problem import Seen
from certify.provers.region import Region
from certify.provers.semidefinite import FormProofs

MOST_DEPTH = 200
BATCH = 256


@dataclass(eq=False)
class Finish:
    """How a leaf is bounded better than by default.

    steps: how blocks are tightened (None: as the problem says); hints: for each group of the quantity's rows;
    forms: semidefinite bounds of some rows.
    """

    steps: Tighten | None
    hints: list[Hints | None]
    forms: FormProofs | None = None

    @property
    def is_priced(self) -> bool:
        """Whether there are multipliers."""
        return any(h is not None and h.multipliers for h in self.hints)


@dataclass(eq=False)
class Piece:
    """A node of the tree: a leaf with what was seen of it, or a cut of one coordinate with two pieces below it.

    magnitude, span (blocks,): see Seen; width: of the widest input coordinate; sign: (block, entry) of a node whose
    sign is cut instead, at most zero below.
    """

    region: Region
    upper: float
    magnitude: Floats
    span: Floats
    width: float
    depth: int = 0
    score: Floats | None = None
    coordinate: int = -1
    at: Fraction = Fraction(0)
    sign: tuple[int, int] | None = None
    below: Piece | None = None
    above: Piece | None = None
    finish: Finish | None = None

    @staticmethod
    def of(region: Region, seen: Seen, depth: int) -> list[Piece]:
        """A piece for each region of a batch."""
        width = (region.hi - region.lo).max(axis=1)
        return [
            Piece(
                region.take(i),
                float(seen.upper[i]),
                seen.magnitude[i],
                seen.span[i],
                float(width[i]),
                depth,
                seen.score[i],
            )
            for i in range(len(region))
        ]

    @property
    def is_leaf(self) -> bool:
        return self.below is None

    def leaves(self) -> Iterator[Piece]:
        """The leaves in prefix order."""
        stack = [self]
        while stack:
            p = stack.pop()
            if p.below is None or p.above is None:
                yield p
            else:
                stack += [p.above, p.below]


@dataclass(frozen=True)
class Stop:
    """When to stop: every leaf at most ``goal``, or (without one) the worst within 1 % of ``floor``; time; leaves."""

    goal: float | None
    floor: float
    deadline: float
    most_leaves: int = 20_000

    def target(self) -> float:
        """A piece at most this good needs no further cut."""
        return self.goal if self.goal is not None else self.floor + 0.01 * abs(self.floor)


@dataclass(eq=False)
class Frontier:
    """The tree below a root, its open leaves worst first, and how long evaluation takes."""

    root: Piece
    open: list[tuple[float, int, Piece]] = field(default_factory=list)
    count: int = 1
    _order: int = 0
    _stuck: float = -math.inf

    def __post_init__(self) -> None:
        self._push(self.root)

    @property
    def upper(self) -> float:
        """The largest bound of a leaf that is open or cannot be cut further."""
        return max(self._stuck, -self.open[0][0] if self.open else -math.inf)

    def bound(self) -> float:
        """The largest bound of any leaf."""
        return max((p.upper for p in self.root.leaves()), default=-math.inf)

    def _push(self, piece: Piece) -> None:
        self._order += 1
        heapq.heappush(self.open, (-piece.upper, self._order, piece))

    def grow(
        self, evaluate: Callable[[Region], Seen], stop: Stop, progress: Callable[[int, float], None] | None = None
    ) -> None:
        """Cut until ``stop`` says so. ``progress`` gets the number of leaves and the worst upper bound."""
        target, size, seconds = stop.target(), 1, 0.0
        while self.open and -self.open[0][0] > target and self.count < stop.most_leaves:
            if time.perf_counter() + seconds > stop.deadline:
                return
            started = time.perf_counter()
            taken = self._take(target, min(size, BATCH), stop.goal is None)
            if not taken:
                return
            self._cut(taken, evaluate)
            # A batch twice as large takes at most twice as long.
            seconds = (time.perf_counter() - started) * (2 if size < BATCH else 1)
            size *= 2
            if progress is not None:
                progress(self.count, self.upper)

    def _take(self, target: float, size: int, anytime: bool) -> list[Piece]:
        """The worst pieces; of an anytime bound only those that are far from the target, others may never matter."""
        worst = -self.open[0][0]
        least = worst - 0.5 * (worst - target) if anytime and math.isfinite(target) else target
        taken: list[Piece] = []
        while self.open and len(taken) < size and -self.open[0][0] > least:
            piece = heapq.heappop(self.open)[2]
            if piece.depth >= MOST_DEPTH or not _can_cut(piece):
                self._stuck = max(self._stuck, piece.upper)
                continue
            taken.append(piece)
        return taken

    def _cut(self, taken: list[Piece], evaluate: Callable[[Region], Seen]) -> None:
        halves: list[Region] = []
        for p in taken:
            i = _coordinate(p)
            at = _middle(p, i)
            p.coordinate, p.at = i, Fraction(at)
            halves.extend(p.region.cut(i, at))
        both = Region.join(halves)
        found = Piece.of(both, evaluate(both), 0)
        for k, p in enumerate(taken):
            p.below, p.above = found[2 * k], found[2 * k + 1]
            p.score = None
            for child in (p.below, p.above):
                child.depth = p.depth + 1
                self._push(child)
        self.count += len(taken)


def _coordinate(p: Piece) -> int:
    assert p.score is not None
    return int(p.score.argmax())


def _middle(p: Piece, i: int) -> float:
    low, high = float(p.region.lo[0, i]), float(p.region.hi[0, i])
    return low + (high - low) / 2


def _can_cut(p: Piece) -> bool:
    i = _coordinate(p)
    return float(p.region.lo[0, i]) < _middle(p, i) < float(p.region.hi[0, i])


def moving(region: Region) -> int:
    """How many coordinates of a region have any width."""
    return int(np.count_nonzero(region.hi[0] > region.lo[0]))
