"""Products with a constant matrix on either side: MatMul Gemm.

One row is a dense map; several rows share their weights as a convolution with a kernel of one, and a stack of
matrices is a grouped one. Weights are transposed, never scaled: Gemm's alpha is the exact factor of its term.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Term
from certify.networks.maps import Conv, Dense
from certify.networks.operators import Call, Constant, Value, Variable, operator
from certify.networks.operators._call import MAX_TENSOR
from certify.networks.operators._exact import fold, ratio
from certify.networks.operators.arithmetic import total


def left_product(call: Call, weight: NDArray[np.floating], x: Variable, num: int = 1, den: int = 1) -> Variable:
    """(num / den) W x for W (..., m, k) and x (..., k, n), broadcast over leading axes."""
    m, k = weight.shape[-2:]
    n = x.shape[-1]
    if x.shape[-2] != k:
        raise call.bad(f"inner sizes differ: {weight.shape} and {x.shape}")
    if prod(weight.shape[:-2]) == 1:
        weight = weight.reshape(m, k)
        columns = prod(x.shape) // k
        lead = x.shape[:-2]
        first = call.rearrange(x, lambda a: np.moveaxis(a, -2, 0))
        assert isinstance(first, Variable)
        out = call.limit((m, *lead, n))
        one = Dense(np.ascontiguousarray(weight)) if columns == 1 else _shared(weight, columns)
        node = call.builder.affine([Term(first.node, one, num, den)], name=call.name)
        back = call.rearrange(Variable(node, out), lambda a: np.moveaxis(a, 0, -2))
        assert isinstance(back, Variable)
        return back
    try:
        lead = np.broadcast_shapes(weight.shape[:-2], x.shape[:-2])
    except ValueError:
        raise call.bad(f"stacks {weight.shape} and {x.shape} do not broadcast") from None
    call.limit((*lead, m, k), MAX_TENSOR)
    out = call.limit((*lead, m, n))
    stack = np.broadcast_to(weight, (*lead, m, k)).reshape(-1, k, 1)
    wide = call.expand(x, (*lead, k, n))
    assert isinstance(wide, Variable)
    grouped = Conv(np.ascontiguousarray(stack), (n,), (1,), (0, 0), (1,), prod(lead))
    return Variable(call.builder.affine([Term(wide.node, grouped, num, den)], name=call.name), out)


def _shared(weight: NDArray[np.floating], columns: int) -> Conv:
    return Conv(np.ascontiguousarray(weight[:, :, None]), (columns,), (1,), (0, 0), (1,))


def _swap(call: Call, value: Value) -> Value:
    return call.rearrange(value, lambda a: np.swapaxes(a, -1, -2))


def product_of(call: Call, a: Value, b: Value, num: int = 1, den: int = 1) -> Variable:
    """(num / den) a b for matrices or stacks of them, one of which is constant."""
    if isinstance(a, Constant) and isinstance(b, Variable):
        return left_product(call, call.numbers(a, "weight"), b, num, den)
    if isinstance(a, Variable) and isinstance(b, Constant):
        weight = np.swapaxes(call.numbers(b, "weight"), -1, -2)
        flipped = _swap(call, a)
        assert isinstance(flipped, Variable)
        back = _swap(call, left_product(call, weight, flipped, num, den))
        assert isinstance(back, Variable)
        return back
    if isinstance(a, Constant):
        raise call.refuse("a product of two constant matrices is not folded, because it would round")
    raise call.refuse("a product of two values that depend on the input")


@operator("MatMul")
def matmul(call: Call) -> Value:
    a, b = call.value(0), call.value(1)
    if not a.shape or not b.shape:
        raise call.bad(f"expected matrices or vectors, found shapes {a.shape} and {b.shape}")
    row, column = len(a.shape) == 1, len(b.shape) == 1
    a = call.rearrange(a, lambda v: v[None, :]) if row else a
    b = call.rearrange(b, lambda v: v[:, None]) if column else b
    out: Value = product_of(call, a, b)
    if row:
        out = call.rearrange(out, lambda v: np.squeeze(v, -2))
    if column:
        out = call.rearrange(out, lambda v: np.squeeze(v, -1))
    return out


@operator("Gemm")
def gemm(call: Call) -> Value:
    """alpha A' B' + beta C."""
    a, b = call.value(0), call.value(1)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise call.bad(f"expected two matrices, found shapes {a.shape} and {b.shape}")
    a = _swap(call, a) if call.attr("transA", 0) else a
    b = _swap(call, b) if call.attr("transB", 0) else b
    y = product_of(call, a, b, *ratio(call.attr("alpha", 1.0)))
    beta = float(call.attr("beta", 1.0))
    call.attr("broadcast")  # opset 6 had to ask for what is now the rule
    if not call.has(2) or beta == 0:
        return y
    c = call.value(2)
    if beta != 1:
        scaled = fold("Mul", c.array, np.array(beta)) if isinstance(c, Constant) else None
        if isinstance(c, Constant) and scaled is not None:
            c = Constant(scaled, c.name)
        else:
            held = call.variable(c)
            c = Variable(call.builder.scalar(held.node, *ratio(beta), name=f"{call.name}.beta"), held.shape)
    out = total(call, [(y, 1), (c, 1)])
    if out.shape != y.shape:
        raise call.bad(f"C of shape {c.shape} does not broadcast to {y.shape}")
    return out
