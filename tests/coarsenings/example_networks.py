"""Small float32 networks of the three shapes every coarsening must handle, built node by node."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from certify.networks.builder import Builder
from certify.networks.graph import Network, Term
from certify.networks.maps import Conv, Dense, Identity


def _weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def _bias(rng: np.random.Generator, size: int) -> np.ndarray:
    return (0.2 * rng.standard_normal(size)).astype(np.float32)


def mlp(seed: int = 0, widths: tuple[int, ...] = (5, 8, 6, 3)) -> Network:
    """Dense and relu layers named dense0, relu0, ..."""
    rng = np.random.default_rng(seed)
    b = Builder()
    v = b.input(widths[0], name="x")
    for k, (n, m) in enumerate(pairwise(widths)):
        v = b.linear(v, Dense(_weights(rng, m, n)), _bias(rng, m), name=f"dense{k}")
        if k < len(widths) - 2:
            v = b.relu(v, f"relu{k}")
    return b.finish(v, (widths[0],), (widths[-1],), source="mlp")


def _conv(w: np.ndarray, side: int, groups: int = 1) -> Conv:
    return Conv(w, (side, side), (1, 1), (1, 1, 1, 1), (1, 1), groups)


def conv_net(seed: int = 0) -> Network:
    """Two convolutions, max-pooling, a grouped convolution and a dense head."""
    rng = np.random.default_rng(seed)
    b = Builder()
    v = b.input(2 * 36, name="x")
    v = b.linear(v, _conv(_weights(rng, 4, 2, 3, 3), 6), _bias(rng, 4), 36, "conv0")
    v = b.relu(v, "relu0")
    v = b.linear(v, _conv(_weights(rng, 6, 4, 3, 3), 6), _bias(rng, 6), 36, "conv1")
    v = b.relu(v, "relu1")
    grid = np.arange(6 * 36).reshape(6, 6, 6)
    corners = [b.select(v, grid[:, i::2, j::2], f"window{i}{j}") for i in (0, 1) for j in (0, 1)]
    v = b.maximum(b.maximum(corners[0], corners[1], "max01"), b.maximum(corners[2], corners[3], "max23"), "pool")
    grouped = _conv(_weights(rng, 4, 3, 3, 3), 3, groups=2)
    v = b.relu(b.linear(v, grouped, _bias(rng, 4), 9, "conv2"), "relu2")
    v = b.linear(v, Dense(_weights(rng, 3, 36)), _bias(rng, 3), name="head")
    return b.finish(v, (2, 6, 6), (3,), source="conv net")


def residual_net(seed: int = 0) -> Network:
    """A stem with batch normalisation (a factor known by an enclosure), a residual block, a dense head."""
    rng = np.random.default_rng(seed)
    b = Builder()
    v = b.input(2 * 16, name="x")
    v = b.linear(v, _conv(_weights(rng, 4, 2, 3, 3), 4), name="stem")
    lo = (1 + rng.random(4)).astype(np.float32)
    v = b.scale(v, lo, np.nextafter(lo, np.float32(9)), 16, "norm")
    v = b.relu(b.add_constant(v, _bias(rng, 4), 16, "shift", private=True), "relu0")
    skip = v
    v = b.linear(v, _conv(_weights(rng, 6, 4, 3, 3), 4), _bias(rng, 6), 16, "conv1")
    v = b.relu(v, "relu1")
    inner = Term(v, _conv(_weights(rng, 4, 6, 3, 3), 4))
    v = b.relu(b.affine([inner, Term(skip, Identity(64))], _bias(rng, 4), 16, "sum"), "relu2")
    v = b.relu(b.linear(v, Dense(_weights(rng, 8, 64)), _bias(rng, 8), name="dense"), "relu3")
    v = b.linear(v, Dense(_weights(rng, 3, 8)), _bias(rng, 3), name="head")
    return b.finish(v, (2, 4, 4), (3,), source="residual net")


EXAMPLES = {"mlp": mlp, "conv net": conv_net, "residual net": residual_net}


def points(net: Network, rows: int = 16, seed: int = 1) -> np.ndarray:
    """Random inputs, some of them outside the unit cube."""
    return np.random.default_rng(seed).uniform(-0.5, 1.5, (rows, net.n_in))
