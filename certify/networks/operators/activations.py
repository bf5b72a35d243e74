"""Piecewise-linear activations: Relu LeakyRelu PRelu Clip.

Everything is one or two relus and exact affine maps; slopes are the rationals their floats are.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Term
from certify.networks.maps import Identity, Scale
from certify.networks.operators import Call, Constant, Value, Variable, operator
from certify.networks.operators._call import spread
from certify.networks.operators._exact import ratio


@operator("Relu", ignores=("consumed_inputs",))
def relu(call: Call) -> Value:
    value = call.value(0)
    if isinstance(value, Constant):
        return Constant(np.maximum(value.array, 0), value.name)
    return Variable(call.builder.relu(value.node, call.name), value.shape)


@operator("LeakyRelu", ignores=("consumed_inputs",))
def leaky_relu(call: Call) -> Value:
    value = call.variable(call.value(0))
    # the attribute is a float32 in the file; 0.01 is its default there
    num, den = ratio(call.attr("alpha", float(np.float32(0.01))))
    return Variable(call.builder.leaky(value.node, num, den, call.name), value.shape)


@operator("PRelu", ignores=("consumed_inputs",))
def parametric_relu(call: Call) -> Value:
    """x where x >= 0, slope * x elsewhere: slope x + relu(x) - slope relu(x), in which nothing is rounded."""
    value = call.variable(call.value(0))
    slope = call.numbers(call.constant(1, "slope"), "slope")
    if slope.size == 1:
        num, den = ratio(slope.ravel()[0])
        return Variable(call.builder.leaky(value.node, num, den, call.name), value.shape)
    if call.opset < 7 and slope.ndim == 1 and len(value.shape) > 1:
        slope = slope.reshape(-1, *(1,) * (len(value.shape) - 2))
    if np.broadcast_shapes(slope.shape, value.shape) != value.shape:
        raise call.bad(f"slope of shape {slope.shape} does not broadcast to {value.shape}")
    entries, repeat = spread(slope, value.shape)
    diagonal = Scale(entries, entries, repeat)
    r = call.builder.relu(value.node, f"{call.name}.relu")
    terms = [Term(value.node, diagonal), Term(r, Identity(diagonal.n_in)), Term(r, diagonal, -1)]
    return Variable(call.builder.affine(terms, name=call.name), value.shape)


def _bound(call: Call, k: int, attribute: str, sign: int) -> NDArray[np.floating] | None:
    """A bound of Clip, or None when absent, infinite, or the largest float (how old files say "none")."""
    written = call.attr(attribute)
    if call.has(k):
        constant = call.constant(k, attribute)
        if constant.array.size != 1:
            raise call.bad(f"{attribute}: expected one number, found shape {constant.shape}")
        number = constant.array.reshape(1)
    elif written is not None:
        constant = Constant(np.array([written], dtype=np.float64), attribute)
        number = constant.array
    else:
        return None
    if number.dtype.kind == "f" and not np.isnan(number[0]):
        largest = np.finfo(number.dtype if call.has(k) else np.float32).max
        if sign * float(number[0]) >= float(largest):
            return None
    return call.numbers(Constant(number, constant.name or attribute), attribute)


@operator("Clip", ignores=("consumed_inputs",))
def clip(call: Call) -> Value:
    """min(max(x, lo), hi) by x -> lo + relu(x - lo) and y -> hi - relu(hi - y); either may be missing."""
    lo, hi = _bound(call, 1, "min", -1), _bound(call, 2, "max", 1)
    value = call.variable(call.value(0))
    b, node, size = call.builder, value.node, call.builder.size(value.node)
    if lo is not None:
        at_zero = Fraction(float(lo[0])) == 0
        shifted = node if at_zero else b.add_constant(node, -lo, size, f"{call.name}.min.gap")
        node = b.relu(shifted, f"{call.name}.min.relu")
        node = node if at_zero else b.add_constant(node, lo, size, f"{call.name}.min")
    if hi is not None:
        flipped = [Term(node, Identity(size), -1)]
        gap = b.affine(flipped, hi, size, f"{call.name}.max.gap")
        r = b.relu(gap, f"{call.name}.max.relu")
        node = b.affine([Term(r, Identity(size), -1)], hi, size, call.name)
    return Variable(node, value.shape)
