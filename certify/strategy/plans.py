"""From trees of bounded pieces to a certificate: which leaves share a plan, and in which units.

Leaves of one plan are replayed by the kernel together, so plans are few: one for all whole parts, one for each
three octaves of width among the leaves of cut parts, one for each leaf with hints of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from certify.certificate import Certificate
from certify.claims import Claim
from certify.elaborate import (
    FINAL,
    FINE,
    PLAIN,
    Cut,
    Leaf,
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
from certify.provers.problem import Problem

OCTAVES = 3


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
        groups: dict[object, list[Piece]] = {}
        for root in self.roots:
            for leaf in root.leaves():
                groups.setdefault(_group(leaf), []).append(leaf)
        self._of = {key: self._add(leaves) for key, leaves in groups.items()}

    def _add(self, leaves: list[Piece]) -> int:
        magnitude = np.max([p.magnitude for p in leaves], axis=0).tolist()
        span = np.max([p.span for p in leaves], axis=0).tolist()
        finish = leaves[0].finish
        precision = FINE if finish is not None and finish.forms is not None else PLAIN
        scales = choose_scales(self.problem.graph, magnitude, span, max(p.width for p in leaves), precision)
        if finish is None:
            lines = write_plan(self.problem.graph, scales, self.problem.steps, self.table)
        else:
            steps = self.problem.steps if finish.steps is None else finish.steps
            final = [*self._forms(finish), *self._final(finish, scales)]
            lines = write_plan(self.problem.graph, scales, steps, self.table, final, precision)
        if lines in self.texts:
            return self.texts.index(lines)
        self.texts.append(lines)
        return len(self.texts) - 1

    def _forms(self, finish: Finish) -> list[str]:
        """The lines of semidefinite bounds."""
        if finish.forms is None:
            return []
        units = [float(unit) for _, unit, rows in row_units(self.claim) for _ in range(rows)]
        return form_lines(finish.forms.chosen, {k: (p, units[k]) for k, p in finish.forms.rows.items()}, self.table)

    def _final(self, finish: Finish, scales: Sequence[int]) -> list[str]:
        """The hint lines of the quantity's rows."""
        graph, groups = self.problem.graph, []
        for (on, unit, rows), hints in zip(row_units(self.claim), finish.hints, strict=True):
            f, pair = graph.outputs["f"], graph.output_pair()
            start = graph.outputs[on] if on in ("f", "g") else f if pair is None else pair
            factor = math.log2(unit.numerator) - math.log2(unit.denominator) + scales[start] + FINAL[0]
            groups.append(Group(hints, rows, factor))
        return hint_lines(graph, scales, groups, self.table)

    def tree(self, root: Piece) -> Tree:
        """The tree of one part; recursion would be as deep as the splits."""
        done: dict[int, Tree] = {}
        stack = [root]
        while stack:
            p = stack[-1]
            if p.below is None or p.above is None:
                done[id(p)] = Leaf(self._of[_group(p)])
            elif id(p.below) in done and id(p.above) in done:
                done[id(p)] = Cut(p.coordinate, p.at, done.pop(id(p.below)), done.pop(id(p.above)))
            else:
                stack += [p.above, p.below]
                continue
            stack.pop()
        return done[id(root)]


def _group(leaf: Piece) -> object:
    """What leaves have in common that share a plan."""
    if leaf.finish is not None:
        return id(leaf)
    if leaf.depth == 0:
        return "whole"
    return math.frexp(leaf.width)[1] // OCTAVES
