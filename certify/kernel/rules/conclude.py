"""Rule *conclude*: from functionals of the outputs to the claim's quantity on one leaf.

    upper bounds of every row a . f + b . g that the quantity is made of
    --------------------------------------------------------------------  conclude
    an upper bound of the quantity: their maximum; for l1 their sum over outputs of the larger of +-d_j; for l2
    the square root, rounded up, of the sum of squares; for least the smallest, each less its limit

Rows modulo the mean are scaled by the number of outputs. The bound is an exact rational.
Rejects with: scale. Spec: rules.md#conclude. Proof: conclude_correct.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from certify.kernel.limits import PAIRED_ROWS
from certify.kernel.verdict import require


class Rows:
    """Integer rows on the outputs: each row bounds sum_j a_j (f - g)_j, or f or g alone, times 1/unit.

    On "both" the matrix has 2n columns: those on f, then those on g.
    """

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
        ((values,), unit) = _exact([claim.quantity[1].dyadics(0, n)])
        row = a.vector(values).row()
        return [Rows(a.stack(row, -row) if form == "functional" else row, "difference", unit)]
    if form == "least":
        return [_least_rows(a, claim)]
    c = labels[part]
    others = [j for j in range(n) if j != c]
    matrix = a.unit_rows(others, n, 1) - a.unit_rows([c] * len(others), n, 1)
    sides = ["difference"] if form == "margin" else ["f", "g"]
    return [Rows(matrix, on, Fraction(1)) for on in sides]


def row_count(claim) -> int:
    """How many functionals a leaf bounds: the rows of ``quantity_rows``, those on f and on g together."""
    form, n = claim.quantity[0], claim.n_out
    if form == "least":
        return len(claim.quantity[3]) + len(_row_pairs(claim))
    return {"value": 2 * n, "margin": n - 1, "decision": 2 * (n - 1), "upper": 1}.get(form, 2)


def _unit(h):
    return Fraction(1 << h) if h >= 0 else Fraction(1, 1 << -h)


def _exact(sides):
    """Lists of (mantissa, exponent) as integers over one power of two, the least bit of any of them; its inverse."""
    exponents = [e + (m & -m).bit_length() - 1 for side in sides for m, e in side if m]
    least = min(exponents, default=0)
    return [[m << (e - least) if e >= least else m >> (least - e) for m, e in side] for side in sides], _unit(-least)


def _row_pairs(claim):
    """The pairs of rows of `least` whose sums are bounded too: where two rows cross, neither alone is small."""
    k = len(claim.quantity[3])
    return [(i, j) for i in range(k) for j in range(i + 1, k)] if k <= PAIRED_ROWS else []


def _least_rows(a, claim):
    """The rows of `least`, then sums of pairs of them, spelt in exact integers over one power of two."""
    _, on_f, on_g, limits = claim.quantity
    n, k = claim.n_out, len(limits)
    sides = [on_f.dyadics(0, k * n)]
    if on_g not in ("none", "opposite"):
        sides.append(on_g.dyadics(0, k * n))
    whole, unit = _exact(sides)
    rows = [[v for side in whole for v in side[i * n : (i + 1) * n]] for i in range(k)]
    rows += [[x + y for x, y in zip(rows[i], rows[j], strict=True)] for i, j in _row_pairs(claim)]
    on = {"none": "f", "opposite": "difference"}.get(on_g, "both")
    return Rows(a.matrix(rows), on, unit)


def start(arithmetic, claim, plan, rows, at, c):
    """Coefficients of the negated rows on blocks, times 2^c; returns (dict block -> matrix, scale of the blocks).

    ``at`` maps "f" and "g" to their output blocks.
    """
    negated = (-rows.matrix) << c
    f, g = at["f"], at.get("g")
    scale = plan.blocks[f].scale
    if rows.on == "both":
        return _start_both(arithmetic, plan, negated, f, g)
    if rows.on != "difference":
        return {at[rows.on]: negated}, plan.blocks[at[rows.on]].scale
    if g is None:
        return {f: negated}, scale
    if f == g:
        return {f: negated - negated}, scale
    pair = _output_pair(plan, f, g)
    if pair is not None:
        return {pair: negated}, plan.blocks[pair].scale
    _same_scale(plan, f, g)
    return {f: negated, g: -negated}, scale


def _output_pair(plan, f, g):
    """The first difference block of the outputs, one to one, or None."""
    for b, block in enumerate(plan.blocks):
        if block.kind.startswith("pair-") and (block.fine, block.coarse) == (f, g) and block.sigma is None:
            return b
    return None


def _same_scale(plan, f, g):
    same = plan.blocks[f].scale == plan.blocks[g].scale
    require(same, "scale", plan.blocks[g].place, "the outputs of f and g have different scales")


def _start_both(a, plan, negated, f, g):
    """Rows a . f + b . g: with a pair d = f - g, what a and -b have in common goes on d, entry by entry."""
    n = plan.blocks[f].size
    on_f, on_g = negated.columns(range(n)), negated.columns(range(n, 2 * n))
    if f == g:
        return {f: on_f + on_g}, plan.blocks[f].scale
    _same_scale(plan, f, g)
    pair = _output_pair(plan, f, g)
    if pair is None:
        return {f: on_f, g: on_g}, plan.blocks[f].scale
    common = a.minimum(on_f, -on_g).positive_part() + a.maximum(on_f, -on_g).negative_part()
    # A difference has the finer scale: coefficients of the others are brought to it, exactly.
    finer = plan.blocks[pair].scale - plan.blocks[f].scale
    return {pair: common, f: (on_f - common) << finer, g: (on_g + common) << finer}, plan.blocks[pair].scale


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
    if claim.quantity[0] == "least":
        least = _least_of(claim, uppers)
        return least, holds(claim, least)
    worst = max(uppers)
    return worst, holds(claim, worst)


def _least_of(claim, uppers):
    """The least bound: of a row above its limit, or half of a pair's: the smaller of two is at most their mean."""
    limits = claim.quantity[3]
    k = len(limits)
    single = [u - t for u, t in zip(uppers[:k], limits, strict=True)]
    paired = [
        (u - limits[i] - limits[j]) * Fraction(1, 2) for u, (i, j) in zip(uppers[k:], _row_pairs(claim), strict=True)
    ]
    return min(single + paired)


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
