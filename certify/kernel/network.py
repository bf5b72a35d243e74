"""Network files as one graph: equal nodes of f and g are one node.

Two nodes are equal when they apply the same operator with the same tensors to equal nodes; then they have the
same value at every input, and their difference is zero. Free nodes are choices of their own and equal nothing.
Spec: format.md#network, semantics.md.
"""

from __future__ import annotations

from math import prod

from certify.kernel.limits import NODES, SIZE, SPATIAL_AXES, TENSOR_ENTRIES
from certify.kernel.tensors import pick, read_table
from certify.kernel.verdict import limit
from certify.kernel.words import Lines


class Node:
    """One node of the graph; ``roles`` are the inputs it depends on, "free" among them."""

    __slots__ = ("bias", "kind", "repeat", "role", "roles", "size", "source", "terms")

    def __init__(self, kind, size, roles, role=0, source=-1, terms=(), bias=None, repeat=1):
        self.kind, self.size, self.roles, self.role = kind, size, roles, role
        self.source, self.terms, self.bias, self.repeat = source, terms, bias, repeat


class Term:
    """(num / den) * map(node source); ``words`` name the map and are part of a node's identity."""

    __slots__ = ("den", "map", "num", "source", "words")

    def __init__(self, source, num, den, linear_map, words):
        self.source, self.num, self.den, self.map, self.words = source, num, den, linear_map, words


class Graph:
    """All nodes of f and g, each once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[object, int] = {}

    def _intern(self, key, node) -> int:
        if key is not None and key in self._known:
            return self._known[key]
        self.nodes.append(node)
        if key is not None:
            self._known[key] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def read(self, name: str, data: bytes, bundle):
        """Add a network file; returns (graph index of each of its nodes, graph index of its output)."""
        lines = Lines(name, data)
        lines.header("network")
        table = read_table(lines, bundle)
        local: list[int] = []
        while lines.peek() is not None and lines.peek()[0] != "output":
            limit(len(local) + 1, NODES, lines.place, "number of nodes")
            words = lines.next("input", "affine", "relu", "free")
            if words[0] == "affine":
                local.append(self._affine(words, lines, table, local))
            else:
                size, other = lines.integers(words[1:], 2)
                _check_size(size, lines)
                local.append(self._simple(words[0], size, other, lines, local))
        (output,) = lines.numbers("output", 1)
        lines.need(0 <= output < len(local), "no-such-node", f"node {output} of {len(local)}")
        lines.end()
        return local, local[output]

    def _source(self, index, size, lines, local):
        lines.need(0 <= index < len(local), "no-such-node", f"node {index} of {len(local)}")
        at = local[index]
        if size is not None:
            found = self.nodes[at].size
            lines.need(found == size, "shape", f"expected a node of size {size}, found {found}")
        return at

    def _simple(self, kind, size, other, lines, local):
        if kind == "input":
            lines.need(other in (0, 1), "role", "an input has role 0 or 1")
            return self._intern(("input", size, other), Node("input", size, frozenset([other]), role=other))
        at = self._source(other, size, lines, local)
        roles = self.nodes[at].roles
        if kind == "relu":
            return self._intern(("relu", at), Node("relu", size, roles, source=at))
        lines.need(roles == {1}, "free-source", "a free node depends on x' alone")
        return self._intern(None, Node("free", size, frozenset(["free"]), source=at))

    def _affine(self, words, lines, table, local):
        size, count, bias, repeat = lines.integers(words[1:], 4)
        _check_size(size, lines)
        limit(count, NODES, lines.place, "number of terms")
        lines.need(count >= 1, "shape", "an affine node has at least one term")
        tensor = None
        if bias != -1:
            tensor = pick(table, bias, lines)
            lines.need(tensor.kind[0] == "f", "tensor-type", "a bias is floating-point")
            fits = repeat >= 1 and tensor.count * repeat == size
            lines.need(fits, "shape", f"bias of {tensor.count} x {repeat} for size {size}")
        else:
            lines.need(repeat == 1, "shape", "no bias, so repeat is 1")
        terms = []
        for _ in range(count):
            w = lines.next("term")
            lines.need(len(w) >= 5, "word-count", "a term names source, num, den and a map")
            source, num, den = lines.integers(w[1:4], 3)
            lines.need(den >= 1, "denominator", "a denominator is at least 1")
            at = self._source(source, None, lines, local)
            linear_map = read_map(w[4], lines.integers(w[5:], len(w) - 5), lines, table, self.nodes[at].size)
            n_in, n_out = linear_map.n_in, linear_map.n_out
            fits = n_in == self.nodes[at].size and n_out == size
            lines.need(fits, "shape", f"a map {n_in} -> {n_out} from {self.nodes[at].size} to {size}")
            terms.append(Term(at, num, den, linear_map, linear_map.key))
        roles = frozenset().union(*(self.nodes[t.source].roles for t in terms))
        key = (
            "affine",
            size,
            None if tensor is None else (tensor.key, repeat),
            tuple((t.source, t.num, t.den, t.words) for t in terms),
        )
        return self._intern(key, Node("affine", size, roles, terms=tuple(terms), bias=tensor, repeat=repeat))


def _check_size(size, lines):
    lines.need(size >= 1, "shape", "a node has at least one entry")
    limit(size, SIZE, lines.place, "size of the node")


class MapData:
    """A linear map as the file gives it; ``key`` is its identity: kind, geometry and tensor contents."""

    __slots__ = ("geometry", "key", "kind", "n_in", "n_out", "tensors")

    def __init__(self, kind, n_in, n_out, tensors=(), geometry=()):
        self.kind, self.n_in, self.n_out, self.tensors, self.geometry = kind, n_in, n_out, tensors, geometry
        self.key = (kind, n_in, n_out, geometry, tuple(t.key for t in tensors))


def read_map(kind, numbers, lines, table, n_in):
    """The map words of a term line."""
    counts = {"identity": (0, 0), "dense": (1, 1), "select": (2, 2), "scale": (3, 3), "conv": (10, 64)}
    lines.need(kind in counts, "no-such-map", f"no linear map {kind[:20]}")
    low, high = counts[kind]
    lines.need(low <= len(numbers) <= high, "word-count", f"{len(numbers)} numbers for a {kind} map")
    if kind == "identity":
        return MapData("identity", n_in, n_in)
    tensor = pick(table, numbers[0], lines)
    floating = tensor.kind[0] == "f"
    lines.need(floating == (kind != "select"), "tensor-type", f"a {kind} map of {tensor.kind}")
    if kind == "dense":
        lines.need(tensor.count % n_in == 0, "shape", f"{tensor.count} weights for {n_in} columns")
        return MapData("dense", n_in, tensor.count // n_in, (tensor,))
    if kind == "select":
        return MapData("select", numbers[1], tensor.count, (tensor,))
    if kind == "scale":
        other = pick(table, numbers[1], lines)
        fits = other.kind[0] == "f" and other.count == tensor.count and numbers[2] >= 1
        lines.need(fits, "shape", "lower and upper factors differ in type or number")
        n = tensor.count * numbers[2]
        return MapData("scale", n, n, (tensor, other), (numbers[2],))
    return _read_conv(tensor, numbers, lines)


def _read_conv(tensor, numbers, lines):
    groups, c_in, c_out, d = numbers[1:5]
    limit(d, SPATIAL_AXES, lines.place, "spatial axes")
    lines.need(d >= 1 and len(numbers) == 5 + 6 * d, "word-count", "wrong number of conv numbers")
    rest = numbers[5:]
    spatial, kernel, strides = rest[:d], rest[d : 2 * d], rest[2 * d : 3 * d]
    begins, ends, dilations = rest[3 * d : 4 * d], rest[4 * d : 5 * d], rest[5 * d :]
    positive = min([groups, c_in, c_out, *spatial, *kernel, *strides, *dilations]) >= 1 and min(begins + ends) >= 0
    lines.need(positive, "shape", "a conv number is out of range")
    for v in numbers[1:]:
        limit(v, SIZE, lines.place, "a conv number")
    lines.need(c_in % groups == 0 and c_out % groups == 0, "shape", "groups do not divide the channels")
    out = [
        (n + b + e - dil * (k - 1) - 1) // s + 1
        for n, b, e, dil, k, s in zip(spatial, begins, ends, dilations, kernel, strides, strict=True)
    ]
    lines.need(min(out) >= 1, "shape", "the kernel is larger than the padded image")
    limit(prod(kernel) * prod(out), TENSOR_ENTRIES, lines.place, "positions that the kernel joins")
    fits = tensor.count == c_out * (c_in // groups) * prod(kernel)
    lines.need(fits, "shape", f"{tensor.count} weights do not make this kernel")
    n_in, n_out = c_in * prod(spatial), c_out * prod(out)
    limit(max(n_in, n_out), SIZE, lines.place, "size of the image")
    geometry = (
        groups,
        c_in,
        c_out,
        tuple(spatial),
        tuple(kernel),
        tuple(strides),
        tuple(begins),
        tuple(dilations),
        tuple(out),
    )
    return MapData("conv", n_in, n_out, (tensor,), geometry)
