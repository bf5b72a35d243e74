"""``ct.stationary_bounds``: an interval for the mean of a function under every stationary law of a chain.

For any h, mu f = mu (f + (P - I) h) when mu P = mu, so the mean lies between the least and the largest entry of
f + (P - I) h (Poisson duality). The solution of the Poisson equation (I - P) h = f - mu f makes that a point; floats
make it a short interval. Sums of few smooth functions give one too where a chain is slow; indicators of blocks do not:
(P - I) h is large at the edges of the blocks.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import numpy as np

from certify.convex.lumping.chains import Chain, chain
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.numbers import as_floats
from certify.results import Bracket
from certify.statements.bound import Bound, judged
from certify.statements.exact import Floats, exact, floats, of_integers

SUBJECT = "mean of f under every stationary law"
BITS = 50
# Corrections of h by the exact remainder of what floats solved; each gains some ten digits.
ROUNDS = 3


def stationary_bounds(P: Any, f: Any, basis: Any = None) -> Bound:
    """low <= mu f <= high for every law mu with mu P = mu; both ends are proved (the lower one is no witness).

    P: a chain (n, n); floats are normalised to an exact one (see the notes). f: n numbers, exactly as stored. basis:
    columns (n, k) whose combinations are tried for h, by linear programmes; without one the Poisson equation is solved,
    for each closed class of states. Raises BadInput.
    """
    began = time.perf_counter()
    whole = chain(P)
    n = whole.size
    values = exact(np.asarray(f), "f")
    if values.shape != (1, n):
        raise BadInput(f"f: expected {n} values, found shape {np.asarray(f).shape}")
    notes = [*whole.notes]
    details: dict[str, Any] = {}
    if basis is None:
        pair, classes = _poisson(whole, values)
        details["classes"] = classes
        if classes > 1:
            notes.append(f"{classes} closed classes: the stationary law is not unique, the interval holds for all")
    else:
        columns = as_floats(basis, "basis").astype(np.float64)
        if columns.ndim != 2 or columns.shape[0] != n or not columns.shape[1]:
            raise BadInput(f"basis: expected columns of {n} entries, found shape {columns.shape}")
        tried = [_best(whole, values, columns, sign) for sign in (-1, 1)]
        if None in tried:
            notes.append("a linear programme was not solved: its end of the interval is that of f alone")
        zero = of_integers([0] * n, 1, n)
        pair = (tried[0] or zero, tried[1] or zero)
    low, high = _ends(whole, values, pair)
    plain = (Fraction(values.n.smallest(), values.den), Fraction(values.n.largest(), values.den))
    if plain[0] >= low:
        low, pair = plain[0], (of_integers([0] * n, 1, n), pair[1])
    if plain[1] <= high:
        high, pair = plain[1], (pair[0], of_integers([0] * n, 1, n))
    vacuous = (low, high) == plain and low < high
    if vacuous:
        notes.append("no better than the least and the largest value of f")
    details |= {"low": float(low), "high": float(high), "width": float(high - low)}
    seconds = {"search": time.perf_counter() - began}
    began = time.perf_counter()
    made, verdict = judged("stationary", {"chain": whole.exact, "values": values, "low": low, "high": high}, pair)
    seconds["check"] = time.perf_counter() - began
    if not verdict.accepted:
        why = (*notes, f"the kernel did not accept what was found: {verdict}")
        return Bound(SUBJECT, "unknown", Bracket(None, None, "unknown"), made, verdict, None, False, seconds, {}, why)
    bracket = Bracket(low, high, "proved")
    return Bound(SUBJECT, "proved", bracket, made, verdict, None, vacuous, seconds, details, tuple(notes))


def _ends(whole: Chain, values: Matrix, pair: Any) -> tuple[Fraction, Fraction]:
    least, most = (_remainder(whole, values, h) for h in pair)
    return Fraction(least.n.smallest(), least.den), Fraction(most.n.largest(), most.den)


def _remainder(whole: Chain, values: Matrix, h: Matrix) -> Matrix:
    """f + (P - I) h, as one column."""
    rest: Matrix = values.T + whole.exact @ h.T - h.T
    return rest


def _rounded(h: Floats) -> Matrix:
    """A row of multiples of a power of two, some BITS bits for the largest."""
    scale = BITS - int(np.frexp(max(float(np.abs(h).max()), 2.0**-900))[1])
    whole = np.rint(np.ldexp(h, scale)).astype(np.int64).astype(object)
    return of_integers(whole << max(-scale, 0), 1, len(h), 1 << max(scale, 0))


def _poisson(whole: Chain, values: Matrix) -> tuple[tuple[Matrix, Matrix], int]:
    """g and h for the two ends, and the number of closed classes."""
    solve = _Solver(whole.floats)
    pair = []
    for sign in (-1, 1):
        h = _rounded(solve(floats(values)[0], sign))
        for _ in range(ROUNDS):
            rest = _remainder(whole, values, h)
            # In floats relative to one entry: what is left of f is tiny beside f.
            left = floats(Matrix(rest.a, rest.n - rest.n.tolist()[0], rest.den))[:, 0]
            better = h + _rounded(solve(left, sign))
            if not _shorter(_remainder(whole, values, better), rest, sign, solve.classes):
                break
            h = better
        pair.append(h)
    return (pair[0], pair[1]), len(solve.classes)


def _shorter(new: Matrix, old: Matrix, sign: int, classes: list[Any]) -> bool:
    """Whether the end of the interval has moved in."""
    ends = [Fraction(r.n.largest(), r.den) if sign > 0 else -Fraction(r.n.smallest(), r.den) for r in (new, old)]
    return ends[0] < ends[1]


class _Solver:
    """h with f + (P - I) h constant on each closed class, and equal to the outermost of these constants elsewhere."""

    def __init__(self, p: Floats) -> None:
        import scipy.linalg
        import scipy.sparse as sp
        from scipy.sparse.csgraph import connected_components

        count, label = connected_components(sp.csr_matrix(p), directed=True, connection="strong")
        leaves = np.ones(count, dtype=bool)
        at = np.nonzero(p)
        leaves[label[at[0]][label[at[0]] != label[at[1]]]] = False
        self.classes = [np.flatnonzero(label == k) for k in range(count) if leaves[k]]
        self._rest = np.flatnonzero(~leaves[label])
        self._p, self._lu_solve = p, scipy.linalg.lu_solve
        # (I - P + 1 u') h = f with u uniform: then u' h is the mean.
        inner = [np.eye(len(c)) - p[np.ix_(c, c)] + 1 / len(c) for c in self.classes]
        self._factors = [scipy.linalg.lu_factor(a) for a in inner]
        outer = np.eye(len(self._rest)) - p[np.ix_(self._rest, self._rest)]
        self._outer = scipy.linalg.lu_factor(outer) if self._rest.size else None

    def __call__(self, f: Floats, sign: int) -> Floats:
        h, means = np.zeros(len(f)), []
        for c, lu in zip(self.classes, self._factors, strict=True):
            h[c] = self._lu_solve(lu, f[c])
            means.append(float(h[c].mean()))
        if self._outer is not None:
            end = max(means) if sign > 0 else min(means)
            r = self._rest
            h[r] = self._lu_solve(self._outer, f[r] - end + (self._p[r] @ h))
        return h


def _best(whole: Chain, values: Matrix, columns: Floats, sign: int) -> Matrix | None:
    """The combination h of columns with the least largest entry of sign (f + (P - I) h); None: no solution."""
    from scipy.optimize import linprog

    d = whole.floats @ columns - columns
    sizes = np.maximum(np.abs(d).max(axis=0), 1e-300)
    n, k = d.shape
    a = np.hstack([sign * d / sizes, -np.ones((n, 1))])
    cost = np.append(np.zeros(k), 1.0)
    found = linprog(cost, A_ub=a, b_ub=-sign * floats(values)[0], bounds=(None, None), method="highs")
    if found.status != 0 or not np.isfinite(found.x).all():
        return None
    return _rounded(columns @ (found.x[:k] / sizes))
