"""Dropping features of a dictionary: the error is at most sqrt(1 + mu (m - 1)) times the size of what is dropped."""

from __future__ import annotations

from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.interference_of_dictionaries import dropped_features

INEQUALITY = Inequality(
    name="dropped_features",
    statement="for m unit directions with |<d_i, d_j>| <= mu, |sum_i a_i d_i| <= sqrt(1 + mu (m - 1)) |a|",
    latex=r"\bigl\|\textstyle\sum_{i=1}^m a_i d_i\bigr\| \le \sqrt{1 + \mu (m - 1)}\,\|a\|_2",
    proof=(
        "|sum a_i d_i|^2 = sum a_i^2 + sum over pairs of 2 g_ij a_i a_j; the core bounds each pair by mu (a_i^2 + "
        "a_j^2)."
    ),
    source="Gershgorin; Tropp 2004, Proposition 2.1.",
    cores=(
        Core(
            name="pair-above",
            reading="x, y: two coefficients; g: their inner product, |g| <= m",
            goal="m*(x**2 + y**2) - 2*g*x*y",
            given=("m - g", "m + g"),
            terms=(("1/2", "x + y", (0,)), ("1/2", "x - y", (1,))),
        ),
    ),
    function=dropped_features,
)
