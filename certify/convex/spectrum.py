"""``ct.spectral_gap``: a separation of scales in a symmetric matrix, certified by its inertia, or that there is none.

The search takes eigenvalues and eigenvectors from float64; what is proved is about the stored matrix: m eigenvalues are
at least ``high``, the others at most ``low``. By Weyl it survives every symmetric perturbation of norm below half of
the gap (drift, fine-tuning, sampling), and by Davis and Kahan the two groups of eigenvectors turn by a bounded angle.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg

from certify.errors import BadInput
from certify.kernel.exact import Matrix
from certify.results import Bracket
from certify.statements.bound import Bound, judged
from certify.statements.exact import Floats, exact, floats, of_integers
from certify.statements.factor import factor

# The part of a gap in float64 that is given up on each side, so that an exact factor exists.
SHARES = (2.0**-20, 2.0**-12, 2.0**-6, 2.0**-3)
MODE_BITS = 30


def spectral_gap(K: Any, m: int | str = "auto", *, symmetrise: bool = False, least_relative: float = 1e-6) -> Bound:
    """How many eigenvalues of a symmetric matrix are above a gap, and where the gap lies.

    K: (n, n), n >= 2: covariance, Gram, tangent-kernel or Fisher matrix, floats taken exactly or Fractions; exactly
    symmetric, unless symmetrise averages it (which a note says: the claim is about the average). m: the number of
    eigenvalues above; by default where the ratio of neighbours is largest for a positive matrix, else the widest gap.
    least_relative: a gap below this part of the largest eigenvalue is none.

    The Bound is one on eigenvalue m + 1, the largest below the gap. Its details: m, low, high, gap = high - low,
    radius = gap / 2 and the two eigenvalues in float64. Raises BadInput for what is no symmetric matrix.
    """
    start = time.perf_counter()
    notes: list[str] = []
    exactly = exact(K, "K")
    n = exactly.shape[0]
    if exactly.shape != (n, n) or n < 2:
        raise BadInput(
            f"K: expected a square matrix of size two at least, found {exactly.shape[0]} x {exactly.shape[1]}"
        )
    if symmetrise:
        half = floats(exactly)
        K = (half + half.T) / 2
        exactly = exact(K)
        notes.append("the matrix is the average of the given one and its transpose, in float64")
    elif len(bad := np.argwhere(exactly.n.a != exactly.n.a.T)):
        i, j = (int(v) for v in bad[0])
        raise BadInput(
            f"K: expected an exactly symmetric matrix (or symmetrise=True), found K[{i}, {j}] != K[{j}, {i}]"
        )
    values, vectors = scipy.linalg.eigh(floats(exactly))
    count = _widest(values) if m == "auto" else _counted(m, n)
    below, above = float(values[n - count - 1]), float(values[n - count])
    subject = f"eigenvalue {count + 1} of {n}, from above"
    details = {"m": count, "eigenvalues": [below, above]}
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
    certificate, verdict = judged("inertia", {"of": K, "above": count, "low": low, "high": high}, evidence)
    seconds = {"search": searched, "check": time.perf_counter() - start - searched}
    if not verdict.accepted:
        return Bound(subject, "unknown", Bracket(None, None, "unknown"), certificate, verdict, below, False, seconds,
                     details, (*notes, "the kernel did not accept the certificate"))  # fmt: skip
    notes.append(f"{count} eigenvalues are at least {float(high):.6g}")
    notes.append(f"a symmetric perturbation of norm below {float(high - low) / 2:.6g} leaves them apart")
    details |= {"low": low, "high": high, "gap": high - low, "radius": (high - low) / 2}
    return Bound(subject, "proved", Bracket(None, low, "proved"), certificate, verdict, below, False, seconds, details,
                 tuple(notes))  # fmt: skip


def _counted(m: int | str, n: int) -> int:
    if isinstance(m, bool) or not isinstance(m, int | np.integer) or not 1 <= m < n:
        raise BadInput(f"m: expected 'auto' or a number of eigenvalues from 1 to {n - 1}, found {m!r}")
    return int(m)


def _widest(values: Floats) -> int:
    """Where the ratio of neighbours is largest, of eigenvalues above rounding; without a ratio, the widest gap."""
    down = values[::-1]
    if down[-1] > -1e-12 * abs(down[0]) and down[0] > 0:
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
