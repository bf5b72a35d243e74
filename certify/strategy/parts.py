"""The parts of a claim's domain as a search first sees them: a bound of each, and the flow of the worst.

A part is one ball of a union, or the only box. How its bound gets better is for others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.networks.maps import Floats
from certify.provers.branch import Piece, moving
from certify.provers.falsify import Witness
from certify.provers.flow import by_scale
from certify.provers.forward import Bounds
from certify.provers.problem import Problem, Seen
from certify.provers.region import Region

# Parts bounded in one pass.
TOGETHER = 64
# Bisection pays when few coordinates matter; on images it does not.
MOST_SPLIT_COORDINATES = 32


def is_cut(region: Region) -> bool:
    """Whether a part with this region is bounded better by cutting it, rather than by optimising its whole."""
    return moving(region) <= MOST_SPLIT_COORDINATES


@dataclass
class Part:
    """What is known of one part: the tree of its pieces, the float upper bound, the best witness."""

    root: Piece
    upper: float
    start: Floats
    witness: Witness | None = None

    @property
    def floor(self) -> float:
        """The value of the best witness, -inf without one."""
        return -math.inf if self.witness is None else float(self.witness.value)


class FirstBounds:
    """Bounds of all parts by default slopes.

    flow: the scales of the worst part's bound; interval: what intervals on f and g apart give for the union, -inf
    before anything was bounded.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.flow: dict[str, float] = {}
        self.interval = -math.inf
        self._worst = -math.inf

    def __iter__(self) -> Iterator[list[Part]]:
        """The parts in order, a batch at a time."""
        total = self._problem.q.domain.parts
        # Only where the quantity's rows are the same for all parts can these share a pass.
        together = 1 if self._problem.q.kind in ("margin", "decision") else TOGETHER
        for first in range(0, total, together):
            yield self._bound(range(first, min(total, first + together)))

    def _bound(self, parts: range) -> list[Part]:
        region = Region.join([self._problem.region(k) for k in parts])
        bounds = self._problem.bounds(region)
        seen = self._problem.look(parts[0], bounds)
        self._note(bounds, seen, parts)
        return [Part(piece, piece.upper, seen.x[i]) for i, piece in enumerate(Piece.of(region, seen, 0))]

    def _note(self, bounds: Bounds, seen: Seen, parts: range) -> None:
        """The flow of the worst part so far, and what intervals on f and g apart would give."""
        self.interval = max(self.interval, *(self._apart(bounds.take(slice(i, i + 1)), k) for i, k in enumerate(parts)))
        i = int(seen.upper.argmax())
        if not seen.upper[i] > self._worst:
            return
        self._worst = float(seen.upper[i])
        row = int(self._problem.binding(seen.uppers[i : i + 1])[0])
        for rows in self._problem.rows(parts[i]):
            n = len(next(iter(rows.values())))
            if row < n:
                one = {b: c[row : row + 1] for b, c in rows.items()}
                self.flow = by_scale(self._problem.graph, bounds.take(slice(i, i + 1)), one)
                return
            row -= n

    def _apart(self, bounds: Bounds, k: int) -> float:
        """What intervals on f and g apart give on one region: a bound no better than this is vacuous."""
        q, outputs = self._problem.q, self._problem.graph.outputs
        uppers = []
        for r in q.rows(k):
            v = np.zeros(len(r.on_f if r.on_f is not None else r.on_g))  # type: ignore[arg-type]
            for rows, b in ((r.on_f, outputs["f"]), (r.on_g, outputs.get("g"))):
                if rows is not None and b is not None:
                    v = v + np.maximum(rows, 0) @ bounds.hi[b][0] + np.minimum(rows, 0) @ bounds.lo[b][0]
            uppers.append(v)
        return q.combine(np.concatenate(uppers))
