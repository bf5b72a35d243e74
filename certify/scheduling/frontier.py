"""What a run knows: the solved units, the open ones, the best witness of each part, and so the bracket.

The upper bound falls and the lower one rises, whatever order outcomes come in; an open unit counts with the bound it
came with. The bracket is in floats and untrusted: the kernel decides on the certificate made of ``lines``.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from certify.errors import CertifyError
from certify.scheduling.units import NO_SIGNS, OPEN, Line, Outcome, Path, Seen, Unit


@dataclass(frozen=True)
class Failure:
    """A unit that a worker did not bring back, how often it was tried, and the last reason; () for the pool itself."""

    path: Path
    attempts: int
    reason: str
    left_open: bool


class Frontier:
    """The forest of units below the roots: outcomes of the solved, and the open ones with their bounds.

    ended: goal, refuted, time, full (as many lines as wanted), exhausted (nothing left can be split), interrupted or
    lost (no workers), or running. size: lines of all trees.
    """

    def __init__(self, roots: Sequence[Unit], fetch: Callable[[Path], Outcome] | None = None) -> None:
        if not roots:
            raise CertifyError("units: expected at least one, found none")
        paths = sorted(r.path for r in roots)
        for a, b in itertools.pairwise(paths):
            if b[: len(a)] == a:
                raise CertifyError(f"units: expected roots apart, found {b} at or below {a}")
        self.roots = {r.path: r for r in roots}
        self.open: dict[Path, Unit] = dict(self.roots)
        self.outcomes: dict[Path, Outcome] = {}
        self.best: dict[int, Seen] = {}
        self.failures: list[Failure] = []
        self.ended = "running"
        self.size = 0
        self._fetch = fetch
        self._finished: dict[int, float] = {}
        self._heap = [(-r.upper, r.path) for r in roots]
        heapq.heapify(self._heap)

    # ---- the bracket

    @property
    def upper(self) -> float:
        """The largest bound of anything open or finished."""
        while self._heap and self._heap[0][1] not in self.open:
            heapq.heappop(self._heap)
        top = -self._heap[0][0] if self._heap else -math.inf
        return max([top, *self._finished.values()])

    @property
    def lower(self) -> float:
        """The largest value witnessed, -inf without a witness."""
        return max((s.value for s in self.best.values()), default=-math.inf)

    def finished_of(self, part: int) -> float:
        """The largest bound of the leaves of a part that cannot be split any more."""
        return self._finished.get(part, -math.inf)

    def lower_of(self, part: int) -> float:
        return self.best[part].value if part in self.best else -math.inf

    def uppers(self) -> dict[int, float]:
        """The bound of each part."""
        out = {r.part: -math.inf for r in self.roots.values()} | self._finished
        for u in self.open.values():
            out[u.part] = max(out[u.part], u.upper)
        return out

    # ---- growing

    def merge(self, unit: Unit, outcome: Outcome, slim: bool = False) -> list[Unit]:
        """Take the outcome of an open unit; returns its children, now open.

        A bound of the unit holds on all of it, so what its tree says above that is cut to it. What only workers need
        of the children is kept with the open units alone; with ``slim`` lines and arrays are forgotten too, since
        ``fetch`` has them.
        """
        known = min(unit.upper, self.open[unit.path].upper) if unit.path in self.open else unit.upper
        children = [replace(c, upper=min(c.upper, known)) for c in outcome.children]
        if outcome.witness is not None:
            self.see(unit.part, outcome.witness)
        for c in children:
            self.open[c.path] = c
            heapq.heappush(self._heap, (-c.upper, c.path))
        finished = min(outcome.finished, known)
        self.size += len(outcome.tree)
        self._finished[unit.part] = max(self.finished_of(unit.part), finished)
        self.outcomes[unit.path] = _kept(replace(outcome, children=tuple(children), finished=finished), slim)
        # Last: an interrupt before this line leaves the parent's bound in force, which is sound.
        self.open.pop(unit.path, None)
        return children

    def see(self, part: int, seen: Seen) -> bool:
        """Take a witness; whether it is the best of its part."""
        better = seen.value > self.lower_of(part)
        if better:
            self.best[part] = seen
        return better

    def settle(self) -> None:
        """Work out again what is open, after an interrupt that may have struck between two steps of ``merge``."""
        # Children are opened before their parent's outcome is noted, so nothing is missing; some may be too early.
        self.open = {
            p: u
            for p, u in self.open.items()
            if p not in self.outcomes and (p in self.roots or p[:-1] in self.outcomes)
        }
        self._heap = [(-u.upper, p) for p, u in self.open.items()]
        heapq.heapify(self._heap)

    # ---- reading the result

    def outcome(self, path: Path) -> Outcome:
        """The outcome of a solved unit with its lines and arrays, from memory or from the state on disk."""
        kept = self.outcomes[path]
        return kept if kept.tree or self._fetch is None else self._fetch(path)

    def lines(self, root: Path) -> Iterator[tuple[Path, Line | None]]:
        """The joined tree below a root in prefix order: (path of the unit, its line), or (path, None) where it is open.

        Open lines are replaced by the trees of the children. Memory is bounded by the depth.
        """
        stack: list[tuple[Path, Iterator[Line]]] = []

        def enter(path: Path) -> Iterator[tuple[Path, Line | None]]:
            if path in self.outcomes:
                stack.append((path, iter(self.outcome(path).tree)))
            else:
                yield path, None

        yield from enter(root)
        while stack:
            path, rest = stack[-1]
            line = next(rest, None)
            if line is None:
                stack.pop()
            elif line[0] == OPEN:
                yield from enter(self.outcomes[path].children[int(line[1])].path)
            else:
                yield path, line


def _kept(outcome: Outcome, slim: bool) -> Outcome:
    """What memory holds of an outcome: thousands of boxes and slopes of units long solved would fill it."""
    if not slim:
        return replace(outcome, children=tuple(replace(c, hints={}) for c in outcome.children))
    none = np.zeros(0)
    children = tuple(replace(c, lo=none, hi=none, signs=NO_SIGNS, hints={}) for c in outcome.children)
    return replace(outcome, tree=(), arrays={}, children=children)
