"""Log-probabilities and cross-entropies move by at most the oscillation of the change of logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.rounding import each, oscillation, size
from certify.numbers import float_above


def log_probability(change: Any = None, *, oscillation_of_change: Any = None) -> float | NDArray[np.float64]:
    """A bound on |log softmax(z + d)_i - log softmax(z)_i| for every class i and every z, in nats.

    The same number bounds the change of the cross-entropy against any target distribution.
    change: d, a vector, or a matrix with a row for each case; or its oscillation as a number. Rounded up.
    """
    if oscillation_of_change is not None:
        return float_above(size(oscillation_of_change, "oscillation_of_change"))
    return each(change, "change", lambda d: float_above(oscillation(d)))


INEQUALITY = Inequality(
    name="log_probability",
    statement=(
        "|log softmax(z + d)_i - log softmax(z)_i| <= max d - min d; likewise for the cross-entropy with any target"
    ),
    latex=r"|\log\sigma(z+d)_i - \log\sigma(z)_i| \le \max d - \min d",
    proof=(
        "log softmax(z + d)_i - log softmax(z)_i = d_i - D, D = log(sum exp(z + d) / sum exp(z)); exp(D) is a "
        "mean of exp(d_j) with weights softmax(z), so min d <= D <= max d. The cross-entropy changes by a mean of "
        "d_i - D over the target."
    ),
    source="Elementary; the oscillation is the norm of logits modulo constants.",
    cores=(
        Core(
            name="above",
            reading="x = d_i, D as above, both in [a, b]: b - a - (x - D) = (b - x) + (D - a)",
            goal="b - a - (x - D)",
            given=("x - a", "b - x", "D - a", "b - D"),
            terms=(("1", "1", (1,)), ("1", "1", (2,))),
        ),
        Core(
            name="below",
            reading="x = d_i, D as above, both in [a, b]: b - a + (x - D) = (x - a) + (b - D)",
            goal="b - a + (x - D)",
            given=("x - a", "b - x", "D - a", "b - D"),
            terms=(("1", "1", (0,)), ("1", "1", (3,))),
        ),
        Core(
            name="mean",
            reading="two weights p, q >= 0 and y, z <= m: m (p + q) >= p y + q z; for more, one after the other",
            goal="m*(p + q) - p*y - q*z",
            given=("p", "q", "m - y", "m - z"),
            terms=(("1", "1", (0, 2)), ("1", "1", (1, 3))),
        ),
    ),
    function=log_probability,
)
