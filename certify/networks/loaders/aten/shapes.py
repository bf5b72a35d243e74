"""ATen operations that move entries, join and take parts, or change nothing but a type."""

from __future__ import annotations

from typing import Any

from certify.networks.loaders.aten import Arguments, Context, Results, rule


@rule("aten.view", "aten.reshape", "aten._unsafe_view", "aten.view_copy")
def _reshape(c: Context, a: Arguments) -> Results:
    return c.op("Reshape", a["self"], a.get("shape", a.get("size")), allowzero=1)


@rule("aten.flatten")
def _flatten(c: Context, a: Arguments) -> Results:
    shape = a["self"].shape
    first, last = a["start_dim"] % len(shape), a["end_dim"] % len(shape)
    return c.op("Reshape", a["self"], [*shape[:first], -1, *shape[last + 1 :]])


@rule("aten.unflatten")
def _unflatten(c: Context, a: Arguments) -> Results:
    shape = a["self"].shape
    axis = a["dim"] % len(shape)
    return c.op("Reshape", a["self"], [*shape[:axis], *a["sizes"], *shape[axis + 1 :]])


@rule("aten.squeeze", "aten.unsqueeze")
def _squeeze(c: Context, a: Arguments) -> Results:
    shape, axes = a["self"].shape, a.get("dim")
    axes = [axes] if isinstance(axes, int) else axes
    if "unsqueeze" in c.target:
        return c.op("Unsqueeze", a["self"], axes)
    # torch leaves an axis that is not 1 alone
    axes = range(len(shape)) if axes is None else axes
    ones = [k % len(shape) for k in axes if shape[k] == 1]
    return c.op("Squeeze", a["self"], ones) if ones else a["self"]


@rule("aten.permute", "aten.transpose", "aten.t", "aten.numpy_T", "aten.swapaxes")
def _transpose(c: Context, a: Arguments) -> Results:
    rank = len(a["self"].shape)
    order = list(range(rank))[::-1]
    if "dims" in a:
        order = [k % rank for k in a["dims"]]
    elif "dim0" in a:
        order = list(range(rank))
        i, j = a["dim0"] % rank, a["dim1"] % rank
        order[i], order[j] = j, i
    return c.op("Transpose", a["self"], perm=order)


@rule("aten.slice")
def _slice(c: Context, a: Arguments) -> Results:
    start = 0 if a["start"] is None else a["start"]
    end = 2**62 if a["end"] is None else a["end"]
    return c.op("Slice", a["self"], [start], [end], [a["dim"]], [a["step"]])


@rule("aten.select")
def _select(c: Context, a: Arguments) -> Results:
    return c.op("Gather", a["self"], a["index"], axis=a["dim"])


@rule("aten.index_select")
def _index_select(c: Context, a: Arguments) -> Results:
    return c.op("Gather", a["self"], a["index"], axis=a["dim"])


@rule("aten.cat", "aten.concat")
def _cat(c: Context, a: Arguments) -> Results:
    return c.op("Concat", *a["tensors"], axis=a["dim"])


@rule("aten.stack")
def _stack(c: Context, a: Arguments) -> Results:
    rank = len(a["tensors"][0].shape) + 1
    raised = [c.op("Unsqueeze", t, [a["dim"] % rank]) for t in a["tensors"]]
    return c.op("Concat", *raised, axis=a["dim"] % rank)


@rule("aten.split", "aten.split_with_sizes", "aten.chunk", "aten.unbind")
def _split(c: Context, a: Arguments) -> Results:
    axis = a["dim"]
    n = a["self"].shape[axis]
    if "unbind" in c.target:
        return [c.op("Gather", a["self"], k, axis=axis) for k in range(n)]
    sizes: Any = a.get("split_sizes", a.get("split_size"))
    if "chunk" in c.target:
        sizes = -(-n // a["chunks"])
    if isinstance(sizes, int):
        sizes = [sizes] * (n // sizes) + ([n % sizes] if n % sizes else [])
    return c.many("Split", len(sizes), a["self"], sizes, axis=axis)


@rule("aten.constant_pad_nd", "aten.pad")
def _pad(c: Context, a: Arguments) -> Results:
    if a.get("mode", "constant") != "constant":
        raise c.refuse(f"padding mode {a['mode']!r} is not supported")
    # torch lists (begin, end) from the last axis backwards
    rank, pads = len(a["self"].shape), a["pad"]
    begin, end = [0] * rank, [0] * rank
    for k in range(len(pads) // 2):
        begin[rank - 1 - k], end[rank - 1 - k] = pads[2 * k], pads[2 * k + 1]
    fill = a["value"] or 0.0
    return c.op("Pad", a["self"], begin + end, float(fill))


@rule("aten.expand")
def _expand(c: Context, a: Arguments) -> Results:
    shape, sizes = a["self"].shape, a["size"]
    own = (1,) * (len(sizes) - len(shape)) + tuple(shape)
    return c.op("Expand", a["self"], [n if s == -1 else s for n, s in zip(own, sizes, strict=True)])


@rule("aten.repeat")
def _repeat(c: Context, a: Arguments) -> Results:
    shape = (1,) * (len(a["repeats"]) - len(a["self"].shape)) + tuple(a["self"].shape)
    return c.op("Tile", c.op("Reshape", a["self"], list(shape)), a["repeats"])


@rule("aten.dropout", "aten.dropout_", "aten.feature_dropout", "aten.alpha_dropout")
def _dropout(c: Context, a: Arguments) -> Results:
    if a["train"]:
        raise c.refuse("dropout in training mode is random")
    return c.op("Dropout", a["input"] if "input" in a else a["self"])


@rule("aten.to", "aten._to_copy", "aten.type_as")
def _cast(c: Context, a: Arguments) -> Results:
    kind = a.get("dtype")
    if kind is None:
        return c.op("Identity", a["self"])
    codes = {"torch.float32": 1, "torch.float16": 10, "torch.float64": 11, "torch.bfloat16": 16}
    if str(kind) not in codes:
        raise c.refuse(f"a cast to {kind} rounds")
    return c.op("Cast", a["self"], to=codes[str(kind)])


@rule(
    "aten.contiguous", "aten.clone", "aten.detach", "aten.detach_", "aten.alias", "aten.lift_fresh_copy",
    "aten.positive",
)  # fmt: skip
def _same(c: Context, a: Arguments) -> Results:
    return c.op("Identity", a["self"])
