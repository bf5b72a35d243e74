"""Branch and bound on neuron signs for a part that is not cut along its inputs: whether to, how long, and the tree.

With few open neurons it closes the gap fast; with many, cells lose little at each cut and semidefinite bounds of the
whole are better. A quarter of the time shows which.
"""

from __future__ import annotations

import math
import time

from certify.networks.maps import Floats
from certify.provers.activations import Activations, Cell, stacked
from certify.provers.branch import Finish, Piece
from certify.provers.linear_program import count_open
from certify.provers.problem import Problem

# Open neurons, pairs counting once: beyond, every cut gains little. Where nothing else can be tried, more may do.
MOST_OPEN, MOST_OPEN_ALONE = 40, 400
# The share of the time that is spent on a trial, and the share of the gap that it has to close.
TRIAL, CLOSED = 0.25, 0.12
# Numbers in the expressions of a program: 160 MB.
MOST = 20_000_000
# What finishing the leaves may take of the time.
GROWING = 0.65
# Points from which to attack.
POINTS = 20


class SignTree:
    """Cells of a piece; ``upper`` is the bound of the quantity that they establish, infinite before there are any."""

    def __init__(self, problem: Problem, part: int, piece: Piece, goal: float, floor: float) -> None:
        self.upper = math.inf
        self._problem, self._part, self._piece, self._goal, self._floor = problem, part, piece, goal, floor
        self._cells: Activations | None = None

    def grow(
        self, deadline: float, most_open: int = MOST_OPEN, trial: bool = False, threads: int | None = None
    ) -> bool:
        """Cut cells, or go on cutting them, until the goal or the deadline, unless more neurons are open.

        trial: only while it is worth it; threads: None for one for each core. Returns whether it came to an end.
        """
        now = time.perf_counter()
        if self._cells is None:
            if now > deadline or not self._possible(most_open):
                return False
            self._cells = Activations(self._problem, self._part, self._piece.region, self._goal)
        cells, first = self._cells, self._cells.root.upper
        try:
            if trial:
                upper = cells.grow(now + TRIAL * (deadline - now), threads)
                if upper > self._goal and first - upper < CLOSED * (first - self._floor):
                    return False
            cells.grow(now + GROWING * (deadline - now), threads)
            return True
        finally:  # after an interrupt too
            self.upper = cells.finish(threads)

    def _possible(self, most_open: int) -> bool:
        """Whether cells can be bounded here: one group of rows, a box, signs of x alone, not too much of anything."""
        graph = self._problem.graph
        x_alone = all(b.kind != "free" and b.role == 0 for b in graph.blocks)
        if len(self._problem.rows(self._part)) > 1 or self._piece.region.is_ball or not x_alone:
            return False
        open_ = count_open(graph, self._problem.bounds(self._piece.region))
        return (
            0 < open_ <= most_open and sum(b.size for b in graph.blocks) * (self._piece.region.lo.size + open_) < MOST
        )

    def take(self) -> list[Floats]:
        """Put the cells below the piece if they are better; returns inputs at which the worst cells' programs peak."""
        if self._cells is None:
            return []
        if self.upper < self._piece.upper:
            self._piece.finish = None
            self._hang(self._piece, self._cells.root)
        leaves = sorted(self._cells.root.leaves(), key=lambda c: -c.upper)
        return [c.point for c in leaves if c.point is not None][:POINTS]

    def _hang(self, piece: Piece, cell: Cell) -> None:
        if cell.cut is None:
            piece.upper = cell.upper
            piece.finish = Finish(None, [stacked(cell.hints, axis=1)])
            return
        piece.sign, piece.score = cell.cut, None
        piece.below, piece.above = (self._child(piece) for _ in range(2))
        for child, mine in zip((piece.below, piece.above), cell.children, strict=True):
            self._hang(child, mine)
        piece.upper = max(c.upper for c in cell.leaves())

    @staticmethod
    def _child(p: Piece) -> Piece:
        return Piece(p.region, p.upper, p.magnitude, p.span, p.width, p.depth + 1)
