"""Rule *quadratic*: multipliers on facts about blocks, and a positive semidefinite remainder.

    facts p_k r_k >= 0 (free ones: = 0), p_k and r_k affine in coordinates t with |t_i| <= 1
    m_k >= 0 (free ones: any)      any L      z = (1, t)      z' R z = - row - sum m_k p_k r_k - |L' z|^2
    ------------------------------------------------------------------------------------------------------  quadratic
    row <= -(R_00 - sum_j |R_0j|) + sum_(i>=1) max(0, sum_(j!=i) |R_ij| - R_ii) + what rounding may have hidden

Every entry of every block is written over (1, t) in units of 2^-e, with a bound of what that leaves out. Which
entries are coordinates, the multipliers and L are hints. Facts are true of every relu and every pair of relus.
Rejects with: hint, pair. Spec: rules.md#quadratic. Proof: quadratic_correct.
"""

from __future__ import annotations

from fractions import Fraction

from certify.kernel.limits import COORDINATES
from certify.kernel.rules.psd import lower_bound
from certify.kernel.verdict import limit, require

ANY = ("input", "affine", "relu", "free", "pair-direct", "pair-relu", "pair-affine")
# The facts, and the blocks that have them.
KINDS = {
    "lower": ANY,
    "upper": ANY,
    "range": ANY,
    "above": ("relu",),
    "complement": ("relu",),
    "slope": ("pair-relu",),
    "cross-fine": ("pair-relu",),
    "cross-coarse": ("pair-relu",),
}
FREE = ("complement",)
# Facts v >= 0; two of them, of any entries, may be multiplied.
LINEAR = ("lower", "upper", "above")
# Blocks with coordinates of their own, and what an entry may be: none, the entry itself, what a relu is above z.
COORDINATES_OF = ("input", "relu", "free", "pair-relu")
CHOICES, ACTIVATION = (0, 1, 2), 1


class Affine:
    """Entries of a block over (1, t): ``rows`` (1 + coordinates, size), each missed by at most ``noise`` (1, size)."""

    def __init__(self, rows, noise):
        self.rows, self.noise = rows, noise

    def __sub__(self, other):
        return Affine(self.rows - other.rows, self.noise + other.noise)

    def gather(self, index):
        return self if index is None else Affine(self.rows.gather(index), self.noise.gather(index))

    def columns(self, index):
        return Affine(self.rows.columns(index), self.noise.columns(index))

    def size(self):
        """(1, size): a bound of |rows' z|."""
        r = self.rows.transpose()
        return (r.positive_part() - r.negative_part()).row_sums().row()


class Expressions:
    """The blocks of a plan on one leaf, in units of 2^-bits.

    ``chosen``: for input, relu, free and pair-relu blocks a number for each entry: 0 no coordinate, 1 the entry is
    one, 2 (relu) a - z is one. A coordinate of a pair-relu block gives the coarse entry it selects.
    """

    def __init__(self, arithmetic, plan, bounds, leaf, chosen, bits):
        self._a, self._plan, self._bits, self._leaf, self._bounds = arithmetic, plan, bits, leaf, bounds
        self._first, self._chosen, at = {}, chosen, 1
        for b, kinds in chosen.items():
            self._first[b], at = at, at + sum(1 for k in kinds if k)
        self.n = at
        limit(at, COORDINATES, "proof", "number of coordinates")
        self._made: list[Affine] = []
        for b in range(len(plan.blocks)):
            self._made.append(self._block(b))

    def __getitem__(self, b):
        return self._made[b]

    def block(self, b):
        return self._plan.blocks[b]

    def outputs(self, on):
        """What a row bears on: the outputs of f or of g, or their difference."""
        at = self._plan.outputs
        if on != "difference":
            return self[at[on]]
        return self[at["f"]] - self[at["g"]] if "g" in at else self[at["f"]]

    def lo(self, b):
        return self._unit(self._bounds.lo[b].rows(self._leaf, self._leaf + 1), b)

    def hi(self, b):
        return -self._unit(-self._bounds.hi[b].rows(self._leaf, self._leaf + 1), b)

    def _unit(self, x, b):
        t = self._bits - self._plan.blocks[b].scale
        return x << t if t >= 0 else x >> -t

    def constant(self, x):
        """A row of numbers over (1, t)."""
        return self._a.join([x, self._a.zeros(self.n - 1, x.shape[1])])

    def _block(self, b):
        a, block = self._a, self._plan.blocks[b]
        if block.kind.startswith("pair-"):
            return self._made[block.fine] - self._made[block.coarse].gather(block.sigma)
        if block.kind == "affine":
            return self._image(block)
        lo, hi = self.lo(b), self.hi(b)
        if block.kind != "relu":
            middle = (lo + hi) >> 1
            out = Affine(self.constant(middle), hi - middle)
            return self._placed(out, b, lo, hi)
        z, lz, uz = self._made[block.source], self.lo(block.source), self.hi(block.source)
        # Without a coordinate: z where it is the nearer line, else 0; both exact where the sign is known.
        nearer = -lz <= uz
        left = a.minimum((-lz).positive_part(), uz.positive_part())
        rows = a.where(nearer, z.rows, a.zeros(self.n, block.size))
        out = Affine(rows, a.where(nearer, z.noise, a.zeros(1, block.size)) + left)
        out = self._placed(out, b, lo, hi, (-uz).positive_part(), (-lz).positive_part(), z)
        return self._from_pairs(out, b)

    def _placed(self, out, b, lo, hi, below=None, above=None, z=None):
        """``out`` with coordinates in: the entry in [lo, hi], or what it is above z in [below, above]."""
        kinds = self._chosen.get(b, ())
        at = self._first.get(b, 0)
        if not any(kinds):
            return out
        places = [i for i, k in enumerate(kinds) if k]
        own = Affine(*self._coordinates(places, at, lo, hi))
        if z is not None:
            over = Affine(*self._coordinates(places, at, below, above))
            base = z.columns(places)
            over = Affine(over.rows + base.rows, over.noise + base.noise)
            activation = self._a.vector([kinds[i] for i in places]).row() <= ACTIVATION
            own = Affine(
                self._a.where(activation, own.rows, over.rows), self._a.where(activation, own.noise, over.noise)
            )
        return self._replaced(out, places, own)

    def _coordinates(self, places, at, lo, hi):
        """Rows and (no) noise of coordinates ``at`` and on, in [lo, hi] at some entries: middle + half t."""
        a, lo, hi = self._a, lo.columns(places), hi.columns(places)
        middle = (lo + hi) >> 1
        half = hi - middle
        spread = a.unit_rows([at - 1 + k for k in range(len(places))], self.n - 1, 1).transpose() * half
        return a.join([middle, spread]), a.zeros(1, len(places))

    def _replaced(self, out, places, own):
        """Columns of ``out`` at some places replaced."""
        size = out.rows.shape[1]
        back = [-1] * size
        for k, i in enumerate(places):
            back[i] = k
        kept = self._a.vector([int(k < 0) for k in back]).row()
        return Affine(out.rows * kept + own.rows.gather(back), out.noise * kept + own.noise.gather(back))

    def _from_pairs(self, out, b):
        """Entries of a relu block that coordinates of a difference give: w = u - d."""
        for p, kinds in self._chosen.items():
            pair = self._plan.blocks[p]
            if not pair.kind.startswith("pair-") or pair.coarse != b or not any(kinds):
                continue
            require(pair.fine < len(self._made), "pair", pair.place, "a difference is told before its parts")
            entries = [i for i, k in enumerate(kinds) if k]
            goals = entries if pair.sigma is None else [pair.sigma[i] for i in entries]
            distinct = min(goals) >= 0 and len(set(goals)) == len(goals)
            require(distinct, "hint", pair.place, "coordinates of a difference give different entries")
            d = Affine(*self._coordinates(entries, self._first[p], self.lo(p), self.hi(p)))
            out = self._replaced(out, goals, self._made[pair.fine].columns(entries) - d)
        return out

    def _image(self, block):
        a, q = self._a, self._plan.forward_bits
        rows, noise = a.zeros(self.n, block.size), a.zeros(1, block.size)
        for fixed, num, den, source, _ in block.relation.terms:
            m, x = fixed.scaled(num, den, q), self._made[source]
            low, high = m.image(x.rows)
            low, high = low >> q, -(-high >> q)
            down, up = m.image_of_range(x.noise)
            rows = rows + low
            noise = noise + (high - low).transpose().row_sums().row() + (-(-up >> q) - (down >> q))
        bias = block.relation.bias(self._bits - block.scale)
        if bias is not None:
            low, high = (v.row() for v in bias)
            rows, noise = rows + self.constant(low), noise + (high - low)
        return Affine(rows, noise)


def fact(kind, b, x):
    """The two factors of the facts of a block, or of products; the second is None for the number 1."""
    if kind == "product":
        return [fact(k, block, x)[0].columns(entries) for k, block, entries in b]
    v, block = x[b], x.block(b)
    if kind in ("lower", "upper", "range"):
        low = Affine(v.rows - x.constant(x.lo(b)), v.noise)
        high = Affine(x.constant(x.hi(b)) - v.rows, v.noise)
        return {"lower": (low, None), "upper": (high, None), "range": (low, high)}[kind]
    if kind in ("above", "complement"):
        over = v - x[block.source]
        return (over, None) if kind == "above" else (v, over)
    fine, coarse = x.block(block.fine), x.block(block.coarse)
    u, w = x[block.fine], x[block.coarse].gather(block.sigma)
    z, y = x[fine.source], x[coarse.source].gather(block.sigma)
    if kind == "slope":
        d = u - w
        return d, (z - y) - d
    return (w, u - z) if kind == "cross-fine" else (u, w - y)


def upper_bound(arithmetic, x, outputs, row, facts, bits, factor, shift, hint):
    """An exact upper bound of an integer row (1, outputs) times the outputs.

    outputs: the expression of what the row bears on. facts: (kind, block number, multipliers (1, size) in units of
    2^-factor), for products two (kind, block number, entries) in place of the block. shift: bits dropped before the
    remainder is formed. hint: the matrix L (n, r).
    """
    a = arithmetic
    whole = a.matmul(row, outputs.rows.transpose()).transpose() << (bits + factor)  # (n, 1), coefficients of z
    size = row.positive_part() - row.negative_part()
    charge = a.rowdot(size, outputs.noise).tolist()[0] << (bits + factor)
    left, right = [a.zeros(1, x.n)], [a.zeros(1, x.n)]
    for kind, b, m in facts:
        places = [i for i, v in enumerate(m.tolist()) if v]
        if not places:
            continue
        m = m.columns(places)
        m = m if kind in FREE else m.positive_part()
        p, r = fact(kind, b, x)
        p, sizes = p.columns(places), m.positive_part() - m.negative_part()
        if r is None:
            whole = whole + ((p.rows * m).row_sums().shaped(x.n, 1) << bits)
            charge += a.rowdot(sizes, p.noise).tolist()[0] << bits
            continue
        r = r.columns(places)
        left.append((p.rows * m).transpose())
        right.append(r.rows.transpose())
        lost = p.size() * r.noise + p.noise * r.size() + p.noise * r.noise
        charge += a.rowdot(sizes, lost).tolist()[0]
    product = a.matmul(a.join(left).transpose(), a.join(right))
    linear = a.join([whole.transpose(), a.zeros(x.n - 1, x.n)])
    total = -(product + product.transpose() + linear + linear.transpose()) >> shift
    # Twice the form, each entry less than 2^shift above what is kept.
    least = lower_bound(a, total, hint) - x.n * x.n
    return Fraction(2 * charge - (least << shift), 1 << (2 * bits + factor + 1))
