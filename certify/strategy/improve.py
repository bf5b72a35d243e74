"""Better bounds of one piece: optimised slopes, cells of neuron signs, tighter blocks, semidefinite bounds of rows.

Each step replaces the piece's bound only when it is better. What is found is kept as hints for the certificate.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from certify.networks.maps import Floats
from certify.provers.branch import Finish, Piece
from certify.provers.forward import Bounds
from certify.provers.hints import Hints
from certify.provers.linear import Tighten
from certify.provers.problem import Problem, Seen
from certify.provers.semidefinite import Relaxation
from certify.provers.slopes import optimise, optimise_bounds
from certify.strategy.rows import RowSearch
from certify.strategy.signs import MOST_OPEN, MOST_OPEN_ALONE, SignTree

QUICK = 20
THOROUGH = 60
# An interior-point step costs the cube of the number of coordinates: 0.2 s at 300, 0.7 s at 900 on one core.
MOST_COORDINATES = 1000
# Up to so many, semidefinite bounds come before cells of signs, which then have what time is left.
QUICK_COORDINATES = 300
# How far above the best witness, relatively, a bound is not worth more work.
NEAR = 1e-3


def improve(
    problem: Problem, part: int, piece: Piece, goal: float, floor: float, deadline: float, threads: int | None = None,
    signs: bool = True,
) -> list[Floats]:  # fmt: skip
    """Improve ``piece.upper`` until it is at most ``goal`` or time is up.

    floor: the value of the best witness; threads: that share the rows, None: one for each core; signs: whether the
    piece may be cut at signs of neurons. Returns inputs (n,) at which to try another attack.
    """
    bounds = problem.bounds(piece.region)
    uppers = _final(problem, part, piece, bounds, None, QUICK, deadline)
    if piece.upper <= goal or time.perf_counter() > deadline:
        return []
    cells = SignTree(problem, part, piece, goal, floor) if signs else None
    alone = problem.q.kind == "least" or not _small(problem, bounds, MOST_COORDINATES)
    peaks: list[Floats] = []
    try:
        if cells is not None and (alone or not _small(problem, bounds, QUICK_COORDINATES)):
            grown = cells.grow(deadline, MOST_OPEN_ALONE if alone else MOST_OPEN, not alone, threads)
            if grown:
                return peaks
        peaks += _semidefinite(problem, part, piece, uppers, goal, floor, deadline, threads)
        if cells is not None and piece.upper > goal:
            cells.grow(deadline, threads=threads)
    finally:  # after an interrupt too
        if cells is not None:
            peaks += cells.take()
    return peaks


def _semidefinite(
    problem: Problem, part: int, piece: Piece, uppers: Floats, goal: float, floor: float, deadline: float,
    threads: int | None,
) -> list[Floats]:  # fmt: skip
    """Tighter blocks, then semidefinite bounds of rows; ``uppers`` (R,) are the rows' so far. Returns peaks."""
    half = 0.5 * (deadline - time.perf_counter())
    bounds, steps = optimise_bounds(problem.graph, piece.region, iterations=QUICK, seconds=half)
    relaxation = Relaxation(problem.graph, bounds) if _small(problem, bounds, MOST_COORDINATES) else None
    iterations = THOROUGH if relaxation is None else QUICK
    better = _final(problem, part, piece, bounds, dict(steps), iterations, deadline)
    if relaxation is None or problem.q.kind == "least":
        return []
    if piece.finish is None or piece.finish.steps is None:
        # The relaxation rests on the tighter blocks, whichever slopes were better for the rows.
        _keep(piece, problem.look(part, bounds), piece.upper, dict(steps), _none(problem, part))
        uppers = better
    rows = RowSearch(problem, part, relaxation, np.minimum(uppers, better), max(goal, floor * (1 + NEAR)), deadline)
    try:
        rows.run(threads)
    finally:  # after an interrupt too
        if rows.proofs.rows and piece.finish is not None and rows.whole() < piece.upper:
            piece.upper, piece.finish = rows.whole(), replace(piece.finish, forms=rows.proofs)
    return rows.peaks


def _none(problem: Problem, part: int) -> list[Hints | None]:
    return [None] * len(problem.rows(part))


def _small(problem: Problem, bounds: Bounds, most: int) -> bool:
    """Whether the semidefinite relaxation has at most so many coordinates."""
    from certify.provers.forms import choose

    return 1 + sum(int(np.count_nonzero(k)) for k in choose(problem.graph, bounds).values()) <= most


def _final(
    problem: Problem, part: int, piece: Piece, bounds: Bounds, steps: Tighten | None, iterations: int, deadline: float
) -> Floats:
    """Upper bounds (R,) of the rows with optimised slopes, kept where their quantity is better than the piece's."""
    uppers, hints = [], []
    for rows in problem.rows(part):
        left = max(0.01, deadline - time.perf_counter())
        values, found = optimise(problem.graph, bounds, rows, iterations=iterations, seconds=left)
        uppers.append(-values)
        hints.append(found)
    joined = np.concatenate(uppers, axis=1)
    upper = float(problem.combined(joined)[0])
    if upper < piece.upper:
        _keep(piece, problem.look(part, bounds), upper, steps, list(hints))
    first: Floats = joined[0]
    return first


def _keep(piece: Piece, seen: Seen, upper: float, steps: Tighten | None, hints: list[Hints | None]) -> None:
    piece.upper, piece.magnitude, piece.span = upper, seen.magnitude[0], seen.span[0]
    piece.finish = Finish(steps, hints)
