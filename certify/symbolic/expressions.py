"""Unknown vectors and maps: the terms that assumptions and goals speak of.

    x, y = vectors("x y");  f, g = maps("f g");  abs(f(x) - g(x))

A vector is a linear combination of atoms, an atom a name or a map applied to a vector; two vectors are equal when they
are written alike after linear arithmetic. Spaces are real inner-product spaces of any dimension; a term does not know
its dimension. Nothing here assumes anything about a map: assumptions.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from certify.errors import BadInput
from certify.numbers import rational

if TYPE_CHECKING:
    from certify.symbolic.assumptions import NormBound, Relation


def scalar(value: Any, place: str = "a number") -> Any:
    """A sympy number or expression; typed numbers mean what is typed (0.1 is 1/10). Raises BadInput for the rest."""
    import sympy

    if isinstance(value, sympy.Expr):
        if value.is_Float or value.atoms(sympy.Float):
            raise BadInput(f"{place}: expected exact numbers in a formula, found the float in {value}")
        return value
    q = rational(value, place)
    return sympy.Rational(q.numerator, q.denominator)


@dataclass(frozen=True)
class Map:
    """An unknown map of vectors.

    kind: any, projection (orthogonal, linear), linear, gradient (of a function), family (maps f_1, f_2, ..., for towers
    only) or tower (with ``layers`` and a symbol for its depth).
    """

    name: str
    kind: str = "any"
    layers: Layer | None = None
    depth: Any = None

    @property
    def linear(self) -> bool:
        return self.kind in ("linear", "projection")

    def __call__(self, z: Vector) -> Vector:
        """The image. A linear map goes through sums; a projection leaves what it has projected."""
        z = as_vector(z, f"the argument of {self.name}")
        if self.kind == "family":
            raise BadInput(f"{self.name}: a family is applied as a tower: tower({self.name}, n)(x)")
        if not self.linear:
            return Vector.of({Atom(str(self), self, z): scalar(1)})
        total = ZERO
        for atom, c in z.terms:
            kept = self.kind == "projection" and atom.map == self
            total = total + (Vector.of({atom: scalar(1)}) if kept else _applied(self, atom)) * c
        return total

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.kind))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Residual:
    """z + h(z): one layer of a residual tower."""

    branch: Map

    def __call__(self, z: Vector) -> Vector:
        return z + self.branch(z)

    def __str__(self) -> str:
        return f"(id + {self.branch})"


Layer: TypeAlias = Map | Residual


@dataclass(frozen=True)
class Function:
    """An unknown differentiable real function of vectors: F(x) is a number, F.gradient(x) a vector."""

    name: str

    @property
    def gradient(self) -> Map:
        return Map(f"grad {self.name}", "gradient")

    def __call__(self, z: Vector) -> Form:
        return Form.of({}, {(self.name, as_vector(z, f"the argument of {self.name}")): scalar(1)}, scalar(0))


@dataclass(frozen=True)
class Atom:
    """A named vector, or a map applied to a vector."""

    name: str
    map: Map | None = None
    argument: Vector | None = None

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.map, self.argument))

    def __hash__(self) -> int:
        return self._hash

    def __post_init__(self) -> None:
        # Written at once, from texts that are written already: towers are deeper than Python's stack.
        said = self.name if self.argument is None else f"{self.name}({self.argument})"
        object.__setattr__(self, "_text", said)

    def __str__(self) -> str:
        return str(self.__dict__["_text"])


def _applied(f: Map, atom: Atom) -> Vector:
    return Vector.of({Atom(str(f), f, Vector.of({atom: scalar(1)})): scalar(1)})


@dataclass(frozen=True)
class Vector:
    """A linear combination of atoms, coefficients sympy expressions, terms in the order of first mention."""

    terms: tuple[tuple[Atom, Any], ...]

    @staticmethod
    def of(parts: dict[Atom, Any]) -> Vector:
        return Vector(tuple((a, c) for a, c in parts.items() if c != 0))

    @cached_property
    def _set(self) -> frozenset[tuple[Atom, Any]]:
        return frozenset(self.terms)

    @cached_property
    def _hash(self) -> int:
        return hash(self._set)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and self._set == other._set

    def __add__(self, other: Any) -> Vector:
        parts = dict(self.terms)
        for a, c in as_vector(other, "a summand").terms:
            parts[a] = parts.get(a, 0) + c
        return Vector.of(parts)

    def __radd__(self, other: Any) -> Vector:
        return as_vector(other, "a summand") + self

    def __neg__(self) -> Vector:
        return Vector(tuple((a, -c) for a, c in self.terms))

    def __sub__(self, other: Any) -> Vector:
        return self.__add__(-as_vector(other, "a summand"))

    def __rsub__(self, other: Any) -> Vector:
        return as_vector(other, "a summand") - self

    def __mul__(self, factor: Any) -> Vector:
        q = scalar(factor, "the factor of a vector")
        return Vector.of({a: c * q for a, c in self.terms})

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Vector:
        q = scalar(factor, "the divisor of a vector")
        if q == 0:
            raise BadInput("the divisor of a vector: expected another number than 0")
        return self.__mul__(1 / q)

    def __abs__(self) -> Norm:
        return Norm(self)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __str__(self) -> str:
        out = ""
        for a, c in self.terms:
            sign, size = ("-", -c) if c.could_extract_minus_sign() else ("+", c)
            factor = "" if size == 1 else f"{size} " if size.is_Atom else f"({size}) "
            out += f" {sign} {factor}{a}" if out else f"{'-' if sign == '-' else ''}{factor}{a}"
        return out or "0"


ZERO = Vector(())


def as_vector(value: Any, place: str) -> Vector:
    """A vector; the number 0 is the zero vector. Raises BadInput for anything else."""
    if isinstance(value, Vector):
        return value
    if isinstance(value, int) and value == 0:
        return ZERO
    raise BadInput(f"{place}: expected a vector (certify.symbolic.vectors) or 0, found {str(value)[:40]!r}")


@dataclass(frozen=True)
class Norm:
    """|v|, the norm of a vector: ``abs(v)``."""

    vector: Vector

    def __le__(self, radius: Any) -> NormBound:
        from certify.symbolic.assumptions import NormBound

        return NormBound(self.vector, scalar(radius, f"the bound of {self}"))

    def __pow__(self, exponent: int) -> Form:
        if exponent != 2:
            raise BadInput(f"{self} ** {exponent}: expected the exponent 2")
        return inner(self.vector, self.vector)

    def __str__(self) -> str:
        return f"|{self.vector}|"


@dataclass(frozen=True)
class Form:
    """A number that is quadratic in vectors: inner products, values of functions, and a constant."""

    products: tuple[tuple[tuple[Atom, Atom], Any], ...]
    values: tuple[tuple[tuple[str, Vector], Any], ...]
    constant: Any

    @staticmethod
    def of(products: dict[tuple[Atom, Atom], Any], values: dict[tuple[str, Vector], Any], constant: Any) -> Form:
        kept = tuple((k, c) for k, c in products.items() if c != 0)
        return Form(kept, tuple((k, c) for k, c in values.items() if c != 0), constant)

    def __add__(self, other: Any) -> Form:
        other = as_form(other, "a summand")
        products, values = dict(self.products), dict(self.values)
        for (a, b), c in other.products:
            key = (a, b) if (a, b) in products or (b, a) not in products else (b, a)
            products[key] = products.get(key, 0) + c
        for k, c in other.values:
            values[k] = values.get(k, 0) + c
        return Form.of(products, values, self.constant + other.constant)

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Form:
        q = scalar(factor, "the factor of a number")
        return Form.of({k: c * q for k, c in self.products}, {k: c * q for k, c in self.values}, self.constant * q)

    __rmul__ = __mul__

    def __neg__(self) -> Form:
        return self * -1

    def __sub__(self, other: Any) -> Form:
        return self + -as_form(other, "a summand")

    def __rsub__(self, other: Any) -> Form:
        return as_form(other, "a summand") - self

    def __le__(self, other: Any) -> Relation:
        from certify.symbolic.assumptions import Relation

        return Relation(as_form(other, "the right-hand side") - self)

    def __ge__(self, other: Any) -> Relation:
        from certify.symbolic.assumptions import Relation

        return Relation(self - as_form(other, "the right-hand side"))

    def __str__(self) -> str:
        parts = [(c, f"|{a}|^2" if a == b else f"<{a}, {b}>") for (a, b), c in self.products]
        parts += [(c, f"{name}({z})") for (name, z), c in self.values]
        said = [what if c == 1 else f"-{what}" if c == -1 else f"{c} {what}" for c, what in parts]
        said += [str(self.constant)] if self.constant != 0 else []
        return " + ".join(said).replace("+ -", "- ") or "0"


def as_form(value: Any, place: str) -> Form:
    """A number as a Form; raises BadInput for what is none."""
    return value if isinstance(value, Form) else Form.of({}, {}, scalar(value, place))


def inner(u: Vector, v: Vector) -> Form:
    """<u, v>."""
    out: dict[tuple[Atom, Atom], Any] = {}
    for a, c in as_vector(u, "an inner product").terms:
        for b, d in as_vector(v, "an inner product").terms:
            key = (b, a) if (b, a) in out else (a, b)
            out[key] = out.get(key, 0) + c * d
    return Form.of(out, {}, scalar(0))


def _names(text: str, what: str) -> list[str]:
    found = text.replace(",", " ").split()
    if not found or len(set(found)) < len(found):
        raise BadInput(f"{what}: expected different names such as 'x y', found {text!r}")
    return found


def vectors(names: str) -> Any:
    """Unknown vectors by name; one name gives one vector, several a tuple."""
    made = tuple(Vector.of({Atom(n): scalar(1)}) for n in _names(names, "vectors"))
    return made[0] if len(made) == 1 else made


def maps(names: str) -> Any:
    """Unknown maps by name."""
    made = tuple(Map(n) for n in _names(names, "maps"))
    return made[0] if len(made) == 1 else made


def projection(name: str) -> Map:
    """An unknown orthogonal projection: linear, P P = P, <P u, v - P v> = 0."""
    return Map(_names(name, "projection")[0], "projection")


def linear_map(name: str) -> Map:
    """An unknown linear map."""
    return Map(_names(name, "linear map")[0], "linear")


def function(name: str) -> Function:
    """An unknown differentiable function."""
    return Function(_names(name, "function")[0])


def residual(h: Map) -> Residual:
    """The layer z + h(z)."""
    return Residual(h)


def family(name: str) -> Map:
    """Unknown maps f_1, f_2, ...: the layers of a tower."""
    return Map(_names(name, "family")[0], "family")


def tower(layer: Layer, depth: Any) -> Map:
    """f_n o ... o f_1 of a symbolic depth n, for a family, one map again and again, or residual layers of these."""
    import sympy

    if not isinstance(depth, sympy.Symbol):
        raise BadInput(f"tower: expected a symbol for the depth, found {depth!r}; for a number use through([...], x)")
    if not isinstance(layer, Map | Residual):
        raise BadInput(f"tower: expected a map, a family or residual(...), found {str(layer)[:40]!r}")
    return Map(f"tower[{layer}, {depth}]", "tower", layer, depth)


def sequence(name: str) -> Any:
    """Numbers c_1, c_2, ... >= 0, one for each layer of a family."""
    import sympy

    return sympy.IndexedBase(_names(name, "sequence")[0], nonnegative=True)


def through(layers: Sequence[Layer] | Iterable[Layer], z: Vector) -> Vector:
    """f_n(... f_1(z)): the first of ``layers`` is applied first."""
    for f in layers:
        z = f(z)
    return z
