"""Backward relaxation: sound on samples, the same in batches and one by one, and faithful to hints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import near_pair, pairs, points_in, regions, some_rows, values_at

from certify.provers.blocks import BlockGraph
from certify.provers.forward import open_entries
from certify.provers.hints import Hints, Tightening
from certify.provers.linear import bound_blocks, lower, output_rows, tighten_set
from certify.provers.region import Region
from certify.provers.relax import Corners, pair_intercept

seeds = st.integers(0, 2**32 - 1)


def slack(v):
    return 1e-9 * (1 + np.abs(v))


def least_at(values, rows):
    return sum(values[b] @ c.T for b, c in rows.items())


@settings(max_examples=40, deadline=None)
@given(pairs(), regions(), seeds)
def test_bounds_hold_at_sampled_points(graph, region, seed):
    rng = np.random.default_rng(seed)
    bounds, rows = bound_blocks(graph, region), some_rows(graph, rng)
    low = lower(graph, bounds, rows)
    for k in range(len(region)):
        values = values_at(graph, points_in(region, k, 50, rng))
        for b, v in enumerate(values):
            assert (v >= bounds.lo[b][k] - slack(v)).all() and (v <= bounds.hi[b][k] + slack(v)).all()
        found = least_at(values, rows)
        assert (found >= low[k] - slack(found) * 10).all()
    assert not bounds.empty.any()


@settings(max_examples=30, deadline=None)
@given(pairs(), regions(), seeds)
def test_a_batch_of_regions_is_its_regions_one_by_one(graph, region, seed):
    rows = some_rows(graph, np.random.default_rng(seed))
    bounds = bound_blocks(graph, region)
    low = lower(graph, bounds, rows)
    for k in range(len(region)):
        alone = bound_blocks(graph, region.take(k))
        for b in range(len(graph.blocks)):
            np.testing.assert_allclose(bounds.lo[b][k], alone.lo[b][0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(low[k], lower(graph, alone, rows)[0], rtol=1e-8, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(pairs(), regions(), seeds)
def test_any_slopes_and_multipliers_are_sound(graph, region, seed):
    rng = np.random.default_rng(seed)
    bounds, rows = bound_blocks(graph, region), some_rows(graph, rng)
    hints = Hints()
    for i, b in enumerate(graph.blocks):
        shape = (int(rng.choice([1, len(region)])), 3, b.size)
        if b.kind == "relu":
            hints.slopes[i] = (rng.standard_normal(shape),)
        elif b.kind == "pair-relu":
            hints.slopes[i] = (rng.standard_normal(shape), rng.standard_normal(shape))
        if rng.random() < 0.3:
            hints.multipliers[i] = rng.standard_normal(shape)
    low = lower(graph, bounds, rows, hints=hints)
    for k in range(len(region)):
        found = least_at(values_at(graph, points_in(region, k, 50, rng)), rows)
        assert (found >= low[k] - slack(low[k]) * 100).all()


@settings(max_examples=30, deadline=None)
@given(pairs(), regions(most=2), seeds)
def test_bounds_under_signs_hold_at_points_that_have_them(graph, region, seed):
    rng = np.random.default_rng(seed)
    plain = bound_blocks(graph, region)
    choices = [
        (k, i, j)
        for i in tighten_set(graph, False)
        for k, j in np.argwhere((plain.lo[i] < 0) & (plain.hi[i] > 0)).tolist()
    ]
    if not choices:
        return
    k, i, j = choices[rng.integers(len(choices))]
    values = values_at(graph, points_in(region, k, 200, rng))
    for side in (1, -1):
        bounds = bound_blocks(graph, region, signs=[(k, i, j, side)], parent=plain)
        mine = values[i][:, j] * side >= 0
        if mine.any():
            assert not bounds.empty[k]
        for b, v in enumerate(values):
            assert (v[mine] >= bounds.lo[b][k] - slack(v[mine])).all()
            assert (v[mine] <= bounds.hi[b][k] + slack(v[mine])).all()


def test_signs_that_cannot_be_empty_their_region_and_no_other():
    graph = near_pair(np.random.default_rng(0))
    region = Region.of([[0.0] * 4, [0.0] * 4], [[0.1] * 4, [0.1] * 4])
    first = next(i for i, b in enumerate(graph.blocks) if b.kind == "affine")
    plain = bound_blocks(graph, region)
    j = int(np.flatnonzero(plain.lo[first][0] > 0)[0])
    bounds = bound_blocks(graph, region, signs=[(1, first, j, -1)])
    assert bounds.empty.tolist() == [False, True]


@settings(max_examples=20, deadline=None)
@given(pairs(), regions())
def test_identical_networks_differ_by_zero(graph, region):
    f = graph.outputs["f"]
    twin = BlockGraph()
    twin.blocks, twin.outputs, twin.by_node = graph.blocks, {"f": f, "g": f}, graph.by_node
    eye = np.eye(graph.blocks[f].size)
    assert (lower(twin, bound_blocks(twin, region), output_rows(twin, eye, -eye)) == 0).all()


def test_tightening_all_entries_gives_the_same_bound_as_the_open_ones():
    graph = near_pair(np.random.default_rng(1))
    region = Region.of([-0.3] * 4, [0.3] * 4)
    everything = {i: np.arange(graph.blocks[i].size) for i in tighten_set(graph, True)}
    eye = np.concatenate([np.eye(3), -np.eye(3)])
    rows = output_rows(graph, eye, -eye)
    few, many = bound_blocks(graph, region), bound_blocks(graph, region, everything)
    assert any(open_entries(graph, i, few).any() for i in everything)
    np.testing.assert_allclose(lower(graph, few, rows), lower(graph, many, rows), rtol=1e-12)


def test_rows_may_differ_between_regions():
    rng = np.random.default_rng(2)
    graph = near_pair(rng)
    region = Region.of(-rng.random((2, 4)), rng.random((2, 4)))
    bounds, d = bound_blocks(graph, region), graph.output_pair()
    c = rng.standard_normal((2, 5, 3))
    both = lower(graph, bounds, {d: c})
    for k in range(2):
        np.testing.assert_allclose(both[k], lower(graph, bounds, {d: c[k]})[k], rtol=1e-12)


def test_a_tightening_with_bad_slopes_changes_nothing():
    graph = near_pair(np.random.default_rng(3))
    region = Region.of([-0.3] * 4, [0.3] * 4)
    target = next(i for i in sorted(tighten_set(graph, True)) if graph.blocks[i].kind == "pair-affine")
    rows = np.arange(graph.blocks[target].size)
    inner = next(i for i, b in enumerate(graph.blocks) if b.kind == "pair-relu" and i < target)
    wild = Hints({inner: tuple(np.full((1, 2 * len(rows), graph.blocks[inner].size), 50.0) for _ in range(2))})
    with_hints = bound_blocks(graph, region, {target: Tightening(rows, wild)})
    without = bound_blocks(graph, region, {})
    np.testing.assert_allclose(with_hints.lo[target], without.lo[target])


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_the_cells_of_the_pair_rule_give_the_minimum_over_corners(seed):
    rng = np.random.default_rng(seed)
    n = 20
    middle, wide = rng.standard_normal((2, n)), rng.random((2, n)) * rng.choice([0.01, 1, 10])
    x, y = (middle[0] - wide[0], middle[0] + wide[0]), (middle[1] - wide[1], middle[1] + wide[1])
    at = (rng.uniform(*x), rng.uniform(*y))
    d = (at[0] - at[1] - rng.random(n) * 0.3, at[0] - at[1] + rng.random(n) * 0.3)
    alpha, beta, p, t = rng.standard_normal((4, n))
    low = pair_intercept(alpha, beta, p, t, x, y, d)
    corners, (cd, cy, rx, ry) = Corners.of(x, y, d).least(alpha, beta, p, t, 0.0)
    np.testing.assert_allclose(low, corners, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(alpha * rx + beta * ry - p * cd - t * cy, corners, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ["l2", "l1"])
def test_the_minimiser_of_a_ball_attains_its_support(kind):
    rng = np.random.default_rng(4)
    centre = rng.standard_normal((2, 5))
    region = Region.of(centre - 0.5, centre + 0.5, kind, centre, 0.5)
    c, owner = rng.standard_normal((6, 5)), np.array([0, 1, 0, 1, 0, 1])
    x = region.minimiser(c, owner)
    np.testing.assert_allclose((c * x).sum(axis=1), region.support(c, owner))
