"""Kind *gain*: both kernels accept the least limit on a grid that a diagonal argument shows, and not the one below."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from both_kernels import assert_same, needs_rocq

from bundles import sealed, write_directory  # isort: skip

from certify.statements.bundle import certificate
from certify.statements.factor import Factor

pytestmark = needs_rocq
GRID = 1 << 12


def table(m) -> np.ndarray:
    return np.vectorize(Fraction, otypes=[object])(np.asarray(m))


def joined(first, second) -> list[np.ndarray]:
    """The first system less the second, from the definition."""
    a, b, c, d = map(table, first)
    f, g, h, k = map(table, second)
    n, r = len(a), len(f)
    both = table(np.zeros((n + r, n + r)))
    both[:n, :n], both[n:, n:] = a, f
    return [both, np.vstack([b, g]), np.hstack([c, -h]), d - k]


def least_gain(system, x, continuous: bool) -> Fraction:
    """The least limit on the grid for which the inequality has a dominant diagonal; fails where no limit does."""
    a, b, c, d = map(table, system)
    x, n = table(x), len(a)
    if continuous:
        state, mixed, fed = a.T @ x + x @ a, x @ b, 0 * (b.T @ b)
    else:
        state, mixed, fed = a.T @ x @ a - x, a.T @ x @ b, b.T @ x @ b
    form = -np.block([[state + c.T @ c, mixed + c.T @ d], [(mixed + c.T @ d).T, fed + d.T @ d]])
    margins = [2 * form[i, i] - sum(abs(v) for v in form[i]) if form[i, i] > 0 else -1 for i in range(n)]
    assert min(margins) >= 0, "the test's storage is too small"
    square = max(sum(abs(v) for j, v in enumerate(row) if j != n + i) - row[n + i] for i, row in enumerate(form[n:]))
    scaled = square * GRID * GRID
    return Fraction(isqrt(-(-scaled.numerator // scaled.denominator) - 1) + 1, GRID)


def drawn(r, n: int, m: int, p: int, continuous: bool) -> list[np.ndarray]:
    a = r.integers(-1, 2, (n, n)) / 32 - (4 * np.eye(n) if continuous else 0)
    return [a, r.integers(-2, 3, (n, m)) / 4, r.integers(-2, 3, (p, n)) / 2, r.integers(-2, 3, (p, m)) * 1.0]


@pytest.mark.parametrize("seed", range(24))
def test_the_least_limit_is_accepted_and_one_below_it_rejected(tmp_path, seed):
    r = np.random.default_rng(seed)
    continuous, pair = seed % 2 == 1, seed % 4 >= 2
    n, k, m, p = (int(v) for v in r.integers(1, 5, 4))
    parts = drawn(r, n, m, p, continuous)
    system = parts
    if pair:
        parts = parts + drawn(r, k, m, p, continuous)
        system = joined(parts[:4], parts[4:])
    size = len(system[0])
    x = r.integers(-1, 2, (size, size)) / 8
    x = x + x.T + 100 * np.eye(size)
    least = least_gain(system, x, continuous)
    hints = [Factor([40] * s, [0] * (s * (s + 1) // 2)) for s in (size, size + m)]
    for number, (limit, said) in enumerate({least: "accepted", least - Fraction(1, GRID): "rejected"}.items()):
        of = {"continuous": int(continuous), "systems": parts, "limit": limit}
        path = write_directory(sealed(certificate("gain", of, [x, *hints]).files), tmp_path / str(number))
        assert assert_same(path) == said
