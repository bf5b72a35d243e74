"""Which units of a layer are alike: clusters from incoming weights, or from activations.

This only proposes a partition; what a merge does with it is in merging.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.coarsenings.layers import Units, values_at
from certify.networks.graph import Affine, Network
from certify.networks.maps import Conv, Dense, Floats


@dataclass(frozen=True, eq=False)
class Clusters:
    """A partition: ``of[i]`` is the cluster of unit i; clusters are numbered by their first member."""

    units: Units
    of: NDArray[np.int32]
    count: int

    @property
    def sigma(self) -> NDArray[np.int32]:
        """The cluster coordinate of every coordinate."""
        place = np.arange(self.units.repeat)
        return (self.of[:, None] * self.units.repeat + place).astype(np.int32).ravel()

    @property
    def merged(self) -> Units:
        """The units of the layer with one unit for each cluster."""
        return Units(self.count, self.units.spatial)

    def mean(self, rows: NDArray[np.floating]) -> Floats:
        """The mean of the members' rows for each cluster; a lone row is copied exactly."""
        total = self.total(rows)
        sizes = np.bincount(self.of, minlength=self.count).astype(np.float64)
        return np.asarray(total / sizes.reshape(-1, *(1,) * (total.ndim - 1)))

    def total(self, rows: NDArray[np.floating]) -> Floats:
        """The sum of the members' rows for each cluster."""
        out = np.zeros((self.count, *rows.shape[1:]))
        np.add.at(out, self.of, rows.astype(np.float64))
        return out


def rows_of(net: Network, node: int, units: Units) -> Floats | None:
    """Incoming weights and biases, one row for each unit; None unless every term is a map with such rows."""
    affine = net.nodes[node]
    if not isinstance(affine, Affine):
        return None
    parts = []
    for t in affine.terms:
        if not has_rows(t.map, units):
            return None
        assert isinstance(t.map, Dense | Conv)
        parts.append(t.map.weight.astype(np.float64).reshape(units.count, -1) * (t.num / t.den))
    if affine.bias is not None:
        bias = np.repeat(affine.bias.astype(np.float64), affine.repeat)
        parts.append(bias.reshape(units.count, -1).mean(axis=1, keepdims=True))
    return np.concatenate(parts, axis=1)


def has_rows(m: object, units: Units) -> bool:
    """True for a dense map onto neurons, or an ungrouped convolution onto these channels."""
    if isinstance(m, Conv):
        return m.groups == 1 and (m.c_out, m.out_spatial) == (units.count, units.spatial)
    return isinstance(m, Dense) and not units.spatial


def cluster(
    net: Network, relu: int, source: int, units: Units, count: int, data: ArrayLike | None, seed: int
) -> Clusters:
    """Ward clusters of a relu layer's units.

    Alike means: close activations on ``data``; without data, close incoming weights and bias; where there are
    no such rows (a residual sum), close activations on a random sample of the unit cube drawn with ``seed``.
    """
    from scipy.cluster.hierarchy import linkage

    features = rows_of(net, source, units) if data is None else None
    if features is None:
        values = values_at(net, relu, data, seed).reshape(-1, units.count, units.repeat)
        features = values.swapaxes(0, 1).reshape(units.count, -1)
    label = np.arange(units.count)
    if count < units.count:
        # The first n - count joins of the tree give exactly ``count`` clusters, also among ties.
        tree = linkage(features, "ward")[: units.count - count, :2].astype(np.intp)
        for k, (a, b) in enumerate(tree):
            label[(label == a) | (label == b)] = units.count + k
    _, first, of = np.unique(label, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return Clusters(units, rank[of.ravel()].astype(np.int32), len(first))
