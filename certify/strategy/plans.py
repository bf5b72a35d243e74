"""From trees of bounded pieces to a certificate: which leaves share a plan, and in which units.

Leaves of one plan are replayed by the kernel together, so plans are few: one for all whole parts, one for each
three octaves of width among the leaves of cut parts, one for each leaf with hints of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from certify.certificate import Certificate
from certify.claims import Claim
from certify.elaborate import (
    FINE,
    LEAVES,
    PLAIN,
    Cut,
    Leaf,
    Precision,
    SignCut,
    Tree,
    choose_scales,
    row_units,
    write_certificate,
    write_plan,
)
from certify.elaborate_forms import form_lines
from certify.elaborate_hints import Group, hint_lines
from certify.networks.encode import TensorTable
from certify.provers.branch import Finish, Piece
from certify.provers.hints import Hints
from certify.provers.problem import Problem

OCTAVES = 3
# Leaves of one plan that have hints of their own.
SLOTS = 512


def certificate_of(problem: Problem, claim: Claim, roots: Sequence[Piece]) -> Certificate:
    """The certificate of a claim from the tree of each part; deterministic bytes."""
    plans = _Plans(problem, claim, roots)
    return write_certificate(claim, plans.texts, [plans.tree(p) for p in roots], plans.table)


@dataclass
class _Plans:
    """Plans made as leaves ask for them."""

    problem: Problem
    claim: Claim
    roots: Sequence[Piece]
    table: TensorTable = field(default_factory=TensorTable)
    texts: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rows = row_units(self.claim)
        groups: dict[object, list[Piece]] = {}
        for root in self.roots:
            for leaf in root.leaves():
                groups.setdefault(_group(leaf), []).append(leaf)
        self._of: dict[object, Leaf] = {}
        for key, leaves in groups.items():
            room = SLOTS if isinstance(key, tuple) else len(leaves)
            for k in range(0, len(leaves), room):
                some = leaves[k : k + room]
                plan = self._add(some)
                if isinstance(key, tuple):
                    self._of |= {id(leaf): Leaf(plan, slot) for slot, leaf in enumerate(some)}
                else:
                    self._of[key] = Leaf(plan)

    def _add(self, leaves: list[Piece]) -> int:
        magnitude = np.max([p.magnitude for p in leaves], axis=0).tolist()
        span = np.max([p.span for p in leaves], axis=0).tolist()
        finish = leaves[0].finish
        precision = self._precision(leaves[0])
        scales = choose_scales(self.problem.graph, magnitude, span, max(p.width for p in leaves), precision)
        if finish is None:
            lines = write_plan(self.problem.graph, scales, self.problem.steps, self.table, (), precision)
        else:
            steps = self.problem.steps if finish.steps is None else finish.steps
            hints = finish.hints if len(leaves) == 1 else _joined(leaves)
            final = [*self._forms(finish), *self._final(hints, len(leaves), scales, precision)]
            lines = write_plan(self.problem.graph, scales, steps, self.table, final, precision, len(leaves))
        if lines in self.texts:
            return self.texts.index(lines)
        self.texts.append(lines)
        return len(self.texts) - 1

    def _precision(self, leaf: Piece) -> Precision:
        if leaf.finish is not None and leaf.finish.forms is not None:
            return self._coarser(FINE)
        # Safety margins can be as thin as rounding, and so are the slabs between two signs.
        plain = leaf.depth == 0 or self.problem.q.kind == "least" or (leaf.finish is not None and leaf.finish.is_priced)
        return self._coarser(PLAIN if plain else LEAVES)

    def _coarser(self, precision: Precision) -> Precision:
        """With fewer bits added to rows whose own integers are large: hints have to fit 62 bits."""
        own = max(math.log2(unit.numerator) - math.log2(unit.denominator) for _, unit, _ in self._rows)
        c, q = precision.final
        return replace(precision, final=(max(0, c - max(0, round(own))), q))

    def _forms(self, finish: Finish) -> list[str]:
        """The lines of semidefinite bounds."""
        if finish.forms is None:
            return []
        units = [float(unit) for _, unit, rows in self._rows for _ in range(rows)]
        return form_lines(finish.forms.chosen, {k: (p, units[k]) for k, p in finish.forms.rows.items()}, self.table)

    def _final(self, given: list[Hints | None], slots: int, scales: Sequence[int], precision: Precision) -> list[str]:
        """The hint lines of the quantity's rows, for one leaf after another."""
        graph, groups = self.problem.graph, []
        for (on, unit, rows), hints in zip(self._rows, given, strict=True):
            f, pair = graph.outputs["f"], graph.output_pair()
            start = graph.outputs[on] if on in ("f", "g") else f if pair is None else pair
            factor = math.log2(unit.numerator) - math.log2(unit.denominator) + scales[start] + precision.final[0]
            groups.append(Group(hints, slots * rows, factor))
        return hint_lines(graph, scales, groups, self.table)

    def tree(self, root: Piece) -> Tree:
        """The tree of one part; recursion would be as deep as the splits."""
        done: dict[int, Tree] = {}
        stack = [root]
        while stack:
            p = stack[-1]
            if p.below is None or p.above is None:
                key = _group(p)
                done[id(p)] = self._of[id(p) if isinstance(key, tuple) else key]
            elif id(p.below) in done and id(p.above) in done:
                done[id(p)] = self._cut(p, done.pop(id(p.below)), done.pop(id(p.above)))
            else:
                stack += [p.above, p.below]
                continue
            stack.pop()
        return done[id(root)]

    def _cut(self, p: Piece, below: Tree, above: Tree) -> Tree:
        if p.sign is None:
            return Cut(p.coordinate, p.at, below, above)
        block, entry = self.problem.graph.blocks[p.sign[0]], p.sign[1]
        return SignCut(block.net, block.node, entry, below, above)


def _group(leaf: Piece) -> object:
    """What leaves have in common that share a plan."""
    octave = math.frexp(leaf.width)[1] // OCTAVES if leaf.width > 0 else 0
    if leaf.finish is not None:
        f = leaf.finish
        shared = leaf.depth > 0 and f.steps is None and f.forms is None and len(f.hints) == 1
        return ("slots", octave) if shared else id(leaf)
    if leaf.depth == 0:
        return "whole"
    return octave


def _joined(leaves: Sequence[Piece]) -> list[Hints | None]:
    """The hints of leaves of one plan, row by row, those of each leaf together."""
    given = [leaf.finish.hints[0] for leaf in leaves if leaf.finish is not None]
    found = [h for h in given if h is not None]
    shapes = {b: [v.shape for v in vs] for h in found for b, vs in h.slopes.items()}
    # A block that some leaf does not hint has no open sign there: its slopes are not read.
    slopes = {
        b: tuple(
            np.concatenate([h.slopes[b][k] if b in h.slopes else np.zeros(s) for h in found], axis=1)
            for k, s in enumerate(shape)
        )
        for b, shape in shapes.items()
    }
    sizes = {b: t.shape for h in found for b, t in h.multipliers.items()}
    multipliers = {
        b: np.concatenate([h.multipliers.get(b, np.zeros(s)) for h in found], axis=1) for b, s in sizes.items()
    }
    return [Hints(slopes, multipliers)]
