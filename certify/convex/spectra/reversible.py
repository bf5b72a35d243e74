"""Reversible transfer operators as symmetric matrices, exactly: what ``ct.spectral_gap`` certifies of them.

P with weights pi > 0 is reversible when W = diag(pi) P is symmetric (detailed balance, pi_i P_ij = pi_j P_ji). Then the
eigenvalues of P are real, and those of the pencil (W, diag(pi)). Square roots are avoided by a congruence: with S_i
dyadic near pi_i^(-1/2), M = S W S, and S diag(pi) S = 1 + D with |D_i| <= delta, it is the pencil (M, 1 + D). So, by
Courant and Fischer, m eigenvalues of M at least h >= 0 and the others at most l >= 0 give m eigenvalues of P at least
h / (1 + delta), the others at most l / (1 - delta). What the kernel checks is the inertia of M on a grid; the grid and
delta are a line of exact arithmetic, of relative size 1e-13 or so.
(Levin, Peres and Wilmer, Markov Chains and Mixing Times, 2nd ed., lemma 12.2.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.convex.forms import grid, lowest
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.statements.exact import exact

GRID_BITS = 48


@dataclass(frozen=True)
class Symmetrised:
    """What stands for a reversible operator.

    matrix:   short and symmetric; its inertia is certified
    rounding: |matrix - S W S| is at most this, in the operator norm
    delta:    |S_i^2 pi_i - 1| is at most this
    skew:     half of |S (W - W') S|, when the average of W and W' was taken
    roots:    S, for changes in the weighted norm
    """

    matrix: Matrix
    rounding: Fraction
    delta: Fraction
    skew: Fraction
    roots: list[Fraction]
    weights: list[Fraction]
    notes: tuple[str, ...]

    def low(self, q: Fraction) -> Fraction:
        """What an eigenvalue of the operator is at most, if one of ``matrix`` is at most q."""
        v = q + self.rounding
        return v / (1 - self.delta) if v >= 0 else v / (1 + self.delta)

    def high(self, q: Fraction) -> Fraction:
        """What an eigenvalue of the operator is at least, if one of ``matrix`` is at least q."""
        v = q - self.rounding
        return v / (1 + self.delta) if v >= 0 else v / (1 - self.delta)


def symmetrised(P: Any, stationary: Any, average: bool) -> Symmetrised:
    """The symmetric matrix of a reversible operator.

    P: (n, n), floats taken exactly or Fractions. stationary: n positive weights, on any scale; "auto", found from P by
    detailed balance; or "weights", when P is W itself, symmetric, and the operator is W divided by its sums of rows.
    average: take (W + W') / 2 for W. Raises BadInput, naming the worst pair, unless W is symmetric.
    """
    flow, weights = flows(P, stationary, average)
    n = flow.shape[0]
    notes: list[str] = []
    skew = lowest(flow - flow.T)
    off = np.abs(skew.n.a)
    if off.any():
        i, j = sorted(int(v) for v in np.unravel_index(int(off.argmax()), (n, n)))
        worst = Fraction(int(off[i, j]), skew.den)
        if not average:
            raise BadInput(
                f"K: expected detailed balance, stationary_i K_ij = stationary_j K_ji exactly (or symmetrise=True): "
                f"the worst pair is ({i}, {j}), off by {float(worst / max(weights)):.3g} of the largest weight"
            )
        flow = lowest((flow + flow.T).times(1, 2))
        notes.append(f"the operator is the average of the given one and its reversal, which differ most at ({i}, {j})")
    roots = [Fraction(1 / math.sqrt(w)) for w in _unit(weights)]
    scale = Fraction(2) ** _exponent(weights)
    delta = max(abs(s * s * w / scale - 1) for s, w in zip(roots, weights, strict=True))
    row = exact(np.array(roots, dtype=object))
    whole = _scaled(flow, row, scale)
    matrix, rounding = grid(whole, GRID_BITS)
    rest = _scaled(skew, row, scale * 2) if off.any() else None
    turned = Fraction(0) if rest is None else Fraction(max(sum(abs(int(v)) for v in r) for r in rest.n.a), rest.den)
    return Symmetrised(matrix, rounding, delta, turned, roots, [w / scale for w in weights], tuple(notes))


def _scaled(flow: Matrix, row: Matrix, scale: Fraction) -> Matrix:
    half = flow.each(row).T.each(row)
    return lowest(half.times(scale.denominator, scale.numerator))


def flows(P: Any, stationary: Any, average: bool) -> tuple[Matrix, list[Fraction]]:
    """W = diag(pi) P and pi, exactly; pi on any scale. Raises BadInput for what has no such form.

    Weights that are to be averaged are so before their rows are summed.
    """
    given = exact(P, "K")
    n = given.shape[0]
    if given.shape != (n, n) or n < 2:
        raise BadInput(f"K: expected a square matrix of size two at least, found {n} x {given.shape[1]}")
    if isinstance(stationary, str) and stationary == "weights":
        if average:
            given = lowest((given + given.T).times(1, 2))
        sums = [Fraction(sum(int(v) for v in r), given.den) for r in given.n.a]
        return given, _positive(sums)
    if isinstance(stationary, str):
        if stationary != "auto":
            raise BadInput(f"stationary: expected weights, 'auto' or 'weights', found {stationary!r}")
        weights = _balanced(given)
    else:
        row = exact(stationary, "stationary")
        if row.shape not in ((1, n), (n, 1)):
            raise BadInput(f"stationary: expected {n} weights, found {row.shape[0]} x {row.shape[1]}")
        weights = [Fraction(int(v), row.den) for v in row.n.a.ravel()]
    column = exact(np.array(_positive(weights), dtype=object))
    return lowest(given.T.each(column).T), weights


def _positive(weights: list[Fraction]) -> list[Fraction]:
    for i, w in enumerate(weights):
        if w <= 0:
            raise BadInput(f"stationary: expected positive weights, found {w} at {i}")
    return weights


def _balanced(P: Matrix) -> list[Fraction]:
    """pi from detailed balance along a breadth-first tree from state 0; the other pairs are checked by the caller."""
    whole = P.n.a
    found: dict[int, Fraction] = {0: Fraction(1)}
    queue = [0]
    for i in queue:
        for j in (int(v) for v in np.flatnonzero(whole[i] != 0)):
            if j in found:
                continue
            if whole[j, i] == 0:
                raise BadInput(f"K: expected detailed balance, found K[{i}, {j}] != 0 and K[{j}, {i}] = 0")
            found[j] = found[i] * Fraction(int(whole[i, j]), int(whole[j, i]))
            queue.append(j)
    if len(found) < len(whole):
        missing = next(i for i in range(len(whole)) if i not in found)
        raise BadInput(f"K: state {missing} is not reached from state 0, so that 'auto' has no weights; give them")
    return [found[i] for i in range(len(whole))]


def _exponent(weights: list[Fraction]) -> int:
    largest = max(weights)
    return largest.numerator.bit_length() - largest.denominator.bit_length()


def _unit(weights: list[Fraction]) -> list[float]:
    scale = Fraction(2) ** _exponent(weights)
    return [float(w / scale) for w in weights]


def timescale(q: Fraction, up: bool) -> float | None:
    """-1 / log q for 0 < q < 1, steps until a mode of eigenvalue q has decayed by e; rounded up or down, else None."""
    if not 0 < q < 1:
        return None
    # log1p is accurate to one unit in the last place also near q = 1.
    t = -1 / math.log1p(-float(1 - q)) if q > Fraction(1, 2) else -1 / math.log(float(q))
    return t * (1 + 2.0**-50 if up else 1 - 2.0**-50)


def near_roots(weights: list[Fraction]) -> tuple[Matrix, Fraction]:
    """One row of floats near the square roots of the weights, and how far their squares are, relatively."""
    roots = [Fraction(math.sqrt(float(w))) for w in weights]
    delta = max(abs(r * r / w - 1) for r, w in zip(roots, weights, strict=True))
    return exact(np.array(roots, dtype=object)), delta
