"""``ct.marginalise``: integrating variables out of a Gaussian, with a local or otherwise simpler precision certified.

The precision J = (A, B; B', D), D that of the variables y which are integrated out, leaves S = A - B D^-1 B' for the
others, x. No inverse is trusted, since S is a minimum: (x, y)' J (x, y) is at least x' S x, with equality where
B' x + D y = 0. So for a candidate S^ and a size R, R = S^ (relative) or 1 (absolute),

    for all x, y:                       (x, y)' J (x, y) >= x' (S^ - e R) x
    for all x, y with B' x + D y = 0:   (x, y)' J (x, y) <= x' (S^ + e R) x

say - e R <= S - S^ <= e R. They are one statement *s-procedure* about two copies of (x, y), side by side, with one
premise, - |B' x + D y|^2 >= 0 for the second. Nothing is lost: in z = y + D^-1 B' x the second form with multiplier m
is x' (S^ + e R - S) x + z' (m D D - D) z, and any m >= 1 / least eigenvalue of D will do. (Schur complements: Boyd and
Vandenberghe, Convex Optimization, A.5.5; S-procedure with an equation: Finsler 1937.)

An error e < 1 of the relative kind bounds the Kullback-Leibler divergences of the k-dimensional Gaussians with these
precisions and equal means: with eigenvalues v of S^^-1 S, which are within e of 1,

    KL(S || S^) = sum (1/v - 1 + log v) / 2 <= k e^2 / (4 (1 - e)^2)
    KL(S^ || S) = sum (v - 1 - log v) / 2   <= k e^2 / (4 (1 - e))

by their power series in 1 - v, coefficient by coefficient. A coupling has |S_ij - S^_ij| <= e sqrt(R_ii R_jj).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from certify.convex.forms import (
    corner,
    dyadic,
    factors,
    form,
    grid,
    inner,
    least_eigenvalue,
    lowest,
    scalar,
    shortened,
    symmetric,
    together,
)
from certify.convex.marginals.decay import decay
from certify.convex.ridges.resolvent import ATTEMPTS
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.kernel.exact import above as stacked
from certify.numbers import Scalar, rational
from certify.results import Bracket, Status
from certify.statements.bound import Bound, judged
from certify.statements.exact import Floats, exact, floats
from certify.statements.factor import Factor

# Of the size of the candidate, times a slack, beside what is relative to the float value.
ROUNDING = 2.0**-12
CANDIDATE_BITS = 40


def marginalise(
    J: Any, keep: Sequence[int], candidate: Any = None, *, reach: float | None = None, distance: Any = None,
    norm: Literal["relative", "absolute"] = "relative", limit: Scalar | None = None,
) -> Bound:  # fmt: skip
    """Bound the error of a precision matrix that stands for a Gaussian marginal.

    J: (n, n) precision, positive definite, floats taken exactly or Fractions. keep: k variables, 0-based, in the order
    of the candidate. candidate: (k, k) symmetric; by default the marginal precision in float64, rounded. reach: entries
    of the candidate between variables further apart than this are set to zero; distance: (k, k) distances of the kept
    variables, by default |keep_i - keep_j|. norm: the error is e with - e C <= S - C <= e C, in units of the candidate
    C, or |S - C| <= e. limit: a number to compare with; the status is then about it.

    Details: candidate (k lists), decay (for each distance, what couplings of the exact marginal that far apart or
    further are at most and at least in absolute value; sharp without reach), rate (couplings at distance d are at most
    the first entry of decay times rate^(d - the first distance)), and kl, the two divergences, when e < 1. Raises
    BadInput for what is no symmetric matrix or no choice of variables.
    """
    start = time.perf_counter()
    problem = _problem(J, keep)
    k = len(problem.keep)
    relative = _relative(norm)
    apart = _distances(distance, problem.keep)
    subject = "relative error of the marginal precision" if relative else "error of the marginal precision"
    most = None if limit is None else rational(limit, "limit")
    least = least_eigenvalue(problem.J)
    if least is None or least <= problem.changed:
        note = "J is not positive definite by a margin: it has no marginal"
        return Bound(subject, "unknown", Bracket(None, None, "unknown"), notes=(note,))
    given = _candidate(problem, candidate)
    if reach is not None:
        given = given.each(exact((apart <= reach).astype(int)))
    size = given if relative else scalar(k, Fraction(1))
    details: dict[str, Any] = {"candidate": floats(given).tolist(), "kept": k}
    value, x = _searched(problem, given, size)
    if value is None:
        note = "the candidate is not positive definite, so that nothing is small in its units; try norm='absolute'"
        return Bound(subject, "unknown", Bracket(None, None, "unknown"), details=details, notes=(note,))
    part = problem.changed / least
    d = least_eigenvalue(problem.D)
    lower = _attained(problem, given, size, x, d or least)
    multiplier = _power_above(2 / (d or least))
    found = _certified(problem, given, size, value, multiplier, None if part else most)
    searched = time.perf_counter() - start
    lower = _freed(lower, part, given, relative)
    if found is None:
        status: Status = "refuted" if most is not None and lower > most else "unknown"
        return Bound(subject, status, Bracket(lower, None, status), searched=value, details=details,
                     seconds={"search": searched}, notes=("no exact certificate was found",))  # fmt: skip
    e, hints = found
    of = statement(problem.J, problem.D.shape[0], given, size, e)
    certificate, verdict = judged("s-procedure", of, [exact(np.array([[multiplier]], dtype=object)), hints])
    seconds = {"search": searched, "check": time.perf_counter() - start - searched}
    upper = e + _paid(e, part, given, relative)
    notes = []
    if part:
        notes.append(f"J was rounded to short dyadics, which the bound pays for with {float(upper - e):.1e}")
    if not verdict.accepted:
        return Bound(subject, "unknown", Bracket(lower, None, "unknown"), certificate, verdict, value, False, seconds,
                     details, (*notes, "the kernel did not accept the certificate"))  # fmt: skip
    details |= decay(floats(given), upper, np.ones(k) if not relative else np.diagonal(floats(given)), apart)
    if relative and upper < 1:
        details["kl"] = [float(k * upper**2 / (4 * (1 - upper) ** p) * (1 + Fraction(1, 2**50))) for p in (2, 1)]
    answer: Status = "proved"
    if most is not None:
        answer = "refuted" if lower > most else "proved" if upper <= most else "unknown"
    return Bound(subject, answer, Bracket(lower, upper, answer), certificate, verdict, value, False, seconds, details,
                 tuple(notes))  # fmt: skip


def statement(J: Matrix, out: int, candidate: Matrix, size: Matrix, e: Fraction) -> dict[str, Any]:
    """The statement *s-procedure* about J with the last ``out`` variables integrated out, and an error e."""
    n = J.shape[0]
    below, above = (corner(lowest(candidate + size.times(s * e.numerator, e.denominator)), n) for s in (-1, 1))
    zero = J.times(0)
    return {
        "conclusion": together([lowest(J - below), lowest(above - J)]),
        "count": 1,
        "premises": together([zero, -_flow(J, out)]),
    }


def _flow(J: Matrix, out: int) -> Matrix:
    """The form |B' x + D y|^2."""
    last = Matrix(J.a, J.n.rows(J.shape[0] - out, J.shape[0]), J.den)
    return lowest(last.T @ last)


@dataclass(frozen=True)
class Problem:
    """J with the kept variables first, on a grid that moved it by ``changed``; and D, what is integrated out."""

    J: Matrix
    D: Matrix
    keep: list[int]
    changed: Fraction


def _problem(J: Any, keep: Sequence[int]) -> Problem:
    whole = symmetric(J, "J")
    n = whole.shape[0]
    chosen = [int(i) for i in np.asarray(keep).ravel().tolist()]
    if not 0 < len(set(chosen)) < n or len(set(chosen)) < len(chosen) or min(chosen) < 0 or max(chosen) >= n:
        raise BadInput(f"keep: expected some of {n} variables, each once and not all, found {chosen[:20]}")
    kept = set(chosen)
    order = chosen + [i for i in range(n) if i not in kept]
    sorted_J = Matrix(whole.a, whole.n.take_rows(order).columns(order), whole.den)
    short, changed = grid(sorted_J, CANDIDATE_BITS + 8)
    k = len(chosen)
    D = Matrix(short.a, short.n.rows(k, n).columns(list(range(k, n))), short.den)
    return Problem(short, D, chosen, changed)


def _distances(distance: Any, keep: list[int]) -> NDArray[np.float64]:
    k = len(keep)
    if distance is None:
        at = np.array(keep, dtype=np.float64)
        apart: NDArray[np.float64] = np.abs(at[:, None] - at)
        return apart
    apart = np.asarray(distance, dtype=np.float64)
    if apart.shape != (k, k) or (apart != apart.T).any() or not np.isfinite(apart).all() or np.diagonal(apart).any():
        raise BadInput(f"distance: expected a symmetric {k} x {k} matrix with a zero diagonal")
    return apart


def _candidate(problem: Problem, candidate: Any) -> Matrix:
    k = len(problem.keep)
    if candidate is None:
        return grid(exact(_schur(problem)), CANDIDATE_BITS)[0]
    given = symmetric(candidate, "candidate")
    if given.shape != (k, k):
        raise BadInput(f"candidate: expected shape {(k, k)}, found {given.shape}")
    return given


def _relative(norm: str) -> bool:
    if norm not in ("relative", "absolute"):
        raise BadInput(f"norm: expected 'relative' or 'absolute', found {norm!r}")
    return norm == "relative"


def _schur(problem: Problem) -> Floats:
    J, k = floats(problem.J), len(problem.keep)
    left = J[:k, :k] - J[:k, k:] @ np.linalg.solve(J[k:, k:], J[k:, :k])
    half: Floats = (left + left.T) / 2
    return half


def _searched(problem: Problem, given: Matrix, size: Matrix) -> tuple[float | None, Floats]:
    """The float error and where it is attained; None when there is no unit to measure it in."""
    gap = _schur(problem) - floats(given)
    try:
        values, vectors = scipy.linalg.eigh(gap, floats(size))
    except np.linalg.LinAlgError:
        return None, np.zeros(0)
    at = int(np.abs(values).argmax())
    return float(abs(values[at])), vectors[:, at]


def _certified(
    problem: Problem, given: Matrix, size: Matrix, value: float, multiplier: Fraction, most: Fraction | None
) -> tuple[Fraction, Factor] | None:
    """An error near the float value with hints for both forms, or else the claimed limit itself."""
    out = problem.D.shape[0]
    lifted = _flow(problem.J, out).times(multiplier.numerator, multiplier.denominator)
    n = problem.J.shape[0]
    # What candidates that are exact up to rounding are off by is no number that float64 knows.
    unit = ROUNDING * (1.0 if size is given else float(_rows(given)))
    tried = [
        (shortened(Fraction(value * (1 + s) + s * unit), 32 if s < 2.0**-20 else 24), fine) for s, fine in ATTEMPTS
    ]
    if most is not None and most > 0:
        tried.append((most, True))
    for e, fine in tried:
        below, above = (corner(lowest(given + size.times(s * e.numerator, e.denominator)), n) for s in (-1, 1))
        hints = factors([lowest(problem.J - below), lowest(above - problem.J + lifted)], fine)
        if hints is not None:
            return e, hints
    return None


def _attained(problem: Problem, given: Matrix, size: Matrix, direction: Floats, d: Fraction) -> Fraction:
    """What the error is at least, at a dyadic x, in exact arithmetic.

    d: D is at least this. With y near - D^-1 B' x and r = B' x + D y, x' S x is (x, y)' J (x, y) less r' D^-1 r, which
    is between 0 and |r|^2 / d.
    """
    x = dyadic(direction)
    k, n = x.shape[0], problem.J.shape[0]
    whole = floats(problem.J)
    y = exact(np.linalg.solve(whole[k:, k:], -whole[k:, :k] @ floats(x)[:, 0])).T
    z = stacked(x, y)
    image = problem.J @ z
    rest = Matrix(image.a, image.n.rows(k, n), image.den)
    high = inner(z, image)
    low = high - inner(rest, rest) / d
    unit, middle = form(size, x), form(given, x)
    if unit <= 0:
        return Fraction(0)
    return max(low - middle, middle - high, Fraction(0)) / unit


def _paid(e: Fraction, part: Fraction, given: Matrix, relative: bool) -> Fraction:
    """What rounding J adds to an error e: S is within part times the S of the rounded J of it."""
    return part * (1 + e if relative else _rows(given) + e)


def _freed(lower: Fraction, part: Fraction, given: Matrix, relative: bool) -> Fraction:
    """What is left of a lower end for the rounded J: its S is within q times the true S of it."""
    q = part / (1 - part)
    return max(lower - q * (1 if relative else _rows(given)), Fraction(0)) / (1 + q)


def _rows(m: Matrix) -> Fraction:
    """The largest sum of sizes of a row, at least the operator norm of a symmetric matrix."""
    return Fraction(max(sum(abs(int(v)) for v in row) for row in m.n.a), m.den)


def _power_above(q: Fraction) -> Fraction:
    """A power of two at least q > 0."""
    return Fraction(2) ** (q.numerator.bit_length() - q.denominator.bit_length() + 1)
