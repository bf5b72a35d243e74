"""Intervals for the mean of bounded numbers by betting: what mean would have made a gambler rich is not the mean.

Waudby-Smith and Ramdas, *Estimating means of bounded random variables by betting* (JRSS B 2024), the hedged capital
process: for a candidate m the wealths prod (1 + l_i (X_i - m)) and prod (1 - l_i (X_i - m)) are martingales when m is
the mean, so with probability 1 - d neither ever reaches 1 / d (Ville). Bets l_i depend on the past alone and are cut at
c / m and c / (1 - m), which keeps wealth positive. The first wealth falls with m and the second rises, so what is not
ruled out is an interval, and its ends are found by bisection, or on a grid, outward.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput
from certify.statistics.claim import IID, Floats, Side, StatisticalClaim, confidence, risk, sample

CUT = 0.5
HALVINGS = 60
GRID = 1_000
CHUNK = 1 << 22


def betting(
    samples: Any, low: float, high: float, level: Any = "0.95", side: Side = "both", quantity: str = "mean",
    protocol: str = IID,
) -> StatisticalClaim:  # fmt: skip
    """The mean of independent numbers from low to high, by betting for a sample of fixed size (Theorem 3 there).

    samples: (n,), in the order they were drawn. The range is stated by the user, before the sample is seen; numbers
    outside raise BadInput.
    """
    x = sample(samples, low, high)
    q = confidence(level)
    log = -math.log(float(risk(q, side)))
    bets = _bets(x, np.full(len(x), len(x), dtype=np.float64), float(risk(q, side)))
    down = _end(x, bets, log) if side != "upper" else 0.0
    up = 1 - _end(1 - x, bets, log) if side != "lower" else 1.0
    ends = [low + (high - low) * v for v in (down, up)]
    mean = low + (high - low) * float(np.mean(x))
    return StatisticalClaim(
        quantity, mean, ends[0], ends[1], q, len(x), "betting (Waudby-Smith and Ramdas 2024)", protocol
    )


def confidence_sequence(samples: Any, low: float, high: float, level: Any = "0.95") -> tuple[Floats, Floats]:
    """Ends after each draw that cover the mean at all times at once, so that sampling may stop when one likes.

    samples: (n,), in order. Returns lower and upper ends, (n,) each, on a grid of 1,000 steps, outward.
    """
    x = sample(samples, low, high)
    delta = float(risk(confidence(level), "both"))
    t = np.arange(1.0, len(x) + 1)
    bets = _bets(x, t * np.log1p(t), delta)
    down = _path(x, bets, -math.log(delta))
    up = 1 - _path(1 - x, bets, -math.log(delta))
    return low + (high - low) * down, low + (high - low) * up


def _bets(x: Floats, pace: Floats, delta: float) -> Floats:
    """sqrt(2 ln(1 / d) / (pace_t s_(t-1)^2)) with the variance s^2 of the past, shrunk to 1/4 at the start."""
    t = np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variance[:-1]])
    return np.asarray(np.sqrt(2 * math.log(1 / delta) / (pace * before)))


def _wealth(x: Floats, bets: Floats, m: Floats) -> NDArray[np.float64]:
    """ln of the wealth of betting on a larger mean than each m, (len(m), n): it falls with m."""
    cut = np.minimum(bets, CUT / np.maximum(m, 1e-300)[:, None])
    return np.asarray(np.cumsum(np.log1p(cut * (x - m[:, None])), axis=1))


def _end(x: Floats, bets: Floats, log: float) -> float:
    """The largest m, downward, whose wealth has reached e^log at some time: no mean is there or below."""
    low, high = 0.0, 1.0
    if float(_wealth(x, bets, np.array([low])).max()) < log:
        return 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if float(_wealth(x, bets, np.array([middle])).max()) >= log:
            low = middle
        else:
            high = middle
    return low


def _path(x: Floats, bets: Floats, log: float) -> Floats:
    """For each time the largest grid point that was ruled out until then, 0 where none was."""
    if len(x) > CHUNK:
        raise BadInput(f"samples: expected at most {CHUNK} numbers for a sequence, found {len(x)}")
    grid = np.arange(GRID) / GRID
    out = np.zeros(len(x))
    step = max(1, CHUNK // len(x))
    for k in range(0, GRID, step):
        m = grid[k : k + step]
        reached = np.maximum.accumulate(_wealth(x, bets, m), axis=1) >= log
        out = np.maximum(out, (reached * m[:, None]).max(axis=0))
    return out
