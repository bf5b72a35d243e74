"""Certificates of derivations: linear combinations of lines as statements of kind *polynomial*, and back to sympy.

Arguments of the polynomials are the letters of the assumptions (each >= 0) and one real number for each norm. What the
kernel accepts is then: for all real numbers with these inequalities, D a <= N.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from certify.symbolic.linear import Solved
from certify.symbolic.polynomials.evidence import Leaf, Squares, evidence, gap, polynomial_statement
from certify.symbolic.polynomials.poly import Poly, total


class Letters:
    """sympy symbols as the variables of Poly, in a fixed order; ``extra`` variables come after them."""

    def __init__(self, symbols: Sequence[Any], extra: int = 0) -> None:
        self.symbols = list(symbols)
        self.n = len(self.symbols) + extra

    def poly(self, expression: Any) -> Poly:
        """An expression that is polynomial in the symbols, with rational coefficients."""
        import sympy

        expression = sympy.sympify(expression)
        used = sorted(expression.free_symbols, key=self.symbols.index)
        if not used:
            return Poly.constant(self.n, _fraction(expression))
        at = [self.symbols.index(s) for s in used]
        out = {}
        for powers, c in sympy.Poly(expression, *used).terms():
            e = [0] * self.n
            for j, k in zip(at, powers, strict=True):
                e[j] = int(k)
            out[tuple(e)] = _fraction(c)
        return Poly(self.n, out)

    def extra(self, k: int) -> Poly:
        return Poly.variable(self.n, len(self.symbols) + k)


def _fraction(c: Any) -> Fraction:
    return Fraction(int(c.p), int(c.q))


def lines_certificate(s: Solved) -> tuple[dict[str, Any], tuple[list[Any], list[list[int]]]] | None:
    """What ``certificate("polynomial", of, *evidence)`` takes for a solved system; None if its identity is not one."""
    letters = sorted(_letters(s), key=lambda v: (v.name, v.sort_key()))
    names = Letters(letters, len(s.lines))
    index = {line.left: i for i, line in enumerate(s.lines)}
    premises = [names.poly(v) for v in letters]
    circles = {d: len(premises) + k for k, d in enumerate(s.conditions)}
    premises += [names.poly(s.plain(d)) for d in s.conditions]
    first = len(premises)
    for i, line in enumerate(s.lines):
        parts = [names.poly(line.constant), -names.extra(i)]
        parts += [names.poly(c) * names.extra(index[v]) for v, c in line.right]
        premises.append(total(names.n, parts))
    own = names.poly(s.plain(s.denominator))
    goal = names.poly(s.plain(s.numerator)) - own * names.extra(index[s.goal])
    places = {v: k for k, v in enumerate(letters)} | circles
    terms = []
    for i, m in enumerate(s.multipliers):
        for weight, factors in _monomials(m, places):
            if weight < 0:
                return None
            terms.append(Squares.times(weight, [*factors, first + i], names.n))
    leaf = Leaf(tuple(terms))
    if gap(leaf, goal, premises):
        return None
    return polynomial_statement(goal, premises), evidence([leaf])


def _letters(s: Solved) -> set[Any]:
    found: set[Any] = set()
    for line in s.lines:
        for c in (line.constant, *(c for _, c in line.right)):
            found |= c.free_symbols
    return found


def _monomials(m: Any, places: dict[Any, int]) -> list[tuple[Fraction, list[int]]]:
    """A polynomial in letters as weights and the numbers of the premises to multiply."""
    import sympy

    used = sorted(m.free_symbols, key=lambda v: places[v])
    if not used:
        return [(_fraction(m), [])] if m != 0 else []
    out = []
    for powers, c in sympy.Poly(m, *used).terms():
        out.append((_fraction(c), [places[v] for v, k in zip(used, powers, strict=True) for _ in range(k)]))
    return out
