"""What is to be bounded: a norm or a quadratic quantity, perhaps with a limit that is claimed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from certify.errors import BadInput
from certify.symbolic.expressions import Form, Norm, scalar


@dataclass(frozen=True)
class Goal:
    """The supremum of ``of`` over everything that satisfies the assumptions; ``claimed`` is a limit that is claimed."""

    of: Norm | Form
    claimed: Any = None

    def __le__(self, limit: Any) -> Goal:
        return replace(self, claimed=scalar(limit, "the claimed limit"))

    def __str__(self) -> str:
        return str(self.of) if self.claimed is None else f"{self.of} <= {self.claimed}"


def bound(of: Norm | Form) -> Goal:
    """The goal to bound abs(v), or a Form such as F(x) - F(y); ``bound(...) <= limit`` is a claim."""
    if not isinstance(of, Norm | Form):
        raise BadInput(f"bound: expected a norm abs(v) or a number made of inner products, found {str(of)[:40]!r}")
    return Goal(of)
