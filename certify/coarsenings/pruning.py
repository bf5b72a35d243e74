"""Prune: set the weights of smallest magnitude to zero. Biases, and constants that are no weights, stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.layers import Layer, check_fraction, find_weight, share, weight_layers, with_weight
from certify.coarsenings.rewriting import reweight
from certify.errors import BadInput
from certify.networks.graph import Network


def prune(
    net: Network,
    fraction: float = 0.5,
    *,
    scope: Literal["layer", "global"] = "layer",
    mask: Mapping[Layer, ArrayLike] | None = None,
) -> Network:
    """Zero exactly floor(fraction * size) weights of smallest |w|, ties in storage order.

    scope: "layer" counts in each dense or convolutional map, "global" in all of them together (a map that
           stands at several places counts once).
    mask:  instead of a fraction, which weights to keep: {layer name or index: booleans of the weight's
           shape}.

    The kept weights are the same floats. Raises BadInput for a fraction outside [0, 1], an unknown scope or
    layer, or a mask of the wrong shape.
    """
    layers = weight_layers(net)
    unique = {id(w.map): w for w in layers}
    if mask is not None:
        chosen = [(find_weight(layers, k), np.asarray(m)) for k, m in mask.items()]
        keep = {}
        for w, m in chosen:
            if m.shape != w.map.weight.shape or m.dtype != np.bool_:
                wanted = f"booleans of shape {w.map.weight.shape}"
                raise BadInput(f"mask of {w.name}: expected {wanted}, found {m.dtype} {m.shape}")
            keep[id(w.map)] = m
        did = "prune by mask"
    else:
        part = check_fraction(fraction, "fraction")
        sizes = {k: np.abs(w.map.weight).ravel() for k, w in unique.items()}
        if scope == "layer":
            keep = {k: _largest(a, share(part, a.size)) for k, a in sizes.items()}
        elif scope == "global":
            ends = np.cumsum([a.size for a in sizes.values()])
            # In float64, so that layers of different types are compared by their exact values.
            every = np.concatenate([np.zeros(0), *(a.astype(np.float64) for a in sizes.values())])
            pieces = np.split(_largest(every, share(part, every.size)), ends[:-1]) if sizes else []
            keep = dict(zip(sizes, pieces, strict=True))
        else:
            raise BadInput(f"scope: expected 'layer' or 'global', found {scope!r}")
        did = f"prune {float(100 * part):g}%" + (" globally" if scope == "global" else "")
    new = {}
    zeroed, total = 0, 0
    for k, w in unique.items():
        total += w.map.weight.size
        if k in keep and not keep[k].all():
            weight = np.where(keep[k].reshape(w.map.weight.shape), w.map.weight, w.map.weight.dtype.type(0))
            zeroed += int((~keep[k]).sum())
            new[k] = with_weight(w.map, weight)
    changes = {(w.node, w.term): new[id(w.map)] for w in layers if id(w.map) in new}
    return reweight(net, changes, did, [f"{zeroed} of {total} weights set to zero"])


def _largest(sizes: NDArray[np.floating], drop: int) -> NDArray[np.bool_]:
    """False at the ``drop`` smallest entries, ties by index."""
    keep = np.ones(sizes.size, dtype=np.bool_)
    keep[np.argsort(sizes, kind="stable")[:drop]] = False
    return keep


COARSENING = Coarsening(
    "prune",
    prune,
    "set the weights of smallest magnitude to zero",
    examples=lambda net: [{"fraction": 0.5}, {"fraction": 0.2, "scope": "global"}],
    neutral=lambda net: [{"fraction": 0.0}, {"fraction": 0, "scope": "global"}, {"mask": {}}],
    refused=lambda net: [
        {"fraction": 1.5},
        {"fraction": float("nan")},
        {"scope": "neuron"},
        {"mask": {"no such layer": [True]}},
        {"mask": {0: [True]}},
    ],
)
