"""Sums and rounding of exact matrices whose denominators are powers of two, without multiplying these together."""

from __future__ import annotations

from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix


def total(x: Matrix, y: Matrix) -> Matrix:
    """x + y over the larger denominator."""
    den = max(x.den, y.den)
    return Matrix(fast, x.over(den) + y.over(den), den)


def rounded(m: Matrix, bits: int) -> Matrix:
    """Entries rounded down to multiples of 2^-bits; symmetric where m is."""
    return Matrix(fast, (m.n << bits) // m.den, 1 << bits)
