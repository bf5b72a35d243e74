"""Rule *conclude*: from functionals of the outputs to the claim's quantity on one leaf.

    upper bounds of every row a . f + b . g that the quantity is made of
    --------------------------------------------------------------------  conclude
    an upper bound of the quantity: their maximum; for l1 their sum over outputs of the larger of +-d_j; for l2
    the square root, rounded up, of the sum of squares

Rows modulo the mean are scaled by the number of outputs. The bound is an exact rational.
Rejects with: scale. Spec: rules.md#conclude. Proof: pending (conclude_correct).
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from certify.kernel.verdict import require


class Rows:
    """Integer rows on the outputs: each row bounds sum_j a_j (f - g)_j, or f or g alone, times 1/unit."""

    def __init__(self, matrix, on, unit):
        self.matrix, self.on, self.unit = matrix, on, unit


def quantity_rows(arithmetic, claim, part, labels):
    """The rows of the claim's quantity, whose upper bounds ``combine`` joins."""
    a, n = arithmetic, claim.n_out
    form = claim.quantity[0]
    if form == "value":
        modulo = claim.quantity[2]
        plus = a.unit_rows(list(range(n)), n, n if modulo else 1)
        plus = plus - modulo if modulo else plus
        return [Rows(a.stack(plus, -plus), "difference", Fraction(n if modulo else 1))]
    if form == "output":
        plus = a.unit_rows([claim.quantity[1]], n, 1)
        return [Rows(a.stack(plus, -plus), "difference", Fraction(1))]
    if form in ("functional", "upper"):
        lo, hi, h = claim.quantity[1].fixed(a)
        # An entry that fixed point does not hold exactly is claimed about exactly: spell the row in exact integers.
        row, unit = (lo.row(), _unit(h)) if not a.any_true((hi - lo).differs(0)) else _exact_row(a, claim, n)
        return [Rows(a.stack(row, -row) if form == "functional" else row, "difference", unit)]
    c = labels[part]
    others = [j for j in range(n) if j != c]
    matrix = a.unit_rows(others, n, 1) - a.unit_rows([c] * len(others), n, 1)
    sides = ["difference"] if form == "margin" else ["f", "g"]
    return [Rows(matrix, on, Fraction(1)) for on in sides]


def row_count(claim) -> int:
    """How many functionals a leaf bounds: the rows of ``quantity_rows``, those on f and on g together."""
    form, n = claim.quantity[0], claim.n_out
    return {"value": 2 * n, "margin": n - 1, "decision": 2 * (n - 1), "upper": 1}.get(form, 2)


def _unit(h):
    return Fraction(1 << h) if h >= 0 else Fraction(1, 1 << -h)


def _exact_row(a, claim, n):
    pairs = claim.quantity[1].dyadics(0, n)
    least = min(e for m, e in pairs)
    return a.vector([m << (e - least) for m, e in pairs]).row(), _unit(-least)


def start(arithmetic, claim, plan, rows, at, c):
    """Coefficients of the negated rows on blocks, times 2^c; returns (dict block -> matrix, scale of the blocks).

    ``at`` maps "f" and "g" to their output blocks.
    """
    negated = (-rows.matrix) << c
    f, g = at["f"], at.get("g")
    scale = plan.blocks[f].scale
    if rows.on != "difference":
        return {at[rows.on]: negated}, plan.blocks[at[rows.on]].scale
    if g is None:
        return {f: negated}, scale
    if f == g:
        return {f: negated - negated}, scale
    for b, block in enumerate(plan.blocks):
        if block.kind.startswith("pair-") and (block.fine, block.coarse) == (f, g) and block.sigma is None:
            return {b: negated}, block.scale
    same = scale == plan.blocks[g].scale
    require(same, "scale", plan.blocks[g].place, "the outputs of f and g have different scales")
    return {f: negated, g: -negated}, scale


def combine(claim, uppers):
    """(exact upper bound of the quantity, whether it satisfies the claim) from the rows' upper bounds."""
    if claim.quantity[0] == "value" and claim.quantity[1] in ("l1", "l2"):
        n = len(uppers) // 2
        sizes = [max(uppers[j], uppers[n + j], Fraction(0)) for j in range(n)]
        if claim.quantity[1] == "l1":
            return sum(sizes), holds(claim, sum(sizes))
        square = sum(s * s for s in sizes)
        ok = square <= claim.threshold**2 if claim.relation == "at-most" else square < claim.threshold**2
        return root_above(square), ok
    worst = max(uppers)
    return worst, holds(claim, worst)


def holds(claim, bound) -> bool:
    """The claim's relation between a bound and its threshold."""
    return bound <= claim.threshold if claim.relation == "at-most" else bound < claim.threshold


def root_above(square: Fraction) -> Fraction:
    """A rational at most 2^-60 (relative) above the square root."""
    if square == 0:
        return Fraction(0)
    k = 128 + max(0, square.denominator.bit_length() - square.numerator.bit_length())
    v = (square.numerator << (2 * k)) // square.denominator
    return Fraction(isqrt(v) + 1, 1 << k)
