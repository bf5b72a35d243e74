"""One polynomial for a peer, in the peers' Python: `peer_squares.py TOOL FILE`, one line of JSON back.

FILE: {"n": variables, "terms": [[exponents, numerator, denominator], ..], "box": bool, "constants": [[num, den], ..]}.
SumOfSquares minimises, in floats, over [-1, 1]^n with ``box``, else over all x. certo and omnibias certify p - c >= 0
for all x, c from ``constants``, the first of which they can prove; nothing of theirs is checked here.
"""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction


def sum_of_squares(asked):
    import sympy
    from SumOfSquares import poly_opt_prob

    x = sympy.symbols(f"x:{asked['n']}")
    powers = {tuple(e): sympy.prod(v**k for v, k in zip(x, e, strict=True)) for e, _, _ in asked["terms"]}
    p = sympy.Add(*(sympy.Rational(a, b) * powers[tuple(e)] for e, a, b in asked["terms"]))
    started = time.perf_counter()
    problem = poly_opt_prob(list(x), p, ineqs=[1 - v**2 for v in x] if asked["box"] else None, deg=2)
    problem.solve()
    return {"value": float(problem.value), "seconds": time.perf_counter() - started}


def certo(asked):
    from certo import api
    from certo.polynomials import Poly
    from certo.spec import SOSSpec

    names, zero = [f"x{k}" for k in range(asked["n"])], (0,) * asked["n"]
    p = {tuple(e): Fraction(a, b) for e, a, b in asked["terms"]}

    def prove(c):
        moved = {**p, zero: p.get(zero, Fraction(0)) - c}
        return api.run("sos", SOSSpec(variables=names, poly=Poly(names, moved))).certificate is not None

    return first(asked, prove)


def omnibias(asked):
    from omnibias.sos import RationalPolynomial, certify_sos_rational

    zero = (0,) * asked["n"]
    p = {tuple(e): Fraction(a, b) for e, a, b in asked["terms"]}

    def prove(c):
        moved = {**p, zero: p.get(zero, Fraction(0)) - c}
        return certify_sos_rational(RationalPolynomial(asked["n"], moved)).status == "proved"

    return first(asked, prove)


def first(asked, prove):
    """The first constant that is proved, and its seconds; else the seconds of all attempts."""
    began = time.perf_counter()
    for a, b in asked["constants"]:
        started = time.perf_counter()
        if prove(Fraction(a, b)):
            return {"value": a / b, "seconds": time.perf_counter() - started}
    return {"value": None, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    tools = {"SumOfSquares": sum_of_squares, "certo": certo, "omnibias": omnibias}
    with open(sys.argv[2]) as file:
        print(json.dumps(tools[sys.argv[1]](json.load(file))))
