"""What an optimiser hands to a certificate: slopes and multipliers for the rows of a backward pass.

Data only. Rule *backward* takes them as they are (specs/rules.md#backward): any slopes and any multipliers are sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.networks.maps import Floats


@dataclass(eq=False)
class Hints:
    """Hints for R rows on L regions (or on all regions alike: leading axis 1), in the real units of the blocks.

    slopes: block -> (p,) for a relu, the slope on its source; (on_d, on_y) for a pair-relu, the slopes on d = x - S y
        and on S y. The kernel reads entries whose sign is open, or whose signs differ: others are exact.
        Shapes (L or 1, R, size).
    multipliers: block -> T of any sign, (L or 1, R, size): the coefficients C on the block become C - T and the
        constant gains the minimum of T . v over the block's bounds. A positive entry is a multiplier of v - lo >= 0,
        a negative one of hi - v >= 0.
    beyond: slopes of pairs are beyond what known signs make exact. Only a start may be; what starts there is not.
    """

    slopes: dict[int, tuple[Floats, ...]] = field(default_factory=dict)
    multipliers: dict[int, Floats] = field(default_factory=dict)
    beyond: bool = False

    def flat(self, regions: int, rows: int, block: int) -> tuple[Floats, ...] | None:
        """The slopes of a block as matrices (regions * rows, size)."""
        found = self.slopes.get(block)
        return None if found is None else tuple(_flat(v, regions, rows) for v in found)

    def flat_multipliers(self, regions: int, rows: int) -> dict[int, Floats]:
        """The multipliers as matrices (regions * rows, size)."""
        return {b: _flat(t, regions, rows) for b, t in self.multipliers.items()}

    def take(self, regions: ArrayLike | slice | None = None, rows: ArrayLike | slice | None = None) -> Hints:
        """The hints of some regions and rows."""

        def some(v: Floats) -> Floats:
            v = v if regions is None or len(v) == 1 else v[_index(regions)]
            return v if rows is None else v[:, _index(rows)]

        return Hints(
            {b: tuple(some(v) for v in vs) for b, vs in self.slopes.items()},
            {b: some(t) for b, t in self.multipliers.items()},
        )

    def replace_where(self, better: NDArray[np.bool_], other: Hints) -> None:
        """Take the rows of ``other`` where ``better`` (L, R) says so; both must hint the same blocks for L regions."""
        for b, vs in other.slopes.items():
            for mine, new in zip(self.slopes[b], vs, strict=True):
                mine[better] = new[better]
        for b, t in other.multipliers.items():
            self.multipliers[b][better] = t[better]


@dataclass(eq=False)
class Tightening:
    """A backward step on a block: the entries whose bounds it improves, and hints for its 2 R rows (+e, then -e)."""

    rows: NDArray[np.intp]
    hints: Hints | None = None


def _flat(v: Floats, regions: int, rows: int) -> Floats:
    wide: Floats = np.broadcast_to(v, (regions, rows, v.shape[2])).reshape(regions * rows, v.shape[2])
    return wide


def _index(which: ArrayLike | slice) -> slice | NDArray[np.generic]:
    return which if isinstance(which, slice) else np.atleast_1d(np.asarray(which))
