"""Backward linear relaxation (CROWN-style) over a block graph, in float64.

The same recursion as the kernel's rules *forward*, *backward* and *difference*, with the same default slopes, so
that what it finds
is what a certificate will establish up to rounding. Nothing here is rigorous.
Sources: Zhang et al. 2018 (arXiv 1811.00866, Theorem 3.2) for the single lines; the pair rule is
specs/rules.md#difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.networks.maps import Floats
from certify.provers.blocks import Block, BlockGraph
from certify.provers.region import Region
from certify.provers.relax import pair_intercept, pair_slopes, relu_line

CHUNK = 1 << 18


@dataclass
class Bounds:
    """Float bounds of every block on one region."""

    region: Region
    lo: list[Floats] = field(default_factory=list)
    hi: list[Floats] = field(default_factory=list)


@dataclass
class Trace:
    """What one backward pass of a single row did: coefficients on each block when it was taken, and on inputs."""

    taken: dict[int, Floats] = field(default_factory=dict)
    passed: dict[tuple[int, int], Floats] = field(default_factory=dict)
    at_input: dict[int, Floats] = field(default_factory=dict)


def tighten_set(graph: BlockGraph, box: bool) -> set[int]:
    """The blocks worth a backward pass: what relus read, and the pairs of those.

    On a box, a block that reads only the input already has its exact range.
    """
    wanted = {b.source for b in graph.blocks if b.kind == "relu"}
    wanted |= {b.inner for b in graph.blocks if b.kind == "pair-relu"}
    wanted = {i for i in wanted if graph.blocks[i].pieces or graph.blocks[i].is_pair}
    if box:
        wanted -= {i for i in wanted if graph.reads_inputs_only(i)}
    return wanted


def bound_blocks(
    graph: BlockGraph,
    region: Region,
    tighten: set[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Bounds:
    """Bounds of all blocks on a region: forward, then backward for ``tighten`` (default: all that pay)."""
    wanted = tighten_set(graph, region.kind not in ("l2", "l1")) if tighten is None else tighten
    bounds = Bounds(region)
    for i, block in enumerate(graph.blocks):
        _forward(graph, i, bounds)
        if i in wanted:
            n = block.size
            low = lower(graph, bounds, {i: np.concatenate([np.eye(n), -np.eye(n)])})
            bounds.lo[i] = np.maximum(bounds.lo[i], low[:n])
            bounds.hi[i] = np.minimum(bounds.hi[i], -low[n:])
            _repair(bounds, i)
            if block.is_pair:
                _tighten_pair(graph, i, bounds)
        if progress is not None:
            progress(i + 1)
    return bounds


def _repair(bounds: Bounds, i: int) -> None:
    """Bounds that cross by rounding meet in the middle."""
    bad = bounds.lo[i] > bounds.hi[i]
    if bad.any():
        middle = (bounds.lo[i] + bounds.hi[i]) / 2
        bounds.lo[i] = np.where(bad, middle, bounds.lo[i])
        bounds.hi[i] = np.where(bad, middle, bounds.hi[i])


def _forward(graph: BlockGraph, i: int, bounds: Bounds) -> None:
    b = graph.blocks[i]
    if b.kind == "input":
        r = bounds.region
        if b.role == 0:
            lo, hi = r.lo, r.hi
        else:
            lo, hi = (r.lo, r.hi) if r.hull_lo is None or r.hull_hi is None else (r.hull_lo, r.hull_hi)
    elif b.kind == "relu":
        lo, hi = np.maximum(bounds.lo[b.source], 0), np.maximum(bounds.hi[b.source], 0)
    elif b.kind == "free":
        lo, hi = bounds.lo[b.source], bounds.hi[b.source]
    elif b.kind == "affine":
        lo, hi = _image(b, bounds)
    else:
        lo, hi = _forward_pair(graph, b, bounds)
    bounds.lo.append(lo)
    bounds.hi.append(hi)
    if b.is_pair:
        _repair(bounds, i)
        _tighten_pair(graph, i, bounds)


def _image(b: Block, bounds: Bounds) -> tuple[Floats, Floats]:
    middle = np.zeros((1, b.size)) if b.bias is None else b.bias[None].copy()
    radius = np.zeros((1, b.size))
    for p in b.pieces:
        lo, hi = bounds.lo[p.source][None], bounds.hi[p.source][None]
        middle += p.map.apply((lo + hi) / 2) * p.scalar
        radius += p.map.magnitude().apply((hi - lo) / 2) * abs(p.scalar)
    return (middle - radius)[0], (middle + radius)[0]


def picked(b: Block, v: Floats) -> Floats:
    """S w along the last axis."""
    return v if b.sigma is None else np.where(b.sigma >= 0, v[..., b.sigma], 0.0)


def scattered(b: Block, c: Floats, size: int) -> Floats:
    """c S: coefficients on w from coefficients on S w."""
    if b.sigma is None:
        return c
    out = np.zeros((size, len(c)))
    keep = b.sigma >= 0
    np.add.at(out, b.sigma[keep], c.T[keep])
    return np.ascontiguousarray(out.T)


def _forward_pair(graph: BlockGraph, b: Block, bounds: Bounds) -> tuple[Floats, Floats]:
    lo = bounds.lo[b.fine] - picked(b, bounds.hi[b.coarse])
    hi = bounds.hi[b.fine] - picked(b, bounds.lo[b.coarse])
    if b.kind == "pair-affine":
        low, high = _image(b, bounds)
        return np.maximum(lo, low), np.minimum(hi, high)
    if b.kind == "pair-relu":
        inner = graph.blocks[b.inner]
        ld, ud = bounds.lo[b.inner], bounds.hi[b.inner]
        both = (bounds.lo[inner.fine] >= 0) & (picked(b, bounds.lo[inner.coarse]) >= 0)
        low, high = np.where(both, ld, np.minimum(ld, 0)), np.where(both, ud, np.maximum(ud, 0))
        if b.sigma is not None:
            low, high = np.where(b.sigma >= 0, low, lo), np.where(b.sigma >= 0, high, hi)
        return np.maximum(lo, low), np.minimum(hi, high)
    return lo, hi


def _tighten_pair(graph: BlockGraph, i: int, bounds: Bounds) -> None:
    b = graph.blocks[i]
    f, g = b.fine, b.coarse
    lw, uw = picked(b, bounds.lo[g]), picked(b, bounds.hi[g])
    lu, uu = bounds.lo[f], bounds.hi[f]
    ld, ud = np.maximum(bounds.lo[i], lu - uw), np.minimum(bounds.hi[i], uu - lw)
    bounds.lo[i], bounds.hi[i] = ld, ud
    bounds.lo[f], bounds.hi[f] = np.maximum(lu, lw + ld), np.minimum(uu, uw + ud)
    if b.sigma is None:
        bounds.lo[g], bounds.hi[g] = np.maximum(lw, lu - ud), np.minimum(uw, uu - ld)
    for k in (i, f, g):
        _repair(bounds, k)


def lower(graph: BlockGraph, bounds: Bounds, rows: dict[int, Floats], trace: Trace | None = None) -> Floats:
    """Lower bounds of sum_b rows[b] . v_b over the region, for each row; rows[b] has shape (R, size of b)."""
    n = len(next(iter(rows.values())))
    step = max(1, CHUNK // max(b.size for b in graph.blocks))
    out = []
    for first in range(0, n, step):
        some = {b: c[first : first + step] for b, c in rows.items()}
        out.append(_Pass(graph, bounds, some, trace).run())
    return np.concatenate(out)


class _Pass:
    def __init__(self, graph: BlockGraph, bounds: Bounds, rows: dict[int, Floats], trace: Trace | None) -> None:
        self._graph, self._bounds, self._trace = graph, bounds, trace
        self._c: dict[int, Floats] = {b: c.copy() for b, c in rows.items()}
        self._constant = np.zeros(len(next(iter(rows.values()))))
        self._now = -1

    def _add(self, b: int, c: Floats) -> None:
        self._c[b] = c if b not in self._c else self._c[b] + c
        if self._trace is not None:
            key = (self._now, b)
            self._trace.passed[key] = self._trace.passed.get(key, 0) + c

    def run(self) -> Floats:
        for i in range(len(self._graph.blocks) - 1, -1, -1):
            c = self._c.pop(i, None)
            if c is None:
                continue
            self._now = i
            if self._trace is not None:
                self._trace.taken[i] = c
            b = self._graph.blocks[i]
            if b.kind in ("affine", "pair-affine"):
                if b.bias is not None:
                    self._constant += c @ b.bias
                for p in b.pieces:
                    if p.scalar:
                        self._add(p.source, p.map.pull(c) * p.scalar if p.scalar != 1 else p.map.pull(c))
            elif b.kind == "relu":
                lo, hi = self._bounds.lo[b.source], self._bounds.hi[b.source]
                slope, intercept = relu_line(c, lo, hi)
                self._constant += intercept.sum(axis=1)
                self._add(b.source, slope)
            elif b.kind == "pair-relu":
                self._pair_relu(b, c)
            elif b.kind == "pair-direct":
                self._add(b.fine, c)
                self._add(b.coarse, -scattered(b, c, self._graph.blocks[b.coarse].size))
            elif b.kind == "input" and b.role == 0:
                self._constant += self._bounds.region.support(c)
                if self._trace is not None:
                    self._trace.at_input[i] = c
            else:
                self._constant += np.maximum(c, 0) @ self._bounds.lo[i] + np.minimum(c, 0) @ self._bounds.hi[i]
                if self._trace is not None:
                    self._trace.at_input[i] = c
        return self._constant

    def _pair_relu(self, b: Block, c: Floats) -> None:
        inner = self._graph.blocks[b.inner]
        size_w = self._graph.blocks[b.coarse].size
        cu = self._c.pop(b.fine, np.zeros_like(c))
        cw = self._c.pop(b.coarse, np.zeros((len(c), size_w)))
        here = c != 0
        mine = cw
        if b.sigma is not None:
            paired = b.sigma >= 0
            cu = cu + np.where(paired, 0.0, c)
            here = here & paired
            mine = np.where(owners(b.sigma), cw[:, np.maximum(b.sigma, 0)], 0.0)
        mine = np.where(here, mine, 0.0)
        au, cd = np.where(here, cu, 0.0), np.where(here, c, 0.0)
        if (cu != au).any():
            self._add(b.fine, cu - au)
        left = cw - scattered(b, mine, size_w)
        if left.any():
            self._add(b.coarse, left)
        lo, hi = self._bounds.lo, self._bounds.hi
        x = lo[inner.fine], hi[inner.fine]
        y = picked(b, lo[inner.coarse]), picked(b, hi[inner.coarse])
        d = lo[b.inner], hi[b.inner]
        on_x, on_d, on_y, unstable = pair_slopes(au, cd, mine, x, y, d)
        if len(unstable):
            cut = [(v[0][unstable], v[1][unstable]) for v in (x, y, d)]
            alpha, beta = (au + cd)[:, unstable], (mine - cd)[:, unstable]
            r = pair_intercept(alpha, beta, on_d[:, unstable], on_y[:, unstable], *cut)
            self._constant += np.where(here[:, unstable], r, 0.0).sum(axis=1)
        self._add(b.inner, on_d)
        if on_x.any():
            self._add(inner.fine, on_x)
        self._add(inner.coarse, scattered(b, on_y, self._graph.blocks[inner.coarse].size))


def owners(sigma: NDArray[np.int32]) -> NDArray[np.bool_]:
    """True at the first row that picks each entry of w."""
    out = np.zeros(len(sigma), dtype=bool)
    _, first = np.unique(sigma, return_index=True)
    out[first] = True
    return out & (sigma >= 0)


def output_rows(graph: BlockGraph, on_f: Floats | None, on_g: Floats | None) -> dict[int, Floats]:
    """Rows a . f + b . g as rows on blocks: the part a = -b goes on the difference of the outputs."""
    f, g = graph.outputs["f"], graph.outputs.get("g")
    if g is None or on_g is None:
        return {f: on_f} if on_f is not None else {}
    if on_f is None:
        return {g: on_g}
    if f == g:
        return {f: on_f + on_g}
    d = graph.output_pair()
    if d is not None and np.array_equal(on_f, -on_g):
        return {d: on_f}
    return {f: on_f, g: on_g}
