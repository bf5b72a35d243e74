"""Multipliers by descent: the gain as a function of t alone, the layers eliminated.

Sub-networks meet in storage functions only, so one evaluation costs a few products and factors of one layer's size for
each layer, and 784-256-256-256-256-10 takes seconds where the whole matrix of LipSDP has 1,808 rows. In t the squared
gain is quasi-convex (its reciprocal is the value of a concave program), so what is stationary is best; only the largest
eigenvalue at the end is not smooth, and a trace norm of growing power stands for it. L-BFGS in log t.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from certify.convex.lipschitz.recursion import derivative, gain
from certify.networks.maps import Floats

POWERS = (8.0, 32.0, 128.0, 512.0, 2048.0)
STEPS = 400
REMEMBERED = 40
STILL = 1e-10


class _TimeIsUp(Exception):
    pass


def descend(
    weights: Sequence[Floats], slopes: Sequence[Floats], ts: Sequence[Floats], seconds: float
) -> tuple[list[Floats], float, bool]:
    """Better multipliers from some that prove a gain, the squared gain, and whether the search ended before its time.

    Never worse than what it starts from.
    """
    from scipy.optimize import minimize

    cuts = np.cumsum([len(t) for t in ts])[:-1]
    scale = np.concatenate(ts)
    best, kept = gain(weights, slopes, ts), scale
    deadline = time.perf_counter() + seconds
    x = np.zeros(len(scale))
    for power in POWERS:

        def value(y: Floats, power: float = power) -> tuple[float, Floats]:
            nonlocal best, kept
            if time.perf_counter() > deadline:
                raise _TimeIsUp
            t = scale * np.exp(np.clip(y, -60, 60))
            found = derivative(weights, slopes, np.split(t, cuts), power)
            if found is None or not np.isfinite(found[0]):
                return 1e6, np.zeros_like(y)
            if np.exp(found[0]) < best:
                best, kept = float(np.exp(found[0])), t
            return found[0], np.concatenate(found[1]) * t

        before = best
        options = {"maxiter": STEPS, "maxcor": REMEMBERED, "ftol": STILL, "gtol": 1e-8}
        try:
            x = minimize(value, x, jac=True, method="L-BFGS-B", options=options).x
        except _TimeIsUp:
            return _ended(weights, slopes, kept, cuts, best, False)
        if power > POWERS[0] and best > before * (1 - 1e-7):
            break
    return _ended(weights, slopes, kept, cuts, best, True)


def _ended(
    weights: Sequence[Floats], slopes: Sequence[Floats], t: Floats, cuts: Floats, best: float, done: bool
) -> tuple[list[Floats], float, bool]:
    ts = np.split(t, cuts)
    return ts, min(best, gain(weights, slopes, ts)), done
