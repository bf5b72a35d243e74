"""Replay one plan on some leaves at once: bounds of every block, then the quantity.

Matrices have a row for each leaf (bounds) or for each functional (coefficients); ``owner`` names the leaf of a
functional. How leaves and rows are grouped changes no value. Spec: rules.md#checking.
"""

from __future__ import annotations

from fractions import Fraction

from certify.kernel.blocks import Bounds
from certify.kernel.limits import BATCH, CHUNK
from certify.kernel.rules import backward, conclude, difference, forward, quadratic, split
from certify.kernel.rules.domain import Region
from certify.kernel.verdict import MachineFault


def room(plan) -> int:
    """How many leaves of a plan are replayed together."""
    return max(1, min(BATCH, _chunk(plan)))


def _chunk(plan) -> int:
    """How many functionals are pushed back together."""
    return max(1, CHUNK // max(x.size for x in plan.blocks))


class Replay:
    """The leaves of one plan."""

    def __init__(self, arithmetic, claim, plan, leaves):
        self._a, self._claim, self._plan, self._leaves = arithmetic, claim, plan, leaves
        self._bounds = Bounds([bool(x.signs) for x in leaves])
        self._region = None
        self._signs: dict[int | None, list[tuple[int, int, int]]] = {}
        for i, leaf in enumerate(leaves):
            for node, other, entry, side in leaf.signs:
                self._signs.setdefault(plan.signed_block(node, other), []).append((i, entry, side))

    def run(self, labels):
        """For each leaf (exact upper bound of the quantity, whether it satisfies the claim), or None: it is empty."""
        for step in self._plan.steps[:-1]:
            if step[0] == "block":
                self._enclose(step[1])
            elif step[0] == "backward":
                self._tighten(*step[1:])
        found = self._conclude(labels, *self._plan.steps[-1][1:])
        return [None if i in self._bounds.closed else v for i, v in enumerate(found)]

    def _enclose(self, b):
        block = self._plan.blocks[b]
        if block.kind == "input":
            self._input(block)
        elif block.kind.startswith("pair-"):
            difference.enclose(self._a, self._plan, b, self._bounds, forward.image)
        else:
            forward.enclose(self._a, self._plan, b, self._bounds)
        if b in self._signs:
            self._assume(b)

    def _input(self, block):
        a, domain = self._a, self._claim.domain
        if block.role == 0:
            parts = {leaf.part: domain.bounds(leaf.part, block.scale) for leaf in self._leaves}
            cut = []
            for leaf in self._leaves:
                lo, hi = parts[leaf.part]
                cut.append(split.cut_bounds(lo, hi, leaf.cuts, block.scale))
            balls = {k: domain.ball(k, block.scale) for k in parts}
            below, above = [c[0] for c in cut], [c[1] for c in cut]
            self._region = Region(a, below, above, [balls[leaf.part] for leaf in self._leaves])
            lo, hi = self._region.lo, self._region.hi
        else:
            lo, hi = (a.matrix([v] * len(self._leaves)) for v in domain.hull(block.scale))
        self._bounds.lo.append(lo)
        self._bounds.hi.append(self._bounds.meet(a, lo, hi, block.place))

    def _assume(self, b):
        """The signs that leaves assume of entries of block b."""
        a, block, bounds = self._a, self._plan.blocks[b], self._bounds
        lo, hi = bounds.lo[b], bounds.hi[b]
        for side in (-1, 1):
            mine = [(i, entry) for i, entry, s in self._signs[b] if s == side]
            if mine:
                where = a.index([i for i, _ in mine]), a.index([e for _, e in mine])
                lo = lo if side == -1 else lo.set(where, lo.at(where).positive_part())
                hi = hi if side == 1 else hi.set(where, hi.at(where).negative_part())
        bounds.lo[b], bounds.hi[b] = lo, bounds.meet(a, lo, hi, block.place)
        if block.kind.startswith("pair-"):
            difference.tighten(a, self._plan, b, bounds)

    def _tighten(self, b, c, q, chosen, hints):
        """Intersect the bounds of block b with those of a backward pass on some of its rows."""
        a, block, bounds, leaves = self._a, self._plan.blocks[b], self._bounds, len(self._leaves)
        if chosen is None:
            where = a.places(difference.open_entries(self._plan, b, bounds), (leaves, block.size))
        else:
            where = a.index([i for i in range(leaves) for _ in chosen]), a.index(chosen * leaves)
        if len(where[0]):
            self._intersect(b, where, c, q, len(chosen or ()), hints)
        # Also where this leaf has no such row: other leaves of the batch must not matter.
        if block.kind.startswith("pair-"):
            difference.tighten(a, self._plan, b, bounds)

    def _intersect(self, b, where, c, q, n, hints):
        """Bounds of block b with lower bounds of +v and of -v at some entries; n hinted rows for each sign."""
        a, block, bounds, lows = self._a, self._plan.blocks[b], self._bounds, []
        owner, entries = where
        for sign, offset in ((1, 0), (-1, n)):
            rows = lambda s, e, k=sign << c: {b: a.unit_rows(entries[s:e], block.size, k)}  # noqa: E731
            hinted = self._hint_rows(2 * n, offset, n) if any(hints) else None
            lows.append(self._lower(owner, q, rows, hints, hinted) >> c)
        lo, hi = bounds.lo[b].set(where, lows[0]), bounds.hi[b].set(where, -lows[1])
        lo, hi = a.maximum(bounds.lo[b], lo), a.minimum(bounds.hi[b], hi)
        bounds.lo[b], bounds.hi[b] = lo, bounds.meet(a, lo, hi, block.place)

    def _hint_rows(self, total, offset, count):
        """The rows of hints, ``total`` for each slot, of ``count`` functionals for each leaf from ``offset`` on."""
        return self._a.index([leaf.slot * total + offset + j for leaf in self._leaves for j in range(count)])

    def _lower(self, owner, q, rows, hints, hint_rows):
        """Lower bounds of functionals, a chunk at a time; ``rows(start, stop)`` are coefficients on blocks."""
        chunk, found = _chunk(self._plan), []
        for s in range(0, len(owner), chunk):
            e = min(len(owner), s + chunk)
            mine = None if len(self._leaves) == 1 else owner[s:e]
            some = None if hint_rows is None else hint_rows[s:e]
            state = backward.Pass(self._a, self._plan, self._bounds, self._region, q, mine, hints, some)
            for b, m in rows(s, e).items():
                state.add(b, m)
            found.append(state.run())
        below = self._a.join(found)
        if below.shape[0] != len(owner):
            raise MachineFault("a pass lost or made a functional: an error of this program")
        return below

    def _conclude(self, labels, c, q, hints):
        """(bound, whether it satisfies the claim) of each leaf."""
        a, claim, leaves = self._a, self._claim, self._leaves
        shared = None if labels is not None else conclude.quantity_rows(a, claim, leaves[0].part, labels)
        groups = [shared or conclude.quantity_rows(a, claim, leaf.part, labels) for leaf in leaves]
        uppers: list[list[Fraction]] = [[] for _ in leaves]
        total, offset = conclude.row_count(claim), 0
        for each in zip(*groups, strict=True):
            first, n = each[0], each[0].matrix.shape[0]
            stacked = conclude.Rows(a.join([r.matrix for r in each]), first.on, first.unit)
            coefficients, scale = conclude.start(a, claim, self._plan, stacked, self._plan.outputs, c)
            rows = lambda s, e, all_=coefficients: {b: m.rows(s, e) for b, m in all_.items()}  # noqa: E731
            owner = a.index([i for i in range(len(leaves)) for _ in range(n)])
            hinted = self._hint_rows(total, offset, n) if any(hints) else None
            below = self._lower(owner, q, rows, hints, hinted).tolist()
            unit = first.unit * (Fraction(1 << (c + scale)) if c + scale >= 0 else Fraction(1, 1 << -(c + scale)))
            for i, found in enumerate(uppers):
                found.extend(Fraction(-k * unit.denominator, unit.numerator) for k in below[i * n : (i + 1) * n])
                self._by_forms(i, each[i], offset, found)
            offset += n
        return [conclude.combine(claim, found) for found in uppers]

    def _by_forms(self, i, rows, offset, found):
        """Lower the bounds of the rows from ``offset`` on by the quadratic steps of the plan, on leaf i."""
        made = {}
        for word, row, *rest in self._plan.steps:
            if word != "quadratic" or i in self._bounds.closed or not offset <= row < len(found):
                continue
            bits, factor, shift, chosen, facts, factors = rest
            if (id(chosen), bits) not in made:
                made[id(chosen), bits] = quadratic.Expressions(self._a, self._plan, self._bounds, i, chosen, bits)
            x, slot = made[id(chosen), bits], self._leaves[i].slot
            mine = [(kind, b, m.rows(slot, slot + 1)) for kind, b, m in facts]
            hint = factors.rows(slot, slot + 1).shaped(x.n, x.n)
            outputs = x.outputs(rows.on)
            k = row - offset
            bound = quadratic.upper_bound(
                self._a, x, outputs, rows.matrix.rows(k, k + 1), mine, bits, factor, shift, hint
            )
            found[row] = min(found[row], bound * Fraction(rows.unit.denominator, rows.unit.numerator))
