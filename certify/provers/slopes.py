"""Better slopes and multipliers: gradient ascent on the lower bounds of linear functionals, row by row.

Starts at the default closed-form slopes (or where it is told) and keeps the best of each row. Hints write a pair on d
and y only, the default also on x where one sign is known: on networks that are far apart the start may be a little
below ``linear.lower``'s default, and callers with time take the better. The parametrisation and the gradient are
sweep.py's; what is found replays through ``linear.lower``.
numpy only. Nothing here is rigorous.
Sources: Xu et al. 2021 (arXiv 2011.13824) for optimising slopes of single neurons; Kingma and Ba 2015 for the steps.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from certify.networks.maps import Floats
from certify.provers.blocks import BlockGraph
from certify.provers.forward import Bounds, assume, enclose, open_entries, tighten_pair
from certify.provers.hints import Hints, Tightening
from certify.provers.linear import FlatHints, meet_at, tighten_set
from certify.provers.region import Region, spread
from certify.provers.sweep import Parameters, Sweep

# Coefficients of all blocks that one group of rows holds.
GROUP = 1 << 19
# Steps fall from RATE to RATE * LAST; corners within HEAT steps of a tie share it.
RATE = 0.1
LAST = 0.05
HEAT = 0.1
# Entries narrower than this share of the widest get no larger multipliers.
NARROW = 1e-6
# Integers round bounds outward: a sign that floats know by less than this share of the width may be open there.
NEAR = 2e-3


def optimise(
    graph: BlockGraph,
    bounds: Bounds,
    rows: Mapping[int, Floats],
    *,
    iterations: int = 20,
    seconds: float | None = None,
    start: Hints | None = None,
    multipliers_on: Iterable[int] | Mapping[int, ArrayLike] = (),
    goal: float | None = None,
) -> tuple[Floats, Hints]:
    """(values (L, R), hints) for the rows of ``linear.lower``, after so many steps or seconds.

    start: hints to begin with, for the same rows (of L regions or one). multipliers_on: blocks whose bounds may be
    multiplied, or block -> the entries there. goal: a group of rows (not a row) that has reached it stops.
    """
    regions = len(bounds)
    n = next(iter(rows.values())).shape[-2]
    flat = {b: np.broadcast_to(c, (regions, n, c.shape[-1])).reshape(-1, c.shape[-1]) for b, c in rows.items()}
    owner = np.repeat(np.arange(regions), n)
    begun = None if start is None else FlatHints(start, regions, n)
    wanted = {b: _entries(graph, b, multipliers_on) for b in multipliers_on}
    effort = _Effort(iterations, seconds, goal)
    values, hints = _ascend(graph, bounds, owner, flat, wanted, effort, begun)
    shape = regions, n
    return values.reshape(shape), Hints(
        {b: tuple(v.reshape(*shape, -1) for v in vs) for b, vs in hints.slopes.items()},
        {b: t.reshape(*shape, -1) for b, t in hints.multipliers.items()},
    )


@dataclass(frozen=True)
class _Effort:
    iterations: int
    seconds: float | None = None
    goal: float | None = None


def _ascend(
    graph: BlockGraph,
    bounds: Bounds,
    owner: NDArray[np.intp],
    rows: Mapping[int, Floats],
    multiplied: Mapping[int, NDArray[np.intp]],
    effort: _Effort,
    start: FlatHints | None = None,
) -> tuple[Floats, Hints]:
    """Values and hints (rows, size) of flat rows whose owners ascend, group by group."""
    values = np.empty(len(owner))
    parts: list[Hints] = []
    step = max(1, GROUP // sum(b.size for b in graph.blocks))
    groups = range(0, len(values), step)
    ends = None if effort.seconds is None else time.perf_counter() + effort.seconds
    for done, k in enumerate(groups):
        part = slice(k, k + step)
        mine = owner[part]
        first, last = int(mine[0]), int(mine[-1]) + 1
        near = bounds if last - first == len(bounds) else bounds.take(slice(first, last))
        share = None if ends is None else (ends - time.perf_counter()) / (len(groups) - done)
        some = {b: c[part] for b, c in rows.items()}
        ascent = _Ascent(graph, near, mine - first, some, multiplied, None if start is None else start.take(part))
        values[part], hints = ascent.run(effort.iterations, share, effort.goal)
        parts.append(hints)
    return values, _joined(parts)


def optimise_bounds(
    graph: BlockGraph,
    region: Region,
    *,
    iterations: int = 20,
    seconds: float | None = None,
    tighten: Iterable[int] | None = None,
    signs: ArrayLike = (),
    parent: Bounds | None = None,
) -> tuple[Bounds, dict[int, Tightening]]:
    """Like ``linear.bound_blocks`` with the slopes of every tightening optimised, and the tightenings found.

    ``bound_blocks(graph, region, found, signs=...)`` replays them. Only entries whose sign is open are tightened: those
    of a Tightening are open in some region, and have hints that mean something in the regions where they are.
    seconds: for all blocks together.
    """
    chosen = tighten_set(graph, not region.is_ball) if tighten is None else set(tighten)
    assumed = np.asarray(signs, dtype=np.intp).reshape(-1, 4)
    multiplied = {int(b): np.unique(assumed[assumed[:, 1] == b, 2]) for b in np.unique(assumed[:, 1])}
    bounds = Bounds(region)
    found: dict[int, Tightening] = {}
    ends = None if seconds is None else time.perf_counter() + seconds
    todo = sorted(chosen)
    for i, block in enumerate(graph.blocks):
        enclose(graph, i, bounds)
        if parent is not None:
            bounds.meet(i, parent.lo[i], parent.hi[i])
        if len(assumed):
            assume(graph, i, bounds, assumed)
        if i not in chosen:
            continue
        # A backward pass from block k of the list costs about k steps.
        weights = [todo.index(j) + 1 for j in todo if j >= i]
        share = None if ends is None else max(0.0, ends - time.perf_counter()) * weights[0] / sum(weights)
        on = {b: entries for b, entries in multiplied.items() if b < i}
        found[i] = _tighten(graph, i, bounds, on, _Effort(iterations, share))
        if block.is_pair:
            tighten_pair(graph, i, bounds)
    return bounds, found


def _tighten(
    graph: BlockGraph, i: int, bounds: Bounds, multiplied: Mapping[int, NDArray[np.intp]], effort: _Effort
) -> Tightening:
    """Improve the bounds of the open entries of block i, region by region."""
    open_ = open_entries(graph, i, bounds)
    rows, size = np.flatnonzero(open_.any(axis=0)), graph.blocks[i].size
    region, entry = np.nonzero(open_)
    if not len(rows):
        return Tightening(rows)
    owner, sign = np.repeat(region, 2), np.tile([1.0, -1.0], len(region))
    unit = np.zeros((len(owner), size))
    unit[np.arange(len(owner)), np.repeat(entry, 2)] = sign
    values, flat = _ascend(graph, bounds, owner, {i: unit}, multiplied, effort)
    meet_at(bounds, i, region, entry, values[::2], -values[1::2])
    place = np.searchsorted(rows, np.repeat(entry, 2)) + np.where(sign > 0, 0, len(rows))

    def wide(v: Floats) -> Floats:
        out = np.zeros((len(bounds), 2 * len(rows), v.shape[1]))
        out[owner, place] = v
        return out

    hints = Hints(
        {b: tuple(wide(v) for v in vs) for b, vs in flat.slopes.items()},
        {b: wide(t) for b, t in flat.multipliers.items()},
    )
    return Tightening(rows, hints)


class _Ascent:
    """Adam with decaying steps for one group of rows; each row has its own steps and its own best."""

    def __init__(
        self,
        graph: BlockGraph,
        bounds: Bounds,
        owner: NDArray[np.intp],
        rows: dict[int, Floats],
        multiplied: Mapping[int, NDArray[np.intp]],
        start: FlatHints | None,
    ) -> None:
        self._graph, self._bounds, self._owner, self._rows, self._start = graph, bounds, owner, rows, start
        self._rate = RATE
        self._now: Parameters = {}
        self._first: Parameters = {}
        self._second: Parameters = {}
        self._scales = {b: self._scale(b, entries) for b, entries in multiplied.items()}

    def _scale(self, b: int, entries: NDArray[np.intp]) -> Floats:
        """A unit for each functional and entry (rows, size), zero for none: what bears as much as the rows are wide.

        A slab between two signs is a thousand times thinner than its block, and its multipliers that much larger.
        """
        lo, hi = self._bounds.lo, self._bounds.hi
        wide = np.zeros(len(self._bounds))
        for k, c in self._rows.items():
            wide = np.maximum(wide, (hi[k] - lo[k]).max(axis=1) * float(np.abs(c).max()))
        own = (hi[b] - lo[b])[:, entries]
        least = NARROW * own.max(axis=1, initial=0, keepdims=True)
        unit = wide[:, None] / np.maximum(own, np.where(least > 0, least, 1.0))
        out = np.zeros(lo[b].shape)
        out[:, entries] = unit / max(1.0, np.sqrt(len(entries)))
        return spread(out, self._owner)

    def _sweep(self, out: Hints | None = None) -> tuple[Sweep, Floats]:
        heat = HEAT * self._rate
        state = Sweep(
            self._graph, self._bounds, self._owner, self._now, self._scales, heat=heat, start=self._start, out=out
        )  # fmt: skip
        return state, state.bound(self._rows)

    def run(self, iterations: int, seconds: float | None, goal: float | None) -> tuple[Floats, Hints]:
        began = time.perf_counter()
        state, best = self._sweep()
        kept = {k: v.copy() for k, v in self._now.items()}
        for t in range(1, iterations + 1):
            late = seconds is not None and time.perf_counter() - began > seconds
            if late or (goal is not None and (best >= goal).all()):
                break
            self._rate = RATE * LAST ** (t / iterations)
            self._step(t, state.gradient())
            state, values = self._sweep()
            better = values > best
            best = np.where(better, values, best)
            for k, v in self._now.items():
                np.copyto(kept.setdefault(k, v.copy()), v, where=better[:, None])
        self._now = kept
        hints = Hints()
        return self._sweep(hints)[1], hints

    def _step(self, t: int, gradient: Parameters) -> None:
        for k, g in gradient.items():
            first = self._first[k] = 0.9 * self._first.get(k, 0.0) + 0.1 * g
            second = self._second[k] = 0.99 * self._second.get(k, 0.0) + 0.01 * g * g
            size = np.sqrt(second / (1 - 0.99**t))
            step = first / (1 - 0.9**t) / np.where(size > 0, size, 1.0)
            moved = self._now[k] + self._rate * step
            self._now[k] = np.clip(moved, 0, 1) if k[0] == "relu" else moved


def _entries(graph: BlockGraph, b: int, chosen: Iterable[int] | Mapping[int, ArrayLike]) -> NDArray[np.intp]:
    if isinstance(chosen, Mapping):
        return np.asarray(chosen[b], dtype=np.intp)
    return np.arange(graph.blocks[b].size)


def _joined(parts: list[Hints]) -> Hints:
    """The groups' hints (1, rows, size) below each other, as (rows, size)."""
    first = parts[0]
    return Hints(
        {
            b: tuple(np.concatenate([p.slopes[b][k][0] for p in parts]) for k in range(len(v)))
            for b, v in first.slopes.items()
        },
        {b: np.concatenate([p.multipliers[b][0] for p in parts]) for b in first.multipliers},
    )
