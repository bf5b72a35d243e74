"""What a model is: a directed acyclic graph of a few primitives with exact tensors.

Every supported operator is lowered to four node kinds, and these are all the kernel knows:

    input    a flat vector; role 0 is x, role 1 is x' (an independent point of the same domain)
    affine   v = sum_t (num_t / den_t) M_t u_t + bias
    relu     v = max(u, 0), entrywise
    free     v_k = u_k(x'_k) with x'_k in X free for each k: "any value that unit can reach"

A stored float means exactly the dyadic rational it is. A new layer type is a lowering to these, never a new
node. See specs/semantics.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.networks.maps import Floats, LinearMap


@dataclass(frozen=True, eq=False)
class Input:
    """The network's input vector (role 0) or an independent point of the same domain (role 1)."""

    size: int
    role: int = 0

    @property
    def sources(self) -> tuple[int, ...]:
        return ()


@dataclass(frozen=True, eq=False)
class Term:
    """One summand (num / den) * map(node source); num is any integer, den a positive one."""

    source: int
    map: LinearMap
    num: int = 1
    den: int = 1


@dataclass(frozen=True, eq=False)
class Affine:
    """The sum of the terms, plus ``bias`` with each entry serving ``repeat`` consecutive coordinates."""

    size: int
    terms: tuple[Term, ...]
    bias: NDArray[np.floating] | None = None
    repeat: int = 1

    @property
    def sources(self) -> tuple[int, ...]:
        return tuple(t.source for t in self.terms)


@dataclass(frozen=True, eq=False)
class Relu:
    """max(u, 0), entrywise."""

    size: int
    source: int

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@dataclass(frozen=True, eq=False)
class Free:
    """Each coordinate takes any value that coordinate of ``source`` reaches on X, independently.

    ``source`` must depend on role-1 inputs only.
    """

    size: int
    source: int

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


Node = Input | Affine | Relu | Free


@dataclass(frozen=True, eq=False)
class Network:
    """A graph in topological order with one output.

    nodes:        each refers to earlier ones only
    output:       the index of the output node
    input_shape:  shape of one input without the batch axis; flattened row-major for the graph
    output_shape: shape of one output without the batch axis
    names:        a readable name for each node (decoration: not part of the digest)
    source:       where it came from, for reports
    correspondence: for a coarse network, what its coarsening remembers: pairs (node of f, node of g, sigma),
                  sigma None for the identity or an int32 index with u ~ w[sigma] (-1: nothing kept, d = u)
    notes:        lines that say what the loader or the coarsening did
    """

    nodes: tuple[Node, ...]
    output: int
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    names: tuple[str, ...]
    source: str = ""
    notes: tuple[str, ...] = ()
    correspondence: tuple[Pair, ...] = field(default=(), repr=False)
    origin: str = ""

    @property
    def n_in(self) -> int:
        return int(np.prod(self.input_shape))

    @property
    def n_out(self) -> int:
        return self.nodes[self.output].size

    @property
    def second_input(self) -> int | None:
        """Index of the role-1 input, if any."""
        return next((i for i, n in enumerate(self.nodes) if isinstance(n, Input) and n.role == 1), None)

    @property
    def parameters(self) -> int:
        """Number of stored floats."""
        return sum(
            sum(t.size for term in n.terms for t in term.map.tensors() if t.dtype.kind == "f")
            + (n.bias.size if n.bias is not None else 0)
            for n in self.nodes
            if isinstance(n, Affine)
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical network file, which names every tensor by its own digest."""
        from certify.networks.encode import network_text

        return network_text(self).digest

    def __call__(self, x: ArrayLike, x2: ArrayLike | None = None) -> Floats:
        """Float64 evaluation of a batch (batch, ...) or one input; returns (batch, n_out).

        For search and display only; exact values come from ``certify.networks.exact``.
        """
        from certify.networks.evaluate import evaluate

        return evaluate(self, x, x2)

    def with_(self, **changes: object) -> Network:
        """A copy with some fields replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Pair:
    """Node ``fine`` of f corresponds to node ``coarse`` of g: d = u - w[sigma] (sigma None: identity)."""

    fine: int
    coarse: int
    sigma: NDArray[np.int32] | None = None
