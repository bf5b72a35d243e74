"""Rule *backward*: a lower bound of linear functionals, pushed back through the blocks to the inputs.

A functional is sum_b C_b . n_b in units of 2^-c, n_b the block in its own units. On n' = n - lo >= 0:

    sum_v C_v v >= sum_z (floor(sum_v C_v W_vz - w |C_v^-| , 2^q)) n'_z + sum_v C_v . (b_v + W_v lo)     affine
    a relu(x) >= p x + min over x in {l, 0, u} of (a relu(x) - p x)      for ANY slope p                  relu

One floor for each block; everything else is exact. Slopes are hints: the default is the chord for a < 0 and 0 or 1
for a >= 0. At the inputs, rule *domain*; a free block ends in its own bounds.
Spec: rules.md#backward. Proof: backward_correct.
"""

from __future__ import annotations

from certify.kernel.rules import difference

SLOPE_BITS = 20


class Pass:
    """The state of one backward pass for some rows.

    ``owner`` names each row's leaf, None when there is one; ``hints`` are (block -> matrices, block -> matrix) with the
    rows that ``hint_rows`` names.
    """

    def __init__(self, arithmetic, plan, bounds, region, bits, owner, hints=None, hint_rows=None):
        self.a, self.plan, self.bounds, self.region, self.owner = arithmetic, plan, bounds, region, owner
        self._bits, self._hint_rows = bits, hint_rows
        self._slopes, self._multipliers = ({}, {}) if hints is None else hints
        self._whole: dict[int, object] = {}
        self._fraction: dict[int, object] = {}
        self.constant = None

    def spread(self, v):
        """A matrix or mask with a row for each leaf as one with a row for each functional."""
        return self.a.spread(v, self.owner)

    def low(self, b):
        """Lower bounds of a block for each functional."""
        return self.spread(self.bounds.lo[b])

    def high(self, b):
        """Upper bounds of a block for each functional."""
        return self.spread(self.bounds.hi[b])

    def add(self, b, c) -> None:
        """Add C . n_b to the functional."""
        self._add_shifted(b, c)
        self.add_constant(self.a.rowdot(c, self.low(b)))

    def _add_shifted(self, b, c) -> None:
        """Add C . n'_b."""
        self._whole[b] = c if b not in self._whole else self._whole[b] + c

    def add_constant(self, k) -> None:
        self.constant = k if self.constant is None else self.constant + k

    def take(self, b):
        """Remove block b from the functional; returns C with the functional's C . n'_b, or None."""
        c = self._whole.pop(b, None)
        f = self._fraction.pop(b, None)
        if f is not None:
            c = (f >> self._bits) if c is None else c + (f >> self._bits)
        return c

    def take_all(self, b):
        """Remove block b; returns C with C . n_b (the constant adjusted), or None."""
        c = self.take(b)
        if c is not None:
            self.add_constant(-self.a.rowdot(c, self.low(b)))
        return c

    def hint(self, b):
        """The hinted slopes of block b for these rows: a list of matrices, or None."""
        if b not in self._slopes:
            return None
        return [h if h is None else h.take_rows(self._hint_rows) for h in self._slopes[b]]

    def run(self):
        """Push everything to the inputs; returns the lower bounds, one for each row."""
        for b, t in self._multipliers.items():
            self._multiply(b, t.take_rows(self._hint_rows))
        for b in range(len(self.plan.blocks) - 1, -1, -1):
            kind = self.plan.blocks[b].kind
            if kind in ("affine", "pair-affine"):
                self._relation(b)
            elif kind == "relu":
                self._relu(b)
            elif kind == "pair-relu":
                difference.push_relu_pair(self, b)
            elif kind == "pair-direct":
                difference.push_direct(self, b)
            else:
                self._leaf(b)
        return self.constant

    def _multiply(self, b, t) -> None:
        """T . n' >= sum min(T, 0) (hi - lo), for ANY T: subtract T from the coefficients, add that to the constant."""
        self._add_shifted(b, -t)
        self.add_constant(self.a.rowdot(t.negative_part(), self.high(b) - self.low(b)))

    def _leaf(self, b):
        c = self.take(b)
        if c is None:
            return
        block = self.plan.blocks[b]
        lo, hi = self.low(b), self.high(b)
        if block.kind == "input" and block.role == 0:
            self.add_constant(self.region.support(c, self.owner, lo, hi))
        else:
            self.add_constant(self.a.rowdot(c.negative_part(), hi - lo))

    def _relation(self, b):
        c = self.take_all(b)
        if c is None:
            return
        low, high = self.bounds.constant(self.plan, b)
        value = self.a.rowdot(c, self.spread(low))
        if self.a.any_true((high - low).differs(0)):
            value = value + self.a.rowdot(c.negative_part(), self.spread(high - low))
        self.add_constant(value >> self.plan.constant_bits)
        for m, source in self.plan.blocks[b].relation.maps(self._bits):
            pulled = m.pull_below(c)
            self._fraction[source] = pulled if source not in self._fraction else self._fraction[source] + pulled

    def _relu(self, b):
        c = self.take_all(b)
        if c is None:
            return
        source = self.plan.blocks[b].source
        l, u = self.bounds.lo[source], self.bounds.hi[source]
        p = self.a.where(self.spread(l >= 0), c, 0)
        # Where the coefficient is zero nothing is relaxed, whatever other rows of the chunk do.
        some = self.a.places(self.spread((l < 0) & (u > 0)) & c.differs(0), c.shape)
        if len(some[0]):
            p = self._lines(c, p, some, l, u, self.hint(b))
        self.add(source, p)

    def _lines(self, c, p, some, l, u, hint):
        """Slopes with those of lines, hinted or default, at some places; the intercepts go to the constant."""
        a, mine = self.a, self.a.owned(some, self.owner)
        cs, ls, us = c.at(some), l.at(mine), u.at(mine)
        if hint is not None:
            slopes = hint[0].at(some)
        else:
            slopes = a.where(cs >= 0, cs * a.where(us > -ls, 1, 0), (cs * chord(a, ls, us)) >> SLOPE_BITS)
        least = a.minimum((-slopes) * ls, (cs - slopes) * us).negative_part()
        self.add_constant(a.zeros(*c.shape).set(some, least).row_sums())
        return p.set(some, slopes)


def chord(a, l, u):
    """floor(2^SLOPE_BITS u / (u - l)) for l < 0 < u."""
    return a.quotient(u << SLOPE_BITS, u - l)
