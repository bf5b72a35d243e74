"""The strategy within a budget: falsify, bound, improve, split, elaborate, check.

    budget.py   what a caller says and hears      search.py    the run
    improve.py  slopes, blocks, then rows.py      sharpen.py   leaves of large trees
    spread.py   trees by many workers             plans.py     trees to certificates

Everything up to the last step is untrusted. A result's upper bounds are what the kernel established in a fresh
interpreter, its lower bounds what exact arithmetic found at witnesses.
"""

from __future__ import annotations

from concurrent.futures import Executor
from fractions import Fraction
from os import PathLike

from certify.claims import Claim, Quantity, decision, discrepancy, margin
from certify.domains import Domain
from certify.errors import CertifyError
from certify.networks.graph import Network
from certify.results import Result
from certify.scheduling.executors import Pool
from certify.strategy.budget import Listener, Progress, parse_budget
from certify.strategy.search import Search
from certify.strategy.spread import Workers

__all__ = ["Listener", "Progress", "bound", "parse_budget", "prove", "strengths"]


def prove(
    claim: Claim,
    budget: float | str = "30s",
    *,
    progress: Listener | None = None,
    seed: int = 0,
    executor: str | int | Executor | Pool | None = None,
    state: str | PathLike[str] | None = None,
    resume: bool = False,
    jobs: int | None = None,
) -> Result:
    """Prove or refute a claim within a time budget.

    The result is proved (with a certificate of the claim that the kernel accepted), refuted (with a witness replayed
    in exact arithmetic) or unknown (with a bracket, and the scale to blame). A refuted or unknown result carries a
    certificate of the upper bound it did establish. An interrupt (Ctrl-C) ends the search, not the result.

    executor: who cuts parts with few moving inputs into pieces: a number of processes, "serial", "threads", "dask",
    "dask://HOST:PORT", or anything with the interface of concurrent.futures.Executor; None: this process, and
    processes when that takes long. state: a directory that remembers solved pieces; resume: go on with what it holds.
    jobs: kernel processes that share the leaves; None: one, or one for each CPU when there are many leaves.
    Raises CertifyError on bad input.
    """
    return _run(claim.quantity, claim, parse_budget(budget), progress, seed, executor, state, resume, jobs)


def bound(
    quantity: Quantity,
    budget: float | str = "30s",
    *,
    progress: Listener | None = None,
    seed: int = 0,
    executor: str | int | Executor | Pool | None = None,
    state: str | PathLike[str] | None = None,
    resume: bool = False,
    jobs: int | None = None,
) -> Result:
    """The bracket of a quantity, without a threshold: status is proved for what was established. Options: ``prove``."""
    return _run(quantity, None, parse_budget(budget), progress, seed, executor, state, resume, jobs)


def _run(
    q: Quantity, claim: Claim | None, seconds: float, progress: Listener | None, seed: int,
    executor: str | int | Executor | Pool | None, state: str | PathLike[str] | None, resume: bool, jobs: int | None,
) -> Result:  # fmt: skip
    """One search with its workers, which it stops, and its state, which it closes."""
    if jobs is not None and jobs < 1:
        raise CertifyError(f"jobs: expected at least one kernel process, found {jobs}")
    if resume and state is None:
        raise CertifyError("resume: expected a state to go on with, found none")
    if executor is None and state is None:
        return Search(q, claim, seconds, progress, seed, None, jobs).run()
    from certify.scheduling import State, digest_of, executor_of

    pool = executor_of(executor)
    # What is bound is the same whatever the threshold, but when a piece is good enough is not.
    asked = claim if claim is not None else Claim(q, "at-most", Fraction(0))
    held = None if state is None else State(state, digest_of(asked), resume=resume)
    try:
        return Search(q, claim, seconds, progress, seed, Workers(pool, held), jobs).run()
    finally:
        if held is not None:
            held.close()
        if pool is not executor:
            pool.close()


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
