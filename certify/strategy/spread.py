"""Parts over many workers: sub-trees are units, their trees are joined to the part's.

A unit carries a box; a worker cuts it for some seconds and returns the tree, with scales for the leaves it finished
and the open leaves as further units. Parts that are not cut are one unit each, and come back with optimised hints.
What comes back is as untrusted as the search itself: the kernel judges the certificate of the joined tree. Ball, hull
and rows are those of the problem, which travels once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.networks.maps import Floats
from certify.provers.branch import Frontier, Piece, Stop
from certify.provers.problem import Problem
from certify.provers.region import Region
from certify.scheduling import Goal, Line, Outcome, Pool, Seen, Standing, State, Unit, run
from certify.scheduling.scheduler import LONG, SHORT
from certify.strategy.blas import one_blas_thread
from certify.strategy.budget import Listener, Progress
from certify.strategy.improve import NEAR, improve
from certify.strategy.packing import pack, unpack
from certify.strategy.parts import is_cut

if TYPE_CHECKING:
    from certify.scheduling.units import Path

# Leaves that one unit grows at most, so that work spreads early and outcomes stay small.
MOST_LEAVES = 2_000
# Lines of all trees for each second: more of them could not be written and checked in the time that is left.
LINES_PER_SECOND, ALWAYS = 2_000, 40_000
LEAF, CUT = "leaf", "cut"


@dataclass(frozen=True, eq=False)
class Workers:
    """Who cuts: a pool, and the state that remembers what was solved, or None."""

    pool: Pool
    state: State | None = None


@dataclass(frozen=True)
class Work:
    """What travels: the problem, the bound that is good enough (None: one near the best witness), and the floors."""

    problem: Problem
    goal: float | None
    floors: Mapping[int, float]


@dataclass(frozen=True)
class Cutting:
    """How it went: whether it was interrupted, and for parts the points (m, n) at which to try another attack."""

    interrupted: bool
    points: dict[int, Floats]


def solve(work: Work, unit: Unit, seconds: float) -> Outcome:
    """Cut or improve one unit for some seconds; a module-level function, since workers import it by name."""
    problem, part = work.problem, unit.part
    whole = problem.region(part)
    region = replace(whole, lo=unit.lo[None].copy(), hi=unit.hi[None].copy())
    with one_blas_thread():
        seen = problem.seen(part, region)
        root = Piece.of(region, seen, 0)[0]
        root.upper = min(root.upper, unit.upper)
        floor = max(unit.floor, work.floors[part], -1e300)
        if not is_cut(whole):
            return _improved(work, unit, root, floor, time.perf_counter() + seconds)
        stop = Stop(work.goal, floor, time.perf_counter() + seconds, MOST_LEAVES)
        frontier = Frontier(root)
        frontier.grow(lambda r: problem.seen(part, r), stop)
        target = stop.target()
        open_ = {id(p) for _, _, p in frontier.open if p.upper > target}
        return _outcome(unit, root, open_, _witness(problem, part, seen.x))


def _improved(work: Work, unit: Unit, root: Piece, floor: float, deadline: float) -> Outcome:
    """The whole of a part as one leaf, with the best hints found until the deadline."""
    target = work.goal if work.goal is not None else floor + NEAR * abs(floor)
    peaks = improve(work.problem, unit.part, root, target, floor, deadline, threads=1, signs=False)
    arrays = {
        "upper": np.array([root.upper]), "magnitude": root.magnitude[None], "span": root.span[None],
        "peaks": np.array(peaks).reshape(-1, len(unit.lo)),
    }  # fmt: skip
    if root.finish is not None:
        arrays |= pack(root.finish)
    return Outcome(((LEAF, 0),), root.upper, arrays=arrays)


def _witness(problem: Problem, part: int, x: Floats) -> Seen | None:
    """What the quantity is, in floats, where the relaxation of the unit peaks; for networks of x alone."""
    q = problem.q
    if any(net is not None and net.second_input is not None for net in (q.f, q.g)):
        return None
    from certify.networks.evaluate import evaluate

    value = q.evaluate(evaluate(q.f, x), None if q.g is None else evaluate(q.g, x), part)
    k = int(value.argmax())
    return Seen(float(value[k]), x[k])


def _outcome(unit: Unit, root: Piece, open_: set[int], witness: Seen | None) -> Outcome:
    tree: list[Line] = []
    children: list[Unit] = []
    leaves: list[Piece] = []
    finished = -math.inf
    stack = [root]
    while stack:
        p = stack.pop()
        if p.below is not None and p.above is not None:
            tree.append((CUT, p.coordinate, p.at.numerator, p.at.denominator.bit_length() - 1))
            stack += [p.above, p.below]
        elif id(p) in open_:
            tree.append(("open", len(children)))
            lo, hi = p.region.lo[0], p.region.hi[0]
            children.append(Unit((*unit.path, len(children)), unit.part, lo, hi, p.upper))
        else:
            tree.append((LEAF, len(leaves)))
            leaves.append(p)
            finished = max(finished, p.upper)
    arrays: dict[str, Any] = {
        "upper": np.array([p.upper for p in leaves]),
        "magnitude": np.array([p.magnitude for p in leaves]),
        "span": np.array([p.span for p in leaves]),
    }
    return Outcome(tuple(tree), finished, tuple(children), witness, arrays)


def work_over(
    workers: Workers, problem: Problem, roots: Mapping[int, Sequence[Piece]], goal: float | None,
    floors: Mapping[int, float], seconds: float, listener: Listener | None,
) -> Cutting:  # fmt: skip
    """Grow pieces of some parts in place until the goal, or until time is up; an interrupt ends it early.

    roots: leaves by part; floors: the best witnessed value of each part. Pieces at most the goal are left as they
    are. One piece for each part keeps the paths of units the same from run to run, as a state needs.
    """
    units, pieces = [], {}
    for part, leaves in roots.items():
        for i, leaf in enumerate(leaves):
            path = (part,) if len(leaves) == 1 else (part, i)
            pieces[path] = leaf
            lo, hi = leaf.region.lo[0], leaf.region.hi[0]
            units.append(Unit(path, part, lo, hi, leaf.upper, floor=floors[part]))

    def say(now: Standing) -> None:
        if listener is not None:
            listener(Progress("split", now.done, now.total, now.upper, now.lower))

    work, state, pool = Work(problem, goal, dict(floors)), workers.state, workers.pool
    bar = Goal(goal, most=max(ALWAYS, LINES_PER_SECOND * seconds))
    whole = [u for u in units if not is_cut(problem.region(u.part))]
    # Parts that are not cut are solved once, so those that need it share the time.
    slices = None if any(u.upper > bar.bar(u.floor) for u in whole) else (SHORT, LONG)
    frontier = run(work, units, solve, pool, seconds=seconds, goal=bar, listener=say, state=state, slices=slices)
    points = {k: s.point[None] for k, s in frontier.best.items()}
    for path, piece in pieces.items():
        if path in frontier.outcomes:
            _graft(problem, path[0], piece, frontier.lines(path), lambda p: frontier.outcome(p).arrays, frontier.open)
            peaks = frontier.outcome(path).arrays.get("peaks")
            if peaks is not None and len(peaks):
                points[path[0]] = peaks
    return Cutting(frontier.ended == "interrupted", points)


def _graft(
    problem: Problem, part: int, root: Piece, lines: Iterator[tuple[Path, Line | None]], arrays: Any, open_: Any
) -> None:
    """Build the tree below ``root`` from its lines; what is still open is looked at here, for its scales."""
    waiting: list[Piece] = []
    # Of the unit at hand and those above it: lines go back to them, and a state would read them again each time.
    known: dict[Path, Any] = {}
    stack = [root]
    for path, line in lines:
        p = stack.pop()
        if line is None:
            p.upper = min(p.upper, open_[path].upper)
            waiting.append(p)
        elif line[0] == CUT:
            i, at = int(line[1]), Fraction(int(line[2]), 1 << int(line[3]))
            p.coordinate, p.at = i, at
            halves = [_child(p, region) for region in p.region.cut(i, float(at))]
            p.below, p.above = halves
            p.score = None
            stack += [halves[1], halves[0]]
        else:
            if path not in known:
                known = {k: a for k, a in known.items() if k == path[: len(k)]} | {path: arrays(path)}
            own = known[path]
            i = int(line[1])
            p.upper = min(p.upper, float(own["upper"][i]))
            p.magnitude, p.span = own["magnitude"][i], own["span"][i]
            p.finish = unpack(own) or p.finish
    for start in range(0, len(waiting), 256):
        some = waiting[start : start + 256]
        seen = problem.seen(part, Region.join([p.region for p in some]))
        for i, p in enumerate(some):
            p.magnitude, p.span = seen.magnitude[i], seen.span[i]


def _child(p: Piece, region: Region) -> Piece:
    width = float((region.hi - region.lo).max())
    return Piece(region, p.upper, p.magnitude, p.span, width, p.depth + 1)
