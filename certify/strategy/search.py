"""One run of ``prove`` or ``bound``: witnesses, bounds of all parts, better ones, a certificate and its check.

The order of work is here; how to bound, cut and falsify is in certify/provers, how it ends in conclude.py.
"""

from __future__ import annotations

import math
import time

import numpy as np

from certify.claims import Claim, Quantity
from certify.networks.maps import Floats
from certify.provers.branch import Frontier, Piece, Stop
from certify.provers.falsify import falsify
from certify.provers.problem import Problem
from certify.results import INTERRUPTED, Result
from certify.scheduling.executors import available_cpus, executor_of
from certify.strategy.blas import one_blas_thread
from certify.strategy.budget import Listener, Progress
from certify.strategy.conclude import SLACK, Found, conclude
from certify.strategy.improve import NEAR, improve
from certify.strategy.parts import FirstBounds, Part, is_cut
from certify.strategy.sharpen import Sharpener
from certify.strategy.spread import Workers, work_over

# Seconds of cutting here before processes are started for it: that costs one.
ALONE = 3.0
# What remains of a budget that may go into cutting: writing and checking the leaves takes the rest.
CUTTING_SHARE, WHOLE_SHARE = 0.6, 0.8


class Search:
    """The state of a run."""

    def __init__(
        self, q: Quantity, claim: Claim | None, seconds: float, progress: Listener | None, seed: int,
        workers: Workers | None = None, jobs: int | None = None,
    ) -> None:  # fmt: skip
        self._q, self._claim, self._listener, self._seed = q, claim, progress, seed
        self._workers, self._jobs = workers, jobs
        self._interrupted = False
        self._started = time.perf_counter()
        self._deadline = self._started + seconds
        self._problem = Problem(q)
        self._parts: list[Part] = []

    def run(self) -> Result:
        """Search within the budget, then write and check what was found.

        An interrupt ends the search, not the result, once all parts have a bound: before, there is nothing to
        report, and a second one ends that too. Both raise KeyboardInterrupt.
        """
        with one_blas_thread():
            first, total = FirstBounds(self._problem), self._q.domain.parts
            for some in first:
                self._parts += some
                self._say("search", 0, total)
            try:
                self._search()
            except KeyboardInterrupt:
                self._interrupted = True
            return self._conclude(first)

    def _search(self) -> None:
        total = len(self._parts)
        for k, part in enumerate(self._parts):
            share = min(2.0, max(0.05, 0.2 * (self._deadline - time.perf_counter()) / (total - k)))
            part.witness = falsify(self._q, k, seed=self._seed, seconds=share, starts=part.start[None])
            self._say("search", k + 1, total)
        if self._violated():
            return
        if self._workers is not None and (total > 1 or is_cut(self._parts[0].root.region)):
            self._work_over(self._workers)
        else:
            self._improve()
            self._branch()

    def _conclude(self, first: FirstBounds) -> Result:
        for part in self._parts:
            part.upper = max(leaf.upper for leaf in part.root.leaves())
        believed = self._satisfied(max(p.upper for p in self._parts))
        notes = (INTERRUPTED,) if self._interrupted else ()
        return conclude(
            Found(
                self._problem, self._claim, self._parts, first, believed, self._started, self._jobs, notes,
                self._listener,
            )
        )  # fmt: skip

    # ---- reporting

    def _say(self, phase: str, done: int, total: int) -> None:
        if self._listener is not None:
            uppers = [p.upper for p in self._parts if math.isfinite(p.upper)]
            lowers = [float(p.witness.value) for p in self._parts if p.witness is not None]
            self._listener(
                Progress(phase, done, total, max(uppers) if uppers else None, max(lowers) if lowers else None)
            )

    def _violated(self) -> bool:
        return self._claim is not None and any(
            p.witness is not None and not self._claim.holds(p.witness.value) for p in self._parts
        )

    def _goal(self) -> float | None:
        """The float bound that would prove the claim with room for rounding."""
        if self._claim is None:
            return None
        t = float(self._claim.threshold)
        if t != 0:
            return t - SLACK * abs(t)
        # Zero has no size of its own: a share of the distance to the best witness leaves room for rounding.
        values = [float(p.witness.value) for p in self._parts if p.witness is not None]
        return -max(1e-9, -0.03 * max(values)) if values else -1e-9

    def _satisfied(self, upper: float) -> bool:
        goal = self._goal()
        zero = self._claim is not None and self._claim.threshold == 0 and self._claim.relation == "at-most"
        return goal is not None and (upper <= goal or (zero and upper == 0))

    # ---- in this process: optimise slopes of wide parts, cut narrow ones

    def _improve(self) -> None:
        """Better bounds of the parts that are not cut, worst first."""
        wide = [p for p in self._parts if not self._satisfied(p.upper) and not is_cut(p.root.region)]
        for done, part in enumerate(sorted(wide, key=lambda p: -p.upper)):
            now, k = time.perf_counter(), self._parts.index(part)
            left = self._deadline - now
            if left < 0.05:
                return
            goal = self._goal()
            target = goal if goal is not None else part.floor + NEAR * abs(part.floor)
            until = now + WHOLE_SHARE * left / (len(wide) - done)
            starts = improve(self._problem, k, part.root, target, part.floor, until)
            part.upper = part.root.upper
            if starts:
                self._attack(k, np.array(starts))
            self._say("improve", done + 1, len(wide))

    def _attack(self, k: int, starts: Floats, attempts: int = 40, share: float = 0.4) -> None:
        """Another attack on part k from points that a relaxation suggests."""
        part, left = self._parts[k], self._deadline - time.perf_counter()
        seconds = min(5.0, max(0.05, share * left))
        found = falsify(self._q, k, seed=self._seed + 1, seconds=seconds, starts=starts, attempts=attempts)
        if found is not None and (part.witness is None or found.value > part.witness.value):
            part.witness = found

    def _branch(self) -> None:
        """Cut the worst parts while time remains and few coordinates matter."""
        for k in sorted(range(len(self._parts)), key=lambda k: -self._parts[k].upper):
            part, left = self._parts[k], self._deadline - time.perf_counter()
            if is_cut(part.root.region) and not self._satisfied(part.upper) and left > 0.1:
                self._cut(k, CUTTING_SHARE * left)

    def _cut(self, k: int, seconds: float) -> None:
        """Cut one part here; when that takes long and there are more CPUs, go on in processes."""
        part, now = self._parts[k], time.perf_counter()
        evaluate = Sharpener(self._problem, k, self._goal())
        spreads = not evaluate.sharpens and available_cpus() > 1 and seconds > 3 * ALONE
        stop = Stop(self._goal(), part.floor, now + (ALONE if spreads else seconds))
        frontier = Frontier(part.root)
        try:
            frontier.grow(evaluate, stop, self._leaf_progress)
        finally:
            # After an interrupt too: bounds by optimised slopes need their slopes in the certificate.
            evaluate.finish(part.root)
        part.upper = frontier.bound()
        rest = [p for p in part.root.leaves() if p.upper > stop.target()]
        if not (spreads and rest and frontier.count < stop.most_leaves):
            return
        pool = executor_of(None)
        try:
            self._spread(Workers(pool), {k: rest}, now + seconds - time.perf_counter())
        finally:
            pool.close(kill=True)

    def _leaf_progress(self, leaves: int, upper: float) -> None:
        if self._listener is not None:
            floors = [p.floor for p in self._parts if p.witness is not None]
            uppers = [upper, *(p.upper for p in self._parts if p.root.is_leaf)]
            self._listener(Progress("split", leaves, 0, max(uppers), max(floors) if floors else None))

    # ---- over workers

    def _work_over(self, workers: Workers) -> None:
        """Give all parts to workers, which leave alone those that are good enough."""
        if all(self._satisfied(p.upper) for p in self._parts):
            return
        cut = any(is_cut(p.root.region) for p in self._parts)
        left = self._deadline - time.perf_counter()
        # Every part, since a state wants the same ones each time and witnesses depend on how fast a machine is.
        roots = {k: [p.root] for k, p in enumerate(self._parts)}
        self._spread(workers, roots, (CUTTING_SHARE if cut else WHOLE_SHARE) * left)

    def _spread(self, workers: Workers, roots: dict[int, list[Piece]], seconds: float) -> None:
        """Have pieces of parts grown by workers, then attack where they say that values are large."""
        if seconds < 0.1:
            return
        floors = {k: self._parts[k].floor for k in roots}
        done = work_over(workers, self._problem, roots, self._goal(), floors, seconds, self._listener)
        for k in roots:
            self._parts[k].upper = max(p.upper for p in self._parts[k].root.leaves())
        if done.interrupted:
            raise KeyboardInterrupt
        worth = [k for k in done.points if not self._satisfied(self._parts[k].upper)]
        for i, k in enumerate(sorted(worth, key=lambda k: -self._parts[k].upper)):
            points = done.points[k]
            self._attack(k, points, 1 if len(points) == 1 else 40, share=0.4 / (len(worth) - i))
