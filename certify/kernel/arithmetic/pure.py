"""Exact integer arrays on Python lists: the twin of ``fast`` that shares nothing with it.

Slow and plain. Every function has the meaning, and the values, of its namesake in fast.py. Truth values are bools in
the same class.
"""

from __future__ import annotations

import operator
from typing import Any

NAME = "pure"


def _entrywise(f: Any) -> Any:
    return lambda x, y: _zip(f, x, y)


class Ints:
    """A vector (n,) or matrix (r, n): a flat list and a shape."""

    __slots__ = ("d", "shape")

    def __init__(self, d, shape):
        self.d, self.shape = d, shape

    __add__, __sub__, __mul__ = _entrywise(operator.add), _entrywise(operator.sub), _entrywise(operator.mul)
    __lshift__, __rshift__ = _entrywise(operator.lshift), _entrywise(operator.rshift)
    __floordiv__, differs = _entrywise(operator.floordiv), _entrywise(operator.ne)
    __lt__, __le__, __gt__, __ge__ = map(_entrywise, (operator.lt, operator.le, operator.gt, operator.ge))
    __and__, __or__ = _entrywise(operator.and_), _entrywise(operator.or_)

    def __neg__(self):
        return self * -1

    def __invert__(self):
        return Ints([not x for x in self.d], self.shape)

    def negative_part(self):
        return minimum(self, 0)

    def positive_part(self):
        return maximum(self, 0)

    def rows(self, start, stop):
        n, stop = self.shape[1], min(stop, self.shape[0])
        return Ints(self.d[start * n : stop * n], (stop - start, n))

    def _lines(self):
        """The rows as lists; a vector is one row."""
        n = self.shape[-1]
        return [self.d[i : i + n] for i in range(0, len(self.d), n)] if n else [[]]

    def columns(self, index):
        return Ints([line[i] for line in self._lines() for i in index], (*self.shape[:-1], len(index)))

    def gather(self, index):
        picked = [line[i] if i >= 0 else 0 for line in self._lines() for i in index]
        return Ints(picked, (*self.shape[:-1], len(index)))

    def take_rows(self, index):
        n = self.shape[1]
        picked = [v for i in index for v in (self.d[i * n : i * n + n] if i >= 0 else [0] * n)]
        return Ints(picked, (len(index), n))

    def at(self, where):
        n, one = self.shape[1], self.shape[0] == 1
        return vector(self.d[(0 if one else r) * n + c] for r, c in zip(*where, strict=True))

    def set(self, where, values):
        d = list(self.d)
        for r, c, v in zip(*where, values.d, strict=True):
            d[r * self.shape[1] + c] = v
        return Ints(d, self.shape)

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
        return vector(sum(line) for line in self._lines())

    def largest(self):
        return max(self.d, default=0)

    def smallest(self):
        return min(self.d, default=0)

    def tolist(self):
        return list(self.d)


def _spread(x, shape):
    """Entries of x broadcast along rows to a shape."""
    d, own = (x.d, x.shape) if isinstance(x, Ints) else ([x], (1,))
    if own == shape:
        return d
    if own not in ((1,), shape[-1:], (1, shape[-1])):
        raise ValueError(f"shapes {own} and {shape} do not go together")
    total = shape[0] * shape[1] if len(shape) == 2 else shape[0]
    return d * (total // len(d)) if d else []


def _zip(operation, *items):
    shape = max((i.shape for i in items if isinstance(i, Ints)), key=lambda s: (len(s), s))
    return Ints([operation(*v) for v in zip(*(_spread(i, shape) for i in items), strict=True)], shape)


def vector(values):
    d = list(values)
    return Ints(d, (len(d),))


def matrix(lines):
    """A matrix from lists of Python integers of one length."""
    return vector(v for line in lines for v in line).shaped(len(lines), len(lines[0]))


def zeros(*shape):
    return Ints([0] * (shape[0] * shape[1] if len(shape) == 2 else shape[0]), tuple(shape))


def unit_rows(indices, size, value):
    return Ints([value if i == j else 0 for i in indices for j in range(size)], (len(indices), size))


def stack(x, y):
    """Rows of x, then rows of y."""
    return join([x, y])


def minimum(x, y):
    return _zip(min, x, y)


def maximum(x, y):
    return _zip(max, x, y)


def quotient(x, y):
    return _zip(operator.floordiv, x, y)


def where(mask, x, y):
    return _zip(lambda m, a, b: a if m else b, mask, x, y)


def any_true(mask):
    return any(mask.d)


def all_true(mask):
    return all(mask.d)


def places(mask, shape):
    held = [divmod(i, shape[1]) for i, v in enumerate(_spread(mask, shape)) if v]
    return [r for r, _ in held], [c for _, c in held]


def owned(where, owner):
    return where if owner is None else ([owner[r] for r in where[0]], where[1])


def spread(x, owner):
    return x if owner is None else x.take_rows(owner)


def index(values):
    return list(values)


def join(parts):
    rows = sum(p.shape[0] for p in parts)
    return Ints([v for p in parts for v in p.d], (rows, *parts[0].shape[1:]))


def rowdot(x, y):
    return (x * y).row_sums()


def fold(x, index, size):
    out = zeros(x.shape[0], size)
    for k, line in enumerate(x._lines()):
        for j, v in zip(index, line, strict=True):
            if j >= 0:
                out.d[k * size + j] += v
    return out


def to_positions(x, channels, start, stop, positions):
    p = x.shape[1] // channels
    d = [line[c * p + i] for line in x._lines() for i in positions for c in range(start, stop)]
    return Ints(d, (x.shape[0] * len(positions), stop - start))


def add_positions(out, x, channels, start, positions):
    (r, n), k, d = out.shape, x.shape[1], list(out.d)
    places = [row * n + c * (n // channels) + i for row in range(r) for i in positions for c in range(start, start + k)]
    for at, v in zip(places, x.d, strict=True):
        d[at] += v
    return Ints(d, (r, n))


def matmul(x, y):
    columns = y.transpose()._lines() if y.shape[1] else []
    lines = [[(j, v) for j, v in enumerate(line) if v] for line in x._lines()]
    return Ints([sum(v * c[j] for j, v in line) for line in lines for c in columns], (x.shape[0], y.shape[1]))


_LAYOUT = {"f2": (2, 10, 15), "f4": (4, 23, 127), "f8": (8, 52, 1023)}


def _dyadics(kind, data):
    """Entries as (m, e) for m 2^e; None where one is not finite."""
    width, mantissa_bits, bias = _LAYOUT[kind]
    top = (1 << (8 * width - 1 - mantissa_bits)) - 1
    parts = []
    for i in range(0, len(data), width):
        raw = int.from_bytes(data[i : i + width], "little")
        field, m = (raw >> mantissa_bits) & top, raw & ((1 << mantissa_bits) - 1)
        if field == top:
            return None
        m = m + (1 << mantissa_bits) if field else m
        parts.append((-m if raw >> (8 * width - 1) else m, max(field, 1) - bias - mantissa_bits))
    return parts


def decode(kind, data):
    parts = _dyadics(kind, data)
    if parts is None:
        return None
    exponents = [e for m, e in parts if m]
    h = 60 - (max(exponents) + _LAYOUT[kind][1] + 1) if exponents else 0
    lo = vector(m << (e + h) if e + h >= 0 else m >> -(e + h) for m, e in parts)
    return lo, vector(m << (e + h) if e + h >= 0 else -(-m >> -(e + h)) for m, e in parts), h


def exact(kind, data):
    found = _dyadics(kind, data)
    if found is None:
        return None
    least = min((e for m, e in found if m), default=0)
    return vector(m << (e - least) if m else 0 for m, e in found), least


def integers(kind, data):
    width = int(kind[1:])
    return vector(int.from_bytes(data[i : i + width], "little", signed=True) for i in range(0, len(data), width))


def self_test():
    """Python integers need none."""
