"""LipSDP as a cone program for cvxpy: a comparison on small networks. Minutes from 300 rows on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from certify.convex.lipschitz.recursion import gain, top
from certify.networks.maps import Floats

SOLVERS = {"clarabel": "CLARABEL", "scs": "SCS"}


def solve(
    weights: Sequence[Floats], slopes: Sequence[Floats], solver: str, seconds: float
) -> tuple[list[Floats], float, float] | str:
    """(ts with |h_0|^2 as the unit, the squared gain they prove in float64, the solver's value), or why there is none.

    What a solver calls optimal is believed nowhere: its multipliers are evaluated.
    """
    from importlib import import_module

    cp: Any = import_module("cvxpy")

    norms = np.array([np.sqrt(top(w @ w.T if len(w) < w.shape[1] else w.T @ w)) or 1.0 for w in weights])
    scaled = [w / c for w, c in zip(weights, norms, strict=True)]
    units = np.cumprod(norms[:-1]) ** 2
    rho: Any = cp.Variable()
    t: list[Any] = [cp.Variable(len(w), nonneg=True) for w in scaled[:-1]]
    sizes = [w.shape[1] for w in scaled]
    at = np.concatenate([[0], np.cumsum(sizes)])
    unit = np.eye(int(at[-1]))
    h = [unit[at[k] : at[k + 1]] for k in range(len(sizes))]
    out = scaled[-1] @ h[-1]
    form = rho * (h[0].T @ h[0]) - out.T @ out
    for k, s in enumerate(slopes):
        z = scaled[k] @ h[k]
        p, q = h[k + 1] - s[:, :1] * z, s[:, 1:] * z - h[k + 1]
        half = p.T @ cp.diag(t[k]) @ q
        form = form - half - half.T
    problem = cp.Problem(cp.Minimize(rho), [form >> 0])
    limits = {"clarabel": {"time_limit": seconds}, "scs": {"time_limit_secs": seconds, "eps": 1e-7}}[solver]
    try:
        problem.solve(solver=SOLVERS[solver], **limits)
    except (cp.SolverError, ValueError, ArithmeticError) as e:
        return f"{solver} failed: {str(e)[:80]}"
    if rho.value is None or any(v.value is None for v in t):
        return f"{solver} ended with status {problem.status} and no multipliers"
    value = float(rho.value)
    if not value > 0:
        return f"{solver} reported {value}"
    found = [np.maximum(v.value, 1e-12) / value / u for v, u in zip(t, units, strict=True)]
    total = float(np.prod(norms)) ** 2
    return found, gain(weights, slopes, found), value * total
