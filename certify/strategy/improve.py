"""Better bounds of one piece: optimised slopes of the quantity's rows, then of every tightened block.

Each step replaces the piece's bound only when it is better. What is found is kept as hints for the certificate.
"""

from __future__ import annotations

import time

import numpy as np

from certify.provers.branch import Finish, Piece
from certify.provers.forward import Bounds
from certify.provers.hints import Hints
from certify.provers.linear import Tighten
from certify.provers.problem import Problem, Seen
from certify.provers.slopes import optimise, optimise_bounds

QUICK = 20
THOROUGH = 60


def improve(problem: Problem, part: int, piece: Piece, goal: float, deadline: float) -> None:
    """Improve ``piece.upper`` until it is at most ``goal`` or time is up."""
    bounds = problem.bounds(piece.region)
    _final(problem, part, piece, bounds, None, QUICK, deadline)
    if piece.upper <= goal or time.perf_counter() > deadline:
        return
    half = 0.5 * (deadline - time.perf_counter())
    better, steps = optimise_bounds(problem.graph, piece.region, iterations=QUICK, seconds=half)
    _final(problem, part, piece, better, dict(steps), THOROUGH, deadline)


def _final(
    problem: Problem, part: int, piece: Piece, bounds: Bounds, steps: Tighten | None, iterations: int, deadline: float
) -> None:
    uppers, hints = [], []
    for rows in problem.rows(part):
        left = max(0.01, deadline - time.perf_counter())
        values, found = optimise(problem.graph, bounds, rows, iterations=iterations, seconds=left)
        uppers.append(-values)
        hints.append(found)
    upper = float(problem.combined(np.concatenate(uppers, axis=1))[0])
    if upper < piece.upper:
        _keep(piece, problem.look(part, bounds), upper, steps, hints)


def _keep(piece: Piece, seen: Seen, upper: float, steps: Tighten | None, hints: list[Hints]) -> None:
    piece.upper, piece.magnitude, piece.span = upper, seen.magnitude[0], seen.span[0]
    piece.finish = Finish(steps, list(hints))
