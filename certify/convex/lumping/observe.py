"""What a lumping really does: the worst single state to start from, replayed; and what no macro chain can avoid.

Floats find the state and the time; integers replay them, rounded down to multiples of 2^-60. A step of a chain expands
no vector, so after t steps the law is off by at most t n 2^-60 in l1, which is taken off what was observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.convex.lumping.chains import Chain
from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.statements.exact import Floats, floats

BITS = 60
# Each replayed step is a product with the whole chain: 0.1 s for 1,000 states.
REPLAYED = 12


@dataclass(frozen=True)
class Observed:
    """TV of at least ``error`` (exact) after ``steps`` from ``state``; in floats ``searched``, after more."""

    error: Fraction
    state: int
    steps: int
    searched: float
    searched_steps: int


def worst_start(chain: Chain, macro: Chain, index: NDArray[np.int64], horizon: int) -> Observed:
    """The largest TV between the blocks' law from a single state and that of the macro chain from its block."""
    count = macro.size
    blocks, power = np.eye(count)[index], np.eye(count)
    best, far = (0.0, 0, 0), (0.0, 0)
    for t in range(1, horizon + 1):
        blocks, power = chain.floats @ blocks, power @ macro.floats
        apart = 0.5 * np.abs(blocks - power[index]).sum(axis=1)
        state, most = int(apart.argmax()), float(apart.max())
        if most > best[0] and t <= REPLAYED:
            best = (most, state, t)
        if most > far[0] * (1 + 1e-9):
            far = (most, t)
        elif t > 2 * far[1] + 10:
            break
    _, state, steps = best
    return Observed(_replay(chain, macro, index, state, steps), state, steps, *far)


def _replay(chain: Chain, macro: Chain, index: NDArray[np.int64], state: int, steps: int) -> Fraction:
    """A lower bound of TV(e_state P^steps V, e_block Pi^steps)."""
    n, m = chain.size, macro.size
    law = fast.unit_rows([state], n, 1 << BITS)
    small = fast.unit_rows([int(index[state])], m, 1 << BITS)
    for _ in range(steps):
        law = fast.matmul(law, chain.exact.n) // chain.exact.den
        small = fast.matmul(small, macro.exact.n) // macro.exact.den
    apart = fast.fold(law, index.tolist(), m) - small
    size = sum(abs(v) for v in apart.tolist())
    return max(Fraction(size - steps * (n + m), 2 << BITS), Fraction(0))


@dataclass(frozen=True)
class Split:
    """Two states of one block whose rows of P V differ by ``distance`` in l1.

    From one or the other, any macro chain on these blocks is off by at least distance / 4 in TV after one step: it has
    one answer for both.
    """

    first: int
    second: int
    distance: Fraction

    @property
    def unavoidable(self) -> Fraction:
        return self.distance / 4


def widest_split(moved: Matrix, index: NDArray[np.int64]) -> Split | None:
    """The two states of one block that differ most; None when no block has two states that differ."""
    from scipy.spatial.distance import cdist

    rows: Floats = floats(moved)
    best, pair = 0.0, None
    for k in range(int(index.max()) + 1):
        group = np.flatnonzero(index == k)
        # Farthest from the mean first: of large blocks only these are compared with all.
        some = group[np.argsort(-np.abs(rows[group] - rows[group].mean(axis=0)).sum(axis=1))[:500]]
        apart = cdist(rows[some], rows[group], "cityblock")
        i, j = np.unravel_index(int(apart.argmax()), apart.shape)
        if apart[i, j] > best:
            best, pair = float(apart[i, j]), (int(some[i]), int(group[j]))
    if pair is None:
        return None
    gap = moved.n.take_rows([pair[0]]) - moved.n.take_rows([pair[1]])
    size = sum(abs(v) for v in gap.tolist())
    return Split(*pair, Fraction(size, moved.den)) if size else None
