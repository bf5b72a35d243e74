"""Telescoping over layers: the error is the sum of what each layer adds, amplified by the layers after it."""

from __future__ import annotations

from typing import Any

from certify.inequalities.budgets import layers
from certify.inequalities.declaration import Core, Inequality
from certify.statements.bound import Bound


def telescoping(gains: Any, errors: Any, start: Any = 0) -> Bound:
    """|f_n o ... o f_1 (x) - g_n o ... o g_1 (y)| for layers f_l that are L_l-Lipschitz and |f_l - g_l| <= e_l.

    gains: L_1 .. L_n, of the layers of f, on a set that holds both trajectories; errors: e_1 .. e_n, along that of g;
    start: |x - y|. Numbers, or Bounds with certificates, which the result then rests on.
    """
    return layers(gains, errors, start, 0, "the error after the last layer")


INEQUALITY = Inequality(
    name="telescoping",
    statement="|f_n o ... o f_1 (x) - g_n o ... o g_1 (y)| <= sum_l (prod_(k>l) L_k) e_l + (prod_k L_k) |x - y|",
    latex=r"\|f_n \circ\cdots\circ f_1(x) - g_n \circ\cdots\circ g_1(y)\| \le "
    r"\sum_{l=1}^n \Bigl(\prod_{k>l} L_k\Bigr) e_l + \prod_k L_k\,\|x - y\|",
    proof=(
        "a_l <= L_l a_(l-1) + e_l by the triangle inequality through f_l at the point of g. The core says that "
        "the bound passes from one layer to the next; ct.derive has the induction over a symbolic number of "
        "layers as one certificate."
    ),
    source="Elementary.",
    cores=(
        Core(
            name="step",
            reading="a <= B before a layer, b <= L a + e after it: then L B + e >= b",
            goal="L*B + e - b",
            given=("L", "B - a", "L*a + e - b"),
            terms=(("1", "1", (2,)), ("1", "1", (0, 1))),
        ),
    ),
    function=telescoping,
)
