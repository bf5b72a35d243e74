"""Better bounds of one piece: optimised slopes, then tighter blocks, then semidefinite bounds of the worst rows.

Each step replaces the piece's bound only when it is better. What is found is kept as hints for the certificate.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from certify.networks.maps import Floats
from certify.provers.branch import Finish, Piece
from certify.provers.forward import Bounds
from certify.provers.hints import Hints
from certify.provers.linear import Tighten
from certify.provers.problem import Problem, Seen
from certify.provers.semidefinite import FormProofs, Relaxation, RowProof
from certify.provers.slopes import optimise, optimise_bounds

QUICK = 20
THOROUGH = 60
# An interior-point step costs the cube of the number of coordinates: about 0.4 s at 300 on one core.
MOST_COORDINATES = 700
# Relative duality gap, and how far above the best witness a row is not worth more work.
GAP = 2e-3
NEAR = 1e-3


def improve(problem: Problem, part: int, piece: Piece, goal: float, floor: float, deadline: float) -> list[Floats]:
    """Improve ``piece.upper`` until it is at most ``goal`` or time is up.

    floor: the value of the best witness. Returns inputs (n,) at which to try another attack.
    """
    bounds = problem.bounds(piece.region)
    uppers = _final(problem, part, piece, bounds, None, QUICK, deadline)
    if piece.upper <= goal or time.perf_counter() > deadline:
        return []
    half = 0.5 * (deadline - time.perf_counter())
    bounds, steps = optimise_bounds(problem.graph, piece.region, iterations=QUICK, seconds=half)
    relaxation = Relaxation(problem.graph, bounds) if _small(problem, bounds) else None
    iterations = THOROUGH if relaxation is None else QUICK
    better = _final(problem, part, piece, bounds, dict(steps), iterations, deadline)
    if relaxation is None or problem.q.kind == "least":
        return []
    if piece.finish is None or piece.finish.steps is None:
        # The relaxation rests on the tighter blocks, whichever slopes were better for the rows.
        _keep(piece, problem.look(part, bounds), piece.upper, dict(steps), _none(problem, part))
        uppers = better
    return _semidefinite(problem, part, piece, relaxation, np.minimum(uppers, better), goal, floor, deadline)


def _none(problem: Problem, part: int) -> list[Hints | None]:
    return [None] * len(problem.rows(part))


def _small(problem: Problem, bounds: Bounds) -> bool:
    """Whether the relaxation has few enough coordinates."""
    from certify.provers.forms import choose

    return 1 + sum(int(np.count_nonzero(k)) for k in choose(problem.graph, bounds).values()) <= MOST_COORDINATES


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


def _semidefinite(
    problem: Problem, part: int, piece: Piece, relaxation: Relaxation, uppers: Floats, goal: float, floor: float,
    deadline: float,
) -> list[Floats]:  # fmt: skip
    """Bound the worst rows, one at a time, until the quantity's bound is good enough or no worst row is left."""
    proofs = FormProofs(relaxation.form.chosen, {})
    points: list[Floats] = []
    places = [(rows, k) for rows in problem.rows(part) for k in range(len(next(iter(rows.values()))))]
    inputs = next(i for i, b in enumerate(problem.graph.blocks) if b.kind == "input" and b.role == 0)

    def whole() -> float:
        return float(problem.combined(uppers[None])[0])

    single = problem.q.kind != "value" or problem.q.norm == "linf"

    def best(k: int) -> RowProof:
        # Below another row's proved bound, or what is good enough, more work on this one is wasted.
        enough = max([goal, floor * (1 + NEAR), *(uppers[j] for j in done)]) if single else -np.inf
        rows, at = places[k]
        proof, z = relaxation.bound(rows, at, enough, GAP, deadline - time.perf_counter())
        points.append(relaxation.form.x[inputs] @ z)
        return proof

    done: set[int] = set()
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        while time.perf_counter() < deadline and whole() > max(goal, floor * (1 + NEAR)):
            worst = [int(k) for k in np.argsort(-uppers) if not single or uppers[k] > max(goal, floor * (1 + NEAR))]
            if not worst or (single and worst[0] in done):
                break
            # The worst rows at once: those that follow are seldom good enough without work of their own.
            batch = [k for k in worst if k not in done][:workers]
            if not batch:
                break
            for k, proof in zip(batch, pool.map(best, batch), strict=True):
                done.add(k)
                if proof.bound < uppers[k]:
                    uppers[k], proofs.rows[k] = proof.bound, proof
    if proofs.rows and piece.finish is not None and whole() < piece.upper:
        piece.upper, piece.finish = whole(), replace(piece.finish, forms=proofs)
    return points
