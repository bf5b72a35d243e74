"""Cut a box until the form's enclosure over every leaf lies at or below a target.

Breadth first, all boxes of a level at once.
For each box every variable is tried, and the one cut whose worse half has the least upper end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.symbolic.ranges.floats import Floats, uppers
from certify.symbolic.ranges.programs import Program

LEVELS = 200


@dataclass(frozen=True)
class Tree:
    """Cuts of boxes: axis (-1 for a leaf), the place of the cut, and the number of the low child; the high is next."""

    axis: list[int]
    place: list[float]
    child: list[int]

    @property
    def leaves(self) -> int:
        return self.axis.count(-1)

    def items(self, bits: int) -> list[list[int]]:
        """The items of the evidence, from the root, low side first. Floats are integers over 2^bits, or are rounded."""
        out: list[list[int]] = []
        todo = [0]
        while todo:
            k = todo.pop()
            if self.axis[k] < 0:
                out.append([])
                continue
            out.append([self.axis[k], round(np.ldexp(self.place[k], bits))])
            todo += [self.child[k] + 1, self.child[k]]
        return out


def cut(p: Program, low: Floats, high: Floats, target: float, most: int) -> tuple[Tree, float]:
    """A tree for the box low, high (variables,), and the largest upper end of its leaves; at most ``most`` leaves."""
    tree = Tree([-1], [0.0], [0])
    nodes, lows, highs = np.array([0]), low[None], high[None]
    tops = uppers(p, lows, highs)
    worst = -np.inf
    leaves, n = 1, len(low)
    for _ in range(LEVELS):
        middle = lows + (highs - lows) / 2
        # A box that has no float between its ends is not cut.
        wide = ((middle > lows) & (middle < highs)).any(axis=1)
        open_ = (tops > target) & wide
        # Where the leaves run out the worst boxes are cut.
        spare = most - leaves
        if open_.sum() > spare:
            order = np.argsort(-np.where(open_, tops, -np.inf), kind="stable")
            open_ = np.zeros(len(tops), dtype=bool)
            open_[order[: max(spare, 0)]] = True
        worst = max(worst, float(tops[~open_].max(initial=-np.inf)))
        if not open_.any():
            return tree, worst
        nodes, lows, highs, middle = nodes[open_], lows[open_], highs[open_], middle[open_]
        halves = [_halves(lows, highs, middle, j) for j in range(n)]
        found = np.stack([np.stack([uppers(p, a, b) for a, b in pair]) for pair in halves])
        score = found.max(axis=1)
        score[(middle <= lows).T | (middle >= highs).T] = np.inf
        # Equal scores (both infinite, often) are settled by width.
        best = np.lexsort((-(highs - lows).T, score), axis=0)[0]
        rows = np.arange(len(nodes))
        first = len(tree.axis)
        for k, (node, j) in enumerate(zip(nodes.tolist(), best.tolist(), strict=True)):
            tree.axis[node], tree.place[node], tree.child[node] = j, float(middle[k, j]), first + 2 * k
        tree.axis.extend([-1] * (2 * len(nodes)))
        tree.place.extend([0.0] * (2 * len(nodes)))
        tree.child.extend([0] * (2 * len(nodes)))
        leaves += len(nodes)
        below = highs.copy()
        below[rows, best] = middle[rows, best]
        above = lows.copy()
        above[rows, best] = middle[rows, best]
        tops = np.stack([found[best, 0, rows], found[best, 1, rows]], axis=1).ravel()
        nodes = first + np.arange(2 * len(rows))
        lows = np.stack([lows, above], axis=1).reshape(-1, n)
        highs = np.stack([below, highs], axis=1).reshape(-1, n)
    return tree, max(worst, float(tops.max()))


def _halves(low: Floats, high: Floats, middle: Floats, j: int) -> list[tuple[Floats, Floats]]:
    below, above = high.copy(), low.copy()
    below[:, j] = above[:, j] = middle[:, j]
    return [(low, below), (above, high)]
