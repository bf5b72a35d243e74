"""Operators that leave every entry as it is and change its place: Reshape Flatten Transpose Squeeze
Unsqueeze Expand Tile DepthToSpace SpaceToDepth, and Identity, Dropout and Cast, which change nothing.
"""

from __future__ import annotations

from math import prod

import numpy as np

from certify.networks.operators import Call, Constant, Value, Variable, operator
from certify.networks.operators._call import MAX_TENSOR

FLOATS = {1, 10, 11, 16}  # TensorProto: FLOAT, FLOAT16, DOUBLE, BFLOAT16


@operator("Identity", "Dropout", ignores=("ratio", "seed", "is_test", "consumed_inputs"))
def identity(call: Call) -> Value:
    if call.op == "Dropout":
        if call.has(2) and call.constant(2, "training_mode").array.any():
            raise call.refuse("dropout in training mode is random")
        if call.outputs > 1:
            raise call.refuse("the mask of a dropout")
    return call.value(0)


@operator("Cast", "CastLike", ignores=("saturate", "round_mode"))
def cast(call: Call) -> Value:
    """A change of float type is a rounding of the machine's, not of the real-number model.

    A constant is what the cast makes of it: that number is fixed, and known.
    """
    value = call.value(0)
    if call.op == "CastLike":
        if isinstance(value, Variable):
            return value
        like = call.value(1)
        return Constant(value.array.astype(like.array.dtype), value.name) if isinstance(like, Constant) else value
    to = int(call.attr("to", 0))
    if isinstance(value, Variable):
        if to not in FLOATS:
            raise call.refuse("a cast to anything but a float rounds or loses the value")
        return value
    import onnx

    target = np.dtype(np.float32) if to == 16 else onnx.helper.tensor_dtype_to_np_dtype(to)
    if to == 16:
        import ml_dtypes

        return Constant(value.array.astype(ml_dtypes.bfloat16).astype(np.float32), value.name)
    if target.kind not in "fiub":
        raise call.refuse(f"a cast to {target}")
    return Constant(value.array.astype(target), value.name)


@operator("Reshape")
def reshape(call: Call) -> Value:
    value, wanted = call.value(0), call.integers(1, "shape")
    if wanted is None:
        raise call.bad("no shape is given")
    keep_zero = call.attr("allowzero", 0)
    shape = [value.shape[i] if n == 0 and not keep_zero else n for i, n in enumerate(wanted)]
    known = prod(n for n in shape if n != -1)
    if shape.count(-1) == 1 and known and prod(value.shape) % known == 0:
        shape[shape.index(-1)] = prod(value.shape) // known
    if any(n < 0 for n in shape) or prod(shape) != prod(value.shape):
        raise call.bad(f"cannot reshape {value.shape} to {tuple(wanted)}")
    return call.rearrange(value, lambda a: a.reshape(shape))


@operator("Flatten")
def flatten(call: Call) -> Value:
    value = call.value(0)
    rank, axis = len(value.shape), int(call.attr("axis", 1))
    if not -rank <= axis <= rank:
        raise call.bad(f"axis {axis} is outside a value of rank {rank}")
    axis = axis + rank if axis < 0 else axis
    rows = prod(value.shape[:axis])
    return call.rearrange(value, lambda a: a.reshape(rows, -1))


@operator("Transpose")
def transpose(call: Call) -> Value:
    value = call.value(0)
    order = call.attr("perm")
    return call.rearrange(value, lambda a: np.transpose(a, order))


@operator("Squeeze")
def squeeze(call: Call) -> Value:
    value = call.value(0)
    axes = call.integers(1, "axes")
    chosen = None if axes is None else tuple(call.axis(a, len(value.shape)) for a in axes)
    return call.rearrange(value, lambda a: np.squeeze(a, chosen))


@operator("Unsqueeze")
def unsqueeze(call: Call) -> Value:
    axes = call.integers(1, "axes")
    if axes is None:
        raise call.bad("no axes are given")
    return call.rearrange(call.value(0), lambda a: np.expand_dims(a, tuple(axes)))


@operator("Expand")
def expand(call: Call) -> Value:
    value, wanted = call.value(0), call.integers(1, "shape")
    call.limit([abs(n) for n in wanted or []], MAX_TENSOR)
    shape = np.broadcast_shapes(value.shape, tuple(wanted or ()))
    return call.rearrange(value, lambda a: np.broadcast_to(a, call.limit(shape)))


@operator("Tile")
def tile(call: Call) -> Value:
    value, repeats = call.value(0), call.integers(1, "repeats") or []
    if call.has(2):
        raise call.refuse("the form of opset 1")
    call.limit((*value.shape, *repeats))
    return call.rearrange(value, lambda a: np.tile(a, repeats))


@operator("DepthToSpace", "SpaceToDepth")
def depth_and_space(call: Call) -> Value:
    value, b = call.value(0), int(call.attr("blocksize", 0))
    n, c, h, w = value.shape
    depth_first = call.attr("mode", "DCR") == "DCR"
    if call.op == "SpaceToDepth":
        axes = (0, 3, 5, 1, 2, 4) if depth_first else (0, 1, 3, 5, 2, 4)
        return call.rearrange(
            value,
            lambda a: a.reshape(n, c, h // b, b, w // b, b).transpose(axes).reshape(n, c * b * b, h // b, w // b),
        )
    if depth_first:
        split, order = (n, b, b, c // (b * b), h, w), (0, 3, 4, 1, 5, 2)
    else:
        split, order = (n, c // (b * b), b, b, h, w), (0, 1, 4, 2, 5, 3)
    return call.rearrange(value, lambda a: a.reshape(split).transpose(order).reshape(n, c // (b * b), h * b, w * b))
