"""Exact integer arrays on Python lists: the twin of ``fast`` that shares nothing with it.

Slow and plain. Every function has the meaning, and the values, of its namesake in fast.py.
"""

from __future__ import annotations

NAME = "pure"


class Ints:
    """A vector (n,) or matrix (r, n): a flat list and a shape."""

    __slots__ = ("d", "shape")

    def __init__(self, d, shape):
        self.d, self.shape = d, shape

    def __add__(self, other):
        return _zip(lambda x, y: x + y, self, other)

    def __sub__(self, other):
        return _zip(lambda x, y: x - y, self, other)

    def __mul__(self, other):
        return _zip(lambda x, y: x * y, self, other)

    def __neg__(self):
        return Ints([-x for x in self.d], self.shape)

    def __lshift__(self, k):
        return Ints([x << k for x in self.d], self.shape)

    def __rshift__(self, k):
        return Ints([x >> k for x in self.d], self.shape)

    def __floordiv__(self, d):
        return Ints([x // d for x in self.d], self.shape)

    def __lt__(self, other):
        return _zip(lambda x, y: x < y, self, other, Mask)

    def __le__(self, other):
        return _zip(lambda x, y: x <= y, self, other, Mask)

    def __gt__(self, other):
        return _zip(lambda x, y: x > y, self, other, Mask)

    def __ge__(self, other):
        return _zip(lambda x, y: x >= y, self, other, Mask)

    def differs(self, other):
        return _zip(lambda x, y: x != y, self, other, Mask)

    def negative_part(self):
        return Ints([min(x, 0) for x in self.d], self.shape)

    def positive_part(self):
        return Ints([max(x, 0) for x in self.d], self.shape)

    def rows(self, start, stop):
        n = self.shape[1]
        stop = min(stop, self.shape[0])
        return Ints(self.d[start * n : stop * n], (stop - start, n))

    def columns(self, index):
        if len(self.shape) == 1:
            return Ints([self.d[i] for i in index], (len(index),))
        r, n = self.shape
        return Ints([self.d[k * n + i] for k in range(r) for i in index], (r, len(index)))

    def take_rows(self, index):
        """Rows at a list of indices; for a vector, entries; -1 gives zeros."""
        if len(self.shape) == 1:
            return Ints([self.d[i] if i >= 0 else 0 for i in index], (len(index),))
        n = self.shape[1]
        out: list[int] = []
        for i in index:
            out.extend(self.d[i * n : i * n + n] if i >= 0 else [0] * n)
        return Ints(out, (len(index), n))

    def row(self):
        return Ints(self.d, (1, len(self.d)))

    def flat(self):
        return Ints(self.d, (len(self.d),))

    def shaped(self, rows, columns):
        return Ints(self.d, (rows, columns))

    def transpose(self):
        r, n = self.shape
        return Ints([self.d[k * n + i] for i in range(n) for k in range(r)], (n, r))

    def repeat(self, times):
        return Ints([x for x in self.d for _ in range(times)], (len(self.d) * times,))

    def row_sums(self):
        r, n = self.shape
        return Ints([sum(self.d[k * n : k * n + n]) for k in range(r)], (r,))

    def largest(self):
        return max(self.d, default=0)

    def smallest(self):
        return min(self.d, default=0)

    def tolist(self):
        return list(self.d)

    def put(self, index, values):
        out, n, k = list(self.d), self.shape[-1], len(index)
        for r in range(len(out) // n if n else 0):
            for j, i in enumerate(index):
                out[r * n + i] = values.d[r * k + j]
        return Ints(out, self.shape)


class Mask(Ints):
    """Truth values in the same shape."""

    __slots__ = ()

    def __and__(self, other):
        return _zip(lambda x, y: x and y, self, other, Mask)

    def __or__(self, other):
        return _zip(lambda x, y: x or y, self, other, Mask)

    def __invert__(self):
        return Mask([not x for x in self.d], self.shape)


def _spread(x, shape):
    """Entries of x broadcast along rows to a shape."""
    if not isinstance(x, Ints):
        x = Ints([x], (1,))
    if x.shape == shape:
        return x.d
    total = shape[0] * shape[1] if len(shape) == 2 else shape[0]
    if x.shape == (1,) or x.shape == shape[-1:] or x.shape == (1, shape[-1]):
        return x.d * (total // len(x.d)) if x.d else []
    raise ValueError(f"shapes {x.shape} and {shape} do not go together")


def _shape(*items):
    shapes = [i.shape for i in items if isinstance(i, Ints)]
    return max(shapes, key=lambda s: (len(s), s))


def _zip(operation, x, y, kind=Ints):
    shape = _shape(x, y)
    return kind([operation(a, b) for a, b in zip(_spread(x, shape), _spread(y, shape), strict=True)], shape)


def vector(values):
    d = list(values)
    return Ints(d, (len(d),))


def zeros(*shape):
    return Ints([0] * (shape[0] * shape[1] if len(shape) == 2 else shape[0]), tuple(shape))


def unit_rows(indices, size, value):
    out = []
    for i in indices:
        out.extend([0] * i + [value] + [0] * (size - i - 1))
    return Ints(out, (len(indices), size))


def stack(x, y):
    return Ints(x.d + y.d, (x.shape[0] + y.shape[0], x.shape[1]))


def minimum(x, y):
    return _zip(min, x, y)


def maximum(x, y):
    return _zip(max, x, y)


def where(mask, x, y):
    shape = _shape(mask, x, y)
    parts = zip(_spread(mask, shape), _spread(x, shape), _spread(y, shape), strict=True)
    return Ints([a if m else b for m, a, b in parts], shape)


def quotient(x, y):
    return _zip(lambda a, b: a // b, x, y)


def any_true(mask):
    return any(mask.d)


def all_true(mask):
    return all(mask.d)


def indices(mask):
    return [i for i, v in enumerate(mask.d) if v]


def fold(x, index, size):
    r, n = x.shape
    out = [0] * (r * size)
    for k in range(r):
        for i, j in enumerate(index):
            if j >= 0:
                out[k * size + j] += x.d[k * n + i]
    return Ints(out, (r, size))


def to_positions(x, channels, start, stop, positions):
    r, n = x.shape
    p = n // channels
    d = [x.d[k * n + c * p + i] for k in range(r) for i in positions for c in range(start, stop)]
    return Ints(d, (r * len(positions), stop - start))


def add_positions(out, x, channels, start, positions):
    r, n = out.shape
    p, k = n // channels, x.shape[1]
    d = list(out.d)
    at = 0
    for row in range(r):
        for i in positions:
            for c in range(start, start + k):
                d[row * n + c * p + i] += x.d[at]
                at += 1
    return Ints(d, (r, n))


def matmul(x, y):
    r, k = x.shape
    n = y.shape[1]
    columns = [y.d[j::n] for j in range(n)]
    out: list[int] = []
    for i in range(r):
        line = x.d[i * k : i * k + k]
        nonzero = [j for j in range(k) if line[j]]
        if len(nonzero) * 4 < k:
            out.extend(sum(line[j] * c[j] for j in nonzero) for c in columns)
        else:
            out.extend(sum(a * b for a, b in zip(line, c, strict=True)) for c in columns)
    return Ints(out, (r, n))


def decode(kind, data):
    width, mantissa_bits, bias = {"f2": (2, 10, 15), "f4": (4, 23, 127), "f8": (8, 52, 1023)}[kind]
    top = (1 << (8 * width - 1 - mantissa_bits)) - 1
    parts = []
    for i in range(0, len(data), width):
        raw = int.from_bytes(data[i : i + width], "little")
        field, m = (raw >> mantissa_bits) & top, raw & ((1 << mantissa_bits) - 1)
        if field == top:
            return None
        m = m + (1 << mantissa_bits) if field else m
        parts.append((-m if raw >> (8 * width - 1) else m, max(field, 1) - bias - mantissa_bits))
    exponents = [e for m, e in parts if m]
    h = 60 - (max(exponents) + mantissa_bits + 1) if exponents else 0
    lo, hi = [], []
    for m, e in parts:
        s = e + h
        lo.append(m << s if s >= 0 else m >> -s)
        hi.append(m << s if s >= 0 else -((-m) >> -s))
    return Ints(lo, (len(lo),)), Ints(hi, (len(hi),)), h


def integers(kind, data):
    width = int(kind[1])
    return vector(int.from_bytes(data[i : i + width], "little", signed=True) for i in range(0, len(data), width))


def self_test():
    """Python integers need none."""
