"""Which part became which: alignment by structure, composition, and the package's lazy surface."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from example_networks import conv_net, mlp, points, residual_net

from certify.coarsenings import align, compose, merge, prune, quantise, replace
from certify.coarsenings.layers import find_activation, units_of
from certify.errors import BadInput
from certify.networks.builder import Builder
from certify.networks.evaluate import activations
from certify.networks.graph import Network, Pair, Relu
from certify.networks.maps import Dense, Identity


def by_name(f: Network, g: Network, pairs: tuple[Pair, ...]) -> set[tuple[str, str]]:
    return {(f.names[p.fine], g.names[p.coarse]) for p in pairs}


def with_offset(net: Network) -> Network:
    """The same layers behind one more affine node, as exporters write input normalisation."""
    b = Builder()
    now = {0: b.input(net.n_in)}
    now[0] = b.add_constant(now[0], np.full(net.n_in, 0.5, dtype=np.float32), name="normalise")
    for i, n in enumerate(net.nodes[1:], start=1):
        if isinstance(n, Relu):
            now[i] = b.relu(now[n.source], net.names[i])
        else:
            (t,) = n.terms
            now[i] = b.linear(now[t.source], t.map, n.bias, n.repeat, net.names[i])
    return b.finish(now[net.output], net.input_shape, net.output_shape)


def test_a_coarse_network_aligns_by_what_it_remembers():
    net = mlp()
    g = merge(net, 0.5)
    assert align(net, g) is g.correspondence


def test_equal_shapes_align_position_by_position():
    pairs = align(conv_net(0), conv_net(1))
    assert [(p.fine, p.coarse) for p in pairs] == [(i, i) for i in range(1, len(conv_net().nodes))]


@pytest.mark.parametrize("swap", [False, True])
def test_an_extra_normalisation_node_does_not_disturb_the_alignment(swap):
    f, g = mlp(), with_offset(mlp(1))
    f, g = (g, f) if swap else (f, g)
    names = {"dense0", "relu0", "dense1", "relu1", "dense2"}
    assert by_name(f, g, align(f, g)) == {(n, n) for n in names}


def test_networks_of_different_depth_pair_the_layers_that_fit_with_every_relu_after_its_source():
    f, g = mlp(0, (5, 8, 8, 6, 3)), mlp(1, (5, 8, 6, 3))
    pairs = align(f, g)
    keys = {(p.fine, p.coarse) for p in pairs}
    assert (f.output, g.output) in keys
    for p in pairs:
        u, w = f.nodes[p.fine], g.nodes[p.coarse]
        assert u.size == w.size
        if isinstance(u, Relu):
            assert (u.source, w.source) in keys
    assert {("relu2", "relu1"), ("dense3", "dense2")} <= by_name(f, g, pairs)


def test_networks_with_nothing_in_common_pair_their_outputs():
    f, g = mlp(0, (5, 8, 3)), mlp(0, (5, 7, 4, 3))
    assert by_name(f, g, align(f, g)) == {("dense1", "dense2")}


def test_selections_compose_and_a_dropped_entry_stays_dropped():
    s = np.array([0, 1, -1, 1], dtype=np.int32)
    t = np.array([-1, 2], dtype=np.int32)
    (p,) = compose([Pair(4, 5, s)], [Pair(5, 6, t), Pair(7, 8)])
    assert (p.fine, p.coarse) == (4, 6) and p.sigma.tolist() == [-1, 2, -1, 2]
    (p,) = compose([Pair(4, 5)], [Pair(5, 6, t)])
    assert p.sigma is t
    (p,) = compose([Pair(4, 5, s)], [Pair(5, 6)])
    assert p.sigma is s


def test_a_chain_of_merges_pairs_the_first_network_with_the_last_by_both_selections():
    net = mlp()
    once = merge(net, clusters={"relu0": 5})
    twice = merge(once, clusters={"relu0": 2})
    pair = next(p for p in twice.correspondence if net.names[p.fine] == "relu0")
    first = next(p for p in once.correspondence if net.names[p.fine] == "relu0")
    direct = next(p for p in merge(once.with_(origin="", correspondence=()), clusters={"relu0": 2}).correspondence
                  if once.names[p.fine] == "relu0")  # fmt: skip
    assert np.array_equal(pair.sigma, direct.sigma[first.sigma])
    assert twice.source == "mlp | merge into clusters | merge into clusters"
    assert [line for line in twice.notes if line.startswith("merge")] == ["merge into clusters"] * 2


def test_replacing_takes_the_other_network_bit_for_bit():
    f, g = mlp(0), mlp(1)
    made = replace(f, g)
    assert made.digest == g.digest and made.origin == f.digest
    x = points(f)
    assert np.array_equal(made(x), g(x)) and len(activations(made, x)) == len(g.nodes)


@pytest.mark.parametrize(
    ("mine", "theirs", "fits"),
    [
        ((1, 4, 4), (16,), True),
        ((16,), (4, 4, 1), True),
        ((1, 4, 4), (4, 4, 1), True),
        ((2, 8), (8, 2), False),
        ((2, 8), (4, 4), False),
        ((16,), (17,), False),
    ],
)
def test_interfaces_agree_up_to_axes_of_size_one_and_flattening_of_one_side(mine, theirs, fits):
    def shaped(shape: tuple[int, ...]) -> Network:
        b = Builder()
        n = int(np.prod(shape))
        return b.finish(b.linear(b.input(n), Dense(np.ones((2, n)))), shape, (2,))

    if fits:
        assert replace(shaped(mine), shaped(theirs)).input_shape == theirs
    else:
        with pytest.raises(BadInput, match="input shape"):
            replace(shaped(mine), shaped(theirs))


def test_layers_are_found_by_name_or_index_among_relus():
    net = residual_net()
    assert find_activation(net, 1) == find_activation(net, "relu1") == net.names.index("relu1")
    assert find_activation(net, -1) == net.names.index("relu3")
    assert find_activation(net, "sum") == net.names.index("sum")
    for bad in (4, -5, "relu9", "x", True, None):
        with pytest.raises(BadInput):
            find_activation(net, bad)


def test_a_name_borne_by_two_layers_is_refused():
    net = mlp()
    twice = net.with_(names=tuple("relu" if n.startswith("relu") else n for n in net.names))
    with pytest.raises(BadInput, match="found 2 of that name"):
        find_activation(twice, "relu")


def test_units_are_channels_behind_convolutions_sums_and_scalings_only():
    net = residual_net()
    counts = {n: units_of(net, net.names.index(n)).count for n in ("relu0", "relu1", "relu2", "relu3")}
    assert counts == {"relu0": 4, "relu1": 6, "relu2": 4, "relu3": 8}
    pooled = conv_net()
    assert units_of(pooled, pooled.names.index("pool")).count == 54


def test_a_map_that_stands_twice_is_changed_once_and_stays_shared():
    b = Builder()
    shared = Dense(np.random.default_rng(0).standard_normal((3, 3)))
    v = b.linear(b.relu(b.linear(b.input(3), shared)), shared)
    net = b.finish(v, (3,), (3,))
    for g in (prune(net, 0.5, scope="global"), quantise(net, 3)):
        first, second = (g.nodes[i].terms[0].map for i in (1, 3))
        assert first is second and first is not shared


def test_a_network_without_weights_passes_through():
    b = Builder()
    x = b.input(3)
    net = b.finish(b.combine([(x, 1, 2)]), (3,), (3,))
    for g in (prune(net), quantise(net), merge(net)):
        assert g.digest == net.digest and isinstance(g.nodes[1].terms[0].map, Identity)


def test_importing_the_package_imports_no_coarsening_and_no_scipy():
    code = (
        "import sys, certify.coarsenings as c\n"
        "assert not [m for m in sys.modules if m.startswith('certify.coarsenings.') or m == 'numpy'], 'eager'\n"
        "c.prune\n"
        "assert 'scipy' not in sys.modules and 'torch' not in sys.modules, 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
