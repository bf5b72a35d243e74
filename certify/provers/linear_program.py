"""The linear relaxation over the exact hull of each pair of neurons, solved by HiGHS, with its duals as hints.

It is what optimised slopes tend to (slopes.py), exactly, one functional at a time: for few open neurons, and to say at
which of them it loses most. Variables are the inputs and, for each open neuron or pair, weights of the corners of its
hull; all else is affine in them, so that a program has a few rows for each open neuron whatever the network's size.

It is elastic: what a neuron's hull or an assumed sign says of its sources may be broken at a price, which bounds the
duals, so that a region with no point in it has hints too, that show a bound far below any other. One region; a ball
counts as its bounding box. The duals replay through ``linear.lower``, whose value is the one to believe. Needs scipy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput, CertifyError
from certify.networks.maps import Floats
from certify.provers.blocks import Block, BlockGraph
from certify.provers.forms import express
from certify.provers.forward import Bounds, picked
from certify.provers.hints import Hints
from certify.provers.relax import Corners

# What a unit of a broken constraint costs, in units of the functional's largest coefficient.
PRICE = 1e4


@dataclass(frozen=True, eq=False)
class Solved:
    """optimum of the program; hints (1, 1, size) that establish it up to rounding; point (n,): the input where it is.

    losses: for blocks relu and pair-relu (entries, losses): how much more the functional would be if the relus of these
    entries were those of the program's own sources; all zero only if the optimum is attained.
    """

    optimum: float
    hints: Hints
    point: Floats
    losses: dict[int, tuple[NDArray[np.intp], Floats]]


@dataclass(frozen=True, eq=False)
class _Hull:
    """Open entries of a block, and what is a mean of corners there: the sources, and relus whose own sign is open.

    row: the first equation, of the sources; relus: (which entries, first equation, expressions).
    """

    block: int
    entries: NDArray[np.intp]
    row: int
    sources: tuple[Floats, ...]
    relus: list[tuple[NDArray[np.intp], int, Floats]]


class LinearProgram:
    """The program of one region; built once, solved for many functionals.

    boxes: (block, entry) whose bounds are constraints of their own, such as those with assumed signs. Their prices
    become multipliers.
    """

    def __init__(self, graph: BlockGraph, bounds: Bounds, boxes: Sequence[tuple[int, int]] = ()) -> None:
        if len(bounds) != 1:
            raise BadInput(f"linear program: expected bounds of one region, found {len(bounds)}")
        from scipy import sparse

        self._sparse, self._graph, self._boxes = sparse, graph, list(boxes)
        self._lo, self._hi = [v[0] for v in bounds.lo], [v[0] for v in bounds.hi]
        self._form = express(graph, bounds)
        self._left: list[Floats] = []
        self._right: list[tuple[Floats, NDArray[np.intp], NDArray[np.intp]]] = []
        self._elastic: list[int] = []
        self._count = self._columns = 0
        self._hulls = [h for i, b in enumerate(graph.blocks) if (h := self._hull(i, b)) is not None]
        self._box = self._count
        if self._boxes:
            at = np.array([self._form.x[b][e] for b, e in self._boxes])
            self._equal(at, self._columns + np.arange(len(at))[None], np.ones((1, len(at))), elastic=True)
            self._columns += len(at)
        self._matrix, self._constant = self._assembled()

    # ---- building

    def _equal(self, left: Floats, columns: NDArray[np.intp], values: Floats, elastic: bool = False) -> None:
        """left . (1, t) = sum over k of values[k] * (columns[k]) for each row, with columns and values (K, rows)."""
        n = len(left)
        rows = np.broadcast_to(np.arange(n), columns.shape)
        if elastic:
            self._elastic += range(self._count, self._count + n)
        self._left.append(left)
        self._right.append((values.ravel(), rows.ravel() + self._count, columns.ravel()))
        self._count += n

    def _hull(self, i: int, b: Block) -> _Hull | None:
        """The equations of a block's open entries: sources and relus are means of corners."""
        if b.kind == "pair-relu":
            return self._pair(i, b)
        if b.kind != "relu":
            return None
        e, l, u = open_alone(self._graph, i, self._lo, self._hi), self._lo[b.source], self._hi[b.source]
        at = np.stack([l[e], np.zeros(len(e)), u[e]])
        x = self._form.x
        return self._corners(i, e, [(x[b.source][e], at)], [(x[i][e], np.maximum(at, 0), np.arange(len(e)))])

    def _pair(self, i: int, b: Block) -> _Hull | None:
        inner, x = self._graph.blocks[b.inner], self._form.x
        fine = self._lo[inner.fine], self._hi[inner.fine]
        coarse = picked(b, self._lo[inner.coarse]), picked(b, self._hi[inner.coarse])
        pick = np.arange(b.size) if b.sigma is None else b.sigma
        open_x, open_y = open_pairs(self._graph, b, self._lo, self._hi)
        e = np.flatnonzero(open_x | open_y)
        between = self._lo[b.inner], self._hi[b.inner]
        c = Corners.of(*((l[e], u[e]) for l, u in (fine, coarse, between)))
        to = pick[e]
        sources = [(x[b.inner][e], c.d), (x[inner.coarse][to], c.y)]
        # What has a known sign is affine in its source, in the program and beside the hints.
        some = np.flatnonzero(open_x[e]), np.flatnonzero(open_y[e])
        relus = [(x[b.fine][e], c.relu_x, some[0]), (x[b.coarse][to], c.relu_y, some[1])]
        return self._corners(i, e, sources, relus)

    def _corners(
        self, i: int, e: NDArray[np.intp], sources: list[tuple[Floats, Floats]],
        relus: list[tuple[Floats, Floats, NDArray[np.intp]]],
    ) -> _Hull | None:  # fmt: skip
        """The equations of expressions and their values (corners, entries) there; of relus at some entries."""
        if not len(e):
            return None
        first = self._count
        corners = len(sources[0][1])
        columns = self._columns + np.arange(corners * len(e)).reshape(corners, len(e))
        self._columns += columns.size
        for expression, at in sources:
            self._equal(expression, columns, at, elastic=True)
        placed = []
        for expression, at, some in relus:
            placed.append((some, self._count, expression[some]))
            self._equal(expression[some], columns[:, some], at[:, some])
        one = np.zeros((len(e), self._form.n))
        one[:, 0] = 1.0
        self._equal(one, columns, np.ones(columns.shape))
        return _Hull(i, e, first, tuple(v for v, _ in sources), placed)

    def _assembled(self) -> tuple[Any, Floats]:
        """Equations over (t, weights and boxes, what is broken upward, downward), and their right sides."""
        sparse, n = self._sparse, self._form.n
        left = np.concatenate([np.zeros((0, n)), *self._left])
        value, row, column = (np.concatenate([np.zeros(0), *(r[k] for r in self._right)]) for k in range(3))
        shape = self._count, self._columns
        right = sparse.coo_array((value, (row.astype(np.intp), column.astype(np.intp))), shape=shape)
        k = len(self._elastic)
        loose = sparse.coo_array((np.ones(k), (self._elastic, np.arange(k))), shape=(self._count, k))
        return sparse.hstack([sparse.csc_array(left[:, 1:]), -right, loose, -loose]).tocsc(), -left[:, 0]

    def _limits(self) -> Floats:
        """Bounds of all columns: of inputs, which are coordinates first, of boxes; relus are held by their hulls."""
        n, k = self._form.n - 1, len(self._elastic)
        limits = np.tile([0.0, np.inf], (n + self._columns + 2 * k, 1))
        limits[:n] = -np.inf, np.inf
        at = 0
        for b, kinds in self._form.chosen.items():
            count = int(np.count_nonzero(kinds))
            if self._graph.blocks[b].kind in ("input", "free"):
                limits[at : at + count] = -1.0, 1.0
            at += count
        first = n + self._columns - len(self._boxes)
        for j, (b, e) in enumerate(self._boxes):
            limits[first + j] = self._lo[b][e], self._hi[b][e]
        return limits

    # ---- solving

    def solve(self, rows: Mapping[int, Floats], k: int) -> Solved:
        """The minimum of sum_b rows[b][k] . v_b; raises CertifyError where HiGHS fails."""
        from scipy.optimize import linprog

        c, n = self._form.row(rows, k), self._form.n - 1
        cost = np.zeros(self._matrix.shape[1])
        cost[:n] = c[1:]
        size = max(float(np.abs(v[k]).max(initial=0.0)) for v in rows.values())
        cost[n + self._columns :] = PRICE * size
        found = linprog(cost, A_eq=self._matrix, b_eq=self._constant, bounds=self._limits(), method="highs")
        if found.status != 0:
            raise CertifyError(f"linear program: HiGHS found no optimum: {found.message}")
        z = np.concatenate([[1.0], found.x[:n]])
        entry = next(i for i, b in enumerate(self._graph.blocks) if b.kind == "input" and b.role == 0)
        prices = -np.asarray(found.eqlin.marginals)
        point = np.clip(self._form.x[entry] @ z, self._lo[entry], self._hi[entry])
        return Solved(float(found.fun + c[0]), self._hints(prices), point, self._losses(prices, z))

    def _hints(self, prices: Floats) -> Hints:
        pairs = [(i, b.size) for i, b in enumerate(self._graph.blocks) if b.kind == "pair-relu"]
        hints = Hints({i: tuple(np.zeros((2, 1, 1, size))) for i, size in pairs}, beyond=True)
        for h in self._hulls:
            m, size = len(h.entries), self._graph.blocks[h.block].size
            vs = hints.slopes.setdefault(h.block, (np.zeros((1, 1, size)),))
            for j, v in enumerate(vs):
                v[0, 0, h.entries] = prices[h.row + j * m : h.row + (j + 1) * m]
        for j, (b, e) in enumerate(self._boxes):
            t = hints.multipliers.setdefault(b, np.zeros((1, 1, self._graph.blocks[b].size)))
            t[0, 0, e] = -prices[self._box + j]
        return hints

    def _losses(self, prices: Floats, z: Floats) -> dict[int, tuple[NDArray[np.intp], Floats]]:
        out = {}
        for h in self._hulls:
            sources = [v @ z for v in h.sources]
            if len(sources) == 2:
                sources[0] = sources[0] + sources[1]
            lost = np.zeros(len(h.entries))
            for source, (some, row, relu) in zip(sources, h.relus, strict=True):
                lost[some] -= prices[row : row + len(some)] * (np.maximum(source[some], 0) - relu @ z)
            out[h.block] = h.entries, lost
        return out


def open_alone(graph: BlockGraph, i: int, lo: Sequence[Floats], hi: Sequence[Floats]) -> NDArray[np.intp]:
    """The open entries of relu block i that no pair has; bounds (size,) of every block."""
    b = graph.blocks[i]
    open_ = (lo[b.source] < 0) & (hi[b.source] > 0)
    for p in graph.blocks:
        if p.kind == "pair-relu" and p.fine == i:
            open_ &= np.zeros(b.size, dtype=bool) if p.sigma is None else p.sigma < 0
        elif p.kind == "pair-relu" and p.coarse == i:
            open_[np.arange(p.size) if p.sigma is None else p.sigma[p.sigma >= 0]] = False
    return np.flatnonzero(open_)


def open_pairs(
    graph: BlockGraph, b: Block, lo: Sequence[Floats], hi: Sequence[Floats]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the signs of x and of S y of a pair-relu are open, as far as they are paired."""
    inner = graph.blocks[b.inner]
    paired = np.ones(b.size, dtype=bool) if b.sigma is None else b.sigma >= 0
    open_x = (lo[inner.fine] < 0) & (hi[inner.fine] > 0)
    open_y = (picked(b, lo[inner.coarse]) < 0) & (picked(b, hi[inner.coarse]) > 0)
    return open_x & paired, open_y & paired


def count_open(graph: BlockGraph, bounds: Bounds) -> int:
    """How many neurons of one region are open, a pair counting once."""
    lo, hi = [v[0] for v in bounds.lo], [v[0] for v in bounds.hi]
    count = 0
    for i, b in enumerate(graph.blocks):
        if b.kind == "relu":
            count += len(open_alone(graph, i, lo, hi))
        elif b.kind == "pair-relu":
            open_x, open_y = open_pairs(graph, b, lo, hi)
            count += int(np.count_nonzero(open_x | open_y))
    return count
