"""Factors in long integers: what float64 takes for singular is shown positive, and what is not, is not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.convex.forms import scalar
from certify.statements.bound import judged
from certify.statements.exact import exact
from certify.statements.factor import factor, holds
from certify.statements.fine_factor import fine_factor


def nearly_singular(n, rank, seed, shift):
    x = exact(np.random.default_rng(seed).standard_normal((n, rank)))
    return x @ x.T + scalar(n, shift)


def test_a_matrix_that_float64_takes_for_singular_is_proved_positive():
    m = nearly_singular(20, 8, 0, Fraction(1, 2**60))
    found = fine_factor(m)
    assert factor(m) is None and found is not None
    of = {"conclusion": m, "count": 0, "premises": np.eye(1)}
    made, verdict = judged("s-procedure", of, [found])
    assert verdict.accepted and ct.check(made, kernel="pure").accepted


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1), st.integers(-60, 60), st.integers(10, 55))
def test_the_sign_of_the_least_eigenvalue_decides(n, seed, scale, depth):
    shift = Fraction(1, 2**depth)
    up = nearly_singular(n, max(n - 1, 1), seed, shift).times(2 ** max(scale, 0), 2 ** max(-scale, 0))
    found = fine_factor(up)
    assert found is not None and holds(up, found)
    if n > 1:
        assert fine_factor(nearly_singular(n, n - 1, seed, -shift)) is None


def test_what_has_no_factor_gets_none():
    for m in (np.zeros((2, 2)), -np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 1.0]])):
        assert fine_factor(exact(m)) is None
    assert fine_factor(exact(np.eye(501))) is None
