"""How far the inverses of two positive definite matrices are apart, with no inverse trusted.

For symmetric M and N, E = M - N and a > 0, if for all vectors u and v

    u' M u + 2 u' E v + v' (E + eps N N) v >= a |u|^2                              (*)

then M >= a, and the least value over u, at u = - M^-1 E v, is v' (E - E M^-1 E + eps N N) v, where E - E M^-1 E is
N (N^-1 - M^-1) N. So (*) says M^-1 <= N^-1 + eps, for N invertible. The form with M and N exchanged says N >= b and
N^-1 <= M^-1 + eps. Together |M^-1 - N^-1| <= eps in the operator norm. The two forms side by side are one statement
*s-procedure* without premises; both are lossless up to a and b, which are taken 2^-24 of what there is. (Completing
the square: Boyd and Vandenberghe, Convex Optimization, A.5.5.)
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import scipy.linalg

from certify.convex.forms import dyadic, factors, inner, lowest, scalar, shortened
from certify.kernel.exact import Matrix, above, beside
from certify.numbers import root_above, root_below
from certify.statements.exact import Floats, exact, floats
from certify.statements.factor import Factor

# What is added to the float value, relative to it, until the exact forms have factors.
SLACKS = (2.0**-30, 2.0**-24, 2.0**-18, 2.0**-14, 2.0**-10, 2.0**-8, 2.0**-6, 2.0**-5, 2.0**-4, 2.0**-3)
FLOOR = 2.0**-24
# Before much is given away, factors are looked for in long integers.
ATTEMPTS = [(s, False) for s in SLACKS[:4]] + [(2.0**-20, True), (2.0**-10, True)] + [(s, False) for s in SLACKS[4:]]


def forms(M: Matrix, N: Matrix, eps: Fraction, a: Fraction, b: Fraction) -> list[Matrix]:
    """The matrices (2n, 2n) of (*) for (M, N) with a, and for (N, M) with b."""
    return [_form(M, N, eps, a), _form(N, M, eps, b)]


def _form(M: Matrix, N: Matrix, eps: Fraction, a: Fraction) -> Matrix:
    n = M.shape[0]
    E = lowest(M - N)
    last = E + (N @ N).times(eps.numerator, eps.denominator)
    return lowest(above(beside(M - scalar(n, a), E), beside(E, last)))


def float_difference(M: Matrix, N: Matrix) -> tuple[float, Floats]:
    """|M^-1 - N^-1| in float64, and a vector y at which it is attained."""
    first, second = floats(M), floats(N)
    one = np.eye(len(first))
    gap = scipy.linalg.solve(first, one, assume_a="pos") - scipy.linalg.solve(second, one, assume_a="pos")
    values, vectors = scipy.linalg.eigh((gap + gap.T) / 2)
    at = int(np.abs(values).argmax())
    return float(abs(values[at])), vectors[:, at]


def established(
    M: Matrix, N: Matrix, value: float, least: tuple[Fraction, Fraction]
) -> tuple[Fraction, Fraction, Fraction, Factor] | None:
    """eps, a, b and hints for the two forms; None where no factor was found.

    value: the float difference. least: what M and N are at least, to choose a and b.
    """
    # Powers of two: the numbers of the statement stay short.
    a, b = (Fraction(2.0 ** np.floor(np.log2(float(v) * FLOOR))) for v in least)
    if not value:
        return None
    for slack, fine in ATTEMPTS:
        eps = shortened(Fraction(value * (1 + slack)), 32 if slack < 2.0**-20 else 24)
        hints = factors(forms(M, N, eps, a, b), fine)
        if hints is not None:
            return eps, a, b, hints
    return None


def attained(M: Matrix, N: Matrix, y: Floats, least: Fraction) -> Fraction:
    """A number that |M^-1 - N^-1| is at least, in exact arithmetic: |(M^-1 - N^-1) z| / |z| at z = N v near y.

    least: M is at least this, so that |M^-1 r| <= |r| / least for what is left of a rounded solution of M u = z.
    """
    v = dyadic(scipy.linalg.solve(floats(N), y, assume_a="pos"))
    z = N @ v
    u = _solved(M, z)
    rest = z - M @ u
    gap = root_below(inner(u - v, u - v)) - root_above(inner(rest, rest)) / least
    size = root_above(inner(z, z))
    return max(gap / size, Fraction(0)) if size else Fraction(0)


def _solved(M: Matrix, z: Matrix) -> Matrix:
    """A rational u with M u near z, refined once."""
    solve = scipy.linalg.cho_factor(floats(M))
    u = exact(scipy.linalg.cho_solve(solve, floats(z))[:, 0]).T
    more = scipy.linalg.cho_solve(solve, floats(z - M @ u))[:, 0]
    refined: Matrix = u + exact(more).T
    return refined
