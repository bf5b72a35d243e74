"""Softmax is Lipschitz from the oscillation of logits to total variation: TV <= tanh(osc / 4)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.rounding import above, each, oscillation, size, sympy_number


def softmax_total_variation(change: Any = None, *, oscillation_of_change: Any = None) -> float | NDArray[np.float64]:
    """A bound on TV(softmax(z), softmax(z + d)) for every z.

    change: d, a vector, or a matrix with a row for each case; or its oscillation max d - min d as a number.
    Rounded up; one float for each row. Raises BadInput for entries that are not finite numbers.
    """
    if oscillation_of_change is not None:
        return _bound(size(oscillation_of_change, "oscillation_of_change"))
    return each(change, "change", lambda d: _bound(oscillation(d)))


def _bound(osc: Fraction) -> float:
    import sympy

    # From 148 on the bound is above 1 - 2^-106, which rounds up to 1.
    return 1.0 if osc >= 148 else min(1.0, above(sympy.tanh(sympy_number(osc) / 4)))


INEQUALITY = Inequality(
    name="softmax_total_variation",
    statement="TV(softmax(z), softmax(z + d)) <= tanh((max d - min d) / 4)",
    latex=r"\mathrm{TV}(\sigma(z), \sigma(z+d)) \le \tanh\bigl(\tfrac14(\max d - \min d)\bigr)",
    proof=(
        "p = softmax(z), q_i = p_i w_i / sum_j p_j w_j with w = exp(d). TV = q(A) - p(A) for A = {q > p}. With s "
        "= p(A) and means a, b of w over A and its complement, q(A) = s a / (s a + (1 - s) b), increasing in a / "
        "b, and a / b <= exp(osc) =: u^2. So TV <= s u^2 / (s u^2 + 1 - s) - s, which the core bounds by (u - 1) "
        "/ (u + 1) = tanh(osc / 4). Equality: two classes, s = 1 / (u + 1)."
    ),
    source="Folklore; Birkhoff-Hopf contraction of positive maps gives the same constant. The identity is ours.",
    cores=(
        Core(
            name="two-level",
            reading="s in R; u >= 1. Over the positive denominators (u + 1)(s u^2 + 1 - s): tanh side minus TV side",
            goal="(u - 1)*(s*u**2 + 1 - s) - (u + 1)*(s*u**2 - s*(s*u**2 + 1 - s))",
            given=("u - 1",),
            terms=(("1", "s*(u + 1) - 1", (0,)),),
        ),
    ),
    function=softmax_total_variation,
)
