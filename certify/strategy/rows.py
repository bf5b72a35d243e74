"""Semidefinite bounds of the rows of a quantity, worst rows first, as far as time goes.

A row is bounded from the plain facts once; while it stays the worst, products of linear facts that its relaxation
violates are added and it is bounded again. Rows are independent: as many at once as there are cores.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from certify.networks.maps import Floats
from certify.provers.problem import Problem
from certify.provers.semidefinite import FormProofs, Pairs, Relaxation, RowProof

# Relative duality gap, and the least relative gain for which products are worth another round.
GAP = 2e-3
GAIN = 2e-3


@dataclass(eq=False)
class _Row:
    """What is known of a row beside its bound."""

    moments: Floats | None = None
    products: Pairs = field(default_factory=lambda: np.zeros((0, 2), dtype=np.intp))
    exhausted: bool = False


class RowSearch:
    """Lower ``uppers`` (R,), the bounds of the rows of one part, until their quantity is at most ``stop``."""

    def __init__(
        self, problem: Problem, part: int, relaxation: Relaxation, uppers: Floats, stop: float, deadline: float
    ) -> None:
        self.uppers, self.proofs = uppers, FormProofs(relaxation.form.chosen, {})
        self.peaks: list[Floats] = []
        self._problem, self._relaxation, self._stop, self._deadline = problem, relaxation, stop, deadline
        self._places = [(rows, k) for rows in problem.rows(part) for k in range(len(next(iter(rows.values()))))]
        self._rows = [_Row() for _ in self._places]
        # Of norms that sum over outputs every row matters; else only the largest does.
        self._single = problem.q.kind != "value" or problem.q.norm == "linf"
        self._input = next(i for i, b in enumerate(problem.graph.blocks) if b.kind == "input" and b.role == 0)

    def whole(self) -> float:
        """The bound of the quantity."""
        return float(self._problem.combined(self.uppers[None])[0])

    def run(self, threads: int | None = None) -> None:
        """Bound rows until the goal, time, or nothing is left to try; threads: None for one on each core."""
        workers = threads or os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            while time.perf_counter() < self._deadline and self.whole() > self._stop:
                batch = self._worst(workers)
                if not batch:
                    return
                for k, proof in zip(batch, pool.map(self._bound, batch), strict=True):
                    if proof.bound < self.uppers[k]:
                        self.uppers[k], self.proofs.rows[k] = proof.bound, proof

    def _worst(self, count: int) -> list[int]:
        """The rows to work on: none when the worst of all has nothing left to try."""
        order = [int(k) for k in np.argsort(-self.uppers)]
        if not self._single:
            # First each row once, the largest first.
            order.sort(key=lambda k: self._rows[k].moments is not None)
            return [k for k in order if not self._rows[k].exhausted][:count]
        if self._problem.q.kind == "least":
            order.reverse()
        elif self._rows[order[0]].exhausted:
            return []
        return [k for k in order if not self._rows[k].exhausted and self.uppers[k] > self._stop][:count]

    def _bound(self, k: int) -> RowProof:
        row, before = self._rows[k], float(self.uppers[k])
        # Below what another row is known to be stuck at, or what is good enough, more work on this one is wasted.
        first, largest = row.moments is None, self._single and self._problem.q.kind != "least"
        stuck = [self.uppers[j] for j, r in enumerate(self._rows) if r.exhausted or (first and r.moments is not None)]
        enough = float(max([self._stop, *stuck])) if largest else -np.inf
        if row.moments is not None:
            new = self._relaxation.violated(row.moments, row.products)
            row.products = np.concatenate([row.products, new])
            row.exhausted = not len(new)
        rows, at = self._places[k]
        left = max(0.01, self._deadline - time.perf_counter())
        proof, moments = self._relaxation.bound(rows, at, enough, GAP, left, row.products)
        if row.moments is not None and proof.bound > before - GAIN * abs(before):
            row.exhausted = True
        row.moments = moments
        self.peaks.append(self._relaxation.peak(moments, self._input))
        return proof
