"""Linear maps in exact integers: fixed-point tensors, their differences, and products with them.

A fixed-point map has entries within [lo, hi] * 2^-h. From it the rules make integer maps: entries W with
W <= (num/den) * entry * 2^k <= W + w for one small uniform width w, which is 0 when every entry is exact.
Spec: rules.md#integers, rules.md#difference.
"""

from __future__ import annotations

from itertools import product

from certify.kernel.verdict import Rejected


class FixedMap:
    """A linear map with entries in [lo, hi] * 2^-h; lo and hi are lists of arrays, laid out by the shape."""

    def __init__(self, shape, lo, hi, h):
        self.shape, self.lo, self.hi, self.h = shape, lo, hi, h
        self._made: dict[tuple[int, int, int], IntMap] = {}

    def scaled(self, num: int, den: int, bits: int):
        """The integer map of (num / den) * self * 2^bits; the last few are kept, leaves and plans share them."""
        key = (num, den, bits)
        if key not in self._made:
            if len(self._made) >= 6:
                self._made.pop(next(iter(self._made)))
            self._made[key] = self._make(num, den, bits)
        return self._made[key]

    def _make(self, num, den, bits):
        t = bits - self.h
        width, out = 0, []
        for lo, hi in zip(self.lo, self.hi, strict=True):
            a, b = (lo, hi) if num >= 0 else (hi, lo)
            a, b = a * num if num != 1 else a, b * num if num != 1 else b
            a = (a << t) // den if t >= 0 else (a >> -t) // den
            b = -((-b << t) // den) if t >= 0 else -((-b >> -t) // den)
            width = max(width, (b - a).largest())
            out.append(a)
        return IntMap(self.shape, out, width)

    def minus(self, other):
        """Entrywise difference of two maps of the same shape."""
        h = common_bits((self.lo, self.hi, self.h), (other.lo, other.hi, other.h))
        a, b = self.at(h), other.at(h)
        lo = [x - y for x, y in zip(a.lo, b.hi, strict=True)]
        hi = [x - y for x, y in zip(a.hi, b.lo, strict=True)]
        return FixedMap(self.shape, lo, hi, h)

    def at(self, h: int):
        """The same map with fewer fraction bits, rounded outward; a zero map may have more."""
        lo, hi = coarsened(self.lo, self.hi, self.h, h)
        return FixedMap(self.shape, lo, hi, h)


def common_bits(first, second):
    """Fraction bits for two enclosures (lo, hi, h) side by side: the fewer; a side that is zero throughout has no say.

    Zero tensors have h = 0: without the exception a zero bias would round its partner to whole numbers.
    """
    sides = [(lo, hi, h) for lo, hi, h in (first, second) if any(x.largest() or x.smallest() for x in (*lo, *hi))]
    return min((h for _, _, h in sides), default=0)


def coarsened(lo, hi, h, fewer):
    """(lo, hi) of lists of arrays with h fraction bits, rounded outward to ``fewer``; zeros stay what they are."""
    k = max(0, h - fewer)
    return ([x >> k for x in lo], [-(-x >> k) for x in hi]) if k else (lo, hi)


class IntMap:
    """An integer matrix W (entries on the shape's pattern, width w) that rows and vectors multiply."""

    def __init__(self, shape, weights, width):
        self.shape, self.weights, self.width = shape, weights, width

    def pull_below(self, c):
        """C W - w * (negative part of C) summed over the pattern: a lower bound of C M on n' >= 0."""
        out = self.shape.pull(c, self.weights)
        return out + self.shape.pull_ones(c.negative_part()) * self.width if self.width else out

    def image(self, v):
        """(lower, upper) of M v for each row v of integers, each entry of M within [W, W + w]."""
        base = self.shape.push(self.weights, v)
        if not self.width:
            return base, base
        low = self.shape.push_ones(v.negative_part()) * self.width
        high = self.shape.push_ones(v.positive_part()) * self.width
        return base + low, base + high

    def image_of_range(self, r):
        """(lower, upper) of M n' for 0 <= n' <= r, r each row."""
        low = self.shape.push([w.negative_part() for w in self.weights], r)
        high = self.shape.push([(w + self.width).positive_part() for w in self.weights], r)
        return low, high


class DenseShape:
    """One matrix (n_out, n_in)."""

    def __init__(self, arithmetic, n_out, n_in):
        self._a, self.n_out, self.n_in = arithmetic, n_out, n_in
        self.key = ("dense", n_out, n_in)

    def arrange(self, vector):
        return [vector.shaped(self.n_out, self.n_in)]

    def pull(self, c, weights):
        return self._a.matmul(c, weights[0])

    def pull_ones(self, c):
        return c.row_sums().repeat(self.n_in).shaped(c.shape[0], self.n_in)

    def push(self, weights, v):
        return self._a.matmul(v, weights[0].transpose())

    def push_ones(self, v):
        return v.row_sums().repeat(self.n_out).shaped(v.shape[0], self.n_out)

    def folded(self, lists, sigma, size):
        """Columns added up by sigma."""
        shape = DenseShape(self._a, self.n_out, size)
        return shape, [self._a.fold(lists[0], sigma, size)]

    def gathered(self, lists, sigma):
        """Rows picked by sigma."""
        return DenseShape(self._a, len(sigma), self.n_in), [lists[0].take_rows(sigma)]


class DiagonalShape:
    """A vector of factors, each for ``repeat`` consecutive coordinates."""

    def __init__(self, arithmetic, count, repeat):
        self._a, self.count, self.repeat = arithmetic, count, repeat
        self.n_in = self.n_out = count * repeat
        self.key = ("diagonal", self.n_in)

    def arrange(self, vector):
        return [vector.repeat(self.repeat)]

    def pull(self, c, weights):
        return c * weights[0]

    def pull_ones(self, c):
        return c

    def push(self, weights, v):
        return weights[0] * v

    def push_ones(self, v):
        return v


class SelectShape:
    """Entry i of the output is entry index[i] of the input times one common factor; -1 gives zero."""

    def __init__(self, arithmetic, index, n_in, digest):
        self._a, self.index, self.n_in, self.n_out = arithmetic, index, n_in, len(index)
        self.key = ("select", n_in, len(index), digest)

    def arrange(self, vector):
        return [vector]

    def pull(self, c, weights):
        return self._a.fold(c, self.index, self.n_in) * weights[0]

    def pull_ones(self, c):
        return self._a.fold(c, self.index, self.n_in)

    def push(self, weights, v):
        return self.push_ones(v) * weights[0]

    def push_ones(self, v):
        return v.gather(self.index)


class ConvShape:
    """One matrix (channels out, channels in) for each group and kernel offset, with the positions it joins."""

    def __init__(self, arithmetic, geometry):
        self._a = arithmetic
        self.groups, self.c_in, self.c_out, self.spatial, self.kernel, strides, begins, dilations, out = geometry
        self.key = ("conv", geometry)
        self._geometry = geometry
        self.p_in, self.p_out = _size(self.spatial), _size(out)
        self.n_in, self.n_out = self.c_in * self.p_in, self.c_out * self.p_out
        self.offsets = [
            _positions(offset, self.spatial, strides, begins, dilations, out)
            for offset in product(*(range(k) for k in self.kernel))
        ]

    def arrange(self, vector):
        """Matrices in the order (group, offset) from the row-major weight tensor."""
        per_in, per_out, k = self.c_in // self.groups, self.c_out // self.groups, len(self.offsets)
        matrix = vector.shaped(self.c_out, per_in * k)
        return [
            matrix.rows(g * per_out, (g + 1) * per_out).columns([i * k + o for i in range(per_in)])
            for g in range(self.groups)
            for o in range(k)
        ]

    def _pieces(self):
        per_in, per_out = self.c_in // self.groups, self.c_out // self.groups
        for g in range(self.groups):
            for positions_in, positions_out in self.offsets:
                yield (
                    g * per_in,
                    (g + 1) * per_in,
                    g * per_out,
                    (g + 1) * per_out,
                    positions_in,
                    positions_out,
                )

    def pull(self, c, weights):
        a, out = self._a, self._a.zeros(c.shape[0], self.n_in)
        for w, (i0, _, o0, o1, at_in, at_out) in zip(weights, self._pieces(), strict=True):
            if at_in:
                part = a.matmul(a.to_positions(c, self.c_out, o0, o1, at_out), w)
                out = a.add_positions(out, part, self.c_in, i0, at_in)
        return out

    def push(self, weights, v):
        a, out = self._a, self._a.zeros(v.shape[0], self.n_out)
        for w, (i0, i1, o0, _, at_in, at_out) in zip(weights, self._pieces(), strict=True):
            if at_in:
                part = a.matmul(a.to_positions(v, self.c_in, i0, i1, at_in), w.transpose())
                out = a.add_positions(out, part, self.c_out, o0, at_out)
        return out

    def _ones(self, x, back):
        """x times a kernel of ones, backwards or forwards: channels are summed first and copied last."""
        a, g = self._a, self.groups
        inner, outer = (self.c_in // g, self.p_in), (self.c_out // g, self.p_out)
        (n_to, p_to), (n_from, p_from) = (inner, outer) if back else (outer, inner)
        out, everywhere = a.zeros(x.shape[0], g * p_to), list(range(p_from))
        for k in range(g):
            channels = a.to_positions(x, g * n_from, k * n_from, (k + 1) * n_from, everywhere)
            sums = channels.row_sums().shaped(x.shape[0], p_from)
            for at_in, at_out in self.offsets:
                there, here = (at_in, at_out) if back else (at_out, at_in)
                if here:
                    out = a.add_positions(out, a.to_positions(sums, 1, 0, 1, here), g, k, there)
        return out.gather([k * p_to + i for k in range(g) for _ in range(n_to) for i in range(p_to)])

    def pull_ones(self, c):
        return self._ones(c, True)

    def push_ones(self, v):
        return self._ones(v, False)

    def folded(self, lists, sigma, size):
        """Input channels added up by a channelwise sigma."""
        self._ungrouped()
        if size % self.p_in:
            raise Rejected("unsupported-difference", "proof", "a selection that does not move whole channels")
        channels = _channelwise(sigma, self.p_in)
        g = (1, size // self.p_in, *self._geometry[2:])
        return ConvShape(self._a, g), [self._a.fold(m, channels, size // self.p_in) for m in lists]

    def gathered(self, lists, sigma):
        """Output channels picked by a channelwise sigma."""
        self._ungrouped()
        channels = _channelwise(sigma, self.p_out)
        g = (1, self.c_in, len(channels), *self._geometry[3:])
        return ConvShape(self._a, g), [m.take_rows(channels) for m in lists]

    def _ungrouped(self):
        if self.groups != 1:
            raise Rejected("unsupported-difference", "proof", "a selection through a grouped convolution")


def _size(axes):
    out = 1
    for n in axes:
        out *= n
    return out


def _positions(offset, spatial, strides, begins, dilations, out):
    """(input positions, output positions) that one kernel offset joins, inside the image."""
    pairs = [(0, 0)]
    for axis, n in enumerate(spatial):
        joined = []
        for o in range(out[axis]):
            i = o * strides[axis] - begins[axis] + offset[axis] * dilations[axis]
            if 0 <= i < n:
                joined.append((i, o))
        pairs = [(a * n + i, b * out[axis] + o) for a, b in pairs for i, o in joined]
    return [a for a, _ in pairs], [b for _, b in pairs]


def _channelwise(sigma, positions):
    """The channel of each row block of a selection that moves whole channels."""
    out = []
    if len(sigma) % positions:
        raise Rejected("unsupported-difference", "proof", "a selection that does not move whole channels")
    for start in range(0, len(sigma), positions):
        first = sigma[start]
        whole = first == -1 or first % positions == 0
        step = 0 if first == -1 else 1
        if not whole or any(sigma[start + p] != first + step * p for p in range(positions)):
            raise Rejected("unsupported-difference", "proof", "a selection that does not move whole channels")
        out.append(-1 if first == -1 else first // positions)
    return out


def fixed_map(data, arithmetic):
    """The fixed-point map of a term's map words."""
    shape: DenseShape | ConvShape
    if data.kind == "dense":
        shape = DenseShape(arithmetic, data.n_out, data.n_in)
    elif data.kind == "conv":
        shape = ConvShape(arithmetic, data.geometry)
    elif data.kind == "scale":
        return _fixed_scale(data, arithmetic)
    else:
        one = [arithmetic.vector([1])]
        if data.kind == "identity":
            one = [arithmetic.vector([1] * data.n_in)]
            return FixedMap(DiagonalShape(arithmetic, data.n_in, 1), one, one, 0)
        index = data.tensors[0].index(arithmetic, data.n_in)
        return FixedMap(SelectShape(arithmetic, index, data.n_in, data.tensors[0].key), one, one, 0)
    lo, hi, h = data.tensors[0].fixed(arithmetic)
    return FixedMap(shape, shape.arrange(lo), shape.arrange(hi), h)


def _fixed_scale(data, arithmetic):
    shape = DiagonalShape(arithmetic, data.tensors[0].count, data.geometry[0])
    lo, hi, h = data.tensors[0].fixed(arithmetic)
    if data.tensors[1].key != data.tensors[0].key:
        lo2, hi2, h2 = data.tensors[1].fixed(arithmetic)
        bits = common_bits(([lo], [hi], h), ([lo2], [hi2], h2))
        (lo,), _ = coarsened([lo], [hi], h, bits)
        _, (hi,) = coarsened([lo2], [hi2], h2, bits)
        h = bits
        if arithmetic.any_true(hi < lo):
            raise Rejected("scale-order", data.tensors[0].place, "a lower factor is above its upper one")
    return FixedMap(shape, shape.arrange(lo), shape.arrange(hi), h)


def difference_map(first, second, same, sigma_in, sigma_out, size_in):
    """A S' - S B as a fixed-point map; sigma None is the identity. None when it is exactly zero.

    ``same`` says that both maps are one and the same (equal keys): then, without selections, the difference is
    zero whatever the entries, an unknown scale included.
    """
    if same and sigma_in is None and sigma_out is None:
        return None
    a, b = first, second
    if sigma_in is not None:
        if not hasattr(a.shape, "folded"):
            raise Rejected("unsupported-difference", "proof", f"a selection through a {a.shape.key[0]} map")
        shape, lo = a.shape.folded(a.lo, sigma_in, size_in)
        a = FixedMap(shape, lo, a.shape.folded(a.hi, sigma_in, size_in)[1], a.h)
    if sigma_out is not None:
        b = gathered_map(b, sigma_out)
    if a.shape.key != b.shape.key:
        raise Rejected("unsupported-difference", "proof", f"{a.shape.key[0]} minus {b.shape.key[0]}")
    return a.minus(b)


def gathered_map(b, sigma):
    """S B: rows of a map picked by sigma."""
    if sigma is None:
        return b
    if not hasattr(b.shape, "gathered"):
        raise Rejected("unsupported-difference", "proof", f"a selection of rows of a {b.shape.key[0]} map")
    shape, lo = b.shape.gathered(b.lo, sigma)
    return FixedMap(shape, lo, b.shape.gathered(b.hi, sigma)[1], b.h)
