"""The linear case: the target as products of premises and squares of monomials with constants >= 0, found by HiGHS.

Krivine, Handelman: such products suffice for positive polynomials on polytopes. A vertex of the program has a support
on which the constants are determined: they are solved for exactly, so that identities without slack are found too.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np
import scipy.sparse as sp

from certify.symbolic.polynomials.basis import monomials
from certify.symbolic.polynomials.evidence import Multiple, Squares
from certify.symbolic.polynomials.poly import Exponents, Poly
from certify.symbolic.polynomials.rational import solution
from certify.symbolic.polynomials.rounding import Terms

COLUMNS = 4_000


def products(
    inequalities: Sequence[Poly], degree: int, most: int, count: int = 4
) -> list[tuple[tuple[int, ...], Poly]]:
    """Products of at most ``count`` premises within a degree, fewest factors first, ``most`` of them."""
    n = inequalities[0].n if inequalities else 0
    out: list[tuple[tuple[int, ...], Poly]] = []
    known: dict[tuple[int, ...], Poly] = {}
    for size in range(1, count + 1):
        for chosen in combinations_with_replacement(range(len(inequalities)), size):
            if sum(max(1, inequalities[k].degree) for k in chosen) > degree:
                continue
            if chosen[:-1] and chosen[:-1] not in known:
                continue
            p = inequalities[chosen[-1]] * (known[chosen[:-1]] if chosen[:-1] else Poly.constant(n, 1))
            known[chosen] = p
            out.append((chosen, p))
            if len(out) >= most:
                return out
    return out


def nonnegative_terms(
    target: Poly, inequalities: Sequence[Poly], equalities: Sequence[Poly], active: Sequence[int], degree: int
) -> Terms | None:
    """Terms that add up to the target, or None."""
    n = target.n
    half = [_wide(e, active, n) for e in monomials(len(active), degree // 2)]
    chosen: list[tuple[tuple[int, ...], Exponents]] = []
    columns: list[dict[Exponents, Fraction]] = []
    for premises, p in [((), Poly.constant(n, 1)), *products(inequalities, degree, COLUMNS // 4)]:
        for e in half:
            if 2 * sum(e) + p.degree <= degree and len(columns) < COLUMNS:
                q = Poly.monomial(e)
                chosen.append((premises, e))
                columns.append(dict((p * q * q).terms))
    signed = len(columns)
    multiples: list[tuple[int, Exponents]] = []
    every = [_wide(e, active, n) for e in monomials(len(active), degree)]
    for k, h in enumerate(equalities):
        for e in every:
            if sum(e) + h.degree <= degree and len(columns) < COLUMNS:
                multiples.append((k, e))
                columns.append(dict((h * Poly.monomial(e)).terms))
    found = _vertex(columns, signed, target)
    if found is None:
        return None
    terms: list[Squares | Multiple] = []
    for k, c in found.items():
        if k < signed:
            premises, e = chosen[k]
            terms.append(Squares((c,), (Poly.monomial(e),), premises))
    for k in range(len(equalities)):
        q = Poly(n, {e: found[signed + i] for i, (j, e) in enumerate(multiples) if j == k and signed + i in found})
        if q:
            terms.append(Multiple(q, k))
    return tuple(terms)


def _wide(e: Exponents, active: Sequence[int], n: int) -> Exponents:
    out = [0] * n
    for j, k in zip(active, e, strict=True):
        out[j] = k
    return tuple(out)


def _vertex(columns: list[dict[Exponents, Fraction]], signed: int, target: Poly) -> dict[int, Fraction] | None:
    """Constants by column, those below ``signed`` not negative, exactly."""
    from scipy.optimize import linprog

    rows: dict[Exponents, int] = {}
    data = [(rows.setdefault(e, len(rows)), k, float(v)) for k, c in enumerate(columns) for e, v in c.items()]
    if not data or any(e not in rows for e in target.terms):
        return None
    i, j, v = zip(*data, strict=True)
    a = sp.csr_matrix((v, (i, j)), shape=(len(rows), len(columns)))
    size = max((abs(float(c)) for c in target.terms.values()), default=1.0) or 1.0
    b = np.zeros(len(rows))
    for e, c in target.terms.items():
        b[rows[e]] = float(c) / size
    bounds = [(0, None)] * signed + [(None, None)] * (len(columns) - signed)
    cost = np.array([1.0] * signed + [0.0] * (len(columns) - signed))
    got = linprog(cost, A_eq=a, b_eq=b, bounds=bounds, method="highs-ds", options={"time_limit": 20.0})
    if got.status != 0:
        return None
    support = [k for k, x in enumerate(got.x) if abs(x) > 1e-9]
    found = solution([columns[k] for k in support], dict(target.terms))
    if found is None:
        return None
    out = {k: c for k, c in zip(support, found, strict=True) if c}
    return None if any(c < 0 for k, c in out.items() if k < signed) else out
