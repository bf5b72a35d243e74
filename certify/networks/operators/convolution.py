"""Convolution with a constant kernel in 1, 2, 3 axes: Conv.

A batch of more than one image becomes one more spatial axis with a kernel of one, so weights are stored once.
"""

from __future__ import annotations

import numpy as np

from certify.networks.maps import Conv
from certify.networks.operators import Call, Value, Variable, operator
from certify.networks.operators._windows import windows


@operator("Conv")
def conv(call: Call) -> Value:
    x = call.value(0)
    if not isinstance(x, Variable):
        raise call.refuse("a convolution of a constant is not folded, because it would round")
    weight = call.numbers(call.constant(1, "weight"), "weight")
    n, c, *rest = x.shape
    inside = tuple(rest)
    if weight.ndim != len(x.shape) or not inside:
        raise call.bad(f"weight of shape {weight.shape} does not fit an input of shape {x.shape}")
    kernel = tuple(call.attr("kernel_shape") or weight.shape[2:])
    groups, c_out = int(call.attr("group", 1)), weight.shape[0]
    if kernel != weight.shape[2:]:
        raise call.bad(f"kernel_shape {kernel} is not that of the weight, {weight.shape}")
    if groups < 1 or c_out % groups or weight.shape[1] * groups != c:
        raise call.bad(f"weight {weight.shape} in {groups} groups does not fit {c} channels")
    at = windows(call, inside, kernel)
    bias = call.numbers(call.constant(2, "bias"), "bias").ravel() if call.has(2) else None
    if bias is not None and bias.size != c_out:
        raise call.bad(f"bias of {bias.size} entries for {c_out} channels")
    d, out = len(inside), call.limit((n, c_out, *at.out))
    repeat = int(np.prod(at.out)) * n
    if n == 1:
        one = Conv(weight, inside, at.strides, at.pads, at.dilations, groups)
        return Variable(call.builder.linear(x.node, one, bias, repeat, call.name), out)
    # (n, c, ...) as c channels over (n, ...)
    turned = call.rearrange(x, lambda a: np.swapaxes(a, 0, 1))
    assert isinstance(turned, Variable)
    stacked = Conv(
        weight[:, :, None],
        (n, *inside),
        (1, *at.strides),
        (0, *at.pads[:d], 0, *at.pads[d:]),
        (1, *at.dilations),
        groups,
    )
    node = call.builder.linear(turned.node, stacked, bias, repeat, call.name)
    return call.rearrange(Variable(node, (c_out, n, *at.out)), lambda a: np.swapaxes(a, 0, 1))
