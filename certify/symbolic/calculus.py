"""Inequalities between norms: from assumptions about maps to `|v| <= sum G |w| + b`, line by line.

Each line is one use of the triangle inequality and of what is assumed, in any norm (rules about projections: the
Euclidean one). Lines may refer to each other in a circle, as for fixed points and feedback: linear.py solves them. The
search takes the first rule that leads somewhere; it is not complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from certify.errors import BadInput
from certify.symbolic.assumptions import (
    Assumption,
    Close,
    Convex,
    Equal,
    Independent,
    Inside,
    Lipschitz,
    NormBound,
    Slope,
)
from certify.symbolic.expressions import ZERO, Atom, Map, Vector, scalar

# Vectors that wait for each other: equations such as x = x + f(x) would go on for ever.
DEPTH = 250
# No region that a person can name.
FROM_ZERO = "\0"


class NoBound(BadInput):
    """Nothing that is assumed bounds the goal by these rules; the message says where they ended."""


@dataclass(frozen=True)
class Line:
    """|left| <= sum_i c_i |v_i| + constant, because of ``reason`` and what was assumed."""

    left: Vector
    right: tuple[tuple[Vector, Any], ...]
    constant: Any
    reason: str
    used: tuple[Assumption, ...]


Step = tuple[list[tuple[Vector, Any]], Any, str, list[Assumption]]


class Calculus:
    """Lines about the norms that a goal needs. ``lines`` are in the order in which the proof goes."""

    def __init__(self, assumptions: Sequence[Assumption]) -> None:
        self.lines: dict[Vector, Line] = {}
        self.letters: dict[Any, Any] = {}
        self.missing: dict[str, None] = {}
        self._open: set[Vector] = set()
        self._failed: set[Vector] = set()
        self._bounds: dict[Vector, tuple[Any, NormBound]] = {}
        for a in assumptions:
            if isinstance(a, NormBound):
                size, v = split(a.vector)
                if v and v not in self._bounds:
                    self._bounds[v] = (self._letter(a.radius) / size, a)
        self._gains = [
            (f, region, self._letter(constant), a)
            for a in assumptions
            if (found := _gain(a)) is not None
            for f, region, constant in (found,)
        ]
        self._close = [(a, self._letter(a.error)) for a in assumptions if isinstance(a, Close)]
        self._inside = {(a.vector, a.region): a for a in assumptions if isinstance(a, Inside)}
        self._free = {a.map: a for a in assumptions if isinstance(a, Independent)}
        self._equal: dict[Atom, tuple[Vector, Equal]] = {}
        for a in assumptions:
            if isinstance(a, Equal):
                left, right = (a.left, a.right) if len(a.left.terms) == 1 else (a.right, a.left)
                if len(left.terms) == 1 and left.terms[0][0] not in self._equal:
                    atom, c = left.terms[0]
                    self._equal[atom] = (right / c, a)

    def _letter(self, parameter: Any) -> Any:
        """A number or a symbol as it is; any other expression gets a letter of its own. None is negative."""
        import sympy

        if parameter.is_Rational or parameter.is_Symbol:
            return parameter
        for letter, meant in self.letters.items():
            if meant == parameter:
                return letter
        letter = sympy.Dummy(f"p{len(self.letters)}", nonnegative=True)
        self.letters[letter] = parameter
        return letter

    def need(self, v: Vector) -> tuple[Any, Vector]:
        """|v| = size |w|, with a line about w (or w the zero vector). Raises NoBound where the rules end."""
        size, w = split(v)
        if not w or w in self.lines or w in self._open:
            return size, w
        if w in self._failed or len(self._open) > DEPTH:
            raise NoBound(f"nothing that is assumed bounds |{_short(w)}|")
        self._open.add(w)
        before, deepest = dict(self.lines), ""
        try:
            for right, constant, reason, used in self._rules(w):
                try:
                    needed = [(self.need(u), c) for u, c in right]
                except NoBound as e:
                    deepest = deepest or f"; {e}"
                    self.lines = dict(before)
                    continue
                kept: dict[Vector, Any] = {}
                for (s, u), c in needed:
                    if u:
                        kept[u] = kept.get(u, 0) + c * s
                self.lines[w] = Line(w, tuple(kept.items()), constant, reason, tuple(used))
                return size, w
        finally:
            self._open.discard(w)
        # Kept even if a circle could be closed through another path: else a hopeless goal takes exponential time.
        self._failed.add(w)
        raise NoBound(f"nothing that is assumed bounds |{_short(w)}|{deepest if len(deepest) < 300 else ''}")

    def _rules(self, w: Vector) -> Iterator[Step]:
        if w in self._bounds:
            radius, a = self._bounds[w]
            yield [], radius, "assumed", [a]
        kept, used = self._kept(w)
        if kept != w:
            yield [(kept, scalar(1))], scalar(0), "what is discarded has no say", used
        yield from self._pairs(w)
        yield from self._images(w)
        turned, equations = self._expanded(w)
        if equations:
            yield [(turned, scalar(1))], scalar(0), "by definition", equations
        if len(w.terms) > 1:
            parts = [(Vector.of({a: c}), scalar(1)) for a, c in w.terms]
            yield parts, scalar(0), "triangle inequality", []

    def _kept(self, w: Vector) -> tuple[Vector, list[Assumption]]:
        """w with f(z) written f(P z) where f has no use for the rest."""
        out, used = ZERO, []
        for atom, c in w.terms:
            image = Vector.of({atom: scalar(1)})
            if atom.map in self._free and atom.argument is not None:
                a = self._free[atom.map]
                image = a.map(a.kept(atom.argument))
                used.append(a)
            out = out + c * image
        return out, list(dict.fromkeys(used))

    def _pairs(self, w: Vector) -> Iterator[Step]:
        """c f(a) - c g(b): from a to b through one map, from one map to the other at one point."""
        applied = [(a, c) for a, c in w.terms if a.map is not None]
        for i, (first, c) in enumerate(applied):
            for second, d in applied[i + 1 :]:
                if c + d == 0:
                    yield from self._pair(w, first, second, c)

    def _pair(self, w: Vector, first: Atom, second: Atom, c: Any) -> Iterator[Step]:
        f, g, a, b = first.map, second.map, first.argument, second.argument
        if f is None or g is None or a is None or b is None:
            return
        rest = w - Vector.of({first: c, second: -c})
        size, rests = _size(c), [(rest, scalar(1))] if rest else []
        for e, at in [(e, p) for p in (b, a) for e in self._errors(f, g, p)] if f != g else [(None, b)]:
            error = scalar(0) if e is None else e[0]
            used = [] if e is None else e[1]
            if a == b:
                yield rests, size * error, f"{f} and {g} at one point", used
                continue
            through = f if at == b else g
            for constant, why in self._constants(through, a, b):
                reason = f"through {through}" + ("" if f == g else f", then from {f} to {g}")
                yield [(a - b, size * constant), *rests], size * error, reason, [*why, *used]

    def _constants(self, f: Map, a: Vector, b: Vector) -> Iterator[tuple[Any, list[Assumption]]]:
        if f.kind == "projection":
            yield scalar(1), []
        for g, region, constant, x in self._gains:
            if g != f or region == FROM_ZERO:
                continue
            if (places := self._placed(region, [a, b])) is not None:
                yield constant, [x, *places]

    def _errors(self, f: Map, g: Map, at: Vector) -> Iterator[tuple[Any, list[Assumption]]]:
        for x, error in self._close:
            if {x.first, x.second} == {f, g} and (places := self._placed(x.on, [at])) is not None:
                yield error, [x, *places]

    def _placed(self, region: str, points: Sequence[Vector]) -> list[Assumption] | None:
        """The assumptions that put the points into the region; None when one is missing."""
        if not region:
            return []
        found = [self._inside.get((p, region)) for p in points]
        for p, x in zip(points, found, strict=True):
            if x is None:
                self.missing[f"nothing says that {p} lies in {region}"] = None
        return [x for x in found if x is not None] if all(found) else None

    def _images(self, w: Vector) -> Iterator[Step]:
        """P v, v - P v and A v for linear maps; f(z) for maps that take 0 to 0."""
        atom, _ = w.terms[0]
        f = atom.map
        for P in {a.map for a, _ in w.terms if a.map is not None and a.map.kind == "projection"}:
            v = ZERO
            for a, c in w.terms:
                if a.map != P:
                    v = v + Vector.of({a: c})
            if v and v - P(v) == w:
                yield [(v, scalar(1))], scalar(0), f"{P} is an orthogonal projection", []
        if f is not None and f.linear and all(a.map == f for a, _ in w.terms):
            v = ZERO
            for a, c in w.terms:
                if a.argument is not None:
                    v = v + c * a.argument
            for constant, why in self._constants(f, v, ZERO):
                yield [(v, constant)], scalar(0), f"{f} is linear", why
        if len(w.terms) == 1 and f is not None and atom.argument is not None:
            for g, region, constant, x in self._gains:
                if g == f and region == FROM_ZERO:
                    yield [(atom.argument, constant)], scalar(0), f"{f} takes 0 to 0", [x]

    def _expanded(self, w: Vector) -> tuple[Vector, list[Assumption]]:
        out, used = ZERO, []
        for atom, c in w.terms:
            image, a = self._equal.get(atom, (None, None))
            if image is None or a is None:
                out = out + Vector.of({atom: c})
            else:
                out = out + c * image
                used.append(a)
        return out, list(dict.fromkeys(used))


def _short(v: Vector) -> str:
    said = str(v)
    return said if len(said) < 120 else said[:117] + "..."


def split(v: Vector) -> tuple[Any, Vector]:
    """|v| = size |w|, where w has the leading coefficient 1."""
    if not v:
        return scalar(0), v
    # The leading term is the first in the order of names, so that u - v and v - u are one.
    lead = min(v.terms, key=lambda t: (len(str(t[0])), str(t[0])))[1]
    if not lead.is_number and len(v.terms) > 1 and any(not (c / lead).is_number for _, c in v.terms):
        return scalar(1), v
    return _size(lead), v / lead


def _size(c: Any) -> Any:
    """|c|; a letter counts as it stands where sympy knows it is not negative, else raises BadInput."""
    if c.is_nonnegative:
        return c
    if c.is_nonpositive:
        return -c
    raise BadInput(f"a coefficient: the sign of {c} is not known; make its symbols nonnegative")


def _gain(a: Assumption) -> tuple[Map, str, Any] | None:
    """The map, the region and the bound on its difference quotients; from zero only for sectors."""
    if isinstance(a, Lipschitz):
        return a.map, a.on, a.constant
    if isinstance(a, Slope):
        return a.map, FROM_ZERO if a.at_zero else "", quotient(a)
    if isinstance(a, Convex) and a.smooth is not None:
        return a.function.gradient, "", a.smooth
    return None


def quotient(a: Slope) -> Any:
    """A sector condition bounds the quotient |f(u) - f(v)| / |u - v| by max(|low|, |high|)."""
    import sympy

    return sympy.Max(sympy.Abs(a.low), sympy.Abs(a.high))
