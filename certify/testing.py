"""Hypothesis strategies for anyone who tests on top of certify: random networks, domains, coarsenings and claims.

Needs hypothesis. Networks are small, with dyadic weights of several scales, so that exact evaluation is quick.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from certify.claims import Claim, discrepancy
from certify.coarsenings import discover
from certify.domains import Ball, Box, box, l1, l2, linf
from certify.errors import BadInput
from certify.networks.builder import Builder
from certify.networks.graph import Network
from certify.networks.maps import Conv, Dense


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A dense, residual, leaky or convolutional ReLU network with 4 inputs and 2 outputs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["dense", "residual", "leaky", "convolution"]))
    scale = 2.0 ** draw(st.integers(-6, 3))

    def weights(*shape: int) -> Any:
        return (np.round(rng.standard_normal(shape) * 16) / 16 * scale).astype(np.float32)

    b = Builder()
    x = b.input(4, name="x")
    if kind == "convolution":
        conv = Conv(weights(2, 1, 2, 2), (2, 2), (1, 1), (0, 0, 1, 1), (1, 1))
        h = b.relu(b.linear(x, conv, weights(2), 4, name="conv"), "relu0")
        return b.finish(b.linear(h, Dense(weights(2, 8)), weights(2), name="head"), (1, 2, 2), (2,))
    h = b.relu(b.linear(x, Dense(weights(5, 4)), weights(5), name="dense0"), "relu0")
    z = b.linear(h, Dense(weights(5, 5)), weights(5), name="dense1")
    h2 = b.leaky(z, 1, 4, "relu1") if kind == "leaky" else b.relu(z, "relu1")
    if kind == "residual":
        h2 = b.combine([(h, 1, 1), (h2, 1, 1)], "sum")
    return b.finish(b.linear(h2, Dense(weights(2, 5)), weights(2), name="head"), (4,), (2,))


@st.composite
def domains(draw: st.DrawFn, net: Network) -> Box | Ball:
    """A box or one or two balls around random points of [-1, 1], in the network's input shape."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centre = rng.uniform(-1, 1, (draw(st.integers(1, 2)), *net.input_shape))
    radius = draw(st.sampled_from(["0", "0.01", "1/8", "1"]))
    kind = draw(st.sampled_from(["box", "linf", "l2", "l1"]))
    if kind == "box":
        made = box(centre[0], centre[0] + 0.25)
        assert isinstance(made, Box)
        return made
    return {"linf": linf, "l2": l2, "l1": l1}[kind](centre, radius)


@st.composite
def coarse(draw: st.DrawFn, net: Network) -> Network:
    """A random coarsening of a network, among the examples each coarsening declares; the network itself where it has
    too few layers or units for the example."""
    found = discover()
    chosen = found[draw(st.sampled_from(sorted(found)))]
    examples = chosen.examples(net)
    if not examples:
        return net
    example = draw(st.sampled_from(examples))
    try:
        return chosen.function(net, **example)
    except BadInput:
        return net


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    """A claim that some norm of the difference to a coarsening is at most a random threshold."""
    net = draw(networks())
    norm = draw(st.sampled_from(["linf", "l2", "l1"]))
    q = discrepancy(net, draw(coarse(net)), over=draw(domains(net)), norm=norm)  # type: ignore[arg-type]
    thresholds: list[int | str] = [0, "1/100", 1, 100]
    return q <= draw(st.sampled_from(thresholds))
