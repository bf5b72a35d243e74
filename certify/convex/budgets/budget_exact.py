"""Budgets in Fractions, where floats fail: gains within 1e-16 of what is too much, or sizes that floats do not hold."""

from __future__ import annotations

from fractions import Fraction

# Parts up to which a system is eliminated in Fractions: 40 of them take a second.
MOST = 40
# What is added, relative; and the largest bound, which floats hold.
SHARE, LARGEST = Fraction(1, 2**50), Fraction(2) ** 1000

Row = list[Fraction]


def above(gains: list[Row], sources: Row) -> Row | None:
    """w >= G w + b of few digits, w > 0, a little above the least; None where there is none or it is too large.

    gains: (n, n) >= 0; sources: (n) >= 0, such that every part gets some error; n <= MOST.
    """
    least = _solve(gains, sources)
    if least is None or min(least) <= 0 or max(least) > LARGEST:
        return None
    # With u = (I - G)^-1 w, w + d u is above by d w, of which rounding by a share e takes at most e (w + d u).
    more = _solve(gains, least)
    if more is None or min(more) <= 0:
        return None
    steep = max(u / w for u, w in zip(more, least, strict=True))
    share = SHARE / max(steep, Fraction(1))
    bits = int(2 / share).bit_length() + 2
    return [_up(w + share * u, bits) for w, u in zip(least, more, strict=True)]


def _up(q: Fraction, bits: int) -> Fraction:
    """A multiple of a power of two, at least q > 0, with about so many binary digits."""
    k = bits + q.denominator.bit_length() - q.numerator.bit_length()
    return Fraction(-(-q * Fraction(2) ** k // 1)) / Fraction(2) ** k


def _solve(gains: list[Row], b: Row) -> Row | None:
    """(I - G)^-1 b by elimination; None where a pivot is not positive: then G does not contract."""
    n = len(b)
    m = [[Fraction(int(i == j)) - gains[i][j] for j in range(n)] + [b[i]] for i in range(n)]
    for k in range(n):
        if m[k][k] <= 0:
            return None
        for i in range(k + 1, n):
            if m[i][k]:
                t = m[i][k] / m[k][k]
                m[i] = [x - t * y if y else x for x, y in zip(m[i], m[k], strict=True)]
    x = [Fraction(0)] * n
    for k in range(n - 1, -1, -1):
        x[k] = (m[k][n] - sum((m[k][j] * x[j] for j in range(k + 1, n)), Fraction(0))) / m[k][k]
    return x
