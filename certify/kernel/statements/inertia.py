"""*inertia*: a gap in the spectrum of a symmetric matrix, and how many eigenvalues are above it.

    low I - M + P P' >= 0      M - high I + Q Q' >= 0 (rule psd)      low < high      M = M' of size n
    P has m columns, Q has n - m
    ---------------------------------------------------------------------------------------------------  inertia
    x' M x <= low |x|^2 wherever P' x = 0, and x' M x >= high |x|^2 wherever Q' x = 0

By Courant and Fischer exactly m eigenvalues are at least high and the other n - m at most low: a separation of scales.
Evidence: matrix 0 is P, then shifts and factor; matrix 3 is Q, then shifts and factor.
Rejects with: shape, no-gap, hint, not-symmetric, not-positive. Spec: statements.md#inertia. Proof: inertia_correct.
"""

from __future__ import annotations

from certify.kernel.exact import identity, same_shape, square
from certify.kernel.verdict import require

SIGNATURE = (("of", "matrix"), ("above", "count"), ("low", "rational"), ("high", "rational"))


def check(s, e) -> None:
    m, above, low, high = s["of"], s["above"], s["low"], s["high"]
    n = square(m, "the matrix")
    require(1 <= above < n, "shape", "claim", f"{above} of {n} eigenvalues are above the gap")
    require(low < high, "no-gap", "claim", "the lower end of a gap is below the upper one")
    p, q, one = e.matrix(0), e.matrix(3), identity(s.a, n)
    same_shape(p, n, above, "matrix 0 of the evidence", "proof")
    same_shape(q, n, n - above, "matrix 3 of the evidence", "proof")
    e.positive(one.times(low.numerator, low.denominator) - m + p @ p.T, 1, "what is below the gap")
    e.positive(m - one.times(high.numerator, high.denominator) + q @ q.T, 4, "what is above the gap")
