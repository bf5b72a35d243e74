"""Split blocks until the states of each look alike to the blocks: approximate partition refinement."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.convex.lumping.chains import blocks, chain, gathered
from certify.errors import BadInput
from certify.numbers import Scalar, rational
from certify.statements.exact import floats


def refine_partition(P: Any, partition: Any, tol: Scalar = 0) -> NDArray[np.int64]:
    """A finer partition, in which rows of P V of one block differ by at most ``tol`` in l1.

    P: a chain (n, n); partition: n integer labels. Returns labels 0 .. m - 1. With tol 0 rows are compared exactly and
    the result is the coarsest lumpable refinement; otherwise a block is cut greedily, and distances are floats. The
    answer may be single states. Raises BadInput.
    """
    whole = chain(P)
    index = blocks(partition, whole.size)
    most = rational(tol, "tol")
    if most < 0:
        raise BadInput(f"tol: expected a number >= 0, found {most}")
    while True:
        count = int(index.max()) + 1
        moved = gathered(whole.exact, index, count)
        finer = _exactly(moved.n.a, index) if most == 0 else _greedily(floats(moved), index, float(most))
        if int(finer.max()) + 1 == count:
            return index
        index = finer


def _exactly(rows: NDArray[Any], index: NDArray[np.int64]) -> NDArray[np.int64]:
    known: dict[tuple[int, ...], int] = {}
    keys = [(int(k), *row) for k, row in zip(index, rows.tolist(), strict=True)]
    return np.array([known.setdefault(k, len(known)) for k in keys], dtype=np.int64)


def _greedily(rows: NDArray[np.float64], index: NDArray[np.int64], tol: float) -> NDArray[np.int64]:
    """A new part for the first state that is left, with all states within tol / 2 of it."""
    out, parts = np.empty_like(index), 0
    for k in range(int(index.max()) + 1):
        left = np.flatnonzero(index == k)
        while left.size:
            near = np.abs(rows[left] - rows[left[0]]).sum(axis=1) <= tol / 2
            out[left[near]] = parts
            left, parts = left[~near], parts + 1
    return out
