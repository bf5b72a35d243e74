"""The app, and what its commands share: exit codes, common options, JSON without surprises."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from cyclopts import App, Parameter

import certify

app = App(
    name="certify",
    version=certify.__version__,
    help="Worst-case bounds on what a simplified network discards, with certificates that a small kernel checks.",
)
EXIT = {"proved": 0, "refuted": 1, "unknown": 2, "accepted": 0, "rejected": 1, "declined": 2}
Out = Annotated[str | None, Parameter(name=["--out", "-o"])]
Flag = Annotated[bool, Parameter(negative="")]


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on stdout; infinities become null, since JSON has none."""
    print(json.dumps(_finite(value), allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
