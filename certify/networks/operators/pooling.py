"""Pooling over windows: AveragePool MaxPool GlobalMaxPool.

Padding is omitted from a maximum, never zero. An average divides each window by its own exact count.
"""

from __future__ import annotations

from math import prod

import numpy as np

from certify.networks.graph import Term
from certify.networks.maps import Identity, LinearMap, Select
from certify.networks.operators import Call, Value, Variable, operator
from certify.networks.operators._extremes import extreme
from certify.networks.operators._windows import Windows, channelled, windows
from certify.networks.operators.reductions import add_up

# Entries of all windows together; their positions are held at once.
MAX_POSITIONS = 20_000_000


def _pool(call: Call) -> tuple[Variable, Windows, int]:
    value = call.variable(call.value(0))
    if call.outputs > 1:
        raise call.refuse("the indices of a maximum are no piecewise-linear function of the input")
    if len(value.shape) < 3:
        raise call.bad(f"expected batch, channel and spatial axes, found shape {value.shape}")
    inside, images = value.shape[2:], prod(value.shape[:2])
    at = windows(call, inside, tuple(int(k) for k in call.attr("kernel_shape") or ()))
    call.limit((images, *at.out, *at.kernel), MAX_POSITIONS)
    return value, at, images


@operator("MaxPool", ignores=("storage_order",))
def max_pool(call: Call) -> Value:
    value, at, images = _pool(call)
    choices = channelled(at.positions(), at.inside, images)
    return Variable(extreme(call, value.node, choices, 1), (*value.shape[:2], *at.out))


@operator("AveragePool")
def average_pool(call: Call) -> Value:
    value, at, images = _pool(call)
    shape = (*value.shape[:2], *at.out)
    choices = channelled(at.positions(), at.inside, images)
    counts = np.tile(at.counts(bool(call.attr("count_include_pad", 0))), images)
    if not counts.all():
        raise call.bad("a window lies wholly in the padding")
    if (counts == counts[0]).all():
        return Variable(add_up(call, value.node, choices, int(counts[0])), shape)
    # windows of different counts: each class is divided by its own
    sums = add_up(call, value.node, choices)
    terms, size = [], counts.size
    for count in np.unique(counts):
        own = np.where(counts == count, np.arange(size), -1).astype(np.int32)
        one: LinearMap = Identity(size) if (own >= 0).all() else Select(own, size)
        terms.append(Term(sums, one, 1, int(count)))
    return Variable(call.builder.affine(terms, name=call.name), shape)


@operator("GlobalMaxPool")
def global_max(call: Call) -> Value:
    value = call.variable(call.value(0))
    n, c, *inside = value.shape
    choices = np.arange(prod(value.shape), dtype=np.int32).reshape(n * c, -1).T
    node = extreme(call, value.node, np.ascontiguousarray(choices), 1)
    return Variable(node, (n, c, *(1 for _ in inside)))
