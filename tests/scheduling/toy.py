"""A problem with a known answer: the maximum of a piecewise-linear function on [0, 1]^n by bisection.

f(x) = sum of min(a_j . x + b_j, c_j . x + d_j); interval bounds on each term are loose, so that bisection is needed.
Solvers here are importable by workers, and some of them misbehave on purpose.
"""

from __future__ import annotations

import heapq
import os
import signal
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path as FilePath

import numpy as np

from certify.scheduling import Outcome, Seen, Unit


@dataclass(frozen=True)
class Toy:
    """slopes: (terms, 2, n); offsets: (terms, 2). goal: leaves at most this are closed. log: where solvers leave
    marks for the test, one file for each unit. pause: seconds each unit takes at least; cuts: splits in one unit."""

    slopes: np.ndarray
    offsets: np.ndarray
    goal: float = -np.inf
    log: str = ""
    pause: float = 0.0
    cuts: int = 4

    def values(self, x: np.ndarray) -> float:
        return float((self.slopes @ x + self.offsets).min(axis=1).sum())

    def upper(self, lo: np.ndarray, hi: np.ndarray) -> float:
        top = np.maximum(self.slopes, 0) @ hi + np.minimum(self.slopes, 0) @ lo + self.offsets
        return float(top.min(axis=1).sum())


def toy(seed: int = 0, n: int = 2, terms: int = 4, **more: object) -> Toy:
    rng = np.random.default_rng(seed)
    # Concave with its peak inside: |x - p| terms as minima of two lines.
    peak = rng.uniform(0.2, 0.8, (terms, n))
    a = rng.uniform(0.5, 2, (terms, n))
    slopes = np.stack([a, -a], axis=1)
    offsets = np.stack([-(a * peak).sum(1), (a * peak).sum(1)], axis=1)
    return replace(Toy(slopes, offsets), **more)  # type: ignore[arg-type]


def roots(n: int = 2, parts: int = 1) -> list[Unit]:
    """The unit box, once for each part."""
    return [Unit((k,), k, np.zeros(n), np.ones(n)) for k in range(parts)]


def maximum(problem: Toy) -> float:
    """The exact optimum by a linear program, an oracle apart from bisection."""
    from scipy.optimize import linprog

    terms, _, n = problem.slopes.shape
    c = np.concatenate([np.zeros(n), -np.ones(terms)])
    rows, limits = [], []
    for j in range(terms):
        for side in range(2):
            t = np.zeros(terms)
            t[j] = 1
            rows.append(np.concatenate([-problem.slopes[j, side], t]))
            limits.append(problem.offsets[j, side])
    done = linprog(c, np.array(rows), np.array(limits), bounds=[(0, 1)] * n + [(None, None)] * terms)
    return float(-done.fun)


def bisect(problem: Toy, unit: Unit, seconds: float) -> Outcome:
    """A few best-first cuts of the unit's box; leaves above the goal become children."""
    time.sleep(problem.pause)
    if problem.log:
        name = "_".join(map(str, unit.path))
        with open(FilePath(problem.log) / f"{name}.{os.getpid()}.{time.monotonic_ns()}", "w"):
            pass
    bar = max(problem.goal, unit.floor + 0.01 * abs(unit.floor) if np.isfinite(unit.floor) else -np.inf)
    # Nodes are (upper, lo, hi) or (coordinate, at, below, above).
    nodes: list[tuple] = [(problem.upper(unit.lo, unit.hi), unit.lo, unit.hi)]
    heap = [(-nodes[0][0], 0)]
    best = Seen(problem.values((unit.lo + unit.hi) / 2), (unit.lo + unit.hi) / 2)
    while len(nodes) <= 2 * problem.cuts and heap and -heap[0][0] > bar:
        _, k = heapq.heappop(heap)
        _, lo, hi = nodes[k]
        i = int((hi - lo).argmax())
        at = (lo[i] + hi[i]) / 2
        below, above = hi.copy(), lo.copy()
        below[i] = above[i] = at
        for a, b in ((lo, below), (above, hi)):
            nodes.append((problem.upper(a, b), a, b))
            heapq.heappush(heap, (-nodes[-1][0], len(nodes) - 1))
            if (value := problem.values((a + b) / 2)) > best.value:
                best = Seen(value, (a + b) / 2)
        nodes[k] = (i, at, len(nodes) - 2, len(nodes) - 1)
    tree: list[tuple] = []
    children: list[Unit] = []
    finished = -np.inf
    stack = [0]
    while stack:
        node = nodes[stack.pop()]
        if len(node) == 4:
            at = Fraction(node[1])
            tree.append(("cut", node[0], at.numerator, at.denominator))
            stack += [node[3], node[2]]
        elif node[0] <= bar:
            tree.append(("leaf",))
            finished = max(finished, node[0])
        else:
            tree.append(("open", len(children)))
            children.append(Unit((*unit.path, len(children)), unit.part, node[1], node[2], node[0]))
    return Outcome(tuple(tree), finished, tuple(children), best, {"pid": np.array(os.getpid())})


def marks(log: FilePath) -> list[tuple[int, ...]]:
    """The units that were started, in no order, as often as they were."""
    return [tuple(map(int, p.name.split(".")[0].split("_"))) for p in log.iterdir()]


def dies_once(problem: Toy, unit: Unit, seconds: float) -> Outcome:
    """Kills its worker on the first unit of the second generation that comes along, once in all."""
    flag = FilePath(problem.log) / "died"
    if len(unit.path) == 2 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return bisect(replace(problem, log=""), unit, seconds)


def dies_on_one_unit(problem: Toy, unit: Unit, seconds: float) -> Outcome:
    """Kills every worker that tries the unit (0, 0)."""
    if unit.path == (0, 0):
        os.kill(os.getpid(), signal.SIGKILL)
    return bisect(problem, unit, seconds)


def fails_on_one_unit(problem: Toy, unit: Unit, seconds: float) -> Outcome:
    if unit.path == (0, 0):
        raise ArithmeticError("no bound here")
    return bisect(problem, unit, seconds)


def always_dies(problem: Toy, unit: Unit, seconds: float) -> Outcome:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")
