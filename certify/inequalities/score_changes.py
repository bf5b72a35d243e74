"""Attention scores <q, k> under errors of queries and keys, on a bounded domain only."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.errors import BadInput
from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.rounding import size
from certify.numbers import float_above


def score_change(*, query: Any, key: Any, query_error: Any, key_error: Any, scale: Any = 1) -> float:
    """A bound on scale |<q + dq, k + dk> - <q, k>|, where the arguments bound |q|, |k|, |dq| and |dk|.

    Rounded up. The radii are mandatory: a product has no Lipschitz constant on an unbounded domain. Raises BadInput
    without them.
    """
    for r, what in ((query, "query"), (key, "key")):
        if r is None or r == float("inf"):
            raise BadInput(
                f"{what}: expected a bound on its norm; without one, dot-product attention has no Lipschitz constant "
                f"(q = k = t u, q' = (t + 1) u: the score moves by t for a change of 1)"
            )
    q, k = size(query, "query"), size(key, "key")
    dq, dk = size(query_error, "query_error"), size(key_error, "key_error")
    return float_above(size(scale, "scale") * Fraction(q * dk + dq * k + dq * dk))


INEQUALITY = Inequality(
    name="score_change",
    statement="|<q + dq, k + dk> - <q, k>| <= |q| |dk| + |dq| |k| + |dq| |dk|",
    latex=r"|\langle q + \delta q, k + \delta k\rangle - \langle q, k\rangle| \le "
    r"\|q\|\|\delta k\| + \|\delta q\|\|k\| + \|\delta q\|\|\delta k\|",
    proof=(
        "Cauchy-Schwarz for each product, then the bounds a <= Q, b <= R, x <= X, y <= Y of the norms put in, "
        "which the core does."
    ),
    source="Elementary.",
    cores=(
        Core(
            name="monotone",
            reading="a, b, x, y: norms of q, k, dq, dk; Q, R, X, Y: their bounds",
            goal="Q*Y + X*R + X*Y - (a*y + x*b + x*y)",
            given=("a", "b", "x", "y", "Q - a", "R - b", "X - x", "Y - y"),
            terms=(
                ("1", "1", (4, 7)), ("1", "1", (4, 3)), ("1", "1", (0, 7)),
                ("1", "1", (6, 5)), ("1", "1", (6, 1)), ("1", "1", (2, 5)),
                ("1", "1", (6, 7)), ("1", "1", (6, 3)), ("1", "1", (2, 7)),
            ),
        ),
    ),
    function=score_change,
    cited="the Cauchy-Schwarz inequality",
)  # fmt: skip
