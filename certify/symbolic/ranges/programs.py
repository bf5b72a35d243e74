"""Closed forms as straight-line programs: the steps of kind *range*. Equal subforms are one step.

Spec: specs/statements.md#range.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from certify.errors import BadInput
from certify.kernel.limits import POWER, STEPS

Step = tuple[int, int, int]

CONSTANT, VARIABLE, ADD, SUBTRACT, MULTIPLY, DIVIDE, POW, LEAST, LARGEST, ROOT, EXP, LOG = range(12)


@dataclass
class Program:
    """constants, variables by name, and steps; the last step is the value.

    Methods append a step (or find it) and return its number. Constants are folded by sums, products and quotients.
    """

    variables: tuple[str, ...]
    constants: list[Fraction] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    _known: dict[Step, int] = field(default_factory=dict)

    def _step(self, op: int, a: int, b: int = 0) -> int:
        key = (op, a, b)
        if key not in self._known:
            if len(self.steps) >= STEPS:
                raise BadInput(f"the form: more than {STEPS} steps")
            self._known[key] = len(self.steps)
            self.steps.append(key)
        return self._known[key]

    def constant(self, value: Fraction) -> int:
        if value not in self.constants:
            self.constants.append(value)
        return self._step(CONSTANT, self.constants.index(value))

    def variable(self, name: str) -> int:
        return self._step(VARIABLE, self.variables.index(name))

    def value(self, i: int) -> Fraction | None:
        """The number that step i is, when it is a constant."""
        op, a, _ = self.steps[i]
        return self.constants[a] if op == CONSTANT else None

    def add(self, i: int, j: int) -> int:
        a, b = self.value(i), self.value(j)
        if a is not None and b is not None:
            return self.constant(a + b)
        return j if a == 0 else i if b == 0 else self._step(ADD, i, j)

    def subtract(self, i: int, j: int) -> int:
        a, b = self.value(i), self.value(j)
        if a is not None and b is not None:
            return self.constant(a - b)
        return i if b == 0 else self._step(SUBTRACT, i, j)

    def multiply(self, i: int, j: int) -> int:
        a, b = self.value(i), self.value(j)
        if a is not None and b is not None:
            return self.constant(a * b)
        if i == j:
            return self.power(i, 2)
        return j if a == 1 else i if b == 1 else self._step(MULTIPLY, i, j)

    def divide(self, i: int, j: int) -> int:
        b = self.value(j)
        if b == 0:
            raise BadInput("the form: a division by zero")
        if b is not None:
            return self.multiply(i, self.constant(1 / b))
        return self._step(DIVIDE, i, j)

    def power(self, i: int, n: int) -> int:
        """Of an integer n, by a quotient where it is negative."""
        a = self.value(i)
        if abs(n) > POWER:
            raise BadInput(f"the form: expected exponents from -{POWER} to {POWER}, found {n}")
        if n == 0:
            return self.constant(Fraction(1))
        if a is not None and (a or n > 0):
            return self.constant(a**n)
        if n < 0:
            return self.divide(self.constant(Fraction(1)), self.power(i, -n))
        return i if n == 1 else self._step(POW, i, n)

    def least(self, i: int, j: int) -> int:
        return i if i == j else self._step(LEAST, i, j)

    def largest(self, i: int, j: int) -> int:
        return i if i == j else self._step(LARGEST, i, j)

    def root(self, i: int) -> int:
        return self._step(ROOT, i)

    def exp(self, i: int) -> int:
        return self.constant(Fraction(1)) if self.value(i) == 0 else self._step(EXP, i)

    def log(self, i: int) -> int:
        return self._step(LOG, i)

    def negative(self, i: int) -> int:
        return self.subtract(self.constant(Fraction(0)), i)

    def size(self, i: int) -> int:
        """|x|. The third part keeps the enclosure from going below zero."""
        return self.largest(self.largest(i, self.negative(i)), self.constant(Fraction(0)))

    def tanh(self, i: int) -> int:
        """1 - 2 / (e^(2x) + 1), in which x occurs once."""
        one, two = self.constant(Fraction(1)), self.constant(Fraction(2))
        return self.subtract(one, self.divide(two, self.add(self.exp(self.multiply(two, i)), one)))

    def sigmoid(self, i: int) -> int:
        """1 / (1 + e^-x)"""
        one = self.constant(Fraction(1))
        return self.divide(one, self.add(one, self.exp(self.negative(i))))

    def finished(self, i: int) -> Program:
        """The program whose last step is step i; steps it does not need are dropped."""
        needed = {i}
        for k in range(i, -1, -1):
            op, a, b = self.steps[k]
            if k in needed and op >= ADD:
                needed |= {a} if op in (POW, ROOT, EXP, LOG) else {a, b}
        order = sorted(needed)
        at = {k: n for n, k in enumerate(order)}
        kept = [self.steps[k] for k in order]
        constants = sorted({a for op, a, _ in kept if op == CONSTANT})
        place = {a: n for n, a in enumerate(constants)}
        steps = []
        for op, a, b in kept:
            if op == CONSTANT:
                steps.append((op, place[a], 0))
            elif op == VARIABLE:
                steps.append((op, a, 0))
            else:
                one = op in (ROOT, EXP, LOG)
                steps.append((op, at[a], b if op == POW else 0 if one else at[b]))
        return Program(self.variables, [self.constants[a] for a in constants], steps)
