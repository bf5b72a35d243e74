"""Semidefinite bounds of rows from real units to the lines of a plan that rule *quadratic* reads.

The bits are chosen so that rounding costs about LOSS of the bound; any choice is sound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from certify.networks.encode import TensorTable
from certify.networks.maps import Floats
from certify.provers.forms import Chosen
from certify.provers.semidefinite import RowProof

LOSS = 1e-5
# The entries of the factor: below 2^31.
FACTOR_BITS = 30
MOST = 190


def form_lines(chosen: Chosen, proofs: Mapping[int, tuple[RowProof, float]], table: TensorTable) -> list[str]:
    """The lines of one leaf: its coordinates, then facts and factor of each row with its unit."""
    lines = [f"coordinates {b} {table.add(kinds.astype(np.int32))}" for b, kinds in sorted(chosen.items())]
    for row, (proof, unit) in sorted(proofs.items()):
        lines.extend(row_lines(row, proof, unit, table))
    return lines


def row_lines(row: int, proof: RowProof, unit: float, table: TensorTable) -> list[str]:
    """The facts and the factor of one row, which the kernel counts in ``unit`` of its own."""
    n, size = len(proof.remainder), max(abs(proof.bound), LOSS * proof.size, 1e-30)
    # Expressions miss about n units of 2^-bits in each factor, and in the row; multipliers half a unit of 2^-factor.
    bits = _bits(4 * n * (proof.weight + 1) / (LOSS * size))
    factor = min(MOST - bits, max(-bits, _bits(proof.spread / (LOSS * size)) - round(math.log2(unit))))
    lines = []
    for (b, kind), m in sorted(proof.multipliers.items()):
        whole = np.rint(m * unit * 2.0**factor)
        if whole.any():
            lines.append(f"fact {kind} {b} {table.add(_narrow(whole))}")
    for ((kind, b), (kind2, b2)), (i, j, m) in sorted(proof.products.items(), key=lambda item: item[0]):
        whole = np.rint(m * unit * 2.0**factor)
        names = [table.add(_narrow(v)) for v in (i, j, whole)]
        lines.append(f"product {kind} {b} {names[0]} {kind2} {b2} {names[1]} {names[2]}")
    largest = float(np.abs(proof.remainder).max()) * unit
    kept = 2 * FACTOR_BITS - math.ceil(math.log2(max(largest, 1e-300))) - 1
    shift = min(MOST, max(0, 2 * bits + factor - kept))
    form = proof.remainder * unit * 2.0 ** (2 * bits + factor - shift + 1)
    lower = _factor(form)
    lines.append(f"quadratic {row} {bits} {factor} {shift} {table.add(_narrow(np.rint(lower[np.tril_indices(n)])))}")
    return lines


def _factor(form: Floats) -> Floats:
    """A Cholesky factor; of a form that is singular to working precision, one of a form just above it.

    A factor is a hint: what it misses, the checker charges.
    """
    scale = float(np.abs(np.diag(form)).max(initial=0.0))
    for lift in (0.0, *(10.0**k for k in range(-16, 1))):
        try:
            return np.linalg.cholesky(form + lift * scale * np.eye(len(form))).astype(np.float64)
        except np.linalg.LinAlgError:
            continue
    return np.zeros_like(form)


def _bits(ratio: float) -> int:
    return max(0, min(MOST // 2, math.ceil(math.log2(min(max(ratio, 1.0), 2.0**MOST)))))


def _narrow(whole: NDArray[np.number]) -> NDArray[np.int32] | NDArray[np.int64]:
    if float(np.abs(whole).max(initial=0)) < 2.0**31:
        narrow: NDArray[np.int32] = whole.astype(np.int32)
        return narrow
    wide: NDArray[np.int64] = np.clip(whole, -(2.0**62), 2.0**62).astype(np.int64)
    return wide
