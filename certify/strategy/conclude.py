"""The end of a run: write down what a search believes, have the kernel judge it, and report what the kernel said.

No number of the search's own gets into a result's upper bounds: they are those of an accepted certificate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from certify.certificate import Certificate, Verdict, check
from certify.claims import Claim
from certify.elaborate import established
from certify.errors import CertifyError
from certify.provers.falsify import Witness
from certify.provers.problem import Problem
from certify.results import Bracket, Result, Status
from certify.scheduling.executors import available_cpus
from certify.strategy.budget import Listener, Progress
from certify.strategy.parts import FirstBounds, Part
from certify.strategy.plans import certificate_of

# Leaves from which several kernels share a certificate, when nobody says how many.
SHARED = 400
# Room for rounding between a float bound and what integers establish, relative; beyond it the kernel is asked.
SLACK = 2e-4


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    claim: what was asked, or None for a bound; believed: whether floats say that it holds. started: when the search
    began, by time.perf_counter. jobs: kernel processes, None: as many as pay.
    """

    problem: Problem
    claim: Claim | None
    parts: Sequence[Part]
    first: FirstBounds
    believed: bool
    started: float
    jobs: int | None = None
    notes: tuple[str, ...] = ()
    listener: Listener | None = None


def conclude(found: Found) -> Result:
    """Write and check: first the claim, or a bound just above what floats say; else what integers establish."""
    searched = max(p.upper for p in found.parts)
    if found.claim is not None and found.believed:
        claim = found.claim
    else:
        claim = Claim(found.problem.q, "at-most", Fraction(searched + SLACK * abs(searched)))
    certificate, verdict, search, spent = _checked(found, claim)
    if not verdict.accepted:
        claim = _established(found, certificate)
        certificate, verdict, search, more = _checked(found, claim)
        spent += more
    if not verdict.accepted:
        raise CertifyError(f"the kernel did not accept what the search believed: {verdict}")
    _say(found, "check", 1)
    return _result(found, claim, certificate, verdict, {"search": search, "check": spent})


def _say(found: Found, phase: str, done: int) -> None:
    if found.listener is not None:
        upper = max(p.upper for p in found.parts)
        lower = max(p.floor for p in found.parts)
        known = [v if math.isfinite(v) else None for v in (upper, lower)]
        found.listener(Progress(phase, done, 1, known[0], known[1]))


def _established(found: Found, certificate: Certificate) -> Claim:
    """The claim if the kernel's replay, asked in process, establishes it; else the bound it does establish."""
    uppers, _ = established(certificate)
    if found.claim is not None and all(found.claim.holds(u) for u in uppers):
        return found.claim
    return Claim(found.problem.q, "at-most", max(uppers))


def _leaves(found: Found) -> int:
    return sum(1 for p in found.parts for _ in p.root.leaves())


def _checked(found: Found, claim: Claim) -> tuple[Certificate, Verdict, float, float]:
    """The certificate of a claim and its verdict, seconds of search until now, seconds of the check."""
    _say(found, "elaborate", 0)
    certificate = certificate_of(found.problem, claim, [p.root for p in found.parts])
    search = time.perf_counter() - found.started
    _say(found, "check", 0)
    verdict = check(certificate, jobs=found.jobs or (available_cpus() if _leaves(found) >= SHARED else 1))
    return certificate, verdict, search, time.perf_counter() - found.started - search


def _result(
    found: Found, claim: Claim, certificate: Certificate, verdict: Verdict, seconds: dict[str, float]
) -> Result:
    searched = max(p.upper for p in found.parts)
    brackets = tuple(_bracket(found.claim, p.witness, verdict.bounds[k]) for k, p in enumerate(found.parts))
    witnesses = [p.witness for p in found.parts if p.witness is not None]
    best = max(witnesses, key=lambda w: w.value) if witnesses else None
    whole = _bracket(found.claim, best, max(verdict.bounds))
    scales = dict(found.first.flow)
    if scales:
        # by_scale sums to the worst row of the worst part; norms over rows and splits add to the relaxation.
        scales["relaxation"] += searched - sum(scales.values())
        scales["rounding"] = float(whole.upper - Fraction(searched)) if whole.upper is not None else 0.0
    # At a point, intervals are exact too: no better than they are is vacuous only far above what was witnessed.
    witnessed, interval = float(best.value) if best is not None else -math.inf, found.first.interval
    vacuous = math.isfinite(interval) and searched >= interval > 0 and witnessed < searched / 2
    return Result(
        claim=claim if found.claim is None else found.claim,
        status=whole.status, bracket=whole, brackets=brackets, witness=best, certificate=certificate,
        verdict=verdict, searched_upper=searched, vacuous=vacuous, seconds=seconds, leaves=_leaves(found),
        scales=scales, notes=found.notes,
    )  # fmt: skip


def _bracket(claim: Claim | None, witness: Witness | None, upper: Fraction) -> Bracket:
    value = None if witness is None else witness.value
    status: Status = "proved"
    if claim is not None:
        if value is not None and not claim.holds(value):
            status = "refuted"
        elif not claim.holds(upper):
            status = "unknown"
    return Bracket(value, upper, status)
