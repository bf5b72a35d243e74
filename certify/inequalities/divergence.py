"""Relative entropy of two softmax distributions: KL <= osc^2 / 8."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.rounding import each, oscillation, size
from certify.numbers import float_above


def softmax_divergence(change: Any = None, *, oscillation_of_change: Any = None) -> float | NDArray[np.float64]:
    """A bound on KL(softmax(z), softmax(z + d)), in nats, in either order, for every z.

    change: d, a vector, or a matrix with a row for each case; or its oscillation as a number. Rounded up.
    """
    if oscillation_of_change is not None:
        return float_above(size(oscillation_of_change, "oscillation_of_change") ** 2 / 8)
    return each(change, "change", lambda d: float_above(oscillation(d) ** 2 / 8))


INEQUALITY = Inequality(
    name="softmax_divergence",
    statement="KL(softmax(z) || softmax(z + d)) <= (max d - min d)^2 / 8",
    latex=r"\mathrm{KL}(\sigma(z) \,\|\, \sigma(z+d)) \le \tfrac18 (\max d - \min d)^2",
    proof=(
        "KL = log E exp(d) - E d under softmax(z): the remainder of a Taylor expansion of K(t) = log E exp(t d) "
        "at 0, which is K''(t) / 2 for some t in [0, 1]. K''(t) is the variance of d under the tilted law; with "
        "values in an interval of length osc and mean m from its lower end it is at most (osc - m) m, and the "
        "core bounds that by osc^2 / 4."
    ),
    source="Hoeffding 1963, Lemma 1 (4.16); KL as a Bregman divergence of log-sum-exp.",
    cores=(
        Core(
            name="variance",
            reading="c: oscillation; m: distance of the mean from the minimum; Var <= m (c - m) <= c^2 / 4",
            goal="c**2/4 - m*(c - m)",
            given=(),
            terms=(("1", "m - c/2", ()),),
        ),
        Core(
            name="variance-of-interval",
            reading="x in [0, c], one value: (x - m)^2 <= m (c - m) + (c - 2 m)(x - m), whose mean is m (c - m)",
            goal="m*(c - m) + (c - 2*m)*(x - m) - (x - m)**2",
            given=("x", "c - x"),
            terms=(("1", "1", (0, 1)),),
        ),
    ),
    function=softmax_divergence,
    cited="Taylor's theorem with the Lagrange remainder for K, and K'' as a variance under the tilted law",
)
