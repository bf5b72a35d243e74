"""Operators that take parts and join them: Slice Gather Split Concat Pad.

Indices must be constants. A concatenation of values is a sum of selections.
"""

from __future__ import annotations

import numpy as np

from certify.networks.graph import Term
from certify.networks.maps import Select
from certify.networks.operators import Call, Constant, Value, Variable, operator
from certify.networks.operators._call import MAX_TENSOR, Array


@operator("Slice")
def slices(call: Call) -> Value:
    value = call.value(0)
    rank = len(value.shape)
    starts, ends = call.integers(1, "starts"), call.integers(2, "ends")
    if starts is None or ends is None:
        raise call.bad("starts and ends are missing")
    axes = call.integers(3, "axes") or list(range(len(starts)))
    steps = call.integers(4, "steps") or [1] * len(starts)
    chosen = [slice(None)] * rank
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        a = call.axis(axis, rank)
        n = value.shape[a]
        if step == 0:
            raise call.bad("a step of 0")
        # ONNX clamps to [0, n], or [-1, n - 1] going backwards, after adding n once to negatives
        low, high = (0, n) if step > 0 else (-1, n - 1)
        first = min(max(start + n if start < 0 else start, max(low, 0)), high)
        last = min(max(end + n if end < 0 else end, low), high if step < 0 else n)
        chosen[a] = slice(first, None if last < 0 else last, step)
    picked = tuple(chosen)
    return call.rearrange(value, lambda v: v[picked])


@operator("Gather")
def gather(call: Call) -> Value:
    value, index = call.value(0), call.constant(1, "indices").array
    if index.dtype.kind not in "iu":
        raise call.bad(f"indices: expected integers, found {index.dtype}")
    axis = call.axis(int(call.attr("axis", 0)), len(value.shape))
    n = value.shape[axis]
    if index.size and (index.min() < -n or index.max() >= n):
        raise call.bad(f"an index is outside an axis of {n}")
    call.limit((*value.shape[:axis], *index.shape, *value.shape[axis + 1 :]), MAX_TENSOR)
    return call.rearrange(value, lambda v: np.take(v, index, axis=axis))


@operator("Split")
def split(call: Call) -> list[Value]:
    value = call.value(0)
    axis = call.axis(int(call.attr("axis", 0)), len(value.shape))
    n = value.shape[axis]
    sizes, parts = call.integers(1, "split"), int(call.attr("num_outputs", call.outputs))
    if sizes is None:
        if not 0 < parts <= n:
            raise call.bad(f"cannot split an axis of {n} into {parts} parts")
        step = -(-n // parts)
        sizes = [step] * (parts - 1) + [n - step * (parts - 1)]
    if sum(sizes) != n or min(sizes) < 0:
        raise call.bad(f"parts {sizes} do not add up to {n}")
    out, start = [], 0
    for size in sizes:
        out.append(_part(call, value, axis, start, size))
        start += size
    return out


def _part(call: Call, value: Value, axis: int, start: int, size: int) -> Value:
    return call.rearrange(value, lambda v: np.take(v, np.arange(start, start + size), axis=axis))


@operator("Concat")
def concat(call: Call) -> Value:
    values = [call.value(k) for k in range(len(call.inputs))]
    axis = call.axis(int(call.attr("axis", 1)), len(values[0].shape))
    constants = [v.array for v in values if isinstance(v, Constant)]
    if len(constants) == len(values):
        return Constant(np.concatenate(constants, axis))
    return join(call, [call.variable(v) for v in values], axis)


def join(call: Call, values: list[Variable], axis: int) -> Variable:
    """Concatenate along an axis: each value is selected into its own places, zero elsewhere."""
    shapes = {v.shape[:axis] + v.shape[axis + 1 :] for v in values}
    if len(shapes) != 1:
        raise call.bad(f"shapes {', '.join(str(v.shape) for v in values)} do not join along axis {axis}")
    places = [np.arange(np.prod(v.shape), dtype=np.int32).reshape(v.shape) for v in values]
    owner = np.concatenate([np.full(p.shape, k) for k, p in enumerate(places)], axis)
    index = np.concatenate(places, axis)
    call.limit(index.shape)
    if len(values) == 1:
        return values[0]
    terms = []
    for k, v in enumerate(values):
        own = np.where(owner == k, index, -1).astype(np.int32).ravel()
        terms.append(Term(v.node, Select(own, call.builder.size(v.node))))
    return Variable(call.builder.affine(terms, name=call.name), index.shape)


@operator("Pad")
def pad(call: Call) -> Value:
    value = call.value(0)
    mode, number_given = call.attr("mode", "constant"), float(call.attr("value", 0.0))
    rank = len(value.shape)
    pads = call.integers(1, "pads")
    axes = call.integers(3, "axes") if call.has(3) else None
    where = [call.axis(a, rank) for a in axes] if axes is not None else list(range(rank))
    if pads is None or len(pads) != 2 * len(where):
        raise call.bad(f"pads: expected {2 * len(where)} integers, found {pads}")
    widths = [(0, 0)] * rank
    for k, a in enumerate(where):
        widths[a] = (pads[k], pads[k + len(where)])
    call.limit([max(1, n) + max(0, b) + max(0, e) for n, (b, e) in zip(value.shape, widths, strict=True)])
    grow = [(max(0, b), max(0, e)) for b, e in widths]
    crop = tuple(slice(max(0, -b), n - max(0, -e)) for n, (b, e) in zip(value.shape, widths, strict=True))
    if mode != "constant":
        rule = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}.get(mode)
        if rule is None:
            raise call.bad(f"mode {mode!r} is none of constant, reflect, edge, wrap")
        return call.rearrange(value, lambda a: np.pad(a[crop], grow, mode=rule))  # type: ignore[call-overload]
    fill = call.constant(2, "fill value") if call.has(2) else Constant(np.array(number_given), "value")
    number = call.numbers(fill, "fill value").reshape(-1)
    if number.size != 1:
        raise call.bad(f"expected one fill value, found {number.size}")
    if isinstance(value, Constant):
        filler: Array = np.asarray(number.astype(value.array.dtype))
        return Constant(np.pad(value.array[crop], grow, constant_values=filler), value.name)
    out = call.rearrange(value, lambda a: np.pad(a[crop], grow, constant_values=-1))
    if number[0] == 0 or not isinstance(out, Variable):
        return out
    inside = np.pad(np.zeros(value.shape)[crop], grow, constant_values=1).ravel()
    bias = np.where(inside == 1, number.astype(number.dtype), np.zeros(1, number.dtype))
    return Variable(call.builder.add_constant(out.node, bias, 1, call.name), out.shape)
