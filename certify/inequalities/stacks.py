"""Telescoping from the weights of a model: two stacks of dense layers with the same activation, on a ball."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.errors import BadInput
from certify.inequalities.budgets import layers
from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.norms_of_matrices import operator_norm
from certify.inequalities.rounding import rows, size
from certify.numbers import root_above
from certify.statements.bound import Bound
from certify.statements.exact import exact


def stack_error(
    fine: Sequence[Any],
    coarse: Sequence[Any],
    *,
    radius: Any,
    fine_biases: Sequence[Any] | None = None,
    coarse_biases: Sequence[Any] | None = None,
) -> Bound:
    """sup over |x| <= radius of |f(x) - g(x)|, Euclidean, for stacks z -> s(W z + b) and z -> s(V z + c).

    fine, coarse: weights W_l, V_l, (n_l, n_(l-1)), floats that mean what is stored; s is any map that is 1-Lipschitz
    with s(0) = 0, such as relu and tanh; it may be missing after the last layer. L_l = |W_l| amplifies, and e_l =
    |W_l - V_l| r_(l-1) + |b_l - c_l| is added, where r_l = |V_l| r_(l-1) + |c_l| bounds the coarse activations.
    Every norm has a certificate of its own, which the result rests on. Raises BadInput for shapes that do not fit.
    """
    if len(fine) != len(coarse) or not fine:
        raise BadInput(f"stack_error: expected as many layers on both sides, found {len(fine)} and {len(coarse)}")
    n = len(fine)
    b, c = fine_biases or [None] * n, coarse_biases or [None] * n
    if len(b) != n or len(c) != n:
        raise BadInput(f"stack_error: expected {n} biases on both sides, found {len(b)} and {len(c)}")
    reach, gains, errors, ids = size(radius, "radius"), [], [], []
    for l in range(n):
        w, v = exact(fine[l], f"fine[{l}]"), exact(coarse[l], f"coarse[{l}]")
        if w.shape != v.shape or (l and w.shape[1] != np.shape(fine[l - 1])[0]):
            raise BadInput(f"layer {l}: expected weights of one shape that fit, found {w.shape} and {v.shape}")
        gain, change = operator_norm(w, f"|W_{l + 1}|"), operator_norm(w - v, f"|W_{l + 1} - V_{l + 1}|")
        grown = operator_norm(v, f"|V_{l + 1}|")
        for bound in (gain, change, grown):
            if bound.bracket.upper is None or bound.certificate is None:
                raise BadInput(f"layer {l}: {bound}")
            ids.append(bound.certificate.id)
        assert change.bracket.upper is not None and grown.bracket.upper is not None
        errors.append(change.bracket.upper * reach + _length(_difference(b[l], c[l], w.shape[0], l)))
        reach = grown.bracket.upper * reach + _length(_entries(c[l], w.shape[0], l))
        gains.append(gain)
    found = layers(gains, errors, 0, 0, "the distance of the two stacks")
    details = {**found.details, "rests_on": list(dict.fromkeys(ids)), "errors": [float(e) for e in errors]}
    # Norms of layers multiply to more than the stack does: what affine maps on the line attain, it need not.
    return replace(found, bracket=replace(found.bracket, lower=None), details=details)


def _entries(values: Any, n: int, layer: int) -> list[Fraction]:
    if values is None:
        return [Fraction(0)] * n
    found, single = rows(values, f"bias {layer}")
    if not single or len(found[0]) != n:
        raise BadInput(f"bias {layer}: expected {n} numbers, found {len(found[0])}")
    return found[0]


def _difference(b: Any, c: Any, n: int, layer: int) -> list[Fraction]:
    return [p - q for p, q in zip(_entries(b, n, layer), _entries(c, n, layer), strict=True)]


def _length(v: list[Fraction]) -> Fraction:
    return root_above(sum((x * x for x in v), Fraction(0)))


INEQUALITY = Inequality(
    name="stack_error",
    statement=(
        "stacks of dense layers W_l, V_l with one 1-Lipschitz activation that fixes 0, |x| <= r_0: the error after "
        "layer l is at most |W_l| a_(l-1) + |W_l - V_l| r_(l-1) + |b_l - c_l|, with r_l = |V_l| r_(l-1) + |c_l|"
    ),
    latex=r"a_l \le \|W_l\| a_{l-1} + \|W_l - V_l\| r_{l-1} + \|b_l - c_l\|, \qquad r_l = \|V_l\| r_{l-1} + \|c_l\|",
    proof="W u + b - (V v + c) = W (u - v) + (W - V) v + (b - c); the activation expands nothing. The core adds up.",
    source="Elementary; the error is charged to the coarse trajectory, whose size the coarse weights bound.",
    cores=(
        Core(
            name="layer",
            reading="L, D: norms of W, W - V; a, r: norms of u - v and v, at most A, R; t: the bias; b: the error",
            goal="L*A + D*R + t - b",
            given=("L", "D", "A - a", "R - r", "L*a + D*r + t - b"),
            terms=(("1", "1", (4,)), ("1", "1", (0, 2)), ("1", "1", (1, 3))),
        ),
    ),
    function=stack_error,
)
