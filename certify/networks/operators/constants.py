"""Operators that make constants, mostly shapes: Constant ConstantOfShape Shape Size Range Equal; and Where.

What they give never depends on the input's value, only on its shape. Where needs a constant condition.
"""

from __future__ import annotations

from math import prod

import numpy as np

from certify.networks.graph import Term
from certify.networks.maps import Select
from certify.networks.operators import Call, Constant, Value, Variable, operator
from certify.networks.operators._call import MAX_TENSOR


@operator("Constant")
def constant(call: Call) -> Value:
    """A stored tensor or list of numbers."""
    for attribute, kind in (
        ("value", None),
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        found = call.attr(attribute)
        if found is not None:
            return Constant(np.asarray(found, dtype=kind), call.name)
    raise call.refuse("a constant that is neither a tensor nor numbers")


@operator("ConstantOfShape")
def constant_of_shape(call: Call) -> Value:
    wanted = call.integers(0, "shape") or []
    shape = call.limit(wanted, MAX_TENSOR)
    value = np.asarray(call.attr("value", np.zeros(1, np.float32))).reshape(-1)
    if value.size != 1:
        raise call.bad(f"expected one value, found {value.size}")
    return Constant(np.broadcast_to(value[0], shape), call.name)


@operator("Shape")
def shape_as_numbers(call: Call) -> Value:
    own = call.value(0).shape
    end = call.attr("end")
    return Constant(np.array(own[slice(int(call.attr("start", 0)), end)], dtype=np.int64), call.name)


@operator("Size")
def size(call: Call) -> Value:
    return Constant(np.array(prod(call.value(0).shape), dtype=np.int64), call.name)


@operator("Range")
def span(call: Call) -> Value:
    start, limit, delta = (call.constant(k, "range").array for k in range(3))
    if any(a.dtype.kind not in "iu" or a.size != 1 for a in (start, limit, delta)) or not delta.any():
        raise call.refuse("a range of anything but integers")
    steps = range(int(start.item()), int(limit.item()), int(delta.item()))
    call.limit((max(1, len(steps)),), MAX_TENSOR)
    return Constant(np.array(steps, dtype=np.int64), call.name)


@operator("Equal")
def equal(call: Call) -> Value:
    a, b = call.constant(0, "operand"), call.constant(1, "operand")
    call.shape_of(a, b)
    return Constant(np.asarray(a.array == b.array), call.name)


@operator("Where")
def where(call: Call) -> Value:
    """A choice that is fixed: each entry from one of two values."""
    condition, a, b = call.constant(0, "condition"), call.value(1), call.value(2)
    shape = call.shape_of(condition, a, b)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return Constant(np.where(condition.array, a.array, b.array), call.name)
    call.limit(shape)
    chosen = np.broadcast_to(condition.array.astype(bool), shape).ravel()
    terms = []
    for value, mine in ((a, chosen), (b, ~chosen)):
        node = call.variable(call.expand(call.variable(value), shape)).node
        own = np.where(mine, np.arange(mine.size), -1).astype(np.int32)
        terms.append(Term(node, Select(own, mine.size)))
    return Variable(call.builder.affine(terms, name=call.name), shape)
