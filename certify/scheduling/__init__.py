"""Branch-and-bound work spread over anything that speaks ``concurrent.futures.Executor``.

Generic: it knows units, outcomes and bounds, not networks. What it finds is as untrusted as any search.
"""

from __future__ import annotations

from certify.scheduling.executors import Pool, executor_of
from certify.scheduling.frontier import Failure, Frontier
from certify.scheduling.scheduler import run
from certify.scheduling.state import State, digest_of
from certify.scheduling.units import Goal, Line, Listener, Outcome, Path, Seen, Solve, Standing, Unit

__all__ = [
    "Failure", "Frontier", "Goal", "Line", "Listener", "Outcome", "Path", "Pool", "Seen", "Solve", "Standing", "State",
    "Unit", "digest_of", "executor_of", "run",
]  # fmt: skip
