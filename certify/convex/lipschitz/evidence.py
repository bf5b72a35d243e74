"""From float multipliers to what the kernel reads: an exact limit, storage functions, hints of rule *psd*.

The limit is set a little above the gain that the search believes, and what that leaves is shared between the layers:
storages move from the largest that the layers before them allow towards the least that the layers after them need, one
share with each step, so that each step's form is positive definite by that share and rounding has room. (Halfway
throughout is no good: a step between two such leaves the square of the room only.) The forms are those that the
kernel's own code builds.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, ldexp, log2
from typing import Any

import numpy as np
import scipy.linalg

from certify.convex.lipschitz.chain import Chain
from certify.convex.lipschitz.recursion import cholesky, passed, products, storage
from certify.convex.lipschitz.recursion import gain as gain_of
from certify.kernel.exact import Matrix
from certify.kernel.statements.lipschitz import gain
from certify.kernel.verdict import Rejected
from certify.networks.maps import Floats
from certify.statements.exact import exact
from certify.statements.factor import Factor, factor

# Relative slacks of the limit, and shares of the central multipliers, tried in turn: about what is lost.
SLACKS = (2e-6, 2e-5, 2e-4, 2e-3, 2e-2)
# Significant bits of a multiplier, and of the largest entry of a storage.
MULTIPLIER_BITS = 16
STORAGE_BITS = 44


@dataclass(frozen=True, eq=False)
class Proof:
    """The exact limit L and the evidence for it, matrices and factors in the kernel's order."""

    limit: Fraction
    evidence: list[Any]


class _Recorder:
    """The kernel's Evidence, but hints are sought where the kernel would read them."""

    def __init__(self, matrices: list[Floats]) -> None:
        self.matrices = [exact(m) for m in matrices]
        self.factors: list[Factor] = []

    def matrix(self, k: int) -> Matrix:
        return self.matrices[k]

    def positive(self, m: Matrix, first: int, place: str) -> None:
        try:
            found = factor(m)
        except np.linalg.LinAlgError:
            found = None
        if found is None:
            raise Rejected("not-positive", place, "no factor was found")
        self.factors.append(found)


def prove(chain: Chain, ts: list[Floats], square: float, central: list[Floats]) -> Proof | None:
    """The least limit above sqrt(square) for which exact evidence was found; None where none was.

    ts: multipliers with |h_0|^2 as the unit; square: the squared gain they prove in float64. central: others, far from
    the boundary, that the best ones are mixed with a little: at an optimum a storage has no room in some directions,
    whatever the limit.
    """
    if not np.isfinite(square):
        return None
    for slack in SLACKS:
        mixed = [(1 - slack) * t + slack * u for t, u in zip(ts, central, strict=True)]
        reached = max(square, gain_of(chain.compressed, chain.per_layer, mixed))
        if not np.isfinite(reached):
            continue
        limit = rounded_up(max(float(np.sqrt(reached)), 1e-300) * (1 + slack))
        found = at(chain, mixed, reached, limit)
        if found is not None:
            return Proof(limit, found)
    return None


def rounded_up(v: float, bits: int = 24) -> Fraction:
    """The least number of so many significant bits that is at least v > 0."""
    e = bits - 1 - int(np.floor(log2(v)))
    n = ceil(Fraction(v) * (Fraction(2) ** e))
    return Fraction(n) / Fraction(2) ** e


def at(chain: Chain, ts: list[Floats], square: float, limit: Fraction) -> list[Any] | None:
    """Evidence for this limit from these multipliers, or None."""
    target = float(limit) ** 2
    scaled = [_short(t * float(np.sqrt(max(square, 1e-300) * target)), MULTIPLIER_BITS) for t in ts]
    kept = storages(chain, scaled, target)
    if kept is None:
        return None
    recorder = _Recorder([np.concatenate(scaled)[None], *map(_grid, kept)])
    try:
        gain(list(chain.matrices), exact(chain.slopes), limit, recorder)
    except Rejected:
        return None
    return [np.concatenate(scaled)[None], *map(_grid, kept), *recorder.factors]


def storages(chain: Chain, ts: list[Floats], target: float) -> list[Floats] | None:
    """X_1 .. X_(K-2) between what is allowed and what is needed; None where the two do not meet."""
    weights, slopes = chain.compressed, chain.per_layer
    low: Floats | None = None
    allowed: list[Floats] = []
    for w, s, t in zip(weights[:-2], slopes, ts, strict=False):
        # In units of L^2 for |h_0|^2.
        found = passed(low, w, products(t / target, s))
        if found is None:
            return None
        x = storage(found[1], t / target, s)
        low = cholesky(x)
        if low is None:
            return None
        allowed.append(x * target)
    need = weights[-1].T @ weights[-1]
    out: list[Floats] = []
    for k in range(len(weights) - 2, 0, -1):
        t, s, w = ts[k], slopes[k], weights[k]
        rest = cholesky(2 * np.diag(t) - need)
        if rest is None:
            return None
        # S (2 T - X)^-1 S - D without the cancellation: 2 T ((beta - alpha) / 2)^2 + m (X + X (2 T - X)^-1 X) m.
        half = scipy.linalg.solve_triangular(rest, need, lower=True, check_finite=False)
        inner = need + half.T @ half
        middle = s.sum(axis=1) / 2
        inner = inner * middle * middle[:, None]
        inner[np.diag_indices_from(inner)] += 2 * t * ((s[:, 1] - s[:, 0]) / 2) ** 2
        need = w.T @ inner @ w
        share = k / (len(weights) - 1)
        out.append(share * need + (1 - share) * allowed[k - 1])
    return out[::-1] if all(np.isfinite(x).all() for x in out) else None


def _short(t: Floats, bits: int) -> Floats:
    """The entries with so many significant bits, as floats."""
    m, e = np.frexp(t)
    return np.asarray(np.ldexp(np.rint(np.ldexp(m, bits)), e - bits), dtype=np.float64)


def _grid(x: Floats) -> Floats:
    """A symmetric matrix on a grid of powers of two."""
    size = float(np.abs(x).max())
    e = STORAGE_BITS - (int(np.frexp(size)[1]) if size > 0 else 0)
    rounded: Floats = np.rint((x + x.T) / 2 * ldexp(1.0, e)) * ldexp(1.0, -e)
    return rounded
