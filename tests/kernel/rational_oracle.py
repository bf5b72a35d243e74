"""Exact evaluation of small networks and claims in rationals: what the kernel's bounds must never undercut.

Plain loops over Fractions, sharing nothing with the kernel or the library's evaluators. For tests on tiny
networks only.
"""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product

import numpy as np
from bundles import Case, Region, bounding_box, exact

from certify.networks.graph import Affine, Input, Network, Relu
from certify.networks.maps import Conv, Dense, Identity, LinearMap, Scale, Select

Vector = list[Fraction]


class Symbols:
    """One choice of every inexact scale: the same pair of tensors gets the same values everywhere."""

    def __init__(self, r: random.Random) -> None:
        self._r, self._known = r, {}

    def values(self, m: Scale) -> Vector:
        key = m.lo.dtype.str, m.lo.tobytes(), m.hi.dtype.str, m.hi.tobytes()
        if key not in self._known:
            steps = [Fraction(self._r.choice([0, 0, 1, 2, 4, 4]), 4) for _ in range(m.lo.size)]
            pairs = zip(exact(m.lo), exact(m.hi), steps, strict=True)
            self._known[key] = [a + (b - a) * s for a, b, s in pairs]
        return self._known[key]


def apply(m: LinearMap, u: Vector, symbols: Symbols) -> Vector:
    """M u, exactly."""
    if isinstance(m, Identity):
        return list(u)
    if isinstance(m, Dense):
        w = [exact(row) for row in m.weight]
        return [sum((a * b for a, b in zip(row, u, strict=True)), Fraction(0)) for row in w]
    if isinstance(m, Select):
        return [u[i] if i >= 0 else Fraction(0) for i in m.index.tolist()]
    if isinstance(m, Scale):
        s = symbols.values(m)
        return [s[i // m.repeat] * v for i, v in enumerate(u)]
    assert isinstance(m, Conv)
    return _convolve(m, u)


def _convolve(m: Conv, u: Vector) -> Vector:
    d = len(m.in_spatial)
    out_shape = m.out_spatial
    per_in, per_out = m.c_in // m.groups, m.c_out // m.groups
    out = []
    for c in range(m.c_out):
        group = c // per_out
        for at in product(*(range(n) for n in out_shape)):
            total = Fraction(0)
            for k in range(per_in):
                for offset in product(*(range(n) for n in m.weight.shape[2:])):
                    where = [at[a] * m.strides[a] - m.pads[a] + offset[a] * m.dilations[a] for a in range(d)]
                    if all(0 <= p < n for p, n in zip(where, m.in_spatial, strict=True)):
                        index = group * per_in + k
                        for p, n in zip(where, m.in_spatial, strict=True):
                            index = index * n + p
                        total += Fraction(float(m.weight[(c, k, *offset)])) * u[index]
            out.append(total)
    return out


def evaluate(net: Network, x: Vector, others: list[Vector], symbols: Symbols, r: random.Random) -> Vector:
    """The output at x; x' is others[0], and each coordinate of a free node takes any of ``others``."""
    values = [_values(net, x, second, symbols) for second in others]
    chosen: list[Vector] = []
    for i, node in enumerate(net.nodes):
        if type(node).__name__ == "Free":
            chosen.append([r.choice(values)[node.source][k] for k in range(node.size)])
        else:
            chosen.append(_value(net, i, x, others[0], symbols, chosen))
    return chosen[net.output]


def _values(net, x, second, symbols):
    out: list[Vector] = []
    for i, node in enumerate(net.nodes):
        out.append(out[node.source] if type(node).__name__ == "Free" else _value(net, i, x, second, symbols, out))
    return out


def _value(net, i, x, second, symbols, have) -> Vector:
    node = net.nodes[i]
    if isinstance(node, Input):
        return x if node.role == 0 else second
    if isinstance(node, Relu):
        return [max(v, Fraction(0)) for v in have[node.source]]
    assert isinstance(node, Affine)
    bias = [Fraction(0)] * node.size if node.bias is None else exact(node.bias)
    total = [bias[k // node.repeat] if node.bias is not None else Fraction(0) for k in range(node.size)]
    for t in node.terms:
        scalar = Fraction(t.num, t.den)
        total = [a + scalar * b for a, b in zip(total, apply(t.map, have[t.source], symbols), strict=True)]
    return total


# ---- domains


def contains(region: Region, part: int, x: Vector) -> bool:
    """Whether x lies in the part, exactly."""
    low, high = bounding_box(region, part)
    if not all(a <= v <= b for a, v, b in zip(low, x, high, strict=True)):
        return False
    if region.kind != "ball" or region.norm == "linf":
        return True
    gaps = [v - c for v, c in zip(x, exact(region.arrays[0][part]), strict=True)]
    if region.norm == "l1":
        return sum(map(abs, gaps)) <= region.radius
    return sum(v * v for v in gaps) <= region.radius**2


def samples(region: Region, part: int, count: int, r: random.Random) -> list[Vector]:
    """Points of a part: vertices of its box, extreme points of its ball, and random ones between."""
    low, high = bounding_box(region, part)
    n = len(low)
    out = []
    for attempt in range(20 * count):
        if len(out) >= count:
            break
        share = [Fraction(r.choice([0, 8]) if attempt % 2 else r.randrange(9), 8) for _ in range(n)]
        x = [a + (b - a) * s for a, b, s in zip(low, high, share, strict=True)]
        if region.kind == "ball" and region.norm != "linf":
            x = _towards(region, part, x, low, high)
        if contains(region, part, x):
            out.append(x)
    return out


def _towards(region, part, x, low, high):
    """x pulled into the ball along the ray from the centre, then into the box."""
    centre = exact(region.arrays[0][part])
    step = [v - c for v, c in zip(x, centre, strict=True)]
    size = sum(map(abs, step)) if region.norm == "l1" else _root_above(sum(v * v for v in step))
    if size > region.radius:
        step = [v * region.radius / size for v in step]
    moved = [c + v for c, v in zip(centre, step, strict=True)]
    return [min(max(v, a), b) for v, a, b in zip(moved, low, high, strict=True)]


def _root_above(v: Fraction) -> Fraction:
    from math import isqrt

    return Fraction(isqrt((v * 2**80).__floor__()) + 1, 2**40)


# ---- quantities


def quantity(case: Case, part: int, f: Vector, g: Vector) -> Fraction:
    """The claim's quantity; for l2 its square."""
    d = [a - b for a, b in zip(f, g, strict=True)]
    form = case.quantity[0]
    if form == "value":
        if case.quantity[2]:
            mean = sum(d) / len(d)
            d = [v - mean for v in d]
        norm = case.quantity[1]
        if norm == "l2":
            return sum(v * v for v in d)
        return max(map(abs, d)) if norm == "linf" else sum(map(abs, d))
    if form == "output":
        return abs(d[case.quantity[1]])
    if form in ("functional", "upper"):
        total = sum(a * b for a, b in zip(exact(case.quantity[1]), d, strict=True))
        return abs(total) if form == "functional" else total
    if form == "least":
        return least(case, f, g)
    c = int(np.asarray(case.quantity[1])[part])
    others = [j for j in range(len(f)) if j != c]
    if form == "margin":
        return max((f[j] - f[c]) - (g[j] - g[c]) for j in others)
    return max(max(f[j] - f[c], g[j] - g[c]) for j in others)


def least(case: Case, f: Vector, g: Vector) -> Fraction:
    """The smallest a_k . f + b_k . g - t_k."""
    _, a, b, *limits = case.quantity
    n, on_f = len(f), exact(a)
    on_g = [0] * len(on_f) if isinstance(b, int) and b == -1 else [-v for v in on_f] if isinstance(b, int) else exact(b)
    values = []
    for k in range(len(limits) // 2):
        row = slice(k * n, (k + 1) * n)
        total = sum(p * q for p, q in zip([*on_f[row], *on_g[row]], [*f, *g], strict=True))
        values.append(total - Fraction(limits[2 * k], limits[2 * k + 1]))
    return min(values)


def squared(case: Case) -> bool:
    return case.quantity[:2] == ("value", "l2")


def worst(case: Case, part: int, count: int, seed: int) -> Fraction | None:
    """The largest sampled value of the quantity on a part; None when no sample fell into it."""
    r = random.Random(seed)
    found = None
    for x in samples(case.region, part, count, r):
        others = [p for _ in range(3) for p in samples(case.region, r.randrange(case.region.parts), 1, r)]
        if not others:
            continue
        symbols = Symbols(r)
        f = evaluate(case.f, x, others, symbols, r)
        g = [Fraction(0)] * len(f) if case.g is None else evaluate(case.g, x, others, symbols, r)
        value = quantity(case, part, f, g)
        found = value if found is None else max(found, value)
    return found
