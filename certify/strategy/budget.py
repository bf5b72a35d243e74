"""Time budgets and progress: what a caller says before a search, and hears during it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from certify.errors import BadInput


@dataclass(frozen=True)
class Progress:
    """Where a search is: phase is falsify, search, elaborate or check; upper and lower are the bracket so far."""

    phase: str
    done: int
    total: int
    upper: float | None = None
    lower: float | None = None


Listener = Callable[[Progress], None]


def parse_budget(value: float | str) -> float:
    """Seconds from a number, or from "30s", "2m", "1h", "500ms"; raises BadInput."""
    if isinstance(value, str):
        units = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
        text = value.strip()
        unit = next((u for u in units if text.endswith(u)), "")
        try:
            seconds = float(text[: len(text) - len(unit)]) * units.get(unit, 1.0)
        except ValueError:
            raise BadInput(f"budget: expected something like 30s or 2m, found {value!r}") from None
    else:
        seconds = float(value)
    if not (math.isfinite(seconds) and seconds > 0):
        raise BadInput(f"budget: expected a positive time, found {value!r}")
    return seconds
