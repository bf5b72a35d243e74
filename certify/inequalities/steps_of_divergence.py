"""Relative entropies of steps add up over a sequence; they do not stay small because each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from certify.errors import BadInput
from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.rounding import size
from certify.numbers import float_above, root_above


@dataclass(frozen=True)
class Sequences:
    """divergence: of the laws of whole sequences, in nats; total_variation: of them, by Pinsker, at most 1."""

    divergence: float
    total_variation: float


def divergence_of_steps(each: Any, steps: int | None = None) -> Sequences:
    """Bounds for two laws of sequences whose conditional laws at every step have KL at most ``each``, in any context.

    each: one number for all steps (then ``steps`` says how many), or one number for each. Rounded up.
    """
    if isinstance(each, Sequence) and not isinstance(each, str):
        if steps is not None and steps != len(each):
            raise BadInput(f"steps: expected {len(each)}, one for each number, found {steps}")
        total = sum((size(v, f"each[{k}]") for k, v in enumerate(each)), Fraction(0))
    else:
        if steps is None or steps < 0:
            raise BadInput(f"steps: expected how many, found {steps}; a bound for one step is none for many")
        total = size(each, "each") * steps
    return Sequences(float_above(total), min(1.0, float_above(root_above(total / 2))))


INEQUALITY = Inequality(
    name="divergence_of_steps",
    statement="KL of sequences <= the sum over steps of the largest conditional KL; TV <= sqrt(KL / 2)",
    latex=r"\mathrm{KL}(P_{1:n} \| Q_{1:n}) \le \sum_{t=1}^n \sup_{x_{<t}} \mathrm{KL}(P_t \| Q_t), \qquad "
    r"\mathrm{TV} \le \sqrt{\mathrm{KL}/2}",
    proof=(
        "The chain rule of relative entropy, each term at most its supremum, which the core adds up; Pinsker's "
        "inequality."
    ),
    source="Cover and Thomas, Theorem 2.5.3 (chain rule), Lemma 11.6.1 (Pinsker).",
    cores=(
        Core(
            name="two-terms",
            reading="k, l: conditional divergences of two steps; x, y: their bounds. More steps: one after the other",
            goal="x + y - (k + l)",
            given=("x - k", "y - l"),
            terms=(("1", "1", (0,)), ("1", "1", (1,))),
        ),
    ),
    function=divergence_of_steps,
    cited="the chain rule of relative entropy and Pinsker's inequality",
)
