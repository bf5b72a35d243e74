"""Batched float64 evaluation of a network and its gradient: for search and display, never for belief."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from certify.networks.graph import Affine, Free, Input, Network, Relu
from certify.networks.maps import Floats


def as_batch(net: Network, x: ArrayLike) -> Floats:
    """Reshape one input or a batch to (batch, n_in); raises ValueError when the sizes do not divide."""
    a = np.asarray(x, dtype=np.float64)
    if a.size == 0 or a.size % net.n_in:
        raise ValueError(f"input of shape {a.shape} does not fit a network that reads shape {net.input_shape}")
    return a.reshape(-1, net.n_in)


def activations(net: Network, x: ArrayLike, x2: ArrayLike | None = None) -> list[Floats]:
    """The value of every node at a batch: a list of (batch, size) arrays.

    A free node takes its source's value at x' (x2), which is one of the values it may take.
    """
    xs = as_batch(net, x)
    second = xs if x2 is None else as_batch(net, x2)
    values: list[Floats] = []
    for node in net.nodes:
        match node:
            case Input():
                values.append(xs if node.role == 0 else second)
            case Affine():
                v = np.zeros((len(xs), node.size))
                for t in node.terms:
                    v += t.map.apply(values[t.source]) * (t.num / t.den)
                if node.bias is not None:
                    v += np.repeat(node.bias.astype(np.float64), node.repeat)
                values.append(v)
            case Relu():
                values.append(np.maximum(values[node.source], 0.0))
            case Free():
                values.append(values[node.source])
    return values


def evaluate(net: Network, x: ArrayLike, x2: ArrayLike | None = None) -> Floats:
    """The network's output at a batch, (batch, n_out)."""
    return activations(net, x, x2)[net.output]


def gradient(net: Network, values: list[Floats], rows: Floats) -> tuple[Floats, Floats]:
    """d(rows . output)/dx and /dx' for a batch of row functionals (batch, n_out), at ``values``.

    The derivative of relu at 0 is taken as 0; free nodes pass their gradient to x'.
    """
    grads: list[Floats | None] = [None] * len(net.nodes)
    grads[net.output] = rows
    ends = [np.zeros((len(rows), net.n_in)), np.zeros((len(rows), net.n_in))]

    def push(source: int, g: Floats) -> None:
        have = grads[source]
        grads[source] = g if have is None else have + g

    for i in range(len(net.nodes) - 1, -1, -1):
        g, node = grads[i], net.nodes[i]
        if g is None:
            continue
        match node:
            case Input():
                ends[node.role] = g
            case Affine():
                for t in node.terms:
                    push(t.source, t.map.pull(g) * (t.num / t.den))
            case Relu():
                push(node.source, g * (values[i] > 0))
            case Free():
                push(node.source, g)
    return ends[0], ends[1]
