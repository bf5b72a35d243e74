"""Polynomials with rational coefficients, as the prover handles them: a dict from exponents to Fractions.

The kernel has arithmetic of its own (certify/kernel/polynomials.py); nothing here is trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from operator import add

import numpy as np
from numpy.typing import NDArray

Exponents = tuple[int, ...]


@dataclass(frozen=True)
class Poly:
    """sum_e terms[e] x^e in n variables; zero coefficients are dropped."""

    n: int
    terms: Mapping[Exponents, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", {e: Fraction(c) for e, c in self.terms.items() if c})

    @staticmethod
    def constant(n: int, c: Fraction | int) -> Poly:
        return Poly(n, {(0,) * n: Fraction(c)})

    @staticmethod
    def variable(n: int, j: int) -> Poly:
        return Poly(n, {tuple(int(i == j) for i in range(n)): Fraction(1)})

    @staticmethod
    def monomial(e: Exponents) -> Poly:
        return Poly(len(e), {tuple(e): Fraction(1)})

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __hash__(self) -> int:
        return hash((self.n, frozenset(self.terms.items())))

    def __iter__(self) -> Iterator[tuple[Exponents, Fraction]]:
        return iter(self.terms.items())

    def __add__(self, other: Poly | Fraction | int) -> Poly:
        if not isinstance(other, Poly):
            other = Poly.constant(self.n, other)
        out = dict(self.terms)
        for e, c in other.terms.items():
            out[e] = out.get(e, Fraction(0)) + c
        return Poly(self.n, out)

    def __neg__(self) -> Poly:
        return Poly(self.n, {e: -c for e, c in self.terms.items()})

    def __sub__(self, other: Poly | Fraction | int) -> Poly:
        return self + -other

    def __rsub__(self, other: Fraction | int) -> Poly:
        return -self + other

    def __mul__(self, other: Poly | Fraction | int) -> Poly:
        if not isinstance(other, Poly):
            return Poly(self.n, {e: c * other for e, c in self.terms.items()})
        out: dict[Exponents, Fraction] = {}
        for e, c in self.terms.items():
            for f, d in other.terms.items():
                both = tuple(map(add, e, f))
                out[both] = out.get(both, Fraction(0)) + c * d
        return Poly(self.n, out)

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, k: int) -> Poly:
        return prod([self] * k, start=Poly.constant(self.n, 1))

    @property
    def degree(self) -> int:
        """The largest total degree; 0 for the zero polynomial."""
        return max((sum(e) for e in self.terms), default=0)

    def __call__(self, x: Sequence[Fraction | int]) -> Fraction:
        """The exact value at a rational point."""
        point = [Fraction(v) for v in x]
        total = Fraction(0)
        for e, c in self.terms.items():
            total += prod((v**k for v, k in zip(point, e, strict=True) if k), start=c)
        return total

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Exponents (terms, n) and coefficients (terms,) as floats."""
        keys = list(self.terms)
        powers = np.array(keys, dtype=np.int64).reshape(len(keys), self.n)
        return powers, np.array([float(self.terms[k]) for k in keys])

    def moved(self, places: Sequence[int], n: int) -> Poly:
        """The same polynomial among n variables: variable j becomes variable places[j]."""
        out: dict[Exponents, Fraction] = {}
        for e, c in self.terms.items():
            wide = [0] * n
            for j, k in zip(places, e, strict=True):
                wide[j] += k
            out[tuple(wide)] = out.get(tuple(wide), Fraction(0)) + c
        return Poly(n, out)

    def substituted(self, values: Sequence[Poly]) -> Poly:
        """With a polynomial for each variable."""
        n = values[0].n
        return total(
            n, (prod((v**k for v, k in zip(values, e, strict=True)), start=Poly.constant(n, c)) for e, c in self)
        )


def total(n: int, parts: Iterable[Poly]) -> Poly:
    """The sum."""
    out: dict[Exponents, Fraction] = {}
    for p in parts:
        for e, c in p.terms.items():
            out[e] = out.get(e, Fraction(0)) + c
    return Poly(n, out)


def product(n: int, factors: Iterable[Poly]) -> Poly:
    """The product; 1 of nothing."""
    return prod(factors, start=Poly.constant(n, 1))
