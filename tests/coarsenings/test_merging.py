"""Merge: the merged network against exact twins, against its own aligned form, and where it must not shrink."""

from __future__ import annotations

import numpy as np
import pytest
from example_networks import EXAMPLES, conv_net, mlp, points, residual_net
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.coarsenings import merge
from certify.coarsenings.clustering import cluster
from certify.coarsenings.layers import units_of
from certify.networks.builder import Builder
from certify.networks.evaluate import activations
from certify.networks.graph import Network, Relu
from certify.networks.maps import Conv, Dense


def with_twins(seed: int, units: int, copies: int, conv: bool) -> Network:
    """A hidden layer in which every unit (channel) stands ``copies`` times, in shuffled order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.repeat(np.arange(units), copies))
    first = rng.standard_normal((units, 2, 3, 3) if conv else (units, 4))[order]
    bias = rng.standard_normal(units)[order]
    b = Builder()
    if conv:
        x = b.input(2 * 16)
        v = b.relu(b.linear(x, Conv(first, (4, 4), (1, 1), (0, 0, 0, 0), (1, 1)), bias, 4, "conv"), "relu")
        v = b.linear(v, Conv(rng.standard_normal((3, len(order), 2, 2)), (2, 2), (1, 1), (0,) * 4, (1, 1)), name="out")
    else:
        x = b.input(4)
        v = b.relu(b.linear(x, Dense(first), bias, name="dense"), "relu")
        v = b.linear(v, Dense(rng.standard_normal((3, len(order)))), name="out")
    return b.finish(v, (b.size(x),), (3,), source="twins")


def sizes(net: Network) -> dict[str, int]:
    return {name: n.size for name, n in zip(net.names, net.nodes, strict=True) if isinstance(n, Relu)}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(2, 4), st.booleans(), st.booleans())
def test_exact_twins_merge_without_changing_the_function(seed, units, copies, conv, by_data):
    net = with_twins(seed, units, copies, conv)
    # By activations, units that no point of the data switches on look alike: give it many points.
    data = 10 * np.random.default_rng(seed).standard_normal((400, net.n_in)) if by_data else None
    g = merge(net, clusters=units, data=data)
    assert sizes(g)["relu"] * copies == sizes(net)["relu"]
    x = points(net)
    fine, coarse = activations(net, x), activations(g, x)
    for p in g.correspondence:
        w = coarse[p.coarse] if p.sigma is None else coarse[p.coarse][:, p.sigma]
        assert np.allclose(fine[p.fine], w, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_narrow_and_the_aligned_merge_are_one_function(seed, fraction):
    net = mlp(seed)
    narrow, aligned = merge(net, fraction), merge(net, fraction, aligned=True)
    assert np.allclose(narrow(points(net)), aligned(points(net)), atol=1e-9)
    assert sizes(aligned) == sizes(net)
    assert all(p.sigma is None for p in aligned.correspondence)
    assert narrow.parameters <= net.parameters


def test_a_merged_unit_has_the_mean_of_its_members_before_the_relu():
    net = mlp()
    g = merge(net, clusters={"relu0": 3})
    pair = next(p for p in g.correspondence if net.names[p.fine] == "dense0")
    fine, coarse = (activations(n, points(net))[k] for n, k in ((net, pair.fine), (g, pair.coarse)))
    assert coarse.shape[1] == 3 and set(pair.sigma) == {0, 1, 2}
    for k in range(3):
        assert np.allclose(coarse[:, k], fine[:, pair.sigma == k].mean(axis=1), atol=1e-12)


def test_a_merged_channel_moves_whole():
    net = residual_net()
    g = merge(net, clusters={"relu1": 4})
    assert sizes(g)["relu1"] == 4 * 16 and sizes(net)["relu1"] == 6 * 16
    pair = next(p for p in g.correspondence if net.names[p.fine] == "relu1")
    channels = pair.sigma.reshape(6, 16)
    assert np.array_equal(channels - channels[:, :1], np.tile(np.arange(16), (6, 1)))
    assert (channels[:, 0] % 16 == 0).all()


def test_a_layer_read_by_a_pooling_keeps_its_width_and_says_so():
    net = conv_net()
    g = merge(net, 0.5)
    assert sizes(g)["relu0"] < sizes(net)["relu0"] and sizes(g)["relu1"] == sizes(net)["relu1"]
    assert any("relu1" in line and "aligned" in line for line in g.notes)


def test_a_layer_behind_a_sum_or_a_normalisation_is_left_alone_unless_aligned():
    net = residual_net()
    g = merge(net, 0.5)
    assert sizes(g) == {**sizes(net), "relu1": 48, "relu3": 4}
    for name in ("relu0", "relu2"):
        assert any(name in line and "left as it is" in line for line in g.notes)
    aligned = merge(net, 0.5, aligned=True)
    for name in ("relu0", "relu2"):
        rows = activations(aligned, points(net))[aligned.names.index(name)].reshape(16, 4, 16)
        assert len(np.unique(np.round(rows[0], 9), axis=0)) <= 2


def test_the_relus_inside_a_max_pool_are_not_merged():
    net = conv_net()
    g = merge(net, 0.9)
    for name in ("max01.relu", "max23.relu", "pool.relu"):
        assert sizes(g)[name] == sizes(net)[name]
        assert not any(line.startswith(name) for line in g.notes)


@pytest.mark.parametrize("make", EXAMPLES.values(), ids=list(EXAMPLES))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_clustering_gives_exactly_the_clusters_asked_for_also_among_ties(make, count):
    net = make()
    relu = net.names.index("relu0")
    units = units_of(net, relu)
    still = np.zeros((3, net.n_in))  # every unit has one activation pattern, up to its level: many ties
    found = cluster(net, relu, net.nodes[relu].source, units, count, still, 0)
    assert found.count == count == len(set(found.of))
    firsts = [int(np.argmax(found.of == k)) for k in range(count)]
    assert firsts == sorted(firsts)
