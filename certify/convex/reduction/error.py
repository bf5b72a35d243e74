"""Bound the energy gain (H-infinity norm) of the error between a linear system and a reduced one: kind *gain*.

Storage functions are solved for in float64 only: systems whose gramians are nearly singular there end as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from certify.errors import BadInput
from certify.kernel.exact import Matrix, above, beside
from certify.results import Bracket
from certify.statements.bound import Bound, judged
from certify.statements.exact import exact, of_integers
from certify.statements.factor import factor

Floats = NDArray[np.float64]
SLACKS = (1e-3, 1e-2, 5e-2, 0.2)


def reduction_error(
    full: Sequence[Any], reduced: Sequence[Any], continuous: bool = True, limit: float | None = None
) -> Bound:
    """Bound sup |y - y_r| / |u| in energy; full and reduced are A, B, C, D. With ``limit`` only that gain is tried."""
    parts = [np.atleast_2d(np.asarray(m, dtype=np.float64)) for m in (*full, *reduced)]
    if len(parts) != 8:
        raise BadInput(f"systems: expected four matrices each, found {len(full)} and {len(reduced)}")
    a, b, c, d = parts[:4]
    f, g, h, k = parts[4:]
    a, b, c, d = scipy.linalg.block_diag(a, f), np.vstack([b, g]), np.hstack([c, -h]), d - k
    roots = np.linalg.eigvals(a)
    if (roots.real.max() >= 0) if continuous else (abs(roots).max() >= 1):
        raise BadInput("systems: expected stable systems, found an eigenvalue of A that is not stable")
    top = _peak(a, b, c, d, roots, continuous)
    note = "the lower end is not proved: details['numeric'] is the largest gain on a grid of frequencies, in float64"
    for gamma in [limit] if limit is not None else [top * (1 + s) for s in SLACKS]:
        found = _evidence(a, b, c, d, gamma, continuous)
        if found is not None:
            of = {"continuous": int(continuous), "systems": parts, "limit": Fraction(gamma)}
            made, verdict = judged("gain", of, found)
            if verdict.verdict == "accepted":
                bracket = Bracket(None, Fraction(gamma), "proved")
                return Bound("error gain", "proved", bracket, made, verdict, top, False, {}, {"numeric": top}, (note,))
    notes = (note, "no storage function found in float64")
    return Bound(
        "error gain", "unknown", Bracket(None, None, "unknown"), None, None, top, details={"numeric": top}, notes=notes
    )


def _peak(a: Floats, b: Floats, c: Floats, d: Floats, roots: Any, continuous: bool) -> float:
    w = np.concatenate([[0.0], abs(roots.imag), abs(roots)]) if continuous else np.linspace(0, np.pi, 400)
    points = 1j * w if continuous else np.exp(1j * w)
    return max(float(np.linalg.norm(c @ np.linalg.solve(z * np.eye(len(a)) - a, b) + d, 2)) for z in points)


def _evidence(a: Floats, b: Floats, c: Floats, d: Floats, gamma: float, continuous: bool) -> list[Any] | None:
    solve = scipy.linalg.solve_continuous_are if continuous else scipy.linalg.solve_discrete_are
    n, m = b.shape
    q = c.T @ c
    try:
        x = solve(a, b, q + 1e-7 * np.linalg.norm(q, 2) * np.eye(n), d.T @ d - gamma**2 * np.eye(m), s=c.T @ d)
    except (np.linalg.LinAlgError, ValueError):
        return None
    ea, eb, ec, ed, ex = (exact(v) for v in (a, b, c, d, (x + x.T) / 2))
    square = Fraction(gamma) ** 2
    top = of_integers(np.eye(m, dtype=int), m, m).times(square.numerator, square.denominator)
    form: Matrix
    if continuous:
        p, r, s = ea.T @ ex + ex @ ea, ex @ eb, ed.T @ ed
    else:
        p, r, s = ea.T @ ex @ ea - ex, ea.T @ ex @ eb, eb.T @ ex @ eb + ed.T @ ed
    p, r = p + ec.T @ ec, r + ec.T @ ed
    form = -above(beside(p, r), beside(r.T, s - top))
    first, second = factor(ex), factor(form)
    return None if first is None or second is None else [ex, first, second]
