"""Backward linear relaxation (CROWN-style) over a block graph, for many regions and rows at once, in float64.

The same recursion as the kernel's rules *backward* and *difference*, with the same default slopes or the same hints,
so that what it finds is what a certificate will establish up to rounding, or rarely a little more: intercepts of
default pairs are summed from parts here. Nothing here is rigorous.
Sources: Zhang et al. 2018 (arXiv 1811.00866, Theorem 3.2) for the single lines; the pair rule is
specs/rules.md#difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.networks.maps import Dense, Floats
from certify.provers.blocks import Block, BlockGraph
from certify.provers.forward import Bounds, assume, enclose, open_entries, picked, scattered, tighten_pair
from certify.provers.hints import Hints, Tightening
from certify.provers.region import Region, dots, spread
from certify.provers.relax import Line, PairLines, default_pair, line_intercept, pair_intercept

# Coefficients of a block that one pass holds: passes of this size stay in the cache.
CHUNK = 1 << 16

Owner = NDArray[np.intp]
Tighten = Mapping[int, "ArrayLike | Tightening | None"]


@dataclass
class Trace:
    """What a backward pass did: coefficients (rows, size) on each block when it was taken, and on inputs."""

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
    tighten: Tighten | Iterable[int] | None = None,
    *,
    signs: ArrayLike = (),
    parent: Bounds | None = None,
    progress: Callable[[int], None] | None = None,
) -> Bounds:
    """Bounds of all blocks on L regions: forward, then backward for the blocks of ``tighten``.

    tighten: block -> None (the entries whose sign is open, region by region), an array of entries, or a Tightening
        with hints; or a set of blocks; default all that pay.
    signs: rows (region, block, entry, +1 or -1): value >= 0 or <= 0 there, assumed once the block has its interval
        bounds. Regions that this empties are marked in ``Bounds.empty``.
    parent: bounds (of L regions or one) known to hold; a certificate's plan does not have them.
    """
    if tighten is None:
        tighten = tighten_set(graph, not region.is_ball)
    steps: Tighten = tighten if isinstance(tighten, Mapping) else dict.fromkeys(tighten)
    assumed = np.asarray(signs, dtype=np.intp).reshape(-1, 4)
    bounds = Bounds(region)
    for i, block in enumerate(graph.blocks):
        enclose(graph, i, bounds)
        if parent is not None:
            bounds.meet(i, parent.lo[i], parent.hi[i])
        if len(assumed):
            assume(graph, i, bounds, assumed)
        if i in steps:
            tighten_block(graph, i, bounds, steps[i])
            if block.is_pair:
                tighten_pair(graph, i, bounds)
        if progress is not None:
            progress(i + 1)
    return bounds


def tighten_block(graph: BlockGraph, i: int, bounds: Bounds, step: ArrayLike | Tightening | None = None) -> None:
    """Intersect the bounds of a block with those of a backward pass on its entries +e and -e."""
    if isinstance(step, Tightening):
        n = len(step.rows)
        if n:
            unit = np.zeros((n, graph.blocks[i].size))
            unit[np.arange(n), step.rows] = 1.0
            low = lower(graph, bounds, {i: np.concatenate([unit, -unit])}, hints=step.hints)
            region, entry = (v.ravel() for v in np.meshgrid(np.arange(len(bounds)), step.rows, indexing="ij"))
            meet_at(bounds, i, region, entry, low[:, :n].ravel(), -low[:, n:].ravel())
        return
    if step is None:
        region, entry = np.nonzero(open_entries(graph, i, bounds))
    else:
        rows = np.asarray(step, dtype=np.intp)
        region, entry = (v.ravel() for v in np.meshgrid(np.arange(len(bounds)), rows, indexing="ij"))
    if not len(region):
        return
    low = np.concatenate([_unit_pass(graph, bounds, i, r, e) for r, e in _runs(graph, region, entry)], axis=1)
    meet_at(bounds, i, region, entry, low[0], -low[1])


def meet_at(bounds: Bounds, i: int, region: Owner, entry: Owner, lo: Floats, hi: Floats) -> None:
    """Intersect the bounds of block i at (region, entry) places."""
    low, high = np.full(bounds.lo[i].shape, -np.inf), np.full(bounds.hi[i].shape, np.inf)
    low[region, entry], high[region, entry] = lo, hi
    bounds.meet(i, low, high)


def _room(graph: BlockGraph) -> int:
    return max(2, CHUNK // max(b.size for b in graph.blocks))


def _runs(graph: BlockGraph, region: Owner, entry: Owner) -> Iterable[tuple[Owner, Owner]]:
    step = max(1, _room(graph) // 2)
    for k in range(0, len(region), step):
        yield region[k : k + step], entry[k : k + step]


def _unit_pass(graph: BlockGraph, bounds: Bounds, i: int, region: Owner, entry: Owner) -> Floats:
    """Lower bounds (2, entries) of v_i at entries, and of -v_i."""
    owner = np.concatenate([region, region])
    state = Pass(graph, bounds, owner)
    block = graph.blocks[i]
    sign = np.repeat([1.0, -1.0], len(entry))
    both = np.concatenate([entry, entry])
    if all(isinstance(p.map, Dense) for p in block.pieces) and block.kind in ("affine", "pair-affine"):
        # The first step by rows of the weights: a product with unit vectors would be most of a short pass.
        if block.bias is not None:
            state.constant += sign * block.bias[both]
        for p in block.pieces:
            if p.scalar:
                assert isinstance(p.map, Dense)
                state.add(p.source, p.map._w[both] * (sign * p.scalar)[:, None])
        return state.run(i - 1).reshape(2, -1)
    rows = np.zeros((len(owner), block.size))
    rows[np.arange(len(owner)), both] = sign
    state.add(i, rows)
    return state.run().reshape(2, -1)


def lower(
    graph: BlockGraph,
    bounds: Bounds,
    rows: Mapping[int, Floats],
    hints: Hints | None = None,
    trace: Trace | None = None,
) -> Floats:
    """Lower bounds (L, R) of sum_b rows[b] . v_b over each region.

    rows[b] has shape (R, size of b), the same for all regions, or (L, R, size). With a trace, pass few rows: it keeps
    the last chunk only.
    """
    regions = len(bounds)
    n = next(iter(rows.values())).shape[-2]
    flat = {b: np.broadcast_to(c, (regions, n, c.shape[-1])).reshape(-1, c.shape[-1]) for b, c in rows.items()}
    owner = np.repeat(np.arange(regions), n)
    wide = None if hints is None else FlatHints(hints, regions, n)
    out = np.empty(regions * n)
    step = _room(graph)
    for k in range(0, len(out), step):
        part = slice(k, k + step)
        mine = owner[part]
        # Only the regions of this chunk: a single one is served without copies.
        first, last = int(mine[0]), int(mine[-1]) + 1
        near = bounds if last - first == regions else bounds.take(slice(first, last))
        state = Pass(graph, near, mine - first, None if wide is None else wide.take(part), trace)
        for b, c in flat.items():
            state.add(b, c[part])
        out[part] = state.run()
    return out.reshape(regions, n)


class FlatHints:
    """Hints with a row for each functional."""

    def __init__(self, hints: Hints, regions: int, rows: int) -> None:
        found = {b: hints.flat(regions, rows, b) for b in hints.slopes}
        self.slopes = {b: v for b, v in found.items() if v is not None}
        self.multipliers = hints.flat_multipliers(regions, rows)
        self.beyond = hints.beyond

    def take(self, part: slice) -> FlatHints:
        out = object.__new__(FlatHints)
        out.slopes = {b: tuple(v[part] for v in vs) for b, vs in self.slopes.items()}
        out.multipliers = {b: t[part] for b, t in self.multipliers.items()}
        out.beyond = self.beyond
        return out


class Pass:
    """One backward pass for rows that belong to regions (``owner``); ``constant`` gathers the bounds."""

    def __init__(
        self,
        graph: BlockGraph,
        bounds: Bounds,
        owner: Owner,
        hints: FlatHints | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.graph, self.bounds, self.owner = graph, bounds, owner
        self.constant = np.zeros(len(owner))
        self.hints, self._trace = hints, trace
        self._c: dict[int, Floats] = {}
        self._now = -1

    def add(self, b: int, c: Floats) -> None:
        """Add c . v_b to the functionals; c is not written to."""
        self._c[b] = c if b not in self._c else self._c[b] + c
        if self._trace is not None:
            key = (self._now, b)
            self._trace.passed[key] = self._trace.passed.get(key, 0) + c

    def low(self, b: int) -> Floats:
        return spread(self.bounds.lo[b], self.owner)

    def high(self, b: int) -> Floats:
        return spread(self.bounds.hi[b], self.owner)

    def run(self, last: int | None = None) -> Floats:
        """Push everything to the inputs, from block ``last`` on; returns the lower bounds (rows,)."""
        if self.hints is not None:
            for b, t in self.hints.multipliers.items():
                self.multiply(b, t)
        for i in range(len(self.graph.blocks) - 1 if last is None else last, -1, -1):
            c = self._c.pop(i, None)
            if c is None:
                continue
            self._now = i
            if self._trace is not None:
                self._trace.taken[i] = c
            self._take(i, self.graph.blocks[i], c)
        return self.constant

    def multiply(self, b: int, t: Floats) -> None:
        """T . v >= its minimum over the bounds of block b: subtract T from the coefficients, add that."""
        self._c[b] = self._c[b] - t if b in self._c else -t
        self.constant += self.least(b, t)

    def least(self, b: int, c: Floats) -> Floats:
        """min of c . v over the bounds of block b."""
        lo, hi = self.bounds.lo[b], self.bounds.hi[b]
        return dots(np.maximum(c, 0), lo, self.owner) + dots(np.minimum(c, 0), hi, self.owner)

    def _take(self, i: int, b: Block, c: Floats) -> None:
        if b.kind in ("affine", "pair-affine"):
            if b.bias is not None:
                self.constant += c @ b.bias
            for p in b.pieces:
                if p.scalar:
                    self.add(p.source, p.map.pull(c) * p.scalar if p.scalar != 1 else p.map.pull(c))
        elif b.kind == "relu":
            self._relu(i, b, c)
        elif b.kind == "pair-relu":
            self._pair_relu(i, b, c)
        elif b.kind == "pair-direct":
            self.add(b.fine, c)
            self.add(b.coarse, -scattered(b, c, self.graph.blocks[b.coarse].size))
        elif b.kind == "input" and b.role == 0:
            self.constant += self.bounds.region.support(c, self.owner)
            self._ended(i, c)
        else:
            self.constant += self.least(i, c)
            self._ended(i, c)

    def _ended(self, i: int, c: Floats) -> None:
        if self._trace is not None:
            self._trace.at_input[i] = c

    # ---- relu

    def line(self, source: int) -> Line:
        """The default lines on a block's bounds, (L, size)."""
        lo, hi = self.bounds.lo, self.bounds.hi
        return self.bounds.derived("line", source, (source,), lambda: Line.of(lo[source], hi[source]))

    def _relu(self, i: int, b: Block, c: Floats) -> None:
        hint = None if self.hints is None else self.hints.slopes.get(i)
        if hint is None:
            line = self.line(b.source)
            up, down = np.maximum(c, 0), np.minimum(c, 0)
            # Below, the default lines pass through the origin.
            self.constant += dots(down, line.intercept, self.owner)
            slope = up * spread(line.low, self.owner) + down * spread(line.high, self.owner)
        else:
            line = self.line(b.source)
            acts = spread(line.open, self.owner) & (c != 0)
            slope = np.where(acts, hint[0], c * spread(line.low, self.owner))
            r = line_intercept(c, slope, self.low(b.source), self.high(b.source))
            self.constant += np.where(acts, r, 0.0).sum(axis=1)
        self.add(b.source, slope)

    # ---- pairs of relus

    def pair_lines(self, i: int, b: Block) -> PairLines:
        """The default slopes of a pair on the bounds of its sources, (L, size)."""
        inner = self.graph.blocks[b.inner]

        def make() -> PairLines:
            lo, hi = self.bounds.lo, self.bounds.hi
            y = picked(b, lo[inner.coarse]), picked(b, hi[inner.coarse])
            return PairLines.of((lo[inner.fine], hi[inner.fine]), y, (lo[b.inner], hi[b.inner]))

        return self.bounds.derived("pair", i, (inner.fine, inner.coarse, b.inner), make)

    def gathered(self, i: int, b: Block, c: Floats) -> tuple[Floats | None, Floats, Floats | None, NDArray[np.bool_]]:
        """Coefficients (au, cd, mine) on u, d and S w that the pair rule takes over, and where it applies.

        Entries without a coefficient on d, and those that sigma pairs with nothing, are not touched by the rule.
        """
        cu, cw = self._c.pop(b.fine, None), self._c.pop(b.coarse, None)
        here, mine, cd = c != 0, cw, c
        if b.sigma is not None:
            paired = b.sigma >= 0
            cu = np.where(paired, 0.0, c) if cu is None else cu + np.where(paired, 0.0, c)
            here = here & paired
            cd = np.where(here, c, 0.0)
            mine = None if cw is None else np.where(owners(b.sigma), cw[:, np.maximum(b.sigma, 0)], 0.0)
        au = cu
        if not here.all():
            if cu is not None:
                au = np.where(here, cu, 0.0)
                if (cu != au).any():
                    self.add(b.fine, cu - au)
            mine = None if mine is None else np.where(here, mine, 0.0)
        if cw is not None and mine is not None and mine is not cw:
            left = cw - scattered(b, mine, cw.shape[1])
            if left.any():
                self.add(b.coarse, left)
        return au, cd, mine, here

    def _pair_relu(self, i: int, b: Block, c: Floats) -> None:
        inner = self.graph.blocks[b.inner]
        au, cd, mine, here = self.gathered(i, b, c)
        hint = None if self.hints is None else self.hints.slopes.get(i)
        on_x = None
        lines = self.pair_lines(i, b)
        if hint is not None:
            alpha = cd if au is None else au + cd
            beta = -cd if mine is None else mine - cd
            on, acts = spread(lines.x_on & lines.y_on, self.owner), here & spread(~lines.agree, self.owner)
            exact = np.where(on, alpha, 0.0), np.where(on, alpha + beta, 0.0)
            on_d, on_y = (np.where(acts, h, np.where(here, v, 0.0)) for h, v in zip(hint, exact, strict=True))
            cell = [(spread(l, self.owner), spread(u, self.owner)) for l, u in lines.cell]
            r = pair_intercept(alpha, beta, on_d, on_y, *cell)
            self.constant += np.where(acts, r, 0.0).sum(axis=1)
        else:
            on_x = None if au is None else au * spread(lines.x_on & lines.agree, self.owner)
            on = spread(lines.x_on & lines.y_on, self.owner)
            on_d, on_y = cd * on, np.zeros_like(cd) if mine is None else mine * on
            places, row, col = self.open_places(lines, here)
            if len(row):
                some = cd[row, col]
                alpha = some if au is None else au[row, col] + some
                beta = -some if mine is None else mine[row, col] - some
                p, t, r = default_pair(alpha, beta, lines, places)
                self.constant += np.bincount(row, r, minlength=len(c))
                on_d[row, col], on_y[row, col] = p, t
                if on_x is not None:
                    on_x[row, col] = 0.0
        self.add(b.inner, on_d)
        if on_x is not None:
            self.add(inner.fine, on_x)
        self.add(inner.coarse, scattered(b, on_y, self.graph.blocks[inner.coarse].size))

    def open_places(self, lines: PairLines, here: NDArray[np.bool_]) -> tuple[Owner, Owner, Owner]:
        """Where the rule needs an intercept: flat places in (L, size), rows and columns of the coefficients."""
        row, col = np.nonzero(here & spread(~lines.agree, self.owner))
        places = col if len(lines.agree) == 1 else self.owner[row] * lines.agree.shape[1] + col
        return places, row, col


def owners(sigma: NDArray[np.int32]) -> NDArray[np.bool_]:
    """True at the first row that picks each entry of w."""
    out = np.zeros(len(sigma), dtype=bool)
    _, first = np.unique(sigma, return_index=True)
    out[first] = True
    return out & (sigma >= 0)


def output_rows(graph: BlockGraph, on_f: Floats | None, on_g: Floats | None) -> dict[int, Floats]:
    """Rows a . f + b . g as rows on blocks: what a and -b have in common goes on the difference of the outputs."""
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
    if d is None:
        return {f: on_f, g: on_g}
    common = np.maximum(np.minimum(on_f, -on_g), 0) + np.minimum(np.maximum(on_f, -on_g), 0)
    return {d: common, f: on_f - common, g: on_g + common}
