"""``ct.stationary_bounds``: an interval for the mean of a function under every stationary law of a chain.

For any h, mu f = mu (f + (P - I) h) when mu P = mu, so the mean lies between the least and the largest entry of
f + (P - I) h (Poisson duality). The solution of the Poisson equation (I - P) h = f - mu f makes that a point; floats
make it a short interval. Sums of few smooth functions give one too where a chain is slow; indicators of blocks do not:
(P - I) h is large at the edges of the blocks.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import numpy as np

from certify.convex.lumping.chains import Chain, chain
from certify.convex.lumping.poisson import DIGITS, Solver
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.numbers import as_floats
from certify.results import Bracket
from certify.statements.bound import Bound, judged
from certify.statements.exact import Floats, as_array, exact, floats, of_integers

SUBJECT = "mean of f under every stationary law"
BITS = 50
# Corrections of h by the exact remainder; each gains some ten digits. After so many without gain they end.
ROUNDS = 24
PATIENCE = 8
# Of the spread of f: an interval that is short enough, and the steps of h in bits.
CLOSE = Fraction(1, 2**60)
FINE = 120


def stationary_bounds(P: Any, f: Any, basis: Any = None) -> Bound:
    """low <= mu f <= high for every law mu with mu P = mu; both ends are proved (the lower one is no witness).

    P: a chain (n, n); floats are normalised to an exact one (see the notes). f: n numbers, exactly as stored. basis:
    columns (n, k) whose combinations are tried for h, by linear programmes; without one the Poisson equation is solved,
    for each closed class of states. Raises BadInput.
    """
    began = time.perf_counter()
    whole = chain(P)
    n = whole.size
    given = as_array(f, "f")
    if given.shape != (n,):
        raise BadInput(f"f: expected {n} values, found shape {given.shape}")
    values = exact(given, "f")
    if not np.isfinite(floats(values)).all():
        raise BadInput("f: expected values below 2^1024, found a larger one")
    zero = of_integers([0] * n, 1, n)
    notes = [*whole.notes]
    details: dict[str, Any] = {}
    if basis is None:
        found, classes = _poisson(whole, values)
        pair = found or (zero, zero)
        details["classes"] = classes
        if found is None and values.n.largest() > values.n.smallest():
            notes.append("the Poisson equation was not solved: floats underflow")
        if classes > 1:
            notes.append(f"{classes} closed classes: the stationary law is not unique, the interval holds for all")
    else:
        columns = as_floats(basis, "basis").astype(np.float64)
        if columns.ndim != 2 or columns.shape[0] != n or not columns.shape[1]:
            raise BadInput(f"basis: expected columns of {n} entries, found shape {columns.shape}")
        tried = [_best(whole, values, columns, sign) for sign in (-1, 1)]
        if None in tried:
            notes.append("a linear programme was not solved: its end of the interval is that of f alone")
        pair = (tried[0] or zero, tried[1] or zero)
    low, high = _ends(whole, values, pair)
    plain = (Fraction(values.n.smallest(), values.den), Fraction(values.n.largest(), values.den))
    if plain[0] >= low:
        low, pair = plain[0], (zero, pair[1])
    if plain[1] <= high:
        high, pair = plain[1], (pair[0], zero)
    vacuous = (low, high) == plain and low < high
    if vacuous:
        notes.append("no better than the least and the largest value of f")
    details |= {"low": float(low), "high": float(high), "width": float(high - low)}
    seconds = {"search": time.perf_counter() - began}
    began = time.perf_counter()
    made, verdict = judged("stationary", {"chain": whole.exact, "values": values, "low": low, "high": high}, pair)
    seconds["check"] = time.perf_counter() - began
    if not verdict.accepted:
        why = (*notes, f"the kernel did not accept what was found: {verdict}")
        return Bound(SUBJECT, "unknown", Bracket(None, None, "unknown"), made, verdict, None, False, seconds, {}, why)
    bracket = Bracket(low, high, "proved")
    return Bound(SUBJECT, "proved", bracket, made, verdict, None, vacuous, seconds, details, tuple(notes))


def _ends(whole: Chain, values: Matrix, pair: Any) -> tuple[Fraction, Fraction]:
    least, most = (_remainder(whole, values, h) for h in pair)
    return Fraction(least.n.smallest(), least.den), Fraction(most.n.largest(), most.den)


def _remainder(whole: Chain, values: Matrix, h: Matrix) -> Matrix:
    """f + (P - I) h, as one column."""
    rest: Matrix = values.T + whole.exact @ h.T - h.T
    return rest


def _rounded(h: Floats) -> Matrix:
    """A row of multiples of a power of two, some BITS bits for the largest."""
    scale = BITS - int(np.frexp(max(float(np.abs(h).max()), 2.0**-900))[1])
    whole = np.rint(np.ldexp(h, scale)).astype(np.int64).astype(object)
    return of_integers(whole << max(-scale, 0), 1, len(h), 1 << max(scale, 0))


def _poisson(whole: Chain, values: Matrix) -> tuple[tuple[Matrix, Matrix] | None, int]:
    """g and h for the two ends, or None where floats do not do; and the number of closed classes."""
    solve = Solver(whole.floats)
    spread = Fraction(values.n.largest() - values.n.smallest(), values.den)
    if not solve.fits or not spread:
        return None, len(solve.classes)
    h = _solved(whole, values, solve, max, spread)
    return (h if len(solve.classes) == 1 else _solved(whole, values, solve, min, spread), h), len(solve.classes)


def _solved(whole: Chain, values: Matrix, solve: Solver, choose: Any, spread: Fraction) -> Matrix:
    """The h of the shortest interval; of several classes, of the outermost end: of their largest constant (choose: max)
    or of the least."""
    n, alone = whole.size, len(solve.classes) == 1
    # In units of the spread of f: steps for h, finer ones for what is solved.
    unit = Fraction(2) ** (spread.numerator.bit_length() - spread.denominator.bit_length())
    h = best = of_integers([0] * n, 1, n)
    end, worse = None, 0
    for _ in range(ROUNDS):
        rest = _remainder(whole, values, h)
        top, bottom = Fraction(rest.n.largest(), rest.den), Fraction(rest.n.smallest(), rest.den)
        now = top - bottom if alone else top if choose is max else -bottom
        worse = 0 if end is None or now < end else worse + 1
        if end is None or now < end:
            best, end = h, now
        # Far from the optimum the remainder may grow first: errors shrink weighted by the stationary law.
        if worse > PATIENCE or (alone and now < spread * CLOSE):
            break
        scale = Fraction(1 << DIGITS, rest.den) / unit
        left = (np.array(rest.n.tolist(), dtype=object) * scale.numerator) // scale.denominator
        step = solve(left, choose) >> (DIGITS - FINE)
        h = h + of_integers(step * unit.numerator, 1, n, unit.denominator << FINE)
    return best


def _best(whole: Chain, values: Matrix, columns: Floats, sign: int) -> Matrix | None:
    """The combination h of columns with the least largest entry of sign (f + (P - I) h); None: no solution."""
    from scipy.optimize import linprog

    d = whole.floats @ columns - columns
    sizes = np.maximum(np.abs(d).max(axis=0), 1e-300)
    n, k = d.shape
    a = np.hstack([sign * d / sizes, -np.ones((n, 1))])
    cost = np.append(np.zeros(k), 1.0)
    found = linprog(cost, A_ub=a, b_ub=-sign * floats(values)[0], bounds=(None, None), method="highs")
    if found.status != 0 or not np.isfinite(found.x).all():
        return None
    return _rounded(columns @ (found.x[:k] / sizes))
