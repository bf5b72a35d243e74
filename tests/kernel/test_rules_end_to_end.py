"""Whatever the kernel establishes holds at every point evaluated exactly; both arithmetics establish the same.

The oracle shares nothing with the kernel: plain rational evaluation at vertices, extreme points and samples of the
domain, at independent points x', at free choices and at values of unknown scales.
"""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from bundles import FAST, PURE, bundle, established, verdict, with_threshold, write_zip
from cases import KINDS, random_case, random_styles, seeds
from hypothesis import HealthCheck, given, settings
from rational_oracle import squared, worst

from certify.kernel import replay

# What these tests bear on: certify/traceability.py.
TESTED_RULES = ("forward", "backward", "difference", "split", "conclude")

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def _bundle(case, seed, huge=False):
    r = random.Random(seed)
    return bundle(case, random_styles(seed, huge), r.randrange(4), seed, r.choice([0.0, 0.5]))


def _holds(case, bounds, seed, count=4):
    for part, bound in enumerate(bounds):
        found = worst(case, part, count, seed)
        if found is not None:
            assert found <= (bound * bound if squared(case) else bound), (part, found, bound)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds)
def test_no_exact_evaluation_exceeds_what_is_established(kind, seed):
    case = random_case(seed, kind)
    bounds = established(_bundle(case, seed), FAST)
    _holds(case, bounds, seed)


@pytest.mark.parametrize("huge", [False, True])
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds)
def test_fast_and_pure_establish_the_same_bounds(huge, seed):
    case = random_case(seed)
    files = _bundle(case, seed, huge)
    bounds = established(files, FAST)
    assert bounds == established(files, PURE)
    _holds(case, bounds, seed, 2)


@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds)
def test_a_claim_is_accepted_at_the_established_bound_and_not_one_unit_below(tmp_path, seed):
    case = random_case(seed)
    files = _bundle(case, seed)
    bound = max(established(files, FAST))
    # The reported root is rounded up by less than 2^-60 of itself; squares are what is compared.
    below = bound * (1 - Fraction(1, 2**56)) if squared(case) else bound - Fraction(1, bound.denominator)
    for arithmetic in (FAST, PURE):
        path = write_zip(with_threshold(files, bound), tmp_path / "at.cert")
        assert verdict(path, arithmetic)[0] == "accepted"
        if not squared(case):
            path = write_zip(with_threshold(files, bound, "below"), tmp_path / "strict.cert")
            assert verdict(path, arithmetic)[:2] == ("rejected", "bound-too-high")
        if below >= 0 or not squared(case):
            path = write_zip(with_threshold(files, below), tmp_path / "below.cert")
            accepted = squared(case) and bound == 0
            assert verdict(path, arithmetic)[:2] == (("accepted", "") if accepted else ("rejected", "bound-too-high"))


@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds)
def test_a_network_against_itself_is_certified_at_zero(seed):
    case = random_case(seed, "same")
    if case.quantity[0] == "decision":
        return
    styles = [
        replace(s, hints=0.0, multipliers=0.0) for s in random_styles(seed)
    ]  # a silly slope may still add a line to nothing
    assert set(established(bundle(case, tuple(styles)), FAST)) == {Fraction(0)}


@settings(max_examples=30, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds, hint_seed=seeds)
def test_slopes_of_any_value_leave_the_bound_sound(seed, hint_seed):
    case = random_case(seed)
    (style, *_) = random_styles(hint_seed)
    style.hints = 1.0
    _holds(case, established(bundle(case, (style,)), FAST), seed, 6)


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds)
def test_how_leaves_are_grouped_changes_no_bound(seed):
    """The same leaves one at a time, two at a time and all together."""
    case, r = random_case(seed), random.Random(seed)
    styles = tuple(replace(s, slots=r.choice([1, 3])) for s in random_styles(seed))
    files = bundle(case, styles, 4, seed, r.choice([0.0, 0.6]))
    found = []
    for size in (1, 2, 512):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(replay, "BATCH", size)
            patch.setattr(replay, "CHUNK", r.choice([1, 7, 1 << 17]))
            found.append(established(files, r.choice([FAST, PURE])))
    assert found[0] == found[1] == found[2]
    _holds(case, found[0], seed, 2)


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(seed=seeds)
def test_multipliers_of_any_value_leave_the_bound_sound(seed):
    case = random_case(seed)
    (style, *_) = random_styles(seed)
    files = bundle(case, (replace(style, multipliers=1.0),), 2, seed, 0.7)
    _holds(case, established(files, FAST), seed, 6)
