"""Find multipliers by a semidefinite program, make them exact, and have the kernel check them: kind *s-procedure*.

The program minimises the limit; a second one, with the limit a little larger, looks for multipliers with room to be
rounded to dyadic numbers. Sums of function values cancel exactly: their multipliers are corrected along a tree.
Nothing a solver says is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import import_module
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.kernel.exact import Matrix
from certify.numbers import root_above
from certify.statements.bound import judged
from certify.statements.exact import exact
from certify.statements.factor import Factor, factor, holds
from certify.symbolic.derivation import Derivation
from certify.symbolic.expressions import Norm
from certify.symbolic.goals import Goal
from certify.symbolic.gram import UNIT
from certify.symbolic.gram_steps import steps
from certify.symbolic.quadratics import Problem, Quadratic, aligned, reduced

Floats = NDArray[np.float64]
# How much larger the limit may get, relatively, so that multipliers can be rounded.
SLACKS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
BITS = 44
# Premises whose multipliers are a smaller share of the largest are left out, at first.
KEPT = (1e-3, 1e-5, 1e-7, 0.0)


@dataclass(frozen=True)
class Solution:
    """limit: the solver's; multipliers (K,); gram: the dual, a worst case (n, n); values of functions."""

    limit: float
    multipliers: Floats
    gram: Floats | None
    values: Floats | None


def certified(p: Problem, goal: Goal) -> tuple[Derivation, Solution | None]:
    """A derivation whose certificate the kernel accepted, and the solver's solution; not found with the reason."""
    found = solve(p)
    if found is None:
        why = "no multipliers were found: the goal may be unbounded under these assumptions"
        return Derivation(goal, "gram", False, None, notes=(why,)), None
    most = max(1.0, float(np.max(found.multipliers))) if p.premises else 1.0
    tried: list[list[int]] = []
    for share in KEPT:
        kept = [k for k, v in enumerate(found.multipliers) if v > share * most]
        if kept in tried or (p.premises and not kept):
            continue
        tried.append(kept)
        # Fewer premises may speak of fewer vectors.
        part = aligned(reduced(replace(p, premises=[p.premises[k] for k in kept])))
        for slack in SLACKS:
            room = solve(part, found.limit, slack)
            made = None if room is None else _exact(part, room.multipliers)
            if made is not None:
                return _finished(part, goal, *made, found), found
    why = f"a solver reports {found.limit:.6g} for the bounded quantity, but its multipliers could not be made exact"
    return Derivation(goal, "gram", False, None, searched=_size(goal, found.limit), notes=(why,)), found


def _size(goal: Goal, limit: float) -> float:
    return float(np.sqrt(max(limit, 0.0))) if isinstance(goal.of, Norm) else limit


def matrix(q: Quadratic, n: int) -> Floats:
    """The products as a symmetric matrix of floats."""
    out = np.zeros((n, n))
    for (i, j), v in q.products.items():
        out[i, j] += float(v) / 2
        out[j, i] += float(v) / 2
    return out


def solve(p: Problem, limit: float = 0.0, slack: float | None = None) -> Solution | None:
    """The least limit; or, with a slack, multipliers that leave the most room below (1 + slack) limit."""
    cp: Any = import_module("cvxpy")

    n, chosen = len(p.basis), p.premises
    if not n:
        return None
    weights = cp.Variable(len(chosen), nonneg=True) if chosen else cp.Constant(np.zeros(0))
    form: Any = -matrix(p.goal, n)
    if chosen:
        flat = np.stack([matrix(q, n).ravel() for q in chosen], axis=1)
        form = form - cp.reshape(flat @ weights, (n, n), order="C")
    constant = np.array([float(q.constant) for q in chosen])
    value: Any = (constant @ weights if chosen else 0.0) + float(p.goal.constant)
    limits: list[Any] = []
    balance = None
    if p.values:
        lines = np.zeros((len(p.values), len(chosen)))
        for j, q in enumerate(chosen):
            for k, v in q.values.items():
                lines[k, j] = float(v)
        right = np.array([-float(p.goal.values.get(k, 0)) for k in range(len(p.values))])
        if not chosen and right.any():
            return None
        if chosen:
            balance = lines @ weights == right
            limits.append(balance)
    if slack is None:
        positive = form >> 0 if chosen else None
        if positive is None:
            return None
        question = cp.Problem(cp.Minimize(value), [positive, *limits])
    else:
        margin = cp.Variable()
        # Beyond the rank every row is zero.
        r = p.rank
        positive = form[:r, :r] - margin * np.eye(r) >> 0
        most = limit + slack * max(abs(limit), 1e-6)
        question = cp.Problem(cp.Maximize(margin), [positive, value <= most, margin <= 1, *limits])
    if not _solved(question):
        return None
    got = np.maximum(np.asarray(weights.value, dtype=float).ravel(), 0.0) if chosen else np.zeros(0)
    if slack is not None:
        return Solution(float(value.value), got, None, None)
    values = None if balance is None or balance.dual_value is None else np.asarray(balance.dual_value, dtype=float)
    return Solution(float(value.value), got, np.asarray(positive.dual_value, dtype=float), values)


def _solved(question: Any) -> bool:
    import warnings

    cp: Any = import_module("cvxpy")

    for name, options in (
        (cp.CLARABEL, {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}),
        (cp.SCS, {"eps": 1e-8, "max_iters": 20_000}),
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                question.solve(solver=name, **options)
        except (cp.SolverError, ValueError, ArithmeticError):
            continue
        if question.status in ("optimal", "optimal_inaccurate") and np.isfinite(question.value):
            return True
        if question.status in ("infeasible", "unbounded"):
            return False
    return False


Exact = tuple[list[Fraction], Fraction, dict[str, Any], list[Any]]


def _exact(p: Problem, weights: Floats) -> Exact | None:
    """Dyadic multipliers, the limit they prove, the statement and its evidence; None when the check would fail."""
    chosen = p.premises
    exact_weights = _balanced(p, chosen, [_dyadic(w) for w in weights])
    if exact_weights is None:
        return None
    limit = p.goal.constant + sum((w * q.constant for w, q in zip(exact_weights, chosen, strict=True)), Fraction(0))
    # One factor for all, so that integers stay integers and sums of values still cancel.
    scale = lcm(*(q.denominator for q in [p.goal, *chosen]))
    conclusion = _statement_matrix(p, p.goal, scale, limit)
    premises = [_statement_matrix(p, q, scale, None) for q in chosen]
    rest = conclusion - sum((w * m for w, m in zip(exact_weights, premises, strict=True)), np.zeros_like(conclusion))
    hints = factor_semidefinite(exact(rest))
    if hints is None:
        return None
    of = {"conclusion": conclusion, "count": len(chosen), "premises": np.concatenate(premises)}
    return exact_weights, limit, of, [np.array([exact_weights], dtype=object), hints]


def _dyadic(w: float) -> Fraction:
    return Fraction(round(w * 2**BITS), 2**BITS)


def _balanced(p: Problem, chosen: Sequence[Quadratic], weights: list[Fraction]) -> list[Fraction] | None:
    """Multipliers for which every function value cancels: the largest of them are corrected."""
    if not p.values:
        return weights
    rows = []
    for k in range(len(p.values)):
        row = [q.values.get(k, Fraction(0)) for q in chosen]
        rows.append([*row, -p.goal.values.get(k, Fraction(0))])
    order = sorted(range(len(chosen)), key=lambda j: -weights[j])
    pivots: list[tuple[int, list[Fraction]]] = []
    for row in rows:
        for j, e in pivots:
            if row[j]:
                row = [a - row[j] * b for a, b in zip(row, e, strict=True)]
        lead = next((j for j in order if row[j]), None)
        if lead is None:
            if row[-1]:
                return None
            continue
        row = [v / row[lead] for v in row]
        pivots = [(j, [a - e[lead] * b for a, b in zip(e, row, strict=True)]) for j, e in pivots]
        pivots.append((lead, row))
    out, led = list(weights), {j for j, _ in pivots}
    for j, e in pivots:
        out[j] = e[-1] - sum((e[i] * out[i] for i in range(len(chosen)) if i not in led and e[i]), Fraction(0))
        if out[j] < 0:
            return None
    return out


def _statement_matrix(p: Problem, q: Quadratic, scale: int, limit: Fraction | None) -> NDArray[Any]:
    """scale times q, or scale times (limit - q): over the basis, the unit, a vector for each value, their partner."""
    n, v = len(p.basis), len(p.values)
    side = n + 1 + (v + 1 if v else 0)
    out = np.full((side, side), Fraction(0), dtype=object)
    sign = 1 if limit is None else -1

    def put(i: int, j: int, c: Fraction) -> None:
        out[i, j] += sign * scale * c / 2
        out[j, i] += sign * scale * c / 2

    for (i, j), c in q.products.items():
        put(i, j, c)
    for k, c in q.values.items():
        put(n + 1 + k, side - 1, c)
    put(n, n, q.constant)
    if limit is not None:
        out[n, n] += scale * limit
    return out


def factor_semidefinite(m: Matrix) -> Factor | None:
    """Hints of rule psd for a matrix that may have rows of zeros beside a positive definite block."""
    whole = m.n.a
    keep = [i for i in range(m.shape[0]) if any(int(v) for v in whole[i])]
    if len(keep) in (0, m.shape[0]):
        return _factor(m)
    entries = np.array([[Fraction(int(whole[i, j]), m.den) for j in keep] for i in keep], dtype=object)
    # Rows of zeros leave no room for a floor: every bit of the others must be kept.
    for bits in ((34, 44, 52), (52,)):
        inner = _factor(exact(entries), bits)
        if inner is None:
            return None
        places = {i: k for k, i in enumerate(keep)}
        lower = []
        for i in range(m.shape[0]):
            for j in range(i + 1):
                a, b = places.get(i), places.get(j)
                lower.append(0 if a is None or b is None else inner.packed[a * (a + 1) // 2 + b])
        found = Factor([inner.shifts[places[i]] if i in places else 0 for i in range(m.shape[0])], lower)
        if holds(m, found):
            return found
    return None


def _factor(m: Matrix, bits: tuple[int, ...] = (24, 34, 44, 52)) -> Factor | None:
    try:
        return factor(m, bits)
    except np.linalg.LinAlgError:  # singular up to rounding
        return None


def _finished(
    p: Problem,
    goal: Goal,
    weights: list[Fraction],
    limit: Fraction,
    of: dict[str, Any],
    evidence: list[Any],
    solution: Solution,
) -> Derivation:
    import sympy

    made, said = judged("s-procedure", of, evidence)
    value = _rounded_up(root_above(limit) if isinstance(goal.of, Norm) else limit)
    chosen = p.premises
    used = tuple(dict.fromkeys(q.because for q in chosen if q.because is not None))
    reading = [f"u_{i} = {a}" for i, a in enumerate([*p.basis, UNIT])]
    reading += [
        f"<u_{len(p.basis) + 1 + k}, u_{of['conclusion'].shape[0] - 1}> = {f}({z})" for k, (f, z) in enumerate(p.values)
    ]
    reading += [f"premise {k}: {q.said}" for k, q in enumerate(chosen)]
    return Derivation(
        goal,
        "gram",
        said.accepted,
        sympy.Rational(value.numerator, value.denominator) if said.accepted else None,
        used=used,
        certificate=made,
        verdict=said,
        reading=tuple(reading),
        steps=tuple(steps(p, goal, weights, limit)),
        searched=_size(goal, solution.limit),
        notes=() if said.accepted else (f"the kernel did not accept the certificate: {said}",),
    )


def _rounded_up(v: Fraction, digits: int = 12) -> Fraction:
    """The next decimal of so many digits, so that bounds can be read."""
    if v <= 0:
        return Fraction(0) if v == 0 else -_rounded_down(-v, digits)
    unit = Fraction(10) ** (_exponent(v) - digits + 1)
    return -((-v) // unit) * unit


def _rounded_down(v: Fraction, digits: int) -> Fraction:
    unit = Fraction(10) ** (_exponent(v) - digits + 1)
    return (v // unit) * unit


def _exponent(v: Fraction) -> int:
    return len(str(v.numerator)) - len(str(v.denominator))
