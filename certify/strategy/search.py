"""One run of ``prove`` or ``bound``: witnesses, bounds of all parts, cuts, a certificate and its check.

The order of work is here; how to bound, cut and falsify is in certify/provers, how to write it down in plans.py.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.certificate import Certificate, Verdict, check
from certify.claims import Claim, Quantity
from certify.elaborate import established
from certify.errors import CertifyError
from certify.networks.maps import Floats
from certify.provers.branch import Frontier, Piece, Stop, moving
from certify.provers.falsify import Witness, falsify
from certify.provers.flow import by_scale
from certify.provers.forward import Bounds
from certify.provers.problem import Problem, Seen
from certify.provers.region import Region
from certify.results import Bracket, Result, Status
from certify.scheduling.executors import available_cpus, executor_of
from certify.strategy.blas import one_blas_thread
from certify.strategy.budget import Listener, Progress
from certify.strategy.improve import improve
from certify.strategy.plans import certificate_of
from certify.strategy.sharpen import Sharpener
from certify.strategy.spread import Workers, cut_over

# Bisection pays when few coordinates matter; on images it does not.
MOST_SPLIT_COORDINATES = 32
# Parts bounded in one pass.
TOGETHER = 64
# Seconds of cutting here before processes are started for it: that costs one.
ALONE = 3.0
# Leaves from which several kernels share a certificate, when nobody says how many.
SHARED = 400
# Room for rounding between a float bound and what integers establish, relative; beyond it the kernel is asked.
SLACK = 2e-4
# What remains of a budget that may go into cutting: writing and checking the leaves takes the rest.
CUTTING_SHARE = 0.6


@dataclass
class Part:
    """What is known of one part: the tree of its pieces, the float upper bound, the best witness."""

    root: Piece
    upper: float
    start: Floats
    witness: Witness | None = None


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
        self._flow: dict[str, float] = {}
        self._flow_upper = -math.inf
        self._interval = -math.inf

    def run(self) -> Result:
        """Search within the budget, then write and check what was found."""
        with one_blas_thread():
            return self._run()

    def _run(self) -> Result:
        total = self._q.domain.parts
        for first in range(0, total, TOGETHER):
            self._bound_parts(range(first, min(total, first + TOGETHER)))
        for k, part in enumerate(self._parts):
            share = min(2.0, max(0.05, 0.3 * (self._deadline - time.perf_counter()) / (total - k)))
            part.witness = falsify(self._q, k, seed=self._seed, seconds=share, starts=part.start[None])
            self._say("search", k + 1, total)
        try:
            if not self._violated():
                self._improve()
                self._branch()
        except KeyboardInterrupt:
            # What was found so far is written and checked all the same; a second interrupt ends that too.
            self._interrupted = True
        for part in self._parts:
            part.upper = max(leaf.upper for leaf in part.root.leaves())
        return self._conclude()

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

    # ---- bounds of parts

    def _bound_parts(self, parts: range) -> None:
        """Bound some parts; together where the quantity's rows are the same for all of them."""
        same = self._q.kind not in ("margin", "decision")
        for group in [parts] if same else [range(k, k + 1) for k in parts]:
            region = Region.join([self._problem.region(k) for k in group])
            bounds = self._problem.bounds(region)
            seen = self._problem.look(group[0], bounds)
            self._note_flow(bounds, seen, group)
            for i, piece in enumerate(Piece.of(region, seen, 0)):
                self._parts.append(Part(piece, piece.upper, seen.x[i]))
        self._say("search", 0, self._q.domain.parts)

    def _note_flow(self, bounds: Bounds, seen: Seen, parts: range) -> None:
        """The flow of the worst part so far, and what intervals on f and g apart would give."""
        self._interval = max(
            self._interval, *(self._apart(bounds.take(slice(i, i + 1)), k) for i, k in enumerate(parts))
        )
        i = int(seen.upper.argmax())
        if not seen.upper[i] > self._flow_upper:
            return
        self._flow_upper = float(seen.upper[i])
        row = int(self._problem.binding(seen.uppers[i : i + 1])[0])
        for rows in self._problem.rows(parts[i]):
            n = len(next(iter(rows.values())))
            if row < n:
                one = {b: c[row : row + 1] for b, c in rows.items()}
                self._flow = by_scale(self._problem.graph, bounds.take(slice(i, i + 1)), one)
                return
            row -= n

    def _apart(self, bounds: Bounds, k: int) -> float:
        """What intervals on f and g apart give on one region: a bound no better than this is vacuous."""
        outputs = self._problem.graph.outputs
        uppers = []
        for r in self._q.rows(k):
            v = np.zeros(len(r.on_f if r.on_f is not None else r.on_g))  # type: ignore[arg-type]
            for rows, b in ((r.on_f, outputs["f"]), (r.on_g, outputs.get("g"))):
                if rows is not None and b is not None:
                    v = v + np.maximum(rows, 0) @ bounds.hi[b][0] + np.minimum(rows, 0) @ bounds.lo[b][0]
            uppers.append(v)
        return self._q.combine(np.concatenate(uppers))

    # ---- better bounds of whole parts

    def _improve(self) -> None:
        """Optimise slopes of the parts that cutting will not reach, worst first."""
        open_ = [p for p in range(len(self._parts)) if not self._satisfied(self._parts[p].upper)]
        wide = [k for k in open_ if moving(self._parts[k].root.region) > MOST_SPLIT_COORDINATES]
        for done, k in enumerate(sorted(wide, key=lambda k: -self._parts[k].upper)):
            part, now = self._parts[k], time.perf_counter()
            left = self._deadline - now
            if left < 0.05:
                return
            floor = -math.inf if part.witness is None else float(part.witness.value)
            goal = self._goal()
            target = goal if goal is not None else floor * 1.001
            starts = improve(self._problem, k, part.root, target, floor, now + 0.8 * left / (len(wide) - done))
            part.upper = part.root.upper
            if starts:
                self._attack(k, np.array(starts))
            self._say("improve", done + 1, len(wide))

    def _attack(self, k: int, starts: Floats, attempts: int = 40) -> None:
        """Another attack on part k from points that a relaxation suggests."""
        part, left = self._parts[k], self._deadline - time.perf_counter()
        seconds = min(5.0, max(0.05, 0.4 * left))
        found = falsify(self._q, k, seed=self._seed + 1, seconds=seconds, starts=starts, attempts=attempts)
        if found is not None and (part.witness is None or found.value > part.witness.value):
            part.witness = found

    # ---- cuts

    def _branch(self) -> None:
        """Cut inputs of the worst parts while time remains and few coordinates matter."""
        if self._workers is not None:
            todo = [k for k, p in enumerate(self._parts) if self._to_cut(p)]
            left = self._deadline - time.perf_counter()
            self._cut_over(self._workers, {k: [self._parts[k].root] for k in todo}, CUTTING_SHARE * left)
            return
        for k in sorted(range(len(self._parts)), key=lambda k: -self._parts[k].upper):
            left = self._deadline - time.perf_counter()
            if self._to_cut(self._parts[k]) and left > 0.1:
                self._cut_here(k, CUTTING_SHARE * left)

    def _to_cut(self, part: Part) -> bool:
        return moving(part.root.region) <= MOST_SPLIT_COORDINATES and not self._satisfied(part.upper)

    def _floor(self, k: int) -> float:
        witness = self._parts[k].witness
        return float(witness.value) if witness is not None else -math.inf

    def _cut_here(self, k: int, seconds: float) -> None:
        """Cut one part in this process; when that takes long and there are more CPUs, go on in processes."""
        part, now = self._parts[k], time.perf_counter()
        evaluate = Sharpener(self._problem, k, self._goal())
        spreads = not evaluate.sharpens and available_cpus() > 1 and seconds > 3 * ALONE
        stop = Stop(self._goal(), self._floor(k), now + (ALONE if spreads else seconds))
        frontier = Frontier(part.root)
        frontier.grow(evaluate, stop, self._leaf_progress)
        evaluate.finish(part.root)
        part.upper = frontier.bound()
        rest = [p for p in part.root.leaves() if p.upper > stop.target()]
        if spreads and rest and frontier.count < stop.most_leaves and part.upper > stop.target():
            left = now + seconds - time.perf_counter()
            self._cut_over(Workers(executor_of(None)), {k: rest}, left)

    def _cut_over(self, workers: Workers, roots: dict[int, list[Piece]], seconds: float) -> None:
        """Cut pieces of parts by workers."""
        if not roots or seconds < 0.1:
            return
        floors = {k: self._floor(k) for k in roots}
        done = cut_over(workers, self._problem, roots, self._goal(), floors, seconds, self._listener)
        for k in roots:
            self._parts[k].upper = max(p.upper for p in self._parts[k].root.leaves())
        if done.interrupted:
            raise KeyboardInterrupt
        for k, point in done.points.items():
            if not self._satisfied(self._parts[k].upper):
                self._attack(k, point[None], attempts=1)

    def _leaf_progress(self, leaves: int, upper: float) -> None:
        if self._listener is not None:
            self._listener(Progress("split", leaves, 0, upper, None))

    # ---- certificate and verdict

    def _conclude(self) -> Result:
        """Write and check: first the claim, or a bound just above what floats say; else what integers establish."""
        self._say("elaborate", 0, 1)
        searched = max(p.upper for p in self._parts)
        if self._claim is not None and self._satisfied(searched):
            claim = self._claim
        else:
            claim = Claim(self._q, "at-most", Fraction(searched + SLACK * abs(searched)))
        certificate, verdict, search, spent = self._checked(claim)
        if not verdict.accepted:
            claim = self._established(certificate)
            certificate, verdict, search, more = self._checked(claim)
            spent += more
        if not verdict.accepted:
            raise CertifyError(f"the kernel did not accept what the search believed: {verdict}")
        self._say("check", 1, 1)
        return self._result(claim, certificate, verdict, searched, {"search": search, "check": spent})

    def _established(self, certificate: Certificate) -> Claim:
        """The claim if the kernel's replay, asked in process, establishes it; else the bound it does establish."""
        uppers, _ = established(certificate)
        if self._claim is not None and all(self._claim.holds(u) for u in uppers):
            return self._claim
        return Claim(self._q, "at-most", max(uppers))

    def _checked(self, claim: Claim) -> tuple[Certificate, Verdict, float, float]:
        """The certificate of a claim and its verdict, seconds of search until now, seconds of the check."""
        certificate = certificate_of(self._problem, claim, [p.root for p in self._parts])
        search = time.perf_counter() - self._started
        self._say("check", 0, 1)
        leaves = sum(1 for p in self._parts for _ in p.root.leaves())
        verdict = check(certificate, jobs=self._jobs or (available_cpus() if leaves >= SHARED else 1))
        return certificate, verdict, search, time.perf_counter() - self._started - search

    def _result(
        self, claim: Claim, certificate: Certificate, verdict: Verdict, searched: float, seconds: dict[str, float]
    ) -> Result:
        brackets = tuple(self._bracket(p.witness, verdict.bounds[k]) for k, p in enumerate(self._parts))
        witnesses = [p.witness for p in self._parts if p.witness is not None]
        best = max(witnesses, key=lambda w: w.value) if witnesses else None
        whole = self._bracket(best, max(verdict.bounds))
        scales = dict(self._flow)
        if scales:
            # by_scale sums to the worst row of the worst part; norms over rows and splits add to the relaxation.
            scales["relaxation"] += searched - sum(scales.values())
            scales["rounding"] = float(whole.upper - Fraction(searched)) if whole.upper is not None else 0.0
        # At a point, intervals are exact too: no better than they are is vacuous only far above what was witnessed.
        witnessed = float(best.value) if best is not None else -math.inf
        vacuous = math.isfinite(self._interval) and searched >= self._interval > 0 and witnessed < searched / 2
        return Result(
            claim=claim if self._claim is None else self._claim,
            status=whole.status, bracket=whole, brackets=brackets, witness=best, certificate=certificate,
            verdict=verdict, searched_upper=searched, vacuous=vacuous, seconds=seconds,
            leaves=sum(1 for p in self._parts for _ in p.root.leaves()), scales=scales,
            notes=("interrupted: the bracket is what was proved until then",) if self._interrupted else (),
        )  # fmt: skip

    def _bracket(self, witness: Witness | None, upper: Fraction) -> Bracket:
        value = None if witness is None else witness.value
        status: Status = "proved"
        if self._claim is not None:
            if value is not None and not self._claim.holds(value):
                status = "refuted"
            elif not self._claim.holds(upper):
                status = "unknown"
        return Bracket(value, upper, status)
