"""Rule *quadratic*: whatever multipliers, factors and coordinates say, no exact evaluation exceeds its bound.

The oracle evaluates networks in rationals. In these tests the bound of the backward pass is put aside, or a wrong
quadratic bound could hide behind it.
"""

from __future__ import annotations

import builtins
import random
from fractions import Fraction

import numpy as np
import pytest
from bundles import FAST, PURE, established
from cases import seeds
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rational_oracle import worst
from semidefinite_bundles import KINDS, exploiting, one_row, semidefinite

from certify.kernel import replay
from certify.kernel.arithmetic import fast, pure
from certify.kernel.rules.psd import lower_bound

# What these tests bear on: certify/traceability.py.
TESTED_RULES = ("quadratic", "psd")

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]


@pytest.fixture
def quadratic_alone(monkeypatch):
    """The bound of a row is what its form says, not the lesser of it and the backward pass."""

    def second(*items):
        return items[1] if isinstance(items[-1], Fraction) else builtins.min(*items)

    monkeypatch.setattr(replay, "min", second, raising=False)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds, spoil=st.sampled_from([0.0, 0.0, 0.3]), lossy=st.booleans())
def test_no_exact_evaluation_exceeds_a_quadratic_bound(quadratic_alone, kind, seed, spoil, lossy):
    case = one_row(seed, kind)
    files = semidefinite(case, seed, spoil, lossy)
    assume(files is not None)
    bound = established(files, FAST)[0]
    assert bound == established(files, PURE)[0]
    found = worst(case, 0, 6, seed)
    assert found is None or found <= bound


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds)
def test_an_optimiser_finds_no_way_through_the_kernels_own_facts(quadratic_alone, kind, seed):
    case = one_row(seed, kind)
    files = exploiting(case, seed)
    assume(files is not None)
    bound = established(files, FAST)[0]
    found = worst(case, 0, 10, seed)
    assert found is None or found <= bound


def test_the_bounds_are_close_enough_to_show_a_mistake(quadratic_alone):
    """Without this the test above could pass on vacuous bounds."""
    close = 0
    for seed in range(40):
        case = one_row(seed, "mlp")
        files = semidefinite(case, seed)
        found = worst(case, 0, 12, seed) if files is not None else None
        if found is None:
            continue
        bound = established(files, FAST)[0]
        assert found <= bound
        close += bound - found <= max(abs(found), Fraction(1, 100)) / 100
    assert close >= 12


@settings(max_examples=200, deadline=None)
@given(
    n=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([1, 3, 50, 2**20, 2**70]),
    rank=st.integers(1, 5),
)
def test_the_psd_bound_is_below_the_form_everywhere(n, seed, size, rank):
    r = random.Random(seed)
    form = [[0] * n for _ in range(n)]
    factor = [[r.randrange(-3, 4) * max(1, int(size**0.5) // 2) for _ in range(rank)] for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            near = sum(a * b for a, b in zip(factor[i], factor[j], strict=True))
            form[i][j] = form[j][i] = near * r.choice([0, 1, 1]) + r.randrange(-size, size + 1)
    bound = lower_bound(fast, fast.matrix(form), fast.matrix(factor))
    assert bound == lower_bound(pure, pure.matrix(form), pure.matrix(factor))
    for _ in range(20):
        z = [Fraction(1)] + [Fraction(r.choice([-8, 8, 0, r.randrange(-8, 9)]), 8) for _ in range(n - 1)]
        assert bound <= sum(form[i][j] * z[i] * z[j] for i in range(n) for j in range(n))


def test_a_factor_that_leaves_nothing_gives_the_exact_least_value():
    g = np.array([[2, 1], [1, 2]])
    # z = (1, t): 2 + 2t + 2t^2 is least at t = -1/2, where it is 3/2; with L L' = [[1/2, 1], [1, 2]] * 2 the rest is 1.
    form, factor = [[int(v) * 2 for v in row] for row in g], [[1], [2]]
    for a in (fast, pure):
        assert lower_bound(a, a.matrix(form), a.matrix(factor)) == 3
