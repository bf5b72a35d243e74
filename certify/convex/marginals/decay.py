"""Couplings by distance: what a certified matrix error says of single entries, and of how fast they decay."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.numbers import float_above
from certify.statements.exact import Floats

# Sums and products of a few floats: outward by more than they can be off.
OUT = 1 + 2.0**-48


def decay(candidate: Floats, error: Fraction, units: Floats, apart: NDArray[np.float64]) -> dict[str, Any]:
    """A table by distance, and the rate of an exponential above it.

    candidate: (k, k), S^ in float64, rounded to nearest; error: e with - e R <= S - S^ <= e R; units: the diagonal of
    R; apart: (k, k) distances. Of |S_ij| over pairs at least so far apart: at_most and at_least, rounded outward. By
    Cauchy and Schwarz for the forms e R +- (S - S^), |S_ij - S^_ij| <= e sqrt(R_ii R_jj).
    """
    e = float_above(error)
    root = np.sqrt(np.maximum(units, 0))
    off = e * root[:, None] * root * OUT + np.abs(candidate) * 2.0**-48
    most, least = (np.abs(candidate) + off) * OUT, np.maximum(np.abs(candidate) - off, 0) / OUT
    levels = [float(d) for d in np.unique(apart) if d > 0]
    rows = []
    for d in levels:
        far = apart >= d
        rows.append({"distance": d, "at_most": float(most[far].max()), "at_least": float(least[far].max())})
    if len(rows) < 2 or not rows[0]["at_most"]:
        return {"decay": rows}
    first = rows[0]
    rates = [(r["at_most"] / first["at_most"]) ** (1 / (r["distance"] - levels[0])) * OUT for r in rows[1:]]
    return {"decay": rows, "rate": max(rates)}
