"""Solve the Poisson equation of a chain however slowly it mixes: h with f + (P - I) h constant on each closed class.

States are eliminated one by one, each replaced by the ways through it to those that are left. As Grassmann, Taksar and
Heyman (1985) do it, a pivot is the sum of what leaves: nothing is subtracted, and every factor has nearly all digits of
a float, where ordinary elimination loses as many as the time of mixing has. h itself is as large as that time and needs
more digits than a float has: it is found in integers, with rows of factors that sum to 1 exactly. What the factors lack
shows in the remainder f + (P - I) h, for which the caller solves again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.numbers import integers
from certify.statements.exact import Floats

Whole = NDArray[np.object_]
# Digits behind the point of what is solved for; h may be longer in front of it.
DIGITS = 400


class Solver:
    """Factors of I - P (n, n), made once.

    classes: the closed classes of states. fits: False where floats do not hold the factors; then do not call.
    """

    def __init__(self, p: Floats) -> None:
        self.classes, rest = closed_classes(p)
        # Closed classes first: what is left of each in the end is its first state.
        self._order = np.concatenate([*(_narrow(p, c) for c in self.classes), _narrow(p, rest)])
        starts = np.cumsum([0, *(len(c) for c in self.classes)])
        self._ends = list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
        self._ways: list[tuple[Any, Whole, int, Any, Whole, int] | None] = []
        self.fits = self._eliminate(p[np.ix_(self._order, self._order)], set(starts[:-1].tolist()))
        ones = np.array([1 << DIGITS] * len(p), dtype=object)
        self._ones = self._down(ones) if self.fits else ones

    def _eliminate(self, p: Floats, last: set[int]) -> bool:
        ways: list[Any] = [None] * len(p)
        for k in range(len(p) - 1, -1, -1):
            if k in last:
                continue
            to, back = np.flatnonzero(p[k, :k]), np.flatnonzero(p[:k, k])
            row = p[k, to]
            leaves = row.sum()
            if not leaves > 0:
                return False
            with np.errstate(over="ignore"):
                share = p[back, k] / leaves
            if not np.isfinite(share).all():
                return False
            if 2 * to.size * back.size > k * k:
                full = np.zeros(k)
                full[back] = share
                p[:k, :k] += np.outer(full, p[k, :k])
            else:
                p[np.ix_(back, to)] += np.outer(share, row)
            ways[k] = (back, *integers(share), to, *integers(row))
        self._ways = ways
        return True

    def _down(self, v: Whole) -> Whole:
        """What each state gets from those that were eliminated before it."""
        v = v.copy()
        for k in range(len(v) - 1, -1, -1):
            way = self._ways[k]
            if way is not None and way[0].size:
                v[way[0]] += (way[1] * v[k]) >> way[2]
        return v

    def __call__(self, f: Whole, choose: Callable[[list[int]], int]) -> Whole:
        """h for f, both integers in units of 2^-DIGITS. choose: the constant of other states from those of classes."""
        got, ones = self._down(f[self._order]), self._ones
        means = [(int(got[a]) << DIGITS) // int(ones[a]) for a, _ in self._ends]
        level = np.full(len(f), choose(means), dtype=object)
        for (a, b), mean in zip(self._ends, means, strict=True):
            level[a:b] = mean
        got = got - ((level * ones) >> DIGITS)
        h = np.zeros(len(f), dtype=object)
        for k, way in enumerate(self._ways):
            if way is not None:
                to, row, shift = way[3:]
                h[k] = ((int(got[k]) << shift) + int((row * h[to]).sum())) // int(row.sum())
        out = np.empty(len(f), dtype=object)
        out[self._order] = h
        return out


def closed_classes(p: Floats) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """The closed classes of states, and the states of none."""
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(sp.csr_matrix(p), directed=True, connection="strong")
    closed = np.ones(count, dtype=bool)
    at = np.nonzero(p)
    closed[label[at[0]][label[at[0]] != label[at[1]]]] = False
    return [np.flatnonzero(label == k) for k in range(count) if closed[k]], np.flatnonzero(~closed[label])


def _narrow(p: Floats, states: NDArray[np.int64]) -> NDArray[np.int64]:
    """The states in an order that keeps what a walk on a line or a graph fills in small."""
    import scipy.sparse as sp
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    if states.size < 3:
        return states
    inner = sp.csr_matrix(p[np.ix_(states, states)])
    order = np.asarray(reverse_cuthill_mckee(sp.csr_matrix(inner + inner.T), symmetric_mode=True), dtype=np.int64)
    return states[order]
