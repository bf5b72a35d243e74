"""ct.stationary_bounds: intervals that hold the exact mean, and are short however slow the chain is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact_chains import balanced, chains, solve, stationary, table, walk
from hypothesis import given, settings
from hypothesis import strategies as st

import certify as ct
from certify.convex.lumping.chains import chain
from certify.convex.lumping.poisson import DIGITS, Solver, closed_classes
from certify.errors import BadInput
from certify.statements.exact import fractions

FEW = settings(max_examples=30, deadline=None)


def inside(found, mean):
    assert found.status == "proved"
    assert found.verdict.accepted
    assert found.bracket.lower <= mean <= found.bracket.upper
    return found.bracket.upper - found.bracket.lower


@FEW
@given(st.data())
def test_the_exact_mean_is_in_the_interval_and_the_interval_is_short(data):
    p = data.draw(chains(1, 6))
    f = [Fraction(data.draw(st.integers(-9, 9)), data.draw(st.integers(1, 9))) for _ in p]
    found = ct.stationary_bounds(p, np.array(f, dtype=object))
    law = stationary(p)
    if law is None:
        assert found.details["classes"] > 1
        assert "not unique" in str(found)
        means = [sum(x * y for x, y in zip(m, f, strict=True)) for m in extreme_laws(p)]
        assert found.bracket.lower <= min(means)
        assert max(means) <= found.bracket.upper
        # Both ends are attained, up to rounding: by the laws of the extreme classes.
        assert max(means) - min(means) >= (found.bracket.upper - found.bracket.lower) - Fraction(1, 10**9)
        return
    width = inside(found, sum(x * y for x, y in zip(law, f, strict=True)))
    assert width <= (max(f) - min(f)) * Fraction(1, 10**12)


def extreme_laws(p):
    """The stationary laws of the closed classes."""
    classes, _ = closed_classes(p.astype(float))
    for c in classes:
        law = [Fraction(0)] * len(p)
        for i, v in zip(c, stationary(p[np.ix_(c, c)]), strict=True):
            law[i] = v
        yield law


@FEW
@given(st.data())
def test_any_basis_gives_an_interval_that_holds(data):
    p = data.draw(chains(2, 6))
    f = np.array([data.draw(st.integers(-5, 5)) for _ in p])
    k = data.draw(st.integers(1, 3))
    basis = np.array([[data.draw(st.integers(-4, 4)) for _ in range(k)] for _ in p], dtype=float)
    found = ct.stationary_bounds(p, f, basis=basis)
    for law in extreme_laws(p):
        inside(found, sum(x * int(y) for x, y in zip(law, f, strict=True)))
    assert min(f) <= found.bracket.lower <= found.bracket.upper <= max(f)


def test_a_full_basis_is_as_good_as_the_poisson_equation():
    p = table([[Fraction(1, 2), Fraction(1, 2), 0], [Fraction(1, 3), 0, Fraction(2, 3)], [1, 0, 0]])
    f, law = [3, -1, 2], stationary(p)
    found = ct.stationary_bounds(p, f, basis=np.eye(3))
    assert inside(found, sum(x * y for x, y in zip(law, f, strict=True))) < Fraction(1, 10**9)


def test_constants_alone_say_nothing_and_that_is_said():
    found = ct.stationary_bounds([[0.5, 0.5], [0.25, 0.75]], [0, 1], basis=np.ones((2, 1)))
    assert found.vacuous
    assert "no better than" in str(found)
    assert (found.bracket.lower, found.bracket.upper) == (0, 1)


def test_transient_states_take_no_part():
    p = table([[Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)], [0, 0, 1], [0, 1, 0]])
    found = ct.stationary_bounds(p, [1000, 1, 2])
    assert inside(found, Fraction(3, 2)) < Fraction(1, 10**9)
    # Two closed classes, reached from a transient state: all laws between theirs.
    q = table([[0, Fraction(1, 2), Fraction(1, 2)], [0, 1, 0], [0, 0, 1]])
    found = ct.stationary_bounds(q, [-7, 1, 2])
    assert (found.bracket.lower, found.bracket.upper) == (1, 2)
    assert found.details["classes"] == 2


def test_periods_do_not_matter():
    n = 7
    p = np.roll(np.eye(n), 1, axis=1)
    assert inside(ct.stationary_bounds(p, np.arange(n)), 3) < Fraction(1, 10**9)


def mean_of(p, f):
    """The mean under the chain that is certified, from detailed balance."""
    rows = fractions(chain(p).exact)
    return sum(x * Fraction(v) for x, v in zip(balanced(rows), f.tolist(), strict=True))


@pytest.mark.parametrize("height", [0, 1, 4, 8, 15, 30, 60])
def test_walks_that_take_ages_between_two_wells_have_short_intervals(height):
    """exp(2 height) steps on the way: beyond 16 digits from height 18 on, where ordinary elimination has none left."""
    n = 120
    x = np.linspace(0, 1, n)
    p = walk(n, height * np.cos(4 * np.pi * x) + 0.3 * height * x)
    f = (x > 0.4).astype(float)
    assert inside(ct.stationary_bounds(p, f), mean_of(p, f)) < Fraction(1, 10**12)


def test_smooth_functions_hold_a_slow_walk_where_indicators_say_nothing():
    n = 400
    x = np.linspace(0, 1, n)
    p, f = walk(n, np.zeros(n)), x**2
    mean = mean_of(p, f)
    indicators = np.eye(20)[np.arange(n) * 20 // n]
    coarse = ct.stationary_bounds(p, f, basis=indicators)
    inside(coarse, mean)
    assert coarse.vacuous
    smooth = ct.stationary_bounds(p, f, basis=np.cos(np.pi * np.outer(x, np.arange(1, 13))))
    assert inside(smooth, mean) < Fraction(1, 10)
    assert inside(ct.stationary_bounds(p, f), mean) < Fraction(1, 10**12)


def test_a_thousand_states_in_seconds():
    n = 1000
    x = np.linspace(0, 1, n)
    heights = 20 * np.cos(4 * np.pi * x)
    law = np.exp(-heights) / np.exp(-heights).sum()
    found = ct.stationary_bounds(walk(n, heights), x)
    assert found.bracket.upper - found.bracket.lower < Fraction(1, 10**12)
    assert found.bound == pytest.approx(float(law @ x), rel=1e-9)
    assert found.seconds["search"] < 5
    assert found.seconds["check"] < 5


@pytest.mark.parametrize("size", [1e-200, 1e-9, 1e9, 1e200])
def test_sizes_of_values_do_not_matter(size):
    p = np.array([[0.5, 0.5, 0], [0.25, 0.5, 0.25], [0, 0.125, 0.875]])
    f = np.array([1.0, -2.0, 3.0]) * size
    assert inside(ct.stationary_bounds(p, f), mean_of(p, f)) < Fraction(size) / 10**12


@FEW
@given(st.data())
def test_one_pass_of_the_solver_is_right_to_ten_digits(data):
    p = data.draw(chains(2, 6)).astype(float)
    f = np.array([data.draw(st.integers(-9, 9)) for _ in p])
    solver = Solver(p)
    h = solver(np.array([int(v) << DIGITS for v in f], dtype=object), max)
    rest = f + (p - np.eye(len(p))) @ np.array([float(Fraction(int(v), 1 << DIGITS)) for v in h])
    for c in solver.classes:
        assert np.ptp(rest[c]) < 1e-8
        a = (np.eye(len(c)) - p[np.ix_(c, c)]).T
        a[0] = 1
        assert (
            abs(
                float(sum(x * int(y) for x, y in zip(solve(a, [1, *[0] * (len(c) - 1)]), f[c], strict=True)))
                - rest[c[0]]
            )
            < 1e-8
        )
    assert (rest <= max(rest[c].max() for c in solver.classes) + 1e-8).all()


@pytest.mark.parametrize("rare", [60, 300, 900])
def test_moves_may_be_as_rare_as_a_certificate_can_write(rare):
    tiny = Fraction(1, 2**rare)
    p = table([[1 - tiny, tiny], [2 * tiny, 1 - 2 * tiny]])
    assert inside(ct.stationary_bounds(p, [0, 1]), Fraction(1, 3)) < Fraction(1, 10**12)


def test_floats_that_underflow_are_noticed():
    p = np.array([[1.0, 5e-324], [0.5, 0.5]])
    assert sorted([Solver(p).fits, Solver(p[::-1, ::-1]).fits]) == [False, True]


HALF = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([[0.5, 0.6], [0.5, 0.5]], [0, 1]), "row 0 sums to 1.1"),
        (([[1 - Fraction(1, 10**400), Fraction(1, 10**400)], [0, 1]], [0, 1]), "a common denominator below 2\\^1023"),
        ((HALF, [0, 1, 2]), "f: expected 2 values, found shape"),
        ((HALF, [[0], [1]]), "f: expected 2 values, found shape"),
        ((HALF, ["a", "b"]), "f: expected an array of floats"),
        ((HALF, [0, np.inf]), "f: expected finite entries"),
        ((HALF, [0, 10**400]), "f: expected values below"),
        ((HALF, [0, [1]]), "f: expected"),
        ((HALF, [0, 1], np.ones(2)), "basis: expected columns of 2 entries"),
        ((HALF, [0, 1], np.ones((3, 1))), "basis: expected columns of 2 entries"),
        ((HALF, [0, 1], np.ones((2, 0))), "basis: expected columns of 2 entries"),
        ((HALF, [0, 1], [["a"], ["b"]]), "basis: expected an array of floats"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(arguments, said):
    with pytest.raises(BadInput, match=said) as error:
        ct.stationary_bounds(*arguments)
    assert "\n" not in str(error.value)
