"""The difference SDP: its facts hold at every point, its solutions are bounds, and they are the tightest we have."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pairs import pairs, points_in, regions, values_at

import certify as ct
from certify.models import path
from certify.provers.forms import build
from certify.provers.interior_point import Facts, solve
from certify.provers.linear import bound_blocks, output_rows, tighten_set
from certify.provers.problem import Problem
from certify.provers.semidefinite import Relaxation

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def coordinates(form, graph, values):
    """z = (1, t) at points, from the values of all blocks (None where a block is free)."""
    count = len(values[0])
    z = np.ones((count, form.n))
    at = 1
    for b, kinds in form.chosen.items():
        entries = np.flatnonzero(kinds)
        v = values[b][:, entries]
        source = graph.blocks[b].source
        over = kinds[entries] == 2
        if over.any():
            v = np.where(over, v - values[source][:, entries], v)
        for k in range(len(entries)):
            e = form.x[b][entries[k]].copy()
            if over[k]:
                e = e - form.x[source][entries[k]]
            half = e[at]
            z[:, at] = (v[:, k] - e[0]) / half if half > 0 else 0.0
            at += 1
    return z


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(graph=pairs(), region=regions(most=1), seed=st.integers(0, 2**32 - 1))
def test_expressions_facts_and_bounds_hold_at_points(graph, region, seed):
    assume(all(b.kind != "free" and b.role == 0 for b in graph.blocks))
    bounds = bound_blocks(graph, region, dict.fromkeys(tighten_set(graph, not region.is_ball)))
    form = build(graph, bounds)
    x = points_in(region, 0, 30, np.random.default_rng(seed))
    values = values_at(graph, x)
    z = coordinates(form, graph, values)
    assert np.abs(z).max() <= 1 + 1e-6
    for b, v in enumerate(values):
        size = 1 + np.abs(v).max()
        assert np.abs(z @ form.x[b].T - v).max() <= 1e-6 * size, f"block {b}, {graph.blocks[b].kind}"
    for fact in form.facts:
        product = (z @ fact.p.T) * (z @ fact.r.T)
        size = 1e-6 * (1 + np.abs(fact.p).sum() * np.abs(fact.r).sum())
        assert product.min() >= -size, fact.kind
        if fact.free:
            assert product.max() <= size
    assert (z @ form.linear.vectors.T).min(initial=0) >= -1e-6
    n_out = graph.blocks[graph.outputs["f"]].size
    row = np.random.default_rng(seed).uniform(-1, 1, (1, n_out))
    rows = output_rows(graph, -row, row if "g" in graph.outputs else None)
    relaxation = Relaxation(graph, bounds)
    proof, moments = relaxation.bound(rows, 0, -np.inf, 1e-4, 2.0)
    true = (z @ -relaxation.form.row(rows, 0)).max()
    assert true <= proof.bound + 1e-6 * (1 + abs(proof.bound))
    again, _ = relaxation.bound(rows, 0, -np.inf, 1e-4, 2.0, relaxation.violated(moments, np.zeros((0, 2), np.intp)))
    assert true <= again.bound + 1e-6 * (1 + abs(again.bound))


def test_a_program_with_a_known_optimum():
    # max t1 + t2 with t1 t2 = 0 and |t| <= 1: 1 in truth, and in the relaxation with both products of signs.
    e = np.eye(3)
    facts = Facts(
        np.array([e[1], e[2], e[0] - e[1], e[0] - e[2]]), np.array([0, 2]), np.array([1, 3]), np.array([True, False])
    )
    found = solve(facts, np.array([0.0, 1.0, 1.0]), gap=1e-6)
    assert found.bound == pytest.approx(1.0, abs=1e-4)
    assert np.linalg.eigvalsh(found.remainder)[0] > 0
    # Without them only the box is left.
    none = Facts(np.zeros((0, 3)), np.zeros(0, int), np.zeros(0, int), np.zeros(0, bool))
    assert solve(none, np.array([0.5, 1.0, 1.0]), gap=1e-6).bound == pytest.approx(2.5, abs=1e-4)


def test_the_relaxation_is_tighter_than_slopes_and_products_make_it_tighter():
    f = ct.load(path("digits.onnx"))
    X = ct.linf(np.load(path("digits.npz"))["X"][:1], "0.05") & ct.box(0, 1)
    problem = Problem(ct.discrepancy(f, ct.prune(f, fraction=0.2), over=X))
    bounds = problem.bounds(problem.region(0))
    uppers, rows = problem.uppers(bounds, 0)[0], problem.rows(0)[0]
    k = int(uppers.argmax())
    relaxation = Relaxation(problem.graph, bounds)
    first, moments = relaxation.bound(rows, k, -np.inf, 1e-3, 60.0)
    second, _ = relaxation.bound(rows, k, -np.inf, 1e-3, 60.0, relaxation.violated(moments, np.zeros((0, 2), np.intp)))
    assert second.bound < first.bound < 0.97 * uppers[k]


def test_a_bound_of_the_semidefinite_relaxation_is_in_the_certificate_and_the_kernel_believes_it():
    f = ct.load(path("digits.onnx"))
    X = ct.linf(np.load(path("digits.npz"))["X"][:1], "0.05") & ct.box(0, 1)
    result = ct.bound(ct.discrepancy(f, ct.prune(f, fraction=0.2), over=X), "2s")
    assert b"\nquadratic " in result.certificate.files["proof"]
    assert float(result.bracket.upper) <= result.searched_upper * 1.001
    assert float(result.bracket.upper) <= 1.05 * float(result.bracket.lower)
