"""``ct.spectral_gap``: a separation of scales in a symmetric matrix or reversible operator, or that there is none.

The search takes eigenvalues and eigenvectors from float64; what is proved is about the stored matrix: m eigenvalues are
at least ``high``, the others at most ``low``. By Weyl it survives every symmetric perturbation of norm below half of
the gap (drift, fine-tuning, sampling), and by Davis and Kahan the two groups of eigenvectors turn by a bounded angle.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg

from certify.convex.spectra.reversible import Symmetrised, symmetrised, timescale
from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.results import Bracket
from certify.statements.bound import Bound, judged
from certify.statements.exact import Floats, exact, floats, of_integers
from certify.statements.factor import factor

# The part of a gap in float64 that is given up on each side, so that an exact factor exists.
SHARES = (2.0**-20, 2.0**-12, 2.0**-6, 2.0**-3)
MODE_BITS = 30


def spectral_gap(
    K: Any, m: int | str = "auto", *, stationary: Any = None, symmetrise: bool = False, least_relative: float = 1e-6
) -> Bound:
    """How many eigenvalues of a symmetric matrix, or of a reversible operator, are above a gap, and where it lies.

    K: (n, n), n >= 2: covariance, Gram, tangent-kernel or Fisher matrix (``ct.gram`` and ``ct.covariance`` form them
    without rounding), floats taken exactly or Fractions; exactly symmetric, unless symmetrise averages it (which a note
    says: the claim is about the average). m: the number of eigenvalues above; by default where the ratio of neighbours
    is largest for a positive matrix, else the widest gap. least_relative: a gap below this part of the largest
    eigenvalue is none.

    stationary: for a transfer operator, such as a Markov chain, that is reversible with these n weights; "auto" finds
    them from K by detailed balance; "weights" says that K itself is a symmetric matrix of weights (counts of
    transitions, conductances), whose rows divided by their sums are the operator. symmetrise then averages the operator
    with its time reversal. By default m is where the gap is widest.

    The Bound is one on eigenvalue m + 1, the largest below the gap. Its details: m, low, high, gap = high - low,
    radius = gap / 2 and the two eigenvalues in float64; for operators also slow and fast: steps by which modes with
    eigenvalue 2 .. m last at least, and the others with a positive eigenvalue at most (None where there are none).
    The radius is in the operator norm, for operators in the norm weighted by stationary: see ``ct.gap_survives``.
    Raises BadInput for what is no symmetric matrix, or has no detailed balance: the worst pair is named.
    """
    start = time.perf_counter()
    case = _case(K, stationary, symmetrise)
    exactly, notes = case.matrix, list(case.notes)
    n = exactly.shape[0]
    values, vectors = scipy.linalg.eigh(floats(exactly))
    count = _widest(values, stationary is None) if m == "auto" else _counted(m, n)
    below, above = float(values[n - count - 1]), float(values[n - count])
    subject = f"eigenvalue {count + 1} of {n}, from above"
    details: dict[str, Any] = {"m": count, "eigenvalues": [below, above]}
    scale = float(np.abs(values).max())
    if not above - below > least_relative * scale:
        notes.append(f"no gap: eigenvalues {count} and {count + 1} are {above:.6g} and {below:.6g}")
        return Bound(subject, "unknown", Bracket(None, None, "unknown"), searched=below, details=details,
                     seconds={"search": time.perf_counter() - start}, notes=tuple(notes))  # fmt: skip
    for share in SHARES:
        found = _evidence(exactly, values, vectors, count, share)
        if found is not None:
            break
    searched = time.perf_counter() - start
    if found is None:
        notes.append("no exact certificate was found for the gap that float64 shows")
        return Bound(subject, "unknown", Bracket(None, None, "unknown"), searched=below, details=details,
                     seconds={"search": searched}, notes=tuple(notes))  # fmt: skip
    low, high, evidence = found
    certificate, verdict = judged("inertia", {"of": case.stored, "above": count, "low": low, "high": high}, evidence)
    seconds = {"search": searched, "check": time.perf_counter() - start - searched}
    if case.operator is not None:
        low, high = case.operator.low(low), case.operator.high(high)
    if not verdict.accepted or low >= high:
        return Bound(subject, "unknown", Bracket(None, None, "unknown"), certificate, verdict, below, False, seconds,
                     details, (*notes, "the kernel did not accept the certificate"))  # fmt: skip
    notes.append(f"{count} eigenvalues are at least {float(high):.6g}")
    radius = (high - low) / 2
    if case.operator is None:
        notes.append(f"a symmetric perturbation of norm below {float(radius):.6g} leaves them apart")
    else:
        notes += _of_operator(case.operator, count, low, high, details)
    details |= {"low": low, "high": high, "gap": high - low, "radius": radius}
    return Bound(subject, "proved", Bracket(None, low, "proved"), certificate, verdict, below, False, seconds, details,
                 tuple(notes))  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What the certificate speaks of: exactly, and as it is stored; and the operator that it stands for, if any."""

    matrix: Matrix
    stored: Any
    operator: Symmetrised | None
    notes: tuple[str, ...]


def _case(K: Any, stationary: Any, symmetrise: bool) -> Case:
    if stationary is not None:
        operator = symmetrised(K, stationary, symmetrise)
        return Case(operator.matrix, operator.matrix, operator, operator.notes)
    exactly = exact(K, "K")
    n = exactly.shape[0]
    if exactly.shape != (n, n) or n < 2:
        raise BadInput(
            f"K: expected a square matrix of size two at least, found {exactly.shape[0]} x {exactly.shape[1]}"
        )
    if symmetrise:
        half = floats(exactly)
        half = (half + half.T) / 2
        return Case(
            exact(half), half, None, ("the matrix is the average of the given one and its transpose, in float64",)
        )
    if len(bad := np.argwhere(exactly.n.a != exactly.n.a.T)):
        i, j = (int(v) for v in bad[0])
        raise BadInput(
            f"K: expected an exactly symmetric matrix (or symmetrise=True), found K[{i}, {j}] != K[{j}, {i}]"
        )
    return Case(exactly, K, None, ())


def _of_operator(found: Symmetrised, count: int, low: Fraction, high: Fraction, details: dict[str, Any]) -> list[str]:
    """Timescales and radius in words."""
    radius = (high - low) / 2
    details |= {"slow": timescale(high, False) if count > 1 else None, "fast": timescale(low, True)}
    notes = [f"a perturbation of weighted norm below {float(radius):.6g} leaves them apart"]
    if details["slow"] is not None:
        modes = "mode 2 lasts" if count == 2 else f"modes 2 to {count} last"
        notes.append(f"{modes} at least {details['slow']:.6g} steps")
    if details["fast"] is not None:
        notes.append(f"the others with a positive eigenvalue at most {details['fast']:.6g}")
    if found.skew:
        # |S X S| bounds the weighted norm up to the squares of S.
        turned = found.skew / (1 - found.delta)
        details["skew"] = float(turned)
        if turned < radius:
            notes.append(
                f"the given operator too has {count} eigenvalues of real part above {float(low + high) / 2:.6g}"
            )
    return notes


def _counted(m: int | str, n: int) -> int:
    if isinstance(m, bool) or not isinstance(m, int | np.integer) or not 1 <= m < n:
        raise BadInput(f"m: expected 'auto' or a number of eigenvalues from 1 to {n - 1}, found {m!r}")
    return int(m)


def _widest(values: Floats, ratios: bool) -> int:
    """Where the ratio of neighbours is largest, of eigenvalues above rounding; without a ratio, the widest gap."""
    down = values[::-1]
    if ratios and down[-1] > -1e-12 * abs(down[0]) and down[0] > 0:
        floor = down[0] * len(down) * 2.0**-50
        kept = np.maximum(down, floor)
        return int(np.argmax(kept[:-1] / kept[1:])) + 1
    return int(np.argmax(down[:-1] - down[1:])) + 1


def _evidence(
    K: Matrix, values: Floats, vectors: Floats, count: int, share: float
) -> tuple[Fraction, Fraction, list[Any]] | None:
    """Ends inside the float gap, and evidence for them; None where a factor was not found."""
    n = len(values)
    below, above = values[n - count - 1], values[n - count]
    slack = float(above - below) * share
    low, high = Fraction(float(below + slack)), Fraction(float(above - slack))
    one = of_integers(np.eye(n, dtype=int), n, n)
    # Modes long enough to lift what is above the gap, and to lower what is below.
    p = _modes(vectors[:, n - count :], values[n - count :] - float(low) + slack)
    q = _modes(vectors[:, : n - count], float(high) - values[: n - count] + slack)
    first = factor(one.times(low.numerator, low.denominator) - K + exact(p) @ exact(p).T)
    second = None if first is None else factor(K - one.times(high.numerator, high.denominator) + exact(q) @ exact(q).T)
    return None if first is None or second is None else (low, high, [p, first, q, second])


def _modes(columns: Floats, squares: Floats) -> Floats:
    """Columns of given squared lengths on a dyadic grid, fine enough for the gap and short to store."""
    scaled = columns * np.sqrt(squares)
    unit = 2.0 ** (np.ceil(np.log2(np.abs(scaled).max())) - MODE_BITS)
    rounded: Floats = np.rint(scaled / unit) * unit
    return rounded
