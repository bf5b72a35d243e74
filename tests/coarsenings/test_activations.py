"""Ablate, subspace, dictionary: the spliced network against a hand-made patch of the activations."""

from __future__ import annotations

import numpy as np
import pytest
from example_networks import EXAMPLES, conv_net, mlp, points, residual_net
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.coarsenings import ablate, dictionary, subspace
from certify.coarsenings.layers import units_of
from certify.errors import BadInput
from certify.networks.evaluate import activations
from certify.networks.graph import Affine, Free, Input, Network, Relu


def patched(net: Network, layer: str, x: np.ndarray, change) -> np.ndarray:
    """The output when the value of a layer is replaced by change(value)."""
    values = activations(net, x)
    at = net.names.index(layer)
    values[at] = change(values[at])
    for i in range(at + 1, len(net.nodes)):
        n = net.nodes[i]
        if isinstance(n, Relu):
            values[i] = np.maximum(values[n.source], 0)
        elif isinstance(n, Affine):
            values[i] = sum(t.map.apply(values[t.source]) * (t.num / t.den) for t in n.terms)
            if n.bias is not None:
                values[i] = values[i] + np.repeat(n.bias.astype(np.float64), n.repeat)
    return values[net.output]


def coordinates(net: Network, layer: str, units: list[int]) -> np.ndarray:
    group = units_of(net, net.names.index(layer))
    mask = np.zeros(group.count, dtype=bool)
    mask[units] = True
    return group.spread(mask)


CASES = [(make, name) for make in EXAMPLES.values() for name in ("relu0", "relu1")]
CASES += [(residual_net, "sum"), (mlp, "dense1"), (conv_net, "pool")]


@pytest.mark.parametrize(("make", "layer"), CASES)
def test_zero_ablation_is_a_zero_patch(make, layer):
    net, x = make(), points(make())
    gone = coordinates(net, layer, [0, 3])
    g = ablate(net, layer, units=[3, 0, 3])
    assert np.allclose(g(x), patched(net, layer, x, lambda v: np.where(gone, 0, v)), atol=1e-12)


@pytest.mark.parametrize(("make", "layer"), CASES)
def test_mean_ablation_is_a_patch_by_the_mean_of_each_unit(make, layer):
    net, x = make(), points(make())
    data = points(net, 10, seed=5)
    gone = coordinates(net, layer, [1])
    group = units_of(net, net.names.index(layer))
    seen = activations(net, data)[net.names.index(layer)].reshape(10, group.count, -1)
    mean = group.spread(seen.mean(axis=(0, 2)))
    g = ablate(net, layer, units=[1], value="mean", data=data.reshape(10, *net.input_shape))
    assert np.allclose(g(x), patched(net, layer, x, lambda v: np.where(gone, mean, v)), atol=1e-12)


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize(("make", "layer"), CASES)
def test_reachable_ablation_reads_the_units_at_another_input(make, layer, joint):
    net, x, x2 = make(), points(make()), points(make(), seed=9)
    gone = coordinates(net, layer, [0, 2])
    other = activations(net, x2)[net.names.index(layer)]
    g = ablate(net, layer, units=[0, 2], value="reach", joint=joint)
    assert np.allclose(g(x, x2), patched(net, layer, x, lambda v: np.where(gone, other, v)), atol=1e-12)
    assert np.allclose(g(x, x), net(x), atol=1e-12)
    assert sum(isinstance(n, Free) for n in g.nodes) == (not joint)


def test_a_free_node_reads_the_other_input_alone():
    g = ablate(residual_net(), "relu2", units=[0], value="reach", joint=False)
    needed = {next(n.source for n in g.nodes if isinstance(n, Free))}
    for i in range(max(needed), -1, -1):
        if i in needed:
            needed.update(g.nodes[i].sources)
    roles = {g.nodes[i].role for i in needed if isinstance(g.nodes[i], Input)}
    assert roles == {1}


def test_a_fraction_ablates_the_units_of_smallest_activation_on_the_data():
    net, data = mlp(), points(mlp(), 50)
    size = np.abs(activations(net, data)[net.names.index("relu0")]).mean(axis=0)
    least = np.argsort(size)[:4].tolist()
    by_fraction = ablate(net, "relu0", fraction=0.5, data=data)
    assert by_fraction.digest == ablate(net, "relu0", units=least).digest


def test_both_the_kept_value_and_its_replacement_are_paired():
    net = mlp()
    g = ablate(net, "relu0", units=[1])
    at = net.names.index("relu0")
    partners = [g.names[p.coarse] for p in g.correspondence if p.fine == at]
    assert partners == ["relu0", "relu0.ablated"]


def test_two_layers_are_ablated_by_reachable_values_later_layer_first():
    net, x, x2 = mlp(), points(mlp()), points(mlp(), seed=9)
    g = ablate(ablate(net, "relu1", units=[0], value="reach"), "relu0", units=[1], value="reach")
    assert sum(isinstance(n, Input) for n in g.nodes) == 2
    first, second = (activations(net, x2)[net.names.index(n)] for n in ("relu0", "relu1"))
    values = activations(net, x)[net.names.index("relu0")]
    values[:, 1] = first[:, 1]
    w1, b1 = net.nodes[3].terms[0].map.weight, net.nodes[3].bias
    hidden = np.maximum(values @ w1.T.astype(float) + b1, 0)
    hidden[:, 0] = second[:, 0]
    w2, b2 = net.nodes[5].terms[0].map.weight, net.nodes[5].bias
    assert np.allclose(g(x, x2), hidden @ w2.T.astype(float) + b2, atol=1e-12)


def test_a_layer_behind_replaced_values_is_refused_for_reachable_ablation():
    g = ablate(mlp(), "relu0", units=[0], value="reach", joint=False)
    with pytest.raises(BadInput, match="ablate the later layer first"):
        ablate(g, "relu1", units=[0], value="reach")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 8))
def test_a_subspace_holds_the_restricted_value_and_the_projection_is_orthogonal(seed, rank):
    net, rng = mlp(seed), np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((8, 8)))[0][:, :rank]
    mean = rng.standard_normal(8)
    g = subspace(net, "relu0", basis=basis, mean=mean)
    x = points(net)
    w = activations(net, x)[net.names.index("relu0")]
    got = activations(g, x)[g.names.index("relu0.subspace")]
    assert np.allclose(got, mean + (w - mean) @ basis @ basis.T, atol=1e-9)
    assert np.allclose((got - w) @ basis, 0, atol=1e-9)


@pytest.mark.parametrize(("make", "layer"), CASES)
def test_principal_directions_lose_the_least_on_the_data_and_nothing_at_full_rank(make, layer):
    net = make()
    data = points(net, 60)
    at = net.names.index(layer)
    group = units_of(net, at)
    n = group.count

    def per_unit(v: np.ndarray) -> np.ndarray:
        return v.reshape(len(v), n, -1).swapaxes(1, 2).reshape(-1, n)

    w = per_unit(activations(net, data)[at])
    s = np.linalg.svd(w - w.mean(axis=0), compute_uv=False)
    g = subspace(net, layer, rank=2, data=data)
    got = per_unit(activations(g, data)[g.names.index(f"{layer}.subspace")])
    assert np.isclose(np.linalg.norm(got - w), np.linalg.norm(s[2:]), rtol=1e-6)
    full = subspace(net, layer, rank=n, data=data)
    assert np.allclose(full(data), net(data), atol=1e-9)


def test_a_basis_over_all_coordinates_of_a_convolution_is_dense():
    net = conv_net()
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((144, 5)))[0]
    g = subspace(net, "relu0", basis=basis)
    assert np.allclose(g(points(net)), patched(net, "relu0", points(net), lambda v: v @ basis @ basis.T))


@pytest.mark.parametrize("over_channels", [True, False])
def test_a_dictionary_is_what_its_formula_says(over_channels):
    net, rng = conv_net(), np.random.default_rng(0)
    n, m = (4 if over_channels else 144), 7
    we, be = rng.standard_normal((m, n)), rng.standard_normal(m)
    wd, bd = rng.standard_normal((n, m)), rng.standard_normal(n)

    def through(v: np.ndarray) -> np.ndarray:
        columns = v.reshape(len(v), n, -1)
        features = np.maximum(np.einsum("mn,bnp->bmp", we, columns) + be[:, None], 0)
        return (np.einsum("nm,bmp->bnp", wd, features) + bd[:, None]).reshape(len(v), -1)

    g = dictionary(net, "relu0", encoder=(we, be), decoder=(wd, bd))
    assert np.allclose(g(points(net)), patched(net, "relu0", points(net), through), atol=1e-9)
