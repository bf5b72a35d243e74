"""Variables of about one, x_j = c_j + 2^k_j u_j, by what the premises say of their size; carries terms back."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from certify.kernel.exact import Matrix
from certify.statements.exact import exact, fractions
from certify.statements.factor import factor
from certify.symbolic.polynomials.evidence import Gram, Multiple, Squares
from certify.symbolic.polynomials.poly import Poly, total
from certify.symbolic.polynomials.rounding import Terms


class Frame:
    """Centres are used where an interval is far from zero for its width: they make a certificate longer."""

    def __init__(self, inequalities: Sequence[Poly], n: int) -> None:
        self.centres, self.powers = [Fraction(0)] * n, [0] * n
        for j, (a, b) in enumerate(zip(*bounds(inequalities, n), strict=True)):
            half, size = (b - a) / 2, max(abs(a), abs(b))
            if not 0 < size < 1e300:
                continue
            if half > 0 and abs(a + b) / 2 > 2 * half:
                self.powers[j] = int(np.ceil(np.log2(half)))
                unit = power_of_two(self.powers[j] - 3)
                self.centres[j] = round(Fraction((a + b) / 2) / unit) * unit
            else:
                self.powers[j] = int(np.ceil(np.log2(size)))

    def into(self, p: Poly) -> Poly:
        """A polynomial of x as one of u."""
        return _changed(p, self.centres, [power_of_two(k) for k in self.powers])

    def out(self, p: Poly) -> Poly:
        """A polynomial of u as one of x."""
        sizes = [power_of_two(-k) for k in self.powers]
        return _changed(p, [-c * s for c, s in zip(self.centres, sizes, strict=True)], sizes)

    def point(self, u: Sequence[float]) -> list[float]:
        """x of u."""
        return [float(c) + 2.0**k * v for c, k, v in zip(self.centres, self.powers, u, strict=True)]

    def carried(self, terms: Terms) -> Terms:
        """Terms in u as terms in x."""
        if not any(self.powers) and not any(self.centres):
            return terms
        out: list[Squares | Gram | Multiple] = []
        for t in terms:
            if isinstance(t, Squares):
                out.append(Squares(t.weights, tuple(map(self.out, t.polynomials)), t.premises))
            elif isinstance(t, Multiple):
                out.append(Multiple(self.out(t.polynomial), t.equality))
            else:
                out.append(self._gram(t))
        return tuple(out)

    def _gram(self, t: Gram) -> Gram:
        if t.basis is None and not any(self.centres):
            sizes = [power_of_two(-sum(k * a for k, a in zip(self.powers, e, strict=True))) for e in t.monomials]
            cells = [[sizes[i] * sizes[j] * c for j, c in enumerate(row)] for i, row in enumerate(fractions(t.matrix))]
            m = _exact(cells)
            if (found := factor(m)) is not None:
                return Gram(t.monomials, m, found, None, t.premises)
        rows = [Poly.monomial(e) for e in t.monomials]
        if t.basis is not None:
            n, given = len(self.powers), fractions(t.basis)
            rows = [total(n, (q * c for q, c in zip(rows, row, strict=True) if c)) for row in given]
        rows = [self.out(q) for q in rows]
        keys = tuple(sorted({e for q in rows for e in q.terms}))
        basis = _exact([[q.terms.get(e, Fraction(0)) for e in keys] for q in rows])
        return Gram(keys, t.matrix, t.factor, basis, t.premises)


def _changed(p: Poly, centres: Sequence[Fraction], sizes: Sequence[Fraction]) -> Poly:
    """p with centre_j + size_j u_j for x_j."""
    if any(centres):
        values = [Poly.variable(p.n, j) * s + c for j, (c, s) in enumerate(zip(centres, sizes, strict=True))]
        return p.substituted(values)
    out = {}
    for e, c in p.terms.items():
        for s, k in zip(sizes, e, strict=True):
            c *= s**k
        out[e] = c
    return Poly(p.n, out)


def power_of_two(k: int) -> Fraction:
    return Fraction(1 << k) if k >= 0 else Fraction(1, 1 << -k)


def _exact(rows: list[list[Fraction]]) -> Matrix:
    return exact(np.array(rows, dtype=object))


def bounds(inequalities: Sequence[Poly], n: int) -> tuple[list[float], list[float]]:
    """An interval for each variable from premises such as 3 - x >= 0 and 4 - x^2 - y^2 >= 0; infinite where none."""
    low, high = [-np.inf] * n, [np.inf] * n
    for g in inequalities:
        if g.degree == 1:
            own = [(e.index(1), c) for e, c in g.terms.items() if any(e)]
            if len(own) == 1:
                j, c = own[0]
                at = float(-g.terms.get((0,) * n, Fraction(0)) / c)
                low[j], high[j] = (max(low[j], at), high[j]) if c > 0 else (low[j], min(high[j], at))
        elif g.degree == 2 and all(sum(k > 0 for k in e) <= 1 for e in g.terms):
            own_squares = {e.index(2): float(-c) for e, c in g.terms.items() if 2 in e}
            if not all(a > 0 for a in own_squares.values()):
                continue
            lines = {e.index(1): float(c) for e, c in g.terms.items() if 1 in e}
            if lines.keys() - own_squares.keys():
                continue
            # sum a_j (x_j - m_j)^2 <= r
            r = float(g.terms.get((0,) * n, Fraction(0))) + sum(b * b / 4 / own_squares[j] for j, b in lines.items())
            for j, a in own_squares.items():
                m, d = lines.get(j, 0.0) / 2 / a, (max(r, 0.0) / a) ** 0.5
                low[j], high[j] = max(low[j], m - d), min(high[j], m + d)
    return low, high
