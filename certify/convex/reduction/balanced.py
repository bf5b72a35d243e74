"""Balanced truncation: keep the states that are both easy to reach and easy to see. Square-root method; proves nothing.

The error gain is at most twice the sum of the dropped Hankel singular values, in exact arithmetic; what floats make of
the reduced system is for certify.convex.reduction.error to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from certify.convex.reduction.systems import Floats, System, require_stable, system
from certify.errors import BadInput


class Reduced(NamedTuple):
    """A reduced system, and all Hankel singular values of the full one, largest first."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats
    hankel: Floats

    @property
    def system(self) -> tuple[Floats, Floats, Floats, Floats]:
        """(A, B, C, D)."""
        return self.a, self.b, self.c, self.d

    @property
    def tail_bound(self) -> float:
        """Twice the sum of the dropped Hankel singular values, in float64."""
        return 2 * float(self.hankel[len(self.a) :].sum())


def balanced_truncation(full: Sequence[Any], order: int, continuous: bool = True) -> Reduced:
    """Reduce a stable system (A, B, C, D) to ``order`` states. Raises BadInput for what is not one, or not stable."""
    s = system(full, continuous, "full system")
    n = len(s.a)
    if not 1 <= order <= n:
        raise BadInput(f"order: expected 1 to {n}, found {order}")
    require_stable(s, "full system")
    p, q = gramians(s)
    left, values, right = scipy.linalg.svd(root(q).T @ root(p))
    if values[order - 1] <= n * np.finfo(float).eps * values[0]:
        kept = int((values > n * np.finfo(float).eps * values[0]).sum())
        raise BadInput(f"order: expected at most {kept}, found {order}; the other states are numerically unseen")
    scale = np.sqrt(values[:order])
    t, w = root(p) @ right[:order].T / scale, (root(q) @ left[:, :order] / scale).T
    a, b, c, d = s.in_coordinates(t, w).parts
    return Reduced(a, b, c, d, values)


def gramians(s: System) -> tuple[Floats, Floats]:
    """P and Q: A P + P A' + B B' = 0, A' Q + Q A + C' C = 0 (continuous), P = A P A' + B B' and so on (discrete)."""
    # The discrete solver of scipy is direct for few states, and singular where their scales differ.
    s = s.as_continuous()
    p = scipy.linalg.solve_continuous_lyapunov(s.a, -s.b @ s.b.T)
    q = scipy.linalg.solve_continuous_lyapunov(s.a.T, -s.c.T @ s.c)
    return (p + p.T) / 2, (q + q.T) / 2


def root(p: Floats) -> Floats:
    """A square factor F with F F' = P, of a matrix that is positive semidefinite up to rounding."""
    values, vectors = np.linalg.eigh(p)
    factor: Floats = vectors * np.sqrt(np.maximum(values, 0))
    return factor
