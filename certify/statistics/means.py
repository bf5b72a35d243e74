"""Intervals for the mean of bounded numbers in closed form: Hoeffding, and empirical Bernstein."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from certify.statistics.claim import IID, Floats, Side, StatisticalClaim, confidence, risk, sample


def hoeffding(
    samples: Any, low: float, high: float, level: Any = "0.95", side: Side = "both", quantity: str = "mean",
    protocol: str = IID,
) -> StatisticalClaim:  # fmt: skip
    """The mean of independent numbers from low to high.

    Within (high - low) sqrt(ln(1 / d) / (2 n)) of the average, with the risk d of each end (Hoeffding 1963, Theorem 2).

    samples: (n,). The range is stated by the user, before the sample is seen; numbers outside raise BadInput.
    """
    x = sample(samples, low, high)
    q = confidence(level)
    radius = math.sqrt(-math.log(float(risk(q, side))) / (2 * len(x)))
    return interval(x, radius, low, high, q, side, "Hoeffding 1963", quantity, protocol)


def empirical_bernstein(
    samples: Any, low: float, high: float, level: Any = "0.95", side: Side = "both", quantity: str = "mean",
    protocol: str = IID,
) -> StatisticalClaim:  # fmt: skip
    """The mean of independent numbers from low to high, closer where they vary little.

    Within sqrt(2 V ln(2 / d) / n) + 7 ln(2 / d) / (3 (n - 1)) of the average on [0, 1], with the sample variance V and
    the risk d of each end (Maurer and Pontil 2009, Theorem 4).

    samples: (n,), n >= 2. The range is stated by the user, before the sample is seen; numbers outside raise BadInput.
    """
    x = sample(samples, low, high, least=2)
    q = confidence(level)
    n, log = len(x), math.log(2 / float(risk(q, side)))
    radius = math.sqrt(2 * float(np.var(x, ddof=1)) * log / n) + 7 * log / (3 * (n - 1))
    return interval(x, radius, low, high, q, side, "Maurer and Pontil 2009, Theorem 4", quantity, protocol)


def interval(
    x: Floats, radius: float, low: float, high: float, level: Any, side: Side, method: str, quantity: str, protocol: str
) -> StatisticalClaim:
    """The claim of an average on [0, 1] and a radius, in the units of the sample."""
    mean = float(np.mean(x))
    ends = (max(0.0, mean - radius) if side != "upper" else 0.0, min(1.0, mean + radius) if side != "lower" else 1.0)
    down, up = (low + (high - low) * v for v in ends)
    return StatisticalClaim(quantity, low + (high - low) * mean, down, up, level, len(x), method, protocol)
