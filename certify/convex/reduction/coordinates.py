"""Coordinates in which float64 can solve for a storage function: powers of two, then a regularised balancing.

States of an error system differ by many orders of magnitude in how well they are reached and seen, and full and
reduced states are almost copies of each other. Balancing makes both gramians alike; what is smaller than ``floor``,
relatively, is held there, or the change of coordinates could not be inverted in float64. Where a reduced model is good,
the difference is so much smaller than the systems that one pass does not bring it out: the next starts from what the
last one left. An error that is zero has nothing to bring out, and a second pass only spoils the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from certify.convex.reduction.balanced import gramians
from certify.convex.reduction.systems import Floats, System
from certify.kernel.exact import Matrix, identity
from certify.statements.exact import exact, floats

Integers = NDArray[np.int64]
# How much a gramian of a balanced system may exceed the largest Hankel singular value.
BALANCED = 2.0


@dataclass(frozen=True)
class Coordinates:
    """x = 2^powers T z.

    powers: integers (n,); t: T (n, n), w: near its inverse; scaled: A, B, C, D in coordinates 2^-powers x, exactly;
    balanced: the system in coordinates z, rounded once from exact products with T and W.
    """

    powers: list[int]
    t: Matrix
    w: Matrix
    scaled: tuple[Matrix, Matrix, Matrix, Matrix]
    balanced: System


def prescaled(s: System) -> tuple[list[int], System]:
    """Powers of two that bring the diagonal of P near one, and the system in those coordinates, exactly."""
    # Rows and columns of A alike first, or P is not to be had in float64.
    _, (size, _) = scipy.linalg.matrix_balance(s.a, permute=False, separate=True)
    first = np.rint(np.log2(size)).astype(int)
    diagonal = np.sqrt(np.abs(np.diag(gramians(_in_powers(s, first))[0])))
    diagonal = np.maximum(diagonal, 1e-30 * diagonal.max()) if diagonal.any() else np.ones_like(diagonal)
    powers = first + np.rint(np.log2(diagonal)).astype(int)
    return [int(k) for k in powers], _in_powers(s, powers)


def _in_powers(s: System, powers: Integers) -> System:
    a = np.ldexp(s.a, powers[None, :] - powers[:, None])
    return System(a, np.ldexp(s.b, -powers[:, None]), np.ldexp(s.c, powers[None, :]), s.d, s.continuous)


def coordinates(s: System, floor: float, passes: int = 1) -> Coordinates:
    """Coordinates of a stable system, balanced so many times at most. Raises LinAlgError where that fails."""
    powers, inner = prescaled(s)
    a, b, c, d = (exact(v) for v in inner.parts)
    t = w = identity(a.a, len(inner.a))
    for _ in range(passes):
        forward, back, done = _balancing(inner, floor)
        if done:
            break
        t, w = t @ exact(forward), exact(back) @ w
        inner = System(floats(w @ a @ t), floats(w @ b), floats(c @ t), s.d, s.continuous)
    return Coordinates(powers, t, w, (a, b, c, d), inner)


def _balancing(s: System, floor: float) -> tuple[Floats, Floats, bool]:
    """T and W that balance a system, and whether it is balanced as it is."""
    powers, scaled = prescaled(s)
    p, q = gramians(scaled)
    n = len(p)
    p, q = (g + floor * (float(np.trace(g)) / n or 1.0) * np.eye(n) for g in (p, q))
    forward, back = _roots(p, floor)
    _, squares, turn = np.linalg.svd(forward.T @ q @ forward)
    hankel = squares**0.25
    one = np.ldexp(1.0, powers)
    # The diagonals of P and Q in the coordinates that were given.
    largest = max(float((np.diag(p) * one**2).max()), float((np.diag(q) / one**2).max()))
    t, w = one[:, None] * (forward @ turn.T / hankel), hankel[:, None] * (turn @ back.T) / one
    if not (np.isfinite(t).all() and np.isfinite(w).all()):
        raise np.linalg.LinAlgError("a Hankel singular value is zero in float64")
    return t, w, largest <= BALANCED * float(hankel[0]) ** 2


def _roots(p: Floats, floor: float) -> tuple[Floats, Floats]:
    """F and G with F F' near P, F' G the identity: eigenvalues below the floor are raised to it."""
    values, vectors = np.linalg.eigh((p + p.T) / 2)
    size = np.sqrt(np.maximum(values, floor * values[-1]))
    return vectors * size, vectors / size
