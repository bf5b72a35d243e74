"""The difference SDP: bounds of rows from the quadratic facts of one region, worst row first.

What is found is kept as a Proof for each row, in the real units of the blocks; rule *quadratic* replays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats
from certify.provers.blocks import BlockGraph
from certify.provers.forms import Chosen, Fact, Form, Kind, build
from certify.provers.forward import Bounds
from certify.provers.interior_point import Facts, Solution, solve

Pairs = NDArray[np.intp]
# Products of linear facts that a solution violates most are added so many at a time.
PRODUCTS = 250
VIOLATED = 1e-5


@dataclass(frozen=True, eq=False)
class RowProof:
    """bound of row . outputs; multipliers: (block, kind) -> (size,); remainder: S (n, n), positive definite.

    products: ((kind, block), (kind, block)) -> entries of both and multipliers of the products of linear facts.
    """

    bound: float
    multipliers: dict[tuple[int, Kind], Floats]
    products: dict[tuple[tuple[Kind, int], tuple[Kind, int]], tuple[NDArray[np.intp], NDArray[np.intp], Floats]]
    remainder: Floats
    # Numbers the elaborator chooses its bits by: the largest value of the row that boxes alone allow, and sums over
    # facts of |m| (|p| + |r|) and of |p| |r|, in 1-norms.
    size: float
    weight: float
    spread: float


@dataclass(eq=False)
class FormProofs:
    """Coordinates of one region and the rows bounded in them, by their number in the quantity."""

    chosen: Chosen
    rows: dict[int, RowProof]


class Relaxation:
    """The semidefinite relaxation of one region, for any row."""

    def __init__(self, graph: BlockGraph, bounds: Bounds) -> None:
        self.form: Form = build(graph, bounds)
        self._sizes = [b.size for b in graph.blocks]
        self._scales: list[Floats] = []
        self._facts = self._scaled(self.form.facts)

    @property
    def n(self) -> int:
        """Coordinates and the number 1."""
        return self.form.n

    def _scaled(self, facts: list[Fact]) -> Facts:
        """Facts with factors of norm 1; equal factors are one vector, of which there are several times fewer."""
        factors: list[Floats] = [np.zeros((0, self.form.n))]
        counts = [len(fact.entries) for fact in facts]
        for fact in facts:
            long = [np.linalg.norm(v, axis=1) for v in (fact.p, fact.r)]
            self._scales.append(1 / (long[0] * long[1]))
            factors += [v / norm[:, None] for v, norm in zip((fact.p, fact.r), long, strict=True)]
        whole = np.ascontiguousarray(np.concatenate(factors)) + 0.0
        raw = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()
        _, first, where = np.unique(raw, return_index=True, return_inverse=True)
        starts = np.concatenate([[0], np.cumsum(np.repeat(counts, 2))])
        p, r = (
            np.concatenate(
                [np.zeros(0, np.intp), *(where[starts[i] : starts[i + 1]] for i in range(side, len(starts) - 1, 2))]
            )
            for side in (0, 1)
        )
        free = np.repeat([fact.free for fact in facts], counts).astype(bool)
        return Facts(whole[first], p, r, free)

    def bound(
        self, rows: Mapping[int, Floats], k: int, target: float, gap: float, seconds: float, extra: Pairs | None = None
    ) -> tuple[RowProof, Floats]:
        """Bound minus row k of functionals on blocks, as a problem gives them; and the moments of the relaxation.

        extra: products of linear facts to use as facts.
        """
        objective = -self.form.row(rows, k)
        pairs = np.zeros((0, 2), dtype=np.intp) if extra is None else extra
        found = solve(self._with(pairs), objective, target=target, gap=gap, seconds=seconds)
        return self._proof(found, pairs, float(np.abs(objective).sum())), found.moments

    def peak(self, moments: Floats, block: int) -> Floats:
        """What a block is where the relaxation peaks."""
        point: Floats = self.form.x[block] @ np.concatenate([[1.0], np.clip(moments[0, 1:], -1, 1)])
        return point

    def violated(self, moments: Floats, known: Pairs) -> Pairs:
        """The products of linear facts that the moments violate most, ``known`` ones excepted."""
        v = self.form.linear.vectors
        value = np.triu(v @ moments @ v.T)
        value[known[:, 0], known[:, 1]] = 0
        flat = value.ravel()
        worst = np.argpartition(flat, min(PRODUCTS, len(flat) - 1))[:PRODUCTS]
        worst = worst[flat[worst] < -VIOLATED]
        return np.stack(np.unravel_index(worst, value.shape), axis=1).astype(np.intp)

    def _with(self, pairs: Pairs) -> Facts:
        if not len(pairs):
            return self._facts
        base = self._facts
        used, where = np.unique(pairs, return_inverse=True)
        where = where.reshape(pairs.shape) + len(base.vectors)
        return Facts(
            np.concatenate([base.vectors, self.form.linear.vectors[used]]), np.concatenate([base.p, where[:, 0]]),
            np.concatenate([base.r, where[:, 1]]), np.concatenate([base.free, np.zeros(len(pairs), dtype=bool)]),
        )  # fmt: skip

    def _proof(self, found: Solution, pairs: Pairs, size: float) -> RowProof:
        out: dict[tuple[int, Kind], Floats] = {}
        at, weight, spread = 0, 0.0, 0.0
        for fact, scale in zip(self.form.facts, self._scales, strict=True):
            m = found.multipliers[at : at + len(fact.entries)] * scale
            at += len(fact.entries)
            full = out.setdefault((fact.block, fact.kind), np.zeros(self._sizes[fact.block]))
            full[fact.entries] += m
            p, r = np.abs(fact.p).sum(axis=1), np.abs(fact.r).sum(axis=1)
            weight += float(np.abs(m) @ (p + r))
            spread += float(p @ r)
        linear = self.form.linear
        products, long = {}, np.abs(linear.vectors).sum(axis=1) * linear.norms
        scaled = found.multipliers[at:] / (linear.norms[pairs[:, 0]] * linear.norms[pairs[:, 1]])
        names = [(linear.of[i], linear.of[j]) for i, j in pairs]
        for name in sorted(set(names)):
            mine = np.array([k for k, other in enumerate(names) if other == name])
            i, j = pairs[mine, 0], pairs[mine, 1]
            products[name] = linear.entry[i], linear.entry[j], scaled[mine]
            weight += float(np.abs(scaled[mine]) @ (long[i] + long[j]))
            spread += float(long[i] @ long[j])
        return RowProof(found.bound, out, products, found.remainder, size, weight, spread)
