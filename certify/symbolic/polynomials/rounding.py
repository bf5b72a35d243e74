"""From a float solution of a program to an exact proof: round, put what is left over into a Gram matrix, factor.

Peyrl, Parrilo 2008 (Computing sum of squares decompositions with rational coefficients): a strictly feasible solution
stays one when it is rounded and projected back. Here the residual goes to the entries of the plain block where it
reaches every monomial, else to a well-conditioned set of entries, by exact elimination.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from certify.kernel.exact import Matrix
from certify.statements.exact import exact
from certify.statements.factor import Factor, factor
from certify.symbolic.polynomials.basis import plus
from certify.symbolic.polynomials.evidence import Gram, Multiple, Squares
from certify.symbolic.polynomials.poly import Exponents, Poly
from certify.symbolic.polynomials.program import Block, Floats, Program, Solution, expand
from certify.symbolic.polynomials.rational import solution, spanning

Terms = tuple[Squares | Gram | Multiple, ...]
Cells = list[list[Fraction]]

# Bits behind the point in rounded entries; fewer make a smaller certificate.
BITS = (2, 8, 14, 20, 28, 36, 46)


def exact_terms(program: Program, found: Solution, target: Poly) -> Terms | None:
    """Terms whose sum is the target exactly, every Gram matrix factored; None where rounding leaves the cone."""
    size = max((float(np.max(np.abs(g))) for g in found.grams), default=1.0) or 1.0
    for bits in BITS:
        unit = bits - int(np.floor(np.log2(size))) if size < 1 else bits
        if 0 < found.value < len(program.rows) * 2.0**-unit and bits < BITS[-1]:
            continue
        grams = [_rounded(g, unit) for g in found.grams]
        frees = [[_dyadic(v, unit) for v in f] for f in found.frees]
        if not _absorbed(program, grams, frees, target - expand(program, grams, frees)):
            continue
        terms = _factored(program, grams, frees)
        if terms is not None:
            return terms
    return None


def _dyadic(v: float, bits: int) -> Fraction:
    return Fraction(round(Fraction(float(v)) * (1 << bits)), 1 << bits)


def _rounded(g: Floats, bits: int) -> Cells:
    out = [[Fraction(0)] * len(g) for _ in g]
    for i in range(len(g)):
        for j in range(i + 1):
            out[i][j] = out[j][i] = _dyadic(g[i, j], bits)
    return out


def _absorbed(program: Program, grams: list[Cells], frees: list[list[Fraction]], rest: Poly) -> bool:
    """Add the rest to entries; False where they do not reach it."""
    return not rest or _spread(program, grams, rest) or _solved(program, grams, frees, rest)


def _spread(program: Program, grams: list[Cells], rest: Poly) -> bool:
    """Evenly over the entries of each monomial in the blocks without premises.

    In dyadic numbers, with one entry for what does not divide.
    """
    places: dict[Exponents, list[tuple[Cells, int, int]]] = {}
    for b, g in zip(program.blocks, grams, strict=True):
        if b.basis is not None or b.premises:
            continue
        for i, j in b.pairs():
            places.setdefault(plus(b.monomials[i], b.monomials[j]), []).append((g, i, j))
    if any(e not in places for e in rest.terms):
        return False
    for e, c in rest.terms.items():
        count = sum(1 if i == j else 2 for _, i, j in places[e])
        # Twenty bits below the residual: an uneven rest of that size does no harm.
        shift = 20 + max(0, (c.denominator // abs(c.numerator)).bit_length())
        share = Fraction(int(c / count * (1 << shift)), 1 << shift)
        for k, (g, i, j) in enumerate(places[e]):
            mine = share + ((c - share * count) / (1 if i == j else 2) if k == 0 else 0)
            g[i][j] += mine
            if i != j:
                g[j][i] += mine
    return True


def _solved(program: Program, grams: list[Cells], frees: list[list[Fraction]], rest: Poly) -> bool:
    """By exact elimination on entries and coefficients that span the rest."""
    if any(e not in program.rows for e in rest.terms):
        return False
    dense = program.scaled.toarray()
    chosen = spanning(dense)
    # A wrong face misses the rest by about all of it: seen in floats, before fractions grow long over it.
    right = np.zeros(dense.shape[0])
    size = max(abs(c) for c in rest.terms.values())
    for e, c in rest.terms.items():
        right[program.rows[e]] = float(c / size)
    near = np.linalg.lstsq(dense[:, chosen], right, rcond=None)[0]
    if float(np.linalg.norm(dense[:, chosen] @ near - right)) > 1e-6 * float(np.linalg.norm(right)):
        return False
    found = solution([program.columns[k] for k in chosen], rest.terms)
    if found is None:
        return False
    places: list[tuple[Any, int, int]] = [
        (g, i, j) for b, g in zip(program.blocks, grams, strict=True) for i, j in b.pairs()
    ]
    places += [(f, -1, k) for f in frees for k in range(len(f))]
    for k, c in zip(chosen, found, strict=True):
        where, i, j = places[k]
        if i < 0:
            where[j] += c
            continue
        where[i][j] += c
        if i != j:
            where[j][i] += c
    return True


def _factored(program: Program, grams: list[Cells], frees: list[list[Fraction]]) -> Terms | None:
    terms: list[Squares | Gram | Multiple] = []
    for b, g in zip(program.blocks, grams, strict=True):
        if not any(any(row) for row in g):
            continue
        if b.size == 1:
            if g[0][0] < 0:
                return None
            terms.append(Squares((g[0][0],), b.polynomials, b.premises))
            continue
        m = exact(np.array(g, dtype=object))
        f = _hints(m)
        if f is None:
            return None
        terms.append(Gram(_monomials(b), m, f, _basis(b), b.premises))
    for free, q in zip(program.frees, frees, strict=True):
        p = Poly(program.n, dict(zip(free.monomials, q, strict=True)))
        if p:
            terms.append(Multiple(p, free.equality))
    return tuple(terms)


def _hints(m: Matrix) -> Factor | None:
    try:
        return factor(m)
    except np.linalg.LinAlgError:  # a least eigenvalue of the size of float64's rounding
        return None


def _monomials(b: Block) -> tuple[Exponents, ...]:
    return b.monomials if b.basis is None else tuple(sorted({e for q in b.basis for e in q.terms}))


def _basis(b: Block) -> Matrix | None:
    if b.basis is None:
        return None
    keys = _monomials(b)
    return exact(np.array([[q.terms.get(e, Fraction(0)) for e in keys] for q in b.basis], dtype=object))
