"""The difference SDP: bounds of rows from the quadratic facts of one region, worst row first.

What is found is kept as a Proof for each row, in the real units of the blocks; rule *quadratic* replays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from certify.networks.maps import Floats
from certify.provers.blocks import BlockGraph
from certify.provers.forms import Chosen, Fact, Form, Kind, build
from certify.provers.forward import Bounds
from certify.provers.interior_point import Facts, Solution, solve


@dataclass(frozen=True, eq=False)
class RowProof:
    """bound of row . outputs; multipliers: (block, kind) -> (size,); remainder: S (n, n), positive definite."""

    bound: float
    multipliers: dict[tuple[int, Kind], Floats]
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
        self, rows: Mapping[int, Floats], k: int, target: float, gap: float, seconds: float
    ) -> tuple[RowProof, Floats]:
        """Bound minus row k of functionals on blocks, as a problem gives them; and z, where the relaxation peaks."""
        objective = -self.form.row(rows, k)
        found = solve(self._facts, objective, target=target, gap=gap, seconds=seconds)
        return self._proof(found, float(np.abs(objective).sum())), np.concatenate([[1.0], found.point])

    def _proof(self, found: Solution, size: float) -> RowProof:
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
        return RowProof(found.bound, out, found.remainder, size, weight, spread)
