"""Leaves that default slopes nearly prove: their binding row again with optimised slopes, many leaves at once.

On a thin margin over a wide sheet of inputs, default slopes need cells twice as small in every coordinate that a few
open neurons read; the right slope of these neurons saves those cuts. Used only once a tree is large: hints make a
certificate longer. What is found is kept by region, for the leaves of the tree when it is done.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.networks.maps import Floats
from certify.provers.branch import Finish, Piece
from certify.provers.forward import Bounds
from certify.provers.hints import Hints
from certify.provers.problem import Problem, Seen
from certify.provers.region import Region
from certify.provers.slopes import optimise

# Regions bounded by default slopes before any is tried again, and steps on those that are.
AFTER = 4_000
STEPS = 40
# Hints of all leaves together, in numbers: 200 MB in a certificate.
MOST_NUMBERS = 50_000_000


class Sharpener:
    """Evaluates regions of one part for ``Frontier.grow``; ``goal`` is what proves a leaf."""

    def __init__(self, problem: Problem, part: int, goal: float | None) -> None:
        self._problem, self._part = problem, part
        # Leaves share plans by slots only where the quantity has one group of rows, of which any one suffices.
        self._goal = goal if problem.q.kind in ("least", "upper") else None
        self._cutoff: float | None = None
        self._seen = 0
        self._found: dict[tuple[bytes, bytes], Finish] = {}
        self._numbers = 0

    @property
    def sharpens(self) -> bool:
        """Whether large trees will be sharpened, for which what was tried before matters."""
        return self._goal is not None

    def __call__(self, region: Region) -> Seen:
        """What bounds say of some regions, with optimised slopes where those prove what default ones nearly do."""
        if self._goal is None or self._seen < AFTER or self._numbers > MOST_NUMBERS:
            self._seen += len(region)
            return self._problem.seen(self._part, region)
        bounds = self._problem.bounds(region)
        seen = self._problem.look(self._part, bounds)
        open_ = np.flatnonzero(seen.upper > self._goal)
        if not len(open_):
            return seen
        above = seen.upper[open_] - self._goal
        cutoff = float(np.median(above)) if self._cutoff is None else self._cutoff
        tried = open_[above <= cutoff]
        upper = seen.upper.copy()
        if len(tried):
            upper[tried] = np.minimum(upper[tried], self._optimise(region, bounds, seen, tried, self._goal))
        self._cutoff = self._adapted(cutoff, above, upper[open_] <= self._goal)
        return replace(seen, upper=upper)

    def _adapted(self, cutoff: float, above: Floats, proved: np.ndarray) -> float:
        """Try farther where the farther half of those tried was often proved, nearer where few were."""
        tried, far = above <= cutoff, (above <= cutoff) & (above > cutoff / 2)
        if not tried.any() or (far.any() and proved[far].mean() > 0.3):
            return 2 * cutoff
        return cutoff / 2 if proved[tried].mean() < 0.3 else cutoff

    def _optimise(self, region: Region, bounds: Bounds, seen: Seen, tried: np.ndarray, goal: float) -> Floats:
        """Bounds (tried,) of the quantity by the binding row of each region; hints of those that it proves are kept."""
        problem = self._problem
        row = problem.binding(seen.uppers[tried])
        (rows,) = problem.rows(self._part)
        some = {b: c[row][:, None, :] for b, c in rows.items()}
        values, hints = optimise(problem.graph, bounds.take(tried), some, iterations=STEPS)
        uppers = np.full((len(tried), seen.uppers.shape[1]), np.inf)
        uppers[np.arange(len(tried)), row] = -values[:, 0]
        upper = problem.combined(uppers)
        for k in np.flatnonzero(upper <= goal):
            self._keep(region.take(tried[k]), hints, int(k), int(row[k]), uppers.shape[1])
        return upper

    def _keep(self, region: Region, hints: Hints, k: int, row: int, count: int) -> None:
        """Hints for all rows of one region, zero but for the row that proves it."""
        slopes = {}
        for b, vs in hints.slopes.items():
            wide = tuple(np.zeros((1, count, v.shape[2])) for v in vs)
            for w, v in zip(wide, vs, strict=True):
                w[0, row] = v[k, 0]
            slopes[b] = wide
            self._numbers += sum(w.size for w in wide)
        self._found[_key(region)] = Finish(None, [Hints(slopes, {})])

    def finish(self, root: Piece) -> None:
        """Give the leaves of a tree the hints that were found for them."""
        for leaf in root.leaves():
            found = self._found.get(_key(leaf.region))
            if found is not None and leaf.finish is None:
                leaf.finish = found


def _key(region: Region) -> tuple[bytes, bytes]:
    return region.lo.tobytes(), region.hi.tobytes()
