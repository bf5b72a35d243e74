"""Storage functions of a stable system at a gain: x' X x that grows by at most gain^2 |u|^2 - |y|^2. Untrusted.

X solves the Riccati equation of the system with a little output added for every state, so that the dissipation
inequality is strict. In float64 alone, or in balanced coordinates with Newton's steps: each residual is exact, each
step a Lyapunov equation in float64, and only X carries many bits. A step keeps the feedback K of X as floats; by

    R(X) = (A + B K)' X (A + B K) - X + (C + D K)' (C + D K) - gain^2 K' K + (K - K*)' S (K - K*)

(discrete; continuous alike, S = gain^2 - D'D - B'XB resp. gain^2 - D'D) a rounded K costs the square of its rounding.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, log2

import numpy as np
import scipy.linalg

from certify.convex.reduction.coordinates import Coordinates
from certify.convex.reduction.dyadic import rounded, total
from certify.convex.reduction.norm import hamiltonian
from certify.convex.reduction.systems import Floats, System
from certify.errors import BadInput
from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.statements.exact import exact, floats

STEPS = 12
# Residual, relative to the output added, at which Newton's steps may stop, and at which the result is of use.
SMALL, USEFUL = 1e-2, 0.5


def riccati(s: System, gain: float, added: float) -> Floats | None:
    """The least X >= 0 of the Riccati equation with outputs sqrt(added) x beside y, in float64; None without one."""
    n, m = s.b.shape
    c = np.vstack([s.c, np.sqrt(added) * np.eye(n)])
    d = np.vstack([s.d, np.zeros((n, m))])
    try:
        h = hamiltonian(System(s.a, s.b, c, d, s.continuous).as_continuous(), gain)
        _, vectors, stable = scipy.linalg.schur(h, sort="lhp")
        if stable != n:
            return None
        x = np.linalg.solve(vectors[:n, :n].T, vectors[n:, :n].T)
    except (np.linalg.LinAlgError, scipy.linalg.LinAlgError, ValueError):
        return None
    return (x + x.T) / 2 if np.isfinite(x).all() else None


def storage(at: Coordinates, gain: float, added: float) -> Matrix | None:
    """X in the system's own coordinates, with as many bits as its inequality needs; None where the steps do not settle.

    added: how much of every balanced state joins the output, relative to |C|^2.
    """
    s = at.balanced
    extra = added * (float(np.linalg.norm(s.c, 2)) or gain) ** 2
    start = riccati(s, gain, extra) if extra > 0 else None
    if start is None:
        return None
    work = _Newton(at, gain, extra)
    x, size = work.moved(start), np.inf
    try:
        for _ in range(STEPS):
            k = work.feedback(x)
            rest = work.residual(x, k)
            last, size = size, float(np.linalg.norm(rest, 2)) / extra
            if size <= SMALL or not size < last / 2:
                break
            step = _lyapunov(s.a + s.b @ k, rest, s.continuous)
            if step is None:
                return None
            x = total(x, work.moved(step))
    except (np.linalg.LinAlgError, ValueError, BadInput):
        # A feedback or a step that is not finite, or no solution.
        return None
    return _unscaled(x, at.powers) if size <= USEFUL else None


class _Newton:
    """Exact residuals in the scaled coordinates, seen in the balanced ones."""

    def __init__(self, at: Coordinates, gain: float, extra: float) -> None:
        self.at, self.s = at, at.balanced
        self.t, self.w = at.t, at.w
        n = at.t.shape[0]
        room = (
            float(np.linalg.norm(floats(at.t), 2)) ** 2 * (float(np.linalg.norm(floats(at.scaled[0]), 2)) + 1) / extra
        )
        self.bits = max(64, ceil(log2(n * room)) + 24)
        self.extra = (self.w.T @ self.w).times(*Fraction(extra).as_integer_ratio())
        self.gain2 = Fraction(gain) ** 2

    def moved(self, x: Floats) -> Matrix:
        """W' X W, rounded."""
        return rounded(self.w.T @ exact(x) @ self.w, self.bits)

    def feedback(self, x: Matrix) -> Floats:
        """The worst input u = K z, in float64."""
        a, b, c, d = self.at.scaled
        xb = x @ b
        dd = self.s.d.T @ self.s.d
        if self.s.continuous:
            across, weight = xb.T, float(self.gain2) * np.eye(len(dd)) - dd
        else:
            across, weight = xb.T @ a, float(self.gain2) * np.eye(len(dd)) - dd - floats(b.T @ xb)
        right = floats(total(across, d.T @ c) @ self.t)
        return np.asarray(np.linalg.solve(weight, right), dtype=np.float64)

    def residual(self, x: Matrix, feedback: Floats) -> Floats:
        """T' R(X) T."""
        a, b, c, d = self.at.scaled
        k = rounded(exact(feedback) @ self.w, self.bits)
        closed, out = total(a, b @ k), total(c, d @ k)
        if self.s.continuous:
            half = closed.T @ x
            rest = total(half, half.T)
        else:
            rest = total(closed.T @ x @ closed, -x)
        given = (k.T @ k).times(*(-self.gain2).as_integer_ratio())
        for part in (out.T @ out, given, self.extra):
            rest = total(rest, part)
        seen = self.t.T @ rounded(rest, self.bits + 32) @ self.t
        return floats(seen)


def _lyapunov(a: Floats, rest: Floats, continuous: bool) -> Floats | None:
    """X with A'X + X A = -rest, or A'X A - X = -rest; None unless A is stable."""
    roots = np.linalg.eigvals(a)
    if (roots.real.max() >= 0) if continuous else (np.abs(roots).max() >= 1):
        return None
    solved = (
        scipy.linalg.solve_continuous_lyapunov(a.T, -rest)
        if continuous
        else scipy.linalg.solve_discrete_lyapunov(a.T, rest, method="bilinear")
    )
    return (solved + solved.T) / 2 if np.isfinite(solved).all() else None


def _unscaled(x: Matrix, powers: list[int]) -> Matrix:
    """X in coordinates 2^powers x."""
    top = max(powers)
    row = fast.vector([1 << (top - k) for k in powers]).row()
    n, shift = (x.n * row).transpose() * row, 2 * top
    return Matrix(fast, n, x.den << shift) if shift >= 0 else Matrix(fast, n << -shift, x.den)
