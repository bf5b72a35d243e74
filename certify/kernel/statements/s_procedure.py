"""*s-procedure*: one quadratic inequality follows from others.

    Q_0 - sum_k m_k Q_k >= 0 (rule psd)      m_k >= 0
    ----------------------------------------------------------------------------------------------  s-procedure
    for all vectors u_1 .. u_n of one dimension, <Q_k, Gram(u)> >= 0 for all k implies <Q_0, Gram(u)> >= 0

where <Q, Gram(u)> = sum_ij Q_ij <u_i, u_j>: in dimension one this is u' Q u. Without premises it says that Q_0 is
positive semidefinite.
Evidence: matrix 0 the multipliers (one row, one column for each premise; none without premises), then shifts, factor.
Rejects with: hint, shape, negative-multiplier, not-symmetric, not-positive. Spec: statements.md#s-procedure.
Proof: s_procedure_correct.
"""

from __future__ import annotations

from certify.kernel.exact import Matrix, same_shape, square
from certify.kernel.verdict import require

# conclusion: Q_0 (n, n). premises: Q_1 .. Q_k, one above the other (k n, n); the conclusion itself stands for none.
SIGNATURE = (("conclusion", "matrix"), ("count", "count"), ("premises", "matrix"))


def check(s, e) -> None:
    form, count, first = s["conclusion"], s["count"], 0
    n = square(form, "the conclusion")
    if count:
        premises = s["premises"]
        same_shape(premises, count * n, n, "the premises")
        weights, first = e.matrix(0), 1
        same_shape(weights, 1, count, "the multipliers", "proof")
        require(weights.n.smallest() >= 0, "negative-multiplier", "proof", "a multiplier is not negative")
        flat = premises.n.shaped(count, n * n)
        total = s.a.matmul(weights.n, flat).shaped(n, n)
        form = form - Matrix(s.a, total, weights.den * premises.den)
    e.positive(form, first, "the conclusion less its premises")
