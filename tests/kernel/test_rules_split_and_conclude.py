"""Splits cover their region; norms of outputs are joined exactly; forward and backward are exact where they can be."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pytest
from bundles import (
    FAST,
    PURE,
    Case,
    Region,
    Style,
    bounding_box,
    bundle,
    established,
    exact,
    random_tree,
    verdict,
    with_threshold,
    write_zip,
)
from cases import numbers, random_case, random_least, random_region, random_styles, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from rational_oracle import worst

from certify.kernel.rules import conclude, split
from certify.kernel.verdict import Rejected
from certify.kernel.words import Lines
from certify.networks.builder import Builder
from certify.networks.maps import Dense

# What these tests bear on: certify/traceability.py.
TESTED_RULES = ("split", "conclude", "forward")


def _cells(lines, low, high, plans=1):
    cursor = Lines("proof", ("\n".join(lines) + "\n").encode())
    claim = SimpleNamespace(n_in=len(low), domain=SimpleNamespace(coordinate=lambda part, i: (low[i], high[i])))
    tree = split.Tree(cursor, claim, [SimpleNamespace(slots=1)] * plans, 0, [0])
    cells = [leaf.cuts for leaf in tree.leaves()]
    assert cursor.peek() is None
    return cells


@settings(max_examples=80, deadline=None)
@given(seed=seeds)
def test_the_leaves_of_a_tree_cover_every_point(seed):
    r = random.Random(seed)
    region = random_region(r, r.randrange(1, 3))
    low, high = bounding_box(region, 0)
    b = Builder()
    net = b.finish(b.input(len(low)), (len(low),), (len(low),))
    lines = random_tree(Case(net, None, region), 0, [1], r, 4)
    cells = _cells(lines, low, high)
    cuts = {(i, m) for cell in cells for i, a, b in cell for m in (a, b) if m is not None}
    for _ in range(20):
        x = [a + (b - a) * Fraction(r.randrange(65), 64) for a, b in zip(low, high, strict=True)]
        for i, m in cuts:  # the cuts themselves are the places where a hole could be
            if r.random() < 0.3:
                x[i] = m
        assert any(all((b is None or x[i] <= b) and (a is None or x[i] >= a) for i, b, a in cell) for cell in cells)


@pytest.mark.parametrize(
    "lines",
    [
        ["split 0 3 0", "leaf 0 0", "leaf 0 0"],
        ["split 0 -1 0", "leaf 0 0", "leaf 0 0"],
        ["split 0 1 0", "split 0 1 0", "leaf 0 0", "leaf 0 0", "leaf 0 0"],
        ["split 0 1 0", "split 0 3 1", "leaf 0 0", "leaf 0 0", "leaf 0 0"],
        ["split 0 1 0", "leaf 0 0", "split 0 1 1", "leaf 0 0", "leaf 0 0"],
    ],
)
def test_a_cut_outside_its_cell_is_rejected(lines):
    with pytest.raises(Rejected, match="split-outside"):
        _cells(lines, [0], [2])


def test_a_missing_half_is_rejected():
    with pytest.raises(Rejected, match="unexpected-word"):
        _cells(["split 0 1 0", "leaf 0 0"], [0], [2])


@settings(max_examples=60, deadline=None)
@given(lows=st.lists(st.integers(-50, 50), min_size=1, max_size=3), scale=st.integers(-3, 3), m=st.integers(-200, 200))
def test_cut_bounds_are_outward_and_tight(lows, scale, m):
    lo, hi = list(lows), [v + 7 for v in lows]
    at = Fraction(m, 8)
    below = split.cut_bounds(lo, hi, [(0, at, None)], scale)[1][0]
    above = split.cut_bounds(lo, hi, [(0, None, at)], scale)[0][0]
    unit = at * Fraction(2) ** scale
    assert below == min(hi[0], -((-unit).__floor__())) and above == max(lo[0], unit.__floor__())


# ---- conclude


def _claim(norm, n, threshold, relation="at-most"):
    return SimpleNamespace(quantity=("value", norm, 0), relation=relation, threshold=threshold, n_out=n)


@given(
    st.sampled_from(["linf", "l1", "l2"]),
    st.lists(st.tuples(st.integers(-5, 9), st.integers(0, 9)), min_size=1, max_size=3),
)
def test_the_joined_bound_is_the_largest_norm_that_the_rows_allow(norm, intervals):
    uppers = [Fraction(a + w) for a, w in intervals] + [Fraction(-a) for a, w in intervals]
    size = {
        "linf": lambda d: max(map(abs, d)),
        "l1": lambda d: sum(map(abs, d)),
        "l2": lambda d: sum(v * v for v in d),
    }[norm]
    true = max(size(d) for d in product(*((Fraction(a), Fraction(a + w)) for a, w in intervals)))
    found, _ = conclude.combine(_claim(norm, len(intervals), Fraction(0)), uppers)
    if norm == "l2":
        assert true <= found**2 <= true * (1 + Fraction(1, 2**58))
        root = Fraction(int(true ** Fraction(1, 2))) if false_root(true) else None
        if root is not None:
            assert conclude.combine(_claim(norm, len(intervals), root), uppers)[1]
            assert not conclude.combine(_claim(norm, len(intervals), root, "below"), uppers)[1]
    else:
        assert found == true


def false_root(v):
    """Whether v is a perfect square."""
    from math import isqrt

    return isqrt(int(v)) ** 2 == v


@given(st.fractions(min_value=0), st.integers(-300, 300))
def test_the_root_is_above_by_less_than_two_to_the_minus_sixty(v, e):
    v = v * Fraction(2) ** e
    root = conclude.root_above(v)
    assert v <= root**2 <= v * (1 + Fraction(1, 2**60)) ** 2


def test_the_number_of_rows_is_what_the_quantity_makes():
    for seed in range(60):
        case = random_case(seed)
        claim = SimpleNamespace(quantity=case.quantity, n_out=case.f.n_out)
        if case.quantity[0] in ("functional", "upper"):
            expected = 2 if case.quantity[0] == "functional" else 1
        else:
            rows = conclude.quantity_rows(FAST, claim, 0, np.asarray(case.quantity[1]).ravel())
            expected = sum(r.matrix.shape[0] for r in rows)
        assert conclude.row_count(claim) == expected


# ---- least: the smallest of rows on f, on g or on both


def _least(seed):
    r, case = random.Random(seed), random_case(seed)
    return replace(case, quantity=random_least(r, case.f.n_out, case.g is not None))


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_no_exact_evaluation_of_the_least_row_exceeds_what_is_established(seed):
    case, r = _least(seed), random.Random(seed)
    files = bundle(case, random_styles(seed), r.randrange(4), seed, r.choice([0.0, 0.5]))
    bounds = established(files, FAST)
    assert bounds == established(files, PURE)
    for part, bound in enumerate(bounds):
        found = worst(case, part, 4, seed)
        assert found is None or found <= bound


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_a_least_claim_is_accepted_just_above_its_bound_and_refused_at_it_when_strict(seed, tmp_path_factory):
    files = bundle(_least(seed), random_styles(seed))
    bound, place = max(established(files, FAST)), tmp_path_factory.mktemp("least")
    for threshold, relation, expected in (
        (bound, "at-most", ("accepted", "")),
        (bound, "below", ("rejected", "bound-too-high")),
        (bound + Fraction(1, 10**30), "below", ("accepted", "")),
        (bound - Fraction(1, 10**30), "at-most", ("rejected", "bound-too-high")),
    ):
        path = write_zip(with_threshold(files, threshold, relation), place / "least.cert")
        assert verdict(path, FAST)[:2] == expected


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_the_least_of_one_row_is_what_upper_bounds(seed):
    case, r = random_case(seed), random.Random(seed)
    row = numbers(r, case.f.n_out)
    styles = (Style(use_pairs=r.random() < 0.5, hints=0.0, multipliers=0.0),)
    one = established(bundle(replace(case, quantity=("upper", row)), styles, 1, seed), FAST)
    other = -2 if case.g is not None else -1
    least = established(bundle(replace(case, quantity=("least", row, other, 1, 3)), styles, 1, seed), FAST)
    unit = Fraction(1, 2**6) * max(1, *(abs(v) for v in one))
    assert all(abs(a - b - Fraction(1, 3)) <= unit for a, b in zip(one, least, strict=True))


@given(st.lists(st.tuples(st.fractions(), st.fractions(), st.fractions()), min_size=1, max_size=4), st.data())
def test_the_least_is_the_smallest_of_rows_and_of_means_of_pairs(rows, data):
    limits = tuple(t for _, t, _ in rows)
    claim = SimpleNamespace(quantity=("least", None, "none", limits), relation="below", threshold=Fraction(0), n_out=2)
    pairs = list(combinations(range(len(rows)), 2))
    sums = [data.draw(st.fractions()) for _ in pairs]
    bound, holds = conclude.combine(claim, [u for u, _, _ in rows] + sums)
    means = [(s - limits[i] - limits[j]) / 2 for s, (i, j) in zip(sums, pairs, strict=True)]
    assert bound == min([u - t for u, t, _ in rows] + means)
    assert holds == (bound < 0)
    # Bounds of rows that hold at some values bound the least of these values.
    values = [u - abs(w) for u, _, w in rows]
    true = [values[i] + values[j] for i, j in pairs]
    found, _ = conclude.combine(claim, [u for u, _, _ in rows] + true)
    assert found >= min(v - t for v, t in zip(values, limits, strict=True))


def test_more_rows_than_may_be_paired_are_bounded_alone():
    k = 17
    claim = SimpleNamespace(
        quantity=("least", None, "none", (Fraction(0),) * k), relation="below", threshold=Fraction(0), n_out=2
    )
    assert conclude.row_count(claim) == k
    assert conclude.combine(claim, [Fraction(v) for v in range(k)]) == (0, False)


# ---- forward and backward, where the exact answer is known


@pytest.mark.parametrize("arithmetic", [FAST, PURE], ids=["fast", "pure"])
@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_an_affine_network_over_a_box_is_bounded_exactly_up_to_rounding(arithmetic, seed):
    r = random.Random(seed)
    n, m = r.randrange(1, 4), r.randrange(1, 4)
    w, v, c = numbers(r, m, n), numbers(r, 2, m), numbers(r, 2)
    b = Builder()
    net = b.finish(b.linear(b.linear(b.input(n), Dense(w)), Dense(v), c), (n,), (2,))
    lo = np.array([r.uniform(-1, 1) for _ in range(n)])
    case = Case(net, None, Region("box", (lo, lo + 0.5)), ("upper", np.array([1.0, 0.0])))
    fine = Style(input_scale=60, scale=60, bits=(60, 60), final=(60, 60), forward=60, constant=60)
    (found,) = established(bundle(case, (fine,)), arithmetic)
    product_ = [sum(Fraction(float(v[0, k])) * Fraction(float(w[k, i])) for k in range(m)) for i in range(n)]
    low, high = bounding_box(case.region, 0)
    true = exact(c)[0] + sum(max(a * l, a * h) for a, l, h in zip(product_, low, high, strict=True))
    assert true <= found <= true + Fraction(1, 2**40)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_one_neuron_is_bounded_exactly_by_the_forward_rule(seed):
    r = random.Random(seed)
    w, c, lo = numbers(r, 1, 2), numbers(r, 1), np.array([r.uniform(-1, 1) for _ in range(2)])
    b = Builder()
    net = b.finish(b.relu(b.linear(b.input(2), Dense(w), c)), (2,), (1,))
    case = Case(net, None, Region("box", (lo, lo + 0.5)), ("upper", np.array([1.0])))
    fine = Style(input_scale=60, scale=60, final=(60, 60), forward=60, constant=60, backward=0.0)
    (found,) = established(bundle(case, (fine,)), PURE)
    low, high = bounding_box(case.region, 0)
    terms = zip(exact(w), low, high, strict=True)
    upper = exact(c)[0] + sum(max(a * l, a * h) for a, l, h in terms)
    true = max(upper, Fraction(0))
    assert true <= found <= true + Fraction(1, 2**40)
