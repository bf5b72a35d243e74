"""The dissipation inequality of kind *gain* as one exact symmetric matrix, formed as the kernel forms it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.convex.reduction.systems import System
from certify.kernel.exact import Matrix, above, beside
from certify.statements.exact import exact, of_integers


def dissipation(s: System, x: Matrix, gain: Fraction) -> Matrix:
    """What specs/statements.md#gain demands to be positive semidefinite, (n + m, n + m)."""
    a, b, c, d = (exact(v) for v in s.parts)
    m = s.b.shape[1]
    square = gain**2
    top = of_integers(np.eye(m, dtype=int), m, m).times(square.numerator, square.denominator)
    if s.continuous:
        state, mixed, inputs = a.T @ x + x @ a, x @ b, d.T @ d
    else:
        state, mixed, inputs = a.T @ x @ a - x, a.T @ x @ b, b.T @ x @ b + d.T @ d
    state, mixed = state + c.T @ c, mixed + c.T @ d
    form: Matrix = -above(beside(state, mixed), beside(mixed.T, inputs - top))
    return form
