"""Polynomial relations from text and from sympy, with exact rational coefficients.

Text is read by a grammar of its own (names, numbers, + - * / ** and comparisons), never evaluated; a decimal means the
decimal number. In sympy expressions a float means the binary number it is.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from certify.errors import BadInput
from certify.symbolic.polynomials.poly import Poly

DEGREE = 60
TERMS = 20_000
# Larger coefficients than this do not fit in floats, nor in the integers of a certificate.
BITS = 900

# A polynomial by names: a dict from sorted ((name, power), ...) to Fractions.
_Named = dict[tuple[tuple[str, int], ...], Fraction]


@dataclass(frozen=True)
class Problem:
    """goal >= 0 (> 0 when strict) wherever the inequalities are >= 0 and the equalities = 0, in variables by name.

    open: which inequalities were said to be strict. Proofs use them with >=; a counterexample has to respect them.
    """

    names: tuple[str, ...]
    goal: Poly
    inequalities: tuple[Poly, ...] = ()
    equalities: tuple[Poly, ...] = ()
    strict: bool = False
    open: tuple[bool, ...] = ()

    @property
    def n(self) -> int:
        return len(self.names)

    def with_goal(self, goal: Poly) -> Problem:
        """The same premises."""
        return Problem(self.names, goal, self.inequalities, self.equalities, False, self.open)


def problem(claim: Any, given: Sequence[Any] = ()) -> Problem:
    """A claimed relation (text or sympy) under given relations. Raises BadInput for what is no polynomial relation."""
    said = _relations(claim, "the claim")
    if len(said) != 1 or said[0][1] == "=":
        raise BadInput(f"the claim: expected one inequality such as x**2 + 1 >= 2*x, found {_short(claim)}")
    return _problem(said[0][0], said[0][1] == ">", given)


def objective(p: Any, given: Sequence[Any] = ()) -> Problem:
    """A polynomial (text or sympy) under given relations."""
    return _problem(_expression(p, "the polynomial"), False, given)


def _problem(goal: _Named, strict: bool, given: Sequence[Any]) -> Problem:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise BadInput("given: expected a list of relations")
    premises = [r for k, g in enumerate(given) for r in _relations(g, f"given[{k}]")]
    every = [goal, *(p for p, _ in premises)]
    bits = max((v.bit_length() for p in every for c in p.values() for v in (c.numerator, c.denominator)), default=0)
    if bits > BITS:
        raise BadInput(f"a coefficient has {bits} bits, more than {BITS}")
    names = tuple(sorted({v for p in every for key in p for v, _ in key})) or ("x",)
    return Problem(
        names,
        _of_named(goal, names),
        tuple(_of_named(p, names) for p, kind in premises if kind != "="),
        tuple(_of_named(p, names) for p, kind in premises if kind == "="),
        strict,
        tuple(kind == ">" for _, kind in premises if kind != "="),
    )


@dataclass(frozen=True)
class System:
    """A discrete system: names of parameters and states, and its conditions; those of a step also in the next state.

    Each group is a pair: inequalities, equalities.
    """

    parameters: tuple[str, ...]
    state: tuple[str, ...]
    goal: Poly
    always: tuple[list[Poly], list[Poly]]
    start: tuple[list[Poly], list[Poly]]
    step: tuple[list[Poly], list[Poly]]
    invariants: tuple[Poly, ...]


def system(
    claim: Any,
    state: Sequence[str],
    always: Sequence[Any],
    start: Sequence[Any],
    step: Sequence[Any],
    invariants: Sequence[Any],
    suffix: str,
) -> System:
    """A system from relations; a state's name with the suffix is its next value. Raises BadInput."""
    said = {
        place: [r for k, g in enumerate(group) for r in _relations(g, f"{place}[{k}]")]
        for place, group in (("always", always), ("start", start), ("step", step), ("invariants", invariants))
    }
    said["claim"] = _relations(claim, "the claim")
    if len(said["claim"]) != 1 or any(kind != ">=" for _, kind in [*said["claim"], *said["invariants"]]):
        raise BadInput("the claim and invariants: expected inequalities with >= or <=")
    seen = {v for group in said.values() for p, _ in group for key in p for v, _ in key}
    after = [v + suffix for v in state]
    parameters = tuple(sorted(seen - set(state) - set(after)))
    if not state or len(set(state)) < len(state) or set(after) & set(state):
        raise BadInput(f"state: expected distinct names, found {', '.join(map(str, state)) or 'none'}")
    early = [v for place, group in said.items() if place != "step" for p, _ in group for k in p for v, _ in k]
    if wrong := sorted(set(after) & set(early)):
        raise BadInput(f"{wrong[0]}: the next state belongs to `step` alone")
    now = (*parameters, *state)

    def halves(place: str, names: tuple[str, ...]) -> tuple[list[Poly], list[Poly]]:
        group = [(_of_named(p, names), kind) for p, kind in said[place]]
        return [p for p, kind in group if kind != "="], [p for p, kind in group if kind == "="]

    return System(
        parameters,
        tuple(state),
        _of_named(said["claim"][0][0], now),
        halves("always", now),
        halves("start", now),
        halves("step", (*now, *after)),
        tuple(halves("invariants", now)[0]),
    )


def _of_named(p: _Named, names: tuple[str, ...]) -> Poly:
    at = {v: j for j, v in enumerate(names)}
    out = {}
    for key, c in p.items():
        e = [0] * len(names)
        for v, k in key:
            e[at[v]] = k
        out[tuple(e)] = c
    return Poly(len(names), out)


def _short(x: Any) -> str:
    return " ".join(str(x).split())[:80]


def _relations(r: Any, place: str) -> list[tuple[_Named, str]]:
    """Pairs (p, kind) for p >= 0, p > 0, p = 0."""
    if isinstance(r, str):
        try:
            top = ast.parse(r.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            raise BadInput(f"{place}: cannot be read: {_short(r)}") from None
        except (RecursionError, MemoryError):
            raise BadInput(f"{place}: too long or too deep for text, pass it from sympy: {_short(r)}") from None
        if not isinstance(top, ast.Compare):
            raise BadInput(f"{place}: expected a relation such as x >= 0, found {_short(r)}")
        try:
            sides = [_walk(s, place) for s in (top.left, *top.comparators)]
        except RecursionError:
            raise BadInput(f"{place}: too deep for text, pass it from sympy: {_short(r)}") from None
        return [_oriented(a, type(o).__name__, b, place) for a, o, b in zip(sides, top.ops, sides[1:], strict=False)]
    if isinstance(r, bool) or type(r).__name__ in ("BooleanTrue", "BooleanFalse"):
        raise BadInput(f"{place}: {r}, which sympy decided from its assumptions; write the relation as text")
    kind = {"Ge": "GtE", "GreaterThan": "GtE", "StrictGreaterThan": "Gt", "LessThan": "LtE", "StrictLessThan": "Lt"}
    name = type(r).__name__
    if hasattr(r, "lhs") and (name in kind or name == "Equality"):
        return [_oriented(_expression(r.lhs, place), kind.get(name, "Eq"), _expression(r.rhs, place), place)]
    raise BadInput(f"{place}: expected a relation as text or from sympy, found {type(r).__name__} {_short(r)}")


def _oriented(a: _Named, op: str, b: _Named, place: str) -> tuple[_Named, str]:
    if op in ("GtE", "Gt"):
        return _plus(a, b, -1), ">=" if op == "GtE" else ">"
    if op in ("LtE", "Lt"):
        return _plus(b, a, -1), ">=" if op == "LtE" else ">"
    if op == "Eq":
        return _plus(a, b, -1), "="
    raise BadInput(f"{place}: a relation is one of >=, >, <=, <, ==")


def _expression(p: Any, place: str) -> _Named:
    if isinstance(p, str):
        try:
            return _walk(ast.parse(p.strip(), mode="eval").body, place)
        except (SyntaxError, ValueError):
            raise BadInput(f"{place}: cannot be read: {_short(p)}") from None
        except (RecursionError, MemoryError):
            raise BadInput(f"{place}: too long or too deep for text, pass it from sympy: {_short(p)}") from None
    if isinstance(p, int | float | Fraction) and not isinstance(p, bool):
        return _plus({}, {(): _number(p, place)}, 1)
    if hasattr(p, "free_symbols"):
        return _of_sympy(p, place)
    raise BadInput(f"{place}: expected text or a sympy expression, found {type(p).__name__}")


def _number(v: int | float | str | Fraction, place: str) -> Fraction:
    try:
        return Fraction(v)
    except (ValueError, OverflowError):
        raise BadInput(f"{place}: {v} is no number to compute with") from None


def _of_sympy(p: Any, place: str) -> _Named:
    import sympy

    symbols = sorted(p.free_symbols, key=str)
    if len({str(s) for s in symbols}) < len(symbols):
        raise BadInput(f"{place}: two symbols share a name")
    try:
        found = sympy.Poly(p, *symbols) if symbols else sympy.Poly(p, sympy.Symbol("x"))
    except sympy.PolynomialError:
        raise BadInput(f"{place}: not a polynomial: {_short(p)}") from None
    out: _Named = {}
    for e, c in found.terms():
        exact = sympy.Rational(c) if c.is_Float else c
        if not exact.is_Rational:
            raise BadInput(f"{place}: a coefficient is not rational: {_short(c)}")
        key = tuple((str(s), int(k)) for s, k in zip(found.gens, e, strict=True) if k)
        out = _plus(out, {key: Fraction(int(exact.p), int(exact.q))}, 1)
    return out


def _plus(a: _Named, b: _Named, sign: int) -> _Named:
    out = dict(a)
    for k, c in b.items():
        out[k] = out.get(k, Fraction(0)) + sign * c
    return {k: c for k, c in out.items() if c}


def _times(a: _Named, b: _Named, place: str) -> _Named:
    out: _Named = {}
    if len(a) * len(b) > TERMS:
        raise BadInput(f"{place}: a product of {len(a)} by {len(b)} terms")
    for e, c in a.items():
        for f, d in b.items():
            powers = dict(e)
            for v, k in f:
                powers[v] = powers.get(v, 0) + k
            key = tuple(sorted(powers.items()))
            if sum(powers.values()) > DEGREE:
                raise BadInput(f"{place}: a degree above {DEGREE}")
            out[key] = out.get(key, Fraction(0)) + c * d
    return {k: c for k, c in out.items() if c}


def _constant(p: _Named, place: str, what: str) -> Fraction:
    if any(p.keys() - {()}):
        raise BadInput(f"{place}: {what} is not a number")
    return p.get((), Fraction(0))


def _power_of_number(v: Fraction, k: int, place: str) -> _Named:
    # Not computed when it would be refused anyway.
    if abs(k) * (max(v.numerator.bit_length(), v.denominator.bit_length()) - 1) > BITS or abs(k) > BITS:
        raise BadInput(f"{place}: a power of a number has more than {BITS} bits")
    return {(): v**k}


def _walk(node: ast.AST, place: str) -> _Named:
    if isinstance(node, ast.Name):
        return {((node.id, 1),): Fraction(1)}
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        # repr gives the shortest decimal of a float literal: what was written, up to 17 digits.
        return _plus({}, {(): _number(node.value if isinstance(node.value, int) else repr(node.value), place)}, 1)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return _plus({}, _walk(node.operand, place), -1 if isinstance(node.op, ast.USub) else 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        # A sum of a thousand terms is a thousand levels deep on its left side.
        parts: list[tuple[int, ast.AST]] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            parts.append((1 if isinstance(node.op, ast.Add) else -1, node.right))
            node = node.left
        total = dict(_walk(node, place))
        for sign, part in reversed(parts):
            for key, c in _walk(part, place).items():
                total[key] = total.get(key, Fraction(0)) + sign * c
        return {k: c for k, c in total.items() if c}
    if isinstance(node, ast.BinOp):
        a, b = _walk(node.left, place), _walk(node.right, place)
        if isinstance(node.op, ast.Mult):
            return _times(a, b, place)
        if isinstance(node.op, ast.Div):
            by = _constant(b, place, "a divisor")
            if not by:
                raise BadInput(f"{place}: a division by zero")
            return {k: c / by for k, c in a.items()}
        if isinstance(node.op, ast.Pow):
            power = _constant(b, place, "an exponent")
            if power.denominator == 1 and a and not a.keys() - {()}:
                return _power_of_number(a[()], int(power), place)
            if power.denominator != 1 or not 0 <= power <= DEGREE:
                raise BadInput(f"{place}: an exponent is a whole number from 0 to {DEGREE}, found {power}")
            out: _Named = {(): Fraction(1)}
            for _ in range(int(power)):
                out = _times(out, a, place)
            return out
    raise BadInput(f"{place}: only names, numbers, + - * / ** and comparisons: {_short(ast.unparse(node))}")
