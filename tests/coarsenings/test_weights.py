"""Prune, low rank, quantise, round: what happens to the stored numbers, against oracles."""

from __future__ import annotations

import os
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from example_networks import EXAMPLES, conv_net, mlp, residual_net
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from certify.coarsenings import low_rank, prune, quantise, round_to
from certify.coarsenings.layers import weight_layers
from certify.coarsenings.rounding import bfloat16
from certify.errors import BadInput
from certify.networks.builder import Builder
from certify.networks.graph import Affine, Network
from certify.networks.maps import Dense, Scale

DIGITS = Path(os.environ.get("CERTIFY_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")) / "digits"


def one_layer(weight: np.ndarray, bias: np.ndarray | None = None) -> Network:
    b = Builder()
    out = b.linear(b.input(weight.shape[1]), Dense(weight), bias, name="only")
    return b.finish(out, (weight.shape[1],), (weight.shape[0],), source="one layer")


def weights(net: Network) -> list[np.ndarray]:
    return [w.map.weight for w in weight_layers(net)]


def digits(name: str) -> Network:
    if not DIGITS.is_dir():
        pytest.skip(f"no shared models at {DIGITS}")
    from certify.networks.load import load

    return load(DIGITS / f"{name}.onnx")


matrices = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
    elements=st.floats(-4, 4, width=16),
)


@settings(max_examples=50, deadline=None)
@given(matrices, st.integers(0, 100))
def test_pruning_zeroes_exactly_the_floor_and_only_the_smallest(w, percent):
    (got,) = weights(prune(one_layer(w), percent / 100))
    drop = floor(Fraction(percent, 100) * w.size)
    order = sorted(range(w.size), key=lambda i: (abs(w.ravel()[i]), i))
    expected = w.ravel().copy()
    expected[order[:drop]] = 0
    assert got.dtype == w.dtype and np.array_equal(got.ravel(), expected)


def test_a_fraction_means_the_decimal_it_is_written_as():
    w = np.arange(1, 101, dtype=np.float32).reshape(10, 10)
    assert np.floor(0.29 * 100) == 28  # what floats would have said
    assert (weights(prune(one_layer(w), 0.29))[0] == 0).sum() == 29


def test_global_pruning_counts_over_all_layers_together():
    net = mlp()
    sizes = np.concatenate([np.abs(w).ravel() for w in weights(net)])
    cut = np.sort(sizes)[sizes.size // 2]
    for before, after in zip(weights(net), weights(prune(net, 0.5, scope="global")), strict=True):
        assert np.array_equal(after, np.where(np.abs(before) >= cut, before, 0))


def test_a_mask_keeps_what_it_says_in_the_layers_it_names():
    net = conv_net()
    keep = np.random.default_rng(0).random(weights(net)[1].shape) < 0.5
    got = weights(prune(net, mask={"conv1": keep}))
    assert np.array_equal(got[1], np.where(keep, weights(net)[1], 0))
    assert all(np.array_equal(a, b) for k, (a, b) in enumerate(zip(got, weights(net), strict=True)) if k != 1)


@pytest.mark.parametrize("size", ["S", "M"])
@pytest.mark.parametrize(("name", "fraction"), [("p20", 0.2), ("p50", 0.5)])
def test_pruning_agrees_with_the_shared_digits_networks_up_to_one_quantile_entry(size, name, fraction):
    ours, theirs = prune(digits(f"{size}_f"), fraction), digits(f"{size}_{name}")
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        assert (a != b).sum() <= 1


@pytest.mark.parametrize("size", ["S", "M"])
def test_quantising_by_channel_agrees_with_the_shared_digits_networks(size):
    ours, theirs = quantise(digits(f"{size}_f"), 8, per="channel"), digits(f"{size}_int8")
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        assert np.allclose(a, b, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", ["S", "M"])
def test_rounding_agrees_with_the_shared_digits_networks(size):
    ours, theirs = round_to(digits(f"{size}_f"), "float16"), digits(f"{size}_f16")
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        assert np.array_equal(a.astype(np.float64), b.astype(np.float64))


@pytest.mark.parametrize("size", ["S", "M"])
def test_truncation_agrees_with_the_shared_digits_networks_in_hidden_layers(size):
    ours, theirs = low_rank(digits(f"{size}_f"), keep=0.5), digits(f"{size}_svd")
    for a, b in list(zip(weights(ours), weights(theirs), strict=True))[1:-1]:
        assert np.allclose(a, b, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 7), st.integers(1, 7))
def test_truncation_loses_exactly_the_discarded_singular_values(seed, rows, columns, rank):
    w = np.random.default_rng(seed).standard_normal((rows, columns))
    (got,) = weights(low_rank(one_layer(w), rank))
    s = np.linalg.svd(w, compute_uv=False)
    assert np.isclose(np.linalg.norm(w - got), np.linalg.norm(s[rank:]), atol=1e-9)
    assert np.linalg.matrix_rank(got, tol=1e-9) <= rank


def test_a_convolution_is_truncated_as_a_matrix_of_output_channels_by_groups():
    net = conv_net()
    got = low_rank(net, {"conv1": 2, "conv2": 1})
    _, conv1, conv2, _ = weights(got)
    assert np.linalg.matrix_rank(conv1.reshape(6, -1), tol=1e-9) == 2
    assert [np.linalg.matrix_rank(g.reshape(2, -1), tol=1e-9) for g in np.split(conv2, 2)] == [1, 1]
    assert weights(got)[0] is weights(net)[0]


def test_truncation_leaves_the_output_layer_alone_unless_named():
    net = mlp()
    assert weights(low_rank(net, 1))[-1] is weights(net)[-1]
    assert np.linalg.matrix_rank(weights(low_rank(net, 1, layers=[-1]))[-1], tol=1e-9) == 1


@settings(max_examples=50, deadline=None)
@given(matrices, st.integers(2, 12), st.booleans())
def test_quantised_weights_lie_on_the_grid_and_within_half_a_step(w, bits, by_channel):
    (got,) = weights(quantise(one_layer(w), bits, per="channel" if by_channel else "tensor"))
    top = 2 ** (bits - 1) - 1
    exact = w.astype(np.float64)
    scale = np.abs(exact).max(axis=1, keepdims=True) / top if by_channel else np.abs(exact).max() / top
    scale = np.broadcast_to(scale, w.shape)
    assert (np.abs(got - exact) <= scale / 2 * (1 + 1e-9)).all()
    steps = np.divide(got, scale, out=np.zeros(w.shape), where=scale > 0)
    assert np.allclose(steps, np.round(steps), atol=1e-9) and (np.abs(steps) <= top + 1e-9).all()


def test_quantising_a_convolution_by_channel_gives_each_output_channel_its_scale():
    for before, after in zip(weights(conv_net()), weights(quantise(conv_net(), 2, per="channel")), strict=True):
        for a, b in zip(before, after, strict=True):
            assert set(np.unique(np.abs(b))) <= {0.0, float(np.abs(a).max())}


@given(hnp.arrays(np.uint32, 20))
def test_bfloat16_rounds_like_the_bits_say(bits):
    w = bits.view(np.float32)
    w = w[np.isfinite(w)]
    raw = w.view(np.uint32).astype(np.uint64)
    up = ((raw + 0x7FFF + ((raw >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    assert np.array_equal(bfloat16(w), up)


def test_bfloat16_rounds_once_from_float64():
    above_the_tie = np.array([1 + 2.0**-8 + 2.0**-40])  # through float32 this would tie, and go down
    assert bfloat16(above_the_tie)[0] == 1 + 2.0**-7
    assert bfloat16(np.array([1 + 2.0**-8]))[0] == 1.0


@pytest.mark.parametrize("make", EXAMPLES.values(), ids=list(EXAMPLES))
def test_rounding_reaches_weights_and_biases_of_every_layer(make):
    for node in round_to(make(), "float16").nodes:
        if isinstance(node, Affine):
            assert node.bias is None or node.bias.dtype == np.float16
            assert all(t.map.weight.dtype == np.float16 for t in node.terms if hasattr(t.map, "weight"))


def test_rounding_leaves_a_factor_known_by_an_enclosure_alone_and_says_so():
    scales = [
        t.map
        for n in round_to(residual_net()).nodes
        if isinstance(n, Affine)
        for t in n.terms
        if isinstance(t.map, Scale)
    ]
    assert len(scales) == 1 and scales[0].lo.dtype == np.float32 and not scales[0].exact
    assert any("enclosure" in line for line in round_to(residual_net()).notes)


@pytest.mark.parametrize(("dtype", "most"), [("float16", 65504.0), ("bfloat16", 2.0**128 - 2.0**120)])
def test_the_largest_number_rounds_and_the_next_binade_is_refused_by_name(dtype, most):
    assert weights(round_to(one_layer(np.array([[most]])), dtype))[0] == most
    with pytest.raises(BadInput, match=f"only: expected numbers that {dtype} holds"):
        round_to(one_layer(np.array([[1.0]]), np.array([most * 1.01])), dtype)
