"""The H-infinity norm of a stable system in float64: the largest |G(jw)|, and where. Proves nothing.

A peak found by local search is compared with all level crossings at a slightly larger gain, the imaginary eigenvalues
of a Hamiltonian matrix (Bruinsma and Steinbuch 1990), and midpoints between these until no higher one is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.optimize
from numpy.typing import NDArray

from certify.convex.reduction.systems import Floats, System

TOLERANCE = 1e-7
ROUNDS = 12


@dataclass(frozen=True)
class Peak:
    """gain: the largest singular value found; frequency: where, in radians (discrete: the angle; inf for s = inf)."""

    gain: float
    frequency: float


class Transfer:
    """G(jw) of a continuous system at many frequencies, each in O(n^2) by a Schur form of A."""

    def __init__(self, s: System) -> None:
        self._t, z = scipy.linalg.schur(s.a.astype(complex), output="complex")
        self._b, self._c, self._d = z.conj().T @ s.b, s.c @ z, s.d
        self.poles = np.diag(self._t).copy()

    def at(self, w: float) -> NDArray[np.complex128]:
        """G(jw), (p, m)."""
        if not np.isfinite(w):
            return self._d.astype(complex)
        shifted = -self._t
        shifted[np.diag_indices_from(shifted)] += 1j * w
        solved = scipy.linalg.solve_triangular(shifted, self._b, check_finite=False)
        value: NDArray[np.complex128] = self._c @ solved + self._d
        return value

    def gain(self, w: float) -> float:
        """The largest singular value at w."""
        return float(np.linalg.norm(self.at(w), 2))


def h_infinity(s: System) -> Peak:
    """The norm, to about 1e-6 relative: float64 decides, so a peak narrower than rounding can be missed."""
    c = s.as_continuous()
    g = Transfer(c)
    best = max((Peak(g.gain(w), w) for w in (0.0, np.inf)), key=lambda p: p.gain)
    found = _grid(g.poles)
    for turn in range(ROUNDS):
        better = _refined(g, found)
        done = turn > 0 and better.gain <= best.gain * (1 + TOLERANCE)
        best = max(best, better, key=lambda p: p.gain)
        if done:
            break
        crossings = _crossings(c, best.gain * (1 + TOLERANCE))
        if len(crossings) == 0:
            break
        ends = np.concatenate([[0.0], crossings, [2 * crossings[-1]]])
        found = np.unique(np.concatenate([crossings, (ends[1:] + ends[:-1]) / 2]))
    return Peak(best.gain, best.frequency if s.continuous else 2 * float(np.arctan(best.frequency)))


def _grid(poles: NDArray[np.complex128]) -> Floats:
    size = np.abs(poles[np.abs(poles) > 0])
    spread = np.geomspace(size.min() / 10, size.max() * 10, 80)
    resonant = np.sqrt(np.maximum(poles.imag**2 - poles.real**2, 0))
    grid: Floats = np.unique(np.concatenate([[0.0], spread, size, np.abs(poles.imag), resonant]))
    return grid


def _refined(g: Transfer, grid: Floats) -> Peak:
    """The highest of the grid's peaks, after a local search around each that might be it."""
    gains = np.array([g.gain(w) for w in grid])
    top = int(gains.argmax())
    best = Peak(float(gains[top]), float(grid[top]))
    inner = [i for i in range(1, len(grid) - 1) if gains[i] >= max(gains[i - 1], gains[i + 1])]
    for i in sorted(inner, key=lambda i: -gains[i])[:12]:
        if gains[i] < best.gain / 2:
            break
        sides = (float(grid[i - 1]), float(grid[i + 1]))
        found = scipy.optimize.minimize_scalar(
            lambda w: -g.gain(w), bounds=sides, method="bounded", options={"xatol": 1e-12 * sides[1]}
        )
        best = max(best, Peak(-float(found.fun), float(found.x)), key=lambda p: p.gain)
    return best


def hamiltonian(s: System, gain: float, added: Floats | None = None) -> Floats:
    """[A + B S D'C, B S B'; -(C'(1 + D S D')C + E), -(A + B S D'C)'] with S = (gain^2 - D'D)^-1, continuous time.

    Its imaginary eigenvalues are the frequencies where a singular value of G is the gain (E = 0); its stable subspace
    belongs to the least storage function.
    """
    square = gain**2 * np.eye(s.d.shape[1]) - s.d.T @ s.d
    across = np.linalg.solve(square, np.hstack([s.d.T @ s.c, s.b.T]))
    n = len(s.a)
    moved = s.a + s.b @ across[:, :n]
    out = s.c.T @ s.c + (s.d.T @ s.c).T @ across[:, :n]
    if added is not None:
        out = out + added
    return np.block([[moved, s.b @ across[:, n:]], [-out, -moved.T]])


def _crossings(s: System, gain: float) -> Floats:
    """Frequencies at or near which a singular value passes the gain: a few too many do no harm."""
    if gain <= float(np.linalg.norm(s.d, 2)):
        return np.zeros(0)
    roots = np.linalg.eigvals(hamiltonian(s, gain))
    near = (np.abs(roots.real) <= 1e-6 * np.abs(roots)) & (roots.imag > 0)
    crossings: Floats = np.unique(roots.imag[near])
    return crossings
