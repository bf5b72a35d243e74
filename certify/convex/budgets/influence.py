"""Local errors of a Gibbs measure and what they do far away: Dobrushin's comparison, for Ising models.

Two models on the same sites: single-site laws of one react to other sites by at most C_ij, and differ from those of the
other by at most b_i, in total variation. Then marginals at site i differ by at most w_i, w >= C w + b, and the mean of
any f by sum_i osc_i(f) w_i (Georgii, Gibbs Measures and Phase Transitions, Theorem 8.20). The theorem and the two
formulas below are not part of the certificate, which is about w.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.convex.budgets.budget import Budget, error_budget
from certify.errors import BadInput
from certify.numbers import as_floats, float_above
from certify.statements.exact import Floats

NOTE = "marginals of the two measures differ by these in TV at most, by Dobrushin's comparison theorem"


def ising_comparison(J: Any, J_coarse: Any) -> Budget:
    """How far marginals move when couplings of an Ising model are changed or dropped, with the same fields in both.

    J, J_coarse: symmetric couplings (n, n) with a zero diagonal, of exp(sum_(i<j) J_ij s_i s_j + sum_i h_i s_i), spins
    s_i = 1 or -1. C_ij = tanh |J_ij| and b_i = tanh(sum_j |J_ij - J'_ij| / 2), rounded up. Unknown where couplings are
    too strong for this method. Raises BadInput.
    """
    fine, coarse = _couplings(J, "J"), _couplings(J_coarse, "J_coarse")
    if fine.shape != coarse.shape:
        raise BadInput(f"J_coarse: expected shape {fine.shape}, found {coarse.shape}")
    n = len(fine)
    influence = np.array([[_tanh(abs(Fraction(v))) for v in row] for row in fine.tolist()])
    moved = [
        sum((abs(Fraction(a) - Fraction(b)) for a, b in zip(fine[i], coarse[i], strict=True)), Fraction(0))
        for i in range(n)
    ]
    found = error_budget(influence, np.array([_tanh(v / 2) for v in moved]))
    if found.status == "refuted":
        why = "Dobrushin's condition does not hold: this method says nothing here"
        return replace(found, status="unknown", notes=(why,))
    return replace(found, notes=(*found.notes, NOTE))


def _couplings(values: Any, place: str) -> Floats:
    j = as_floats(values, place).astype(np.float64)
    if j.ndim != 2 or j.shape[0] != j.shape[1] or (j != j.T).any() or np.diag(j).any():
        raise BadInput(f"{place}: expected a symmetric matrix with a zero diagonal, found shape {j.shape}")
    return j


def _tanh(x: Fraction) -> float:
    """A float64 at least tanh x, for x >= 0."""
    from certify.symbolic.ranges.numbers import enclosed

    # From 20 on the float above is 1; and tanh x <= x.
    return 1.0 if x > 20 else float_above(min(enclosed(f"tanh({x})")[1], x, Fraction(1)))
