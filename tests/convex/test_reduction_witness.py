"""The lower end of an error gain never exceeds the gain at its frequency, computed exactly by elimination."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.convex.reduction.norm import Peak
from certify.convex.reduction.systems import System
from certify.convex.reduction.witness import attained


def solved(m, right):
    """m^-1 right by elimination; rows of Fractions."""
    rows = [[*a, *b] for a, b in zip(m, right, strict=True)]
    n = len(rows)
    for j in range(n):
        k = next(i for i in range(j, n) if rows[i][j] != 0)
        rows[j], rows[k] = rows[k], rows[j]
        rows[j] = [v / rows[j][j] for v in rows[j]]
        for i in range(n):
            if i != j and rows[i][j] != 0:
                rows[i] = [v - rows[i][j] * w for v, w in zip(rows[i], rows[j], strict=True)]
    return [row[n:] for row in rows]


def square_of_gain(s: System, re: Fraction, im: Fraction):
    """|G(s)|^2 of a system with one input and one output, with (s I - A) x = B as real equations of twice the size."""
    n = len(s.a)
    a = [[Fraction(v) for v in row] for row in s.a]
    left = [[(re if i == j else 0) - a[i][j] for j in range(n)] for i in range(n)]
    turn = [[im if i == j else Fraction(0) for j in range(n)] for i in range(n)]
    m = [[*p, *(-v for v in q)] for p, q in zip(left, turn, strict=True)]
    m += [[*q, *p] for p, q in zip(left, turn, strict=True)]
    x = [row[0] for row in solved(m, [[Fraction(v)] for v in s.b[:, 0]] + [[Fraction(0)]] * n)]
    c = [Fraction(v) for v in s.c[0]]
    y = [sum(p * q for p, q in zip(c, half, strict=True)) for half in (x[:n], x[n:])]
    return (y[0] + Fraction(s.d[0, 0])) ** 2 + y[1] ** 2


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_the_witness_is_below_the_exact_gain_and_near_it(continuous, seed):
    r = np.random.default_rng(seed)
    n = 1 + seed
    scale = 2.0 ** r.integers(-30, 30, n)
    a = r.standard_normal((n, n)) * scale[:, None] / scale
    b, c, d = r.standard_normal((n, 1)) * scale[:, None], r.standard_normal((1, n)) / scale, r.standard_normal((1, 1))
    s = System(a, b, c, d, continuous)
    seen = attained(s, Peak(0.0, float(r.uniform(0.1, 3))))
    re, im = seen.point
    assert re == 0 if continuous else re * re + im * im == 1
    exact = square_of_gain(s, re, im)
    assert (1 - Fraction(1, 10**12)) * exact <= seen.gain**2 <= exact


def test_at_infinity_the_gain_is_that_of_d_alone():
    one = np.ones((1, 1))
    seen = attained(System(-one, one, one, 3 * one), Peak(3.0, float("inf")))
    assert seen.point is None and 3 - Fraction(1, 10**15) <= seen.gain <= 3


@pytest.mark.filterwarnings("ignore:Input")  # scipy, of gramians that do not exist
def test_a_pole_at_the_frequency_has_no_witness():
    one = np.ones((1, 1))
    assert attained(System(0 * one, one, one, one), Peak(1.0, 0.0)) is None
