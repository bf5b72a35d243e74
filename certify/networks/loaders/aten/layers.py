"""ATen layers and arithmetic: products, convolutions, activations, pooling, sums and maxima."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.networks.loaders.aten import Arguments, Context, Results, rule
from certify.networks.operators import Constant


def pair(value: Any, d: int) -> list[int]:
    """A geometry argument, which ATen lets be a single integer or (for strides) empty."""
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    return [int(n) for n in (numbers * d if len(numbers) == 1 else numbers)]


@rule("aten.linear", "aten.addmm", "aten.mm", "aten.matmul", "aten.bmm")
def _product(c: Context, a: Arguments) -> Results:
    if c.target.startswith("aten.linear"):
        weight = c.op("Transpose", a["weight"])
        product = c.op("MatMul", a["input"], weight)
        return product if a["bias"] is None else c.op("Add", product, a["bias"])
    if c.target.startswith("aten.addmm"):
        product = c.op("MatMul", a["mat1"], a["mat2"])
        scaled = product if a["alpha"] == 1 else c.op("Mul", product, a["alpha"])
        offset = a["self"] if a["beta"] == 1 else c.op("Mul", a["self"], a["beta"])
        return c.op("Add", scaled, offset)
    return c.op("MatMul", a["self"], a.get("other", a.get("mat2")))


@rule("aten.conv1d", "aten.conv2d", "aten.conv3d", "aten.convolution")
def _conv(c: Context, a: Arguments) -> Results:
    if a.get("transposed"):
        raise c.refuse("transposed convolutions are not supported")
    d = len(a["weight"].shape) - 2
    padding = a["padding"]
    geometry: Arguments = {
        "strides": pair(a["stride"], d),
        "dilations": pair(a["dilation"], d),
        "group": a["groups"],
    }
    if isinstance(padding, str):
        # torch puts the odd one of padding="same" at the end, which is SAME_UPPER (and allows stride 1 only)
        geometry["auto_pad"] = {"same": "SAME_UPPER", "valid": "VALID"}[padding]
    else:
        geometry["pads"] = pair(padding, d) * 2
    return c.op("Conv", a["input"], a["weight"], a["bias"], **geometry)


@rule("aten.batch_norm")
def _batch_norm(c: Context, a: Arguments) -> Results:
    if a["training"] or a["running_mean"] is None:
        raise c.refuse("batch statistics are computed from the batch: no fixed function of one input")
    channels = a["running_mean"].shape[0]
    gamma = a["weight"] or Constant(np.ones(channels, np.float32), "ones")
    beta = a["bias"] or Constant(np.zeros(channels, np.float32), "zeros")
    statistics = (a["running_mean"], a["running_var"])
    return c.op("BatchNormalization", a["input"], gamma, beta, *statistics, epsilon=a["eps"])


@rule("aten.relu", "aten.relu_", "aten.neg", "aten.abs")
def _unary(c: Context, a: Arguments) -> Results:
    names = {"relu": "Relu", "relu_": "Relu", "neg": "Neg", "abs": "Abs"}
    return c.op(names[c.target.split(".")[1]], a["self"])


@rule("aten.leaky_relu", "aten.leaky_relu_")
def _leaky(c: Context, a: Arguments) -> Results:
    return c.op("LeakyRelu", a["self"], alpha=a["negative_slope"])


@rule("aten.prelu")
def _prelu(c: Context, a: Arguments) -> Results:
    value, slope = a["self"], a["weight"]
    if slope.shape[0] > 1:
        shape = [1, slope.shape[0]] + [1] * (len(value.shape) - 2)
        slope = c.op("Reshape", slope, shape)
    return c.op("PRelu", value, slope)


@rule("aten.clamp", "aten.clamp_", "aten.hardtanh", "aten.hardtanh_", "aten.clamp_min", "aten.clamp_max")
def _clamp(c: Context, a: Arguments) -> Results:
    low, high = a.get("min", a.get("min_val")), a.get("max", a.get("max_val"))
    return c.op("Clip", a["self"], low, high)


@rule("aten.relu6", "aten.relu6_")
def _relu6(c: Context, a: Arguments) -> Results:
    return c.op("Clip", a["self"], 0.0, 6.0)


@rule("aten.add", "aten.add_", "aten.sub", "aten.sub_", "aten.rsub")
def _sum(c: Context, a: Arguments) -> Results:
    left, right = a["self"], a["other"]
    scaled = right if a["alpha"] == 1 else c.op("Mul", right, a["alpha"])
    if "rsub" in c.target:
        if a["alpha"] != 1:
            raise c.refuse("alpha is not supported")
        return c.op("Sub", right, left)
    return c.op("Add" if "add" in c.target else "Sub", left, scaled)


@rule("aten.mul", "aten.mul_", "aten.div", "aten.div_", "aten.maximum", "aten.minimum")
def _binary(c: Context, a: Arguments) -> Results:
    if a.get("rounding_mode") is not None:
        raise c.refuse("a rounded division is not piecewise linear")
    names = {"mul": "Mul", "div": "Div", "maximum": "Max", "minimum": "Min"}
    return c.op(names[c.target.split(".")[1].rstrip("_")], a["self"], a["other"])


@rule("aten.max_pool1d", "aten.max_pool2d", "aten.max_pool3d")
def _max_pool(c: Context, a: Arguments) -> Results:
    d = int(c.target[len("aten.max_pool")])
    kernel = pair(a["kernel_size"], d)
    return c.op(
        "MaxPool",
        a["self"],
        kernel_shape=kernel,
        strides=pair(a["stride"] or kernel, d),
        pads=pair(a["padding"], d) * 2,
        dilations=pair(a["dilation"], d),
        ceil_mode=int(a["ceil_mode"]),
    )


@rule("aten.avg_pool1d", "aten.avg_pool2d", "aten.avg_pool3d")
def _average_pool(c: Context, a: Arguments) -> Results:
    if a.get("divisor_override") is not None:
        raise c.refuse("divisor_override is not supported")
    d = int(c.target[len("aten.avg_pool")])
    kernel = pair(a["kernel_size"], d)
    return c.op(
        "AveragePool",
        a["self"],
        kernel_shape=kernel,
        strides=pair(a["stride"] or kernel, d),
        pads=pair(a["padding"], d) * 2,
        ceil_mode=int(a["ceil_mode"]),
        count_include_pad=int(a["count_include_pad"]),
    )


@rule(
    *(f"aten.adaptive_{kind}_pool{d}d" for kind in ("avg", "max") for d in (1, 2, 3)),
)
def _adaptive_pool(c: Context, a: Arguments) -> Results:
    d = int(c.target.split("_pool")[1][0])
    inside, out = a["self"].shape[-d:], pair(a["output_size"], d)
    if any(n % o for n, o in zip(inside, out, strict=True)):
        raise c.refuse(f"adaptive pooling from {inside} to {tuple(out)} has windows of different sizes")
    kernel = [n // o for n, o in zip(inside, out, strict=True)]
    op = "AveragePool" if "avg" in c.target else "MaxPool"
    pooled = c.op(op, a["self"], kernel_shape=kernel, strides=kernel)
    return pooled if op == "AveragePool" else [pooled]


@rule("aten.mean", "aten.sum")
def _reduce(c: Context, a: Arguments) -> Results:
    op, axes = ("ReduceMean" if "mean" in c.target else "ReduceSum"), a.get("dim")
    return c.op(op, a["self"], axes=axes or None, keepdims=int(a.get("keepdim", False)))


@rule("aten.amax", "aten.amin", "aten.max", "aten.min")
def _extreme(c: Context, a: Arguments) -> Results:
    largest = "max" in c.target
    if "other" in a:
        return c.op("Max" if largest else "Min", a["self"], a["other"])
    axes = a.get("dim")
    axes = [axes] if isinstance(axes, int) else axes
    op = "ReduceMax" if largest else "ReduceMin"
    found = c.op(op, a["self"], axes=axes or None, keepdims=int(a.get("keepdim", False)))
    # max over a dimension returns (values, indices)
    return [found] if c.target.endswith(".dim") else found
