"""Read the lines of a plan that rule *quadratic* uses: coordinates, facts with multipliers, and the rows they bound.

Spec: format.md#proof, rules.md#quadratic.
"""

from __future__ import annotations

from certify.kernel.limits import BITS, COORDINATES
from certify.kernel.rules import conclude
from certify.kernel.rules.quadratic import CHOICES, COORDINATES_OF, KINDS, LINEAR
from certify.kernel.verdict import limit


class Forms:
    """The quadratic steps of one plan whose blocks have all been read."""

    WORDS = ("coordinates", "fact", "product", "quadratic")

    def __init__(self, proof, plan, claim) -> None:
        self._proof, self._plan, self._claim, self._lines, self._a = proof, plan, claim, proof.lines, proof.arithmetic
        self._chosen: dict[int, list[int]] = {}
        self._facts: list[tuple[object, ...]] = []

    def read(self, word, rest) -> None:
        """One line, see format.md#proof."""
        if word == "coordinates":
            self._coordinates(*self._lines.integers(rest, 2))
        elif word == "fact":
            self._lines.need(len(rest) == 3 and rest[0] in KINDS, "hint", "expected a kind of fact and two numbers")
            self._fact(rest[0], *self._lines.integers(rest[1:], 2))
        elif word == "product":
            known = len(rest) == 7 and rest[0] in LINEAR and rest[3] in LINEAR
            self._lines.need(known, "hint", "expected two linear facts with their entries and multipliers")
            numbers = self._lines.integers([*rest[1:3], *rest[4:]], 5)
            self._product((rest[0], *numbers[:2]), (rest[3], *numbers[2:4]), numbers[4])
        else:
            self._quadratic(*self._lines.integers(rest, 5))

    def _block(self, b, kinds):
        inside = 0 <= b < len(self._plan.blocks)
        self._lines.need(inside, "no-such-block", f"block {b} of {len(self._plan.blocks)}")
        block = self._plan.blocks[b]
        self._lines.need(block.kind in kinds, "hint", f"that does not belong to a {block.kind} block")
        return block

    def _coordinates(self, b, tensor):
        block, t = self._block(b, COORDINATES_OF), self._proof.tensor(tensor)
        self._lines.need(t.count == block.size, "hint", "coordinates are told for each entry of a block")
        kinds = t.integers(self._a).tolist()
        self._lines.need(all(k in CHOICES for k in kinds), "hint", f"a coordinate is one of {CHOICES}")
        self._chosen = {**self._chosen, b: kinds}
        limit(self._count(), COORDINATES, self._lines.place, "number of coordinates")

    def _count(self):
        """Coordinates and the number 1."""
        return 1 + sum(1 for kinds in self._chosen.values() for k in kinds if k)

    def _fact(self, kind, b, tensor):
        block, t, slots = self._block(b, KINDS[kind]), self._proof.tensor(tensor), self._plan.slots
        self._lines.need(t.count == slots * block.size, "hint", "one multiplier for each entry of a block")
        self._facts.append((kind, b, t.integers(self._a).shaped(slots, block.size)))

    def _product(self, first, second, tensor):
        """Products of two linear facts (kind, block, tensor of entries)."""
        sides = []
        for kind, b, entries in (first, second):
            block = self._block(b, KINDS[kind])
            index = self._proof.tensor(entries).index(self._a, block.size)
            self._lines.need(min(index) >= 0, "index-range", "an entry of a fact is not negative")
            sides.append((kind, b, index))
        t, slots, count = self._proof.tensor(tensor), self._plan.slots, len(sides[0][2])
        fits = len(sides[1][2]) == count and t.count == slots * count
        self._lines.need(fits, "hint", "one multiplier for each pair of entries")
        self._facts.append(("product", sides, t.integers(self._a).shaped(slots, count)))

    def _quadratic(self, row, bits, factor, shift, tensor):
        lines, n, t = self._lines, self._count(), self._proof.tensor(tensor)
        both = self._claim.quantity[0] == "least" and self._claim.quantity[2] not in ("none", "opposite")
        lines.need(not both, "hint", "rule quadratic bounds rows on f, on g or on their difference")
        lines.need(0 <= row < conclude.row_count(self._claim), "hint", "no such row of the quantity")
        # Rows may come in very small units: multipliers may then be in units above one.
        for v in (bits, bits + factor, shift):
            lines.need(v >= 0, "bits", "a number of bits is not negative")
            limit(v, BITS, lines.place, "number of bits")
        half, slots = n * (n + 1) // 2, self._plan.slots
        lines.need(t.count == slots * half, "hint", f"the factor is the lower half of {n} x {n}")
        lower = [i * (i + 1) // 2 + j if j <= i else -1 for i in range(n) for j in range(n)]
        factors = t.integers(self._a).shaped(slots, half).gather(lower)
        self._plan.steps.append(("quadratic", row, bits, factor, shift, self._chosen, tuple(self._facts), factors))
        self._facts = []
