"""*polynomial*: one polynomial inequality follows from others, for all real arguments.

    g_1 >= 0 .. g_k >= 0      h_1 = 0 .. h_m = 0
    --------------------------------------------  polynomial
    p >= 0

by a tree of identities and splits (certify/kernel/polynomials.py). With p = -1: no x satisfies the premises.
Rejects with: exponent, hint, identity, item, negative-multiplier, not-positive, not-symmetric, shape.
Spec: statements.md#polynomial. Proof: polynomial_correct.
"""

from __future__ import annotations

from certify.kernel.polynomials import follows, polynomials
from certify.kernel.verdict import require

# Pairs of exponents E (terms, variables) and coefficients C (1, terms), for p, g_1 .. g_k, h_1 .. h_m; equalities: m.
SIGNATURE = (("variables", "count"), ("polynomials", "matrices"), ("equalities", "count"))


def check(s, e) -> None:
    goal, *premises = polynomials(s["polynomials"], s["variables"])
    first = len(premises) - s["equalities"]
    require(first >= 0, "shape", "claim", f"{s['equalities']} equalities among {len(premises)} premises")
    follows(e, 0, s["variables"], goal, premises[:first], premises[first:])
