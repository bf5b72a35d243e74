"""Our float bounds as a function of CPU time, to be laid beside a peer's bound at the peer's CPU time.

One thread, no attack, no certificate, no check, and nothing for bringing the networks into a tool's own form: the
peers' seconds are without these too. What is proved comes from complete runs only (measure.py).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from certify.provers.branch import Frontier, Piece, Stop
from certify.provers.problem import Problem
from certify.strategy.blas import one_blas_thread
from certify.strategy.improve import improve
from certify.strategy.parts import is_cut
from certify.strategy.sharpen import Sharpener


@dataclass(frozen=True)
class Point:
    """An upper bound that floats believe, after so many CPU seconds."""

    upper: float
    seconds: float


def default_pass(problem: Problem, times: int = 5) -> Point:
    """One pass with default slopes on a built problem: the best time of a few."""
    region, spent, upper = problem.region(0), [], np.inf
    for _ in range(times):
        started = time.process_time()
        upper = float(problem.combined(problem.uppers(problem.bounds(region), 0))[0])
        spent.append(time.process_time() - started)
    return Point(upper, min(spent))


def within(problem: Problem, seconds: float, floor: float, goal: float | None = None) -> Point:
    """The best bound in so many CPU seconds, but at least one default pass; optimised or cut as a search would.

    floor: the value of the best witness; goal: what would do, None for as low as time allows.

    Deadlines are overstepped by a last step: shares of the time are tried until one ends in time.
    """
    with one_blas_thread():
        found = default_pass(problem)
        if found.seconds >= seconds / 2:
            return found
        for share in (0.95, 0.8, 0.6, 0.4):
            started = time.process_time()
            upper = _search(problem, share * seconds, floor, goal)
            spent = time.process_time() - started
            if spent <= seconds:
                return Point(min(upper, found.upper), spent)
        return found


def _search(problem: Problem, seconds: float, floor: float, goal: float | None) -> float:
    until = time.perf_counter() + seconds
    region = problem.region(0)
    piece = Piece.of(region, problem.seen(0, region), 0)[0]
    if is_cut(region):
        frontier = Frontier(piece)
        frontier.grow(Sharpener(problem, 0, goal), Stop(goal, floor, until))
        return frontier.bound()
    improve(problem, 0, piece, floor if goal is None else goal, floor, until, threads=1)
    return piece.upper
