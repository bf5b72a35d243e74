"""Find the hints of rule *psd* for an exact symmetric matrix: powers of two and a rounded Cholesky factor.

Untrusted: the kernel forms the remainder again. A matrix that is positive definite by a margin above rounding gets its
hints from one float64 factorisation; one that is nearly singular in float64 gets none here (see fine_factor.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from certify.kernel.arithmetic import fast
from certify.kernel.exact import Matrix
from certify.kernel.rules.psd import positive
from certify.kernel.verdict import Rejected
from certify.statements.exact import floats


@dataclass(frozen=True)
class Factor:
    """Hints of rule psd: shifts (n,), and the lower triangle of L row by row."""

    shifts: list[int]
    packed: list[int]


def holds(m: Matrix, f: Factor) -> bool:
    """Whether the kernel accepts these hints."""
    n = m.shape[0]
    packed = fast.vector(f.packed).shaped(1, n * (n + 1) // 2)
    try:
        positive(m, f.shifts, packed, "here")
    except Rejected:
        return False
    return True


def factor(m: Matrix, bits: tuple[int, ...] = (24, 34, 44, 52)) -> Factor | None:
    """Hints under which the kernel accepts that ``m`` is positive semidefinite, or None where none were found.

    m: (n, n), symmetric. Tries coarser factors first: fewer bits make a smaller certificate and a faster check.
    """
    n, whole = m.shape[0], m.n.a
    diagonal = [int(v) for v in np.diagonal(whole)]
    if any(v < 0 for v in diagonal):
        return None
    if not np.any(whole):
        return Factor([0] * n, [0] * (n * (n + 1) // 2))
    if any(v == 0 for v in diagonal):
        return None
    # k_i such that 2^(2 k_i) M_ii lies within [1/4, 2].
    half = [(m.den.bit_length() - v.bit_length()) // 2 for v in diagonal]
    unit = _scaled(m, half)
    try:
        least = float(scipy.linalg.eigvalsh(unit, subset_by_index=[0, 0])[0])
        if least <= 0:
            return None
        low = scipy.linalg.cholesky(unit - min(least / 2, 1e-3) * np.eye(n), lower=True, check_finite=False)
    except (np.linalg.LinAlgError, ValueError):
        # The least eigenvalue was below rounding, or an entry beyond float64.
        return None
    for b in bits:
        if least * 2.0**b < n:
            continue
        found = Factor([h + b for h in half], _packed(low, b))
        if holds(m, found):
            return found
    return None


def _scaled(m: Matrix, half: list[int]) -> NDArray[np.float64]:
    """M_ij 2^(half_i + half_j) as floats, for integers of any size."""
    low = min(half)
    powers = fast.vector([1 << (h - low) for h in half]).row()
    scaled = (m.n * powers).transpose() * powers
    down = Matrix(fast, scaled << max(2 * low, 0), m.den << max(-2 * low, 0))
    unit: NDArray[np.float64] = floats(down)
    return (unit + unit.T) / 2


def _packed(low: NDArray[np.float64], bits: int) -> list[int]:
    rounded = np.rint(np.ldexp(low, bits)).astype(np.int64)
    packed: list[int] = rounded[np.tril_indices(low.shape[0])].tolist()
    return packed


def eigenvalue_below(m: Matrix) -> Any:
    """The least eigenvalue of ``m`` in float64, for messages."""
    return float(scipy.linalg.eigvalsh(floats(m), subset_by_index=[0, 0])[0])
