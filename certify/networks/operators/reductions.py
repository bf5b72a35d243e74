"""Sums and means along axes: ReduceSum ReduceMean GlobalAveragePool.

A sum is a sum of selections, so no tensor of ones is stored as if it were a weight; a mean divides exactly.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Term
from certify.networks.maps import Select
from certify.networks.operators import Call, Value, Variable, operator
from certify.networks.operators._call import Shape


def _axes(call: Call, rank: int) -> list[int]:
    """The axes a Reduce operator names; all when it names none, unless it says that none means none."""
    axes, none_is_none = call.integers(1, "axes"), call.attr("noop_with_empty_axes", 0)
    if not axes:
        return [] if none_is_none else list(range(rank))
    return sorted({call.axis(a, rank) for a in axes})


def _after(call: Call, shape: Shape, axes: list[int]) -> Shape:
    keep = call.attr("keepdims", 1)
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)


def reduced(call: Call, value: Variable) -> tuple[NDArray[np.int32], Shape]:
    """What each output entry reduces over, (entries, outputs), and the shape of the result."""
    axes = _axes(call, len(value.shape))
    places = np.arange(prod(value.shape), dtype=np.int32).reshape(value.shape)
    front = np.moveaxis(places, axes, range(len(axes)))
    size = prod(value.shape[a] for a in axes)
    return np.ascontiguousarray(front.reshape(size, -1)), _after(call, value.shape, axes)


def add_up(call: Call, node: int, choices: NDArray[np.int32], den: int = 1) -> int:
    """For each column of ``choices`` the sum of those entries of the node (-1: nothing) over den."""
    terms = [Term(node, Select(np.ascontiguousarray(row), call.builder.size(node)), 1, den) for row in choices]
    return call.builder.affine(terms, name=call.name)


def sum_over(call: Call, value: Variable, axes: list[int], mean: bool) -> Variable:
    """The sum or mean over axes, which stay with size 1. One axis at a time: 28 + 28 terms, not 784."""
    for a in axes:
        n = value.shape[a]
        if n == 1:
            continue
        places = np.arange(prod(value.shape), dtype=np.int32).reshape(value.shape)
        rows = np.moveaxis(places, a, 0).reshape(n, -1)
        node = add_up(call, value.node, rows, n if mean else 1)
        value = Variable(node, (*value.shape[:a], 1, *value.shape[a + 1 :]))
    return value


@operator("ReduceSum", "ReduceMean")
def reduce(call: Call) -> Value:
    value = call.variable(call.value(0))
    axes = _axes(call, len(value.shape))
    out = sum_over(call, value, axes, call.op == "ReduceMean")
    return Variable(out.node, _after(call, value.shape, axes))


@operator("GlobalAveragePool")
def global_average(call: Call) -> Value:
    value = call.variable(call.value(0))
    return sum_over(call, value, list(range(2, len(value.shape))), mean=True)
