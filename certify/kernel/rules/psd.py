"""Rule *psd*: a lower bound of a quadratic form over z = (1, t), |t_i| <= 1.

    R = G - L L'
    -----------------------------------------------------------------------------------------------  psd
    z' G z >= z' R z >= R_00 - sum_j |R_0j| + sum_(i>=1) min(0, R_ii - sum_(j!=i) |R_ij|)

by 2 |z_i z_j| <= z_i^2 + z_j^2. Any L will do; a good one leaves a remainder with a dominant diagonal.
Rejects with: nothing. Spec: rules.md#psd. Proof: psd_correct.
"""

from __future__ import annotations


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
