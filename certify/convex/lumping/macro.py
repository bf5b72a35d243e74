"""Choose the smaller chain: for each block a law near the rows of all its states.

The error of a lumping is the largest l1 distance of a row of P V from the row of its block. The law with the least such
distance is a linear programme for each block; the mean of the rows is cheap, and sometimes contracts better.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from certify.convex.lumping.chains import Chain, rounded_laws
from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.statements.exact import Floats, floats

# Blocks beyond which no linear programmes are solved: 50 of them take seconds.
MOST = 50
# Rows that a linear programme starts with, and that each round adds.
ROWS = 8
# Relative to the best law: a row a little farther off is left out.
CLOSE = 0.01


def candidates(moved: Matrix, index: NDArray[np.int64], count: int) -> Iterator[tuple[str, Chain]]:
    """Macro chains (m, m) by name, for the rows ``moved`` = P V (n, m); one alone where the lumping is exact."""
    same = _common(moved, index, count)
    if same is not None:
        yield "exact", Chain(same, floats(same), 0.0)
        return
    rows = floats(moved)
    groups = [np.flatnonzero(index == k) for k in range(count)]
    mean = np.array([rows[g].mean(axis=0) for g in groups])
    yield "mean", _rounded(mean, rows, index)
    if count <= MOST:
        yield "centre", _rounded(_centres(rows, mean, groups), rows, index)


def _common(moved: Matrix, index: NDArray[np.int64], count: int) -> Matrix | None:
    """The rows of the blocks, where all states of each have the same."""
    first = [int(np.argmax(index == k)) for k in range(count)]
    rows = moved.n.take_rows(first)
    if fast.any_true(moved.n.differs(rows.take_rows(index.tolist()))):
        return None
    return Matrix(fast, rows, moved.den)


def _rounded(laws: Floats, rows: Floats, index: NDArray[np.int64]) -> Chain:
    """Few bits make a fast check; as many as keep rounding well below the error of the lumping."""
    eps = float(np.abs(rows - laws[index]).sum(axis=1).max())
    need = int(np.ceil(np.log2(1000 * laws.shape[0] / max(eps, 2.0**-60))))
    bits = min(max(need, 20), 52)
    whole = rounded_laws(laws, bits)
    return Chain(Matrix(fast, fast.Ints(whole, 1 << bits), 1 << bits), np.ldexp(whole.astype(np.float64), -bits), 0.0)


def _centres(rows: Floats, mean: Floats, groups: list[NDArray[np.int64]]) -> Floats:
    """Laws near the rows of each block; the mean where another block is farther off than that, which decides."""
    apart = [float(np.abs(rows[g] - mean[k]).sum(axis=1).max()) for k, g in enumerate(groups)]
    centre, most = mean.copy(), 0.0
    for k in np.argsort(apart)[::-1]:
        if apart[k] <= most:
            break
        centre[k] = _centre(rows[groups[k]], mean[k])
        most = max(most, float(np.abs(rows[groups[k]] - centre[k]).sum(axis=1).max()))
    return centre


def _centre(rows: Floats, mean: Floats) -> Floats:
    """The law with the least largest l1 distance from some rows: rows are added where the last law is too far."""
    centre, best = mean, float(np.abs(rows - mean).sum(axis=1).max())
    law, chosen = mean, np.zeros(len(rows), dtype=bool)
    for _ in range(30):
        apart = np.abs(rows - law).sum(axis=1)
        far = float(apart.max())
        if far < best:
            centre, best = law, far
        new = [i for i in np.argsort(-apart)[:ROWS] if not chosen[i]]
        if not new or far == 0:
            break
        chosen[new] = True
        found = _programme(rows[chosen])
        if found is None:
            break
        law, least = found
        if np.abs(rows - law).sum(axis=1).max() <= least * (1 + CLOSE):
            return law
    return centre


def _programme(rows: Floats) -> tuple[Floats, float] | None:
    """min t with sum_k |R_ik - q_k| <= t for all i, q a law; None when the solver gives up."""
    import scipy.sparse as sp
    from scipy.optimize import linprog

    k, m = rows.shape
    one = sp.vstack([sp.identity(m)] * k)
    each = sp.identity(k * m)
    none = sp.csr_matrix((k * m, 1))
    total = sp.hstack([sp.csr_matrix((k, m)), -np.ones((k, 1)), sp.kron(sp.identity(k), np.ones((1, m)))])
    a = sp.vstack([sp.hstack([one, none, -each]), sp.hstack([-one, none, -each]), total]).tocsr()
    b = np.concatenate([rows.ravel(), -rows.ravel(), np.zeros(k)])
    cost = np.zeros(m + 1 + k * m)
    cost[m] = 1
    law = np.concatenate([np.ones(m), np.zeros(1 + k * m)])[None]
    found = linprog(cost, A_ub=a, b_ub=b, A_eq=law, b_eq=[1.0], bounds=(0, None), method="highs")
    if found.status != 0:
        return None
    q = np.maximum(found.x[:m], 0)
    return q / q.sum(), float(found.fun)
