"""``ct.range_bound``: the largest value of a closed form over a box, as a bracket.

Points are tried and improved for the lower end, the box is cut in float64 until every piece lies below a target just
above the best of them, and the kernel's own enclosures of the leaves give the upper end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.optimize
import scipy.stats

from certify.errors import BadInput
from certify.kernel.statements.range import value
from certify.kernel.verdict import Declined, Rejected
from certify.numbers import float_above, rational
from certify.results import Bracket, Status
from certify.statements.bound import Bound, judged
from certify.symbolic.ranges.floats import Floats, values
from certify.symbolic.ranges.programs import Program
from certify.symbolic.ranges.reading import read
from certify.symbolic.ranges.search import cut

BITS, HALVINGS = 100, 45
POINT_BITS, POINT_HALVINGS = 190, 90
SAMPLES = 4_096
STARTS = 4

Pairs = list[tuple[int, int]]


def range_bound(
    form: Any,
    box: Mapping[str, Sequence[Any]],
    limit: Any = None,
    tolerance: float = 1e-3,
    leaves: int = 20_000,
) -> Bound:
    """Bound the supremum of a closed form over a box.

    form: text such as "tanh(w/4) - w/4", or a sympy expression: + - * / **, exp, log, sqrt, abs, min, max, tanh,
    sigmoid, relu, softplus, sinh, cosh. box: name -> (low, high). limit: a number to compare with; the status is then
    about it. tolerance: how far above the best point the bound may end, relative to the spread of values over
    the box. leaves: the most pieces the box is cut into. Raises BadInput for what cannot be read and for an empty box.
    """
    start = time.perf_counter()
    low, high = _ends(box)
    p = read(form, list(box))
    most = None if limit is None else rational(limit, "limit")
    ends = [np.array([float(v) for v in side]) for side in (low, high)]
    at, best, spread = _attained(p, low, high, ends)
    target = _target(best, spread, tolerance, most)
    tree, _ = cut(p, ends[0], ends[1], target, leaves)
    items = tree.items(BITS)
    upper = _replayed(p, low, high, items)
    searched = time.perf_counter() - start
    details: dict[str, Any] = {"at": at, "leaves": tree.leaves}
    subject = f"sup of {' '.join(str(form).split())[:60]}"
    if upper is None:
        note = "over some part of the box an operation may leave its domain"
        return Bound(
            subject,
            "unknown",
            Bracket(best, None, "unknown"),
            seconds={"search": searched},
            details=details,
            notes=(note,),
        )
    # A short number where it fits; the limit itself where that is what was asked.
    stated = most if most is not None and upper <= most else Fraction(float_above(upper))
    of = {
        "constants": np.array([p.constants or [Fraction(0)]], dtype=object),
        "program": np.array(p.steps, dtype=object),
        "box": np.array([low, high], dtype=object),
        "limit": stated,
    }
    made, verdict = judged("range", of, items=[[BITS, HALVINGS], *items])
    status: Status = "proved" if verdict.accepted else "unknown"
    if most is not None:
        status = (
            "refuted"
            if best is not None and best > most
            else "proved"
            if verdict.accepted and stated <= most
            else "unknown"
        )
    seconds = {"search": searched, "check": time.perf_counter() - start - searched}
    bracket = Bracket(best, stated if verdict.accepted else None, status)
    return Bound(subject, status, bracket, made, verdict, float(target), seconds=seconds, details=details)


def _ends(box: Mapping[str, Sequence[Any]]) -> tuple[list[Fraction], list[Fraction]]:
    if not isinstance(box, Mapping) or not box:
        raise BadInput("box: expected a mapping from names to (low, high)")
    low, high = [], []
    for name, ends in box.items():
        if isinstance(ends, str) or len(ends) != 2:
            raise BadInput(f"box[{name}]: expected (low, high), found {str(ends)[:40]}")
        a, b = (rational(v, f"box[{name}]") for v in ends)
        if a > b:
            raise BadInput(f"box[{name}]: the low end {a} is above the high end {b}")
        low.append(a)
        high.append(b)
    return low, high


def _attained(
    p: Program, low: list[Fraction], high: list[Fraction], ends: list[Floats]
) -> tuple[dict[str, Fraction] | None, Fraction | None, float]:
    """The best point found, a value the form has at least there, exactly, and the spread of the values seen."""
    n = len(low)
    unit = scipy.stats.qmc.Sobol(n, seed=0).random(SAMPLES)
    corners = np.array(np.meshgrid(*[[0.0, 1.0]] * min(n, 10))).reshape(min(n, 10), -1).T
    corners = np.hstack([corners, np.full((len(corners), n - corners.shape[1]), 0.5)])
    x = ends[0] + np.vstack([unit, corners]) * (ends[1] - ends[0])
    x = np.clip(x, ends[0], ends[1])
    y = values(p, x)
    good = np.isfinite(y)
    if not good.any():
        return None, None, 1.0
    spread = float(y[good].max() - y[good].min())
    order = np.argsort(-np.where(good, y, -np.inf), kind="stable")[:STARTS]
    tried = [x[order[0]]]
    for k in order:
        found = scipy.optimize.minimize(
            lambda v: float(np.nan_to_num(-values(p, v[None])[0], nan=np.inf)),
            x[k],
            method="Nelder-Mead",
            bounds=list(zip(ends[0], ends[1], strict=True)),
            options={"xatol": 1e-12, "fatol": 1e-14, "maxiter": 200 * n},
        )
        tried.append(np.clip(found.x, ends[0], ends[1]))
    exact = [_value_at(p, _inside(v, low, high)) for v in tried]
    known = [(v, k) for k, v in enumerate(exact) if v is not None]
    if not known:
        return None, None, spread
    best, k = max(known)
    return dict(zip(p.variables, _inside(tried[k], low, high), strict=True)), best, spread


def _inside(x: Floats, low: list[Fraction], high: list[Fraction]) -> list[Fraction]:
    return [min(max(Fraction(float(v)), a), b) for v, a, b in zip(x, low, high, strict=True)]


def _value_at(p: Program, point: list[Fraction]) -> Fraction | None:
    """A lower bound of the form at a point, by the kernel's enclosures with many bits; None outside its domain."""
    try:
        bottom, _ = value(
            p.steps,
            _pairs(p.constants, p.constants, POINT_BITS),
            _pairs(point, point, POINT_BITS),
            POINT_BITS,
            POINT_HALVINGS,
        )
    except (Rejected, Declined):
        return None
    return Fraction(bottom, 1 << POINT_BITS)


def _pairs(low: Sequence[Fraction], high: Sequence[Fraction], bits: int) -> Pairs:
    one = 1 << bits
    return [
        (a.numerator * one // a.denominator, -(-b.numerator * one // b.denominator))
        for a, b in zip(low, high, strict=True)
    ]


def _target(best: Fraction | None, spread: float, tolerance: float, most: Fraction | None) -> float:
    if most is not None and (best is None or best <= most):
        return float(most) - 1e-12 * (abs(float(most)) + spread)
    return (0.0 if best is None else float(best)) + tolerance * (spread or 1.0)


def _replayed(p: Program, low: list[Fraction], high: list[Fraction], items: list[list[int]]) -> Fraction | None:
    """The largest upper end of a leaf as the kernel encloses it; None where it would refuse one."""
    constants = _pairs(p.constants, p.constants, BITS)
    todo, top = [_pairs(low, high, BITS)], None
    for item in items:
        part = todo.pop()
        if item:
            j, q = item
            a, b = part[j]
            todo += [[*part[:j], (q, b), *part[j + 1 :]], [*part[:j], (a, q), *part[j + 1 :]]]
            continue
        try:
            found = value(p.steps, constants, part, BITS, HALVINGS)[1]
        except (Rejected, Declined):
            return None
        top = found if top is None else max(top, found)
    return None if top is None else Fraction(top, 1 << BITS)
