"""Dropping attention keys whose scores are far below the best: little mass, little error of the output."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from certify.errors import BadInput
from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.rounding import above, distance_above, rows, size, sympy_number
from certify.numbers import float_above


@dataclass(frozen=True)
class Pruned:
    """dropped: indices; mass: a bound on their share of attention, which is the total variation from the renormalised
    rest; spread: a bound on distances from dropped to kept values; error: of the output, mass times spread."""

    dropped: tuple[int, ...]
    mass: float
    spread: float | None = None
    error: float | None = None


def attention_pruning(scores: Any, *, gap: Any, values: Any = None) -> Pruned:
    """Bounds for dropping all keys with a score at least ``gap`` below the best.

    scores: (n,), after all scaling, before softmax; values: (n, d), in the Euclidean norm. Bounds are rounded up.
    Raises BadInput for a gap <= 0 or shapes that do not fit.
    """
    found, single = rows(scores, "scores")
    if not single:
        raise BadInput("scores: expected one row of scores; call it for each query")
    least = size(gap, "gap")
    if least == 0:
        raise BadInput("gap: expected a number > 0, found 0")
    row = found[0]
    best = max(row)
    dropped = tuple(i for i, s in enumerate(row) if best - s >= least)
    # The gap that was met may be larger than the one that was asked for.
    met = min((best - row[i] for i in dropped), default=least)
    mass = _mass(len(dropped), met)
    if values is None:
        return Pruned(dropped, mass)
    points, flat = rows(values, "values")
    if flat or len(points) != len(row):
        raise BadInput(f"values: expected {len(row)} rows, found {1 if flat else len(points)}")
    kept = [i for i in range(len(row)) if i not in set(dropped)]
    far = max((distance_above(points[i], points[j]) for i in dropped for j in kept), default=Fraction(0))
    return Pruned(dropped, mass, float_above(far), float_above(Fraction(mass) * far))


def _mass(n: int, gap: Fraction) -> float:
    """n e^-g / (1 + n e^-g) = n / (n + e^g), from above."""
    import sympy

    # Beyond a gap of 700, e^g > 2^1000: any bound of its size will do.
    return 0.0 if n == 0 else above(n / (n + sympy.exp(sympy_number(min(gap, Fraction(700))))))


INEQUALITY = Inequality(
    name="attention_pruning",
    statement=(
        "n keys dropped, each with a score at least g below the best: their mass is at most n e^-g / (1 + n "
        "e^-g), which bounds TV from the renormalised rest; the output moves by at most that times the largest "
        "distance between a dropped and a kept value"
    ),
    latex=r"m \le \frac{n e^{-g}}{1 + n e^{-g}}, \qquad \|o - o_K\| \le m \max_{i \notin K, j \in K} \|v_i - v_j\|",
    proof=(
        "With exponentials of scores: A over kept keys, at least b = exp(best); S over dropped ones, at most n b "
        "t, t = exp(-g). The core gives S (1 + n t) <= n t (A + S). The renormalised law differs from softmax by "
        "moving the mass m = S / (A + S), so TV = m, and o - o_K = m (mean of dropped values - mean of kept "
        "values)."
    ),
    source="Elementary.",
    cores=(
        Core(
            name="mass",
            reading="A: kept sum, b: the best exponential, S: dropped sum, t = exp(-g), n: how many, in any number",
            goal="n*t*(A + S) - S*(1 + n*t)",
            given=("A - b", "n*b*t - S", "n", "t"),
            terms=(("1", "1", (2, 3, 0)), ("1", "1", (1,))),
        ),
    ),
    function=attention_pruning,
)
