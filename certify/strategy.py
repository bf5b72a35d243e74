"""The strategy within a budget: falsify, bound, split, elaborate, check.

Everything up to the last step is untrusted. The result's upper bounds are what the kernel established in a fresh
interpreter,
its lower bounds what exact arithmetic found at witnesses.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np

from certify.certificate import Certificate, Verdict, check
from certify.claims import Claim, Quantity, decision, discrepancy, margin
from certify.domains import Ball, Domain
from certify.elaborate import Cut, Leaf, Tree, choose_scales, established, write_certificate, write_plan
from certify.errors import BadInput, CertifyError
from certify.networks.encode import TensorTable
from certify.networks.graph import Network
from certify.networks.maps import Floats
from certify.provers.blocks import BlockGraph
from certify.provers.branch import Branching, Evaluated, Piece, split_part, worst_of
from certify.provers.falsify import Witness, falsify
from certify.provers.flow import by_scale, corner_of
from certify.provers.forward import Bounds
from certify.provers.linear import Trace, bound_blocks, lower, output_rows, tighten_set
from certify.provers.region import Region
from certify.results import Bracket, Result, Status

# Bisection pays when few coordinates matter; on images it does not.
MOST_SPLIT_COORDINATES = 32


@dataclass(frozen=True)
class Progress:
    """Where a search is: phase is falsify, search, elaborate or check; upper and lower are the bracket so far."""

    phase: str
    done: int
    total: int
    upper: float | None = None
    lower: float | None = None


Listener = Callable[[Progress], None]


def parse_budget(value: float | str) -> float:
    """Seconds from a number, or from "30s", "2m", "1h", "500ms"; raises BadInput."""
    if isinstance(value, str):
        units = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
        text = value.strip()
        unit = next((u for u in units if text.endswith(u)), "")
        try:
            seconds = float(text[: len(text) - len(unit)]) * units.get(unit, 1.0)
        except ValueError:
            raise BadInput(f"budget: expected something like 30s or 2m, found {value!r}") from None
    else:
        seconds = float(value)
    if not (math.isfinite(seconds) and seconds > 0):
        raise BadInput(f"budget: expected a positive time, found {value!r}")
    return seconds


@dataclass
class PartState:
    """What is known of one part: a tree of bounded regions, the float upper bound, the best witness, where lines
    peak."""

    region: Region
    upper: float = math.inf
    tree: Piece | None = None
    witness: Witness | None = None
    starts: Floats | None = None


def region_of(domain: Domain, k: int, hull: tuple[Floats, Floats] | None = None) -> Region:
    """Part k as provers see it."""
    lo, hi = domain.bounds(k)
    if isinstance(domain, Ball) and domain.kind != "linf":
        centre = domain.centres[k].astype(np.float64).ravel()
        return Region.of(lo, hi, domain.kind, centre, float(domain.radius), hull)
    return Region.of(lo, hi, hull=hull)


def prove(claim: Claim, budget: float | str = "30s", *, progress: Listener | None = None, seed: int = 0) -> Result:
    """Prove or refute a claim within a time budget.

    The result is proved (with a certificate of the claim that the kernel accepted), refuted (with a witness replayed
    in exact
    arithmetic) or unknown (with a bracket, and the scale to blame). A refuted or unknown result carries a
    certificate of
    the upper bound it did establish. Raises CertifyError on bad input.
    """
    return _Search(claim.quantity, claim, parse_budget(budget), progress, seed).run()


def bound(
    quantity: Quantity, budget: float | str = "30s", *, progress: Listener | None = None, seed: int = 0
) -> Result:
    """The bracket of a quantity, without a threshold: status is proved for the bound established."""
    return _Search(quantity, None, parse_budget(budget), progress, seed).run()


def strengths(
    f: Network,
    g: Network,
    over: Domain,
    budget: float | str = "30s",
    *,
    progress: Listener | None = None,
    seed: int = 0,
) -> dict[str, Result]:
    """The three strengths of design: value (l_inf), margin and decision; the last two with at least two outputs.

    decision is a claim (both networks decide for g's class at each centre); the others are brackets.
    """
    seconds = parse_budget(budget) / 3
    out = {"value": bound(discrepancy(f, g, over=over), seconds, progress=progress, seed=seed)}
    if f.n_out >= 2:
        out["margin"] = bound(margin(f, g, over=over), seconds, progress=progress, seed=seed)
        out["decision"] = prove(decision(f, g, over=over), seconds, progress=progress, seed=seed)
    return out


def build_graph(f: Network, g: Network | None) -> BlockGraph:
    """The block graph of a pair, with the correspondence that a coarsening remembers or structure suggests."""
    from certify.coarsenings import align

    return BlockGraph.build(f, g, () if g is None else align(f, g))


class _Search:
    """One run of ``prove`` or ``bound``."""

    def __init__(self, q: Quantity, claim: Claim | None, seconds: float, progress: Listener | None, seed: int) -> None:
        self._q, self._claim, self._listener, self._seed = q, claim, progress, seed
        self._started = time.perf_counter()
        self._deadline = self._started + seconds
        self._seconds = seconds
        self._graph = build_graph(q.f, q.g)
        two = any(b.kind == "input" and b.role == 1 for b in self._graph.blocks)
        hull = q.domain.hull() if two else None
        self._parts = [PartState(region_of(q.domain, k, hull)) for k in range(q.domain.parts)]
        self._tighten = tighten_set(self._graph, q.domain.norm == "linf")
        self._flow: dict[str, float] = {}
        self._flow_upper = -math.inf
        self._interval = -math.inf
        self._check_seconds = 0.0

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

    def _satisfied(self, upper: float) -> bool:
        """Whether a float bound, with room for rounding, would prove the claim."""
        goal = self._goal()
        zero = self._claim is not None and self._claim.threshold == 0 and self._claim.relation == "at-most"
        return goal is not None and (upper <= goal or (zero and upper == 0))

    # ---- the search

    def run(self) -> Result:
        total = len(self._parts)
        for k, part in enumerate(self._parts):
            self._bound_part(part, k)
            share = min(2.0, max(0.05, 0.3 * (self._deadline - time.perf_counter()) / (total - k)))
            part.witness = falsify(self._q, k, seed=self._seed, seconds=share, starts=part.starts)
            self._say("search", k + 1, total)
        if not self._violated():
            self._branch()
        return self._conclude()

    def _bound_part(self, part: PartState, k: int) -> None:
        bounds = bound_blocks(self._graph, part.region, self._tighten)
        seen, worst, trace = self._evaluate(bounds, k)
        part.upper, part.tree = seen.upper, Piece(part.region, seen, 0)
        self._interval = max(self._interval, self._apart(bounds, k))
        part.starts = corner_of(self._graph, bounds, trace)[0]
        if seen.upper > self._flow_upper:
            self._flow_upper = seen.upper
            self._flow = by_scale(self._graph, bounds, worst)

    def _evaluate(self, bounds: Bounds, k: int) -> tuple[Evaluated, dict[int, Floats], Trace]:
        """The quantity's float bound on a region; the worst row as single negated rows on blocks; its trace."""
        uppers: list[Floats] = []
        worst: dict[int, Floats] = {}
        worst_value = -math.inf
        for r in self._q.rows(k):
            rows = output_rows(self._graph, None if r.on_f is None else -r.on_f, None if r.on_g is None else -r.on_g)
            some = -lower(self._graph, bounds, rows)[0]
            uppers.append(some)
            i = int(some.argmax())
            if some[i] > worst_value:
                worst_value, worst = float(some[i]), {b: c[i : i + 1] for b, c in rows.items()}
        trace = Trace()
        lower(self._graph, bounds, worst, trace=trace)
        score = np.zeros(self._q.domain.n)
        for b, c in trace.at_input.items():
            if self._graph.blocks[b].kind == "input" and self._graph.blocks[b].role == 0:
                score = np.abs(c[0])
        span = (bounds.region.hi - bounds.region.lo)[0]
        wide = np.array([(b - a).max() for a, b in zip(bounds.lo, bounds.hi, strict=True)])
        size = np.array([max(np.abs(a).max(), np.abs(b).max()) for a, b in zip(bounds.lo, bounds.hi, strict=True)])
        upper = self._q.combine(np.concatenate(uppers))
        return (
            Evaluated(upper, (score + 1e-9 * score.max() + 1e-300) * span, size, wide, float(span.max())),
            worst,
            trace,
        )

    def _apart(self, bounds: Bounds, k: int) -> float:
        """What intervals on f and g apart give: a bound no better than this is vacuous."""
        f, g = self._graph.outputs["f"], self._graph.outputs.get("g")
        uppers = []
        for r in self._q.rows(k):
            v = np.zeros(1)
            for rows, b in ((r.on_f, f), (r.on_g, g)):
                if rows is not None and b is not None:
                    v = v + np.maximum(rows, 0) @ bounds.hi[b][0] + np.minimum(rows, 0) @ bounds.lo[b][0]
            uppers.append(np.broadcast_to(v, len(r.on_f if r.on_f is not None else r.on_g)))  # type: ignore[arg-type]
        return self._q.combine(np.concatenate(uppers))

    def _branch(self) -> None:
        """Bisect inputs of the worst parts while time remains and few coordinates matter."""
        for k in sorted(range(len(self._parts)), key=lambda k: -self._parts[k].upper):
            part = self._parts[k]
            moving = int((part.region.hi > part.region.lo).sum())
            left = self._deadline - time.perf_counter()
            if moving > MOST_SPLIT_COORDINATES or left < 0.1 or self._satisfied(part.upper) or part.tree is None:
                continue
            floor = float(part.witness.value) if part.witness is not None else -math.inf
            # Less than half of what is left: elaboration and the kernel replay every leaf.
            stop = Branching(self._goal(), floor, time.perf_counter() + 0.4 * left)
            found = split_part(part.tree, partial(self._seen, k), stop, self._leaf_progress)
            part.upper = worst_of(found)

    def _leaf_progress(self, leaves: int, upper: float) -> None:
        if self._listener is not None:
            self._listener(Progress("split", leaves, 0, upper, None))

    def _goal(self) -> float | None:
        """The float bound that would prove the claim with room for rounding."""
        if self._claim is None:
            return None
        t = float(self._claim.threshold)
        return t - 2e-4 * abs(t) if t != 0 else -1e-9

    def _seen(self, k: int, region: Region) -> Evaluated:
        return self._evaluate(bound_blocks(self._graph, region, self._tighten), k)[0]

    # ---- certificate and verdict

    def _certificate(self, claim: Claim) -> Certificate:
        table = TensorTable()
        plans: dict[tuple[str, ...], int] = {}
        pieces = [p.tree for p in self._parts if p.tree is not None]
        whole = [p for p in pieces if p.is_leaf]

        def plan(seen: list[Evaluated], grain: int) -> int:
            magnitude, wide = (np.max([getattr(s, k) for s in seen], axis=0).tolist() for k in ("magnitude", "span"))
            scales = choose_scales(self._graph, magnitude, wide, max(s.width for s in seen), grain)
            lines = write_plan(self._graph, scales, self._tighten, table)
            return plans.setdefault(lines, len(plans))

        def resolve(piece: Piece) -> Tree:
            if piece.below is None or piece.above is None:
                # A few plans serve all leaves: the kernel makes its integer maps once for each.
                return Leaf(plan([piece.seen], 4))
            return Cut(piece.coordinate, piece.at, resolve(piece.below), resolve(piece.above))

        shared = plan([p.seen for p in whole], 1) if whole else -1
        trees = [Leaf(shared) if p.is_leaf else resolve(p) for p in pieces]
        return write_certificate(claim, list(plans), trees, table)

    def _conclude(self) -> Result:
        self._say("elaborate", 0, 1)
        claim = Claim(self._q, "at-most", Fraction(1 << 64)) if self._claim is None else self._claim
        certificate = self._certificate(claim)
        uppers, leaves = established(certificate)
        worst = max(uppers)
        proved = self._claim is not None and all(self._claim.holds(u) for u in uppers)
        if not proved:
            certificate = self._certificate(Claim(self._q, "at-most", worst))
        search = time.perf_counter() - self._started
        self._say("check", 0, 1)
        verdict = check(certificate)
        self._check_seconds = time.perf_counter() - self._started - search
        if not verdict.accepted:
            raise CertifyError(f"the kernel did not accept what the search believed: {verdict}")
        self._say("check", 1, 1)
        return self._result(certificate, verdict, uppers, leaves, search)

    def _result(
        self, certificate: Certificate, verdict: Verdict, uppers: list[Fraction], leaves: int, search: float
    ) -> Result:
        brackets = tuple(self._bracket(p.witness, verdict.bounds[k]) for k, p in enumerate(self._parts))
        witnesses = [p.witness for p in self._parts if p.witness is not None]
        best = max(witnesses, key=lambda w: w.value) if witnesses else None
        whole = self._bracket(best, max(verdict.bounds))
        searched = max(p.upper for p in self._parts)
        scales = dict(self._flow)
        if scales:
            # by_scale sums to the worst row of the worst part; norms over rows and splits add to the relaxation.
            scales["relaxation"] += searched - sum(scales.values())
            scales["rounding"] = float(whole.upper - Fraction(searched)) if whole.upper is not None else 0.0
        # At a point, intervals are exact too: no better than they are is vacuous only far above what was witnessed.
        witnessed = float(best.value) if best is not None else -math.inf
        vacuous = math.isfinite(self._interval) and searched >= self._interval > 0 and witnessed < searched / 2
        return Result(
            claim=Claim(self._q, "at-most", max(verdict.bounds)) if self._claim is None else self._claim,
            status=whole.status, bracket=whole, brackets=brackets, witness=best, certificate=certificate,
            verdict=verdict, searched_upper=searched, vacuous=vacuous,
            seconds={"search": search, "check": self._check_seconds}, leaves=leaves, scales=scales,
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
