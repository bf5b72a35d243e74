"""ct.error_budget and ct.ising_comparison: least budgets in Fractions, growth as a witness, spins by brute force."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from exact_chains import solve, table
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.convex.budgets import budget_exact
from certify.convex.budgets.influence import _tanh
from certify.errors import BadInput
from certify.numbers import float_above

FEW = settings(max_examples=40, deadline=None)


@st.composite
def systems(draw, high=5, top=4):
    """Gains and sources in Fractions; about as often contracting as not."""
    n = draw(st.integers(1, high))
    den = draw(st.integers(1, 12))
    g = table([[Fraction(draw(st.integers(0, top)), den) for _ in range(n)] for _ in range(n)])
    return g, [Fraction(draw(st.integers(0, 5)), 7) for _ in range(n)]


def least(g, b):
    """(I - G)^-1 b, or None where I - G is singular."""
    try:
        return solve(table(np.eye(len(g), dtype=int)) - g, b)
    except StopIteration:
        return None


@FEW
@given(systems())
def test_a_budget_is_just_above_the_least_one_or_errors_grow(system):
    g, b = system
    found = ct.error_budget(g, np.array(b, dtype=object))
    if found.status == "proved":
        assert found.verdict.accepted
        w = np.array(found.exact, dtype=object)
        assert (w >= 0).all()
        assert (w - g @ w - b >= 0).all()
        x = np.array([Fraction(0)] * len(b), dtype=object)
        for _ in range(25):
            assert (x <= w).all()
            x = g @ x + b
        if found.implicit:
            # The least budget is the fixed point, and what was found is near it.
            exact = least(g, b)
            assert all(e <= v <= e * (1 + Fraction(1, 10**5)) for e, v in zip(exact, found.exact, strict=True))
        return
    assert found.status == "refuted"
    y = np.array(found.growing, dtype=object)
    assert any(y)
    assert (y >= 0).all()
    assert (g @ y - y >= 0).all()
    # The sources reach all of it, so that what builds up passes every multiple of it.
    x = np.array(b, dtype=object)
    for _ in range(len(b)):
        x = g @ x + b
    c = min(Fraction(v) / Fraction(u) for u, v in zip(y, x, strict=True) if u)
    assert c > 0
    first = x
    for _ in range(len(b) + 1):
        x = g @ x + b
    assert all(v >= u for u, v in zip(first, x, strict=True))
    assert any(v > u for u, v in zip(first, x, strict=True))


@FEW
@given(systems(4), st.data())
def test_an_implicit_budget_bounds_vectors_of_any_sign(system, data):
    g, b = system
    found = ct.error_budget(g, np.array(b, dtype=object))
    if not found.implicit:
        return
    w = np.array(found.exact, dtype=object)
    for _ in range(10):
        x = np.array([Fraction(data.draw(st.integers(-30, 30)), 7) for _ in b], dtype=object)
        if (x <= g @ x + b).all():
            assert (x <= w).all()


@FEW
@given(systems(5, 40))
def test_strictly_triangular_gains_always_have_a_budget_which_telescopes(system):
    g, b = system
    g = np.tril(g, -1) + Fraction(0)
    found = ct.error_budget(g, np.array(b, dtype=object))
    assert found.status == "proved"
    assert found.implicit
    out = []
    for i, e in enumerate(b):
        out.append(e + sum((g[i, j] * out[j] for j in range(i)), Fraction(0)))
    assert all(e <= v <= e * (1 + Fraction(1, 10**6)) for e, v in zip(out, found.exact, strict=True))
    # What parts contribute adds up to the bound.
    assert np.allclose(found.shares.sum(axis=1), found.bound)


def test_parts_that_no_source_reaches_get_nothing_and_may_have_any_gain():
    found = ct.error_budget([[Fraction(1, 2), 0], [0, 3]], [1, 0])
    assert found.exact == (2, 0)
    assert not found.implicit
    assert "step by step" in str(found)
    assert ct.error_budget(np.zeros((3, 3)), [0, 0, 0]).exact == (0, 0, 0)


@pytest.mark.parametrize(
    "short", [Fraction(1, 10**6), Fraction(1, 10**15), Fraction(1, 10**17), Fraction(1, 10**30), 0]
)
def test_gains_as_near_to_one_as_one_likes_are_told_from_one(short):
    """Beyond 16 digits floats see 1; the exact solution does not."""
    g = table([[0, 1 - short], [1, 0]])
    found = ct.error_budget(g, [1, 1])
    if short:
        exact = least(g, [1, 1])
        assert found.status == "proved"
        assert found.implicit
        assert all(e <= v <= e * (1 + Fraction(1, 10**5)) for e, v in zip(exact, found.exact, strict=True))
    else:
        assert found.status == "refuted"
        assert found.growing[0] == found.growing[1] > 0
        assert str(found).count("no finite budget") == 1


def test_entries_of_any_size_have_a_budget():
    found = ct.error_budget([[0, 0], [1e-200, 0]], [1e-150, 0])
    assert found.status == "proved"
    assert 0 < found.exact[1] <= Fraction(2, 10**350)
    found = ct.error_budget([[0.5, 1e-100], [1e100, 0.25]], [1e-5, 1e-9])
    assert found.status == "refuted"
    found = ct.error_budget([[0.5, 1e-101], [1e100, 0.25]], [1e-5, 1e-9])
    assert found.status == "proved"
    assert found.lost < 1e-6


@FEW
@given(systems(6))
def test_budgets_in_fractions_are_above_and_near(system):
    g, b = system
    b = [v + Fraction(1, 7) for v in b]
    w, exact = budget_exact.above(g.tolist(), b), least(g, b)
    radius = float(np.abs(np.linalg.eigvals(g.astype(float))).max())
    if w is None:
        assert radius > 1 - 1e-6
        return
    assert radius < 1 + 1e-6
    w = np.array(w, dtype=object)
    assert (w - g @ w - b >= 0).all()
    assert all(e <= v <= e * (1 + Fraction(1, 10**9)) for e, v in zip(exact, w, strict=True))


def test_a_long_chain_of_layers_takes_seconds():
    n = 300
    g = np.diag(np.full(n - 1, 1.1), -1)
    found = ct.error_budget(g, np.full(n, 1e-3))
    assert found.status == "proved"
    assert found.bound[-1] == pytest.approx(1e-3 * (1.1**n - 1) / 0.1, rel=1e-9)
    assert sum(found.seconds.values()) < 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([[0.5, 0.5]], [1]), "G: expected a square matrix, found shape"),
        (([[0.5]], [1, 2]), "b: expected 1 entries, found shape"),
        (([[-0.5]], [1]), "G: expected entries >= 0, found -0.5"),
        (([[0.5]], [-1]), "b: expected entries >= 0, found -1"),
        (([[np.nan]], [1]), "G: expected finite entries"),
        (([[0.5]], [np.inf]), "b: expected finite entries"),
        (([[0.5, 1], [1]], [1, 1]), "G: expected rows of numbers"),
        (([[0.5]], ["a"]), "b: expected an array of floats"),
        (([[10**400]], [1]), "expected entries below"),
        (([], []), "G: expected a matrix"),
    ],
)
def test_what_is_no_system_is_refused_in_one_line(arguments, said):
    with pytest.raises(BadInput, match=said) as error:
        ct.error_budget(*arguments)
    assert "\n" not in str(error.value)


def test_a_budget_says_itself_as_json():
    found = ct.error_budget([[Fraction(1, 3)]], [1])
    said = found.as_json()
    assert said["status"] == "proved"
    assert Fraction(said["bound_exact"][0]) == found.exact[0] >= Fraction(3, 2)
    assert said["bound"][0] >= 1.5
    assert ct.error_budget([[2]], [1]).as_json()["growing"] == [1.0]


# Ising models.


def marginals(j, h):
    """P(s_i = 1) by summing over all spins."""
    n = len(h)
    spins = np.array(list(product((-1, 1), repeat=n)))
    weights = np.exp(0.5 * np.einsum("ki,ij,kj->k", spins, j, spins) + spins @ h)
    return ((spins == 1) * weights[:, None]).sum(axis=0) / weights.sum()


def couplings(r, n, size):
    j = np.triu(r.standard_normal((n, n)) * size * (r.random((n, n)) < 0.6), 1)
    return j + j.T


@pytest.mark.parametrize("seed", range(12))
def test_marginals_move_less_than_the_comparison_says(seed):
    r = np.random.default_rng(seed)
    n = int(r.integers(2, 7))
    j = couplings(r, n, 0.15)
    drop = np.triu(r.random((n, n)) < 0.4, 1)
    other = np.where(drop | drop.T, 0, j) if seed % 2 else j + couplings(r, n, 0.02)
    found = ct.ising_comparison(j, other)
    if found.status == "unknown":
        assert max(np.tanh(np.abs(j)).sum(axis=1)) >= 1
        return
    assert "Dobrushin" in str(found)
    for _ in range(20):
        h = r.standard_normal(n) * r.choice([0, 0.3, 3])
        moved = np.abs(marginals(j, h) - marginals(other, h))
        assert (moved <= found.bound + 1e-12).all()


def test_two_spins_attain_the_comparison_up_to_a_factor():
    j = np.array([[0, 0.3], [0.3, 0]])
    found = ct.ising_comparison(j, np.zeros((2, 2)))
    grid = [
        marginals(j, np.array([a, b])) - marginals(0 * j, np.array([a, b])) for a in (0, 0.1, 3) for b in (0, 0.2, 3)
    ]
    seen = np.abs(grid).max()
    assert seen <= found.bound.max() <= 2 * seen


def test_the_influence_of_a_spin_is_what_the_formula_says():
    """tanh |J| is the largest change of a single-site law when one neighbour flips."""
    for j in (0.05, 0.4, 1.5):
        fields = np.linspace(-4, 4, 4001)
        moved = np.abs(1 / (1 + np.exp(-2 * (fields + j))) - 1 / (1 + np.exp(-2 * (fields - j))))
        assert moved.max() == pytest.approx(math.tanh(j), rel=1e-5)
        # The left side is rounded by numpy.
        assert moved.max() <= _tanh(Fraction(j)) * (1 + 1e-12)


@given(st.fractions(0, 400))
def test_the_hyperbolic_tangent_is_rounded_up(x):
    from mpmath import mp, tanh

    with mp.workdps(400):
        assert tanh(mp.mpf(x.numerator) / x.denominator) <= mp.mpf(_tanh(x))
    assert _tanh(x) <= float_above(x)
    assert _tanh(x) <= 1


def test_the_smallest_couplings_are_not_rounded_away():
    assert _tanh(Fraction(5e-324) / 2) > 0
    found = ct.ising_comparison([[0, 5e-324], [5e-324, 0]], np.zeros((2, 2)))
    assert all(v > 0 for v in found.exact)


def test_couplings_that_are_too_strong_are_unknown_not_refuted():
    strong = np.array([[0, 5.0], [5.0, 0]])
    found = ct.ising_comparison(np.kron(np.eye(1), strong), np.zeros((2, 2)))
    assert found.status == "proved"  # a pair: tanh 5 < 1
    three = 5 * (np.ones((3, 3)) - np.eye(3))
    found = ct.ising_comparison(three, np.zeros((3, 3)))
    assert found.status == "unknown"
    assert found.exact is None
    assert "Dobrushin's condition does not hold" in str(found)
    # Nothing was changed: no error, however strong.
    assert ct.ising_comparison(three, three).exact == (0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.eye(2), np.zeros((2, 2))), "J: expected a symmetric matrix with a zero diagonal"),
        (([[0, 1], [2, 0]], np.zeros((2, 2))), "J: expected a symmetric matrix"),
        ((np.zeros((2, 3)), np.zeros((2, 2))), "J: expected a symmetric matrix"),
        ((np.zeros((2, 2)), np.zeros((3, 3))), "J_coarse: expected shape"),
        ((np.zeros((2, 2)), np.eye(2)), "J_coarse: expected a symmetric matrix"),
        (([[0, np.nan], [np.nan, 0]], np.zeros((2, 2))), "J: expected finite entries"),
        (("J", np.zeros((2, 2))), "J: expected an array of floats"),
    ],
)
def test_couplings_that_are_none_are_refused_in_one_line(arguments, said):
    with pytest.raises(BadInput, match=said) as error:
        ct.ising_comparison(*arguments)
    assert "\n" not in str(error.value)
