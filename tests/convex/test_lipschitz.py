"""ct.lipschitz and ct.difference_gain: brackets that hold, known optima, refusals, and solvers that lie."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import certify as ct
from certify.convex.lipschitz import closed_form, cone_program, descent, gains, interior, recursion
from certify.convex.lipschitz.chain import chain_of, difference
from certify.convex.lipschitz.witness import quotient
from certify.errors import BadInput, CertifyError, UnsupportedModel
from certify.networks.builder import Builder
from certify.networks.graph import Term
from certify.networks.maps import Dense

DATA = Path(os.environ.get("CERTIFY_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
LOSS = 1e-4


def matrices(*sizes, seed=0, dtype="f4"):
    rng = np.random.default_rng(seed)
    shapes = zip(sizes[1:], sizes[:-1], strict=True)
    return [(rng.standard_normal(s) / np.sqrt(s[1])).astype(dtype) for s in shapes]


def multipliers(layers, slopes=(0, 1)):
    c = chain_of(layers, slopes)
    return c, *closed_form.multipliers(c.compressed, c.per_layer)


def test_a_gain_that_is_known() -> None:
    # 3 relu(2 x): 6. The absolute value, relu(x) + relu(-x): 1, which norms alone put at 2.
    r = ct.lipschitz([[[2.0]], [[3.0]]])
    assert r.status == "proved"
    assert r.bracket.lower == 6
    assert 6 <= r.bound <= 6 * (1 + LOSS)
    r = ct.lipschitz([[[1.0], [-1.0]], [[1.0, 1.0]]])
    assert r.bracket.lower == 1
    assert r.bound == pytest.approx(1, rel=LOSS)
    assert r.details["norm_product"] == pytest.approx(2)


@pytest.mark.parametrize("slopes", [(0, 1), (0.1, 1), (-0.2, 1.1), (1, 1), (-1, 0)])
@pytest.mark.parametrize("method", ["closed-form", "descent", "interior"])
def test_every_method_brackets(method, slopes) -> None:
    layers = matrices(4, 6, 5, 3)
    r = ct.lipschitz(layers, method=method, slopes=slopes)
    assert r.verdict.verdict == "accepted"
    assert 0 < r.bracket.lower <= r.bracket.upper
    assert r.lost < 1e-3
    assert r.bound <= r.details["norm_product"] * (1 + 1e-3)
    x, y = (np.array(r.details["witness"][k]) for k in "xy")
    again = quotient(chain_of(layers, slopes), x, y)
    assert r.bracket.lower**2 <= again <= r.bracket.upper**2


@pytest.mark.parametrize("sizes", [(3, 4, 2), (10, 8, 6, 4), (5, 12, 12, 3), (40, 7, 7, 7, 7, 2)])
def test_the_closed_form_is_never_worse_than_the_product_of_the_norms(sizes) -> None:
    for seed in range(5):
        c, ts, square = multipliers(matrices(*sizes, seed=seed))
        assert square == pytest.approx(recursion.gain(c.weights, c.per_layer, ts))
        assert 0 < square**0.5 <= closed_form.norm_product(c.weights, c.per_layer) * (1 + 1e-9)


def test_methods_meet_at_the_optimum_of_a_cone_solver() -> None:
    c, ts, square = multipliers(matrices(6, 9, 8, 3, seed=2))
    solved = cone_program.solve(c.compressed, c.per_layer, "clarabel", 60)
    assert not isinstance(solved, str), solved
    value = solved[2]
    inner = interior.solve(c.compressed, c.per_layer, ts)
    assert inner.finished
    assert inner.square == pytest.approx(value, rel=1e-4)
    assert inner.square * (1 - inner.gap) <= value * (1 + 1e-5)
    _, down, done = descent.descend(c.compressed, c.per_layer, ts, 20)
    assert done
    assert value * (1 - 1e-5) <= down <= value * (1 + 2e-3)
    assert value < square * 0.99


@pytest.mark.parametrize("slopes", [(0, 1), (0.1, 1), (-0.2, 1.1)])
def test_the_derivative_is_that_of_the_gain(slopes) -> None:
    c, ts, _ = multipliers(matrices(5, 6, 4, 3), slopes)
    value, grads = recursion.derivative(c.weights, c.per_layer, ts, 8.0)
    rng = np.random.default_rng(0)
    way = [t * rng.standard_normal(len(t)) for t in ts]

    def at(e):
        return recursion.derivative(c.weights, c.per_layer, [t + e * d for t, d in zip(ts, way, strict=True)], 8.0)[0]

    slope = sum(float(g @ d) for g, d in zip(grads, way, strict=True))
    assert (at(1e-6) - at(-1e-6)) / 2e-6 == pytest.approx(slope, rel=1e-4)
    assert value >= np.log(recursion.gain(c.weights, c.per_layer, ts)) - 1e-12


def test_a_limit_is_decided() -> None:
    layers = matrices(4, 6, 3)
    r = ct.lipschitz(layers)
    assert ct.lipschitz(layers, limit=r.bound * 1.01).status == "proved"
    assert ct.lipschitz(layers, limit=r.witnessed * 0.99).status == "refuted"
    between = (r.bracket.lower + r.bracket.upper) / 2
    assert r.bracket.lower < between < r.bracket.upper
    assert ct.lipschitz(layers, limit=between).status == "unknown"


def test_a_solver_that_fails_or_lies_leaves_the_closed_form(monkeypatch) -> None:
    layers = matrices(4, 6, 3)
    plain = ct.lipschitz(layers, method="closed-form")
    monkeypatch.setattr(cone_program, "solve", lambda *a: "clarabel failed: no reason")
    r = ct.lipschitz(layers, method="clarabel")
    assert r.status == "unknown"
    assert r.bracket.upper == plain.bracket.upper
    assert any("clarabel failed" in n for n in r.notes)
    ts = [np.full(6, 1e-3)]
    monkeypatch.setattr(cone_program, "solve", lambda *a: (ts, float("inf"), 0.01))
    r = ct.lipschitz(layers, method="clarabel")
    assert r.status == "unknown"
    assert r.bracket.upper == plain.bracket.upper
    assert any("do not prove" in n for n in r.notes)


def test_multipliers_that_prove_less_than_they_should_are_found_out(monkeypatch) -> None:
    layers = matrices(4, 6, 3)
    plain = ct.lipschitz(layers, method="closed-form")
    _, ts, square = multipliers(layers)
    monkeypatch.setattr(gains, "_refined", lambda *a: gains._Found([9 * t for t in ts], square / 4, "descent"))
    r = ct.lipschitz(layers, method="descent")
    assert r.status == "unknown"
    assert r.bracket.upper == plain.bracket.upper


def test_a_difference() -> None:
    f, g = matrices(5, 7, 6, 3), matrices(5, 4, 6, 3, seed=1)
    r = ct.difference_gain(f, g)
    assert r.status == "proved"
    assert 0 < r.bracket.lower <= r.bracket.upper
    assert ct.lipschitz(f, g).bracket.upper == r.bracket.upper
    apart = ct.lipschitz(f).bound + ct.lipschitz(g).bound
    assert r.bound < apart
    both = difference(chain_of(f), chain_of(g))
    assert both.size == "5-11-12-3"


def test_a_difference_of_one_network_does_not_vanish() -> None:
    f = [np.array([[2.0]]), np.array([[3.0]])]
    assert ct.difference_gain(f, f).bound == pytest.approx(6, rel=LOSS), (
        "biases of their own: 3 relu(2x) - 3 relu(2x + 1)"
    )


def network(layers, biases):
    b = Builder()
    h = b.input(layers[0].shape[1])
    for k, (w, c) in enumerate(zip(layers, biases, strict=True)):
        h = b.linear(h if k == 0 else b.relu(h), Dense(w), c)
    return b.finish(h, (layers[0].shape[1],), (len(layers[-1]),))


def test_on_a_box_neurons_that_are_fixed_count_as_such() -> None:
    layers = [np.array([[1.0], [1.0]]), np.array([[1.0, -1.0]])]
    net = network(layers, [np.array([0.0, 5.0]), np.array([1.0])])
    assert ct.lipschitz(net).bound == pytest.approx(1, rel=LOSS)
    r = ct.lipschitz(net, over=ct.box([0.0], [1.0]), method="closed-form")
    assert r.bound < 0.5, "relu(x) - relu(x + 5) is constant from zero on"
    r = ct.lipschitz(net, over=ct.box([-1.0], [1.0]))
    assert r.bracket.lower == 1


def test_on_a_box_the_bound_is_no_larger_and_holds_inside() -> None:
    layers = matrices(4, 8, 8, 3, dtype="f8")
    rng = np.random.default_rng(5)
    net = network(layers, [rng.standard_normal(len(w)) for w in layers])
    everywhere = ct.lipschitz(net)
    r = ct.lipschitz(net, over=ct.linf(np.full(4, 0.25), "0.1"))
    assert r.bracket.lower <= r.bracket.upper <= everywhere.bracket.upper * Fraction(1001, 1000)
    x, y = (np.array(r.details["witness"][k]) for k in "xy")
    assert np.abs(np.concatenate([x, y]) - 0.25).max() <= 0.1
    assert "on the box" in r.notes[0]


def test_affine_maps_that_follow_one_another_are_multiplied() -> None:
    b = Builder()
    w, v, u = matrices(3, 4, 5, 2, dtype="f8")
    h = b.linear(b.linear(b.input(3), Dense(w), np.ones(4)), Dense(v), np.ones(5))
    net = b.finish(b.linear(b.relu(h), Dense(u), None), (3,), (2,))
    c = chain_of(net)
    assert c.size == "3-5-2"
    assert np.allclose(c.weights[0], v @ w)
    assert np.allclose([float(x) / c.biases[0].den for x in c.biases[0].n.tolist()], v @ np.ones(4) + 1)


def test_what_is_no_chain_is_refused_in_one_line() -> None:
    b = Builder()
    x = b.input(2)
    h = b.relu(b.linear(x, Dense(np.eye(2)), None))
    skip = b.affine([Term(h, Dense(np.eye(2))), Term(x, Dense(np.eye(2)))])
    with pytest.raises(UnsupportedModel, match="chain of affine maps and relu"):
        ct.lipschitz(b.finish(skip, (2,), (2,)))
    ends = Builder()
    relu_last = ends.finish(ends.relu(ends.linear(ends.input(2), Dense(np.eye(2)), None)), (2,), (2,))
    with pytest.raises(UnsupportedModel, match="expected an affine map at the end"):
        ct.lipschitz(relu_last)
    for bad, said in (
        ([np.eye(2)], "two matrices"),
        ([np.eye(2), np.ones((1, 3))], "3 columns, expected 2"),
        ([np.eye(2), np.array([[np.nan, 1.0]])], "finite"),
        (7, "a list of matrices"),
    ):
        with pytest.raises(CertifyError, match=said):
            ct.lipschitz(bad)
    pair = [np.eye(2), np.eye(2)]
    for arguments, said in (
        ({"method": "magic"}, "method"),
        ({"budget": "soon"}, "budget"),
        ({"slopes": (0, 1, 2)}, "slopes"),
        ({"over": ct.box(0, 1), "slopes": (0, 0.5)}, "relu"),
        ({"over": ct.l2(np.zeros(2), 1)}, "one box"),
        ({"over": ct.linf(np.zeros(3), 1)}, "2 coordinates"),
        ({"other": [np.eye(2)] * 3}, "one depth"),
        ({"other": [np.ones((2, 3)), np.eye(2)]}, "input and output"),
        ({"other": pair, "over": ct.box(0, 1)}, "global"),
    ):
        with pytest.raises(BadInput, match=said):
            ct.lipschitz(pair, **arguments)


def test_layers_that_pass_nothing_on() -> None:
    r = ct.lipschitz([np.zeros((3, 2)), np.ones((1, 3))])
    assert r.bracket.upper < Fraction(1, 10**9)
    assert r.vacuous, "no bound above zero says more than the norms do"


def test_scales_far_apart() -> None:
    w, v = matrices(3, 5, 2, dtype="f8")
    usual = ct.lipschitz([w, v]).bound
    scales = np.array([64.0, 1.0, 0.25, 1.0, 1.0])[:, None]
    # Scaling a neuron's input by 2^k and its output by 2^-k changes nothing.
    assert ct.lipschitz([w * scales, v / scales.T]).bound == pytest.approx(usual, rel=1e-3)
    assert ct.lipschitz([w * 2.0**-200, v]).bound == pytest.approx(usual * 2.0**-200, rel=1e-3)


DIGITS = DATA / "digits" / "S_f.onnx"


@pytest.mark.skipif(not DIGITS.is_file(), reason=f"no networks in {DATA}: CERTIFY_DATA says where they are")
def test_digits() -> None:
    net = ct.load(DIGITS)
    r = ct.lipschitz(net)
    assert r.status == "proved"
    assert 28.2 < r.witnessed <= r.bound < 28.31 < r.details["closed_form"] < 29.6 < r.details["norm_product"]
    assert r.lost < LOSS


@pytest.mark.long
@pytest.mark.skipif(not DIGITS.is_file(), reason=f"no networks in {DATA}: CERTIFY_DATA says where they are")
def test_large_networks() -> None:
    r = ct.lipschitz(ct.load(DATA / "mnist" / "mnist-net_256x2.onnx"), budget="60s")
    assert r.bound < 313
    assert r.seconds["check"] < 5
    r = ct.lipschitz(matrices(784, 256, 256, 256, 256, 10), budget="60s")
    assert r.bound < r.details["closed_form"] * 0.7
    assert r.lost < LOSS
