"""Exact evaluation of a network at a point, in integers: the oracle behind every witness.

Each node's vector is Python integers over one common denominator; stored floats enter as the dyadic rationals
they are and NUM/DEN through the denominator, so nothing rounds. Only a ``Scale`` whose tensors differ (a
constant that no float holds) widens the value to an interval, which then encloses the value for every choice
of that constant. No gradients and no batches: search uses certify.networks.evaluate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from certify.networks.graph import Affine, Free, Input, Network, Relu
from certify.networks.maps import Conv, Dense, Identity, LinearMap, Scale, Select
from certify.numbers import fractions, integers

Integers = NDArray[np.object_]
Point = NDArray[np.floating] | Sequence[Fraction]

# Integer copies of weights, so that many points of one network pay for the conversion once. Larger tensors are
# converted anew: 8 + 32 bytes an entry, a few networks, must stay far below the memory the search may take.
_CACHED_ENTRIES = 1_000_000
_weights: WeakKeyDictionary[Any, tuple[Integers, int]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Enclosure:
    """The vectors v with lo <= den * v <= hi; ``hi is lo`` when v is known exactly."""

    lo: Integers
    hi: Integers
    den: int

    @property
    def exact(self) -> bool:
        return self.hi is self.lo

    def fractions(self) -> tuple[list[Fraction], list[Fraction]]:
        """(lower, upper); the same list twice when exact."""
        lo = [Fraction(int(v), self.den) for v in self.lo]
        return lo, lo if self.exact else [Fraction(int(v), self.den) for v in self.hi]


def enclose(net: Network, x: Point, x2: Point | None = None) -> Enclosure:
    """The output at x (and x', which is x when not given), as integers over one denominator.

    x: n_in entries, floats of any shape (meaning the stored dyadic rationals) or Fractions. A free node takes its
    source's value at x', which is one of the values it may take.
    Raises BadInput for another number of entries or one that is not finite.
    """
    first = _point(fractions(x, "x", net.n_in))
    second = first if x2 is None else _point(fractions(x2, "x'", net.n_in))
    last_use = {s: i for i, node in enumerate(net.nodes) for s in node.sources}
    values: dict[int, Enclosure] = {}
    for i, node in enumerate(net.nodes):
        match node:
            case Input():
                values[i] = first if node.role == 0 else second
            case Affine():
                values[i] = _affine(node, values)
            case Relu():
                v = values[node.source]
                lo = np.maximum(v.lo, 0)
                values[i] = Enclosure(lo, lo if v.exact else np.maximum(v.hi, 0), v.den)
            case Free():
                values[i] = values[node.source]
        # Integers of hundreds of bits for every node of a deep network would be most of the memory.
        for s in node.sources:
            if last_use[s] == i and s != net.output:
                values.pop(s, None)
    return values[net.output]


def exact_values(net: Network, x: Point, x2: Point | None = None) -> tuple[list[Fraction], list[Fraction]]:
    """(lower, upper) values of the outputs at x and x': equal, and the same list, unless the network has inexact
    scales. Arguments and errors as for ``enclose``."""
    return enclose(net, x, x2).fractions()


def _point(x: list[Fraction]) -> Enclosure:
    den = lcm(*(v.denominator for v in x)) if x else 1
    out = np.empty(len(x), dtype=object)
    out[:] = [v.numerator * (den // v.denominator) for v in x]
    return Enclosure(out, out, den)


def _affine(node: Affine, values: dict[int, Enclosure]) -> Enclosure:
    """Sum of the terms and the bias over their least common denominator."""
    parts = [_scaled(_apply(t.map, values[t.source]), t.num, t.den) for t in node.terms]
    if node.bias is not None:
        m, s = integers(np.asarray(node.bias).ravel())
        bias = np.repeat(m, node.repeat)
        parts.append(Enclosure(bias, bias, 1 << s))
    den = lcm(*(p.den for p in parts))
    lo = sum((p.lo * (den // p.den) for p in parts), start=np.zeros(node.size, dtype=object))
    if all(p.exact for p in parts):
        return Enclosure(lo, lo, den)
    hi = sum((p.hi * (den // p.den) for p in parts), start=np.zeros(node.size, dtype=object))
    return Enclosure(lo, hi, den)


def _scaled(v: Enclosure, num: int, den: int) -> Enclosure:
    if num == 1:
        return Enclosure(v.lo, v.hi, v.den * den)
    lo = v.lo * num
    hi = lo if v.exact else v.hi * num
    return Enclosure(lo, hi, v.den * den) if num >= 0 else Enclosure(hi, lo, v.den * den)


def _apply(m: LinearMap, v: Enclosure) -> Enclosure:
    match m:
        case Identity():
            return v
        case Select():
            lo = np.where(m.index >= 0, v.lo[m.index], 0)
            return Enclosure(lo, lo if v.exact else np.where(m.index >= 0, v.hi[m.index], 0), v.den)
        case Scale():
            return _scale(m, v)
        case Dense():
            w, s = _integer_weights(m)
            return _product(v, s, w, lambda w, u: w @ u)
        case Conv():
            w, s = _integer_weights(m)
            return _product(v, s, w, lambda w, u: _convolve(m, w, u))
    raise TypeError(f"no such linear map: {type(m).__name__}")


def _integer_weights(m: Dense | Conv) -> tuple[Integers, int]:
    if m.weight.size > _CACHED_ENTRIES:
        return integers(m.weight)
    if m not in _weights:
        _weights[m] = integers(m.weight)
    return _weights[m]


def _product(v: Enclosure, s: int, w: Integers, apply: Any) -> Enclosure:
    """w v over den * 2^s; an interval goes through the positive and the negative part of w."""
    den = v.den << s
    if v.exact:
        out = apply(w, v.lo)
        return Enclosure(out, out, den)
    up, down = np.maximum(w, 0), np.minimum(w, 0)
    return Enclosure(apply(up, v.lo) + apply(down, v.hi), apply(up, v.hi) + apply(down, v.lo), den)


def _convolve(m: Conv, w: Integers, u: Integers) -> Integers:
    """Cross-correlation, one matrix product for each kernel offset."""
    g = m.groups
    us = u.reshape(g, m.c_in // g, -1)
    ws = w.reshape(g, m.c_out // g, m.c_in // g, *w.shape[2:])
    out = np.zeros((g, m.c_out // g, int(np.prod(m.out_spatial))), dtype=object)
    for offset, pos_in, pos_out in m._offsets:
        at: tuple[Any, ...] = (..., *offset)
        out[..., pos_out] += ws[at] @ us[..., pos_in]
    return out.ravel()


def _scale(m: Scale, v: Enclosure) -> Enclosure:
    """Products with some constants in [m.lo, m.hi], exact when the two are one."""
    (a, s), (b, t) = integers(m.lo), integers(m.hi)
    shift = max(s, t)
    a, b = (np.repeat(w * (1 << (shift - k)), m.repeat) for w, k in ((a, s), (b, t)))
    den = v.den << shift
    if v.exact and (m.exact or np.array_equal(a, b)):
        out = a * v.lo
        return Enclosure(out, out, den)
    products = [p * u for p in (a, b) for u in (v.lo, v.hi)]
    return Enclosure(np.minimum.reduce(products), np.maximum.reduce(products), den)
