"""Residual towers z + h(z): each layer amplifies by at most 1 + L."""

from __future__ import annotations

from typing import Any

from certify.inequalities.budgets import layers
from certify.inequalities.declaration import Core, Inequality
from certify.statements.bound import Bound


def residual_tower(gains: Any, errors: Any, start: Any = 0) -> Bound:
    """The error after n layers z + h_l(z), h_l L_l-Lipschitz, against z + k_l(z) with |h_l - k_l| <= e_l.

    gains, errors, start: as in ``telescoping``, of the branches.
    """
    return layers(gains, errors, start, 1, "the error after the last residual layer")


INEQUALITY = Inequality(
    name="residual_tower",
    statement=(
        "the error after n residual layers is at most sum_l (prod_(k>l) (1 + L_k)) e_l + (prod_k (1 + L_k)) |x - y|"
    ),
    latex=r"a_n \le \sum_{l=1}^n \Bigl(\prod_{k>l} (1 + L_k)\Bigr) e_l + \prod_k (1 + L_k)\,\|x - y\|",
    proof="Telescoping, as z + h(z) is (1 + L)-Lipschitz; the core is one layer.",
    source="Elementary.",
    cores=(
        Core(
            name="step",
            reading="a <= B before a layer, b <= a + (L a + e) after it: then (1 + L) B + e >= b",
            goal="(1 + L)*B + e - b",
            given=("L", "B - a", "a + L*a + e - b"),
            terms=(("1", "1", (2,)), ("1", "1", (0, 1)), ("1", "1", (1,))),
        ),
    ),
    function=residual_tower,
)
