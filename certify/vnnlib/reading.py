"""Read VNN-LIB files: version 1.0, and those of version 2.0 about one network or two networks with equal inputs.

1.0 declares X_i and Y_j as constants and describes unsafe outputs. 2.0 declares networks; whether its constraints on
outputs describe what is unsafe or what is claimed is the author's convention: the files known to compare two networks
assert the claim, so that is what two networks mean by default. Grammar: vnnlib.org, versions 1.0 and 2.0. Anything
else (hidden nodes, several inputs, products of variables, strict beside closed constraints) is BadInput, by line.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Literal

from certify.errors import BadInput
from certify.vnnlib.formulas import Atom, Formula, FormulaReader, Joined, Variable, alternatives, negate, product
from certify.vnnlib.property import Asserts, Case, Constraint, Property
from certify.vnnlib.syntax import Group, Word, commands, read_text

MOST_VARIABLES = 10_000_000
_TYPES = ("real", "float32", "float64")
_OLD_NAME = re.compile(r"([XY])_(0|[1-9][0-9]{0,7})")
_ENTRY = re.compile(r"([^\[\]]+)\[([0-9, ]{1,60})\]")
_SHAPE = re.compile(r"\[([0-9, ]{0,60})\]")


def read_vnnlib(path: str | os.PathLike[str], *, asserts: Asserts | None = None) -> Property:
    """The property of a VNN-LIB file.

    asserts: "unsafe" or "claim", what the file's constraints on outputs describe; by default unsafe outputs for one
    network and the claim for two. Raises BadInput, with the line, for text that is malformed or not supported.
    """
    return parse_vnnlib(read_text(path), str(path), asserts=asserts)


def parse_vnnlib(text: str, place: str = "text", *, asserts: Asserts | None = None) -> Property:
    """The property that a text says; see ``read_vnnlib``."""
    reader = _Reader(place)
    for command in commands(text, place):
        reader.command(command)
    return reader.property(asserts)


@dataclass
class _Array:
    """A declared input or output: an array of variables, in row-major order."""

    kind: Literal["X", "Y"]
    network: int
    shape: tuple[int, ...]


@dataclass
class _Reader:
    """What the commands so far have declared and asserted."""

    place: str
    version: str = "1.0"
    networks: list[str] = field(default_factory=list)
    arrays: dict[str, _Array] = field(default_factory=dict)
    old: dict[str, set[int]] = field(default_factory=lambda: {"X": set(), "Y": set()})
    tied: set[int] = field(default_factory=set)
    inputs: list[Formula] = field(default_factory=list)
    outputs: list[Formula] = field(default_factory=list)
    mixed: list[Formula] = field(default_factory=list)

    def command(self, c: Group) -> None:
        """One top-level list."""
        match c.head():
            case "declare-const" | "declare-fun":
                self._declare_constant(c)
            case "vnnlib-version":
                word = self._words(c, 1)[0]
                if word not in ("<1.0>", "<2.0>"):
                    raise self._bad(c.line, f"expected version <1.0> or <2.0>, found {word[:40]!r}")
                self.version = word.strip("<>")
            case "declare-network":
                self._declare_network(c)
            case "assert":
                if len(c.items) != 2:
                    raise self._bad(c.line, f"expected one formula to assert, found {len(c.items) - 1}")
                self._assert(c.items[1])
            case "set-logic" | "set-info" | "check-sat" | "exit":
                pass
            case other:
                raise self._bad(c.line, f"expected a declaration or an assertion, found {other[:40]!r}")

    # ---- declarations

    def _words(self, c: Group, count: int) -> list[str]:
        rest = c.items[1:]
        words = [i.text for i in rest if isinstance(i, Word)]
        if len(words) != len(rest) or len(words) != count:
            raise self._bad(c.line, f"expected {count} words after {c.head()}, found {len(rest)} items")
        return words

    def _declare_constant(self, c: Group) -> None:
        items = tuple(i for i in c.items if not (isinstance(i, Group) and not i.items))
        name, kind = self._words(Group(items, c.line), 2)
        known = _OLD_NAME.fullmatch(name)
        if known is None or kind.lower() not in _TYPES:
            raise self._bad(c.line, f"expected X_0, Y_0 and so on of type Real, found {name[:40]!r} of {kind[:40]!r}")
        if self.networks:
            raise self._bad(c.line, "expected declare-const or declare-network, found both")
        side, index = self.old[known[1]], int(known[2])
        if index in side or index >= MOST_VARIABLES:
            raise self._bad(c.line, f"expected a new name, found {name!r} again or out of range")
        side.add(index)

    def _declare_network(self, c: Group) -> None:
        if self.version != "2.0" or any(self.old.values()) or len(self.networks) == 2:
            raise self._bad(c.line, "expected at most two networks, after (vnnlib-version <2.0>) and no declare-const")
        if len(c.items) < 2 or not isinstance(c.items[1], Word) or c.items[1].text in self.networks:
            raise self._bad(c.line, "expected a new name after declare-network")
        which = len(self.networks)
        self.networks.append(c.items[1].text)
        counts = {"X": 0, "Y": 0}
        for item in c.items[2:]:
            word = item.head() if isinstance(item, Group) else ""
            if isinstance(item, Group) and word in ("declare-input", "declare-output"):
                counts["X" if word == "declare-input" else "Y"] += 1
                self._declare_array(item, "X" if word == "declare-input" else "Y", which)
            elif isinstance(item, Group) and word == "isomorphic-to" and which == 1:
                if self._words(item, 1)[0] != self.networks[0]:
                    raise self._bad(item.line, f"expected isomorphic-to {self.networks[0]}")
            else:
                raise self._bad(item.line, f"expected declare-input or declare-output, found {word[:40]!r}")
        if counts != {"X": 1, "Y": 1}:
            raise self._bad(c.line, f"expected one input and one output, found {counts['X']} and {counts['Y']}")

    def _declare_array(self, c: Group, kind: Literal["X", "Y"], which: int) -> None:
        name, dtype, shape = self._words(c, 3)
        sizes = _SHAPE.fullmatch(shape)
        dims = _integers(sizes[1]) if sizes is not None else None
        if dims is None or dtype.lower() not in _TYPES or not 1 <= prod(dims) <= MOST_VARIABLES:
            raise self._bad(c.line, f"expected a real array and its shape, found {dtype[:40]!r} and {shape[:40]!r}")
        if name in self.arrays or "[" in name:
            raise self._bad(c.line, f"expected a new name, found {name[:40]!r}")
        self.arrays[name] = _Array(kind, which, dims)

    # ---- assertions

    def _variable(self, word: Word) -> Variable | None:
        old = _OLD_NAME.fullmatch(word.text)
        if not self.networks and old is not None and int(old[2]) in self.old[old[1]]:
            return Variable("X" if old[1] == "X" else "Y", 0, int(old[2]))
        entry = _ENTRY.fullmatch(word.text)
        array = self.arrays.get(entry[1] if entry is not None else word.text)
        if array is None:
            return None
        index = () if entry is None else _integers(entry[2])
        # An array of one number may go without an index.
        if entry is None and prod(array.shape) == 1:
            return Variable(array.kind, array.network, 0)
        fits = index is not None and len(index) == len(array.shape)
        if index is None or not fits or any(i >= n for i, n in zip(index, array.shape, strict=True)):
            raise self._bad(word.line, f"expected an index within {list(array.shape)}, found {word.text[:40]!r}")
        flat = 0
        for i, n in zip(index, array.shape, strict=True):
            flat = flat * n + i
        return Variable(array.kind, array.network, flat)

    def _assert(self, item: Word | Group) -> None:
        reader = FormulaReader(self.place, self._variable)
        if isinstance(item, Group) and item.head() in ("==", "=") and len(item.items) == 3:
            a, b = (reader.linear(i) for i in item.items[1:])
            v, w = (next(iter(e.terms), None) for e in (a, b))
            plain = all(len(e.terms) == 1 and not e.constant and 1 in e.terms.values() for e in (a, b))
            if plain and v is not None and w is not None and v.kind == w.kind == "X" and v.network != w.network:
                if v.index != w.index:
                    raise self._bad(item.line, f"expected equal inputs of one index, found {v} and {w}")
                self.tied.add(v.index)
                return
        formula = reader.formula(item)
        kinds = {v.kind for atom in _atoms(formula) for v in atom.left.terms}
        if not kinds:
            raise self._bad(item.line, "expected a formula about inputs or outputs, found one about numbers alone")
        (self.mixed if len(kinds) == 2 else self.inputs if kinds == {"X"} else self.outputs).append(formula)

    # ---- the property

    def property(self, asserts: Asserts | None) -> Property:
        """What all commands say together."""
        networks, n, m = self._interface()
        asserts = asserts or ("claim" if networks == 2 else "unsafe")
        parts = [*self.inputs]
        if asserts == "unsafe":
            parts += [*self.outputs, *self.mixed]
        elif self.mixed:
            raise BadInput(f"{self.place}: expected inputs and outputs in assertions of their own in a file of claims")
        else:
            parts.append(negate(Joined("and", tuple(self.outputs))))
        if not self.outputs and not self.mixed:
            raise BadInput(f"{self.place}: expected an assertion about outputs, found none")
        found = product([alternatives(p, self.place) for p in parts], self.place)
        cases = tuple(self._case(atoms, n) for atoms in found)
        return Property(self.place, self.version, asserts, networks, n, m, cases)

    def _interface(self) -> tuple[int, int, int]:
        """Networks, inputs, outputs; checks that declarations are complete."""
        if not self.networks:
            for kind, indices in self.old.items():
                if not indices or max(indices) != len(indices) - 1:
                    raise BadInput(f"{self.place}: expected {kind}_0, {kind}_1 and so on without a gap")
            return 1, len(self.old["X"]), len(self.old["Y"])
        sizes = {(a.kind, a.network): prod(a.shape) for a in self.arrays.values()}
        n, m = sizes["X", 0], sizes["Y", 0]
        if len(self.networks) == 2:
            if (sizes["X", 1], sizes["Y", 1]) != (n, m):
                raise BadInput(f"{self.place}: expected two networks of one number of inputs and of outputs")
            if self.tied != set(range(n)):
                raise BadInput(f"{self.place}: expected (== X_f[i] X_g[i]) for every input, found {len(self.tied)}")
        return len(self.networks), n, m

    def _case(self, atoms: list[Atom], n: int) -> Case:
        limits: dict[int, list[Fraction | None]] = {i: [None, None] for i in range(n)}
        constraints = []
        for atom in atoms:
            kinds = {v.kind for v in atom.left.terms}
            if kinds == {"X"}:
                self._limit(atom, limits)
            elif kinds == {"Y"}:
                constraints.append(_constraint(atom))
            elif kinds:
                raise self._bad(atom.line, "expected constraints on inputs or on outputs, found one on both")
            elif atom.left.constant < 0 or (atom.strict and atom.left.constant == 0):
                raise self._bad(atom.line, "a comparison of numbers is false")
        if len({c.strict for c in constraints}) != 1:
            what = "found none" if not constraints else "found strict ones beside others"
            raise BadInput(f"{self.place}: expected constraints of one kind on outputs in every case, {what}")
        for i, (low, high) in limits.items():
            if low is None or high is None:
                raise BadInput(f"{self.place}: expected both limits of input {i} in every case")
        lo, hi = (tuple(v[s] or Fraction(0) for v in limits.values()) for s in (0, 1))
        return Case(lo, hi, tuple(dict.fromkeys(constraints)))

    def _limit(self, atom: Atom, limits: dict[int, list[Fraction | None]]) -> None:
        """Tighten the limits of an input by a x + b >= 0."""
        if len(atom.left.terms) != 1 or atom.strict:
            raise self._bad(atom.line, "expected closed limits on single inputs")
        ((v, a),) = atom.left.terms.items()
        value, side = -atom.left.constant / a, 0 if a > 0 else 1
        old = limits[v.index][side]
        limits[v.index][side] = value if old is None else (max if side == 0 else min)(old, value)

    def _bad(self, line: int, text: str) -> BadInput:
        return BadInput(f"{self.place}:{line}: {text}")


def _atoms(formula: Formula) -> list[Atom]:
    if isinstance(formula, Atom):
        return [formula]
    return [a for p in formula.parts for a in _atoms(p)]


def _constraint(atom: Atom) -> Constraint:
    sides: tuple[list[tuple[int, Fraction]], ...] = ([], [])
    for v in sorted(atom.left.terms):
        sides[v.network].append((v.index, atom.left.terms[v]))
    return Constraint(tuple(sides[0]), tuple(sides[1]), -atom.left.constant, atom.strict)


def _integers(text: str) -> tuple[int, ...] | None:
    """Comma-separated indices, or None."""
    words = [w.strip() for w in text.split(",")]
    return tuple(int(w) for w in words) if all(w.isdigit() and len(w) <= 9 for w in words) else None
