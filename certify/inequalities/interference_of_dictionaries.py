"""Interference between the directions of a dictionary: what other features add to a readout, and to a norm."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.errors import BadInput
from certify.inequalities.declaration import Core, Inequality
from certify.inequalities.rounding import rows
from certify.numbers import float_above, root_above


@dataclass(frozen=True)
class Interference:
    """coherence: largest |<d_i, d_j>|, i != j; norm_error: largest ||d_i|^2 - 1|; active: how many coefficients;
    readout: a bound on |<d_i, sum_j a_j d_j> - a_i| for each i; energy: on ||sum_j a_j d_j|^2 - sum_j a_j^2|."""

    coherence: float
    norm_error: float
    active: int
    readout: tuple[float, ...]
    energy: float


def interference(dictionary: Any, coefficients: Any) -> Interference:
    """What the coherence of a dictionary allows, for the activations of one input.

    dictionary: (k, n), one direction a row, of length about 1 (how far from it is measured and charged);
    coefficients: (k,). All bounds are rounded up. Raises BadInput for shapes that do not fit.
    """
    atoms, flat = rows(dictionary, "dictionary")
    a, single = rows(coefficients, "coefficients")
    if flat or not single or len(atoms) != len(a[0]):
        raise BadInput(f"interference: expected k rows and k coefficients, found {len(atoms)} and {len(a[0])}")
    mu, off = coherence(atoms)
    sizes = [abs(c) for c in a[0]]
    active = sum(c != 0 for c in sizes)
    total = sum(sizes, Fraction(0))
    readout = tuple(float_above(off * c + mu * (total - c)) for c in sizes)
    energy = (off + mu * max(active - 1, 0)) * sum((c * c for c in sizes), Fraction(0))
    return Interference(float_above(mu), float_above(off), active, readout, float_above(energy))


def coherence(atoms: list[list[Fraction]]) -> tuple[Fraction, Fraction]:
    """The largest |<d_i, d_j>| and the largest ||d_i|^2 - 1|, exactly."""
    from certify.statements.exact import exact, fractions

    d = exact(np.array(atoms, dtype=object))
    gram = fractions(d @ d.T)
    k = len(gram)
    off = max(abs(gram[i][i] - 1) for i in range(k))
    return max((abs(gram[i][j]) for i in range(k) for j in range(i)), default=Fraction(0)), off


def dropped_features(dictionary: Any, coefficients: Any, dropped: Any) -> float:
    """A bound on |sum over dropped i of a_i d_i|, the error of leaving these features out; rounded up.

    It is sqrt((1 + e + mu (m - 1)) sum a_i^2) over the m dropped features with a_i != 0; e: see Interference.
    """
    atoms, _ = rows(dictionary, "dictionary")
    a, _ = rows(coefficients, "coefficients")
    chosen = list(dict.fromkeys(int(i) for i in np.asarray(dropped).ravel().tolist()))
    if any(not 0 <= i < len(atoms) for i in chosen) or len(atoms) != len(a[0]):
        raise BadInput(f"dropped: expected indices of {len(atoms)} features, found {chosen[:5]}")
    used = [i for i in chosen if a[0][i] != 0]
    if not used:
        return 0.0
    mu, off = coherence([atoms[i] for i in used])
    return float_above(root_above((1 + off + mu * (len(used) - 1)) * sum((a[0][i] ** 2 for i in used), Fraction(0))))


INEQUALITY = Inequality(
    name="interference",
    statement=(
        "for unit directions with |<d_i, d_j>| <= mu: |<d_i, sum_j a_j d_j> - a_i| <= mu sum_(j != i) |a_j|, and "
        "with k coefficients that are not 0, ||sum_j a_j d_j|^2 - sum_j a_j^2| <= mu (k - 1) sum_j a_j^2"
    ),
    latex=(
        r"\bigl|\langle d_i, \textstyle\sum_j a_j d_j\rangle - a_i\bigr| \le \mu \sum_{j \ne i} |a_j|, \qquad "
        r"\bigl|\|\textstyle\sum_j a_j d_j\|^2 - \sum_j a_j^2\bigr| \le \mu (k - 1) \sum_j a_j^2"
    ),
    proof=(
        "Readout: the triangle inequality. Norm: the difference is the sum over pairs of 2 g_ij a_i a_j, |g_ij| "
        "<= mu; the cores bound each by mu (a_i^2 + a_j^2), and each index is in k - 1 pairs. With |d_i|^2 = 1 + "
        "e_i, e_i a_i^2 is added."
    ),
    source="Gershgorin; Donoho and Elad 2003, section 3; Tropp 2004, Proposition 2.1.",
    cores=(
        Core(
            name="pair-above",
            reading="x, y: two coefficients; g: their inner product, |g| <= m",
            goal="m*(x**2 + y**2) - 2*g*x*y",
            given=("m - g", "m + g"),
            terms=(("1/2", "x + y", (0,)), ("1/2", "x - y", (1,))),
        ),
        Core(
            name="pair-below",
            reading="x, y: two coefficients; g: their inner product, |g| <= m",
            goal="m*(x**2 + y**2) + 2*g*x*y",
            given=("m - g", "m + g"),
            terms=(("1/2", "x - y", (0,)), ("1/2", "x + y", (1,))),
        ),
        Core(
            name="readout",
            reading="y: size of a coefficient; h = <d_i, d_j> times its sign, |h| <= m: m y - h y >= 0",
            goal="m*y - h*y",
            given=("m - h", "m + h", "y"),
            terms=(("1", "1", (0, 2)),),
        ),
    ),
    function=interference,
)
