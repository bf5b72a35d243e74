"""Box, Ball and Points: the three kinds of domain, and the box of any dimension that cuts them.

Each kind says what its parts are and how ``&`` with a box cuts them, exactly; all else is certify.domains.parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from certify.domains.limits import Array, Floats, Within, meet, meet_arrays, words
from certify.domains.parts import Parts, check_part
from certify.errors import BadInput, EmptyDomain
from certify.numbers import as_floats, float_above, float_below


@dataclass(frozen=True)
class UniformBox:
    """{x : lo <= x_i <= hi for all i} in any dimension, with exact rational limits."""

    lo: Fraction
    hi: Fraction

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise EmptyDomain(f"box: expected lo <= hi, found {self.lo} > {self.hi}")

    def __and__(self, other: Any) -> Any:
        if isinstance(other, UniformBox):
            return UniformBox(max(self.lo, other.lo), min(self.hi, other.hi))
        return other & self if isinstance(other, Box | Ball | Points) else NotImplemented

    def over(self, shape: tuple[int, ...]) -> Box:
        """The box in the space of arrays of this shape; limits that no float holds stay exact in ``within``."""
        lo, hi = float_below(self.lo), float_above(self.hi)
        held = Fraction(lo) == self.lo and Fraction(hi) == self.hi
        arrays = as_floats(np.full(shape, lo), "box"), as_floats(np.full(shape, hi), "box")
        return Box(*arrays, None if held else (self.lo, self.hi))


@dataclass(frozen=True, eq=False)
class Box(Parts):
    """One part {x : lo <= x <= hi}, cut by ``within``; lo and hi are float arrays of one shape.

    Raises BadInput for shapes that differ, EmptyDomain when lo > hi somewhere.
    """

    lo: Array
    hi: Array
    within: Within = None

    def __post_init__(self) -> None:
        if self.lo.shape != self.hi.shape or self.lo.size == 0:
            raise BadInput(f"box: expected two arrays of one shape, found {self.lo.shape} and {self.hi.shape}")
        self._check()

    @property
    def parts(self) -> int:
        return 1

    @property
    def shape(self) -> tuple[int, ...]:
        return self.lo.shape

    @cached_property
    def _wide(self) -> tuple[Floats, Floats]:
        return self.lo.astype(np.float64).ravel(), self.hi.astype(np.float64).ravel()

    def _core(self, k: int) -> tuple[Floats, Floats]:
        check_part(k, 1)
        return self._wide

    def part(self, k: int) -> Box:
        """Part k as a domain of its own: the box itself."""
        check_part(k, 1)
        return self

    def __and__(self, other: Any) -> Any:
        if isinstance(other, Box):
            lo, hi = meet_arrays((self.lo, self.hi), (other.lo, other.hi))
            return Box(lo, hi, meet(self.within, other.within))
        if isinstance(other, Ball | Points):
            return other & self
        within = _cut(self.within, other)
        return NotImplemented if within is None else replace(self, within=within)

    def __str__(self) -> str:
        return f"a box of {self.n} coordinates{words(self.within)}"


@dataclass(frozen=True, eq=False)
class Ball(Parts):
    """Closed balls of one radius around the rows of ``centres``, each cut by ``within``.

    kind: linf, l2 or l1. centres: the first axis counts the points; a vector is one point.
    Raises BadInput for a negative radius or no centres, EmptyDomain for a ball outside ``within``.
    """

    kind: str
    centres: Array
    radius: Fraction
    within: Within = None

    def __post_init__(self) -> None:
        if self.kind not in ("linf", "l2", "l1"):
            raise BadInput(f"ball: expected norm linf, l2 or l1, found {self.kind!r}")
        if self.radius < 0:
            raise BadInput(f"{self.kind}: radius: expected zero or more, found {self.radius}")
        object.__setattr__(self, "centres", _rows(self.centres, f"{self.kind}: centres"))
        self._check()

    @property
    def norm(self) -> str:
        return self.kind

    @property
    def reach(self) -> Fraction:
        return self.radius

    @property
    def parts(self) -> int:
        return len(self.centres)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.centres.shape[1:]

    def _core(self, k: int) -> tuple[Floats, Floats]:
        return _row(self.centres, k)

    def part(self, k: int) -> Ball:
        """The single ball k as a domain of its own."""
        check_part(k, self.parts)
        return replace(self, centres=self.centres[k : k + 1])

    def __and__(self, other: Any) -> Any:
        within = _cut(self.within, other)
        return NotImplemented if within is None else replace(self, within=within)

    def __str__(self) -> str:
        balls = "one ball" if self.parts == 1 else f"{self.parts} balls"
        return f"{balls} of {self.kind} radius {self.radius}{words(self.within)}"


@dataclass(frozen=True, eq=False)
class Points(Parts):
    """Finitely many points, the rows of ``centres``; ``within`` can only confirm them.

    Raises BadInput for an array without points, EmptyDomain for a point outside ``within``.
    """

    centres: Array
    within: Within = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "centres", _rows(self.centres, "points"))
        self._check()

    @property
    def parts(self) -> int:
        return len(self.centres)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.centres.shape[1:]

    def _core(self, k: int) -> tuple[Floats, Floats]:
        return _row(self.centres, k)

    def part(self, k: int) -> Points:
        """The single point k as a domain of its own."""
        check_part(k, self.parts)
        return replace(self, centres=self.centres[k : k + 1])

    def __and__(self, other: Any) -> Any:
        within = _cut(self.within, other)
        return NotImplemented if within is None else replace(self, within=within)

    def __str__(self) -> str:
        return f"{self.parts} point{'s' if self.parts > 1 else ''}{words(self.within)}"


Domain = Box | Ball | Points


def _cut(within: Within, other: Any) -> Within:
    """``within`` met with a box; None when the other side is nothing that ``&`` knows."""
    if isinstance(other, UniformBox):
        return meet(within, (other.lo, other.hi))
    if isinstance(other, Box):
        return meet(meet(within, (other.lo, other.hi)), other.within)
    if isinstance(other, Ball | Points):
        raise BadInput("&: expected a box on one side, found two unions of balls or points")
    return None


def _rows(a: Array, place: str) -> Array:
    if a.ndim == 1 and a.size:
        return a[None]
    if a.ndim < 2 or a.size == 0:
        raise BadInput(f"{place}: expected an array of points (count, ...), found shape {a.shape}")
    return a


def _row(a: Array, k: int) -> tuple[Floats, Floats]:
    check_part(k, len(a))
    c = a[k].astype(np.float64).ravel()
    return c, c
