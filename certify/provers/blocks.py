"""The block graph of a pair of networks: f and g as one graph, with explicit difference blocks.

Equal nodes of f and g are one block, so their difference is zero and costs nothing. A difference block d = u - S w
comes right after u and w; how it follows from earlier differences is chosen here and checked by the kernel
(specs/rules.md#difference). No bounds are computed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Affine, Free, Input, Network, Pair, Relu, Term
from certify.networks.maps import Conv, Dense, Floats, Identity, LinearMap, Scale, Select


@dataclass(frozen=True, eq=False)
class Piece:
    """One summand of a relation: scalar * map(block source)."""

    map: LinearMap
    scalar: float
    source: int


@dataclass(frozen=True, eq=False)
class Block:
    """One vector variable.

    kind: input, affine, relu, free, pair-direct, pair-relu or pair-affine. net, node: where a node block comes from.
    source: what a relu or free block reads. pieces, bias: the relation of affine and pair-affine blocks (bias
    expanded to
    the block's size, or None). fine, coarse, sigma: u, w and S of a difference; inner: the pair of a pair-relu's
    sources.
    expand_fine, expand_coarse, matches: how a pair-affine relation was formed.
    """

    kind: str
    size: int
    name: str
    net: str = ""
    node: int = -1
    role: int = 0
    source: int = -1
    pieces: tuple[Piece, ...] = ()
    bias: Floats | None = None
    fine: int = -1
    coarse: int = -1
    sigma: NDArray[np.int32] | None = None
    inner: int = -1
    expand_fine: bool = False
    expand_coarse: bool = False
    matches: tuple[tuple[int, int, int], ...] = ()

    @property
    def is_pair(self) -> bool:
        return self.kind.startswith("pair-")


class BlockGraph:
    """Blocks in an order in which each refers to earlier ones only.

    outputs: "f" and "g" to the blocks of their outputs (g absent when it is zero).
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.outputs: dict[str, int] = {}
        self.by_node: dict[tuple[str, int], int] = {}
        self._pairs: dict[tuple[int, int], list[int]] = {}

    @staticmethod
    def build(f: Network, g: Network | None = None, pairs: Iterable[Pair] = ()) -> BlockGraph:
        """Merge f and g and add a difference block for each pair of different blocks."""
        return _Builder(f, g, list(pairs)).graph

    def pair(self, fine: int, coarse: int, sigma: NDArray[np.int32] | None = None) -> int | None:
        """The difference block of two blocks with this selection, if there is one."""
        for b in self._pairs.get((fine, coarse), ()):
            if _same_sigma(self.blocks[b].sigma, sigma):
                return b
        return None

    def any_pair(self, fine: int, coarse: int) -> int | None:
        """Some difference block of two blocks."""
        found = self._pairs.get((fine, coarse), ())
        return found[0] if found else None

    def output_pair(self) -> int | None:
        """The difference block of the outputs, paired one to one."""
        if "g" not in self.outputs:
            return None
        return self.pair(self.outputs["f"], self.outputs["g"])

    def reads_inputs_only(self, b: int) -> bool:
        """Whether a block's relation reads nothing but the network input."""
        block = self.blocks[b]
        return bool(block.pieces) and all(self.blocks[p.source].kind == "input" for p in block.pieces)


class _Builder:
    def __init__(self, f: Network, g: Network | None, pairs: list[Pair]) -> None:
        self.graph = BlockGraph()
        self._nets = {"f": f} if g is None else {"f": f, "g": g}
        self._known: dict[object, int] = {}
        self._digests: dict[int, tuple[str, str]] = {}
        self._next = 0
        waiting = sorted(pairs, key=lambda p: (p.fine, p.coarse)) if g is not None else []
        for i in range(len(f.nodes)):
            self._node("f", i)
            for p in [p for p in waiting if p.fine == i]:
                self._emit_g(p.coarse)
                self._pair(p)
        self.graph.outputs["f"] = self.graph.by_node["f", f.output]
        if g is not None:
            self._emit_g(len(g.nodes) - 1)
            self.graph.outputs["g"] = self.graph.by_node["g", g.output]
            if self.graph.outputs["f"] != self.graph.outputs["g"] and self.graph.output_pair() is None:
                self._pair(Pair(f.output, g.output))

    def _emit_g(self, last: int) -> None:
        while self._next <= last:
            self._node("g", self._next)
            self._next += 1

    def _add(self, block: Block) -> int:
        self.graph.blocks.append(block)
        return len(self.graph.blocks) - 1

    def _digest(self, tensor: NDArray[np.generic]) -> tuple[str, str]:
        if id(tensor) not in self._digests:
            raw = np.ascontiguousarray(tensor).tobytes()
            self._digests[id(tensor)] = (tensor.dtype.name, hashlib.sha256(raw).hexdigest())
        return self._digests[id(tensor)]

    def _map_key(self, m: LinearMap) -> object:
        geometry: tuple[object, ...] = (type(m).__name__, m.n_in, m.n_out)
        if isinstance(m, Conv):
            geometry += (m.in_spatial, m.strides, m.pads, m.dilations, m.groups, m.weight.shape)
        if isinstance(m, Scale):
            geometry += (m.repeat,)
        return geometry, tuple(self._digest(t) for t in m.tensors())

    def _node(self, net: str, i: int) -> None:
        node = self._nets[net].nodes[i]
        at = {s: self.graph.by_node[net, s] for s in node.sources}
        name = self._nets[net].names[i]
        key: object
        match node:
            case Input():
                key, block = ("input", node.size, node.role), Block("input", node.size, name, role=node.role)
            case Relu():
                key = ("relu", at[node.source])
                block = Block("relu", node.size, name, source=at[node.source])
            case Free():
                key, block = ("free", net, i), Block("free", node.size, name, source=at[node.source])
            case Affine():
                bias = None if node.bias is None else (self._digest(node.bias), node.repeat)
                terms = tuple((at[t.source], t.num, t.den, self._map_key(t.map)) for t in node.terms)
                key = ("affine", node.size, bias, terms)
                pieces = tuple(Piece(t.map, t.num / t.den, at[t.source]) for t in node.terms)
                block = Block("affine", node.size, name, pieces=pieces, bias=_bias(node))
        if key not in self._known:
            self._known[key] = self._add(replace(block, net=net, node=i))
        self.graph.by_node[net, i] = self._known[key]

    # ---- difference blocks

    def _pair(self, p: Pair) -> None:
        u, w = self.graph.by_node["f", p.fine], self.graph.by_node["g", p.coarse]
        if u == w or self.graph.pair(u, w, p.sigma) is not None:
            return
        a, b = self.graph.blocks[u], self.graph.blocks[w]
        base = Block(
            "pair-direct",
            a.size,
            f"{a.name} - {b.name}" if a.name != b.name else a.name,
            fine=u,
            coarse=w,
            sigma=p.sigma,
        )
        made = self._relu_pair(base, a, b) or self._affine_pair(base, p) or base
        self.graph._pairs.setdefault((u, w), []).append(self._add(made))

    def _relu_pair(self, base: Block, a: Block, b: Block) -> Block | None:
        if a.kind != "relu" or b.kind != "relu":
            return None
        inner = self.graph.pair(a.source, b.source, base.sigma)
        return None if inner is None else replace(base, kind="pair-relu", inner=inner)

    def _affine_pair(self, base: Block, p: Pair) -> Block | None:
        node_u, node_w = self._nets["f"].nodes[p.fine], self._nets["g"].nodes[p.coarse]
        own_u = ([(Term(p.fine, Identity(node_u.size)), base.fine)], None)
        own_w = ([(Term(p.coarse, Identity(node_w.size)), base.coarse)], None)
        open_u = self._terms("f", node_u) if isinstance(node_u, Affine) else None
        open_w = self._terms("g", node_w) if isinstance(node_w, Affine) else None
        views = [(own_u, open_w, False, True), (open_u, own_w, True, False), (open_u, open_w, True, True)]
        for view_u, view_w, expand_u, expand_w in views:
            if view_u is None or view_w is None:
                continue
            made = self._match(view_u, view_w, base.sigma)
            if made is not None:
                pieces, bias, matches = made
                return replace(
                    base, kind="pair-affine", pieces=tuple(pieces), bias=bias, matches=tuple(matches),
                    expand_fine=expand_u, expand_coarse=expand_w,
                )  # fmt: skip
        return None

    def _terms(self, net: str, node: Affine) -> tuple[list[tuple[Term, int]], Floats | None]:
        return [(t, self.graph.by_node[net, t.source]) for t in node.terms], _bias(node)

    def _match(
        self,
        view_u: tuple[list[tuple[Term, int]], Floats | None],
        view_w: tuple[list[tuple[Term, int]], Floats | None],
        sigma: NDArray[np.int32] | None,
    ) -> tuple[list[Piece], Floats | None, list[tuple[int, int, int]]] | None:
        (terms_u, bias_u), (terms_w, bias_w) = view_u, view_w
        pieces: list[Piece] = []
        matches: list[tuple[int, int, int]] = []
        used: set[int] = set()
        for i, (t, source) in enumerate(terms_u):
            found = next((m for j, m in self._candidates(t, source, terms_w, sigma) if j not in used), None)
            if found is None:
                pieces.append(Piece(t.map, t.num / t.den, source))
                continue
            j, inner, left = found
            used.add(j)
            matches.append((i, j, inner))
            if inner >= 0:
                pieces.append(Piece(t.map, t.num / t.den, inner))
            if left is not None:
                pieces.append(Piece(left, t.num / t.den, terms_w[j][1]))
        if not matches:
            return None
        for j, (t, source) in enumerate(terms_w):
            if j not in used:
                gathered = _gather(t.map, sigma)
                if gathered is None:
                    return None
                pieces.append(Piece(gathered, -t.num / t.den, source))
        if not pieces:
            pieces.append(Piece(terms_u[0][0].map, 0.0, terms_u[0][1]))
        if bias_w is not None:
            picked = bias_w if sigma is None else np.where(sigma >= 0, bias_w[sigma], 0.0)
            bias_u = -picked if bias_u is None else bias_u - picked
        return pieces, bias_u, matches

    def _candidates(
        self, t: Term, source: int, terms_w: list[tuple[Term, int]], sigma: NDArray[np.int32] | None
    ) -> Iterable[tuple[int, tuple[int, int, LinearMap | None]]]:
        for j, (t2, source2) in enumerate(terms_w):
            if (t.num, t.den) != (t2.num, t2.den):
                continue
            inner = -1 if source == source2 else self.graph.any_pair(source, source2)
            if inner is None:
                continue
            sigma_in = None if inner < 0 else self.graph.blocks[inner].sigma
            if sigma_in is None and sigma is None and self._map_key(t.map) == self._map_key(t2.map):
                yield j, (j, inner, None)
                continue
            left = difference_map(t.map, t2.map, sigma_in, sigma)
            if left is not None:
                yield j, (j, inner, left)


def _bias(node: Affine) -> Floats | None:
    return None if node.bias is None else np.repeat(node.bias.astype(np.float64), node.repeat)


def _same_sigma(a: NDArray[np.int32] | None, b: NDArray[np.int32] | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def difference_map(
    first: LinearMap, second: LinearMap, sigma_in: NDArray[np.int32] | None, sigma_out: NDArray[np.int32] | None
) -> LinearMap | None:
    """M S' - S M' as a map in float64, or None where the kernel could not form it."""
    plain = sigma_in is None and sigma_out is None
    if isinstance(first, Identity | Scale) and isinstance(second, Identity | Scale):
        left = _diagonal(first) - _diagonal(second)
        return Scale(left, left) if plain else None
    if isinstance(first, Select) and isinstance(second, Select):
        zero = np.zeros(first.n_out)
        same = first.n_in == second.n_in and np.array_equal(first.index, second.index)
        return _Composed(Scale(zero, zero), first) if plain and same else None
    if isinstance(first, Dense) and isinstance(second, Dense):
        a, b = first.weight.astype(np.float64), second.weight.astype(np.float64)
        if sigma_in is not None:
            a = _fold(a, sigma_in, b.shape[1])
        if sigma_out is not None:
            b = np.where((sigma_out >= 0)[:, None], b[sigma_out], 0.0)
        return Dense(a - b) if a.shape == b.shape else None
    if isinstance(first, Conv) and isinstance(second, Conv):
        return _conv_difference(first, second, sigma_in, sigma_out)
    return None


def _conv_difference(
    first: Conv, second: Conv, sigma_in: NDArray[np.int32] | None, sigma_out: NDArray[np.int32] | None
) -> LinearMap | None:
    a, b = first.weight.astype(np.float64), second.weight.astype(np.float64)
    selecting = sigma_in is not None or sigma_out is not None
    if selecting and (first.groups, second.groups) != (1, 1):
        return None
    if sigma_in is not None:
        channels = _channels(sigma_in, int(np.prod(first.in_spatial)))
        if channels is None:
            return None
        flat = _fold(a.swapaxes(1, -1).reshape(-1, a.shape[1]), channels, b.shape[1])
        a = flat.reshape(*a.swapaxes(1, -1).shape[:-1], b.shape[1]).swapaxes(1, -1)
    if sigma_out is not None:
        channels = _channels(sigma_out, int(np.prod(first.out_spatial)))
        if channels is None:
            return None
        b = np.where((channels >= 0).reshape(-1, *[1] * (b.ndim - 1)), b[channels], 0.0)
    geometry = [(c.in_spatial, c.strides, c.pads, c.dilations, c.groups) for c in (first, second)]
    if geometry[0] != geometry[1] or a.shape != b.shape:
        return None
    return replace(first, weight=a - b)


def _gather(m: LinearMap, sigma: NDArray[np.int32] | None) -> LinearMap | None:
    if sigma is None:
        return m
    if isinstance(m, Dense):
        return Dense(np.where((sigma >= 0)[:, None], m.weight[sigma], 0.0))
    if isinstance(m, Conv) and m.groups == 1:
        channels = _channels(sigma, int(np.prod(m.out_spatial)))
        if channels is not None:
            kept = (channels >= 0).reshape(-1, *[1] * (m.weight.ndim - 1))
            return replace(m, weight=np.where(kept, m.weight[channels], 0.0))
    return None


def _channels(sigma: NDArray[np.int32], positions: int) -> NDArray[np.int32] | None:
    """The channel selection behind an index that moves whole channels, or None."""
    if len(sigma) % positions:
        return None
    blocks = sigma.reshape(-1, positions)
    first = blocks[:, :1]
    whole = np.where(first >= 0, first + np.arange(positions), -1)
    if not np.array_equal(blocks, whole) or np.any(first[first >= 0] % positions):
        return None
    return np.where(first[:, 0] >= 0, first[:, 0] // positions, -1).astype(np.int32)


def _fold(a: Floats, sigma: NDArray[np.int32], size: int) -> Floats:
    """Columns added up by sigma."""
    out = np.zeros((size, len(a)))
    keep = sigma >= 0
    np.add.at(out, sigma[keep], a.T[keep])
    return np.ascontiguousarray(out.T)


def _diagonal(m: Identity | Scale) -> Floats:
    if isinstance(m, Identity):
        return np.ones(m.size)
    return np.repeat((m.lo.astype(np.float64) + m.hi.astype(np.float64)) / 2, m.repeat)


@dataclass(frozen=True, eq=False)
class _Composed:
    """outer(inner(x)): the zero difference of two equal selects."""

    outer: Scale
    inner: Select

    @property
    def n_in(self) -> int:
        return self.inner.n_in

    @property
    def n_out(self) -> int:
        return self.outer.n_out

    def apply(self, x: Floats) -> Floats:
        return self.outer.apply(self.inner.apply(x))

    def pull(self, c: Floats) -> Floats:
        return self.inner.pull(self.outer.pull(c))

    def magnitude(self) -> _Composed:
        return self

    def tensors(self) -> tuple[NDArray[np.generic], ...]:
        return ()
