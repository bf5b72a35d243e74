"""Worst cases on the line: affine maps and real numbers that satisfy all assumptions exactly and make a goal large.

Every assumption is checked in exact arithmetic, so a value that is found is attained. What is tried: slopes at the ends
of what is allowed, offsets as large as allowed, signs in turn. Finding none says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from typing import Any

from certify.symbolic.assumptions import (
    Assumption,
    Close,
    Convex,
    Equal,
    Independent,
    Inside,
    Lipschitz,
    Monotone,
    NormBound,
    Relation,
    Slope,
    points_of,
)
from certify.symbolic.expressions import Atom, Map, Vector

TRIES = 256


@dataclass(frozen=True)
class Instance:
    """maps: slope and offset by name; vectors: numbers by name; parameters: by name; value: |goal| there, attained."""

    maps: Mapping[str, tuple[Fraction, Fraction]]
    vectors: Mapping[str, Fraction]
    parameters: Mapping[str, Fraction]
    value: Fraction

    def __str__(self) -> str:
        said = [f"{n} = {v}" for n, v in self.parameters.items()]
        said += [f"{n}(z) = {a} z + {b}" for n, (a, b) in self.maps.items()]
        said += [f"{n} = {v}" for n, v in self.vectors.items()]
        return ", ".join(said)


def number(expression: Any, values: Mapping[Any, Fraction]) -> Fraction | None:
    """The exact value of a formula at rational numbers; None where it is not rational or a symbol is missing."""
    import sympy

    expression = sympy.sympify(expression)
    if expression.free_symbols:
        expression = expression.subs({s: sympy.Rational(v.numerator, v.denominator) for s, v in values.items()})
    q = sympy.nsimplify(expression) if expression.is_Float else expression
    return Fraction(int(q.p), int(q.q)) if q.is_Rational else None


def sample(symbols: Sequence[Any]) -> dict[Any, Fraction]:
    """Different numbers in (0, 1), so that gains are below one; whole numbers for symbols that are."""
    return {s: Fraction(k + 2) if s.is_integer else Fraction(1, k + 2) for k, s in enumerate(symbols)}


def worst(
    goal: Vector, assumptions: Sequence[Assumption], values: Mapping[Any, Fraction], enough: Fraction | None = None
) -> Instance | None:
    """The largest |goal| found for these parameters; stops when ``enough`` is reached."""
    if any(isinstance(a, Convex) or (isinstance(a, Relation) and a.form.values) for a in assumptions):
        return None
    best: Instance | None = None
    for choice in islice(_choices(goal, assumptions, values), TRIES):
        found = _evaluate(goal, assumptions, values, *choice)
        if found is not None and (best is None or found.value > best.value):
            best = found
        if best is not None and enough is not None and best.value >= enough:
            break
    return best


Affine = tuple[Fraction, Fraction]


def _atoms(goal: Vector, assumptions: Sequence[Assumption]) -> list[Atom]:
    found: dict[Atom, None] = {}
    for v in [goal, *(v for a in assumptions for v in _vectors(a))]:
        found |= dict.fromkeys(points_of(v))
    return list(found)


def _vectors(a: Assumption) -> list[Vector]:
    if isinstance(a, NormBound | Inside):
        return [a.vector]
    if isinstance(a, Relation):
        return [Vector.of({atom: 1}) for pair, _ in a.form.products for atom in pair]
    return [a.left, a.right] if isinstance(a, Equal) else []


def _choices(
    goal: Vector, assumptions: Sequence[Assumption], values: Mapping[Any, Fraction]
) -> Iterator[tuple[dict[Map, Affine], tuple[int, ...]]]:
    maps = {a.map: None for a in _atoms(goal, assumptions) if a.map is not None}
    for x in assumptions:
        maps |= dict.fromkeys(_maps(x))
    root = {m: m for m in maps}
    edges = []
    for x in assumptions:
        if isinstance(x, Close):
            e = number(x.error, values)
            if e is None:
                return
            # Where one end has its offset already, the other gets it from there.
            one, two = root[x.first], root[x.second]
            if one != two:
                root = {m: (one if r == two else r) for m, r in root.items()}
                edges.append((x.first, x.second, e))
    slopes = {}
    for r in dict.fromkeys(root.values()):
        group = [m for m in maps if root[m] == r]
        found = _slopes(group, assumptions, values)
        if not found:
            return
        slopes[r] = found
    bounds = sum(isinstance(a, NormBound) for a in assumptions)
    signs = [(1, -1)] * (len(edges) + min(bounds, 6))
    for slope in product(*slopes.values()):
        of = dict(zip(slopes, slope, strict=True))
        for sign in product(*signs):
            offsets: dict[Map, Fraction] = {}
            for r in slopes:
                offsets[r] = Fraction(0)
            pending = list(zip(edges, sign, strict=False))
            while pending:
                ready = [p for p in pending if p[0][0] in offsets or p[0][1] in offsets]
                for (f, g, e), s in ready:
                    if f in offsets:
                        offsets.setdefault(g, offsets[f] - s * e)
                    else:
                        offsets[f] = offsets[g] + s * e
                pending = [p for p in pending if p not in ready]
            made = {m: (of[root[m]], offsets.get(m, Fraction(0))) for m in maps}
            if not any(m.linear and b for m, (_, b) in made.items()):
                yield made, sign[len(edges) :]


def _maps(a: Assumption) -> list[Map]:
    if isinstance(a, Close):
        return [a.first, a.second]
    if isinstance(a, Independent):
        return [a.map, a.kept]
    return [a.map] if isinstance(a, Lipschitz | Slope | Monotone) else []


def _slopes(group: Sequence[Map], assumptions: Sequence[Assumption], values: Mapping[Any, Fraction]) -> list[Fraction]:
    """What to try for maps that share a slope."""
    if any(m.kind == "projection" for m in group):
        return [Fraction(0), Fraction(1)]
    low, high = None, None
    for x in assumptions:
        if isinstance(x, Lipschitz) and x.map in group:
            c = number(x.constant, values)
            if c is None:
                return []
            low, high = -c if low is None else max(low, -c), c if high is None else min(high, c)
        if isinstance(x, Slope) and x.map in group:
            a, b = number(x.low, values), number(x.high, values)
            if a is None or b is None:
                return []
            low, high = a if low is None else max(low, a), b if high is None else min(high, b)
        if isinstance(x, Monotone) and x.map in group and (m := number(x.modulus, values)) is not None:
            low = m if low is None else max(low, m)
    ends = [v for v in (high, low) if v is not None]
    return list(dict.fromkeys([*ends, Fraction(0)])) if ends else [Fraction(1), Fraction(0)]


def _evaluate(
    goal: Vector,
    assumptions: Sequence[Assumption],
    values: Mapping[Any, Fraction],
    maps: Mapping[Map, Affine],
    signs: Sequence[int],
) -> Instance | None:
    atoms = _atoms(goal, assumptions)
    free = [a for a in atoms if a.map is None]
    at: dict[Atom, list[Fraction]] = {a: _unit(k, len(free)) for k, a in enumerate(free)}

    def row(v: Vector) -> list[Fraction] | None:
        out = [Fraction(0)] * (len(free) + 1)
        for a, c in v.terms:
            q = number(c, values)
            if q is None or a not in at:
                return None
            out = [p + q * r for p, r in zip(out, at[a], strict=True)]
        return out

    for a in atoms:
        if a.map is not None and a.argument is not None:
            z = row(a.argument)
            if z is None:
                return None
            slope, offset = maps[a.map]
            at[a] = [slope * r for r in z[:-1]] + [slope * z[-1] + offset]
    equations: list[list[Fraction]] = []
    for x in assumptions:
        if isinstance(x, Equal) and ((r := row(x.left - x.right)) is None or not _add(equations, r)):
            return None
    turns = iter([*signs, *[1] * len(assumptions)])
    for x in assumptions:
        if isinstance(x, NormBound):
            r, size = row(x.vector), number(x.radius, values)
            if r is None or size is None:
                return None
            # A bound that cannot be met with equality is met as it may be; all are checked below.
            _add(equations, [*r[:-1], r[-1] - next(turns) * size])
    point = _solution(equations, len(free))
    for x in assumptions:
        if not _holds(x, maps, values, lambda v: _dot(row(v), point)):
            return None
    value = _dot(row(goal), point)
    if value is None:
        return None
    names = {str(s): v for s, v in values.items()}
    return Instance(
        {str(m): v for m, v in maps.items()}, dict(zip(map(str, free), point, strict=True)), names, abs(value)
    )


def _unit(k: int, n: int) -> list[Fraction]:
    return [Fraction(int(i == k)) for i in range(n + 1)]


def _dot(row: Sequence[Fraction] | None, point: Sequence[Fraction]) -> Fraction | None:
    return None if row is None else sum((a * b for a, b in zip(row, point, strict=False)), start=row[-1])


def _add(equations: list[list[Fraction]], row: list[Fraction]) -> bool:
    """Add row . (x, 1) = 0 in echelon form; False, and nothing added, when it contradicts."""
    for e in equations:
        lead = next(k for k, v in enumerate(e) if v)
        if row[lead]:
            row = [a - row[lead] / e[lead] * b for a, b in zip(row, e, strict=True)]
    if not any(row[:-1]):
        return row[-1] == 0
    equations.append(row)
    return True


def _solution(equations: Sequence[Sequence[Fraction]], n: int) -> list[Fraction]:
    """A point on all of them, zero where they leave a choice."""
    point = [Fraction(0)] * n
    for e in reversed(equations):
        lead = next(k for k, v in enumerate(e) if v)
        rest = sum((e[k] * point[k] for k in range(n) if k != lead), start=e[-1])
        point[lead] = -rest / e[lead]
    return point


def _holds(x: Assumption, maps: Mapping[Map, Affine], values: Mapping[Any, Fraction], at: Any) -> bool:
    """Whether an assumption holds for affine maps, everywhere."""
    if isinstance(x, NormBound):
        v, r = at(x.vector), number(x.radius, values)
        return v is not None and r is not None and abs(v) <= r
    if isinstance(x, Equal):
        return bool(at(x.left) == at(x.right))
    if isinstance(x, Lipschitz):
        c = number(x.constant, values)
        return c is not None and abs(maps[x.map][0]) <= c and not (x.contracts and c >= 1)
    if isinstance(x, Close):
        (a, b), (c, d), e = maps[x.first], maps[x.second], number(x.error, values)
        return a == c and e is not None and abs(b - d) <= e
    if isinstance(x, Slope):
        low, high = number(x.low, values), number(x.high, values)
        slope, offset = maps[x.map]
        return low is not None and high is not None and low <= slope <= high and (offset == 0 or not x.at_zero)
    if isinstance(x, Monotone):
        m = number(x.modulus, values)
        return m is not None and maps[x.map][0] >= m
    if isinstance(x, Independent):
        return maps[x.kept] == (Fraction(1), Fraction(0)) or maps[x.map][0] == 0
    if isinstance(x, Relation):
        total = number(x.form.constant, values)
        for (one, two), coefficient in x.form.products:
            q, u, v = number(coefficient, values), at(Vector.of({one: 1})), at(Vector.of({two: 1}))
            if total is None or q is None or u is None or v is None:
                return False
            total = total + Fraction(q * u * v)
        return bool(total is not None and total >= 0)
    return isinstance(x, Inside)
