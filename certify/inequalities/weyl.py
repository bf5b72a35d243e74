"""Weyl: no eigenvalue of a symmetric matrix moves by more than the operator norm of the perturbation."""

from __future__ import annotations

from typing import Any

from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.norms_of_matrices import operator_norm, symmetric
from certify.statements.bound import Bound


def eigenvalue_shift(perturbation: Any) -> Bound:
    """A bound on |lambda_k(A + E) - lambda_k(A)| for every symmetric A and every k, from a certificate about E.

    perturbation: E, exactly symmetric; raises BadInput otherwise. The lower end is attained for A = 0.
    """
    return operator_norm(symmetric(perturbation, "perturbation"), "the shift of every eigenvalue")


INEQUALITY = Inequality(
    name="eigenvalue_shift",
    statement="|lambda_k(A + E) - lambda_k(A)| <= |E| for symmetric A, E and every k",
    latex=r"|\lambda_k(A + E) - \lambda_k(A)| \le \|E\|",
    proof=(
        "On every subspace, the largest value of x' (A + E) x over unit x differs from that of x' A x by at most "
        "|E|, which the core says for one x; lambda_k is a minimum of these largest values over subspaces of one "
        "dimension."
    ),
    source="Weyl 1912; Horn and Johnson, Theorem 4.3.1.",
    cores=(
        Core(
            name="one-vector",
            reading="r = x' A x, s = x' E x for a unit vector x, |s| <= e; the largest value over a subspace is m >= r",
            goal="m + e - (r + s)",
            given=("m - r", "e - s", "e + s"),
            terms=(("1", "1", (0,)), ("1", "1", (1,))),
        ),
    ),
    function=eigenvalue_shift,
    cited="the Courant-Fischer theorem",
)
