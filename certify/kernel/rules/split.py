"""Rule *split*: a region is the union of its halves along one input coordinate.

    the claim's quantity is bounded by e1 on x_i <= m and by e2 on x_i >= m
    ----------------------------------------------------------------------  split
    it is bounded by max(e1, e2)

Coverage is the form of the tree: both subtrees follow in prefix order, and m lies within the region, so neither
half is empty by declaration. Memory is the depth of the tree. Rejects with: split-outside, index-range,
no-such-plan, part-order. Spec: rules.md#split. Proof: pending (split_correct).
"""

from __future__ import annotations

from fractions import Fraction

from certify.kernel.limits import DEPTH, LEAVES, SPLIT_SCALE
from certify.kernel.verdict import limit


def leaves(lines, part, n_in, contains, plans, count):
    """Yield (plan number, cuts) for every leaf of the tree at the cursor.

    A cut is (coordinate, below, above): x_i <= below or x_i >= above, the other None. ``contains(i, m)`` says
    whether m is within the part's bounds in coordinate i. ``count`` is a one-element list of leaves so far.
    """
    stack: list[tuple[tuple[int, Fraction | None, Fraction | None], ...]] = [()]
    while stack:
        cuts = stack.pop()
        words = lines.next("split", "leaf")
        numbers = lines.integers(words[1:], 3 if words[0] == "split" else 1)
        if words[0] == "leaf":
            lines.need(0 <= numbers[0] < plans, "no-such-plan", f"plan {numbers[0]} of {plans}")
            count[0] += 1
            limit(count[0], LEAVES, lines.place, "number of leaves")
            yield numbers[0], cuts
            continue
        limit(len(cuts) + 1, DEPTH, lines.place, "depth of splits")
        i, at, scale = numbers
        lines.need(0 <= i < n_in, "index-range", f"coordinate {i} of {n_in}")
        limit(abs(scale), SPLIT_SCALE, lines.place, "scale of the split")
        m = Fraction(at, 1 << scale) if scale >= 0 else Fraction(at << -scale)
        lower = max((c[2] for c in cuts if c[0] == i and c[2] is not None), default=None)
        upper = min((c[1] for c in cuts if c[0] == i and c[1] is not None), default=None)
        inside = contains(i, m) and (lower is None or lower < m) and (upper is None or m < upper)
        lines.need(inside, "split-outside", f"the cut of coordinate {i} is outside the region")
        stack.append((*cuts, (i, None, m)))
        stack.append((*cuts, (i, m, None)))


def cut_bounds(lo, hi, cuts, scale):
    """Outward integer bounds after the cuts, in units of 2^-scale."""
    lo, hi = list(lo), list(hi)
    for i, below, above in cuts:
        if below is not None:
            hi[i] = min(hi[i], -_floor(-below, scale))
        if above is not None:
            lo[i] = max(lo[i], _floor(above, scale))
    return lo, hi


def _floor(v, scale):
    return (v.numerator << scale) // v.denominator if scale >= 0 else v.numerator // (v.denominator << -scale)
