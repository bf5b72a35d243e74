"""Integer Cholesky: the remainder is as small as it says, at every block boundary; and no factor of what has none."""

from __future__ import annotations

import numpy as np
import pytest

from certify.statements.cholesky import BLOCK, integer_cholesky
from certify.statements.exact import exact
from certify.statements.factor import factor


def positive(n: int, seed: int, bits: int):
    """An integer matrix with eigenvalues of 4^bits and less, down to far below what float64 sees beside these."""
    r = np.random.default_rng(seed)
    g = np.array([[int(v) for v in row] for row in r.integers(-(2**40), 2**40, (n, n))], dtype=object)
    g = g * np.array([1 << (bits * (n - j) // n) for j in range(n)], dtype=object)
    return g @ g.T


@pytest.mark.parametrize("n", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 1])
@pytest.mark.parametrize("bits", [1, 120])
def test_the_remainder_is_within_half_a_pivot(n, bits):
    m = positive(n, n, bits) + np.eye(n, dtype=int).astype(object) * 4**100
    low = integer_cholesky(m)
    rest, pivots = m - low @ low.T, np.diag(low)
    for i in range(n):
        assert all(low[i, j] == 0 for j in range(i + 1, n))
        assert all(2 * abs(rest[i, j]) <= pivots[j] + 2 for j in range(i)) and 0 <= rest[i, i] <= 2 * pivots[i]


@pytest.mark.parametrize("n", [2, BLOCK + 1])
def test_a_matrix_that_is_not_positive_has_no_factor(n):
    m = positive(n, 1, 50)
    m[n - 1, n - 1] = 0
    assert integer_cholesky(m) is None
    assert integer_cholesky(-m) is None and integer_cholesky(0 * m) is None


def test_entries_beyond_float64_have_no_float_factor_and_raise_nothing():
    huge = np.array([[1, 10**400], [10**400, 1]], dtype=object)
    assert factor(exact(huge)) is None
