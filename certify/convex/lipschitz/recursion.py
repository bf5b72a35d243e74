"""The gain that multipliers prove, by recursion over layers, and its derivative. Float64; believed by nobody.

With |h_0|^2 as the unit and multipliers t, the largest storage after layer k is

    B = X_(k-1) + W' D W,   G = W B^-1 W',   X_k = 2 T - S G S,   T = diag(t), S = T (alpha + beta), D = 2 T alpha beta

from X_0 = I, as long as it stays positive definite, and the squared gain is the largest eigenvalue of
W_K X_(K-1)^-1 W_K'. This eliminates layers one by one from the block tridiagonal matrix of LipSDP (Fazlyab et al. 2019,
Theorem 2), as ECLipsE does (Xu and Sivaranjani 2024): a search over t needs no matrix inequality any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from certify.networks.maps import Floats


@dataclass(frozen=True, eq=False)
class Step:
    """One hidden layer: B^-1 W' (n_(k-1), n_k), G (n_k, n_k), the lower Cholesky factor of X_k."""

    turned: Floats
    g: Floats
    low: Floats


def passed(low: Floats | None, w: Floats, product: Floats | None) -> tuple[Floats, Floats] | None:
    """B^-1 W' and G for X_(k-1) = low low' (None: I) and D = diag(product) (None: 0); None where B is not positive."""
    if product is None and low is None:
        return w.T, w @ w.T
    if product is not None and product.any():
        b: Floats = (w.T * product) @ w
        b += np.eye(len(b)) if low is None else low @ low.T
        low = cholesky(b)
        if low is None:
            return None
    if low is None:
        return w.T, w @ w.T
    half = scipy.linalg.solve_triangular(low, w.T, lower=True, check_finite=False)
    return scipy.linalg.solve_triangular(low, half, lower=True, trans="T", check_finite=False), half.T @ half


def cholesky(m: Floats) -> Floats | None:
    """The lower factor, None for a matrix that is not positive definite or not finite."""
    try:
        low: Floats = np.asarray(np.linalg.cholesky(m), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return low if np.isfinite(low).all() else None


def storage(g: Floats, t: Floats, slopes: Floats) -> Floats:
    """X_k."""
    s = t * slopes.sum(axis=1)
    x: Floats = -(g * s) * s[:, None]
    x[np.diag_indices_from(x)] += 2 * t
    return x


def products(t: Floats, slopes: Floats) -> Floats | None:
    """D, None where it is zero."""
    d = slopes.prod(axis=1)
    return 2 * t * d if d.any() else None


def sweep(weights: Sequence[Floats], slopes: Sequence[Floats], ts: Sequence[Floats]) -> list[Step] | None:
    """All hidden layers; None where the multipliers prove nothing."""
    steps: list[Step] = []
    low = None
    for w, s, t in zip(weights[:-1], slopes, ts, strict=True):
        found = passed(low, w, products(t, s))
        if found is None:
            return None
        low = cholesky(storage(found[1], t, s))
        if low is None:
            return None
        steps.append(Step(*found, low))
    return steps


def last(weights: Sequence[Floats], steps: Sequence[Step]) -> tuple[Floats, Floats]:
    """X_(K-1)^-1 W_K' and W_K X_(K-1)^-1 W_K'."""
    found = passed(steps[-1].low, weights[-1], None)
    if found is None:
        raise AssertionError("nothing is factored here")
    return found


def gain(weights: Sequence[Floats], slopes: Sequence[Floats], ts: Sequence[Floats]) -> float:
    """The squared gain; infinity where the multipliers prove none."""
    steps = sweep(weights, slopes, ts)
    if steps is None:
        return float("inf")
    return top(last(weights, steps)[1])


def top(g: Floats) -> float:
    """The largest eigenvalue of a symmetric matrix."""
    n = len(g)
    return float(scipy.linalg.eigvalsh(g, subset_by_index=[n - 1, n - 1], check_finite=False)[0])


def derivative(
    weights: Sequence[Floats], slopes: Sequence[Floats], ts: Sequence[Floats], power: float
) -> tuple[float, list[Floats]] | None:
    """log (tr G^p)^(1/p), which is at least the logarithm of the squared gain, and its gradient by each t.

    Backwards: dX^-1 = -X^-1 dX X^-1 turns a weight F on G_(k+1) into one on X_k, Y = X^-1 W' F W X^-1.
    """
    steps = sweep(weights, slopes, ts)
    if steps is None:
        return None
    turned, g = last(weights, steps)
    values, vectors = scipy.linalg.eigh(g, check_finite=False)
    values = np.maximum(values / values[-1], 0) + 1e-300
    tops = values**power
    value = float(np.log(top(g)) + np.log(tops.sum()) / power)
    f = (vectors * (values ** (power - 1) / tops.sum() / top(g))) @ vectors.T
    out: list[Floats] = []
    for k in range(len(steps) - 1, -1, -1):
        y = turned @ f @ turned.T
        s = slopes[k].sum(axis=1)
        st = ts[k] * s
        own = -2 * np.diag(y) + 2 * s * np.einsum("ij,j,ji->i", steps[k].g, st, y, optimize=True)
        f = (y * st) * st[:, None]
        d = slopes[k].prod(axis=1)
        if d.any():
            z = steps[k].g @ f @ steps[k].g
            own = own - 2 * d * np.diag(z)
        out.append(own)
        turned = steps[k].turned
    return value, out[::-1]
