"""The one function that workers run, and how a problem gets to them once rather than with every unit.

A task names its problem by a token. A worker that does not have it says so (Missing) and the scheduler sends the
same unit again with the problem attached; so it works with any executor, and with workers that join or start again
later. Nothing here decides what to do next.
"""

from __future__ import annotations

import pickle
import time
from collections import OrderedDict
from dataclasses import replace
from typing import Any

from certify.scheduling.units import Outcome, Solve, Unit

# Runs that share workers take turns; more than a few at once would hold memory for nothing.
MOST_PROBLEMS = 4

_problems: OrderedDict[str, Any] = OrderedDict()


class Missing:
    """A worker's answer when it was not given the problem yet."""


def install(token: str, problem: object) -> None:
    """Keep a problem in this process."""
    _problems[token] = problem
    while len(_problems) > MOST_PROBLEMS:
        _problems.popitem(last=False)


def forget(token: str) -> None:
    """Drop a problem from this process."""
    _problems.pop(token, None)


def work(token: str, packed: bytes | None, solve: Solve, unit: Unit, seconds: float) -> Outcome | Missing:
    """Solve one unit of the problem that the token names; ``packed`` is the pickled problem or None."""
    if token not in _problems:
        if packed is None:
            return Missing()
        install(token, pickle.loads(packed))
    started = time.perf_counter()
    outcome = solve(_problems[token], unit, seconds)
    # What is no outcome goes back as it is, for the scheduler to name.
    return replace(outcome, seconds=time.perf_counter() - started) if isinstance(outcome, Outcome) else outcome
