"""*truncation*: how far a matrix is from a coarser one, over a ball or an ellipsoid.

    limit^2 Q - (A - B)' (A - B) >= 0 (rule psd)      limit >= 0
    -------------------------------------------------------------  truncation
    |(A - B) x|^2 <= limit^2 x' Q x for all x

With Q the identity this bounds the largest singular value of A - B. Evidence: shifts, factor.
Rejects with: shape, negative-limit, hint, not-symmetric, not-positive. Spec: statements.md#truncation.
Proof: truncation_correct.
"""

from __future__ import annotations

from certify.kernel.exact import same_shape
from certify.kernel.verdict import require

SIGNATURE = (("full", "matrix"), ("coarse", "matrix"), ("shape", "matrix"), ("limit", "rational"))


def check(s, e) -> None:
    full, coarse, shape, limit = s["full"], s["coarse"], s["shape"], s["limit"]
    rows, columns = full.shape
    same_shape(coarse, rows, columns, "the coarse matrix")
    same_shape(shape, columns, columns, "the shape")
    require(limit >= 0, "negative-limit", "claim", "a norm is compared with a non-negative number")
    rest = full - coarse
    square = limit * limit
    e.positive(shape.times(square.numerator, square.denominator) - rest.T @ rest, 0, "the limit less the difference")
