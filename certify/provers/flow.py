"""The flow of discarded influence: one number for each scale, adding up to the bound.

At the input x* where the linear relaxation of a row attains its bound, with the true trajectories of f and g:

    bound = sum over difference blocks of  c_b . d_b(x*) - (what c_b passes on to earlier differences)  + relaxation

The first part is what is discarded *at* that block, times the gain c_b from there to the output; for an affine pair
it is
c_b . ((M S' - S M') y + b - S b'). The rest is slack of the lines taken at relus.
"""

from __future__ import annotations

import numpy as np

from certify.networks.maps import Floats
from certify.provers.blocks import BlockGraph
from certify.provers.forward import Bounds, picked
from certify.provers.linear import Trace, lower


def by_scale(graph: BlockGraph, bounds: Bounds, rows: dict[int, Floats]) -> dict[str, float]:
    """Contributions to an upper bound, for one functional given as single *negated* rows on blocks.

    The values sum to the float upper bound, that is to -(lower bound of the rows).
    """
    trace = Trace()
    bound = -float(lower(graph, bounds, rows, trace=trace)[0, 0])
    values = _values_at(graph, bounds, trace)
    shares: dict[str, float] = {}
    for b, c in sorted(trace.taken.items()):
        block = graph.blocks[b]
        if not block.is_pair:
            continue
        here = float((c @ values[b][0])[0])
        for (taker, target), passed in trace.passed.items():
            if taker == b and graph.blocks[target].is_pair:
                here -= float((passed @ values[target][0])[0])
        if block.kind == "pair-relu":
            continue
        shares[block.name] = shares.get(block.name, 0.0) - here
    shares["relaxation"] = bound - sum(shares.values())
    return shares


def corner_of(graph: BlockGraph, bounds: Bounds, trace: Trace) -> tuple[Floats, Floats | None]:
    """x* and x'* (rows, n) where the pass of some rows on one region attains its values."""
    r = bounds.region
    x, x2 = (r.lo + r.hi) / 2, None
    for b, c in trace.at_input.items():
        block = graph.blocks[b]
        if block.kind != "input":
            continue
        if block.role == 0:
            x = r.minimiser(c, np.zeros(len(c), dtype=np.intp))
        else:
            x2 = np.where(c >= 0, bounds.lo[b], bounds.hi[b])
    return x, x2


def _values_at(graph: BlockGraph, bounds: Bounds, trace: Trace) -> list[Floats]:
    """The true values (rows, size) of every block at x* (and x'*).

    Free blocks take the end of their range that the row prefers.
    """
    x, x2 = corner_of(graph, bounds, trace)
    out: list[Floats] = []
    for i, b in enumerate(graph.blocks):
        if b.is_pair:
            out.append(out[b.fine] - picked(b, out[b.coarse]))
        elif b.kind == "input":
            out.append(x if b.role == 0 or x2 is None else x2)
        elif b.kind == "relu":
            out.append(np.maximum(out[b.source], 0))
        elif b.kind == "free":
            c = trace.at_input.get(i)
            out.append(out[b.source] if c is None else np.where(c >= 0, bounds.lo[i], bounds.hi[i]))
        else:
            v = np.zeros((len(x), b.size))
            if b.bias is not None:
                v += b.bias
            for p in b.pieces:
                v += p.map.apply(out[p.source]) * p.scalar
            out.append(v)
    return out
