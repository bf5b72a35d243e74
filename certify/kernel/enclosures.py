"""Enclosures of real numbers: pairs of integers, low and high, over 2^p, and what operations make of them.

Each operation gives a pair that holds every value it can take on its arguments' pairs; ends are rounded outward, to
integers. k is a number of halvings, which exponentials and logarithms take: from 1 + x <= e^x <= 1 / (1 - x),

    (1 + x / 2^k)^(2^k) <= e^x <= (1 - x / 2^k)^-(2^k)      2^k (1 - y^(-1 / 2^k)) <= ln y <= 2^k (y^(1 / 2^k) - 1)

where every squaring and every root is rounded again. Rejects with: domain. Spec: statements.md#range.
"""

from __future__ import annotations

from math import isqrt

from certify.kernel.limits import EXPONENT, POWER, VALUE_BITS
from certify.kernel.verdict import limit, require


def up(x, y):
    """ceil(x / y), y > 0."""
    return -(-x // y)


def add(x, y, p, k):
    return x[0] + y[0], x[1] + y[1]


def subtract(x, y, p, k):
    return x[0] - y[1], x[1] - y[0]


def multiply(x, y, p, k):
    ends = [x[0] * y[0], x[0] * y[1], x[1] * y[0], x[1] * y[1]]
    return min(ends) >> p, up(max(ends), 1 << p)


def divide(x, y, p, k):
    require(y[0] > 0 or y[1] < 0, "domain", "proof", "a denominator may be zero")
    one = 1 << 2 * p
    return multiply(x, (one // y[1], -(one // -y[0])), p, k)


def power(x, n, p):
    """x^n, n >= 1. Between -h and h, |x| lies between 0 and h."""
    require(n >= 1, "exponent", "claim", f"exponent {n}; it is at least 1")
    limit(n, POWER, "claim", "an exponent")
    if n % 2 == 0:
        x = max(0, x[0], -x[1]), max(-x[0], x[1])
    shift = (n - 1) * p
    return x[0] ** n >> shift, up(x[1] ** n, 1 << shift)


def least(x, y, p, k):
    return min(x[0], y[0]), min(x[1], y[1])


def largest(x, y, p, k):
    return max(x[0], y[0]), max(x[1], y[1])


def root(x, p, k):
    require(x[0] >= 0, "domain", "proof", "a root of what may be negative")
    return isqrt(x[0] << p), root_above(x[1], p)


def root_above(y, p):
    """An integer at or above the root of y 2^p, y >= 0."""
    y <<= p
    s = isqrt(y)
    return s if s * s == y else s + 1


def exponential(x, p, k):
    one = 1 << p
    limit(x[1], EXPONENT << p, "proof", "an exponent of e")
    low = max(0, one + (x[0] >> k))
    rest = one - up(x[1], 1 << k)
    require(rest > 0, "domain", "proof", "too few halvings for an exponent of e")
    high = up(one * one, rest)
    for _ in range(k):
        low, high = low * low >> p, up(high * high, one)
        limit(high.bit_length(), VALUE_BITS, "proof", "bits of an exponential")
    return low, high


def logarithm(x, p, k):
    low, high = x
    require(low > 0, "domain", "proof", "a logarithm of what may not be positive")
    one = 1 << p
    for _ in range(k):
        low, high = isqrt(low << p), root_above(high, p)
    return (one - up(one * one, low)) << k, (high - one) << k
