"""Rule *backward*: a lower bound of linear functionals, pushed back through the blocks to the inputs.

A functional is sum_b C_b . n_b in units of 2^-c, n_b the block in its own units. On n' = n - lo >= 0:

    sum_v C_v v >= sum_z (floor(sum_v C_v W_vz - w |C_v^-| , 2^q)) n'_z + sum_v C_v . (b_v + W_v lo)     affine
    a relu(x) >= p x + min over x in {l, 0, u} of (a relu(x) - p x)      for ANY slope p                  relu

One floor for each block; everything else is exact. Slopes are hints: the default is the chord for a < 0 and 0 or 1
for a >= 0. At the inputs, rule *domain*; a free block ends in its own bounds.
Spec: rules.md#backward. Proof: pending (backward_correct).
"""

from __future__ import annotations

from certify.kernel.rules import difference

SLOPE_BITS = 20


class Pass:
    """The state of one backward pass for some rows."""

    def __init__(self, arithmetic, plan, bounds, region, bits, hints, first_row):
        self.a, self.plan, self.bounds, self.region = arithmetic, plan, bounds, region
        self._bits, self._hints, self._first = bits, hints, first_row
        self._whole: dict[int, object] = {}
        self._fraction: dict[int, object] = {}
        self.constant = None

    def add(self, b, c) -> None:
        """Add C . n_b to the functional."""
        self._whole[b] = c if b not in self._whole else self._whole[b] + c
        self.add_constant(self.dot(c, self.bounds.lo[b]))

    def add_constant(self, k) -> None:
        self.constant = k if self.constant is None else self.constant + k

    def dot(self, c, v):
        return self.a.matmul(c, v.shaped(v.shape[0], 1)).flat()

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
            self.add_constant(-self.dot(c, self.bounds.lo[b]))
        return c

    def hint(self, b, rows):
        """The hinted slopes of block b for these rows: a list of matrices, or None."""
        if b not in self._hints:
            return None
        return [h if h is None else h.rows(self._first, self._first + rows) for h in self._hints[b]]

    def run(self):
        """Push everything to the inputs; returns the lower bounds, one for each row."""
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

    def _leaf(self, b):
        c = self.take(b)
        if c is None:
            return
        block = self.plan.blocks[b]
        if block.kind == "input" and block.role == 0:
            self.add_constant(self.region.support(c, self.bounds.lo[b], self.bounds.hi[b]))
        else:
            self.add_constant(self.dot(c.negative_part(), self.bounds.hi[b] - self.bounds.lo[b]))

    def _relation(self, b):
        c = self.take_all(b)
        if c is None:
            return
        low, high = self.bounds.constant(self.plan, b)
        value = self.dot(c, low)
        if self.a.any_true((high - low).differs(0)):
            value = value + self.dot(c.negative_part(), high - low)
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
        hint = self.hint(b, c.shape[0])
        if hint is not None:
            p = hint[0]
            self.add_constant(line_intercept(self.a, c, p, l, u).row_sums())
        else:
            p = self._default_relu(c, l, u)
        self.add(source, p)

    def _default_relu(self, c, l, u):
        """Slopes of the default lines; their intercepts go to the constant."""
        a = self.a
        p = a.where(l >= 0, c, 0)
        unstable = a.indices((l < 0) & (u > 0))
        if not unstable:
            return p
        cu, lu, uu = c.columns(unstable), l.columns(unstable), u.columns(unstable)
        above, below = chord(a, lu, uu), a.where(uu > -lu, 1, 0)
        slopes = a.where(cu >= 0, cu * below, (cu * above) >> SLOPE_BITS)
        least = a.minimum((-slopes) * lu, (cu - slopes) * uu).negative_part()
        self.add_constant(least.row_sums())
        return p.put(unstable, slopes)


def chord(a, l, u):
    """floor(2^SLOPE_BITS u / (u - l)) for l < 0 < u."""
    return a.quotient(u << SLOPE_BITS, u - l)


def line_intercept(a, c, p, l, u):
    """min over x in [l, u] of c relu(x) - p x, entrywise, for any slopes p."""
    at_l = c * l.positive_part() - p * l
    at_u = c * u.positive_part() - p * u
    least = a.minimum(at_l, at_u)
    return a.where((l < 0) & (u > 0), least.negative_part(), least)
