"""Bounds and supports of every kind of domain against exact rational geometry."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from bundles import FAST, PURE, Case, Reader, Region, Style, bounding_box, bundle, exact
from cases import random_region, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from rational_oracle import samples

from certify.kernel.claim import Claim
from certify.kernel.rules.domain import Region as KernelRegion
from certify.kernel.verdict import Rejected
from certify.networks.builder import Builder
from certify.networks.maps import Dense

# What these tests bear on: certify/traceability.py.
TESTED_RULES = ("domain",)

ARITHMETIC = pytest.mark.parametrize("arithmetic", [FAST, PURE], ids=["fast", "pure"])


def _domain(region: Region):
    n = region.arrays[0].shape[-1]
    b = Builder()
    net = b.finish(b.linear(b.input(n), Dense(np.ones((1, n)))), (n,), (1,))
    return Claim(Reader(bundle(Case(net, None, region)))).domain


@settings(max_examples=100, deadline=None)
@given(seed=seeds, scale=st.integers(-3, 80))
def test_integer_bounds_enclose_the_part_by_less_than_one_unit(seed, scale):
    r = random.Random(seed)
    region = random_region(r, r.randrange(1, 4))
    domain = _domain(region)
    for part in range(region.parts):
        for (low, high), (a, b) in zip(
            zip(*domain.bounds(part, scale), strict=True), zip(*bounding_box(region, part), strict=True), strict=True
        ):
            unit = Fraction(2) ** scale
            assert a * unit - 1 < low <= a * unit and b * unit <= high < b * unit + 1
        for i, (a, b) in enumerate(zip(*bounding_box(region, part), strict=True)):
            assert domain.coordinate(part, i) == (a, b)


@ARITHMETIC
@settings(max_examples=100, deadline=None)
@given(seed=seeds, scale=st.integers(2, 90))
def test_the_support_is_below_every_point_of_the_part(arithmetic, seed, scale):
    r = random.Random(seed)
    region = random_region(r, r.randrange(1, 4))
    domain, n = _domain(region), region.arrays[0].shape[-1]
    rows = [[r.randrange(-1000, 1001) for _ in range(n)] for _ in range(3)]
    c = arithmetic.vector([v for row in rows for v in row]).shaped(3, n)
    for part in range(region.parts):
        lo, hi = domain.bounds(part, scale)
        leaf = KernelRegion(arithmetic, [lo], [hi], [domain.ball(part, scale)])
        found = leaf.support(c, None, leaf.lo, leaf.hi).tolist()
        for x in samples(region, part, 6, r):
            point = [v * 2**scale - low for v, low in zip(x, lo, strict=True)]
            for row, below in zip(rows, found, strict=True):
                assert below <= sum(a * b for a, b in zip(row, point, strict=True))


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_the_support_of_a_ball_is_within_rounding_of_the_exact_one(seed):
    r = random.Random(seed)
    norm, n = r.choice(["l2", "l1"]), r.randrange(1, 4)
    centre = np.array([[r.uniform(-1, 1) for _ in range(n)]])
    region = Region("ball", (centre,), norm, Fraction(1, 3))
    scale = 60
    domain, row = _domain(region), [r.randrange(-1000, 1001) for _ in range(n)]
    lo, hi = domain.bounds(0, scale)
    leaf = KernelRegion(FAST, [lo], [hi], [domain.ball(0, scale)])
    (found,) = leaf.support(FAST.vector(row).row(), None, leaf.lo, leaf.hi).tolist()
    start = sum(c * (v * 2**scale - low) for c, v, low in zip(row, exact(centre), lo, strict=True))
    gap = start - found
    if norm == "l1":
        size = Fraction(max(map(abs, row)))
        assert abs(gap - region.radius * size * 2**scale) < 10**5
    else:  # the norm is rounded up to an integer
        square = sum(c * c for c in row)
        upper = max(0, gap - 10**5) ** 2 <= (region.radius * 2**scale) ** 2 * (square + 2 * square + 1)
        assert gap**2 >= (region.radius * 2**scale) ** 2 * square * Fraction(999, 1000) and upper


@pytest.mark.parametrize(("norm", "gap"), [("l2", Fraction(5)), ("l1", Fraction(7))])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_ball_that_touches_the_box_counts_and_one_just_short_does_not(norm, gap, side):
    """The nearest point of the box is at (3, 4) from the centre: l2 distance 5, l1 distance 7."""
    centre = np.zeros((1, 2))
    box = (np.array([3.0, 4.0]), np.array([9.0, 9.0]))
    if side < 0:
        box = (-box[1], -box[0])
    assert _domain(Region("ball", (centre,), norm, gap, box)).parts == 1
    with pytest.raises(Rejected, match="empty-domain"):
        _domain(Region("ball", (centre,), norm, gap - Fraction(1, 10**50), box))


def test_the_second_input_ranges_over_the_hull_of_all_parts():
    centres = np.array([[0.0], [5.0], [-3.0]])
    domain = _domain(Region("ball", (centres,), "linf", Fraction(1)))
    assert domain.hull(0) == ([-4], [6])
    assert domain.hull(-2) == ([-1], [2])


def test_a_style_can_be_reused():
    """The maker of bundles is deterministic: vectors depend on it."""
    b = Builder()
    net = b.finish(b.linear(b.input(1), Dense(np.ones((1, 1)))), (1,), (1,))
    case = Case(net, None, Region("box", (np.zeros(1), np.ones(1))))
    style = Style(seed=3)
    assert bundle(case, (style,)) == bundle(case, (style,))
