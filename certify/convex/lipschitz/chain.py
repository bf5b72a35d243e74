"""What a Lipschitz constant is asked of: matrices W_1 .. W_K with elementwise functions between them.

Exact where a witness or a certificate needs it, float64 where a search does. A pair of networks is one chain: hidden
layers side by side, outputs subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.linalg

from certify.errors import BadInput, UnsupportedModel
from certify.kernel.exact import Matrix, above, beside, zeros
from certify.networks.graph import Affine, Input, Network, Relu
from certify.networks.maps import Dense, Floats, Scale
from certify.statements.exact import exact, floats

DENSE_ENTRIES = 20_000_000


@dataclass(frozen=True, eq=False)
class Chain:
    """x -> W_K phi(... phi(W_1 x + b_1) ...) + b_K.

    layers: K >= 2 matrices, as stored arrays or exact Matrices; biases: K Matrices of one column
    slopes: (H, 2), the slope interval of each hidden neuron, layer by layer; 0-1 for relu
    """

    layers: tuple[Any, ...]
    biases: tuple[Matrix, ...]
    slopes: Floats

    @cached_property
    def matrices(self) -> tuple[Matrix, ...]:
        """W_1 .. W_K exactly."""
        return tuple(exact(w, f"layer {k}") for k, w in enumerate(self.layers, 1))

    @cached_property
    def weights(self) -> tuple[Floats, ...]:
        """W_1 .. W_K in float64, for searches."""
        return tuple(floats(m) for m in self.matrices)

    @property
    def widths(self) -> list[int]:
        """The hidden layers' numbers of neurons."""
        return [m.shape[0] for m in self.matrices[:-1]]

    @property
    def n_in(self) -> int:
        return int(self.matrices[0].shape[1])

    @cached_property
    def per_layer(self) -> list[Floats]:
        """The slopes of each hidden layer, (n_k, 2)."""
        return np.split(self.slopes, np.cumsum(self.widths)[:-1])

    @cached_property
    def compressed(self) -> tuple[Floats, ...]:
        """The weights, W_1 on coordinates of its row space: no gain changes, and the input is no wider than layer 1."""
        w, *rest = self.weights
        if w.shape[1] <= w.shape[0]:
            return self.weights
        (r,) = scipy.linalg.qr(w.T, mode="r", check_finite=False)
        return (np.ascontiguousarray(r[: w.shape[0]].T), *rest)

    @property
    def size(self) -> str:
        """784-256-256-10, say."""
        return "-".join(map(str, [self.n_in, *(m.shape[0] for m in self.matrices)]))


def chain_of(model: Any, slopes: Any = (0, 1), place: str = "the network") -> Chain:
    """A Network that is a chain of affine maps and relu, or a list of matrices (float arrays, exact Matrices).

    slopes: the interval of every neuron, or (H, 2); a Network's own are those of relu. A list has zero biases.
    Raises BadInput for shapes that do not fit, UnsupportedModel for a network of another form.
    """
    if isinstance(model, Network):
        layers, biases = _of_network(model)
    elif isinstance(model, Sequence) and not isinstance(model, str | bytes):
        layers = [w if isinstance(w, Matrix) else _array(w, f"{place}, matrix {k}") for k, w in enumerate(model, 1)]
        biases = [exact(np.zeros((w.shape[0], 1))) for w in layers]
    else:
        raise BadInput(f"{place}: expected a Network or a list of matrices, found {type(model).__name__}")
    if len(layers) < 2:
        raise BadInput(
            f"{place}: expected two matrices at least, found {len(layers)}; without a hidden layer the norm is it"
        )
    for k, (w, after) in enumerate(pairwise(layers), 1):
        if after.shape[1] != w.shape[0]:
            raise BadInput(f"{place}: matrix {k + 1} has {after.shape[1]} columns, expected {w.shape[0]}")
    hidden = sum(w.shape[0] for w in layers[:-1])
    given = np.asarray(slopes, dtype=np.float64)
    if given.shape not in ((2,), (hidden, 2)) or not np.isfinite(given).all():
        raise BadInput(f"{place}: expected slopes (alpha, beta) or {hidden} x 2 of them, found shape {given.shape}")
    given = np.sort(np.broadcast_to(given, (hidden, 2)), axis=1)
    return Chain(tuple(layers), tuple(biases), np.ascontiguousarray(given))


def difference(f: Chain, g: Chain) -> Chain:
    """f - g as one chain. Raises BadInput where depths, inputs or outputs differ."""
    if len(f.layers) != len(g.layers):
        raise BadInput(
            f"a difference: expected networks of one depth, found {len(f.layers)} and {len(g.layers)} matrices"
        )
    if f.n_in != g.n_in or f.matrices[-1].shape[0] != g.matrices[-1].shape[0]:
        raise BadInput(f"a difference: expected one input and output size, found {f.size} and {g.size}")
    pairs = list(zip(f.matrices, g.matrices, strict=True))
    inner = [_blocks(w, v) for w, v in pairs[1:-1]]
    layers = [above(*pairs[0]), *inner, beside(pairs[-1][0], -pairs[-1][1])]
    biases = [above(b, c) for b, c in zip(f.biases[:-1], g.biases[:-1], strict=True)]
    slopes = np.concatenate([s for two in zip(f.per_layer, g.per_layer, strict=True) for s in two])
    return Chain(tuple(layers), (*biases, f.biases[-1] - g.biases[-1]), slopes)


def _blocks(w: Matrix, v: Matrix) -> Matrix:
    right, left = zeros(w.a, w.shape[0], v.shape[1]), zeros(w.a, v.shape[0], w.shape[1])
    both: Matrix = above(beside(w, right), beside(left, v))
    return both


def _array(w: Any, place: str) -> Any:
    array = np.asarray(w)
    if array.ndim != 2 or 0 in array.shape:
        raise BadInput(f"{place}: expected a matrix with rows and columns, found shape {array.shape}")
    exact(array, place)
    return array


def _of_network(net: Network) -> tuple[list[Any], list[Matrix]]:
    """The matrices and biases between relus; affine maps that follow one another are multiplied exactly."""
    layers: list[Any] = []
    biases: list[Matrix] = []
    matrix: Any = None
    bias: Matrix | None = None
    at = 0
    for i, node in enumerate(net.nodes):
        where = f"{net.names[i]}: expected a chain of affine maps and relu"
        if isinstance(node, Input):
            if node.role or i:
                raise UnsupportedModel(f"{where}, found a second input")
            continue
        if any(s != at for s in node.sources):
            raise UnsupportedModel(f"{where}, found an edge that skips a layer")
        at = i
        if isinstance(node, Affine):
            w, b = _affine(node, net.nodes[node.sources[0]].size, where)
            if matrix is None:
                matrix, bias = w, b
            else:
                matrix, bias = exact(w) @ exact(matrix), exact(w) @ _present(bias) + b
        elif isinstance(node, Relu) and matrix is not None:
            layers.append(matrix)
            biases.append(_present(bias))
            matrix = bias = None
        else:
            raise UnsupportedModel(f"{where} after an affine map, found {type(node).__name__.lower()}")
    if matrix is None or at != net.output:
        raise UnsupportedModel("the output: expected an affine map at the end of a chain of affine maps and relu")
    return [*layers, matrix], [*biases, _present(bias)]


def _present(bias: Matrix | None) -> Matrix:
    if bias is None:
        raise AssertionError("a matrix without a bias")
    return bias


def _affine(node: Affine, n_in: int, where: str) -> tuple[Any, Matrix]:
    total: Any = None
    for t in node.terms:
        if isinstance(t.map, Scale) and not t.map.exact:
            raise UnsupportedModel(f"{where}, found a constant that no float holds")
        if t.map.n_in * t.map.n_out > DENSE_ENTRIES:
            raise UnsupportedModel(f"{where} of {DENSE_ENTRIES} entries at most, found {t.map.n_out} x {t.map.n_in}")
        # Each entry of the image of a unit vector is one stored number: nothing rounds.
        stored = t.map.weight if isinstance(t.map, Dense) else t.map.apply(np.eye(n_in)).T
        part = stored if t.num == t.den == 1 else exact(stored).times(t.num, t.den)
        total = part if total is None else exact(total) + exact(part)
    b = np.zeros(node.size) if node.bias is None else np.repeat(np.asarray(node.bias).ravel(), node.repeat)
    return total, exact(b).T
