"""Decide a claimed limit: the derived bound is below it, or an instance passes it, or neither is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from certify.errors import BadInput
from certify.symbolic.affine import number, sample, worst
from certify.symbolic.assumptions import Assumption, letters
from certify.symbolic.derivation import Derivation
from certify.symbolic.evaluate import above
from certify.symbolic.expressions import Norm

Decision = tuple[bool | None, bool, Any, Fraction | None, tuple[str, ...]]


def decide(d: Derivation, assumptions: Sequence[Assumption]) -> Decision:
    """(holds, refuted, instance, attained there, notes) for the goal's limit."""
    limit = d.goal.claimed
    if d.found:
        holds, why = _below(d.bound, limit, d.conditions)
        if holds:
            return True, False, None, None, why
    for values in _samples(d, assumptions):
        found = d.instance if not values else None
        if values and isinstance(d.goal.of, Norm):
            found = worst(d.goal.of.vector, assumptions, values)
        attained = d.attained if not values else None if found is None else found.value
        if found is not None and attained is not None and _passes(attained, limit, values):
            return False, True, found, attained, (f"there the claimed limit is {_at(limit, values)}",)
    return None, False, None, None, ("the claimed limit is neither proved nor refuted",)


def _below(bound: Any, limit: Any, conditions: Sequence[Any]) -> tuple[bool, tuple[str, ...]]:
    """Whether bound <= limit for all parameters >= 0 where the conditions are positive, and what that rests on."""
    import sympy

    rest = limit - bound
    if not rest.free_symbols:
        try:
            return bool(rest >= 0) if rest.is_Rational else above(-rest) <= 0, ()
        except BadInput:
            return False, ()
    if sympy.expand(rest) == 0 or sympy.simplify(rest) == 0:
        return True, ()
    top, below = sympy.fraction(sympy.together(rest))
    symbols = sorted(rest.free_symbols, key=str)
    if not (top.is_polynomial(*symbols) and below.is_polynomial(*symbols)):
        return False, ()
    from certify.symbolic.polynomials.prove import prove_inequality

    # top / below >= 0 where top * below >= 0 and below is not 0, which the conditions see to.
    renamed = {s: sympy.Symbol(f"v{k}", real=True) for k, s in enumerate(symbols)}
    given = [f"{v} >= 0" for v in renamed.values()]
    given += [f"{sympy.expand(c.subs(renamed))} >= 0" for c in conditions if c.is_polynomial(*symbols)]
    found = prove_inequality(f"{sympy.expand((top * below).subs(renamed))} >= 0", given, seconds=5.0)
    if found.status != "proved" or found.certificate is None:
        return False, ()
    return True, (f"the limit is above the bound: certificate {found.certificate.id[:16]}",)


def _samples(d: Derivation, assumptions: Sequence[Assumption]) -> Iterator[dict[Any, Fraction]]:
    """Numbers to try for the parameters; one empty choice when there are none."""
    symbols = sorted(d.goal.claimed.free_symbols | letters(assumptions), key=str)
    if not symbols:
        yield {}
        return
    for k in range(1, 8):
        yield {s: Fraction(k) if s.is_integer else Fraction(k, 4) for s in symbols}
    yield sample(symbols)
    yield sample(symbols[::-1])


def _at(limit: Any, values: dict[Any, Fraction]) -> Any:
    import sympy

    return limit.subs({s: sympy.Rational(v.numerator, v.denominator) for s, v in values.items()})


def _passes(attained: Fraction, limit: Any, values: dict[Any, Fraction]) -> bool:
    """Whether the attained value is above the limit, exactly or by an enclosure from above."""
    exact = number(limit, values)
    if exact is not None:
        return attained > exact
    try:
        return attained > above(_at(limit, values))
    except BadInput:
        return False
