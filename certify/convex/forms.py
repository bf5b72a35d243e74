"""Quadratic forms side by side: several positive semidefinite facts as one statement *s-procedure*.

A form on vectors (u, v, ..) that falls into parts is non-negative exactly where each part is. So one certificate holds
several facts about matrices, and its factor is made of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd

import numpy as np
import scipy.linalg

from certify.errors import BadInput
from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix, above, beside, identity, zeros
from certify.statements.exact import Floats, exact, floats, of_integers
from certify.statements.factor import Factor, factor
from certify.statements.fine_factor import fine_factor

WITNESS_BITS = 40


def scalar(n: int, q: Fraction) -> Matrix:
    """q times the identity (n, n)."""
    found: Matrix = identity(fast, n).times(q.numerator, q.denominator)
    return found


def symmetric(values: object, place: str) -> Matrix:
    """An exactly symmetric matrix (n, n); raises BadInput naming the first entry that differs from its mirror image."""
    m = exact(values, place)
    if m.shape[0] != m.shape[1]:
        raise BadInput(f"{place}: expected a square matrix, found {m.shape[0]} x {m.shape[1]}")
    if len(bad := np.argwhere(m.n.a != m.n.a.T)):
        i, j = (int(v) for v in bad[0])
        raise BadInput(f"{place}: expected an exactly symmetric matrix, found {place}[{i}, {j}] != {place}[{j}, {i}]")
    return m


def together(parts: Sequence[Matrix]) -> Matrix:
    """The block diagonal of square matrices."""
    sizes = [p.shape[0] for p in parts]
    rows = []
    for k, p in enumerate(parts):
        before, after = sum(sizes[:k]), sum(sizes[k + 1 :])
        row = [zeros(fast, sizes[k], before)] * (before > 0) + [p] + [zeros(fast, sizes[k], after)] * (after > 0)
        rows.append(beside(*row))
    return lowest(above(*rows))


def lowest(m: Matrix) -> Matrix:
    """The same matrix over the least denominator: sums and products of exact matrices multiply theirs."""
    common = gcd(m.den, *(int(v) for v in m.n.a.ravel()))
    return m if common == 1 else Matrix(fast, m.n // common, m.den // common)


def grid(m: Matrix, bits: int = 40) -> tuple[Matrix, Fraction]:
    """A matrix on multiples of 2^-bits of its largest entry, and a bound of what that changed in the operator norm.

    The bound is the largest sum of sizes of a row or column. A matrix of short integers is returned as it is, with 0;
    a symmetric one stays symmetric.

    Stored floats of many sizes are integers of hundreds of bits, and their squares fill megabytes.
    """
    m = lowest(m)
    entries = [int(v) for v in m.n.a.ravel()]
    largest = max(map(abs, entries))
    if largest.bit_length() <= bits + 8:
        return m, Fraction(0)
    up = bits - (largest.bit_length() - m.den.bit_length())
    top, unit = max(up, 0), m.den << max(-up, 0)
    near = [(((v << (top + 1)) + unit) // (2 * unit)) << max(-up, 0) for v in entries]
    short = lowest(of_integers(near, m.shape[0], m.shape[1], 1 << top))
    lost = m - short
    sizes = [[abs(int(v)) for v in row] for row in lost.n.a]
    change = max(max(map(sum, sizes)), max(map(sum, zip(*sizes, strict=True))))
    return short, Fraction(change, lost.den)


def shortened(q: Fraction, bits: int = 24) -> Fraction:
    """A dyadic number at least q, q >= 0, of so many bits."""
    if not q:
        return q
    up = bits - (q.numerator.bit_length() - q.denominator.bit_length())
    scaled = q * 2**up if up >= 0 else q / 2**-up
    return Fraction(scaled.__ceil__()) / Fraction(2) ** up


def corner(m: Matrix, n: int) -> Matrix:
    """The (n, n) matrix with m in its upper left corner, else zero; n at least the side of m."""
    rest = n - m.shape[0]
    return together([m, zeros(fast, rest, rest)]) if rest else m


def factors(parts: Sequence[Matrix], fine: bool = False) -> Factor | None:
    """Hints for the block diagonal of the parts, or None when one of them has none.

    fine: look further, in long integers, where float64 sees no positive definite matrix.
    """
    shifts: list[int] = []
    packed: list[int] = []
    for p in parts:
        f = factor(p)
        if f is None and fine:
            f = fine_factor(p)
        if f is None:
            return None
        before, at = len(shifts), 0
        for i in range(p.shape[0]):
            packed += [0] * before + f.packed[at : at + i + 1]
            at += i + 1
        shifts += f.shifts
    return Factor(shifts, packed)


def least_eigenvalue(m: Matrix) -> Fraction | None:
    """A rational a with m - a positive semidefinite, exactly, close to the least eigenvalue; None where none was found.

    The search is in float64; that the difference is positive semidefinite is decided by rule *psd*.
    """
    values = scipy.linalg.eigvalsh(floats(m))
    scale = max(abs(float(values[0])), abs(float(values[-1])), 2.0**-1000)
    for slack in (2.0**-44, 2.0**-38, 2.0**-30, 2.0**-20):
        a = Fraction(float(values[0]) - slack * scale)
        if factor(m - scalar(m.shape[0], a)) is not None:
            return a
    return None


def dyadic(x: Floats) -> Matrix:
    """A column near a multiple of x, on a grid of 40 bits."""
    unit = np.rint(x / np.abs(x).max() * 2.0**WITNESS_BITS).astype(np.int64)
    return of_integers(unit, len(unit), 1, 1 << WITNESS_BITS)


def form(m: Matrix, x: Matrix, y: Matrix | None = None) -> Fraction:
    """x' m y, of columns; y is x when not given."""
    found = x.T @ m @ (x if y is None else y)
    return Fraction(int(found.n.tolist()[0]), found.den)


def inner(x: Matrix, y: Matrix) -> Fraction:
    """x' y, of columns."""
    found = x.T @ y
    return Fraction(int(found.n.tolist()[0]), found.den)
