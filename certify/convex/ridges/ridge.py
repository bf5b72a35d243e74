"""``ct.ridge_truncation`` and ``ct.ridge_flow``: discarding modes of a kernel matrix as a flow of its ridge.

K = K_l + K_h, K_h the discarded modes, y the targets. Kernel ridge regression, or the mean of a Gaussian process, has
the dual coefficients A y, A = (K + s I)^-1. What is discarded acts as more noise: B = (K_l + s_e I)^-1 with the ridge
s_e = s + t, t in the middle of the spectrum of K_h. With E = K_h - t, K + s >= a > 0 and K_l + s_e >= b > 0,

    A - B = - A E B = - B E A               |A - B| <= |E| / (a b)
    Phi_l' (A - B) = - (Phi_l' B) E A       |Phi_l' (A - B)| <= |E| / (2 sqrt(s_e) a)
    K A - K_l B = s_e B - s A               |K A - K_l B| <= |s K_l - s_e K| / (a b)

the first by the resolvent identity, the third for fitted values; the second is primal, the weights of kept features
where K_l = Phi_l Phi_l', since z / (z^2 + s_e) <= 1 / (2 sqrt(s_e)). Fitted values, K A = Phi (Phi' Phi + s)^-1 Phi',
are the same in both forms (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, 2.2 and A.3).
The closed forms are only a fallback: the bound on |A - B|, or on fitted values, is certified directly (resolvent.py),
and nearly attained.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import scipy.linalg

from certify.convex.forms import factors, grid, least_eigenvalue, lowest, scalar, shortened, symmetric, together
from certify.convex.ridges import resolvent
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.numbers import Scalar, float_above, float_below, rational, root_below
from certify.results import Bracket, Status
from certify.statements.bound import Bound, judged
from certify.statements.exact import floats
from certify.statements.factor import Factor

Quantity = Literal["coefficients", "fit"]
SUBJECT = {
    "coefficients": "|(K + ridge)^-1 - (low + effective ridge)^-1|",
    "fit": "|K (K + ridge)^-1 - low (low + effective ridge)^-1|",
}


def ridge_truncation(
    K: Any, low: Any, ridge: Scalar, *, effective: Scalar | None = None, of: Quantity = "coefficients",
    direct: bool = True,
) -> Bound:  # fmt: skip
    """Bound how much the solution of kernel ridge regression changes, for unit targets, when modes are discarded.

    K, low: (n, n) symmetric, floats taken exactly or Fractions; low is what is kept of K; K + ridge and low + effective
    are positive definite. effective: the ridge of the truncated problem; by default ridge plus the middle of the
    spectrum of K - low. of: what changes: dual coefficients, or fitted values on the data. direct=False: only the
    closed form |E| / (a b), for coefficients, with a smaller certificate.

    Per unit of |y|, in the Euclidean norm: predictions k(x)' alpha change by at most the bound times |k(x)|. Details:
    effective (the ridge, exact), spectrum (two ends of K - low), least (of K + ridge and low + effective), closed (the
    closed form for coefficients), primal (that for the weights of kept features, when low = Phi_l Phi_l').
    Raises BadInput for matrices that do not fit together and for a ridge that is not positive.
    """
    start = time.perf_counter()
    whole, kept = symmetric(K, "K"), symmetric(low, "low")
    if whole.shape != kept.shape:
        raise BadInput(f"low: expected the shape of K, {whole.shape}, found {kept.shape}")
    s = rational(ridge, "ridge")
    if s <= 0:
        raise BadInput(f"ridge: expected a positive number, found {s}")
    if of not in SUBJECT or (of == "fit" and not direct):
        raise BadInput(f"of: expected 'coefficients', or 'fit' with direct=True, found {of!r}")
    n = whole.shape[0]
    rest = scipy.linalg.eigvalsh(floats(whole - kept))
    bits = _bits(n, float(np.abs(floats(whole)).max()), float(np.abs(rest).max()))
    whole, changed = grid(whole, bits)
    kept, moved = grid(kept, bits)
    t = Fraction(float(rest[0] + rest[-1]) / 2)
    near = shortened(t, 16) if t >= 0 else -shortened(-t, 16)
    s_e = s + near if effective is None else rational(effective, "effective")
    M, N = lowest(whole + scalar(n, s)), lowest(kept + scalar(n, s_e))
    a, b = least_eigenvalue(M), least_eigenvalue(N)
    notes: list[str] = []
    if a is None or b is None or a <= changed or b <= moved:
        notes.append("K + ridge or low + effective ridge is not positive definite by a margin")
        return Bound(SUBJECT[of], "unknown", Bracket(None, None, "unknown"), notes=tuple(notes),
                     seconds={"search": time.perf_counter() - start})  # fmt: skip
    details = _details(lowest(M - N), s, s_e, a - changed, b - moved, changed + moved)
    # What the grid changed is charged to the bound: |M^-1 - M'^-1| <= |M - M'| / (a (a - |M - M'|)).
    charge = changed / (a * (a - changed)) + moved / (b * (b - moved))
    if changed or moved:
        notes.append(f"entries were rounded to short dyadics, which the bound pays for with {float(charge):.1e}")
    unit = Fraction(1)
    if of == "fit":
        # s_e B - s A = s s_e ((s N)^-1 - (s_e M)^-1): inverses again.
        unit, charge = s * s_e, s * changed / (a * (a - changed)) + s_e * moved / (b * (b - moved))
        M, N = M.times(s_e.numerator, s_e.denominator), N.times(s.numerator, s.denominator)
        a, b = a * s_e, b * s
    value, y = resolvent.float_difference(M, N)
    lower = max(resolvent.attained(M, N, y, a) * unit - charge, Fraction(0))
    found = resolvent.established(M, N, value, (a, b)) if direct else None
    upper, parts, hints = _direct(M, N, found) if found else _closed(M, N, a, b)
    searched = time.perf_counter() - start
    if upper is None or hints is None:
        return Bound(SUBJECT[of], "unknown", Bracket(lower, None, "unknown"), searched=value * float(unit),
                     seconds={"search": searched}, details=details,
                     notes=(*notes, "no exact certificate was found"))  # fmt: skip
    if not found and direct:
        notes.append("the closed form, since the direct forms are too near to singular")
    nothing = np.zeros((1, 1), dtype=int)
    of_what = {"conclusion": together(parts), "count": 0, "premises": nothing}
    certificate, verdict = judged("s-procedure", of_what, [hints])
    seconds = {"search": searched, "check": time.perf_counter() - start - searched}
    details |= {"certified": "direct" if found else "closed form"}
    status: Status = "proved" if verdict.accepted else "unknown"
    bracket = Bracket(lower, upper * unit + charge if verdict.accepted else None, status)
    return Bound(SUBJECT[of], status, bracket, certificate, verdict, value * float(unit), False, seconds, details,
                 tuple(notes))  # fmt: skip


def _bits(n: int, largest: float, rest: float) -> int:
    """Of a grid whose rounding is small beside what is discarded."""
    if not rest or not largest:
        return 40
    return int(np.clip(16 + np.ceil(np.log2(n * largest / rest)), 40, 64))


def _norm(E: Matrix) -> Fraction | None:
    """A short number at least |E|, shown by rule *psd*."""
    value = float(np.abs(scipy.linalg.eigvalsh(floats(E))).max())
    for slack in resolvent.SLACKS:
        r = shortened(Fraction(value * (1 + slack) if value else 2.0**-200))
        if factors([scalar(E.shape[0], r) - E, scalar(E.shape[0], r) + E]) is not None:
            return r
    return None


def _details(E: Matrix, s: Fraction, s_e: Fraction, a: Fraction, b: Fraction, changed: Fraction) -> dict[str, Any]:
    """The closed forms, on numbers that rule *psd* has shown; E is off by what the grid changed."""
    out: dict[str, Any] = {"effective": s_e, "least": [float_below(a), float_below(b)]}
    r = _norm(E)
    if r is None:
        return out
    r += changed
    out |= {"spectrum": [float_below(s_e - s - r), float_above(s_e - s + r)], "closed": r / (a * b)}
    return out | {"primal": r / (2 * root_below(s_e) * a) if s_e > 0 else None}


def _direct(M: Matrix, N: Matrix, found: Any) -> tuple[Fraction, Sequence[Matrix], Factor]:
    eps, a, b, hints = found
    return eps, resolvent.forms(M, N, eps, a, b), hints


def _closed(M: Matrix, N: Matrix, a: Fraction, b: Fraction) -> tuple[Fraction | None, Sequence[Matrix], Factor | None]:
    """The facts behind |M - N| / (a b): -r <= M - N <= r, M >= a, N >= b."""
    E = lowest(M - N)
    r = _norm(E)
    if r is None:
        return None, [], None
    n = E.shape[0]
    parts = [lowest(p) for p in (scalar(n, r) - E, scalar(n, r) + E, M - scalar(n, a), N - scalar(n, b))]
    return r / (a * b), parts, factors(parts)
