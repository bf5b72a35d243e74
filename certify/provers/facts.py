"""The linear and quadratic facts about blocks that rule *quadratic* may multiply, by name.

A fact holds entrywise for every input of the region, with lo <= v <= hi the bounds of a block; its multiplier is an
array of the block's size, in the real units of the fact. This is the table that provers and the elaborator share;
the kernel has its own (specs/rules.md#quadratic).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from certify.networks.maps import Floats

Kind = Literal["lower", "upper", "range", "above", "complement", "slope", "cross-fine", "cross-coarse"]

# kind -> (blocks it belongs to, sign of its multiplier, the fact)
FACTS: dict[Kind, tuple[str, str, str]] = {
    "lower": ("any", ">=0", "v - lo >= 0"),
    "upper": ("any", ">=0", "hi - v >= 0"),
    "range": ("any", ">=0", "(v - lo)(hi - v) >= 0"),
    "above": ("relu", ">=0", "a - z >= 0, with a = relu(z)"),
    "complement": ("relu", "free", "a (a - z) = 0"),
    "slope": ("pair-relu", ">=0", "D (d - D) >= 0, with D = relu(x) - S relu(y) and d = x - S y"),
    "cross-fine": ("pair-relu", ">=0", "S relu(y) (relu(x) - x) >= 0"),
    "cross-coarse": ("pair-relu", ">=0", "relu(x) (S relu(y) - S y) >= 0"),
}


@dataclass(eq=False)
class Multipliers:
    """Multipliers of facts by (block, kind), each of the block's size; bound: the float bound they give."""

    of: dict[tuple[int, Kind], Floats] = field(default_factory=dict)
    bound: float = float("inf")
