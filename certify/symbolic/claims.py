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
    if d.found and _below(d.bound, limit):
        return True, False, None, None, ()
    for values in _samples(d, assumptions):
        found = d.instance if not values else None
        if values and isinstance(d.goal.of, Norm):
            found = worst(d.goal.of.vector, assumptions, values)
        if found is not None and _passes(found.value, limit, values):
            return False, True, found, found.value, (f"there the claimed limit is {_at(limit, values)}",)
    return None, False, None, None, ("the claimed limit is neither proved nor refuted",)


def _below(bound: Any, limit: Any) -> bool:
    """Whether bound <= limit for all parameters, as far as is easily seen."""
    import sympy

    rest = limit - bound
    if not rest.free_symbols:
        try:
            return bool(rest >= 0) if rest.is_Rational else above(-rest) <= 0
        except BadInput:
            return False
    rest = sympy.expand(rest)
    if rest == 0 or sympy.simplify(rest) == 0:
        return True
    symbols = sorted(rest.free_symbols, key=str)
    if rest.is_polynomial(*symbols) and all(s.is_nonnegative for s in symbols):
        return all(c.is_Rational and c >= 0 for c in sympy.Poly(rest, *symbols).coeffs())
    return False


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
