"""Cells of neuron signs: their bounds hold at the points that have these signs, and their certificates are accepted."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

import certify as ct
from certify.errors import CertifyError
from certify.models import path
from certify.networks.builder import Builder
from certify.networks.evaluate import evaluate
from certify.networks.graph import Network
from certify.networks.maps import Dense
from certify.provers.activations import Activations
from certify.provers.branch import Piece
from certify.provers.linear_program import LinearProgram
from certify.provers.problem import Problem
from certify.strategy.signs import SignTree

INPUTS = 40


def mlp(rng: np.random.Generator, *widths: int) -> Network:
    b = Builder()
    h = b.input(widths[0])
    for k, (m, n) in enumerate(itertools.pairwise(widths)):
        w = (rng.standard_normal((n, m)) / np.sqrt(m)).astype("f4")
        h = b.linear(h, Dense(w), (0.3 * rng.standard_normal(n)).astype("f4"))
        h = b.relu(h) if k < len(widths) - 2 else h
    return b.finish(h, widths[:1], widths[-1:])


def difference(seed: int) -> ct.Quantity:
    rng = np.random.default_rng(seed)
    f = mlp(rng, INPUTS, 6, 6, 3)
    g = ct.prune(f, fraction=0.2) if seed % 2 else ct.round_to(f, "float16")
    return ct.discrepancy(f, g, over=ct.box(-0.2 * np.ones(INPUTS), 0.2 * np.ones(INPUTS)))


@pytest.mark.parametrize("seed", range(4))
def test_every_point_lies_in_a_cell_and_below_its_bounds(seed):
    q = difference(seed)
    problem = Problem(q)
    cells = Activations(problem, 0, problem.region(0), goal=0.0)
    cells.grow(time.perf_counter() + 1.0, most=40)
    cells.finish()
    leaves = list(cells.root.leaves())
    assert len(leaves) > 4
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.uniform(-0.2, 0.2, (200, INPUTS)), 0.2 * rng.choice([-1.0, 1.0], (200, INPUTS))])
    d = evaluate(q.f, x) - evaluate(q.g, x)
    rows = np.concatenate([d, -d], axis=1)
    values = {b: value_of(problem, b, x) for b in {s[0] for c in leaves for s in c.signs}}
    found = np.zeros(len(x), dtype=bool)
    for c in leaves:
        inside = np.ones(len(x), dtype=bool)
        for b, e, side in c.signs:
            inside &= values[b][:, e] * side >= 0
        found |= inside
        assert (rows[inside] <= c.uppers + 1e-9).all()
    assert found.all()


def value_of(problem: Problem, b: int, x: np.ndarray) -> np.ndarray:
    """The values of a node's block."""
    values: list[np.ndarray] = []
    for block in problem.graph.blocks[: b + 1]:
        if block.kind == "input":
            values.append(x)
        elif block.is_pair:
            values.append(values[block.fine] - values[block.coarse])
        elif block.kind == "relu":
            values.append(np.maximum(values[block.source], 0))
        else:
            bias = 0 if block.bias is None else block.bias
            values.append(sum(p.scalar * p.map.apply(values[p.source]) for p in block.pieces) + bias)
    return values[b]


@pytest.mark.parametrize("seed", range(2))
def test_the_kernel_establishes_what_the_cells_do(seed):
    from certify.elaborate import established
    from certify.strategy.plans import certificate_of

    q = difference(seed)
    problem = Problem(q)
    region = problem.region(0)
    (piece,) = Piece.of(region, problem.look(0, problem.bounds(region)), 0)
    whole = piece.upper
    tree = SignTree(problem, 0, piece, 0.0, 0.0)
    assert tree.grow(time.perf_counter() + 2.0)
    tree.take()
    assert piece.upper < 0.9 * whole and not piece.is_leaf
    certificate = certificate_of(problem, q <= 1, [piece])
    assert b"\nsign f " in certificate.files["proof"] and b"\nmultipliers " in certificate.files["proof"]
    (upper,), leaves = established(certificate)
    assert leaves == sum(1 for _ in piece.leaves())
    assert float(upper) == pytest.approx(piece.upper, rel=2e-2)


def test_one_network_is_bounded_to_the_last_percent_though_it_has_forty_inputs():
    q = ct.output_bound(
        mlp(np.random.default_rng(0), INPUTS, 8, 8, 3),
        functional=[1, -1, 0],
        over=ct.box(-0.3 * np.ones(INPUTS), 0.3 * np.ones(INPUTS)),
    )
    result = ct.bound(q, "20s")
    assert result.verdict.accepted
    assert float(result.bracket.upper) <= float(result.bracket.lower) * 1.01


def test_a_safety_margin_that_slopes_do_not_show_is_proved_by_signs():
    f = mlp(np.random.default_rng(1), INPUTS, 8, 8, 2)
    X = ct.box(-0.3 * np.ones(INPUTS), 0.3 * np.ones(INPUTS))
    q = ct.output_bound(f, functional=[1, -1], over=X)
    slopes = Problem(q)
    region = slopes.region(0)
    loose = float(slopes.look(0, slopes.bounds(region)).upper[0])
    best = ct.bound(q, "10s")
    assert float(best.bracket.upper) < loose
    limit = float(best.bracket.upper) + 0.02 * (loose - float(best.bracket.upper))
    result = ct.prove(ct.least(f, on_f=[[1, -1]], limits=[limit], over=X) <= 0, "20s")
    assert result.status == "proved" and result.leaves > 1


def test_with_time_the_bracket_of_the_shipped_digits_closes():
    f = ct.load(path("digits.onnx"))
    X = ct.linf(np.load(path("digits.npz"))["X"][:1], "0.05") & ct.box(0, 1)
    result = ct.bound(ct.discrepancy(f, ct.prune(f, fraction=0.2), over=X), "15s")
    assert float(result.bracket.upper) <= 1.005 * float(result.bracket.lower)
    assert result.leaves > 1


def least(seed: int, limit: float) -> ct.Claim:
    f = mlp(np.random.default_rng(seed), INPUTS, 8, 8, 2)
    X = ct.box(-0.3 * np.ones(INPUTS), 0.3 * np.ones(INPUTS))
    return ct.least(f, on_f=[[1, -1]], limits=[limit], over=X) <= 0


def test_an_interrupt_keeps_the_cells(monkeypatch):
    split, calls = Activations._split, []

    def struck(self, *args):
        calls.append(args)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return split(self, *args)

    monkeypatch.setattr(Activations, "_split", struck)
    # Beyond what attacks find and below what can be proved in so few cuts.
    best = ct.bound(
        ct.output_bound(least(1, 0.0).quantity.f, functional=[1, -1], over=least(1, 0.0).quantity.domain), 1
    )
    calls.clear()
    result = ct.prove(least(1, float(best.bracket.lower) * 1.0005), "20s")
    assert result.interrupted and len(calls) == 6
    assert result.verdict.accepted and result.leaves == 6


def test_a_solver_that_fails_leaves_a_bracket(monkeypatch):
    def fails(self, *args):
        raise CertifyError("linear program: HiGHS found no optimum")

    monkeypatch.setattr(LinearProgram, "solve", fails)
    result = ct.prove(least(1, -5.0), "2s")
    assert result.status in ("refuted", "unknown") and result.verdict.accepted


@pytest.mark.parametrize("joint", [True, False])
def test_signs_of_neurons_that_read_a_second_input_are_left_alone(joint):
    f = mlp(np.random.default_rng(2), INPUTS, 6, 6, 2)
    g = ct.ablate(f, 0, units=[0, 1], value="reach", joint=joint)
    result = ct.bound(ct.discrepancy(f, g, over=ct.box(-0.05 * np.ones(INPUTS), 0.05 * np.ones(INPUTS))), "2s")
    assert result.verdict.accepted and b"\nsign " not in result.certificate.files["proof"]
