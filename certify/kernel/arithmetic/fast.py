"""Exact integer arrays on numpy, with matrix products through float64 BLAS.

An array is int64 with a proved bound on its magnitude, or Python integers (dtype object) where int64 would not
do; which of the two never changes a value. A product goes through BLAS only on integer-valued float64 operands
with max_i ||a_i||_1 * max|b| < 2^53: then every partial sum, in any order, fused or not, is an exact integer.
The bound is computed on every call; otherwise operands are split into limbs for which it holds. Every BLAS
product is checked by a random 0/1 vector (Freivalds), modulo 2^64.

Spec: rules.md#integers. This is the only file of the kernel that imports numpy.
"""

from __future__ import annotations

import os

import numpy as np

from certify.kernel.verdict import MachineFault

NAME = "fast"
_SAFE = 1 << 62
_EXACT = 1 << 53


class Ints:
    """A vector (n,) or matrix (r, n) of exact integers; ``m`` bounds their magnitude."""

    __slots__ = ("a", "m")

    def __init__(self, a, m):
        self.a, self.m = a, m

    @property
    def shape(self):
        return self.a.shape

    def __add__(self, other):
        return _binary(np.add, self, other, lambda x, y: x + y)

    def __sub__(self, other):
        return _binary(np.subtract, self, other, lambda x, y: x + y)

    def __mul__(self, other):
        return _binary(np.multiply, self, other, lambda x, y: x * y)

    def __neg__(self):
        return Ints(-self.a, self.m)

    def __lshift__(self, k):
        return self * (1 << k) if k else self

    def __rshift__(self, k):
        """Floor of x / 2^k, k >= 0."""
        if k == 0:
            return self
        if self.a.dtype == object:
            return _settle(self.a >> k)
        return Ints(self.a >> min(k, 63), (self.m >> k) + 1)

    def __floordiv__(self, d):
        """Floor of x / d for a positive Python integer d."""
        if d & (d - 1) == 0:
            return self >> (d.bit_length() - 1)
        x = _wide(self) if d >= _SAFE else self
        return _settle(x.a // d) if x.a.dtype == object else Ints(x.a // d, self.m // d + 1)

    def __lt__(self, other):
        return self.a < _raw(other)

    def __le__(self, other):
        return self.a <= _raw(other)

    def __gt__(self, other):
        return self.a > _raw(other)

    def __ge__(self, other):
        return self.a >= _raw(other)

    def differs(self, other):
        """Mask of entries unequal to a number or array."""
        return self.a != _raw(other)

    def negative_part(self):
        return Ints(np.minimum(self.a, 0), self.m)

    def positive_part(self):
        return Ints(np.maximum(self.a, 0), self.m)

    def rows(self, start, stop):
        return Ints(self.a[start:stop], self.m)

    def columns(self, index):
        """The entries of the last axis at a list of indices."""
        return Ints(self.a[..., np.asarray(index, dtype=np.intp)], self.m)

    def gather(self, index):
        """The entries of the last axis at a list of indices; -1 gives zeros."""
        i = np.asarray(index, dtype=np.intp)
        out = self.a[..., i]
        out[..., i < 0] = 0
        return Ints(out, self.m)

    def take_rows(self, index):
        """Rows at a list of indices; -1 gives a row of zeros."""
        i = np.asarray(index, dtype=np.intp)
        out = self.a[i]
        out[i < 0] = 0
        return Ints(out, self.m)

    def at(self, where):
        """The entries of a matrix at some places, as a vector; one row stands for all."""
        rows, columns = where
        return Ints(self.a[rows if self.a.shape[0] > 1 else 0, columns], self.m)

    def set(self, where, values):
        """A copy of a matrix with the entries at some places replaced."""
        out = self.a.astype(object) if values.a.dtype == object else self.a.copy()
        out[where] = values.a
        return Ints(out, max(self.m, values.m))

    def row(self):
        """A vector as a one-row matrix."""
        return Ints(self.a.reshape(1, -1), self.m)

    def flat(self):
        """A matrix as a vector, row-major."""
        return Ints(self.a.reshape(-1), self.m)

    def shaped(self, rows, columns):
        return Ints(self.a.reshape(rows, columns), self.m)

    def transpose(self):
        return Ints(self.a.T, self.m)

    def repeat(self, times):
        """Each entry of a vector repeated."""
        return Ints(np.repeat(self.a, times), self.m)

    def row_sums(self):
        m = self.m * max(self.a.shape[1], 1)
        x = self if m < _SAFE else _wide(self)
        return Ints(x.a.sum(axis=1), m) if x.a.dtype != object else _settle(x.a.sum(axis=1))

    def largest(self):
        return int(self.a.max()) if self.a.size else 0

    def smallest(self):
        return int(self.a.min()) if self.a.size else 0

    def tolist(self):
        return [int(v) for v in self.a.reshape(-1)]


def _raw(x):
    return x.a if isinstance(x, Ints) else x


def _tight(x):
    """The magnitude of the array itself."""
    return max(abs(int(x.a.max())), abs(int(x.a.min()))) if x.a.size else 0


def _wide(x):
    """The same integers as Python objects."""
    return x if x.a.dtype == object else Ints(x.a.astype(object), x.m)


def _settle(a):
    """Wrap Python integers, back in int64 where they fit."""
    x = Ints(a, 0)
    x.m = _tight(x)
    return Ints(a.astype(np.int64), x.m) if x.m < _SAFE else x


def _binary(operation, x, y, bound):
    if not isinstance(y, Ints):
        y = Ints(np.array(y, dtype=object if abs(y) >= _SAFE else np.int64), abs(y))
    if x.a.dtype != object and y.a.dtype != object:
        m = bound(x.m, y.m)
        if m >= _SAFE:
            m = bound(_tight(x), _tight(y))
        if m < _SAFE:
            return Ints(operation(x.a, y.a), m)
    return _settle(operation(_wide(x).a, _wide(y).a))


def vector(values):
    """A vector from Python integers."""
    return _settle(np.array(list(values), dtype=object).reshape(-1))


def matrix(lines):
    """A matrix from lists of Python integers of one length."""
    return vector(v for line in lines for v in line).shaped(len(lines), len(lines[0]))


def zeros(*shape):
    return Ints(np.zeros(shape, dtype=np.int64), 0)


def unit_rows(indices, size, value):
    """One row for each index: ``value`` there, zero elsewhere."""
    out = np.zeros((len(indices), size), dtype=np.int64)
    out[np.arange(len(indices)), np.asarray(indices, dtype=np.intp)] = 1
    return Ints(out, 1) * value


def stack(x, y):
    """Rows of x, then rows of y."""
    return join([x, y])


def minimum(x, y):
    return _choose(np.minimum, x, y)


def maximum(x, y):
    return _choose(np.maximum, x, y)


def _choose(operation, x, y):
    a, b = (x.a, y.a) if x.a.dtype == y.a.dtype else (_wide(x).a, _wide(y).a)
    return Ints(operation(a, b), max(x.m, y.m))


def where(mask, x, y):
    """x where the mask holds, else y; numbers or arrays, broadcast along rows."""
    x = x if isinstance(x, Ints) else vector([x])
    y = y if isinstance(y, Ints) else vector([y])
    a, b = (x.a, y.a) if x.a.dtype == y.a.dtype else (_wide(x).a, _wide(y).a)
    return Ints(np.where(mask, a, b), max(x.m, y.m))


def quotient(x, y):
    """Floor of x / y, entrywise, for positive y."""
    a, b = (x.a, y.a) if x.a.dtype == y.a.dtype else (_wide(x).a, _wide(y).a)
    return Ints(a // b, x.m) if a.dtype != object else _settle(a // b)


def any_true(mask):
    return bool(mask.any())


def all_true(mask):
    return bool(mask.all())


def places(mask, shape):
    """(rows, columns) where a mask holds, after one row of it stands for all of ``shape``."""
    return np.nonzero(np.broadcast_to(mask, shape))


def owned(where, owner):
    """The same places in the rows ``owner`` names, one for each row; None: one row stands for all."""
    return where if owner is None else (owner[where[0]], where[1])


def spread(x, owner):
    """The row of a matrix or mask that ``owner`` names for each functional; None: one row stands for all."""
    if owner is None:
        return x
    return Ints(x.a[owner], x.m) if isinstance(x, Ints) else x[owner]


def index(values):
    """A list of indices in the form that slices and lookups want."""
    return np.asarray(values, dtype=np.intp)


def join(parts):
    """Vectors one after another, or the rows of matrices."""
    wide = any(p.a.dtype == object for p in parts)
    return Ints(np.concatenate([_wide(p).a if wide else p.a for p in parts]), max(p.m for p in parts))


def rowdot(x, y):
    """sum_j x_ij y_ij for each row i of x; one row of y stands for all."""
    if y.shape[0] == 1:
        return matmul(x, y.transpose()).flat()
    k = max(1, x.shape[1])
    bound = x.m * y.m * k
    if bound >= _SAFE:
        bound = _tight(x) * _tight(y) * k
    narrow = x.a.dtype != object and y.a.dtype != object
    if bound < _SAFE and narrow:
        return Ints(np.einsum("ij,ij->i", x.a, y.a), bound)
    room = 61 - (_tight(x) * k).bit_length()
    if room < 4:
        return _settle((_wide(x).a * y.a).sum(axis=1))
    parts = [np.einsum("ij,ij->i", x.a.astype(np.int64), d) for d in _limbs(y, room)]
    return _settle(sum(p.astype(object) << (room * i) for i, p in enumerate(parts)))


def fold(x, index, size):
    """Columns added up by index: out[:, index[i]] += x[:, i]; index -1 is dropped."""
    i = np.asarray(index, dtype=np.intp)
    keep = i >= 0
    m = x.m * len(i)
    m = x.m * int(np.bincount(i[keep]).max(initial=0)) if m >= _SAFE and keep.any() else m
    source = x if m < _SAFE else _wide(x)
    out = np.zeros((x.shape[0], size), dtype=source.a.dtype)
    np.add.at(out.T, i[keep], source.a.T[keep])
    return Ints(out, m) if out.dtype != object else _settle(out)


def to_positions(x, channels, start, stop, positions):
    """Rows (r, channels * p) at some channels and positions, as a matrix (r * positions, stop - start)."""
    r = x.shape[0]
    part = x.a.reshape(r, channels, -1)[:, start:stop][:, :, np.asarray(positions, dtype=np.intp)]
    return Ints(np.ascontiguousarray(part.transpose(0, 2, 1)).reshape(-1, stop - start), x.m)


def add_positions(out, x, channels, start, positions):
    """The inverse of to_positions, added: returns out plus x at those channels and (distinct) positions."""
    r, k = out.shape[0], x.shape[1]
    m = out.m + x.m
    if m >= _SAFE or out.a.dtype == object or x.a.dtype == object:
        out, x = _wide(out), _wide(x)
    view = out.a.reshape(r, channels, -1)
    view[:, start : start + k, np.asarray(positions, dtype=np.intp)] += x.a.reshape(r, -1, k).transpose(0, 2, 1)
    return Ints(out.a, m) if out.a.dtype != object else _settle(out.a)


def matmul(x, y):
    """The exact product of (r, k) and (k, n)."""
    k = x.shape[1]
    if x.m * y.m * k >= _EXACT:
        norm = int(np.abs(_wide(x).a if x.m * k >= _SAFE else x.a).sum(axis=1).max()) if x.a.size else 0
        bound = norm * (y.m if norm * y.m < _EXACT else _tight(y))
    else:
        bound = x.m * y.m * k
    if bound < _EXACT and max(x.m, y.m) < _EXACT:
        return Ints(_blas(x.a, y.a), bound)
    bits = (53 - max(1, k).bit_length()) // 2
    wide = bound >= _SAFE
    out = np.zeros((x.shape[0], y.shape[1]), dtype=object if wide else np.int64)
    left, right = _limbs(x, bits), _limbs(y, bits)
    # Products of limbs with one shift are added up first: up to 2^9 numbers below 2^53 each.
    for s in range(len(left) + len(right) - 1):
        pairs = [(left[i], right[s - i]) for i in range(len(left)) if 0 <= s - i < len(right)]
        for some in (pairs[k : k + 256] for k in range(0, len(pairs), 256)):
            part, shift = sum(_blas(a, b) for a, b in some), bits * s
            if wide:
                out = out + (part.astype(object) << shift)
            elif shift < 64:
                # The true sum is below 2^62: wrapping modulo 2^64 on the way is harmless, and from 64 on nothing is
                # left.
                out = out + (part << shift)
    return _settle(out) if wide else Ints(out, bound)


def _limbs(x, bits):
    """Digits of base 2^bits: all but the last in [0, 2^bits), the last in [-2^bits, 2^bits)."""
    a, out = x.a, []
    magnitude = _tight(x)
    while magnitude >> bits:
        out.append((a & ((1 << bits) - 1)).astype(np.int64))
        a, magnitude = a >> bits, (magnitude >> bits) + 1 if magnitude >> (2 * bits) else magnitude >> bits
    out.append(a.astype(np.int64))
    return out


def _blas(a, b):
    """The product of int64 matrices whose bound the caller has established, through float64."""
    out = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)
    coin = np.frombuffer(os.urandom(b.shape[1]), dtype=np.uint8).astype(np.int64) & 1
    with np.errstate(over="ignore"):
        if not np.array_equal(out @ coin, a @ (b @ coin)):
            raise MachineFault("a matrix product disagrees with its randomised check")
    return out


def decode(kind, data):
    """IEEE bits as fixed-point integers: (lo, hi, h) with lo <= value * 2^h <= hi <= lo + 1.

    h = 60 - E for the least E the exponents allow with |value| < 2^E; hi = lo exactly where the value is a
    multiple of 2^-h. None where an entry is not finite.
    """
    width, mantissa_bits, bias = {"f2": (2, 10, 15), "f4": (4, 23, 127), "f8": (8, 52, 1023)}[kind]
    raw = np.frombuffer(data, dtype=f"<u{width}").astype(np.uint64)
    sign = (raw >> np.uint64(8 * width - 1)).astype(np.int64)
    field_bits = 8 * width - 1 - mantissa_bits
    field = ((raw >> np.uint64(mantissa_bits)) & np.uint64((1 << field_bits) - 1)).astype(np.int64)
    mantissa = (raw & np.uint64((1 << mantissa_bits) - 1)).astype(np.int64)
    if (field == (1 << field_bits) - 1).any():
        return None
    mantissa = np.where(field > 0, mantissa | (1 << mantissa_bits), mantissa)
    exponent = np.maximum(field, 1) - bias - mantissa_bits
    nonzero = mantissa != 0
    h = 60 - (int(exponent[nonzero].max()) + mantissa_bits + 1) if nonzero.any() else 0
    shift = np.where(nonzero, exponent + h, 0)
    down = np.minimum(np.maximum(-shift, 0), 63)
    size = (mantissa << np.maximum(shift, 0)) >> down
    inexact = ((size << down) != (mantissa << np.maximum(shift, 0))).astype(np.int64)
    lo = np.where(sign == 1, -size - inexact, size)
    return Ints(lo, 1 << 60), Ints(lo + inexact, 1 << 60), h


def exact(kind, data):
    """IEEE bits exactly: (v, e) with value = v 2^e and e the least exponent in use; None where one is not finite."""
    found = decode(kind, data)
    if found is None:
        return None
    lo, hi, h = found
    if not (hi - lo).a.any():
        return lo, -h
    values = np.frombuffer(data, dtype=f"<f{kind[1]}").astype(np.float64)
    fraction, exponent = np.frexp(values)
    m, least = np.ldexp(fraction, 53).astype(np.int64), int(exponent[values != 0].min())
    return _settle(m.astype(object) << (np.where(m == 0, least, exponent) - least).astype(object)), least - 53


def integers(kind, data):
    """Two's complement bytes as a vector."""
    width = int(kind[1:])
    if width <= 8:
        return _settle(np.frombuffer(data, dtype=f"<{kind}").astype(object))
    digits = np.frombuffer(data, dtype="<u8").reshape(-1, width // 8).astype(object)
    value = digits[:, -1] - ((digits[:, -1] >> 63) << 64)
    for k in range(width // 8 - 2, -1, -1):
        value = (value << 64) + digits[:, k]
    return _settle(value)


def self_test():
    """A product of known integers at the edge of the bound; a wrong BLAS shows here."""
    n, big = 32, (1 << 24) - 1
    a = [[(big - i * j) * (-1) ** (i + j) for j in range(n)] for i in range(n)]
    expected = [[sum(a[i][k] * a[k][j] for k in range(n)) for j in range(n)] for i in range(n)]
    x = Ints(np.array(a, dtype=np.int64), big)
    if matmul(x, x).a.tolist() != expected:
        raise MachineFault("the self-test product is wrong")
