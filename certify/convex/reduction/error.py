"""Bound the energy gain (H-infinity norm) of the error between a linear system and a reduced one: kind *gain*.

The upper end is a storage function that the kernel checked; the lower end is |G| at one frequency, in exact arithmetic.
What is certified are the systems as stored, not the exact truncation of a textbook: nothing is assumed of how the
reduced one was found.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from certify.convex.reduction.evidence import Search
from certify.convex.reduction.norm import h_infinity
from certify.convex.reduction.systems import System, require_stable, system
from certify.convex.reduction.witness import attained
from certify.errors import BadInput
from certify.numbers import rational
from certify.results import Bracket, Status
from certify.statements.bound import Bound, judged

# What is added to the numeric gain, relative to it; where gramians are held, how many times they are balanced, and what
# every balanced state adds to the output. The first is enough for the SLICOT systems; the last are for errors that are
# nothing but rounding.
Setting = tuple[float, int, float]
TRIES: tuple[tuple[float, Setting], ...] = (
    (1e-3, (1e-10, 2, 1e-7)), (1e-3, (1e-10, 1, 1e-7)), (1e-2, (1e-10, 2, 1e-6)), (1e-2, (1e-14, 1, 1e-6)),
    (5e-2, (1e-8, 2, 1e-6)), (5e-2, (1e-12, 1, 1e-6)), (0.2, (1e-10, 2, 1e-5)), (0.2, (1e-14, 1, 1e-5)),
    (1, (1e-14, 1, 1e-4)), (9, (1e-14, 1, 1e-4)), (99, (1e-12, 1, 1e-4)),
)  # fmt: skip
# Gains relative to the full system's, for an error that float64 cannot tell from zero.
FLOORS = (1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-4, 1e-2, 1)
SUBJECT = "error gain"


def reduction_error(full: Sequence[Any], reduced: Sequence[Any], continuous: bool = True, limit: Any = None) -> Bound:
    """Bound sup |y - y_r| / |u| in energy, from rest.

    full, reduced: A (n, n), B (n, m), C (p, n), D (p, m; zero when left out), or what balanced_truncation returned.
    With ``limit``, a number, the status is about that: proved, refuted by a frequency, or unknown. details: numeric
    (the gain in float64), frequency (where), witness, slack, and for an unknown upper end blame: what was not found, at
    the last gain tried.
    Raises BadInput for shapes that do not fit, numbers that are not finite, and systems that are not stable.
    """
    start = time.perf_counter()
    f, r = system(full, continuous, "full system"), system(reduced, continuous, "reduced system")
    if f.d.shape != r.d.shape:
        sizes = [f"{s.d.shape[1]} inputs and {s.d.shape[0]} outputs" for s in (f, r)]
        raise BadInput(f"reduced system: expected {sizes[0]} as in the full one, found {sizes[1]}")
    require_stable(f, "full system")
    require_stable(r, "reduced system")
    most = None if limit is None else rational(limit, "limit")
    error = f.minus(r)
    try:
        # Overflow shows as a value that is not finite.
        with np.errstate(all="ignore"):
            return _bounded(f, r, error, most, start)
    except (np.linalg.LinAlgError, ValueError, OverflowError) as e:
        notes = (f"no ends: float64 does not get through this system ({type(e).__name__})",)
        return Bound(SUBJECT, "unknown", Bracket(None, None, "unknown"), details={"blame": notes[0]}, notes=notes,
                     seconds={"search": time.perf_counter() - start})  # fmt: skip


def _bounded(f: System, r: System, error: System, most: Fraction | None, start: float) -> Bound:
    """The answer for stable systems of one shape."""
    search = Search(error)
    peak = search.peak(*TRIES[0][1][:2])
    seen = attained(error, peak)
    lower = None if seen is None else seen.gain
    details: dict[str, Any] = {"numeric": peak.gain, "frequency": peak.frequency}
    details["witness"] = None if seen is None else seen.as_json()
    note = "the lower end is the gain at one frequency, in exact arithmetic"
    if seen is None:
        note = "no lower end: at the peak, s I - A is too near singular for float64"
    if most is not None and lower is not None and lower > most:
        bracket = Bracket(lower, None, "refuted")
        seconds = {"search": time.perf_counter() - start}
        return Bound(SUBJECT, "refuted", bracket, searched=peak.gain, seconds=seconds, details=details, notes=(note,))
    checking, blame = 0.0, ""
    for gain, setting in _tries(f, peak.gain, most):
        found = search.evidence(gain, *setting)
        if isinstance(found, str):
            blame = found
            continue
        before = time.perf_counter()
        of = {"continuous": int(f.continuous), "systems": [*f.parts, *r.parts], "limit": gain}
        made, verdict = judged("gain", of, found)
        checking += time.perf_counter() - before
        if not verdict.accepted:
            blame = f"the kernel did not accept: {verdict}"
            continue
        status: Status = "proved" if most is None or gain <= most else "unknown"
        details["slack"] = float(gain / Fraction(peak.gain) - 1) if peak.gain else None
        vacuous = _vacuous(f, r, gain, peak.gain)
        return Bound(SUBJECT, status, Bracket(lower, gain, status), made, verdict, peak.gain, vacuous,
                     seconds=_seconds(start, checking), details=details, notes=(note,))  # fmt: skip
    details["blame"] = blame
    notes = (note, f"no upper end: {blame}")
    return Bound(SUBJECT, "unknown", Bracket(lower, None, "unknown"), searched=peak.gain,
                 seconds=_seconds(start, checking), details=details, notes=notes)  # fmt: skip


def _vacuous(full: System, reduced: System, gain: Fraction, numeric: float) -> bool:
    """Whether a bound well above the numeric error is no better than the two gains together."""
    return gain > 1.1 * numeric and gain >= h_infinity(full).gain + h_infinity(reduced).gain


def _seconds(start: float, checking: float) -> dict[str, float]:
    return {"search": time.perf_counter() - start - checking, "check": checking}


def _tries(full: System, numeric: float, most: Fraction | None) -> Iterator[tuple[Fraction, Setting]]:
    """Gains with settings of the search: those within a limit, the limit itself, those beyond."""
    tries = [(Fraction(numeric * (1 + slack)), setting) for slack, setting in TRIES]
    yield from (t for t in tries if most is None or t[0] <= most)
    if most is not None and most > 0:
        yield from ((most, setting) for _, setting in TRIES[:8])
    yield from (t for t in tries if most is not None and t[0] > most)
    whole = h_infinity(full).gain or 1.0
    yield from ((Fraction(whole * part), TRIES[-1][1]) for part in FLOORS if whole * part > 100 * numeric)
