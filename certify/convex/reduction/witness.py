"""A gain that a linear system attains at one frequency, as an exact rational: the lower end of an error gain.

The gain from rest is at least |u* G(s) v| / (|u| |v|) at every s on the boundary of stability that is no pole, for a
sinusoid of that frequency and direction v that is switched on for long enough. The solution of (s I - A) x = B v is
approximate: R, near the inverse in float64, and E = I - R (s I - A), exactly, bound what is missing by

    |x - x'|_inf <= |R|_inf |r|_inf / (1 - |E|_inf)      r = B v - (s I - A) x'

In discrete time s is the rational point (1 - t^2 + 2 t i) / (1 + t^2) of the circle; nothing here is rounded unnoticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.convex.reduction.coordinates import prescaled
from certify.convex.reduction.dyadic import total
from certify.convex.reduction.norm import Peak
from certify.convex.reduction.systems import System
from certify.kernel.exact import Matrix, identity, zeros
from certify.numbers import root_below
from certify.results import round_down
from certify.statements.exact import exact, floats

REFINEMENTS = 3
Complexes = NDArray[np.complex128]


@dataclass(frozen=True)
class Attained:
    """gain: at most |G(s)| in that direction, exactly.

    frequency: as in norm.Peak; point: real and imaginary part of s, None for infinity; direction: v (m,), complex.
    """

    gain: Fraction
    direction: Complexes
    frequency: float
    point: tuple[Fraction, Fraction] | None

    def as_json(self) -> dict[str, object]:
        """The gain rounded down to a float, the point exactly, the direction as [real, imaginary] pairs."""
        pairs = [[float(v.real), float(v.imag)] for v in self.direction]
        point = None if self.point is None else [str(v) for v in self.point]
        gain = round_down(self.gain)
        return {"gain": gain, "frequency": self.frequency, "point": point, "direction": pairs}


@dataclass(frozen=True)
class _Pair:
    """A complex matrix, exactly."""

    re: Matrix
    im: Matrix

    def __add__(self, other: _Pair) -> _Pair:
        return _Pair(total(self.re, other.re), total(self.im, other.im))

    def __sub__(self, other: _Pair) -> _Pair:
        return self + _Pair(-other.re, -other.im)

    def __matmul__(self, other: _Pair) -> _Pair:
        cross, straight = self.re @ other.im, self.re @ other.re
        return _Pair(total(straight, -(self.im @ other.im)), total(cross, self.im @ other.re))

    def times(self, q: Fraction) -> _Pair:
        n, d = q.numerator, q.denominator
        return _Pair(self.re.times(n, d), self.im.times(n, d))

    def left(self, real: Matrix) -> _Pair:
        """A real matrix times this one."""
        return _Pair(real @ self.re, real @ self.im)

    def numpy(self) -> Complexes:
        return floats(self.re) + 1j * floats(self.im)


def attained(s: System, at: Peak) -> Attained | None:
    """|G| in the worst direction at a peak, rounded down; None where s I - A is too near singular for float64."""
    inner = _scaled(s)
    a, b, c, d = (exact(v) for v in inner.parts)
    re, im, kappa = _point(at.frequency, s.continuous)
    if kappa is None:
        return Attained(*_best(_real(d)), at.frequency, None)
    n = len(inner.a)
    one = identity(a.a, n)
    shifted = _Pair(one.times(re.numerator, re.denominator) - a.times(kappa.numerator, kappa.denominator),
                    one.times(im.numerator, im.denominator))  # fmt: skip
    try:
        r = np.linalg.inv(shifted.numpy())
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(r).all():
        return None
    approximate = _exactly(r)
    gap = _row_sums(_real(one) - approximate @ shifted)
    if gap >= Fraction(1, 2):
        return None
    x, rest = _exactly(np.zeros((n, b.shape[1]))), _real(b)
    for _ in range(REFINEMENTS):
        x = x + _exactly(r @ rest.numpy())
        rest = _real(b) - shifted @ x
    missing = _row_sums(approximate) * _largest(rest) / (1 - gap)
    found = _best(x.left(c).times(kappa) + _real(d), missing * _row_sums(_real(c)) * kappa)
    return Attained(*found, at.frequency, (re / kappa, im / kappa))


def _scaled(s: System) -> System:
    """The system in coordinates by powers of two, unless that leaves the range of floats."""
    powers, inner = prescaled(s)
    k = np.array(powers)
    back = (np.ldexp(inner.a, k[:, None] - k), np.ldexp(inner.b, k[:, None]), np.ldexp(inner.c, -k))
    return inner if all(np.array_equal(x, y) for x, y in zip(back, (s.a, s.b, s.c), strict=True)) else s


def _point(frequency: float, continuous: bool) -> tuple[Fraction, Fraction, Fraction | None]:
    """s = (re + i im) / kappa exactly, near the frequency; no kappa for s = inf."""
    if continuous:
        finite = np.isfinite(frequency)
        return Fraction(0), Fraction(frequency if finite else 0), Fraction(1) if finite else None
    t = float(np.tan(frequency / 2))
    if not abs(t) < 2.0**30:
        return Fraction(-1), Fraction(0), Fraction(1)
    q = Fraction(t)
    return 1 - q * q, 2 * q, 1 + q * q


def _best(g: _Pair, spread: Fraction = Fraction(0)) -> tuple[Fraction, Complexes]:
    """v and |u* G v| / (|u| |v|), less what is not known of it: at most spread times the sums of |u| and |v|."""
    left, _, right = np.linalg.svd(g.numpy())
    u, v = left[:, :1], right[:1].conj().T
    value = _exactly(u.conj().T) @ g @ _exactly(v)
    size = root_below(_largest(value, squares=True))
    parts = [[Fraction(float(x)) for x in (*w.real.flat, *w.imag.flat)] for w in (u, v)]
    squares = [sum((x * x for x in w), Fraction(0)) for w in parts]
    sums = [sum((abs(x) for x in w), Fraction(0)) for w in parts]
    gain = max(Fraction(0), size - spread * sums[0] * sums[1])
    return root_below(gain**2 / (squares[0] * squares[1])), v.ravel()


def _exactly(z: Any) -> _Pair:
    return _Pair(exact(np.asarray(z).real), exact(np.asarray(z).imag))


def _real(m: Matrix) -> _Pair:
    return _Pair(m, zeros(m.a, *m.shape))


def _row_sums(z: _Pair) -> Fraction:
    """The largest sum of |re| + |im| over a row: no less than the norm of z from |.|_inf to |.|_inf."""
    den = max(z.re.den, z.im.den)
    sizes = [np.abs(m.over(den).a.astype(object)).sum(axis=1) for m in (z.re, z.im)]
    return Fraction(int((sizes[0] + sizes[1]).max()), den)


def _largest(z: _Pair, squares: bool = False) -> Fraction:
    """The largest |re| + |im|, or with ``squares`` the largest re^2 + im^2."""
    den = max(z.re.den, z.im.den)
    re, im = (np.abs(m.over(den).a.astype(object)) for m in (z.re, z.im))
    return Fraction(int((re * re + im * im).max()), den * den) if squares else Fraction(int((re + im).max()), den)
