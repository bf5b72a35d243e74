"""What may be assumed of unknown vectors and maps, and on whose word.

Every assumption carries a status: *user-asserted* unless said otherwise, *checked* when a certificate stands behind it
(``checked(assumption, by=...)``), *statistical* when a sample does. A result is worth no more than the weakest of what
it rests on. Nothing here proves anything: deriving.py does.

Properties of maps hold everywhere, or ``on`` a named region; then they are used at points that an assumption ``inside``
places there, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from certify.errors import BadInput
from certify.symbolic.expressions import Atom, Form, Function, Map, Residual, Vector, as_vector, scalar

if TYPE_CHECKING:
    from certify.certificate import Certificate
    from certify.statements.bound import Bound
    from certify.statistics.claim import StatisticalClaim

Standing = Literal["checked", "user-asserted", "statistical"]


@dataclass(frozen=True)
class Assumption:
    """The base of all: a standing, the id of the certificate behind a checked one, the level of a statistical one."""

    standing: Standing = field(default="user-asserted", kw_only=True)
    certificate: str = field(default="", kw_only=True)
    level: Fraction | None = field(default=None, kw_only=True)

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The numbers that must not be negative."""
        return ()


def _not_negative(a: Assumption) -> None:
    """Raise BadInput for a size that cannot be: everything would follow from it."""
    for p in a.parameters:
        if p.is_negative:
            raise BadInput(f"{a}: expected a number >= 0, found {p}")


A = TypeVar("A", bound=Assumption)


@dataclass(frozen=True)
class NormBound(Assumption):
    """|v| <= r."""

    vector: Vector
    radius: Any

    def __post_init__(self) -> None:
        _not_negative(self)

    @property
    def parameters(self) -> tuple[Any, ...]:
        return (self.radius,)

    def __str__(self) -> str:
        return f"|{self.vector}| <= {self.radius}"


@dataclass(frozen=True)
class Relation(Assumption):
    """A quadratic form in vectors, function values and constants is not negative."""

    form: Form

    def __str__(self) -> str:
        return f"{self.form} >= 0"


@dataclass(frozen=True)
class Equal(Assumption):
    """u = v."""

    left: Vector
    right: Vector

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"


@dataclass(frozen=True)
class Inside(Assumption):
    """A vector lies in a named region."""

    vector: Vector
    region: str

    def __str__(self) -> str:
        return f"{self.vector} in {self.region}"


@dataclass(frozen=True)
class Lipschitz(Assumption):
    """|f(u) - f(v)| <= L |u - v|; ``contracts``: with L < 1."""

    map: Map
    constant: Any
    on: str = ""
    contracts: bool = False

    def __post_init__(self) -> None:
        _not_negative(self)

    @property
    def parameters(self) -> tuple[Any, ...]:
        return (self.constant,)

    def __str__(self) -> str:
        return f"{self.map} is {self.constant}-Lipschitz{_where(self.on)}"


@dataclass(frozen=True)
class Close(Assumption):
    """|f(z) - g(z)| <= e."""

    first: Map
    second: Map
    error: Any
    on: str = ""

    def __post_init__(self) -> None:
        _not_negative(self)

    @property
    def parameters(self) -> tuple[Any, ...]:
        return (self.error,)

    def __str__(self) -> str:
        return f"|{self.first}(z) - {self.second}(z)| <= {self.error}{_where(self.on)}"


@dataclass(frozen=True)
class Slope(Assumption):
    """<f(u) - f(v) - a (u - v), b (u - v) - (f(u) - f(v))> >= 0; with ``at_zero`` for v = f(v) = 0 only (a sector)."""

    map: Map
    low: Any
    high: Any
    at_zero: bool = False

    def __str__(self) -> str:
        what = "in the sector" if self.at_zero else "slope-restricted in"
        return f"{self.map} is {what} [{self.low}, {self.high}]"


@dataclass(frozen=True)
class Monotone(Assumption):
    """<f(u) - f(v), u - v> >= m |u - v|^2."""

    map: Map
    modulus: Any

    def __str__(self) -> str:
        return f"{self.map} is monotone with modulus {self.modulus}"


@dataclass(frozen=True)
class Convex(Assumption):
    """F is convex, strongly with modulus m, and its gradient is L-Lipschitz; L None: convex, perhaps not smooth."""

    function: Function
    strong: Any
    smooth: Any

    def __str__(self) -> str:
        how = "" if self.smooth is None else f", {self.smooth}-smooth"
        return f"{self.function.name} is {self.strong}-strongly convex{how}"


@dataclass(frozen=True)
class Independent(Assumption):
    """f(z) = f(P z): what P discards has no say."""

    map: Map
    kept: Map

    def __str__(self) -> str:
        return f"{self.map}(z) = {self.map}({self.kept}(z))"


def _where(on: str) -> str:
    return f" on {on}" if on else ""


def _map(f: Any, place: str) -> Map:
    if not isinstance(f, Map):
        hint = "; of a residual layer, assume it of the branch" if isinstance(f, Residual) else ""
        raise BadInput(f"{place}: expected a map (certify.symbolic.maps), found {str(f)[:40]!r}{hint}")
    return f


def lipschitz(f: Map, constant: Any, on: str = "") -> Lipschitz:
    """f is L-Lipschitz."""
    return Lipschitz(_map(f, "lipschitz"), scalar(constant, f"the Lipschitz constant of {f}"), on)


def contraction(f: Map, factor: Any, on: str = "") -> Lipschitz:
    """f is Lipschitz with a factor below 1; raises BadInput for a number that is none."""
    q = scalar(factor, f"the factor of {f}")
    if q.is_number and not 0 <= q < 1:
        raise BadInput(f"contraction of {f}: expected a factor in [0, 1), found {factor}")
    return Lipschitz(_map(f, "contraction"), q, on, contracts=True)


def close(f: Map, g: Map, error: Any, on: str = "") -> Close:
    """|f(z) - g(z)| <= e, everywhere or on a region."""
    return Close(_map(f, "close"), _map(g, "close"), scalar(error, f"the distance of {f} and {g}"), on)


def slope_restricted(f: Map, low: Any, high: Any) -> Slope:
    """Every difference quotient lies in [low, high]: relu, tanh [0, 1]. For gradients of functions use ``convex``."""
    return Slope(_map(f, "slope_restricted"), *_range(f, low, high))


def sector(f: Map, low: Any, high: Any) -> Slope:
    """f(0) = 0 and f(z) lies between low z and high z."""
    return Slope(_map(f, "sector"), *_range(f, low, high), at_zero=True)


def _range(f: Map, low: Any, high: Any) -> tuple[Any, Any]:
    a, b = scalar(low, f"the lower slope of {f}"), scalar(high, f"the upper slope of {f}")
    if (b - a).is_number and b < a:
        raise BadInput(f"slopes of {f}: expected low <= high, found {low} and {high}")
    return a, b


def monotone(f: Map, modulus: Any = 0) -> Monotone:
    """<f(u) - f(v), u - v> >= modulus |u - v|^2."""
    return Monotone(_map(f, "monotone"), scalar(modulus, f"the modulus of {f}"))


def convex(f: Function, strong: Any = 0, smooth: Any = None) -> Convex:
    """F is ``strong``-strongly convex and ``smooth``-smooth; None: convex, perhaps not smooth.

    Raises BadInput unless 0 <= strong < smooth.
    """
    if not isinstance(f, Function):
        raise BadInput(f"convex: expected a function (certify.symbolic.function), found {str(f)[:40]!r}")
    m = scalar(strong, f"the convexity of {f.name}")
    top = None if smooth is None else scalar(smooth, f"the smoothness of {f.name}")
    if (m.is_number and m < 0) or (top is not None and (top - m).is_number and top <= m):
        raise BadInput(f"convex {f.name}: expected 0 <= strong < smooth, found {strong} and {smooth}")
    return Convex(f, m, top)


def independent(f: Map, kept: Map) -> Independent:
    """f(z) = f(P z)."""
    return Independent(_map(f, "independent"), _map(kept, "independent"))


def equal(u: Any, v: Any) -> Equal:
    """u = v, as for a fixed point: equal(x, f(x))."""
    return Equal(as_vector(u, "equal"), as_vector(v, "equal"))


def vanishes(v: Vector) -> Equal:
    """v = 0."""
    return equal(v, 0)


def inside(v: Vector, region: str) -> Inside:
    """A vector lies in a region that other assumptions name."""
    return Inside(as_vector(v, "inside"), region)


def spectral_decay(x: Vector, kept: Map, constant: Any, exponent: Any, k: Any) -> NormBound:
    """|x - P x| <= c k^-a, where P keeps k directions."""
    c, a = scalar(constant, "the constant of a decay"), scalar(exponent, "the exponent of a decay")
    k = scalar(k, "the number of directions kept")
    if k.is_number and not (k.is_integer and k >= 1):
        raise BadInput(f"spectral decay: expected a whole number k >= 1 of directions, found {k}")
    return NormBound(x - kept(x), c * k ** (-a))


def checked(assumption: A, by: Certificate | Bound | str) -> A:
    """The assumption with a certificate behind it.

    by: a Bound that the kernel accepted, whose upper end must be at most the number that is assumed; a Certificate,
    which the kernel judges now; or the id of one that was judged elsewhere. That the certificate speaks of this very
    object is the word of whoever writes this. Raises BadInput for what does not support the assumption.
    """
    from certify.certificate import Certificate, check
    from certify.statements.bound import Bound

    if isinstance(by, Bound):
        if by.certificate is None or by.verdict is None or not by.verdict.accepted or by.bracket.upper is None:
            raise BadInput(f"checked {assumption}: the bound on {by.subject} has no accepted certificate")
        numbers = assumption.parameters
        if len(numbers) == 1 and numbers[0].is_number and scalar(by.bracket.upper) > numbers[0]:
            raise BadInput(f"checked {assumption}: the certificate of {by.subject} gives {by.bound} only")
        return replace(assumption, standing="checked", certificate=by.certificate.id)
    if isinstance(by, Certificate):
        said = check(by)
        if not said.accepted:
            raise BadInput(f"checked {assumption}: the kernel does not accept the certificate ({said})")
        return replace(assumption, standing="checked", certificate=by.id)
    if not isinstance(by, str) or re.fullmatch("[0-9a-f]{64}", by) is None:
        raise BadInput(f"checked {assumption}: expected a Bound, a Certificate or its id, found {str(by)[:40]!r}")
    return replace(assumption, standing="checked", certificate=by)


def statistical(assumption: A, by: StatisticalClaim | None = None) -> A:
    """The assumption as an estimate from a sample: whatever rests on it is statistical.

    by: the claim it comes from, whose high end must be at most the number that is assumed; its level goes with what
    rests on it. That the number is the claim's quantity is the word of whoever writes this. Raises BadInput.
    """
    from certify.statistics.claim import StatisticalClaim

    if by is None:
        return replace(assumption, standing="statistical", certificate="", level=None)
    if not isinstance(by, StatisticalClaim):
        raise BadInput(f"statistical {assumption}: expected a StatisticalClaim, found {type(by).__name__}")
    numbers = assumption.parameters
    if len(numbers) == 1 and numbers[0].is_number and scalar(Fraction(by.high)) > numbers[0]:
        raise BadInput(f"statistical {assumption}: the sample gives {by.high} only")
    return replace(assumption, standing="statistical", certificate="", level=by.level)


def standing(used: Iterable[Assumption]) -> str:
    """proved, conditional or statistical: the worth of a conclusion from these."""
    found = {a.standing for a in used}
    return "statistical" if "statistical" in found else "conditional" if "user-asserted" in found else "proved"


def joint_level(used: Iterable[Assumption]) -> Fraction | None:
    """A lower bound of the probability that all statistical ones hold together; None where a level is unknown.

    The union bound: every assumption is counted, also those of one sample.
    """
    levels = [a.level for a in used if a.standing == "statistical"]
    if not levels or any(v is None for v in levels):
        return None
    return max(Fraction(0), 1 - sum((1 - v for v in levels if v is not None), Fraction(0)))


def letters(assumptions: Iterable[Assumption]) -> set[Any]:
    """The symbols of all parameters, coefficients and constants."""
    found: set[Any] = set()
    for a in assumptions:
        for v in vars(a).values():
            if hasattr(v, "free_symbols"):
                found |= v.free_symbols
            elif isinstance(v, Vector):
                found |= {s for _, c in v.terms for s in c.free_symbols}
            elif isinstance(v, Form):
                found |= {s for _, c in (*v.products, *v.values) for s in c.free_symbols} | v.constant.free_symbols
    return found


def points_of(v: Vector) -> list[Atom]:
    """Every atom that occurs in a vector, arguments first."""
    out: dict[Atom, None] = {}

    def visit(w: Vector) -> None:
        for atom, _ in w.terms:
            if atom not in out:
                if atom.argument is not None:
                    visit(atom.argument)
                out[atom] = None

    visit(v)
    return list(out)
