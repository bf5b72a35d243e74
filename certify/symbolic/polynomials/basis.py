"""Monomials that squares may need: by degree, sorted by parity. program.py drops those that cannot occur."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

from certify.symbolic.polynomials.poly import Exponents, Poly


def monomials(n: int, degree: int) -> list[Exponents]:
    """All of total degree at most ``degree``, by degree."""
    out = []
    for d in range(degree + 1):
        for chosen in combinations_with_replacement(range(n), d):
            e = [0] * n
            for j in chosen:
                e[j] += 1
            out.append(tuple(e))
    return out


def plus(e: Exponents, f: Exponents) -> Exponents:
    return tuple(a + b for a, b in zip(e, f, strict=True))


class Parity:
    """Sign changes of variables that leave all polynomials as they are sort monomials into blocks."""

    def __init__(self, n: int, polynomials: Sequence[Poly]) -> None:
        # Parities of all exponents span W in F_2^n; two monomials share a block when their sum lies in W.
        self._rows: dict[int, int] = {}
        for p in polynomials:
            for e in p.terms:
                v = self._reduced(_bits(e))
                if v:
                    self._rows[v.bit_length()] = v

    def _reduced(self, v: int) -> int:
        for top in sorted(self._rows, reverse=True):
            if v >> (top - 1) & 1:
                v ^= self._rows[top]
        return v

    def blocks(self, found: Sequence[Exponents]) -> list[list[Exponents]]:
        out: dict[int, list[Exponents]] = {}
        for m in found:
            out.setdefault(self._reduced(_bits(m)), []).append(m)
        return list(out.values())


def _bits(e: Exponents) -> int:
    return sum((k & 1) << j for j, k in enumerate(e))
