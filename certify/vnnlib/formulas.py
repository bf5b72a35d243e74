"""Formulas over the inputs and outputs of networks: linear expressions, and / or / not, disjunctive normal form.

Exact rationals throughout. An atom is ``expression >= 0``, or ``> 0`` where strict; everything else is spelt with
these. What is not linear, or makes too many alternatives, is BadInput.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from certify.errors import BadInput
from certify.vnnlib.syntax import Group, Word, number

MOST_ALTERNATIVES = 10_000


@dataclass(frozen=True, order=True)
class Variable:
    """Entry ``index`` of the input (X) or output (Y) of a network, counted from 0 in the order of declaration."""

    kind: Literal["X", "Y"]
    network: int
    index: int

    def __str__(self) -> str:
        return f"{self.kind}[{self.index}] of network {self.network + 1}"


@dataclass(frozen=True)
class Linear:
    """sum of coefficients times variables, plus a constant."""

    terms: dict[Variable, Fraction]
    constant: Fraction

    def plus(self, other: Linear, factor: Fraction) -> Linear:
        """self + factor * other, without zero terms."""
        terms = dict(self.terms)
        for v, a in other.terms.items():
            terms[v] = terms.get(v, Fraction(0)) + factor * a
        return Linear({v: a for v, a in terms.items() if a}, self.constant + factor * other.constant)


@dataclass(frozen=True)
class Atom:
    """left >= 0, or > 0."""

    left: Linear
    strict: bool
    line: int

    def negated(self) -> Atom:
        """left < 0, or <= 0."""
        return Atom(Linear({}, Fraction(0)).plus(self.left, Fraction(-1)), not self.strict, self.line)


@dataclass(frozen=True)
class Joined:
    """All (and) or any (or) of some formulas."""

    word: Literal["and", "or"]
    parts: tuple[Formula, ...]


Formula = Atom | Joined


def negate(formula: Formula) -> Formula:
    """The formula that holds where this one does not."""
    if isinstance(formula, Atom):
        return formula.negated()
    return Joined("or" if formula.word == "and" else "and", tuple(negate(p) for p in formula.parts))


def alternatives(formula: Formula, place: str) -> list[list[Atom]]:
    """Disjunctive normal form: lists of atoms, one of which holds throughout; raises BadInput for too many."""
    if isinstance(formula, Atom):
        return [[formula]]
    parts = [alternatives(p, place) for p in formula.parts]
    if formula.word == "or":
        found = [atoms for part in parts for atoms in part]
        _few(len(found), place)
        return found
    return product(parts, place)


def product(parts: list[list[list[Atom]]], place: str) -> list[list[Atom]]:
    """The alternatives of a conjunction, from those of its parts."""
    found: list[list[Atom]] = [[]]
    for part in parts:
        _few(len(found) * len(part), place)
        if len(part) == 1:
            for atoms in found:
                atoms.extend(part[0])
        else:
            found = [[*atoms, *more] for atoms in found for more in part]
    return found


def _few(count: int, place: str) -> None:
    if count > MOST_ALTERNATIVES:
        raise BadInput(f"{place}: expected at most {MOST_ALTERNATIVES} alternatives, found {count} or more")


class FormulaReader:
    """Reads formulas and expressions; ``variable`` knows the declared names (None for others)."""

    def __init__(self, place: str, variable: Callable[[Word], Variable | None]) -> None:
        self._place, self._variable = place, variable

    def formula(self, item: Word | Group) -> Formula:
        """A formula; raises BadInput."""
        if isinstance(item, Word):
            raise self._bad(item.line, f"expected a comparison, and, or, not, found {item.text[:40]!r}")
        word, rest = item.head(), item.items[1:]
        if word in ("and", "or"):
            if not rest:
                raise self._bad(item.line, f"expected something to join after {word}, found nothing")
            parts = tuple(self.formula(i) for i in rest)
            return parts[0] if len(parts) == 1 else Joined("and" if word == "and" else "or", parts)
        if word == "not" and len(rest) == 1:
            return negate(self.formula(rest[0]))
        if word in ("<=", ">=", "<", ">", "==", "=") and len(rest) == 2:
            return self._comparison(word, item.line, *(self.linear(i) for i in rest))
        raise self._bad(item.line, f"expected a comparison of two expressions, and, or, not, found {word[:40]!r}")

    def _comparison(self, word: str, line: int, a: Linear, b: Linear) -> Formula:
        above, below = b.plus(a, Fraction(-1)), a.plus(b, Fraction(-1))
        if word in ("==", "="):
            return Joined("and", (Atom(above, False, line), Atom(below, False, line)))
        return Atom(above if word[0] == "<" else below, len(word) == 1, line)

    def linear(self, item: Word | Group) -> Linear:
        """A linear expression; raises BadInput for any other."""
        if isinstance(item, Word):
            value = number(item.text)
            if value is not None:
                return Linear({}, value)
            known = self._variable(item)
            if known is None:
                raise self._bad(item.line, f"expected a number or a declared name, found {item.text[:40]!r}")
            return Linear({known: Fraction(1)}, Fraction(0))
        word = item.head()
        parts = [self.linear(i) for i in item.items[1:]]
        if word not in ("+", "-", "*", "/") or not parts:
            raise self._bad(item.line, f"expected + - * / and what they join, found {word[:40]!r}")
        if len(parts) == 1 and word == "-":
            return Linear({}, Fraction(0)).plus(parts[0], Fraction(-1))
        made = parts[0]
        for other in parts[1:]:
            made = self._join(word, made, other, item.line)
        return made

    def _join(self, word: str, a: Linear, b: Linear, line: int) -> Linear:
        if word in ("+", "-"):
            return a.plus(b, Fraction(1 if word == "+" else -1))
        if word == "/":
            if b.terms or not b.constant:
                raise self._bad(line, "expected a division by a number other than zero")
            return Linear({}, Fraction(0)).plus(a, 1 / b.constant)
        if a.terms and b.terms:
            raise self._bad(line, "expected a linear expression, found a product of two variables")
        factor, other = (b, a) if a.terms else (a, b)
        return Linear({}, Fraction(0)).plus(other, factor.constant)

    def _bad(self, line: int, text: str) -> BadInput:
        return BadInput(f"{self._place}:{line}: {text}")
