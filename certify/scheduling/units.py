"""What is handed to workers and what comes back: units (regions to bound) and outcomes (what solving one gave).

Both travel between machines and to disk, so they are numbers, arrays and paths: nothing here knows how a region is
bounded. What a line of a tree means is for the solver and whoever writes the certificate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Path = tuple[int, ...]
# A line of a tree: a word and integers. ("open", i) is where the tree of child i goes; all else is the solver's.
Line = tuple[str | int, ...]
OPEN = "open"

NO_SIGNS: NDArray[np.int64] = np.zeros((0, 3), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Unit:
    """A region to bound, and what is known of it before it is solved.

    path: where it hangs, one number for each generation; a root's is chosen by the caller, such as (part,).
    lo, hi: its box, shape (n,). signs: rows (block, neuron, side) for the signs decided on the way, side -1 or 1.
    upper: a bound that already holds on it (its parent's, or the better one its parent found). floor: the best value
    witnessed on its part when it was handed out. hints: arrays to start from, such as slopes and multipliers.
    """

    path: Path
    part: int
    lo: Floats
    hi: Floats
    upper: float = math.inf
    signs: NDArray[np.int64] = field(default_factory=lambda: NO_SIGNS)
    floor: float = -math.inf
    hints: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Seen:
    """A value found at a point of the domain, in floats: the claim's exact value is for others to compute."""

    value: float
    point: Floats


@dataclass(frozen=True, eq=False)
class Outcome:
    """What solving a unit gave: the tree grown below it, closed, or open where its children go.

    tree: lines in prefix order; the line ("open", i) stands once for each child i. finished: the largest bound over
    the leaves that this tree ends itself, -inf when all its leaves are children. children: units whose paths are the
    unit's path and one number more; none when it is closed. arrays: what lines refer to.
    """

    tree: tuple[Line, ...]
    finished: float = -math.inf
    children: tuple[Unit, ...] = ()
    witness: Seen | None = None
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def upper(self) -> float:
        """The bound of the whole unit."""
        return max([self.finished, *(c.upper for c in self.children)])

    @property
    def closed(self) -> bool:
        return not self.children


class Solve(Protocol):
    """Bounds one unit within about so many seconds; a module-level function, since workers import it by name."""

    def __call__(self, problem: Any, unit: Unit, seconds: float, /) -> Outcome: ...


@dataclass(frozen=True)
class Goal:
    """When a part needs no more work: all of it at most ``upper``, or, without one, within ``gap`` of its witness.

    refutes: whether a value seen ends the run; it is asked in the scheduler's process, so it may be exact. most: lines
    of trees from which on nothing more is handed out, since somebody has to write them all down.
    """

    upper: float | None = None
    gap: float = 0.01
    refutes: Callable[[Seen], bool] | None = None
    most: float = math.inf

    def bar(self, lower: float) -> float:
        """The bound that is good enough for a part whose best witness has this value."""
        if self.upper is not None:
            return self.upper
        return lower + self.gap * abs(lower) if math.isfinite(lower) else -math.inf


@dataclass(frozen=True)
class Standing:
    """Where a run is, with the names of the search's own progress: done units of total known, and the bracket."""

    phase: str
    done: int
    total: int
    upper: float | None = None
    lower: float | None = None


Listener = Callable[[Standing], None]


def fault_of(unit: Unit, outcome: object) -> str | None:
    """Why an outcome cannot be the unit's, in one line; None when it can."""
    if not isinstance(outcome, Outcome):
        return f"expected an Outcome, found {type(outcome).__name__}"
    holes = [line[1] for line in outcome.tree if line[0] == OPEN]
    if sorted(holes) != list(range(len(outcome.children))):
        return f"expected one open line for each of {len(outcome.children)} children, found {holes[:8]}"
    if not outcome.tree:
        return "expected a tree, found no lines"
    if math.isnan(outcome.upper) or (outcome.witness is not None and math.isnan(outcome.witness.value)):
        return "expected bounds and witnesses to be numbers, found nan"
    if len({c.path for c in outcome.children}) != len(outcome.children):
        return "expected children with paths of their own, found two alike"
    for c in outcome.children:
        if c.path[:-1] != unit.path or c.part != unit.part:
            return f"expected children of {unit.path} on part {unit.part}, found {c.path} on part {c.part}"
    return None
