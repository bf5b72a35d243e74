"""Quadratic facts about the blocks of a graph, over one vector of coordinates: what the difference SDP is made of.

Each coordinate t_i moves in [-1, 1]: an input, what an open relu is or is above its source (the narrower of the
two), or the difference of two open relus that are paired. Everything else is affine in them. No solving here.

The pair facts say that relu is monotone and 1-Lipschitz on two networks at once; without them see Li, Drummond and
Duncan (2020), arXiv 2012.00138. The single ones: Raghunathan, Steinhardt and Liang (2018), arXiv 1811.01057.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats
from certify.provers.blocks import Block, BlockGraph
from certify.provers.forward import Bounds

Kind = Literal["lower", "upper", "range", "above", "complement", "slope", "cross-fine", "cross-coarse"]
# kind -> (blocks it belongs to, the fact); multipliers are nonnegative, of complement free.
FACTS: dict[Kind, tuple[str, str]] = {
    "lower": ("any", "v - lo >= 0"),
    "upper": ("any", "hi - v >= 0"),
    "range": ("any", "(v - lo)(hi - v) >= 0"),
    "above": ("relu", "a - z >= 0, with a = relu(z)"),
    "complement": ("relu", "a (a - z) = 0"),
    "slope": ("pair-relu", "D (d - D) >= 0, with D = relu(x) - S relu(y) and d = x - S y"),
    "cross-fine": ("pair-relu", "S relu(y) (relu(x) - x) >= 0"),
    "cross-coarse": ("pair-relu", "relu(x) (S relu(y) - S y) >= 0"),
}
Chosen = dict[int, NDArray[np.int8]]
# A sign is treated as known when one side is this small a part of the block's largest bound: the checker charges it
# as noise, while a coordinate that hardly moves would need enormous multipliers. Likewise factors of facts.
NEGLIGIBLE = 1e-7


def choose(graph: BlockGraph, bounds: Bounds) -> Chosen:
    """For each block with coordinates: 0 none, 1 the entry itself, 2 what a relu is above its source.

    bounds are those of one region. Entries whose sign is known need no coordinate.
    """
    chosen: Chosen = {}
    for i, b in enumerate(graph.blocks):
        lo, hi = bounds.lo[i][0], bounds.hi[i][0]
        if b.kind in ("input", "free"):
            chosen[i] = (hi > lo).astype(np.int8)
        elif b.kind == "relu":
            lz, uz = bounds.lo[b.source][0], bounds.hi[b.source][0]
            chosen[i] = np.where(_open(lz, uz), np.where(uz <= -lz, 1, 2), 0).astype(np.int8)
        elif b.kind == "pair-relu":
            pick = np.arange(b.size) if b.sigma is None else b.sigma
            both = (chosen[b.fine] > 0) & (pick >= 0) & (chosen[b.coarse][pick] > 0)
            first = np.zeros(b.size, dtype=bool)
            entries = np.flatnonzero(both)
            first[entries[np.unique(pick[entries], return_index=True)[1]]] = True
            chosen[i] = first.astype(np.int8)
            chosen[b.coarse][pick[first]] = 0
    return {b: kinds for b, kinds in chosen.items() if kinds.any()}


def _open(lo: Floats, hi: Floats) -> NDArray[np.bool_]:
    least = NEGLIGIBLE * max(float(np.abs(lo).max(initial=0)), float(np.abs(hi).max(initial=0)))
    return (lo < -least) & (hi > least)


@dataclass(frozen=True, eq=False)
class Fact:
    """Facts of one kind about some entries of a block: rows of (factor p, factor r) over z = (1, t), at ``entries``."""

    block: int
    kind: Kind
    entries: NDArray[np.intp]
    p: Floats
    r: Floats

    @property
    def free(self) -> bool:
        return self.kind == "complement"


@dataclass(eq=False)
class Linear:
    """Linear facts v . z >= 0 whose products may be facts: (kind, block), entry, row of norm 1, norm before that."""

    of: list[tuple[Kind, int]]
    entry: NDArray[np.intp]
    vectors: Floats
    norms: Floats


@dataclass(eq=False)
class Form:
    """Coordinates, expressions of blocks and facts. ``x[b]`` is (size, n): each entry over z = (1, t)."""

    n: int
    chosen: Chosen
    x: list[Floats]
    facts: list[Fact] = field(default_factory=list)
    linear: Linear = field(default_factory=lambda: Linear([], np.zeros(0, np.intp), np.zeros((0, 0)), np.zeros(0)))

    def row(self, rows: Mapping[int, Floats], k: int) -> Floats:
        """Row k of functionals on blocks, over z."""
        return np.sum([c[k] @ self.x[b] for b, c in rows.items()], axis=0)  # type: ignore[no-any-return]


def build(graph: BlockGraph, bounds: Bounds) -> Form:
    """The form of one region."""
    builder = _Builder(graph, bounds)
    builder.collect()
    return builder.form


def express(graph: BlockGraph, bounds: Bounds) -> Form:
    """The form of one region without facts."""
    return _Builder(graph, bounds).form


class _Builder:
    def __init__(self, graph: BlockGraph, bounds: Bounds) -> None:
        self._graph = graph
        self._lo, self._hi = [v[0] for v in bounds.lo], [v[0] for v in bounds.hi]
        chosen = choose(graph, bounds)
        self._first, n = {}, 1
        for b, kinds in chosen.items():
            self._first[b] = n
            n += int(np.count_nonzero(kinds))
        self.form = Form(n, chosen, [])
        for i, block in enumerate(graph.blocks):
            self.form.x.append(self._expression(i, block))
        self._linear: list[tuple[Kind, int, NDArray[np.intp], Floats]] = []

    def collect(self) -> None:
        """Add the facts."""
        for i, block in enumerate(self._graph.blocks):
            self._collect(i, block)
            self._collect_linear(i, block)
        self.form.linear = self._joined()

    # ---- expressions

    def _expression(self, i: int, b: Block) -> Floats:
        x = self.form.x
        if b.is_pair:
            return self._difference(i, b)
        if b.kind == "affine":
            return self._image(b, x)
        out = np.zeros((b.size, self.form.n))
        lo, hi = self._lo[i], self._hi[i]
        if b.kind != "relu":
            out[:, 0] = (lo + hi) / 2
        else:
            passes = -self._lo[b.source] <= self._hi[b.source]
            out[passes] = x[b.source][passes]
        kinds = self.form.chosen.get(i)
        if kinds is not None:
            at = np.flatnonzero(kinds)
            over = kinds[at] == 2
            low = np.where(over, 0.0, lo[at])
            high = np.where(over, -self._lo[b.source][at] if b.kind == "relu" else 0.0, hi[at])
            out[at] = self._coordinates(self._first[i], low, high)
            out[at[over]] += x[b.source][at[over]] if b.kind == "relu" else 0.0
        return out

    def _coordinates(self, first: int, lo: Floats, hi: Floats) -> Floats:
        out = np.zeros((len(lo), self.form.n))
        k = np.arange(len(lo))
        out[k, 0], out[k, first + k] = (lo + hi) / 2, (hi - lo) / 2
        return out

    def _image(self, b: Block, x: list[Floats]) -> Floats:
        out = np.zeros((b.size, self.form.n))
        for piece in b.pieces:
            out += piece.scalar * piece.map.apply(np.ascontiguousarray(x[piece.source].T)).T
        if b.bias is not None:
            out[:, 0] += b.bias
        return out

    def _difference(self, i: int, b: Block) -> Floats:
        """u - S w; coordinates of a difference define w first, which nothing has read yet but this block."""
        x, kinds = self.form.x, self.form.chosen.get(i)
        pick = np.arange(b.size) if b.sigma is None else b.sigma
        if kinds is not None:
            at = np.flatnonzero(kinds)
            own = self._coordinates(self._first[i], self._lo[i][at], self._hi[i][at])
            x[b.coarse] = x[b.coarse].copy()
            x[b.coarse][pick[at]] = x[b.fine][at] - own
        if b.kind == "pair-affine":
            return self._image(b, x)
        out = x[b.fine] - np.where((pick >= 0)[:, None], x[b.coarse][pick], 0.0)
        if kinds is not None:
            out[at] = own
        return out

    # ---- facts

    def _collect(self, i: int, b: Block) -> None:
        x = self.form.x
        if b.kind == "relu":
            at = np.flatnonzero(_open(self._lo[b.source], self._hi[b.source]))
            if len(at):
                a, over = x[i][at], x[i][at] - x[b.source][at]
                self._add(i, "above", at, over, self._one(len(at)))
                self._add(i, "complement", at, a, over)
                # a (hi - a) >= 0 contains a >= 0; where a is a coordinate both are its range.
                kinds = self.form.chosen.get(i)
                rest = at if kinds is None else at[kinds[at] != 1]
                self._add(i, "range", rest, x[i][rest], self._shifted(-x[i][rest], self._hi[i][rest]))
        elif b.kind == "pair-relu":
            self._pair(i, b)

    def _pair(self, i: int, b: Block) -> None:
        x, blocks = self.form.x, self._graph.blocks
        pick = np.arange(b.size) if b.sigma is None else b.sigma
        fine, coarse = blocks[b.fine].source, blocks[b.coarse].source
        open_u = _open(self._lo[fine], self._hi[fine])
        open_w = np.where(pick >= 0, _open(self._lo[coarse], self._hi[coarse])[pick], False)
        at = np.flatnonzero((open_u | open_w) & (pick >= 0))
        if not len(at):
            return
        to = pick[at]
        d, inner = x[i][at], x[b.inner][at]
        self._add(i, "slope", at, d, inner - d)
        # (d - lo)(hi - d) >= 0 was measured to add nothing once D has its range.
        both = open_u[at] & open_w[at]
        two, to = at[both], to[both]
        if len(two):
            u, w = x[b.fine][two], x[b.coarse][to]
            self._add(i, "cross-fine", two, w, u - x[fine][two])
            self._add(i, "cross-coarse", two, u, w - x[coarse][to])

    def _collect_linear(self, i: int, b: Block) -> None:
        """Ranges of inputs, of open relus and of differences of both kinds, but for the output's; a - z >= 0."""
        x = self.form.x
        if b.kind == "affine" or (b.is_pair and i == self._graph.output_pair()):
            return
        if b.kind == "relu":
            at = np.flatnonzero(_open(self._lo[b.source], self._hi[b.source]))
            self._linear.append(("above", i, at, x[i][at] - x[b.source][at]))
        else:
            width = self._hi[i] - self._lo[i]
            at = np.flatnonzero(width > NEGLIGIBLE * width.max(initial=0))
        self._linear.append(("lower", i, at, self._shifted(x[i][at], -self._lo[i][at])))
        self._linear.append(("upper", i, at, self._shifted(-x[i][at], self._hi[i][at])))

    def _joined(self) -> Linear:
        n = self.form.n
        of = [(kind, b) for kind, b, at, _ in self._linear for _ in at]
        entry = np.concatenate([np.zeros(0, np.intp), *(at for _, _, at, _ in self._linear)])
        vectors = np.concatenate([np.zeros((0, n)), *(v for *_, v in self._linear)])
        long = np.linalg.norm(vectors, axis=1)
        told = np.flatnonzero(long > NEGLIGIBLE * long.max(initial=0))
        return Linear([of[k] for k in told], entry[told], vectors[told] / long[told, None], long[told])

    def _add(self, block: int, kind: Kind, at: NDArray[np.intp], p: Floats, r: Floats) -> None:
        long = [np.linalg.norm(v, axis=1) for v in (p, r)]
        told = np.logical_and(*(v > NEGLIGIBLE * v.max(initial=0) for v in long))
        if told.any():
            self.form.facts.append(Fact(block, kind, at[told], p[told], r[told]))

    def _one(self, count: int) -> Floats:
        return self._shifted(np.zeros((count, self.form.n)), np.ones(count))

    @staticmethod
    def _shifted(x: Floats, by: Floats) -> Floats:
        out = x.copy()
        out[:, 0] += by
        return out
