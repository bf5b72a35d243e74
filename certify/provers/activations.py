"""Branch and bound on the signs of neurons, for domains with too many inputs to cut: cells of assumed signs.

The row that a cell's bound hangs on is bounded by the linear program over the pairs' hulls, with prices of the assumed
signs; other rows keep what was found above them until they are the ones. A pair of neurons is cut into its four sign
cells: where the signs agree the pair is exact, and where they differ the cell is a thin slab, often empty. What is cut
is where the program loses most at its solution, the first few tried out.

Sources: Bunel et al. 2020 (arXiv 1909.06588) for branching on activations; De Palma et al. 2021 (arXiv 2104.06718) for
trying out the best few; the prices are the multipliers of Wang et al. 2021 (arXiv 2103.06624).
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from certify.networks.maps import Floats
from certify.provers.forward import Bounds
from certify.provers.hints import Hints
from certify.provers.linear_program import LinearProgram
from certify.provers.problem import Problem
from certify.provers.region import Region
from certify.provers.slopes import optimise

# (block, entry, side): the entry is at most 0 (side -1) or at least 0 (side 1).
Sign = tuple[int, int, int]
# What is cut: one (block, entry), or the two of a pair.
Cut = tuple[tuple[int, int], ...]

# Cuts that are tried out for each cell.
TRIED = 1


@dataclass(eq=False)
class Cell:
    """A leaf with its bounds, or a node that was cut.

    uppers (R,): of the quantity's rows; upper: its bound; hints: of each row, of shape (1, 1, size); solved: the rows
    bounded by a program of this cell; losses: (loss, block, entry) where the binding row's program loses most; point:
    its solution. children: the cells of the signs of ``cut``, in the order of ``sides``.
    """

    signs: tuple[Sign, ...]
    uppers: Floats
    upper: float
    hints: list[Hints]
    solved: set[int] = field(default_factory=set)
    losses: list[tuple[float, int, int]] = field(default_factory=list)
    point: Floats | None = None
    cut: Cut | None = None
    children: list[Cell] = field(default_factory=list)

    def leaves(self) -> Iterator[Cell]:
        """The leaves below, in the order of the sides."""
        if self.cut is None:
            yield self
        for c in self.children:
            yield from c.leaves()


def sides(cut: Cut) -> list[tuple[int, ...]]:
    """The sides of the cells of a cut, in order: the first entry's sign changes last."""
    return [(-1,), (1,)] if len(cut) == 1 else [(-1, -1), (-1, 1), (1, -1), (1, 1)]


class Activations:
    """The tree of one part; ``goal`` is good enough for a cell. The quantity has one group of rows."""

    def __init__(self, problem: Problem, part: int, region: Region, goal: float) -> None:
        self._problem, self._graph, self._region, self.goal = problem, problem.graph, region, goal
        (self._rows,) = problem.rows(part)
        bounds = problem.bounds(region)
        values, hints = optimise(self._graph, bounds, self._rows, iterations=20)
        each = [hints.take(rows=k) for k in range(values.shape[1])]
        self.root = Cell((), -values[0], self._quantity(-values[0]), each)
        self._settle(self.root, bounds)
        self.leaves = 1

    def _quantity(self, uppers: Floats) -> float:
        return float(self._problem.combined(uppers[None])[0])

    # ---- bounding cells

    def bounds(self, cells: Sequence[tuple[Sign, ...]]) -> Bounds:
        """Bounds of blocks in some cells."""
        signs = np.array([(k, *s) for k, c in enumerate(cells) for s in c], dtype=np.intp).reshape(-1, 4)
        return self._problem.bounds(Region.join([self._region] * len(cells)), signs)

    def _below(self, parent: Cell, signs: tuple[Sign, ...], bounds: Bounds, all_rows: bool) -> Cell:
        """A cell below its parent, its binding rows solved: all of them, or only the parent's."""
        cell = Cell(signs, parent.uppers.copy(), parent.upper, list(parent.hints))
        if bounds.empty[0]:
            cell.uppers[:] = cell.upper = -math.inf
            return cell
        self._settle(cell, bounds, None if all_rows else int(self._problem.binding(parent.uppers[None])[0]))
        return cell

    def _settle(self, cell: Cell, bounds: Bounds, only: int | None = None) -> None:
        """Solve the binding row until it is one that was solved, or the bound is good enough."""
        program = None
        while cell.upper > self.goal:
            k = int(self._problem.binding(cell.uppers[None])[0])
            if k in cell.solved or (only is not None and k != only):
                return
            if program is None:
                program = LinearProgram(self._graph, bounds, [(b, e) for b, e, _ in cell.signs])
            found = program.solve(self._rows, k)
            one = {b: c[k : k + 1] for b, c in self._rows.items()}
            values, hints = optimise(
                self._graph, bounds, one, iterations=0, start=found.hints, multipliers_on=_entries(cell.signs)
            )
            cell.solved.add(k)
            if -values[0, 0] < cell.uppers[k] or not cell.signs:
                cell.uppers[k], cell.hints[k] = -values[0, 0], hints
            cell.upper = self._quantity(cell.uppers)
            cell.point = found.point
            scored = [
                (float(v), b, int(e)) for b, (es, vs) in found.losses.items() for e, v in zip(es, vs, strict=True)
            ]
            cell.losses = sorted(scored, reverse=True)[: 4 * TRIED]

    # ---- where to cut

    def _cuts(self, cell: Cell, bounds: Bounds) -> list[Cut]:
        """The open signs where the binding row loses most."""
        out = []
        for _, i, e in cell.losses:
            b = self._graph.blocks[i]
            at = [(b.source, e)]
            if b.kind == "pair-relu":
                inner = self._graph.blocks[b.inner]
                at = [(inner.fine, e), (inner.coarse, e if b.sigma is None else int(b.sigma[e]))]
            cut = tuple((s, j) for s, j in at if bounds.lo[s][0, j] < 0 < bounds.hi[s][0, j])
            if cut:
                out.append(cut)
        return out[:TRIED]

    def _split(self, cell: Cell) -> bool:
        """Cut a cell at the best of a few cuts; False when nothing is open."""
        cuts = self._cuts(cell, self.bounds([cell.signs]))
        best: tuple[float, Cut, list[Cell], list[Bounds]] | None = None
        for cut in cuts:
            signs = [(*cell.signs, *((b, e, s) for (b, e), s in zip(cut, ss, strict=True))) for ss in sides(cut)]
            together = self.bounds(signs)
            each = [together.take(slice(k, k + 1)) for k in range(len(signs))]
            children = [self._below(cell, s, b, len(cuts) == 1) for s, b in zip(signs, each, strict=True)]
            score = float(np.mean([max(c.upper, self.goal) for c in children]))
            if best is None or score < best[0]:
                best = score, cut, children, each
        if best is None:
            return False
        _, cell.cut, cell.children, each = best
        for child, bounds in zip(cell.children, each, strict=True):
            self._settle(child, bounds)
        return True

    # ---- the tree

    def grow(self, deadline: float, most: int = 4_000, progress: Callable[[int, float], None] | None = None) -> float:
        """Cut the worst cells until all are at most the goal or time is up; returns the largest bound."""
        order = 0
        heap = [(-self.root.upper, 0, self.root)]
        while -heap[0][0] > self.goal and time.perf_counter() < deadline and self.leaves < most:
            cell = heap[0][2]
            if not self._split(cell):
                break
            heapq.heappop(heap)
            for c in cell.children:
                order += 1
                heapq.heappush(heap, (-c.upper, order, c))
            self.leaves += len(cell.children) - 1
            if progress is not None:
                progress(self.leaves, -heap[0][0])
        return -heap[0][0]


def _entries(signs: Sequence[Sign]) -> Mapping[int, list[int]]:
    """Block -> the entries whose sign is assumed."""
    found: dict[int, list[int]] = {}
    for b, e, _ in signs:
        found.setdefault(b, []).append(e)
    return found
