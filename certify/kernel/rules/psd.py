"""Rule *psd*: a lower bound of a quadratic form over z = (1, t), |t_i| <= 1.

    R = G - L L'
    -----------------------------------------------------------------------------------------------  psd
    z' G z >= z' R z >= R_00 - sum_j |R_0j| + sum_(i>=1) min(0, R_ii - sum_(j!=i) |R_ij|)

by 2 |z_i z_j| <= z_i^2 + z_j^2. Any L will do; a good one leaves a remainder with a dominant diagonal.

    M = M'      S_ij = floor(M_ij 2^(k_i + k_j))      R = S - L L'
    R_ii - sum_(j!=i) |R_ij| >= n - 1 for all i; or >= 0, when the floor has dropped nothing
    -----------------------------------------------------------------------------------------  psd, for all z
    z' M z >= 0

with any integers k, and any lower triangular L. The floor leaves less than one unit in each entry.
Rejects with: not-positive, not-symmetric. Spec: rules.md#psd. Proof: psd_correct, positive_correct.
"""

from __future__ import annotations

from certify.kernel.limits import SHIFT
from certify.kernel.verdict import limit, require


def lower_bound(arithmetic, form, factor) -> int:
    """The bound for a symmetric integer matrix (n, n) and any integer matrix L (n, r)."""
    a = arithmetic
    rest = form - a.matmul(factor, factor.transpose())
    n = rest.shape[0]
    diagonal = a.rowdot(rest, a.unit_rows(list(range(n)), n, 1))
    sizes = (rest.positive_part() - rest.negative_part()).row_sums()
    own = diagonal.positive_part() - diagonal.negative_part()
    margin = (diagonal - (sizes - own)).tolist()
    return margin[0] + sum(min(0, v) for v in margin[1:])


def positive(m, shifts, packed, place) -> None:
    """Reject unless the hints show that a symmetric Matrix (n, n) is positive semidefinite.

    shifts: k, n integers; packed: L as one row, its lower triangle row by row.
    """
    a, n = m.a, m.shape[0]
    require(m.shape == (n, n) and not a.any_true(m.n.differs(m.n.transpose())), "not-symmetric", place, "not symmetric")
    half = n * (n + 1) // 2
    require(len(shifts) == n and packed.shape == (1, half), "hint", place, f"hints are not those of a {n} x {n} matrix")
    limit(max(map(abs, shifts)), SHIFT, place, "a shift")
    least = min(shifts)
    powers = a.vector(1 << (k - least) for k in shifts).row()
    scaled = ((m.n * powers).transpose() * powers) << max(2 * least, 0)
    unit = m.den << max(-2 * least, 0)
    whole = scaled // unit
    factor = packed.gather([i * (i + 1) // 2 + j if j <= i else -1 for i in range(n) for j in range(n)]).shaped(n, n)
    rest = whole - a.matmul(factor, factor.transpose())
    diagonal = a.rowdot(rest, a.unit_rows(list(range(n)), n, 1))
    sizes = (rest.positive_part() - rest.negative_part()).row_sums()
    own = diagonal.positive_part() - diagonal.negative_part()
    margin = (diagonal - (sizes - own)).smallest()
    kept = margin >= n - 1 or (margin >= 0 and not a.any_true((whole * unit).differs(scaled)))
    require(kept, "not-positive", place, f"a diagonal is above its row by {margin} only")
