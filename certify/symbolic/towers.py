"""Towers of symbolic depth: |f_n o ... o f_1 (x) - g_n o ... o g_1 (y)| by induction over the layers.

    a_0 <= d      a_l <= K_l a_(l-1) + e_l      K_l = L_l, or 1 + L_l in a residual tower
    -------------------------------------------------------------------------------------
    a_n <= sum_l (prod_(k>l) K_k) e_l + (prod_k K_k) d

The certificate is of kind *invariant*: the bound B_l = K_l B_(l-1) + e_l, B_0 = d, is never below a_l, for every run of
any length and all nonnegative numbers. With equal layers the state is p_t = K^t and s_t = sum_(j<t) K^j, and
a_t <= e s_t + d p_t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from certify.symbolic.assumptions import Assumption, Close, Lipschitz, NormBound, Slope
from certify.symbolic.calculus import NoBound, quotient, split
from certify.symbolic.expressions import Map, Residual, Vector, scalar
from certify.symbolic.polynomials.evidence import Leaf, Multiple, Squares, evidence, invariant_statement
from certify.symbolic.polynomials.poly import Poly


@dataclass(frozen=True)
class Tower:
    """The question: layers f and g, depth n, the gain L and error e of each layer, the distance d at the start."""

    depth: Any
    residual: bool
    gain: Any
    error: Any
    start: Any
    through: Map
    used: tuple[Assumption, ...]

    @property
    def varies(self) -> bool:
        """Whether gain or error are sequences."""
        import sympy

        return isinstance(self.gain, sympy.IndexedBase) or isinstance(self.error, sympy.IndexedBase)

    def factor(self, l: Any) -> Any:
        """K_l."""
        return _at(self.gain, l) + (1 if self.residual else 0)

    @property
    def bound(self) -> Any:
        """The closed form as a sympy expression."""
        import sympy

        n = self.depth
        if not self.varies:
            more = self.gain if self.residual else self.gain - 1
            if more == 0:
                return self.error * n + self.start
            s = ((1 + more) ** n - 1) / more
            s = s if more.is_number else sympy.Piecewise((n, sympy.Eq(more, 0)), (s, True))
            return self.error * s + self.start * (1 + more) ** n
        l, k = sympy.symbols("l k", integer=True, positive=True)
        later = sympy.Product(self.factor(k), (k, l + 1, n))
        grown = sympy.Sum(later * _at(self.error, l), (l, 1, n))
        return grown + (0 if self.start == 0 else self.start * sympy.Product(self.factor(k), (k, 1, n)))


def _at(c: Any, l: Any) -> Any:
    import sympy

    return c[l] if isinstance(c, sympy.IndexedBase) else c


def recognise(v: Vector, assumptions: Sequence[Assumption]) -> Tower | None:
    """The tower that ``v`` is the error of; None when it is none. Raises NoBound when an assumption is missing."""
    if len(v.terms) != 2 or any(a.map is None or a.map.kind != "tower" for a, _ in v.terms):
        return None
    (first, c), (second, d) = v.terms
    if c + d != 0 or abs(c) != 1 or first.map is None or second.map is None:
        return None
    f, g = first.map.layers, second.map.layers
    if isinstance(f, Residual) != isinstance(g, Residual) or first.map.depth != second.map.depth:
        raise NoBound(f"goal: {first.map} and {second.map} are towers of different kinds or depths")
    a, b = (f.branch, g.branch) if isinstance(f, Residual) and isinstance(g, Residual) else (f, g)
    if not isinstance(a, Map) or not isinstance(b, Map):
        return None
    error: tuple[Any, list[Assumption]] = (scalar(0), [])
    if a != b:
        near = [x for x in assumptions if isinstance(x, Close) and {x.first, x.second} == {a, b} and not x.on]
        if not near:
            raise NoBound(f"goal: nothing says how far {a} and {b} are apart everywhere; use close({a}, {b}, e)")
        error = (near[0].error, [near[0]])
    for through in (a, b):
        for x in assumptions:
            if isinstance(x, Lipschitz | Slope) and x.map == through and not _placed(x):
                start, why = _start(first.argument, second.argument, assumptions)
                gain = x.constant if isinstance(x, Lipschitz) else quotient(x)
                used = (x, *error[1], *why)
                return Tower(first.map.depth, isinstance(f, Residual), gain, error[0], start, through, used)
    raise NoBound(f"goal: neither {a} nor {b} is said to be Lipschitz everywhere")


def _placed(x: Lipschitz | Slope) -> bool:
    return bool(x.on) if isinstance(x, Lipschitz) else x.at_zero


def _start(x: Vector | None, y: Vector | None, assumptions: Sequence[Assumption]) -> tuple[Any, list[Assumption]]:
    if x is None or y is None or x == y:
        return scalar(0), []
    size, v = split(x - y)
    for a in assumptions:
        if isinstance(a, NormBound):
            s, w = split(a.vector)
            if v == w:
                return a.radius * size / s, [a]
    raise NoBound(f"goal: nothing that is assumed bounds |{x - y}|, the distance at the start")


def tower_certificate(t: Tower) -> tuple[dict[str, Any], tuple[list[Any], list[list[int]]]]:
    """The statement and its proof, for all gains and errors that are not negative."""
    return _varying(t.residual) if t.varies else _equal_layers(t.residual)


def _varying(residual: bool) -> tuple[dict[str, Any], tuple[list[Any], list[list[int]]]]:
    # Parameter d; state a, B, L, e (of the layer just passed); then the next state.
    d, a, b = (Poly.variable(5, j) for j in range(3))
    gain, error = Poly.variable(5, 3), Poly.variable(5, 4)
    a0, b0 = Poly.variable(9, 1), Poly.variable(9, 2)
    a1, b1, gain1, error1 = (Poly.variable(9, j) for j in range(5, 9))
    factor = gain1 + 1 if residual else gain1
    of = invariant_statement(
        1,
        4,
        b - a,
        shared=[gain, error],
        initial=[d - a],
        initial_equalities=[b - d],
        relation=[factor * a0 + error1 - a1],
        relation_equalities=[b1 - factor * b0 - error1],
    )
    one = Poly.constant(5, 1)
    start = Leaf((Squares.times(1, (2,), 5), Multiple(one, 0)))
    # Premises of the step: Q (2), Q of the next (2), relation, invariant.
    step: list[Squares | Multiple] = [
        Squares.times(1, (4,), 9),
        Squares.times(1, (2, 5), 9),
        Multiple(Poly.constant(9, 1), 0),
    ]
    if residual:
        step.append(Squares.times(1, (5,), 9))
    end = Leaf((Squares.times(1, (2,), 5),))
    return of, evidence([start, Leaf(tuple(step)), end], [b - a])


def _equal_layers(residual: bool) -> tuple[dict[str, Any], tuple[list[Any], list[list[int]]]]:
    # Parameters L, e, d; state a, p, s; then the next state.
    gain, error, d, a, p, s = (Poly.variable(6, j) for j in range(6))
    wide = [Poly.variable(9, j) for j in range(9)]
    factor = wide[0] + 1 if residual else wide[0]
    kept = error * s + d * p - a
    of = invariant_statement(
        3,
        3,
        kept,
        shared=[gain, error, d],
        initial=[d - a],
        initial_equalities=[p - 1, s],
        relation=[factor * wide[3] + wide[1] - wide[6]],
        relation_equalities=[wide[7] - factor * wide[4], wide[8] - factor * wide[5] - 1],
    )
    start = Leaf((Squares.times(1, (3,), 6), Multiple(d, 0), Multiple(error, 1)))
    # Premises of the step: Q (3), Q again (3), relation, invariant.
    step: list[Squares | Multiple] = [
        Squares.times(1, (6,), 9),
        Squares.times(1, (0, 7), 9),
        Multiple(wide[2], 0),
        Multiple(wide[1], 1),
    ]
    if residual:
        step.append(Squares.times(1, (7,), 9))
    end = Leaf((Squares.times(1, (3,), 6),))
    return of, evidence([start, Leaf(tuple(step)), end], [kept])
