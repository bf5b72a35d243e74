"""Low rank: keep the leading singular directions of each weight matrix.

The coarse network stores the float64 product, not the factors: those floats are what it is, whatever their
exact rank. Finding a rank that meets a tolerance is not done here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.layers import (
    Layer,
    Weight,
    check_fraction,
    choose_weights,
    find_weight,
    share,
    weight_layers,
    with_weight,
)
from certify.coarsenings.rewriting import reweight_each
from certify.errors import BadInput
from certify.networks.graph import Network
from certify.networks.maps import Conv, Floats, LinearMap


def low_rank(
    net: Network,
    rank: int | Mapping[Layer, int] | None = None,
    *,
    keep: float = 0.5,
    layers: Sequence[Layer] | None = None,
) -> Network:
    """Truncate each weight matrix by its singular value decomposition.

    A convolution is the matrix (c_out, c_in * kernel), one for each group.

    rank:   singular values to keep in each layer; {layer: rank} for some layers only
    keep:   without a rank: floor(keep * full rank) of them, at least one
    layers: which layers; default all but the last one, whose rank is the number of outputs

    A layer whose full rank is not above the wanted one is left bit for bit as it is. Raises BadInput for a
    rank below one, ``keep`` outside [0, 1], or an unknown layer.
    """
    every = weight_layers(net)
    wanted: dict[int, int] = {}
    if isinstance(rank, Mapping):
        if layers is not None:
            raise BadInput("layers: expected none beside a rank for each layer")
        chosen = [find_weight(every, k) for k in rank]
        wanted = {id(w.map): _check_rank(r, w.name) for w, r in zip(chosen, rank.values(), strict=True)}
    else:
        chosen = every[:-1] if layers is None and len(every) > 1 else choose_weights(every, layers)
        part = check_fraction(keep, "keep")
        for w in chosen:
            full = _full_rank(w)
            wanted[id(w.map)] = max(1, share(part, full)) if rank is None else _check_rank(rank, "rank")
    notes = []

    def truncate(w: Weight) -> LinearMap:
        full, r = _full_rank(w), wanted[id(w.map)]
        if r >= full:
            return w.map
        groups = w.map.groups if isinstance(w.map, Conv) else 1
        matrices = w.map.weight.astype(np.float64).reshape(groups, w.map.weight.shape[0] // groups, -1)
        product, lost = _truncated(matrices, r)
        notes.append(f"{w.name}: rank {r} of {full}, {100 * lost:.3g}% of the squared norm discarded")
        return with_weight(w.map, product.reshape(w.map.weight.shape))

    text = f"rank {rank}" if isinstance(rank, int) else "chosen ranks" if rank else f"rank {float(100 * part):g}%"
    return reweight_each(net, chosen, truncate, f"low-rank, {text}", notes)


def _check_rank(rank: object, place: str) -> int:
    if isinstance(rank, bool) or not isinstance(rank, int | np.integer) or rank < 1:
        raise BadInput(f"{place}: expected a rank of at least 1, found {rank!r}")
    return int(rank)


def _full_rank(w: Weight) -> int:
    groups = w.map.groups if isinstance(w.map, Conv) else 1
    rows = w.map.weight.shape[0] // groups
    return int(min(rows, w.map.weight.size // (rows * groups)))


def _truncated(matrices: Floats, rank: int) -> tuple[Floats, float]:
    """(rank-``rank`` matrices, share of the squared norm that is lost) for a stack of matrices."""
    u, s, vt = np.linalg.svd(matrices, full_matrices=False)
    product = (u[..., :rank] * s[..., None, :rank]) @ vt[..., :rank, :]
    total = float((s**2).sum())
    return product, float((s[..., rank:] ** 2).sum()) / total if total else 0.0


COARSENING = Coarsening(
    "low_rank",
    low_rank,
    "keep the leading singular directions of each weight matrix",
    examples=lambda net: [{"keep": 0.5}, {"rank": 2}, {"rank": {0: 1}}],
    neutral=lambda net: [{"keep": 1.0}, {"rank": 10**6}],
    refused=lambda net: [
        {"rank": 0},
        {"rank": {0: -1}},
        {"rank": {"no such layer": 1}},
        {"keep": 2},
        {"layers": ["no such layer"]},
        {"rank": 1.5},
    ],
)
