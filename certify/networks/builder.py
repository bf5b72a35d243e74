"""Build a network node by node: the only way loaders and coarsenings make graphs.

The builder keeps graphs small without changing a function: identities, added zeros and trivial selects vanish,
chains of selects compose, a constant added right after a biasless affine node becomes its bias. Everything it does
is exact: it never adds two floats.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Affine, Free, Input, Network, Node, Relu, Term
from certify.networks.maps import Identity, LinearMap, Scale, Select


class Builder:
    """Collects nodes; every method returns the index of the node that now holds the value."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.names: list[str] = []

    def size(self, node: int) -> int:
        return self.nodes[node].size

    def add(self, node: Node, name: str = "") -> int:
        """Append a node as it is."""
        self.nodes.append(node)
        self.names.append(name or f"{type(node).__name__.lower()}{len(self.nodes) - 1}")
        return len(self.nodes) - 1

    def input(self, size: int, role: int = 0, name: str = "") -> int:
        return self.add(Input(size, role), name)

    def relu(self, source: int, name: str = "") -> int:
        return self.add(Relu(self.size(source), source), name)

    def free(self, source: int, name: str = "") -> int:
        return self.add(Free(self.size(source), source), name)

    def affine(
        self,
        terms: Sequence[Term],
        bias: NDArray[np.floating] | None = None,
        repeat: int = 1,
        name: str = "",
    ) -> int:
        """sum of terms + bias; sizes are checked here so that a wrong lowering fails where it is written."""
        if not terms:
            raise ValueError("an affine node needs at least one term")
        size = terms[0].map.n_out
        for t in terms:
            if t.map.n_in != self.size(t.source) or t.map.n_out != size or t.den < 1:
                raise ValueError(
                    f"{name or 'affine'}: a {type(t.map).__name__} map {t.map.n_in} -> {t.map.n_out} "
                    f"does not join node of size {self.size(t.source)} to {size}"
                )
        if bias is not None and bias.size * repeat != size:
            raise ValueError(f"{name or 'affine'}: bias of {bias.size} x {repeat} entries for size {size}")
        return self.add(Affine(size, tuple(terms), bias, repeat), name)

    def linear(
        self,
        source: int,
        linear_map: LinearMap,
        bias: NDArray[np.floating] | None = None,
        repeat: int = 1,
        name: str = "",
    ) -> int:
        """One map applied to one node; an exact identity without bias is no node at all."""
        if isinstance(linear_map, Identity) and bias is None:
            return source
        return self.affine([Term(source, linear_map)], bias, repeat, name)

    def select(self, source: int, index: NDArray[np.integer], name: str = "") -> int:
        """Pick entries (-1 gives zero); composes with a select it is applied to."""
        chosen: NDArray[np.int32] = np.asarray(index).astype(np.int32).ravel()
        node = self.nodes[source]
        if isinstance(node, Affine) and node.bias is None and len(node.terms) == 1:
            (t,) = node.terms
            if isinstance(t.map, Select) and t.num == t.den == 1:
                chosen = np.where(chosen >= 0, t.map.index[chosen], -1).astype(np.int32)
                source = t.source
        if len(chosen) == self.size(source) and np.array_equal(chosen, np.arange(len(chosen))):
            return source
        return self.linear(source, Select(chosen, self.size(source)), name=name)

    def scalar(self, source: int, num: int, den: int = 1, name: str = "") -> int:
        """(num / den) * value."""
        if num == den:
            return source
        return self.affine([Term(source, Identity(self.size(source)), num, den)], name=name)

    def add_constant(
        self, source: int, bias: NDArray[np.floating], repeat: int = 1, name: str = "", private: bool = False
    ) -> int:
        """value + constant; folded into a biasless affine node that nobody else reads (``private``).

        Adding zeros is no node at all: two files that differ by it keep their layers side by side.
        """
        if not bias.any():
            return source
        node = self.nodes[source]
        if private and source == len(self.nodes) - 1 and isinstance(node, Affine) and node.bias is None:
            self.nodes[source] = Affine(node.size, node.terms, bias, repeat)
            if name:
                self.names[source] = name
            return source
        return self.linear(source, Identity(self.size(source)), bias, repeat, name)

    def scale(
        self,
        source: int,
        lo: NDArray[np.floating],
        hi: NDArray[np.floating] | None = None,
        repeat: int = 1,
        name: str = "",
    ) -> int:
        """Entrywise product with constants in [lo, hi] (exactly lo when hi is None)."""
        return self.linear(source, Scale(lo, lo if hi is None else hi, repeat), name=name)

    def combine(self, parts: Sequence[tuple[int, int, int]], name: str = "") -> int:
        """sum of (num / den) * node for parts (node, num, den)."""
        return self.affine([Term(s, Identity(self.size(s)), n, d) for s, n, d in parts], name=name)

    def maximum(self, a: int, b: int, name: str = "") -> int:
        """max(a, b) = b + relu(a - b)."""
        gap = self.combine([(a, 1, 1), (b, -1, 1)], name=f"{name}.gap" if name else "")
        return self.combine([(b, 1, 1), (self.relu(gap, f"{name}.relu" if name else ""), 1, 1)], name=name)

    def leaky(self, source: int, num: int, den: int, name: str = "") -> int:
        """max(x, 0) + (num/den) min(x, 0) = (num/den) x + (1 - num/den) relu(x)."""
        r = self.relu(source, f"{name}.relu" if name else "")
        return self.combine([(source, num, den), (r, den - num, den)], name=name)

    def finish(
        self,
        output: int,
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        *,
        source: str = "",
        notes: Sequence[str] = (),
    ) -> Network:
        """The network of the nodes that the output needs (inputs are kept)."""
        needed = {output}
        for i in range(len(self.nodes) - 1, -1, -1):
            if i in needed:
                needed.update(self.nodes[i].sources)
        keep = [i for i, n in enumerate(self.nodes) if i in needed or (isinstance(n, Input) and n.role == 0)]
        new = {old: k for k, old in enumerate(keep)}
        nodes = tuple(renumber(self.nodes[i], new) for i in keep)
        return Network(
            nodes,
            new[output],
            tuple(input_shape),
            tuple(output_shape),
            tuple(self.names[i] for i in keep),
            source,
            tuple(notes),
        )


def renumber(node: Node, new: dict[int, int]) -> Node:
    """The node with its sources renamed."""
    match node:
        case Affine():
            terms = tuple(Term(new[t.source], t.map, t.num, t.den) for t in node.terms)
            return Affine(node.size, terms, node.bias, node.repeat)
        case Relu():
            return Relu(node.size, new[node.source])
        case Free():
            return Free(node.size, new[node.source])
    return node
