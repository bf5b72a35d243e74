"""Random tiny cases for the kernel's tests: every kind of network pair, domain and quantity the format knows.

``random_case`` draws one from a seed; ``seeds`` is the Hypothesis strategy for these. Nothing here is tight or
realistic: sizes are 1 to 4 so that exact evaluation in rationals stays cheap.
"""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise

import numpy as np
from bundles import Case, Region, Style
from hypothesis import strategies as st

from certify.networks.builder import Builder
from certify.networks.graph import Network, Term
from certify.networks.maps import Conv, Dense, Identity, Scale

KINDS = ("mlp", "conv", "residual", "merge", "merge-channels", "leaky", "ablation", "free", "scale", "same", "zero")
seeds = st.integers(0, 2**32 - 1)


def numbers(r: random.Random, *shape: int, spread: int = 0) -> np.ndarray:
    """Weights as files store them: any float type, some zeros, magnitudes over ``spread`` binades."""
    kind = r.choice([np.float16, np.float32, np.float64] if spread < 15 else [np.float32, np.float64])
    count = int(np.prod(shape))
    values = [
        0.0 if r.random() < 0.1 else r.uniform(-1, 1) * 2.0 ** r.randrange(-spread, spread + 1) for _ in range(count)
    ]
    return np.array(values, dtype=kind).reshape(shape)


def nudged(r: random.Random, w: np.ndarray) -> np.ndarray:
    """The same weights a little changed, or pruned, or rounded to half precision, or not at all."""
    how = r.randrange(4)
    if how == 0:
        return w.copy()
    if how == 1:
        return np.where(np.abs(w) < 0.3, 0, w).astype(w.dtype)
    if how == 2:
        return w.astype(np.float16)
    return (w + numbers(r, *w.shape).astype(w.dtype) * w.dtype.type(0.03)).astype(w.dtype)


def _finish(b: Builder, output: int, n: int) -> Network:
    return b.finish(output, (n,), (b.size(output),))


def _layers(r, sizes, spread):
    return [(numbers(r, m, n, spread=spread), numbers(r, m, spread=spread)) for n, m in pairwise(sizes)]


def _mlp(layers, leaky=None) -> Network:
    b = Builder()
    h = b.input(layers[0][0].shape[1])
    for i, (w, c) in enumerate(layers):
        h = b.linear(h, Dense(w), c)
        if i < len(layers) - 1:
            h = b.leaky(h, *leaky) if leaky else b.relu(h)
    return _finish(b, h, layers[0][0].shape[1])


def _same_graph(f: Network, g: Network):
    return tuple((i, i, None) for i in range(1, len(f.nodes)))


def _plain(r, spread, leaky=None):
    sizes = [r.randrange(1, 4) for _ in range(r.randrange(2, 5))]
    layers = _layers(r, sizes, spread)
    f, g = _mlp(layers, leaky), _mlp([(nudged(r, w), nudged(r, c)) for w, c in layers], leaky)
    return f, g, _same_graph(f, g)


def _conv_net(weights, biases, pads, dense, c) -> Network:
    b = Builder()
    x = b.input(weights.shape[1] * 4)
    m = Conv(weights, (2, 2), (1, 1), pads, (1, 1))
    h = b.relu(b.linear(x, m, biases, m.n_out // len(biases)))
    half = b.size(h) // 2
    if half:  # max-pooling as pairs of coordinates
        h = b.maximum(b.select(h, np.arange(half)), b.select(h, np.arange(half) + half))
    return _finish(b, b.linear(h, Dense(dense), c), weights.shape[1] * 4)


def _conv(r, spread):
    c_in, c_out, k = r.randrange(1, 3), r.randrange(1, 3), r.randrange(1, 3)
    w, bias = numbers(r, c_out, c_in, k, k, spread=spread), numbers(r, c_out, spread=spread)
    pads = tuple(r.randrange(0, 2) for _ in range(4))
    m = Conv(w, (2, 2), (1, 1), pads, (1, 1))
    n = m.n_out // 2 or m.n_out
    dense, c = numbers(r, 2, n), numbers(r, 2)
    f = _conv_net(w, bias, pads, dense, c)
    g = _conv_net(nudged(r, w), nudged(r, bias), pads, nudged(r, dense), c)
    return f, g, _same_graph(f, g) if len(f.nodes) == len(g.nodes) else ()


def _residual(r, spread):
    n = r.randrange(1, 4)
    layers = [(numbers(r, n, n, spread=spread), numbers(r, n, spread=spread)) for _ in range(2)]
    sign = r.choice([1, -1]), r.choice([1, 3])

    def net(layers):
        b = Builder()
        x = b.input(n)
        h = b.relu(b.linear(x, Dense(layers[0][0]), layers[0][1]))
        y = b.affine([Term(x, Identity(n), *sign), Term(h, Dense(layers[1][0]))], layers[1][1])
        return _finish(b, b.relu(y), n)

    f, g = net(layers), net([(nudged(r, w), nudged(r, c)) for w, c in layers])
    return f, g, _same_graph(f, g)


def _merge(r, spread):
    """Neurons of f that share one neuron of g, some that are dropped."""
    n, wide, small, out = r.randrange(1, 3), r.randrange(1, 5), r.randrange(1, 4), r.randrange(1, 3)
    first, second = (numbers(r, wide, n, spread=spread), numbers(r, wide)), (numbers(r, out, wide), numbers(r, out))
    f = _mlp([first, second])
    g = _mlp([(numbers(r, small, n), numbers(r, small)), (numbers(r, out, small), nudged(r, second[1]))])
    sigma = tuple(r.randrange(-1, small) for _ in range(wide))
    if r.random() < 0.7 and max(sigma) >= 0:  # near copies
        coarse = g.nodes[1]
        w = coarse.terms[0].map.weight.astype(np.float64)
        copies = np.array([w[j] if j >= 0 else np.zeros(n) for j in sigma]) + 0.05 * first[0]
        f = _mlp([(copies, first[1]), second])
    return f, g, ((1, 1, sigma), (2, 2, sigma), (3, 3, None))


def _merge_channels(r, spread):
    """Channels of f that share one channel of g, through convolutions."""
    wide, small = r.randrange(1, 4), r.randrange(1, 3)
    channels = [r.randrange(-1, small) for _ in range(wide)]

    def net(c, w, w2):
        b = Builder()
        x = b.input(4)
        m = Conv(w, (2, 2), (1, 1), (0, 1, 1, 0), (1, 1))
        h = b.relu(b.linear(x, m, numbers(random.Random(c), c), m.n_out // c))
        return _finish(b, b.linear(h, Conv(w2, m.out_spatial, (1, 1), (0, 0, 0, 0), (1, 1))), 4)

    f = net(wide, numbers(r, wide, 1, 2, 2, spread=spread), numbers(r, 1, wide, 1, 1))
    g = net(small, numbers(r, small, 1, 2, 2), numbers(r, 1, small, 1, 1))
    p = f.nodes[1].size // wide
    sigma = tuple(c * p + i if c >= 0 else -1 for c in channels for i in range(p))
    return f, g, ((1, 1, sigma), (2, 2, sigma), (3, 3, None))


def _ablation(r, free):
    """Some hidden units take the value they have at x', or any value they can reach."""
    n, hidden, out = r.randrange(1, 3), r.randrange(1, 4), r.randrange(1, 3)
    w, c, v = numbers(r, hidden, n), numbers(r, hidden), numbers(r, out, hidden)
    cut = [r.random() < 0.5 for _ in range(hidden)]
    keep = np.array([-1 if d else i for i, d in enumerate(cut)], dtype=np.int32)
    take = np.array([i if d else -1 for i, d in enumerate(cut)], dtype=np.int32)

    def net(ablated):
        b = Builder()
        h = b.relu(b.linear(b.input(n), Dense(w), c))
        if ablated:
            other = b.relu(b.linear(b.input(n, 1), Dense(w), c))
            other = b.free(other) if free else other
            from certify.networks.maps import Select

            h = b.affine([Term(h, Select(keep, hidden)), Term(other, Select(take, hidden))])
        return _finish(b, b.linear(h, Dense(v)), n)

    f, g = net(False), net(True)
    return f, g, ((len(f.nodes) - 2, len(g.nodes) - 2, None), (len(f.nodes) - 1, len(g.nodes) - 1, None))


def _scaled(r, spread):
    n, m = r.randrange(1, 3), r.randrange(1, 3)
    lo = numbers(r, m).astype(np.float64)
    hi = lo + np.array([r.choice([0.0, 2.0**-20, 0.25]) for _ in range(m)])
    w, c, v = numbers(r, 2 * m, n, spread=spread), numbers(r, m), numbers(r, 2, 2 * m)
    other = (lo, hi) if r.random() < 0.7 else (lo - 0.125, hi)

    def net(w, pair):
        b = Builder()
        h = b.linear(b.input(n), Dense(w), c, 2)
        h = b.relu(b.linear(h, Scale(*pair, 2)))
        return _finish(b, b.linear(h, Dense(v)), n)

    f, g = net(w, (lo, hi)), net(nudged(r, w), other)
    return f, g, _same_graph(f, g)


def random_networks(r: random.Random, kind: str, spread: int):
    """(f, g or None, pairs) of a kind."""
    if kind == "conv":
        return _conv(r, spread)
    if kind == "residual":
        return _residual(r, spread)
    if kind == "merge":
        return _merge(r, spread)
    if kind == "merge-channels":
        return _merge_channels(r, spread)
    if kind in ("ablation", "free"):
        return _ablation(r, kind == "free")
    if kind == "scale":
        return _scaled(r, spread)
    f, g, pairs = _plain(r, spread, (r.choice([1, -1, 3]), r.choice([3, 8])) if kind == "leaky" else None)
    if kind == "same":
        return f, f, pairs
    return (f, None, ()) if kind == "zero" else (f, g, pairs)


def random_region(r: random.Random, n: int) -> Region:
    """A non-empty domain: every kind, with and without an intersection."""
    kind = r.choice(["box", "linf", "l2", "l1", "points"])
    dtype = r.choice([np.float32, np.float64])
    parts = r.randrange(1, 3)
    centre = np.array([[r.uniform(-1, 1) for _ in range(n)] for _ in range(parts)], dtype=dtype)
    radius = Fraction(r.choice([0, 1, 1, 2, 7]), r.choice([3, 8, 255]))
    within = None
    if r.random() < 0.4:
        within = (Fraction(-4, 3), Fraction(5, 4))
        if r.random() < 0.5:
            within = (np.full(n, -1.0, dtype=np.float32), np.full(n, 1.0, dtype=np.float16))
    if kind == "box":
        return Region("box", (centre[0], centre[0] + dtype(r.choice([0, 0.25, 1]))))
    if kind == "points":
        return Region("points", (centre,), within=within)
    return Region("ball", (centre,), kind, radius, within)


def random_quantity(r: random.Random, f: Network, two: bool, parts: int) -> tuple:
    """The words of a quantity that fits the outputs."""
    n = f.n_out
    forms = ["linf", "l2", "l1", "output", "functional", "upper"]
    if two and n >= 2:
        forms += ["margin", "decision"]
    form = r.choice(forms)
    if form in ("linf", "l2", "l1"):
        return "value", form, int(n >= 2 and r.random() < 0.3)
    if form == "output":
        return "output", r.randrange(n)
    if form in ("functional", "upper"):
        return form, numbers(r, n, spread=r.choice([0, 0, 60]))
    return form, np.array([r.randrange(n) for _ in range(parts)], dtype=np.int32)


def random_least(r: random.Random, n: int, two: bool) -> tuple:
    """The words of a `least` quantity: one to three rows on f alone, on the difference, or on both."""
    k, spread = r.randrange(1, 4), r.choice([0, 0, 60])
    others = [-1, -2, numbers(r, k * n, spread=spread)] if two else [-1]
    limits = [v for _ in range(k) for v in (r.randrange(-9, 10), r.randrange(1, 9))]
    return "least", numbers(r, k * n, spread=spread), r.choice(others), *limits


def random_case(seed: int, kind: str | None = None) -> Case:
    """A case drawn from a seed."""
    r = random.Random(seed)
    kind = r.choice(KINDS) if kind is None else kind
    spread = r.choice([0, 0, 0, 3, 12])
    f, g, pairs = random_networks(r, kind, spread)
    region = random_region(r, f.n_in)
    return Case(f, g, region, random_quantity(r, f, g is not None, region.parts), pairs)


def random_styles(seed: int, huge: bool = False) -> tuple[Style, ...]:
    """One or two random plans."""
    r = random.Random(seed)
    return tuple(Style.any(r.randrange(2**32), huge) for _ in range(r.randrange(1, 3)))
