"""Multipliers without a solver: one pass over the layers, always feasible, never worse than the product of the norms.

With g the largest eigenvalue of G, t = 1 / g (for relu) leaves X_k = 2 t - t^2 G >= (1/g) I: what a norm would give,
but X_k is kept whole. A second choice, t with (C o G) t = diag C for C = W_(k+1)' W_(k+1), is where tr(C X_k) is
largest; it is taken, or a mixture, where the next layer's gain is smaller for it. Milliseconds for layers of a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from certify.convex.lipschitz.recursion import cholesky, passed, products, storage, top
from certify.networks.maps import Floats

# A neuron whose slope is known has no largest multiplier; this share of its slope stands for the width, and what it
# costs, relatively, is half of that for each layer.
NARROW = 1e-4
# The largest multiplier of the second choice, in units of the first.
MOST = 1e3


def norm_product(weights: Sequence[Floats], slopes: Sequence[Floats]) -> float:
    """||W_K|| prod_k ||W_k|| m_k, m_k the steepest slope of layer k: the bound that needs no thought."""
    steep = [float(np.abs(s).max()) for s in slopes]
    return float(np.prod([np.sqrt(top(w @ w.T if len(w) < w.shape[1] else w.T @ w)) for w in weights]) * np.prod(steep))


def multipliers(weights: Sequence[Floats], slopes: Sequence[Floats]) -> tuple[list[Floats], float]:
    """t for each hidden layer, with |h_0|^2 as the unit, and the squared gain they prove."""
    ts: list[Floats] = []
    low = None
    best = float("inf")
    for k, (w, s) in enumerate(zip(weights[:-1], slopes, strict=True)):
        base = passed(low, w, None)
        if base is None:
            raise AssertionError("nothing is factored here")
        plain = safe(top(base[1]), s)
        best, chosen, kept = float("inf"), plain, None
        for t in (plain, *_mixtures(plain, base[1], weights[k + 1], s)):
            found = passed(low, w, products(t, s)) if s.prod(axis=1).any() else base
            x = None if found is None else cholesky(storage(found[1], t, s))
            after = None if x is None else passed(x, weights[k + 1], None)
            if after is not None and (value := top(after[1])) < best:
                best, chosen, kept = value, t, x
        ts.append(chosen)
        low = kept
    return ts, best


def safe(g: float, slopes: Floats) -> Floats:
    """t such that |z|^2 / g - 2 sum t p q >= |h|^2 / (g m^2), m the steepest slopes."""
    steep = np.abs(slopes).max(axis=1)
    steep = np.where(steep > 0, steep, max(float(steep.max()), 1e-9))
    width = np.maximum(slopes[:, 1] - slopes[:, 0], NARROW * steep)
    # A layer that passes nothing on takes any multiplier.
    t: Floats = 1 / ((g if g > 1e-300 else 1.0) * steep * width)
    return t


def _mixtures(plain: Floats, g: Floats, after: Floats, slopes: Floats) -> list[Floats]:
    c = after.T @ after
    s = slopes.sum(axis=1)
    try:
        solved = np.linalg.solve(c * g * s * s[:, None] + 1e-9 * np.diag(np.diag(c * g)), np.diag(c))
    except np.linalg.LinAlgError:
        return []
    if not np.isfinite(solved).all():
        return []
    solved = np.clip(solved, 0.1 * plain, MOST * plain)
    return [solved, (plain + solved) / 2, 0.75 * plain + 0.25 * solved]
