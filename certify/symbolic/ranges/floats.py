"""Programs in float64, over many points or many boxes at once. For searching: nothing here is a proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.symbolic.ranges.programs import (
    ADD,
    CONSTANT,
    DIVIDE,
    EXP,
    LARGEST,
    LEAST,
    LOG,
    MULTIPLY,
    POW,
    ROOT,
    SUBTRACT,
    VARIABLE,
    Program,
)

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


def values(p: Program, x: Floats) -> Floats:
    """The form at points (n, variables); NaN where it is not defined."""
    plain: dict[int, Callable[[Any, Any], Any]] = {
        ADD: np.add,
        SUBTRACT: np.subtract,
        MULTIPLY: np.multiply,
        DIVIDE: np.divide,
        LEAST: np.minimum,
        LARGEST: np.maximum,
        ROOT: lambda a, _: np.sqrt(a),
        EXP: lambda a, _: np.exp(a),
        LOG: lambda a, _: np.log(a),
    }
    out: list[Floats] = []
    with np.errstate(all="ignore"):
        for op, a, b in p.steps:
            if op == CONSTANT:
                out.append(np.full(len(x), float(p.constants[a])))
            elif op == VARIABLE:
                out.append(x[:, a])
            else:
                out.append(out[a] ** b if op == POW else plain[op](out[a], out[b]))
    return out[-1]


def uppers(p: Program, low: Floats, high: Floats) -> Floats:
    """Upper ends over boxes, low and high (n, variables); inf where an operation may leave its domain."""
    out: list[Pair] = []
    with np.errstate(all="ignore"):
        for op, a, b in p.steps:
            if op == CONSTANT:
                found = (np.full(len(low), float(p.constants[a])),) * 2
            elif op == VARIABLE:
                found = low[:, a], high[:, a]
            elif op == POW:
                found = _power(out[a], b)
            else:
                found = _STEPS[op](out[a], out[b])
            out.append(found)
    top = out[-1][1]
    return np.where(np.isnan(top), np.inf, top)


def _product(x: Pair, y: Pair) -> Pair:
    ends = np.stack([x[0] * y[0], x[0] * y[1], x[1] * y[0], x[1] * y[1]])
    return ends.min(axis=0), ends.max(axis=0)


def _quotient(x: Pair, y: Pair) -> Pair:
    apart = (y[0] > 0) | (y[1] < 0)
    return _product(x, (np.where(apart, 1 / y[1], np.nan), np.where(apart, 1 / y[0], np.nan)))


def _power(x: Pair, n: int) -> Pair:
    if n % 2:
        return x[0] ** n, x[1] ** n
    least = np.maximum(0, np.maximum(x[0], -x[1]))
    return least**n, np.maximum(-x[0], x[1]) ** n


def _root(x: Pair, _: Pair) -> Pair:
    return np.sqrt(x[0]), np.where(x[0] < 0, np.nan, np.sqrt(x[1]))


def _logarithm(x: Pair, _: Pair) -> Pair:
    inside = x[0] > 0
    return np.where(inside, np.log(x[0]), np.nan), np.where(inside, np.log(x[1]), np.nan)


_STEPS: dict[int, Callable[[Pair, Pair], Pair]] = {
    ADD: lambda x, y: (x[0] + y[0], x[1] + y[1]),
    SUBTRACT: lambda x, y: (x[0] - y[1], x[1] - y[0]),
    MULTIPLY: _product,
    DIVIDE: _quotient,
    LEAST: lambda x, y: (np.minimum(x[0], y[0]), np.minimum(x[1], y[1])),
    LARGEST: lambda x, y: (np.maximum(x[0], y[0]), np.maximum(x[1], y[1])),
    ROOT: _root,
    EXP: lambda x, _: (np.exp(x[0]), np.exp(x[1])),
    LOG: _logarithm,
}
