"""Read a statement about matrices and the evidence for it, and hand both to the rule of its kind.

A statement names exact matrices and numbers, typed by the SIGNATURE of its kind; evidence is more matrices and lines of
integers, which a rule may find useless but never wrong. Spec: statements.md#statements.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.kernel.exact import Matrix, Table
from certify.kernel.limits import LEAVES, SIZE
from certify.kernel.rendering import as_json, number
from certify.kernel.rules.psd import positive
from certify.kernel.statements import KINDS
from certify.kernel.tensors import read_table
from certify.kernel.verdict import Declined, limit
from certify.kernel.words import Lines

RULES = "1"


class Statement:
    """A parsed statement: its kind, and what it speaks of by name.

    matrix: a Matrix; matrices: a list of them; rational: a Fraction; count: an integer >= 0 within the limits; integer.
    """

    def __init__(self, bundle, arithmetic) -> None:
        self.a = arithmetic
        lines = self._lines = Lines("claim", bundle.read("claim"))
        lines.header("statement")
        lines.need(len(words := lines.next("rules")) == 2, "word-count", "one rule-set version")
        if words[1] != RULES:
            raise Declined("version", lines.place, f"rule set {words[1][:20]}; this kernel knows {RULES}")
        self._table = Table(lines, read_table(lines, bundle), arithmetic)
        words = lines.next("statement")
        self.kind = words[1] if len(words) > 1 else ""
        if self.kind not in KINDS:
            raise Declined("no-such-kind", lines.place, f"kind {self.kind[:20]}; this kernel does not know it")
        self.rule = KINDS[self.kind]
        rest = [lines.integer(w) for w in words[2:]]
        self._values: dict[str, Any] = {}
        for name, sort in self.rule.SIGNATURE:
            self._values[name] = self._read(sort, rest)
        lines.need(not rest, "word-count", f"{len(rest)} numbers too many")
        lines.end()

    def _read(self, sort, rest):
        lines = self._lines
        need = 2 if sort == "rational" else 1
        lines.need(len(rest) >= need, "word-count", "too few numbers")
        first = rest.pop(0)
        if sort == "matrix":
            return self._table.check_index(first)
        if sort == "matrices":
            lines.need(first >= 1, "word-count", "a list of matrices has one at least")
            lines.need(len(rest) >= first, "word-count", "too few numbers")
            return [self._table.check_index(rest.pop(0)) for _ in range(first)]
        if sort == "rational":
            den = rest.pop(0)
            lines.need(den >= 1, "denominator", "a denominator is at least 1")
            return Fraction(first, den)
        if sort == "count":
            lines.need(first >= 0, "negative-count", "a count is not negative")
            limit(first, SIZE, lines.place, "a count")
        return first

    def __getitem__(self, name) -> Any:
        value, sort = self._values[name], dict(self.rule.SIGNATURE)[name]
        if sort == "matrix":
            return self._table[value]
        return [self._table[k] for k in value] if sort == "matrices" else value

    def render(self) -> bytes:
        """claim.json: the statement as one line of canonical JSON."""
        shown = {name: self._shown(sort, self._values[name]) for name, sort in self.rule.SIGNATURE}
        return as_json({"format": 1, "rules": 1, "statement": self.kind, "of": shown})

    def _shown(self, sort, value):
        if sort == "matrix":
            tensor, rows, columns, num, den = self._table.words[value]
            times = number(Fraction(num, den))
            return {"columns": columns, "rows": rows, "tensor": tensor, "times": times}
        if sort == "matrices":
            return [self._shown("matrix", k) for k in value]
        return number(value) if sort == "rational" else value


class Evidence:
    """What a proof offers: matrices by number, and `item` lines of integers."""

    def __init__(self, bundle, arithmetic) -> None:
        self.a = arithmetic
        lines = self._lines = Lines("proof", bundle.read("proof"))
        lines.header("evidence")
        self._table = Table(lines, read_table(lines, bundle), arithmetic)
        self.items: list[list[int]] = []
        while (words := lines.peek()) is not None and words[0] == "item":
            limit(len(self.items) + 1, LEAVES, lines.place, "number of items")
            self.items.append([lines.integer(w) for w in lines.next("item")[1:]])
        lines.end()

    def __len__(self):
        return len(self._table.words)

    def matrix(self, k) -> Matrix:
        """Matrix number k; rejects when there is none."""
        return self._table[self._table.check_index(k)]

    def integers(self, k):
        """Matrix number k, which must be one of integers, as integers."""
        tensor, _, _, _, den = self._table.words[self._table.check_index(k)]
        whole = tensor.kind[0] == "i" and den == 1
        self._lines.need(whole, "hint", f"matrix {k} of the evidence is not one of integers")
        return self._table[k].n

    def positive(self, m: Matrix, first: int, place: str) -> None:
        """Reject unless matrices ``first`` (shifts) and ``first + 1`` (a packed factor), of any shape, show m >= 0."""
        positive(m, self.integers(first).tolist(), self.integers(first + 1).flat().row(), place)
