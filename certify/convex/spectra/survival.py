"""``ct.gap_survives``: whether drift, fine-tuning or another sample leaves a certified separation of scales standing.

With m eigenvalues of a symmetric K at least high and the others at most low, and |K' - K| < radius = (high - low) / 2:
if K' is symmetric, m of its eigenvalues are above the middle and the others below (Weyl); if not, the same holds for
their real parts, since every eigenvalue of K + t (K' - K) is within t |K' - K| of one of K (Bauer and Fike 1960, K
being normal), and none crosses the middle as t goes from 0 to 1. For a reversible operator the norm is the one weighted
by its stationary law, |x|^2 = sum_i pi_i x_i^2, in which it is symmetric.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.convex.forms import grid, lowest
from certify.convex.spectra.reversible import GRID_BITS, near_roots, symmetrised
from certify.convex.truncation import truncation
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.results import Bracket, Status
from certify.statements.bound import Bound
from certify.statements.bundle import certificate
from certify.statements.exact import exact


def gap_survives(gap: Bound, before: Any, after: Any, *, stationary: Any = None) -> Bound:
    """Bound |after - before| and compare it with the radius of a gap.

    gap: what ``ct.spectral_gap(before, stationary=stationary)`` proved. before, after: (n, n), floats taken exactly or
    Fractions; with stationary="weights" both are matrices of weights. Proved: the same number of eigenvalues is above
    the middle of the gap for ``after``, and details["left"] of the gap is left. Refuted: the norm reaches the radius,
    which does not mean that the gap has closed: ask ``ct.spectral_gap(after)``. Raises BadInput when the gap was not
    proved, or is one of another matrix.
    """
    if gap.status != "proved" or "radius" not in gap.details or gap.certificate is None:
        raise BadInput("gap: expected one that ct.spectral_gap proved")
    first, second = exact(before, "before"), exact(after, "after")
    if first.shape != second.shape:
        raise BadInput(f"after: expected the shape of before, {first.shape}, found {second.shape}")
    radius = Fraction(gap.details["radius"])
    if stationary is None:
        _same(gap, before)
        norm, size, factor, lost = truncation(after, before), "norm", Fraction(1), Fraction(0)
    else:
        norm, factor, lost = _weighted(gap, before, after, stationary)
        size = "weighted norm"
    upper = None if norm.bracket.upper is None else (norm.bracket.upper + lost) * factor
    lower = None if norm.bracket.lower is None else max((norm.bracket.lower - lost) / factor, Fraction(0))
    status: Status = "unknown"
    if norm.status == "proved" and upper is not None and upper < radius:
        status = "proved"
    elif lower is not None and lower >= radius:
        status = "refuted"
    m, middle = gap.details["m"], (Fraction(gap.details["low"]) + Fraction(gap.details["high"])) / 2
    notes = [f"the radius is {float(radius):.6g}"]
    if status == "proved":
        notes.append(f"{m} eigenvalues of what follows have a real part above {float(middle):.6g}, the others below")
    details = {"radius": radius, "m": m, "middle": middle}
    if upper is not None:
        details["left"] = max(Fraction(gap.details["gap"]) - 2 * upper, Fraction(0))
    return replace(norm, subject=f"{size} of the change", status=status, details=details, notes=tuple(notes),
                   bracket=Bracket(lower, upper, status))  # fmt: skip


def _same(gap: Bound, matrix: Any) -> None:
    """The certificate has to be about this matrix: its claim is written anew and compared."""
    assert gap.certificate is not None
    words = gap.certificate.files["claim"].decode("ascii").split("statement inertia ")[-1].split()
    of = {
        "of": matrix,
        "above": int(words[1]),
        "low": Fraction(int(words[2]), int(words[3])),
        "high": Fraction(int(words[4]), int(words[5])),
    }
    if certificate("inertia", of).files["claim"] != gap.certificate.files["claim"]:
        raise BadInput("before: expected the matrix that the gap is one of")


def _weighted(gap: Bound, before: Any, after: Any, stationary: Any) -> tuple[Bound, Fraction, Fraction]:
    """The norm of diag(r) (P' - P) diag(s), r near the roots of pi and s near their inverses, on a grid.

    Also the factor that the roots may cost, and what the grid may.
    """
    average = "skew" in gap.details
    operator = symmetrised(before, stationary, average)
    _same(gap, operator.matrix)
    first, second = exact(before), exact(after)
    if isinstance(stationary, str) and stationary == "weights":
        first, second = _rows(first), _rows(second)
    elif average:
        first = _reversed_average(first, operator.weights)
    roots, delta = near_roots(operator.weights)
    inverse = exact(np.array(operator.roots, dtype=object))
    change, lost = grid(lowest((second - first).T.each(roots).T.each(inverse)), GRID_BITS)
    return truncation(change, change.times(0)), 1 / ((1 - delta) * (1 - operator.delta)), lost


def _rows(weights: Matrix) -> Matrix:
    """Each row divided by its sum."""
    sums = [Fraction(sum(int(v) for v in r), weights.den) for r in weights.n.a]
    if min(sums) <= 0:
        raise BadInput("after: expected weights whose rows have positive sums")
    return lowest(weights.T.each(exact(np.array([1 / s for s in sums], dtype=object))).T)


def _reversed_average(P: Matrix, weights: list[Fraction]) -> Matrix:
    """The average of an operator and its time reversal diag(pi)^-1 P' diag(pi)."""
    row = exact(np.array(weights, dtype=object))
    back = exact(np.array([1 / w for w in weights], dtype=object))
    return lowest((P + P.T.each(row).T.each(back).T).times(1, 2))
