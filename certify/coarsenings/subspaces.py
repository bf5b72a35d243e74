"""Subspace: restrict a layer's activations to a mean plus a few directions, given or found by PCA.

The result is stored as one affine node w~ = w - (I - B B^T) w + c. In the reals that is mean + B B^T (w -
mean); written this way the identity cancels in u - w~, and what remains is the discarded part alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.layers import (
    Layer,
    Units,
    check_floats,
    find_activation,
    sample_data,
    units_of,
    values_at,
)
from certify.coarsenings.rewriting import splice
from certify.errors import BadInput
from certify.networks.graph import Network, Term
from certify.networks.maps import Floats, Identity

ORTHONORMAL = 1e-6  # float32 bases pass; the coarse network is what is stored, so nothing rests on it


def subspace(
    net: Network,
    layer: Layer,
    *,
    rank: int | None = None,
    basis: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    data: ArrayLike | None = None,
) -> Network:
    """Replace a layer's value w by mean + B B^T (w - mean).

    layer: a relu or affine node by name, or a relu by its index; after a convolution the directions are over
           its channels, the same at every position
    basis: B, shape (n, k) with orthonormal columns; n the number of channels, or of all coordinates
    rank:  instead of a basis: the leading ``rank`` principal directions on ``data``
    mean:  shape (n,); default the mean over ``data``, or zero with a basis and no data

    Raises BadInput for a rank without data or outside 0..n, both or none of rank and basis, a basis that is
    not orthonormal, or wrong shapes.
    """
    at = find_activation(net, layer)
    group = units_of(net, at)
    if (rank is None) == (basis is None):
        raise BadInput("subspace: expected either a rank or a basis")
    if basis is not None:
        columns = check_floats(basis, (None, None), "basis").astype(np.float64)
        if len(columns) == net.nodes[at].size:
            group = Units(len(columns))
        elif len(columns) != group.count:
            raise BadInput(f"basis: expected {group.count} rows, found {len(columns)}")
        if not np.allclose(columns.T @ columns, np.eye(columns.shape[1]), atol=ORTHONORMAL, rtol=0):
            raise BadInput("basis: expected orthonormal columns")
    n = group.count
    centre: Floats = np.zeros(n) if mean is None else check_floats(mean, (n,), "mean").astype(np.float64)
    if data is not None:
        values = values_at(net, at, data).reshape(-1, n, group.repeat).swapaxes(1, 2).reshape(-1, n)
        centre = values.mean(axis=0) if mean is None else centre
    elif rank is not None:
        raise BadInput("data: expected inputs to find the principal directions on, found none")
    if rank is not None:
        if isinstance(rank, bool) or not isinstance(rank, int | np.integer) or not 0 <= rank <= n:
            raise BadInput(f"rank: expected an integer from 0 to {n}, found {rank!r}")
        columns = _principal(values - centre, int(rank))
    rest = np.eye(n) - columns @ columns.T
    k = columns.shape[1]
    return splice(
        net,
        at,
        lambda b, w, _: b.affine(
            [Term(w, Identity(b.size(w))), Term(w, group.mix(rest), -1)],
            rest @ centre,
            group.repeat,
            f"{net.names[at]}.subspace",
        ),
        f"{net.names[at]} in {k} of {n} directions",
        [f"{'principal' if rank is not None else 'given'} directions over the {group.word} of {net.names[at]}"],
    )


def _principal(centred: Floats, rank: int) -> Floats:
    """The leading eigenvectors of the covariance, a complete basis even from few samples."""
    vectors = np.linalg.eigh(centred.T @ centred)[1]
    return np.ascontiguousarray(vectors[:, ::-1][:, :rank])


def _whole(net: Network, at: int) -> Floats:
    return np.eye(units_of(net, at).count)


COARSENING = Coarsening(
    "subspace",
    subspace,
    "restrict a layer's activations to a mean plus a few directions",
    examples=lambda net: [
        {"layer": 0, "rank": 2, "data": sample_data(net)},
        {"layer": 0, "basis": _whole(net, find_activation(net, 0))[:, 1:]},
    ],
    neutral=lambda net: [
        {"layer": 0, "rank": units_of(net, find_activation(net, 0)).count, "data": sample_data(net, 3)},
        {"layer": -1, "basis": _whole(net, find_activation(net, -1))},
    ],
    refused=lambda net: [
        {"layer": 0},
        {"layer": 0, "rank": 2},
        {"layer": 0, "rank": -1, "data": sample_data(net)},
        {"layer": 0, "rank": 10**6, "data": sample_data(net)},
        {"layer": 0, "basis": np.ones((1, 1)), "rank": 1},
        {"layer": 0, "basis": 2 * _whole(net, find_activation(net, 0))},
        {"layer": 0, "basis": np.ones((3, 3, 3))},
        {"layer": 0, "basis": _whole(net, find_activation(net, 0)), "mean": [1.0]},
        {"layer": 0, "rank": 2, "data": np.zeros((0, net.n_in))},
    ],
)
