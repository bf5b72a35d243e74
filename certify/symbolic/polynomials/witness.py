"""Points with a low value of a polynomial under premises: sampled, improved by SLSQP, rounded, evaluated exactly.

What is returned satisfies every premise in exact arithmetic, strict ones strictly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.symbolic.polynomials.frame import bounds
from certify.symbolic.polynomials.parse import Problem
from certify.symbolic.polynomials.poly import Poly

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """An exact point that satisfies the premises, and the goal's value there."""

    x: tuple[Fraction, ...]
    value: Fraction


class _Numeric:
    """A polynomial in floats, at many points at once, with its gradient."""

    def __init__(self, p: Poly) -> None:
        self.powers, self.c = p.arrays()

    def __call__(self, x: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            out: Floats = np.prod(x[:, None, :] ** self.powers[None], axis=2) @ self.c
        return out

    def gradient(self, x: Floats) -> Floats:
        out = np.zeros(len(x))
        for j in range(len(x)):
            lower = self.powers.copy()
            lower[:, j] = np.maximum(lower[:, j] - 1, 0)
            out[j] = float(np.prod(x[None] ** lower, axis=1) @ (self.c * self.powers[:, j]))
        return out


def admissible(p: Problem, x: Sequence[Fraction]) -> bool:
    """Whether an exact point satisfies the premises."""
    flags = p.open or (False,) * len(p.inequalities)
    ok = all(v > 0 if o else v >= 0 for g, o in zip(p.inequalities, flags, strict=True) if (v := g(x)) is not None)
    return ok and all(h(x) == 0 for h in p.equalities)


def lowest(
    p: Problem, hints: Sequence[Floats] = (), starts: int = 6, samples: int = 600, seed: int = 0
) -> Point | None:
    """The admissible point of the lowest value found, or None when none was."""
    r = np.random.default_rng(seed)
    x = _sample(p, r, samples)
    if len(hints):
        x = np.vstack([np.array(hints), x])
    goal, premises = _Numeric(p.goal), [_Numeric(g) for g in p.inequalities]
    zero = [_Numeric(h) for h in p.equalities]
    values = goal(x)
    slack = np.min([g(x) for g in premises], axis=0) if premises else np.zeros(len(x))
    away = np.sum([np.abs(h(x)) for h in zero], axis=0) if zero else np.zeros(len(x))
    away = away + np.maximum(-slack, 0)
    order = np.lexsort((values, away > 1e-9))
    inner = x[int(np.argmax(slack))]
    tried = [x[k] for k in order[:starts]] + list(x[: len(hints)])
    found = [*tried, *(_improved(s, goal, premises, zero) for s in tried)]
    best: Point | None = None
    bases = _bases(p, x)
    for at in found:
        for point in [*_roundings(at, inner), *_projected(p, at, bases)]:
            if (best is None or p.goal(point) < best.value) and admissible(p, point):
                best = Point(tuple(point), p.goal(point))
    return best


def _sample(p: Problem, r: np.random.Generator, count: int) -> Floats:
    low, high = (np.array(b) for b in bounds(p.inequalities, p.n))
    sizes = r.choice([0.3, 1.0, 3.0, 10.0], size=(count, 1))
    x = r.normal(size=(count, p.n)) * sizes
    x[: count // 4] = r.integers(-3, 4, size=(count // 4, p.n))
    both = np.isfinite(low) & np.isfinite(high)
    x[:, both] = low[both] + (high - low)[both] * r.random((count, int(both.sum())))
    # Corners and middles: extremes of polynomials on boxes are often there.
    some = r.random((count, p.n)) < 0.3
    ends = np.where(r.random((count, p.n)) < 0.5, low, high)
    x = np.where(some & np.isfinite(ends), ends, x)
    only_low, only_high = np.isfinite(low) & ~both, np.isfinite(high) & ~both
    x[:, only_low] = low[only_low] + np.abs(x[:, only_low])
    x[:, only_high] = high[only_high] - np.abs(x[:, only_high])
    return x


def _improved(start: Floats, goal: _Numeric, premises: list[_Numeric], zero: list[_Numeric]) -> Floats:
    from scipy.optimize import minimize

    rules = [{"type": "ineq", "fun": lambda v, g=g: float(g(v[None])[0]), "jac": g.gradient} for g in premises]
    rules += [{"type": "eq", "fun": lambda v, g=g: float(g(v[None])[0]), "jac": g.gradient} for g in zero]
    with np.errstate(all="ignore"):
        got = minimize(
            lambda v: float(goal(v[None])[0]), start, jac=goal.gradient, constraints=rules, method="SLSQP",
            options={"maxiter": 100, "ftol": 1e-14},
        )  # fmt: skip
    out: Floats = np.asarray(got.x, dtype=np.float64)
    return out if np.isfinite(out).all() and np.max(np.abs(out)) < 1e9 else start


def _roundings(x: Floats, inner: Floats) -> list[list[Fraction]]:
    """Rational points near x, short ones first, then x moved a little towards the inside."""
    out = [[Fraction(float(v)).limit_denominator(d) for v in x] for d in (1, 2, 3, 4, 12, 100, 10_000, 10**7, 1 << 60)]
    for share in (1e-12, 1e-9, 1e-6, 1e-3):
        y = x + share * (inner - x)
        out.append([Fraction(float(v)).limit_denominator(1 << 60) for v in y])
    return out


def _bases(p: Problem, x: Floats) -> list[list[Fraction]]:
    """Rational points of a quadric that is the only equality, among small fractions near samples."""
    if len(p.equalities) != 1 or p.equalities[0].degree != 2:
        return []
    h, out = p.equalities[0], []
    for d in (1, 2):
        for v in x[:300]:
            point = [Fraction(float(c)).limit_denominator(d) for c in v]
            if h(point) == 0 and point not in out:
                out.append(point)
            if len(out) >= 3:
                return out
    return out


def _projected(p: Problem, x: Floats, bases: list[list[Fraction]]) -> list[list[Fraction]]:
    """Where lines from a rational point of the quadric towards x meet it again: rational too."""
    out = []
    for base in bases:
        h = p.equalities[0]
        for d in (4, 12, 100, 10_000):
            aim = [Fraction(float(v)).limit_denominator(d) - b for v, b in zip(x, base, strict=True)]
            # h(base + t aim) = b t + a t^2.
            one = h([b + v for b, v in zip(base, aim, strict=True)])
            minus = h([b - v for b, v in zip(base, aim, strict=True)])
            a, b = (one + minus) / 2, (one - minus) / 2
            if a:
                out.append([c - b / a * v for c, v in zip(base, aim, strict=True)])
    return out
