"""Sums, differences, products and quotients with constants, and sums of values: Add Sub Mul Div Neg Sum Mean.

A product or quotient of two values that both depend on the input is refused. A scalar factor is an exact
rational; a quotient by a vector that is not a power of two is one shared symbol with an enclosure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from certify.networks.operators import Call, Constant, Value, Variable, operator
from certify.networks.operators._call import spread
from certify.networks.operators._exact import fold, ratio, reciprocals

OLD = ("consumed_inputs",)  # a memory hint of opset 1


def _operands(call: Call) -> tuple[Value, Value]:
    """Both operands; before opset 7 the second is aligned at ``axis`` instead of at the last axis."""
    a, b = call.value(0), call.value(1)
    axis, legacy = call.attr("axis"), call.attr("broadcast", 0)
    if call.opset < 7 and axis is not None and legacy:
        after = len(a.shape) - call.axis(axis, len(a.shape)) - len(b.shape)
        shape = b.shape + (1,) * max(0, after)
        b = call.rearrange(b, lambda v: v.reshape(shape))
    return a, b


def _folded(call: Call, op: str, a: Constant, b: Constant) -> Constant:
    call.shape_of(a, b)
    result = fold(op, a.array, b.array)
    if result is None:
        raise call.refuse(f"folding the constants {a.name!r} and {b.name!r} would round")
    return Constant(result, a.name or b.name)


def total(call: Call, parts: Sequence[tuple[Value, int]], den: int = 1) -> Value:
    """The sum of (sign / den) * value, broadcast; at least one value depends on the input."""
    shape = call.limit(call.shape_of(*(v for v, _ in parts)))
    coefficients: dict[int, int] = {}
    constants = []
    for value, sign in parts:
        value = call.expand(value, shape) if isinstance(value, Variable) else value
        if isinstance(value, Variable):
            coefficients[value.node] = coefficients.get(value.node, 0) + sign
        elif den == 1:
            constants.append((value, sign))
        else:
            node = call.expand(call.variable(value), shape)
            assert isinstance(node, Variable)
            coefficients[node.node] = coefficients.get(node.node, 0) + sign
    if den == 1 and list(coefficients.values()) == [1]:
        node_id = next(iter(coefficients))
    else:
        node_id = call.builder.combine([(n, k, den) for n, k in coefficients.items()], call.name)
    for constant, sign in constants:
        entries, repeat = spread(call.numbers(constant), shape)
        node_id = call.builder.add_constant(node_id, entries if sign > 0 else -entries, repeat, call.name)
    return Variable(node_id, shape)


@operator("Add", "Sub", ignores=OLD)
def add(call: Call) -> Value:
    a, b = _operands(call)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return _folded(call, call.op, a, b)
    return total(call, [(a, 1), (b, 1 if call.op == "Add" else -1)])


@operator("Sum", "Mean", ignores=OLD)
def add_many(call: Call) -> Value:
    values = [call.value(k) for k in range(len(call.inputs))]
    if call.op == "Sum" and all(isinstance(v, Constant) for v in values):
        first, *rest = (v for v in values if isinstance(v, Constant))
        for other in rest:
            first = _folded(call, "Add", first, other)
        return first
    if all(isinstance(v, Constant) for v in values):
        raise call.refuse("the mean of constants only is not folded")
    return total(call, [(v, 1) for v in values], len(values) if call.op == "Mean" else 1)


@operator("Neg", ignores=OLD)
def negate(call: Call) -> Value:
    value = call.value(0)
    if isinstance(value, Constant):
        return Constant(-value.array, value.name)
    return Variable(call.builder.scalar(value.node, -1, 1, call.name), value.shape)


@operator("Mul", ignores=OLD)
def multiply(call: Call) -> Value:
    a, b = _operands(call)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return _folded(call, "Mul", a, b)
    if isinstance(a, Constant):
        a, b = b, a
    if not isinstance(a, Variable) or not isinstance(b, Constant):
        raise call.refuse("a product of two values that depend on the input")
    return times(call, a, b)


def times(call: Call, a: Variable, b: Constant) -> Variable:
    """value * constant, broadcast: a rational for a single number, a diagonal map otherwise."""
    shape = call.limit(call.shape_of(a, b))
    factor = call.numbers(b)
    wide = call.expand(a, shape)
    assert isinstance(wide, Variable)
    if factor.size == 1:
        num, den = ratio(factor.ravel()[0])
        return Variable(call.builder.scalar(wide.node, num, den, call.name), shape)
    entries, repeat = spread(factor, shape)
    return Variable(call.builder.scale(wide.node, entries, None, repeat, call.name), shape)


@operator("Div", ignores=OLD)
def divide(call: Call) -> Value:
    a, b = _operands(call)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return _folded(call, "Div", a, b)
    if not isinstance(a, Variable) or not isinstance(b, Constant):
        raise call.refuse("a quotient by a value that depends on the input")
    divisor = call.numbers(b, "divisor")
    if not divisor.all():
        raise call.bad(f"divisor tensor {b.name!r} holds 0")
    shape = call.limit(call.shape_of(a, b))
    wide = call.expand(a, shape)
    assert isinstance(wide, Variable)
    if (divisor == divisor.flat[0]).all():
        den, num = ratio(float(divisor.flat[0]))
        num, den = (num, den) if den > 0 else (-num, -den)
        return Variable(call.builder.scalar(wide.node, num, den, call.name), shape)
    try:
        lo, hi = reciprocals(divisor)
    except OverflowError:
        raise call.refuse(f"divisor tensor {b.name!r} is too small to divide by") from None
    lo_entries, repeat = spread(lo, shape)
    # a scale is exact when both tensors are the same object: keep that identity
    hi_entries = None if hi is lo else spread(hi, shape)[0]
    return Variable(call.builder.scale(wide.node, lo_entries, hi_entries, repeat, call.name), shape)


@operator("Abs", ignores=OLD)
def absolute(call: Call) -> Value:
    """|x| = 2 relu(x) - x."""
    value = call.value(0)
    if isinstance(value, Constant):
        return Constant(np.abs(value.array), value.name)
    r = call.builder.relu(value.node, f"{call.name}.relu")
    return Variable(call.builder.combine([(r, 2, 1), (value.node, -1, 1)], call.name), value.shape)
