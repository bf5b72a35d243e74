"""Merge: units of a hidden relu layer that are alike become one.

One unit for each cluster, with the mean of the members' incoming weights; its outgoing weights are the sums
of theirs. Means and sums are taken in float64 and are simply what the coarse network is. Layers that end in
no relu are not merged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.coarsenings.clustering import Clusters, cluster, has_rows, rows_of
from certify.coarsenings.correspondence import paired_kind
from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.layers import (
    Layer,
    Units,
    check_data,
    check_fraction,
    find_activation,
    sample_data,
    share,
    units_of,
    with_weight,
)
from certify.coarsenings.rewriting import derive
from certify.errors import BadInput
from certify.networks.builder import Builder, renumber
from certify.networks.graph import Affine, Network, Pair, Relu, Term
from certify.networks.maps import Conv, Dense, Floats, Identity, LinearMap, Scale


def merge(
    net: Network,
    fraction: float | None = None,
    *,
    clusters: int | Mapping[Layer, int] | None = None,
    layers: Sequence[Layer] | None = None,
    aligned: bool = False,
    data: ArrayLike | None = None,
    seed: int = 0,
) -> Network:
    """Cluster the units (channels after a convolution) of hidden relu layers; keep one for each cluster.

    fraction: floor(fraction * count) units of each layer disappear, one always stays; default 0.1
    clusters: instead, the number of clusters, for every layer or {layer: number}
    layers:   relu layers by name or index; default all that weights feed, directly or through sums
    aligned:  keep the width: every member gets the mean of its cluster, so nodes correspond one to one
    data:     cluster by activations on these inputs instead of by incoming weights

    A layer can shrink when it is fed by dense or ungrouped convolutional maps, is their only reader, and is
    read by such maps alone. Otherwise (a skip connection reads it, or a pooling) it is aligned if weights
    feed it, and left as it is if not; notes say which. ``aligned=True`` always works: where means of rows
    cannot be stored in the weights, an averaging map is put before the relu. Raises BadInput for a fraction
    outside [0, 1], fewer than one cluster, or an unknown layer.
    """
    sizes = _sizes(net, fraction, clusters, layers)
    data = None if data is None else check_data(net, data)
    notes: list[str] = []
    plans: dict[int, _Plan] = {}
    for relu, wanted in sizes.items():
        node = net.nodes[relu]
        assert isinstance(node, Relu)
        group = units_of(net, relu)
        count = max(1, min(group.count, wanted(group.count)))
        name = net.names[relu]
        if count == group.count:
            notes.append(f"{name}: all {count} {group.word} kept")
            continue
        stored = rows_of(net, node.source, group) is not None and _readers(net, node.source) == [relu]
        if not stored and not aligned:
            notes.append(f"{name}: left as it is, its {group.word} have no rows of their own to average")
            continue
        keeps_width = aligned or not _foldable(net, relu, group)
        found = cluster(net, relu, node.source, group, count, data, seed)
        plans[relu] = _Plan(node.source, found, stored, keeps_width)
        kept = ", kept aligned" if keeps_width else ""
        notes.append(f"{name}: {group.count} {group.word} in {found.count} clusters{kept}")
    if fraction is None and clusters is None:
        fraction = DEFAULT
    what = f"{100 * fraction:g}%" if fraction is not None else "into clusters"
    return _rebuild(net, plans, f"merge {what}{', aligned' if aligned else ''}", notes)


DEFAULT = 0.1


@dataclass(frozen=True, eq=False)
class _Plan:
    """What happens to one relu layer and its source.

    stored:      the means go into the weights of the source; else an averaging map is put behind it
    keeps_width: every member keeps a place
    """

    source: int
    clusters: Clusters
    stored: bool
    keeps_width: bool

    def average(self, rows: NDArray[np.floating]) -> Floats:
        means = self.clusters.mean(rows)
        return means[self.clusters.of] if self.keeps_width else means


def _sizes(
    net: Network,
    fraction: float | None,
    clusters: int | Mapping[Layer, int] | None,
    layers: Sequence[Layer] | None,
) -> dict[int, Callable[[int], int]]:
    """For each relu layer to merge: the number of clusters wanted of so many units."""
    if fraction is not None and clusters is not None:
        raise BadInput("merge: expected either a fraction or a number of clusters")
    if isinstance(clusters, Mapping):
        if layers is not None:
            raise BadInput("layers: expected none beside a number of clusters for each layer")
        return {_find_relu(net, k): _number(c) for k, c in clusters.items()}
    if clusters is not None:
        wanted = _number(clusters)
    else:
        part = check_fraction(DEFAULT if fraction is None else fraction, "fraction")

        def wanted(n: int) -> int:
            return n - share(part, n)

    if isinstance(layers, str | int):
        layers = [layers]
    if layers is not None:
        return {_find_relu(net, k): wanted for k in layers}
    return {i: wanted for i, n in enumerate(net.nodes) if isinstance(n, Relu) and _weighted(net, n.source)}


def _number(count: object) -> Callable[[int], int]:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise BadInput(f"clusters: expected at least 1, found {count!r}")
    number = int(count)
    return lambda _: number


def _find_relu(net: Network, key: Layer) -> int:
    node = find_activation(net, key)
    if not isinstance(net.nodes[node], Relu):
        raise BadInput(f"layer {key!r}: expected a relu layer, found {type(net.nodes[node]).__name__.lower()}")
    return node


def _weighted(net: Network, node: int) -> bool:
    """True when a dense or convolutional map feeds the node, directly or through sums and scalings.

    The relus inside a max-pool read selections, so they are not meant.
    """
    n = net.nodes[node]
    return isinstance(n, Affine) and any(
        isinstance(t.map, Dense | Conv) or (isinstance(t.map, Identity | Scale) and _weighted(net, t.source))
        for t in n.terms
    )


def _readers(net: Network, node: int) -> list[int]:
    return [i for i, n in enumerate(net.nodes) if node in n.sources] + [-1] * (net.output == node)


def _sums_columns(m: LinearMap, units: Units) -> bool:
    """True for maps in which the columns of merged units can be added."""
    if isinstance(m, Conv):
        return m.groups == 1 and (m.c_in, m.in_spatial) == (units.count, units.spatial)
    return isinstance(m, Dense)


def _foldable(net: Network, relu: int, units: Units) -> bool:
    readers = [net.nodes[i] if i >= 0 else None for i in _readers(net, relu)]
    return all(
        isinstance(n, Affine) and all(_sums_columns(t.map, units) for t in n.terms if t.source == relu) for n in readers
    )


def _rebuild(net: Network, plans: dict[int, _Plan], did: str, notes: list[str]) -> Network:
    """Copy the graph with the planned layers merged."""
    b = Builder()
    now: dict[int, int] = {}
    narrow: dict[int, Clusters] = {}  # nodes that have one unit for each cluster
    by_source = {p.source: p for p in plans.values() if p.stored}
    pairs: list[Pair] = []
    for i, node in enumerate(net.nodes):
        if isinstance(node, Affine):
            terms = [Term(now[t.source], _narrowed(t.map, narrow.get(t.source)), t.num, t.den) for t in node.terms]
            plan = by_source.get(i)
            if plan is None:
                now[i] = b.affine(terms, node.bias, node.repeat, net.names[i])
            else:
                if not plan.keeps_width:
                    narrow[i] = plan.clusters
                terms = [Term(t.source, _averaged(t.map, plan), t.num, t.den) for t in terms]
                bias, repeat = _averaged_bias(node, plan)
                now[i] = b.affine(terms, bias, repeat, net.names[i])
        elif isinstance(node, Relu):
            source = now[node.source]
            if i in plans and not plans[i].stored:
                # z - (I - P) z rather than P z: the identity cancels against f's z in the difference.
                units = plans[i].clusters.units
                rest = np.eye(units.count) - plans[i].average(np.eye(units.count))
                terms = [Term(source, Identity(b.size(source))), Term(source, units.mix(rest), -1)]
                source = b.affine(terms, name=f"{net.names[i]}.mean")
                pairs.append(Pair(node.source, source))
            if node.source in narrow:
                narrow[i] = narrow[node.source]
            now[i] = b.relu(source, net.names[i])
        else:
            now[i] = b.add(renumber(node, now), net.names[i])
        if paired_kind(node):
            pairs.append(Pair(i, now[i], narrow[i].sigma if i in narrow else None))
    return derive(net, b.nodes, b.names, now[net.output], tuple(pairs), did, notes)


def _narrowed(m: LinearMap, clusters: Clusters | None) -> LinearMap:
    """The map reading merged units: columns of the members added."""
    if clusters is None:
        return m
    if isinstance(m, Conv):
        return with_weight(m, np.ascontiguousarray(np.swapaxes(clusters.total(np.swapaxes(m.weight, 0, 1)), 0, 1)))
    assert isinstance(m, Dense)
    columns = np.zeros((clusters.count * clusters.units.repeat, m.n_out))
    np.add.at(columns, clusters.sigma, m.weight.T.astype(np.float64))
    return Dense(np.ascontiguousarray(columns.T))


def _averaged(m: LinearMap, plan: _Plan) -> LinearMap:
    """The map with the mean row of each cluster."""
    assert isinstance(m, Dense | Conv) and has_rows(m, plan.clusters.units)
    return with_weight(m, plan.average(m.weight))


def _averaged_bias(node: Affine, plan: _Plan) -> tuple[Floats | None, int]:
    """(bias, repeat) of the averaged node."""
    if node.bias is None:
        return None, 1
    units = plan.clusters.units
    if node.repeat == units.repeat:
        return plan.average(node.bias), node.repeat
    full = np.repeat(node.bias.astype(np.float64), node.repeat).reshape(units.count, units.repeat)
    return plan.average(full).ravel(), 1


COARSENING = Coarsening(
    "merge",
    merge,
    "merge units that are alike into one, with mean incoming and summed outgoing weights",
    examples=lambda net: [
        {"fraction": 0.25},
        {"clusters": 2, "layers": [1], "data": sample_data(net)},
        {"fraction": 0.5, "aligned": True},
    ],
    neutral=lambda net: [{"fraction": 0.0}, {"clusters": 10**6}],
    refused=lambda net: [
        {"fraction": 1.5},
        {"clusters": 0},
        {"fraction": 0.5, "clusters": 3},
        {"clusters": {"no such layer": 3}},
        {"layers": [99]},
        {"clusters": {0: 2}, "layers": [0]},
        {"data": np.zeros((2, net.n_in + 1))},
    ],
)
