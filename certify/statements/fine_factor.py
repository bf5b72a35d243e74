"""Hints of rule *psd* for matrices that float64 cannot tell from singular ones: a Cholesky factor in integers.

The last resort of a prover: 0.2 s for n = 200 and 1 s for n = 400, where certify.statements.factor takes milliseconds.
Untrusted like it.
"""

from __future__ import annotations

import numpy as np

from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.statements.cholesky import integer_cholesky
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
    # An entry of M - L L' is at most half a diagonal entry of L, which is below 2^(b + 1), and a row has n of them.
    whole[np.diag_indices(n)] -= n * ((1 << bits) + 1)
    low = integer_cholesky(whole)
    if low is None:
        return None
    found = Factor(shifts, [int(v) for v in low[np.tril_indices(n)]])
    return found if holds(m, found) else None
