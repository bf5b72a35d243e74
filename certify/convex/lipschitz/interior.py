"""LipSDP by an interior-point method, with the duality gap that says how good the multipliers are.

    minimise rho over t >= 0 such that S = rho J - C - sum_i t_i (p_i q_i' + q_i p_i') is positive semidefinite

with J the identity on h_0, C = W_K' W_K on h_(K-1), p_i = h_i - alpha_i z_i, q_i = beta_i z_i - h_i (Fazlyab et al.
2019, Theorem 2). Primal-dual, HKM direction with a predictor and a corrector (Helmberg, Rendl, Vanderbei and Wolkowicz
1996; Kojima, Shindoh and Hara 1997; Mehrotra 1992). S stays positive definite, so every iterate proves a gain and
rounding has room. The matrix of the normal equations is made of entrywise products of p' X p, q' T q and the like,
T = S^-1, since the constraints have rank two. Layers are scaled to norm one first; neurons that nothing reaches, or
whose slope is known, keep their multiplier, since nothing bounds it. (A barrier method in (rho, t) alone was tried: it
takes hundreds of short steps.)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from certify.convex.lipschitz.closed_form import NARROW
from certify.convex.lipschitz.recursion import cholesky, gain, top
from certify.networks.maps import Floats

SHORT = 0.93
STALLED = 1e-3
# Rows of a layer of norm one that are taken for zero.
UNREACHED = 1e-7


@dataclass(frozen=True, eq=False)
class Solution:
    """ts with |h_0|^2 as the unit; square: the squared gain they prove; gap: relative duality gap; finished: small.

    The gap is that of float iterates, primal infeasibility below 1e-5 where finished: an estimate to be doubted.
    """

    ts: list[Floats]
    square: float
    gap: float
    iterations: int
    finished: bool


def solve(
    weights: Sequence[Floats], slopes: Sequence[Floats], ts: Sequence[Floats], gap: float = 1e-6,
    seconds: float = np.inf, iterations: int = 60,
) -> Solution:  # fmt: skip
    """From multipliers ``ts`` that prove some gain, to a relative duality gap or until time is up."""
    norms = np.array([np.sqrt(top(w @ w.T if len(w) < w.shape[1] else w.T @ w)) or 1.0 for w in weights])
    units = np.repeat(np.cumprod(norms[:-1]) ** 2, [len(t) for t in ts])
    cuts = np.cumsum([len(t) for t in ts])[:-1]
    state = _State([w / c for w, c in zip(weights, norms, strict=True)], slopes, np.concatenate(ts) * units)
    deadline, k = time.perf_counter() + seconds, 0
    while k < iterations and time.perf_counter() < deadline and not state.done(gap) and state.step():
        k += 1
    found = np.split(state.all(state.y) / state.y[0] / units, cuts)
    return Solution(found, gain(weights, slopes, found), state.relative(), k, state.done(gap))


class _State:
    """Dual (y = (rho, t), S), primal (X, v)."""

    def __init__(self, weights: Sequence[Floats], slopes: Sequence[Floats], start: Floats) -> None:
        sizes = [w.shape[1] for w in weights]
        at = np.concatenate([[0], np.cumsum(sizes)])
        self._n, self._n0 = int(at[-1]), sizes[0]
        hidden = sum(sizes[1:])
        p, q = np.zeros((hidden, self._n)), np.zeros((hidden, self._n))
        i = 0
        for k, (w, s) in enumerate(zip(weights[:-1], slopes, strict=True)):
            rows = slice(i, i + len(w))
            p[rows, at[k] : at[k + 1]] = -s[:, :1] * w
            q[rows, at[k] : at[k + 1]] = s[:, 1:] * w
            own = np.arange(len(w))
            p[i + own, at[k + 1] + own] = 1
            q[i + own, at[k + 1] + own] = -1
            i += len(w)
        s = np.concatenate(slopes)
        wide = s[:, 1] - s[:, 0] > NARROW * np.abs(s).max(axis=1)
        self._free = wide & (np.concatenate([np.linalg.norm(w, axis=1) for w in weights[:-1]]) > UNREACHED)
        self._start = start
        fixed = ~self._free
        half = (p[fixed].T * start[fixed]) @ q[fixed]
        self._c = -half - half.T
        self._c[at[-2] :, at[-2] :] -= weights[-1].T @ weights[-1]
        self._p, self._q = p[self._free], q[self._free]
        self.y = np.concatenate([[2.0], 1.5 * start[self._free]])
        while self._low(self.y) is None and self.y[0] < 1e12:
            self.y[0] *= 1.5
        self._x = np.eye(self._n) / self._n0
        self._v = np.ones(len(self._p))

    def all(self, y: Floats) -> Floats:
        """Multipliers of all neurons."""
        t = self._start.copy()
        t[self._free] = y[1:]
        return t

    def _slack(self, y: Floats) -> Floats:
        s: Floats = self._c + self._change(y)
        return s

    def _change(self, dy: Floats) -> Floats:
        half = (self._p.T * dy[1:]) @ self._q
        s: Floats = -half - half.T
        s[np.arange(self._n0), np.arange(self._n0)] += dy[0]
        return s

    def _low(self, y: Floats) -> Floats | None:
        return cholesky(self._slack(y))

    def _against(self, a: Floats) -> Floats:
        """<A_k, a> for the matrices of y; a symmetric."""
        corner = float(np.trace(a[: self._n0, : self._n0]))
        return np.concatenate([[corner], -2 * np.einsum("ij,ij->i", self._p @ a, self._q)])

    def _left(self) -> tuple[float, float]:
        left = float(np.sum(self._x * self._slack(self.y)) + self._v @ self.y[1:])
        return left, left / (self._n + len(self._v))

    def relative(self) -> float:
        """The gap in units of rho."""
        return self._left()[0] / float(self.y[0])

    def done(self, gap: float) -> bool:
        short = self._against(self._x) + np.concatenate([[-1.0], self._v])
        return self.relative() < gap and float(np.abs(short).max()) < 1e-5

    def step(self) -> bool:
        """One predictor and corrector step; False when nothing moves any more."""
        s = self._slack(self.y)
        low = cholesky(s)
        if low is None:
            return False
        inverse = scipy.linalg.cho_solve((low, True), np.eye(self._n), check_finite=False)
        inverse = (inverse + inverse.T) / 2
        left, mu = self._left()
        y, v, x = self.y, self._v, self._x
        ratio = v / y[1:]
        normal = self._normal(inverse)
        i = np.arange(1, len(y))
        normal[i, i] += ratio
        size = 1 / np.sqrt(np.diag(normal))
        normal *= size
        normal *= size[:, None]
        normal[np.diag_indices_from(normal)] += 1e-14
        try:
            factor = scipy.linalg.cho_factor(normal, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return False
        against = self._against(inverse)

        def direction(sigma: float, second: tuple[Floats, Floats] | None) -> tuple[Floats, Floats, Floats, Floats]:
            # <A_k, X + dX> + v + dv = (1, 0, .., 0), with dX and dv from complementarity.
            rhs = sigma * mu * against
            rhs[0] -= 1
            rhs[1:] += sigma * mu / y[1:]
            if second is not None:
                rhs -= self._against(second[0])
                rhs[1:] -= second[1]
            dy: Floats = size * scipy.linalg.cho_solve(factor, size * rhs, check_finite=False)
            ds = self._change(dy)
            xs = x @ ds @ inverse
            dx = sigma * mu * inverse - x - (xs + xs.T) / 2
            dv = sigma * mu / y[1:] - v - ratio * dy[1:]
            if second is not None:
                dx -= second[0]
                dv -= second[1]
            return dy, ds, dx, dv

        dy, ds, dx, dv = direction(0.0, None)
        a, b = (min(1.0, length) for length in self._lengths(low, dy, ds, dx, dv))
        after = float(np.sum((x + a * dx) * (s + b * ds))) + (v + a * dv) @ (y[1:] + b * dy[1:])
        sigma = min(1.0, max(1e-3, float(after / left) ** 2))
        both = dx @ ds @ inverse
        dy, ds, dx, dv = direction(sigma, ((both + both.T) / 2, dv * dy[1:] / y[1:]))
        along, up = self._lengths(low, dy, ds, dx, dv)
        if min(along, up) < 0.1:
            dy, ds, dx, dv = direction(max(sigma, 0.3), None)
            along, up = self._lengths(low, dy, ds, dx, dv)
        a, b = min(1.0, SHORT * along), min(1.0, SHORT * up)
        for _ in range(30):
            if self._low(y + b * dy) is not None:
                break
            b /= 2
        else:
            return False
        self._x, self._v, self.y = x + a * dx, v + a * dv, y + b * dy
        return max(a, b) > STALLED

    def _lengths(self, low: Floats, dy: Floats, ds: Floats, dx: Floats, dv: Floats) -> tuple[float, float]:
        """How far X and S can go."""
        of_x = cholesky(self._x)
        along = 0.0 if of_x is None else min(_until_singular(of_x, dx), _until_zero(self._v, dv))
        return along, min(_until_singular(low, ds), _until_zero(self.y[1:], dy[1:]))

    def _normal(self, inverse: Floats) -> Floats:
        """<A_k, X A_l T>, symmetric."""
        p, q, n0 = self._p, self._q, self._n0
        xp, xq, tp, tq = p @ self._x, q @ self._x, p @ inverse, q @ inverse
        out = np.empty((len(p) + 1, len(p) + 1))
        inner = (xp @ p.T) * (tq @ q.T)
        inner += (xq @ q.T) * (tp @ p.T)
        cross = (xp @ q.T) * (tq @ p.T)
        inner += cross
        inner += cross.T
        out[1:, 1:] = inner
        mixed = np.einsum("ij,ij->i", xp[:, :n0], tq[:, :n0]) + np.einsum("ij,ij->i", xq[:, :n0], tp[:, :n0])
        out[0, 1:] = out[1:, 0] = -mixed
        out[0, 0] = float(np.sum(self._x[:n0, :n0] * inverse[:n0, :n0]))
        return out


def _until_singular(low: Floats, d: Floats) -> float:
    """About the largest a <= 2 with L L' + a D positive semidefinite, from below."""
    y = scipy.linalg.solve_triangular(low, d, lower=True, check_finite=False)
    y = scipy.linalg.solve_triangular(low, y.T, lower=True, check_finite=False)
    y = (y + y.T) / 2
    unit = np.eye(len(y))
    good, bad = 0.0, 2.0
    if cholesky(unit + bad * y) is not None:
        return bad
    for a in (1.0, 0.5, 0.25, 0.1, 0.02):
        if cholesky(unit + a * y) is not None:
            good = a
            break
        bad = a
    for _ in range(3):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if cholesky(unit + middle * y) is not None else (good, middle)
    return good


def _until_zero(a: Floats, d: Floats) -> float:
    falling = d < 0
    return float(np.min(-a[falling] / d[falling])) if falling.any() else 1e9
