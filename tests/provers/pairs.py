"""Random small pairs of networks as block graphs, with regions and points of them, for the provers' tests."""

from itertools import pairwise

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from certify.coarsenings import align
from certify.errors import BadInput
from certify.networks.maps import Dense
from certify.provers.blocks import BlockGraph
from certify.provers.forward import picked
from certify.provers.region import Region
from certify.testing import coarse, networks


@st.composite
def pairs(draw):
    """The block graph of a random network and a random coarsening of it."""
    f = draw(networks())
    try:
        g = draw(coarse(f))
    except BadInput:  # an example of the coarsening names units that this network does not have
        reject()
    return BlockGraph.build(f, g, align(f, g))


@st.composite
def regions(draw, most=3):
    """One to ``most`` regions of the 4 inputs: boxes, or balls within their boxes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, most))
    radius = draw(st.sampled_from([0.01, 0.25, 1.0]))
    centre = rng.uniform(-1, 1, (count, 4))
    kind = draw(st.sampled_from(["box", "box", "l2", "l1"]))
    if kind == "box":
        return Region.of(centre - radius * rng.random((count, 4)), centre + radius)
    return Region.of(centre - radius, centre + radius, kind, centre, radius)


def points_in(region, k, count, rng):
    """Points (count, n) of piece k, many of them extreme."""
    lo, hi = region.lo[k], region.hi[k]
    x = np.where(rng.random((count, len(lo))) < 0.5, rng.uniform(lo, hi, (count, len(lo))), lo)
    x = np.where(rng.random(x.shape) < 0.4, hi, x)
    if region.is_ball:
        centre = region.centre[min(k, len(region.centre) - 1)]
        size = np.linalg.norm(x - centre, ord=1 if region.kind == "l1" else 2, axis=1, keepdims=True)
        x = centre + (x - centre) * np.minimum(1.0, region.radius / np.maximum(size, 1e-300))
    return x


def values_at(graph, x):
    """The true value of every block at points (count, n); None where a block is free."""
    out = []
    for b in graph.blocks:
        if b.kind == "input":
            out.append(x)
        elif b.kind == "relu":
            out.append(np.maximum(out[b.source], 0))
        elif b.kind == "affine":
            v = np.zeros((len(x), b.size)) if b.bias is None else np.tile(b.bias, (len(x), 1))
            for p in b.pieces:
                v = v + p.map.apply(out[p.source]) * p.scalar
            out.append(v)
        elif b.kind == "free":
            out.append(out[b.source])
        else:
            out.append(out[b.fine] - picked(b, out[b.coarse]))
    return out


def some_rows(graph, rng, count=3):
    """Random functionals on the outputs and their difference."""
    blocks = sorted({*graph.outputs.values(), *([graph.output_pair()] if graph.output_pair() is not None else [])})
    return {b: rng.standard_normal((count, graph.blocks[b].size)) for b in blocks}


def near_pair(rng, widths=(4, 8, 8, 3), noise=0.05):
    """A dense network and a slightly different one, as a block graph."""
    from certify.networks.builder import Builder
    from certify.networks.graph import Pair

    weights = [(rng.standard_normal((m, n)) / np.sqrt(n), rng.standard_normal(m) / 4) for n, m in pairwise(widths)]
    nets = []
    for size in (0.0, noise):
        b = Builder()
        v = b.input(widths[0], name="x")
        for k, (w, bias) in enumerate(weights):
            v = b.linear(v, Dense(w + size * rng.standard_normal(w.shape)), bias, name=f"dense{k}")
            if k < len(weights) - 1:
                v = b.relu(v, f"relu{k}")
        nets.append(b.finish(v, (widths[0],), (widths[-1],)))
    f, g = nets
    return BlockGraph.build(f, g, [Pair(i, i) for i in range(1, len(f.nodes))])
