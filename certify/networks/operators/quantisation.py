"""Stored integers with a scale, as quantised models keep their weights: DequantizeLinear.

(q - zero point) * scale is a float64, exactly, for integers of 8 and 16 bits and scales of 24, and that number is
what is meant. Quantising a value that depends on the input is a rounding, and is refused.
"""

from __future__ import annotations

import numpy as np

from certify.networks.operators import Call, Constant, Value, operator
from certify.networks.operators._exact import fold


@operator("DequantizeLinear", ignores=("output_dtype",))
def dequantize(call: Call) -> Value:
    stored, scale = call.constant(0, "integers"), call.numbers(call.constant(1, "scale"), "scale")
    axis = int(call.attr("axis", 1))
    if call.attr("block_size", 0):
        raise call.refuse("blocked quantisation")
    integers = stored.array
    if integers.dtype.kind not in "iu":
        raise call.bad(f"expected stored integers, found {integers.dtype}")
    zero = call.constant(2, "zero point").array if call.has(2) else np.zeros((), np.int64)
    if scale.size > 1:
        along = [1] * integers.ndim
        along[call.axis(axis, integers.ndim)] = -1
        scale, zero = scale.reshape(along), zero.reshape(along) if zero.size > 1 else zero
    shifted = fold("Sub", integers, zero.reshape(scale.shape if zero.size == scale.size else ()))
    exact = None if shifted is None else fold("Mul", shifted.astype(np.float64), scale.astype(np.float64))
    if exact is None:
        raise call.refuse(f"dequantising {stored.name!r} would round")
    return Constant(exact.reshape(integers.shape), stored.name)
