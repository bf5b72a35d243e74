"""Optimised slopes: gradients, replay, never worse than the default, and as good as the linear program."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import near_pair, pairs, points_in, regions, some_rows, values_at

from certify.provers.linear import bound_blocks, lower, output_rows
from certify.provers.linear_program import LinearProgram
from certify.provers.region import Region
from certify.provers.slopes import optimise, optimise_bounds
from certify.provers.sweep import Sweep

seeds = st.integers(0, 2**32 - 1)


def difference_rows(graph, n=3):
    eye = np.concatenate([np.eye(n), -np.eye(n)])
    return output_rows(graph, eye, -eye)


@settings(max_examples=25, deadline=None)
@given(pairs(), regions(most=2), seeds)
def test_optimised_rows_are_no_worse_than_their_start_and_replay(graph, region, seed):
    rng = np.random.default_rng(seed)
    bounds, rows = bound_blocks(graph, region), some_rows(graph, rng)
    start, _ = optimise(graph, bounds, rows, iterations=0)
    values, hints = optimise(graph, bounds, rows, iterations=5, multipliers_on=[len(graph.blocks) // 2])
    room = 1e-9 * (1 + np.abs(start))
    assert (values >= start - room).all()
    np.testing.assert_allclose(lower(graph, bounds, rows, hints=hints), values, rtol=1e-7, atol=1e-7)
    for k in range(len(region)):
        at = values_at(graph, points_in(region, k, 50, rng))
        assert (sum(at[b] @ c.T for b, c in rows.items()) >= values[k] - 100 * room[k]).all()


@settings(max_examples=15, deadline=None)
@given(pairs(), regions(most=2), seeds)
def test_optimised_bounds_hold_and_replay(graph, region, seed):
    rng = np.random.default_rng(seed)
    bounds, found = optimise_bounds(graph, region, iterations=3)
    again = bound_blocks(graph, region, found)
    for k in range(len(region)):
        for b, v in enumerate(values_at(graph, points_in(region, k, 50, rng))):
            room = 1e-8 * (1 + np.abs(v))
            assert (v >= bounds.lo[b][k] - room).all() and (v <= bounds.hi[b][k] + room).all()
            # A replay also tightens entries that are open in another region only.
            assert (again.lo[b][k] >= bounds.lo[b][k] - 1e-6 * (1 + np.abs(bounds.lo[b][k]))).all()
            assert (again.hi[b][k] <= bounds.hi[b][k] + 1e-6 * (1 + np.abs(bounds.hi[b][k]))).all()


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.01, 0.3]), st.sampled_from([0.05, 1.0]))
def test_differences_of_near_networks_are_no_worse_than_by_default(seed, noise, radius):
    graph = near_pair(np.random.default_rng(seed), noise=noise)
    if graph.output_pair() is None:
        return
    bounds, rows = bound_blocks(graph, Region.of([-radius] * 4, [radius] * 4)), difference_rows(graph)
    default = lower(graph, bounds, rows)
    values, _ = optimise(graph, bounds, rows, iterations=5)
    assert (values >= default - 1e-9 * (1 + np.abs(default))).all()


def test_the_gradient_is_the_slope_of_the_bound():
    rng = np.random.default_rng(5)
    graph = near_pair(rng)
    bounds = bound_blocks(graph, Region.of(-rng.random((2, 4)), rng.random((2, 4))))
    c, owner = rng.standard_normal((4, 3)), np.array([0, 1, 1, 0])
    # The last row has nothing on the difference, and so goes through the single neurons.
    rows = {graph.output_pair(): c * [[1], [1], [1], [0]], graph.outputs["f"]: 0.3 * c}
    multiplied = next(i for i, b in enumerate(graph.blocks) if b.kind == "pair-affine")
    scales = {multiplied: np.ones(graph.blocks[multiplied].size)}
    at = {}
    Sweep(graph, bounds, owner, at, scales).bound(rows)
    for k, v in at.items():
        v += rng.uniform(-0.1, 0.1, v.shape)
        if k[0] == "relu":
            np.clip(v, 0.1, 0.9, out=v)
    state = Sweep(graph, bounds, owner, at, scales)
    state.bound(rows)
    gradient = state.gradient()
    assert {k[0] for k in gradient} == {"relu", "d", "y", "times"}
    step = 1e-7
    for k, g in gradient.items():
        toward = rng.standard_normal(g.shape)
        ends = [Sweep(graph, bounds, owner, at | {k: at[k] + s * toward}, scales).bound(rows) for s in (step, -step)]
        found = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(found, (g * toward).sum(axis=1), rtol=1e-4, atol=1e-5, err_msg=str(k))


def test_slopes_come_within_one_percent_of_the_linear_program():
    rng = np.random.default_rng(6)
    graph = near_pair(rng, widths=(4, 10, 10, 3))
    bounds = bound_blocks(graph, Region.of([-0.5] * 4, [0.5] * 4))
    rows = difference_rows(graph)
    default = lower(graph, bounds, rows)
    values, _ = optimise(graph, bounds, rows, iterations=300)
    program = LinearProgram(graph, bounds)
    exact = np.array([[program.solve(rows, k).optimum for k in range(values.shape[1])]])
    assert (values <= exact + 1e-6 * np.abs(exact)).all()
    assert (values >= exact - 0.01 * np.abs(exact)).all()
    assert (default < exact - 0.02 * np.abs(exact)).any()


def test_duals_of_the_linear_program_replay_to_its_optimum_with_boxes_too():
    rng = np.random.default_rng(7)
    graph = near_pair(rng)
    region = Region.of([-0.5] * 4, [0.5] * 4)
    plain = bound_blocks(graph, region)
    inner = [b for b in graph.blocks if b.kind == "pair-affine"][1]
    both = inner.fine, inner.coarse
    j = int(np.argmax(sum(np.minimum(-plain.lo[b], plain.hi[b])[0] for b in both)))
    # With both signs known the pair's own slopes say no more of them.
    bounds = bound_blocks(graph, region, signs=[(0, b, j, 1) for b in both])
    rows = difference_rows(graph)
    loose, tight = [], []
    for found, boxes in ((loose, []), (tight, [(b, j) for b in both])):
        program = LinearProgram(graph, bounds, boxes)
        for k in range(len(next(iter(rows.values())))):
            s = program.solve(rows, k)
            one = {b: c[k : k + 1] for b, c in rows.items()}
            on = {b: [j] for b, _ in boxes}
            value, hints = optimise(graph, bounds, one, iterations=0, start=s.hints, multipliers_on=on)
            np.testing.assert_allclose(value[0, 0], s.optimum, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(lower(graph, bounds, one, hints=hints), value, rtol=1e-9, atol=1e-12)
            assert ((s.point >= -0.5) & (s.point <= 0.5)).all()
            found.append(s.optimum)
    loose, tight = np.array(loose), np.array(tight)
    assert (tight > loose + 1e-6).any() and (tight > loose - 1e-9).all()
    ours, _ = optimise(graph, bounds, rows, iterations=300, multipliers_on={b: [j] for b in both})
    assert (ours > loose + 1e-6).any() and (ours <= tight + 1e-6).all()


def test_hulls_lose_something_where_the_program_is_not_exact_and_nothing_where_it_is():
    rng = np.random.default_rng(6)
    graph = near_pair(rng, widths=(4, 10, 10, 3))
    rows = difference_rows(graph)
    for radius in (0.5, 1e-4):
        program = LinearProgram(graph, bound_blocks(graph, Region.of([-radius] * 4, [radius] * 4)))
        for k in range(len(next(iter(rows.values())))):
            s = program.solve(rows, k)
            at = sum(float(c[k] @ true_value(graph, b, s.point[None])) for b, c in rows.items())
            lost = np.concatenate([np.zeros(1), *(v for _, v in s.losses.values())])
            assert (lost >= -1e-9).all()
            assert (lost.sum() > 1e-6) == (at > s.optimum + 1e-6)


def true_value(graph, b, x):
    """A block's value at inputs x (1, n)."""
    values = []
    for block in graph.blocks:
        if block.kind == "input":
            values.append(x)
        elif block.is_pair:
            values.append(values[block.fine] - values[block.coarse])
        elif block.kind == "relu":
            values.append(np.maximum(values[block.source], 0))
        else:
            bias = 0 if block.bias is None else block.bias
            values.append(sum(p.scalar * p.map.apply(values[p.source]) for p in block.pieces) + bias)
    return values[b][0]


def test_a_region_that_assumed_signs_empty_has_a_bound_below_any_other():
    rng = np.random.default_rng(11)
    graph = near_pair(rng)
    region = Region.of([-0.5] * 4, [0.5] * 4)
    inner = next(b for b in graph.blocks if b.kind == "pair-affine")
    rows = difference_rows(graph)
    plain = bound_blocks(graph, region)
    every = range(graph.blocks[inner.fine].size)
    # No input has these signs of f's first layer, though each alone is possible.
    x = rng.uniform(-0.5, 0.5, (20_000, 4))
    first = graph.blocks[inner.fine]
    z = first.pieces[0].map.apply(x) + (0 if first.bias is None else first.bias)
    open_ = [e for e in every if plain.lo[inner.fine][0, e] < -0.01 and plain.hi[inner.fine][0, e] > 0.01]
    seen = {tuple(v) for v in (z[:, open_] > 0)}
    missing = next(s for s in itertools.product((False, True), repeat=len(open_)) if not near_any(s, seen))
    signs = [(0, inner.fine, e, 1 if on else -1) for e, on in zip(open_, missing, strict=True)]
    bounds = bound_blocks(graph, region, signs=signs)
    assert not bounds.empty[0]
    solved = LinearProgram(graph, bounds, [(b, e) for _, b, e, _ in signs]).solve(rows, 0)
    one = {b: c[:1] for b, c in rows.items()}
    value, _ = optimise(graph, bounds, one, iterations=0, start=solved.hints, multipliers_on={inner.fine: open_})
    assert value[0, 0] > 1.0 > lower(graph, plain, one)[0, 0]


def near_any(signs, seen):
    """Whether sampled sign patterns differ from this one in at most one place."""
    return any(sum(a != b for a, b in zip(signs, other, strict=True)) <= 1 for other in seen)


def test_a_start_is_continued_from():
    rng = np.random.default_rng(8)
    graph = near_pair(rng)
    bounds, rows = bound_blocks(graph, Region.of([-0.5] * 4, [0.5] * 4)), difference_rows(graph)
    first, hints = optimise(graph, bounds, rows, iterations=50)
    again, _ = optimise(graph, bounds, rows, iterations=0, start=hints)
    np.testing.assert_allclose(again, first, rtol=1e-9)
    assert (first > lower(graph, bounds, rows)).any()


def test_groups_of_rows_change_nothing(monkeypatch):
    rng = np.random.default_rng(9)
    graph = near_pair(rng)
    bounds, rows = bound_blocks(graph, Region.of(-rng.random((3, 4)), rng.random((3, 4)))), difference_rows(graph)
    whole, _ = optimise(graph, bounds, rows, iterations=10)
    monkeypatch.setattr("certify.provers.slopes.GROUP", 4 * sum(b.size for b in graph.blocks))
    parted, hints = optimise(graph, bounds, rows, iterations=10)
    np.testing.assert_allclose(parted, whole, rtol=1e-9)
    np.testing.assert_allclose(lower(graph, bounds, rows, hints=hints), whole, rtol=1e-9)


def test_a_budget_of_no_time_gives_the_default():
    graph = near_pair(np.random.default_rng(10))
    bounds, rows = bound_blocks(graph, Region.of([-0.5] * 4, [0.5] * 4)), difference_rows(graph)
    values, _ = optimise(graph, bounds, rows, iterations=10**6, seconds=0.0)
    np.testing.assert_allclose(values, lower(graph, bounds, rows), rtol=1e-9)
