"""Rule *split*: a region is the union of two, along an input coordinate or by the sign of a value.

    the claim's quantity is bounded by e1 where v <= m and by e2 where v >= m
    --------------------------------------------------------------------------  split
    it is bounded by max(e1, e2)

v is an input coordinate, or (with m = 0) an entry of a node or of a difference of two nodes that depend on x alone.
Coverage is the form of the tree: both subtrees follow in prefix order. An input cut lies within the region, so neither
half is empty by declaration; a side of a sign may be empty, and crossing bounds there say so (*contradiction*).
Memory is the depth of the tree. Rejects with: split-outside, index-range, no-such-node, sign-role, no-such-plan,
no-such-slot, part-order. Spec: rules.md#split. Proof: split_correct.
"""

from __future__ import annotations

from fractions import Fraction

from certify.kernel.limits import DEPTH, LEAVES, SPLIT_SCALE
from certify.kernel.verdict import limit


class Leaf:
    """One region: ``cuts`` (coordinate, below, above), ``signs`` (graph node, other node or None, entry, side)."""

    __slots__ = ("cuts", "part", "place", "plan", "signs", "slot")

    def __init__(self, part, plan, slot, cuts, place):
        self.part, self.plan, self.slot, self.place = part, plan, slot, place
        self.cuts = [c for c in cuts if len(c) == 3]
        self.signs = [c for c in cuts if len(c) == 4]


class Tree:
    """Reads the tree of one part."""

    def __init__(self, lines, claim, plans, part, count):
        self._lines, self._claim, self._plans, self._part, self._count = lines, claim, plans, part, count

    def leaves(self):
        """Yield every leaf, in order. A cut of an input: x_i <= below or x_i >= above, the other None."""
        lines = self._lines
        stack: list[tuple[tuple[object, ...], ...]] = [()]
        while stack:
            cuts = stack.pop()
            words = lines.next("split", "sign", "sign-pair", "leaf")
            if words[0] == "leaf":
                yield self._leaf(words, cuts)
                continue
            limit(len(cuts) + 1, DEPTH, lines.place, "depth of splits")
            below, above = self._input(words, cuts) if words[0] == "split" else self._sign(words)
            stack.append((*cuts, above))
            stack.append((*cuts, below))

    def _leaf(self, words, cuts):
        lines = self._lines
        plan, slot = lines.integers(words[1:], 2)
        lines.need(0 <= plan < len(self._plans), "no-such-plan", f"plan {plan} of {len(self._plans)}")
        slots = self._plans[plan].slots
        lines.need(0 <= slot < slots, "no-such-slot", f"slot {slot} of {slots}")
        self._count[0] += 1
        limit(self._count[0], LEAVES, lines.place, "number of leaves")
        return Leaf(self._part, plan, slot, cuts, lines.place)

    def _input(self, words, cuts):
        lines = self._lines
        i, at, scale = lines.integers(words[1:], 3)
        lines.need(0 <= i < self._claim.n_in, "index-range", f"coordinate {i} of {self._claim.n_in}")
        limit(abs(scale), SPLIT_SCALE, lines.place, "scale of the split")
        m = Fraction(at, 1 << scale) if scale >= 0 else Fraction(at << -scale)
        low, high = self._claim.domain.coordinate(self._part, i)
        mine = [c for c in cuts if len(c) == 3 and c[0] == i]
        inside = low <= m <= high and all(m < c[1] if c[1] is not None else c[2] < m for c in mine)
        lines.need(inside, "split-outside", f"the cut of coordinate {i} is outside the region")
        return (i, m, None), (i, None, m)

    def _sign(self, words):
        lines, claim = self._lines, self._claim
        named = words[1:2] if words[0] == "sign" else ["f", "g"]
        numbers = lines.integers(words[2:] if words[0] == "sign" else words[1:], len(named) + 1)
        nodes = []
        for net, index in zip(named, numbers, strict=False):
            known = net in claim.local and 0 <= index < len(claim.local[net])
            lines.need(known, "no-such-node", f"node {index} of network {net}")
            nodes.append(claim.local[net][index])
            # Bounds of a free node are those of its source over all x': a sign must not restrict x'.
            lines.need(claim.graph.nodes[nodes[-1]].roles == {0}, "sign-role", "the node depends on more than x")
        sizes = {claim.graph.nodes[n].size for n in nodes}
        i = numbers[-1]
        lines.need(len(sizes) == 1 and 0 <= i < min(sizes), "index-range", f"entry {i} of {sorted(sizes)}")
        at = nodes[0], nodes[1] if len(nodes) == 2 else None, i
        return (*at, -1), (*at, 1)


def cut_bounds(lo, hi, cuts, scale):
    """Outward integer bounds after the input cuts, in units of 2^-scale."""
    lo, hi = list(lo), list(hi)
    for i, below, above in cuts:
        if below is not None:
            hi[i] = min(hi[i], -_floor(-below, scale))
        if above is not None:
            lo[i] = max(lo[i], _floor(above, scale))
    return lo, hi


def _floor(v, scale):
    return (v.numerator << scale) // v.denominator if scale >= 0 else v.numerator // (v.denominator << -scale)
