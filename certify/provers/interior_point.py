"""A primal-dual interior-point method for the semidefinite programs of rule *quadratic*.

    minimise gamma over multipliers mu >= 0, m (nonnegative, or free where a fact is an equality) such that
    S = gamma e0 e0' - sym(o e0') - sum mu_i (e0 e0' - e_i e_i') - sum m_k sym(p_k r_k')  is positive semidefinite:
    then o . z <= gamma wherever |t_i| <= 1 and the facts hold, z = (1, t).

Every iterate is strictly feasible, so every iterate is a bound, and rounding has room. HKM direction with a
predictor and a corrector (Helmberg, Rendl, Vanderbei and Wolkowicz 1996; Kojima, Shindoh and Hara 1997; Mehrotra 1992);
the matrix of the normal equations comes from products of the factors, which are shared between facts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats

SHORT = 0.93
STALLED = 1e-3


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts p_k . z * r_k . z >= 0 (= 0 where free): vectors (v, n), and for each fact which two of them."""

    vectors: Floats
    p: NDArray[np.intp]
    r: NDArray[np.intp]
    free: NDArray[np.bool_]

    @property
    def n(self) -> int:
        return int(self.vectors.shape[1])


@dataclass(frozen=True, eq=False)
class Solution:
    """bound: gamma; ranges: mu (n - 1,); multipliers: m (K,); remainder: S (n, n), positive definite.

    moments: X (n, n) of the primal solution, X_00 = 1; its first column is a candidate for an attack. iterations: how
    many were made.
    """

    bound: float
    ranges: Floats
    multipliers: Floats
    remainder: Floats
    moments: Floats
    iterations: int


def solve(
    facts: Facts, objective: Floats, target: float = -np.inf, gap: float = 1e-3, seconds: float = np.inf,
    iterations: int = 60,
) -> Solution:  # fmt: skip
    """Bound objective . z, (n,), from above; stops at ``target``, at a relative duality gap, or when time is up.

    Starts of other rows' or regions' solutions were tried: they cost more iterations than they saved.
    """
    scale = max(float(np.abs(objective).sum()), 1e-300)
    state = _State(facts, objective / scale)
    deadline, k = time.perf_counter() + seconds, 0
    while k < iterations and not state.done(target / scale, gap) and time.perf_counter() < deadline:
        if not state.step():
            break
        k += 1
    y = state.y
    n = facts.n
    return Solution(
        float(y[0]) * scale, y[1:n] * scale, y[n:] * scale, state.slack(y) * scale,
        state.x / state.x[0, 0], k,
    )  # fmt: skip


class _State:
    """Dual (y, S), primal (X, w)."""

    def __init__(self, facts: Facts, objective: Floats) -> None:
        self._f, self._o = facts, objective
        n = facts.n
        self._signed = np.concatenate([[False], np.ones(n - 1, dtype=bool), ~facts.free])
        self._i = np.flatnonzero(self._signed)
        m = np.where(facts.free, 0.0, 0.02)
        rho = 0.05
        while True:
            self.y = np.concatenate([[2 * rho * n + 1], np.full(n - 1, rho), m])
            if _factor(self.slack(self.y)) is not None:
                break
            rho *= 2
        self.x = np.eye(n)
        self._w = np.where(self._signed, 1.0, 0.0)

    def slack(self, y: Floats) -> Floats:
        f, n = self._f, self._f.n
        mu, m = y[1:n], y[n:]
        s = -(f.vectors[f.p].T * m) @ f.vectors[f.r]
        s[:, 0] -= self._o
        s = (s + s.T) / 2
        s[0, 0] += y[0] - mu.sum()
        s[np.arange(1, n), np.arange(1, n)] += mu
        return s

    def _direct(self, dy: Floats) -> Floats:
        """The change of S."""
        f, n = self._f, self._f.n
        s = -(f.vectors[f.p].T * dy[n:]) @ f.vectors[f.r]
        s = (s + s.T) / 2
        s[0, 0] += dy[0] - dy[1:n].sum()
        s[np.arange(1, n), np.arange(1, n)] += dy[1:n]
        return s

    def _against(self, a: Floats) -> Floats:
        """<A_k, a> for the matrices A of y, with S = -o + sum_k y_k A_k; a (n, n), any."""
        f, n = self._f, self._f.n
        d = np.diag(a)
        av = f.vectors @ ((a + a.T) / 2)
        return np.concatenate([[d[0]], d[1:n] - d[0], -np.einsum("ij,ij->i", av[f.p], f.vectors[f.r])])

    def done(self, target: float, gap: float) -> bool:
        left, _ = self._gap()
        y = float(self.y[0])
        short = np.abs(self._against(self.x) + self._w - np.eye(1, len(self.y))[0]).max()
        return bool(y <= target or (left < gap * max(abs(y), 1e-12) and short < 1e-3))

    def _gap(self) -> tuple[float, float]:
        s = self.slack(self.y)
        left = float(np.sum(self.x * s) + self._w[self._i] @ self.y[self._i])
        return left, left / (self._f.n + len(self._i))

    def step(self) -> bool:
        """One predictor and corrector step; False when nothing moves any more."""
        from scipy.linalg import cho_factor, cho_solve

        s = self.slack(self.y)
        lower = _factor(s)
        if lower is None:
            return False
        inverse = _inverse(lower)
        left, mu = self._gap()
        i, y, w, x = self._i, self.y, self._w, self.x
        wm = w[i] / y[i]
        normal = self._normal(x, inverse)
        normal[i, i] += wm
        normal[np.diag_indices(len(y))] *= 1 + 1e-13
        try:
            factor = cho_factor(normal, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return False
        t_against = self._against(inverse)
        unit = np.eye(1, len(y))[0]

        def direction(sigma: float, second: tuple[Floats, Floats] | None) -> tuple[Floats, Floats, Floats, Floats]:
            # <A_k, X + dX> + w + dw = (1, 0, ..., 0), with dX and dw from complementarity.
            rhs = sigma * mu * t_against - unit
            rhs[i] += sigma * mu / y[i]
            if second is not None:
                rhs -= self._against(second[0])
                rhs[i] -= second[1]
            dy = cho_solve(factor, rhs, check_finite=False)
            ds = self._direct(dy)
            xs = x @ ds @ inverse
            dx = sigma * mu * inverse - x - (xs + xs.T) / 2
            dw = np.zeros(len(y))
            dw[i] = sigma * mu / y[i] - w[i] - wm * dy[i]
            if second is not None:
                dx -= second[0]
                dw[i] -= second[1]
            return dy, ds, dx, dw

        dy, ds, dx, dw = direction(0.0, None)
        along, up = self._lengths(dy, ds, dx, dw, lower)
        a, b = min(1.0, along), min(1.0, up)
        after = float(np.sum((x + a * dx) * (s + b * ds))) + (w[i] + a * dw[i]) @ (y[i] + b * dy[i])
        sigma = min(1.0, max(1e-3, float(after / left) ** 2))
        both = dx @ ds @ inverse
        dy, ds, dx, dw = direction(sigma, ((both + both.T) / 2, dw[i] * dy[i] / y[i]))
        along, up = self._lengths(dy, ds, dx, dw, lower)
        if min(along, up) < 0.1:
            dy, ds, dx, dw = direction(max(sigma, 0.3), None)
            along, up = self._lengths(dy, ds, dx, dw, lower)
        a, b = min(1.0, SHORT * along), min(1.0, SHORT * up)
        for _ in range(30):
            if _factor(self.slack(y + b * dy)) is not None:
                break
            b /= 2
        else:
            return False
        self.x, self._w, self.y = x + a * dx, w + a * dw, y + b * dy
        return max(a, b) > STALLED

    def _lengths(self, dy: Floats, ds: Floats, dx: Floats, dw: Floats, lower: Floats) -> tuple[float, float]:
        """How far X and S can go."""
        i = self._i
        of_x = _factor(self.x)
        along = 0.0 if of_x is None else min(_until_singular(of_x, dx), _until_zero(self._w[i], dw[i]))
        return along, min(_until_singular(lower, ds), _until_zero(self.y[i], dy[i]))

    def _normal(self, x: Floats, inverse: Floats) -> Floats:
        """M_kl = <A_k, X A_l S^-1>, symmetric."""
        f, n, k = self._f, self._f.n, len(self._f.p)
        out = np.empty((n + k, n + k))
        # gamma and mu: A is e0 e0' and e_i e_i' - e0 e0'.
        had = x * inverse
        corner = had[0, 0]
        out[0, 0] = corner
        out[0, 1:n] = out[1:n, 0] = had[0, 1:] - corner
        out[1:n, 1:n] = had[1:, 1:] - had[1:, :1] - had[:1, 1:] + corner
        vx, vt = f.vectors @ x, f.vectors @ inverse
        # <e_i e_i', X sym(p r') T> = ((X p)_i (T r)_i + (X r)_i (T p)_i) / 2
        d = -(vx[f.p] * vt[f.r] + vx[f.r] * vt[f.p]) / 2
        out[n:, 0] = d[:, 0]
        out[n:, 1:n] = d[:, 1:] - d[:, :1]
        out[:n, n:] = out[n:, :n].T
        gx, gt = vx @ f.vectors.T, vt @ f.vectors.T
        cross = gx[np.ix_(f.p, f.r)] * gt[np.ix_(f.r, f.p)]
        block = cross + cross.T
        block += gx[np.ix_(f.p, f.p)] * gt[np.ix_(f.r, f.r)]
        block += gx[np.ix_(f.r, f.r)] * gt[np.ix_(f.p, f.p)]
        out[n:, n:] = block / 4
        return out


def _factor(s: Floats) -> Floats | None:
    """The lower Cholesky factor, or None for a matrix that is not positive definite."""
    try:
        lower: Floats = np.asarray(np.linalg.cholesky(s), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return lower


def _inverse(lower: Floats) -> Floats:
    from scipy.linalg import cho_solve

    out: Floats = cho_solve((lower, True), np.eye(len(lower)), check_finite=False)
    return (out + out.T) / 2


def _until_singular(lower: Floats, d: Floats) -> float:
    """The largest a with L L' + a D positive semidefinite."""
    from scipy.linalg import eigvalsh, solve_triangular

    y = solve_triangular(lower, d, lower=True, check_finite=False)
    y = solve_triangular(lower, y.T, lower=True, check_finite=False)
    least = float(eigvalsh((y + y.T) / 2, subset_by_index=[0, 0], check_finite=False)[0])
    return 1e9 if least >= 0 else -1 / least


def _until_zero(a: Floats, d: Floats) -> float:
    falling = d < 0
    return float(np.min(-a[falling] / d[falling])) if falling.any() else 1e9
