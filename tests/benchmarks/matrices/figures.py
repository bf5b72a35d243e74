"""What a measurement comes back as, and how times are taken: medians of a few runs on a machine that others use too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of a table. met: None where there is no target, else whether it was reached in this run."""

    what: str
    target: str
    reached: str
    met: bool | None = None


def seconds(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The median wall time of a few runs, and what the last returned."""
    spent, found = [], None
    for _ in range(max(repeats, 1)):
        started = time.perf_counter()
        found = run()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent), found


def medians(run: Callable[[], Any], repeats: int) -> tuple[dict[str, float], Any]:
    """The medians of search and check as a result reports them, and the last result."""
    results = [run() for _ in range(max(repeats, 1))]
    names = {name for r in results for name in r.seconds}
    return {n: statistics.median(r.seconds.get(n, 0.0) for r in results) for n in names}, results[-1]


def short(spent: float) -> str:
    return f"{1000 * spent:.3g} ms" if spent < 0.1 else f"{spent:.2g} s" if spent < 10 else f"{spent:.0f} s"


def table(figures: list[Figure]) -> list[str]:
    words = {True: "yes", False: "no", None: ""}
    rows = [f"| {f.what} | {f.target} | {f.reached} | {words[f.met]} |" for f in figures]
    return ["| figure | target | measured | met |", "|---|---|---|---|", *rows]
