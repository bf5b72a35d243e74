"""Read a closed form, from text or from sympy, into a program.

Text is read by a grammar of its own (names, numbers, + - * / **, and calls of the functions below), never evaluated; a
decimal means the decimal number. In sympy expressions a float means the binary number it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from certify.errors import BadInput
from certify.symbolic.ranges.programs import Program

_ONE: dict[str, Callable[[Program, int], int]] = {
    "exp": Program.exp,
    "log": Program.log,
    "ln": Program.log,
    "sqrt": Program.root,
    "abs": Program.size,
    "tanh": Program.tanh,
    "sigmoid": Program.sigmoid,
    "relu": lambda p, i: p.largest(i, p.constant(Fraction(0))),
    "softplus": lambda p, i: p.log(p.add(p.constant(Fraction(1)), p.exp(i))),
    "sinh": lambda p, i: p.divide(p.subtract(p.exp(i), p.exp(p.negative(i))), p.constant(Fraction(2))),
    "cosh": lambda p, i: p.divide(p.add(p.exp(i), p.exp(p.negative(i))), p.constant(Fraction(2))),
}
_MANY: dict[str, Callable[[Program, int, int], int]] = {"min": Program.least, "max": Program.largest}


def read(form: Any, variables: Sequence[str]) -> Program:
    """The program of a form in these variables.

    form: text, a number, or a sympy expression. Raises BadInput for another variable or function.
    """
    p = Program(tuple(variables))
    try:
        if isinstance(form, str):
            last = _text(p, ast.parse(form.strip(), mode="eval").body)
        elif isinstance(form, int | float | Fraction) and not isinstance(form, bool):
            last = p.constant(_number(form))
        elif hasattr(form, "free_symbols"):
            last = _sympy(p, form)
        else:
            raise BadInput(f"the form: expected text or a sympy expression, found {type(form).__name__}")
    except (SyntaxError, ValueError):
        raise BadInput(f"the form: cannot be read: {_short(form)}") from None
    except (RecursionError, MemoryError):
        raise BadInput("the form: too long or too deep") from None
    return p.finished(last)


def _short(x: Any) -> str:
    return " ".join(str(x).split())[:80]


def _number(v: Any) -> Fraction:
    try:
        return Fraction(v)
    except (OverflowError, ValueError):
        raise BadInput(f"the form: {_short(v)} is no number to compute with") from None


def _named(p: Program, name: str) -> int:
    if name not in p.variables:
        raise BadInput(f"the form: expected variables of the box ({', '.join(p.variables)}), found {name}")
    return p.variable(name)


def _raised(p: Program, base: int, exponent: int) -> int:
    """base ** exponent: by powers and roots for a multiple of 1/2, else e^(exponent ln base)."""
    value = p.value(exponent)
    if value is not None and value.denominator == 1:
        return p.power(base, int(value))
    if value is not None and value.denominator == 2:
        return p.power(p.root(base), value.numerator)
    return p.exp(p.multiply(exponent, p.log(base)))


def _called(p: Program, name: str, given: list[int]) -> int:
    if name in _ONE and len(given) == 1:
        return _ONE[name](p, given[0])
    if name in _MANY and given:
        out = given[0]
        for i in given[1:]:
            out = _MANY[name](p, out, i)
        return out
    known = ", ".join(sorted([*_ONE, *_MANY]))
    raise BadInput(f"the form: {name} of {len(given)} is not known; there are {known}")


def _text(p: Program, node: ast.AST) -> int:
    if isinstance(node, ast.Name):
        return _named(p, node.id)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        # repr gives the shortest decimal of a float literal: what was written, up to 17 digits.
        return p.constant(_number(node.value if isinstance(node.value, int) else repr(node.value)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _text(p, node.operand)
        return p.negative(inner) if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        two: dict[type, Callable[[int, int], int]] = {
            ast.Add: p.add,
            ast.Sub: p.subtract,
            ast.Mult: p.multiply,
            ast.Div: p.divide,
            ast.Pow: lambda i, j: _raised(p, i, j),
        }
        if type(node.op) in two:
            return two[type(node.op)](_text(p, node.left), _text(p, node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _called(p, node.func.id.lower(), [_text(p, a) for a in node.args])
    raise BadInput(f"the form: only names, numbers, + - * / ** and functions: {_short(ast.unparse(node))}")


def _sympy(p: Program, e: Any) -> int:
    import sympy

    if e.is_Symbol:
        return _named(p, str(e))
    if e.is_Rational:
        return p.constant(Fraction(int(e.p), int(e.q)))
    if e.is_Float:
        exact = sympy.Rational(e)
        return p.constant(Fraction(int(exact.p), int(exact.q)))
    if e == sympy.E:
        return p.exp(p.constant(Fraction(1)))
    if e.is_Add:
        plus = [t for t in e.args if not t.could_extract_minus_sign()]
        minus = [-t for t in e.args if t.could_extract_minus_sign()]
        out = _joined(p, p.add, [_sympy(p, t) for t in plus], Fraction(0))
        return p.subtract(out, _joined(p, p.add, [_sympy(p, t) for t in minus], Fraction(0))) if minus else out
    if e.is_Mul:
        over, under = e.as_numer_denom()
        if under != 1 and over != e:
            return p.divide(_sympy(p, over), _sympy(p, under))
        return _joined(p, p.multiply, [_sympy(p, t) for t in e.args], Fraction(1))
    if e.is_Pow and e.base == sympy.E:
        return p.exp(_sympy(p, e.exp))
    if e.is_Pow:
        return _raised(p, _sympy(p, e.base), _sympy(p, e.exp))
    if e.is_Function:
        return _called(p, type(e).__name__.lower(), [_sympy(p, a) for a in e.args])
    raise BadInput(f"the form: {_short(e)} is not known to closed forms here")


def _joined(p: Program, two: Callable[[int, int], int], parts: list[int], empty: Fraction) -> int:
    if not parts:
        return p.constant(empty)
    out = parts[0]
    for i in parts[1:]:
        out = two(out, i)
    return out
