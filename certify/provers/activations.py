"""Branch and bound on the signs of neurons, for domains with too many inputs to cut: cells of assumed signs.

The row that a cell's bound hangs on is bounded by the linear program over the pairs' hulls, with prices of the assumed
signs; other rows keep what was found above them until they are the ones. What is cut is the sign of a neuron where the
program loses most at its solution, of the fine network first: with both signs of a pair it is exact, and where they
differ the cell is a thin slab, often empty. Cutting both at once, or trying out a second cut, gained less for the time.

Sources: Bunel et al. 2020 (arXiv 1909.06588) for branching on activations; the prices are the multipliers of Wang et
al. 2021 (arXiv 2103.06624).
"""

from __future__ import annotations

import heapq
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from certify.errors import CertifyError
from certify.networks.maps import Floats
from certify.provers.forward import Bounds
from certify.provers.hints import Hints
from certify.provers.linear import lower
from certify.provers.linear_program import LinearProgram
from certify.provers.problem import Problem
from certify.provers.region import Region
from certify.provers.slopes import optimise

# (block, entry, side): the entry is at most 0 (side -1) or at least 0 (side 1).
Sign = tuple[int, int, int]

# Losses of a cell that are kept: the largest of which some sign is open are cut.
LOSSES = 8
# Leaves whose rows are bounded together.
TOGETHER = 32


@dataclass(eq=False)
class Cell:
    """A leaf with its bounds, or a node that was cut.

    uppers (R,): of the quantity's rows; upper: its bound; hints: of each row, of shape (1, 1, size); solved: the rows
    bounded by a program of this cell; losses: (loss, block, entry) where the binding row's program loses most; point:
    its solution. cut: (block, entry) that is at most zero on the first child and at least zero on the second.
    """

    signs: tuple[Sign, ...]
    uppers: Floats
    upper: float
    hints: list[Hints]
    solved: set[int] = field(default_factory=set)
    losses: list[tuple[float, int, int]] = field(default_factory=list)
    point: Floats | None = None
    cut: tuple[int, int] | None = None
    children: list[Cell] = field(default_factory=list)

    def leaves(self) -> Iterator[Cell]:
        """The leaves below, in prefix order."""
        if self.cut is None:
            yield self
        for c in self.children:
            yield from c.leaves()


class Activations:
    """The tree of one part; ``goal`` is good enough for a cell. The quantity has one group of rows."""

    def __init__(self, problem: Problem, part: int, region: Region, goal: float) -> None:
        self._problem, self._graph, self._region, self.goal = problem, problem.graph, region, goal
        (self._rows,) = problem.rows(part)
        bounds = problem.bounds(region)
        values, hints = optimise(self._graph, bounds, self._rows, iterations=20)
        each = [hints.take(rows=k) for k in range(values.shape[1])]
        self.root = Cell((), -values[0], self._quantity(-values[0]), each)
        self.leaves = 1

    def _quantity(self, uppers: Floats) -> float:
        return float(self._problem.combined(uppers[None])[0])

    # ---- bounding cells

    def bounds(self, cells: Sequence[tuple[Sign, ...]]) -> Bounds:
        """Bounds of blocks in some cells."""
        signs = np.array([(k, *s) for k, c in enumerate(cells) for s in c], dtype=np.intp).reshape(-1, 4)
        return self._problem.bounds(Region.join([self._region] * len(cells)), signs)

    def _below(self, parent: Cell, signs: tuple[Sign, ...], bounds: Bounds, enough: float) -> Cell:
        """A cell below its parent, its binding rows solved."""
        cell = Cell(signs, parent.uppers.copy(), parent.upper, list(parent.hints))
        if bounds.empty[0]:
            cell.uppers[:] = cell.upper = -math.inf
        elif cell.upper > enough:
            self._settle(cell, bounds, enough)
        return cell

    def _settled(self, cell: Cell) -> bool:
        """Whether the row that the bound hangs on was solved in this cell."""
        return self._binding(cell) in cell.solved

    def _binding(self, cell: Cell) -> int:
        return int(self._problem.binding(cell.uppers[None])[0])

    def _settle(self, cell: Cell, bounds: Bounds, enough: float) -> None:
        """Solve the binding row, once at least, until it is one that was solved or the bound is good enough."""
        program = None
        while not self._settled(cell) and (program is None or cell.upper > enough):
            k = self._binding(cell)
            if program is None:
                program = LinearProgram(self._graph, bounds, [(b, e) for b, e, _ in cell.signs])
            cell.solved.add(k)
            try:
                found = program.solve(self._rows, k)
            except CertifyError:  # the solver failed: what was found above holds here too
                continue
            one = {b: c[k : k + 1] for b, c in self._rows.items()}
            values, hints = optimise(
                self._graph, bounds, one, iterations=0, start=found.hints, multipliers_on=_entries(cell.signs)
            )
            if -values[0, 0] < cell.uppers[k]:
                cell.uppers[k], cell.hints[k] = -values[0, 0], hints
            cell.upper = self._quantity(cell.uppers)
            cell.point = found.point
            scored = [
                (float(v), b, int(e)) for b, (es, vs) in found.losses.items() for e, v in zip(es, vs, strict=True)
            ]
            cell.losses = sorted(scored, reverse=True)[:LOSSES]

    # ---- where to cut

    def _cut(self, cell: Cell, bounds: Bounds) -> tuple[int, int] | None:
        """The open sign where the binding row loses most."""
        for _, i, e in cell.losses:
            b = self._graph.blocks[i]
            at = [(b.source, e)]
            if b.kind == "pair-relu":
                inner = self._graph.blocks[b.inner]
                at = [(inner.fine, e), (inner.coarse, e if b.sigma is None else int(b.sigma[e]))]
            for s, j in at:
                if bounds.lo[s][0, j] < 0 < bounds.hi[s][0, j]:
                    return s, j
        return None

    def _split(self, cell: Cell, enough: float, pool: Executor) -> bool:
        """Cut a cell; False when nothing is open."""
        cut = self._cut(cell, self.bounds([cell.signs]))
        if cut is None:
            return False
        signs = [(*cell.signs, (*cut, side)) for side in (-1, 1)]
        together = self.bounds(signs)
        each = [together.take(slice(k, k + 1)) for k in range(2)]
        cell.cut = cut
        cell.children = list(pool.map(lambda s, b: self._below(cell, s, b, enough), signs, each))
        return True

    # ---- the tree

    def grow(self, deadline: float, threads: int | None = None, most: int = 4_000) -> float:
        """Cut the worst cells until all are at most the goal or time is up; returns the largest bound.

        threads: None for one for each core.
        """
        heap = [(-c.upper, k, c) for k, c in enumerate(self.root.leaves())]
        order = len(heap)
        heapq.heapify(heap)
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            while -heap[0][0] > self.goal and time.perf_counter() < deadline and self.leaves < most:
                cell = heapq.heappop(heap)[2]
                # What is below the next one needs no more work before that.
                enough = max(self.goal, -heap[0][0] if heap else -math.inf)
                if not self._settled(cell):
                    self._settle(cell, self.bounds([cell.signs]), enough)
                    children = [cell]
                elif self._split(cell, enough, pool):
                    children = cell.children
                    self.leaves += len(children) - 1
                else:
                    heapq.heappush(heap, (-cell.upper, -1, cell))
                    break
                for c in children:
                    order += 1
                    heapq.heappush(heap, (-c.upper, order, c))
        return -heap[0][0]

    def finish(self, threads: int | None = None) -> float:
        """Bound all rows of all leaves as their hints do, or better; returns the largest bound of a leaf.

        Rows that no program of a leaf bounded have hints from above, whose slopes a leaf without some open sign may
        not use: default slopes may be better, and for about one row in a leaf it takes a program. There is no deadline:
        one leaf that is left out spoils the bound of all.
        """
        leaves = list(self.root.leaves())
        aim = max(self.goal, *(c.upper for c in leaves))
        for k in range(0, len(leaves), TOGETHER):
            some = leaves[k : k + TOGETHER]
            bounds = self.bounds([c.signs for c in some])
            hints = stacked([stacked(c.hints, axis=1) for c in some])
            found = -lower(self._graph, bounds, self._rows, hints)
            on = {b: np.flatnonzero(t.any(axis=(0, 1))) for b, t in hints.multipliers.items()}
            values, fresh = optimise(self._graph, bounds, self._rows, iterations=0, multipliers_on=on)
            _complete(hints, fresh)
            hints.replace_where(-values < found, fresh)
            found = np.minimum(found, -values)
            bad = []
            for i, c in enumerate(some):
                c.uppers, c.hints = found[i], [hints.take(i, r) for r in range(found.shape[1])]
                c.upper, c.solved = -math.inf if bounds.empty[i] else self._quantity(c.uppers), set()
                if c.upper > aim:
                    bad.append((c, bounds.take(slice(i, i + 1))))
            with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
                list(pool.map(lambda job: self._settle(job[0], job[1], aim), bad))
        return max(c.upper for c in leaves)


def stacked(hints: Sequence[Hints], axis: int = 0) -> Hints:
    """Hints along an axis, of regions (0) or rows (1); zeros where some have none: nothing reached that block."""
    lengths = [next(iter(h.slopes.values()))[0].shape[:2] for h in hints]

    def joined(parts: list[Floats | None], size: int) -> Floats:
        whole = [np.zeros((*n, size)) if v is None else v for v, n in zip(parts, lengths, strict=True)]
        out: Floats = np.concatenate(whole, axis=axis)
        return out

    slopes = {b: [v.shape[2] for v in vs] for h in hints for b, vs in h.slopes.items()}
    multipliers = {b: t.shape[2] for h in hints for b, t in h.multipliers.items()}
    return Hints(
        {
            b: tuple(joined([h.slopes[b][k] if b in h.slopes else None for h in hints], n) for k, n in enumerate(sizes))
            for b, sizes in slopes.items()
        },
        {b: joined([h.multipliers.get(b) for h in hints], n) for b, n in multipliers.items()},
    )


def _complete(hints: Hints, other: Hints) -> None:
    """Give both the same blocks, with zeros where they had none."""
    for a, b in ((hints, other), (other, hints)):
        for i, vs in b.slopes.items():
            a.slopes.setdefault(i, tuple(np.zeros_like(v) for v in vs))
        for i, t in b.multipliers.items():
            a.multipliers.setdefault(i, np.zeros_like(t))


def _entries(signs: Sequence[Sign]) -> Mapping[int, list[int]]:
    """Block -> the entries whose sign is assumed."""
    found: dict[int, list[int]] = {}
    for b, e, _ in signs:
        found.setdefault(b, []).append(e)
    return found
