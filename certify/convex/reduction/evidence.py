"""Search for the evidence of kind *gain* for one error system: coordinates once for each way, then X and two factors.

Says what was not found; the kernel judges what was.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.convex.reduction.coordinates import Coordinates, coordinates
from certify.convex.reduction.form import dissipation
from certify.convex.reduction.norm import Peak, h_infinity
from certify.convex.reduction.storage import storage
from certify.convex.reduction.systems import System
from certify.kernel.exact import Matrix
from certify.results import round_down
from certify.statements.factor import Factor, factor
from certify.statements.fine_factor import fine_factor

# Bits of the factors where float64 is not enough.
BITS = (70, 110, 180)


class Search:
    """What is known of an error system so far."""

    def __init__(self, error: System) -> None:
        self.error = error
        self._known: dict[tuple[float, int], Coordinates | None] = {}

    def at(self, floor: float, passes: int) -> Coordinates | None:
        """Coordinates balanced so many times with gramians held at a floor, or None where float64 finds none."""
        if (floor, passes) not in self._known:
            try:
                self._known[floor, passes] = coordinates(self.error, floor, passes)
            except (np.linalg.LinAlgError, ValueError):
                self._known[floor, passes] = None
        return self._known[floor, passes]

    def peak(self, floor: float, passes: int) -> Peak:
        """The numeric gain, in balanced coordinates: elsewhere a small error of large systems is mostly rounding."""
        found = self.at(floor, passes)
        return h_infinity(self.error if found is None else found.balanced)

    def evidence(self, gain: Fraction, floor: float, passes: int, added: float) -> list[Matrix | Factor] | str:
        """X and the hints for both inequalities, or what was not found."""
        at = self.at(floor, passes)
        if at is None:
            return "balanced coordinates: the gramians have no usable factors in float64"
        x = storage(at, round_down(gain) or 0.0, added)
        if x is None:
            return f"the Riccati equation at gain {float(gain):.6g} has no solution that Newton's steps settle on"
        first = _factor(x)
        if first is None:
            return "the storage function was not shown to be positive"
        second = _factor(dissipation(self.error, x, gain))
        return "the dissipation inequality was not shown to hold" if second is None else [x, first, second]


def _factor(m: Matrix) -> Factor | None:
    """Hints for rule psd, with as many bits as it takes."""
    found = factor(m)
    for bits in BITS:
        found = found or fine_factor(m, bits)
    return found
