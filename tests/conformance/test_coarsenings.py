"""Every coarsening that discovery finds, on a multilayer perceptron, a convolutional and a residual network."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import certify.coarsenings as coarsenings
from certify.errors import BadInput
from certify.networks.evaluate import activations
from certify.networks.graph import Affine, Free, Network, Relu

sys.path.insert(0, str(Path(__file__).parents[1] / "coarsenings"))
from example_networks import EXAMPLES, points

FOUND = coarsenings.discover()
NETS = {name: make() for name, make in EXAMPLES.items()}


def cases(kind: str) -> list:
    return [
        pytest.param(c, net, k, id=f"{c.name}-{net_name}-{k}".replace(" ", "-"))
        for c in FOUND.values()
        for net_name, net in NETS.items()
        for k in range(len(getattr(c, kind)(net)))
    ]


def assert_well_formed(g: Network) -> None:
    assert len(g.names) == len(g.nodes)
    roles = [n.role for n in g.nodes if not n.sources]
    assert sorted(roles) in ([0], [0, 1])
    for i, n in enumerate(g.nodes):
        assert all(s < i for s in n.sources)
        if isinstance(n, Affine):
            assert all(t.map.n_in == g.nodes[t.source].size and t.map.n_out == n.size for t in n.terms)
            assert n.bias is None or n.bias.size * n.repeat == n.size
            tensors = [a for t in n.terms for a in t.map.tensors() if a.dtype.kind == "f"]
            assert all(np.isfinite(a).all() for a in tensors)
        elif isinstance(n, Relu | Free):
            assert n.size == g.nodes[n.source].size


def assert_pairs_fit(f: Network, g: Network) -> None:
    assert g.correspondence
    for p in g.correspondence:
        u, w = f.nodes[p.fine], g.nodes[p.coarse]
        assert type(u) is type(w) or isinstance(w, Affine)
        if p.sigma is None:
            assert u.size == w.size
        else:
            assert p.sigma.dtype == np.int32 and p.sigma.shape == (u.size,)
            assert p.sigma.min() >= -1 and p.sigma.max() < w.size
        if isinstance(u, Relu) and isinstance(w, Relu):
            inner = [q for q in g.correspondence if (q.fine, q.coarse) == (u.source, w.source)]
            assert inner, "a pair of relus needs the pair of their sources"
            same = p.sigma is inner[0].sigma is None or np.array_equal(p.sigma, inner[0].sigma)
            assert same, "a selection must pass a relu unchanged"


def fingerprint(net: Network) -> list[bytes]:
    floats = [t for n in net.nodes if isinstance(n, Affine) for term in n.terms for t in term.map.tensors()]
    floats += [n.bias for n in net.nodes if isinstance(n, Affine) and n.bias is not None]
    return [t.tobytes() for t in floats]


def test_discovery_finds_the_coarsenings_and_the_package_exposes_them():
    expected = {"ablate", "dictionary", "low_rank", "merge", "prune", "quantise", "replace", "round_to"}
    assert expected | {"subspace"} <= set(FOUND)
    for name, c in FOUND.items():
        assert getattr(coarsenings, name) is c.function
        assert name == c.name and "\n" not in c.meaning and c.meaning


@pytest.mark.parametrize("c", FOUND.values(), ids=list(FOUND))
def test_every_declaration_has_examples_and_refusals_for_every_network(c):
    for net in NETS.values():
        assert c.examples(net) and c.neutral(net) and c.refused(net)


@pytest.mark.parametrize(("c", "net", "k"), cases("examples"))
def test_a_coarse_network_keeps_the_interface_and_a_valid_correspondence(c, net, k):
    before = fingerprint(net)
    g = c.function(net, **c.examples(net)[k])
    assert_well_formed(g)
    assert_pairs_fit(net, g)
    assert (g.n_in, g.n_out) == (net.n_in, net.n_out)
    assert g.origin == net.digest and g.digest != net.digest
    assert g.notes and all("\n" not in line for line in g.notes)
    assert g.source.startswith(f"{net.source} | ")
    assert fingerprint(net) == before
    assert np.isfinite(g(points(net))).all()


@pytest.mark.parametrize(("c", "net", "k"), cases("examples"))
def test_the_outputs_are_paired(c, net, k):
    g = c.function(net, **c.examples(net)[k])
    outputs = [p for p in g.correspondence if (p.fine, p.coarse) == (net.output, g.output)]
    assert len(outputs) == 1 and outputs[0].sigma is None


@pytest.mark.parametrize(("c", "net", "k"), cases("examples"))
def test_every_relu_and_affine_node_is_paired_unless_the_network_is_another_one(c, net, k):
    if c.name == "replace":
        pytest.skip("another network need not have a part for every part")
    g = c.function(net, **c.examples(net)[k])
    paired = {p.fine for p in g.correspondence}
    assert paired == {i for i, n in enumerate(net.nodes) if isinstance(n, Affine | Relu)}


@pytest.mark.parametrize(("c", "net", "k"), cases("examples"))
def test_the_same_settings_give_the_same_digest(c, net, k):
    assert len({c.function(net, **c.examples(net)[k]).digest for _ in range(2)}) == 1


@pytest.mark.parametrize(("c", "net", "k"), cases("neutral"))
def test_settings_that_discard_nothing_keep_every_paired_value(c, net, k):
    g = c.function(net, **c.neutral(net)[k])
    assert_well_formed(g)
    assert_pairs_fit(net, g)
    x = points(net)
    fine, coarse = activations(net, x), activations(g, x, points(net, seed=2))
    for p in g.correspondence:
        w = coarse[p.coarse]
        w = w if p.sigma is None else np.where(p.sigma >= 0, w[:, p.sigma], 0.0)
        assert np.abs(fine[p.fine] - w).max() <= 1e-9, (net.names[p.fine], g.names[p.coarse])
    assert np.abs(net(x) - g(x)).max() <= 1e-9


@pytest.mark.parametrize(("c", "net", "k"), cases("refused"))
def test_bad_settings_are_refused_in_one_line(c, net, k):
    with pytest.raises(BadInput) as caught:
        c.function(net, **c.refused(net)[k])
    assert str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("second", [n for n in FOUND if n != "replace"])
@pytest.mark.parametrize("first", ["prune", "merge"])
@pytest.mark.parametrize("net", NETS.values(), ids=[n.replace(" ", "-") for n in NETS])
def test_a_coarsening_of_a_coarsening_corresponds_to_the_first_network(first, second, net):
    middle = FOUND[first].function(net, **FOUND[first].examples(net)[0])
    g = FOUND[second].function(middle, **FOUND[second].examples(middle)[0])
    assert g.origin == net.digest
    assert_pairs_fit(net, g)
    assert {p.fine for p in g.correspondence} == {p.fine for p in middle.correspondence}
    assert (net.output, g.output) in {(p.fine, p.coarse) for p in g.correspondence}
