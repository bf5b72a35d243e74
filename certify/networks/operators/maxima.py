"""Largest and smallest: of several values (Max Min) and along axes (ReduceMax ReduceMin)."""

from __future__ import annotations

import numpy as np

from certify.networks.operators import Call, Constant, Value, Variable, operator
from certify.networks.operators._call import spread
from certify.networks.operators._extremes import extreme
from certify.networks.operators.reductions import reduced


@operator("Max", "Min")
def extreme_of_values(call: Call) -> Value:
    """A balanced tree over the inputs, constants among them."""
    values = [call.value(k) for k in range(len(call.inputs))]
    sign = 1 if call.op == "Max" else -1
    shape = call.shape_of(*values)
    constants = [v for v in values if isinstance(v, Constant)]
    for c in constants:
        call.numbers(c)
    if len(constants) == len(values):
        fold = np.maximum.reduce if sign > 0 else np.minimum.reduce
        return Constant(np.asarray(fold([np.broadcast_to(c.array, shape) for c in constants])), constants[0].name)
    layer = [call.expand(v, shape) if isinstance(v, Variable) else v for v in values]
    while len(layer) > 1:
        pairs = [_pair(call, layer[i], layer[i + 1], sign, shape) for i in range(0, len(layer) - 1, 2)]
        layer = pairs + layer[len(layer) - len(layer) % 2 :]
    return layer[0]


def _pair(call: Call, a: Value, b: Value, sign: int, shape: tuple[int, ...]) -> Value:
    builder = call.builder
    if isinstance(a, Constant):
        a, b = b, a
    if isinstance(a, Constant):
        a = call.expand(call.variable(a), shape)
    assert isinstance(a, Variable)
    if isinstance(b, Variable):
        parts = [(a.node, sign, 1), (b.node, -sign, 1)]
        gap = builder.combine(parts, f"{call.name}.gap")
        r = builder.relu(gap, f"{call.name}.relu")
        return Variable(builder.combine([(b.node, 1, 1), (r, sign, 1)], call.name), shape)
    # a constant b needs no node: b + relu(a - b), or b - relu(b - a)
    entries, repeat = spread(call.numbers(b), shape)
    signed = builder.scalar(a.node, sign, 1, f"{call.name}.sign")
    gap = builder.add_constant(signed, -entries if sign > 0 else entries, repeat, f"{call.name}.gap")
    r = builder.scalar(builder.relu(gap, f"{call.name}.relu"), sign, 1, f"{call.name}.back")
    return Variable(builder.add_constant(r, entries, repeat, call.name), shape)


@operator("ReduceMax", "ReduceMin")
def extreme_along_axes(call: Call) -> Value:
    value = call.variable(call.value(0))
    choices, shape = reduced(call, value)
    node = extreme(call, value.node, choices, 1 if call.op == "ReduceMax" else -1)
    return Variable(node, shape)
