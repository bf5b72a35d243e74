"""Chains as exact stochastic matrices, and their states in blocks.

What is certified is an exact chain: rows of Fractions that sum to 1 are taken as they are; rows of floats, which hardly
ever do, become multiples of 2^-52 that do, and the change is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.errors import BadInput
from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.numbers import as_floats
from certify.statements.exact import Floats, as_array, exact, floats

BITS = 52
# Integers of a certificate, with their sign.
MOST_BITS = 1024
# Floats further than this from a law are no rounding of one: sums of rows, in units of the floats' precision, at least
# the first number.
ROUNDING, UNITS = 1e-8, 16


@dataclass(frozen=True)
class Chain:
    """An exact stochastic matrix (n, n), the same in floats, and the largest l1 change of a row that made it exact."""

    exact: Matrix
    floats: Floats
    changed: float

    @property
    def size(self) -> int:
        return len(self.floats)

    @property
    def notes(self) -> tuple[str, ...]:
        """What became of the user's floats."""
        if not self.changed:
            return ()
        return (f"rows were normalised to exact multiples of 2^-{BITS}; largest l1 change of a row {self.changed:.1e}",)


def chain(values: Any, place: str = "the chain") -> Chain:
    """A stochastic matrix (n, n): an array of floats, integers or Fractions, a sparse matrix, or an exact Matrix.

    Raises BadInput unless it is square, with entries >= 0 and rows that sum to 1 (floats: up to rounding).
    """
    if isinstance(values, Chain):
        return values
    array = values if isinstance(values, Matrix) else as_array(values, place)
    if not isinstance(array, Matrix) and array.dtype == object:
        _fits(array, place)
    if isinstance(array, Matrix) or array.dtype.kind != "f":
        return _as_it_is(exact(array, place), place)
    stored = as_floats(array, place)
    p, most = stored.astype(np.float64), max(ROUNDING, UNITS * float(np.finfo(stored.dtype).eps))
    if p.ndim != 2 or p.shape[0] != p.shape[1] or not p.size:
        raise BadInput(f"{place}: expected a square matrix, found shape {p.shape}")
    sums = p.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > most or p.min() < -ROUNDING:
        found = f"row {worst} sums to {sums[worst]:.12g}, the least entry is {p.min():.3g}"
        raise BadInput(f"{place}: expected entries >= 0 and rows that sum to 1, found that {found}")
    whole = rounded_laws(p, BITS)
    near = np.ldexp(whole.astype(np.float64), -BITS)
    return Chain(Matrix(fast, fast.Ints(whole, 1 << BITS), 1 << BITS), near, float(np.abs(near - p).sum(axis=1).max()))


def rounded_laws(p: Floats, bits: int) -> NDArray[np.int64]:
    """Rows near those of ``p`` as integers >= 0 that sum to 2^bits; bits <= 52. What is missing goes to the largest."""
    p = np.maximum(p, 0)
    whole = np.rint(np.ldexp(p, bits)).astype(np.int64)
    if not (whole.sum(axis=1) == 1 << bits).all():
        whole = np.rint(np.ldexp(p / p.sum(axis=1, keepdims=True), bits)).astype(np.int64)
    rows = np.arange(p.shape[0])
    whole[rows, whole.argmax(axis=1)] += (1 << bits) - whole.sum(axis=1)
    return whole


def _fits(array: NDArray[Any], place: str) -> None:
    """Refuse what no certificate holds, before a million integers of that length are formed."""
    bits = lcm(*{v.denominator for v in array.ravel().tolist() if isinstance(v, Fraction)}).bit_length()
    if bits >= MOST_BITS:
        raise BadInput(f"{place}: expected a common denominator below 2^{MOST_BITS - 1}, found one of {bits} bits")


def _as_it_is(m: Matrix, place: str) -> Chain:
    if m.shape[0] != m.shape[1]:
        raise BadInput(f"{place}: expected a square matrix, found shape {m.shape}")
    sums = m.n.row_sums().tolist()
    bad = next((i for i, v in enumerate(sums) if v != m.den), None)
    if bad is not None:
        raise BadInput(f"{place}: expected rows that sum to 1, found that row {bad} sums to {sums[bad]}/{m.den}")
    if m.n.smallest() < 0:
        raise BadInput(f"{place}: expected entries >= 0, found {m.n.smallest()}/{m.den}")
    return Chain(m, floats(m), 0.0)


def blocks(partition: Any, n: int, place: str = "the partition") -> NDArray[np.int64]:
    """The block of each state, 0 .. m - 1, from n integer labels, in the order of the labels. Raises BadInput."""
    labels = as_array(partition, place)
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise BadInput(f"{place}: expected {n} integer labels, found {labels.dtype} of shape {labels.shape}")
    return np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64)


def gathered(m: Matrix, index: NDArray[np.int64], count: int) -> Matrix:
    """M V: columns added up by block."""
    return Matrix(fast, fast.fold(m.n, index.tolist(), count), m.den)
