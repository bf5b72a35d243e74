"""Quantise: symmetric int-k weights, one scale for each tensor or output channel.

Weights only: activations and biases stay. The stored float64 scale * integer is the coarse network's weight,
rounded once; a deployed integer kernel that multiplies later may round differently.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.layers import Weight, weight_layers, with_weight
from certify.coarsenings.rewriting import reweight_each
from certify.errors import BadInput
from certify.networks.graph import Network
from certify.networks.maps import Floats, LinearMap

MOST_BITS = 52  # beyond it the integers themselves are no longer exact in float64


def quantise(net: Network, bits: int = 8, *, per: Literal["tensor", "channel"] = "tensor") -> Network:
    """w becomes scale * round(w / scale), scale = max |w| / (2^(bits-1) - 1), halves to even.

    per: the maximum is over the whole tensor, or over each output channel (row of a dense weight).

    Raises BadInput unless 2 <= bits <= 52 and per is "tensor" or "channel".
    """
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or not 2 <= bits <= MOST_BITS:
        raise BadInput(f"bits: expected an integer from 2 to {MOST_BITS}, found {bits!r}")
    if per not in ("tensor", "channel"):
        raise BadInput(f"per: expected 'tensor' or 'channel', found {per!r}")
    top = 2 ** (int(bits) - 1) - 1
    layers = weight_layers(net)

    def change(w: Weight) -> LinearMap:
        return with_weight(w.map, _grid(w.map.weight, top, per == "channel"))

    notes = [f"{len(layers)} weight tensors on a grid of {2 * top + 1} values; biases unchanged"]
    return reweight_each(net, layers, change, f"int{bits} per {per}", notes)


def _grid(weight: NDArray[np.floating], top: int, per_row: bool) -> Floats:
    """The nearest multiples of the scale; a zero tensor or row stays zero."""
    w = weight.astype(np.float64).reshape(weight.shape[0], -1)
    scale = np.abs(w).max(axis=1 if per_row else None, keepdims=True, initial=0.0) / top
    safe = np.where(scale > 0, scale, 1.0)
    return np.asarray(np.round(w / safe) * scale).reshape(weight.shape)


COARSENING = Coarsening(
    "quantise",
    quantise,
    "round weights to symmetric k-bit integers times a scale",
    examples=lambda net: [{"bits": 8}, {"bits": 4, "per": "channel"}],
    neutral=lambda net: [{"bits": 48}, {"bits": 48, "per": "channel"}],
    refused=lambda net: [{"bits": 1}, {"bits": 64}, {"bits": 8.0}, {"per": "row"}],
)
