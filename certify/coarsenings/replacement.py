"""Replace: "this other network" as the coarse one, with a correspondence found by structure."""

from __future__ import annotations

from certify.coarsenings.correspondence import align
from certify.coarsenings.declaration import Coarsening
from certify.coarsenings.rewriting import derive
from certify.errors import BadInput
from certify.networks.builder import Builder
from certify.networks.graph import Network


def replace(net: Network, other: Network) -> Network:
    """``other`` as a coarsening of ``net``; the graph and its tensors are those of ``other``.

    Interfaces agree when their shapes do after dropping axes of size one; a flat side fits any shape of the
    same size (row-major). Raises BadInput otherwise. See ``align`` for the pairing.
    """
    if not isinstance(other, Network):
        raise BadInput(f"other: expected a network, found {type(other).__name__}")
    _check_shapes(net.input_shape, other.input_shape, "input")
    _check_shapes(net.output_shape, other.output_shape, "output")
    if (net.n_in, net.n_out) != (other.n_in, other.n_out):
        raise BadInput(f"other: expected {net.n_in} -> {net.n_out}, found {other.n_in} -> {other.n_out}")
    did = f"replaced by {other.source or 'another network'}"
    pairs = align(net, other)
    notes = [*other.notes, f"{len(pairs)} pairs of parts"]
    made = derive(net, other.nodes, other.names, other.output, pairs, did, notes)
    return made.with_(input_shape=other.input_shape, output_shape=other.output_shape)


def _check_shapes(mine: tuple[int, ...], theirs: tuple[int, ...], what: str) -> None:
    a, b = (tuple(k for k in shape if k != 1) for shape in (mine, theirs))
    size_a, size_b = 1, 1
    for k in a:
        size_a *= k
    for k in b:
        size_b *= k
    if a != b and not (size_a == size_b and min(len(a), len(b)) <= 1):
        raise BadInput(f"other: expected {what} shape {mine}, found {theirs}")


def _narrower(net: Network, inputs: int, outputs: int) -> Network:
    """A network with one relu of an interface of its own making."""
    import numpy as np

    from certify.networks.maps import Dense

    b = Builder()
    x = b.input(inputs)
    hidden = b.relu(b.linear(x, Dense(np.full((2, inputs), 0.5))))
    out = b.linear(hidden, Dense(np.full((outputs, 2), 0.25)))
    return b.finish(out, (inputs,), (outputs,), source="a small network")


COARSENING = Coarsening(
    "replace",
    replace,
    "another network of the same interface",
    examples=lambda net: [{"other": _narrower(net, net.n_in, net.n_out)}],
    neutral=lambda net: [{"other": net}],
    refused=lambda net: [
        {"other": "a file name"},
        {"other": _narrower(net, net.n_in + 1, net.n_out)},
        {"other": _narrower(net, net.n_in, net.n_out + 1)},
    ],
)
