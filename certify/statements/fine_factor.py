"""Hints of rule *psd* for matrices that float64 cannot tell from singular ones: a Cholesky factor in integers.

The last resort of a prover: n^3 / 3 products of long integers, 0.3 s for n = 200 and 4 s for n = 400, where
certify.statements.factor takes milliseconds. Untrusted like it.
"""

from __future__ import annotations

from math import isqrt

import numpy as np

from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.statements.factor import Factor, holds

BITS = 100
# Beyond this the search is not worth its time.
MOST_ROWS = 500


def fine_factor(m: Matrix, bits: int = BITS) -> Factor | None:
    """Hints under which the kernel accepts that ``m`` is positive semidefinite, or None where none were found.

    m: (n, n), symmetric, with a least eigenvalue above 2^-80 or so of its diagonal, for bits = 100.
    """
    n = m.shape[0]
    diagonal = [int(v) for v in np.diagonal(m.n.a)]
    if n > MOST_ROWS or min(diagonal) <= 0:
        return None
    shifts = [bits + (m.den.bit_length() - v.bit_length()) // 2 for v in diagonal]
    least = min(shifts)
    powers = fast.vector([1 << (k - least) for k in shifts]).row()
    scaled = ((m.n * powers).transpose() * powers) << max(2 * least, 0)
    whole = (scaled // (m.den << max(-2 * least, 0))).a.astype(object)
    # A column of L is off by less than one unit, so an entry of L L' by n times twice the largest entry of L, which is
    # below 2^(b + 1); and a row has n entries.
    whole[np.diag_indices(n)] -= n * n << (bits + 2)
    low = np.zeros((n, n), dtype=object)
    for j in range(n):
        column = whole[j:, j] - low[j:, :j] @ low[j, :j] if j else whole[:, 0]
        if column[0] <= 0:
            return None
        pivot = isqrt(int(column[0]))
        if pivot == 0:
            return None
        low[j, j] = pivot
        low[j + 1 :, j] = column[1:] // pivot
    found = Factor(shifts, [int(v) for v in low[np.tril_indices(n)]])
    return found if holds(m, found) else None
