"""Slopes and multipliers from real units to the integers of a plan.

A functional with real coefficient a on a block of scale s is the integer a F 2^-s there, F the factor of its row.
Rounding needs no care: any integer is sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.networks.encode import TensorTable
from certify.networks.maps import Floats
from certify.provers.blocks import BlockGraph
from certify.provers.hints import Hints

I4, I8 = 2.0**31 - 1, 2.0**62


@dataclass(frozen=True, eq=False)
class Group:
    """Some rows of a step: their hints on one region, how many they are, and log2 of their factor F."""

    hints: Hints | None
    rows: int
    log_factor: float


def hint_lines(graph: BlockGraph, scales: Sequence[int], groups: Sequence[Group], table: TensorTable) -> list[str]:
    """The ``slopes`` and ``multipliers`` lines of one step; a group without hints must have none of its rows hinted.

    Rows of a group that does not hint a block which another group hints get zeros: they have no coefficient there.
    No lines at all, which stands for default slopes, where some hint does not fit 62 bits: cut off it would be useless.
    """
    if any(_too_large(graph, scales, g) for g in groups):
        return []
    hinted = [g.hints for g in groups if g.hints is not None]
    lines = []
    for b in sorted({b for h in hinted for b in h.slopes}):
        block = graph.blocks[b]
        inner = graph.blocks[block.inner] if block.kind == "pair-relu" else None
        ends = (block.source,) if inner is None else (block.inner, inner.coarse)
        named = [
            table.add(_integers([_part(g, g.hints.slopes.get(b) if g.hints else None, k, block.size) for g in groups],
                                groups, scales[end]))
            for k, end in enumerate(ends)
        ]  # fmt: skip
        lines.append(f"slopes {b} {named[0]} {named[1] if len(named) == 2 else -1}")
    for b in sorted({b for h in hinted for b in h.multipliers}):
        found = [g.hints.multipliers.get(b) if g.hints else None for g in groups]
        if not any(t is not None and t.any() for t in found):
            continue
        size = graph.blocks[b].size
        parts = [_part(g, None if t is None else (t,), 0, size) for g, t in zip(groups, found, strict=True)]
        lines.append(f"multipliers {b} {table.add(_integers(parts, groups, scales[b]))}")
    return lines


def _too_large(graph: BlockGraph, scales: Sequence[int], group: Group) -> bool:
    if group.hints is None:
        return False
    found = [(b, v) for b, t in group.hints.multipliers.items() for v in (t,)]
    for b, vs in group.hints.slopes.items():
        block = graph.blocks[b]
        ends = (block.source,) if block.kind != "pair-relu" else (block.inner, graph.blocks[block.inner].coarse)
        found += list(zip(ends, vs, strict=True))
    return any(float(np.abs(v).max(initial=0.0)) * math.pow(2.0, group.log_factor - scales[b]) > I8 for b, v in found)


def _part(group: Group, values: tuple[Floats, ...] | None, k: int, size: int) -> Floats:
    if values is None:
        return np.zeros((group.rows, size))
    whole: Floats = np.broadcast_to(values[k], (1, group.rows, size))[0]
    return whole


def _integers(parts: Sequence[Floats], groups: Sequence[Group], scale: int) -> NDArray[np.int32] | NDArray[np.int64]:
    whole = np.concatenate(
        [np.rint(p * math.pow(2.0, g.log_factor - scale)) for p, g in zip(parts, groups, strict=True)]
    )
    size = float(np.abs(whole).max(initial=0.0))
    if size <= I4:
        narrow: NDArray[np.int32] = whole.astype(np.int32)
        return narrow
    wide: NDArray[np.int64] = np.clip(whole, -I8, I8).astype(np.int64)
    return wide
