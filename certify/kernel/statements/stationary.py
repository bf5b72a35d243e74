"""*stationary*: what every stationary law of a chain gives for the mean of a function.

    P >= 0      P 1 = 1      low <= f + (P - I) g      f + (P - I) h <= high
    ------------------------------------------------------------------------  stationary
    every law mu with mu P = mu has low <= sum_i mu_i f_i <= high

since mu (P - I) = 0 for any g and h. That P is stochastic is not needed for that; it says that there is such a mu.
Evidence: matrices 0 and 1, g and h (1, n).
Rejects with: not-below, not-stochastic, shape. Spec: statements.md#stationary. Proof: stationary_correct.
"""

from __future__ import annotations

from fractions import Fraction

from certify.kernel.exact import same_shape, square
from certify.kernel.verdict import require

# chain: P (n, n), rows sum to 1. values: f (1, n). The ends of the interval.
SIGNATURE = (("chain", "matrix"), ("values", "matrix"), ("low", "rational"), ("high", "rational"))


def check(s, e) -> None:
    chain, values = s["chain"], s["values"]
    n = stochastic(chain, "the chain")
    same_shape(values, 1, n, "the values")
    least, most = (_drift(chain, values, e.matrix(k), n) for k in (0, 1))
    low, high = Fraction(least.n.smallest(), least.den), Fraction(most.n.largest(), most.den)
    require(s["low"] <= low, "not-below", "claim", "the lower end is above what its function shows")
    require(high <= s["high"], "not-below", "claim", "the upper end is below what its function shows")


def _drift(chain, values, h, n):
    """f + (P - I) h, as one column."""
    same_shape(h, 1, n, "a function of the states", "proof")
    return values.T + chain @ h.T - h.T


def stochastic(m, what):
    """The side of a matrix with entries >= 0 and rows that sum to 1, exactly."""
    n = square(m, what)
    laws = m.n.smallest() >= 0 and not m.a.any_true(m.n.row_sums().differs(m.den))
    require(laws, "not-stochastic", "claim", f"a row of {what} is no law")
    return n
