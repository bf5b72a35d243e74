"""Derivations from inequalities between norms: find the lines, solve them, have the identity checked, attain it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from time import perf_counter
from typing import Any

from certify.errors import BadInput
from certify.statements.bound import judged
from certify.symbolic.affine import Instance, number, sample, worst
from certify.symbolic.assumptions import Assumption, Convex, Slope, letters, points_of
from certify.symbolic.calculus import Calculus, Line, NoBound
from certify.symbolic.derivation import Derivation
from certify.symbolic.expressions import Norm, scalar
from certify.symbolic.goals import Goal
from certify.symbolic.identities import lines_certificate
from certify.symbolic.latex import expression, norm
from certify.symbolic.linear import Solved, solve
from certify.symbolic.towers import Tower, recognise, tower_certificate

# Beyond this many lines the bound is left in nested form: writing it out takes longer than deriving it.
WRITTEN_OUT = 60


def by_norms(assumptions: Sequence[Assumption], goal: Goal) -> Derivation:
    """A Derivation, not found where the rules end."""
    assert isinstance(goal.of, Norm)
    start = perf_counter()
    try:
        t = recognise(goal.of.vector, assumptions)
        if t is not None:
            return _timed(_tower(t, goal), start)
        calculus = Calculus(assumptions)
        try:
            size, v = calculus.need(goal.of.vector)
        except NoBound as e:
            raise NoBound("; ".join([str(e), *calculus.missing])) from None
    except NoBound as e:
        return Derivation(goal, "norms", False, None, notes=(str(e),))
    if not v:
        return _timed(_zero(goal), start)
    return _timed(_solved(solve(v, list(calculus.lines.values())), size, calculus, assumptions, goal), start)


def _timed(d: Derivation, start: float) -> Derivation:
    return replace(d, seconds={**d.seconds, "all": perf_counter() - start})


def _zero(goal: Goal) -> Derivation:
    """The vector is zero as it is written: nothing to certify but 0 >= 0."""
    of, (matrices, items) = _trivial()
    made, said = judged("polynomial", of, matrices, items)
    return Derivation(goal, "norms", said.accepted, scalar(0), certificate=made, verdict=said, attained=Fraction(0),
                      against=Fraction(0), reading=("0 >= 0",))  # fmt: skip


def _trivial() -> tuple[dict[str, Any], tuple[list[Any], list[list[int]]]]:
    from certify.symbolic.polynomials.evidence import Leaf, evidence, polynomial_statement
    from certify.symbolic.polynomials.poly import Poly

    return polynomial_statement(Poly(1)), evidence([Leaf(())])


def _solved(s: Solved, size: Any, c: Calculus, assumptions: Sequence[Assumption], goal: Goal) -> Derivation:
    import sympy

    for meant in s.conditions.values():
        at = s.plain(meant)
        if at.is_number and not at > 0:
            return Derivation(
                goal, "norms", False, None, notes=(f"a circle has a gain of {1 - at}, which is not below 1",)
            )
    parts = lines_certificate(s)
    if parts is None:
        return Derivation(
            goal, "norms", False, None, notes=("the identity could not be written with nonnegative weights",)
        )
    of, (matrices, items) = parts
    made, said = judged("polynomial", of, matrices, items)

    def written(e: Any) -> Any:
        for letter, meant in c.letters.items():
            e = e.subs(letter, meant)
        return e

    top, below = s.plain(s.numerator), s.plain(s.denominator)
    value = written(size * (sympy.expand(top) if len(s.lines) <= WRITTEN_OUT else top) / below)
    used = tuple(dict.fromkeys(a for line in s.lines for a in line.used))
    conditions = tuple(k for k in (written(s.plain(d)) for d in s.conditions) if not k.is_number)
    notes = () if said.accepted else (f"the kernel did not accept the certificate: {said}",)
    found = Derivation(
        goal,
        "norms",
        said.accepted,
        value if said.accepted else None,
        conditions=conditions,
        used=used,
        certificate=made,
        verdict=said,
        reading=tuple(_reading(line, written) for line in s.lines),
        steps=(*(_step(line, written) for line in s.lines), *_last(s, written)),
        notes=notes,
        any_norm=not any(_euclidean(line) for line in s.lines),
    )
    return with_instance(found, assumptions)


def with_instance(d: Derivation, assumptions: Sequence[Assumption]) -> Derivation:
    """With the largest value that affine maps on the line attain, at the parameters or at sample numbers."""
    assert isinstance(d.goal.of, Norm)
    if d.bound is None or len(d.used) > WRITTEN_OUT:
        return d
    symbols = sorted(letters(assumptions) | d.bound.free_symbols, key=str)
    values = sample(symbols)
    limit = number(d.bound, values)
    if limit is None:
        return d
    found = worst(d.goal.of.vector, assumptions, values, limit)
    if found is None:
        return d
    if found.value > limit:
        raise AssertionError(f"{d.goal}: {found.value} is attained above the bound {limit}; please report")
    return replace(d, attained=found.value, against=limit, instance=found)


def _euclidean(line: Line) -> bool:
    """Whether a line uses inner products: slopes and projections."""
    kinds = {a.map.kind for v in (line.left, *(v for v, _ in line.right)) for a in points_of(v) if a.map is not None}
    return "projection" in kinds or any(isinstance(a, Slope | Convex) for a in line.used)


def _reading(line: Line, written: Any) -> str:
    right = [f"{written(c)} |{v}|" for v, c in line.right]
    right += [str(written(line.constant))] if line.constant != 0 or not right else []
    return f"|{line.left}| <= {' + '.join(right)} ({line.reason})"


def _step(line: Line, written: Any) -> tuple[str, str]:
    right = [("" if c == 1 else expression(written(c)) + r"\,") + norm(v) for v, c in line.right]
    right += [expression(written(line.constant))] if line.constant != 0 or not right else []
    return rf"{norm(line.left)} &\le {' + '.join(right)}", line.reason


def _last(s: Solved, written: Any) -> list[tuple[str, str]]:
    """The identity: N - D |goal| = sum of multipliers times (right - left) of the lines."""
    if len(s.lines) > 12:
        return []
    sides = [f"({expression(written(s.plain(m)))})(r_{{{i + 1}}} - l_{{{i + 1}}})" for i, m in enumerate(s.multipliers)]
    own = written(s.plain(s.denominator))
    left = (
        f"{expression(written(s.plain(s.numerator)))} - " + ("" if own == 1 else f"({expression(own)})") + norm(s.goal)
    )
    return [(rf"{left} &= {' + '.join(sides)} \ge 0", "identity; l, r: sides of the lines in order")]


def _tower(t: Tower, goal: Goal) -> Derivation:
    of, (matrices, items) = tower_certificate(t)
    made, said = judged("invariant", of, matrices, items)
    reading = (
        "state a, B: the error after t layers and its bound; L, e: gain and error of the layer",
        "a <= d and B = d at the start; next a <= K L-th error + e, next B = K B + e; then B >= a at all times",
    )
    found = Derivation(
        goal,
        "tower",
        said.accepted,
        t.bound if said.accepted else None,
        used=t.used,
        certificate=made,
        verdict=said,
        reading=reading,
        steps=_tower_steps(t),
        notes=() if said.accepted else (f"the kernel did not accept the certificate: {said}",),
        any_norm=not any(isinstance(a, Slope) for a in t.used),
        layers=t,
    )
    return _replayed(found, t) if said.accepted else found


def _replayed(d: Derivation, t: Tower, depth: int = 3) -> Derivation:
    """Affine layers of three levels attain the bound: K_l z against K_l z - e_l, in exact arithmetic."""
    import sympy

    plain = sorted(
        {s for c in (t.gain, t.error, t.start) if not isinstance(c, sympy.IndexedBase) for s in c.free_symbols}, key=str
    )
    values: dict[str, Any] = {str(s): v for s, v in sample(plain).items()}
    values[str(t.depth)] = depth
    for k, c in enumerate((t.gain, t.error)):
        if isinstance(c, sympy.IndexedBase):
            values[str(c)] = [Fraction(1 + k, j + 2) for j in range(depth)]
    try:
        limit = d(**values)
    except BadInput:
        return d
    at: dict[Any, Fraction] = {s: values[str(s)] for s in plain}

    def layer(c: Any, l: int) -> Fraction | None:
        return values[str(c)][l] if isinstance(c, sympy.IndexedBase) else number(c, at)

    start, f, g = number(t.start, at), Fraction(0), Fraction(0)
    if start is None or not isinstance(limit, Fraction):
        return d
    f = start
    maps = {}
    for l in range(depth):
        gain, error = layer(t.gain, l), layer(t.error, l)
        if gain is None or error is None:
            return d
        factor = gain + 1 if t.residual else gain
        f, g = factor * f, factor * g - error
        maps[f"layer {l + 1} of the first"], maps[f"layer {l + 1} of the second"] = (
            (factor, Fraction(0)),
            (factor, -error),
        )
    vectors = {"start of the first": start, "start of the second": Fraction(0)}
    return replace(d, attained=abs(f - g), against=limit, instance=Instance(maps, vectors, {}, abs(f - g)))


def _tower_steps(t: Tower) -> tuple[tuple[str, str], ...]:
    import sympy

    l = sympy.Symbol("l", integer=True, positive=True)
    factor = t.factor(l)
    gain = expression(factor) if not factor.is_Add else f"({expression(factor)})"
    error = expression(t.error[l] if isinstance(t.error, sympy.IndexedBase) else t.error)
    return (
        (rf"a_0 &\le {expression(t.start)}", "at the start"),
        (rf"a_l &\le {gain}\,a_{{l-1}} + {error}", f"through {t.through}, then from one map to the other"),
        (rf"B_l &= {gain}\,B_{{l-1}} + {error},\quad B_0 = {expression(t.start)}", "definition"),
        (rf"B_l - a_l &\ge {gain}\,(B_{{l-1}} - a_{{l-1}}) \ge 0", "induction over l: kind invariant"),
    )
