"""How coarsenings address the parts of a network: weight layers, activation layers, units, fractions, data.

A *weight layer* is one dense or convolutional map; an *activation layer* is a relu or affine node. Both are
addressed by name, or by index: weight layers in graph order, activation layers among the relu nodes in graph
order (the relus inside a max-pool count, so names are safer there). Negative indices count from the end.
Nothing here changes a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.errors import BadInput
from certify.networks.evaluate import activations
from certify.networks.graph import Affine, Free, Network, Relu
from certify.networks.maps import Conv, Dense, Floats, Identity, Scale

Layer = str | int
SAMPLE = 256


@dataclass(frozen=True, eq=False)
class Weight:
    """A dense or convolutional map: term ``term`` of affine node ``node``."""

    node: int
    term: int
    name: str
    map: Dense | Conv


def weight_layers(net: Network) -> list[Weight]:
    """Every dense and convolutional map in graph order, named after its node (with [k] if it has several)."""
    out = []
    for i, node in enumerate(net.nodes):
        if isinstance(node, Affine):
            maps = [(k, t.map) for k, t in enumerate(node.terms)]
            mine = [(k, m) for k, m in maps if isinstance(m, Dense | Conv)]
            for k, m in mine:
                out.append(Weight(i, k, net.names[i] if len(mine) == 1 else f"{net.names[i]}[{k}]", m))
    return out


def with_weight(m: Dense | Conv, weight: NDArray[np.floating]) -> Dense | Conv:
    """The same kind of map with another weight tensor of the same shape."""
    return replace(m, weight=weight)


def find_weight(layers: Sequence[Weight], key: Layer) -> Weight:
    """The weight layer that a name or an index means; BadInput when there is none or several."""
    return layers[_find([w.name for w in layers], key, "weight layer")]


def choose_weights(layers: Sequence[Weight], keys: Sequence[Layer] | None) -> list[Weight]:
    """The weight layers named by ``keys``, or all."""
    if isinstance(keys, str | int):
        keys = [keys]
    return list(layers) if keys is None else [find_weight(layers, k) for k in keys]


def find_activation(net: Network, key: Layer) -> int:
    """The relu or affine node that a name, or an index among relu nodes, means; BadInput otherwise."""
    kinds = Relu if isinstance(key, int | np.integer) else (Relu, Affine)
    nodes = [i for i, n in enumerate(net.nodes) if isinstance(n, kinds)]
    return nodes[_find([net.names[i] for i in nodes], key, "layer")]


def _find(names: Sequence[str], key: Any, what: str) -> int:
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if -len(names) <= key < len(names):
            return int(key) % len(names)
        raise BadInput(f"{what} {key}: expected an index below {len(names)}")
    hits = [i for i, n in enumerate(names) if n == key]
    if len(hits) == 1:
        return hits[0]
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    raise BadInput(f"{what} {key!r}: expected one of {shown}; found {len(hits)} of that name")


@dataclass(frozen=True)
class Units:
    """A layer as ``count`` units of prod(spatial) coordinates each: channels, or single neurons."""

    count: int
    spatial: tuple[int, ...] = ()

    @property
    def repeat(self) -> int:
        return prod(self.spatial)

    @property
    def word(self) -> str:
        return "channels" if self.spatial else "units"

    def spread(self, per_unit: NDArray[Any]) -> NDArray[Any]:
        """One value per unit, repeated over its coordinates."""
        return np.repeat(per_unit, self.repeat)

    def mix(self, matrix: NDArray[np.floating]) -> Dense | Conv:
        """The map that applies a matrix over the units at every position: dense, or a 1 x 1 convolution."""
        if not self.spatial:
            return Dense(matrix)
        d = len(self.spatial)
        one = (1,) * d
        return Conv(matrix.reshape(*matrix.shape, *one), self.spatial, one, (0,) * (2 * d), one)


def units_of(net: Network, node: int) -> Units:
    """Channels where the layer comes entrywise from a convolution, else single neurons."""
    todo = [node]
    while todo:
        n = net.nodes[todo.pop()]
        if isinstance(n, Relu | Free):
            todo.append(n.source)
        elif isinstance(n, Affine):
            for t in n.terms:
                if isinstance(t.map, Conv):
                    return Units(t.map.c_out, t.map.out_spatial)
            todo.extend(t.source for t in n.terms if isinstance(t.map, Identity | Scale))
    return Units(net.nodes[node].size)


def check_fraction(value: Any, place: str) -> Fraction:
    """A number in [0, 1] as the decimal it is written as: floor(0.29 * 100) must be 29."""
    try:
        exact = value if isinstance(value, Fraction) else Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise BadInput(f"{place}: expected a number between 0 and 1, found {value!r}") from None
    if not 0 <= exact <= 1:
        raise BadInput(f"{place}: expected a number between 0 and 1, found {value!r}")
    return exact


def share(fraction: Fraction, size: int) -> int:
    """floor(fraction * size)."""
    return floor(fraction * size)


def check_floats(value: ArrayLike, shape: tuple[int | None, ...], place: str) -> NDArray[np.floating]:
    """A finite float array of the given shape (None: any length); other numbers become float64."""
    try:
        a = np.asarray(value)
        a = a if a.dtype.name in ("float16", "float32", "float64") else a.astype(np.float64)
    except (TypeError, ValueError):
        raise BadInput(f"{place}: expected an array of numbers, found {type(value).__name__}") from None
    fits = len(a.shape) == len(shape) and all(w in (None, s) for s, w in zip(a.shape, shape, strict=True))
    if not fits:
        wanted = " x ".join("any" if w is None else str(w) for w in shape)
        raise BadInput(f"{place}: expected shape {wanted}, found {' x '.join(map(str, a.shape)) or 'a number'}")
    if not np.isfinite(a).all():
        raise BadInput(f"{place}: expected finite numbers, found a NaN or an infinity")
    return a


def check_data(net: Network, data: ArrayLike) -> Floats:
    """Inputs as rows (batch, n_in); BadInput when there are none, or not finite, or of the wrong shape."""
    points = np.asarray(data)
    row = points.size // len(points) if points.ndim and len(points) else 0
    if points.dtype.kind not in "fiub" or net.n_in not in (row, points.size):
        raise BadInput(f"data: expected rows of {net.n_in} numbers, found shape {points.shape}")
    points = points.reshape(-1, net.n_in).astype(np.float64)
    if not np.isfinite(points).all():
        raise BadInput("data: expected finite numbers, found a NaN or an infinity")
    return points


def values_at(net: Network, node: int, data: ArrayLike | None, seed: int = 0) -> Floats:
    """Values of a node at ``data``, or at a fixed sample of [0, 1]^n without any; (batch, size)."""
    if data is None:
        return activations(net, np.random.default_rng(seed).random((SAMPLE, net.n_in)))[node]
    return activations(net, check_data(net, data))[node]


def sample_data(net: Network, rows: int = 64) -> Floats:
    """A small fixed data set in [0, 1]^n for the examples of declarations."""
    return np.random.default_rng(7).random((rows, net.n_in))
