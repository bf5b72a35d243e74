"""Small chains in Fractions: what is tested against, by brute force and without any code of the package."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

ONE = Fraction(1)


def table(rows) -> np.ndarray:
    # Not of numpy's integers: a Fraction would keep them, and they wrap.
    return np.array([[v if isinstance(v, Fraction) else Fraction(int(v)) for v in row] for row in rows], dtype=object)


def normalised(whole) -> np.ndarray:
    """A chain from rows of natural numbers, none of them zero."""
    return table([[Fraction(int(v), int(sum(row))) for v in row] for row in whole])


@st.composite
def laws(draw, n):
    weights = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n).filter(any))
    return [Fraction(v, sum(weights)) for v in weights]


@st.composite
def chains(draw, low=1, high=6):
    n = draw(st.integers(low, high))
    return table([draw(laws(n)) for _ in range(n)])


@st.composite
def partitions(draw, n):
    """Labels of n states, every block 0 .. m - 1 taken."""
    labels = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    return np.unique(labels, return_inverse=True)[1]


def merged(law, index):
    """mu V."""
    out = [Fraction(0)] * (int(max(index)) + 1)
    for k, v in zip(index, law, strict=True):
        out[int(k)] += v
    return out


def apart(x, y) -> Fraction:
    """Total variation."""
    return sum((abs(a - b) for a, b in zip(x, y, strict=True)), Fraction(0)) / 2


def corner(i, n):
    return [Fraction(int(j == i)) for j in range(n)]


def errors(p, macro, index, law, small, steps):
    """TV between the law of the blocks and that of the macro chain at times 0 .. steps."""
    out = []
    for _ in range(steps + 1):
        out.append(apart(merged(law, index), small))
        law, small = list(np.array(law, dtype=object) @ p), list(np.array(small, dtype=object) @ macro)
    return out


def dobrushin(m) -> Fraction:
    return max(apart(x, y) for x in m for y in m)


def lost(p, macro, index) -> Fraction:
    """eps, the largest row l1 norm of P V - V Pi."""
    return max(2 * apart(merged(p[i], index), macro[int(k)]) for i, k in enumerate(index))


def formula(p, macro, index, power, start=Fraction(0)) -> Fraction:
    """max of delta tau(Pi^t) + (eps/2) sum_(j<t) tau(Pi^j) for t < s, and of the geometric series from s on."""
    half, total, most, m = lost(p, macro, index) / 2, Fraction(0), Fraction(0), table(np.eye(len(macro), dtype=int))
    for _ in range(power):
        tau = dobrushin(m)
        most, total, m = max(most, start * tau + half * total), total + tau, m @ macro
    tau = dobrushin(m)
    assert tau < 1
    return max(most, start * tau + half * total / (1 - tau))


def solve(a, b) -> list[Fraction]:
    """x with a x = b, by elimination; StopIteration where a is singular."""
    n = len(a)
    m = [[*map(Fraction, row), Fraction(v)] for row, v in zip(a, b, strict=True)]
    for k in range(n):
        p = next(i for i in range(k, n) if m[i][k])
        m[k], m[p] = m[p], m[k]
        for i in range(n):
            if i != k and m[i][k]:
                t = m[i][k] / m[k][k]
                m[i] = [x - t * y for x, y in zip(m[i], m[k], strict=True)]
    return [m[i][n] / m[i][i] for i in range(n)]


def stationary(p) -> list[Fraction] | None:
    """The stationary law; None where there are several."""
    a = (table(np.eye(len(p), dtype=int)) - p).T
    a[0] = ONE
    try:
        return solve(a, [1, *[0] * (len(p) - 1)])
    except StopIteration:
        return None


def walk(n, heights):
    """A birth and death chain in float64 with the stationary law exp(-heights), near: accepted moves of one step."""
    p = np.zeros((n, n))
    up = np.minimum(1, np.exp(heights[:-1] - heights[1:])) / 2
    down = np.minimum(1, np.exp(heights[1:] - heights[:-1])) / 2
    p[np.arange(n - 1), np.arange(1, n)] = up
    p[np.arange(1, n), np.arange(n - 1)] = down
    p[np.arange(n), np.arange(n)] = 1 - p.sum(axis=1)
    return p


def balanced(p) -> list[Fraction]:
    """The stationary law of a birth and death chain, from detailed balance, in exact numbers."""
    law = [ONE]
    for i in range(len(p) - 1):
        law.append(law[-1] * Fraction(p[i][i + 1]) / Fraction(p[i + 1][i]))
    total = sum(law)
    return [v / total for v in law]
