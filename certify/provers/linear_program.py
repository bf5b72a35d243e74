"""The linear relaxation over the exact hull of each pair of neurons, solved by HiGHS, with its duals as hints.

It is what optimised slopes tend to (slopes.py), exactly, one functional at a time: for few open pairs, or to seed an
attack with the input where the relaxation is attained. One region; a ball counts as its bounding box. The duals
replay through ``linear.lower``, whose value is the one to believe. Needs scipy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput, CertifyError
from certify.networks.maps import Floats, LinearMap
from certify.provers.blocks import Block, BlockGraph
from certify.provers.forward import Bounds, picked
from certify.provers.hints import Hints
from certify.provers.relax import Corners
from certify.provers.slopes import optimise

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Solved:
    """optima (1, R) as HiGHS has them; values (1, R): what the hints, slopes and multipliers, establish; points (R, n):
    the inputs where the relaxation is attained."""

    optima: Floats
    values: Floats
    hints: Hints
    points: Floats


class Relaxation:
    """The linear program of one region; built once, solved for many functionals.

    boxes: blocks whose bounds are constraints of their own, such as those with assumed signs. Their reduced costs
    become multipliers.
    """

    def __init__(self, graph: BlockGraph, bounds: Bounds, boxes: Iterable[int] = ()) -> None:
        if len(bounds) != 1:
            raise BadInput(f"linear program: expected bounds of one region, found {len(bounds)}")
        from scipy import sparse

        self._sparse, self._graph, self._bounds = sparse, graph, bounds
        self._lo, self._hi = [v[0] for v in bounds.lo], [v[0] for v in bounds.hi]
        self._boxes = sorted(set(boxes))
        self._start = np.cumsum([0, *(b.size for b in graph.blocks)])
        self._columns = int(self._start[-1])
        self._rows: list[csr_array] = []
        self._right: list[Floats] = []
        self._count = 0
        # block -> (its open entries, first row of the equations of its slopes, in order).
        self._priced: dict[int, tuple[NDArray[np.intp], tuple[int, ...]]] = {}
        paired = {p for b in graph.blocks if b.kind == "pair-relu" for p in (b.fine, b.coarse)}
        for i, b in enumerate(graph.blocks):
            self._block(i, b, i in paired)
        self._matrix = sparse.vstack(
            [sparse.csr_array((r.data, r.indices, r.indptr), shape=(r.shape[0], self._columns)) for r in self._rows]
        ).tocsc()

    # ---- building

    def _equal(self, parts: list[tuple[int, Any]], right: Floats) -> int:
        """sum of matrix @ (columns from first on) = right; returns the first row's number."""
        first = self._count
        blocks = []
        for start, m in parts:
            coo = self._sparse.coo_array(m)
            blocks.append((coo.data, coo.row, coo.col + start))
        data, row, col = (np.concatenate(v) for v in zip(*blocks, strict=True))
        self._rows.append(self._sparse.csr_array((data, (row, col)), shape=(len(right), self._columns)))
        self._right.append(right)
        self._count += len(right)
        return first

    def _eye(self, entries: NDArray[np.intp], size: int, factor: float = 1.0) -> csr_array:
        n = len(entries)
        return self._sparse.csr_array((np.full(n, factor), (np.arange(n), entries)), shape=(n, size))

    def _block(self, i: int, b: Block, paired: bool) -> None:
        everything = np.arange(b.size)
        if b.kind in ("affine", "pair-affine"):
            own = self._eye(everything, b.size)
            parts = [(self._start[i], own)]
            parts += [(self._start[p.source], -p.scalar * _matrix(p.map)) for p in b.pieces if p.scalar]
            self._equal(parts, np.zeros(b.size) if b.bias is None else b.bias)
        elif b.kind == "relu" and not paired:
            self._relu(i, b)
        elif b.kind == "pair-relu":
            self._pair(i, b)
        elif b.kind == "pair-direct":
            self._difference(i, b, everything)

    def _difference(self, i: int, b: Block, entries: NDArray[np.intp]) -> None:
        own, fine = self._eye(entries, b.size), self._eye(entries, b.size, -1.0)
        parts = [(self._start[i], own), (self._start[b.fine], fine)]
        self._equal([*parts, (self._start[b.coarse], self._picks(b, entries))], np.zeros(len(entries)))

    def _picks(self, b: Block, entries: NDArray[np.intp]) -> csr_array:
        """S restricted to rows."""
        size = self._graph.blocks[b.coarse].size
        if b.sigma is None:
            return self._eye(entries, size)
        keep = np.flatnonzero(b.sigma[entries] >= 0)
        shape = (len(entries), size)
        return self._sparse.csr_array((np.ones(len(keep)), (keep, b.sigma[entries][keep])), shape=shape)

    def _hull(self, corners: int, entries: int, parts: list[tuple[list[tuple[int, Any]], Floats]]) -> tuple[int, ...]:
        """Equations (block entries) = sum over corners of weight * value, for weights new in the program."""
        first = self._columns
        self._columns += corners * entries
        row = np.tile(np.arange(entries), corners)
        shape, col = (entries, corners * entries), np.arange(corners * entries)
        self._equal([(first, self._sparse.csr_array((np.ones(len(col)), (row, col)), shape=shape))], np.ones(entries))
        made = []
        for terms, value in parts:
            weights = self._sparse.csr_array((-value.ravel(), (row, col)), shape=shape)
            made.append(self._equal([*terms, (first, weights)], np.zeros(entries)))
        return tuple(made)

    def _relu(self, i: int, b: Block) -> None:
        l, u = self._lo[b.source], self._hi[b.source]
        open_ = np.flatnonzero((l < 0) & (u > 0))
        self._fixed(i, b.source, l, open_)
        z, a = (self._eye(open_, b.size) for _ in range(2))
        at = np.stack([l[open_], np.zeros(len(open_)), u[open_]])
        rows = self._hull(
            3, len(open_), [([(self._start[b.source], z)], at), ([(self._start[i], a)], np.maximum(at, 0))]
        )
        self._priced[i] = (open_, rows[:1])

    def _fixed(self, i: int, source: int, l: Floats, open_: NDArray[np.intp]) -> None:
        """relu where the sign is known."""
        size = len(l)
        on, known = (l >= 0).astype(np.float64), np.setdiff1d(np.arange(size), open_)
        off = self._sparse.csr_array((-on[known], (np.arange(len(known)), known)), shape=(len(known), size))
        self._equal([(self._start[i], self._eye(known, size)), (self._start[source], off)], np.zeros(len(known)))

    def _pair(self, i: int, b: Block) -> None:
        inner = self._graph.blocks[b.inner]
        x = self._lo[inner.fine], self._hi[inner.fine]
        y = picked(b, self._lo[inner.coarse]), picked(b, self._hi[inner.coarse])
        paired = np.ones(b.size, dtype=bool) if b.sigma is None else b.sigma >= 0
        crossing = ((x[0] < 0) & (x[1] > 0)) | ((y[0] < 0) & (y[1] > 0))
        open_ = np.flatnonzero(crossing & paired)
        self._difference(i, b, np.arange(b.size))
        if not paired.all() and crossing[~paired].any():
            raise BadInput(f"linear program: {b.name} has open neurons without a partner; use slopes instead")
        self._fixed(b.fine, inner.fine, np.where(x[0] >= 0, 1.0, -1.0), open_)
        self._fixed_coarse(b, inner.coarse, open_)
        bounds = [(l[open_], u[open_]) for l, u in (x, y, (self._lo[b.inner], self._hi[b.inner]))]
        c = Corners.of(*bounds)
        eye, picks = self._eye(open_, b.size), self._picks(b, open_)
        self._priced[i] = (open_, self._hull(len(c.d), len(open_), [
            ([(self._start[b.inner], eye)], c.d),
            ([(self._start[inner.coarse], picks)], c.y),
            ([(self._start[b.fine], eye)], c.relu_x),
            ([(self._start[b.coarse], picks)], c.relu_y),
        ])[:2])  # fmt: skip

    def _fixed_coarse(self, b: Block, source: int, open_: NDArray[np.intp]) -> None:
        l, u = self._lo[source], self._hi[source]
        mine = open_ if b.sigma is None else np.unique(b.sigma[open_]).astype(np.intp)
        loose = np.setdiff1d(np.flatnonzero((l < 0) & (u > 0)), mine)
        if len(loose):
            raise BadInput(f"linear program: {b.name} leaves open neurons without a partner; use slopes instead")
        self._fixed(b.coarse, source, l, mine)

    # ---- solving

    def solve(self, rows: Mapping[int, Floats]) -> Solved:
        """The minima of sum_b rows[b] . v_b, rows[b] of shape (R, size); raises CertifyError where HiGHS fails."""
        from scipy.optimize import linprog

        n = len(next(iter(rows.values())))
        limits = np.full((self._columns, 2), (-np.inf, np.inf))
        limits[self._start[-1] :, 0] = 0.0
        inputs = [i for i, b in enumerate(self._graph.blocks) if b.kind in ("input", "free")]
        for i in [*inputs, *self._boxes]:
            limits[self._start[i] : self._start[i + 1]] = np.stack([self._lo[i], self._hi[i]], axis=1)
        values, points = np.zeros((1, n)), []
        hints = Hints(
            {
                i: tuple(np.zeros((1, n, self._graph.blocks[i].size)) for _ in first)
                for i, (_, first) in self._priced.items()
            },
            {i: np.zeros((1, n, self._graph.blocks[i].size)) for i in self._boxes},
        )
        right = np.concatenate(self._right)
        for r in range(n):
            cost = np.zeros(self._columns)
            for b, c in rows.items():
                cost[self._start[b] : self._start[b + 1]] = c[r]
            found = linprog(cost, A_eq=self._matrix, b_eq=right, bounds=limits, method="highs")
            if found.status != 0:
                raise CertifyError(f"linear program: HiGHS found no optimum: {found.message}")
            values[0, r] = found.fun
            points.append(found.x[: self._start[1]])
            self._duals(r, hints, found)
        # Slopes where signs are known follow from the coefficients: a pass fills them in.
        replayed, full = optimise(
            self._graph, self._bounds, rows, iterations=0, start=hints, multipliers_on=self._boxes
        )
        return Solved(values, replayed, full, np.array(points))

    def _duals(self, r: int, hints: Hints, found: Any) -> None:
        prices = found.eqlin.marginals
        reduced = found.lower.marginals + found.upper.marginals
        for i in self._boxes:
            hints.multipliers[i][0, r] = reduced[self._start[i] : self._start[i + 1]]
        gradient = -prices
        for i, (open_, first) in self._priced.items():
            for target, row in zip(hints.slopes[i], first, strict=True):
                target[0, r, open_] = gradient[row : row + len(open_)]


def _matrix(m: LinearMap) -> csr_array:
    """The matrix of a map, (n_out, n_in)."""
    from scipy import sparse

    return sparse.csr_array(m.pull(np.eye(m.n_out)))
