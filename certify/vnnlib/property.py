"""What a VNN-LIB file says, and the claims that decide it.

A file gives cases: a box of inputs and a conjunction of linear constraints on the outputs. In a file of unsafe outputs
the property holds when no input of any case meets all its constraints; in a file that asserts what is claimed, the
cases are those of its negation. Either way all claims of a property must be proved, and one refuted suffices.

Decimal limits of inputs are rounded outward to float64, so that what is proved covers the stated box; all else is
exact. Files are read in certify.vnnlib.reading; nothing is searched here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Literal

import numpy as np

from certify.claims import Claim, discrepancy, least
from certify.domains import Domain, box
from certify.errors import BadInput, EmptyDomain
from certify.networks.graph import Network
from certify.networks.maps import Floats

Asserts = Literal["unsafe", "claim"]


@dataclass(frozen=True)
class Constraint:
    """sum of on_f_j f_j + on_g_j g_j - limit >= 0, or > 0 where strict: (output, coefficient) pairs, exact."""

    on_f: tuple[tuple[int, Fraction], ...]
    on_g: tuple[tuple[int, Fraction], ...]
    limit: Fraction
    strict: bool


@dataclass(frozen=True)
class Case:
    """Inputs lo <= x <= hi and a conjunction of constraints that must never hold together."""

    lo: tuple[Fraction, ...]
    hi: tuple[Fraction, ...]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True)
class Property:
    """A property of one network or of two with the same input.

    asserts: whether the file's constraints on outputs describe unsafe outputs or what is claimed
    """

    place: str
    version: str
    asserts: Asserts
    networks: int
    inputs: int
    outputs: int
    cases: tuple[Case, ...]

    def claims(self, f: Network, g: Network | None = None) -> list[Claim]:
        """The claims of the property about its networks; all must be proved. Raises BadInput for other networks."""
        if (g is None) != (self.networks == 1):
            raise BadInput(f"{self.place}: expected {self.networks} networks, found {1 if g is None else 2}")
        for name, net in (("f", f), ("g", g)):
            if net is not None and (net.n_in, net.n_out) != (self.inputs, self.outputs):
                found = f"{name} with {net.n_in} and {net.n_out}"
                raise BadInput(f"{self.place}: expected {self.inputs} inputs and {self.outputs} outputs, found {found}")
        out: list[Claim] = []
        for limits, cases in _by_box(self.cases).items():
            over = _box(*limits, f, self.place)
            radius = _distance(cases, self.outputs)
            if g is not None and radius is not None:
                out.append(discrepancy(f, g, over=over) <= radius)
            else:
                out.extend(_claim(c, f, g, over, self.place) for c in cases)
        return out

    def inside(self, x: Floats) -> Floats:
        """x (n,) moved by single roundings into the box of a case as stated, where float64 has points there."""
        point = np.asarray(x, dtype=np.float64).ravel()
        for c in self.cases:
            lo = np.array([above(v) for v in c.lo])
            hi = np.array([below(v) for v in c.hi])
            # A limit alone, such as x = -0.45, may have no float64 inside.
            moved = np.where(lo <= hi, np.clip(point, lo, hi), point)
            if (np.abs(moved - point) <= np.spacing(np.abs(point))).all():
                return moved
        return point

    def meets(self, x: Floats) -> bool:
        """Whether x (n,) lies in the exact box of a case, before any rounding."""
        point = [Fraction(float(v)) for v in np.asarray(x).ravel()]
        return any(all(a <= v <= b for a, v, b in zip(c.lo, point, c.hi, strict=True)) for c in self.cases)


def _by_box(cases: Sequence[Case]) -> dict[tuple[tuple[Fraction, ...], tuple[Fraction, ...]], list[Case]]:
    out: dict[tuple[tuple[Fraction, ...], tuple[Fraction, ...]], list[Case]] = {}
    for c in cases:
        # A case whose limits cross holds nowhere; only a property of such cases alone says nothing.
        if all(a <= b for a, b in zip(c.lo, c.hi, strict=True)):
            out.setdefault((c.lo, c.hi), []).append(c)
    if not out:
        raise EmptyDomain("the property's input limits cross: it holds for no input")
    return out


def below(v: Fraction) -> float:
    """The greatest float64 at most v."""
    x = float(v)
    return x if Fraction(x) <= v else math.nextafter(x, -math.inf)


def above(v: Fraction) -> float:
    """The least float64 at least v."""
    return -below(-v)


def _box(lo: Sequence[Fraction], hi: Sequence[Fraction], f: Network, place: str) -> Domain:
    try:
        low, high = (np.array(v).reshape(f.input_shape) for v in ([below(v) for v in lo], [above(v) for v in hi]))
    except OverflowError:
        raise BadInput(f"{place}: expected input limits that float64 holds") from None
    made = box(low, high)
    return made if isinstance(made, Domain) else made.over(f.input_shape)


def _distance(cases: Sequence[Case], outputs: int) -> Fraction | None:
    """eps, if the cases are f_j - g_j > eps and g_j - f_j > eps for every output: the claim ||f - g||_inf <= eps."""
    wanted = {((j, Fraction(s)), (j, Fraction(-s))) for j in range(outputs) for s in (1, -1)}
    found, limits = set(), set()
    for c in cases:
        if len(c.constraints) != 1 or not c.constraints[0].strict:
            return None
        (one,) = c.constraints
        if len(one.on_f) != 1 or len(one.on_g) != 1 or abs(one.on_f[0][1]) != 1:
            return None
        found.add((one.on_f[0], one.on_g[0]))
        limits.add(one.limit)
    (limit, *more) = limits
    return limit if found == wanted and len(cases) == len(wanted) and not more and limit >= 0 else None


def _claim(case: Case, f: Network, g: Network | None, over: Domain, place: str) -> Claim:
    rows, limits = [], []
    for c in case.constraints:
        factor = lcm(*(a.denominator for _, a in (*c.on_f, *c.on_g)))
        row = np.zeros(2 * f.n_out)
        for offset, side in ((0, c.on_f), (f.n_out, c.on_g)):
            for j, a in side:
                if abs(a * factor) > 2**53:
                    raise BadInput(f"{place}: expected coefficients of at most 53 bits, found {a}")
                row[offset + j] = float(a * factor)
        rows.append(row)
        limits.append(c.limit * factor)
    table = np.array(rows)
    on_g = table[:, f.n_out :] if g is not None and table[:, f.n_out :].any() else None
    q = least(f, g, over=over, on_f=table[:, : f.n_out], on_g=on_g, limits=limits)
    # A closed set of unsafe outputs is missed strictly; an open one may be touched.
    return q <= 0 if case.constraints[0].strict else q < 0
