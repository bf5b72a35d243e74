"""Cholesky factors of integer matrices, as rule *psd* wants them: for those that float64 cannot tell from singular.

Only the entries of L are rounded, each to the nearest integer; all else is exact. So M - L L' is at most half a
diagonal entry of L in each place, and its diagonal dominates once M has a little of the identity taken off first.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.kernel.arithmetic import fast

# Columns that are done one by one, between products that go through BLAS.
BLOCK = 32


def integer_cholesky(m: NDArray[Any]) -> NDArray[Any] | None:
    """L of Python integers, lower triangular, with L L' near the symmetric integer matrix m (n, n).

    |m - L L'| <= L_jj / 2 + 1 in column j below the diagonal, at most 2 L_jj on it. None where a pivot is not positive.
    """
    n = m.shape[0]
    low = np.zeros((n, n), dtype=object)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        panel = m[start:, start:stop].astype(object)
        if start:
            done = fast.vector(low[start:, :start].ravel()).shaped(n - start, start)
            panel = panel - fast.matmul(done, done.rows(0, stop - start).transpose()).a
        for j in range(stop - start):
            column = panel[j:, j]
            if j:
                column = column - low[start + j :, start : start + j] @ low[start + j, start : start + j]
            if column[0] <= 0:
                return None
            pivot = isqrt(int(column[0]))
            low[start + j, start + j] = pivot
            low[start + j + 1 :, start + j] = (2 * column[1:] + pivot) // (2 * pivot)
    return low
