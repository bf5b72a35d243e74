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
from certify.provers.problem import Problem

# Open neurons, pairs counting once: beyond, every cut gains little. Where nothing else is left to try, more may do.
MOST_OPEN, MOST_OPEN_ALONE = 40, 400
# The share of the time that is spent on a trial, and the share of the gap that it has to close.
TRIAL, CLOSED = 0.25, 0.25
# What finishing the leaves may take of the time.
GROWING = 0.8
# Points from which to attack.
POINTS = 20


class SignTree:
    """Cells of a piece; ``upper`` is the bound of the quantity that they establish, infinite before there are any."""

    def __init__(self, problem: Problem, part: int, piece: Piece, goal: float, floor: float) -> None:
        self.upper = math.inf
        self._problem, self._piece, self._floor = problem, piece, floor
        self._cells: Activations | None = None
        if len(problem.rows(part)) == 1 and not piece.region.is_ball:
            self._cells = Activations(problem, part, piece.region, goal)

    def grow(self, deadline: float, alone: bool) -> bool:
        """Cut cells until the goal or the deadline; ``alone``: nothing else will use the time.

        Returns whether it was worth it: otherwise it stopped after the trial.
        """
        cells, now = self._cells, time.perf_counter()
        if cells is None or cells.open > (MOST_OPEN_ALONE if alone else MOST_OPEN) or cells.open == 0:
            return False
        first = cells.root.upper
        end = now + GROWING * (deadline - now)
        upper = cells.grow(end if alone else now + TRIAL * (deadline - now))
        if upper > cells.goal and first - upper < CLOSED * (first - self._floor) and not alone:
            return False
        if upper > cells.goal:
            cells.grow(end)
        self.upper = cells.finish(deadline)
        return True

    def peaks(self) -> list[Floats]:
        """Inputs at which the worst cells' programs peak."""
        if self._cells is None:
            return []
        leaves = sorted(self._cells.root.leaves(), key=lambda c: -c.upper)
        return [c.point for c in leaves if c.point is not None][:POINTS]

    def graft(self) -> None:
        """Put the cells below the piece, which has no finish of its own then."""
        assert self._cells is not None
        self._piece.finish = None
        self._hang(self._piece, self._cells.root)

    def _hang(self, piece: Piece, cell: Cell) -> None:
        if cell.cut is None:
            piece.upper = cell.upper
            piece.finish = Finish(None, [stacked(cell.hints, axis=1)])
            return
        self._fork(piece, cell.cut, cell.children)
        piece.upper = max(c.upper for c in cell.leaves())

    def _fork(self, piece: Piece, cut: tuple[tuple[int, int], ...], cells: list[Cell]) -> None:
        """Cut at the first sign; each half is a cell, or is cut at the next."""
        piece.sign, piece.score = cut[0], None
        piece.below, piece.above = (self._child(piece) for _ in range(2))
        half = len(cells) // 2
        for child, mine in ((piece.below, cells[:half]), (piece.above, cells[half:])):
            if len(cut) == 1:
                self._hang(child, mine[0])
            else:
                self._fork(child, cut[1:], mine)

    @staticmethod
    def _child(p: Piece) -> Piece:
        return Piece(p.region, p.upper, p.magnitude, p.span, p.width, p.depth + 1)
