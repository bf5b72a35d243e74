"""Bounds as numbers: exact where they are rational, else rounded up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from certify.errors import BadInput
from certify.symbolic.derivation import exact_input

if TYPE_CHECKING:
    from certify.symbolic.towers import Tower


def evaluate(bound: Any, conditions: Sequence[Any], values: Mapping[str, Any]) -> Any:
    """A formula at parameters by name; see Derivation.__call__."""
    import sympy

    from certify.numbers import float_above

    known = {s.name: s for s in bound.free_symbols.union(*(c.free_symbols for c in conditions))}
    put, floats = {}, False
    for name, v in values.items():
        if name not in known:
            raise BadInput(f"parameters: {name} is none; expected some of {', '.join(sorted(known)) or 'nothing'}")
        if isinstance(v, sympy.Basic) and not v.is_Rational:
            put[known[name]] = v
            continue
        q = exact_input(int(v) if isinstance(v, sympy.Integer) else v, name) if not isinstance(v, sympy.Rational) else v
        if q < 0:
            raise BadInput(f"parameters: expected {name} >= 0, found {v}")
        floats |= isinstance(v, float)
        put[known[name]] = sympy.Rational(int(q.numerator), int(q.denominator))
    for c in conditions:
        at = c.subs(put)
        if at.is_number and not at > 0:
            raise BadInput(f"parameters: expected {c} > 0, found {at}; there is no bound")
    value = bound.subs(put)
    if value.free_symbols:
        return value
    value = value.doit() if not value.is_Rational else value
    if value.is_Rational:
        q = Fraction(int(value.p), int(value.q))
        return float_above(q) if floats else q
    return number_above(value)


def number_above(value: Any) -> float:
    """A float at least a real formula without symbols, by enclosures. Raises BadInput for unknown functions."""
    from certify.numbers import float_above

    return float_above(above(value))


def above(value: Any) -> Fraction:
    """A rational at least a formula without symbols."""
    from certify.symbolic.ranges.numbers import enclosed

    return enclosed(value)[1]


def tower_value(t: Tower, values: Mapping[str, Any]) -> Fraction | None:
    """B_n by its recursion, exactly; None when a parameter is missing or a symbol. Raises BadInput for what is none."""
    import sympy

    names = {str(x) for c in (t.gain, t.error, t.start) for x in _symbols(c)} | {str(t.depth)}
    for k in values:
        if k not in names:
            raise BadInput(f"parameters: {k} is none; expected some of {', '.join(sorted(names))}")
    if set(values) != names or any(isinstance(v, sympy.Basic) for v in values.values()):
        return None
    depth = values[str(t.depth)]
    if not isinstance(depth, int) or depth < 0:
        raise BadInput(f"parameters: expected a whole number {t.depth} >= 0, found {depth!r}")
    gains, errors = _layers(t.gain, values, depth), _layers(t.error, values, depth)
    found = _scalar(t.start, values)
    for gain, error in zip(gains, errors, strict=True):
        found = (gain + (1 if t.residual else 0)) * found + error
    return found


def _symbols(c: Any) -> list[Any]:
    import sympy

    if isinstance(c, sympy.IndexedBase):
        return [c]
    return sorted(sympy.sympify(c).free_symbols, key=str)


def _layers(c: Any, values: Mapping[str, Any], depth: int) -> list[Fraction]:
    import sympy

    if not isinstance(c, sympy.IndexedBase):
        return [_scalar(c, values)] * depth
    given = values[str(c)]
    if isinstance(given, str) or not hasattr(given, "__len__") or len(given) != depth:
        raise BadInput(f"parameters: expected {depth} numbers {c}, found {str(given)[:40]!r}")
    out = [exact_input(v, f"{c}[{k + 1}]") for k, v in enumerate(given)]
    if min(out, default=Fraction(0)) < 0:
        raise BadInput(f"parameters: expected {c} >= 0, found {min(out)}")
    return out


def _scalar(c: Any, values: Mapping[str, Any]) -> Fraction:
    from certify.symbolic.affine import number

    at = {s: exact_input(values[str(s)], str(s)) for s in _symbols(c)}
    if min(at.values(), default=Fraction(0)) < 0:
        raise BadInput(f"parameters: expected numbers >= 0, found {min(at.values())}")
    found = number(c, at)
    if found is None:
        raise BadInput(f"parameters: {c} is not a rational number here")
    return found
