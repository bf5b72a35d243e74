"""Exact evaluation is exact: against rational arithmetic written out by hand, at any scale of numbers."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.errors import BadInput
from certify.networks import load
from certify.networks.builder import Builder
from certify.networks.exact import enclose, exact_values
from certify.networks.graph import Affine, Free, Input, Network, Relu, Term
from certify.networks.maps import Conv, Dense, Identity, Scale, Select

DATA = Path(os.environ.get("CERTIFY_DATA", Path(__file__).parents[3] / "shared" / "data"))
dyadic = st.integers(-(2**24), 2**24)


def every_map(rng: np.random.Generator, unit: float) -> Network:
    """Two inputs of six entries through every map, a rational factor, a residual sum and a free node."""
    b = Builder()
    x, y = b.input(6), b.input(6, role=1)
    dense = Dense((rng.normal(size=(6, 6)) * unit).astype(np.float32))
    conv = Conv(rng.normal(size=(4, 1, 2)).astype(np.float16), (3,), (1,), (1, 0), (1,), groups=2)
    scale = rng.normal(size=3) / unit
    first = b.affine([Term(x, dense, -2, 3), Term(y, Identity(6), 1, 7)], rng.normal(size=2), repeat=3)
    h = b.relu(first)
    c = b.linear(h, conv, rng.normal(size=4).astype(np.float32), repeat=3)
    s = b.select(c, np.array([0, -1, 11, 5, 5, 3]))
    d = b.scale(s, scale, repeat=2)
    free = b.free(b.relu(b.linear(y, dense)))
    return b.finish(b.combine([(d, 1, 1), (free, 3, 5), (x, -1, 1)]), (6,), (6,))


def by_hand(net: Network, x: list[Fraction], x2: list[Fraction]) -> list[Fraction]:
    """The definition of every node, entry by entry, in Fractions."""
    values: list[list[Fraction]] = []
    for node in net.nodes:
        match node:
            case Input():
                values.append(x2 if node.role else x)
            case Relu():
                values.append([max(v, Fraction(0)) for v in values[node.source]])
            case Free():
                values.append(values[node.source])
            case Affine():
                out = [Fraction(0)] * node.size
                if node.bias is not None:
                    out = [Fraction(float(v)) for v in np.repeat(node.bias, node.repeat)]
                for t in node.terms:
                    for i, v in enumerate(map_by_hand(t.map, values[t.source])):
                        out[i] += Fraction(t.num, t.den) * v
                values.append(out)
    return values[net.output]


def map_by_hand(m, u: list[Fraction]) -> list[Fraction]:
    match m:
        case Identity():
            return u
        case Dense():
            return [sum(Fraction(float(w)) * v for w, v in zip(row, u, strict=True)) for row in m.weight]
        case Select():
            return [u[i] if i >= 0 else Fraction(0) for i in m.index]
        case Scale():
            return [Fraction(float(s)) * v for s, v in zip(np.repeat(m.lo, m.repeat), u, strict=True)]
    (length,), (step,), (pad, _), (dil,) = m.in_spatial, m.strides, m.pads, m.dilations
    out, group_out, group_in = [], m.c_out // m.groups, m.c_in // m.groups
    for o, p in product(range(m.c_out), range(m.out_spatial[0])):
        total = Fraction(0)
        for i, k in product(range(group_in), range(m.weight.shape[2])):
            at = p * step - pad + k * dil
            if 0 <= at < length:
                channel = o // group_out * group_in + i
                total += Fraction(float(m.weight[o, i, k])) * u[channel * length + at]
        out.append(total)
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 60, -60]), st.booleans())
def test_every_map_equals_its_definition_in_fractions(seed, exponent, rational):
    rng = np.random.default_rng(seed)
    net = every_map(rng, 2.0**exponent)
    x, x2 = rng.normal(size=6) * 2.0**-exponent, rng.normal(size=6)
    if rational:
        x = [Fraction(int(v), int(w)) for v, w in zip(rng.integers(-9, 9, 6), rng.integers(1, 99, 6), strict=True)]
        x2 = [v / 3 for v in x]
    low, high = exact_values(net, x, x2)
    assert high is low
    assert low == by_hand(net, [Fraction(v) for v in x], [Fraction(v) for v in x2])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_an_enclosed_constant_gives_an_interval_that_holds_each_choice(seed):
    rng = np.random.default_rng(seed)
    low = rng.normal(size=4)
    high = low + rng.random(4) * (rng.random(4) < 0.7)
    weight = rng.normal(size=(3, 4))

    def net(lo, hi) -> Network:
        b = Builder()
        s = b.scale(b.input(4), lo, hi)
        return b.finish(b.relu(b.linear(s, Dense(weight), rng.normal(size=3) * 0)), (4,), (3,))

    x = rng.normal(size=4)
    below, above = exact_values(net(low, high), x)
    for share in (0.0, 0.5, 1.0):
        chosen = np.clip(low + share * (high - low), low, high)
        one, same = exact_values(net(chosen, None), x)
        assert same is one
        assert all(a <= v <= b for a, v, b in zip(below, one, above, strict=True))
    ends = [exact_values(net(np.where(pick, high, low), None), x)[0] for pick in product([0, 1], repeat=4)]
    before = [min(v) for v in zip(*ends, strict=True)], [max(v) for v in zip(*ends, strict=True)]
    assert (below, above) == before


def test_x_stands_in_for_a_second_input_that_is_not_given():
    net = every_map(np.random.default_rng(0), 1.0)
    x = np.arange(6.0)
    assert exact_values(net, x) == exact_values(net, x, x)


def test_a_cancellation_that_floats_lose_is_kept():
    b = Builder()
    h = b.linear(b.input(2), Dense(np.array([[1.0, 1.0]])))
    net = b.finish(b.combine([(h, 1, 1), (b.select(0, np.array([0])), -1, 1)]), (2,), (1,))
    x = np.array([1.0, 2.0**-80])
    assert exact_values(net, x)[0] == [Fraction(1, 2**80)] and net(x)[0, 0] == 0.0


@pytest.mark.parametrize("x", [np.zeros(5), [Fraction(0)] * 7, np.array([0, 0, 0, 0, 0, np.nan])])
def test_a_point_that_does_not_fit_is_refused(x):
    with pytest.raises(BadInput, match="x: expected"):
        exact_values(every_map(np.random.default_rng(0), 1.0), x)


def test_wide_dense_layers_take_a_fraction_of_a_second_and_agree_with_floats():
    rng = np.random.default_rng(0)
    b = Builder()
    h = b.relu(b.linear(b.input(784), Dense(rng.normal(size=(256, 784)).astype(np.float32))))
    net = b.finish(b.linear(h, Dense(rng.normal(size=(10, 256)).astype(np.float32))), (784,), (10,))
    x = rng.random(784)
    started = time.perf_counter()
    value = enclose(net, x)
    # Measured 0.03 s; a loop over entries in Fractions takes over a second.
    assert time.perf_counter() - started < 0.8
    assert value.exact
    assert np.allclose([float(v) for v in value.fractions()[0]], net(x)[0], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("name", ["mnist/mnist-10x2.onnx", "mnist/cnn_max_mninst2.onnx"])
def test_real_networks_agree_with_float_evaluation(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no {path}: the shared models are not here")
    net = load(path)
    x = np.load(DATA / "mnist" / "mnist_test_100.npz")["X"][7].astype(np.float64).ravel()
    exact = [float(v) for v in exact_values(net, x)[0]]
    assert np.allclose(exact, net(x)[0], rtol=1e-10, atol=1e-10)
