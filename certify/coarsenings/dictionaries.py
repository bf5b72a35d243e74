"""Dictionary: splice a sparse autoencoder, or any one-hidden-layer relu reconstruction, in behind a layer.

The dictionary is given; it is not trained here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.layers import Layer, Units, check_floats, find_activation, units_of
from certify.coarsenings.rewriting import splice
from certify.errors import BadInput
from certify.networks.builder import Builder
from certify.networks.graph import Network
from certify.networks.maps import Floats


def dictionary(
    net: Network,
    layer: Layer,
    *,
    encoder: tuple[ArrayLike, ArrayLike],
    decoder: tuple[ArrayLike, ArrayLike],
) -> Network:
    """Replace a layer's value w by Wd relu(We w + be) + bd.

    layer:   a relu or affine node by name, or a relu by its index
    encoder: We of shape (m, n) and be of shape (m,), for m features; n is the layer's size, or its number of
             channels after a convolution: the dictionary then serves every position
    decoder: Wd of shape (n, m) and bd of shape (n,)

    Float arrays are kept bit for bit. Raises BadInput for wrong shapes or numbers that are not finite.
    """
    at = find_activation(net, layer)
    group, size = units_of(net, at), net.nodes[at].size
    try:
        (we, be), (wd, bd) = encoder, decoder
    except (TypeError, ValueError):
        raise BadInput("dictionary: expected encoder and decoder as pairs (weight, bias)") from None
    encode = check_floats(we, (None, None), "encoder weight")
    m, n = encode.shape
    if n == size:
        group = Units(size)
    elif n != group.count:
        raise BadInput(f"encoder weight: expected {group.count} columns, found {n}")
    if not m:
        raise BadInput("encoder weight: expected at least one feature, found none")
    encode_bias = check_floats(be, (m,), "encoder bias")
    decode = check_floats(wd, (n, m), "decoder weight")
    decode_bias = check_floats(bd, (n,), "decoder bias")
    name = net.names[at]

    def insert(b: Builder, w: int, _: dict[int, int]) -> int:
        features = b.linear(w, group.mix(encode), encode_bias, group.repeat, f"{name}.encoded")
        active = b.relu(features, f"{name}.features")
        return b.linear(active, group.mix(decode), decode_bias, group.repeat, f"{name}.decoded")

    did = f"{name} through a dictionary of {m} features"
    return splice(net, at, insert, did, [f"the dictionary reads {n} {group.word} of {name}"])


def _split(net: Network, layer: int) -> tuple[list[Floats], list[Floats]]:
    """The dictionary with two features for each unit, its positive and negative part: it loses nothing."""
    n = units_of(net, find_activation(net, layer)).count
    both = np.concatenate([np.eye(n), -np.eye(n)])
    return [both, np.zeros(2 * n)], [both.T.copy(), np.zeros(n)]


def _examples(net: Network) -> list[dict[str, object]]:
    encoder, decoder = _split(net, 0)
    return [{"layer": 0, "encoder": [encoder[0], encoder[1] - 0.1], "decoder": decoder}]


def _refused(net: Network) -> list[dict[str, object]]:
    (we, be), (wd, bd) = _split(net, 0)
    return [
        {"layer": 0, "encoder": we, "decoder": [wd, bd]},
        {"layer": 0, "encoder": [we[:, :-1], be], "decoder": [wd, bd]},
        {"layer": 0, "encoder": [we, be[:-1]], "decoder": [wd, bd]},
        {"layer": 0, "encoder": [we, be], "decoder": [wd.T, bd]},
        {"layer": 0, "encoder": [we, be], "decoder": [wd, bd * np.nan]},
        {"layer": 0, "encoder": [we[:0], be[:0]], "decoder": [wd[:, :0], bd]},
        {"layer": "no such layer", "encoder": [we, be], "decoder": [wd, bd]},
    ]


def _neutral(net: Network) -> list[dict[str, object]]:
    return [{"layer": k, "encoder": e, "decoder": d} for k, (e, d) in ((k, _split(net, k)) for k in (0, -1))]


COARSENING = Coarsening(
    "dictionary",
    dictionary,
    "splice a given relu dictionary (a sparse autoencoder) in behind a layer",
    examples=_examples,
    neutral=_neutral,
    refused=_refused,
)
